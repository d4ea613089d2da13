use ndarray::ArrayView1;
use oncoweave_core::{
    Risk, Survival, Undefined,
    cox::{CoxModel, fit_ridge_cv},
    preprocess::{Design, Preprocessing},
};
use serde::{Deserialize, Serialize};

use crate::{Error, RiskScale};

/// Parts of the training part that the penalty is chosen over.
const PENALTY_FOLDS: usize = 5;

/// Ridge Cox with everything that scoring a patient takes: the yardstick of every network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RidgeModel {
    /// `ridge Cox`, or such as `ridge Cox, clinical alone`.
    pub name: String,
    /// The modalities that it reads.
    pub modalities: Vec<String>,
    /// The penalty, chosen by cross-validation inside the training part.
    pub penalty: f64,
    /// The log hazard ratio of one standard deviation of each column.
    pub coefficients: Vec<Coefficient>,
    /// The log partial likelihood of the training patients, without the penalty.
    pub log_likelihood: f64,
    /// The baseline hazard and the median training risk.
    pub scale: RiskScale,
    /// The columns that it reads, how missing values are filled in and how they are scaled.
    pub preprocessing: Preprocessing,
}

/// One column of [`RidgeModel`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coefficient {
    /// The column as in the aligned table, `<modality>.<feature>`.
    pub column: String,
    /// The log hazard ratio of one standard deviation; positive is worse.
    pub log_hazard_ratio: f64,
}

/// Chooses the penalty inside the training part and fits all of it.
pub(crate) fn fit_ridge(
    design: &Design,
    outcomes: &[Survival],
    seed: u64,
) -> Result<CoxModel, Undefined> {
    let events = outcomes.iter().filter(|outcome| outcome.event).count();
    let folds = PENALTY_FOLDS.min(events).max(2);
    fit_ridge_cv(&design.concatenated(), outcomes, folds, seed)
}

impl RidgeModel {
    pub(crate) fn new(
        name: String,
        preprocessing: Preprocessing,
        fitted: &CoxModel,
        design: &Design,
        (horizons_days, outcomes): (&[f64], &[Survival]),
    ) -> Result<Self, Error> {
        let column = |(name, &log_hazard_ratio): (&str, &f64)| Coefficient {
            column: name.to_owned(),
            log_hazard_ratio,
        };
        let names = design.names();
        let risks: Vec<Risk> =
            log_risks(&fitted.coefficients, design).into_iter().map(Risk).collect();
        Ok(Self {
            name,
            modalities: design.blocks.iter().map(|block| block.modality.clone()).collect(),
            penalty: fitted.penalty,
            coefficients: names.into_iter().zip(&fitted.coefficients).map(column).collect(),
            log_likelihood: fitted.log_likelihood,
            scale: RiskScale::fit(outcomes, &risks, horizons_days)?,
            preprocessing,
        })
    }

    /// The log-risk of each patient, (patients,).
    pub(crate) fn log_risks(&self, design: &Design) -> Vec<f64> {
        let coefficients: Vec<f64> =
            self.coefficients.iter().map(|column| column.log_hazard_ratio).collect();
        log_risks(&coefficients, design)
    }
}

/// A plain sum row by row: a matrix product rounds otherwise for other numbers of patients.
fn log_risks(coefficients: &[f64], design: &Design) -> Vec<f64> {
    let log_risk = |row: ArrayView1<f64>| {
        row.into_iter().zip(coefficients).map(|(value, coefficient)| value * coefficient).sum()
    };
    design.concatenated().rows().into_iter().map(log_risk).collect()
}
