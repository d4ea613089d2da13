//! The settings of a parameter file, of all images or of one type.

use serde::{Deserialize, Serialize};

use crate::wavelets::Wavelet;

/// Settings by their names in the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Setting {
    #[serde(rename = "minimumROIDimensions")]
    pub(crate) minimum_roi_dimensions: Option<usize>,
    #[serde(rename = "minimumROISize")]
    pub(crate) minimum_roi_size: Option<usize>,
    pub(crate) geometry_tolerance: Option<f64>,
    pub(crate) correct_mask: Option<bool>,
    pub(crate) additional_info: Option<bool>,
    pub(crate) label: Option<u32>,
    #[serde(rename = "label_channel")]
    pub(crate) label_channel: Option<u32>,
    pub(crate) bin_width: Option<f64>,
    pub(crate) bin_count: Option<u32>,
    pub(crate) normalize: Option<bool>,
    pub(crate) normalize_scale: Option<f64>,
    pub(crate) remove_outliers: Option<f64>,
    pub(crate) resampled_pixel_spacing: Option<Vec<f64>>,
    pub(crate) interpolator: Option<Interpolator>,
    pub(crate) pad_distance: Option<usize>,
    pub(crate) distances: Option<Vec<u32>>,
    #[serde(rename = "force2D")]
    pub(crate) force_2d: Option<bool>,
    #[serde(rename = "force2Ddimension")]
    pub(crate) force_2d_dimension: Option<usize>,
    pub(crate) resegment_range: Option<Vec<f64>>,
    pub(crate) resegment_mode: Option<ResegmentMode>,
    pub(crate) resegment_shape: Option<bool>,
    pub(crate) pre_crop: Option<bool>,
    pub(crate) sigma: Option<Vec<Number>>,
    #[serde(rename = "start_level")]
    pub(crate) start_level: Option<usize>,
    pub(crate) level: Option<usize>,
    pub(crate) wavelet: Option<String>,
    pub(crate) gradient_use_spacing: Option<bool>,
    pub(crate) voxel_array_shift: Option<f64>,
    #[serde(rename = "symmetricalGLCM")]
    pub(crate) symmetrical_glcm: Option<bool>,
    pub(crate) weighting_norm: Option<WeightingNorm>,
    #[serde(rename = "gldm_a")]
    pub(crate) gldm_a: Option<u16>,
}

/// A number as it was written, for 2 and 2.0 make different names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Number {
    Whole(u32),
    Real(f64),
}

impl Number {
    pub(crate) fn value(self) -> f64 {
        match self {
            Self::Whole(value) => f64::from(value),
            Self::Real(value) => value,
        }
    }

    /// As Python writes it.
    pub(super) fn written(self) -> String {
        match self {
            Self::Whole(value) => value.to_string(),
            Self::Real(value) => format!("{value:?}"),
        }
    }
}

/// An interpolator by its name in `SimpleITK`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Interpolator {
    #[serde(rename = "sitkNearestNeighbor")]
    Nearest,
    #[serde(rename = "sitkLinear")]
    Linear,
    #[default]
    #[serde(rename = "sitkBSpline")]
    BSpline,
}

/// What the thresholds of re-segmentation are relative to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ResegmentMode {
    #[default]
    Absolute,
    Relative,
    Sigma,
}

/// How directions are weighted by their length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WeightingNorm {
    Manhattan,
    Euclidean,
    Infinity,
    NoWeighting,
}

impl Setting {
    /// These settings, and another's where they say nothing.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            bin_width: self.bin_width.or(other.bin_width),
            bin_count: self.bin_count.or(other.bin_count),
            force_2d: self.force_2d.or(other.force_2d),
            force_2d_dimension: self.force_2d_dimension.or(other.force_2d_dimension),
            sigma: self.sigma.or(other.sigma),
            start_level: self.start_level.or(other.start_level),
            level: self.level.or(other.level),
            wavelet: self.wavelet.or(other.wavelet),
            gradient_use_spacing: self.gradient_use_spacing.or(other.gradient_use_spacing),
            voxel_array_shift: self.voxel_array_shift.or(other.voxel_array_shift),
            weighting_norm: self.weighting_norm.or(other.weighting_norm),
            gldm_a: self.gldm_a.or(other.gldm_a),
            ..other
        }
    }

    /// The axis (0 z, 1 y, 2 x) across which features do not look.
    pub(crate) fn flat_dimension(&self) -> Option<usize> {
        self.force_2d.unwrap_or(false).then(|| self.force_2d_dimension.unwrap_or(0))
    }

    pub(super) fn check(&self, place: &str) -> Result<(), String> {
        let positive = |field: &str, value: Option<f64>| match value {
            Some(value) if !(value.is_finite() && value > 0.0) => {
                Err(format!("{place}: {field} must be a positive number, found {value}"))
            }
            _ => Ok(()),
        };
        positive("binWidth", self.bin_width)?;
        positive("normalizeScale", self.normalize_scale)?;
        positive("removeOutliers", self.remove_outliers)?;
        positive("geometryTolerance", self.geometry_tolerance)?;
        for sigma in self.sigma.iter().flatten() {
            positive("sigma", Some(sigma.value()))?;
        }
        let problem = if self.resampled_pixel_spacing.as_ref().is_some_and(|spacing| {
            spacing.len() != 3 || spacing.iter().any(|&edge| !(0.0..1e6).contains(&edge))
        }) {
            "resampledPixelSpacing must be three edges in mm, 0 to keep one"
        } else if self.resegment_range.as_ref().is_some_and(|range| {
            !matches!(range.len(), 1 | 2) || range.iter().any(|bound| !bound.is_finite())
        }) {
            "resegmentRange must be one or two numbers"
        } else if matches!(self.minimum_roi_dimensions, Some(dimensions) if !(1..=3).contains(&dimensions))
        {
            "minimumROIDimensions must be from 1 to 3"
        } else if matches!(self.bin_count, Some(count) if !(1..=4096).contains(&count)) {
            "binCount must be from 1 to 4096"
        } else if self.force_2d_dimension.is_some_and(|dimension| dimension > 2) {
            "force2Ddimension must be 0, 1 or 2"
        } else if self.level == Some(0) {
            "level must be 1 or more"
        } else if self.level.unwrap_or(1) + self.start_level.unwrap_or(0) > 10 {
            "level and start_level must be 10 at most together"
        } else if self.wavelet.as_ref().is_some_and(|name| Wavelet::named(name).is_none()) {
            "wavelet must be a discrete wavelet of up to 40 taps such as coif1"
        } else if self.distances.as_ref().is_some_and(|distances| distances != &[1]) {
            "distances other than [1] are not offered"
        } else if self.symmetrical_glcm == Some(false) {
            "symmetricalGLCM: false is not offered"
        } else if self.label_channel.is_some_and(|channel| channel != 0) {
            "label_channel other than 0 is not offered: give a mask of one channel"
        } else if self.label == Some(0) {
            "label must be 1 or more"
        } else {
            return Ok(());
        };
        Err(format!("{place}: {problem}"))
    }
}
