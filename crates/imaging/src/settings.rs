use serde::{Deserialize, Serialize};

use crate::Error;

/// How a region is chosen and its intensities are binned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagingSettings {
    /// The RTSTRUCT structure or SEG segment to measure, by name as the file has it or by number;
    /// `None` takes the only one.
    pub roi: Option<String>,
    /// The label of a NIfTI mask to measure; `None` takes the only one.
    pub label: Option<u32>,
    /// Fixed bin size in the image's unit (IBSI Q3RU). Excludes `bin_count`.
    pub bin_width: Option<f64>,
    /// Where the first bin of fixed size starts; `None` is the least intensity of the region. A
    /// start shared by all patients keeps their bins comparable.
    pub bin_start: Option<f64>,
    /// Fixed number of bins between the region's least and greatest intensity (IBSI K15C). 32 when
    /// neither is given.
    pub bin_count: Option<u32>,
}

/// How intensities become grey levels.
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
    /// The most grey levels that a texture matrix may have.
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
            (Some(width), None) => Ok(Binning::Width { width, start: self.bin_start }),
            (None, count) => match count.unwrap_or(Self::DEFAULT_BIN_COUNT) {
                count @ 2..=Self::MAX_LEVELS => Ok(Binning::Count(count)),
                count => {
                    refuse(format!("bin_count must be from 2 to {}, got {count}", Self::MAX_LEVELS))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
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
}
