//! Moran's I (IBSI N365) and Geary's C (IBSI NPT7): how alike the intensities of voxels are, every
//! pair weighted by the inverse of its distance.
//!
//! The sums over all pairs are correlations of the box with itself, weighted by the distance alone.
//! Fourier transforms give them exactly in a time that pair by pair would take days for a large
//! region.

use rustfft::FftDirection;
use rustfft::num_complex::Complex;

use super::region::Region;
use crate::fourier::{smooth, transform};

/// The most voxels that a padded box may have; 512 MiB are needed for as many. Where a region needs
/// more, neither value is measured.
const MAX_PADDED_VOXELS: usize = 1 << 24;

/// Both values; not a number where they are undefined or the region is too large.
pub(crate) struct Autocorrelation {
    pub(crate) moran_i: f64,
    pub(crate) geary_c: f64,
}

impl Autocorrelation {
    /// Measures the intensities of a region.
    pub(crate) fn new(region: &Region) -> Self {
        let undefined = Self { moran_i: f64::NAN, geary_c: f64::NAN };
        // Twice the box without its border, less one, so that nothing wraps round.
        let size = region.size.map(|length| smooth(2 * (length - 2) - 1));
        let count = region.indices.len() as f64;
        let mean = region.values.iter().sum::<f64>() / count;
        let deviations = || region.values.iter().map(|&value| value - mean);
        let squares: f64 = deviations().map(|deviation| deviation * deviation).sum();
        if size.iter().product::<usize>() > MAX_PADDED_VOXELS || squares == 0.0 || count < 2.0 {
            return undefined;
        }
        let place = |index: usize| {
            let [x, y, z] = region.position(index).map(|coordinate| coordinate - 1);
            (z * size[1] + y) * size[0] + x
        };
        // Two real arrays share one complex transform: the mask and the deviations, and the weights
        // and the squared deviations.
        let mut first = vec![Complex::default(); size.iter().product()];
        let mut second = weights(size, region.spacing_mm);
        for (&index, deviation) in region.indices.iter().zip(deviations()) {
            first[place(index)] = Complex::new(1.0, deviation);
            second[place(index)].im = deviation * deviation;
        }
        let filled = region.size.map(|length| length - 2);
        transform(&mut first, size, filled, FftDirection::Forward);
        transform(&mut second, size, size, FftDirection::Forward);
        let [total, product, square] = weighted_sums(&first, &second, size);
        Self {
            moran_i: count / total * product / squares,
            // (a - b)² summed over pairs is twice the squares less the products.
            geary_c: (count - 1.0) / (2.0 * total) * 2.0 * (square - product) / squares,
        }
    }
}

/// The inverse distances from the first voxel, wrapped round, in the real parts; 0 at distance 0.
fn weights(size: [usize; 3], spacing_mm: [f64; 3]) -> Vec<Complex<f64>> {
    let squares: [Vec<f64>; 3] = std::array::from_fn(|axis| {
        let length = size[axis];
        (0..length)
            .map(|step| (step.min(length - step) as f64 * spacing_mm[axis]).powi(2))
            .collect()
    });
    let mut weights = Vec::with_capacity(size.iter().product());
    for z in &squares[2] {
        for y in &squares[1] {
            weights
                .extend(squares[0].iter().map(|x| Complex::new((x + y + z).sqrt().recip(), 0.0)));
        }
    }
    weights[0] = Complex::default();
    weights
}

/// The weighted sums over pairs of one, of the product of deviations, and of a squared deviation, by
/// Parseval's theorem.
fn weighted_sums(first: &[Complex<f64>], second: &[Complex<f64>], size: [usize; 3]) -> [f64; 3] {
    let [width, height, depth] = size;
    let mut sums = [0.0; 3];
    for z in 0..depth {
        for y in 0..height {
            let row = (z * height + y) * width;
            // The transform at the opposite frequency tells the two real arrays apart.
            let opposite = ((depth - z) % depth * height + (height - y) % height) * width;
            for x in 0..width {
                let mirror = opposite + (width - x) % width;
                let (a, b) = (first[row + x], first[mirror].conj());
                let (mask, deviation) = ((a + b) * 0.5, (a - b) * Complex::new(0.0, -0.5));
                let (a, b) = (second[row + x], second[mirror].conj());
                let (weight, square) = ((a + b).re * 0.5, (a - b) * Complex::new(0.0, -0.5));
                sums[0] += weight * mask.norm_sqr();
                sums[1] += weight * deviation.norm_sqr();
                sums[2] += weight * (square * mask.conj()).re;
            }
        }
    }
    let voxels = first.len() as f64;
    sums.map(|sum| sum / voxels)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pair by pair, as the manual has it.
    fn by_pairs(region: &Region) -> [f64; 2] {
        let count = region.values.len();
        let mean = region.values.iter().sum::<f64>() / count as f64;
        let [mut total, mut product, mut difference, mut squares] = [0.0; 4];
        for a in 0..count {
            let x = region.values[a];
            squares += (x - mean).powi(2);
            for b in 0..count {
                if a == b {
                    continue;
                }
                let y = region.values[b];
                let (p, q) =
                    (region.position(region.indices[a]), region.position(region.indices[b]));
                let distance: f64 = (0..3)
                    .map(|axis| {
                        ((p[axis] as f64 - q[axis] as f64) * region.spacing_mm[axis]).powi(2)
                    })
                    .sum();
                let weight = distance.sqrt().recip();
                total += weight;
                product += weight * (x - mean) * (y - mean);
                difference += weight * (x - y).powi(2);
            }
        }
        let count = count as f64;
        [count / total * product / squares, (count - 1.0) / (2.0 * total) * difference / squares]
    }

    #[test]
    fn transforms_sum_over_pairs() {
        let size = [9, 8, 6];
        let mut region = Region {
            start: [0; 3],
            size,
            spacing_mm: [0.7, 1.1, 3.0],
            inside: vec![0; size.iter().product()],
            indices: Vec::new(),
            values: Vec::new(),
        };
        for index in 0..region.inside.len() {
            let position = region.position(index);
            let rim = (0..3).any(|axis| position[axis] == 0 || position[axis] + 1 == size[axis]);
            if !rim && index % 7 != 3 {
                region.inside[index] = 1;
                region.indices.push(index);
                region.values.push(f64::from(u8::try_from(index * index % 23).unwrap()) - 4.0);
            }
        }
        let [moran, geary] = by_pairs(&region);
        let found = Autocorrelation::new(&region);
        assert!((found.moran_i - moran).abs() < 1e-12, "{} {moran}", found.moran_i);
        assert!((found.geary_c - geary).abs() < 1e-12, "{} {geary}", found.geary_c);
    }
}
