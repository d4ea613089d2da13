//! Classes told apart.

use serde::{Deserialize, Serialize};

use super::Estimate;

/// How well the subtype head tells classes apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubtypeResult {
    /// The classes in the order of the network's outputs.
    pub classes: Vec<String>,
    /// One-vs-rest AUC averaged over classes.
    pub auc_macro: Option<Estimate>,
    /// The same averaged by the classes' numbers of patients.
    #[serde(default)]
    pub auc_weighted: Option<Estimate>,
    /// The share of patients whose most probable class is theirs.
    pub accuracy: Estimate,
    /// The F1 scores of the most probable classes averaged over classes.
    #[serde(default)]
    pub f1_macro: Option<Estimate>,
    /// Each class that occurs, in the order of `classes`.
    #[serde(default)]
    pub by_class: Vec<ClassResult>,
}

/// One class against all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassResult {
    /// The class.
    pub class: String,
    /// Patients who have it.
    pub patients: u64,
    /// AUC of its probability with `DeLong`'s interval.
    pub auc: Option<Estimate>,
    /// The share of those who were put into it that have it.
    pub precision: Option<f64>,
    /// The share of those who have it that were put into it.
    pub recall: Option<f64>,
    /// The harmonic mean of both.
    pub f1: Option<f64>,
}
