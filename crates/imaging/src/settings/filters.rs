use serde::{Deserialize, Serialize};

use crate::wavelets::Wavelet;

/// A filter that an image goes through before its intensities are measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Filter {
    /// The mean over a box (IBSI S60F).
    Mean {
        /// The box's edge in voxels, odd.
        support: usize,
    },
    /// The Laplacian of Gaussian (IBSI L6PA).
    LaplacianOfGaussian {
        /// The standard deviation of the Gaussian in mm.
        sigma_mm: f64,
        /// After how many standard deviations it ends; 4 when not given.
        cutoff: Option<f64>,
    },
    /// Laws kernels, one for each axis (IBSI JTXT).
    Laws {
        /// Their names in one word, such as `L5E5E5` along x, y and z.
        kernels: String,
        /// Whether the greatest response over all rotations by right angles is taken.
        #[serde(default)]
        rotation_invariant: bool,
        /// How far in voxels absolute responses are averaged to texture energy; `None` leaves the
        /// response.
        energy_distance: Option<usize>,
    },
    /// A Gabor filter in slices (IBSI Q88H): the modulus of the response to a wave under a Gaussian.
    Gabor {
        /// The standard deviation of the Gaussian along the wave in mm.
        sigma_mm: f64,
        /// The wave's length in mm.
        wavelength_mm: f64,
        /// The standard deviation along the wave over that across it; 1 when not given.
        aspect_ratio: Option<f64>,
        /// The direction of the wave in the plane, clockwise from its first axis.
        #[serde(default)]
        angle_degrees: f64,
        /// The step by which the wave is turned through the full circle; the responses are pooled.
        /// `None` keeps the one direction.
        angle_step_degrees: Option<f64>,
        /// Whether the planes across all three axes are filtered, and the responses pooled.
        #[serde(default)]
        orthogonal_planes: bool,
        /// How responses are pooled; their mean when not given.
        pooling: Option<Pooling>,
    },
    /// A separable wavelet, not decimated (IBSI 25BO).
    Wavelet {
        /// Its name, such as `haar`, `db2`, `db3`, `sym4` or `coif1`.
        wavelet: String,
        /// The filters along x, y and z, such as `LLH`; `None` gives an image for each choice.
        decomposition: Option<String>,
        /// The level of decomposition; 1 when not given.
        level: Option<usize>,
        /// Whether responses are pooled over all rotations by right angles.
        #[serde(default)]
        rotation_invariant: bool,
        /// How responses are pooled; their mean when not given.
        pooling: Option<Pooling>,
    },
    /// A wavelet that is the same in all directions (IBSI LODD), applied to the whole image as if it
    /// went on periodically.
    NonseparableWavelet {
        /// Its shape in the frequency domain.
        wavelet: NonseparableWavelet,
        /// The level of decomposition; 1 when not given.
        level: Option<usize>,
    },
    /// The square of intensities, scaled to the range of the image.
    Square,
    /// The square root of absolute intensities with their sign, scaled to the range of the image.
    SquareRoot,
    /// The logarithm of absolute intensities with their sign, scaled to the range of the image.
    Logarithm,
    /// The exponential of intensities, scaled to the range of the image.
    Exponential,
    /// The magnitude of the gradient, per mm.
    Gradient,
}

/// How the responses of a filter in several directions become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// The greatest.
    Max,
}

/// The shape of a wavelet in the frequency domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonseparableWavelet {
    /// All frequencies of an octave.
    Shannon,
    /// A cosine of the logarithm of frequency over two octaves (IBSI PRT7).
    Simoncelli,
}

/// What a filter sees beyond the image's edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// Zeros.
    Zero,
    /// The nearest voxel.
    Nearest,
    /// The image again.
    Periodic,
    /// The image mirrored, its edge twice.
    #[default]
    Mirror,
}

/// One of several images whose intensities are measured, each with names of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageChoice {
    /// The filter that the image goes through; `None` is the image itself.
    pub filter: Option<Filter>,
    /// Fixed bin size in the unit of this image; else that of all images.
    pub bin_width: Option<f64>,
    /// Fixed number of bins of this image; else that of all images.
    pub bin_count: Option<u32>,
}

impl Filter {
    /// The filters that this one stands for: a wavelet without a decomposition is one for each.
    pub(crate) fn each(&self, in_slices: bool) -> Vec<Self> {
        let Self::Wavelet { decomposition: None, .. } = self else { return vec![self.clone()] };
        let length = if in_slices { 2 } else { 3 };
        (0..1_u32 << length)
            .map(|choice| {
                let letter =
                    |bit: u32| if choice >> (length - 1 - bit) & 1 == 1 { 'H' } else { 'L' };
                let mut each = self.clone();
                if let Self::Wavelet { decomposition, .. } = &mut each {
                    *decomposition = Some((0..length).map(letter).collect());
                }
                each
            })
            .collect()
    }

    /// How names of features of the filtered image begin, such as `log_1_5mm_` or
    /// `wavelet_coif1_llh_1_`: the filter and what tells it from others of its kind, where `_` stands
    /// for a decimal point, and `2d` where it works in slices.
    pub(crate) fn prefix(&self, in_slices: bool) -> String {
        let mut words = match self {
            Self::Mean { support } => vec!["mean".to_owned(), support.to_string()],
            Self::LaplacianOfGaussian { sigma_mm, cutoff } => {
                let mut words = vec!["log".to_owned(), format!("{sigma_mm}mm")];
                words.extend(cutoff.map(|cutoff| format!("cutoff_{cutoff}")));
                words
            }
            Self::Laws { kernels, rotation_invariant, energy_distance } => {
                let mut words = vec!["laws".to_owned(), kernels.to_lowercase()];
                words.extend(energy_distance.map(|distance| format!("energy_{distance}")));
                words.extend(rotation_invariant.then(|| "invar".to_owned()));
                words
            }
            Self::Gabor { .. } => self.gabor_words(),
            Self::Wavelet { wavelet, decomposition, level, rotation_invariant, pooling } => {
                let decomposition = decomposition.as_deref().unwrap_or_default().to_lowercase();
                let level = level.unwrap_or(1).to_string();
                let mut words = vec!["wavelet".to_owned(), wavelet.clone(), decomposition, level];
                words.extend(rotation_invariant.then(|| "invar".to_owned()));
                words.extend((*pooling == Some(Pooling::Max)).then(|| "max".to_owned()));
                words
            }
            Self::NonseparableWavelet { wavelet, level } => {
                let name = match wavelet {
                    NonseparableWavelet::Shannon => "shannon",
                    NonseparableWavelet::Simoncelli => "simoncelli",
                };
                vec!["wavelet".to_owned(), name.to_owned(), level.unwrap_or(1).to_string()]
            }
            Self::Square => vec!["square".to_owned()],
            Self::SquareRoot => vec!["squareroot".to_owned()],
            Self::Logarithm => vec!["logarithm".to_owned()],
            Self::Exponential => vec!["exponential".to_owned()],
            Self::Gradient => vec!["gradient".to_owned()],
        };
        words.extend(in_slices.then(|| "2d".to_owned()));
        words.join("_").replace('.', "_") + "_"
    }

    fn gabor_words(&self) -> Vec<String> {
        let Self::Gabor {
            sigma_mm,
            wavelength_mm,
            aspect_ratio,
            angle_degrees,
            angle_step_degrees,
            orthogonal_planes,
            pooling,
        } = self
        else {
            return Vec::new();
        };
        let mut words =
            vec!["gabor".to_owned(), format!("{sigma_mm}mm"), format!("{wavelength_mm}mm")];
        words.extend(aspect_ratio.map(|ratio| format!("aspect_{ratio}")));
        words.push(match angle_step_degrees {
            Some(step) => format!("step_{step}"),
            None => format!("angle_{angle_degrees}"),
        });
        words.extend(orthogonal_planes.then(|| "planes".to_owned()));
        words.extend((*pooling == Some(Pooling::Max)).then(|| "max".to_owned()));
        words
    }

    /// Checks every field; the problem names the one that is out of its range.
    pub(crate) fn problem(&self, in_slices: bool) -> Option<String> {
        match self {
            Self::Mean { support } if support % 2 == 0 || *support > 999 => {
                Some(format!("support must be an odd number below 1000, got {support}"))
            }
            Self::LaplacianOfGaussian { sigma_mm, cutoff } => length("sigma_mm", *sigma_mm)
                .or_else(|| match cutoff {
                    Some(cutoff) if !(*cutoff > 0.0 && *cutoff <= 10.0) => {
                        Some(format!("cutoff must be above 0 to 10, got {cutoff}"))
                    }
                    _ => None,
                }),
            Self::Laws { kernels, energy_distance, .. } => {
                let expected = if in_slices { 2 } else { 3 };
                if crate::processing::laws_axes(kernels) != Some(expected) {
                    return Some(format!(
                        "kernels must be {expected} of L3, L5, E3, E5, S3, S5, W5 and R5 in one word \
                         such as L5E5E5, got `{kernels}`"
                    ));
                }
                match energy_distance {
                    Some(distance) if *distance > 500 => {
                        Some(format!("energy_distance must be at most 500, got {distance}"))
                    }
                    _ => None,
                }
            }
            Self::Gabor { .. } => self.gabor_problem(in_slices),
            Self::Wavelet { wavelet, decomposition, level, .. } => {
                wavelet_problem(wavelet, decomposition.as_deref(), *level, in_slices)
            }
            Self::NonseparableWavelet { level, .. } => level_problem(*level),
            _ => None,
        }
    }

    fn gabor_problem(&self, in_slices: bool) -> Option<String> {
        let Self::Gabor {
            sigma_mm,
            wavelength_mm,
            aspect_ratio,
            angle_degrees,
            angle_step_degrees,
            orthogonal_planes,
            ..
        } = self
        else {
            return None;
        };
        let range = || match (aspect_ratio, angle_step_degrees) {
            (Some(ratio), _) if !(0.05..=20.0).contains(ratio) => {
                Some(format!("aspect_ratio must be from 0.05 to 20, got {ratio}"))
            }
            (_, Some(step)) if !(1.0..=360.0).contains(step) => {
                Some(format!("angle_step_degrees must be from 1 to 360, got {step}"))
            }
            _ if !angle_degrees.is_finite() => {
                Some(format!("angle_degrees must be a finite number, got {angle_degrees}"))
            }
            _ if in_slices && *orthogonal_planes => {
                Some("orthogonal_planes and filter_in_slices exclude each other".to_owned())
            }
            _ => None,
        };
        length("sigma_mm", *sigma_mm)
            .or_else(|| length("wavelength_mm", *wavelength_mm))
            .or_else(range)
    }
}

fn length(field: &str, value: f64) -> Option<String> {
    let fine = value.is_finite() && value > 0.0 && value <= 100.0;
    (!fine).then(|| format!("{field} must be above 0 to 100, got {value}"))
}

fn level_problem(level: Option<usize>) -> Option<String> {
    match level {
        Some(level) if !(1..=8).contains(&level) => {
            Some(format!("level must be from 1 to 8, got {level}"))
        }
        _ => None,
    }
}

fn wavelet_problem(
    wavelet: &str,
    decomposition: Option<&str>,
    level: Option<usize>,
    in_slices: bool,
) -> Option<String> {
    if Wavelet::named(wavelet).is_none() {
        return Some(format!("wavelet must be one such as haar, db2 or coif1, got `{wavelet}`"));
    }
    let axes = if in_slices { 2 } else { 3 };
    let fits =
        |word: &str| word.len() == axes && word.bytes().all(|letter| b"LH".contains(&letter));
    match decomposition {
        Some(word) if !fits(word) => {
            Some(format!("decomposition must be {axes} of L and H such as LLH, got `{word}`"))
        }
        _ => level_problem(level),
    }
}
