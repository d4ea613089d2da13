//! The coefficients of a few columns, all at once: conjugate gradients that start from what an
//! earlier factor of the second derivative says.

use ndarray::ArrayView2;

use crate::cholesky::Cholesky;
use crate::column_curvature::ColumnCurvature;
use crate::newton::{add_scaled, dot};

const CONJUGATE_STEPS: usize = 80;

/// Steps that a good factor needs. Those beyond are counted, and when they add up to a quarter of
/// the columns, which is about what a new factor costs, it is made.
const GOOD_STEPS: usize = 8;

/// The residual that is left, as a share of the first.
const RESIDUAL_SHARE: f64 = 1e-2;

/// The Cholesky factor of the second derivative by some columns, as it once was.
#[derive(Default)]
pub(crate) struct Factor {
    columns: Vec<usize>,
    cholesky: Cholesky,
    /// Steps beyond the few that a good factor needs, since it was made.
    extra_steps: usize,
}

/// Some columns, and the second derivative by them.
pub(crate) struct Active<'a> {
    /// The columns' numbers, increasing.
    pub(crate) columns: &'a [usize],
    /// All columns, (columns, patients).
    pub(crate) values: ArrayView2<'a, f64>,
    /// The ridge's part of the penalty on each of them.
    pub(crate) l2: Vec<f64>,
}

impl Active<'_> {
    /// Solves `(XᵀHX + l2) d = right`, roughly.
    pub(crate) fn solve(
        &self,
        right: &[f64],
        curvature: &mut ColumnCurvature,
        factor: &mut Factor,
    ) -> Vec<f64> {
        if factor.columns.is_empty() || 4 * factor.extra_steps > self.columns.len() {
            *factor = self.factor(curvature);
        }
        let mut solution = vec![0.0; right.len()];
        let mut residual = right.to_vec();
        let mut toward = factor.solve(self.columns, &residual);
        let mut size = dot(&residual, &toward);
        let enough = RESIDUAL_SHARE * RESIDUAL_SHARE * size;
        for step in 0..CONJUGATE_STEPS {
            factor.extra_steps += usize::from(step > GOOD_STEPS);
            let bent = self.times(&toward, curvature);
            let curved = dot(&bent, &toward);
            if size <= enough || curved <= 0.0 {
                break;
            }
            let length = size / curved;
            add_scaled(&mut solution, length, &toward);
            add_scaled(&mut residual, -length, &bent);
            let mut next = factor.solve(self.columns, &residual);
            let next_size = dot(&residual, &next);
            add_scaled(&mut next, next_size / size, &toward);
            (toward, size) = (next, next_size);
        }
        solution
    }

    /// The log-risks that some coefficients add, (patients,).
    pub(crate) fn log_risks(&self, coefficients: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.values.ncols()];
        // Four columns at once, so that the sum is read and written a quarter as often.
        for (columns, b) in self.columns.chunks(4).zip(coefficients.chunks(4)) {
            let (&[first, second, third, fourth], &[b1, b2, b3, b4]) = (columns, b) else {
                for (&column, &coefficient) in columns.iter().zip(b) {
                    add_scaled(&mut sum, coefficient, self.column(column));
                }
                continue;
            };
            let [first, second, third, fourth] =
                [first, second, third, fourth].map(|column| self.column(column));
            let pairs = first.iter().zip(second).zip(third.iter().zip(fourth));
            for (sum, ((x1, x2), (x3, x4))) in sum.iter_mut().zip(pairs) {
                *sum += (b1 * x1 + b2 * x2) + (b3 * x3 + b4 * x4);
            }
        }
        sum
    }

    fn times(&self, coefficients: &[f64], curvature: &mut ColumnCurvature) -> Vec<f64> {
        let log_risks = self.log_risks(coefficients);
        let mut bent = vec![0.0; log_risks.len()];
        curvature.times(&log_risks, &mut bent);
        let by_column = self.columns.iter().map(|&column| dot(self.column(column), &bent));
        by_column.zip(&self.l2).zip(coefficients).map(|((bent, l2), b)| bent + l2 * b).collect()
    }

    fn factor(&self, curvature: &mut ColumnCurvature) -> Factor {
        let (size, patients) = (self.columns.len(), self.values.ncols());
        let rows = self.values.select(ndarray::Axis(0), self.columns); // (columns, patients)
        let mut bent = ndarray::Array2::<f64>::zeros((size, patients));
        for (row, mut product) in rows.rows().into_iter().zip(bent.rows_mut()) {
            let (row, product) = (row.as_slice(), product.as_slice_mut());
            curvature.times(row.expect("in row order"), product.expect("in row order"));
        }
        let mut gram = rows.dot(&bent.t()); // (columns, columns)
        for (place, l2) in self.l2.iter().enumerate() {
            gram[[place, place]] += l2;
        }
        Factor { columns: self.columns.to_vec(), cholesky: Cholesky::of(&gram), extra_steps: 0 }
    }

    fn column(&self, column: usize) -> &[f64] {
        let patients = self.values.ncols();
        let values = self.values.to_slice().expect("columns one after the other");
        &values[column * patients..(column + 1) * patients]
    }
}

impl Factor {
    /// Solves for the columns that the factor knows; the others keep their residual, divided by
    /// the typical second derivative.
    fn solve(&self, columns: &[usize], residual: &[f64]) -> Vec<f64> {
        let places: Vec<Option<usize>> =
            columns.iter().map(|column| self.columns.binary_search(column).ok()).collect();
        let mut solution = vec![0.0; self.cholesky.size()];
        for (place, &value) in places.iter().zip(residual) {
            if let &Some(place) = place {
                solution[place] = value;
            }
        }
        self.cholesky.solve(&mut solution);
        let typical = self.cholesky.typical();
        places
            .iter()
            .zip(residual)
            .map(|(place, value)| place.map_or(value / typical, |place| solution[place]))
            .collect()
    }
}
