//! An image and its region with the axes of a patch: width, height, depth.

use ndarray::{ArrayView3, Axis, s};

use super::index;
use crate::{Center, Error, Geometry, Mask, Plane, Volume};

/// The patient's axes (0 left, 1 back, 2 head) that width, height and depth run along, and whether
/// they run the other way.
const fn axes(plane: Plane) -> [(usize, bool); 3] {
    match plane {
        Plane::Axial => [(0, false), (1, false), (2, false)],
        Plane::Coronal => [(0, false), (2, true), (1, false)],
        Plane::Sagittal => [(1, false), (2, true), (0, false)],
    }
}

/// Views of an image and of the bounding box of its region, indexed `[depth, height, width]`.
pub(super) struct Frame<'a> {
    pub(super) voxels: ArrayView3<'a, f32>,
    /// The region within its bounding box.
    pub(super) region: ArrayView3<'a, bool>,
    /// The first voxel of the box along width, height and depth.
    pub(super) low: [usize; 3],
    /// Along width, height and depth.
    pub(super) spacing_mm: [f64; 3],
}

/// A part of the region: its bounding box and its middle along width, height and depth, in voxels.
pub(super) struct Section {
    pub(super) low: [usize; 3],
    pub(super) high: [usize; 3],
    pub(super) center: [f64; 3],
}

impl<'a> Frame<'a> {
    pub(super) fn new(volume: &'a Volume, mask: &'a Mask, plane: Plane) -> Result<Self, Error> {
        let (low, high) = mask.bounding_box().ok_or(Error::EmptyMask)?;
        let image_axes = image_axes(&volume.geometry);
        let chosen = axes(plane).map(|(patient, reversed)| {
            let axis = image_axes[patient];
            (axis, (volume.geometry.direction[axis][patient] < 0.0) != reversed)
        });
        let inside = mask.voxels.slice(s![low[2]..=high[2], low[1]..=high[1], low[0]..=high[0]]);
        let size = volume.geometry.size;
        let first = |(axis, flipped): (usize, bool)| {
            if flipped { size[axis] - 1 - high[axis] } else { low[axis] }
        };
        Ok(Self {
            voxels: turned(&volume.voxels.view(), chosen),
            region: turned(&inside, chosen),
            low: chosen.map(first),
            spacing_mm: chosen.map(|(axis, _)| volume.geometry.spacing_mm[axis]),
        })
    }

    /// The voxels along width, height and depth.
    pub(super) fn size(&self) -> [usize; 3] {
        let (depth, height, width) = self.voxels.dim();
        [width, height, depth]
    }

    /// The voxels of the region in each slice of its bounding box.
    pub(super) fn counts(&self) -> Vec<usize> {
        let count = |slice: ndarray::ArrayView2<'_, bool>| slice.iter().filter(|&&v| v).count();
        self.region.outer_iter().map(count).collect()
    }

    /// The part of the region within slices of its bounding box; `None` where there is nothing.
    pub(super) fn section(
        &self,
        slices: std::ops::Range<usize>,
        center: Center,
    ) -> Option<Section> {
        let mut low = [usize::MAX; 3];
        let mut high = [0; 3];
        let mut sums = [0.0; 3];
        let mut count = 0.0;
        let part = self.region.slice(s![slices.clone(), .., ..]);
        for ((depth, height, width), _) in part.indexed_iter().filter(|&(_, &inside)| inside) {
            let index = [width, height, depth + slices.start];
            for (axis, index) in index.into_iter().enumerate() {
                let index = index + self.low[axis];
                low[axis] = low[axis].min(index);
                high[axis] = high[axis].max(index);
                sums[axis] += index as f64;
            }
            count += 1.0;
        }
        let middle = |axis: usize| match center {
            Center::BoundingBox => (low[axis] + high[axis]) as f64 / 2.0,
            Center::Centroid => sums[axis] / count,
        };
        (count > 0.0).then(|| Section { low, high, center: std::array::from_fn(middle) })
    }

    /// Whether a voxel of the region has its center in a box, given by its least and its greatest
    /// position along width, height and depth.
    pub(super) fn is_in(&self, ends: [[f64; 2]; 3]) -> bool {
        let (depth, height, width) = self.region.dim();
        let lengths = [width, height, depth];
        let [width, height, depth] = std::array::from_fn(|axis| {
            let first = self.low[axis] as f64;
            let [least, greatest] = ends[axis];
            let begin = index((least - first).ceil()).min(lengths[axis]);
            let end = index((greatest - first).floor() + 1.0).min(lengths[axis]);
            begin..end.max(begin)
        });
        self.region.slice(s![depth, height, width]).iter().any(|&inside| inside)
    }
}

/// The image's axis that is nearest to each of the patient's axes.
fn image_axes(geometry: &Geometry) -> [usize; 3] {
    const ORDERS: [[usize; 3]; 6] =
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let likeness = |order: &[usize; 3]| -> f64 {
        (0..3).map(|patient| geometry.direction[order[patient]][patient].abs()).sum()
    };
    let better = |best, order| if likeness(&order) > likeness(&best) { order } else { best };
    ORDERS.into_iter().fold(ORDERS[0], better)
}

/// An array indexed `[z, y, x]` seen along the axes chosen for width, height and depth.
fn turned<'a, T>(view: &ArrayView3<'a, T>, chosen: [(usize, bool); 3]) -> ArrayView3<'a, T> {
    let [width, height, depth] = chosen.map(|(axis, _)| 2 - axis);
    let mut view = (*view).permuted_axes([depth, height, width]);
    for (place, (_, flipped)) in chosen.into_iter().enumerate() {
        if flipped {
            view.invert_axis(Axis(2 - place));
        }
    }
    view
}
