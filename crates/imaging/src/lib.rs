//! Images in patient space, regions of interest, and radiomic features at the IBSI standard.
//!
//! [`dicom_features`] and [`nifti_features`] go the whole way from files to features. The steps
//! between are public too: [`read_series`] and [`read_nifti`] give a [`Volume`], [`read_rtstruct`],
//! [`read_seg`] and [`read_nifti_mask`] a [`Mask`] on its grid,
//! [`process_image`] resamples and re-segments them, and [`features`] does so and measures the region.

use std::path::Path;

use oncoweave_core::Feature;

mod dicom;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod nifti;
mod processing;
mod radiomics;
mod settings;
mod vector;
mod volume;

pub use dicom::{
    ObjectSurvey, RegionsSurvey, SeriesSurvey, Survey, VolumeSurvey, read_dicom_folder,
    read_rtstruct, read_seg, read_series, survey_dicom_folder,
};
pub use error::Error;
pub use nifti::{read_nifti, read_nifti_mask};
pub use processing::{ProcessedImage, process_image};
pub use radiomics::features;
pub use settings::{
    Aggregation, Binning, Boundary, Family, Filter, ImagingSettings, Interpolation, PetUnit,
    SliceGaps, Standard, Tilt,
};
pub use volume::{Geometry, Mask, Volume, check_pair};

/// Measures the region of a folder that holds one image series and one RTSTRUCT or SEG.
///
/// # Errors
/// When the folder cannot be read, its slices do not form one volume, or the region is missing,
/// ambiguous, empty or off the grid.
pub fn dicom_features(folder: &Path, settings: &ImagingSettings) -> Result<Vec<Feature>, Error> {
    settings.binning()?;
    let (volume, mask) = read_dicom_folder(folder, settings)?;
    features(&volume, &mask, settings).map_err(|error| error.within(folder, folder))
}

/// Measures the region that a NIfTI label image marks in a NIfTI image.
///
/// # Errors
/// When a file cannot be read, the grids differ, or the region is empty or a single voxel.
pub fn nifti_features(
    image: &Path,
    mask: &Path,
    settings: &ImagingSettings,
) -> Result<Vec<Feature>, Error> {
    settings.binning()?;
    let mut volume = read_nifti(image)?;
    volume.unit = settings.unit.clone().unwrap_or_default();
    let region = read_nifti_mask(mask, settings.label)?;
    features(&volume, &region, settings).map_err(|error| error.within(image, mask))
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod real_data;
