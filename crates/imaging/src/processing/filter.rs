//! Filters of the IBSI's second chapter (Whybra et al., Radiology 2024, 310:e231319) and of single
//! intensities.

use ndarray::Array3;

use super::gabor::{Wave, gabor};
use super::interpolate::Grid;
use super::kernels::{
    gaussian_reach, laplacian_of_gaussian, laws_kernels, mean, pooled_turns, wavelet_kernels,
};
use super::nonseparable::nonseparable_wavelet;
use crate::{Boundary, Error, Filter, Geometry, ImagingSettings, Mask, Pooling, Volume};

impl Filter {
    /// How many voxels of an axis the response at a voxel depends on, on either side; `None` for the
    /// whole image.
    pub(super) fn reach(&self, spacing_mm: f64) -> Option<usize> {
        match self {
            Self::Mean { support } => Some(support / 2),
            Self::LaplacianOfGaussian { sigma_mm, cutoff } => {
                Some(gaussian_reach(sigma_mm / spacing_mm, *cutoff))
            }
            Self::Laws { energy_distance, .. } => Some(2 + energy_distance.unwrap_or(0)),
            Self::Gabor { sigma_mm, aspect_ratio, .. } => {
                Some(Wave::reach(*sigma_mm, aspect_ratio.unwrap_or(1.0), spacing_mm))
            }
            Self::Wavelet { wavelet, level, .. } => {
                let kernels = wavelet_kernels(wavelet, "L", level.unwrap_or(1));
                Some(kernels.iter().flatten().map(|kernel| kernel.len() / 2).sum())
            }
            Self::NonseparableWavelet { .. } => None,
            Self::Gradient => Some(1),
            Self::Square | Self::SquareRoot | Self::Logarithm | Self::Exponential => Some(0),
        }
    }
}

/// The image filtered where the region and its surroundings need it. Elsewhere the response is what
/// the cut-out image gives.
pub(crate) fn filtered(
    volume: &Volume,
    mask: &Mask,
    filter: &Filter,
    settings: &ImagingSettings,
) -> Result<Volume, Error> {
    let (mut low, mut high) = mask.bounding_box().ok_or(Error::EmptyMask)?;
    let geometry = volume.geometry;
    for axis in 0..3 {
        let spacing = geometry.spacing_mm[axis];
        match filter.reach(spacing) {
            Some(reach) if settings.filter_boundary != Boundary::Periodic => {
                let margin = reach + super::resample::margin_voxels(spacing);
                low[axis] = low[axis].saturating_sub(margin);
                high[axis] = (high[axis] + margin).min(geometry.size[axis] - 1);
            }
            _ => (low[axis], high[axis]) = (0, geometry.size[axis] - 1),
        }
    }
    let part = ndarray::s![low[2]..=high[2], low[1]..=high[1], low[0]..=high[0]];
    let grid = Grid {
        size: std::array::from_fn(|axis| high[axis] + 1 - low[axis]),
        values: volume.voxels.slice(part).iter().map(|&value| f64::from(value)).collect(),
    };
    let greatest = || volume.voxels.iter().map(|&value| f64::from(value.abs())).fold(0.0, f64::max);
    let response = match filter {
        Filter::Square | Filter::SquareRoot | Filter::Logarithm | Filter::Exponential => {
            let of_one = of_intensity(filter, greatest());
            Grid { size: grid.size, values: grid.values.into_iter().map(of_one).collect() }
        }
        _ => convolved(&grid, &geometry, filter, settings),
    };
    let mut filtered = volume.clone();
    let (z, y, x) = (response.size[2], response.size[1], response.size[0]);
    #[expect(clippy::cast_possible_truncation, reason = "intensities are stored as float32")]
    let values = response.values.into_iter().map(|value| value as f32).collect();
    let values = Array3::from_shape_vec((z, y, x), values).expect("filters keep the size");
    filtered.voxels.slice_mut(part).assign(&values);
    Ok(filtered)
}

/// A function of single intensities, scaled by the greatest absolute one of the image (van
/// Griethuysen et al., Cancer Research 2017).
pub(crate) fn of_intensity(filter: &Filter, greatest: f64) -> impl Fn(f64) -> f64 {
    let signed =
        |value: f64, magnitude: f64| if value == 0.0 { 0.0 } else { magnitude.copysign(value) };
    let filter = filter.clone();
    move |value: f64| match filter {
        Filter::Square => (value / greatest.sqrt()).powi(2),
        Filter::SquareRoot => signed(value, (value.abs() * greatest).sqrt()),
        Filter::Logarithm => signed(value, value.abs().ln_1p()) * greatest / greatest.ln_1p(),
        Filter::Exponential => (value * greatest.ln() / greatest).exp(),
        _ => value,
    }
}

fn convolved(
    grid: &Grid,
    geometry: &Geometry,
    filter: &Filter,
    settings: &ImagingSettings,
) -> Grid {
    let dimensions = if settings.filter_in_slices { 2 } else { 3 };
    let boundary = settings.filter_boundary;
    match filter {
        Filter::Mean { support } => mean(grid, dimensions, *support, boundary),
        Filter::LaplacianOfGaussian { sigma_mm, cutoff } => {
            let sigmas = geometry.spacing_mm.map(|spacing| sigma_mm / spacing);
            laplacian_of_gaussian(grid, &sigmas[..dimensions], *cutoff, boundary)
        }
        Filter::Laws { kernels, rotation_invariant, energy_distance } => {
            let kernels = laws_kernels(kernels).unwrap_or_default();
            let pooling = rotation_invariant.then_some(Pooling::Max);
            let response = pooled_turns(grid, &kernels, pooling, boundary);
            let Some(distance) = energy_distance else { return response };
            let values = response.values.into_iter().map(f64::abs).collect();
            let response = Grid { size: response.size, values };
            mean(&response, dimensions, 2 * distance + 1, boundary)
        }
        Filter::Wavelet { wavelet, decomposition, level, rotation_invariant, pooling } => {
            let word = decomposition.as_deref().unwrap_or("LLL");
            let kernels = wavelet_kernels(wavelet, word, level.unwrap_or(1));
            let pooling = rotation_invariant.then_some(pooling.unwrap_or_default());
            pooled_turns(grid, &kernels, pooling, boundary)
        }
        Filter::NonseparableWavelet { wavelet, level } => {
            nonseparable_wavelet(grid, *wavelet, level.unwrap_or(1), settings.filter_in_slices)
        }
        Filter::Gabor { .. } => gabor(grid, geometry.spacing_mm, filter, boundary),
        _ => gradient_magnitude(grid, &geometry.spacing_mm[..dimensions], boundary),
    }
}

fn gradient_magnitude(grid: &Grid, spacing_mm: &[f64], boundary: Boundary) -> Grid {
    let mut squares = vec![0.0; grid.values.len()];
    for (axis, spacing) in spacing_mm.iter().enumerate() {
        let derivative = grid.convolved(axis, &[0.5 / spacing, 0.0, -0.5 / spacing], boundary);
        for (square, value) in squares.iter_mut().zip(derivative.values) {
            *square += value * value;
        }
    }
    Grid { size: grid.size, values: squares.into_iter().map(f64::sqrt).collect() }
}
