//! Cox regression with a ridge penalty.

use ndarray::{Array1, ArrayRef2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::newton::Geometry;
use crate::partial_likelihood::RiskSets;
pub use crate::partial_likelihood::{LogLikelihood, Ties, partial_log_likelihood};
use crate::split::{Stratum, stratified_folds};
use crate::{Risk, Survival, Undefined};

/// A fitted Cox model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoxModel {
    /// The log hazard ratio of one unit of each column.
    pub coefficients: Vec<f64>,
    /// The penalty it was fitted with.
    pub penalty: f64,
    /// The log partial likelihood of the training patients, without the penalty.
    pub log_likelihood: f64,
}

impl CoxModel {
    /// The log relative hazard of each row of `x` (patients, columns), not centered.
    ///
    /// # Panics
    /// When `x` does not have as many columns as the model.
    #[must_use]
    pub fn log_risks(&self, x: &ArrayRef2<f64>) -> Vec<Risk> {
        assert_eq!(x.ncols(), self.coefficients.len(), "one column for each coefficient");
        let coefficients = Array1::from_vec(self.coefficients.clone());
        x.dot(&coefficients).into_iter().map(Risk).collect()
    }
}

/// Fits the coefficients b that minimize -l(b) + penalty / 2 · |b|², where l is the log partial
/// likelihood with Efron's ties, summed (not averaged) over events, and |b|² the sum of squares.
/// Hoerl and Kennard's ridge for Cox models: Verweij and van Houwelingen, Stat Med 1994;13:2427.
///
/// A penalty of 0 gives the usual Cox model. `x` is (patients, columns) and is used as it is:
/// columns should be standardized for a penalty to treat them alike; their means do not matter.
///
/// Newton's method with conjugate gradients for each step; with more columns than patients in the
/// space of the rows, so that the cost beyond one pass over `x` does not depend on the columns.
///
/// # Errors
/// When there is no column or no event, a value is not finite, the penalty is negative, or the
/// likelihood has no maximum (a penalty of 0 with columns that order the events perfectly).
///
/// # Panics
/// When `x` does not have as many rows as outcomes.
pub fn fit_ridge(
    x: &ArrayRef2<f64>,
    outcomes: &[Survival],
    penalty: f64,
) -> Result<CoxModel, Undefined> {
    check(x, outcomes, penalty)?;
    let geometry = Geometry::of(x);
    let rows: Vec<usize> = (0..outcomes.len()).collect();
    let part = geometry.part(&rows);
    let fitted = part.fit(outcomes, penalty, None)?;
    Ok(CoxModel {
        coefficients: geometry.coefficients(&rows, &fitted.solution),
        penalty,
        log_likelihood: fitted.log_likelihood,
    })
}

/// Fits as [`fit_ridge`], with the penalty that has the largest cross-validated log partial
/// likelihood: the sum over folds of l(b₋ₖ) of all patients less l(b₋ₖ) of those outside fold k,
/// where b₋ₖ is fitted without it. Verweij and van Houwelingen, Stat Med 1993;12:2305.
///
/// The grid is events · s · 10^(1 - i/3) for i = 0 ... 15, where s is the sum of the columns'
/// variances: from almost no effect to almost no penalty. Fits start from the next larger
/// penalty's. Folds are [`stratified_folds`] of these patients by `seed`.
///
/// # Errors
/// As [`fit_ridge`], and when there are fewer than two folds or fewer events than folds.
///
/// # Panics
/// When `x` does not have as many rows as outcomes.
pub fn fit_ridge_cv(
    x: &ArrayRef2<f64>,
    outcomes: &[Survival],
    folds: usize,
    seed: u64,
) -> Result<CoxModel, Undefined> {
    check(x, outcomes, 0.0)?;
    let strata: Vec<Stratum> =
        outcomes.iter().map(|&outcome| Stratum { survival: Some(outcome), label: None }).collect();
    let fold_of = stratified_folds(&strata, folds, seed)?;
    let geometry = Geometry::of(x);
    let events = outcomes.iter().filter(|outcome| outcome.event).count() as f64;
    let penalties = penalty_grid(events * geometry.variance.max(f64::MIN_POSITIVE));
    let by_fold: Vec<Vec<f64>> = (0..folds)
        .into_par_iter()
        .map(|fold| {
            let inside: Vec<usize> =
                (0..outcomes.len()).filter(|&row| fold_of[row] as usize != fold).collect();
            cross_validated(&geometry, outcomes, &inside, &penalties)
        })
        .collect();
    let total = |index: usize| by_fold.iter().map(|fold| fold[index]).sum::<f64>();
    let best = (0..penalties.len())
        .max_by(|&a, &b| total(a).total_cmp(&total(b)).then(b.cmp(&a)))
        .expect("the grid has penalties");
    let rows: Vec<usize> = (0..outcomes.len()).collect();
    let fitted = geometry.part(&rows).fit(outcomes, penalties[best], None)?;
    Ok(CoxModel {
        coefficients: geometry.coefficients(&rows, &fitted.solution),
        penalty: penalties[best],
        log_likelihood: fitted.log_likelihood,
    })
}

/// From the largest penalty to the smallest.
fn penalty_grid(scale: f64) -> Vec<f64> {
    (0..16).map(|step| scale * 10_f64.powf(1.0 - f64::from(step) / 3.0)).collect()
}

/// One fold's part of the cross-validated likelihood at each penalty; minus infinity where the
/// fit does not converge.
fn cross_validated(
    geometry: &Geometry,
    outcomes: &[Survival],
    inside: &[usize],
    penalties: &[f64],
) -> Vec<f64> {
    let training: Vec<Survival> = inside.iter().map(|&row| outcomes[row]).collect();
    let part = geometry.part(inside);
    let everyone = RiskSets::new(outcomes, Ties::Efron);
    let mut start: Option<Vec<f64>> = None;
    let mut likelihood = |&penalty: &f64| {
        let Ok(fitted) = part.fit(&training, penalty, start.as_deref()) else {
            return f64::NEG_INFINITY;
        };
        let log_risks = geometry.log_risks(inside, &fitted.solution);
        start = Some(fitted.solution);
        everyone.at(&log_risks).value - fitted.log_likelihood
    };
    penalties.iter().map(&mut likelihood).collect()
}

fn check(x: &ArrayRef2<f64>, outcomes: &[Survival], penalty: f64) -> Result<(), Undefined> {
    assert_eq!(x.nrows(), outcomes.len(), "one row for each outcome");
    if !(penalty.is_finite() && penalty >= 0.0) {
        return Err(Undefined::InvalidPenalty { penalty });
    }
    if outcomes.is_empty() {
        return Err(Undefined::NoPatient);
    }
    if x.ncols() == 0 {
        return Err(Undefined::NoColumn);
    }
    if !outcomes.iter().any(|outcome| outcome.event) {
        return Err(Undefined::NoEvent { patients: outcomes.len() });
    }
    match x.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, _), &value)) => Err(Undefined::NotFinite { what: "a column", row, value }),
        None => Ok(()),
    }
}
