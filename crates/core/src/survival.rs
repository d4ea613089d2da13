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

/// The probability of surviving past a time, from 0 to 1: **higher is better**.
///
/// A risk does not pass for a probability:
///
/// ```compile_fail,E0308
/// use oncoweave_core::{Risk, Survival, brier::brier_at};
/// let outcomes = [Survival { time_days: 1.0, event: true }, Survival { time_days: 2.0, event: false }];
/// brier_at(&outcomes, &outcomes, &[Risk(0.3), Risk(0.1)], 1.0);
/// ```
///
/// nor a probability for a risk, which would turn every concordance round:
///
/// ```compile_fail,E0308
/// use oncoweave_core::{Survival, SurvivalProbability, concordance::harrell_c};
/// let outcomes = [Survival { time_days: 1.0, event: true }, Survival { time_days: 2.0, event: false }];
/// harrell_c(&outcomes, &[SurvivalProbability(0.3), SurvivalProbability(0.9)]);
/// ```
///
/// nor a hazard for either:
///
/// ```compile_fail,E0308
/// use oncoweave_core::{CumulativeHazard, Survival, brier::brier_at};
/// let outcomes = [Survival { time_days: 1.0, event: true }, Survival { time_days: 2.0, event: false }];
/// brier_at(&outcomes, &outcomes, &[CumulativeHazard(0.3), CumulativeHazard(0.1)], 1.0);
/// ```
///
/// What is right compiles:
///
/// ```
/// use oncoweave_core::{Survival, SurvivalProbability, brier::brier_at};
/// let outcomes = [Survival { time_days: 1.0, event: true }, Survival { time_days: 2.0, event: false }];
/// let probabilities = [SurvivalProbability(0.3), SurvivalProbability(0.9)];
/// assert!(brier_at(&outcomes, &outcomes, &probabilities, 1.0).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SurvivalProbability(pub f64);

/// The probability of an event of one cause by a time while other causes may come first, from 0 to
/// 1: higher is worse. Not one less survival: that would take the other causes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incidence(pub f64);

/// A hazard summed over time, 0 or more; not a probability.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CumulativeHazard(pub f64);

impl CumulativeHazard {
    /// The probability of surviving such a hazard.
    #[must_use]
    pub fn survival(self) -> SurvivalProbability {
        SurvivalProbability((-self.0).exp())
    }

    /// The hazard of somebody who has so many times the relative hazard, 0 or more.
    #[must_use]
    pub fn times(self, ratio: f64) -> Self {
        // Zero hazard times an infinite ratio is no number.
        Self(if self.0 <= 0.0 { 0.0 } else { self.0 * ratio })
    }
}

/// Follow-up of a patient who came under observation only after the index date, and would not be
/// among the patients at all had the event come before: left truncation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftTruncated {
    /// Days from the index date to the begin of observation. The patient is at risk after this
    /// time, up to the end of follow-up and including it.
    pub entry_days: f64,
    /// The end of follow-up, in days from the index date too.
    pub exit: Survival,
}

/// Why an entry time cannot belong to a follow-up.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "observation must begin on a finite day before follow-up ends: \
     it begins on day {entry_days} and ends on day {exit_days}"
)]
pub struct InvalidEntry {
    /// The refused begin.
    pub entry_days: f64,
    /// The end of follow-up.
    pub exit_days: f64,
}

impl LeftTruncated {
    /// Pairs a follow-up with the time that observation began at.
    ///
    /// # Errors
    /// When it does not begin before follow-up ends, or is no finite number.
    pub fn new(entry_days: f64, exit: Survival) -> Result<Self, InvalidEntry> {
        if entry_days.is_finite() && entry_days < exit.time_days {
            Ok(Self { entry_days, exit })
        } else {
            Err(InvalidEntry { entry_days, exit_days: exit.time_days })
        }
    }
}

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

    #[test]
    fn observation_begins_before_it_ends() {
        let exit = Survival { time_days: 5.0, event: true };
        assert!(LeftTruncated::new(0.0, exit).is_ok());
        for entry_days in [5.0, 6.0, f64::NAN, f64::NEG_INFINITY] {
            assert!(LeftTruncated::new(entry_days, exit).is_err());
        }
    }
}
