//! Taking out noise. Beyond its edge an image goes on with its nearest voxel.

use rayon::prelude::*;

use super::diffusion::diffused;
use super::interpolate::panels;
use crate::{Denoise, Volume};

/// The share of the discrete Gaussian's sum that its kernel may lack.
const GAUSSIAN_ERROR: f64 = 0.001;
/// Takes the noise out of an image.
pub(super) fn denoise(volume: &mut Volume, settings: &Denoise) {
    let spacing_mm = volume.geometry.spacing_mm;
    let size = volume.geometry.size;
    let mut values = super::take_voxels(volume);
    match settings {
        Denoise::Gaussian { sigma_mm } => {
            gaussian(&mut values, size, spacing_mm.map(|spacing| sigma_mm / spacing));
        }
        Denoise::Median { radius } => values = median(&values, size, *radius),
        Denoise::Curvature { iterations, conductance, time_step } => {
            for _ in 0..*iterations {
                values = diffused(&values, size, spacing_mm, [*conductance, *time_step]);
            }
        }
    }
    super::put_voxels(volume, values);
}

/// Smooths with a standard deviation in voxels for each axis.
pub(crate) fn gaussian(values: &mut [f32], size: [usize; 3], sigmas: [f64; 3]) {
    for (axis, sigma) in sigmas.into_iter().enumerate() {
        if size[axis] > 1 {
            smooth(values, size, axis, &discrete_gaussian(sigma * sigma));
        }
    }
}

/// The middle of the discrete Gaussian and its weights to one side: `exp(-t) I_n(t)`, normalized.
fn discrete_gaussian(variance: f64) -> Vec<f32> {
    let mut weights = vec![scaled_bessel(0, variance)];
    let mut sum = weights[0];
    while sum < 1.0 - GAUSSIAN_ERROR {
        let weight = scaled_bessel(weights.len(), variance);
        weights.push(weight);
        sum += 2.0 * weight;
    }
    #[expect(clippy::cast_possible_truncation, reason = "intensities are float32 as well")]
    weights.into_iter().map(|weight| (weight / sum) as f32).collect()
}

/// `exp(-x) I_n(x)` of the modified Bessel function, by its integral over half a circle: the
/// trapezoid rule, which for a periodic integrand is exact to rounding from enough points on.
fn scaled_bessel(order: usize, x: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "few points")]
    let points = 64 + 2 * order + (8.0 * x.sqrt()) as usize;
    let term = |point: usize| {
        let angle = std::f64::consts::PI * (point as f64 + 0.5) / points as f64;
        (x * (angle.cos() - 1.0)).exp() * (order as f64 * angle).cos()
    };
    (0..points).map(term).sum::<f64>() / points as f64
}

/// Convolves along one axis with a symmetric kernel, given from its middle on.
fn smooth(values: &mut [f32], size: [usize; 3], axis: usize, kernel: &[f32]) {
    let length = size[axis];
    let stride: usize = size[..axis].iter().product();
    if axis == 0 {
        let rows = values.par_chunks_exact_mut(length).with_min_len(64);
        return rows.for_each_init(Vec::new, |padded, row| smooth_row(row, kernel, padded));
    }
    let blocks = values.chunks_exact_mut(length * stride);
    let lines: Vec<Vec<&mut [f32]>> =
        blocks.flat_map(|block| panels(block, stride).map(|(_, rows)| rows)).collect();
    lines.into_par_iter().for_each_init(Vec::new, |before: &mut Vec<f32>, mut rows| {
        let width = rows[0].len();
        before.clear();
        for row in &rows {
            before.extend_from_slice(row);
        }
        let source = |row: usize| &before[row * width..(row + 1) * width];
        for (index, row) in rows.iter_mut().enumerate() {
            for (value, middle) in row.iter_mut().zip(source(index)) {
                *value = kernel[0] * middle;
            }
            for (reach, weight) in kernel.iter().enumerate().skip(1) {
                let low = source(index.saturating_sub(reach));
                let high = source((index + reach).min(length - 1));
                for ((value, low), high) in row.iter_mut().zip(low).zip(high) {
                    *value += weight * (low + high);
                }
            }
        }
    });
}

/// Convolves one row, which is padded with its ends first.
fn smooth_row(row: &mut [f32], kernel: &[f32], padded: &mut Vec<f32>) {
    let reach = kernel.len() - 1;
    padded.clear();
    padded.resize(reach, row[0]);
    padded.extend_from_slice(row);
    padded.resize(row.len() + 2 * reach, row[row.len() - 1]);
    for value in row.iter_mut() {
        *value *= kernel[0];
    }
    for (distance, weight) in kernel.iter().enumerate().skip(1) {
        let (low, high) = (&padded[reach - distance..], &padded[reach + distance..]);
        for ((value, low), high) in row.iter_mut().zip(low).zip(high) {
            *value += weight * (low + high);
        }
    }
}

/// The median over a box round each voxel.
fn median(values: &[f32], size: [usize; 3], radius: [usize; 3]) -> Vec<f32> {
    let [width, height, depth] = size;
    let mut medians = vec![0.0; values.len()];
    let rows = medians.par_chunks_exact_mut(width).enumerate();
    rows.for_each_init(Vec::new, |window: &mut Vec<f32>, (row, output)| {
        let (y, z) = (row % height, row / height);
        let sources: Vec<&[f32]> = around(z, radius[2], depth)
            .flat_map(|z| around(y, radius[1], height).map(move |y| (z * height + y) * width))
            .map(|start| &values[start..start + width])
            .collect();
        for (x, output) in output.iter_mut().enumerate() {
            window.clear();
            for source in &sources {
                window.extend(around(x, radius[0], width).map(|x| source[x]));
            }
            let middle = window.len() / 2;
            *output = *window.select_nth_unstable_by(middle, f32::total_cmp).1;
        }
    });
    medians
}

/// The indices round one on an axis; beyond its ends they are the outermost.
fn around(index: usize, radius: usize, length: usize) -> impl Iterator<Item = usize> {
    (0..=2 * radius).map(move |step| (index + step).saturating_sub(radius).min(length - 1))
}
