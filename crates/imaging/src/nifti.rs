//! NIfTI-1 and NIfTI-2: images and label images.

use std::path::Path;

use ndarray::Array3;

use crate::{Error, Geometry, ImagingSettings, Mask, Volume};

mod file;
mod grid;
mod header;
mod inspect;

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::float_cmp,
    clippy::too_many_lines,
    reason = "headers hold small numbers that are exact, and the tables are long"
)]
mod tests;

pub(crate) use inspect::{inspect, is_nifti};

use file::{Opened, fault};

/// How far a label may lie from a whole number: what scaled integers lose in float32.
const OFF_LABEL: f64 = 1e-3;

/// Labels that a message lists.
const LABELS_LISTED: usize = 20;

/// Reads a NIfTI image of one volume, as [`read_nifti_volume`] does.
///
/// # Errors
/// As [`read_nifti_volume`].
pub fn read_nifti(path: &Path) -> Result<Volume, Error> {
    read_nifti_volume(path, None)
}

/// Reads a volume of a NIfTI-1 or NIfTI-2 image: `.nii`, or a pair of `.hdr` and `.img` of which
/// either is named, each plain or gzip by content, in either byte order.
///
/// Slope and intercept are applied; a slope of 0 means none. The sform places the voxels where its
/// code is set, or else the qform, brought from RAS to LPS and to millimeters; a file with neither
/// keeps its axes as stored. `volume` counts from 1 along the fourth dimension and all further ones;
/// `None` takes the only one.
///
/// # Errors
/// When the file is no NIfTI, is cut off or damaged, holds colors or complex numbers, has several
/// volumes and none was chosen, or axes that are not at right angles or have no extent.
pub fn read_nifti_volume(path: &Path, volume: Option<usize>) -> Result<Volume, Error> {
    let (geometry, values) = read(path, ("volume", volume), single)?;
    Ok(Volume {
        voxels: into_grid(values, &geometry),
        geometry,
        modality: String::new(),
        unit: String::new(),
        frame_of_reference: None,
    })
}

/// Reads a NIfTI label image as a mask: the voxels of one label, or of the only one. A value that
/// is no number is background.
///
/// # Errors
/// As [`read_nifti_region`].
pub fn read_nifti_mask(path: &Path, label: Option<u32>) -> Result<Mask, Error> {
    read_nifti_region(path, &ImagingSettings { label, ..ImagingSettings::default() })
}

/// Reads the region of a NIfTI mask that `label`, `mask_volume` and `region_threshold` choose, on
/// the mask's own grid.
///
/// With a threshold, the voxels of that value or more are inside, whatever the values are. Without
/// one the values must be whole numbers, and the voxels of the label, or of the only one, are
/// inside. A value that is no number is background.
///
/// # Errors
/// As [`read_nifti_volume`], and when the label does not occur, none was chosen among several, or a
/// value is further than a thousandth from a whole number and there is no threshold.
pub fn read_nifti_region(path: &Path, settings: &ImagingSettings) -> Result<Mask, Error> {
    let (geometry, values) = read(path, ("mask_volume", settings.mask_volume), |value| value)?;
    let inside = if let Some(threshold) = settings.region_threshold {
        values.iter().map(|&value| value >= threshold).collect()
    } else {
        let wanted = chosen_label(&values, &geometry, settings.label())
            .map_err(|problem| Error::Region { path: path.to_owned(), problem })?;
        values.iter().map(|value| (value - wanted).abs() <= OFF_LABEL).collect()
    };
    Ok(Mask { voxels: into_grid(inside, &geometry), geometry })
}

/// The label asked for, or the only one.
fn chosen_label(values: &[f64], geometry: &Geometry, label: Option<u32>) -> Result<f64, String> {
    let labels = labels_of(values, geometry)?;
    let listed = || {
        let listed: Vec<String> = labels.iter().take(LABELS_LISTED).map(f64::to_string).collect();
        let more = if labels.len() > LABELS_LISTED { ", ..." } else { "" };
        format!("{}{more}", listed.join(", "))
    };
    match (label.map(f64::from), labels.as_slice()) {
        (Some(label), labels) if labels.is_empty() || labels.contains(&label) => Ok(label),
        (Some(label), _) => {
            Err(format!("label {label} does not occur; the image has {}", listed()))
        }
        (None, []) => Ok(1.0),
        (None, [label]) => Ok(*label),
        (None, several) => Err(format!(
            "holds {} labels and none was chosen: set label to one of {}",
            several.len(),
            listed()
        )),
    }
}

/// The labels that occur beside the background, ascending.
fn labels_of(values: &[f64], geometry: &Geometry) -> Result<Vec<f64>, String> {
    let mut labels: Vec<f64> = Vec::new();
    let mut last = 0.0_f64;
    for (index, &value) in values.iter().enumerate() {
        // Neighbors mostly have the same value.
        if value.is_nan() || value == 0.0 || value.to_bits() == last.to_bits() {
            continue;
        }
        // Adding zero turns a negative zero into a plain one.
        let label = value.round() + 0.0;
        if value.is_infinite() || (value - label).abs() > OFF_LABEL {
            let [columns, rows, _] = geometry.size;
            let (x, y, z) = (index % columns, index / columns % rows, index / columns / rows);
            return Err(format!(
                "expected a label image of whole numbers, found {value} at voxel ({x}, {y}, {z}): \
                 set region_threshold to the least value that is inside"
            ));
        }
        last = value;
        if label.abs() >= 1.0
            && let Err(place) = labels.binary_search_by(|known| known.total_cmp(&label))
        {
            labels.insert(place, label);
        }
    }
    Ok(labels)
}

fn into_grid<T>(values: Vec<T>, geometry: &Geometry) -> Array3<T> {
    Array3::from_shape_vec(geometry.shape(), values).expect("the reader checked the length")
}

#[expect(clippy::cast_possible_truncation, reason = "intensities are stored as float32")]
fn single(value: f64) -> f32 {
    value as f32
}

/// The grid and the values of one volume, converted one by one, x fastest. The volume is given
/// with the setting that chooses it.
fn read<T>(
    path: &Path,
    (setting, volume): (&str, Option<usize>),
    convert: impl Fn(f64) -> T,
) -> Result<(Geometry, Vec<T>), Error> {
    let opened = Opened::open(path)?;
    let geometry = opened.header.geometry().map_err(|problem| fault(path, problem))?;
    let volumes = opened.header.volumes;
    let volume = match volume {
        Some(volume) if (1..=volumes).contains(&volume) => volume - 1,
        None if volumes == 1 => 0,
        chosen => {
            let chosen = match chosen {
                Some(volume) => format!("{volume}"),
                None => "none".to_owned(),
            };
            return Err(fault(
                path,
                format!(
                    "holds {volumes} volume{} and {chosen} was chosen: set {setting} from 1 to {volumes}",
                    if volumes == 1 { "" } else { "s" }
                ),
            ));
        }
    };
    Ok((geometry, opened.values(volume, convert)?))
}
