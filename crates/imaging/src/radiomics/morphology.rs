use std::f64::consts::PI;

use oncoweave_core::Feature;

use super::region::Region;
use super::{Definition, diameter, mesh, named};

const DEFINITIONS: [Definition; 20] = [
    Definition {
        name: "morph_volume",
        unit: "mm3",
        meaning: "volume inside the surface mesh",
        code: "RNU0",
    },
    Definition {
        name: "morph_vol_approx",
        unit: "mm3",
        meaning: "volume as the number of voxels times the volume of one",
        code: "YEKZ",
    },
    Definition {
        name: "morph_area_mesh",
        unit: "mm2",
        meaning: "area of the surface mesh",
        code: "C0JK",
    },
    Definition {
        name: "morph_av",
        unit: "1/mm",
        meaning: "surface area over volume",
        code: "2PR5",
    },
    Definition {
        name: "morph_comp_1",
        unit: "",
        meaning: "compactness 1, greatest for a sphere",
        code: "SKGS",
    },
    Definition {
        name: "morph_comp_2",
        unit: "",
        meaning: "compactness 2, 1 for a sphere",
        code: "BQWJ",
    },
    Definition {
        name: "morph_sph_dispr",
        unit: "",
        meaning: "spherical disproportion, 1 for a sphere and more otherwise",
        code: "KRCK",
    },
    Definition {
        name: "morph_sphericity",
        unit: "",
        meaning: "sphericity, 1 for a sphere",
        code: "QCFX",
    },
    Definition {
        name: "morph_asphericity",
        unit: "",
        meaning: "asphericity, 0 for a sphere",
        code: "25C7",
    },
    Definition {
        name: "morph_com",
        unit: "mm",
        meaning: "distance from the centre of the region to its centre of intensity",
        code: "KLMA",
    },
    Definition {
        name: "morph_diam",
        unit: "mm",
        meaning: "greatest distance between two vertices of the surface",
        code: "L0JK",
    },
    Definition {
        name: "morph_pca_maj_axis",
        unit: "mm",
        meaning: "length of the first principal axis",
        code: "TDIC",
    },
    Definition {
        name: "morph_pca_min_axis",
        unit: "mm",
        meaning: "length of the second principal axis",
        code: "P9VJ",
    },
    Definition {
        name: "morph_pca_least_axis",
        unit: "mm",
        meaning: "length of the third principal axis",
        code: "7J51",
    },
    Definition {
        name: "morph_pca_elongation",
        unit: "",
        meaning: "second over first principal axis, 1 for a sphere",
        code: "Q3CK",
    },
    Definition {
        name: "morph_pca_flatness",
        unit: "",
        meaning: "third over first principal axis, 1 for a sphere",
        code: "N17B",
    },
    Definition {
        name: "morph_vol_dens_aabb",
        unit: "",
        meaning: "volume over that of the box along the image's axes",
        code: "PBX1",
    },
    Definition {
        name: "morph_area_dens_aabb",
        unit: "",
        meaning: "area over that of the box along the image's axes",
        code: "R59B",
    },
    Definition {
        name: "morph_vol_dens_aee",
        unit: "",
        meaning: "volume over that of the ellipsoid with the principal axes",
        code: "6BDE",
    },
    Definition {
        name: "morph_integ_int",
        unit: "mm3 @",
        meaning: "mean intensity times volume",
        code: "99N0",
    },
];

/// Shape and size of a region.
pub(crate) fn features(region: &Region, intensity_unit: &str) -> Vec<Feature> {
    let mesh::Surface { area_mm2: area, volume_mm3: volume } = mesh::measure(region);
    let voxel_volume: f64 = region.spacing_mm.iter().product();
    let moments = Moments::new(region);
    let [major, minor, least] = moments.axes_mm();
    let sphericity = (36.0 * PI * volume.powi(2)).cbrt() / area;
    let [box_volume, box_area] = bounding_box(region);
    let values = [
        volume,
        region.indices.len() as f64 * voxel_volume,
        area,
        area / volume,
        volume / (PI.sqrt() * area.powf(1.5)),
        sphericity.powi(3),
        1.0 / sphericity,
        sphericity,
        1.0 / sphericity - 1.0,
        moments.shift_mm,
        diameter::maximum_mm(region),
        major,
        minor,
        least,
        minor / major,
        least / major,
        volume / box_volume,
        area / box_area,
        volume / (PI / 6.0 * major * minor * least),
        moments.mean_intensity * volume,
    ];
    named(&DEFINITIONS, values, intensity_unit)
}

/// Volume and area of the box round a region's voxels, along the image's axes.
fn bounding_box(region: &Region) -> [f64; 2] {
    let [x, y, z]: [f64; 3] =
        std::array::from_fn(|axis| (region.size[axis] - 2) as f64 * region.spacing_mm[axis]);
    [x * y * z, 2.0 * (x * y + y * z + z * x)]
}

/// Moments of a region's voxel centres.
struct Moments {
    /// Covariance in mm², with one less than the number of voxels as divisor.
    covariance: [[f64; 3]; 3],
    /// From the centre to the centre weighted by intensity; not a number where intensities sum to 0.
    shift_mm: f64,
    mean_intensity: f64,
}

impl Moments {
    fn new(region: &Region) -> Self {
        let count = region.indices.len() as f64;
        // Coordinates are whole numbers and small, so that these sums are exact.
        let mut sums = [0_u64; 3];
        let mut products = [[0_u64; 3]; 3];
        let mut weighted = [0.0; 3];
        let mut intensity = 0.0;
        for (&index, &value) in region.indices.iter().zip(&region.values) {
            let position = region.position(index).map(|coordinate| coordinate as u64);
            let value = f64::from(value);
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
                let centred = (product - count * mean[a] * mean[b]) / (count - 1.0);
                centred * region.spacing_mm[a] * region.spacing_mm[b]
            })
        });
        let shift = (0..3)
            .map(|axis| (mean[axis] - weighted[axis] / intensity) * region.spacing_mm[axis])
            .map(|difference| difference * difference);
        Self { covariance, shift_mm: shift.sum::<f64>().sqrt(), mean_intensity: intensity / count }
    }

    /// The lengths of the principal axes in mm, longest first: four standard deviations.
    fn axes_mm(&self) -> [f64; 3] {
        let mut values = eigenvalues(self.covariance);
        values.sort_unstable_by(|a, b| b.total_cmp(a));
        // Rounding may turn the zero of a flat region into a tiny negative number.
        values.map(|value| 4.0 * value.max(0.0).sqrt())
    }
}

/// The eigenvalues of a symmetric matrix, by Jacobi's rotations.
fn eigenvalues(mut matrix: [[f64; 3]; 3]) -> [f64; 3] {
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
