//! Models against one another.

use serde::{Deserialize, Serialize};

use super::Estimate;

/// Two models on the same patients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The first model's name.
    pub a: String,
    /// The second model's name.
    pub b: String,
    /// Harrell's C of `a` minus that of `b`; positive favours `a`.
    pub delta_c_index: f64,
    /// The lower bound of its 95 % paired bootstrap interval.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
    /// Two-sided bootstrap p-value for no difference.
    pub p: f64,
    /// The AUC of `a` minus that of `b` at each horizon that follow-up reaches.
    #[serde(default)]
    pub auc: Vec<AucDifference>,
    /// The AUC of each class against the others of `a` minus that of `b`, where both models tell
    /// classes apart.
    #[serde(default)]
    pub class_auc: Vec<ClassDifference>,
}

/// The AUC of one model minus that of another for the event by a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AucDifference {
    /// Days from the index date.
    pub time_days: f64,
    /// The difference, the mean over folds; positive favours the first model.
    #[serde(flatten)]
    pub difference: Estimate,
    /// Two-sided p-value for no difference.
    pub p: f64,
}

/// The AUC of one model minus that of another for a class against all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassDifference {
    /// The class.
    pub class: String,
    /// The difference over all folds together with `DeLong`'s interval; positive favours the first
    /// model.
    #[serde(flatten)]
    pub difference: Estimate,
    /// `DeLong`'s two-sided p-value for no difference.
    pub p: f64,
}

/// How a new model moves patients relative to an old one, for the event by a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReclassificationResult {
    /// The new model.
    pub new: String,
    /// The old model.
    pub old: String,
    /// Days from the index date.
    pub time_days: f64,
    /// Which moves count.
    #[serde(flatten)]
    pub kind: ReclassificationKind,
    /// Among those with the event, the share moved up less the share moved down; positive favours
    /// the new model.
    pub events: Estimate,
    /// Among those without, the share moved down less the share moved up; positive favours the new
    /// model.
    pub non_events: Estimate,
    /// Their sum, the net reclassification improvement, from -2 to 2.
    pub improvement: Estimate,
}

/// Which moves a net reclassification counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReclassificationKind {
    /// Every change of the predicted probability. Pencina et al., Stat Med 2011;30:11.
    Continuous,
    /// Changes across the observed share of events, which make it the difference of sensitivity and
    /// specificity at that cutoff. Pencina et al., Stat Med 2017;36:4043.
    EventRate {
        /// The cutoff, a probability of the event.
        cutoff: f64,
    },
}
