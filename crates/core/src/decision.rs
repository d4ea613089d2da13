//! What a model is worth in decisions: net benefit and reclassification, under censoring.

use crate::brier::check_probabilities;
use crate::calibration::observed_at;
pub use crate::horizon::NetBenefit;
use crate::{Survival, SurvivalProbability, Undefined, horizon};

/// A decision curve for the event by day `time_days`: among those at or above each threshold,
/// events are counted by Kaplan and Meier. Vickers et al., BMC Med Inform Decis Mak 2008;8:53.
///
/// # Errors
/// When there is no patient, nobody was followed up past that day, a probability is not finite, or
/// a threshold does not lie between 0 and 1.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn net_benefit(
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
    thresholds: &[f64],
) -> Result<Vec<NetBenefit>, Undefined> {
    check_probabilities(outcomes, survival, time_days)?;
    let predicted: Vec<f64> = survival.iter().map(|probability| 1.0 - probability.0).collect();
    horizon::decision_curve(&predicted, thresholds, |rows| {
        let own: Vec<Survival> = rows.iter().map(|&row| outcomes[row]).collect();
        event_probability(&own, time_days)
    })
}

/// How a new model moves patients relative to an old one, in shares of those it should move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reclassification {
    /// Among those with the event, the share moved up less the share moved down.
    pub events: f64,
    /// Among those without, the share moved down less the share moved up.
    pub non_events: f64,
}

impl Reclassification {
    /// The net reclassification improvement, from -2 to 2. It can be above 0 for a model that is
    /// worse, so that it should not stand alone: Hilden and Gerds, Stat Med 2014;33:3405.
    #[must_use]
    pub fn improvement(&self) -> f64 {
        self.events + self.non_events
    }
}

/// Net reclassification for the event by day `time_days`, by Kaplan and Meier among those moved up
/// and those moved down. Pencina et al., Stat Med 2011;30:11.
///
/// With `cutoffs`, increasing probabilities of the event, a move is one to another category;
/// without any, every change of the probability is.
///
/// # Errors
/// When nobody was followed up past that day, the follow-up of those who were moved does not reach
/// it, there is no event or nothing but events by then, or a probability is not finite.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn net_reclassification(
    outcomes: &[Survival],
    [old, new]: [&[SurvivalProbability]; 2],
    time_days: f64,
    cutoffs: &[f64],
) -> Result<Reclassification, Undefined> {
    check_probabilities(outcomes, old, time_days)?;
    check_probabilities(outcomes, new, time_days)?;
    let category = |survival: SurvivalProbability| {
        cutoffs.iter().filter(|&&cutoff| 1.0 - survival.0 >= cutoff).count()
    };
    let up = |(old, new): (SurvivalProbability, SurvivalProbability)| {
        if cutoffs.is_empty() { new < old } else { category(new) > category(old) }
    };
    let moved = |is_moved: &dyn Fn(SurvivalProbability, SurvivalProbability) -> bool| {
        let pairs = old.iter().zip(new);
        let chosen = outcomes.iter().zip(pairs).filter(|(_, (old, new))| is_moved(**old, **new));
        let moved: Vec<Survival> = chosen.map(|(&outcome, _)| outcome).collect();
        if moved.is_empty() {
            return Ok((0.0, 0.0));
        }
        let last_days = moved.iter().map(|outcome| outcome.time_days).fold(0.0, f64::max);
        let event = event_probability(&moved, time_days)
            .ok_or(Undefined::HorizonPastFollowUp { time_days, last_days })?;
        let share = moved.len() as f64 / outcomes.len() as f64;
        Ok((share * event, share * (1.0 - event)))
    };
    let (up_events, up_others) = moved(&|old, new| up((old, new)))?;
    let (down_events, down_others) = moved(&|old, new| up((new, old)))?;
    let event = event_probability(outcomes, time_days).ok_or(Undefined::NoPatient)?;
    if event <= 0.0 {
        return Err(Undefined::NoCase { time_days });
    }
    if event >= 1.0 {
        return Err(Undefined::OneClass { patients: outcomes.len() });
    }
    Ok(Reclassification {
        events: (up_events - down_events) / event,
        non_events: (down_others - up_others) / (1.0 - event),
    })
}

fn event_probability(outcomes: &[Survival], time_days: f64) -> Option<f64> {
    observed_at(outcomes, time_days).map(|observed| 1.0 - observed.survival.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Survival; 4] = [
        Survival { time_days: 1.0, event: true },
        Survival { time_days: 2.0, event: true },
        Survival { time_days: 4.0, event: false },
        Survival { time_days: 5.0, event: true },
    ];

    fn probabilities(values: [f64; 4]) -> [SurvivalProbability; 4] {
        values.map(SurvivalProbability)
    }

    #[test]
    fn without_censoring_net_benefit_counts_true_and_false_positives() {
        let survival = probabilities([0.2, 0.6, 0.4, 0.9]);
        let found = net_benefit(&ALL, &survival, 3.0, &[0.0, 0.4, 0.5, 0.95]).unwrap();
        // At 0.4 two true and one false positive of four, at 0.5 one of each.
        let expected = [0.5, 0.5 - 0.25 * 0.4 / 0.6, 0.0, 0.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found.model.unwrap() - expected).abs() < 1e-15, "{found:?}");
        }
        assert!((found[2].all - 0.0).abs() < 1e-15);
        assert!(net_benefit(&ALL, &survival, 3.0, &[1.0]).is_err());
        assert!(net_benefit(&ALL, &survival, 5.0, &[0.5]).is_err());
        // Only the third patient is treated, who left on day 4.
        let third = probabilities([0.9, 0.9, 0.1, 0.9]);
        assert_eq!(net_benefit(&ALL, &third, 4.5, &[0.5]).unwrap()[0].model, None);
    }

    #[test]
    fn moves_in_the_right_direction_count() {
        let old = probabilities([0.5; 4]);
        let new = probabilities([0.4, 0.6, 0.7, 0.5]);
        // One of two events up and one down; one of two others down.
        let found = net_reclassification(&ALL, [&old, &new], 3.0, &[]).unwrap();
        assert!(found.events.abs() < 1e-15 && (found.non_events - 0.5).abs() < 1e-15, "{found:?}");
        // Of the cutoff only the first patient's move takes notice.
        let found = net_reclassification(&ALL, [&old, &new], 3.0, &[0.55]).unwrap();
        assert_eq!(found, Reclassification { events: 0.5, non_events: 0.0 });
        let still = net_reclassification(&ALL, [&old, &old], 3.0, &[]).unwrap();
        assert!(still.improvement().abs() < 1e-15);
        let none = Err(Undefined::NoCase { time_days: 0.5 });
        assert_eq!(net_reclassification(&ALL, [&old, &new], 0.5, &[]), none);
    }
}
