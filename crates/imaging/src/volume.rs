use std::fmt;

use ndarray::Array3;
use serde::Serialize;

use crate::{Error, vector};

/// The grid of a volume in patient coordinates: LPS in millimetres, as DICOM has them (x grows
/// towards the patient's left, y to the back, z to the head).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Geometry {
    /// Voxels along the axes x (columns), y (rows) and z (slices).
    pub size: [usize; 3],
    /// Distance in mm between the centers of neighboring voxels along x, y and z; positive.
    pub spacing_mm: [f64; 3],
    /// The center of voxel (0, 0, 0) in mm.
    pub origin_mm: [f64; 3],
    /// For each axis x, y, z the unit vector that its index grows along.
    pub direction: [[f64; 3]; 3],
}

impl Geometry {
    /// The position in mm of a voxel index (x, y, z), which may lie between voxels.
    #[must_use]
    pub fn position_mm(&self, index: [f64; 3]) -> [f64; 3] {
        let mut position = self.origin_mm;
        for (axis, index) in index.into_iter().enumerate() {
            let step = vector::scale(self.direction[axis], self.spacing_mm[axis] * index);
            position = vector::add(position, step);
        }
        position
    }

    /// The voxel index (x, y, z), not rounded, of a position in mm.
    #[must_use]
    pub fn index(&self, position_mm: [f64; 3]) -> [f64; 3] {
        let offset = vector::subtract(position_mm, self.origin_mm);
        let [x, y, z] = self.direction;
        // Axes may be sheared by a hair in NIfTI files, so the inverse is not the transpose.
        let volume = vector::dot(x, vector::cross(y, z));
        [
            vector::dot(offset, vector::cross(y, z)) / volume / self.spacing_mm[0],
            vector::dot(offset, vector::cross(z, x)) / volume / self.spacing_mm[1],
            vector::dot(offset, vector::cross(x, y)) / volume / self.spacing_mm[2],
        ]
    }

    /// The volume of one voxel in mm³.
    #[must_use]
    pub fn voxel_volume_mm3(&self) -> f64 {
        self.spacing_mm.iter().product()
    }

    /// The shape of an array on this grid: slices, rows, columns.
    #[must_use]
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.size[2], self.size[1], self.size[0])
    }

    /// Whether two grids have the same voxels: equal size, and every corner within a tenth of the
    /// smallest voxel edge of its twin, which headers rounded to a few digits satisfy.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let edge = self.spacing_mm.iter().fold(f64::INFINITY, |least, &edge| least.min(edge));
        self.size == other.size
            && self
                .corners()
                .iter()
                .zip(other.corners())
                .all(|(a, b)| vector::norm(vector::subtract(*a, b)) <= 0.1 * edge)
    }

    /// In what another grid's voxels are not among this one's: axes, spacing, and the place of
    /// the first voxel, each with how much it differs.
    pub(crate) fn differences(&self, other: &Self) -> String {
        let mut differences = Vec::new();
        for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
            let (ours, theirs) = (self.direction[axis], other.direction[axis]);
            let turned = vector::norm(vector::cross(ours, theirs)).atan2(vector::dot(ours, theirs));
            if turned.to_degrees() > 0.01 {
                let degrees = turned.to_degrees();
                differences.push(format!("its axis {name} is turned by {degrees:.3} degrees"));
            }
        }
        for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
            let (ours, theirs) = (self.spacing_mm[axis], other.spacing_mm[axis]);
            if (ours - theirs).abs() > 1e-3 * ours {
                differences.push(format!(
                    "its spacing along {name} is {theirs:.4} mm, the image's {ours:.4} mm"
                ));
            }
        }
        if differences.is_empty() {
            let [x, y, z] = self.index(other.origin_mm).map(|index| (index - index.round()).abs());
            differences.push(format!(
                "its voxels lie {x:.2}, {y:.2}, {z:.2} of a voxel beside the image's"
            ));
        }
        differences.join(", ")
    }

    fn corners(&self) -> [[f64; 3]; 8] {
        std::array::from_fn(|corner| {
            let index = std::array::from_fn(|axis| {
                if corner >> axis & 1 == 1 { self.size[axis] as f64 - 1.0 } else { 0.0 }
            });
            self.position_mm(index)
        })
    }
}

impl fmt::Display for Geometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x, y, z] = self.size;
        let row = |v: [f64; 3]| format!("({:.4}, {:.4}, {:.4})", v[0], v[1], v[2]);
        write!(f, "{x} x {y} x {z} voxels of {} mm", row(self.spacing_mm))?;
        write!(f, " from {} mm along", row(self.origin_mm))?;
        write!(
            f,
            " {} {} {}",
            row(self.direction[0]),
            row(self.direction[1]),
            row(self.direction[2])
        )
    }
}

/// An image in patient space.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Intensities indexed `[z, y, x]` (slice, row, column), x fastest in memory.
    pub voxels: Array3<f32>,
    /// Where the voxels are.
    pub geometry: Geometry,
    /// The DICOM modality, such as `CT`; empty where the file does not say.
    pub modality: String,
    /// The unit of the intensities, such as `HU`; empty where the file does not say.
    pub unit: String,
    /// The DICOM frame of reference that positions refer to, where known.
    pub frame_of_reference: Option<String>,
}

/// A region of interest on a volume's grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// Whether a voxel is inside, indexed `[z, y, x]` like [`Volume::voxels`].
    pub voxels: Array3<bool>,
    /// Where the voxels are.
    pub geometry: Geometry,
}

impl Mask {
    /// The number of voxels inside.
    #[must_use]
    pub fn count(&self) -> usize {
        self.voxels.iter().filter(|&&inside| inside).count()
    }

    /// The least and greatest index (x, y, z) inside; `None` for an empty mask.
    pub(crate) fn bounding_box(&self) -> Option<([usize; 3], [usize; 3])> {
        let mut low = [usize::MAX; 3];
        let mut high = [0; 3];
        for (z, plane) in self.voxels.outer_iter().enumerate() {
            for (y, row) in plane.outer_iter().enumerate() {
                let Some(first) = row.iter().position(|&inside| inside) else { continue };
                let last = row.iter().rposition(|&inside| inside).unwrap_or(first);
                low = [low[0].min(first), low[1].min(y), low[2].min(z)];
                high = [high[0].max(last), high[1].max(y), high[2].max(z)];
            }
        }
        (low[0] != usize::MAX).then_some((low, high))
    }
}

/// Refuses a mask that no feature can be computed on.
///
/// # Errors
/// When the grids differ, or the mask holds fewer than two voxels.
pub fn check_pair(volume: &Volume, mask: &Mask) -> Result<(), Error> {
    if !volume.geometry.matches(&mask.geometry) {
        return Err(Error::GeometryMismatch {
            image: Box::new(volume.geometry),
            mask: Box::new(mask.geometry),
        });
    }
    match mask.count() {
        0 => Err(Error::EmptyMask),
        1 => Err(Error::OneVoxelMask),
        _ => Ok(()),
    }
}
