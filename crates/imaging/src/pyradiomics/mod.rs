//! Features as pyradiomics 3.0.1 computes them (van Griethuysen et al., Cancer Research 2017), from
//! its preparation of the image to its derived images. The features themselves are in
//! [`crate::radiomics`].

use std::ops::RangeInclusive;

use oncoweave_core::Feature;
use rayon::prelude::*;

use crate::radiomics::Region;
use crate::radiomics::pyradiomics::{intensity_features, shape_features};
use crate::{Error, Mask, Volume};

mod image;
mod image_type;
mod parameters;
mod prepare;
mod recursive_gaussian;
mod setting;
mod spline;

use image::{Block, Image, Voxels};
pub use parameters::PyradiomicsParameters;
pub(crate) use setting::{Setting, WeightingNorm};

/// Prepares an image and its mask as a parameter file says, and measures them.
pub(crate) fn features(
    volume: &Volume,
    mask: &Mask,
    parameters: &PyradiomicsParameters,
) -> Result<Vec<Feature>, Error> {
    let prepared = prepare::prepare(volume, mask, &parameters.setting())?;
    let values = |mask: &Mask| {
        let shape = &prepared.shape;
        Region::cut(prepared.image.spacing_mm, mask, shape, |position| {
            prepared.image.value(position)
        })
    };
    let (shape, region) = (values(&prepared.shape)?, values(&prepared.inside)?);
    measure(&prepared.image, [&shape, &region], &volume.unit, parameters)
}

/// Measures an image that was prepared by other means.
pub(crate) fn features_of_prepared(
    volume: &Volume,
    regions: [&Region; 2],
    parameters: &PyradiomicsParameters,
) -> Result<Vec<Feature>, Error> {
    let spacing_mm = volume.geometry.spacing_mm;
    let image = Image { voxels: Voxels::Read(&volume.voxels), spacing_mm };
    measure(&image, regions, &volume.unit, parameters)
}

/// The features of a shape, and of a region within it in all images, by name.
fn measure(
    image: &Image,
    [shape, region]: [&Region; 2],
    unit: &str,
    parameters: &PyradiomicsParameters,
) -> Result<Vec<Feature>, Error> {
    let part: [RangeInclusive<usize>; 3] =
        std::array::from_fn(|axis| region.start[axis]..=region.start[axis] + region.size[axis] - 3);
    let of_images: Result<Vec<Vec<Feature>>, Error> = parameters
        .images()
        .into_par_iter()
        .map(|(derived, setting)| {
            let is_original = derived.kind == image_type::Kind::Original;
            let unit = if is_original { unit } else { "" };
            let measure = |region: &Region| {
                intensity_features(region, &derived.name, unit, (parameters, &setting))
            };
            if is_original {
                return measure(region);
            }
            let block = image_type::derive(image, &part, &derived.kind);
            let values = block.map(|block| inside(&block, region));
            match values.filter(|values| values.iter().all(|value| value.is_finite())) {
                Some(values) => measure(&region.with_values(values)),
                // Where the filter is not defined, neither are the features.
                None => Ok(without_values(measure(&region.with_values(levelled(region)))?)),
            }
        })
        .collect();
    let mut features = shape_features(shape, parameters);
    features.extend(of_images?.into_iter().flatten());
    features.sort_by(|a, b| a.info.name.cmp(&b.info.name));
    Ok(features)
}

/// The values of a block, which a region's box without its border is, at the region's voxels.
fn inside(block: &Block, region: &Region) -> Vec<f64> {
    let [width, height, _] = block.size;
    let place = |index: usize| {
        let [x, y, z] = region.position(index).map(|coordinate| coordinate - 1);
        (z * height + y) * width + x
    };
    region.indices.iter().map(|&index| block.values[place(index)]).collect()
}

/// Intensities of one value, for the names of features alone.
fn levelled(region: &Region) -> Vec<f64> {
    vec![0.0; region.values.len()]
}

fn without_values(mut features: Vec<Feature>) -> Vec<Feature> {
    for feature in &mut features {
        feature.value = None;
    }
    features
}

#[cfg(test)]
mod tests;
