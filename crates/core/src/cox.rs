//! Cox regression with a ridge penalty.

use ndarray::{Array1, Array2, ArrayRef2};
use serde::{Deserialize, Serialize};

use crate::cross_fit::RidgeBlocks;
use crate::matrix::{Columns, Matrix, Values};
use crate::newton::Geometry;
use crate::partial_likelihood::RiskSets;
pub use crate::partial_likelihood::{LogLikelihood, Ties, partial_log_likelihood};
use crate::split::folds_of_outcomes;
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

/// Which partial likelihood a Cox model is fitted by; Efron's ties and no strata by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Likelihood<'a> {
    /// How events at one time share their risk set.
    pub ties: Ties,
    /// The stratum of each patient, such as a site or a fold: patients are compared within strata
    /// alone, each of which has a baseline hazard of its own. Empty where all are of one.
    pub strata: &'a [u32],
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
/// Who came under observation late is in the risk sets after the time of entry only, as in R's `coxph`
/// of `Surv(entry, exit, event)`.
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
    fit_ridge_with(x, outcomes, penalty, Likelihood::default())
}

/// Fits as [`fit_ridge`], with other ties or within strata.
///
/// # Errors
/// As [`fit_ridge`].
///
/// # Panics
/// When `x` does not have as many rows as outcomes, or there is not one stratum for each of them.
pub fn fit_ridge_with(
    x: &ArrayRef2<f64>,
    outcomes: &[Survival],
    penalty: f64,
    likelihood: Likelihood,
) -> Result<CoxModel, Undefined> {
    check(x, outcomes, penalty)?;
    fit_to(x, &RiskSets::stratified(outcomes, likelihood.strata, likelihood.ties), penalty)
}

fn fit_to(x: &ArrayRef2<f64>, sets: &RiskSets, penalty: f64) -> Result<CoxModel, Undefined> {
    let columns = Columns::new(x.into())?;
    let geometry = Geometry::of(Matrix::new(vec![(&columns, 1.0)]));
    let rows: Vec<usize> = (0..x.nrows()).collect();
    let fitted = geometry.part(&rows).fit(sets, penalty, None)?;
    Ok(CoxModel {
        coefficients: geometry.coefficients(&rows, &fitted.solution),
        penalty,
        log_likelihood: fitted.log_likelihood,
    })
}

/// The standard error of each coefficient: the square root of the diagonal of the inverse of the
/// observed information, to which the penalty of a ridge model is added.
///
/// # Errors
/// When the information cannot be inverted: columns repeat each other without a penalty.
///
/// # Panics
/// When `x` does not have as many rows as outcomes or as many columns as the model.
pub fn standard_errors(
    model: &CoxModel,
    x: &ArrayRef2<f64>,
    outcomes: &[Survival],
) -> Result<Vec<f64>, Undefined> {
    standard_errors_with(model, x, outcomes, Likelihood::default())
}

/// The standard errors of a model of [`fit_ridge_with`].
///
/// # Errors
/// As [`standard_errors`].
///
/// # Panics
/// As [`standard_errors`], or when there is not one stratum for each outcome.
pub fn standard_errors_with(
    model: &CoxModel,
    x: &ArrayRef2<f64>,
    outcomes: &[Survival],
    likelihood: Likelihood,
) -> Result<Vec<f64>, Undefined> {
    let sets = RiskSets::stratified(outcomes, likelihood.strata, likelihood.ties);
    let log_risks: Vec<f64> = model.log_risks(x).iter().map(|risk| risk.0).collect();
    let at = sets.at(&log_risks);
    let mut information = Array2::zeros((x.ncols(), x.ncols())); // (columns, columns)
    for (column, mut row) in x.columns().into_iter().zip(information.rows_mut()) {
        row.assign(&x.t().dot(&Array1::from(at.curvature(&column.to_vec()))));
    }
    for diagonal in information.diag_mut() {
        *diagonal += model.penalty;
    }
    inverse_diagonal(information)
        .map(|variances| variances.into_iter().map(f64::sqrt).collect())
        .ok_or(Undefined::NoConvergence { penalty: model.penalty })
}

/// The diagonal of the inverse of a symmetric, positive definite matrix by its Cholesky factor L:
/// the sums of squares of the columns of the inverse of L.
fn inverse_diagonal(mut lower: Array2<f64>) -> Option<Vec<f64>> {
    let size = lower.nrows();
    for i in 0..size {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum();
            let value = lower[[i, j]] - known;
            if i > j {
                lower[[i, j]] = value / lower[[j, j]];
            } else if value > 1e-12 * lower[[i, i]] {
                lower[[i, i]] = value.sqrt();
            } else {
                return None;
            }
        }
    }
    let of_column = |column: usize| {
        let mut inverse = vec![0.0; size];
        for i in column..size {
            let known: f64 = (column..i).map(|k| lower[[i, k]] * inverse[k]).sum();
            let unit = if i == column { 1.0 } else { 0.0 };
            inverse[i] = (unit - known) / lower[[i, i]];
        }
        inverse.iter().map(|value| value * value).sum()
    };
    Some((0..size).map(of_column).collect())
}

/// Fits as [`fit_ridge`], with the penalty that has the largest cross-validated log partial
/// likelihood: the sum over folds of l(b₋ₖ) of all patients less l(b₋ₖ) of those outside fold k,
/// where b₋ₖ is fitted without it. Verweij and van Houwelingen, Stat Med 1993;12:2305.
///
/// The grid is events · s · 10^(1 - i/3) for i = 0 ... 15, where s is the sum of the columns'
/// variances: from almost no effect to almost no penalty. Fits start from the next larger
/// penalty's. Folds are [`crate::split::stratified_folds`] of these patients by `seed`. The
/// blocks' columns stand one after the other.
///
/// # Errors
/// As [`fit_ridge`], and when there are fewer than two folds or fewer events than folds.
///
/// # Panics
/// When there is no block, or one does not have as many rows as outcomes.
pub fn fit_ridge_cv(
    blocks: &[Values],
    outcomes: &[Survival],
    folds: usize,
    seed: u64,
) -> Result<CoxModel, Undefined> {
    check_blocks(blocks, outcomes, 0.0)?;
    let fold_of = folds_of_outcomes(outcomes, folds, seed)?;
    let fitted = RidgeBlocks::in_folds(blocks, outcomes, &fold_of)?.fit_plainly()?;
    Ok(CoxModel {
        coefficients: fitted.coefficients,
        penalty: fitted.penalties[0],
        log_likelihood: fitted.log_likelihood,
    })
}

/// From the largest penalty to the smallest.
pub(crate) fn penalty_grid(scale: f64) -> Vec<f64> {
    (0..16).map(|step| scale * 10_f64.powf(1.0 - f64::from(step) / 3.0)).collect()
}

pub(crate) fn check(
    x: &ArrayRef2<f64>,
    outcomes: &[Survival],
    penalty: f64,
) -> Result<(), Undefined> {
    check_blocks(&[x.into()], outcomes, penalty)?;
    match x.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, _), &value)) => Err(Undefined::NotFinite { what: "a column", row, value }),
        None => Ok(()),
    }
}

/// The same but for the values.
pub(crate) fn check_blocks(
    blocks: &[Values],
    outcomes: &[Survival],
    penalty: f64,
) -> Result<(), Undefined> {
    let rows = blocks.iter().all(|block| block.nrows() == outcomes.len());
    assert!(rows, "one row for each outcome");
    if !(penalty.is_finite() && penalty >= 0.0) {
        return Err(Undefined::InvalidPenalty { penalty });
    }
    if outcomes.is_empty() {
        return Err(Undefined::NoPatient);
    }
    if blocks.iter().all(|block| block.ncols() == 0) {
        return Err(Undefined::NoColumn);
    }
    if !outcomes.iter().any(|outcome| outcome.event) {
        return Err(Undefined::NoEvent { patients: outcomes.len() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    use ndarray::array;
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    /// Two columns that matter, and others that do not.
    fn cohort(patients: usize, columns: usize) -> (Array2<f64>, Vec<Survival>) {
        let mut generator = ChaCha8Rng::seed_from_u64(5);
        let x = Array2::from_shape_fn((patients, columns), |_| {
            generator.random_range(-1.7..1.7_f64) + 0.3
        });
        let outcomes = x
            .rows()
            .into_iter()
            .map(|row| {
                let rate = (row[0] - row[1]).exp() / 500.0;
                let time = (-generator.random_range(0.0..1.0_f64).ln_1p() / rate).abs();
                Survival::until((time * 1.4).ceil(), generator.random_bool(0.7))
            })
            .collect();
        (x, outcomes)
    }

    /// The largest slope of the objective, which is 0 at its minimum.
    fn slope(x: &Array2<f64>, outcomes: &[Survival], model: &CoxModel) -> f64 {
        let at = partial_log_likelihood(outcomes, &model.log_risks(x), Ties::Efron);
        let by_column = x.t().dot(&Array1::from(at.gradient));
        by_column
            .iter()
            .zip(&model.coefficients)
            .map(|(slope, coefficient)| (slope - model.penalty * coefficient).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn the_slope_is_zero_at_the_fit_in_both_spaces() {
        for (patients, columns) in [(80, 5), (40, 39), (40, 41), (30, 300)] {
            let (x, outcomes) = cohort(patients, columns);
            for penalty in [0.5, 5.0, 500.0] {
                let model = fit_ridge(&x, &outcomes, penalty).unwrap();
                let found = slope(&x, &outcomes, &model);
                assert!(found < 1e-6, "{patients} {columns} {penalty}: {found}");
            }
        }
    }

    #[test]
    fn one_column_by_hand() {
        // l(b) = b - ln(e^b + 1), so the slope of the objective is e^b/(e^b + 1) - 1 + b.
        let outcomes = [Survival::until(1.0, true), Survival::until(2.0, false)];
        let model = fit_ridge(&array![[1.0], [0.0]], &outcomes, 1.0).unwrap();
        let b = model.coefficients[0];
        assert!((b.exp() / (b.exp() + 1.0) - 1.0 + b).abs() < 1e-10, "{b}");
    }

    #[test]
    fn layout_and_means_do_not_matter() {
        let (x, outcomes) = cohort(50, 4);
        let model = fit_ridge(&x, &outcomes, 2.0).unwrap();
        let moved = fit_ridge(&(&x + 1000.0), &outcomes, 2.0).unwrap();
        let columnwise = x.t().as_standard_layout().into_owned();
        let turned = fit_ridge(&columnwise.t(), &outcomes, 2.0).unwrap();
        for (column, coefficient) in model.coefficients.iter().enumerate() {
            assert!((coefficient - moved.coefficients[column]).abs() < 1e-8);
            assert!((coefficient - turned.coefficients[column]).abs() < 1e-12);
        }
    }

    #[test]
    fn the_penalty_is_chosen_on_the_given_rows_and_the_same_every_time() {
        for columns in [6, 200] {
            let (x, outcomes) = cohort(90, columns);
            let model = fit_ridge_cv(&[(&*x).into()], &outcomes, 5, 1).unwrap();
            assert_eq!(fit_ridge_cv(&[(&*x).into()], &outcomes, 5, 1).unwrap(), model);
            let again = fit_ridge(&x, &outcomes, model.penalty).unwrap();
            for (a, b) in again.coefficients.iter().zip(&model.coefficients) {
                assert!((a - b).abs() < 1e-12);
            }
            // Both columns that matter are found, on the right side.
            assert!(model.coefficients[0] > 0.05, "{columns}: {:?}", &model.coefficients[..2]);
            assert!(model.coefficients[1] < -0.05, "{columns}: {:?}", &model.coefficients[..2]);
        }
    }

    #[test]
    fn the_chosen_penalty_has_the_largest_cross_validated_likelihood() {
        let (x, outcomes) = cohort(60, 3);
        let model = fit_ridge_cv(&[(&*x).into()], &outcomes, 3, 2).unwrap();
        let fold_of = folds_of_outcomes(&outcomes, 3, 2).unwrap();
        // Anew, by the definition.
        let criterion = |penalty: f64| -> f64 {
            (0..3)
                .map(|fold| {
                    let inside: Vec<usize> = (0..60).filter(|&row| fold_of[row] != fold).collect();
                    let training: Vec<Survival> = inside.iter().map(|&row| outcomes[row]).collect();
                    let part = x.select(ndarray::Axis(0), &inside);
                    let model = fit_ridge(&part, &training, penalty).unwrap();
                    partial_log_likelihood(&outcomes, &model.log_risks(&x), Ties::Efron).value
                        - partial_log_likelihood(&training, &model.log_risks(&part), Ties::Efron)
                            .value
                })
                .sum()
        };
        let best = criterion(model.penalty);
        for factor in [10_f64.powf(-1.0 / 3.0), 10_f64.powf(1.0 / 3.0)] {
            assert!(criterion(model.penalty * factor) <= best + 1e-9);
        }
    }

    #[test]
    fn constant_and_repeated_columns_do_no_harm() {
        let (x, outcomes) = cohort(60, 2);
        let repeated = ndarray::stack![
            ndarray::Axis(1),
            x.column(0),
            x.column(0),
            x.column(1),
            ndarray::Array1::from_elem(60, 3.0)
        ];
        let model = fit_ridge(&repeated, &outcomes, 1.0).unwrap();
        assert!((model.coefficients[0] - model.coefficients[1]).abs() < 1e-9);
        assert!(model.coefficients[3].abs() < 1e-9);
    }

    #[test]
    fn says_why_there_is_no_fit() {
        let (x, outcomes) = cohort(20, 2);
        let fit = |x: &Array2<f64>, outcomes: &[Survival], penalty| {
            fit_ridge(x, outcomes, penalty).map(|_| ())
        };
        let mut broken = x.clone();
        broken[[3, 1]] = f64::NAN;
        assert!(matches!(fit(&broken, &outcomes, 1.0), Err(Undefined::NotFinite { row: 3, .. })));
        let none = Array2::zeros((20, 0));
        assert_eq!(fit(&none, &outcomes, 1.0), Err(Undefined::NoColumn));
        assert_eq!(fit(&x, &outcomes, -1.0), Err(Undefined::InvalidPenalty { penalty: -1.0 }));
        let censored: Vec<Survival> =
            outcomes.iter().map(|outcome| Survival { event: false, ..*outcome }).collect();
        assert_eq!(fit(&x, &censored, 1.0), Err(Undefined::NoEvent { patients: 20 }));
        assert_eq!(fit(&Array2::zeros((0, 2)), &[], 1.0), Err(Undefined::NoPatient));
    }

    #[test]
    fn a_perfect_order_needs_a_penalty() {
        let outcomes: Vec<Survival> =
            (0..10).map(|day| Survival::until(f64::from(day), true)).collect();
        let x = Array2::from_shape_fn((10, 1), |(row, _)| 10.0 - row as f64);
        let found = fit_ridge(&x, &outcomes, 0.0);
        assert_eq!(found, Err(Undefined::NoConvergence { penalty: 0.0 }));
        assert!(fit_ridge(&x, &outcomes, 0.1).unwrap().coefficients[0] > 0.0);
        // More columns than patients order anything perfectly.
        let (x, outcomes) = cohort(20, 60);
        let found = fit_ridge(&x, &outcomes, 0.0);
        assert_eq!(found, Err(Undefined::NoConvergence { penalty: 0.0 }));
        let model = fit_ridge(&x, &outcomes, 1e-4).unwrap();
        assert!(slope(&x, &outcomes, &model) < 1e-6);
    }
}
