//! Radiomic features of the Image Biomarker Standardisation Initiative: Zwanenburg et al.,
//! Radiology 2020, 295:328-338; names and definitions follow its reference manual, whose four-letter
//! codes stand in [`FeatureInfo::standard`](oncoweave_core::FeatureInfo).

use oncoweave_core::Feature;

use crate::{Error, ImagingSettings, Mask, Volume, check_pair};

mod diameter;
mod glcm;
mod levels;
mod mesh;
mod morphology;
mod region;
mod statistics;

use levels::Levels;
use region::Region;

/// Measures a region: morphology, intensity statistics, histogram and co-occurrence texture.
///
/// A feature that is undefined for the region, such as the correlation of equal intensities, is
/// `None`.
///
/// # Errors
/// When the grids differ, the region holds fewer than two voxels or a value that is not finite,
/// a setting is out of range, or the bins are too narrow.
pub fn features(
    volume: &Volume,
    mask: &Mask,
    settings: &ImagingSettings,
) -> Result<Vec<Feature>, Error> {
    let binning = settings.binning()?;
    check_pair(volume, mask)?;
    let region = Region::new(volume, mask)?;
    let levels = Levels::new(&region, binning)?;
    let mut features = morphology::features(&region, &volume.unit);
    features.extend(statistics::features(&region.values, &volume.unit));
    features.extend(levels::features(&levels));
    features.extend(glcm::features(&levels));
    Ok(features)
}

/// One line of a family's table of features.
struct Definition {
    name: &'static str,
    /// `@` stands for the unit of the image's intensities.
    unit: &'static str,
    meaning: &'static str,
    /// The code of the IBSI reference manual.
    code: &'static str,
}

/// Pairs a family's table with its values.
fn named<const N: usize>(
    definitions: &[Definition; N],
    values: [f64; N],
    intensity_unit: &str,
) -> Vec<Feature> {
    // Without a unit of its own an intensity is in arbitrary units.
    let intensity_unit = if intensity_unit.is_empty() { "au" } else { intensity_unit };
    definitions
        .iter()
        .zip(values)
        .map(|(definition, value)| {
            let unit = definition.unit.replace('@', intensity_unit);
            Feature::new(definition.name, &unit, definition.meaning, Some(value))
                .with_standard(&format!("IBSI {}", definition.code))
        })
        .collect()
}

#[cfg(test)]
mod tests;
