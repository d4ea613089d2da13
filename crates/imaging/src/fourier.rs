//! Fourier transforms of arrays of three axes.

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftDirection, FftPlanner};

/// Transforms an array with x fastest in place, axis by axis, without a factor.
pub(crate) fn transform(values: &mut [Complex<f64>], size: [usize; 3], direction: FftDirection) {
    let [width, height, depth] = size;
    let mut planner = FftPlanner::new();
    let plane = width * height;
    let [along_x, along_y, along_z] = size.map(|length| planner.plan_fft(length, direction));
    for z in 0..depth {
        let slice = &mut values[z * plane..(z + 1) * plane];
        along_x.process(slice);
        for x in (0..width).step_by(BATCH) {
            strided(along_y.as_ref(), slice, width, x..(x + BATCH).min(width));
        }
    }
    if depth == 1 {
        return;
    }
    for offset in (0..plane).step_by(BATCH) {
        strided(along_z.as_ref(), values, plane, offset..(offset + BATCH).min(plane));
    }
}

/// Columns that are copied together: neighbors in memory come in one cache line.
const BATCH: usize = 8;

/// Transforms the columns that begin at some offsets and go on by a stride.
fn strided(
    fft: &dyn Fft<f64>,
    values: &mut [Complex<f64>],
    stride: usize,
    offsets: std::ops::Range<usize>,
) {
    let length = fft.len();
    let mut columns = vec![Complex::default(); length * offsets.len()];
    for row in 0..length {
        let source = &values[row * stride + offsets.start..row * stride + offsets.end];
        for (column, value) in source.iter().enumerate() {
            columns[column * length + row] = *value;
        }
    }
    fft.process(&mut columns);
    for row in 0..length {
        let target = &mut values[row * stride + offsets.start..row * stride + offsets.end];
        for (column, value) in target.iter_mut().enumerate() {
            *value = columns[column * length + row];
        }
    }
}

/// The least length that has no prime factors but 2, 3 and 5, for which transforms are quick.
pub(crate) fn smooth(length: usize) -> usize {
    let is_smooth = |mut number: usize| {
        for factor in [2, 3, 5] {
            while usize::is_multiple_of(number, factor) {
                number /= factor;
            }
        }
        number == 1
    };
    // A power of two is never further away than the length itself.
    (length..2 * length).find(|&number| is_smooth(number)).unwrap_or(length)
}
