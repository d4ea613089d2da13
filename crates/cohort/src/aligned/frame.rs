//! The columns of an aligned table that are no features: who the patients are and what came of them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, StringArray, UInt8Array, UInt32Array};
use oncoweave_core::{Cohort, Survival};

use crate::{
    Error,
    columns::Columns,
    features::{date_array, patient_array},
    parquet_file::NamedArray,
};

/// The columns of an aligned table that are no features.
pub(super) const FRAME: [&str; 9] = [
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

/// What is done about an outcome that cannot be read.
pub(super) type OnBadOutcome<'a> = &'a mut dyn FnMut(Error) -> Result<(), Error>;

pub(super) fn frame(cohort: &Cohort) -> Vec<NamedArray> {
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

pub(super) fn read_frame(columns: &Columns, on_bad: OnBadOutcome) -> Result<Cohort, Error> {
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
