//! The baseline hazard, which turns a relative risk into a probability of survival.

use serde::{Deserialize, Serialize};

use crate::{
    CumulativeHazard, Risk, Survival, SurvivalProbability, Undefined, survival::latest_entries,
};

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
    /// at risk, of late entries after they entered. `risks` are log relative hazards.
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
        let jumps = jumps(outcomes, risks, Risk(mean));
        if jumps.is_empty() {
            return Err(Undefined::NoEvent { patients: outcomes.len() });
        }
        let mut cumulative = 0.0;
        let (times_days, cumulative_hazard) = jumps
            .into_iter()
            .rev()
            .map(|jump| {
                cumulative += jump.events / jump.at_risk;
                (jump.time_days, cumulative)
            })
            .unzip();
        Ok(Self { reference: Risk(mean), times_days, cumulative_hazard })
    }

    /// The cumulative hazard of a patient with the reference risk; 0 before the first event, and
    /// constant after the last.
    #[must_use]
    pub fn hazard_at(&self, time_days: f64) -> CumulativeHazard {
        let passed = self.times_days.partition_point(|&time| time <= time_days);
        CumulativeHazard(passed.checked_sub(1).map_or(0.0, |last| self.cumulative_hazard[last]))
    }

    /// The cumulative hazard of a patient with this log relative hazard.
    #[must_use]
    pub fn hazard_of(&self, risk: Risk, time_days: f64) -> CumulativeHazard {
        self.hazard_at(time_days).times((risk.0 - self.reference.0).exp())
    }

    /// The probability that a patient with this log relative hazard survives past a time.
    #[must_use]
    pub fn survival(&self, risk: Risk, time_days: f64) -> SurvivalProbability {
        self.hazard_of(risk, time_days).survival()
    }
}

/// What happens at one event time.
pub(crate) struct Jump {
    pub(crate) time_days: f64,
    pub(crate) events: f64,
    /// The summed relative hazards of all at risk.
    pub(crate) at_risk: f64,
    /// The mean and variance of their risks, weighted by the relative hazards.
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

/// The event times, latest first; risks are taken less the reference.
pub(crate) fn jumps(outcomes: &[Survival], risks: &[Risk], reference: Risk) -> Vec<Jump> {
    let risk = |row: usize| risks[row].0 - reference.0;
    let mut latest_first: Vec<(Survival, f64)> =
        outcomes.iter().enumerate().map(|(row, &outcome)| (outcome, risk(row))).collect();
    latest_first.sort_by(|a, b| b.0.time_days.total_cmp(&a.0.time_days));
    let mut entries = latest_entries(outcomes).into_iter().peekable();
    let mut sums = HazardSums::default();
    let mut jumps = vec![];
    for now in latest_first.chunk_by(|a, b| a.0.time_days <= b.0.time_days) {
        for (_, risk) in now {
            sums.add(*risk, 1.0);
        }
        let time_days = now[0].0.time_days;
        while let Some((_, row)) = entries.next_if(|(entry, _)| *entry >= time_days) {
            sums.add(risk(row), -1.0);
        }
        let (mut events, mut least) = (0, 0.0);
        for (_, risk) in now.iter().filter(|(outcome, _)| outcome.event) {
            events += 1;
            least += risk.exp();
        }
        if events > 0 {
            // Those with the event are at risk, whatever digits are lost.
            let at_risk = sums.hazard.max(least);
            let mean = sums.first / at_risk;
            jumps.push(Jump {
                time_days,
                events: f64::from(events),
                at_risk,
                mean,
                variance: (sums.second / at_risk - mean * mean).max(0.0),
            });
        }
    }
    jumps
}

/// Sums of relative hazards, plain and times the risk and its square.
#[derive(Default)]
struct HazardSums {
    hazard: f64,
    first: f64,
    second: f64,
}

impl HazardSums {
    fn add(&mut self, risk: f64, times: f64) {
        let hazard = times * risk.exp();
        self.hazard += hazard;
        self.first += hazard * risk;
        self.second += hazard * risk * risk;
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    fn outcomes(rows: &[(f64, bool)]) -> Vec<Survival> {
        rows.iter().map(|&(time_days, event)| Survival::until(time_days, event)).collect()
    }

    #[test]
    fn equal_risks_give_the_nelson_aalen_estimate() {
        let all = outcomes(&[(1.0, true), (2.0, false), (3.0, true), (3.0, true), (4.0, false)]);
        let baseline = Baseline::breslow(&all, &[Risk(7.0); 5]).unwrap();
        assert_eq!(baseline.reference, Risk(7.0));
        assert_eq!(baseline.times_days, [1.0, 3.0]);
        for (time, hazard) in [
            (0.0, 0.0),
            (0.9, 0.0),
            (1.0, 0.2),
            (2.9, 0.2),
            (3.0, 0.2 + 2.0 / 3.0),
            (99.0, 0.2 + 2.0 / 3.0),
        ] {
            assert!((baseline.hazard_at(time).0 - hazard).abs() < 1e-15, "day {time}");
        }
        assert!((baseline.survival(Risk(7.0), 1.0).0 - (-0.2_f64).exp()).abs() < 1e-15);
    }

    #[test]
    fn adding_a_constant_to_all_risks_changes_no_probability() {
        let all = outcomes(&[(1.0, true), (2.0, true), (3.0, false)]);
        let risks = [0.5, -0.25, 1.0];
        let near = Baseline::breslow(&all, &risks.map(Risk)).unwrap();
        let far = Baseline::breslow(&all, &risks.map(|risk| Risk(risk + 1000.0))).unwrap();
        for risk in risks {
            let difference =
                near.survival(Risk(risk), 2.0).0 - far.survival(Risk(risk + 1000.0), 2.0).0;
            assert!(difference.abs() < 1e-10, "{difference}");
        }
    }

    #[test]
    fn higher_risks_survive_less_and_extremes_stay_probabilities() {
        let all = outcomes(&[(1.0, true), (2.0, true), (3.0, false)]);
        let baseline = Baseline::breslow(&all, &[Risk(0.0); 3]).unwrap();
        assert!(baseline.survival(Risk(1.0), 2.0) < baseline.survival(Risk(0.0), 2.0));
        assert_eq!(baseline.survival(Risk(1e6), 2.0).0, 0.0);
        assert_eq!(baseline.survival(Risk(-1e6), 2.0).0, 1.0);
        assert_eq!(baseline.survival(Risk(1e6), 0.5).0, 1.0);
    }

    /// By the definition: at each event time the relative hazards of those who have entered and are
    /// still there.
    #[test]
    fn late_entries_are_at_risk_after_they_entered() {
        let late = |entry, time, event| Survival::until(time, event).entered(entry).unwrap();
        let all = [
            late(0.5, 2.0, true),
            Survival::until(3.0, false),
            late(2.0, 4.0, true),
            late(1.0, 5.0, false),
            late(3.5, 6.0, true),
        ];
        let risks = [0.4, -0.3, 1.2, 0.0, -1.0].map(Risk);
        let baseline = Baseline::breslow(&all, &risks).unwrap();
        let mut expected = 0.0;
        for (place, time) in [2.0, 4.0, 6.0].into_iter().enumerate() {
            let at_risk = all.iter().zip(&risks);
            let at_risk = at_risk.filter(|(one, _)| one.has_entered(time) && one.time_days >= time);
            expected +=
                1.0 / at_risk.map(|(_, risk)| (risk.0 - baseline.reference.0).exp()).sum::<f64>();
            assert!((baseline.cumulative_hazard[place] - expected).abs() < 1e-14, "day {time}");
        }
    }

    #[test]
    fn needs_an_event_and_finite_risks() {
        let censored = outcomes(&[(1.0, false)]);
        let none = Err(Undefined::NoEvent { patients: 1 });
        assert_eq!(Baseline::breslow(&censored, &[Risk(0.0)]), none);
        assert_eq!(Baseline::breslow(&[], &[]), Err(Undefined::NoEvent { patients: 0 }));
        assert!(Baseline::breslow(&censored, &[Risk(f64::INFINITY)]).is_err());
    }

    #[test]
    fn survives_json() {
        let all = outcomes(&[(1.0, true), (2.0, true), (3.0, false)]);
        let baseline = Baseline::breslow(&all, &[Risk(0.1), Risk(0.3), Risk(-0.7)]).unwrap();
        let text = serde_json::to_string(&baseline).unwrap();
        assert_eq!(serde_json::from_str::<Baseline>(&text).unwrap(), baseline);
    }
}
