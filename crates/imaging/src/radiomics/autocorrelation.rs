//! Moran's I (IBSI N365) and Geary's C (IBSI NPT7): how alike the intensities of voxels are, every
//! pair weighted by the inverse of its distance.
//!
//! The sums over all pairs are correlations of the box with itself, weighted by the distance alone.
//! Fourier transforms give them exactly in a time that pair by pair would take days for a large
//! region. By Parseval's theorem they are sums over frequencies, which are taken in blocks of those
//! along x, so that the padded box never is in memory as a whole.

use std::ops::Range;

use rayon::prelude::*;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftDirection, FftPlanner};

use super::region::Region;
use crate::fourier::{smooth, transform};

/// How many numbers of a block of frequencies are in memory at once: 64 MiB of them.
const BLOCK_NUMBERS: usize = 1 << 22;

/// Both values; not a number where they are undefined.
pub(crate) struct Autocorrelation {
    pub(crate) moran_i: f64,
    pub(crate) geary_c: f64,
}

impl Autocorrelation {
    /// Measures the intensities of a region.
    pub(crate) fn new(region: &Region) -> Self {
        let count = region.indices.len() as f64;
        let mean = region.values.iter().sum::<f64>() / count;
        let deviations: Vec<f64> = region.values.iter().map(|&value| value - mean).collect();
        let squares: f64 = deviations.iter().map(|deviation| deviation * deviation).sum();
        if squares == 0.0 || count < 2.0 {
            return Self { moran_i: f64::NAN, geary_c: f64::NAN };
        }
        let [total, product, square] = weighted_sums(region, &deviations);
        Self {
            moran_i: count / total * product / squares,
            // (a - b)² summed over pairs is twice the squares less the products.
            geary_c: (count - 1.0) / (2.0 * total) * 2.0 * (square - product) / squares,
        }
    }
}

/// A row of voxels along x that is not empty.
struct Row<'a> {
    y: usize,
    z: usize,
    /// The positions of its voxels in the box without border.
    columns: Vec<usize>,
    deviations: &'a [f64],
}

fn rows<'a>(region: &Region, deviations: &'a [f64]) -> Vec<Row<'a>> {
    let mut start = 0;
    let rows = region.indices.chunk_by(|a, b| a / region.size[0] == b / region.size[0]);
    rows.map(|row| {
        let [_, y, z] = region.position(row[0]);
        let columns = row.iter().map(|&index| region.position(index)[0] - 1).collect();
        let deviations = &deviations[start..start + row.len()];
        start += row.len();
        Row { y: y - 1, z: z - 1, columns, deviations }
    })
    .collect()
}

/// The weighted sums over pairs of one, of the product of deviations, and of a squared deviation.
fn weighted_sums(region: &Region, deviations: &[f64]) -> [f64; 3] {
    // Twice the box without its border, less one, so that nothing wraps round.
    let size = region.size.map(|length| smooth(2 * (length - 2) - 1));
    let rows = rows(region, deviations);
    let [width, height, depth] = size;
    let distances: Vec<f64> = (0..=depth / 2)
        .flat_map(|z| (0..=height / 2).map(move |y| (y, z)))
        .map(|(y, z)| {
            (y as f64 * region.spacing_mm[1]).powi(2) + (z as f64 * region.spacing_mm[2]).powi(2)
        })
        .collect();
    // Those beyond the middle are the conjugates of those before.
    let frequencies = width / 2 + 1;
    let block = (BLOCK_NUMBERS / (3 * rows.len() + distances.len())).clamp(1, frequencies);
    let fft = FftPlanner::new().plan_fft_forward(width);
    let mut sums = [0.0; 3];
    for first in (0..frequencies).step_by(block) {
        let chosen = first..(first + block).min(frequencies);
        let of_rows: Vec<Vec<[Complex<f64>; 3]>> =
            rows.par_iter().map(|row| row_frequencies(row, &*fft, chosen.clone())).collect();
        let of_weights: Vec<Vec<f64>> = distances
            .par_iter()
            .map(|&squared| {
                weight_frequencies(squared, region.spacing_mm[0], &*fft, chosen.clone())
            })
            .collect();
        let parts: Vec<[f64; 3]> = chosen
            .clone()
            .into_par_iter()
            .map(|frequency| {
                let index = frequency - first;
                let part = plane_sums(&rows, &of_rows, &of_weights, (index, [height, depth, 1]));
                let is_its_own_conjugate = frequency == 0 || 2 * frequency == width;
                part.map(|sum| if is_its_own_conjugate { sum } else { 2.0 * sum })
            })
            .collect();
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
    }
    let voxels = size.iter().product::<usize>() as f64;
    sums.map(|sum| sum / voxels)
}

/// Some frequencies along x of a row's mask, deviations and squared deviations.
fn row_frequencies(row: &Row, fft: &dyn Fft<f64>, chosen: Range<usize>) -> Vec<[Complex<f64>; 3]> {
    let width = fft.len();
    let mut pair = vec![Complex::default(); width];
    let mut squares = vec![Complex::default(); width];
    for (&column, &deviation) in row.columns.iter().zip(row.deviations) {
        pair[column] = Complex::new(1.0, deviation);
        squares[column].re = deviation * deviation;
    }
    fft.process(&mut pair);
    fft.process(&mut squares);
    chosen
        .map(|frequency| {
            // The opposite frequency tells two real arrays in one transform apart.
            let (a, b) = (pair[frequency], pair[(width - frequency) % width].conj());
            [(a + b) * 0.5, (a - b) * Complex::new(0.0, -0.5), squares[frequency]]
        })
        .collect()
}

/// Some frequencies along x of the inverse distances from the first voxel of a row, wrapped round,
/// which lies off by the root of `squared` across; 0 at distance 0.
fn weight_frequencies(
    squared: f64,
    spacing_mm: f64,
    fft: &dyn Fft<f64>,
    chosen: Range<usize>,
) -> Vec<f64> {
    let width = fft.len();
    let mut weights: Vec<Complex<f64>> = (0..width)
        .map(|step| {
            let along = step.min(width - step) as f64 * spacing_mm;
            let distance = (along * along + squared).sqrt();
            Complex::new(if distance > 0.0 { distance.recip() } else { 0.0 }, 0.0)
        })
        .collect();
    fft.process(&mut weights);
    // The row is even.
    weights[chosen].iter().map(|weight| weight.re).collect()
}

/// What one frequency along x adds to the sums.
fn plane_sums(
    rows: &[Row],
    of_rows: &[Vec<[Complex<f64>; 3]>],
    of_weights: &[Vec<f64>],
    (index, size): (usize, [usize; 3]),
) -> [f64; 3] {
    let [height, depth, _] = size;
    let mut planes: [Vec<Complex<f64>>; 3] =
        std::array::from_fn(|_| vec![Complex::default(); height * depth]);
    for (row, values) in rows.iter().zip(of_rows) {
        for (plane, value) in planes.iter_mut().zip(values[index]) {
            plane[row.z * height + row.y] = value;
        }
    }
    let mut weights: Vec<Complex<f64>> = (0..depth)
        .flat_map(|z| (0..height).map(move |y| (y.min(height - y), z.min(depth - z))))
        .map(|(y, z)| Complex::new(of_weights[z * (height / 2 + 1) + y][index], 0.0))
        .collect();
    for plane in planes.iter_mut().chain([&mut weights]) {
        transform(plane, size, FftDirection::Forward);
    }
    let [masks, deviations, squares] = &planes;
    let mut sums = [0.0; 3];
    for (place, weight) in weights.iter().enumerate() {
        let mask = masks[place];
        sums[0] += weight.re * mask.norm_sqr();
        sums[1] += weight.re * deviations[place].norm_sqr();
        sums[2] += weight.re * (squares[place] * mask.conj()).re;
    }
    sums
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
