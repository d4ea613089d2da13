use std::borrow::Cow;

use ndarray::Array3;
use rayon::prelude::*;

use super::Transform;
use crate::processing::interpolate::{cubic_weights, spline_coefficients_along};
use crate::{Geometry, Interpolation, Mask, Volume, vector};

/// How many voxels an image goes on with its outermost before splines are fitted.
const PAD: usize = 2;

/// Gives an image on another grid: `transform` takes positions of the new grid to positions of the
/// image. Where there is no image, which ends half a voxel beyond its outermost centers, voxels get
/// its least finite intensity.
///
/// # Panics
/// Never: an intensity is found for each voxel of the grid.
#[must_use]
pub fn resample_onto(
    volume: &Volume,
    geometry: &Geometry,
    transform: &Transform,
    interpolation: Interpolation,
) -> Volume {
    let finite = volume.voxels.iter().copied().filter(|value| value.is_finite());
    let outside = finite.reduce(f32::min).unwrap_or(0.0);
    let values = contiguous(&volume.voxels);
    let map = IndexMap::new(geometry, &volume.geometry, transform);
    let voxels = moved(values, volume.geometry.size, &map, (interpolation, outside));
    Volume {
        voxels: Array3::from_shape_vec(geometry.shape(), voxels).expect("a value for each voxel"),
        geometry: *geometry,
        modality: volume.modality.clone(),
        unit: volume.unit.clone(),
        // Positions are now those of another examination.
        frame_of_reference: None,
    }
}

/// Gives a mask on another grid: a voxel is inside whose center lies at a share of `threshold` or
/// more.
///
/// # Panics
/// Never: a share is found for each voxel of the grid.
#[must_use]
pub fn resample_mask_onto(
    mask: &Mask,
    geometry: &Geometry,
    transform: &Transform,
    (interpolation, threshold): (Interpolation, f64),
) -> Mask {
    if interpolation == Interpolation::Nearest {
        return Mask { voxels: nearest(mask, geometry, transform), geometry: *geometry };
    }
    let shares = mask.voxels.iter().map(|&inside| f32::from(u8::from(inside))).collect();
    let map = IndexMap::new(geometry, &mask.geometry, transform);
    let shares = moved(Cow::Owned(shares), mask.geometry.size, &map, (interpolation, 0.0));
    let inside = shares.into_iter().map(|share| f64::from(share) >= threshold - 1e-6).collect();
    let voxels = Array3::from_shape_vec(geometry.shape(), inside).expect("a value for each voxel");
    Mask { voxels, geometry: *geometry }
}

/// For each voxel of a grid whether the mask's voxel nearest to where `transform` takes its center is
/// inside; none is beyond the mask's grid.
pub(crate) fn nearest(mask: &Mask, geometry: &Geometry, transform: &Transform) -> Array3<bool> {
    let map = IndexMap::new(geometry, &mask.geometry, transform);
    let [width, height, depth] = geometry.size;
    let mut voxels = vec![false; width * height * depth];
    voxels.par_chunks_exact_mut(width).enumerate().for_each(|(row, voxels)| {
        for (x, voxel) in voxels.iter_mut().enumerate() {
            let index = inside(map.at([x, row % height, row / height]), mask.geometry.size);
            *voxel = index.is_some_and(|index| {
                let [x, y, z] = index.map(|index| taps_nearest(index).0);
                mask.voxels[[z, y, x]]
            });
        }
    });
    Array3::from_shape_vec(geometry.shape(), voxels).expect("a value for each voxel")
}

/// The values of an array, x fastest.
pub(super) fn contiguous(voxels: &Array3<f32>) -> Cow<'_, [f32]> {
    voxels.as_slice().map_or_else(|| voxels.iter().copied().collect(), Cow::Borrowed)
}

/// The affine map from the voxel indices of one grid to those of another.
pub(super) struct IndexMap {
    size: [usize; 3],
    first: [f64; 3],
    steps: [[f64; 3]; 3],
}

impl IndexMap {
    pub(super) fn new(from: &Geometry, to: &Geometry, transform: &Transform) -> Self {
        let at = |index| to.index(transform.apply(from.position_mm(index)));
        let first = at([0.0; 3]);
        let step = |axis: usize| {
            let mut index = [0.0; 3];
            index[axis] = 1.0;
            vector::subtract(at(index), first)
        };
        Self { size: from.size, first, steps: [step(0), step(1), step(2)] }
    }

    fn at(&self, index: [usize; 3]) -> [f64; 3] {
        let place = |sum, (index, step): (usize, [f64; 3])| {
            vector::add(sum, vector::scale(step, index as f64))
        };
        index.into_iter().zip(self.steps).fold(self.first, place)
    }
}

/// The values that an index map finds in an array with x fastest.
fn moved(
    values: Cow<'_, [f32]>,
    size: [usize; 3],
    map: &IndexMap,
    (interpolation, outside): (Interpolation, f32),
) -> Vec<f32> {
    let (values, padded, pad) = match interpolation {
        Interpolation::Cubic => {
            let (values, padded) = coefficients(&values, size);
            (Cow::Owned(values), padded, PAD as f64)
        }
        Interpolation::Nearest | Interpolation::Linear => (values, size, 0.0),
    };
    let [width, height, depth] = map.size;
    let mut moved = vec![outside; width * height * depth];
    moved.par_chunks_exact_mut(width).enumerate().for_each(|(row, output)| {
        for (x, output) in output.iter_mut().enumerate() {
            let Some(index) = inside(map.at([x, row % height, row / height]), size) else {
                continue;
            };
            let index = index.map(|index| index + pad);
            *output = match interpolation {
                Interpolation::Nearest => value(&values, padded, index.map(taps_nearest)),
                Interpolation::Linear => {
                    let taps = std::array::from_fn(|axis| taps_linear(index[axis], padded[axis]));
                    value(&values, padded, taps)
                }
                Interpolation::Cubic => value(&values, padded, index.map(taps_cubic)),
            };
        }
    });
    moved
}

/// The index, drawn to the outermost voxel centers; `None` where it is more than half a voxel beyond.
pub(super) fn inside(index: [f64; 3], size: [usize; 3]) -> Option<[f64; 3]> {
    let mut drawn = index;
    for (index, length) in drawn.iter_mut().zip(size) {
        let last = (length - 1) as f64;
        if !(-0.5..=last + 0.5).contains(index) {
            return None;
        }
        *index = index.clamp(0.0, last);
    }
    Some(drawn)
}

fn taps_nearest(index: f64) -> (usize, [f64; 1]) {
    (whole(index + 0.5), [1.0])
}

/// The voxel below an index, two from the last on, and the weights of it and the next.
pub(super) fn taps_linear(index: f64, length: usize) -> (usize, [f64; 2]) {
    let below = whole(index).min(length.saturating_sub(2));
    let t = index - below as f64;
    (below, [1.0 - t, t])
}

fn taps_cubic(index: f64) -> (usize, [f64; 4]) {
    let below = whole(index);
    (below - 1, cubic_weights(index - below as f64))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 or more")]
fn whole(index: f64) -> usize {
    index as usize
}

/// The sum over taps along the three axes. Beyond the last voxel of an axis of one the weight is 0.
fn value<const N: usize>(
    values: &[f32],
    [width, height, depth]: [usize; 3],
    [x, y, z]: [(usize, [f64; N]); 3],
) -> f32 {
    let mut sum = 0.0;
    for (slice, z_weight) in (z.0..depth).zip(z.1) {
        for (row, y_weight) in (y.0..height).zip(y.1) {
            let start = (slice * height + row) * width;
            let columns = &values[start + x.0..start + width];
            let line: f64 = columns.iter().zip(x.1).map(|(&v, w)| f64::from(v) * w).sum();
            sum += z_weight * y_weight * line;
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "intensities are float32")]
    let sum = sum as f32;
    sum
}

/// Spline coefficients of an array that goes on with its outermost values.
fn coefficients(values: &[f32], size: [usize; 3]) -> (Vec<f32>, [usize; 3]) {
    let padded = size.map(|length| length + 2 * PAD);
    let source = |index: usize, axis: usize| index.saturating_sub(PAD).min(size[axis] - 1);
    let mut coefficients = Vec::with_capacity(padded.iter().product());
    for z in 0..padded[2] {
        for y in 0..padded[1] {
            let start = (source(z, 2) * size[1] + source(y, 1)) * size[0];
            let row = &values[start..start + size[0]];
            coefficients.extend_from_slice(&[row[0]; PAD]);
            coefficients.extend_from_slice(row);
            coefficients.extend_from_slice(&[row[size[0] - 1]; PAD]);
        }
    }
    for axis in 0..3 {
        spline_coefficients_along(&mut coefficients, padded, axis);
    }
    (coefficients, padded)
}
