//! What is done to intensities before a region is resampled and measured.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::{Error, ImagingSettings, Volume, read_nifti};

/// Which voxels a statistic is taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// Every voxel of the image.
    Image,
    /// The voxels of the region.
    Mask,
    /// The voxels above Otsu's threshold, which is where the body is.
    #[default]
    Foreground,
}

/// N4 bias field correction of magnetic resonance images (Tustison et al., IEEE Transactions on
/// Medical Imaging 2010, 29:1310-1320). Defaults are ITK's, with a shrink factor of 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BiasField {
    /// Every how many voxels along each axis the field is estimated from.
    pub shrink: usize,
    /// The most iterations at each level; the mesh of control points is twice as fine at the next.
    pub iterations: Vec<usize>,
    /// A level ends when the field changes by less: the coefficient of variation of the ratio of
    /// one field to the next.
    pub convergence: f64,
    /// Spans of the first level's mesh along each axis.
    pub spans: usize,
    /// The full width at half maximum of the Gaussian that the log histogram is sharpened by.
    pub full_width_at_half_maximum: f64,
    /// The noise of the Wiener filter.
    pub wiener_noise: f64,
    /// Bins of the log histogram.
    pub histogram_bins: usize,
    /// The voxels that the field is estimated from.
    pub over: Extent,
}

impl Default for BiasField {
    fn default() -> Self {
        Self {
            shrink: 4,
            iterations: vec![50; 4],
            convergence: 0.001,
            spans: 1,
            full_width_at_half_maximum: 0.15,
            wiener_noise: 0.01,
            histogram_bins: 200,
            over: Extent::Foreground,
        }
    }
}

/// How noise is taken out of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Denoise {
    /// The discrete Gaussian of Lindeberg (IEEE Transactions on Pattern Analysis and Machine
    /// Intelligence 1990, 12:234-254), as ITK's `DiscreteGaussian` has it: modified Bessel
    /// functions up to 99.9 % of their sum.
    Gaussian {
        /// The standard deviation in mm, the same along every axis.
        sigma_mm: f64,
    },
    /// The median over a box.
    Median {
        /// How many voxels the box reaches along x, y and z from its middle.
        #[serde(default = "one_voxel")]
        radius: [usize; 3],
    },
    /// Diffusion along edges but not across them, by the modified curvature equation (Whitaker and
    /// Xue, ICIP 2001), as ITK's `CurvatureAnisotropicDiffusion` has it.
    Curvature {
        /// Steps of the diffusion.
        #[serde(default = "five_steps")]
        iterations: usize,
        /// Gradients so many times the root mean square gradient count as edges.
        #[serde(default = "conductance")]
        conductance: f64,
        /// The length of a step; stable up to the smallest voxel edge in mm divided by 16.
        #[serde(default = "time_step")]
        time_step: f64,
    },
}

fn one_voxel() -> [usize; 3] {
    [1; 3]
}

fn five_steps() -> usize {
    5
}

fn conductance() -> f64 {
    3.0
}

fn time_step() -> f64 {
    0.0625
}

/// How intensities of scanners without a unit are brought onto one scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Normalize {
    /// The mean becomes 0 and the sample standard deviation `scale`.
    ZScore {
        /// The voxels that mean and standard deviation are taken over.
        #[serde(default)]
        over: Extent,
        /// What the result is multiplied by; 1 when not given.
        scale: Option<f64>,
        /// Intensities further from the mean than so many standard deviations are set to that
        /// distance.
        clip_sigma: Option<f64>,
    },
    /// The low percentile becomes 0, the high one 1, and what lies beyond is set to them.
    Percentile {
        /// The lower percentile; 1 when not given.
        low: Option<f64>,
        /// The upper percentile; 99 when not given.
        high: Option<f64>,
        /// The voxels that percentiles are taken over.
        #[serde(default)]
        over: Extent,
    },
    /// Percentiles become given intensities, piecewise linearly and on beyond the outermost (Nyúl
    /// et al., IEEE Transactions on Medical Imaging 2000, 19:143-150). The intensities must come
    /// from elsewhere or from training patients alone.
    Landmarks {
        /// The percentiles, ascending.
        percentiles: Vec<f64>,
        /// What each becomes, ascending.
        intensities: Vec<f64>,
        /// The voxels that percentiles are taken over.
        #[serde(default)]
        over: Extent,
    },
}

/// Which transforms a registration looks among.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransformKind {
    /// Rotation and translation: 6 parameters.
    #[default]
    Rigid,
    /// Any linear map and translation: 12 parameters.
    Affine,
}

/// How an image is brought onto another by mutual information (Mattes et al., IEEE Transactions on
/// Medical Imaging 2003, 22:120-128).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The reference, a NIfTI file: image and mask are brought onto its grid.
    pub to: PathBuf,
    /// The transforms to look among.
    #[serde(default)]
    pub transform: TransformKind,
    /// Bins of the joint histogram along each side.
    #[serde(default = "histogram_bins")]
    pub histogram_bins: usize,
    /// The most voxels of the reference that are compared at each level.
    #[serde(default = "samples")]
    pub samples: usize,
    /// The most steps at each level.
    #[serde(default = "steps")]
    pub iterations: usize,
    /// By how much image and reference are shrunk at each level of the pyramid.
    #[serde(default = "pyramid")]
    pub pyramid: Vec<usize>,
    /// What the choice of voxels begins from.
    #[serde(default)]
    pub seed: u64,
    /// The reference, once it was read.
    #[serde(skip)]
    pub(crate) read: ReadOnce,
}

/// A file's image, shared by all copies of the settings that name it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadOnce(Arc<Mutex<Option<Read>>>);

/// An image with the path that it was read from.
type Read = (PathBuf, Arc<Volume>);

impl PartialEq for ReadOnce {
    /// Settings differ by what they name, not by what was read.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Register {
    /// The settings for a reference and a kind of transform, all others as they are by default.
    #[must_use]
    pub fn new(to: PathBuf, transform: TransformKind) -> Self {
        Self {
            to,
            transform,
            histogram_bins: histogram_bins(),
            samples: samples(),
            iterations: steps(),
            pyramid: pyramid(),
            seed: 0,
            read: ReadOnce::default(),
        }
    }

    /// The reference image, read once for all copies of these settings.
    ///
    /// # Errors
    /// As [`read_nifti`].
    pub(crate) fn reference(&self) -> Result<Arc<Volume>, Error> {
        let mut held = self.read.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, volume)) = held.as_ref().filter(|(path, _)| *path == self.to) {
            return Ok(Arc::clone(volume));
        }
        let volume = Arc::new(read_nifti(&self.to)?);
        *held = Some((self.to.clone(), Arc::clone(&volume)));
        Ok(volume)
    }
}

fn histogram_bins() -> usize {
    32
}

fn samples() -> usize {
    100_000
}

fn steps() -> usize {
    200
}

fn pyramid() -> Vec<usize> {
    vec![4, 2, 1]
}

impl ImagingSettings {
    /// The files that the settings name.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let register = self.register.iter_mut().map(|register| &mut register.to);
        register.chain(&mut self.pyradiomics_parameters)
    }

    /// Checks what is done to intensities; the message names the field out of its range.
    pub(super) fn check_preparation(&self) -> Result<(), Error> {
        if let Some(bias_field) = &self.bias_field {
            bias_field.check()?;
        }
        if let Some(denoise) = &self.denoise {
            denoise.check()?;
        }
        if let Some([low, high]) = self.window
            && !(low.is_finite() && high.is_finite() && low < high)
        {
            return refuse(format!(
                "window must be two ascending finite numbers, got {low} and {high}"
            ));
        }
        if let Some(normalize) = &self.normalize {
            normalize.check()?;
        }
        self.register.as_ref().map_or(Ok(()), Register::check)
    }
}

impl BiasField {
    pub(crate) fn check(&self) -> Result<(), Error> {
        within("bias_field shrink", self.shrink, 1, 64)?;
        within("bias_field spans", self.spans, 1, 64)?;
        within("bias_field histogram_bins", self.histogram_bins, 16, 65_536)?;
        within("bias_field iterations' levels", self.iterations.len(), 1, 8)?;
        if self.spans << (self.iterations.len() - 1) > 256 {
            return refuse("bias_field spans doubled at each level must end at 256 or less".into());
        }
        if let Some(&most) = self.iterations.iter().find(|&&most| most == 0 || most > 10_000) {
            return refuse(format!("bias_field iterations must be from 1 to 10000, got {most}"));
        }
        above("bias_field convergence", self.convergence, 1.0)?;
        above("bias_field full_width_at_half_maximum", self.full_width_at_half_maximum, 10.0)?;
        above("bias_field wiener_noise", self.wiener_noise, 10.0)
    }
}

impl Denoise {
    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Gaussian { sigma_mm } => above("denoise sigma_mm", *sigma_mm, 100.0),
            Self::Median { radius } => {
                radius.iter().try_for_each(|&radius| within("denoise radius", radius, 0, 10))
            }
            Self::Curvature { iterations, conductance, time_step } => {
                within("denoise iterations", *iterations, 1, 1000)?;
                above("denoise conductance", *conductance, 100.0)?;
                above("denoise time_step", *time_step, 1.0)
            }
        }
    }
}

impl Normalize {
    fn check(&self) -> Result<(), Error> {
        match self {
            Self::ZScore { scale, clip_sigma, .. } => {
                above("normalize scale", scale.unwrap_or(1.0), 1e9)?;
                above("normalize clip_sigma", clip_sigma.unwrap_or(1.0), 1e9)
            }
            Self::Percentile { low, high, .. } => {
                let [low, high] = [low.unwrap_or(1.0), high.unwrap_or(99.0)];
                if 0.0 <= low && low < high && high <= 100.0 {
                    return Ok(());
                }
                refuse(format!(
                    "normalize low must be below high, both from 0 to 100, got {low} and {high}"
                ))
            }
            Self::Landmarks { percentiles, intensities, .. } => {
                let ascend = |values: &[f64]| values.windows(2).all(|pair| pair[0] < pair[1]);
                if !ascend(percentiles) || percentiles.iter().any(|p| !(0.0..=100.0).contains(p)) {
                    return refuse("normalize percentiles must ascend from 0 to 100".into());
                }
                if !ascend(intensities) || intensities.iter().any(|value| !value.is_finite()) {
                    return refuse("normalize intensities must be ascending numbers".into());
                }
                if percentiles.len() != intensities.len() || percentiles.len() < 2 {
                    return refuse(format!(
                        "normalize percentiles must be two or more with an intensity for each, got \
                         {} and {}",
                        percentiles.len(),
                        intensities.len()
                    ));
                }
                Ok(())
            }
        }
    }
}

impl Register {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.to.as_os_str().is_empty() {
            return refuse("register to must name a NIfTI file, got an empty text".into());
        }
        within("register histogram_bins", self.histogram_bins, 8, 256)?;
        within("register samples", self.samples, 1000, 10_000_000)?;
        within("register iterations", self.iterations, 1, 10_000)?;
        within("register pyramid's levels", self.pyramid.len(), 1, 8)?;
        self.pyramid.iter().try_for_each(|&factor| within("register pyramid", factor, 1, 64))
    }
}

fn refuse(message: String) -> Result<(), Error> {
    Err(Error::Settings(message))
}

fn within(field: &str, value: usize, least: usize, greatest: usize) -> Result<(), Error> {
    if (least..=greatest).contains(&value) {
        return Ok(());
    }
    refuse(format!("{field} must be from {least} to {greatest}, got {value}"))
}

fn above(field: &str, value: f64, greatest: f64) -> Result<(), Error> {
    if value > 0.0 && value <= greatest {
        return Ok(());
    }
    refuse(format!("{field} must be above 0 to {greatest}, got {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings, and how the message about what is out of range begins.
    const CASES: &[(&str, Result<(), &str>)] = &[
        ("window = [-160, 240]", Ok(())),
        ("window = [240, -160]", Err("window must")),
        ("window = [nan, 1]", Err("window must")),
        ("normalize = { method = 'z_score' }", Ok(())),
        ("normalize = { method = 'z_score', over = 'mask', scale = 100, clip_sigma = 3 }", Ok(())),
        ("normalize = { method = 'z_score', scale = 0 }", Err("normalize scale must")),
        ("normalize = { method = 'percentile' }", Ok(())),
        ("normalize = { method = 'percentile', low = 99.5 }", Err("normalize low must")),
        (
            "normalize = { method = 'landmarks', percentiles = [1, 50, 99], intensities = [0, 40, 100] }",
            Ok(()),
        ),
        (
            "normalize = { method = 'landmarks', percentiles = [1, 50], intensities = [0] }",
            Err("normalize percentiles must be two"),
        ),
        (
            "normalize = { method = 'landmarks', percentiles = [50, 1], intensities = [0, 1] }",
            Err("normalize percentiles must ascend"),
        ),
        (
            "normalize = { method = 'landmarks', percentiles = [1, 50], intensities = [1, 0] }",
            Err("normalize intensities must"),
        ),
        ("denoise = { method = 'gaussian', sigma_mm = 1.0 }", Ok(())),
        ("denoise = { method = 'gaussian', sigma_mm = -1.0 }", Err("denoise sigma_mm must")),
        ("denoise = { method = 'median' }", Ok(())),
        ("denoise = { method = 'median', radius = [1, 1, 11] }", Err("denoise radius must")),
        ("denoise = { method = 'curvature' }", Ok(())),
        ("denoise = { method = 'curvature', iterations = 0 }", Err("denoise iterations must")),
        ("bias_field = {}", Ok(())),
        ("bias_field = { shrink = 0 }", Err("bias_field shrink must")),
        ("bias_field = { iterations = [] }", Err("bias_field iterations' levels must")),
        ("bias_field = { iterations = [50, 0] }", Err("bias_field iterations must")),
        ("bias_field = { convergence = 0 }", Err("bias_field convergence must")),
        ("bias_field = { spans = 64, iterations = [1, 1, 1, 1] }", Err("bias_field spans doubled")),
        ("register = { to = 'atlas.nii.gz' }", Ok(())),
        ("register = { to = '' }", Err("register to must")),
        ("register = { to = 'a.nii', pyramid = [4, 0] }", Err("register pyramid must")),
        ("register = { to = 'a.nii', samples = 1 }", Err("register samples must")),
    ];

    #[test]
    fn reads_the_steps_or_names_the_field_that_is_out_of_range() {
        for &(text, expected) in CASES {
            let settings: ImagingSettings = toml::from_str(text).expect(text);
            let found = settings.binning().map(|_| ()).map_err(|error| error.to_string());
            match expected {
                Ok(()) => assert_eq!(found, Ok(()), "{text}"),
                Err(start) => {
                    let found = found.expect_err(text);
                    assert!(found.starts_with(&format!("imaging setting {start}")), "{found}");
                }
            }
        }
        let mut settings: ImagingSettings = toml::from_str("register = { to = 'a.nii' }").unwrap();
        assert_eq!(
            settings.paths_mut().map(|path| path.clone()).collect::<Vec<_>>(),
            [PathBuf::from("a.nii")]
        );
        for text in [
            "denoise = { method = 'gaussian' }",
            "denoise = { method = 'wavelet' }",
            "normalize = { method = 'z_score', mean = 1 }",
            "bias_field = { shrunk = 2 }",
            "register = { transform = 'rigid' }",
        ] {
            assert!(toml::from_str::<ImagingSettings>(text).is_err(), "{text}");
        }
    }
}
