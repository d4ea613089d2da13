//! The minimum of a ridge-penalized Cox likelihood, in the columns' or in the rows' space.

use ndarray::Array2;

use crate::Undefined;
use crate::cholesky::Cholesky;
use crate::matrix::{Matrix, Sweep};
use crate::partial_likelihood::{Evaluation, RiskSets};

const NEWTON_STEPS: usize = 100;
const CONJUGATE_STEPS: usize = 2000;
const HALVINGS: usize = 40;

/// The expected gain of a step, relative to the objective, that is too small for another.
const SMALL_GAIN: f64 = 1e-13;

/// Log-risks further apart than this without a penalty show that the likelihood rises forever: a
/// hazard ratio of e^20.
const WIDEST_LOG_RISKS: f64 = 20.0;

/// With more patients than this, fits stay in the columns' space, however many columns there are:
/// the rows' inner products would need more memory than the columns.
const MOST_IN_ROW_SPACE: usize = 4096;

/// The columns of some patients, prepared for fits to any part of them.
///
/// With more columns than patients the coefficients of every fit are combinations of rows, `b = Xᵀa`,
/// and log-risks `X b = XXᵀ a` need the rows' inner products alone.
pub(crate) struct Geometry<'a> {
    x: Matrix<'a>,
    /// `XXᵀ`, (patients, patients), where there are more columns than patients.
    gram: Option<Array2<f64>>,
    /// The columns' variances.
    variances: Vec<f64>,
    /// The columns' inner products over patients, (columns, columns), where steps are to follow more
    /// than their variances.
    covariance: Option<Array2<f64>>,
}

/// What is roughly the second derivative.
enum Rough {
    /// Nothing is known of it.
    Unknown,
    Diagonal(Vec<f64>),
    Whole(Cholesky),
}

/// Some of the patients of a [`Geometry`].
pub(crate) struct Part<'g, 'a> {
    geometry: &'g Geometry<'a>,
    rows: &'g [usize],
    /// `XXᵀ` of these patients, (patients, patients); none in the columns' space.
    gram: Option<Array2<f64>>,
}

/// Whether fits are made in the rows' space.
pub(crate) fn in_row_space(patients: usize, columns: usize) -> bool {
    columns > patients && patients <= MOST_IN_ROW_SPACE
}

/// A solution in its part's space.
pub(crate) struct Fitted {
    pub(crate) solution: Vec<f64>,
    pub(crate) log_likelihood: f64,
}

impl<'a> Geometry<'a> {
    pub(crate) fn of(x: Matrix<'a>) -> Self {
        let gram = in_row_space(x.nrows(), x.ncols()).then(|| x.gram());
        Self::with_gram(x, gram)
    }

    /// Of columns whose inner products of rows are known.
    pub(crate) fn with_gram(x: Matrix<'a>, gram: Option<Array2<f64>>) -> Self {
        Self { variances: x.variances(), x, gram, covariance: None }
    }

    /// Of few columns, whose covariance is known: steps then need few passes however alike they are.
    pub(crate) fn with_covariance(x: Matrix<'a>, covariance: Array2<f64>) -> Self {
        Self { covariance: Some(covariance), ..Self::with_gram(x, None) }
    }

    pub(crate) fn part<'g>(&'g self, rows: &'g [usize]) -> Part<'g, 'a> {
        let gram = self.gram.as_ref().map(|gram| pick(gram, rows, rows));
        Part { geometry: self, rows, gram }
    }

    /// The log-risks of all patients by a solution for some of them.
    pub(crate) fn log_risks(&self, rows: &[usize], solution: &[f64]) -> Vec<f64> {
        match &self.gram {
            Some(gram) => {
                let everyone: Vec<usize> = (0..gram.nrows()).collect();
                times(&pick(gram, &everyone, rows), solution)
            }
            None => self.x.times(solution),
        }
    }

    /// The coefficients of the columns by a solution for some of the patients.
    pub(crate) fn coefficients(&self, rows: &[usize], solution: &[f64]) -> Vec<f64> {
        if self.gram.is_none() {
            return solution.to_vec();
        }
        self.x.products(&spread(rows, solution, self.x.nrows()))
    }
}

impl Part<'_, '_> {
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
        let size = if self.gram.is_some() { self.rows.len() } else { self.geometry.x.ncols() };
        let mut solution = start.map_or_else(|| vec![0.0; size], <[f64]>::to_vec);
        let mut log_risks = start.map_or_else(|| vec![0.0; self.rows.len()], |it| self.times(it));
        let mut rough = None;
        for _ in 0..NEWTON_STEPS {
            let at = sets.at(&log_risks);
            let rough = rough.get_or_insert_with(|| self.rough(at.events() as f64, penalty));
            let (downhill, step) = self.newton_step(&at, rough, &solution, penalty);
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
    /// distance from the minimum deserves. Gives also the way downhill, the negative gradient.
    ///
    /// Each round goes over the columns once: how far to go along a direction is known from its
    /// log-risks, so that the next direction follows while the columns pass.
    fn newton_step(
        &self,
        at: &Evaluation,
        rough: &Rough,
        solution: &[f64],
        penalty: f64,
    ) -> (Vec<f64>, Step) {
        let first = |place: usize, slope: f64| slope - penalty * solution[place];
        let Pass { mut slopes, mut toward, mut toward_log_risks } =
            self.pass(&at.gradient, rough, first);
        add_scaled(&mut slopes, -penalty, solution);
        let downhill = slopes;
        let mut step =
            Step { solution: vec![0.0; downhill.len()], log_risks: vec![0.0; self.rows.len()] };
        let mut residual = downhill.clone();
        let mut size = self.inner(&residual, &toward, &toward_log_risks);
        let enough = size * (1e-4 * size.min(1.0)).max(1e-24);
        for _ in 0..CONJUGATE_STEPS {
            let bent = at.curvature(&toward_log_risks);
            let square = self.inner(&toward, &toward, &toward_log_risks);
            let curvature = dot(&bent, &toward_log_risks) + penalty * square;
            if size <= enough || curvature <= 0.0 {
                break;
            }
            let length = size / curvature;
            add_scaled(&mut step.solution, length, &toward);
            add_scaled(&mut step.log_risks, length, &toward_log_risks);
            let next = |place: usize, slope: f64| {
                residual[place] - length * (slope + penalty * toward[place])
            };
            let mut next = self.pass(&bent, rough, next);
            add_scaled(&mut next.slopes, penalty, &toward);
            add_scaled(&mut residual, -length, &next.slopes);
            let next_size = self.inner(&residual, &next.toward, &next.toward_log_risks);
            add_scaled(&mut next.toward, next_size / size, &toward);
            add_scaled(&mut next.toward_log_risks, next_size / size, &toward_log_risks);
            (toward, toward_log_risks, size) = (next.toward, next.toward_log_risks, next_size);
        }
        (downhill, step)
    }

    fn rough(&self, events: f64, penalty: f64) -> Rough {
        if self.gram.is_some() {
            return Rough::Unknown;
        }
        if let Some(covariance) = &self.geometry.covariance {
            let mut rough = covariance * events;
            rough.diag_mut().map_inplace(|value| *value += penalty);
            return Rough::Whole(Cholesky::of(&rough));
        }
        let diagonal = self.geometry.variances.iter().map(|variance| events * variance + penalty);
        let divisor = |diagonal: f64| if diagonal > 0.0 { diagonal } else { 1.0 };
        Rough::Diagonal(diagonal.map(divisor).collect())
    }

    /// Turns a derivative by log-risks into slopes in this part's space, each of these into a
    /// residual, the residuals divided by the rough second derivative into a step, and that into
    /// log-risks.
    fn pass(
        &self,
        by_log_risk: &[f64],
        rough: &Rough,
        residual: impl Fn(usize, f64) -> f64 + Sync,
    ) -> Pass {
        let all = |slopes: &[f64]| -> Vec<f64> {
            slopes.iter().enumerate().map(|(place, &slope)| residual(place, slope)).collect()
        };
        if let Some(gram) = &self.gram {
            let toward = all(by_log_risk);
            let toward_log_risks = times(gram, &toward);
            return Pass { slopes: by_log_risk.to_vec(), toward, toward_log_risks };
        }
        let x = &self.geometry.x;
        let by = spread(self.rows, by_log_risk, x.nrows());
        let diagonal = match rough {
            Rough::Whole(factor) => {
                let slopes = x.products(&by);
                let mut toward = all(&slopes);
                factor.solve(&mut toward);
                let toward_log_risks = self.times(&toward);
                return Pass { slopes, toward, toward_log_risks };
            }
            Rough::Diagonal(diagonal) => &diagonal[..],
            Rough::Unknown => &[],
        };
        let step = |place: usize, slope: f64| {
            let residual = residual(place, slope);
            diagonal.get(place).map_or(residual, |by| residual / by)
        };
        let Sweep { products, factors, sum } = x.sweep(&by, step);
        Pass { slopes: products, toward: factors, toward_log_risks: self.own(&sum) }
    }

    fn times(&self, solution: &[f64]) -> Vec<f64> {
        match &self.gram {
            Some(gram) => times(gram, solution),
            None => self.own(&self.geometry.x.times(solution)),
        }
    }

    /// The values of these patients.
    fn own(&self, everybody: &[f64]) -> Vec<f64> {
        self.rows.iter().map(|&row| everybody[row]).collect()
    }

    /// The inner product of the coefficients that two vectors of this part's space stand for; the
    /// second one comes with its log-risks.
    fn inner(&self, a: &[f64], b: &[f64], b_log_risks: &[f64]) -> f64 {
        dot(a, if self.gram.is_some() { b_log_risks } else { b })
    }
}

/// Slopes in a part's space, the step that follows from each, and its log-risks.
struct Pass {
    slopes: Vec<f64>,
    toward: Vec<f64>,
    toward_log_risks: Vec<f64>,
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

/// Rows and columns of a matrix, in row order.
fn pick(matrix: &Array2<f64>, rows: &[usize], columns: &[usize]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), columns.len()), |(row, column)| {
        matrix[[rows[row], columns[column]]]
    })
}

/// Values of some of all patients, and 0 for the others.
fn spread(rows: &[usize], values: &[f64], patients: usize) -> Vec<f64> {
    let mut all = vec![0.0; patients];
    for (&row, &value) in rows.iter().zip(values) {
        all[row] = value;
    }
    all
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
