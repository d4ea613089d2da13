//! The baseline hazard, which turns a relative risk into a probability of survival.

use serde::{Deserialize, Serialize};

use crate::{Risk, Survival, Undefined};

/// A cumulative baseline hazard, a step function of time. Breslow, J R Stat Soc B 1972;34:216.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The log relative hazard that the hazard below belongs to: the training patients' mean.
    pub reference: Risk,
    /// The distinct times of events, in days, increasing.
    pub times_days: Vec<f64>,
    /// The cumulative hazard from each of these times on.
    pub cumulative_hazard: Vec<f64>,
}

impl Baseline {
    /// Breslow's estimate: at each event time the events divided by the relative hazards of all
    /// at risk. `risks` are log relative hazards.
    ///
    /// # Errors
    /// When no event was observed, or a risk is not finite.
    ///
    /// # Panics
    /// When there are not as many risks as outcomes.
    pub fn breslow(outcomes: &[Survival], risks: &[Risk]) -> Result<Self, Undefined> {
        assert_eq!(outcomes.len(), risks.len(), "one risk for each outcome");
        if let Some(row) = risks.iter().position(|risk| !risk.0.is_finite()) {
            return Err(Undefined::NotFinite { what: "a risk", row, value: risks[row].0 });
        }
        let mean = risks.iter().map(|risk| risk.0).sum::<f64>() / risks.len() as f64;
        let mut latest_first: Vec<(Survival, f64)> =
            outcomes.iter().zip(risks).map(|(&outcome, risk)| (outcome, risk.0 - mean)).collect();
        latest_first.sort_by(|a, b| b.0.time_days.total_cmp(&a.0.time_days));
        let mut at_risk = 0.0;
        let mut jumps = Vec::new();
        for now in latest_first.chunk_by(|a, b| a.0.time_days <= b.0.time_days) {
            at_risk += now.iter().map(|(_, log_risk)| log_risk.exp()).sum::<f64>();
            let events = now.iter().filter(|(outcome, _)| outcome.event).count();
            if events > 0 {
                jumps.push((now[0].0.time_days, events as f64 / at_risk));
            }
        }
        if jumps.is_empty() {
            return Err(Undefined::NoEvent { patients: outcomes.len() });
        }
        let mut cumulative = 0.0;
        let (times_days, cumulative_hazard) = jumps
            .into_iter()
            .rev()
            .map(|(time_days, jump)| {
                cumulative += jump;
                (time_days, cumulative)
            })
            .unzip();
        Ok(Self { reference: Risk(mean), times_days, cumulative_hazard })
    }

    /// The cumulative hazard of a patient with the reference risk; 0 before the first event, and
    /// constant after the last.
    #[must_use]
    pub fn hazard_at(&self, time_days: f64) -> f64 {
        let passed = self.times_days.partition_point(|&time| time <= time_days);
        passed.checked_sub(1).map_or(0.0, |last| self.cumulative_hazard[last])
    }

    /// The probability that a patient with this log relative hazard survives past a time.
    #[must_use]
    pub fn survival(&self, risk: Risk, time_days: f64) -> f64 {
        let hazard = self.hazard_at(time_days);
        // Zero hazard times an infinite ratio is no number.
        if hazard <= 0.0 { 1.0 } else { (-hazard * (risk.0 - self.reference.0).exp()).exp() }
    }
}
