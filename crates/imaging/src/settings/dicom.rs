//! What is done with a DICOM series that is no even grid of one volume.

use serde::{Deserialize, Serialize};

use super::ImagingSettings;
use crate::Error;

/// What is done where slices of a DICOM series are missing or unevenly spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceGaps {
    /// The series is refused and the place named.
    #[default]
    Refuse,
    /// Slices are interpolated linearly onto an even grid, as far apart as most are.
    Interpolate,
}

/// What is done with a DICOM series of a tilted gantry, whose slices are shifted against each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tilt {
    /// The series is refused and the angle named.
    #[default]
    Refuse,
    /// Slices are moved within their planes, linearly interpolated, onto a grid wide enough for all;
    /// what none covers gets the least intensity of the series.
    Resample,
}

/// The unit that a PET is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PetUnit {
    /// The one that the file has, such as `BQML`.
    #[default]
    Stored,
    /// The standardized uptake value by body weight, in g/ml.
    SuvBw,
}

impl ImagingSettings {
    pub(super) fn check_dicom(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::Settings(message));
        if self.series.as_deref().is_some_and(|series| series.trim().is_empty()) {
            return refuse("series must name a series or be left out, got an empty text".into());
        }
        if self.volume == Some(0) {
            return refuse("volume counts from 1, got 0".into());
        }
        match self.padding_value {
            Some(value) if !value.is_finite() => {
                refuse(format!("padding_value must be a finite number, got {value}"))
            }
            _ => Ok(()),
        }
    }
}
