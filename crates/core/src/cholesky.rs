//! The Cholesky factor of a symmetric matrix.

use ndarray::Array2;

use crate::newton::{add_scaled, dot};

/// The lower triangle by rows, (columns, columns).
#[derive(Debug, Default)]
pub(crate) struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Columns that nearly repeat others get a pivot that leaves them be.
    pub(crate) fn of(matrix: &Array2<f64>) -> Self {
        let size = matrix.nrows();
        let mut lower = vec![0.0; size * size];
        for i in 0..size {
            for j in 0..=i {
                let (above, row) = lower.split_at(i * size);
                let known = if i == j { row } else { &above[j * size..] };
                let value = matrix[[i, j]] - dot(&row[..j], &known[..j]);
                lower[i * size + j] = if i == j {
                    value.max(1e-6 * matrix[[i, i]]).max(f64::MIN_POSITIVE).sqrt()
                } else {
                    value / above[j * size + j]
                };
            }
        }
        Self { size, lower }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The mean of the pivots.
    pub(crate) fn typical(&self) -> f64 {
        let pivots = (0..self.size).map(|i| self.lower[i * self.size + i].powi(2)).sum::<f64>();
        (pivots / self.size as f64).max(f64::MIN_POSITIVE)
    }

    /// Solves for the right side that stands in the solution's place.
    pub(crate) fn solve(&self, solution: &mut [f64]) {
        for i in 0..self.size {
            let (known, rest) = solution.split_at_mut(i);
            let row = &self.lower[i * self.size..];
            rest[0] = (rest[0] - dot(&row[..i], known)) / row[i];
        }
        for i in (0..self.size).rev() {
            let (before, rest) = solution.split_at_mut(i);
            let row = &self.lower[i * self.size..];
            rest[0] /= row[i];
            add_scaled(before, -rest[0], &row[..i]);
        }
    }
}
