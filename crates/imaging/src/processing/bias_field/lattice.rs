//! A field in space as cubic B-splines over a lattice of control points (Lee et al., IEEE
//! Transactions on Visualization and Computer Graphics 1997, 3:228-244). The lattice spans an image
//! from the center of its first voxel to that of its last, whatever its resolution.

use rayon::prelude::*;

use crate::processing::interpolate::cubic_weights;

/// The share of a voxel by which the last one lies before the end of the last span.
const END: f64 = 1e-3;

/// Control points of a field, x fastest.
#[derive(Clone, Debug)]
pub(super) struct Lattice {
    /// Control points along x, y and z: spans and three more.
    size: [usize; 3],
    values: Vec<f64>,
}

/// For each voxel of an axis the first of the four control points that it lies among, and their
/// weights.
type AxisWeights = Vec<(usize, [f64; 4])>;

/// The voxels of an image by the weights of their control points along each axis.
pub(super) struct Basis {
    axes: [AxisWeights; 3],
    control_points: [usize; 3],
}

impl Basis {
    /// For an image of so many voxels.
    pub(super) fn new(lattice: &Lattice, voxels: [usize; 3]) -> Self {
        let axes = std::array::from_fn(|axis| {
            let spans = (lattice.size[axis] - 3) as f64;
            let per_voxel = spans / (voxels[axis].max(2) - 1) as f64;
            let weights = |index: usize| {
                let place = (per_voxel * index as f64).min(spans - END * per_voxel);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 up")]
                let first = place as usize;
                (first, cubic_weights(place - first as f64))
            };
            (0..voxels[axis]).map(weights).collect()
        });
        Self { axes, control_points: lattice.size }
    }

    fn powers(&self, axis: usize, power: impl Fn([f64; 4]) -> [f64; 4]) -> AxisWeights {
        self.axes[axis].iter().map(|&(first, weights)| (first, power(weights))).collect()
    }
}

/// What the least squares of a field at scattered voxels are taken with: for each control point the
/// sum of its squared weights.
pub(super) struct Fit {
    cubes: [AxisWeights; 3],
    squares: Vec<f64>,
}

impl Fit {
    /// `included` tells for each slice z, row y and column x whether a voxel counts.
    pub(super) fn new(basis: &Basis, included: impl Fn(usize, &mut [f64]) + Sync) -> Self {
        let square = |weights: [f64; 4]| weights.map(|weight| weight * weight);
        let cube = |weights: [f64; 4]| {
            let sum: f64 = square(weights).iter().sum();
            weights.map(|weight| weight.powi(3) / sum)
        };
        let squares: [AxisWeights; 3] = std::array::from_fn(|axis| basis.powers(axis, square));
        Self {
            cubes: std::array::from_fn(|axis| basis.powers(axis, cube)),
            squares: contracted(&squares, basis.control_points, included),
        }
    }

    /// The lattice that approximates values, of which `row` fills in those of a row of the image
    /// (rows counted over all slices), zero where there is none.
    pub(super) fn approximate(
        &self,
        basis: &Basis,
        row: impl Fn(usize, &mut [f64]) + Sync,
    ) -> Lattice {
        let sums = contracted(&self.cubes, basis.control_points, row);
        let value = |(sum, squares): (f64, &f64)| if *squares > 0.0 { sum / squares } else { 0.0 };
        let values = sums.into_iter().zip(&self.squares).map(value).collect();
        Lattice { size: basis.control_points, values }
    }
}

/// For each control point the sum over voxels of the product of its weights along the three axes
/// and the voxel's value. Slices are added in order, so that no sum depends on the threads.
fn contracted(
    axes: &[AxisWeights; 3],
    [columns, rows, slices]: [usize; 3],
    row: impl Fn(usize, &mut [f64]) + Sync,
) -> Vec<f64> {
    let [x_weights, y_weights, z_weights] = axes;
    let height = y_weights.len();
    let planes: Vec<Vec<f64>> = (0..z_weights.len())
        .into_par_iter()
        .map_init(
            || vec![0.0; x_weights.len()],
            |values, z| {
                let mut plane = vec![0.0; columns * rows];
                for (y, &(first_row, weights)) in y_weights.iter().enumerate() {
                    row(z * height + y, values);
                    let mut line = vec![0.0; columns];
                    for (value, &(first, weights)) in values.iter().zip(x_weights) {
                        let points = &mut line[first..first + 4];
                        points.iter_mut().zip(weights).for_each(|(sum, w)| *sum += w * value);
                    }
                    for (point, weight) in weights.into_iter().enumerate() {
                        add(&mut plane[(first_row + point) * columns..][..columns], &line, weight);
                    }
                }
                plane
            },
        )
        .collect();
    let mut sums = vec![0.0; columns * rows * slices];
    for (plane, &(first, weights)) in planes.iter().zip(z_weights) {
        for (point, weight) in weights.into_iter().enumerate() {
            add(&mut sums[(first + point) * plane.len()..][..plane.len()], plane, weight);
        }
    }
    sums
}

fn add(sums: &mut [f64], values: &[f64], weight: f64) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
}

impl Lattice {
    /// A field of zeros with so many spans along each axis.
    pub(super) fn zeros(spans: usize) -> Self {
        Self { size: [spans + 3; 3], values: vec![0.0; (spans + 3).pow(3)] }
    }

    pub(super) fn add(&mut self, other: &Self) {
        add(&mut self.values, &other.values, 1.0);
    }

    /// The control points of a slice at z, then of a row in it: the field along x is left.
    pub(super) fn slice(&self, basis: &Basis, z: usize) -> Vec<f64> {
        let plane = self.size[0] * self.size[1];
        collapsed(&self.values, plane, basis.axes[2][z])
    }

    /// Fills in the field along a row y of a slice that [`Self::slice`] gave.
    pub(super) fn row(&self, basis: &Basis, slice: &[f64], y: usize, field: &mut [f64]) {
        let line = collapsed(slice, self.size[0], basis.axes[1][y]);
        for (value, &(first, weights)) in field.iter_mut().zip(&basis.axes[0]) {
            let points = &line[first..first + 4];
            *value = points.iter().zip(weights).map(|(point, weight)| point * weight).sum();
        }
    }

    /// The same field over twice as many spans along each axis.
    pub(super) fn refined(&self) -> Self {
        let mut refined = self.clone();
        for axis in 0..3 {
            refined = refined.refined_along(axis);
        }
        refined
    }

    fn refined_along(&self, axis: usize) -> Self {
        let stride: usize = self.size[..axis].iter().product();
        let points = self.size[axis];
        let mut size = self.size;
        size[axis] = 2 * points - 3;
        let mut values = Vec::with_capacity(size.iter().product());
        for block in self.values.chunks_exact(points * stride) {
            let row = |point: usize| &block[point * stride..(point + 1) * stride];
            for fine in 0..size[axis] {
                let (a, b) = (row(fine / 2), row(fine / 2 + 1));
                if fine % 2 == 0 {
                    values.extend(a.iter().zip(b).map(|(a, b)| f64::midpoint(*a, *b)));
                } else {
                    let c = row(fine / 2 + 2);
                    let points = a.iter().zip(b).zip(c);
                    values.extend(points.map(|((a, b), c)| (a + 6.0 * b + c) / 8.0));
                }
            }
        }
        Self { size, values }
    }
}

/// The weighted sum of four rows out of many.
fn collapsed(rows: &[f64], width: usize, (first, weights): (usize, [f64; 4])) -> Vec<f64> {
    let mut sum = vec![0.0; width];
    for (row, weight) in weights.into_iter().enumerate() {
        add(&mut sum, &rows[(first + row) * width..][..width], weight);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOXELS: [usize; 3] = [9, 7, 5];

    fn field(lattice: &Lattice) -> Vec<f64> {
        let basis = Basis::new(lattice, VOXELS);
        let mut field = vec![0.0; VOXELS.iter().product()];
        for (row, values) in field.chunks_exact_mut(VOXELS[0]).enumerate() {
            let slice = lattice.slice(&basis, row / VOXELS[1]);
            lattice.row(&basis, &slice, row % VOXELS[1], values);
        }
        field
    }

    #[test]
    fn a_lone_voxel_is_met() {
        let basis = Basis::new(&Lattice::zeros(2), VOXELS);
        let only = |value: f64| {
            move |row: usize, values: &mut [f64]| {
                values.fill(0.0);
                if row == 3 * VOXELS[1] + 2 {
                    values[8] = value;
                }
            }
        };
        let lattice = Fit::new(&basis, only(1.0)).approximate(&basis, only(0.7));
        let found = field(&lattice)[(3 * VOXELS[1] + 2) * VOXELS[0] + 8];
        assert!((found - 0.7).abs() < 1e-12, "{found}");
    }

    #[test]
    fn refinement_keeps_the_field() {
        let mut lattice = Lattice::zeros(3);
        for (index, value) in lattice.values.iter_mut().enumerate() {
            *value = (index * index % 23) as f64;
        }
        let refined = lattice.refined();
        assert_eq!(refined.size, [9; 3]);
        for (value, expected) in field(&refined).iter().zip(field(&lattice)) {
            // The last voxel of an axis lies a thousandth of a voxel before the end of both.
            assert!((value - expected).abs() < 1e-9, "{value} {expected}");
        }
    }
}
