//! What leaves the dashboard. Every export says that it is for research, which model made the
//! numbers, and from which data.

mod fhir;
mod pdf;
mod picture;
mod tables;

pub(crate) use fhir::{Release, bundle};
pub(crate) use pdf::{Frame as PrintedFrame, PatientReport, patient_pdf, validation_pdf};
pub(crate) use picture::png;
pub(crate) use tables::{answers_csv, curves_csv, predictions_csv};

use crate::study::Study;

/// What must stand on everything that is taken away.
pub(crate) fn notes(study: &Study) -> Vec<String> {
    let mut notes = vec![
        format!("{} Model: {}.", crate::DISCLAIMER, study.version),
        format!(
            "Cohort {}, data SHA-256 {}.",
            study.evaluation.cohort, study.evaluation.data_sha256
        ),
    ];
    let competing = study.competing();
    if !competing.is_empty() {
        notes.push(format!(
            "Risks are cumulative incidences beside other events: {}.",
            competing.join(", ")
        ));
    }
    notes
}
