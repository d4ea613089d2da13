//! Mutual information of two images by a joint histogram in which the moving image is spread by
//! cubic B-splines, so that it has a slope (Mattes et al., IEEE Transactions on Medical Imaging
//! 2003, 22:120-128).

use std::borrow::Cow;

use rayon::prelude::*;

use super::Transform;
use super::onto::{inside, taps_linear};
use crate::processing::interpolate::cubic_weights;
use crate::{Geometry, vector};

/// Samples that are worked on together, whatever the number of threads.
const CHUNK: usize = 2048;
/// Bins on either side of the histogram that the spread reaches into.
const MARGIN: usize = 2;
/// The most voxels that a scale is taken from.
const SCALED: usize = 1_000_003;
/// The least share of samples that must lie in the moving image.
const LEAST_OVERLAP: f64 = 0.1;

/// An image to sample: voxels with x fastest.
pub(super) struct Image<'a> {
    pub(super) values: Cow<'a, [f32]>,
    pub(super) geometry: Geometry,
}

/// A position of the fixed image and the bin of its intensity.
pub(super) struct Sample {
    position_mm: [f64; 3],
    bin: usize,
}

/// Intensities as places in a histogram.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    least: f64,
    width: f64,
    bins: usize,
}

/// What is compared at one level.
pub(super) struct Comparison<'a> {
    pub(super) samples: Vec<Sample>,
    pub(super) moving: Image<'a>,
    pub(super) moving_scale: Scale,
}

/// Mutual information in nats, and its slope by the twelve parameters of the transform: the linear
/// part row by row, then the translation.
pub(super) struct Information {
    pub(super) value: f64,
    pub(super) slope: [f64; 12],
}

impl Scale {
    /// From the 0.1st to the 99.9th percentile; what lies beyond counts as there. `None` where the
    /// intensities do not differ.
    fn new(mut intensities: Vec<f32>, bins: usize) -> Option<Self> {
        intensities.retain(|value| value.is_finite());
        let end = intensities.len().checked_sub(1)?;
        let rare = end / 1000;
        let least = *intensities.select_nth_unstable_by(rare, f32::total_cmp).1;
        let greatest = *intensities.select_nth_unstable_by(end - rare, f32::total_cmp).1;
        let width = f64::from(greatest - least) / (bins - 2 * MARGIN - 1) as f64;
        (width > 0.0).then_some(Self { least: f64::from(least), width, bins })
    }

    /// The place, from `MARGIN` to `MARGIN + 1` before the end, and whether it was drawn there.
    fn place(&self, intensity: f64) -> (f64, bool) {
        let place = (intensity - self.least) / self.width + MARGIN as f64;
        let [first, last] = [MARGIN as f64, (self.bins - MARGIN - 1) as f64];
        (place.clamp(first, last), !(first..=last).contains(&place))
    }
}

impl Image<'_> {
    /// A scale for the intensities of voxels evenly spread over the image.
    pub(super) fn scale(&self, bins: usize) -> Option<Scale> {
        let step = self.values.len().div_ceil(SCALED);
        Scale::new(self.values.iter().copied().step_by(step).collect(), bins)
    }

    /// The intensity at a position and its slope in mm, linear between voxel centers; `None` beyond
    /// the image and where it is no number.
    fn at(&self, position_mm: [f64; 3]) -> Option<(f64, [f64; 3])> {
        let size = self.geometry.size;
        let index = inside(self.geometry.index(position_mm), size)?;
        let taps: [(usize, [f64; 2]); 3] =
            std::array::from_fn(|axis| taps_linear(index[axis], size[axis]));
        let mut value = 0.0;
        let mut slope = [0.0; 3];
        for corner in 0..8_usize {
            let up = [corner & 1, corner >> 1 & 1, corner >> 2];
            let place: [usize; 3] =
                std::array::from_fn(|axis| (taps[axis].0 + up[axis]).min(size[axis] - 1));
            let voxel = self.values[(place[2] * size[1] + place[1]) * size[0] + place[0]];
            let weight: [f64; 3] = std::array::from_fn(|axis| taps[axis].1[up[axis]]);
            let voxel = f64::from(voxel);
            value += voxel * weight[0] * weight[1] * weight[2];
            for axis in 0..3 {
                let others = weight[(axis + 1) % 3] * weight[(axis + 2) % 3];
                slope[axis] += if up[axis] == 1 { voxel } else { -voxel } * others;
            }
        }
        value.is_finite().then(|| (value, self.in_space(slope)))
    }

    /// A slope by indices as one in mm; axes are taken as perpendicular.
    fn in_space(&self, slope: [f64; 3]) -> [f64; 3] {
        let mut sum = [0.0; 3];
        for (axis, slope) in slope.into_iter().enumerate() {
            let step = slope / self.geometry.spacing_mm[axis];
            sum = vector::add(sum, vector::scale(self.geometry.direction[axis], step));
        }
        sum
    }
}

/// Chooses positions of the fixed image, spread evenly by an additive recurrence over the voxels and
/// between them, so that no grid coincides with another.
pub(super) fn samples(
    fixed: &Image<'_>,
    count: usize,
    seed: u64,
    bins: usize,
) -> Option<Vec<Sample>> {
    // The powers of the root of x⁴ = x + 1, whose multiples fill a cube evenly.
    const STEPS: [f64; 3] =
        [0.819_172_513_396_164_4, 0.671_043_606_703_789_2, 0.549_700_477_901_970_3];
    #[expect(clippy::cast_precision_loss, reason = "any shift will do")]
    let begin = 0.5 + (seed % 1_000_003) as f64 * 0.618_033_988_749_895;
    let count = count.min(fixed.values.len());
    let found: Vec<([f64; 3], f64)> = (0..count)
        .into_par_iter()
        .filter_map(|number| {
            let index = std::array::from_fn(|axis| {
                let share = (begin + STEPS[axis] * (number + 1) as f64).fract();
                share * (fixed.geometry.size[axis] - 1) as f64
            });
            let position_mm = fixed.geometry.position_mm(index);
            Some((position_mm, fixed.at(position_mm)?.0))
        })
        .collect();
    #[expect(clippy::cast_possible_truncation, reason = "the images are float32")]
    let scale = Scale::new(found.iter().map(|sample| sample.1 as f32).collect(), bins)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bins")]
    let sample = |(position_mm, value)| Sample { position_mm, bin: scale.place(value).0 as usize };
    Some(found.into_iter().map(sample).collect())
}

/// The moving image at a sample: the first of four bins, their weights and the slopes of these, and
/// the slope in space.
struct Spread {
    row: usize,
    offset_mm: [f64; 3],
    first: usize,
    weights: [f64; 4],
    slopes: [f64; 4],
    slope: [f64; 3],
}

impl Comparison<'_> {
    /// `None` where too few samples lie in the moving image.
    pub(super) fn information(&self, transform: &Transform) -> Option<Information> {
        let bins = self.moving_scale.bins;
        let parts: Vec<(Vec<Spread>, Vec<f64>)> = self
            .samples
            .par_chunks(CHUNK)
            .map(|samples| {
                let spreads: Vec<Spread> =
                    samples.iter().filter_map(|sample| self.spread(sample, transform)).collect();
                let mut counts = vec![0.0; bins * bins];
                for spread in &spreads {
                    let row = &mut counts[spread.row * bins + spread.first..][..4];
                    row.iter_mut().zip(spread.weights).for_each(|(count, w)| *count += w);
                }
                (spreads, counts)
            })
            .collect();
        let count: usize = parts.iter().map(|(spreads, _)| spreads.len()).sum();
        if (count as f64) < LEAST_OVERLAP * self.samples.len() as f64 {
            return None;
        }
        let mut joint = vec![0.0; bins * bins];
        for (_, counts) in &parts {
            joint.iter_mut().zip(counts).for_each(|(sum, part)| *sum += part / count as f64);
        }
        let (value, logs) = information(&joint, bins);
        let width = self.moving_scale.width;
        let slopes: Vec<[f64; 12]> = parts
            .par_iter()
            .map(|(spreads, _)| {
                let mut sum = [0.0; 12];
                for spread in spreads {
                    let logs = &logs[spread.row * bins + spread.first..][..4];
                    let rate: f64 = logs.iter().zip(spread.slopes).map(|(l, s)| l * s).sum();
                    let force = vector::scale(spread.slope, rate / (width * count as f64));
                    for row in 0..3 {
                        for column in 0..3 {
                            sum[3 * row + column] += force[row] * spread.offset_mm[column];
                        }
                        sum[9 + row] += force[row];
                    }
                }
                sum
            })
            .collect();
        let mut slope = [0.0; 12];
        for part in slopes {
            slope.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        Some(Information { value, slope })
    }

    fn spread(&self, sample: &Sample, transform: &Transform) -> Option<Spread> {
        let (value, slope) = self.moving.at(transform.apply(sample.position_mm))?;
        let (place, drawn) = self.moving_scale.place(value);
        let t = place.fract();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in the bins")]
        let first = place as usize - 1;
        // The slopes of the B-spline's weights; beyond the scale nothing changes.
        let slopes = if drawn {
            [0.0; 4]
        } else {
            let outer = |t: f64| t * t / 2.0;
            let inner = |t: f64| 1.5 * t * t - 2.0 * t;
            [-outer(1.0 - t), inner(t), -inner(1.0 - t), outer(t)]
        };
        Some(Spread {
            row: sample.bin,
            offset_mm: vector::subtract(sample.position_mm, transform.center_mm),
            first,
            weights: cubic_weights(t),
            slopes,
            slope,
        })
    }
}

/// The mutual information of a joint distribution, and for each cell the logarithm of its share of
/// the moving image's bin.
fn information(joint: &[f64], bins: usize) -> (f64, Vec<f64>) {
    let moving: Vec<f64> =
        (0..bins).map(|column| joint.iter().skip(column).step_by(bins).sum()).collect();
    let mut value = 0.0;
    let mut logs = vec![0.0; joint.len()];
    for (row, logs) in joint.chunks_exact(bins).zip(logs.chunks_exact_mut(bins)) {
        let fixed: f64 = row.iter().sum();
        for ((&share, &moving), log) in row.iter().zip(&moving).zip(logs) {
            if share > 1e-16 && moving > 1e-16 {
                *log = (share / moving).ln();
                value += share * (*log - fixed.ln());
            }
        }
    }
    (value, logs)
}
