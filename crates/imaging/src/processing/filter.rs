//! Convolutional filters of the IBSI's second chapter (Whybra et al., Radiology 2024, 310:e231319):
//! mean, Laplacian of Gaussian, and Laws kernels.

use ndarray::Array3;

use super::interpolate::Grid;
use crate::{Boundary, Error, Filter, ImagingSettings, Mask, Volume};

/// A name and the weights of a Laws kernel (Laws, SPIE 1980), not normalized.
const LAWS: [(&str, &[f64]); 8] = [
    ("L3", &[1.0, 2.0, 1.0]),
    ("L5", &[1.0, 4.0, 6.0, 4.0, 1.0]),
    ("E3", &[-1.0, 0.0, 1.0]),
    ("E5", &[-1.0, -2.0, 0.0, 2.0, 1.0]),
    ("S3", &[-1.0, 2.0, -1.0]),
    ("S5", &[-1.0, 0.0, 2.0, 0.0, -1.0]),
    ("W5", &[-1.0, 2.0, 0.0, -2.0, 1.0]),
    ("R5", &[1.0, -4.0, 6.0, -4.0, 1.0]),
];

impl Filter {
    /// Checks every field; the message names the one that is out of its range.
    pub(crate) fn check(&self, in_slices: bool) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::Settings(format!("filter {message}")));
        match self {
            Self::Mean { support } if support % 2 == 0 || *support > 999 => {
                refuse(format!("support must be an odd number below 1000, got {support}"))
            }
            Self::LaplacianOfGaussian { sigma_mm, cutoff } => {
                if !(sigma_mm.is_finite() && *sigma_mm > 0.0 && *sigma_mm <= 100.0) {
                    return refuse(format!("sigma_mm must be above 0 to 100, got {sigma_mm}"));
                }
                match cutoff {
                    Some(cutoff) if !(*cutoff > 0.0 && *cutoff <= 10.0) => {
                        refuse(format!("cutoff must be above 0 to 10, got {cutoff}"))
                    }
                    _ => Ok(()),
                }
            }
            Self::Laws { kernels, energy_distance, .. } => {
                let expected = if in_slices { 2 } else { 3 };
                if laws_kernels(kernels).is_none_or(|kernels| kernels.len() != expected) {
                    return refuse(format!(
                        "kernels must be {expected} of L3, L5, E3, E5, S3, S5, W5 and R5 in one word \
                         such as L5E5E5, got `{kernels}`"
                    ));
                }
                match energy_distance {
                    Some(distance) if *distance > 500 => {
                        refuse(format!("energy_distance must be at most 500, got {distance}"))
                    }
                    _ => Ok(()),
                }
            }
            Self::Mean { .. } => Ok(()),
        }
    }

    /// How many voxels of an axis the response at a voxel depends on, on either side.
    pub(super) fn reach(&self, spacing_mm: f64) -> usize {
        match self {
            Self::Mean { support } => support / 2,
            Self::LaplacianOfGaussian { sigma_mm, cutoff } => {
                gaussian_reach(sigma_mm / spacing_mm, *cutoff)
            }
            Self::Laws { energy_distance, .. } => 2 + energy_distance.unwrap_or(0),
        }
    }
}

/// The image filtered as the settings say, where the region and its surroundings need it; `None`
/// where they name no filter. Elsewhere the response is what the cut-out image gives.
pub(super) fn filtered(
    volume: &Volume,
    mask: &Mask,
    settings: &ImagingSettings,
) -> Result<Option<Volume>, Error> {
    let Some(filter) = &settings.filter else { return Ok(None) };
    let (mut low, mut high) = mask.bounding_box().ok_or(Error::EmptyMask)?;
    let geometry = volume.geometry;
    for axis in 0..3 {
        if settings.filter_boundary == Boundary::Periodic {
            (low[axis], high[axis]) = (0, geometry.size[axis] - 1);
        } else {
            let spacing = geometry.spacing_mm[axis];
            let margin = filter.reach(spacing) + super::resample::margin_voxels(spacing);
            low[axis] = low[axis].saturating_sub(margin);
            high[axis] = (high[axis] + margin).min(geometry.size[axis] - 1);
        }
    }
    let part = ndarray::s![low[2]..=high[2], low[1]..=high[1], low[0]..=high[0]];
    let grid = Grid {
        size: std::array::from_fn(|axis| high[axis] + 1 - low[axis]),
        values: volume.voxels.slice(part).iter().map(|&value| f64::from(value)).collect(),
    };
    let dimensions = if settings.filter_in_slices { 2 } else { 3 };
    let response = match filter {
        Filter::Mean { support } => mean(&grid, dimensions, *support, settings.filter_boundary),
        Filter::LaplacianOfGaussian { sigma_mm, cutoff } => {
            let sigmas = geometry.spacing_mm.map(|spacing| sigma_mm / spacing);
            laplacian_of_gaussian(&grid, &sigmas[..dimensions], *cutoff, settings.filter_boundary)
        }
        Filter::Laws { kernels, rotation_invariant, energy_distance } => {
            let kernels = laws_kernels(kernels).unwrap_or_default();
            let response = laws(&grid, &kernels, *rotation_invariant, settings.filter_boundary);
            match energy_distance {
                Some(distance) => {
                    let size = response.size;
                    let values = response.values.into_iter().map(f64::abs).collect();
                    let support = 2 * distance + 1;
                    mean(&Grid { size, values }, dimensions, support, settings.filter_boundary)
                }
                None => response,
            }
        }
    };
    let mut filtered = volume.clone();
    let (z, y, x) = (response.size[2], response.size[1], response.size[0]);
    #[expect(clippy::cast_possible_truncation, reason = "intensities are stored as float32")]
    let values = response.values.into_iter().map(|value| value as f32).collect();
    let values = Array3::from_shape_vec((z, y, x), values).expect("filters keep the size");
    filtered.voxels.slice_mut(part).assign(&values);
    Ok(Some(filtered))
}

fn mean(grid: &Grid, dimensions: usize, support: usize, boundary: Boundary) -> Grid {
    let kernel = vec![1.0 / support as f64; support];
    along_axes(grid, &vec![kernel; dimensions], boundary)
}

/// Convolves each axis with its kernel.
fn along_axes(grid: &Grid, kernels: &[Vec<f64>], boundary: Boundary) -> Grid {
    let mut response = grid.convolved(0, &kernels[0], boundary);
    for (axis, kernel) in kernels.iter().enumerate().skip(1) {
        response = response.convolved(axis, kernel, boundary);
    }
    response
}

/// The sum over axes of the second derivative of a Gaussian along one and the Gaussian along the
/// others, with a standard deviation in voxels for each axis.
fn laplacian_of_gaussian(
    grid: &Grid,
    sigmas: &[f64],
    cutoff: Option<f64>,
    boundary: Boundary,
) -> Grid {
    let kernels = |derived: usize| -> Vec<Vec<f64>> {
        let kernel = |(axis, &sigma): (usize, &f64)| {
            let reach = gaussian_reach(sigma, cutoff);
            (0..=2 * reach)
                .map(|tap| {
                    let squared = ((tap as f64 - reach as f64) / sigma).powi(2);
                    let height = (2.0 * std::f64::consts::PI).sqrt() * sigma;
                    let gaussian = (-squared / 2.0).exp() / height;
                    if axis == derived {
                        (squared - 1.0) / sigma.powi(2) * gaussian
                    } else {
                        gaussian
                    }
                })
                .collect()
        };
        sigmas.iter().enumerate().map(kernel).collect()
    };
    let mut sum = along_axes(grid, &kernels(0), boundary);
    for derived in 1..sigmas.len() {
        let term = along_axes(grid, &kernels(derived), boundary);
        sum.values.iter_mut().zip(term.values).for_each(|(sum, term)| *sum += term);
    }
    sum
}

/// Half the width in voxels of a Gaussian that ends after so many standard deviations, 4 when not
/// given.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; saturates")]
fn gaussian_reach(sigma: f64, cutoff: Option<f64>) -> usize {
    (cutoff.unwrap_or(4.0) * sigma + 0.5).floor().min(1e4) as usize
}

/// The normalized kernels that a word such as `L5E5E5` names.
fn laws_kernels(word: &str) -> Option<Vec<Vec<f64>>> {
    let letters = word.as_bytes();
    if letters.is_empty() || !letters.len().is_multiple_of(2) {
        return None;
    }
    letters
        .chunks_exact(2)
        .map(|pair| {
            let (_, weights) = LAWS.iter().find(|(name, _)| name.as_bytes() == pair)?;
            let norm = weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
            Some(weights.iter().map(|weight| weight / norm).collect())
        })
        .collect()
}

/// The response to kernels along the axes, or the greatest response to them turned by all right
/// angles.
fn laws(grid: &Grid, kernels: &[Vec<f64>], rotation_invariant: bool, boundary: Boundary) -> Grid {
    if !rotation_invariant {
        return along_axes(grid, kernels, boundary);
    }
    let mut responses =
        turned(kernels).into_iter().map(|kernels| along_axes(grid, &kernels, boundary));
    let mut greatest = responses.next().expect("kernels are among their own turns");
    for response in responses {
        for (greatest, value) in greatest.values.iter_mut().zip(response.values) {
            *greatest = greatest.max(value);
        }
    }
    greatest
}

/// The kernels after each rotation by right angles, those that are the same once: a permutation of
/// the axes and flips, without those that mirror.
fn turned(kernels: &[Vec<f64>]) -> Vec<Vec<Vec<f64>>> {
    let permutations: &[(&[usize], bool)] = match kernels.len() {
        2 => &[(&[0, 1], false), (&[1, 0], true)],
        _ => &[
            (&[0, 1, 2], false),
            (&[1, 2, 0], false),
            (&[2, 0, 1], false),
            (&[1, 0, 2], true),
            (&[0, 2, 1], true),
            (&[2, 1, 0], true),
        ],
    };
    let mut turned: Vec<Vec<Vec<f64>>> = Vec::new();
    for (permutation, odd) in permutations {
        for flips in 0..1_u32 << kernels.len() {
            if (flips.count_ones() % 2 == 1) != *odd {
                continue;
            }
            let set: Vec<Vec<f64>> = permutation
                .iter()
                .enumerate()
                .map(|(axis, &number)| {
                    let mut kernel = kernels[number].clone();
                    if flips >> axis & 1 == 1 {
                        kernel.reverse();
                    }
                    kernel
                })
                .collect();
            if !turned.contains(&set) {
                turned.push(set);
            }
        }
    }
    turned
}
