//! Gabor filters in planes of an image (IBSI Q88H).

use std::f64::consts::PI;

use rayon::prelude::*;
use rustfft::FftDirection;
use rustfft::num_complex::Complex;

use super::convolve::source;
use super::interpolate::Grid;
use super::kernels::Pool;
use crate::fourier::{smooth, transform};
use crate::{Boundary, Filter, Pooling};

/// After so many standard deviations a kernel ends.
const CUTOFF: f64 = 6.0;

/// A complex wave under a Gaussian.
#[derive(Clone, Copy)]
pub(super) struct Wave {
    sigma_mm: f64,
    wavelength_mm: f64,
    aspect_ratio: f64,
    angle: f64,
}

impl Wave {
    /// How many voxels the kernel reaches on either side.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
    pub(super) fn reach(sigma_mm: f64, aspect_ratio: f64, spacing_mm: f64) -> usize {
        (CUTOFF * sigma_mm / aspect_ratio.min(1.0) / spacing_mm).ceil().min(1e4) as usize
    }

    /// The kernel's value at a place in the plane, in mm along its columns and its rows.
    fn at(&self, [column, row]: [f64; 2]) -> Complex<f64> {
        let (sin, cos) = self.angle.sin_cos();
        let along = sin * row + cos * column;
        let across = sin * column - cos * row;
        let squared = along.powi(2) + (self.aspect_ratio * across).powi(2);
        let height = (-squared / (2.0 * self.sigma_mm.powi(2))).exp();
        Complex::from_polar(height, 2.0 * PI * along / self.wavelength_mm)
    }
}

/// The axes of the planes across z, y and x: columns, rows and the one across.
const PLANES: [[usize; 3]; 3] = [[0, 1, 2], [0, 2, 1], [1, 2, 0]];

/// The modulus of the response to a Gabor filter, pooled over its directions and planes.
pub(super) fn gabor(
    grid: &Grid,
    spacing_mm: [f64; 3],
    filter: &Filter,
    boundary: Boundary,
) -> Grid {
    let Filter::Gabor {
        sigma_mm,
        wavelength_mm,
        aspect_ratio,
        angle_degrees,
        angle_step_degrees,
        orthogonal_planes,
        pooling,
    } = filter
    else {
        unreachable!("the caller chose by the kind of filter")
    };
    let waves: Vec<Wave> = angles(*angle_degrees, *angle_step_degrees)
        .map(|angle| Wave {
            sigma_mm: *sigma_mm,
            wavelength_mm: *wavelength_mm,
            aspect_ratio: aspect_ratio.unwrap_or(1.0),
            angle: angle.to_radians(),
        })
        .collect();
    let planes = &PLANES[..if *orthogonal_planes { 3 } else { 1 }];
    let pooling = pooling.unwrap_or_default();
    let mut pool = Pool::new(pooling);
    for &axes in planes {
        // All have the same number of waves, so that the mean of means is that of all.
        pool.add(in_planes(grid, axes, spacing_mm, &waves, (boundary, pooling)));
    }
    Grid { size: grid.size, values: pool.finish() }
}

/// The directions of the wave in degrees. The modulus of the opposite direction is the same, so that
/// half a circle is enough where the step divides it.
fn angles(first: f64, step: Option<f64>) -> impl Iterator<Item = f64> {
    let step = step.unwrap_or(360.0);
    let end = if (180.0 / step).fract() == 0.0 { 180.0 } else { 360.0 };
    std::iter::successors(Some(0.0), |turn| Some(turn + 1.0))
        .map(move |turn| turn * step)
        .take_while(move |&turn| turn < end - 1e-9)
        .map(move |turn| first + turn)
}

/// The pooled moduli of the responses to waves in each plane across an axis.
fn in_planes(
    grid: &Grid,
    [columns, rows, across]: [usize; 3],
    spacing_mm: [f64; 3],
    waves: &[Wave],
    (boundary, pooling): (Boundary, Pooling),
) -> Vec<f64> {
    let steps = [1, grid.size[0], grid.size[0] * grid.size[1]];
    let spacing = [spacing_mm[columns], spacing_mm[rows]];
    let length = [grid.size[columns], grid.size[rows]];
    let reach =
        spacing.map(|spacing| Wave::reach(waves[0].sigma_mm, waves[0].aspect_ratio, spacing));
    let padded: [usize; 2] = std::array::from_fn(|axis| length[axis] + 2 * reach[axis]);
    let size = [smooth(padded[0]), smooth(padded[1]), 1];
    // Where in the plane each voxel of the padded plane comes from.
    let sources: [Vec<Option<usize>>; 2] = std::array::from_fn(|axis| {
        (0..padded[axis])
            .map(|index| source(index, 0, reach[axis], length[axis], boundary))
            .collect()
    });
    let padded_plane = |plane: usize| {
        let start = plane * steps[across];
        let mut values = vec![Complex::default(); size.iter().product()];
        for (row, from) in sources[1].iter().enumerate() {
            let Some(from) = from else { continue };
            let start = start + from * steps[rows];
            let target = &mut values[row * size[0]..];
            for (value, from) in target.iter_mut().zip(&sources[0]) {
                if let Some(from) = from {
                    value.re = grid.values[start + from * steps[columns]];
                }
            }
        }
        values
    };
    let kernels: Vec<Vec<Complex<f64>>> =
        waves.par_iter().map(|&wave| transformed_kernel(wave, reach, spacing, size)).collect();
    let planes: Vec<Vec<f64>> = (0..grid.size[across])
        .into_par_iter()
        .map(|plane| {
            let mut values = padded_plane(plane);
            transform(&mut values, size, FftDirection::Forward);
            let mut pool = Pool::new(pooling);
            for kernel in &kernels {
                let mut response: Vec<Complex<f64>> =
                    values.iter().zip(kernel).map(|(value, kernel)| value * kernel).collect();
                transform(&mut response, size, FftDirection::Inverse);
                let moduli = (0..length[1]).flat_map(|row| {
                    let start = (row + reach[1]) * size[0] + reach[0];
                    response[start..start + length[0]].iter().map(|value| value.norm())
                });
                pool.add(moduli.collect());
            }
            pool.finish()
        })
        .collect();
    let mut responses = vec![0.0; grid.values.len()];
    for (plane, response) in planes.iter().enumerate() {
        for (row, response) in response.chunks_exact(length[0]).enumerate() {
            let start = plane * steps[across] + row * steps[rows];
            for (column, value) in response.iter().enumerate() {
                responses[start + column * steps[columns]] = *value;
            }
        }
    }
    responses
}

/// The transform of a kernel whose center is the first voxel, over the number of voxels.
fn transformed_kernel(
    wave: Wave,
    reach: [usize; 2],
    spacing_mm: [f64; 2],
    size: [usize; 3],
) -> Vec<Complex<f64>> {
    let count = size.iter().product::<usize>();
    let mut kernel = vec![Complex::default(); count];
    for row in 0..=2 * reach[1] {
        for column in 0..=2 * reach[0] {
            let offset = [(column, 0), (row, 1)]
                .map(|(index, axis)| (index as f64 - reach[axis] as f64) * spacing_mm[axis]);
            let place = |index: usize, axis: usize| (index + size[axis] - reach[axis]) % size[axis];
            kernel[place(row, 1) * size[0] + place(column, 0)] = wave.at(offset) / count as f64;
        }
    }
    transform(&mut kernel, size, FftDirection::Forward);
    kernel
}
