//! Windows and normalization of intensities.

use rayon::prelude::*;

use super::otsu;
use crate::{Error, Extent, Mask, Normalize, Volume};

/// Intensities that are worked on together, whatever the number of threads.
const CHUNK: usize = 1 << 16;

/// Sets intensities beyond a range to its ends.
pub(super) fn clip(volume: &mut Volume, [low, high]: [f64; 2]) {
    #[expect(clippy::cast_possible_truncation, reason = "intensities are float32 as well")]
    let (low, high) = (low as f32, high as f32);
    change(volume, |value| value.clamp(low, high));
}

/// Brings intensities onto one scale.
///
/// # Errors
/// When the voxels that the scale is taken from are fewer than two or all equal.
pub(super) fn normalize(
    volume: &mut Volume,
    mask: &Mask,
    settings: &Normalize,
) -> Result<(), Error> {
    match settings {
        Normalize::ZScore { over, scale, clip_sigma } => {
            let (mean, deviation) = moments(&values(volume, mask, *over)?);
            let scale = scale.unwrap_or(1.0);
            let limit = clip_sigma.unwrap_or(f64::INFINITY);
            change_f64(volume, |value| ((value - mean) / deviation).clamp(-limit, limit) * scale);
        }
        Normalize::Percentile { low, high, over } => {
            let ends = [low.unwrap_or(1.0), high.unwrap_or(99.0)];
            let found = percentiles(values(volume, mask, *over)?, &ends);
            ascending(&found)?;
            change_f64(volume, |value| {
                ((value - found[0]) / (found[1] - found[0])).clamp(0.0, 1.0)
            });
        }
        Normalize::Landmarks { percentiles: places, intensities, over } => {
            let found = percentiles(values(volume, mask, *over)?, places);
            ascending(&found)?;
            change_f64(volume, |value| piecewise(value, &found, intensities));
        }
    }
    Ok(())
}

/// The finite intensities of an extent; an error where they are fewer than two or all equal.
fn values(volume: &Volume, mask: &Mask, over: Extent) -> Result<Vec<f32>, Error> {
    let mut values = Vec::new();
    otsu::each_of(volume, mask, over, |_, value| values.push(value));
    #[expect(clippy::float_cmp, reason = "equal is equal")]
    let all_equal = values.iter().all(|&value| value == values[0]);
    if all_equal { Err(unequal()) } else { Ok(values) }
}

fn unequal() -> Error {
    let problem = "expected voxels of different intensities to take the scale from, found none or \
                   equal ones; take it `over` another extent";
    Error::Preparation { step: "normalize", problem: problem.to_owned() }
}

fn ascending(landmarks: &[f64]) -> Result<(), Error> {
    if landmarks.windows(2).all(|pair| pair[0] < pair[1]) { Ok(()) } else { Err(unequal()) }
}

/// The mean and the sample standard deviation.
fn moments(values: &[f32]) -> (f64, f64) {
    let total = |term: &(dyn Fn(f64) -> f64 + Sync)| -> f64 {
        let sum = |chunk: &[f32]| chunk.iter().map(|&value| term(f64::from(value))).sum::<f64>();
        // Added in order, so that the sum is the same on any number of threads.
        values.par_chunks(CHUNK).map(sum).collect::<Vec<f64>>().into_iter().sum()
    };
    let mean = total(&|value| value) / values.len() as f64;
    let squares = total(&|value| (value - mean).powi(2));
    (mean, (squares / (values.len() - 1) as f64).sqrt())
}

/// Percentiles from 0 to 100, ascending, interpolated linearly between the ranks.
fn percentiles(mut values: Vec<f32>, places: &[f64]) -> Vec<f64> {
    let last = values.len() - 1;
    let mut begin = 0;
    let mut found = Vec::with_capacity(places.len());
    for place in places {
        let rank = place / 100.0 * last as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to last")]
        let below = (rank as usize).min(last);
        let (_, &mut low, above) =
            values[begin..].select_nth_unstable_by(below - begin, f32::total_cmp);
        let high = above.iter().copied().min_by(f32::total_cmp).unwrap_or(low);
        // What was sorted to the left is not needed again: places ascend.
        begin = below;
        found.push(f64::from(low) + (rank - below as f64) * (f64::from(high) - f64::from(low)));
    }
    found
}

/// The value of the broken line through points of ascending `from`; its ends go on beyond them.
fn piecewise(value: f64, from: &[f64], to: &[f64]) -> f64 {
    let segment = from[1..from.len() - 1].iter().filter(|&&landmark| value >= landmark).count();
    let slope = (to[segment + 1] - to[segment]) / (from[segment + 1] - from[segment]);
    to[segment] + (value - from[segment]) * slope
}

fn change_f64(volume: &mut Volume, new: impl Fn(f64) -> f64 + Sync) {
    #[expect(clippy::cast_possible_truncation, reason = "intensities are float32 as well")]
    change(volume, |value| new(f64::from(value)) as f32);
}

fn change(volume: &mut Volume, new: impl Fn(f32) -> f32 + Sync) {
    let voxels = volume.voxels.as_slice_memory_order_mut().expect("an owned array is contiguous");
    voxels.par_iter_mut().for_each(|value| *value = new(*value));
}
