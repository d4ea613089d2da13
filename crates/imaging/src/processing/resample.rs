use std::borrow::Cow;

use ndarray::Array3;
use rayon::prelude::*;

use super::interpolate::{Points, along};
use crate::{Boundary, Error, Geometry, ImagingSettings, Interpolation, Mask, Volume};

/// What is resampled beyond the region's bounding box: a peak of local intensity looks 6.2 mm far.
const MARGIN_MM: f64 = 7.0;
/// Voxels of the image kept beyond the outermost one used. A spline forgets a voxel by a factor of
/// 3.7 at each step, so that nothing is left of the cut after so many.
const SPLINE_REACH: usize = 32;
/// The most voxels that a resampled region may have: 1 GiB of them in f32.
const MAX_VOXELS: f64 = (1_u64 << 28) as f64;

/// Why an array of interpolated voxels fits its grid.
const ARRAY: &str = "as many values as the points of the axes";

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
        let reach = settings.filter.as_ref().map_or(0.0, |filter| filter.reach(new) as f64 * new);
        // Beyond the edge a periodic image begins anew.
        let whole = settings.filter.is_some() && settings.filter_boundary == Boundary::Periodic;
        let margin_mm = if whole { f64::INFINITY } else { MARGIN_MM + reach };
        plan([low[axis], high[axis]], volume.geometry.size[axis], [old, new], margin_mm)
    });
    check_size(&axes)?;
    let geometry = resampled_geometry(&volume.geometry, &axes);
    let mut intensities = interpolated(&axes, settings.interpolation, part(&volume.voxels, &axes));
    if settings.round_intensities {
        intensities.par_iter_mut().for_each(|value| *value = value.round());
    }
    let inside = part(&mask.voxels, &axes);
    let covered = inside.iter().map(|&inside| f32::from(u8::from(inside))).collect();
    let shares = interpolated(&axes, settings.mask_interpolation, Cow::Owned(covered));
    // Rounding may leave a share of one half a hair below it.
    let threshold = settings.mask_threshold.unwrap_or(0.5) - 1e-6;
    let inside = shares.into_iter().map(|share| f64::from(share) >= threshold).collect();
    let voxels = Array3::from_shape_vec(geometry.shape(), inside).expect(ARRAY);
    Ok((on_grid(volume, geometry, intensities), Mask { voxels, geometry }))
}

/// Gives a whole image at another spacing in mm, for x, y and z or for x and y alone. Both grids
/// share their center, and the new one is as large as the old one or larger by a part of a voxel
/// (IBSI 2.4). Beyond the edge the image goes on with its last voxel.
///
/// # Errors
/// When the spacing is not positive, or the image would be too large for memory.
pub fn resample_image(
    volume: &Volume,
    spacing_mm: &[f64],
    interpolation: Interpolation,
) -> Result<Volume, Error> {
    let settings =
        ImagingSettings { resample_mm: Some(spacing_mm.to_vec()), ..ImagingSettings::default() };
    settings.binning()?;
    let axes: [Axis; 3] = std::array::from_fn(|axis| {
        let size = volume.geometry.size[axis];
        let old = volume.geometry.spacing_mm[axis];
        let new = spacing_mm.get(axis).copied().unwrap_or(old);
        plan([0, size - 1], size, [old, new], f64::INFINITY)
    });
    check_size(&axes)?;
    let geometry = resampled_geometry(&volume.geometry, &axes);
    let intensities = interpolated(&axes, interpolation, part(&volume.voxels, &axes));
    Ok(on_grid(volume, geometry, intensities))
}

/// Axis by axis an image may be larger in between than before and after.
fn check_size(axes: &[Axis; 3]) -> Result<(), Error> {
    let wanted: f64 = axes.iter().map(|axis| axis.points.count.max(axis.length) as f64).product();
    if wanted > MAX_VOXELS {
        return Err(Error::Settings(format!(
            "resample_mm gives {wanted} voxels, expected at most {MAX_VOXELS}: choose larger edges"
        )));
    }
    Ok(())
}

/// An image with other voxels.
fn on_grid(volume: &Volume, geometry: Geometry, intensities: Vec<f32>) -> Volume {
    Volume {
        voxels: Array3::from_shape_vec(geometry.shape(), intensities).expect(ARRAY),
        geometry,
        modality: volume.modality.clone(),
        unit: volume.unit.clone(),
        frame_of_reference: volume.frame_of_reference.clone(),
    }
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

/// The part of an array that the axes read, x fastest; borrowed where it is the whole.
fn part<'a, T: Copy>(voxels: &'a Array3<T>, axes: &[Axis; 3]) -> Cow<'a, [T]> {
    let [x, y, z] = axes.each_ref().map(|axis| axis.start..axis.start + axis.length);
    let part = voxels.slice(ndarray::s![z, y, x]);
    match (part.dim() == voxels.dim(), voxels.as_slice()) {
        (true, Some(whole)) => Cow::Borrowed(whole),
        _ => Cow::Owned(part.iter().copied().collect()),
    }
}

/// Interpolates axis by axis: first those that become shorter, so that the array is never larger
/// than before or after.
fn interpolated(axes: &[Axis; 3], method: Interpolation, values: Cow<'_, [f32]>) -> Vec<f32> {
    let mut values = values;
    let mut size = axes.each_ref().map(|axis| axis.length);
    let growth = |axis: &usize| axes[*axis].points.count as f64 / axes[*axis].length as f64;
    let mut order = [0, 1, 2];
    order.sort_by(|a, b| growth(a).total_cmp(&growth(b)));
    for axis in order {
        let points = axes[axis].points;
        let whole = Points { first: 0.0, step: 1.0, count: size[axis] };
        if points != whole {
            values = Cow::Owned(along(&values, size, axis, points, method));
            size[axis] = points.count;
        }
    }
    values.into_owned()
}
