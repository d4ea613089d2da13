//! Cox regression with an elastic-net penalty, along a path of penalties.

use ndarray::ArrayRef2;

use crate::coordinate_descent::Descent;
use crate::cox::{CoxModel, check};
use crate::partial_likelihood::Ties;
use crate::{Survival, Undefined};

/// An elastic-net penalty and the path of its sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct ElasticNet {
    /// The share of the lasso in the penalty: 1 is the lasso, 0 is ridge.
    pub l1_ratio: f64,
    /// How tied events share a risk set.
    pub ties: Ties,
    /// The sizes of the penalty.
    pub penalties: Penalties,
    /// One factor of the penalty for each column, 0 for a column that is not penalized; they are
    /// scaled to a mean of 1. `None` penalizes all columns alike.
    pub factors: Option<Vec<f64>>,
}

/// The sizes of a penalty, to be fitted from the largest to the smallest.
#[derive(Clone, Debug, PartialEq)]
pub enum Penalties {
    /// Evenly spaced on the logarithmic scale, from the smallest penalty that leaves every
    /// penalized coefficient at 0 down to a share of it.
    Grid {
        /// How many.
        count: u32,
        /// The smallest penalty as a share of the largest.
        smallest: f64,
    },
    /// These, as given.
    Given(Vec<f64>),
}

impl Default for ElasticNet {
    /// The lasso with Efron's ties, 100 penalties down to a hundredth of the largest.
    fn default() -> Self {
        Self {
            l1_ratio: 1.0,
            ties: Ties::Efron,
            penalties: Penalties::Grid { count: 100, smallest: 0.01 },
            factors: None,
        }
    }
}

/// Ridge alone has no penalty at which all coefficients are 0: its grid is that of this share.
const LEAST_L1_RATIO: f64 = 0.001;

/// Fits, for each penalty λ, the coefficients b that minimize
/// -l(b)/n + λ Σ fⱼ (α |bⱼ| + (1 - α)/2 bⱼ²), where l is the log partial likelihood summed over
/// events, n the number of patients, α the `l1_ratio` and fⱼ a column's factor. Simon et al., J
/// Stat Softw 2011;39(5):1; the objective of glmnet and of scikit-survival's
/// `CoxnetSurvivalAnalysis`.
///
/// `x` is (patients, columns) and is used as it is: columns should be standardized for a penalty
/// to treat them alike; their means do not matter. One model is given for each penalty, in the
/// order of the penalties.
///
/// Newton's method with coordinate descent for each step, over the columns that the strong rules
/// leave (Tibshirani et al., J R Stat Soc B 2012;74:245); every other column is checked at the
/// end. Each fit starts from the one before.
///
/// # Errors
/// When there is no column or no event, a value is not finite, a penalty, a factor or the
/// `l1_ratio` is out of range, or a likelihood has no maximum.
///
/// # Panics
/// When `x` does not have as many rows as outcomes, or there is not one factor for each column.
pub fn fit_path(
    x: &ArrayRef2<f64>,
    outcomes: &[Survival],
    net: &ElasticNet,
) -> Result<Vec<CoxModel>, Undefined> {
    check(x, outcomes, 0.0)?;
    check_net(net)?;
    let factors = scaled_factors(net.factors.as_deref(), x.ncols())?;
    let rows: Vec<usize> = (0..outcomes.len()).collect();
    let mut descent = Descent::new(x, outcomes, &rows, net.ties);
    let patients = outcomes.len() as f64;
    // Only columns without a penalty, to begin with.
    let alone: Vec<f64> =
        factors.iter().map(|&factor| if factor > 0.0 { f64::INFINITY } else { 0.0 }).collect();
    descent
        .solve(&alone, &vec![0.0; x.ncols()])
        .ok_or(Undefined::NoConvergence { penalty: 0.0 })?;
    let largest = descent.slopes().iter().zip(&factors).filter(|(_, factor)| **factor > 0.0);
    let largest = largest.map(|(slope, factor)| slope.abs() / factor).fold(0.0, f64::max);
    let largest = largest / (patients * net.l1_ratio.max(LEAST_L1_RATIO));
    let mut fit = |penalty: f64| {
        let scaled = |share: f64| -> Vec<f64> {
            factors.iter().map(|factor| patients * penalty * share * factor).collect()
        };
        let log_likelihood = descent
            .solve(&scaled(net.l1_ratio), &scaled(1.0 - net.l1_ratio))
            .ok_or(Undefined::NoConvergence { penalty })?;
        let coefficients = descent.coefficients().to_vec();
        Ok(CoxModel { coefficients, penalty, log_likelihood })
    };
    let penalties = grid(&net.penalties, largest);
    let mut order: Vec<usize> = (0..penalties.len()).collect();
    order.sort_by(|&a, &b| penalties[b].total_cmp(&penalties[a]));
    let mut models = Vec::with_capacity(penalties.len());
    for index in order {
        models.push((index, fit(penalties[index])?));
    }
    models.sort_by_key(|(index, _)| *index);
    Ok(models.into_iter().map(|(_, model)| model).collect())
}

fn grid(penalties: &Penalties, largest: f64) -> Vec<f64> {
    match penalties {
        Penalties::Given(penalties) => penalties.clone(),
        &Penalties::Grid { count, smallest } => {
            let last = f64::from(count.saturating_sub(1).max(1));
            (0..count).map(|step| largest * smallest.powf(f64::from(step) / last)).collect()
        }
    }
}

fn check_net(net: &ElasticNet) -> Result<(), Undefined> {
    let share = |value: f64| (0.0..=1.0).contains(&value);
    if !share(net.l1_ratio) {
        return Err(Undefined::InvalidShare { what: "the l1 ratio", value: net.l1_ratio });
    }
    match &net.penalties {
        Penalties::Given(penalties) => {
            let invalid =
                penalties.iter().find(|penalty| !(penalty.is_finite() && **penalty >= 0.0));
            invalid.map_or(Ok(()), |&penalty| Err(Undefined::InvalidPenalty { penalty }))
        }
        &Penalties::Grid { smallest, .. } if share(smallest) && smallest > 0.0 => Ok(()),
        &Penalties::Grid { smallest, .. } => {
            Err(Undefined::InvalidShare { what: "the smallest penalty", value: smallest })
        }
    }
}

/// Factors of a mean of 1.
fn scaled_factors(factors: Option<&[f64]>, columns: usize) -> Result<Vec<f64>, Undefined> {
    let Some(factors) = factors else { return Ok(vec![1.0; columns]) };
    assert_eq!(factors.len(), columns, "one factor for each column");
    if let Some(&penalty) = factors.iter().find(|factor| !(factor.is_finite() && **factor >= 0.0)) {
        return Err(Undefined::InvalidPenalty { penalty });
    }
    let mean = factors.iter().sum::<f64>() / columns as f64;
    // Where nothing is penalized there is nothing to scale.
    let mean = if mean > 0.0 { mean } else { 1.0 };
    Ok(factors.iter().map(|factor| factor / mean).collect())
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    use ndarray::{Array1, Array2};
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use crate::cox::{fit_ridge, partial_log_likelihood};

    fn cohort(patients: usize, columns: usize) -> (Array2<f64>, Vec<Survival>) {
        let mut generator = ChaCha8Rng::seed_from_u64(11);
        let x = Array2::from_shape_fn((patients, columns), |_| generator.random_range(-1.7..1.7));
        let outcome = |row: ndarray::ArrayView1<f64>| {
            let rate = (row[0] - row[1]).exp() / 500.0;
            let time = (-generator.random_range(0.0..1.0_f64).ln_1p() / rate).abs();
            let time_days = (time / 30.0).ceil() * 30.0;
            Survival::until(time_days, generator.random_bool(0.7))
        };
        let outcomes = x.rows().into_iter().map(outcome).collect();
        (x, outcomes)
    }

    #[test]
    fn slopes_are_what_the_penalty_allows_with_both_kinds_of_ties() {
        for (patients, columns, late) in [(80, 6, false), (50, 200, false), (80, 6, true)] {
            let (x, mut outcomes) = cohort(patients, columns);
            for outcome in outcomes.iter_mut().skip(1).step_by(2).filter(|_| late) {
                *outcome = outcome.entered(0.4 * outcome.time_days).unwrap();
            }
            for (l1_ratio, ties) in
                [(1.0, Ties::Efron), (0.5, Ties::Breslow), (0.3, Ties::Efron), (0.0, Ties::Efron)]
            {
                let penalties = Penalties::Grid { count: 12, smallest: 0.02 };
                let net = ElasticNet { l1_ratio, ties, penalties, factors: None };
                for model in fit_path(&x, &outcomes, &net).unwrap() {
                    let at = partial_log_likelihood(&outcomes, &model.log_risks(&x), ties);
                    let slopes = x.t().dot(&Array1::from(at.gradient)) / patients as f64;
                    for (slope, &b) in slopes.iter().zip(&model.coefficients) {
                        let (l1, l2) = (model.penalty * l1_ratio, model.penalty * (1.0 - l1_ratio));
                        let apart = if b == 0.0 {
                            (slope.abs() - l1).max(0.0)
                        } else {
                            (slope - l1 * b.signum() - l2 * b).abs()
                        };
                        assert!(apart < 1e-6, "{patients} {l1_ratio} {ties:?} {apart}");
                    }
                }
            }
        }
    }

    #[test]
    fn without_a_lasso_it_is_ridge() {
        for (patients, columns) in [(80, 6), (40, 90)] {
            let (x, outcomes) = cohort(patients, columns);
            let ridge = fit_ridge(&x, &outcomes, 20.0).unwrap();
            let penalties = Penalties::Given(vec![20.0 / patients as f64]);
            let net = ElasticNet { l1_ratio: 0.0, penalties, ..ElasticNet::default() };
            let found = &fit_path(&x, &outcomes, &net).unwrap()[0];
            for (a, b) in found.coefficients.iter().zip(&ridge.coefficients) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }

    #[test]
    fn the_path_begins_where_everything_is_0_and_keeps_the_order_asked_for() {
        let (x, outcomes) = cohort(60, 30);
        let path = fit_path(&x, &outcomes, &ElasticNet::default()).unwrap();
        assert_eq!(path.len(), 100);
        assert!(path[0].coefficients.iter().all(|&b| b == 0.0));
        assert!(path[1].coefficients.iter().any(|&b| b != 0.0));
        assert!((path[99].penalty / path[0].penalty - 0.01).abs() < 1e-12);
        let penalties = vec![path[50].penalty, path[10].penalty];
        let net = ElasticNet { penalties: Penalties::Given(penalties), ..ElasticNet::default() };
        let found = fit_path(&x, &outcomes, &net).unwrap();
        for (found, expected) in found.iter().zip([&path[50], &path[10]]) {
            for (a, b) in found.coefficients.iter().zip(&expected.coefficients) {
                assert!((a - b).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_column_without_penalty_is_always_in() {
        let (x, outcomes) = cohort(60, 10);
        let mut factors = vec![1.0; 10];
        factors[7] = 0.0;
        let net = ElasticNet { factors: Some(factors), ..ElasticNet::default() };
        let path = fit_path(&x, &outcomes, &net).unwrap();
        let alone = fit_ridge(&x.select(ndarray::Axis(1), &[7]), &outcomes, 0.0).unwrap();
        assert!((path[0].coefficients[7] - alone.coefficients[0]).abs() < 1e-5);
        assert_eq!(path[0].coefficients.iter().filter(|&&b| b != 0.0).count(), 1);
    }

    #[test]
    fn constant_and_repeated_columns_do_no_harm() {
        let (mut x, outcomes) = cohort(60, 5);
        x.column_mut(3).fill(2.0);
        let first = x.column(0).to_owned();
        x.column_mut(4).assign(&first);
        for model in fit_path(&x, &outcomes, &ElasticNet::default()).unwrap() {
            assert!(model.coefficients.iter().all(|b| b.is_finite()));
            assert_eq!(model.coefficients[3], 0.0);
        }
    }

    #[test]
    fn says_why_there_is_no_path() {
        let (x, outcomes) = cohort(20, 60);
        let fit = |net: ElasticNet| fit_path(&x, &outcomes, &net).unwrap_err();
        let net = ElasticNet::default();
        let share = Undefined::InvalidShare { what: "the l1 ratio", value: 1.5 };
        assert_eq!(fit(ElasticNet { l1_ratio: 1.5, ..net.clone() }), share);
        let penalties = Penalties::Given(vec![-1.0]);
        let negative = Undefined::InvalidPenalty { penalty: -1.0 };
        assert_eq!(fit(ElasticNet { penalties, ..net.clone() }), negative);
        let penalties = Penalties::Grid { count: 3, smallest: 0.0 };
        assert!(matches!(
            fit(ElasticNet { penalties, ..net.clone() }),
            Undefined::InvalidShare { .. }
        ));
        let factors = Some(vec![f64::NAN; 60]);
        assert!(matches!(
            fit(ElasticNet { factors, ..net.clone() }),
            Undefined::InvalidPenalty { .. }
        ));
        // More columns than patients order anything perfectly.
        let factors = Some(vec![0.0; 60]);
        let unbounded = Undefined::NoConvergence { penalty: 0.0 };
        assert_eq!(fit(ElasticNet { factors, ..net }), unbounded);
    }
}
