//! How well survival is known for a given risk.

use serde::{Deserialize, Serialize};

use crate::{
    Risk, Survival, SurvivalProbability,
    baseline::{Baseline, Jump, jumps},
    inference::Z_95,
};

mod interval;

pub use interval::IntervalPrecision;

/// What the 95 % interval of a survival probability takes: the risk is treated as the one covariate
/// of a Cox model with slope 1, and the interval covers the sampling error of Breslow's baseline and
/// of that slope, on the scale of the log cumulative hazard (Kalbfleisch and Prentice 2002, 4.3; as
/// `survfit.coxph` of R with `conf.type = "log-log"`).
///
/// It is the interval of the survival of *all patients with this risk*. It does not cover what the
/// risk itself leaves out of a patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Precision {
    /// The variance of the slope of the risk; `None` where all risks are equal.
    pub slope_variance: Option<f64>,
    /// One for each time asked for.
    pub horizons: Vec<HorizonPrecision>,
    /// The same along time, which incidences beside competing events take; `None` where no event
    /// competes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<PrecisionSteps>,
}

/// The part of [`Precision`] that belongs to one time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HorizonPrecision {
    /// The variance of the log of the cumulative baseline hazard when the slope is known; `None`
    /// before the first event.
    pub log_hazard_variance: Option<f64>,
    /// The mean risk of those at risk, weighted by the hazard, less the baseline's reference.
    pub mean_risk: f64,
}

/// The part of [`Precision`] that follows the baseline along its event times, one of each for every
/// time of [`Baseline::times_days`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrecisionSteps {
    /// The variance of the cumulative baseline hazard from this time on when the slope is known.
    pub variance: Vec<f64>,
    /// The mean risk of those at risk, less the baseline's reference, summed over the jumps of the
    /// hazard.
    pub mean_risk: Vec<f64>,
}

/// How well the rise of a cumulative hazard from one time to the next is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepError {
    /// The variance of the log of the rise when the slope is known.
    pub variance: f64,
    /// The mean risk of those at risk meanwhile, less the baseline's reference.
    pub mean_risk: f64,
    /// Whether the error ends here. If not, the next rise is off by the same factor.
    pub ends: bool,
}

impl Precision {
    /// Learns from the patients that a baseline was fitted to.
    ///
    /// # Panics
    /// When there are not as many risks as outcomes.
    #[must_use]
    pub fn of(
        baseline: &Baseline,
        outcomes: &[Survival],
        risks: &[Risk],
        times_days: &[f64],
    ) -> Self {
        assert_eq!(outcomes.len(), risks.len(), "one risk for each outcome");
        let jumps = jumps(outcomes, risks, baseline.reference);
        let information: f64 = jumps.iter().map(|jump| jump.events * jump.variance).sum();
        let horizon = |&time_days: &f64| {
            let passed = jumps.iter().filter(|jump| jump.time_days <= time_days);
            let (mut hazard, mut variance, mut mean) = (0.0, 0.0, 0.0);
            for jump in passed {
                hazard += jump.events / jump.at_risk;
                variance += jump.events / (jump.at_risk * jump.at_risk);
                mean += jump.events / jump.at_risk * jump.mean;
            }
            HorizonPrecision {
                log_hazard_variance: (hazard > 0.0).then(|| variance / (hazard * hazard)),
                mean_risk: if hazard > 0.0 { mean / hazard } else { 0.0 },
            }
        };
        Self {
            slope_variance: (information > 1e-12).then(|| 1.0 / information),
            horizons: times_days.iter().map(horizon).collect(),
            steps: None,
        }
    }

    /// How well the rise of the cumulative hazard up to each of rising times is known; `None` without
    /// [`Precision::steps`].
    ///
    /// # Panics
    /// When the steps are not those of the baseline.
    #[must_use]
    pub fn along(&self, baseline: &Baseline, times_days: &[f64]) -> Option<Vec<StepError>> {
        let steps = self.steps.as_ref()?;
        let mut before = [0.0; 3];
        let rise = |&time_days: &f64| {
            let passed = baseline.times_days.partition_point(|&time| time <= time_days);
            let reached = passed.checked_sub(1).map_or([0.0; 3], |last| {
                [baseline.cumulative_hazard[last], steps.variance[last], steps.mean_risk[last]]
            });
            let [hazard, variance, mean_risk] = [0, 1, 2].map(|one| reached[one] - before[one]);
            before = reached;
            if hazard > 0.0 {
                let variance = variance / (hazard * hazard);
                StepError { variance, mean_risk: mean_risk / hazard, ends: true }
            } else {
                StepError { variance: 0.0, mean_risk: 0.0, ends: true }
            }
        };
        Some(times_days.iter().map(rise).collect())
    }

    /// The 95 % interval of survival past each time, lower bound first; none before the first event.
    #[must_use]
    pub fn intervals(
        &self,
        baseline: &Baseline,
        risk: Risk,
        times_days: &[f64],
    ) -> Vec<Option<(SurvivalProbability, SurvivalProbability)>> {
        let own = risk.0 - baseline.reference.0;
        let interval = |(horizon, &time_days): (&HorizonPrecision, &f64)| {
            let of_slope = (own - horizon.mean_risk).powi(2) * self.slope_variance.unwrap_or(0.0);
            let error = (horizon.log_hazard_variance? + of_slope).sqrt();
            let log_hazard = baseline.hazard_at(time_days).0.ln() + own;
            let survival = |z: f64| SurvivalProbability((-(log_hazard + z * error).exp()).exp());
            Some((survival(Z_95), survival(-Z_95)))
        };
        self.horizons.iter().zip(times_days).map(interval).collect()
    }
}

impl PrecisionSteps {
    /// Learns from the patients that a baseline was fitted to.
    ///
    /// # Panics
    /// When there are not as many risks as outcomes.
    #[must_use]
    pub fn of(baseline: &Baseline, outcomes: &[Survival], risks: &[Risk]) -> Self {
        assert_eq!(outcomes.len(), risks.len(), "one risk for each outcome");
        let (mut variance, mut mean_risk) = (0.0, 0.0);
        let step = |jump: &Jump| {
            variance += jump.events / (jump.at_risk * jump.at_risk);
            mean_risk += jump.events / jump.at_risk * jump.mean;
            (variance, mean_risk)
        };
        let (variance, mean_risk) =
            jumps(outcomes, risks, baseline.reference).iter().rev().map(step).unzip();
        Self { variance, mean_risk }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    pub(super) fn fitted(
        outcomes: &[Survival],
        risks: &[Risk],
        times: &[f64],
    ) -> (Baseline, Precision) {
        let baseline = Baseline::breslow(outcomes, risks).unwrap();
        let precision = Precision::of(&baseline, outcomes, risks, times);
        (baseline, precision)
    }

    #[test]
    fn equal_risks_give_the_interval_of_nelson_aalen() {
        let outcomes: Vec<Survival> =
            (1..=4_u8).map(|day| Survival::until(f64::from(day), day != 3)).collect();
        let (baseline, precision) = fitted(&outcomes, &[Risk(2.0); 4], &[0.5, 2.0]);
        assert_eq!(precision.slope_variance, None);
        let found = precision.intervals(&baseline, Risk(2.0), &[0.5, 2.0]);
        assert_eq!(found[0], None, "nothing is known before the first event");
        // 1/4 + 1/3 and its variance 1/16 + 1/9, by hand.
        let (hazard, variance): (f64, f64) = (7.0 / 12.0, 25.0 / 144.0);
        let bound = |z: f64| (-hazard * (z * variance.sqrt() / hazard).exp()).exp();
        let (low, high) = found[1].unwrap();
        assert!((low.0 - bound(Z_95)).abs() < 1e-12 && (high.0 - bound(-Z_95)).abs() < 1e-12);
    }

    /// `tests/golden/core_precision.R`.
    #[test]
    fn equals_survfit_of_r() {
        let text = include_str!("../../../tests/golden/core_precision.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        let list = |value: &serde_json::Value| -> Vec<f64> {
            serde_json::from_value(value.clone()).unwrap()
        };
        let (times, events, x) =
            (list(&golden["time"]), list(&golden["event"]), list(&golden["x"]));
        let slope = golden["slope"].as_f64().unwrap();
        let outcomes: Vec<Survival> = times
            .iter()
            .zip(events)
            .map(|(&time_days, event)| Survival::until(time_days, event > 0.0))
            .collect();
        let risks: Vec<Risk> = x.iter().map(|x| Risk(slope * x)).collect();
        // R's slope is that of x, ours of the risk.
        let at = list(&golden["at"]);
        let (baseline, precision) = fitted(&outcomes, &risks, &at);
        for (place, x) in list(&golden["new"]).into_iter().enumerate() {
            let found = precision.intervals(&baseline, Risk(slope * x), &at);
            for (row, interval) in found.into_iter().enumerate() {
                let (low, high) = interval.unwrap();
                for (name, found) in [("low", low.0), ("high", high.0)] {
                    let expected = golden[name][row][place].as_f64().unwrap();
                    assert!((found - expected).abs() < 1e-9, "{name} {row} {place}: {found}");
                }
            }
        }
    }

    #[test]
    fn covers_the_truth_as_often_as_it_says() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let (mut covered, mut total) = (0_u32, 0_u32);
        for _ in 0..400 {
            let (mut outcomes, mut risks) = (vec![], vec![]);
            for _ in 0..200 {
                let risk = 2.0 * random.random::<f64>() - 1.0;
                let death = -random.random::<f64>().ln() * 500.0 / f64::exp(risk);
                let end = 200.0 + 800.0 * random.random::<f64>();
                outcomes.push(Survival::until(death.min(end), death <= end));
                risks.push(Risk(risk));
            }
            let (baseline, precision) = fitted(&outcomes, &risks, &[100.0, 400.0]);
            for risk in [-0.8, 0.0, 0.8] {
                let found = precision.intervals(&baseline, Risk(risk), &[100.0, 400.0]);
                for (interval, days) in found.into_iter().zip([100.0, 400.0]) {
                    let (low, high) = interval.unwrap();
                    let truth = (-days / 500.0 * f64::exp(risk)).exp();
                    covered += u32::from(low.0 <= truth && truth <= high.0);
                    total += 1;
                }
            }
        }
        let share = f64::from(covered) / f64::from(total);
        assert!((0.93..0.98).contains(&share), "{share}");
    }
}
