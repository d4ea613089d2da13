use serde::{Deserialize, Serialize};

use crate::{Error, Interpolation};

/// Which pieces of an image an embedding model sees, and on which scale; see
/// [`patches`](crate::patches).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchSettings {
    /// Voxels of a patch along its width and height, and along its depth for a 3D model.
    pub size: Vec<usize>,
    /// The voxel spacing in mm to resample to, in the order of `size`; a third number beside a
    /// `size` of two is the distance of slices. `None` keeps the image's own.
    #[serde(default)]
    pub spacing_mm: Option<Vec<f64>>,
    /// Instead of a spacing: the patch is scaled to the region's bounding box with so many mm on
    /// each side, equally along its axes. Excludes `spacing_mm`.
    #[serde(default)]
    pub fit_margin_mm: Option<f64>,
    /// The plane that width and height lie in.
    #[serde(default)]
    pub plane: Plane,
    /// What of the region, or of its section by the slice, is in the patch's middle.
    #[serde(default)]
    pub center: Center,
    /// Which slices 2D patches are cut from.
    #[serde(default)]
    pub slices: Slices,
    /// With `slices = "all"`: every k-th slice; 1 when not given.
    #[serde(default)]
    pub slice_step: Option<usize>,
    /// Whether a region larger than a patch is covered by several side by side.
    #[serde(default)]
    pub tile: bool,
    /// Channels of a patch, 1 or 3; 1 when not given.
    #[serde(default)]
    pub channels: Option<usize>,
    /// What three channels hold.
    #[serde(default)]
    pub channel_slices: ChannelSlices,
    /// How intensities are resampled.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// The least and the greatest intensity in the image's unit; what lies beyond is set to them.
    #[serde(default)]
    pub window: Option<[f64; 2]>,
    /// The scale of the patch's values.
    #[serde(default)]
    pub normalization: Normalization,
    /// The intensity in the image's unit beyond the image's edge and of voxels that are no finite
    /// number; `None` is the window's lower end, or the least intensity of the image.
    #[serde(default)]
    pub pad: Option<f64>,
}

/// The plane of a patch's width and height, with the image's own axes taken for the patient's axes
/// that they are nearest to: nothing is turned by less than a right angle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plane {
    /// Width grows to the patient's left, height to the back, depth to the head.
    #[default]
    Axial,
    /// Width grows to the patient's left, height to the feet, depth to the back.
    Coronal,
    /// Width grows to the patient's back, height to the feet, depth to the left.
    Sagittal,
}

/// The middle of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Center {
    /// The middle of its bounding box.
    #[default]
    BoundingBox,
    /// The mean of its voxels' positions.
    Centroid,
}

/// The slices that 2D patches are cut from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slices {
    /// The one where the region has most voxels, of several the first.
    #[default]
    Largest,
    /// Those where the region has voxels, or every k-th of them; the rest is left out on both sides.
    All,
}

/// What the three channels of a patch hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelSlices {
    /// The same three times.
    #[default]
    Repeat,
    /// Of a 2D patch the slice before it, itself, and the slice after it, as depth grows.
    Neighbors,
}

/// The scale of a patch's values after resampling and windowing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// As they are.
    #[default]
    None,
    /// 0 at the window's lower end and 1 at its upper one; without a window at the least and the
    /// greatest intensity of the image.
    Range,
    /// The mean of the image, windowed, is 0 and its population standard deviation 1.
    ZScore,
    /// `range`, then torchvision's mean and standard deviation of `ImageNet` for red, green, blue.
    Imagenet,
    /// `range`, then torchvision's mean and standard deviation of Kinetics-400, which its video
    /// networks such as `r3d_18` were trained with.
    Kinetics,
}

impl Normalization {
    /// The mean and the standard deviation that a channel's values are brought to 0 and 1 by.
    pub(crate) fn channel(self, channel: usize) -> [f32; 2] {
        match self {
            Self::None | Self::Range | Self::ZScore => [0.0, 1.0],
            Self::Imagenet => [[0.485, 0.229], [0.456, 0.224], [0.406, 0.225]][channel],
            Self::Kinetics => {
                [[0.43216, 0.22803], [0.394_666, 0.22145], [0.37645, 0.216_989]][channel]
            }
        }
    }
}

impl PatchSettings {
    /// The most voxels along an edge of a patch.
    pub const MAX_EDGE: usize = 1024;
    /// The most values of one patch: 256 MiB of them.
    pub const MAX_VALUES: usize = 1 << 26;
    const SPACING_MM: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

    /// Whether patches have a depth.
    #[must_use]
    pub fn is_3d(&self) -> bool {
        self.size.len() == 3
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels.unwrap_or(1)
    }

    /// The shape of one patch: channels, depth where it has one, height, width.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        std::iter::once(self.channels()).chain(self.size.iter().rev().copied()).collect()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// When a field is out of its range, or two exclude each other; the message names the field.
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::Settings(format!("patch.{message}")));
        let edges = 1..=Self::MAX_EDGE;
        if !(matches!(self.size.len(), 2 | 3) && self.size.iter().all(|edge| edges.contains(edge)))
        {
            return refuse(format!(
                "size must be two or three numbers from 1 to {}, got {:?}",
                Self::MAX_EDGE,
                self.size
            ));
        }
        if !matches!(self.channels(), 1 | 3) {
            return refuse(format!("channels must be 1 or 3, got {}", self.channels()));
        }
        let values: usize = self.shape().iter().product();
        if values > Self::MAX_VALUES {
            return refuse(format!(
                "size and channels give {values} values, expected at most {}",
                Self::MAX_VALUES
            ));
        }
        self.check_scale()?;
        if self.is_3d() && self.slices == Slices::All {
            return refuse("slices = \"all\" needs a size of two numbers".to_owned());
        }
        match self.slice_step {
            Some(0) => return refuse("slice_step must be 1 or more, got 0".to_owned()),
            Some(_) if self.slices == Slices::Largest => {
                return refuse("slice_step needs slices = \"all\" beside it".to_owned());
            }
            _ => {}
        }
        if self.channel_slices == ChannelSlices::Neighbors && (self.is_3d() || self.channels() != 3)
        {
            return refuse(
                "channel_slices = \"neighbors\" needs channels = 3 and a size of two numbers"
                    .to_owned(),
            );
        }
        self.check_intensities()
    }

    fn check_scale(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::Settings(format!("patch.{message}")));
        if let Some(spacing) = &self.spacing_mm {
            let is_long_enough = (self.size.len()..=3).contains(&spacing.len());
            if !(is_long_enough && spacing.iter().all(|edge| Self::SPACING_MM.contains(edge))) {
                return refuse(format!(
                    "spacing_mm must be {} numbers from 0.001 to 1000, got {spacing:?}",
                    if self.is_3d() { "three" } else { "two or three" }
                ));
            }
        }
        match self.fit_margin_mm {
            Some(_) if self.spacing_mm.is_some() => {
                refuse("spacing_mm and fit_margin_mm exclude each other: give one".to_owned())
            }
            Some(margin) if !(0.0..=1000.0).contains(&margin) => {
                refuse(format!("fit_margin_mm must be from 0 to 1000, got {margin}"))
            }
            _ => Ok(()),
        }
    }

    fn check_intensities(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::Settings(format!("patch.{message}")));
        if let Some([low, high]) = self.window
            && !(low.is_finite() && high.is_finite() && low < high)
        {
            return refuse(format!(
                "window must be two ascending finite numbers, got {low} and {high}"
            ));
        }
        if let Some(pad) = self.pad.filter(|pad| !pad.is_finite()) {
            return refuse(format!("pad must be a finite number, got {pad}"));
        }
        let is_of_colors =
            matches!(self.normalization, Normalization::Imagenet | Normalization::Kinetics);
        if is_of_colors && self.channels() != 3 {
            return refuse(
                "normalization \"imagenet\" and \"kinetics\" need channels = 3".to_owned(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_field_that_is_out_of_range() {
        let large = "size = [1024, 1024, 1024]";
        for (text, expected) in [
            ("size = [224, 224]", None),
            ("size = [16, 112, 112]\nspacing_mm = [1, 1, 2]\nchannels = 3", None),
            ("size = [8, 8]\nspacing_mm = [1, 1, 3]\nslices = 'all'\nslice_step = 2", None),
            ("size = [8]", Some("size must be two")),
            ("size = [0, 8]", Some("size must be two")),
            ("size = [8, 2000]", Some("size must be two")),
            (large, Some("size and channels")),
            ("size = [8, 8]\nchannels = 2", Some("channels must")),
            ("size = [8, 8]\nspacing_mm = [1]", Some("spacing_mm must be two or")),
            ("size = [8, 8, 8]\nspacing_mm = [1, 1]", Some("spacing_mm must be three")),
            ("size = [8, 8]\nspacing_mm = [1, 0]", Some("spacing_mm must")),
            ("size = [8, 8]\nspacing_mm = [1, 1]\nfit_margin_mm = 1", Some("spacing_mm and fit")),
            ("size = [8, 8]\nfit_margin_mm = -1", Some("fit_margin_mm must")),
            ("size = [8, 8, 8]\nslices = 'all'", Some("slices")),
            ("size = [8, 8]\nslices = 'all'\nslice_step = 0", Some("slice_step must")),
            ("size = [8, 8]\nslice_step = 2", Some("slice_step needs")),
            ("size = [8, 8]\nchannel_slices = 'neighbors'", Some("channel_slices")),
            ("size = [8, 8]\nwindow = [1, 1]", Some("window must")),
            ("size = [8, 8]\nwindow = [0, inf]", Some("window must")),
            ("size = [8, 8]\npad = nan", Some("pad must")),
            ("size = [8, 8]\nnormalization = 'imagenet'", Some("normalization")),
        ] {
            let settings: PatchSettings = toml::from_str(text).unwrap();
            let found = settings.check().map_err(|error| error.to_string());
            match expected {
                None => assert_eq!(found, Ok(()), "{text}"),
                Some(start) => {
                    let found = found.expect_err(text);
                    let start = format!("imaging setting patch.{start}");
                    assert!(found.starts_with(&start), "{text}: {found}");
                }
            }
        }
        assert!(toml::from_str::<PatchSettings>("size = [8, 8]\nplanes = 'axial'").is_err());
        assert!(toml::from_str::<PatchSettings>("plane = 'axial'").is_err());
    }

    #[test]
    fn a_shape_goes_from_channels_to_width() {
        let shape = |text: &str| toml::from_str::<PatchSettings>(text).unwrap().shape();
        assert_eq!(shape("size = [3, 2]"), [1, 2, 3]);
        assert_eq!(shape("size = [4, 3, 2]\nchannels = 3"), [3, 2, 3, 4]);
    }
}
