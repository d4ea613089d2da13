//! The Nelson-Aalen estimate of a cumulative hazard.

use crate::inference::Z_95;
use crate::kaplan_meier::{Counts, counts};
use crate::{CumulativeHazard, Survival};

/// A cumulative hazard, a step function of time. Aalen, Ann Stat 1978;6:701.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NelsonAalen {
    /// One step for each distinct time at which anybody had the event or was censored.
    pub steps: Vec<HazardStep>,
}

/// A cumulative hazard from one time up to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HazardStep {
    /// Days from the index date.
    pub time_days: f64,
    /// Patients under observation just before.
    pub at_risk: usize,
    /// Events at this time.
    pub events: usize,
    /// Patients censored at this time.
    pub censored: usize,
    /// The cumulative hazard up to this time and including it.
    pub hazard: CumulativeHazard,
    /// Its variance: the sum of events / at risk², Aalen's.
    pub variance: f64,
    /// The lower bound of its pointwise 95 % interval, log transformed; 0 before the first event.
    pub low: CumulativeHazard,
    /// The upper bound.
    pub high: CumulativeHazard,
}

impl NelsonAalen {
    /// Fits the hazard; without patients it has no step. Who came under observation late is at risk
    /// after the time of entry only.
    #[must_use]
    pub fn fit(outcomes: &[Survival]) -> Self {
        let (mut hazard, mut variance) = (0.0, 0.0_f64);
        let step = |Counts { time_days, at_risk, events, censored }| {
            hazard += events as f64 / at_risk as f64;
            variance += events as f64 / (at_risk as f64).powi(2);
            let factor = if hazard > 0.0 { (Z_95 * variance.sqrt() / hazard).exp() } else { 1.0 };
            HazardStep {
                time_days,
                at_risk,
                events,
                censored,
                hazard: CumulativeHazard(hazard),
                variance,
                low: CumulativeHazard(hazard / factor),
                high: CumulativeHazard(hazard * factor),
            }
        };
        Self { steps: counts(outcomes).map(step).collect() }
    }

    /// The cumulative hazard up to a time; after the last follow-up it stays as it was.
    #[must_use]
    pub fn hazard_at(&self, time_days: f64) -> CumulativeHazard {
        let passed = self.steps.partition_point(|step| step.time_days <= time_days);
        passed.checked_sub(1).map_or(CumulativeHazard(0.0), |last| self.steps[last].hazard)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn sums_events_over_those_at_risk() {
        let all = [(1.0, true), (2.0, false), (3.0, true), (3.0, true)]
            .map(|(time_days, event)| Survival::until(time_days, event));
        let curve = NelsonAalen::fit(&all);
        let found: Vec<_> = curve.steps.iter().map(|s| (s.hazard.0, s.variance)).collect();
        assert_eq!(found, [(0.25, 0.0625), (0.25, 0.0625), (1.25, 0.5625)]);
        for (time, hazard) in [(0.5, 0.0), (1.0, 0.25), (2.9, 0.25), (9.0, 1.25)] {
            assert_eq!(curve.hazard_at(time).0, hazard, "day {time}");
        }
        assert!(curve.steps.iter().all(|s| s.low <= s.hazard && s.hazard <= s.high));
    }

    #[test]
    fn nobody_and_no_event_have_no_hazard() {
        assert!(NelsonAalen::fit(&[]).steps.is_empty());
        assert_eq!(NelsonAalen::fit(&[]).hazard_at(1.0).0, 0.0);
        let censored = [Survival::until(1.0, false)];
        let step = NelsonAalen::fit(&censored).steps[0];
        assert_eq!((step.low.0, step.hazard.0, step.high.0), (0.0, 0.0, 0.0));
    }
}
