//! Radiomic features of the Image Biomarker Standardisation Initiative: Zwanenburg et al.,
//! Radiology 2020, 295:328-338; names and definitions follow its reference manual, whose four-letter
//! codes stand in [`FeatureInfo::standard`](oncoweave_core::FeatureInfo).

use oncoweave_core::Feature;
use rayon::prelude::*;

use crate::processing::filtered;
use crate::{
    Error, Family, ImageChoice, ImagingSettings, Mask, ProcessedImage, PyradiomicsParameters,
    Standard, Volume, process_image,
};

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
pub(crate) mod pyradiomics;
mod region;
mod statistics;
mod surface_diameters;
mod volume_histogram;
mod zones;

use levels::Levels;
pub(crate) use region::Region;

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
    settings.binning()?;
    if let Some(parameters) = &settings.parameters {
        return crate::pyradiomics::features(volume, mask, parameters);
    }
    if settings.pyradiomics_parameters.is_some() {
        let problem = "pyradiomics_parameters is a file that was not read: call `load` first";
        return Err(Error::Settings(problem.to_owned()));
    }
    let image = process_image(volume, mask, settings)?;
    let shape = Region::new(&image.volume, &image.morphological_mask, &image.morphological_mask)?;
    let region = Region::new(&image.volume, &image.intensity_mask, &image.morphological_mask)?;
    if settings.standard == Standard::Pyradiomics {
        let parameters = PyradiomicsParameters::from_settings(settings)?;
        let regions = [&shape, &region];
        return crate::pyradiomics::features_of_prepared(&image.volume, regions, &parameters);
    }
    let mut features = Vec::new();
    if settings.has(Family::Morphology) {
        features.extend(morphology::features(&shape, &region, &image.volume.unit));
    }
    if settings.images.is_none() {
        features.extend(of_intensities(&image.volume, [&shape, &region], settings)?);
        return Ok(features);
    }
    let images = settings.images.iter().flatten().flat_map(|choice| each(choice, settings));
    let of_images: Result<Vec<Vec<Feature>>, Error> = images
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|choice| of_image(&image, [&shape, &region], &choice, settings))
        .collect();
    features.extend(of_images?.into_iter().flatten());
    Ok(features)
}

/// The images that a choice stands for.
fn each(choice: &ImageChoice, settings: &ImagingSettings) -> Vec<ImageChoice> {
    let Some(filter) = &choice.filter else { return vec![choice.clone()] };
    let filters = filter.each(settings.filter_in_slices).into_iter();
    filters.map(|filter| ImageChoice { filter: Some(filter), ..choice.clone() }).collect()
}

/// The features of one image of several, their names with what tells it from the others.
fn of_image(
    image: &ProcessedImage,
    [shape, region]: [&Region; 2],
    choice: &ImageChoice,
    settings: &ImagingSettings,
) -> Result<Vec<Feature>, Error> {
    let mut own = ImagingSettings { images: None, ..settings.clone() };
    if choice.bin_width.is_some() || choice.bin_count.is_some() {
        own.bin_start = own.bin_start.filter(|_| choice.bin_width.is_some());
        (own.bin_width, own.bin_count) = (choice.bin_width, choice.bin_count);
    }
    let Some(filter) = &choice.filter else {
        return of_intensities(&image.volume, [shape, region], &own);
    };
    // The range of the image says nothing of the range of the response.
    (own.resegment_min, own.resegment_max, own.bin_start) = (None, None, None);
    let mut volume = filtered(&image.volume, &image.morphological_mask, filter, settings)?;
    volume.unit.clear();
    let response = Region::new(&volume, &image.intensity_mask, &image.morphological_mask);
    let mut features = match response {
        Ok(response) => of_intensities(&volume, [shape, &response], &own)?,
        // Where the filter is not defined, neither are the features.
        Err(Error::NotFinite { .. }) => {
            let mut features = of_intensities(&image.volume, [shape, region], &own)?;
            for feature in &mut features {
                feature.value = None;
            }
            features
        }
        Err(error) => return Err(error),
    };
    let prefix = filter.prefix(settings.filter_in_slices);
    for feature in &mut features {
        feature.info.name.insert_str(0, &prefix);
    }
    Ok(features)
}

/// The families that settings ask for, of a region's intensities; all but its shape.
fn of_intensities(
    volume: &Volume,
    [shape, region]: [&Region; 2],
    settings: &ImagingSettings,
) -> Result<Vec<Feature>, Error> {
    let unit = volume.unit.as_str();
    let mut sorted = region.values.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut features = Vec::new();
    if settings.has(Family::LocalIntensity) {
        features.extend(local_intensity::features(volume, region));
    }
    if settings.has(Family::Statistics) {
        features.extend(statistics::features(&sorted, unit));
    }
    let levels = Levels::new(region, settings.binning()?)?;
    if settings.has(Family::Histogram) {
        features.extend(histogram::features(&levels));
    }
    if settings.has(Family::VolumeHistogram) {
        features.extend(volume_histogram::features(&sorted, unit, settings));
    }
    features.extend(texture(shape, &levels, settings));
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
            Family::Ngldm => ngldm::features(levels, aggregation, 0),
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
