use ndarray::Array3;

use super::interpolate::{Grid, Points};
use crate::{Boundary, Error, Geometry, ImagingSettings, Mask, Volume};

/// What is resampled beyond the region's bounding box: a peak of local intensity looks 6.2 mm far.
const MARGIN_MM: f64 = 7.0;
/// Voxels of the image kept beyond the outermost one used. A spline forgets a voxel by a factor of
/// 3.7 at each step, so that nothing is left of the cut after so many.
const SPLINE_REACH: usize = 32;
/// The most voxels that a resampled region may have: 2 GiB of them in f64.
const MAX_VOXELS: f64 = (1_u64 << 28) as f64;

/// One axis: the part of the image that is read, and the points that are wanted of it.
struct Axis {
    start: usize,
    length: usize,
    spacing_mm: f64,
    points: Points,
}

/// Gives the image and the mask round the region at another spacing.
pub(super) fn resample(
    volume: &Volume,
    mask: &Mask,
    spacing_mm: &[f64],
    settings: &ImagingSettings,
) -> Result<(Volume, Mask), Error> {
    let (low, high) = mask.bounding_box().ok_or(Error::EmptyMask)?;
    let axes: [Axis; 3] = std::array::from_fn(|axis| {
        let old = volume.geometry.spacing_mm[axis];
        let new = spacing_mm.get(axis).copied().unwrap_or(old);
        let reaches = settings.filters().map(|filter| match filter.reach(new) {
            // Beyond the edge a periodic image begins anew.
            Some(reach) if settings.filter_boundary != Boundary::Periodic => reach as f64 * new,
            _ => f64::INFINITY,
        });
        let margin_mm = MARGIN_MM + reaches.fold(0.0, f64::max);
        plan([low[axis], high[axis]], volume.geometry.size[axis], [old, new], margin_mm)
    });
    // Axis by axis the image may be larger in between than before and after.
    let wanted: f64 = axes.iter().map(|axis| axis.points.count.max(axis.length) as f64).product();
    if wanted > MAX_VOXELS {
        return Err(Error::Settings(format!(
            "resample_mm gives {wanted} voxels, expected at most {MAX_VOXELS}: choose larger edges"
        )));
    }
    let geometry = resampled_geometry(&volume.geometry, &axes);
    let intensities =
        interpolated(&axes, settings.interpolation, |position| f64::from(volume.voxels[position]));
    let shares = interpolated(&axes, settings.mask_interpolation, |position| {
        if mask.voxels[position] { 1.0 } else { 0.0 }
    });
    // Rounding may leave a share of one half a hair below it.
    let threshold = settings.mask_threshold.unwrap_or(0.5) - 1e-9;
    let round = |value: f64| if settings.round_intensities { value.round() } else { value };
    #[expect(clippy::cast_possible_truncation, reason = "intensities are stored as float32")]
    let voxels = intensities.into_iter().map(|value| round(value) as f32).collect();
    let inside = shares.into_iter().map(|share| share >= threshold).collect();
    let array = "as many values as the points of the axes";
    let volume = Volume {
        voxels: Array3::from_shape_vec(geometry.shape(), voxels).expect(array),
        geometry,
        modality: volume.modality.clone(),
        unit: volume.unit.clone(),
        frame_of_reference: volume.frame_of_reference.clone(),
    };
    let voxels = Array3::from_shape_vec(geometry.shape(), inside).expect(array);
    Ok((volume, Mask { voxels, geometry }))
}

/// The voxels that the margin is.
pub(super) fn margin_voxels(spacing_mm: f64) -> usize {
    index((MARGIN_MM / spacing_mm).ceil())
}

/// Chooses the points of the new grid round the region, and what of the old one they need.
fn plan([low, high]: [usize; 2], inputs: usize, [old, new]: [f64; 2], margin_mm: f64) -> Axis {
    let step = new / old;
    // Sizes that differ from a whole number by rounding alone are that number.
    let outputs = index((inputs as f64 / step - 1e-6).ceil().max(1.0));
    let first = ((inputs - 1) as f64 - (outputs - 1) as f64 * step) / 2.0;
    let margin = margin_mm / old + step + 1.0;
    let begin = index(((low as f64 - margin - first) / step).floor());
    let end = index(((high as f64 + margin - first) / step).ceil()).min(outputs - 1);
    let at = |output: usize| first + step * output as f64;
    let start = index(at(begin).floor()).saturating_sub(SPLINE_REACH);
    let last = (index(at(end).ceil()) + SPLINE_REACH).min(inputs - 1);
    let points = Points { first: at(begin) - start as f64, step, count: end - begin + 1 };
    Axis { start, length: last + 1 - start, spacing_mm: new, points }
}

/// A number that counts voxels; what is negative is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn index(number: f64) -> usize {
    (number as usize).min(1 << 40)
}

fn resampled_geometry(old: &Geometry, axes: &[Axis; 3]) -> Geometry {
    let first: [f64; 3] =
        std::array::from_fn(|axis| axes[axis].start as f64 + axes[axis].points.first);
    Geometry {
        size: std::array::from_fn(|axis| axes[axis].points.count),
        spacing_mm: std::array::from_fn(|axis| axes[axis].spacing_mm),
        origin_mm: old.position_mm(first),
        direction: old.direction,
    }
}

/// Reads a part of an array, whose positions are (z, y, x), and interpolates it axis by axis.
fn interpolated(
    axes: &[Axis; 3],
    method: crate::Interpolation,
    value: impl Fn([usize; 3]) -> f64,
) -> Vec<f64> {
    let [x, y, z] = axes;
    let mut values = Vec::with_capacity(x.length * y.length * z.length);
    for slice in z.start..z.start + z.length {
        for row in y.start..y.start + y.length {
            values.extend((x.start..x.start + x.length).map(|column| value([slice, row, column])));
        }
    }
    let mut grid = Grid { size: [x.length, y.length, z.length], values };
    for (number, axis) in axes.iter().enumerate() {
        let whole = Points { first: 0.0, step: 1.0, count: axis.length };
        if axis.points != whole {
            grid = grid.along(number, axis.points, method);
        }
    }
    grid.values
}
