//! The parameter file of pyradiomics 3.0.1.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::image_type::{Derived, Kind};
use super::setting::{Number, Setting};
use crate::radiomics::pyradiomics::has_feature;
use crate::wavelets::Wavelet;
use crate::{Error, Filter, ImageChoice, ImagingSettings};

/// What a parameter file of pyradiomics 3.0.1 asks for: which images and features, and how they are
/// made. Its names are those of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PyradiomicsParameters {
    /// The settings of all images.
    pub(crate) setting: Option<Setting>,
    /// The images by their type, each with settings of its own; the original alone where none is
    /// named.
    pub(crate) image_type: Option<BTreeMap<String, Option<Setting>>>,
    /// The classes of features, each with the features to keep; all but `shape2D` where none is
    /// named.
    pub(crate) feature_class: Option<BTreeMap<String, Option<Vec<String>>>>,
    /// Settings of maps of features, which are not made here.
    pub(crate) voxel_setting: Option<BTreeMap<String, f64>>,
}

/// The classes of features.
pub(crate) const CLASSES: [&str; 7] =
    ["firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape"];

impl PyradiomicsParameters {
    /// Reads a parameter file, YAML or JSON.
    ///
    /// # Errors
    /// When the file cannot be read or is no parameter file, or asks for what pyradiomics does not
    /// know or what is not offered here; the message names it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let refuse = |problem: String| Error::Parameters { path: path.to_owned(), problem };
        let text = fs_err::read_to_string(path)?;
        // An empty file asks for nothing in particular.
        let parameters: Option<Self> = serde_saphyr::from_str(&text)
            .map_err(|error| refuse(first_line(&error.to_string())))?;
        let parameters = parameters.unwrap_or_default();
        parameters.check().map_err(refuse)?;
        Ok(parameters)
    }

    /// What settings without a parameter file ask for.
    ///
    /// # Errors
    /// When they name a filter that pyradiomics does not have, or give images of one type different
    /// bins.
    pub(crate) fn from_settings(settings: &ImagingSettings) -> Result<Self, Error> {
        let refuse = |problem: String| Err(Error::Settings(problem));
        if settings.filter.is_some() {
            return refuse(
                "filter is not offered with standard = \"pyradiomics\": use images".into(),
            );
        }
        let mut types: BTreeMap<String, Option<Setting>> = BTreeMap::new();
        for image in settings.images.iter().flatten() {
            let Some((name, own)) = image_type(image) else {
                return refuse(format!(
                    "images: {:?} is not one of standard = \"pyradiomics\"",
                    image.filter
                ));
            };
            let known = types
                .entry(name.to_owned())
                .or_insert_with(|| Some(Setting { sigma: None, ..own.clone() }));
            let Some(known) = known else { continue };
            let without_sigma = |setting: &Setting| Setting { sigma: None, ..setting.clone() };
            if without_sigma(known) != without_sigma(&own) {
                return refuse(format!(
                    "images: all of {name} must have the same bins and the same wavelet"
                ));
            }
            if let Some(sigma) = own.sigma {
                known.sigma.get_or_insert_default().extend(sigma);
            }
        }
        let bin_width = settings.bin_width;
        let setting = Setting { bin_width, bin_count: settings.bin_count, ..Setting::default() };
        Ok(Self { setting: Some(setting), image_type: Some(types), ..Self::default() })
    }

    /// The label of the region in its mask.
    pub(crate) fn label(&self) -> u32 {
        self.setting().label.unwrap_or(1)
    }

    /// The settings of all images.
    pub(crate) fn setting(&self) -> Setting {
        self.setting.clone().unwrap_or_default()
    }

    /// The features that a class keeps; `None` where it is not asked for, an empty list for all.
    pub(crate) fn features_of(&self, class: &str) -> Option<&[String]> {
        match &self.feature_class {
            Some(classes) if !classes.is_empty() => {
                classes.get(class).map(|names| names.as_deref().unwrap_or_default())
            }
            _ => Some(&[]),
        }
    }

    /// The images to measure, each with its settings.
    pub(crate) fn images(&self) -> Vec<(Derived, Setting)> {
        let types = self.image_type.clone().filter(|types| !types.is_empty());
        let types = types.unwrap_or_else(|| [("Original".to_owned(), None)].into());
        types
            .into_iter()
            .flat_map(|(name, own)| {
                let setting = own.unwrap_or_default().or(self.setting());
                derived(&name, &setting).into_iter().map(move |image| (image, setting.clone()))
            })
            .collect()
    }

    fn check(&self) -> Result<(), String> {
        if self.voxel_setting.is_some() {
            return Err("voxelSetting asks for maps of features, which are not made: leave it out"
                .to_owned());
        }
        self.setting().check("setting")?;
        for (name, own) in self.image_type.iter().flatten() {
            let place = format!("imageType {name}");
            let setting = own.clone().unwrap_or_default();
            setting.check(&place)?;
            match name.as_str() {
                "Original" | "Wavelet" | "Square" | "SquareRoot" | "Logarithm" | "Exponential"
                | "Gradient" => {}
                "LoG" if setting.or(self.setting()).sigma.is_some() => {}
                "LoG" => return Err("imageType LoG needs sigma, a list in mm".to_owned()),
                "LBP2D" | "LBP3D" => {
                    return Err(format!("{place}: local binary patterns are not offered"));
                }
                _ => return Err(format!("{place} is none of pyradiomics 3.0.1")),
            }
        }
        for (class, names) in self.feature_class.iter().flatten() {
            if class == "shape2D" {
                return Err("featureClass shape2D is not offered".to_owned());
            }
            if !CLASSES.contains(&class.as_str()) {
                return Err(format!("featureClass {class} is none of pyradiomics 3.0.1"));
            }
            let unknown = names.iter().flatten().find(|name| !has_feature(class, name));
            if let Some(name) = unknown {
                return Err(format!("featureClass {class} has no feature {name}"));
            }
        }
        Ok(())
    }
}

/// The type of an image and its settings; `None` where pyradiomics has no such filter.
fn image_type(image: &ImageChoice) -> Option<(&'static str, Setting)> {
    let (bin_width, bin_count) = (image.bin_width, image.bin_count);
    let own = Setting { bin_width, bin_count, ..Setting::default() };
    Some(match &image.filter {
        None => ("Original", own),
        Some(Filter::LaplacianOfGaussian { sigma_mm, cutoff: None }) => {
            ("LoG", Setting { sigma: Some(vec![Number::Real(*sigma_mm)]), ..own })
        }
        Some(Filter::Wavelet {
            wavelet,
            decomposition: None,
            level: None | Some(1),
            rotation_invariant: false,
            ..
        }) => ("Wavelet", Setting { wavelet: Some(wavelet.clone()), ..own }),
        Some(Filter::Square) => ("Square", own),
        Some(Filter::SquareRoot) => ("SquareRoot", own),
        Some(Filter::Logarithm) => ("Logarithm", own),
        Some(Filter::Exponential) => ("Exponential", own),
        Some(Filter::Gradient) => ("Gradient", own),
        Some(_) => return None,
    })
}

/// The images of a type; the last level's approximation comes with its details.
fn derived(image_type: &str, setting: &Setting) -> Vec<Derived> {
    let one = |name: &str, kind| vec![Derived { name: name.to_owned(), kind }];
    match image_type {
        "LoG" => setting
            .sigma
            .iter()
            .flatten()
            .map(|sigma| Derived {
                name: format!("log-sigma-{}-mm-3D", sigma.written().replace('.', "-")),
                kind: Kind::LaplacianOfGaussian { sigma_mm: sigma.value() },
            })
            .collect(),
        "Wavelet" => decompositions(setting),
        "Square" => one("square", Kind::Square),
        "SquareRoot" => one("squareroot", Kind::SquareRoot),
        "Logarithm" => one("logarithm", Kind::Logarithm),
        "Exponential" => one("exponential", Kind::Exponential),
        "Gradient" => {
            let in_mm = setting.gradient_use_spacing.unwrap_or(true);
            one("gradient", Kind::Gradient { in_mm })
        }
        _ => one("original", Kind::Original),
    }
}

fn decompositions(setting: &Setting) -> Vec<Derived> {
    let name = setting.wavelet.as_deref().unwrap_or("coif1");
    let Some(wavelet) = Wavelet::named(name) else { return Vec::new() };
    let flat = setting.flat_dimension().map(|dimension| 2 - dimension);
    let axes: Vec<usize> = (0..3).filter(|&axis| Some(axis) != flat).collect();
    let (start, levels) = (setting.start_level.unwrap_or(0), setting.level.unwrap_or(1));
    let mut images = Vec::new();
    for level in 1..=levels {
        for choice in 0..1_usize << axes.len() {
            if choice == 0 && level < levels {
                continue;
            }
            let mut high = [None; 3];
            let mut letters = String::new();
            for (bit, &axis) in axes.iter().enumerate() {
                let is_high = choice >> (axes.len() - 1 - bit) & 1 == 1;
                high[axis] = Some(is_high);
                letters.push(if is_high { 'H' } else { 'L' });
            }
            let name = match level {
                1 => format!("wavelet-{letters}"),
                _ => format!("wavelet{level}-{letters}"),
            };
            let kind = Kind::Wavelet { wavelet: wavelet.clone(), level: start + level, high };
            images.push(Derived { name, kind });
        }
    }
    images
}

/// The first line of a message, which may draw the file beneath.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}
