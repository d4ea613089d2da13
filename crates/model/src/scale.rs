use oncoweave_core::{
    PatientId, Prediction, Risk, Survival, SurvivalProbability,
    baseline::Baseline,
    precision::{IntervalPrecision, Precision, PrecisionSteps},
};
use serde::{Deserialize, Serialize};

use crate::Error;

/// What turns a log-risk into figures for people, fitted on the training patients: the content of
/// `baseline.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskScale {
    /// The cumulative baseline hazard.
    pub baseline: Baseline,
    /// The median risk of the training patients; a higher one is a high risk.
    pub median_risk: Risk,
    /// The times that survival is reported at.
    pub horizons_days: Vec<f64>,
    /// When the last training patient's follow-up ended: nothing is known of later times. `None` of
    /// a folder of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_follow_up_days: Option<f64>,
    /// How well survival is known at these times.
    pub precision: Precision,
    /// How well the hazards of each interval are known that a network with a discrete-time head gives
    /// itself; empty for other models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<IntervalPrecision>,
}

impl RiskScale {
    /// Fits the scale to the training patients' own risks. Where events compete with this one it says
    /// along time how well the hazard is known.
    pub(crate) fn fit(
        outcomes: &[Survival],
        risks: &[Risk],
        horizons_days: &[f64],
        competed: bool,
    ) -> Result<Self, Error> {
        let baseline = Baseline::breslow(outcomes, risks)
            .map_err(Error::undefined("the baseline hazard cannot be fitted"))?;
        let mut sorted: Vec<f64> = risks.iter().map(|risk| risk.0).collect();
        sorted.sort_by(f64::total_cmp);
        // A baseline hazard exists, so there is at least one patient.
        let median = f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        let steps = competed.then(|| PrecisionSteps::of(&baseline, outcomes, risks));
        let precision =
            Precision { steps, ..Precision::of(&baseline, outcomes, risks, horizons_days) };
        Ok(Self {
            baseline,
            median_risk: Risk(median),
            horizons_days: horizons_days.to_vec(),
            last_follow_up_days: last_follow_up(outcomes),
            precision,
            intervals: vec![],
        })
    }

    /// A flag with the first of some times that lies past the training patients' follow-up. It does
    /// not tell when that ended, which is one patient's.
    pub(crate) fn past_follow_up(&self, times_days: &[f64]) -> Option<String> {
        let last = self.last_follow_up_days?;
        let past = times_days.iter().copied().filter(|&time| time > last).min_by(f64::total_cmp)?;
        Some(format!("past_follow_up:day {past}"))
    }

    /// Describes one patient of whom nothing but the risk is known, at the given times. Only at the
    /// scale's own horizons is it known how sure survival is; the bounds of others are NaN.
    pub(crate) fn prediction(
        &self,
        model: &str,
        patient_id: &PatientId,
        risk: Risk,
        times_days: &[f64],
    ) -> Prediction {
        let survival = |&time_days: &f64| self.baseline.survival(risk, time_days).0;
        let own = &self.horizons_days;
        let intervals = self.precision.intervals(&self.baseline, risk, own);
        // Before the first event of the training part survival is 1 and nothing says how sure.
        let known = |interval: Option<(SurvivalProbability, SurvivalProbability)>| {
            interval.map_or((1.0, 1.0), |(low, high)| (low.0, high.0))
        };
        let bounds = |time_days: &f64| {
            let place = own.iter().position(|own| own.total_cmp(time_days).is_eq());
            place.map_or((f64::NAN, f64::NAN), |place| known(intervals[place]))
        };
        let (survival_low, survival_high) = times_days.iter().map(bounds).unzip();
        Prediction {
            survival_low,
            survival_high,
            flags: vec![],
            patient_id: patient_id.clone(),
            model: model.to_owned(),
            fold: None,
            risk,
            high_risk: risk > self.median_risk,
            survival: times_days.iter().map(survival).collect(),
            incidence: vec![],
            incidence_low: vec![],
            incidence_high: vec![],
            class_probabilities: vec![],
            missing_modalities: vec![],
            observed: None,
            competing: None,
            label: None,
        }
    }
}

/// When the last patient's follow-up ended; `None` without patients.
pub(crate) fn last_follow_up(outcomes: &[Survival]) -> Option<f64> {
    outcomes.iter().map(|outcome| outcome.time_days).max_by(f64::total_cmp)
}

/// Up to three times near the quartiles of the observed event times, rounded as people count: to
/// half years from nine months on, below that to months, below 45 days to days.
pub(crate) fn default_horizons(outcomes: &[Survival]) -> Vec<f64> {
    let mut times: Vec<f64> =
        outcomes.iter().filter(|outcome| outcome.event).map(|outcome| outcome.time_days).collect();
    times.sort_by(f64::total_cmp);
    let Some(last) = times.len().checked_sub(1) else { return vec![] };
    let quartile = |quarter: usize| round(times[last * quarter / 4]);
    let mut horizons: Vec<f64> = (1..=3).map(quartile).filter(|&days| days > 0.0).collect();
    horizons.dedup();
    if horizons.is_empty() { vec![1.0] } else { horizons }
}

fn round(days: f64) -> f64 {
    let (month, half_year) = (30.4375, 182.625);
    // From one and a half units on: any sooner, a later time could round to an earlier one.
    let unit = if days < 1.5 * month {
        1.0
    } else if days < 1.5 * half_year {
        month
    } else {
        half_year
    };
    ((days / unit).round() * unit).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(times: &[f64], event: bool) -> Vec<Survival> {
        times.iter().map(|&time_days| Survival::until(time_days, event)).collect()
    }

    #[test]
    fn horizons_are_round_rising_and_positive() {
        for (name, times, expected) in [
            ("years", vec![100.0, 380.0, 700.0, 1500.0, 2000.0], vec![365.0, 731.0, 1461.0]),
            ("days", vec![3.0, 5.0, 9.0, 12.0, 20.0], vec![5.0, 9.0, 12.0]),
            ("one event", vec![95.0], vec![91.0]),
            ("all on the first day", vec![0.0, 0.0], vec![1.0]),
            ("no event", vec![], vec![]),
        ] {
            assert_eq!(default_horizons(&outcomes(&times, true)), expected, "{name}");
        }
        assert!(default_horizons(&outcomes(&[10.0, 20.0], false)).is_empty());
    }

    #[test]
    fn a_later_time_never_rounds_to_an_earlier_one() {
        let rounded: Vec<f64> = (0..20_000).map(|tenth| round(f64::from(tenth) / 10.0)).collect();
        assert!(rounded.is_sorted());
    }

    #[test]
    fn the_median_splits_the_training_patients() {
        let risks = [1.0, 3.0, 2.0, 4.0].map(Risk);
        let outcomes = outcomes(&[1.0, 2.0, 3.0, 4.0], true);
        let scale = RiskScale::fit(&outcomes, &risks, &[2.0], false).unwrap();
        assert_eq!(scale.median_risk, Risk(2.5));
    }
}
