//! Image processing before features are computed (IBSI chapter 2): interpolation of the image and
//! the mask, rounding, re-segmentation, and filters.

use std::borrow::Cow;

use crate::{Error, ImagingSettings, Mask, Volume, check_pair};

mod convolve;
mod filter;
mod gabor;
mod interpolate;
mod kernels;
mod nonseparable;
mod resample;
mod resegment;

pub(crate) use filter::filtered;
pub(crate) use kernels::laws_axes;

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

/// Resamples an image and its mask, re-segments the mask, and filters the image as the settings say.
///
/// The grids before and after resampling share their center, and the new one is as large as the
/// old one or larger by a part of a voxel, as IBSI advises.
///
/// # Errors
/// When the grids differ, a setting is out of range, or a mask holds too few voxels before or
/// after a step.
pub fn process_image<'a>(
    volume: &'a Volume,
    mask: &'a Mask,
    settings: &ImagingSettings,
) -> Result<ProcessedImage<'a>, Error> {
    settings.binning()?;
    check_pair(volume, mask)?;
    let (volume, mask) = match &settings.resample_mm {
        None => (Cow::Borrowed(volume), Cow::Borrowed(mask)),
        Some(spacing_mm) => {
            let (volume, mask) = resample::resample(volume, mask, spacing_mm, settings)?;
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

#[cfg(test)]
mod tests;
