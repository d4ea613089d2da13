//! Filters that are kernels along each axis: mean, Laplacian of Gaussian, Laws kernels and separable
//! wavelets.

use super::interpolate::Grid;
use crate::wavelets::Wavelet;
use crate::{Boundary, Pooling};

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

/// The mean over a box.
pub(super) fn mean(grid: &Grid, dimensions: usize, support: usize, boundary: Boundary) -> Grid {
    let kernel = vec![1.0 / support as f64; support];
    along_axes(grid, &vec![vec![kernel]; dimensions], boundary)
}

/// The kernels that an axis is convolved with, one after the other, each of odd length.
type Kernels = Vec<Vec<f64>>;

/// Convolves each axis with its kernels.
fn along_axes(grid: &Grid, kernels: &[Kernels], boundary: Boundary) -> Grid {
    let mut response: Option<Grid> = None;
    for (axis, kernels) in kernels.iter().enumerate() {
        for kernel in kernels {
            let next = response.as_ref().unwrap_or(grid).convolved(axis, kernel, boundary);
            response = Some(next);
        }
    }
    response.expect("a filter has kernels")
}

/// The sum over axes of the second derivative of a Gaussian along one and the Gaussian along the
/// others, with a standard deviation in voxels for each axis.
pub(super) fn laplacian_of_gaussian(
    grid: &Grid,
    sigmas: &[f64],
    cutoff: Option<f64>,
    boundary: Boundary,
) -> Grid {
    let kernels = |derived: usize| -> Vec<Kernels> {
        let kernel = |(axis, &sigma): (usize, &f64)| {
            let reach = gaussian_reach(sigma, cutoff);
            let kernel = (0..=2 * reach)
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
                .collect();
            vec![kernel]
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
pub(super) fn gaussian_reach(sigma: f64, cutoff: Option<f64>) -> usize {
    (cutoff.unwrap_or(4.0) * sigma + 0.5).floor().min(1e4) as usize
}

/// How many axes a word such as `L5E5E5` names kernels for; `None` where it is no such word.
pub(crate) fn laws_axes(word: &str) -> Option<usize> {
    laws_kernels(word).map(|kernels| kernels.len())
}

/// The normalized kernels that a word such as `L5E5E5` names.
pub(super) fn laws_kernels(word: &str) -> Option<Vec<Kernels>> {
    let letters = word.as_bytes();
    if letters.is_empty() || !letters.len().is_multiple_of(2) {
        return None;
    }
    letters
        .chunks_exact(2)
        .map(|pair| {
            let (_, weights) = LAWS.iter().find(|(name, _)| name.as_bytes() == pair)?;
            let norm = weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
            Some(vec![weights.iter().map(|weight| weight / norm).collect()])
        })
        .collect()
}

/// The kernels of a wavelet's decomposition such as `LLH`: the scaling filter at each level below
/// the last, at which the letter's own filter is applied. From level to level holes as wide as all
/// before come between a filter's weights (Holschneider et al., 1989).
pub(super) fn wavelet_kernels(name: &str, word: &str, level: usize) -> Vec<Kernels> {
    let Some(wavelet) = Wavelet::named(name) else { return Vec::new() };
    let dilated = |filter: &[f64], level: usize| {
        // A filter of even length has its middle before the weight behind the center.
        let odd = filter.len() + 1 - filter.len() % 2;
        let step = 1 << (level - 1);
        let mut kernel = vec![0.0; (odd - 1) * step + 1];
        for (tap, weight) in filter.iter().enumerate() {
            kernel[tap * step] = *weight;
        }
        kernel
    };
    let kernels = |letter| {
        let last = if letter == 'H' { &wavelet.high } else { &wavelet.low };
        let below = (1..level).map(|level| dilated(&wavelet.low, level));
        below.chain([dilated(last, level)]).collect()
    };
    word.chars().map(kernels).collect()
}

/// The response to kernels along the axes, or the pooled responses to them turned by all right
/// angles.
pub(super) fn pooled_turns(
    grid: &Grid,
    kernels: &[Kernels],
    pooling: Option<Pooling>,
    boundary: Boundary,
) -> Grid {
    let Some(pooling) = pooling else { return along_axes(grid, kernels, boundary) };
    let mut pool = Pool::new(pooling);
    for kernels in turned(kernels) {
        pool.add(along_axes(grid, &kernels, boundary).values);
    }
    Grid { size: grid.size, values: pool.finish() }
}

/// Responses that are put together voxel by voxel.
pub(super) struct Pool {
    pooling: Pooling,
    count: f64,
    values: Vec<f64>,
}

impl Pool {
    pub(super) fn new(pooling: Pooling) -> Self {
        Self { pooling, count: 0.0, values: Vec::new() }
    }

    pub(super) fn add(&mut self, response: Vec<f64>) {
        self.count += 1.0;
        if self.values.is_empty() {
            self.values = response;
            return;
        }
        for (pooled, value) in self.values.iter_mut().zip(response) {
            match self.pooling {
                Pooling::Mean => *pooled += value,
                Pooling::Max => *pooled = pooled.max(value),
            }
        }
    }

    pub(super) fn finish(mut self) -> Vec<f64> {
        if self.pooling == Pooling::Mean {
            self.values.iter_mut().for_each(|value| *value /= self.count);
        }
        self.values
    }
}

/// The kernels after each rotation by right angles, those that are the same once: a permutation of
/// the axes and flips, without those that mirror.
fn turned(kernels: &[Kernels]) -> Vec<Vec<Kernels>> {
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
    let mut turned: Vec<Vec<Kernels>> = Vec::new();
    for (permutation, odd) in permutations {
        for flips in 0..1_u32 << kernels.len() {
            if (flips.count_ones() % 2 == 1) != *odd {
                continue;
            }
            let set: Vec<Kernels> = permutation
                .iter()
                .enumerate()
                .map(|(axis, &number)| {
                    let mut kernels = kernels[number].clone();
                    if flips >> axis & 1 == 1 {
                        for kernel in &mut kernels {
                            kernel.reverse();
                        }
                    }
                    kernels
                })
                .collect();
            if !turned.contains(&set) {
                turned.push(set);
            }
        }
    }
    turned
}
