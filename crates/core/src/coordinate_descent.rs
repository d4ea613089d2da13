//! The minimum of a Cox likelihood with an elastic-net penalty, by coordinate descent.

use ndarray::{ArrayRef2, ArrayView2};
use rayon::prelude::*;

use crate::Survival;
use crate::active_set::{Active, Factor};
use crate::column_curvature::{ColumnCurvature, Point};
use crate::newton::{add_scaled, dot};
use crate::partial_likelihood::{RiskSets, Ties};

const NEWTON_STEPS: usize = 200;
const ROUNDS: usize = 200;

/// Columns that sweeps are left to.
const FEW_COLUMNS: usize = 16;
const MANY_SWEEPS: usize = 50;
const FEW_SWEEPS: usize = 2;

const HALVINGS: usize = 40;

/// A slope that should be 0 may be as large as this share of the largest slope at zero.
const TOLERANCE: f64 = 1e-8;

/// The same for a solution on the way to another, or to compare penalties by.
const LOOSE_TOLERANCE: f64 = 1e-4;

/// Each Newton step is solved until a sweep changes the quadratic model by this share of what the
/// first sweep did.
const SWEEP_SHARE: f64 = 1e-2;

/// Columns that one task computes slopes of.
const COLUMNS_AT_ONCE: usize = 256;

/// Log-risks further apart than this are beyond what sums of exponentials can tell.
const WIDEST_LOG_RISKS: f64 = 300.0;

/// Log-risks further apart than this without any penalty show that the likelihood rises forever.
const WIDEST_WITHOUT_PENALTY: f64 = 20.0;

/// A fit that moves from one penalty to the next.
pub(crate) struct Descent {
    /// Centered columns one after the other, patients from the latest time to the earliest.
    columns: Vec<f64>,
    patients: usize,
    sets: RiskSets,
    coefficients: Vec<f64>,
    log_risks: Vec<f64>,
    /// The derivative of the likelihood by each coefficient, where it was last computed.
    slopes: Vec<f64>,
    /// The lasso's part of the penalty at the last solution.
    last_l1: Vec<f64>,
    /// The largest slope at zero.
    largest: f64,
    tolerance: f64,
    factor: Factor,
}

/// The penalties on each coefficient: l1 · |b| + l2 / 2 · b².
struct Penalty<'a> {
    l1: &'a [f64],
    l2: &'a [f64],
}

/// The second derivatives that one Newton step has needed so far.
struct Bent {
    curvature: ColumnCurvature,
    /// The place of each column's product in `products`, where it was computed.
    places: Vec<Option<usize>>,
    /// The second derivative times a column, one after the other.
    products: Vec<f64>,
    /// Each product times its own column.
    diagonal: Vec<f64>,
    /// The second derivative times what the log-risks have changed by in this step.
    moved: Vec<f64>,
}

impl Descent {
    /// Starts at coefficients of 0. Of `x`, (patients, columns), and the outcomes some rows are
    /// fitted to.
    pub(crate) fn new(
        x: &ArrayRef2<f64>,
        outcomes: &[Survival],
        rows: &[usize],
        ties: Ties,
    ) -> Self {
        let patients = rows.len();
        let mut order = rows.to_vec();
        order.sort_by(|&a, &b| {
            let (a, b) = (outcomes[a], outcomes[b]);
            b.time_days.total_cmp(&a.time_days).then(b.event.cmp(&a.event))
        });
        let sorted: Vec<Survival> = order.iter().map(|&row| outcomes[row]).collect();
        let mut columns = Vec::with_capacity(patients * x.ncols());
        for column in x.columns() {
            let mean = rows.iter().map(|&row| column[row]).sum::<f64>() / patients as f64;
            columns.extend(order.iter().map(|&row| column[row] - mean));
        }
        let mut descent = Self {
            columns,
            patients,
            sets: RiskSets::new(&sorted, ties),
            coefficients: vec![0.0; x.ncols()],
            log_risks: vec![0.0; patients],
            slopes: vec![0.0; x.ncols()],
            last_l1: vec![f64::INFINITY; x.ncols()],
            largest: 0.0,
            tolerance: 0.0,
            factor: Factor::default(),
        };
        let gradient = descent.sets.at(&descent.log_risks).gradient;
        descent.update_slopes(&gradient);
        let largest = descent.slopes.iter().fold(0.0_f64, |most, slope| most.max(slope.abs()));
        descent.largest = largest.max(f64::MIN_POSITIVE);
        descent.tolerance = TOLERANCE * descent.largest;
        descent
    }

    /// The same with solutions that are near enough to go on from.
    pub(crate) fn loose(self) -> Self {
        Self { tolerance: LOOSE_TOLERANCE * self.largest, ..self }
    }

    /// Goes on with solutions as near as can be.
    pub(crate) fn exact(self) -> Self {
        Self { tolerance: TOLERANCE * self.largest, ..self }
    }

    pub(crate) fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The derivative of the log partial likelihood by each coefficient at the last solution.
    pub(crate) fn slopes(&self) -> &[f64] {
        &self.slopes
    }

    /// Minimizes -l(b) + Σ l1ⱼ |bⱼ| + l2ⱼ / 2 · bⱼ² from the last solution and gives l; `None`
    /// where there is no minimum or it is not reached.
    pub(crate) fn solve(&mut self, l1: &[f64], l2: &[f64]) -> Option<f64> {
        let penalty = Penalty { l1, l2 };
        let mut working = self.strong_set(l1);
        let mut at = self.sets.point(&self.log_risks);
        for step in 0..NEWTON_STEPS {
            // Those of the last solution are known.
            let moved = step > 0;
            if moved {
                for &column in &working {
                    self.slopes[column] = dot(self.column(column), &at.gradient);
                }
            }
            let solved = |descent: &Self, column| {
                let slope = descent.slopes[column];
                penalty.violation(column, descent.coefficients[column], slope) <= descent.tolerance
            };
            if working.iter().all(|&column| solved(self, column)) {
                if moved {
                    self.update_slopes(&at.gradient);
                }
                let all = 0..self.coefficients.len();
                let missed: Vec<usize> = all.filter(|&column| !solved(self, column)).collect();
                if missed.is_empty() {
                    self.last_l1 = l1.to_vec();
                    return Some(at.value);
                }
                working.extend(missed);
                working.sort_unstable();
                working.dedup();
            }
            let start: Vec<f64> = working.iter().map(|&column| self.coefficients[column]).collect();
            let objective = penalty.of(&working, &start) - at.value;
            self.newton_step(&penalty, &working, at.curvature);
            at = self.accept(&penalty, &working, &start, objective)?;
        }
        None
    }

    /// The columns that the strong rules leave, and those in the last solution.
    fn strong_set(&self, l1: &[f64]) -> Vec<usize> {
        let strong = |&column: &usize| {
            let (now, last) = (l1[column], self.last_l1[column]);
            let bound = if last.is_finite() { 2.0 * now - last } else { now };
            self.coefficients[column] != 0.0
                || now <= 0.0
                || (now.is_finite() && self.slopes[column].abs() >= bound)
        };
        (0..self.coefficients.len()).filter(strong).collect()
    }

    /// Moves the coefficients of the working columns to the minimum of the quadratic model: sweeps
    /// over all of them find which are not 0, few sweeps over those and then all of those at once
    /// find their values.
    fn newton_step(&mut self, penalty: &Penalty, working: &[usize], curvature: ColumnCurvature) {
        let mut bent = Bent::new(curvature, self.coefficients.len(), self.patients);
        let mut enough = None;
        for _ in 0..ROUNDS {
            let mut largest = self.sweep(penalty, working, &mut bent);
            let enough = *enough.get_or_insert((largest * SWEEP_SHARE).max(0.3 * self.tolerance));
            if largest <= enough || largest <= f64::MIN_POSITIVE {
                return;
            }
            let is_live = |&column: &usize| self.coefficients[column] != 0.0;
            let live: Vec<usize> = working.iter().copied().filter(is_live).collect();
            let sweeps = if live.len() < FEW_COLUMNS { MANY_SWEEPS } else { FEW_SWEEPS };
            for _ in 0..sweeps {
                if largest > enough {
                    largest = self.sweep(penalty, &live, &mut bent);
                }
            }
            if largest > enough {
                self.move_together(penalty, &live, &mut bent);
            }
        }
    }

    fn sweep(&mut self, penalty: &Penalty, columns: &[usize], bent: &mut Bent) -> f64 {
        let descend = |largest: f64, &column| largest.max(self.descend(penalty, column, bent));
        columns.iter().fold(0.0, descend)
    }

    /// Moves coefficients that are not 0 to the minimum that their signs allow, or toward it until
    /// one becomes 0.
    fn move_together(&mut self, penalty: &Penalty, live: &[usize], bent: &mut Bent) {
        let live: Vec<usize> =
            live.iter().copied().filter(|&column| self.coefficients[column] != 0.0).collect();
        let before: Vec<f64> = live.iter().map(|&column| self.coefficients[column]).collect();
        let slopes: Vec<f64> = live
            .iter()
            .map(|&column| self.slopes[column] - dot(self.column(column), &bent.moved))
            .collect();
        let right: Vec<f64> = (0..live.len())
            .map(|i| {
                let (l1, l2) = (penalty.l1[live[i]], penalty.l2[live[i]]);
                slopes[i] - l1 * before[i].signum() - l2 * before[i]
            })
            .collect();
        let values =
            ArrayView2::from_shape((self.coefficients.len(), self.patients), &self.columns)
                .expect("columns of one length");
        let l2 = live.iter().map(|&column| penalty.l2[column]).collect();
        let active = Active { columns: &live, values, l2 };
        let step = active.solve(&right, &mut bent.curvature, &mut self.factor);
        let mut length = 1.0;
        for _ in 0..HALVINGS {
            // Past 0 the lasso pulls the other way: such coefficients stay at 0.
            let stop_at_zero = |(before, step): (&f64, &f64)| {
                let change = length * step;
                if (before + change) * before > 0.0 { change } else { -before }
            };
            let change: Vec<f64> = before.iter().zip(&step).map(stop_at_zero).collect();
            let after: Vec<f64> = before.iter().zip(&change).map(|(a, b)| a + b).collect();
            let log_risks = active.log_risks(&change);
            let mut product = vec![0.0; self.patients];
            bent.curvature.times(&log_risks, &mut product);
            let gain = dot(&slopes, &change) - 0.5 * dot(&log_risks, &product)
                + penalty.of(&live, &before)
                - penalty.of(&live, &after);
            if gain > 0.0 {
                add_scaled(&mut bent.moved, 1.0, &product);
                for (&column, value) in live.iter().zip(after) {
                    self.coefficients[column] = value;
                }
                return;
            }
            length *= 0.5;
        }
    }

    /// Moves one coefficient to its minimum; gives the size of the change, by how much its
    /// derivative would have changed.
    fn descend(&mut self, penalty: &Penalty, column: usize, bent: &mut Bent) -> f64 {
        let values = &self.columns[column * self.patients..(column + 1) * self.patients];
        let slope = self.slopes[column] - dot(values, &bent.moved);
        let before = self.coefficients[column];
        let (l1, l2) = (penalty.l1[column], penalty.l2[column]);
        if before == 0.0 && slope.abs() <= l1 {
            return 0.0;
        }
        let (place, diagonal) = bent.of(column, values);
        if diagonal + l2 <= 0.0 {
            return 0.0;
        }
        let pull = diagonal * before + slope;
        let after = pull.signum() * (pull.abs() - l1).max(0.0) / (diagonal + l2);
        let change = after - before;
        if change == 0.0 {
            return 0.0;
        }
        self.coefficients[column] = after;
        let product = &bent.products[place * self.patients..(place + 1) * self.patients];
        add_scaled(&mut bent.moved, change, product);
        (change * (diagonal + l2)).abs()
    }

    /// Takes the step, or half of it, or a quarter ..., that does not raise the objective.
    fn accept(
        &mut self,
        penalty: &Penalty,
        working: &[usize],
        start: &[f64],
        objective: f64,
    ) -> Option<Point> {
        let from = self.log_risks.clone();
        let mut step = vec![0.0; self.patients];
        for (&column, before) in working.iter().zip(start) {
            let change = self.coefficients[column] - before;
            if change != 0.0 {
                add_scaled(&mut step, change, self.column(column));
            }
        }
        let target: Vec<f64> = working.iter().map(|&column| self.coefficients[column]).collect();
        let is_free = |&column: &usize| penalty.l1[column] <= 0.0 && penalty.l2[column] <= 0.0;
        let widest =
            if working.iter().all(is_free) { WIDEST_WITHOUT_PENALTY } else { WIDEST_LOG_RISKS };
        let mut length = 1.0;
        for _ in 0..HALVINGS {
            let between = |(from, to): (&f64, &f64)| from + length * (to - from);
            let tried: Vec<f64> = start.iter().zip(&target).map(between).collect();
            self.log_risks.clone_from(&from);
            add_scaled(&mut self.log_risks, length, &step);
            let (low, high) = range(&self.log_risks);
            if high - low < widest {
                let at = self.sets.point(&self.log_risks);
                let slack = 1e-12 * (1.0 + objective.abs());
                if penalty.of(working, &tried) - at.value <= objective + slack {
                    for (&column, value) in working.iter().zip(tried) {
                        self.coefficients[column] = value;
                    }
                    return Some(at);
                }
            }
            length *= 0.5;
        }
        None
    }

    fn update_slopes(&mut self, gradient: &[f64]) {
        let columns = self.columns.par_chunks(self.patients * COLUMNS_AT_ONCE);
        self.slopes.par_chunks_mut(COLUMNS_AT_ONCE).zip(columns).for_each(|(slopes, columns)| {
            for (slope, column) in slopes.iter_mut().zip(columns.chunks(self.patients)) {
                *slope = dot(column, gradient);
            }
        });
    }

    fn column(&self, column: usize) -> &[f64] {
        &self.columns[column * self.patients..(column + 1) * self.patients]
    }
}

impl Penalty<'_> {
    fn of(&self, columns: &[usize], coefficients: &[f64]) -> f64 {
        let of_one = |(&column, &value): (&usize, &f64)| {
            // A coefficient of 0 costs nothing, however large its penalty.
            let lasso = if value == 0.0 { 0.0 } else { self.l1[column] * value.abs() };
            lasso + 0.5 * self.l2[column] * value * value
        };
        columns.iter().zip(coefficients).map(of_one).sum()
    }

    /// How far a slope of the likelihood is from what the penalty allows at its coefficient.
    fn violation(&self, column: usize, coefficient: f64, slope: f64) -> f64 {
        let (l1, l2) = (self.l1[column], self.l2[column]);
        if coefficient == 0.0 {
            slope.abs() - l1
        } else {
            (slope - l1 * coefficient.signum() - l2 * coefficient).abs()
        }
    }
}

impl Bent {
    fn new(curvature: ColumnCurvature, columns: usize, patients: usize) -> Self {
        Self {
            curvature,
            places: vec![None; columns],
            products: vec![],
            diagonal: vec![],
            moved: vec![0.0; patients],
        }
    }

    /// The place of the second derivative times a column, and that times the column once more.
    fn of(&mut self, column: usize, values: &[f64]) -> (usize, f64) {
        let patients = values.len();
        let place = *self.places[column].get_or_insert_with(|| {
            let place = self.diagonal.len();
            self.products.resize((place + 1) * patients, 0.0);
            let product = &mut self.products[place * patients..];
            self.curvature.times(values, product);
            self.diagonal.push(dot(values, product));
            place
        });
        (place, self.diagonal[place])
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    let fold = |(low, high): (f64, f64), &value: &f64| (low.min(value), high.max(value));
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), fold)
}
