//! Cox regression with non-negative coefficients within strata: the weights of a stack of models.
//!
//! Each column is one model's out-of-fold log-risk. Risks of different folds come from different
//! fits, so that only patients of one fold are compared: folds are strata. van der Laan, Polley and
//! Hubbard, Stat Appl Genet Mol Biol 2007;6(1):25; Breiman, Mach Learn 1996;24:49 on why the
//! weights must not be negative.

use ndarray::{Array1, Array2, ArrayRef2, Axis};

use crate::cox::{Ties, check};
use crate::partial_likelihood::RiskSets;
use crate::{Survival, Undefined};

const NEWTON_STEPS: usize = 100;
const SWEEPS: usize = 1000;
const HALVINGS: i32 = 40;

/// The penalties of a stack's weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StackPenalty {
    /// Of the sum of the weights: what sets the weights of columns that add little to 0.
    pub lasso: f64,
    /// Of half the sum of their squares: what spreads weight over columns that are alike.
    pub ridge: f64,
}

/// Finds the weights w, none negative, that minimize -l(w) + lasso · Σ w + ridge / 2 · Σ w², where
/// l is the log partial likelihood with Efron's ties, summed over the strata.
///
/// `x` is (patients, columns) and is used as it is. A stratum without an event adds nothing.
///
/// Newton's method; each step solves its quadratic by coordinate descent over weights that are not
/// negative, so that a weight is exactly 0 where the likelihood does not want more.
///
/// # Errors
/// When there is no column or no event, a value is not finite, a penalty is negative, or the
/// likelihood has no maximum.
///
/// # Panics
/// When there are not as many rows as outcomes and strata.
pub fn fit_stack(
    x: &ArrayRef2<f64>,
    outcomes: &[Survival],
    strata: &[u32],
    penalty: StackPenalty,
) -> Result<Vec<f64>, Undefined> {
    check(x, outcomes, penalty.lasso)?;
    check(x, outcomes, penalty.ridge)?;
    assert_eq!(outcomes.len(), strata.len(), "one stratum for each outcome");
    let problem = Problem { parts: parts(x, outcomes, strata), penalty };
    let mut weights = Array1::zeros(x.ncols());
    for _ in 0..NEWTON_STEPS {
        let local = problem.at(&weights);
        let step = local.minimize(&weights) - &weights;
        let slope = local.gradient.dot(&step);
        if slope.abs() <= 1e-13 * (1.0 + local.value.abs()) {
            return Ok((weights + step).to_vec());
        }
        let lengths = (0..HALVINGS).map(|halving| 0.5_f64.powi(halving));
        let moved = |length: f64| &weights + &(&step * length);
        let good =
            |&length: &f64| problem.value(&moved(length)) <= local.value + 1e-4 * length * slope;
        let length = lengths.into_iter().find(good);
        weights = moved(length.ok_or(Undefined::NoConvergence { penalty: penalty.ridge })?);
    }
    Err(Undefined::NoConvergence { penalty: penalty.ridge })
}

/// The penalized problem, ready for evaluations.
struct Problem {
    parts: Vec<Part>,
    penalty: StackPenalty,
}

/// One stratum.
struct Part {
    /// (patients, columns).
    x: Array2<f64>,
    sets: RiskSets,
}

/// The objective around some weights.
struct Local {
    value: f64,
    /// Its slopes, penalties included, (columns,).
    gradient: Array1<f64>,
    /// Its curvature, (columns, columns).
    hessian: Array2<f64>,
}

fn parts(x: &ArrayRef2<f64>, outcomes: &[Survival], strata: &[u32]) -> Vec<Part> {
    let mut names = strata.to_vec();
    names.sort_unstable();
    names.dedup();
    let part = |name: u32| {
        let rows: Vec<usize> = (0..strata.len()).filter(|&row| strata[row] == name).collect();
        let own: Vec<Survival> = rows.iter().map(|&row| outcomes[row]).collect();
        Part { x: x.select(Axis(0), &rows), sets: RiskSets::new(&own, Ties::Efron) }
    };
    names.into_iter().map(part).collect()
}

impl Problem {
    fn value(&self, weights: &Array1<f64>) -> f64 {
        let log_risks = |part: &Part| part.x.dot(weights).to_vec();
        let likelihood: f64 =
            self.parts.iter().map(|part| part.sets.at(&log_risks(part)).value).sum();
        let StackPenalty { lasso, ridge } = self.penalty;
        lasso * weights.sum() + 0.5 * ridge * weights.dot(weights) - likelihood
    }

    fn at(&self, weights: &Array1<f64>) -> Local {
        let columns = weights.len();
        let StackPenalty { lasso, ridge } = self.penalty;
        let mut gradient = weights * ridge + lasso;
        let mut hessian = Array2::eye(columns) * ridge;
        let mut value = lasso * weights.sum() + 0.5 * ridge * weights.dot(weights);
        for part in &self.parts {
            let at = part.sets.at(&part.x.dot(weights).to_vec());
            value -= at.value;
            gradient -= &part.x.t().dot(&Array1::from_vec(at.gradient.clone()));
            for (column, mut row) in part.x.columns().into_iter().zip(hessian.rows_mut()) {
                row += &part.x.t().dot(&Array1::from_vec(at.curvature(&column.to_vec())));
            }
        }
        Local { value, gradient, hessian }
    }
}

impl Local {
    /// The minimum of the quadratic over weights that are not negative, by coordinate descent.
    fn minimize(&self, weights: &Array1<f64>) -> Array1<f64> {
        let mut target = weights.clone();
        // The slopes at the target.
        let mut slopes = self.gradient.clone();
        for _ in 0..SWEEPS {
            let mut largest = 0.0_f64;
            for column in 0..target.len() {
                let curvature = self.hessian[[column, column]];
                if curvature <= 0.0 {
                    continue;
                }
                let moved = (target[column] - slopes[column] / curvature).max(0.0);
                let change = moved - target[column];
                target[column] = moved;
                slopes.scaled_add(change, &self.hessian.column(column));
                largest = largest.max(change.abs() * curvature.sqrt());
            }
            if largest < 1e-12 {
                break;
            }
        }
        target
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

    use super::*;
    use crate::Risk;
    use crate::cox::{fit_ridge, partial_log_likelihood};

    /// Three columns that foretell the risk, rather, weakly and not at all, in two folds.
    fn example(seed: u64) -> (Array2<f64>, Vec<Survival>, Vec<u32>) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || random.random::<f64>() * 2.0 - 1.0;
        let x = Array2::from_shape_simple_fn((80, 3), &mut draw);
        let outcomes = x.rows().into_iter().map(|row| {
            Survival::until(
                (100.0 * (draw() - 1.5 * row[0] - 0.5 * row[1]).exp()).ceil(),
                draw() < 0.4,
            )
        });
        (x.clone(), outcomes.collect(), (0..80).map(|row| row % 2).collect())
    }

    #[test]
    fn one_stratum_without_a_bound_in_reach_is_ridge_cox() {
        let (x, outcomes, _) = example(1);
        let x = x.select(Axis(1), &[0, 1]);
        let penalty = StackPenalty { lasso: 0.0, ridge: 2.0 };
        let found = fit_stack(&x, &outcomes, &[0; 80], penalty).unwrap();
        let expected = fit_ridge(&x, &outcomes, 2.0).unwrap().coefficients;
        for (found, expected) in found.iter().zip(&expected) {
            assert!(*expected > 0.0 && (found - expected).abs() < 1e-7, "{found} {expected}");
        }
    }

    #[test]
    fn no_weight_near_by_is_better() {
        for seed in 0..20 {
            let (x, outcomes, strata) = example(seed);
            let penalty = StackPenalty { lasso: 1.0, ridge: 0.5 };
            let worth = |weights: &[f64]| {
                let all: Vec<usize> = (0..80).collect();
                let likelihood: f64 = [0, 1]
                    .map(|fold| {
                        let rows: Vec<usize> =
                            all.iter().copied().filter(|&row| strata[row] == fold).collect();
                        let risk = |&row: &usize| {
                            Risk(x.row(row).iter().zip(weights).map(|(a, b)| a * b).sum())
                        };
                        let own: Vec<Survival> = rows.iter().map(|&row| outcomes[row]).collect();
                        let risks: Vec<Risk> = rows.iter().map(risk).collect();
                        partial_log_likelihood(&own, &risks, Ties::Efron).value
                    })
                    .iter()
                    .sum();
                let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
                likelihood - weights.iter().sum::<f64>() - 0.25 * squares
            };
            let best = fit_stack(&x, &outcomes, &strata, penalty).unwrap();
            assert!(best.iter().all(|&weight| weight >= 0.0));
            for column in 0..3 {
                for change in [-1e-3, 1e-3] {
                    let mut other = best.clone();
                    other[column] = (other[column] + change).max(0.0);
                    assert!(worth(&other) <= worth(&best) + 1e-12, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn a_column_that_points_the_wrong_way_has_no_weight_at_all() {
        let (mut x, outcomes, strata) = example(3);
        x.column_mut(0).mapv_inplace(|value| -value);
        let penalty = StackPenalty { lasso: 0.0, ridge: 0.1 };
        let weights = fit_stack(&x, &outcomes, &strata, penalty).unwrap();
        assert!(weights[0].abs() <= 0.0, "{weights:?}");
        // A lasso that outweighs every slope leaves nothing.
        let penalty = StackPenalty { lasso: 1000.0, ridge: 0.1 };
        assert_eq!(fit_stack(&x, &outcomes, &strata, penalty).unwrap(), [0.0; 3]);
    }

    #[test]
    fn two_columns_that_are_alike_share_by_the_ridge() {
        let (x, outcomes, strata) = example(4);
        let x = x.select(Axis(1), &[0, 0]);
        let penalty = StackPenalty { lasso: 0.0, ridge: 1.0 };
        let weights = fit_stack(&x, &outcomes, &strata, penalty).unwrap();
        assert!(weights[0] > 0.1 && (weights[0] - weights[1]).abs() < 1e-6, "{weights:?}");
    }

    #[test]
    fn says_why_there_are_no_weights() {
        let (x, outcomes, strata) = example(5);
        let censored: Vec<Survival> =
            outcomes.iter().map(|outcome| Survival { event: false, ..*outcome }).collect();
        let penalty = StackPenalty { lasso: 0.0, ridge: 1.0 };
        let none = fit_stack(&x, &censored, &strata, penalty);
        assert_eq!(none, Err(Undefined::NoEvent { patients: 80 }));
        let negative = StackPenalty { lasso: -1.0, ridge: 1.0 };
        let refused = fit_stack(&x, &outcomes, &strata, negative);
        assert_eq!(refused, Err(Undefined::InvalidPenalty { penalty: -1.0 }));
    }
}
