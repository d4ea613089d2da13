//! Otsu's threshold between background and foreground (IEEE Transactions on Systems, Man, and
//! Cybernetics 1979, 9:62-66).

use rayon::prelude::*;

use crate::{Extent, Mask, Volume};

/// Bins of the histogram; N4's examples take as many.
const BINS: usize = 200;
/// Voxels that are counted together, whatever the number of threads.
const CHUNK: usize = 1 << 16;

/// The intensity above which a voxel is foreground: the upper edge of the bin that parts the
/// histogram between its least and greatest finite intensity into the two classes whose means
/// differ most. `None` where all finite intensities are equal, or there are none.
#[must_use]
pub fn otsu_threshold(intensities: &[f32]) -> Option<f64> {
    let finite = |&&value: &&f32| value.is_finite();
    let range = |chunk: &[f32]| {
        let ends = |(low, high): (f32, f32), &value: &f32| (low.min(value), high.max(value));
        chunk.iter().filter(finite).fold((f32::INFINITY, f32::NEG_INFINITY), ends)
    };
    let wider = |a: (f32, f32), b: (f32, f32)| (a.0.min(b.0), a.1.max(b.1));
    let none = || (f32::INFINITY, f32::NEG_INFINITY);
    let (low, high) = intensities.par_chunks(CHUNK).map(range).reduce(none, wider);
    let (low, high) = (f64::from(low), f64::from(high));
    if low >= high {
        return None;
    }
    let width = (high - low) / BINS as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to BINS")]
    let bin = |value: f32| (((f64::from(value) - low) / width) as usize).min(BINS - 1);
    let count = |chunk: &[f32]| {
        let mut counts = [0_u64; BINS];
        chunk.iter().filter(finite).for_each(|&value| counts[bin(value)] += 1);
        counts
    };
    let sum = |mut a: [u64; BINS], b: [u64; BINS]| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    let counts = intensities.par_chunks(CHUNK).map(count).reduce(|| [0; BINS], sum);
    Some(low + (best_cut(&counts) + 1) as f64 * width)
}

/// The last bin of the lower class when the variance between the classes is greatest.
fn best_cut(counts: &[u64; BINS]) -> usize {
    let total: u64 = counts.iter().sum();
    let moment = |bin: usize| (bin as f64 + 0.5) * counts[bin] as f64;
    let whole: f64 = (0..BINS).map(moment).sum();
    let (mut below, mut below_moment) = (0_u64, 0.0);
    let mut best = (0, 0.0);
    for (bin, count) in counts[..BINS - 1].iter().enumerate() {
        below += count;
        below_moment += moment(bin);
        let above = total - below;
        if below == 0 || above == 0 {
            continue;
        }
        let difference = below_moment / below as f64 - (whole - below_moment) / above as f64;
        let variance = below as f64 * above as f64 * difference * difference;
        if variance > best.1 {
            best = (bin, variance);
        }
    }
    best.0
}

/// Calls for every voxel of an extent, in order, with its index (x fastest) and finite intensity.
pub(super) fn each_of(
    volume: &Volume,
    mask: &Mask,
    extent: Extent,
    mut call: impl FnMut(usize, f32),
) {
    let threshold = match (extent, volume.voxels.as_slice()) {
        (Extent::Foreground, Some(voxels)) => otsu_threshold(voxels),
        (Extent::Foreground, None) => {
            otsu_threshold(&volume.voxels.iter().copied().collect::<Vec<f32>>())
        }
        _ => None,
    };
    for (index, (&value, &inside)) in volume.voxels.iter().zip(&mask.voxels).enumerate() {
        let chosen = match extent {
            Extent::Image => true,
            Extent::Mask => inside,
            Extent::Foreground => threshold.is_none_or(|threshold| f64::from(value) > threshold),
        };
        if chosen && value.is_finite() {
            call(index, value);
        }
    }
}
