//! The minimum of a ridge-penalized Cox likelihood, in the columns' or in the rows' space.

use ndarray::{Array2, ArrayRef2, Axis, s};
use rayon::prelude::*;

use crate::Undefined;
use crate::partial_likelihood::{Evaluation, RiskSets};

const NEWTON_STEPS: usize = 100;
const CONJUGATE_STEPS: usize = 2000;
const HALVINGS: usize = 40;

/// The expected gain of a step, relative to the objective, that is too small for another.
const SMALL_GAIN: f64 = 1e-13;

/// Log-risks further apart than this without a penalty show that the likelihood rises forever: a
/// hazard ratio of e^20.
const WIDEST_LOG_RISKS: f64 = 20.0;

/// The columns of some patients, prepared for fits to any part of them.
///
/// With more columns than patients the coefficients of every fit are combinations of rows, `b = Xᵀa`,
/// and log-risks `X b = XXᵀ a` need the rows' inner products alone.
pub(crate) struct Geometry {
    /// Centered columns, (patients, columns).
    x: Array2<f64>,
    /// `XXᵀ`, (patients, patients), where there are more columns than patients.
    gram: Option<Array2<f64>>,
    /// The sum of the columns' variances.
    pub(crate) variance: f64,
}

/// Some of the patients of a [`Geometry`].
pub(crate) struct Part {
    /// Turns a solution into log-risks: `X` (patients, columns) or `XXᵀ` (patients, patients).
    matrix: Array2<f64>,
    in_row_space: bool,
    /// The columns' variances, to precondition by; empty in the rows' space.
    variances: Vec<f64>,
}

/// A solution in its part's space.
pub(crate) struct Fitted {
    pub(crate) solution: Vec<f64>,
    pub(crate) log_likelihood: f64,
}

impl Geometry {
    pub(crate) fn of(x: &ArrayRef2<f64>) -> Self {
        let means = x.mean_axis(Axis(0)).expect("there are patients");
        let mut centered = Array2::zeros(x.raw_dim()); // (patients, columns)
        centered.assign(x);
        centered -= &means;
        let x = centered;
        let variance = x.iter().map(|value| value * value).sum::<f64>() / x.nrows() as f64;
        let gram = (x.ncols() > x.nrows()).then(|| inner_products(&x));
        Self { x, gram, variance }
    }

    /// Of centered columns whose inner products of rows are known.
    pub(crate) fn of_centered(x: Array2<f64>, gram: Option<Array2<f64>>) -> Self {
        let variance = x.iter().map(|value| value * value).sum::<f64>() / x.nrows() as f64;
        Self { x, gram, variance }
    }

    pub(crate) fn part(&self, rows: &[usize]) -> Part {
        if let Some(gram) = &self.gram {
            let matrix = pick(gram, rows, rows);
            return Part { matrix, in_row_space: true, variances: Vec::new() };
        }
        let columns: Vec<usize> = (0..self.x.ncols()).collect();
        let matrix = pick(&self.x, rows, &columns);
        let variances = matrix.var_axis(Axis(0), 0.0).to_vec();
        Part { matrix, in_row_space: false, variances }
    }

    /// The log-risks of all patients by a solution for some of them.
    pub(crate) fn log_risks(&self, rows: &[usize], solution: &[f64]) -> Vec<f64> {
        match &self.gram {
            Some(gram) => {
                let everyone: Vec<usize> = (0..gram.nrows()).collect();
                times(&pick(gram, &everyone, rows), solution)
            }
            None => times(&self.x, solution),
        }
    }

    /// The coefficients of the columns by a solution for some of the patients.
    pub(crate) fn coefficients(&self, rows: &[usize], solution: &[f64]) -> Vec<f64> {
        if self.gram.is_none() {
            return solution.to_vec();
        }
        let mut coefficients = vec![0.0; self.x.ncols()];
        for (&row, &share) in rows.iter().zip(solution) {
            add_scaled(&mut coefficients, share, row_of(&self.x, row));
        }
        coefficients
    }
}

impl Part {
    /// Minimizes -l(b) + penalty / 2 · |b|² from a start in this part's space, or from 0.
    pub(crate) fn fit(
        &self,
        sets: &RiskSets,
        penalty: f64,
        start: Option<&[f64]>,
    ) -> Result<Fitted, Undefined> {
        self.fit_within(sets, penalty, start, SMALL_GAIN)
    }

    /// As [`Self::fit`], up to a gain relative to the objective that is too small for another step.
    pub(crate) fn fit_within(
        &self,
        sets: &RiskSets,
        penalty: f64,
        start: Option<&[f64]>,
        small_gain: f64,
    ) -> Result<Fitted, Undefined> {
        let mut solution = start.map_or_else(|| vec![0.0; self.matrix.ncols()], <[f64]>::to_vec);
        let mut log_risks = times(&self.matrix, &solution);
        for _ in 0..NEWTON_STEPS {
            let at = sets.at(&log_risks);
            let mut downhill = self.back(&at.gradient);
            add_scaled(&mut downhill, -penalty, &solution);
            let step = self.newton_step(&at, &downhill, penalty);
            let gain = self.inner(&downhill, &step.solution, &step.log_risks);
            let objective = 0.5 * penalty * self.inner(&solution, &solution, &log_risks) - at.value;
            let small = gain <= small_gain * (1.0 + objective.abs());
            let length = if small {
                1.0
            } else {
                let squares = [
                    self.inner(&solution, &solution, &log_risks),
                    self.inner(&solution, &step.solution, &step.log_risks),
                    self.inner(&step.solution, &step.solution, &step.log_risks),
                ];
                let worth = |length: f64| {
                    let mut moved = log_risks.clone();
                    add_scaled(&mut moved, length, &step.log_risks);
                    let square =
                        squares[0] + 2.0 * length * squares[1] + length * length * squares[2];
                    0.5 * penalty * square - sets.at(&moved).value
                };
                step_length(objective, gain, worth).ok_or(Undefined::NoConvergence { penalty })?
            };
            add_scaled(&mut solution, length, &step.solution);
            add_scaled(&mut log_risks, length, &step.log_risks);
            if small {
                return finish(sets, solution, &log_risks, penalty);
            }
        }
        Err(Undefined::NoConvergence { penalty })
    }

    /// Solves for the Newton step by preconditioned conjugate gradients, as exactly as the
    /// distance from the minimum deserves.
    fn newton_step(&self, at: &Evaluation, downhill: &[f64], penalty: f64) -> Step {
        let precondition = self.preconditioner(at, penalty);
        let mut step =
            Step { solution: vec![0.0; downhill.len()], log_risks: vec![0.0; self.matrix.nrows()] };
        let mut residual = downhill.to_vec();
        let mut toward = precondition(&residual);
        let mut toward_log_risks = times(&self.matrix, &toward);
        let mut size = self.inner(&residual, &toward, &toward_log_risks);
        let enough = size * (1e-4 * size.min(1.0)).max(1e-24);
        for _ in 0..CONJUGATE_STEPS {
            let mut bent = self.back(&at.curvature(&toward_log_risks));
            add_scaled(&mut bent, penalty, &toward);
            let curvature = self.inner(&bent, &toward, &toward_log_risks);
            if size <= enough || curvature <= 0.0 {
                break;
            }
            let length = size / curvature;
            add_scaled(&mut step.solution, length, &toward);
            add_scaled(&mut step.log_risks, length, &toward_log_risks);
            add_scaled(&mut residual, -length, &bent);
            let mut next = precondition(&residual);
            let mut next_log_risks = times(&self.matrix, &next);
            let next_size = self.inner(&residual, &next, &next_log_risks);
            add_scaled(&mut next, next_size / size, &toward);
            add_scaled(&mut next_log_risks, next_size / size, &toward_log_risks);
            (toward, toward_log_risks, size) = (next, next_log_risks, next_size);
        }
        step
    }

    /// Divides by a rough diagonal of the second derivative.
    fn preconditioner(&self, at: &Evaluation, penalty: f64) -> impl Fn(&[f64]) -> Vec<f64> {
        let events = at.events() as f64;
        let diagonal: Vec<f64> = self
            .variances
            .iter()
            .map(|variance| events * variance + penalty)
            .map(|diagonal| if diagonal > 0.0 { diagonal } else { 1.0 })
            .collect();
        move |vector| {
            if diagonal.is_empty() {
                return vector.to_vec();
            }
            vector.iter().zip(&diagonal).map(|(value, diagonal)| value / diagonal).collect()
        }
    }

    /// A derivative by log-risks as a vector of this part's space.
    fn back(&self, by_log_risk: &[f64]) -> Vec<f64> {
        if self.in_row_space {
            return by_log_risk.to_vec();
        }
        let mut by_column = vec![0.0; self.matrix.ncols()];
        for (row, &share) in by_log_risk.iter().enumerate() {
            add_scaled(&mut by_column, share, row_of(&self.matrix, row));
        }
        by_column
    }

    /// The inner product of the coefficients that two vectors of this part's space stand for; the
    /// second one comes with its log-risks.
    fn inner(&self, a: &[f64], b: &[f64], b_log_risks: &[f64]) -> f64 {
        dot(a, if self.in_row_space { b_log_risks } else { b })
    }
}

/// A step with the log-risks that it adds.
struct Step {
    solution: Vec<f64>,
    log_risks: Vec<f64>,
}

/// The longest of 1, 1/2, 1/4 ... that gains enough (Armijo's rule).
fn step_length(objective: f64, gain: f64, worth: impl Fn(f64) -> f64) -> Option<f64> {
    // Rounding may hide a gain this small.
    let slack = 1e-12 * (1.0 + objective.abs());
    let mut length = 1.0;
    for _ in 0..HALVINGS {
        if worth(length) <= objective - 1e-4 * length * gain + slack {
            return Some(length);
        }
        length *= 0.5;
    }
    None
}

fn finish(
    sets: &RiskSets,
    solution: Vec<f64>,
    log_risks: &[f64],
    penalty: f64,
) -> Result<Fitted, Undefined> {
    let highest = log_risks.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lowest = log_risks.iter().copied().fold(f64::INFINITY, f64::min);
    let bounded = penalty > 0.0 || highest - lowest < WIDEST_LOG_RISKS;
    if bounded && highest.is_finite() && lowest.is_finite() {
        Ok(Fitted { solution, log_likelihood: sets.at(log_risks).value })
    } else {
        Err(Undefined::NoConvergence { penalty })
    }
}

/// `XXᵀ`, by blocks of rows in parallel.
pub(crate) fn inner_products(x: &Array2<f64>) -> Array2<f64> {
    let patients = x.nrows();
    let block = patients.div_ceil(16).max(1);
    let blocks: Vec<(usize, Array2<f64>)> = (0..patients)
        .step_by(block)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|first| {
            let rows = x.slice(s![first..(first + block).min(patients), ..]);
            // XXᵀ is symmetric: blocks left of the diagonal are copied below.
            (first, rows.dot(&x.slice(s![first.., ..]).t()))
        })
        .collect();
    let mut gram = Array2::zeros((patients, patients)); // (patients, patients)
    for (first, products) in blocks {
        let last = first + products.nrows();
        gram.slice_mut(s![first.., first..last]).assign(&products.t());
        gram.slice_mut(s![first..last, first..]).assign(&products);
    }
    gram
}

/// Rows and columns of a matrix, in row order.
fn pick(matrix: &Array2<f64>, rows: &[usize], columns: &[usize]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), columns.len()), |(row, column)| {
        matrix[[rows[row], columns[column]]]
    })
}

fn row_of(matrix: &Array2<f64>, row: usize) -> &[f64] {
    let columns = matrix.ncols();
    let values = matrix.as_slice().expect("matrices here are in row order");
    &values[row * columns..(row + 1) * columns]
}

fn times(matrix: &Array2<f64>, vector: &[f64]) -> Vec<f64> {
    (0..matrix.nrows()).map(|row| dot(row_of(matrix, row), vector)).collect()
}

pub(crate) fn add_scaled(sum: &mut [f64], factor: f64, vector: &[f64]) {
    for (sum, value) in sum.iter_mut().zip(vector) {
        *sum += factor * value;
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Eight sums at once let the compiler use vector instructions.
    let mut sums = [0.0; 8];
    let (a_eights, b_eights) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_eights.remainder().iter().zip(b_eights.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_eights.zip(b_eights) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}
