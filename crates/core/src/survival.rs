use serde::{Deserialize, Serialize};

use crate::Undefined;

/// Right-censored follow-up of one patient, left-truncated where it began late.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survival {
    /// Days from the index date to the event or to the last contact; finite, not negative.
    pub time_days: f64,
    /// Whether the event was observed; `false` is censored.
    pub event: bool,
    /// Days from the index date to the begin of observation, where the patient would not be among
    /// the patients at all had the event come before: left truncation. The patient is at risk after
    /// this time alone. `None` is at risk from the index date on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_days: Option<f64>,
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
            Ok(Self::until(time_days, event))
        } else {
            Err(InvalidSurvival { time_days })
        }
    }

    /// Follow-up from the index date on up to a time, which is not checked.
    #[must_use]
    pub const fn until(time_days: f64, event: bool) -> Self {
        Self { time_days, event, entry_days: None }
    }

    /// The same follow-up where observation began at a time.
    ///
    /// # Errors
    /// When it does not begin before follow-up ends, or is no finite number.
    pub fn entered(self, entry_days: f64) -> Result<Self, InvalidEntry> {
        if entry_days.is_finite() && entry_days < self.time_days {
            Ok(Self { entry_days: Some(entry_days), ..self })
        } else {
            Err(InvalidEntry { entry_days, exit_days: self.time_days })
        }
    }

    /// The same follow-up where observation began at a time that tables have: one that is missing, or
    /// not after the index date, is no late entry.
    ///
    /// # Errors
    /// As [`entered`](Self::entered).
    pub fn entered_late(self, entry_days: Option<f64>) -> Result<Self, InvalidEntry> {
        match entry_days {
            None => Ok(self),
            Some(days) if days.is_finite() && days <= 0.0 => Ok(self),
            Some(days) => self.entered(days),
        }
    }

    /// The same follow-up where it ends at a time at the latest; `None` of who had not entered by
    /// then.
    #[must_use]
    pub fn ended(self, time_days: f64) -> Option<Self> {
        let event = self.event && self.time_days <= time_days;
        let ended = Self { time_days: self.time_days.min(time_days), event, ..self };
        self.has_entered(ended.time_days).then_some(ended)
    }

    /// Whether observation began before a time.
    #[must_use]
    pub fn has_entered(&self, time_days: f64) -> bool {
        self.entry_days.is_none_or(|entry| entry < time_days)
    }
}

/// The late entries with their rows, the latest first.
pub(crate) fn latest_entries(outcomes: &[Survival]) -> Vec<(f64, usize)> {
    let late = outcomes.iter().enumerate();
    let late = late.filter_map(|(row, outcome)| Some((outcome.entry_days?, row)));
    let mut entries: Vec<(f64, usize)> = late.collect();
    entries.sort_by(|a, b| b.0.total_cmp(&a.0));
    entries
}

/// What late entries do not allow: those who are seen have lived long enough for it, so that a share
/// of them is none of all.
pub(crate) const SHARES: &str = "setting shares of patients against observed ones";

/// Refuses a figure that is not defined for patients who entered late.
pub(crate) fn from_the_index_date(
    what: &'static str,
    mut entry_days: impl Iterator<Item = Option<f64>>,
) -> Result<(), Undefined> {
    let late = entry_days.any(|entry| entry.is_some());
    if late { Err(Undefined::LateEntries { what }) } else { Ok(()) }
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
/// let outcomes = [Survival::until(1.0, true), Survival::until(2.0, false)];
/// brier_at(&outcomes, &outcomes, &[Risk(0.3), Risk(0.1)], 1.0);
/// ```
///
/// nor a probability for a risk, which would turn every concordance round:
///
/// ```compile_fail,E0308
/// use oncoweave_core::{Survival, SurvivalProbability, concordance::harrell_c};
/// let outcomes = [Survival::until(1.0, true), Survival::until(2.0, false)];
/// harrell_c(&outcomes, &[SurvivalProbability(0.3), SurvivalProbability(0.9)]);
/// ```
///
/// nor a hazard for either:
///
/// ```compile_fail,E0308
/// use oncoweave_core::{CumulativeHazard, Survival, brier::brier_at};
/// let outcomes = [Survival::until(1.0, true), Survival::until(2.0, false)];
/// brier_at(&outcomes, &outcomes, &[CumulativeHazard(0.3), CumulativeHazard(0.1)], 1.0);
/// ```
///
/// nor, of one patient, a probability for a hazard, of which one less the other is made:
///
/// ```compile_fail,E0308
/// use ndarray::array;
/// use oncoweave_core::{SurvivalProbability, competing_risks::incidence_of_hazards};
/// incidence_of_hazards(&array![[SurvivalProbability(0.9), SurvivalProbability(0.3)]]);
/// ```
///
/// nor an observed incidence for survival, the other way round:
///
/// ```compile_fail,E0308
/// use oncoweave_core::{SurvivalProbability, competing_risks::{CompetingOutcome, CumulativeIncidence}};
/// let curve = CumulativeIncidence::fit(&[CompetingOutcome::until(1.0, Some(1))], 1).unwrap();
/// let _alive: SurvivalProbability = curve.incidence_at(1.0);
/// ```
///
/// What is right compiles:
///
/// ```
/// use oncoweave_core::{Survival, SurvivalProbability, brier::brier_at};
/// let outcomes = [Survival::until(1.0, true), Survival::until(2.0, false)];
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
        let exit = Survival::until(5.0, true);
        let late = exit.entered(0.0).unwrap();
        assert!(late.has_entered(0.5) && !late.has_entered(0.0) && exit.has_entered(0.0));
        assert_eq!(exit.ended(3.0), Some(Survival::until(3.0, false)));
        assert_eq!(late.ended(9.0), Some(late));
        assert_eq!(exit.entered(4.0).unwrap().ended(4.0), None);
        for entry_days in [5.0, 6.0, f64::NAN, f64::NEG_INFINITY] {
            assert!(exit.entered(entry_days).is_err());
            assert!(exit.entered_late(Some(entry_days)).is_err());
        }
        for none_late in [None, Some(0.0), Some(-3.5)] {
            assert_eq!(exit.entered_late(none_late), Ok(exit));
        }
        assert_eq!(exit.entered_late(Some(4.0)), exit.entered(4.0));
    }
}
