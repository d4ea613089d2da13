//! What an evaluation folder holds.

mod comparison;
mod groups;
mod subtype;

use serde::{Deserialize, Serialize};

pub use self::comparison::{
    AucDifference, ClassDifference, Comparison, ReclassificationKind, ReclassificationResult,
};
pub use self::groups::{
    GroupMean, HazardRatio, RestrictedMeans, RiskGroups, RiskThird, TestResult,
};
pub use self::subtype::{ClassResult, SubtypeResult};
use crate::{PatientId, Risk, Survival};

/// What `cv` and `evaluate` found: the content of `evaluation.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The layout of this file: 2, which added `contributions`, `hazard_ratio`, `calibration` and
    /// `decisions`; files of layout 1 are read with these empty. What came later is empty in files
    /// without it.
    pub schema_version: u32,
    /// The version of the program that wrote it.
    pub program_version: String,
    /// The cohort's id.
    pub cohort: String,
    /// SHA-256 of the aligned table that was read.
    pub data_sha256: String,
    /// How patients were held out, in words: `5-fold cross-validation, stratified by event and time`.
    pub design: String,
    /// Patients with a known outcome.
    pub patients: usize,
    /// Observed events among them.
    pub events: usize,
    /// Patients whose ids the model was trained on: where they are the same people, the figures
    /// flatter it.
    #[serde(default)]
    pub trained_on: usize,
    /// The competing events; empty where there are none. With them every probability of the event
    /// is its cumulative incidence, and survival in `calibration` is one less that.
    #[serde(default)]
    pub competing: Vec<CompetingEvent>,
    /// The times that AUC and survival are reported at.
    pub horizons_days: Vec<f64>,
    /// The classes of [`Prediction::class_probabilities`]; empty without a subtype head.
    pub classes: Vec<String>,
    /// The fusion model first, then its baselines.
    pub models: Vec<ModelResult>,
    /// The fusion model against each baseline on the same patients.
    pub comparisons: Vec<Comparison>,
    /// How the first model moves patients relative to the best model of a single modality and to
    /// ridge Cox.
    #[serde(default)]
    pub reclassification: Vec<ReclassificationResult>,
    /// What each modality is worth to the first model, where that is a stack.
    #[serde(default)]
    pub contributions: Vec<Contribution>,
    /// The hazard of the first model's high-risk patients over that of the others, within folds.
    #[serde(default)]
    pub hazard_ratio: Option<Estimate>,
    /// How the first model's risk groups fared.
    #[serde(default)]
    pub risk_groups: Option<RiskGroups>,
    /// How the first model's survival probabilities fit what was observed.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// What deciding by the first model is worth, at each horizon that follow-up reaches.
    #[serde(default)]
    pub decisions: Vec<DecisionCurve>,
    /// Who is not in the figures, and why.
    pub exclusions: Vec<Exclusion>,
    /// What a reader must know about these figures, one sentence each.
    pub notes: Vec<String>,
    /// The settings of the fusion model as they were used.
    pub config: serde_json::Value,
}

/// A value with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// The 95 % confidence interval of a figure that stands by itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl Bounds {
    /// The figure with this interval.
    #[must_use]
    pub fn around(self, value: f64) -> Estimate {
        Estimate { value, low: self.low, high: self.high }
    }
}

/// An event that keeps the event of interest from happening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompetingEvent {
    /// Its name.
    pub name: String,
    /// How often it was observed.
    pub events: usize,
}

/// One model's figures on patients that it was not trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelResult {
    /// A name such as `fusion`, `ridge Cox` or `genomics alone`.
    pub name: String,
    /// The modalities it reads.
    pub modalities: Vec<String>,
    /// Harrell's C, the mean over folds; `None` where no pair is comparable.
    pub c_index: Option<Estimate>,
    /// Uno's C, the mean over folds; not with competing events.
    pub c_index_uno: Option<Estimate>,
    /// With competing events Wolbers' C of the cumulative incidence at the last horizon: who had
    /// another event stays at risk. The mean over folds; `c_index` is then the one of the
    /// cause-specific hazard, for which the others are censored.
    #[serde(default)]
    pub c_index_competing: Option<Estimate>,
    /// Antolini's C of the survival curves up to the last horizon, the mean over folds.
    #[serde(default)]
    pub c_index_antolini: Option<f64>,
    /// Its interval by the infinitesimal jackknife.
    #[serde(default)]
    pub c_index_antolini_interval: Option<Bounds>,
    /// Cumulative/dynamic AUC at each horizon that follow-up reaches.
    pub auc: Vec<AucAt>,
    /// The Brier score at each horizon that follow-up reaches; lower is better.
    #[serde(default)]
    pub brier: Vec<BrierAt>,
    /// Integrated Brier score up to the last horizon; lower is better. With competing events that of
    /// the cumulative incidence.
    pub ibs: Option<f64>,
    /// Its interval.
    #[serde(default)]
    pub ibs_interval: Option<Bounds>,
    /// The hazard ratio of one standard deviation of the risk, within folds; above 1 a higher risk
    /// is worse.
    #[serde(default)]
    pub hazard_ratio_per_sd: Option<HazardRatio>,
    /// Subtype figures, for a model with a subtype head.
    pub subtype: Option<SubtypeResult>,
    /// Each fold by itself.
    pub folds: Vec<FoldResult>,
}

/// AUC for dying by a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AucAt {
    /// Days from the index date.
    pub time_days: f64,
    /// The AUC with its interval.
    #[serde(flatten)]
    pub auc: Estimate,
}

/// The Brier score at a time: the expected squared error of the predicted probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrierAt {
    /// Days from the index date.
    pub time_days: f64,
    /// The score, the mean over folds, with its interval; lower is better.
    #[serde(flatten)]
    pub brier: Estimate,
}

/// One held-out part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldResult {
    /// The fold's number as given.
    pub fold: u32,
    /// Held-out patients.
    pub patients: usize,
    /// Events among them.
    pub events: usize,
    /// Harrell's C; `None` where undefined, and then `note` says why.
    pub c_index: Option<f64>,
    /// Why a figure is missing.
    pub note: Option<String>,
}

/// What one modality is worth to a stack of models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The modality.
    pub modality: String,
    /// How far the risk moves with it, as a share of the sum over modalities: the mean over folds,
    /// 0 where no model with a weight reads it.
    pub weight_share: f64,
    /// Harrell's C of the stack minus that of the stack whose weights were chosen anew among the
    /// models that do not read the modality, on the same patients, with its paired bootstrap
    /// interval; `None` where that is undefined or no model was left.
    pub gain: Option<Estimate>,
    /// Two-sided bootstrap p-value for no gain and no loss, or a normal one where C of a fold is perfect.
    pub p: Option<f64>,
}

/// How survival probabilities fit what was observed, over all folds together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The coefficient of ln(-ln S) at the last horizon in a Cox model: 1 where predictions are as
    /// far apart as they should, below 1 where they are too extreme.
    pub slope: Option<Estimate>,
    /// Each horizon that follow-up reaches.
    pub at: Vec<CalibrationAt>,
}

/// Predicted against observed survival at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationAt {
    /// Days from the index date.
    pub time_days: f64,
    /// The observed share of events over the predicted one; `None`, as all but the slope, where some
    /// patients came under observation late.
    pub observed_over_expected: Option<f64>,
    /// Its interval, in which predictions are taken as given.
    #[serde(default)]
    pub observed_over_expected_interval: Option<Bounds>,
    /// The calibration slope for the event by this time: 1 is right, below 1 predictions are too
    /// extreme. Not beside competing events.
    #[serde(default)]
    pub slope: Option<Estimate>,
    /// The calibration intercept with slope 1: the log of the observed over the predicted
    /// cumulative hazard at this time; 0 is right, above 0 too few events are predicted. Not beside
    /// competing events.
    #[serde(default)]
    pub intercept: Option<Estimate>,
    /// The integrated calibration index: the mean distance between predicted and smoothed observed
    /// survival.
    pub ici: Option<f64>,
    /// Patients by predicted survival, the lowest first.
    pub groups: Vec<CalibrationGroupResult>,
}

/// Patients of similar predictions, and what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationGroupResult {
    /// How many.
    pub patients: usize,
    /// The mean predicted survival.
    pub predicted: f64,
    /// Their survival by Kaplan and Meier; `None` where follow-up does not reach the horizon.
    pub observed: Option<Estimate>,
}

/// Net benefit over thresholds at one time, in true positives per patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionCurve {
    /// Days from the index date.
    pub time_days: f64,
    /// The thresholds, rising.
    pub points: Vec<DecisionPoint>,
}

/// One threshold of a decision curve; treating nobody is worth 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionPoint {
    /// The probability of the event from which on a patient would be treated.
    pub threshold: f64,
    /// The net benefit of treating by the model; `None` where follow-up does not reach the time.
    pub model: Option<f64>,
    /// The net benefit of treating everybody.
    pub everybody: f64,
}

/// A patient, or one modality of a patient, that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// Who; as the file had it, where it is no valid id.
    pub patient_id: String,
    /// The modality that was set aside; empty when the whole patient was.
    pub modality: String,
    /// The step that set it aside: `extract`, `align` or `cv`.
    pub step: String,
    /// Why, and what to do.
    pub reason: String,
}

/// One model's output for one patient it was not trained on: a row of `predictions.parquet`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Whose.
    pub patient_id: PatientId,
    /// The model's name as in [`ModelResult::name`].
    pub model: String,
    /// The fold that the patient was held out in, if any.
    pub fold: Option<u32>,
    /// The log relative hazard; higher is worse. Comparable within one model and fold.
    pub risk: Risk,
    /// Whether the risk is above the median risk of the training patients.
    pub high_risk: bool,
    /// The survival probability at each horizon of the evaluation; with competing events that of
    /// being free of any of them.
    pub survival: Vec<f64>,
    /// The lower bound of the 95 % interval of each of them, see [`crate::precision::Precision`];
    /// empty where the model gives none, not a number at times at which it gives none.
    pub survival_low: Vec<f64>,
    /// The upper bound.
    pub survival_high: Vec<f64>,
    /// With competing events the cumulative incidence of the event at each horizon, then that of
    /// each competing one; empty without.
    pub incidence: Vec<Vec<f64>>,
    /// The lower bound of the 95 % interval of each of them, see
    /// [`crate::incidence_interval::incidence_with_intervals`]; empty where the model gives none.
    pub incidence_low: Vec<Vec<f64>>,
    /// The upper bound.
    pub incidence_high: Vec<Vec<f64>>,
    /// The probability of each class; empty without a subtype head.
    pub class_probabilities: Vec<f64>,
    /// The modalities that the model reads and this patient lacks.
    pub missing_modalities: Vec<String>,
    /// Why to doubt this prediction: `outside_range:<column or modality>` lies beyond what training
    /// has seen, `unusual:<modality>` lies far from it as a whole, `insufficient:<share>` lacks
    /// modalities that carry so much of the model's risk, `past_follow_up:day <days>` tells of a time
    /// that nobody was followed to in training.
    pub flags: Vec<String>,
    /// What was observed, where known.
    pub observed: Option<Survival>,
    /// The competing event that ended follow-up, where one did.
    pub competing: Option<String>,
    /// The observed class, where known.
    pub label: Option<String>,
}

impl Prediction {
    /// Whether the patient, and not what was asked for, is unlike those of the training part.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.flags.iter().any(|flag| !flag.starts_with("past_follow_up:"))
    }
}
