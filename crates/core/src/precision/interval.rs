//! How well the hazard of one interval of time is known.

use serde::{Deserialize, Serialize};

use super::{HorizonPrecision, Precision};
use crate::{Risk, Survival, Undefined, baseline::Baseline};

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
            .filter_map(|(outcome, &log_hazard)| Some((outcome.ended(end_days)?, Risk(log_hazard))))
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

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

    use super::*;
    use crate::{inference::Z_95, precision::tests::fitted};

    #[test]
    fn one_interval_of_all_follow_up_is_known_as_a_risk_is() {
        let text = include_str!("../../../../tests/golden/core_precision.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        let list =
            |name: &str| -> Vec<f64> { serde_json::from_value(golden[name].clone()).unwrap() };
        let outcomes: Vec<Survival> = list("time")
            .iter()
            .zip(list("event"))
            .map(|(&time_days, event)| Survival::until(time_days, event > 0.0))
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
                return (Survival::until(time_days, true), x);
            }
            start = end;
        }
        (Survival::until(start, false), x)
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
                        covered += u32::from((sum / true_sum).ln().abs() <= Z_95 * variance.sqrt());
                        total += 1;
                    }
                }
            }
            let share = f64::from(covered) / f64::from(total);
            assert!((0.93..0.98).contains(&share), "{name}: {share}");
        }
    }
}
