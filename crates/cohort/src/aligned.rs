mod frame;

use std::{collections::HashMap, path::Path, sync::Arc};

use arrow::array::Float32Array;
use oncoweave_core::{Cohort, CohortColumn, Exclusion, Extraction, FeatureInfo};

pub(crate) use self::frame::entry_column;
use self::frame::{FRAME, OnBadOutcome, frame, read_frame};
use crate::{
    Error,
    columns::Columns,
    extraction,
    features::{describe, dictionary_entry, dictionary_json, read_dictionary},
    parquet_file::{Kind, Table, read_metadata, read_parquet, write_parquet},
};

const COHORT_ID: &str = "oncoweave.cohort";
const EXCLUSIONS: &str = "oncoweave.exclusions";
const EXTRACTION: &str = "oncoweave.extraction";

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

#[cfg(test)]
mod tests;
