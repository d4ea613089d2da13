use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Error, PyradiomicsParameters};

mod choices;
mod dicom;
#[cfg(test)]
mod filter_tests;
mod filters;
mod patch;
mod preparation;

pub use choices::{Aggregation, Family, Interpolation, Standard};
pub use dicom::{PetUnit, SliceGaps, Tilt};
pub use filters::{Boundary, Filter, ImageChoice, NonseparableWavelet, Pooling};
pub use patch::{Center, ChannelSlices, Normalization, PatchSettings, Plane, Slices};
pub use preparation::{BiasField, Denoise, Extent, Normalize, Register, TransformKind};

/// How a region is chosen, prepared and measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImagingSettings {
    /// The RTSTRUCT structure or SEG segment to measure: by name as the file has it, by number, or
    /// by a pattern in which `*` stands for any letters and `?` for one; `None` takes the only one.
    pub roi: Option<String>,
    /// The label of a NIfTI mask to measure; `None` takes the only one.
    pub label: Option<u32>,
    /// The volume of a NIfTI mask of several, from 1; `None` takes the only one.
    pub mask_volume: Option<usize>,
    /// From which value on a voxel is in the region: of a fractional SEG the share or probability
    /// from 0 to 1, 0.5 when not given; of a NIfTI mask its values, which need not be whole numbers
    /// then. Excludes `label`.
    pub region_threshold: Option<f64>,
    /// Whether a mask on another grid is resampled onto the image's, each voxel taking the nearest
    /// of the mask; otherwise it is refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resample_mask: bool,
    /// The unit of a NIfTI image's intensities, such as `HU`, which its file does not say.
    pub unit: Option<String>,
    /// The DICOM series to measure where a folder holds several: its `SeriesInstanceUID`, its number,
    /// or a pattern of its description with `*` for any text; `None` takes the only one, or the one
    /// that the RTSTRUCT or SEG was drawn on.
    pub series: Option<String>,
    /// Which volume to measure, from 1: of a DICOM series that holds several echoes, phases, times
    /// or orientations, in the order that the refusal lists them in; of a NIfTI image along the
    /// fourth dimension and all further ones.
    pub volume: Option<usize>,
    /// What is done where slices of a DICOM series are missing or unevenly spaced.
    pub slice_gaps: SliceGaps,
    /// What is done with a DICOM series of a tilted gantry.
    pub tilt: Tilt,
    /// The unit that a PET from DICOM is measured in.
    pub pet_unit: PetUnit,
    /// The intensity that padded pixels of a DICOM image get (`PixelPaddingValue`), such as -1000 in
    /// a CT; `None` leaves them as they are stored and rescaled.
    pub padding_value: Option<f64>,
    /// By whose definitions features are computed.
    pub standard: Standard,
    /// N4 correction of the image's bias field: the first step of all.
    pub bias_field: Option<BiasField>,
    /// Taking out noise, after the bias field.
    pub denoise: Option<Denoise>,
    /// Intensities beyond `[low, high]`, in the image's unit, are set to them, after denoising.
    pub window: Option<[f64; 2]>,
    /// Bringing intensities onto one scale, after the window.
    pub normalize: Option<Normalize>,
    /// Bringing image and mask onto a reference, after normalization and before resampling.
    pub register: Option<Register>,
    /// The voxel spacing in mm to resample to: x, y and z, or x and y alone to keep the slices;
    /// `None` keeps the image's own.
    pub resample_mm: Option<Vec<f64>>,
    /// How intensities are resampled.
    pub interpolation: Interpolation,
    /// How the mask is resampled.
    pub mask_interpolation: Interpolation,
    /// The share of a resampled voxel that must lie in the region; 0.5 when not given.
    pub mask_threshold: Option<f64>,
    /// Whether resampled intensities are rounded to whole numbers, as Hounsfield units are.
    pub round_intensities: bool,
    /// Re-segmentation: intensities below it are left out of the intensity mask (IBSI USB3).
    pub resegment_min: Option<f64>,
    /// Re-segmentation: intensities above it are left out of the intensity mask.
    pub resegment_max: Option<f64>,
    /// Outlier filtering: intensities further than so many standard deviations from the mean are
    /// left out of the intensity mask (IBSI 7ACA); 3 is usual.
    pub outlier_sigma: Option<f64>,
    /// A filter that the image goes through after re-segmentation; shape is measured without it.
    pub filter: Option<Filter>,
    /// The images whose intensities are measured, where several are: the features of filtered images
    /// have the filter in front of their names, such as `log_3mm_stat_mean`. Excludes `filter`. In
    /// the order of the list; shape is measured once.
    pub images: Option<Vec<ImageChoice>>,
    /// Whether the filter works slice by slice.
    pub filter_in_slices: bool,
    /// What the filter sees beyond the image's edge.
    pub filter_boundary: Boundary,
    /// Fixed bin size in the image's unit (IBSI Q3RU). Excludes `bin_count`.
    pub bin_width: Option<f64>,
    /// Where the first bin of fixed size starts; `None` is `resegment_min`, or the least intensity
    /// of the region. A start shared by all patients keeps their bins comparable.
    pub bin_start: Option<f64>,
    /// Fixed number of bins between the region's least and greatest intensity (IBSI K15C). 32 when
    /// neither is given.
    pub bin_count: Option<u32>,
    /// Fixed bin size of the intensity-volume histogram, in the image's unit. Excludes
    /// `ivh_bin_count`. When neither is given, Hounsfield units have bins of 1 and all other
    /// intensities 1000 bins.
    pub ivh_bin_width: Option<f64>,
    /// Fixed number of bins of the intensity-volume histogram.
    pub ivh_bin_count: Option<u32>,
    /// How texture matrices are aggregated; `3d_merged` when not given. Each adds its features.
    pub aggregation: Option<Vec<Aggregation>>,
    /// The families of features to compute; all when not given.
    pub families: Option<Vec<Family>>,
    /// A parameter file of pyradiomics 3, which then says how images are processed and measured.
    pub pyradiomics_parameters: Option<PathBuf>,
    /// What that file says, once [`load`](Self::load) has read it.
    #[serde(skip)]
    pub parameters: Option<PyradiomicsParameters>,
}

/// How intensities become gray levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Binning {
    /// Bins of one width.
    Width {
        /// In the image's unit, positive.
        width: f64,
        /// The lower edge of the first bin; `None` is the least intensity of the region.
        start: Option<f64>,
    },
    /// So many bins of equal width over the range of the region.
    Count(u32),
}

impl ImagingSettings {
    /// The number of bins where neither a width nor a number is given.
    pub const DEFAULT_BIN_COUNT: u32 = 32;
    /// The most gray levels that a texture matrix may have.
    pub const MAX_LEVELS: u32 = 4096;

    /// Checks every field and gives the binning they describe.
    ///
    /// # Errors
    /// When a field is out of its range, or two exclude each other; the message names the field.
    pub fn binning(&self) -> Result<Binning, Error> {
        let refuse = |message: String| Err(Error::Settings(message));
        if self.roi.as_deref().is_some_and(|roi| roi.trim().is_empty()) {
            return refuse(
                "roi must name a structure or be left out, got an empty text".to_owned(),
            );
        }
        if self.label == Some(0) {
            return refuse("label must be 1 or more, got 0, which is the background".to_owned());
        }
        self.check_region_threshold()?;
        self.check_dicom()?;
        self.check_preparation()?;
        self.check_processing()?;
        self.check_images()?;
        self.check_pyradiomics()?;
        self.check_volume_histogram()?;
        if let Some(start) = self.bin_start {
            if self.bin_width.is_none() {
                return refuse("bin_start needs bin_width beside it".to_owned());
            }
            if !start.is_finite() {
                return refuse(format!("bin_start must be a finite number, got {start}"));
            }
        }
        match (self.bin_width, self.bin_count) {
            (Some(_), Some(_)) => {
                refuse("bin_width and bin_count exclude each other: give one of them".to_owned())
            }
            (Some(width), None) if !width.is_finite() || width <= 0.0 => {
                refuse(format!("bin_width must be a positive number, got {width}"))
            }
            (Some(width), None) => {
                Ok(Binning::Width { width, start: self.bin_start.or(self.resegment_min) })
            }
            (None, count) => match count.unwrap_or(Self::DEFAULT_BIN_COUNT) {
                count @ 2..=Self::MAX_LEVELS => Ok(Binning::Count(count)),
                count => {
                    refuse(format!("bin_count must be from 2 to {}, got {count}", Self::MAX_LEVELS))
                }
            },
        }
    }

    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// When a file cannot be read or used.
    pub fn load(mut self) -> Result<Self, Error> {
        if let Some(path) = &self.pyradiomics_parameters {
            self.parameters = Some(PyradiomicsParameters::read(path)?);
        }
        Ok(self)
    }

    /// Every filter that images go through.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &Filter> {
        let of_images = self.images.iter().flatten().filter_map(|image| image.filter.as_ref());
        self.filter.iter().chain(of_images)
    }

    /// The label of a NIfTI mask to measure; a parameter file of pyradiomics has one, 1 unless it
    /// says otherwise.
    pub(crate) fn label(&self) -> Option<u32> {
        let of_file = self.parameters.as_ref().map(PyradiomicsParameters::label);
        self.label.or(of_file)
    }

    /// The aggregations of texture matrices, each once.
    #[must_use]
    pub fn aggregations(&self) -> Vec<Aggregation> {
        let chosen = self.aggregation.as_deref().unwrap_or(&[Aggregation::Merged3d]);
        Aggregation::ALL.into_iter().filter(|aggregation| chosen.contains(aggregation)).collect()
    }

    /// Whether a family of features is asked for.
    #[must_use]
    pub fn has(&self, family: Family) -> bool {
        self.families.as_ref().is_none_or(|families| families.contains(&family))
    }

    fn check_images(&self) -> Result<(), Error> {
        let check = |filter: &Filter, place: &str| match filter.problem(self.filter_in_slices) {
            Some(problem) => Err(Error::Settings(format!("{place} {problem}"))),
            None => Ok(()),
        };
        if let Some(filter) = &self.filter {
            check(filter, "filter")?;
        }
        let Some(images) = &self.images else { return Ok(()) };
        let refuse = |message: &str| Err(Error::Settings(message.to_owned()));
        if self.filter.is_some() {
            return refuse("images and filter exclude each other: give one of them");
        }
        if images.is_empty() {
            return refuse("images must name at least one, or be left out");
        }
        for image in images {
            if let Some(filter) = &image.filter {
                check(filter, "images: filter")?;
            }
            let own =
                Self { bin_width: image.bin_width, bin_count: image.bin_count, ..Self::default() };
            own.binning().map_err(|error| Error::Settings(format!("images: {error}")))?;
        }
        let mut prefixes: Vec<String> = self
            .images
            .iter()
            .flatten()
            .map(|image| {
                let prefix = |filter: &Filter| filter.prefix(self.filter_in_slices);
                image.filter.as_ref().map(prefix).unwrap_or_default()
            })
            .collect();
        let count = prefixes.len();
        prefixes.sort_unstable();
        prefixes.dedup();
        if prefixes.len() < count {
            return refuse("images must differ by their filters, found one twice");
        }
        Ok(())
    }

    fn check_pyradiomics(&self) -> Result<(), Error> {
        if self.pyradiomics_parameters.is_none() {
            return match self.standard {
                Standard::Ibsi => Ok(()),
                Standard::Pyradiomics => PyradiomicsParameters::from_settings(self).map(|_| ()),
            };
        }
        let given = [
            ("bias_field", self.bias_field.is_some()),
            ("denoise", self.denoise.is_some()),
            ("window", self.window.is_some()),
            ("normalize", self.normalize.is_some()),
            ("register", self.register.is_some()),
            ("resample_mm", self.resample_mm.is_some()),
            ("mask_threshold", self.mask_threshold.is_some()),
            ("round_intensities", self.round_intensities),
            ("resegment_min", self.resegment_min.is_some()),
            ("resegment_max", self.resegment_max.is_some()),
            ("outlier_sigma", self.outlier_sigma.is_some()),
            ("filter", self.filter.is_some()),
            ("images", self.images.is_some()),
            ("bin_width", self.bin_width.is_some()),
            ("bin_count", self.bin_count.is_some()),
            ("ivh_bin_width", self.ivh_bin_width.is_some()),
            ("ivh_bin_count", self.ivh_bin_count.is_some()),
            ("aggregation", self.aggregation.is_some()),
            ("families", self.families.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(Error::Settings(format!(
                "{field} and pyradiomics_parameters exclude each other: the file says it"
            ))),
            None => Ok(()),
        }
    }

    fn check_region_threshold(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::Settings(message));
        match self.region_threshold {
            Some(threshold) if !positive(threshold) => {
                refuse(format!("region_threshold must be a positive number, got {threshold}"))
            }
            Some(_) if self.label.is_some() => {
                refuse("region_threshold and label exclude each other: give one".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn check_processing(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::Settings(message));
        if let Some(spacing) = &self.resample_mm
            && !(matches!(spacing.len(), 2 | 3) && spacing.iter().all(|&edge| positive(edge)))
        {
            return refuse(format!(
                "resample_mm must be two or three positive numbers, got {spacing:?}"
            ));
        }
        if let Some(threshold) = self.mask_threshold
            && !(positive(threshold) && threshold <= 1.0)
        {
            return refuse(format!(
                "mask_threshold must be above 0 and at most 1, got {threshold}"
            ));
        }
        for (field, value) in
            [("resegment_min", self.resegment_min), ("resegment_max", self.resegment_max)]
        {
            if let Some(value) = value.filter(|value| !value.is_finite()) {
                return refuse(format!("{field} must be a finite number, got {value}"));
            }
        }
        if let (Some(least), Some(greatest)) = (self.resegment_min, self.resegment_max)
            && least >= greatest
        {
            return refuse(format!(
                "resegment_min must be below resegment_max, got {least} and {greatest}"
            ));
        }
        match self.outlier_sigma {
            Some(sigma) if !positive(sigma) => {
                refuse(format!("outlier_sigma must be a positive number, got {sigma}"))
            }
            _ => Ok(()),
        }
    }

    fn check_volume_histogram(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::Settings(message));
        match (self.ivh_bin_width, self.ivh_bin_count) {
            (Some(_), Some(_)) => {
                refuse("ivh_bin_width and ivh_bin_count exclude each other: give one".to_owned())
            }
            (Some(width), None) if !positive(width) => {
                refuse(format!("ivh_bin_width must be a positive number, got {width}"))
            }
            (None, Some(0 | 1)) => refuse("ivh_bin_count must be 2 or more".to_owned()),
            _ => Ok(()),
        }
    }
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn gives_the_binning_or_names_the_field() {
        let settings = ImagingSettings::default;
        for (case, settings, expected) in [
            ("default", settings(), Ok(Binning::Count(32))),
            (
                "width",
                ImagingSettings { bin_width: Some(25.0), ..settings() },
                Ok(Binning::Width { width: 25.0, start: None }),
            ),
            (
                "both",
                ImagingSettings { bin_width: Some(1.0), bin_count: Some(8), ..settings() },
                Err("bin_width and bin_count"),
            ),
            (
                "zero width",
                ImagingSettings { bin_width: Some(0.0), ..settings() },
                Err("bin_width"),
            ),
            (
                "width is no number",
                ImagingSettings { bin_width: Some(f64::NAN), ..settings() },
                Err("bin_width"),
            ),
            ("one bin", ImagingSettings { bin_count: Some(1), ..settings() }, Err("bin_count")),
            (
                "too many bins",
                ImagingSettings { bin_count: Some(5000), ..settings() },
                Err("bin_count"),
            ),
            (
                "start alone",
                ImagingSettings { bin_start: Some(0.0), ..settings() },
                Err("bin_start"),
            ),
            ("background", ImagingSettings { label: Some(0), ..settings() }, Err("label")),
            (
                "start by re-segmentation",
                ImagingSettings {
                    bin_width: Some(25.0),
                    resegment_min: Some(-500.0),
                    ..settings()
                },
                Ok(Binning::Width { width: 25.0, start: Some(-500.0) }),
            ),
            (
                "threshold of the background",
                ImagingSettings { region_threshold: Some(0.0), ..settings() },
                Err("region_threshold"),
            ),
            (
                "threshold of a label",
                ImagingSettings { region_threshold: Some(0.5), label: Some(1), ..settings() },
                Err("region_threshold and label"),
            ),
            ("no name", ImagingSettings { roi: Some(" ".to_owned()), ..settings() }, Err("roi")),
        ] {
            match (settings.binning(), expected) {
                (Ok(binning), Ok(expected)) => assert_eq!(binning, expected, "{case}"),
                (Err(error), Err(word)) => {
                    assert!(
                        error.to_string().starts_with(&format!("imaging setting {word}")),
                        "{case}: {error}"
                    );
                }
                (found, _) => panic!("{case}: {found:?}"),
            }
        }
    }

    #[test]
    fn names_the_field_of_image_processing_that_is_out_of_range() {
        let settings = ImagingSettings::default;
        for (case, settings, field) in [
            (
                "one edge",
                ImagingSettings { resample_mm: Some(vec![1.0]), ..settings() },
                "resample_mm",
            ),
            (
                "no edge",
                ImagingSettings { resample_mm: Some(vec![1.0, 0.0]), ..settings() },
                "resample_mm",
            ),
            (
                "whole voxel",
                ImagingSettings { mask_threshold: Some(1.5), ..settings() },
                "mask_threshold",
            ),
            (
                "empty range",
                ImagingSettings {
                    resegment_min: Some(1.0),
                    resegment_max: Some(1.0),
                    ..settings()
                },
                "resegment_min",
            ),
            (
                "endless range",
                ImagingSettings { resegment_max: Some(f64::INFINITY), ..settings() },
                "resegment_max",
            ),
            (
                "no deviation",
                ImagingSettings { outlier_sigma: Some(0.0), ..settings() },
                "outlier_sigma",
            ),
            (
                "both of the volume histogram",
                ImagingSettings { ivh_bin_width: Some(1.0), ivh_bin_count: Some(9), ..settings() },
                "ivh_bin_width",
            ),
        ] {
            let error = settings.binning().unwrap_err().to_string();
            assert!(error.starts_with(&format!("imaging setting {field} ")), "{case}: {error}");
        }
    }

    #[test]
    fn aggregations_come_once_and_in_order() {
        let chosen = vec![Aggregation::Merged3d, Aggregation::Averaged2d, Aggregation::Merged3d];
        let settings = ImagingSettings { aggregation: Some(chosen), ..ImagingSettings::default() };
        assert_eq!(settings.aggregations(), [Aggregation::Averaged2d, Aggregation::Merged3d]);
        assert_eq!(ImagingSettings::default().aggregations(), [Aggregation::Merged3d]);
    }
}
