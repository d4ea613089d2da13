//! The Kaplan-Meier curve of censoring, for weights.

use super::counts::counts;
use crate::{Survival, Undefined, survival::from_the_index_date};

/// What late entries do not allow.
const WEIGHING: &str = "weighing by censoring";

/// The distribution of censoring, for inverse probability of censoring weights.
///
/// Where events and censorings fall on one time, events come first. The curve is taken at a time
/// (not just before it), as in scikit-survival.
#[derive(Clone, Debug)]
pub struct Censoring {
    // (time, probability of being uncensored past it), one entry for each distinct time.
    steps: Vec<(f64, f64)>,
}

impl Censoring {
    /// Estimates the distribution by the reversed Kaplan-Meier method.
    ///
    /// # Errors
    /// When some patients entered late: who left before anybody would have entered is not known.
    pub fn fit(train: &[Survival]) -> Result<Self, Undefined> {
        from_the_index_date(WEIGHING, train.iter().map(|outcome| outcome.entry_days))?;
        let mut uncensored = 1.0;
        let steps = counts(train)
            .map(|now| {
                let at_risk = now.at_risk - now.events;
                if now.censored > 0 {
                    uncensored *= (at_risk - now.censored) as f64 / at_risk as f64;
                }
                (now.time_days, uncensored)
            })
            .collect();
        Ok(Self { steps })
    }

    /// The same where others are to be weighed by it.
    ///
    /// # Errors
    /// When some of either entered late.
    pub(crate) fn of_both(train: &[Survival], weighed: &[Survival]) -> Result<Self, Undefined> {
        from_the_index_date(WEIGHING, weighed.iter().map(|outcome| outcome.entry_days))?;
        Self::fit(train)
    }

    /// The probability G(t) of being uncensored past a time, above 0.
    ///
    /// # Errors
    /// When the time is past everybody's follow-up, or all who were left by then were censored.
    pub fn uncensored(&self, time_days: f64) -> Result<f64, Undefined> {
        let last_days = self.steps.last().ok_or(Undefined::NoPatient)?.0;
        let passed = self.steps.partition_point(|step| step.0 <= time_days);
        let probability = passed.checked_sub(1).map_or(1.0, |last| self.steps[last].1);
        if time_days <= last_days && probability > 0.0 {
            Ok(probability)
        } else {
            Err(Undefined::CensoringUnknown { time_days, last_days })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kaplan_meier::tests::outcomes;

    #[test]
    fn events_come_before_censorings_at_one_time() {
        let censoring =
            Censoring::fit(&outcomes(&[(1.0, true), (1.0, false), (2.0, false), (3.0, true)]))
                .unwrap();
        assert_eq!(censoring.uncensored(0.5), Ok(1.0));
        // Three were still there when one of them was censored.
        assert_eq!(censoring.uncensored(1.0), Ok(2.0 / 3.0));
        assert_eq!(censoring.uncensored(3.0), Ok(1.0 / 3.0));
    }

    #[test]
    fn censoring_is_unknown_past_follow_up_and_when_all_are_censored() {
        let censoring = Censoring::fit(&outcomes(&[(1.0, true), (2.0, false)])).unwrap();
        for time_days in [2.0, 3.0] {
            let unknown = Undefined::CensoringUnknown { time_days, last_days: 2.0 };
            assert_eq!(censoring.uncensored(time_days), Err(unknown));
        }
        let nobody = Censoring::fit(&[]).unwrap();
        assert_eq!(nobody.uncensored(1.0), Err(Undefined::NoPatient));
        let late = Survival::until(2.0, false).entered(1.0).unwrap();
        assert!(matches!(Censoring::fit(&[late]), Err(Undefined::LateEntries { .. })));
    }
}
