//! Images in patient space, regions of interest, and radiomic features at the IBSI standard.
//!
//! [`dicom_features`] and [`nifti_features`] go the whole way from files to features. The steps
//! between are public too: [`read_series`] and [`read_nifti`] give a [`Volume`], [`read_rtstruct`],
//! [`read_seg`] and [`read_nifti_mask`] a [`Mask`] on its grid,
//! [`process_image`] resamples and re-segments them, and [`features`] does so and measures the region.
//! [`patches`] cuts pieces round the region for a network that someone trained elsewhere.

use std::path::Path;

use ndarray::ArrayD;
use oncoweave_core::Feature;

mod dicom;
mod error;
mod fourier;
#[doc(hidden)]
pub mod fuzzing;
mod inspect;
mod nifti;
mod onto_grid;
pub mod picture;
mod processing;
mod pyradiomics;
mod radiomics;
mod registration;
mod settings;
mod vector;
mod volume;
mod wavelets;

pub use dicom::{
    ObjectSurvey, RegionsSurvey, SeriesSurvey, Survey, VolumeSurvey, read_dicom_folder,
    read_rtstruct, read_seg, read_series, survey_dicom_folder,
};
pub use error::Error;
pub use inspect::{
    ImageFormat, ImageInspection, ImageSummary, Inspected, RegionSummary, image_format,
    inspect_image,
};
pub use nifti::{read_nifti, read_nifti_mask, read_nifti_region, read_nifti_volume};
pub use onto_grid::onto_grid;
pub use processing::{
    LogBiasField, ProcessedImage, log_bias_field, otsu_threshold, patches, prepare_image,
    process_image, resample_image,
};
pub use pyradiomics::PyradiomicsParameters;
pub use radiomics::features;
pub use registration::{Transform, register, resample_mask_onto, resample_onto};
pub use settings::{
    Aggregation, BiasField, Binning, Boundary, Center, ChannelSlices, Denoise, Extent, Family,
    Filter, ImageChoice, ImagingSettings, Interpolation, NonseparableWavelet, Normalization,
    Normalize, PatchSettings, PetUnit, Plane, Pooling, Register, SliceGaps, Slices, Standard, Tilt,
    TransformKind,
};
pub use volume::{Geometry, Mask, Volume, check_pair};

/// Measures the region of a folder that holds one image series and one RTSTRUCT or SEG.
///
/// # Errors
/// When the folder cannot be read, its slices do not form one volume, or the region is missing,
/// ambiguous, empty or off the grid.
pub fn dicom_features(folder: &Path, settings: &ImagingSettings) -> Result<Vec<Feature>, Error> {
    dicom_features_and_patches(folder, settings, None).map(|(features, _)| features)
}

/// Measures the region of a folder as [`dicom_features`] does, and cuts [`patches`] round it where
/// their settings are given.
///
/// # Errors
/// As [`dicom_features`] and [`patches`].
pub fn dicom_features_and_patches(
    folder: &Path,
    settings: &ImagingSettings,
    patch: Option<&PatchSettings>,
) -> Result<(Vec<Feature>, Option<ArrayD<f32>>), Error> {
    settings.binning()?;
    let (volume, mask) = read_dicom_folder(folder, settings)?;
    features_and_patches(&volume, &mask, settings, patch)
        .map_err(|error| error.within(folder, folder))
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
    nifti_features_and_patches(image, mask, settings, None).map(|(features, _)| features)
}

/// Measures the region of a NIfTI image as [`nifti_features`] does, and cuts [`patches`] round it
/// where their settings are given.
///
/// # Errors
/// As [`nifti_features`] and [`patches`].
pub fn nifti_features_and_patches(
    image: &Path,
    mask: &Path,
    settings: &ImagingSettings,
    patch: Option<&PatchSettings>,
) -> Result<(Vec<Feature>, Option<ArrayD<f32>>), Error> {
    settings.binning()?;
    let mut volume = read_nifti_volume(image, settings.volume)?;
    volume.unit = settings.unit.clone().unwrap_or_default();
    let region = read_nifti_region(mask, settings)?;
    let region = onto_grid(region, &volume.geometry, settings.resample_mask);
    region
        .and_then(|region| features_and_patches(&volume, &region, settings, patch))
        .map_err(|error| error.within(image, mask))
}

fn features_and_patches(
    volume: &Volume,
    mask: &Mask,
    settings: &ImagingSettings,
    patch: Option<&PatchSettings>,
) -> Result<(Vec<Feature>, Option<ArrayD<f32>>), Error> {
    let features = features(volume, mask, settings)?;
    let cut = |patch| patches(&*prepare_image(volume, mask, settings)?, mask, patch);
    let patches = patch.map(cut).transpose()?;
    Ok((features, patches))
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
#[expect(clippy::float_cmp, reason = "sizes are exact")]
mod real_data;
