//! Intensities at the points of one patch, and the scale that they are brought to.

use ndarray::{Array3, s};

use super::{frame::Frame, index};
use crate::{
    Interpolation, Normalization, PatchSettings, Volume,
    processing::interpolate::{Points, along},
};

/// Voxels of the image kept beyond the outermost one that a cubic spline is wanted at; it forgets a
/// voxel by a factor of 3.7 at each step.
const SPLINE_REACH: usize = 32;

/// The points of a patch along width, height and depth.
pub(super) struct Lattice {
    pub(super) size: [usize; 3],
    /// The distance of neighbors in voxels of the image.
    pub(super) step: [f64; 3],
    /// Whether they are voxels of the image themselves.
    pub(super) on_voxels: [bool; 3],
    pub(super) interpolation: Interpolation,
}

impl Lattice {
    /// The position of the first point along an axis, in voxels of the image.
    pub(super) fn first(&self, axis: usize, center: f64) -> f64 {
        let first = center - (self.size[axis] - 1) as f64 * self.step[axis] / 2.0;
        if self.on_voxels[axis] { (first + 0.5).floor() } else { first }
    }
}

/// What of an axis lies inside the image.
struct Overlap {
    /// The points inside.
    points: std::ops::Range<usize>,
    /// The voxels that they need.
    voxels: std::ops::Range<usize>,
    /// Where the points are among these voxels.
    at: Points,
}

/// The intensities at the lattice's points round a center, indexed `[depth, height, width]`, with
/// `fill` at those beyond the image's edge and for voxels that are no finite number; `None` where no
/// point is in the image.
pub(super) fn sample(
    frame: &Frame<'_>,
    lattice: &Lattice,
    center: [f64; 3],
    fill: f32,
) -> Option<Array3<f32>> {
    let [width, height, depth] = lattice.size;
    let mut patch = Array3::from_elem((depth, height, width), fill);
    let overlaps: [Overlap; 3] =
        std::array::from_fn(|axis| overlap(lattice, axis, center[axis], frame.size()[axis]));
    if overlaps.iter().any(|overlap| overlap.points.is_empty()) {
        return None;
    }
    let [width, height, depth] = overlaps.each_ref().map(|overlap| overlap.voxels.clone());
    let part = frame.voxels.slice(s![depth, height, width]);
    let finite = |&value: &f32| if value.is_finite() { value } else { fill };
    let (depth, height, width) = part.dim();
    let mut size = [width, height, depth];
    let mut values: Vec<f32> = part.iter().map(finite).collect();
    for (axis, overlap) in overlaps.iter().enumerate() {
        let whole = Points { first: 0.0, step: 1.0, count: size[axis] };
        if overlap.at != whole {
            values = along(&values, size, axis, overlap.at, lattice.interpolation);
            size[axis] = overlap.at.count;
        }
    }
    let [width, height, depth] = size;
    let inside = Array3::from_shape_vec((depth, height, width), values)
        .expect("as many values as the points of the axes");
    let [width, height, depth] = overlaps.map(|overlap| overlap.points);
    patch.slice_mut(s![depth, height, width]).assign(&inside);
    Some(patch)
}

/// A point is inside where it lies in a voxel, which reaches half a voxel beyond its center.
fn overlap(lattice: &Lattice, axis: usize, center: f64, voxels: usize) -> Overlap {
    let (step, first) = (lattice.step[axis], lattice.first(axis, center));
    let begin = index(((-0.5 - first) / step).ceil());
    let end = index(((voxels as f64 - 0.5 - first) / step).floor() + 1.0).min(lattice.size[axis]);
    if begin >= end {
        let at = Points { first: 0.0, step: 1.0, count: 0 };
        return Overlap { points: 0..0, voxels: 0..0, at };
    }
    // Voxels of the image themselves need no neighbors.
    let reach = match lattice.interpolation {
        _ if lattice.on_voxels[axis] => 0,
        Interpolation::Cubic => SPLINE_REACH,
        Interpolation::Nearest | Interpolation::Linear => 1,
    };
    let position = |point: usize| first + step * point as f64;
    let start = index(position(begin).floor()).saturating_sub(reach).min(voxels - 1);
    let last = (index(position(end - 1).ceil()) + reach).min(voxels - 1);
    let at = Points { first: position(begin) - start as f64, step, count: end - begin };
    Overlap { points: begin..end, voxels: start..last + 1, at }
}

/// How an intensity becomes a value of a patch.
pub(super) struct Scale {
    window: [f32; 2],
    shift: f32,
    width: f32,
    normalization: Normalization,
}

impl Scale {
    /// The scale of an image, and the intensity that stands for what is not in it.
    pub(super) fn new(volume: &Volume, settings: &PatchSettings) -> (Self, f32) {
        let normalization = settings.normalization;
        let needs_range = settings.window.is_none()
            && (settings.pad.is_none()
                || !matches!(normalization, Normalization::None | Normalization::ZScore));
        #[expect(clippy::cast_possible_truncation, reason = "intensities are float32")]
        let window = settings.window.map(|window| window.map(|end| end as f32));
        let range = window.unwrap_or_else(|| if needs_range { range(volume) } else { [0.0; 2] });
        let window = window.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
        let [shift, width] = match normalization {
            Normalization::None => [0.0, 1.0],
            Normalization::ZScore => mean_and_deviation(volume, window),
            Normalization::Range | Normalization::Imagenet | Normalization::Kinetics => {
                [range[0], range[1] - range[0]]
            }
        };
        // An image of one intensity has no scale; its values are 0.
        let width = if width > 0.0 { width } else { 1.0 };
        #[expect(clippy::cast_possible_truncation, reason = "intensities are float32")]
        let fill = settings.pad.map_or(range[0], |pad| pad as f32);
        (Self { window, shift, width, normalization }, fill)
    }

    /// The value of an intensity in a channel.
    pub(super) fn value(&self, intensity: f32, channel: usize) -> f32 {
        let [low, high] = self.window;
        let scaled = (intensity.clamp(low, high) - self.shift) / self.width;
        let [mean, deviation] = self.normalization.channel(channel);
        (scaled - mean) / deviation
    }
}

/// The least and the greatest finite intensity.
fn range(volume: &Volume) -> [f32; 2] {
    let finite = volume.voxels.iter().copied().filter(|value| value.is_finite());
    let [low, high] = finite.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], value| {
        [low.min(value), high.max(value)]
    });
    if low <= high { [low, high] } else { [0.0; 2] }
}

/// The mean and the population standard deviation of the finite intensities, windowed.
fn mean_and_deviation(volume: &Volume, [low, high]: [f32; 2]) -> [f32; 2] {
    let finite = || {
        let finite = volume.voxels.iter().filter(|value| value.is_finite());
        finite.map(|value| f64::from(value.clamp(low, high)))
    };
    let count = finite().count().max(1) as f64;
    let mean = finite().sum::<f64>() / count;
    let variance = finite().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    #[expect(clippy::cast_possible_truncation, reason = "patches are float32")]
    [mean as f32, variance.sqrt() as f32]
}
