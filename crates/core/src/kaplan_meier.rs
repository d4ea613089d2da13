//! Kaplan-Meier curves: of survival for people, of censoring for weights.

use crate::inference::Z_95;
use crate::{Survival, SurvivalProbability, Undefined};

mod censoring;
mod counts;

pub use censoring::Censoring;
pub(crate) use counts::{Counts, counts};
use counts::{entries, to_come};

// Products of fractions miss one half by rounding: R uses a tolerance for the same reason.
const HALF: f64 = 0.5 + 1e-9;

/// A Kaplan-Meier curve. Kaplan and Meier, J Am Stat Assoc 1958;53:457.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KaplanMeier {
    /// One step for each distinct time at which anybody had the event or was censored.
    pub steps: Vec<Step>,
    /// The times of late entries, rising.
    entries: Vec<f64>,
}

/// A Kaplan-Meier curve from one time up to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Days from the index date.
    pub time_days: f64,
    /// Patients under observation just before.
    pub at_risk: usize,
    /// Events at this time.
    pub events: usize,
    /// Patients censored at this time.
    pub censored: usize,
    /// The probability of surviving past this time.
    pub survival: f64,
    /// The lower bound of its pointwise 95 % interval, log-minus-log transformed.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// The median survival time; each part is `None` where the curve or its band does not fall to
/// one half.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Median {
    /// The first time at which survival is at most one half.
    pub days: Option<f64>,
    /// The lower bound of its 95 % interval: where the lower band falls to one half. Brookmeyer
    /// and Crowley, Biometrics 1982;38:29.
    pub low: Option<f64>,
    /// The upper bound.
    pub high: Option<f64>,
}

/// A mean survival time up to a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestrictedMean {
    /// The mean.
    pub days: f64,
    /// Its standard error, in days.
    pub standard_error: f64,
    /// The lower bound of its normal 95 % interval.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl KaplanMeier {
    /// Fits the curve; without patients it has no step.
    ///
    /// Bands are S^exp(±z s / ln S) with Greenwood's s. They are 1 until the first event, and
    /// reach from 0 to the last upper bound where survival is 0.
    ///
    /// Who came under observation late is at risk after the time of entry only: Tsai et al.,
    /// Biometrika 1987;74:883. Where all the few who are at risk early have the event, the curve falls
    /// to 0 and stays.
    #[must_use]
    pub fn fit(outcomes: &[Survival]) -> Self {
        let mut steps = Vec::new();
        let (mut survival, mut greenwood, mut last_high) = (1.0_f64, 0.0_f64, 1.0_f64);
        for Counts { time_days, at_risk, events, censored } in counts(outcomes) {
            let left = at_risk - events;
            survival *= left as f64 / at_risk as f64;
            let (low, high) = if survival <= 0.0 {
                (0.0, last_high)
            } else {
                greenwood += events as f64 / (at_risk as f64 * left as f64);
                log_log_band(survival, greenwood)
            };
            last_high = high;
            steps.push(Step { time_days, at_risk, events, censored, survival, low, high });
        }
        Self { steps, entries: entries(outcomes) }
    }

    /// A curve of other steps that these patients gave, such as what a cumulative incidence leaves.
    #[must_use]
    pub fn of_steps(steps: Vec<Step>, outcomes: &[Survival]) -> Self {
        Self { steps, entries: entries(outcomes) }
    }

    /// The probability of surviving past a time; after the last follow-up it stays as it was.
    #[must_use]
    pub fn survival_at(&self, time_days: f64) -> SurvivalProbability {
        let passed = self.steps.partition_point(|step| step.time_days <= time_days);
        SurvivalProbability(passed.checked_sub(1).map_or(1.0, |last| self.steps[last].survival))
    }

    /// The number of patients under observation just before each of the given times.
    #[must_use]
    pub fn at_risk(&self, times_days: &[f64]) -> Vec<usize> {
        let at_risk_at = |time_days: &f64| {
            let passed = self.steps.partition_point(|step| step.time_days < *time_days);
            self.steps.get(passed).map_or(0, |next| {
                // Some at risk at the next step may enter before it.
                let meanwhile =
                    to_come(&self.entries, *time_days) - to_come(&self.entries, next.time_days);
                next.at_risk - meanwhile
            })
        };
        times_days.iter().map(at_risk_at).collect()
    }

    /// The curve as it may be told where it must not point at single patients: it steps at the given
    /// times alone, which rise from 0, as far as `least` patients are still under observation, and only
    /// when `least` events have come together since it last did; the numbers at risk are rounded down
    /// to multiples of `least`. So are its median and its end such times.
    #[must_use]
    pub fn coarse(&self, times_days: &[f64], least: usize) -> Self {
        let least = least.max(1);
        let mut steps: Vec<Step> = Vec::new();
        let mut told = 0;
        for (&time_days, at_risk) in times_days.iter().zip(self.at_risk(times_days)) {
            if at_risk < least {
                // Where most enter late, there may be as many only later.
                if steps.is_empty() {
                    continue;
                }
                break;
            }
            let passed = self.steps.partition_point(|step| step.time_days <= time_days);
            let events: usize = self.steps[told..passed].iter().map(|step| step.events).sum();
            if events >= least {
                told = passed;
            }
            let shown = told.checked_sub(1).map(|place| self.steps[place]);
            let (survival, low, high) =
                shown.map_or((1.0, 1.0, 1.0), |step| (step.survival, step.low, step.high));
            let before = steps.last().map_or(1.0, |step| step.survival);
            steps.push(Step {
                time_days,
                at_risk: at_risk / least * least,
                // Whether there were any, not how many.
                events: usize::from(survival < before),
                censored: 0,
                survival,
                low,
                high,
            });
        }
        Self { steps, entries: vec![] }
    }

    /// The mean survival time up to a day: the area under the curve. Its standard error is
    /// Greenwood's, as R's `survfit` prints it. Klein and Moeschberger, Survival Analysis, 2003,
    /// section 4.5.
    ///
    /// # Errors
    /// When somebody was still alive at the end of a follow-up that does not reach that day, or
    /// there is no patient.
    pub fn restricted_mean(&self, tau_days: f64) -> Result<RestrictedMean, Undefined> {
        let last = self.steps.last().ok_or(Undefined::NoPatient)?;
        if tau_days > last.time_days && last.survival > 0.0 {
            let last_days = last.time_days;
            return Err(Undefined::HorizonPastFollowUp { time_days: tau_days, last_days });
        }
        let (mut area, mut variance, mut end) = (0.0_f64, 0.0_f64, tau_days);
        // From the end on, so that the area after each step is known.
        for step in self.steps.iter().rev().filter(|step| step.time_days < tau_days) {
            area += step.survival * (end - step.time_days);
            end = step.time_days;
            let left = step.at_risk - step.events;
            if step.events > 0 && left > 0 {
                variance += area * area * step.events as f64 / (step.at_risk as f64 * left as f64);
            }
        }
        let days = area + end.max(0.0);
        let standard_error = variance.sqrt();
        let (low, high) = (days - Z_95 * standard_error, days + Z_95 * standard_error);
        Ok(RestrictedMean { days, standard_error, low, high })
    }

    /// The median survival time with its 95 % interval.
    #[must_use]
    pub fn median(&self) -> Median {
        let first = |value: fn(&Step) -> f64| {
            self.steps.iter().find(|step| value(step) <= HALF).map(|step| step.time_days)
        };
        Median {
            days: first(|step| step.survival),
            low: first(|step| step.low),
            high: first(|step| step.high),
        }
    }

    /// The median survival time alone; `None` where the curve does not fall to one half.
    #[must_use]
    pub fn median_days(&self) -> Option<f64> {
        self.median().days
    }

    /// The last time anybody was observed at.
    #[must_use]
    pub fn last_days(&self) -> Option<f64> {
        self.steps.last().map(|step| step.time_days)
    }
}

fn log_log_band(survival: f64, greenwood: f64) -> (f64, f64) {
    if survival >= 1.0 {
        return (1.0, 1.0);
    }
    let width = Z_95 * greenwood.sqrt() / survival.ln().abs();
    (survival.powf(width.exp()), survival.powf((-width).exp()))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    pub(super) fn outcomes(rows: &[(f64, bool)]) -> Vec<Survival> {
        rows.iter().map(|&(time_days, event)| Survival::until(time_days, event)).collect()
    }

    #[test]
    fn no_patient_gives_no_step() {
        let curve = KaplanMeier::fit(&[]);
        assert!(curve.steps.is_empty());
        assert_eq!(curve.survival_at(10.0).0, 1.0);
        assert_eq!(curve.at_risk(&[0.0]), [0]);
        assert_eq!(curve.median(), Median::default());
        assert_eq!(curve.last_days(), None);
    }

    #[test]
    fn steps_down_at_events_alone() {
        let curve =
            KaplanMeier::fit(&outcomes(&[(4.0, true), (1.0, true), (2.0, false), (2.0, true)]));
        let steps: Vec<_> = curve
            .steps
            .iter()
            .map(|step| (step.time_days, step.at_risk, step.events, step.censored, step.survival))
            .collect();
        assert_eq!(steps, [(1.0, 4, 1, 0, 0.75), (2.0, 3, 1, 1, 0.5), (4.0, 1, 1, 0, 0.0)]);
        for (time, survival) in [(0.0, 1.0), (1.0, 0.75), (1.9, 0.75), (2.0, 0.5), (9.0, 0.0)] {
            assert_eq!(curve.survival_at(time).0, survival, "day {time}");
        }
        assert_eq!(curve.median_days(), Some(2.0));
    }

    #[test]
    fn a_coarse_curve_steps_at_the_given_times_and_ends_where_few_are_left() {
        let rows: Vec<(f64, bool)> = (1..=24).map(|day| (f64::from(day), day % 2 == 0)).collect();
        let curve = KaplanMeier::fit(&outcomes(&rows));
        let coarse = curve.coarse(&[0.0, 5.0, 10.0, 15.0, 20.0], 5);
        let steps: Vec<_> = coarse
            .steps
            .iter()
            .map(|step| (step.time_days, step.at_risk, step.events, step.censored))
            .collect();
        // 24, 20, 15, 10 and 5 patients are followed then, after 0, 2, 5, 7 and 10 events: two are too
        // few to be told until three more have come.
        let expected =
            [(0.0, 20, 0, 0), (5.0, 20, 0, 0), (10.0, 15, 1, 0), (15.0, 10, 0, 0), (20.0, 5, 1, 0)];
        assert_eq!(steps, expected);
        for (time, of) in [(9.0, 0.0), (10.0, 10.0), (15.0, 10.0), (20.0, 20.0)] {
            assert_eq!(coarse.survival_at(time), curve.survival_at(of), "day {time}");
        }
        assert_eq!((coarse.last_days(), coarse.at_risk(&[1.0, 21.0])), (Some(20.0), vec![20, 0]));
        assert_eq!((curve.median_days(), coarse.median_days()), (Some(18.0), Some(20.0)));
        let few_left = curve.coarse(&[0.0, 5.0, 10.0, 15.0, 20.0], 10);
        assert_eq!(few_left.last_days(), Some(15.0));
        assert_eq!(KaplanMeier::default().coarse(&[0.0], 1).steps, []);
    }

    #[test]
    fn at_risk_counts_those_who_leave_at_that_time() {
        let curve =
            KaplanMeier::fit(&outcomes(&[(1.0, true), (2.0, false), (2.0, true), (4.0, true)]));
        assert_eq!(curve.at_risk(&[0.0, 1.0, 1.5, 2.0, 2.1, 4.0, 4.1]), [4, 4, 3, 3, 1, 1, 0]);
    }

    #[test]
    fn bands_hold_the_curve_and_stay_between_0_and_1() {
        let curve = KaplanMeier::fit(&outcomes(&[
            (1.0, false),
            (2.0, true),
            (3.0, true),
            (4.0, false),
            (5.0, true),
            (6.0, true),
        ]));
        for step in &curve.steps {
            assert!(0.0 <= step.low && step.low <= step.survival, "{step:?}");
            assert!(step.survival <= step.high && step.high <= 1.0, "{step:?}");
        }
        assert_eq!((curve.steps[0].low, curve.steps[0].high), (1.0, 1.0));
        let last = curve.steps[5];
        assert_eq!((last.survival, last.low), (0.0, 0.0));
        assert_eq!(last.high, curve.steps[4].high);
    }

    #[test]
    fn a_median_that_is_not_reached_has_none() {
        let curve = KaplanMeier::fit(&outcomes(&[(1.0, true), (2.0, false), (3.0, false)]));
        assert_eq!(curve.median_days(), None);
        // Three patients leave the lower band below one half all the same.
        assert_eq!(curve.median().low, Some(1.0));
    }

    #[test]
    fn one_half_is_reached_in_spite_of_rounding() {
        // 4/6 · 3/4 is 0.5 on paper.
        let rows: Vec<_> = (1..=6).map(|day| (f64::from(day).max(2.0), true)).collect();
        let curve = KaplanMeier::fit(&outcomes(&rows));
        assert_eq!(curve.median_days(), Some(3.0));
    }

    #[test]
    fn the_restricted_mean_is_the_area_under_the_curve() {
        let curve = KaplanMeier::fit(&outcomes(&[(1.0, true), (2.0, true), (4.0, false)]));
        // 1 + 2/3 + 1/3 until day 3.
        let mean = curve.restricted_mean(3.0).unwrap();
        assert!((mean.days - 2.0).abs() < 1e-15, "{mean:?}");
        // Areas of 1 after day 1 and of 1/3 after day 2, d / (n (n - d)) of 1/6 and 1/2.
        assert!((mean.standard_error - (1.0_f64 / 6.0 + 1.0 / 18.0).sqrt()).abs() < 1e-15);
        let past = Undefined::HorizonPastFollowUp { time_days: 5.0, last_days: 4.0 };
        assert_eq!(curve.restricted_mean(5.0), Err(past));
        assert_eq!(KaplanMeier::fit(&[]).restricted_mean(1.0), Err(Undefined::NoPatient));
        let dead = KaplanMeier::fit(&outcomes(&[(1.0, true), (3.0, true)]));
        assert_eq!(dead.restricted_mean(9.0).unwrap().days, 2.0);
    }

    #[test]
    fn late_entries_are_at_risk_after_their_entry_alone() {
        let late = |entry_days, time_days, event| {
            Survival::until(time_days, event).entered(entry_days).unwrap()
        };
        let all = [late(0.0, 2.0, true), late(2.0, 5.0, true), late(1.0, 4.0, false)];
        let curve = KaplanMeier::fit(&all);
        let at_risk: Vec<_> = curve.steps.iter().map(|step| step.at_risk).collect();
        assert_eq!(at_risk, [2, 2, 1]);
        assert_eq!(curve.at_risk(&[0.0, 1.0, 2.0, 3.0, 4.0, 6.0]), [0, 1, 2, 2, 2, 0]);
        assert_eq!(curve.survival_at(2.0).0, 0.5);
        // With everybody there from the beginning it is the usual curve.
        let early: Vec<_> =
            all.iter().map(|one| Survival { entry_days: Some(-1.0), ..*one }).collect();
        let usual: Vec<_> = all.iter().map(|one| Survival { entry_days: None, ..*one }).collect();
        assert_eq!(KaplanMeier::fit(&early).steps, KaplanMeier::fit(&usual).steps);
    }

    #[test]
    fn a_curve_that_has_fallen_to_0_keeps_its_last_band() {
        let all = [
            Survival::until(1.0, true).entered(0.0).unwrap(),
            Survival::until(3.0, false).entered(2.0).unwrap(),
            Survival::until(4.0, true).entered(2.0).unwrap(),
        ];
        let curve = KaplanMeier::fit(&all);
        for step in &curve.steps {
            assert_eq!((step.survival, step.low, step.high), (0.0, 0.0, 1.0), "{step:?}");
        }
    }
}
