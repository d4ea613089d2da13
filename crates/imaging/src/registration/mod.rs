//! Registration of an image onto a reference by mutual information: a pyramid of smoothed images,
//! on each a gradient ascent whose step halves where the slope turns.

use std::borrow::Cow;

use crate::processing::denoise::gaussian;
use crate::{Error, Geometry, Register, TransformKind, Volume, vector};

mod mutual_information;
mod onto;
mod transform;

use mutual_information::{Comparison, Image, Information, samples};
pub(crate) use onto::nearest;
pub use onto::{resample_mask_onto, resample_onto};
pub use transform::Transform;

/// Steps end when they are shorter than this share of the finest voxel edge.
const SHORTEST_STEP: f64 = 0.005;

/// Finds the transform that takes positions of the reference `fixed` to those of `moving`, from the
/// best of three beginnings: as the headers say, centers of the grids on each other, centers of mass
/// on each other. The same images and settings give the same transform on any number of threads.
///
/// # Errors
/// When a setting is out of range, an image is empty of contrast, or the two do not overlap.
pub fn register(fixed: &Volume, moving: &Volume, settings: &Register) -> Result<Transform, Error> {
    settings.check()?;
    let center_mm = middle_mm(&fixed.geometry);
    let mut parameters: Option<Vec<f64>> = None;
    for &factor in &settings.pyramid {
        let comparison = comparison(fixed, moving, settings, factor)?;
        let search = Search::new(settings.transform, &fixed.geometry, center_mm, &comparison);
        let begin = match parameters.take() {
            Some(parameters) => parameters,
            None => search.beginning(fixed, moving)?,
        };
        let edge_mm = fixed.geometry.spacing_mm.into_iter().fold(f64::INFINITY, f64::min);
        let steps = [2.0 * edge_mm * factor as f64, SHORTEST_STEP * edge_mm];
        parameters = Some(search.ascend(begin, steps, settings.iterations));
    }
    let found = parameters.map(|found| transform(settings.transform, &found, center_mm));
    found.ok_or_else(|| refuse("expected a pyramid of one level or more"))
}

fn refuse(problem: &str) -> Error {
    Error::Preparation { step: "register", problem: problem.to_owned() }
}

fn middle_mm(geometry: &Geometry) -> [f64; 3] {
    geometry.position_mm(geometry.size.map(|length| (length - 1) as f64 / 2.0))
}

/// Both images at one level of the pyramid, and the samples to compare.
fn comparison<'a>(
    fixed: &Volume,
    moving: &'a Volume,
    settings: &Register,
    factor: usize,
) -> Result<Comparison<'a>, Error> {
    let bins = settings.histogram_bins;
    let flat =
        || refuse("expected different intensities, found equal ones in an image or the reference");
    let samples = samples(&shrunken(fixed, factor), settings.samples, settings.seed, bins)
        .ok_or_else(flat)?;
    let moving = shrunken(moving, factor);
    let moving_scale = moving.scale(bins).ok_or_else(flat)?;
    Ok(Comparison { samples, moving, moving_scale })
}

/// An image smoothed and taken at every how many voxels, so that its voxels have edges of about so
/// many times the finest.
fn shrunken(volume: &Volume, factor: usize) -> Image<'_> {
    let geometry = volume.geometry;
    let edge_mm = geometry.spacing_mm.into_iter().fold(f64::INFINITY, f64::min) * factor as f64;
    let steps: [usize; 3] = std::array::from_fn(|axis| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to factor")]
        let step = (edge_mm / geometry.spacing_mm[axis]).round().max(1.0) as usize;
        step.min(geometry.size[axis])
    });
    let values = onto::contiguous(&volume.voxels);
    if factor == 1 {
        return Image { values, geometry };
    }
    let mut values = values.into_owned();
    let sigmas = geometry.spacing_mm.map(|spacing| 0.5 * edge_mm / spacing);
    gaussian(&mut values, geometry.size, sigmas);
    let [width, height, _] = geometry.size;
    let size: [usize; 3] = std::array::from_fn(|axis| geometry.size[axis].div_ceil(steps[axis]));
    let mut taken = Vec::with_capacity(size.iter().product());
    for z in 0..size[2] {
        for y in 0..size[1] {
            let start = (z * steps[2] * height + y * steps[1]) * width;
            taken.extend(values[start..start + width].iter().step_by(steps[0]));
        }
    }
    let spacing_mm = std::array::from_fn(|axis| geometry.spacing_mm[axis] * steps[axis] as f64);
    Image { values: Cow::Owned(taken), geometry: Geometry { size, spacing_mm, ..geometry } }
}

fn transform(kind: TransformKind, parameters: &[f64], center_mm: [f64; 3]) -> Transform {
    let triple = |first: usize| [parameters[first], parameters[first + 1], parameters[first + 2]];
    match kind {
        TransformKind::Rigid => Transform::rigid(triple(0), triple(3), center_mm),
        TransformKind::Affine => Transform {
            linear: [triple(0), triple(3), triple(6)],
            translation_mm: triple(9),
            center_mm,
        },
    }
}

/// A search among the parameters of a transform.
struct Search<'a> {
    kind: TransformKind,
    center_mm: [f64; 3],
    comparison: &'a Comparison<'a>,
    /// How many mm the reference moves, root mean square, when a parameter changes by 1.
    reach_mm: Vec<f64>,
}

impl<'a> Search<'a> {
    fn new(
        kind: TransformKind,
        fixed: &Geometry,
        center_mm: [f64; 3],
        comparison: &'a Comparison<'a>,
    ) -> Self {
        // The spread of positions along x, y and z of a box with the grid's axes.
        let variance = |coordinate: usize| {
            let edge = |axis: usize| {
                let length = fixed.spacing_mm[axis] * fixed.size[axis] as f64;
                (length * fixed.direction[axis][coordinate]).powi(2) / 12.0
            };
            (0..3).map(edge).sum::<f64>()
        };
        let spread = [variance(0), variance(1), variance(2)];
        let reach_mm = match kind {
            TransformKind::Rigid => {
                let about = |axis: usize| (spread[(axis + 1) % 3] + spread[(axis + 2) % 3]).sqrt();
                vec![about(0), about(1), about(2), 1.0, 1.0, 1.0]
            }
            TransformKind::Affine => {
                let mut reach: Vec<f64> = (0..9).map(|entry| spread[entry % 3].sqrt()).collect();
                reach.extend([1.0; 3]);
                reach
            }
        };
        Self { kind, center_mm, comparison, reach_mm }
    }

    fn information(&self, parameters: &[f64]) -> Option<Information> {
        self.comparison.information(&transform(self.kind, parameters, self.center_mm))
    }

    /// The beginning of greatest mutual information.
    fn beginning(&self, fixed: &Volume, moving: &Volume) -> Result<Vec<f64>, Error> {
        let shifts = [
            [0.0; 3],
            vector::subtract(middle_mm(&moving.geometry), self.center_mm),
            vector::subtract(mass_center_mm(moving), mass_center_mm(fixed)),
        ];
        let beginnings = shifts.map(|shift| {
            let linear: &[f64] = match self.kind {
                TransformKind::Rigid => &[0.0; 3],
                TransformKind::Affine => &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            };
            [linear, &shift].concat()
        });
        let valued = beginnings
            .into_iter()
            .filter_map(|parameters| Some((self.information(&parameters)?.value, parameters)));
        // The first of equal ones: what the headers say.
        let better = |best: (f64, Vec<f64>), next: (f64, Vec<f64>)| {
            if next.0 > best.0 { next } else { best }
        };
        valued.reduce(better).map(|(_, parameters)| parameters).ok_or_else(|| {
            refuse("the image and the reference do not overlap; check their positions")
        })
    }

    /// The slope by the parameters, each measured in mm that it moves the reference by.
    fn slope(&self, parameters: &[f64], by_entries: &[f64; 12]) -> Vec<f64> {
        let slope: Vec<f64> = match self.kind {
            TransformKind::Affine => by_entries.to_vec(),
            TransformKind::Rigid => {
                let angles = [parameters[0], parameters[1], parameters[2]];
                let by_angles = transform::rotation_slopes(angles).map(|matrix| {
                    matrix.iter().flatten().zip(by_entries).map(|(entry, by)| entry * by).sum()
                });
                [&by_angles[..], &by_entries[9..]].concat()
            }
        };
        slope.iter().zip(&self.reach_mm).map(|(slope, reach)| slope / reach).collect()
    }

    /// Climbs from a beginning in steps between a longest and a shortest length in mm.
    fn ascend(&self, mut at: Vec<f64>, [longest, shortest]: [f64; 2], steps: usize) -> Vec<f64> {
        let mut step = longest;
        let mut best = (f64::NEG_INFINITY, at.clone());
        let mut before: Option<Vec<f64>> = None;
        for _ in 0..steps {
            let Some(information) = self.information(&at) else { break };
            if information.value > best.0 {
                best = (information.value, at.clone());
            }
            let slope = self.slope(&at, &information.slope);
            let norm = slope.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
            if let Some(before) = &before
                && before.iter().zip(&slope).map(|(a, b)| a * b).sum::<f64>() < 0.0
            {
                step /= 2.0;
            }
            if step < shortest || norm == 0.0 {
                break;
            }
            for ((parameter, slope), reach) in at.iter_mut().zip(&slope).zip(&self.reach_mm) {
                *parameter += step * slope / norm / reach;
            }
            before = Some(slope);
        }
        best.1
    }
}

/// The mean position of the intensities above the least.
fn mass_center_mm(volume: &Volume) -> [f64; 3] {
    let finite = volume.voxels.iter().filter(|value| value.is_finite());
    let least = finite.copied().reduce(f32::min).unwrap_or(0.0);
    let mut mass = 0.0;
    let mut sums = [0.0; 3];
    for (z, slice) in volume.voxels.outer_iter().enumerate() {
        for (y, row) in slice.outer_iter().enumerate() {
            let (mut row_mass, mut along) = (0.0, 0.0);
            for (x, &value) in row.iter().enumerate().filter(|(_, value)| value.is_finite()) {
                let weight = f64::from(value - least);
                row_mass += weight;
                along += weight * x as f64;
            }
            mass += row_mass;
            sums = vector::add(sums, [along, row_mass * y as f64, row_mass * z as f64]);
        }
    }
    if mass > 0.0 {
        volume.geometry.position_mm(sums.map(|sum| sum / mass))
    } else {
        middle_mm(&volume.geometry)
    }
}
