use serde::{Deserialize, Serialize};

/// Right-censored follow-up of one patient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survival {
    /// Days from the index date to the event or to the last contact; finite, not negative.
    pub time_days: f64,
    /// Whether the event was observed; `false` is censored.
    pub event: bool,
}

/// Why a number cannot be a follow-up time.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("follow-up must be a finite number of days, zero or more, got {time_days}")]
pub struct InvalidSurvival {
    /// The refused time.
    pub time_days: f64,
}

impl Survival {
    /// Pairs a time with its event.
    ///
    /// # Errors
    /// When the time is negative, infinite or not a number.
    pub fn new(time_days: f64, event: bool) -> Result<Self, InvalidSurvival> {
        if time_days.is_finite() && time_days >= 0.0 {
            Ok(Self { time_days, event })
        } else {
            Err(InvalidSurvival { time_days })
        }
    }
}

/// A relative risk on any scale: **higher is worse**. Not a probability and not a survival time.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Risk(pub f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_time() {
        assert!(Survival::new(0.0, true).is_ok());
        for time_days in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(Survival::new(time_days, true).is_err());
        }
    }
}
