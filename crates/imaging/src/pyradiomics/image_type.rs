//! The images derived from one, as pyradiomics 3.0.1 derives them.

use std::ops::RangeInclusive;

use super::image::{Block, Image, LANES};
use super::recursive_gaussian::{Lines, REACH, laplacian_of_gaussian, single};
use crate::wavelets::Wavelet;

/// A derived image: its name as features begin with it, and how it comes about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Derived {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// How a derived image comes about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Original,
    LaplacianOfGaussian {
        sigma_mm: f64,
    },
    /// A stationary wavelet transform of a level from 1.
    Wavelet {
        wavelet: Wavelet,
        level: usize,
        /// For x, y and z whether the wavelet filter or the scaling filter is applied at last;
        /// `None` where none is.
        high: [Option<bool>; 3],
    },
    Square,
    SquareRoot,
    Logarithm,
    Exponential,
    Gradient {
        in_mm: bool,
    },
}

/// The derived intensities of a box in an image; `None` where the image is too small for the filter.
pub(super) fn derive(
    image: &Image,
    part: &[RangeInclusive<usize>; 3],
    kind: &Kind,
) -> Option<Block> {
    let greatest = || image.greatest_absolute();
    let of_each = |function: &dyn Fn(f64) -> f64| {
        let mut block = image.cut(part);
        for value in &mut block.values {
            *value = function(*value);
        }
        block
    };
    Some(match kind {
        Kind::Original => image.cut(part),
        Kind::Square => {
            let scale = 1.0 / greatest().sqrt();
            of_each(&|value| (scale * value).powi(2))
        }
        Kind::SquareRoot => {
            let scale = greatest();
            of_each(&|value| (value.abs() * scale).sqrt().copysign(value))
        }
        Kind::Logarithm => {
            let greatest = greatest();
            let scale = greatest / greatest.ln_1p();
            of_each(&|value| value.abs().ln_1p().copysign(value) * scale)
        }
        Kind::Exponential => {
            let greatest = greatest();
            let scale = greatest.ln() / greatest;
            of_each(&|value| (scale * value).exp())
        }
        Kind::Gradient { in_mm } => gradient_magnitude(image, part, *in_mm),
        Kind::LaplacianOfGaussian { sigma_mm } => return laplacian(image, part, *sigma_mm),
        Kind::Wavelet { wavelet, level, high } => {
            wavelet_response(image, part, wavelet, (*level, *high))
        }
    })
}

/// A box with a margin as far as the image goes, and where the box begins in it.
fn widened(
    image: &Image,
    part: &[RangeInclusive<usize>; 3],
    margin: [usize; 3],
) -> ([RangeInclusive<usize>; 3], [usize; 3]) {
    let size = image.size();
    let wide = std::array::from_fn(|axis| {
        let (low, high) = (*part[axis].start(), *part[axis].end());
        low.saturating_sub(margin[axis])..=(high + margin[axis]).min(size[axis] - 1)
    });
    let start = std::array::from_fn(|axis| {
        let wide: &RangeInclusive<usize> = &wide[axis];
        part[axis].start() - wide.start()
    });
    (wide, start)
}

/// A box of a block.
fn cropped(block: &Block, start: [usize; 3], part: &[RangeInclusive<usize>; 3]) -> Block {
    let size: [usize; 3] = std::array::from_fn(|axis| part[axis].end() - part[axis].start() + 1);
    let mut values = Vec::with_capacity(size.iter().product());
    for z in start[2]..start[2] + size[2] {
        for y in start[1]..start[1] + size[1] {
            let row = (z * block.size[1] + y) * block.size[0] + start[0];
            values.extend_from_slice(&block.values[row..row + size[0]]);
        }
    }
    Block { size, values }
}

fn laplacian(image: &Image, part: &[RangeInclusive<usize>; 3], sigma_mm: f64) -> Option<Block> {
    let size = image.size();
    let sigmas = image.spacing_mm.map(|spacing| sigma_mm / spacing);
    if (0..3).any(|axis| size[axis] < 4 || (size[axis] as f64) < sigmas[axis].ceil() + 1.0) {
        return None;
    }
    let (wide, start) = widened(image, part, sigmas.map(|sigma| voxels(sigma * REACH) + 4));
    let size: [usize; 3] = std::array::from_fn(|axis| part[axis].end() + 1 - part[axis].start());
    let lines = Lines { sigma_mm, spacing_mm: image.spacing_mm, start, size };
    Some(match image.cut_single(&wide) {
        Some(block) => laplacian_of_gaussian(&block, &lines),
        None => laplacian_of_gaussian(&image.cut(&wide), &lines),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn voxels(length: f64) -> usize {
    length.ceil().min(1e9) as usize
}

/// The magnitude of central differences, beyond the image's edge of its outermost voxel, in single
/// precision as ITK has it.
fn gradient_magnitude(image: &Image, part: &[RangeInclusive<usize>; 3], in_mm: bool) -> Block {
    let size = image.size();
    let positions: [Vec<usize>; 3] = std::array::from_fn(|axis| {
        let (low, high) = (*part[axis].start(), *part[axis].end());
        let inside = low..=high;
        let before = std::iter::once(low.saturating_sub(1));
        before.chain(inside).chain(std::iter::once((high + 1).min(size[axis] - 1))).collect()
    });
    let block = image.at(&positions);
    let [width, height, _] = block.size;
    let steps = [1, width, width * height];
    let scales = image.spacing_mm.map(|spacing| if in_mm { 0.5 / spacing } else { 0.5 });
    let core = cropped(&block, [1; 3], part);
    let mut values = Vec::with_capacity(core.values.len());
    for z in 0..core.size[2] {
        for y in 0..core.size[1] {
            for x in 0..core.size[0] {
                let index = ((z + 1) * height + y + 1) * width + x + 1;
                let squares = steps.iter().zip(scales).map(|(step, scale)| {
                    let difference = block.values[index + step] - block.values[index - step];
                    (difference * scale).powi(2)
                });
                values.push(single(squares.sum::<f64>().sqrt()));
            }
        }
    }
    Block { size: core.size, values }
}

/// One decomposition of the stationary wavelet transform of `PyWavelets`, as pyradiomics calls it: the
/// image goes on periodically, after its first voxel once more where an axis has an odd number of
/// them, and the filters are the same at every level.
fn wavelet_response(
    image: &Image,
    part: &[RangeInclusive<usize>; 3],
    wavelet: &Wavelet,
    (level, high): (usize, [Option<bool>; 3]),
) -> Block {
    let taps = wavelet.low.len();
    let size = image.size();
    let positions: [Vec<usize>; 3] = std::array::from_fn(|axis| {
        let (low, end) = (*part[axis].start(), *part[axis].end());
        if high[axis].is_none() {
            return (low..=end).collect();
        }
        let length = size[axis];
        let period = length + length % 2;
        let ahead = level * (taps / 2);
        let behind = level * (taps - 1 - taps / 2);
        // From a multiple of the period that lies before all.
        let origin = (behind / period + 1) * period + low - behind;
        let wrapped = |index: usize| match index % period {
            index if index == length => 0,
            index => index,
        };
        (origin..=origin + (end - low) + ahead + behind).map(wrapped).collect()
    });
    let mut block = image.at(&positions);
    // Level by level and along x first, so that rounding is the same as there: coefficients of whole
    // numbers may lie on the edge of a bin.
    for step in 1..=level {
        for (axis, high) in high.into_iter().enumerate() {
            let Some(high) = high else { continue };
            let filter = if step == level && high { &wavelet.high } else { &wavelet.low };
            block = convolved(&block, axis, filter);
        }
    }
    block
}

/// The part of a convolution along an axis where the filter lies inside the block.
fn convolved(block: &Block, axis: usize, filter: &[f64]) -> Block {
    let outputs = block.size[axis] + 1 - filter.len();
    block.along(
        axis,
        outputs,
        |value| value,
        |input, output| {
            for (index, output) in output.iter_mut().enumerate() {
                let mut sum = [0.0; LANES];
                for (lanes, weight) in input[index..index + filter.len()].iter().rev().zip(filter) {
                    for (sum, value) in sum.iter_mut().zip(lanes) {
                        *sum += weight * value;
                    }
                }
                *output = sum;
            }
        },
    )
}
