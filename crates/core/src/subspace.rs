//! A few combinations of a block's many columns, among which fits look for their coefficients.

use ndarray::{Array2, Axis, concatenate, s};

use crate::matrix::Columns;

/// Directions in the space of a block's coefficients. Coefficients that are combinations of them,
/// `b = Dᵀc`, are as long as `c`, and their log-risks `X b = (X Dᵀ) c` need no pass over the columns.
#[derive(Debug)]
pub(crate) struct Subspace {
    /// Orthonormal, (directions, columns).
    directions: Array2<f64>,
    /// The columns times each direction: a column each.
    pub(crate) values: Columns<'static>,
}

impl Subspace {
    /// Without any direction.
    pub(crate) fn of(columns: &Columns) -> Self {
        Self {
            directions: Array2::zeros((0, columns.ncols())),
            values: Columns::none(columns.nrows()),
        }
    }

    /// The number of directions.
    pub(crate) fn size(&self) -> usize {
        self.directions.nrows()
    }

    /// The coefficients of the columns, (vectors, columns), by those of the directions, (vectors,
    /// directions).
    pub(crate) fn lift(&self, coefficients: &Array2<f64>) -> Array2<f64> {
        coefficients.dot(&self.directions)
    }

    /// Adds directions so that the candidates, (vectors, columns), are nearly combinations of them:
    /// what is left of each is no longer than `short`. Gives how many were added.
    pub(crate) fn grow(
        &mut self,
        columns: &Columns,
        mut candidates: Array2<f64>,
        short: f64,
    ) -> usize {
        // Twice, because once leaves what rounding made of candidates that are nearly in it.
        for _ in 0..2 {
            candidates -= &candidates.dot(&self.directions.t()).dot(&self.directions);
        }
        let mut new = Array2::zeros((0, columns.ncols())); // (new directions, columns)
        loop {
            let squares = candidates.map_axis(Axis(1), |row| row.dot(&row));
            let longest = (0..squares.len()).max_by(|&a, &b| squares[a].total_cmp(&squares[b]));
            let Some(longest) = longest.filter(|&row| squares[row] > short * short) else { break };
            let mut direction = candidates.slice(s![longest..=longest, ..]).to_owned();
            for known in [&self.directions, &new] {
                direction -= &direction.dot(&known.t()).dot(known);
            }
            let length = direction.iter().map(|value| value * value).sum::<f64>().sqrt();
            candidates.row_mut(longest).fill(0.0);
            if length <= 0.0 {
                continue;
            }
            direction /= length;
            candidates -= &candidates.dot(&direction.t()).dot(&direction);
            new = concatenate![Axis(0), new, direction];
        }
        self.values.append(&columns.combine(&new));
        self.directions = concatenate![Axis(0), self.directions, new];
        new.nrows()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: f64 = 0.3;

    #[test]
    fn directions_are_orthonormal_and_hold_the_candidates() {
        let x = Array2::from_shape_fn((9, 6), |(row, column)| {
            ((row * 7 + column * column) as f64).sin()
        });
        let columns = Columns::new((&*x).into()).unwrap();
        let mut subspace = Subspace::of(&columns);
        let candidate = |row: usize, column: usize| ((row * 5 + column * 3) as f64).cos();
        let first = Array2::from_shape_fn((2, 6), |(row, column)| candidate(row, column));
        // One that is new, one that is not.
        let mut second = Array2::from_shape_fn((2, 6), |(row, column)| candidate(row + 1, column));
        second.row_mut(1).assign(&(&first.row(0) * 2.0));
        assert_eq!(subspace.grow(&columns, first.clone(), SHORT), 2);
        let more = subspace.grow(&columns, second.clone(), SHORT);
        assert_eq!(more, subspace.size() - 2);
        let products = subspace.directions.dot(&subspace.directions.t());
        for ((a, b), product) in products.indexed_iter() {
            let expected = f64::from(u8::from(a == b));
            assert!((product - expected).abs() < 1e-12, "{a} {b}: {product}");
        }
        for held in [first, second] {
            let again = subspace.lift(&held.dot(&subspace.directions.t()));
            assert!(held.iter().zip(&again).all(|(a, b)| (a - b).abs() < SHORT));
        }
        // Their values are those of the centered columns.
        let means = x.mean_axis(Axis(0)).unwrap();
        let expected = (&x - &means).dot(&subspace.directions.t()); // (patients, directions)
        let found = subspace.values.products(&Array2::eye(9)); // (patients, directions)
        assert!(expected.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
