//! Where the voxels of a NIfTI image are.

use super::header::Header;
use crate::{Geometry, vector};

/// Which of a header's statements places the voxels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// The affine matrix (`nifti1.h`, method 3).
    Sform,
    /// The rotation by quaternion (method 2).
    Qform,
    /// The voxel edges alone (method 1): axes as stored are taken to run to the left, to the back
    /// and to the head.
    Edges,
}

impl Placement {
    /// The name of the statement.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sform => "sform",
            Self::Qform => "qform",
            Self::Edges => "voxel edges alone",
        }
    }
}

impl Header {
    /// The statement that holds: the sform where its code is set, or else the qform.
    pub(crate) fn placement(&self) -> Placement {
        match (self.sform_code > 0, self.qform_code > 0) {
            (true, _) => Placement::Sform,
            (false, true) => Placement::Qform,
            (false, false) => Placement::Edges,
        }
    }

    /// The grid in LPS.
    pub(crate) fn geometry(&self) -> Result<Geometry, String> {
        self.geometry_by(self.placement())
    }

    /// Both forms' grids where a header has two, for those who compare them.
    pub(crate) fn both_forms(&self) -> Option<[Geometry; 2]> {
        (self.sform_code > 0 && self.qform_code > 0).then_some(())?;
        let form = |placement| self.geometry_by(placement).ok();
        Some([form(Placement::Sform)?, form(Placement::Qform)?])
    }

    /// The grid in LPS: x and y of NIfTI's RAS change sign.
    fn geometry_by(&self, placement: Placement) -> Result<Geometry, String> {
        let rows = match placement {
            Placement::Sform => self.affine,
            Placement::Qform => self.quaternion_rows(),
            Placement::Edges => {
                let [_, x, y, z] = self.pixdim.map(f64::abs);
                [[-x, 0.0, 0.0, 0.0], [0.0, -y, 0.0, 0.0], [0.0, 0.0, z, 0.0]]
            }
        };
        let to_mm = self.millimeters_a_unit();
        let lps = [-to_mm, -to_mm, to_mm];
        // Adding zero turns a negative zero into a plain one.
        let column = |column: usize| std::array::from_fn(|row| lps[row] * rows[row][column] + 0.0);
        let axes: [vector::Vector; 3] = [column(0), column(1), column(2)];
        let spacing_mm = axes.map(vector::norm);
        if spacing_mm.iter().any(|spacing| !spacing.is_finite() || *spacing <= 0.0) {
            return Err(format!("voxel edges must be positive, found {spacing_mm:?} mm"));
        }
        let origin_mm: vector::Vector = column(3);
        if origin_mm.iter().any(|coordinate| !coordinate.is_finite()) {
            return Err("the place of the first voxel must be three finite numbers".to_owned());
        }
        let direction: [vector::Vector; 3] =
            std::array::from_fn(|axis| vector::scale(axes[axis], 1.0 / spacing_mm[axis]));
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let cosine = vector::dot(direction[a], direction[b]);
            if cosine.abs() > 1e-3 {
                return Err(format!(
                    "axes {a} and {b} must be at right angles, found a cosine of {cosine:.4}: \
                     resample the image first"
                ));
            }
        }
        Ok(Geometry { size: self.size, spacing_mm, origin_mm, direction })
    }

    /// Bits 0 to 2 of the units: 1 is a meter, 3 a micrometer, 2 and unknown millimeters.
    fn millimeters_a_unit(&self) -> f64 {
        match self.units & 0b111 {
            1 => 1000.0,
            3 => 0.001,
            _ => 1.0,
        }
    }

    /// The affine of the qform.
    #[expect(clippy::many_single_char_names, reason = "the names that `nifti1.h` has")]
    fn quaternion_rows(&self) -> [[f64; 4]; 3] {
        let [b, c, d, ..] = self.quaternion;
        let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
        // Where rounding made the three longer than a unit, `nifti1_io.c` normalizes them.
        let length = (a * a + b * b + c * c + d * d).sqrt();
        let [a, b, c, d] = [a, b, c, d].map(|part| part / length);
        let rotation = [
            [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
            [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
            [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ];
        // A negative first number turns the third axis round. Edges are lengths: a sign is none.
        let handedness = if self.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
        let [_, x, y, z] = self.pixdim.map(f64::abs);
        let edges = [x, y, handedness * z];
        std::array::from_fn(|row| {
            std::array::from_fn(|column| {
                if column == 3 {
                    self.quaternion[3 + row]
                } else {
                    rotation[row][column] * edges[column]
                }
            })
        })
    }
}
