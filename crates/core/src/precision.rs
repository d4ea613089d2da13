//! How well survival is known for a given risk.

use serde::{Deserialize, Serialize};

use crate::{Risk, Survival, SurvivalProbability, Undefined, baseline::Baseline};

/// The 97.5 % quantile of the normal distribution.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

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

/// What the 95 % interval of survival takes where a model gives the hazard of an interval of time
/// itself: the log of that hazard is treated as the one covariate of a Cox model of the interval, as
/// in [`Precision`] the risk is. Hazards of different intervals err independently.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalPrecision {
    /// The variance of the slope of the log hazard; `None` where it is the same for all.
    pub slope_variance: Option<f64>,
    /// The variance of the log hazard when the slope is known.
    pub log_hazard_variance: f64,
    /// The mean log hazard of those at risk.
    pub mean_log_hazard: f64,
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
        let jumps = jumps(baseline, outcomes, risks);
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
            Some((survival(Z), survival(-Z)))
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
        let (variance, mean_risk) = jumps(baseline, outcomes, risks).iter().rev().map(step).unzip();
        Self { variance, mean_risk }
    }
}

impl IntervalPrecision {
    /// Learns from the training patients' own log hazards of the time after `start_days` up to
    /// `end_days`. Before the first interval `start_days` is negative infinity.
    ///
    /// # Errors
    /// When no event was observed in the interval, or a log hazard of somebody at risk in it is not
    /// finite.
    ///
    /// # Panics
    /// When there are not as many log hazards as outcomes.
    pub fn of(
        outcomes: &[Survival],
        log_hazards: &[f64],
        (start_days, end_days): (f64, f64),
    ) -> Result<Self, Undefined> {
        assert_eq!(outcomes.len(), log_hazards.len(), "one log hazard for each outcome");
        let (own, risks): (Vec<Survival>, Vec<Risk>) = outcomes
            .iter()
            .zip(log_hazards)
            .filter(|(outcome, _)| outcome.time_days > start_days)
            .map(|(&Survival { time_days, event }, &log_hazard)| {
                let event = event && time_days <= end_days;
                (Survival { time_days: time_days.min(end_days), event }, Risk(log_hazard))
            })
            .unzip();
        let baseline = Baseline::breslow(&own, &risks)?;
        let found = Precision::of(&baseline, &own, &risks, &[end_days]);
        let HorizonPrecision { log_hazard_variance, mean_risk } = found.horizons[0];
        Ok(Self {
            slope_variance: found.slope_variance,
            log_hazard_variance: log_hazard_variance.expect("there is an event by its end"),
            mean_log_hazard: baseline.reference.0 + mean_risk,
        })
    }

    /// The variance of a patient's log hazard.
    #[must_use]
    pub fn variance(&self, log_hazard: f64) -> f64 {
        let of_slope = self.slope_variance.unwrap_or(0.0);
        self.log_hazard_variance + (log_hazard - self.mean_log_hazard).powi(2) * of_slope
    }
}

/// What happens at one event time.
struct Jump {
    time_days: f64,
    events: f64,
    /// The summed relative hazards of all at risk.
    at_risk: f64,
    /// The mean and variance of their risks, weighted by the relative hazards.
    mean: f64,
    variance: f64,
}

/// The event times, latest first.
fn jumps(baseline: &Baseline, outcomes: &[Survival], risks: &[Risk]) -> Vec<Jump> {
    let mut latest_first: Vec<(Survival, f64)> = outcomes
        .iter()
        .zip(risks)
        .map(|(&outcome, risk)| (outcome, risk.0 - baseline.reference.0))
        .collect();
    latest_first.sort_by(|a, b| b.0.time_days.total_cmp(&a.0.time_days));
    let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
    let mut jumps = vec![];
    for now in latest_first.chunk_by(|a, b| a.0.time_days <= b.0.time_days) {
        for (_, risk) in now {
            let hazard = risk.exp();
            sum += hazard;
            first += hazard * risk;
            second += hazard * risk * risk;
        }
        let events = now.iter().filter(|(outcome, _)| outcome.event).count();
        if events > 0 {
            let mean = first / sum;
            jumps.push(Jump {
                time_days: now[0].0.time_days,
                events: events as f64,
                at_risk: sum,
                mean,
                variance: (second / sum - mean * mean).max(0.0),
            });
        }
    }
    jumps
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    fn fitted(outcomes: &[Survival], risks: &[Risk], times: &[f64]) -> (Baseline, Precision) {
        let baseline = Baseline::breslow(outcomes, risks).unwrap();
        let precision = Precision::of(&baseline, outcomes, risks, times);
        (baseline, precision)
    }

    #[test]
    fn equal_risks_give_the_interval_of_nelson_aalen() {
        let outcomes: Vec<Survival> =
            (1..=4_u8).map(|day| Survival { time_days: f64::from(day), event: day != 3 }).collect();
        let (baseline, precision) = fitted(&outcomes, &[Risk(2.0); 4], &[0.5, 2.0]);
        assert_eq!(precision.slope_variance, None);
        let found = precision.intervals(&baseline, Risk(2.0), &[0.5, 2.0]);
        assert_eq!(found[0], None, "nothing is known before the first event");
        // 1/4 + 1/3 and its variance 1/16 + 1/9, by hand.
        let (hazard, variance): (f64, f64) = (7.0 / 12.0, 25.0 / 144.0);
        let bound = |z: f64| (-hazard * (z * variance.sqrt() / hazard).exp()).exp();
        let (low, high) = found[1].unwrap();
        assert!((low.0 - bound(Z)).abs() < 1e-12 && (high.0 - bound(-Z)).abs() < 1e-12);
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
            .map(|(&time_days, event)| Survival { time_days, event: event > 0.0 })
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
                outcomes.push(Survival { time_days: death.min(end), event: death <= end });
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

    #[test]
    fn one_interval_of_all_follow_up_is_known_as_a_risk_is() {
        let text = include_str!("../../../tests/golden/core_precision.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        let list =
            |name: &str| -> Vec<f64> { serde_json::from_value(golden[name].clone()).unwrap() };
        let outcomes: Vec<Survival> = list("time")
            .iter()
            .zip(list("event"))
            .map(|(&time_days, event)| Survival { time_days, event: event > 0.0 })
            .collect();
        let x = list("x");
        let risks: Vec<Risk> = x.iter().map(|&x| Risk(x)).collect();
        let (baseline, precision) = fitted(&outcomes, &risks, &[100.0]);
        let interval = IntervalPrecision::of(&outcomes, &x, (f64::NEG_INFINITY, 100.0)).unwrap();
        let horizon = precision.horizons[0];
        for log_hazard in [-2.0, 0.3, 4.0] {
            let own = log_hazard - baseline.reference.0 - horizon.mean_risk;
            let expected = horizon.log_hazard_variance.unwrap()
                + own.powi(2) * precision.slope_variance.unwrap();
            assert!((interval.variance(log_hazard) - expected).abs() < 1e-12);
        }
        assert!(IntervalPrecision::of(&outcomes, &x, (100.0, 200.0)).is_err(), "no event");
        let endless = vec![f64::NEG_INFINITY; x.len()];
        assert!(IntervalPrecision::of(&outcomes, &endless, (0.0, 200.0)).is_err());
    }

    /// Follow-up of patients with a covariate whose hazards of each interval have the logits
    /// `level + slope * x`; it is cut off at the ends of intervals.
    fn discrete(random: &mut ChaCha8Rng, ends: &[f64], truth: &[[f64; 2]]) -> (Survival, f64) {
        let x = 2.0 * random.random::<f64>() - 1.0;
        let last = 1 + random.random_range(0..ends.len());
        let mut start = 0.0;
        for (&end, [level, slope]) in ends.iter().zip(truth).take(last) {
            if random.random::<f64>() < 1.0 / (1.0 + (-level - slope * x).exp()) {
                let time_days = end - (end - start) * random.random::<f64>();
                return (Survival { time_days, event: true }, x);
            }
            start = end;
        }
        (Survival { time_days: start, event: false }, x)
    }

    /// The most likely levels of all intervals with one slope or with a slope for each, by Newton's
    /// method.
    fn fit_discrete(seen: &[(Survival, f64)], ends: &[f64], shared: bool) -> Vec<[f64; 2]> {
        let count = ends.len();
        let slope_of = |interval: usize| if shared { count } else { count + interval };
        let size = if shared { count + 1 } else { 2 * count };
        let mut values = vec![0.0; size];
        for _ in 0..25 {
            let mut gradient = vec![0.0; size];
            let mut curvature = ndarray::Array2::<f64>::zeros((size, size));
            for (outcome, x) in seen {
                for (interval, &end) in ends.iter().enumerate() {
                    let start = if interval == 0 { 0.0 } else { ends[interval - 1] };
                    if outcome.time_days <= start {
                        break;
                    }
                    let died = outcome.event && outcome.time_days <= end;
                    let slope = slope_of(interval);
                    let hazard = 1.0 / (1.0 + (-values[interval] - values[slope] * x).exp());
                    let error = f64::from(u8::from(died)) - hazard;
                    for (one, first) in [(interval, 1.0), (slope, *x)] {
                        gradient[one] += error * first;
                        for (other, second) in [(interval, 1.0), (slope, *x)] {
                            curvature[[one, other]] += hazard * (1.0 - hazard) * first * second;
                        }
                    }
                }
            }
            crate::cholesky::Cholesky::of(&curvature).solve(&mut gradient);
            values.iter_mut().zip(&gradient).for_each(|(value, step)| *value += step);
        }
        (0..count).map(|interval| [values[interval], values[slope_of(interval)]]).collect()
    }

    /// The cumulative hazard that intervals up to a count add up to, and the variance of its log.
    fn summed(hazards: &[f64], precision: &[IntervalPrecision]) -> (f64, f64) {
        let hazard: f64 = hazards.iter().sum();
        let square =
            |(own, known): (&f64, &IntervalPrecision)| own * own * known.variance(own.ln());
        let variance: f64 = hazards.iter().zip(precision).map(square).sum();
        (hazard, variance / (hazard * hazard))
    }

    /// The hazards are those of a discrete-time model, which errs in the levels and slopes that it
    /// was fitted with.
    #[test]
    fn hazards_of_intervals_cover_the_truth_as_often_as_they_say() {
        let ends = [100.0, 220.0, 400.0, 700.0];
        let same: Vec<[f64; 2]> = [-2.2, -1.9, -1.6, -1.3].map(|level| [level, 1.0]).to_vec();
        let waning: Vec<[f64; 2]> = [[-2.2, 1.6], [-1.9, 1.0], [-1.6, 0.4], [-1.3, 0.0]].to_vec();
        let hazard = |[level, slope]: [f64; 2], x: f64| (level + slope * x).exp().ln_1p();
        for (name, truth, shared) in
            [("one slope", &same, true), ("slopes", &same, false), ("waning", &waning, false)]
        {
            let mut random = ChaCha8Rng::seed_from_u64(29);
            let (mut covered, mut total) = (0_u32, 0_u32);
            for _ in 0..400 {
                let seen: Vec<(Survival, f64)> =
                    (0..400).map(|_| discrete(&mut random, &ends, truth)).collect();
                let found = fit_discrete(&seen, &ends, shared);
                let outcomes: Vec<Survival> = seen.iter().map(|one| one.0).collect();
                let precision: Vec<IntervalPrecision> = (0..ends.len())
                    .map(|place| {
                        let log_hazards: Vec<f64> =
                            seen.iter().map(|(_, x)| hazard(found[place], *x).ln()).collect();
                        let start = if place == 0 { f64::NEG_INFINITY } else { ends[place - 1] };
                        IntervalPrecision::of(&outcomes, &log_hazards, (start, ends[place]))
                            .unwrap()
                    })
                    .collect();
                for x in [-0.8, 0.0, 0.8] {
                    let own: Vec<f64> = found.iter().map(|&one| hazard(one, x)).collect();
                    for count in [2, 4] {
                        let (sum, variance) = summed(&own[..count], &precision);
                        let true_sum: f64 = truth[..count].iter().map(|&one| hazard(one, x)).sum();
                        covered += u32::from((sum / true_sum).ln().abs() <= Z * variance.sqrt());
                        total += 1;
                    }
                }
            }
            let share = f64::from(covered) / f64::from(total);
            assert!((0.93..0.98).contains(&share), "{name}: {share}");
        }
    }
}
