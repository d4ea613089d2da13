//! The nouns of Oncoweave and its mathematics: no files, no tensors.
//!
//! A [`PatientId`] names a patient everywhere by pseudonym. Extraction gives [`FeatureTable`]s, one
//! for each modality; alignment joins them into a [`Cohort`], one row a patient; a model turns each
//! row into a [`Risk`]; the statistics here judge it against the observed [`Survival`].

mod cohort;
mod evaluation;
mod feature;
mod patient;
mod survival;

pub use cohort::{Cohort, CohortColumn};
pub use evaluation::{
    AucAt, Comparison, Estimate, Evaluation, Exclusion, FoldResult, ModelResult, Prediction,
    SubtypeResult,
};
pub use feature::{Column, Feature, FeatureInfo, FeatureRow, FeatureTable};
pub use patient::{InvalidPatientId, PatientId};
pub use survival::{InvalidSurvival, Risk, Survival};
