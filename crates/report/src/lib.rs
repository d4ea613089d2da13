//! What people look at: one page about an evaluation, and its charts.
//!
//! [`report_html`] turns an [`Evaluation`] and the [`Prediction`]s behind it into a page that
//! stands alone: no script, no font, no picture from elsewhere. [`figures`] gives its charts as
//! SVG files, and [`chart`] draws them for anyone else.

pub mod chart;
pub mod groups;
mod page;
mod sections;
pub mod words;

use oncoweave_core::{Evaluation, PatientId, Prediction, small_cells::Protected};

use crate::page::Page;
pub use crate::page::{Cell, Details, Section, Table};

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A patient would count twice in one curve.
    #[error(
        "patient `{patient}` has more than one prediction of the model `{model}`; \
         a report counts each patient once, so give it the predictions of one evaluation"
    )]
    RepeatedPatient {
        /// Whose predictions.
        patient: PatientId,
        /// The model that made them.
        model: String,
    },
    /// The page could not be put together.
    #[error("could not fill in the report's template")]
    Template(#[from] askama::Error),
}

/// The whole page: self-contained HTML that opens without a network, in light and in dark, and
/// prints. With `protected` it names no patient and shows nothing of groups that are too small.
///
/// # Errors
/// When one patient has two predictions of the model that risk groups are made from.
pub fn report_html(
    evaluation: &Evaluation,
    predictions: &[Prediction],
    protected: Option<Protected>,
) -> Result<String, Error> {
    let sections = report_sections(evaluation, predictions, protected)?;
    Ok(Page::new(evaluation, predictions, &sections, protected).html()?)
}

/// The parts of the page one by one, for a program that shows them on pages of its own.
///
/// # Errors
/// As [`report_html`].
pub fn report_sections(
    evaluation: &Evaluation,
    predictions: &[Prediction],
    protected: Option<Protected>,
) -> Result<Vec<Section>, Error> {
    match protected {
        Some(rule) => sections::all(&rule.evaluation(evaluation), predictions, protected),
        None => sections::all(evaluation, predictions, None),
    }
}

/// The page's charts, each as a file name and the SVG that goes into the file.
///
/// # Errors
/// As [`report_html`].
pub fn figures(
    evaluation: &Evaluation,
    predictions: &[Prediction],
    protected: Option<Protected>,
) -> Result<Vec<(String, String)>, Error> {
    let sections = report_sections(evaluation, predictions, protected)?;
    let figures = sections.iter().flat_map(|section| &section.figures);
    Ok(figures.map(|figure| (format!("{}.svg", figure.name), figure.standalone())).collect())
}
