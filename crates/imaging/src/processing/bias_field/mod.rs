//! N4 bias field correction (Tustison et al., IEEE Transactions on Medical Imaging 2010,
//! 29:1310-1320): the log histogram is sharpened, what sharpening changed is smoothed to a field of
//! B-splines, the field is taken off, and so on; at each level the mesh of the field is finer.

use rayon::prelude::*;

use super::otsu;
use crate::{BiasField, Error, Mask, Volume};

mod lattice;
mod sharpen;

use lattice::{Basis, Fit, Lattice};
use sharpen::Expectation;

/// The logarithm of the field that an image was multiplied by.
#[derive(Clone, Debug)]
pub struct LogBiasField {
    lattice: Lattice,
}

/// A shrunken image: logarithms of its intensities, NaN where a voxel does not count, and the field.
struct Estimate {
    size: [usize; 3],
    logs: Vec<f32>,
    field: Vec<f32>,
}

/// Estimates the bias field of an image by N4 from the voxels that the settings name; those that
/// are not positive have no logarithm and are left out. The field does not depend on the number of
/// threads.
///
/// # Errors
/// When a setting is out of range, fewer than two voxels count, or all of them are equal.
pub fn log_bias_field(
    volume: &Volume,
    mask: &Mask,
    settings: &BiasField,
) -> Result<LogBiasField, Error> {
    settings.check()?;
    let mut estimate = shrunken(volume, mask, settings);
    let mut lattice = Lattice::zeros(settings.spans);
    for (level, &iterations) in settings.iterations.iter().enumerate() {
        if level > 0 {
            lattice = lattice.refined();
        }
        let basis = Basis::new(&lattice, estimate.size);
        let fit = Fit::new(&basis, |row, values| {
            let logs = estimate.row(&estimate.logs, row);
            values
                .iter_mut()
                .zip(logs)
                .for_each(|(v, log)| *v = f64::from(u8::from(!log.is_nan())));
        });
        for _ in 0..iterations {
            let expectation = expectation(&estimate, settings)?;
            lattice.add(&fit.approximate(&basis, |row, values| {
                let logs = estimate.row(&estimate.logs, row);
                let field = estimate.row(&estimate.field, row);
                for ((value, &log), &field) in values.iter_mut().zip(logs).zip(field) {
                    let corrected = f64::from(log - field);
                    *value = if log.is_nan() { 0.0 } else { corrected - expectation.of(corrected) };
                }
            }));
            if update(&mut estimate, &lattice, &basis) <= settings.convergence {
                break;
            }
        }
    }
    Ok(LogBiasField { lattice })
}

impl LogBiasField {
    /// The field at every voxel of an image of so many voxels along x, y and z, x fastest.
    #[must_use]
    pub fn values(&self, size: [usize; 3]) -> Vec<f32> {
        let mut values = vec![0.0; size.iter().product()];
        self.each_row(size, &mut values, |value, field| *value = field);
        values
    }

    /// Divides an image by the field.
    pub fn correct(&self, volume: &mut Volume) {
        let size = volume.geometry.size;
        let mut voxels = super::take_voxels(volume);
        self.each_row(size, &mut voxels, |voxel, field| *voxel /= field.exp());
        super::put_voxels(volume, voxels);
    }

    fn each_row(
        &self,
        size: [usize; 3],
        values: &mut [f32],
        change: impl Fn(&mut f32, f32) + Sync,
    ) {
        let basis = Basis::new(&self.lattice, size);
        values.par_chunks_exact_mut(size[0] * size[1]).enumerate().for_each(|(z, plane)| {
            let slice = self.lattice.slice(&basis, z);
            let mut field = vec![0.0; size[0]];
            for (y, row) in plane.chunks_exact_mut(size[0]).enumerate() {
                self.lattice.row(&basis, &slice, y, &mut field);
                #[expect(clippy::cast_possible_truncation, reason = "intensities are float32")]
                row.iter_mut().zip(&field).for_each(|(value, &field)| change(value, field as f32));
            }
        });
    }
}

impl Estimate {
    fn row<'a>(&self, values: &'a [f32], row: usize) -> &'a [f32] {
        &values[row * self.size[0]..(row + 1) * self.size[0]]
    }

    fn plane_voxels(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// Takes one voxel of so many along each axis, so that what is taken lies in the image's middle.
fn shrunken(volume: &Volume, mask: &Mask, settings: &BiasField) -> Estimate {
    let factor = settings.shrink;
    let full = volume.geometry.size;
    let size = full.map(|length| (length / factor).max(1));
    let offset: [usize; 3] =
        std::array::from_fn(|axis| (full[axis] - 1 - (size[axis] - 1) * factor).div_ceil(2));
    let place = |index: usize, axis: usize| {
        let distance = index.checked_sub(offset[axis])?;
        let place = distance / factor;
        (distance % factor == 0 && place < size[axis]).then_some(place)
    };
    let mut logs = vec![f32::NAN; size.iter().product()];
    otsu::each_of(volume, mask, settings.over, |index, value| {
        let [x, y, z] = [index % full[0], index / full[0] % full[1], index / full[0] / full[1]];
        if let (true, Some(x), Some(y), Some(z)) =
            (value > 0.0, place(x, 0), place(y, 1), place(z, 2))
        {
            logs[(z * size[1] + y) * size[0] + x] = value.ln();
        }
    });
    Estimate { size, field: vec![0.0; logs.len()], logs }
}

/// Sharpens the histogram of the image as corrected so far.
fn expectation(estimate: &Estimate, settings: &BiasField) -> Result<Expectation, Error> {
    let voxels = estimate.plane_voxels();
    let planes =
        || estimate.logs.par_chunks_exact(voxels).zip(estimate.field.par_chunks_exact(voxels));
    let corrected = |(logs, field): (&'_ [f32], &'_ [f32])| -> Vec<f64> {
        let pairs = logs.iter().zip(field).filter(|(log, _)| !log.is_nan());
        pairs.map(|(log, field)| f64::from(log - field)).collect()
    };
    let ends = |planes| {
        let ends = |[low, high]: [f64; 2], value: f64| [low.min(value), high.max(value)];
        corrected(planes).into_iter().fold([f64::INFINITY, f64::NEG_INFINITY], ends)
    };
    let [least, greatest] = planes()
        .map(ends)
        .reduce(|| [f64::INFINITY, f64::NEG_INFINITY], |a, b| [a[0].min(b[0]), a[1].max(b[1])]);
    if least >= greatest {
        let problem = "expected positive voxels of different intensities to estimate the field \
                       from, found none or equal ones; take it `over` another extent or `shrink` \
                       less";
        return Err(Error::Preparation { step: "bias_field", problem: problem.to_owned() });
    }
    let bins = settings.histogram_bins;
    let width = (greatest - least) / (bins - 1) as f64;
    // Each voxel is shared between the bins on either side.
    let histogram = |planes| {
        let mut counts = vec![0.0; bins];
        for value in corrected(planes) {
            let place = (value - least) / width;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 up")]
            let bin = (place as usize).min(bins - 2);
            counts[bin] += 1.0 - (place - bin as f64);
            counts[bin + 1] += place - bin as f64;
        }
        counts
    };
    // Added in order, so that the sums are the same on any number of threads.
    let mut counts = vec![0.0; bins];
    for part in planes().map(histogram).collect::<Vec<Vec<f64>>>() {
        counts.iter_mut().zip(part).for_each(|(count, part)| *count += part);
    }
    Ok(Expectation::new([least, greatest], &counts, settings))
}

/// Evaluates the field; gives how much it changed: the coefficient of variation, over the voxels
/// that count, of the ratio of the old field to the new.
fn update(estimate: &mut Estimate, lattice: &Lattice, basis: &Basis) -> f64 {
    let (width, plane) = (estimate.size[0], estimate.plane_voxels());
    let planes = estimate.field.par_chunks_exact_mut(plane);
    let sums: Vec<[f64; 3]> = planes
        .zip(estimate.logs.par_chunks_exact(plane))
        .enumerate()
        .map(|(z, (field, logs))| {
            let slice = lattice.slice(basis, z);
            let mut new = vec![0.0; width];
            let mut sums = [0.0; 3];
            for (y, (field, logs)) in
                field.chunks_exact_mut(width).zip(logs.chunks_exact(width)).enumerate()
            {
                lattice.row(basis, &slice, y, &mut new);
                for ((field, &log), &new) in field.iter_mut().zip(logs).zip(&new) {
                    if !log.is_nan() {
                        let excess = (f64::from(*field) - new).exp_m1();
                        sums = [sums[0] + 1.0, sums[1] + excess, sums[2] + excess * excess];
                    }
                    #[expect(clippy::cast_possible_truncation, reason = "logs are float32")]
                    let new = new as f32;
                    *field = new;
                }
            }
            sums
        })
        .collect();
    let [count, sum, squares] =
        sums.into_iter().fold([0.0; 3], |a, b| [a[0] + b[0], a[1] + b[1], a[2] + b[2]]);
    let mean = sum / count;
    let variance = (squares - count * mean * mean).max(0.0) / (count - 1.0);
    variance.sqrt() / (1.0 + mean)
}
