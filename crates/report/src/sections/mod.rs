//! The parts of the page, one function each.

mod accuracy;
mod calibration;
mod differences;
mod exclusions;
mod modalities;
mod models;
mod subtype;
mod summary;
mod survival;

use oncoweave_core::{Evaluation, Prediction, small_cells::Protected};

pub(crate) use summary::summary;

use crate::Error;
use crate::page::Section;

/// Every section in page order. With `protected` none that is about single patients, who must not be in
/// the evaluation either.
pub(crate) fn all(
    evaluation: &Evaluation,
    predictions: &[Prediction],
    protected: Option<Protected>,
) -> Result<Vec<Section>, Error> {
    let mut sections = vec![survival::risk_groups(evaluation, predictions, protected)?];
    sections.extend(modalities::modalities(evaluation));
    sections.extend([
        models::concordance(evaluation, protected),
        models::comparisons(evaluation, protected),
        models::auc_over_time(evaluation),
    ]);
    sections.extend(calibration::calibration(evaluation));
    sections.push(models::folds(evaluation));
    if protected.is_none() {
        sections.extend(subtype::subtypes(evaluation, predictions));
        sections.push(exclusions::exclusions(evaluation));
    }
    sections.push(Section {
        id: "notes",
        heading: "What to know about these figures",
        text: if evaluation.notes.is_empty() {
            vec!["The evaluation left no notes.".to_owned()]
        } else {
            Vec::new()
        },
        notes: evaluation.notes.clone(),
        ..Section::default()
    });
    Ok(sections)
}

/// The name of the model that the report is about: the first.
fn first_model(evaluation: &Evaluation) -> Option<&str> {
    evaluation.models.first().map(|model| model.name.as_str())
}
