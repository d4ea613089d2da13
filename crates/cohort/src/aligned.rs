use std::{collections::HashMap, path::Path, sync::Arc};

use arrow::array::{
    Array, ArrayRef, Float32Array, Float64Array, StringArray, UInt8Array, UInt32Array,
};
use oncoweave_core::{Cohort, CohortColumn, Exclusion, Extraction, FeatureInfo, Survival};

use crate::{
    Error,
    columns::Columns,
    extraction,
    features::{
        date_array, describe, dictionary_entry, dictionary_json, patient_array, read_dictionary,
    },
    parquet_file::{Kind, NamedArray, Table, read_metadata, read_parquet, write_parquet},
};

const COHORT_ID: &str = "oncoweave.cohort";
const EXCLUSIONS: &str = "oncoweave.exclusions";
const EXTRACTION: &str = "oncoweave.extraction";

/// The columns of an aligned table that are no features.
const FRAME: [&str; 9] = [
    "patient_id",
    "site",
    "index_date",
    "time_days",
    "event",
    "competing",
    "entry_days",
    "label",
    "fold",
];

/// Numbers of features that are decoded at once.
const VALUES_AT_ONCE: usize = 1 << 23;

/// Writes the aligned table: `patient_id`, `site`, `index_date`, `time_days`, `event` (1 is
/// observed), `competing` (the competing event that ended follow-up; only in a cohort that has
/// any), `entry_days` (where observation began after the index date; only in a cohort in which it
/// did for anybody), `label`, `fold`, then `<modality>.<feature>` as float32, where null is missing.
/// The metadata hold the cohort's id and the feature dictionary.
///
/// # Errors
/// When the file cannot be written.
pub fn write_cohort(path: &Path, cohort_id: &str, cohort: &Cohort) -> Result<(), Error> {
    write_aligned(path, cohort_id, cohort, &[], None)
}

/// Writes the aligned table as [`write_cohort`] does, and in its metadata, as JSON, who was set
/// aside on the way to it and how raw files became features: both stay with the table wherever it is
/// moved.
///
/// # Errors
/// When the file cannot be written.
pub fn write_aligned(
    path: &Path,
    cohort_id: &str,
    cohort: &Cohort,
    exclusions: &[Exclusion],
    extraction: Option<&Extraction>,
) -> Result<(), Error> {
    let mut columns = frame(cohort);
    for column in &cohort.columns {
        let values: Float32Array = column.values.iter().collect();
        columns.push((column.name(), Arc::new(values)));
    }
    let entries = cohort.columns.iter().map(|column| (column.name(), &column.info));
    let exclusions = serde_json::json!(exclusions).to_string();
    let mut metadata = vec![
        (COHORT_ID, cohort_id.to_owned()),
        (EXCLUSIONS, exclusions),
        dictionary_entry(dictionary_json(entries)),
    ];
    metadata.extend(extraction.map(|extraction| (EXTRACTION, extraction::to_json(extraction))));
    write_parquet(path, Kind::Cohort, metadata, columns)
}

/// Reads an aligned table. Another program's will do: only `patient_id` must be there, numbers may
/// have any numeric type, and `event` may be boolean.
///
/// # Errors
/// When a column has the wrong type, a patient stands there twice, a follow-up time is negative or
/// lacks its event, observation does not begin before it ends, or a column is neither one of the
/// frame nor `<modality>.<feature>`.
pub fn read_cohort(path: &Path) -> Result<Cohort, Error> {
    read_table(path, &mut Err)
}

/// Reads an aligned table whose outcomes are not needed: what is wrong with `time_days`, `event`,
/// `entry_days`, `label` or `fold` leaves them unknown, and is returned as sentences.
///
/// # Errors
/// As [`read_cohort`], for every other column.
pub fn read_cohort_to_predict(path: &Path) -> Result<(Cohort, Vec<String>), Error> {
    let mut problems = Vec::new();
    let cohort = read_table(path, &mut |error| {
        problems.push(error.to_string());
        Ok(())
    })?;
    Ok((cohort, problems))
}

/// What is done about an outcome that cannot be read.
type OnBadOutcome<'a> = &'a mut dyn FnMut(Error) -> Result<(), Error>;

fn read_table(path: &Path, on_bad: OnBadOutcome) -> Result<Cohort, Error> {
    let table = Table::open(path, Kind::Cohort)?;
    table.require("patient_id")?;
    let columns = table.read(&FRAME.map(str::to_owned))?;
    let mut cohort = read_frame(&columns, on_bad)?;
    let dictionary = read_dictionary(&columns)?;
    let is_feature = |name: &&String| !FRAME.contains(&name.as_str());
    let names: Vec<String> = table.names.iter().filter(is_feature).cloned().collect();
    // As the file has them, features would be in memory twice.
    for names in names.chunks((VALUES_AT_ONCE / table.rows().max(1)).max(1)) {
        read_features(&table.read(names)?, &dictionary, &mut cohort.columns)?;
    }
    // Those of one modality stand side by side, whatever the writer did.
    let order: Vec<String> = cohort.modalities().into_iter().map(str::to_owned).collect();
    cohort.columns.sort_by_key(|column| order.iter().position(|name| *name == column.modality));
    Ok(cohort)
}

/// Takes columns of features from a part of the table.
fn read_features(
    columns: &Columns,
    dictionary: &HashMap<String, FeatureInfo>,
    features: &mut Vec<CohortColumn>,
) -> Result<(), Error> {
    for name in &columns.names {
        let Some((modality, feature)) = name.split_once('.') else {
            let problem = format!(
                "column `{name}` is neither one of `{}` nor named `<modality>.<feature>`; rename \
                 or drop it",
                FRAME.join("`, `")
            );
            return Err(Error::content(&columns.path, problem));
        };
        features.push(CohortColumn {
            modality: modality.to_owned(),
            info: describe(dictionary, name, feature),
            // Collected by value, the numbers would keep the room of their options, twice their own.
            values: columns.features(name)?.iter().copied().collect(),
        });
    }
    Ok(())
}

/// The id of the cohort that an aligned table was made from; `None` where another program wrote it.
///
/// # Errors
/// When the file is no aligned table.
pub fn read_cohort_id(path: &Path) -> Result<Option<String>, Error> {
    Ok(read_metadata(path, Kind::Cohort)?.remove(COHORT_ID))
}

/// Who was set aside on the way to an aligned table; empty where another program wrote it.
///
/// # Errors
/// When the file is no aligned table or its list is damaged.
pub fn read_cohort_exclusions(path: &Path) -> Result<Vec<Exclusion>, Error> {
    let Some(json) = read_metadata(path, Kind::Cohort)?.remove(EXCLUSIONS) else {
        return Ok(Vec::new());
    };
    serde_json::from_str(&json).map_err(|_| {
        let problem = "the list of exclusions in the file's metadata is damaged; align again";
        Error::content(path, problem)
    })
}

/// How the raw files of an aligned table became features; `None` where the table does not say.
///
/// # Errors
/// When the file is no aligned table or what it says is damaged.
pub fn read_cohort_extraction(path: &Path) -> Result<Option<Extraction>, Error> {
    let Some(json) = read_metadata(path, Kind::Cohort)?.remove(EXTRACTION) else {
        return Ok(None);
    };
    extraction::from_json(&json).map(Some).ok_or_else(|| {
        let problem = "the extraction in the file's metadata is damaged; align again";
        Error::content(path, problem)
    })
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
    read_frame(&read_parquet(path, Kind::Outcomes)?, &mut Err)
}

fn frame(cohort: &Cohort) -> Vec<NamedArray> {
    let survival = &cohort.survival;
    let times: Float64Array = survival.iter().map(|one| one.map(|one| one.time_days)).collect();
    let events: UInt8Array = survival.iter().map(|one| one.map(|one| one.event.into())).collect();
    let sites: StringArray = cohort.sites.iter().map(Option::as_deref).collect();
    let labels: StringArray = cohort.labels.iter().map(Option::as_deref).collect();
    let folds: UInt32Array = cohort.folds.iter().copied().collect();
    let [patient_id, site, index_date, time_days, event, competing, entry_days, label, fold] =
        FRAME.map(str::to_owned);
    let mut columns: Vec<NamedArray> = vec![
        (patient_id, patient_array(cohort.patients.iter())),
        (site, Arc::new(sites)),
        (index_date, date_array(cohort.index_dates.iter().copied())),
        (time_days, Arc::new(times)),
        (event, Arc::new(events)),
    ];
    if !cohort.competing.is_empty() {
        let names: StringArray = cohort.competing.iter().map(Option::as_deref).collect();
        columns.push((competing, Arc::new(names)));
    }
    columns.extend(entry_column(survival.iter().copied()).map(|entries| (entry_days, entries)));
    columns.extend([(label, Arc::new(labels) as _), (fold, Arc::new(folds) as _)]);
    columns
}

/// When each patient came under observation; `None` where nobody came late.
pub(crate) fn entry_column(survival: impl Iterator<Item = Option<Survival>>) -> Option<ArrayRef> {
    let entries: Float64Array = survival.map(|one| one?.entry_days).collect();
    (entries.null_count() < entries.len()).then(|| Arc::new(entries) as _)
}

fn read_frame(columns: &Columns, on_bad: OnBadOutcome) -> Result<Cohort, Error> {
    let patients = columns.patients()?;
    let names: Vec<String> = patients.iter().map(ToString::to_string).collect();
    columns.unique("patients", &names)?;
    let mut survival = vec![None; patients.len()];
    match read_times(columns) {
        Err(error) => on_bad(error)?,
        Ok(times) => {
            for (row, times) in times.into_iter().enumerate() {
                match read_survival(times) {
                    Ok(outcome) => survival[row] = outcome,
                    Err(problem) => {
                        let problem = format!("patient `{}`: {problem}", names[row]);
                        on_bad(columns.at_row(row, &problem))?;
                    }
                }
            }
        }
    }
    let labels =
        columns.labels("label").or_else(|error| on_bad(error).map(|()| vec![None; names.len()]))?;
    let folds =
        columns.counts("fold").or_else(|error| on_bad(error).map(|()| vec![None; names.len()]))?;
    let competing = match read_competing(columns, &survival) {
        Ok(competing) => competing,
        Err(error) => {
            on_bad(error)?;
            vec![]
        }
    };
    Ok(Cohort {
        survival,
        competing,
        sites: columns.texts("site")?,
        index_dates: columns.dates("index_date")?,
        labels,
        folds,
        patients,
        columns: Vec::new(),
    })
}

/// The competing events; empty where the table has no such column or nothing in it.
fn read_competing(
    columns: &Columns,
    survival: &[Option<Survival>],
) -> Result<Vec<Option<String>>, Error> {
    let names = columns.labels("competing")?;
    let names: Vec<Option<String>> =
        names.into_iter().map(|name| name.filter(|name| !name.trim().is_empty())).collect();
    for (row, (name, outcome)) in names.iter().zip(survival).enumerate() {
        if name.is_some() && outcome.is_none_or(|outcome| outcome.event) {
            let problem = "`competing` names an event that ended follow-up, so that `time_days` \
                           must have a value and `event` must be 0";
            return Err(columns.at_row(row, problem));
        }
    }
    Ok(if names.iter().any(Option::is_some) { names } else { vec![] })
}

/// What a row says of follow-up.
#[derive(Clone, Copy)]
struct Times {
    time_days: Option<f64>,
    event: Option<bool>,
    entry_days: Option<f64>,
}

fn read_times(columns: &Columns) -> Result<Vec<Times>, Error> {
    let times = columns.numbers("time_days")?.into_iter();
    let rows = times.zip(columns.flags("event")?).zip(columns.numbers("entry_days")?);
    let row = |((time_days, event), entry_days)| Times { time_days, event, entry_days };
    Ok(rows.map(row).collect())
}

fn read_survival(row: Times) -> Result<Option<Survival>, String> {
    match (row.time_days, row.event) {
        (None, None) if row.entry_days.is_some() => {
            Err("`entry_days` has a value, but `time_days` has none".to_owned())
        }
        (None, None) => Ok(None),
        (Some(time_days), Some(event)) => {
            let survival = Survival::new(time_days, event).map_err(|error| error.to_string())?;
            let entered = survival.entered_late(row.entry_days);
            entered.map(Some).map_err(|error| format!("`entry_days`: {error}"))
        }
        (Some(_), None) => Err("`time_days` has a value, but `event` has none".to_owned()),
        (None, Some(_)) => Err("`event` has a value, but `time_days` has none".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{
            BooleanArray, DictionaryArray, Int64Array, LargeStringArray, StringViewArray,
            TimestampNanosecondArray,
        },
        datatypes::Int32Type,
    };
    use chrono::NaiveDate;
    use oncoweave_core::Feature;

    use super::*;
    use crate::{
        merge_tables, single_row,
        testing::{Foreign, id, numbers, texts, write_foreign},
        write_feature_table,
    };

    fn cohort() -> Cohort {
        let column = |modality: &str, name: &str, values: &[Option<f32>]| CohortColumn {
            modality: modality.to_owned(),
            info: Feature::new(name, "mm3", "Volume.", None).with_standard("IBSI").info,
            values: values.iter().copied().collect(),
        };
        Cohort {
            patients: vec![id("P1"), id("P2")],
            sites: vec![Some("North".to_owned()), None],
            index_dates: vec![NaiveDate::from_ymd_opt(1969, 12, 31), None],
            survival: vec![Some(Survival::until(30.5, true)), None],
            competing: vec![],
            labels: vec![None, Some("luminal".to_owned())],
            folds: vec![Some(3), None],
            columns: vec![
                column("clinical", "age", &[Some(61.0), None]),
                column("ct", "morph.volume", &[Some(0.1), Some(-2.0)]),
                column("mr", "absent", &[None, None]),
            ],
        }
    }

    #[test]
    fn a_cohort_comes_back_and_the_same_content_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
        write_cohort(&first, "demo", &cohort()).unwrap();
        write_cohort(&second, "demo", &cohort()).unwrap();
        assert_eq!(read_cohort(&first).unwrap(), cohort());
        assert_eq!(read_cohort_id(&first).unwrap().as_deref(), Some("demo"));
        assert_eq!(fs_err::read(&first).unwrap(), fs_err::read(&second).unwrap());
    }

    #[test]
    fn competing_events_come_back_and_must_fit_the_event() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cohort.parquet");
        let ended = |event| vec![Some(Survival::until(30.5, event)), None];
        let competing = vec![Some("other death".to_owned()), None];
        let cohort = Cohort { survival: ended(false), competing: competing.clone(), ..cohort() };
        write_cohort(&path, "demo", &cohort).unwrap();
        assert_eq!(read_cohort(&path).unwrap(), cohort);
        for survival in [ended(true), vec![None, None]] {
            let wrong = Cohort { survival, competing: competing.clone(), ..cohort.clone() };
            write_cohort(&path, "demo", &wrong).unwrap();
            let message = read_cohort(&path).unwrap_err().to_string();
            assert!(message.contains("row 1: `competing` names an event"), "{message}");
            let (read, problems) = read_cohort_to_predict(&path).unwrap();
            assert!(read.competing.is_empty() && problems.len() == 1, "{problems:?}");
        }
    }

    #[test]
    fn late_entries_come_back_in_a_column_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cohort.parquet");
        let names = || Table::open(&path, Kind::Cohort).unwrap().names;
        write_cohort(&path, "demo", &cohort()).unwrap();
        let without = names();
        let late = Survival::until(30.5, false).entered(12.25).ok();
        let competing = vec![Some("other death".to_owned()), None];
        let cohort = Cohort { survival: vec![late, None], competing, ..cohort() };
        write_cohort(&path, "demo", &cohort).unwrap();
        assert_eq!(read_cohort(&path).unwrap(), cohort);
        let mut with = names();
        assert_eq!(with[5..7], ["competing", "entry_days"]);
        with.drain(5..7);
        assert_eq!(with, without);
    }

    #[test]
    fn observation_that_does_not_begin_before_it_ends_is_a_problem_of_its_row() {
        let folder = tempfile::tempdir().unwrap();
        let two = |a: Option<f64>, b: Option<f64>| numbers(&[a, b]);
        let end = "`entry_days`: observation must begin on a finite day before follow-up ends";
        for (case, time, entry, expected) in [
            ("none", Some(9.0), None, Ok(None)),
            ("not a number", Some(9.0), Some(f64::NAN), Ok(None)),
            ("late", Some(9.0), Some(8.5), Ok(Some(8.5))),
            ("on the index date", Some(0.0), Some(0.0), Ok(None)),
            ("before the index date", Some(9.0), Some(-3.0), Ok(None)),
            ("at the end", Some(9.0), Some(9.0), Err(end)),
            ("after the end", Some(9.0), Some(9.5), Err(end)),
            ("infinite", Some(9.0), Some(f64::INFINITY), Err(end)),
            ("never before", Some(9.0), Some(f64::NEG_INFINITY), Err(end)),
            ("no time", None, Some(3.0), Err("`entry_days` has a value, but `time_days` has none")),
        ] {
            let columns = [
                ("patient_id", texts(&[Some("P1"), Some("P2")])),
                ("time_days", two(Some(5.0), time)),
                ("event", two(Some(1.0), time.and(Some(0.0)))),
                ("entry_days", two(None, entry)),
            ];
            let path = write_foreign(folder.path(), &[], &columns);
            let (cohort, problems) = read_cohort_to_predict(&path).expect(case);
            assert_eq!(cohort.survival[0], Some(Survival::until(5.0, true)), "{case}");
            match expected {
                Ok(entry) => {
                    assert_eq!(cohort.survival[1].unwrap().entry_days, entry, "{case}");
                    assert_eq!(read_cohort(&path).expect(case), cohort, "{case}");
                }
                Err(expected) => {
                    assert!(cohort.survival[1].is_none() && problems.len() == 1, "{case}");
                    let message = read_cohort(&path).expect_err(case).to_string();
                    let expected = format!("foreign.parquet: row 2: patient `P2`: {expected}");
                    assert!(message.contains(&expected), "{case}: {message}");
                }
            }
        }
    }

    #[test]
    fn outcomes_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcomes.parquet");
        let outcomes = Cohort { columns: Vec::new(), ..cohort() };
        write_outcomes(&path, "demo", &outcomes).unwrap();
        assert_eq!(read_outcomes(&path).unwrap(), outcomes);
    }

    #[test]
    fn a_cohort_without_patients_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cohort.parquet");
        write_cohort(&path, "demo", &Cohort::default()).unwrap();
        assert_eq!(read_cohort(&path).unwrap(), Cohort::default());
    }

    #[test]
    fn reads_the_types_that_pandas_and_polars_write() {
        let folder = tempfile::tempdir().unwrap();
        let day_ns = 86_400_000_000_000_i64;
        let labels: DictionaryArray<Int32Type> = vec!["a", "b"].into_iter().collect();
        let columns: [Foreign; 10] = [
            ("patient_id", Arc::new(LargeStringArray::from(vec!["P1", "P2"]))),
            ("site", Arc::new(StringViewArray::from(vec![Some("North"), None]))),
            ("index_date", Arc::new(TimestampNanosecondArray::from(vec![Some(day_ns), None]))),
            ("time_days", Arc::new(Int64Array::from(vec![10, 20]))),
            ("event", Arc::new(BooleanArray::from(vec![true, false]))),
            ("label", Arc::new(labels)),
            ("fold", numbers(&[Some(0.0), Some(f64::NAN)])),
            ("ct.volume", numbers(&[Some(1.5), Some(f64::NAN)])),
            ("rna.TP53", Arc::new(Int64Array::from(vec![None, Some(7)]))),
            ("ct.flag", Arc::new(BooleanArray::from(vec![true, false]))),
        ];
        let cohort = read_cohort(&write_foreign(folder.path(), &[], &columns)).unwrap();
        assert_eq!(cohort.sites, [Some("North".to_owned()), None]);
        assert_eq!(cohort.index_dates, [NaiveDate::from_ymd_opt(1970, 1, 2), None]);
        assert_eq!(cohort.survival[0], Some(Survival::until(10.0, true)));
        assert_eq!(cohort.labels[1].as_deref(), Some("b"));
        assert_eq!(cohort.folds, [Some(0), None]);
        // Those of one modality are brought side by side.
        let names: Vec<String> = cohort.columns.iter().map(CohortColumn::name).collect();
        assert_eq!(names, ["ct.volume", "ct.flag", "rna.TP53"]);
        let values = |index: usize| cohort.columns[index].values.iter().collect::<Vec<_>>();
        assert_eq!(values(0), [Some(1.5), None]);
        assert_eq!(values(1), [Some(1.0), Some(0.0)]);
        assert_eq!(values(2), [None, Some(7.0)]);
    }

    #[test]
    fn says_which_column_and_row_are_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let ids = || texts(&[Some("P1"), Some("P2")]);
        let two = |a: f64, b: f64| numbers(&[Some(a), Some(b)]);
        let no_ids: Vec<Foreign> = vec![("id", ids())];
        let number_ids: Vec<Foreign> = vec![("patient_id", two(1., 2.))];
        let twice: Vec<Foreign> = vec![("patient_id", texts(&[Some("P1"), Some("P1")]))];
        let empty_id: Vec<Foreign> = vec![("patient_id", texts(&[Some("P1"), None]))];
        let with = |more: Vec<Foreign>| [vec![("patient_id", ids())], more].concat();
        let time = |a: f64, b: f64| ("time_days", two(a, b));
        let infinite = two(1e300, 1.);
        for (case, columns, expected) in [
            ("no ids", no_ids, "no column `patient_id`; the columns are `id`"),
            ("ids as numbers", number_ids, "`patient_id` must be text (utf8), found float64"),
            ("a patient twice", twice, "patients in more than one row: `P1`; leave one row"),
            ("an empty id", empty_id, "row 2: column `patient_id`: a patient id must not be empty"),
            (
                "time as text",
                with(vec![("time_days", ids())]),
                "column `time_days` must be a number (float64), found utf8",
            ),
            (
                "a negative time",
                with(vec![time(1., -3.), ("event", two(1., 0.))]),
                "row 2: patient `P2`: follow-up must be",
            ),
            (
                "a time without event",
                with(vec![time(1., 2.)]),
                "row 1: patient `P1`: `time_days` has a value, but",
            ),
            (
                "an event of 2",
                with(vec![time(1., 2.), ("event", two(1., 2.))]),
                "`event` must be 0 or 1, got 2",
            ),
            (
                "half a fold",
                with(vec![("fold", two(1., 0.5))]),
                "`fold` must be a whole number from 0, got 0.5",
            ),
            (
                "a date as text",
                with(vec![("index_date", ids())]),
                "`index_date` must be a date (date32)",
            ),
            ("no modality", with(vec![("age", two(1., 2.))]), "column `age` is neither one of"),
            ("a feature as text", with(vec![("ct.x", ids())]), "column `ct.x` must be a number"),
            ("too large", with(vec![("ct.x", infinite)]), "row 1: column `ct.x` must be finite"),
        ] {
            let path = write_foreign(folder.path(), &[], &columns);
            let message = read_cohort(&path).expect_err(case).to_string();
            assert!(message.contains("foreign.parquet: "), "{case}: {message}");
            assert!(message.contains(expected), "{case}: {message}");
        }
    }

    #[test]
    fn the_exclusions_stay_with_the_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cohort.parquet");
        let one = Exclusion {
            patient_id: "P 9".to_owned(),
            modality: "ct".to_owned(),
            step: "extract".to_owned(),
            reason: "no \"mask\"".to_owned(),
        };
        for list in [vec![one], Vec::new()] {
            write_aligned(&path, "demo", &Cohort::default(), &list, None).unwrap();
            assert_eq!(read_cohort_exclusions(&path).unwrap(), list);
        }
        let ids: [Foreign; 1] = [("patient_id", texts(&[Some("P1")]) as ArrayRef)];
        let foreign = write_foreign(folder.path(), &[], &ids);
        assert_eq!(read_cohort_exclusions(&foreign).unwrap(), []);
        let damaged = write_foreign(folder.path(), &[("oncoweave.exclusions", "{")], &ids);
        let message = read_cohort_exclusions(&damaged).unwrap_err().to_string();
        assert!(message.contains("damaged"), "{message}");
    }

    #[test]
    fn an_unusable_outcome_is_no_obstacle_where_none_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let base: Foreign = ("patient_id", texts(&[Some("P1"), Some("P2")]));
        let numbers = |values: [f64; 2]| numbers(&values.map(Some));
        let words = || texts(&[Some("dead"), None]);
        for (case, time, event, outcomes) in [
            ("a negative time", numbers([-1.0, 3.0]), numbers([1.0, 0.0]), 1),
            ("words for events", numbers([2.0, 3.0]), words(), 0),
            ("nothing wrong", numbers([2.0, 3.0]), numbers([1.0, 0.0]), 2),
        ] {
            let columns = [base.clone(), ("time_days", time), ("event", event)];
            let path = write_foreign(folder.path(), &[], &columns);
            let (cohort, problems) = read_cohort_to_predict(&path).expect(case);
            assert_eq!(cohort.survival.iter().flatten().count(), outcomes, "{case}");
            assert_eq!(problems.is_empty(), outcomes == 2, "{case}: {problems:?}");
            assert_eq!(read_cohort(&path).is_ok(), outcomes == 2, "{case}");
        }
    }

    #[test]
    fn refuses_other_files_and_other_versions() {
        let folder = tempfile::tempdir().unwrap();
        let ids: [Foreign; 1] = [("patient_id", texts(&[Some("P1")]) as ArrayRef)];
        let newer = write_foreign(folder.path(), &[("oncoweave.schema_version", "2")], &ids);
        let message = read_cohort(&newer).unwrap_err().to_string();
        assert!(message.contains("schema version 2 is unknown"), "{message}");
        let table = folder.path().join("ct.parquet");
        let row = single_row(id("P1"), None, vec![Feature::new("x", "", "", Some(1.0))]);
        write_feature_table(&table, &merge_tables(vec![row.unwrap()])).unwrap();
        let message = read_cohort(&table).unwrap_err().to_string();
        assert!(message.contains("holds `features`, but `cohort` was expected"), "{message}");
        let text = folder.path().join("cohort.csv");
        fs_err::write(&text, "patient_id\nP1\n").unwrap();
        let message = read_cohort(&text).unwrap_err().to_string();
        assert!(message.contains("not a Parquet file"), "{message}");
        let absent = read_cohort(&folder.path().join("none")).unwrap_err().to_string();
        assert!(absent.contains("none"), "{absent}");
    }
}
