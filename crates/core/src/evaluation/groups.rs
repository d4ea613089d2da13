//! How groups of predicted risk fared.

use serde::{Deserialize, Serialize};

use super::Estimate;

/// Survival and tests of a model's risk groups; folds are strata, as risks and, where folds are
/// sites, hazards of different ones cannot be compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskGroups {
    /// Mean times without the event; not beside competing events.
    pub restricted_means: Option<RestrictedMeans>,
    /// The log-rank test between high and low risk, stratified by fold.
    pub log_rank: Option<TestResult>,
    /// Thirds of the risk within folds, the lowest first; empty with fewer patients.
    #[serde(default)]
    pub thirds: Vec<RiskThird>,
    /// The log-rank test for a trend over the thirds, stratified by fold.
    pub trend: Option<TestResult>,
}

/// Mean times without the event up to a day, by risk group: areas under Kaplan and Meier's curves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestrictedMeans {
    /// The last horizon that the follow-up of both groups reaches.
    pub tau_days: f64,
    /// The mean of the high-risk patients, in days.
    pub high: GroupMean,
    /// The mean of the others.
    pub low: GroupMean,
    /// That of the others less that of the high-risk patients; positive where high risk is worse.
    pub difference: Estimate,
}

/// One group's mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupMean {
    /// Patients in the group.
    pub patients: usize,
    /// Events among them.
    pub events: usize,
    /// The mean in days.
    pub days: Estimate,
}

/// One third of the predicted risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskThird {
    /// Patients in it.
    pub patients: usize,
    /// Events among them.
    pub events: usize,
    /// The share without the event at each horizon of the evaluation: Kaplan and Meier's, beside
    /// competing events what Aalen and Johansen leave; `None` where follow-up does not reach it.
    pub without_event: Vec<Option<Estimate>>,
}

/// A chi-squared test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// The statistic.
    pub statistic: f64,
    /// Its degrees of freedom.
    pub degrees_of_freedom: usize,
    /// The probability of such a statistic, or a larger one, when there is no difference.
    pub p: f64,
}

/// A hazard ratio of Cox regression.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HazardRatio {
    /// The ratio with Wald's interval.
    #[serde(flatten)]
    pub ratio: Estimate,
    /// The standard error of its logarithm.
    pub standard_error: f64,
}
