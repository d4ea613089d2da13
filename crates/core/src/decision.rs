//! What a model is worth in decisions: net benefit and reclassification, under censoring.

use crate::brier::check_probabilities;
use crate::calibration::observed_at;
pub use crate::horizon::{NetBenefit, Reclassification};
use crate::survival::{SHARES, from_the_index_date};
use crate::{Survival, SurvivalProbability, Undefined, horizon};

/// A decision curve for the event by day `time_days`: among those at or above each threshold,
/// events are counted by Kaplan and Meier. Vickers et al., BMC Med Inform Decis Mak 2008;8:53.
///
/// # Errors
/// When there is no patient, nobody was followed up past that day, a probability is not finite, or
/// a threshold does not lie between 0 and 1, or some patients came under observation late.
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
    from_the_index_date(SHARES, outcomes.iter().map(|outcome| outcome.entry_days))?;
    let predicted: Vec<f64> = survival.iter().map(|probability| 1.0 - probability.0).collect();
    horizon::decision_curve(&predicted, thresholds, |rows| {
        let own: Vec<Survival> = rows.iter().map(|&row| outcomes[row]).collect();
        event_probability(&own, time_days)
    })
}

/// Net reclassification for the event by day `time_days`, by Kaplan and Meier among those moved up
/// and those moved down. Pencina et al., Stat Med 2011;30:11.
///
/// With `cutoffs`, increasing probabilities of the event, a move is one to another category;
/// without any, every change of the probability is.
///
/// # Errors
/// When nobody was followed up past that day, the follow-up of those who were moved does not reach
/// it, there is no event or nothing but events by then, a probability is not finite, or some patients
/// came under observation late.
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
    from_the_index_date(SHARES, outcomes.iter().map(|outcome| outcome.entry_days))?;
    let events = |survival: &[SurvivalProbability]| -> Vec<f64> {
        survival.iter().map(|probability| 1.0 - probability.0).collect()
    };
    let followed: Vec<f64> = outcomes.iter().map(|outcome| outcome.time_days).collect();
    let (old, new) = (events(old), events(new));
    horizon::reclassification([&old, &new], (time_days, &followed), cutoffs, |rows| {
        let own: Vec<Survival> = rows.iter().map(|&row| outcomes[row]).collect();
        event_probability(&own, time_days)
    })
}

fn event_probability(outcomes: &[Survival], time_days: f64) -> Option<f64> {
    observed_at(outcomes, time_days).map(|observed| 1.0 - observed.survival.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Survival; 4] = [
        Survival::until(1.0, true),
        Survival::until(2.0, true),
        Survival::until(4.0, false),
        Survival::until(5.0, true),
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
