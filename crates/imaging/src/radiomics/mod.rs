//! Radiomic features of the Image Biomarker Standardisation Initiative: Zwanenburg et al.,
//! Radiology 2020, 295:328-338; names and definitions follow its reference manual, whose four-letter
//! codes stand in [`FeatureInfo::standard`](oncoweave_core::FeatureInfo).

use oncoweave_core::Feature;

use crate::{Error, Family, ImagingSettings, Mask, Standard, Volume, process_image};

mod autocorrelation;
mod emphasis;
mod enclosing;
mod glcm;
mod glrlm;
mod histogram;
mod hull;
mod levels;
mod local_intensity;
mod mesh;
mod moments;
mod morphology;
mod ngldm;
mod ngtdm;
mod parts;
mod pyradiomics;
mod region;
mod statistics;
mod surface_diameters;
mod volume_histogram;
mod zones;

use levels::Levels;
use region::Region;

/// Processes an image and measures a region of it: the families of features that the settings ask
/// for, texture with each of their aggregations.
///
/// A feature that is undefined for the region, such as the correlation of equal intensities, is
/// `None`.
///
/// # Errors
/// When the grids differ, the region holds too few voxels or a value that is not finite, a setting
/// is out of range, or the bins are too narrow.
pub fn features(
    volume: &Volume,
    mask: &Mask,
    settings: &ImagingSettings,
) -> Result<Vec<Feature>, Error> {
    let binning = settings.binning()?;
    let image = process_image(volume, mask, settings)?;
    let unit = image.volume.unit.as_str();
    let shape = Region::new(&image.volume, &image.morphological_mask, &image.morphological_mask)?;
    let region = Region::new(&image.volume, &image.intensity_mask, &image.morphological_mask)?;
    let mut sorted = region.values.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    if settings.standard == Standard::Pyradiomics {
        return pyradiomics::features(&shape, &region, &sorted, settings, unit);
    }
    let mut features = Vec::new();
    if settings.has(Family::Morphology) {
        features.extend(morphology::features(&shape, &region, unit));
    }
    if settings.has(Family::LocalIntensity) {
        features.extend(local_intensity::features(&image.volume, &region));
    }
    if settings.has(Family::Statistics) {
        features.extend(statistics::features(&sorted, unit));
    }
    let levels = Levels::new(&region, binning)?;
    if settings.has(Family::Histogram) {
        features.extend(histogram::features(&levels));
    }
    if settings.has(Family::VolumeHistogram) {
        features.extend(volume_histogram::features(&sorted, unit, settings));
    }
    features.extend(texture(&shape, &levels, settings));
    Ok(features)
}

/// The texture families with each aggregation; those without directions once for each dimension.
fn texture(shape: &Region, levels: &Levels, settings: &ImagingSettings) -> Vec<Feature> {
    let aggregations = settings.aggregations();
    let mut dimensions = aggregations.clone();
    dimensions.dedup_by_key(|aggregation| aggregation.dimension_suffix());
    let families = Family::ALL.into_iter().filter(|&family| settings.has(family));
    families
        .flat_map(|family| {
            let directed = matches!(family, Family::Glcm | Family::Glrlm);
            let chosen = if directed { &aggregations } else { &dimensions };
            chosen.iter().map(move |&aggregation| (family, aggregation)).collect::<Vec<_>>()
        })
        .flat_map(|(family, aggregation)| match family {
            Family::Glcm => glcm::features(levels, aggregation),
            Family::Glrlm => glrlm::features(levels, aggregation),
            Family::Glszm => zones::size_features(levels, aggregation),
            Family::Gldzm => zones::distance_features(levels, shape, aggregation),
            Family::Ngtdm => ngtdm::features(levels, aggregation),
            Family::Ngldm => ngldm::features(levels, aggregation),
            _ => Vec::new(),
        })
        .collect()
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

impl Definition {
    const fn new(
        name: &'static str,
        unit: &'static str,
        meaning: &'static str,
        code: &'static str,
    ) -> Self {
        Self { name, unit, meaning, code }
    }
}

/// Pairs a family's table with its values; `suffix` ends the names.
fn named<const N: usize>(
    definitions: &[Definition; N],
    values: [f64; N],
    suffix: &str,
    intensity_unit: &str,
) -> Vec<Feature> {
    // Without a unit of its own an intensity is in arbitrary units.
    let intensity_unit = if intensity_unit.is_empty() { "au" } else { intensity_unit };
    definitions
        .iter()
        .zip(values)
        .map(|(definition, value)| {
            let unit = definition.unit.replace('@', intensity_unit);
            Feature::new(
                &format!("{}{suffix}", definition.name),
                &unit,
                definition.meaning,
                Some(value),
            )
            .with_standard(&format!("IBSI {}", definition.code))
        })
        .collect()
}

#[cfg(test)]
mod tests;
