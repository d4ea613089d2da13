//! Moments of a region's voxel centers.

use super::region::Region;

/// Center and spread of a region.
pub(crate) struct Moments {
    /// The center in mm from the first voxel of the box.
    pub(crate) center_mm: [f64; 3],
    /// The center weighted by intensity; not a number where intensities sum to 0.
    pub(crate) intensity_center_mm: [f64; 3],
    pub(crate) mean_intensity: f64,
    /// Covariance in mm², with one less than the number of voxels as divisor.
    covariance: [[f64; 3]; 3],
}

impl Moments {
    /// Measures a region that is not empty.
    pub(crate) fn new(region: &Region) -> Self {
        let count = region.indices.len() as f64;
        // Coordinates are whole numbers and small, so that these sums are exact.
        let mut sums = [0_u64; 3];
        let mut products = [[0_u64; 3]; 3];
        let mut weighted = [0.0; 3];
        let mut intensity = 0.0;
        for (&index, &value) in region.indices.iter().zip(&region.values) {
            let position = region.position(index).map(|coordinate| coordinate as u64);
            intensity += value;
            for a in 0..3 {
                sums[a] += position[a];
                weighted[a] += value * position[a] as f64;
                for b in a..3 {
                    products[a][b] += position[a] * position[b];
                }
            }
        }
        let mean = sums.map(|sum| sum as f64 / count);
        let covariance = std::array::from_fn(|a| {
            std::array::from_fn(|b| {
                let product = products[a.min(b)][a.max(b)] as f64;
                let centered = (product - count * mean[a] * mean[b]) / (count - 1.0);
                centered * region.spacing_mm[a] * region.spacing_mm[b]
            })
        });
        let millimetres = |mean: [f64; 3]| -> [f64; 3] {
            std::array::from_fn(|axis| mean[axis] * region.spacing_mm[axis])
        };
        Self {
            center_mm: millimetres(mean),
            intensity_center_mm: millimetres(weighted.map(|sum| sum / intensity)),
            mean_intensity: intensity / count,
            covariance,
        }
    }

    /// The lengths of the principal axes in mm, longest first: four standard deviations.
    pub(crate) fn axes_mm(&self) -> [f64; 3] {
        let mut values = eigenvalues(self.covariance);
        values.sort_unstable_by(|a, b| b.total_cmp(a));
        // Rounding may turn the zero of a flat region into a tiny negative number.
        values.map(|value| 4.0 * value.max(0.0).sqrt())
    }
}

/// The eigenvalues of a symmetric matrix, by Jacobi's rotations.
pub(crate) fn eigenvalues(mut matrix: [[f64; 3]; 3]) -> [f64; 3] {
    // Six sweeps are plenty: each squares what is left off the diagonal.
    for _ in 0..12 {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            let off_diagonal = matrix[p][q];
            if off_diagonal == 0.0 {
                continue;
            }
            let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * off_diagonal);
            let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
            let cosine = 1.0 / tangent.hypot(1.0);
            let sine = tangent * cosine;
            for row in &mut matrix {
                (row[p], row[q]) =
                    (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
            }
            let (row_p, row_q) = (matrix[p], matrix[q]);
            for column in 0..3 {
                matrix[p][column] = cosine * row_p[column] - sine * row_q[column];
                matrix[q][column] = sine * row_p[column] + cosine * row_q[column];
            }
        }
    }
    [matrix[0][0], matrix[1][1], matrix[2][2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_of_known_matrices() {
        for (case, matrix, expected) in [
            ("diagonal", [[3.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]], [1.0, 2.0, 3.0]),
            ("one plane", [[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 5.0]], [1.0, 3.0, 5.0]),
            ("all ones", [[1.0; 3]; 3], [0.0, 0.0, 3.0]),
        ] {
            let mut values = eigenvalues(matrix);
            values.sort_unstable_by(f64::total_cmp);
            for (value, expected) in values.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-12, "{case}: {values:?}");
            }
        }
    }
}
