use std::{path::Path, sync::Arc};

use arrow::array::{BooleanArray, Float64Array, StringArray, UInt8Array, UInt32Array};
use oncoweave_core::{Prediction, Risk, Survival};

use crate::{
    Error,
    aligned::entry_column,
    columns::Columns,
    features::patient_array,
    parquet_file::{Kind, NamedArray, read_parquet, write_parquet},
};

/// What the lists in a [`Prediction`] stand for: the same for every row of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictionLayout {
    /// The times of [`Prediction::survival`], in days.
    pub horizons_days: Vec<f64>,
    /// The classes of [`Prediction::class_probabilities`].
    pub classes: Vec<String>,
    /// The competing events, whose incidences follow that of the event in
    /// [`Prediction::incidence`]; empty without any.
    pub competing: Vec<String>,
}

/// Writes predictions, one row a patient and model: `patient_id`, `model`, `fold`, `risk` (higher
/// is worse), `high_risk`, `missing_modalities` and `flags` (joined by `;`), `time_days`, `event`,
/// `entry_days` (where observation began after the index date; only where it did for anybody),
/// `label`, then for each horizon `survival_<days>d` with the bounds of its 95 % interval
/// `low_survival_<days>d` and `high_survival_<days>d`, and `probability_<class>` for each class,
/// which are null in the rows of a model that gives none. With competing events also `competing`,
/// the one that was observed, and the cumulative incidences `incidence_<days>d` of the event and
/// `incidence_<name>_<days>d` of each competing one, with the bounds of their 95 % intervals as
/// `low_incidence_<days>d`, `high_incidence_<days>d` and so on.
///
/// # Errors
/// When the file cannot be written.
///
/// # Panics
/// When a list is neither empty nor as long as the layout says.
pub fn write_predictions(
    path: &Path,
    predictions: &[Prediction],
    layout: &PredictionLayout,
) -> Result<(), Error> {
    let observed = predictions.iter().map(|row| row.observed);
    let missing = predictions.iter().map(|row| row.missing_modalities.join(";"));
    let flags = predictions.iter().map(|row| row.flags.join(";"));
    let models = predictions.iter().map(|row| row.model.as_str());
    let labels: StringArray = predictions.iter().map(|row| row.label.as_deref()).collect();
    let risks: Float64Array = predictions.iter().map(|row| Some(row.risk.0)).collect();
    let high: BooleanArray = predictions.iter().map(|row| Some(row.high_risk)).collect();
    let folds: UInt32Array = predictions.iter().map(|row| row.fold).collect();
    let times: Float64Array = observed.clone().map(|one| one.map(|one| one.time_days)).collect();
    let events: UInt8Array = observed.clone().map(|one| one.map(|one| one.event.into())).collect();
    let mut columns: Vec<NamedArray> = vec![
        ("patient_id".to_owned(), patient_array(predictions.iter().map(|row| &row.patient_id))),
        ("model".to_owned(), Arc::new(StringArray::from_iter_values(models))),
        ("fold".to_owned(), Arc::new(folds)),
        ("risk".to_owned(), Arc::new(risks)),
        ("high_risk".to_owned(), Arc::new(high)),
        ("missing_modalities".to_owned(), Arc::new(StringArray::from_iter_values(missing))),
        ("flags".to_owned(), Arc::new(StringArray::from_iter_values(flags))),
        ("time_days".to_owned(), Arc::new(times)),
        ("event".to_owned(), Arc::new(events)),
    ];
    columns.extend(entry_column(observed).map(|entries| ("entry_days".to_owned(), entries)));
    columns.push(("label".to_owned(), Arc::new(labels)));
    let survival = layout.horizons_days.iter().map(|days| format!("survival_{days}d"));
    let survival = survival.collect::<Vec<_>>();
    columns.extend(list_columns(&survival, predictions.iter().map(|row| &row.survival)));
    let bound =
        |word: &str| survival.iter().map(|name| format!("{word}_{name}")).collect::<Vec<_>>();
    let low = predictions.iter().map(|row| &row.survival_low);
    columns.extend(list_columns(&bound("low"), low));
    let high = predictions.iter().map(|row| &row.survival_high);
    columns.extend(list_columns(&bound("high"), high));
    if !layout.competing.is_empty() {
        let competing: StringArray =
            predictions.iter().map(|row| row.competing.as_deref()).collect();
        columns.push(("competing".to_owned(), Arc::new(competing)));
    }
    let none = vec![];
    for (place, word) in ["incidence", "low_incidence", "high_incidence"].into_iter().enumerate() {
        for (cause, names) in incidence_names(layout, word).iter().enumerate() {
            let own =
                predictions.iter().map(|row| incidences(row)[place].get(cause).unwrap_or(&none));
            columns.extend(list_columns(names, own));
        }
    }
    let classes = layout.classes.iter().map(|class| format!("probability_{class}"));
    let classes = classes.collect::<Vec<_>>();
    columns.extend(list_columns(&classes, predictions.iter().map(|row| &row.class_probabilities)));
    write_parquet(path, Kind::Predictions, Vec::new(), columns)
}

/// Reads what [`write_predictions`] wrote.
///
/// # Errors
/// When the file is no such table or a row lacks its model or risk.
pub fn read_predictions(path: &Path) -> Result<(Vec<Prediction>, PredictionLayout), Error> {
    let columns = read_parquet(path, Kind::Predictions)?;
    for name in ["model", "risk", "high_risk"] {
        columns.require(name)?;
    }
    let horizons = horizon_columns(&columns)?;
    let classes: Vec<&str> =
        columns.names.iter().filter_map(|name| name.strip_prefix("probability_")).collect();
    let mut survival = read_lists(&columns, horizons.iter().map(|(name, _)| name.clone()))?;
    let bounds = |word: &str| {
        let names = horizons.iter().map(|(name, _)| format!("{word}_{name}"));
        read_lists(&columns, names.filter(|name| columns.names.contains(name)))
    };
    let (mut lower, mut upper) = (bounds("low")?, bounds("high")?);
    let mut probabilities =
        read_lists(&columns, classes.iter().map(|class| format!("probability_{class}")))?;
    let layout = PredictionLayout {
        competing: competing_names(&columns, &horizons),
        horizons_days: horizons.into_iter().map(|(_, days)| days).collect(),
        classes: classes.into_iter().map(str::to_owned).collect(),
    };
    let [mut incidence, mut incidence_low, mut incidence_high] = [
        read_incidences(&columns, &layout, "incidence")?,
        read_incidences(&columns, &layout, "low_incidence")?,
        read_incidences(&columns, &layout, "high_incidence")?,
    ];
    let competing = columns.texts("competing")?;
    let (models, labels) = (columns.texts("model")?, columns.labels("label")?);
    let (risks, high) = (columns.numbers("risk")?, columns.flags("high_risk")?);
    let (folds, missing) = (columns.counts("fold")?, columns.texts("missing_modalities")?);
    let flags = columns.texts("flags")?;
    let observed = read_observed(&columns)?;
    let lacks = |row: usize, name: &str| columns.at_row(row, &format!("`{name}` has no value"));
    let mut predictions = Vec::with_capacity(columns.rows());
    for (row, patient_id) in columns.patients()?.into_iter().enumerate() {
        predictions.push(Prediction {
            patient_id,
            model: models[row].clone().ok_or_else(|| lacks(row, "model"))?,
            fold: folds[row],
            risk: Risk(risks[row].ok_or_else(|| lacks(row, "risk"))?),
            high_risk: high[row].ok_or_else(|| lacks(row, "high_risk"))?,
            survival: std::mem::take(&mut survival[row]),
            survival_low: std::mem::take(&mut lower[row]),
            survival_high: std::mem::take(&mut upper[row]),
            incidence: std::mem::take(&mut incidence[row]),
            incidence_low: std::mem::take(&mut incidence_low[row]),
            incidence_high: std::mem::take(&mut incidence_high[row]),
            class_probabilities: std::mem::take(&mut probabilities[row]),
            missing_modalities: split(missing[row].as_deref()),
            flags: split(flags[row].as_deref()),
            observed: observed[row],
            competing: competing[row].clone(),
            label: labels[row].clone(),
        });
    }
    Ok((predictions, layout))
}

/// What was observed of each row's patient, where known.
fn read_observed(columns: &Columns) -> Result<Vec<Option<Survival>>, Error> {
    let (times, events) = (columns.numbers("time_days")?, columns.flags("event")?);
    let entries = columns.numbers("entry_days")?;
    let outcome = |row: usize| {
        let Some((time, event)) = times[row].zip(events[row]) else { return Ok(None) };
        let survival =
            Survival::new(time, event).map_err(|e| columns.at_row(row, &e.to_string()))?;
        let entered = survival.entered_late(entries[row]);
        entered.map(Some).map_err(|e| columns.at_row(row, &format!("`entry_days`: {e}")))
    };
    (0..columns.rows()).map(outcome).collect()
}

/// Cumulative incidences, their lower and their upper bounds, of one list for each event.
fn incidences(row: &Prediction) -> [&[Vec<f64>]; 3] {
    [&row.incidence, &row.incidence_low, &row.incidence_high]
}

/// The columns of the cumulative incidence of the event, then of each competing one; or of a bound.
fn incidence_names(layout: &PredictionLayout, word: &str) -> Vec<Vec<String>> {
    if layout.competing.is_empty() {
        return vec![];
    }
    let of = |name: &str| {
        let days = layout.horizons_days.iter();
        days.map(|days| format!("{word}_{name}{days}d")).collect::<Vec<_>>()
    };
    let competing = layout.competing.iter().map(|name| of(&format!("{name}_")));
    std::iter::once(of("")).chain(competing).collect()
}

/// A list for each event, of each row. Files of older versions have no bounds.
fn read_incidences(
    columns: &Columns,
    layout: &PredictionLayout,
    word: &str,
) -> Result<Vec<Vec<Vec<f64>>>, Error> {
    let mut found = vec![vec![]; columns.rows()];
    for names in incidence_names(layout, word) {
        if word != "incidence" && !names.iter().all(|name| columns.names.contains(name)) {
            continue;
        }
        for (row, list) in read_lists(columns, names.into_iter())?.into_iter().enumerate() {
            if !list.is_empty() {
                found[row].push(list);
            }
        }
    }
    Ok(found)
}

/// The competing events, by the columns of their incidence at the first horizon.
fn competing_names(columns: &Columns, horizons: &[(String, f64)]) -> Vec<String> {
    let Some((_, days)) = horizons.first() else { return vec![] };
    let end = format!("_{days}d");
    let name = |column: &String| {
        let name = column.strip_prefix("incidence_")?.strip_suffix(&end)?;
        (!name.is_empty()).then(|| name.to_owned())
    };
    columns.names.iter().filter_map(name).collect()
}

/// What was joined by `;`.
fn split(joined: Option<&str>) -> Vec<String> {
    let names = joined.into_iter().flat_map(|names| names.split(';'));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn list_columns<'a>(
    names: &[String],
    lists: impl Iterator<Item = &'a Vec<f64>>,
) -> Vec<NamedArray> {
    let mut columns = vec![Vec::new(); names.len()];
    for list in lists {
        assert!(
            list.is_empty() || list.len() == names.len(),
            "a prediction has {} values for {} columns",
            list.len(),
            names.len()
        );
        for (index, column) in columns.iter_mut().enumerate() {
            column.push(list.get(index).copied());
        }
    }
    let array = |(name, values): (&String, Vec<Option<f64>>)| {
        (name.clone(), Arc::new(Float64Array::from(values)) as _)
    };
    names.iter().zip(columns).map(array).collect()
}

/// One list a row from several columns; a row without any value has an empty list.
fn read_lists(
    columns: &Columns,
    names: impl Iterator<Item = String>,
) -> Result<Vec<Vec<f64>>, Error> {
    let names: Vec<String> = names.collect();
    let values: Vec<Vec<Option<f64>>> =
        names.iter().map(|name| columns.numbers(name)).collect::<Result<_, _>>()?;
    let list = |row: usize| {
        let list: Vec<f64> = values.iter().filter_map(|column| column[row]).collect();
        if list.is_empty() || list.len() == names.len() {
            return Ok(list);
        }
        let problem = format!("only {} of `{}` have a value", list.len(), names.join("`, `"));
        Err(columns.at_row(row, &problem))
    };
    (0..columns.rows()).map(list).collect()
}

/// The columns `survival_<days>d` with their days, in file order.
fn horizon_columns(columns: &Columns) -> Result<Vec<(String, f64)>, Error> {
    let horizon = |name: &String| {
        let days = name.strip_prefix("survival_")?;
        let days = days.strip_suffix('d').and_then(|days| days.parse().ok());
        Some(days.map(|days| (name.clone(), days)).ok_or_else(|| {
            let problem = format!("column `{name}` must be named `survival_<days>d`");
            Error::content(&columns.path, problem)
        }))
    };
    columns.names.iter().filter_map(horizon).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{id, numbers, texts, write_foreign};

    fn predictions() -> Vec<Prediction> {
        let fusion = Prediction {
            patient_id: id("P1"),
            model: "fusion".to_owned(),
            fold: Some(2),
            risk: Risk(0.1 + 0.2),
            high_risk: true,
            survival: vec![0.9, 0.5],
            survival_low: vec![0.8, 0.3],
            survival_high: vec![0.95, 0.7],
            incidence: vec![vec![0.1, 0.3], vec![0.0, 0.2]],
            incidence_low: vec![vec![0.05, 0.2], vec![0.0, 0.1]],
            incidence_high: vec![vec![0.2, 0.4], vec![0.0, 0.35]],
            class_probabilities: vec![0.25, 0.75],
            missing_modalities: vec!["ct".to_owned(), "mr".to_owned()],
            flags: vec!["outside_range:clinical.age".to_owned()],
            observed: Some(Survival::until(12.0, false)),
            competing: Some("other death".to_owned()),
            label: Some("b".to_owned()),
        };
        let ridge = Prediction {
            model: "ridge Cox".to_owned(),
            fold: None,
            survival: Vec::new(),
            survival_low: Vec::new(),
            survival_high: Vec::new(),
            flags: Vec::new(),
            incidence: Vec::new(),
            incidence_low: Vec::new(),
            incidence_high: Vec::new(),
            class_probabilities: Vec::new(),
            missing_modalities: Vec::new(),
            observed: None,
            competing: None,
            label: None,
            ..fusion.clone()
        };
        vec![fusion, ridge]
    }

    fn layout() -> PredictionLayout {
        PredictionLayout {
            horizons_days: vec![365.0, 1826.25],
            classes: vec!["a".to_owned(), "b".to_owned()],
            competing: vec!["other death".to_owned()],
        }
    }

    #[test]
    fn predictions_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.parquet");
        write_predictions(&path, &predictions(), &layout()).unwrap();
        assert_eq!(read_predictions(&path).unwrap(), (predictions(), layout()));
    }

    #[test]
    fn late_entries_have_a_column_only_where_there_are_any() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.parquet");
        let names = |rows: &[Prediction]| {
            write_predictions(&path, rows, &layout()).unwrap();
            read_parquet(&path, Kind::Predictions).unwrap().names
        };
        let without = names(&predictions());
        let first = "patient_id model fold risk high_risk missing_modalities flags time_days event \
                     label survival_365d";
        assert_eq!(without[..11].join(" "), first);
        let mut rows = predictions();
        rows[0].observed = Survival::until(12.0, false).entered(3.5).ok();
        rows[1].observed = Some(Survival::until(4.0, true));
        let mut with = names(&rows);
        assert_eq!(read_predictions(&path).unwrap(), (rows, layout()));
        assert_eq!(with.remove(9), "entry_days");
        assert_eq!(with, without);
    }

    /// Files of older versions have no bounds of incidences.
    #[test]
    fn incidences_without_bounds_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let one = |value: f64| numbers(&[Some(value)]);
        let path = write_foreign(
            folder.path(),
            &[],
            &[
                ("patient_id", texts(&[Some("P1")])),
                ("model", texts(&[Some("fusion")])),
                ("risk", one(0.5)),
                ("high_risk", one(1.0)),
                ("survival_365d", one(0.5)),
                ("competing", texts(&[None])),
                ("incidence_365d", one(0.2)),
                ("incidence_other_365d", one(0.3)),
            ],
        );
        let (rows, layout) = read_predictions(&path).unwrap();
        assert_eq!(layout.competing, ["other"]);
        assert_eq!(rows[0].incidence, [vec![0.2], vec![0.3]]);
        assert!(rows[0].incidence_low.is_empty() && rows[0].incidence_high.is_empty());
    }

    #[test]
    fn predictions_without_horizons_or_classes_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.parquet");
        let (rows, layout) = (&predictions()[1..], PredictionLayout::default());
        write_predictions(&path, rows, &layout).unwrap();
        assert_eq!(read_predictions(&path).unwrap(), (rows.to_vec(), layout));
    }

    #[test]
    fn says_which_column_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let base = || {
            vec![
                ("patient_id", texts(&[Some("P1")])),
                ("model", texts(&[Some("fusion")])),
                ("high_risk", numbers(&[Some(1.0)])),
            ]
        };
        let risk = || ("risk", numbers(&[Some(1.0)]));
        let one = || numbers(&[Some(0.5)]);
        let one_event = || numbers(&[Some(1.0)]);
        for (case, more, expected) in [
            ("no risk", vec![], "no column `risk`"),
            ("an empty risk", vec![("risk", numbers(&[None]))], "row 1: `risk` has no value"),
            ("no days", vec![risk(), ("survival_year", one())], "named `survival_<days>d`"),
            (
                "half a list",
                vec![risk(), ("survival_1d", one()), ("survival_2d", numbers(&[None]))],
                "row 1: only 1 of `survival_1d`, `survival_2d` have a value",
            ),
            (
                "an entry at the end",
                vec![risk(), ("time_days", one()), ("event", one_event()), ("entry_days", one())],
                "row 1: `entry_days`: observation must begin",
            ),
        ] {
            let columns = [base(), more].concat();
            let path = write_foreign(folder.path(), &[], &columns);
            let message = read_predictions(&path).expect_err(case).to_string();
            assert!(message.contains(expected), "{case}: {message}");
        }
    }
}
