use std::{path::Path, sync::Arc};

use arrow::array::{Float32Array, Float64Array, StringArray, UInt8Array, UInt32Array};
use oncoweave_core::{Cohort, CohortColumn, Survival};

use crate::{
    Error,
    columns::Columns,
    features::{
        date_array, describe, dictionary_entry, dictionary_json, patient_array, read_dictionary,
    },
    parquet_file::{Kind, NamedArray, read_parquet, write_parquet},
};

const COHORT_ID: &str = "oncoweave.cohort";

/// The columns of an aligned table that are no features.
const FRAME: [&str; 7] =
    ["patient_id", "site", "index_date", "time_days", "event", "label", "fold"];

/// Writes the aligned table: `patient_id`, `site`, `index_date`, `time_days`, `event` (1 is
/// observed), `label`, `fold`, then `<modality>.<feature>` as float32, where null is missing. The
/// metadata hold the cohort's id and the feature dictionary.
///
/// # Errors
/// When the file cannot be written.
pub fn write_cohort(path: &Path, cohort_id: &str, cohort: &Cohort) -> Result<(), Error> {
    let mut columns = frame(cohort);
    for column in &cohort.columns {
        let values: Float32Array = column.values.iter().collect();
        columns.push((column.name(), Arc::new(values)));
    }
    let entries = cohort.columns.iter().map(|column| (column.name(), &column.info));
    let metadata =
        vec![(COHORT_ID, cohort_id.to_owned()), dictionary_entry(dictionary_json(entries))];
    write_parquet(path, Kind::Cohort, metadata, columns)
}

/// Reads an aligned table. Another program's will do: only `patient_id` must be there, numbers may
/// have any numeric type, and `event` may be boolean.
///
/// # Errors
/// When a column has the wrong type, a patient stands there twice, a follow-up time is negative or
/// lacks its event, or a column is neither one of the frame nor `<modality>.<feature>`.
pub fn read_cohort(path: &Path) -> Result<Cohort, Error> {
    let columns = read_parquet(path, Kind::Cohort)?;
    let mut cohort = read_frame(&columns)?;
    let dictionary = read_dictionary(&columns)?;
    for name in columns.names.iter().filter(|name| !FRAME.contains(&name.as_str())) {
        let Some((modality, feature)) = name.split_once('.') else {
            let problem = format!(
                "column `{name}` is neither one of `{}` nor named `<modality>.<feature>`; rename \
                 or drop it",
                FRAME.join("`, `")
            );
            return Err(Error::content(path, problem));
        };
        cohort.columns.push(CohortColumn {
            modality: modality.to_owned(),
            info: describe(&dictionary, name, feature),
            values: columns.features(name)?.into_iter().collect(),
        });
    }
    // Those of one modality stand side by side, whatever the writer did.
    let order: Vec<String> = cohort.modalities().into_iter().map(str::to_owned).collect();
    cohort.columns.sort_by_key(|column| order.iter().position(|name| *name == column.modality));
    Ok(cohort)
}

/// The id of the cohort that an aligned table was made from; `None` where another program wrote it.
///
/// # Errors
/// When the file is no aligned table.
pub fn read_cohort_id(path: &Path) -> Result<Option<String>, Error> {
    Ok(read_parquet(path, Kind::Cohort)?.metadata.remove(COHORT_ID))
}

/// Writes who is in the cohort and what came of them: the aligned table without its features.
///
/// # Errors
/// When the file cannot be written.
pub fn write_outcomes(path: &Path, cohort_id: &str, outcomes: &Cohort) -> Result<(), Error> {
    let metadata = vec![(COHORT_ID, cohort_id.to_owned())];
    write_parquet(path, Kind::Outcomes, metadata, frame(outcomes))
}

/// Reads what [`write_outcomes`] wrote, as a cohort without features.
///
/// # Errors
/// As [`read_cohort`].
pub fn read_outcomes(path: &Path) -> Result<Cohort, Error> {
    read_frame(&read_parquet(path, Kind::Outcomes)?)
}

fn frame(cohort: &Cohort) -> Vec<NamedArray> {
    let survival = &cohort.survival;
    let times: Float64Array = survival.iter().map(|one| one.map(|one| one.time_days)).collect();
    let events: UInt8Array = survival.iter().map(|one| one.map(|one| one.event.into())).collect();
    let sites: StringArray = cohort.sites.iter().map(Option::as_deref).collect();
    let labels: StringArray = cohort.labels.iter().map(Option::as_deref).collect();
    let folds: UInt32Array = cohort.folds.iter().copied().collect();
    let [patient_id, site, index_date, time_days, event, label, fold] = FRAME.map(str::to_owned);
    vec![
        (patient_id, patient_array(cohort.patients.iter())),
        (site, Arc::new(sites)),
        (index_date, date_array(cohort.index_dates.iter().copied())),
        (time_days, Arc::new(times)),
        (event, Arc::new(events)),
        (label, Arc::new(labels)),
        (fold, Arc::new(folds)),
    ]
}

fn read_frame(columns: &Columns) -> Result<Cohort, Error> {
    let patients = columns.patients()?;
    let names: Vec<String> = patients.iter().map(ToString::to_string).collect();
    columns.unique("patients", &names)?;
    let times = columns.numbers("time_days")?;
    let events = columns.flags("event")?;
    let survival = times.into_iter().zip(events).enumerate().map(|(row, pair)| match pair {
        (None, None) => Ok(None),
        (Some(time_days), Some(event)) => Survival::new(time_days, event)
            .map(Some)
            .map_err(|error| columns.at_row(row, &format!("patient `{}`: {error}", names[row]))),
        (Some(_), None) => {
            Err(columns.at_row(row, "`time_days` has a value, but `event` has none"))
        }
        (None, Some(_)) => {
            Err(columns.at_row(row, "`event` has a value, but `time_days` has none"))
        }
    });
    Ok(Cohort {
        survival: survival.collect::<Result<_, _>>()?,
        sites: columns.texts("site")?,
        index_dates: columns.dates("index_date")?,
        labels: columns.labels("label")?,
        folds: columns.counts("fold")?,
        patients,
        columns: Vec::new(),
    })
}
