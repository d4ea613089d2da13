//! The nouns of Oncoweave and its mathematics: no files, no tensors.
//!
//! A [`PatientId`] names a patient everywhere by pseudonym. Extraction gives [`FeatureTable`]s, one
//! for each modality; alignment joins them into a [`Cohort`], one row a patient; a model turns each
//! row into a [`Risk`]; the statistics here judge it against the observed [`Survival`].

pub mod antolini;
pub mod baseline;
pub mod bootstrap;
pub mod brier;
pub mod calibration;
pub mod classification;
pub mod competing_risks;
pub mod concordance;
pub mod concordance_interval;
pub mod cox;
pub mod cross_fit;
pub mod decision;
pub mod delong;
pub mod doubt;
pub mod elastic_net;
pub mod hazard_ratio;
pub mod incidence;
pub mod incidence_interval;
pub mod inference;
pub mod kaplan_meier;
pub mod log_rank;
pub mod nelson_aalen;
pub mod precision;
pub mod preprocess;
pub mod roc;
pub mod small_cells;
pub mod split;
pub mod stack;
pub mod status;

mod active_set;
mod cholesky;
mod cohort;
mod column_curvature;
mod coordinate_descent;
mod evaluation;
mod extraction;
mod feature;
mod horizon;
mod matrix;
mod newton;
mod partial_likelihood;
mod patient;
mod subspace;
mod survival;
mod undefined;

pub use cohort::{Cohort, CohortColumn};
pub use evaluation::{
    AucAt, AucDifference, Bounds, BrierAt, Calibration, CalibrationAt, CalibrationGroupResult,
    ClassDifference, ClassResult, Comparison, CompetingEvent, Contribution, DecisionCurve,
    DecisionPoint, Estimate, Evaluation, Exclusion, FoldResult, GroupMean, HazardRatio,
    ModelResult, Prediction, ReclassificationKind, ReclassificationResult, RestrictedMeans,
    RiskGroups, RiskThird, SubtypeResult, TestResult,
};
pub use extraction::Extraction;
pub use feature::{Column, Feature, FeatureInfo, FeatureRow, FeatureTable};
pub use matrix::Values;
pub use patient::{InvalidPatientId, PatientId};
pub use survival::{
    CumulativeHazard, Incidence, InvalidEntry, InvalidSurvival, Risk, Survival, SurvivalProbability,
};
pub use undefined::{LATE_ENTRIES, Undefined};
