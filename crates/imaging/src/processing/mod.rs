//! Image processing before features are computed (IBSI chapter 2). Each step is taken where the
//! settings ask for it, and always in this order:
//!
//! 1. `bias_field`: N4 correction. It models the scanner, so that it sees the intensities as they
//!    were measured; what follows would break its model of a smooth factor.
//! 2. `denoise`: on the image's own grid, before anything that makes noise uneven.
//! 3. `window`: intensities beyond a range are set to its ends.
//! 4. `normalize`: z-score, percentiles or landmarks, over voxels of the image's own grid, so that
//!    neither resampling nor what lies beyond a moved image changes the scale.
//! 5. `register`: image and mask onto a reference. Mutual information does not mind the scale.
//! 6. `resample_mm`: image and mask at another spacing; then `round_intensities` (IBSI 2.4).
//! 7. `resegment_min`, `resegment_max`, then `outlier_sigma`: the intensity mask (IBSI 2.5). They are
//!    in the unit that steps 3 and 4 left.
//! 8. `filter`: convolutional filters (IBSI chapter 2 of the filters' manual).
//! 9. Discretization, which belongs to the features.
//!
//! Steps 1 to 5 are what IBSI calls post-acquisition processing, which it leaves to the user but
//! puts before interpolation; 6 to 9 are its own scheme.

use std::borrow::Cow;

use ndarray::Array3;

use crate::registration::{register, resample_mask_onto, resample_onto};
use crate::{Error, ImagingSettings, Mask, Register, Volume, check_pair};

mod bias_field;
mod convolve;
pub(crate) mod denoise;
mod diffusion;
mod filter;
mod gabor;
pub(crate) mod interpolate;
mod kernels;
mod nonseparable;
mod normalize;
mod otsu;
mod patches;
mod resample;
mod resegment;

pub use bias_field::{LogBiasField, log_bias_field};
pub(crate) use filter::filtered;
pub(crate) use kernels::laws_axes;
pub use otsu::otsu_threshold;
pub use patches::patches;
pub use resample::resample_image;

/// An image and its two masks, ready for features.
#[derive(Clone, Debug)]
pub struct ProcessedImage<'a> {
    /// The image; after resampling no more of it than the region's features need.
    pub volume: Cow<'a, Volume>,
    /// The region's shape.
    pub morphological_mask: Cow<'a, Mask>,
    /// The voxels of the region whose intensities count: the shape after re-segmentation.
    pub intensity_mask: Cow<'a, Mask>,
}

/// Prepares an image, brings it and its mask onto a reference, resamples both, re-segments the mask,
/// and filters the image: each where the settings ask for it. The reference's file is read here, once
/// for all copies of the settings.
///
/// The grids before and after resampling share their center, and the new one is as large as the
/// old one or larger by a part of a voxel, as IBSI advises.
///
/// # Errors
/// When the grids differ, a setting is out of range, a mask holds too few voxels before or after a
/// step, the intensities do not allow a step, or the reference cannot be read.
pub fn process_image<'a>(
    volume: &'a Volume,
    mask: &'a Mask,
    settings: &ImagingSettings,
) -> Result<ProcessedImage<'a>, Error> {
    let volume = prepare_image(volume, mask, settings)?;
    let (volume, mask) = match &settings.register {
        None => (volume, Cow::Borrowed(mask)),
        Some(register) => {
            let (volume, mask) = on_reference(&volume, mask, register, settings)?;
            check_pair(&volume, &mask)?;
            (Cow::Owned(volume), Cow::Owned(mask))
        }
    };
    let (volume, mask) = match &settings.resample_mm {
        None => (volume, mask),
        Some(spacing_mm) => {
            let (volume, mask) = resample::resample(&volume, &mask, spacing_mm, settings)?;
            check_pair(&volume, &mask)?;
            (Cow::Owned(volume), Cow::Owned(mask))
        }
    };
    let intensity_mask = match resegment::resegment(&volume, &mask, settings)? {
        Some(resegmented) => Cow::Owned(resegmented),
        None => mask.clone(),
    };
    let volume = match &settings.filter {
        Some(filter) => Cow::Owned(filtered(&volume, &mask, filter, settings)?),
        None => volume,
    };
    Ok(ProcessedImage { volume, morphological_mask: mask, intensity_mask })
}

/// Corrects the bias field, takes out noise, clips to the window and normalizes, each where the
/// settings ask for it and in this order, on the image's own grid; borrowed where they ask for none.
///
/// # Errors
/// When a setting is out of range, the grids differ, the mask holds too few voxels, or the intensities
/// do not allow a step: the voxels that it looks at are too few or all equal.
pub fn prepare_image<'a>(
    volume: &'a Volume,
    mask: &Mask,
    settings: &ImagingSettings,
) -> Result<Cow<'a, Volume>, Error> {
    settings.binning()?;
    check_pair(volume, mask)?;
    let mut image = Cow::Borrowed(volume);
    if let Some(settings) = &settings.bias_field {
        log_bias_field(&image, mask, settings)?.correct(image.to_mut());
    }
    if let Some(settings) = &settings.denoise {
        denoise::denoise(image.to_mut(), settings);
    }
    if let Some(window) = settings.window {
        normalize::clip(image.to_mut(), window);
    }
    if let Some(settings) = &settings.normalize {
        normalize::normalize(image.to_mut(), mask, settings)?;
    }
    Ok(image)
}

/// Finds the transform onto the reference and brings image and mask onto its grid.
fn on_reference(
    volume: &Volume,
    mask: &Mask,
    settings: &Register,
    imaging: &ImagingSettings,
) -> Result<(Volume, Mask), Error> {
    let reference = settings.reference()?;
    let transform = register(&reference, volume, settings)?;
    let geometry = &reference.geometry;
    let threshold = imaging.mask_threshold.unwrap_or(0.5);
    Ok((
        resample_onto(volume, geometry, &transform, imaging.interpolation),
        resample_mask_onto(mask, geometry, &transform, (imaging.mask_interpolation, threshold)),
    ))
}

/// Takes the voxels out of an image, x fastest, without a copy where they lie so.
fn take_voxels(volume: &mut Volume) -> Vec<f32> {
    let voxels = std::mem::take(&mut volume.voxels);
    if !voxels.is_standard_layout() {
        return voxels.iter().copied().collect();
    }
    let count = voxels.len();
    let (mut values, offset) = voxels.into_raw_vec_and_offset();
    values.drain(..offset.unwrap_or(0));
    values.truncate(count);
    values
}

/// Puts voxels, x fastest, into the image that they were taken out of.
fn put_voxels(volume: &mut Volume, voxels: Vec<f32>) {
    volume.voxels = Array3::from_shape_vec(volume.geometry.shape(), voxels)
        .expect("as many voxels come back as were taken out");
}

#[cfg(test)]
mod tests;
