//! What drove a patient's risk.
//!
//! *By modality*: exact Shapley values over all coalitions of modalities (Shapley 1953; Lundberg and
//! Lee 2017), where a modality outside a coalition is absent in the model's own way, as if it had
//! never been measured. They sum to the risk less the risk of a patient of whom nothing is known.
//!
//! *By feature*: expected gradients (Erion et al., Nature Machine Intelligence 2021) against made-up
//! patients that have the training part's quantiles column by column. They sum to the risk less the
//! mean risk of those, up to a gap that is told. For penalized Cox they are exact: the coefficient
//! times the distance from the mean. A modality that the patient lacks has attributions of 0 here:
//! its absence shows in the Shapley values.
//!
//! Both are given for the log-risk and for survival at each horizon; beside competing events, instead
//! of survival, for the cumulative incidence of each event. They say what the model used: association,
//! not cause.

mod gradients;
mod permutation;
mod shapley;
mod targets;

use ndarray::{Array2, Axis};
use oncoweave_core::{
    Cohort, PatientId,
    preprocess::{Block, ModalityColumns},
};
use rayon::prelude::*;

use crate::{Error, Model};
use gradients::{Background, Scorers};
use targets::Targets;

pub use permutation::{CrossCheck, cross_check};

/// More modalities have too many coalitions.
const MOST_MODALITIES: usize = 12;

/// What the figures of an [`Explanation`] are about: the names of its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplanationLayout {
    /// The model's name.
    pub model: String,
    /// What is explained: `log_risk`, then `survival_<days>d` for each horizon; beside competing events
    /// instead of survival `incidence_<days>d` of the event and `incidence_<name>_<days>d` of each other.
    pub outputs: Vec<String>,
    /// The modalities.
    pub modalities: Vec<String>,
    /// The features, `<modality>.<feature>`, in the order of the model's columns.
    pub features: Vec<String>,
    /// The groups of correlated features with more than one member: the first one's name, and the
    /// places of all.
    pub groups: Vec<(String, Vec<usize>)>,
}

/// What drove one patient's predictions. Lists are in the order of [`ExplanationLayout`].
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Whose.
    pub patient_id: PatientId,
    /// One for each output.
    pub outputs: Vec<OutputExplanation>,
}

/// What drove one number.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputExplanation {
    /// The number itself.
    pub value: f64,
    /// The number of a patient of whom nothing is known.
    pub nothing_known: f64,
    /// The Shapley value of each modality; with `nothing_known` they sum to `value`.
    pub modalities: Vec<f64>,
    /// The mean number of the background patients who have the same modalities.
    pub background: f64,
    /// The attribution of each feature.
    pub features: Vec<f32>,
    /// `value` less `background` less the sum of `features`: what expected gradients missed.
    pub gap: f64,
}

impl Model {
    /// The names of what [`Model::explain`] gives.
    #[must_use]
    pub fn explanation_layout(&self) -> ExplanationLayout {
        let mut groups: Vec<(usize, Vec<usize>)> = vec![];
        let mut start = 0;
        for modality in &self.reference.modalities {
            for (place, column) in modality.columns.iter().enumerate() {
                match groups.iter_mut().find(|(first, _)| *first == start + column.group) {
                    Some((_, places)) if column.group != place => places.push(start + place),
                    _ => groups.push((start + place, vec![start + place])),
                }
            }
            start += modality.columns.len();
        }
        let used = self.preprocessing.modalities.iter().filter(|modality| modality.width() > 0);
        let features: Vec<String> = used.clone().flat_map(ModalityColumns::names).collect();
        let groups = groups.into_iter().filter(|(_, places)| places.len() > 1);
        ExplanationLayout {
            model: self.name.clone(),
            outputs: Targets::new(self).names(),
            modalities: used.map(|modality| modality.name.clone()).collect(),
            groups: groups.map(|(first, places)| (features[first].clone(), places)).collect(),
            features,
        }
    }

    /// Explains the predictions of rows of a cohort. A patient's figures do not depend on the
    /// other rows.
    ///
    /// # Errors
    /// As for [`Model::score`], and when there are more than 12 modalities.
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn explain(&self, cohort: &Cohort, rows: &[usize]) -> Result<Vec<Explanation>, Error> {
        let design = self.design(cohort, rows)?;
        let blocks: Vec<&Block> = design.blocks.iter().collect();
        if blocks.len() > MOST_MODALITIES {
            let reason = format!(
                "{} modalities have too many coalitions; at most {MOST_MODALITIES} can be explained",
                blocks.len()
            );
            return Err(Error::Unexplainable { reason });
        }
        let background = Background::new(self, &blocks);
        let targets = Targets::new(self);
        let explain = |scorers: &mut Scorers, place: usize| {
            let patient = one(&blocks, place);
            let shapley = shapley::by_modality((self, &targets), scorers, &patient);
            let gradients = gradients::by_feature(&targets, scorers, &background, &patient);
            let outputs = shapley.into_iter().zip(gradients).map(|(shapley, gradients)| {
                let sum: f64 = gradients.features.iter().map(|value| f64::from(*value)).sum();
                OutputExplanation {
                    value: shapley.value,
                    nothing_known: shapley.nothing_known,
                    modalities: shapley.modalities,
                    background: gradients.background,
                    gap: shapley.value - gradients.background - sum,
                    features: gradients.features,
                }
            });
            let patient_id = cohort.patients[rows[place]].clone();
            Explanation { patient_id, outputs: outputs.collect() }
        };
        let places = (0..rows.len()).into_par_iter();
        Ok(places.map_init(|| Scorers::new(&targets), explain).collect())
    }
}

/// One patient's row of every block.
fn one(blocks: &[&Block], row: usize) -> Vec<Block> {
    let cut = |block: &&Block| Block {
        modality: block.modality.clone(),
        names: std::sync::Arc::default(),
        x: block.x.select(Axis(0), &[row]),
        present: vec![block.present[row]],
    };
    blocks.iter().map(cut).collect()
}

/// A patient so many times, to be changed row by row.
fn repeated(patient: &[Block], times: usize) -> Vec<Block> {
    let repeat = |block: &Block| Block {
        x: Array2::from_shape_fn((times, block.x.ncols()), |(_, column)| block.x[[0, column]]),
        present: vec![block.present[0]; times],
        ..block.clone()
    };
    patient.iter().map(repeat).collect()
}

#[cfg(test)]
mod tests;
