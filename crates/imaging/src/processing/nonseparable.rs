//! Wavelets that are the same in all directions (IBSI LODD), which are a band of frequencies.

use std::f64::consts::PI;

use rustfft::FftDirection;
use rustfft::num_complex::Complex;

use super::interpolate::Grid;
use crate::NonseparableWavelet;
use crate::fourier::transform;

/// The response to a wavelet of a level from 1, in slices or in the volume, as if the image went on
/// periodically.
pub(super) fn nonseparable_wavelet(
    grid: &Grid,
    wavelet: NonseparableWavelet,
    level: usize,
    in_slices: bool,
) -> Grid {
    let [width, height, depth] = grid.size;
    let size = [width, height, if in_slices { 1 } else { depth }];
    let block = size.iter().product::<usize>();
    let greatest = 0.5_f64.powi(i32::try_from(level).unwrap_or(1) - 1);
    let squares = size.map(squared_frequencies);
    let mut values = Vec::with_capacity(grid.values.len());
    for block in grid.values.chunks_exact(block) {
        let mut transformed: Vec<Complex<f64>> =
            block.iter().map(|&value| Complex::new(value, 0.0)).collect();
        transform(&mut transformed, size, FftDirection::Forward);
        let mut frequencies = transformed.iter_mut();
        for z in &squares[2] {
            for y in &squares[1] {
                for x in &squares[0] {
                    if let Some(value) = frequencies.next() {
                        let frequency = (x + y + z).sqrt() / greatest;
                        *value *= gain(wavelet, frequency) / block.len() as f64;
                    }
                }
            }
        }
        transform(&mut transformed, size, FftDirection::Inverse);
        values.extend(transformed.into_iter().map(|value| value.re));
    }
    Grid { size: grid.size, values }
}

/// The squares of an axis's frequencies, which run evenly from -1 to 1 with the lowest in the middle,
/// from the middle on.
fn squared_frequencies(length: usize) -> Vec<f64> {
    let center = (length - 1) as f64 / 2.0;
    let frequency = |index: usize| {
        let index = (index + length / 2) % length;
        if length > 1 { (index as f64 - center) / center } else { 0.0 }
    };
    (0..length).map(|index| frequency(index).powi(2)).collect()
}

/// What is left of a frequency, the greatest of the level being 1.
fn gain(wavelet: NonseparableWavelet, frequency: f64) -> f64 {
    match wavelet {
        NonseparableWavelet::Shannon if (0.5..=1.0).contains(&frequency) => 1.0,
        NonseparableWavelet::Simoncelli if (0.25..=1.0).contains(&frequency) => {
            (PI / 2.0 * (2.0 * frequency).log2()).cos()
        }
        _ => 0.0,
    }
}
