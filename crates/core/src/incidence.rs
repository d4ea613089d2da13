//! Cumulative incidence against what was observed, while other causes may come first.
//!
//! The event of interest is cause [`EVENT`]; who had another one is known never to have it. Without
//! other causes every figure here is that of the survival 1 - F.

use ndarray::ArrayRef2;

use crate::competing_risks::{CompetingOutcome, CumulativeIncidence, EVENT};
use crate::concordance::check_risks;
use crate::horizon::{self, NetBenefit, Reclassification};
use crate::status::{auc_of_status, brier_shares, check, integrated_brier_shares, status_at};
use crate::survival::{SHARES, from_the_index_date};
use crate::{Incidence, Risk, Undefined};

/// The Brier score of cumulative incidences at day `time_days`: the expected squared error, weighted
/// by the inverse probability of being uncensored, learned from `train`; lower is better.
/// Kretowska, `ICAISC` 2018, 545; equal to hazardous' `brier_score_incidence`.
///
/// # Errors
/// When there is no patient, nobody was followed up past that day, the training patients' own
/// follow-up does not reach that far, or a probability is not finite.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn brier_of_incidence(
    train: &[CompetingOutcome],
    outcomes: &[CompetingOutcome],
    incidence: &[Incidence],
    time_days: f64,
) -> Result<f64, Undefined> {
    Ok(mean(&brier_shares(train, outcomes, incidence, time_days)?))
}

/// That Brier score averaged over time by the trapezoidal rule from the first to the last of the
/// given times; `incidence` has the shape (patients, times).
///
/// # Errors
/// As [`brier_of_incidence`], and when there are not two times, or they do not increase.
///
/// # Panics
/// When the shape of `incidence` is not (outcomes, times).
pub fn integrated_brier_of_incidence(
    train: &[CompetingOutcome],
    outcomes: &[CompetingOutcome],
    incidence: &ArrayRef2<Incidence>,
    times_days: &[f64],
) -> Result<f64, Undefined> {
    Ok(mean(&integrated_brier_shares(train, outcomes, incidence, times_days)?))
}

/// The probability that a patient with the event by day `time_days` has a higher risk than one
/// without it by then, whether still free of any event or ended by another one; weighted by the
/// inverse probability of being uncensored, learned from `train`. Blanche et al., Stat Med
/// 2013;32:5381, the second definition.
///
/// # Errors
/// When nobody had the event by then, nobody was followed up past it, the training patients' own
/// follow-up does not reach that far, or a risk is not a number.
///
/// # Panics
/// When there are not as many risks as outcomes.
pub fn auc_of_incidence(
    train: &[CompetingOutcome],
    outcomes: &[CompetingOutcome],
    risks: &[Risk],
    time_days: f64,
) -> Result<f64, Undefined> {
    assert_eq!(outcomes.len(), risks.len(), "one risk for each outcome");
    check_risks(risks)?;
    let statuses = status_at(train, outcomes, time_days)?;
    let patients = statuses.into_iter().zip(risks.iter().copied());
    auc_of_status(patients, time_days)
}

/// Patients of similar predictions, and what became of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncidenceGroup {
    /// How many.
    pub patients: usize,
    /// The mean of their predictions.
    pub predicted: Incidence,
    /// Their incidence by Aalen and Johansen; `None` where their follow-up does not reach the time.
    pub observed: Option<ObservedIncidence>,
}

/// An Aalen-Johansen estimate at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ObservedIncidence {
    /// The estimate.
    pub incidence: Incidence,
    /// The lower bound of its 95 % interval.
    pub low: Incidence,
    /// The upper bound.
    pub high: Incidence,
}

/// The incidence of the event by a day by Aalen and Johansen; `None` where follow-up does not reach
/// it.
#[must_use]
pub fn observed_incidence(
    outcomes: &[CompetingOutcome],
    time_days: f64,
) -> Option<ObservedIncidence> {
    let curve = CumulativeIncidence::fit(outcomes, EVENT).ok()?;
    let last = curve.steps.last()?;
    let everybody_ended = last.at_risk == last.events + last.competing;
    if time_days > last.time_days && !everybody_ended {
        return None;
    }
    let passed = curve.steps.partition_point(|step| step.time_days <= time_days);
    let (incidence, low, high) = passed.checked_sub(1).map_or((0.0, 0.0, 0.0), |last| {
        let step = curve.steps[last];
        (step.incidence, step.low, step.high)
    });
    let [incidence, low, high] = [incidence, low, high].map(Incidence);
    Some(ObservedIncidence { incidence, low, high })
}

/// Splits patients into groups of equal size by predicted incidence by day `time_days`, the highest
/// first, and observes each; a remainder goes to the first groups.
///
/// # Errors
/// When there are fewer patients than groups, or none, nobody was followed up past that day, or a
/// probability is not finite.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn incidence_groups(
    outcomes: &[CompetingOutcome],
    incidence: &[Incidence],
    time_days: f64,
    groups: usize,
) -> Result<Vec<IncidenceGroup>, Undefined> {
    check(outcomes, incidence, time_days)?;
    from_the_index_date(SHARES, outcomes.iter().map(|outcome| outcome.entry_days))?;
    // The highest first.
    let values: Vec<f64> = incidence.iter().map(|one| -one.0).collect();
    let group = |rows: Vec<usize>| {
        let members: Vec<CompetingOutcome> = rows.iter().map(|&row| outcomes[row]).collect();
        let predicted = rows.iter().map(|&row| incidence[row].0).sum::<f64>() / rows.len() as f64;
        IncidenceGroup {
            patients: rows.len(),
            predicted: Incidence(predicted),
            observed: observed_incidence(&members, time_days),
        }
    };
    Ok(horizon::equal_groups(&values, groups)?.into_iter().map(group).collect())
}

/// The observed incidence by day `time_days` over the mean predicted one: above 1 where the model
/// foretells too few events. The observed one is Aalen and Johansen's.
///
/// # Errors
/// When nobody was followed up past that day, a probability is not finite, no event is predicted, or
/// some patients came under observation late.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn observed_over_expected_incidence(
    outcomes: &[CompetingOutcome],
    incidence: &[Incidence],
    time_days: f64,
) -> Result<f64, Undefined> {
    check(outcomes, incidence, time_days)?;
    from_the_index_date(SHARES, outcomes.iter().map(|outcome| outcome.entry_days))?;
    let predicted: f64 = incidence.iter().map(|one| one.0).sum();
    if predicted <= 0.0 {
        return Err(Undefined::NoCase { time_days });
    }
    let observed = CumulativeIncidence::fit(outcomes, EVENT)?.incidence_at(time_days).0;
    Ok(observed * outcomes.len() as f64 / predicted)
}

/// A decision curve for the event by day `time_days`: among those at or above each threshold,
/// events are counted by Aalen and Johansen.
///
/// # Errors
/// When there is no patient, nobody was followed up past that day, a probability is not finite, or
/// a threshold does not lie between 0 and 1, or some patients came under observation late.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn net_benefit_of_incidence(
    outcomes: &[CompetingOutcome],
    incidence: &[Incidence],
    time_days: f64,
    thresholds: &[f64],
) -> Result<Vec<NetBenefit>, Undefined> {
    check(outcomes, incidence, time_days)?;
    from_the_index_date(SHARES, outcomes.iter().map(|outcome| outcome.entry_days))?;
    let predicted: Vec<f64> = incidence.iter().map(|one| one.0).collect();
    horizon::decision_curve(&predicted, thresholds, |rows| {
        let own: Vec<CompetingOutcome> = rows.iter().map(|&row| outcomes[row]).collect();
        observed_incidence(&own, time_days).map(|seen| seen.incidence.0)
    })
}

/// Net reclassification for the event by day `time_days`, by Aalen and Johansen among those moved
/// up and those moved down; see [`crate::decision::net_reclassification`].
///
/// # Errors
/// As there.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn net_reclassification_of_incidence(
    outcomes: &[CompetingOutcome],
    [old, new]: [&[Incidence]; 2],
    time_days: f64,
    cutoffs: &[f64],
) -> Result<Reclassification, Undefined> {
    check(outcomes, old, time_days)?;
    check(outcomes, new, time_days)?;
    from_the_index_date(SHARES, outcomes.iter().map(|outcome| outcome.entry_days))?;
    let plain = |incidence: &[Incidence]| -> Vec<f64> {
        incidence.iter().map(|probability| probability.0).collect()
    };
    let followed: Vec<f64> = outcomes.iter().map(|outcome| outcome.time_days).collect();
    let (old, new) = (plain(old), plain(new));
    horizon::reclassification([&old, &new], (time_days, &followed), cutoffs, |rows| {
        let own: Vec<CompetingOutcome> = rows.iter().map(|&row| outcomes[row]).collect();
        observed_incidence(&own, time_days).map(|seen| seen.incidence.0)
    })
}

fn mean(shares: &[f64]) -> f64 {
    shares.iter().sum::<f64>() / shares.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::brier::brier_at;
    use crate::calibration::{calibration_groups, observed_over_expected};
    use crate::decision::{net_benefit, net_reclassification};
    use crate::roc::auc_at;
    use crate::{Survival, SurvivalProbability};

    fn outcomes(rows: &[(f64, u32)]) -> Vec<CompetingOutcome> {
        let outcome = |&(time_days, cause): &(f64, u32)| {
            CompetingOutcome::until(time_days, (cause > 0).then_some(cause))
        };
        rows.iter().map(outcome).collect()
    }

    const ROWS: [(f64, u32); 8] =
        [(1.0, 1), (2.0, 0), (3.0, 1), (4.0, 1), (5.0, 0), (6.0, 1), (7.0, 0), (8.0, 1)];
    const PREDICTED: [f64; 8] = [0.8, 0.3, 0.6, 0.4, 0.5, 0.45, 0.2, 0.1];

    #[test]
    fn without_other_causes_every_figure_is_that_of_survival() {
        let all = outcomes(&ROWS);
        let plain: Vec<Survival> = all.iter().map(|one| one.of_cause(EVENT)).collect();
        let incidence = PREDICTED.map(Incidence);
        let survival = PREDICTED.map(|value| SurvivalProbability(1.0 - value));
        let risks = PREDICTED.map(Risk);
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-14);
        for day in [2.5, 5.5] {
            close(
                brier_of_incidence(&all, &all, &incidence, day).unwrap(),
                brier_at(&plain, &plain, &survival, day).unwrap(),
            );
            close(
                auc_of_incidence(&all, &all, &risks, day).unwrap(),
                auc_at(&plain, &plain, &risks, day).unwrap(),
            );
            close(
                observed_over_expected_incidence(&all, &incidence, day).unwrap(),
                observed_over_expected(&plain, &survival, day).unwrap(),
            );
            let found = incidence_groups(&all, &incidence, day, 2).unwrap();
            let expected = calibration_groups(&plain, &survival, day, 2).unwrap();
            for (found, expected) in found.iter().zip(expected) {
                close(found.predicted.0, 1.0 - expected.predicted.0);
                let (seen, usual) = (found.observed.unwrap(), expected.observed.unwrap());
                close(seen.incidence.0, 1.0 - usual.survival.0);
            }
            let found = net_benefit_of_incidence(&all, &incidence, day, &[0.22, 0.43]).unwrap();
            let expected = net_benefit(&plain, &survival, day, &[0.22, 0.43]).unwrap();
            for (found, expected) in found.iter().zip(expected) {
                close(found.model.unwrap(), expected.model.unwrap());
                close(found.all, expected.all);
            }
            let older = [0.5, 0.4, 0.3, 0.2, 0.6, 0.5, 0.3, 0.2];
            let (old, own) =
                (older.map(Incidence), older.map(|one| SurvivalProbability(1.0 - one)));
            for cutoffs in [&[][..], &[0.25]] {
                let pair = [&old[..], &incidence];
                let found = net_reclassification_of_incidence(&all, pair, day, cutoffs).unwrap();
                let pair = [&own[..], &survival];
                let expected = net_reclassification(&plain, pair, day, cutoffs).unwrap();
                close(found.events, expected.events);
                close(found.non_events, expected.non_events);
            }
        }
    }

    /// Without censoring all is counting: who had another event is a patient without the event.
    #[test]
    fn another_event_is_no_event_for_good() {
        let all = outcomes(&[(1.0, 2), (2.0, 1), (3.0, 1), (4.0, 2), (9.0, 0)]);
        let predicted = [0.1, 0.7, 0.4, 0.5, 0.2];
        let incidence = predicted.map(Incidence);
        let squares = [0.01, 0.09, 0.36, 0.25, 0.04];
        let found = brier_of_incidence(&all, &all, &incidence, 5.0).unwrap();
        assert!((found - squares.iter().sum::<f64>() / 5.0).abs() < 1e-15);
        // Six pairs, and only 0.4 against 0.5 is wrong.
        let found = auc_of_incidence(&all, &all, &predicted.map(Risk), 5.0).unwrap();
        assert!((found - 5.0 / 6.0).abs() < 1e-15);
        let found = observed_over_expected_incidence(&all, &incidence, 5.0).unwrap();
        assert!((found - 2.0 / 1.9).abs() < 1e-14);
        let [high, low] = incidence_groups(&all, &incidence, 5.0, 2).unwrap()[..] else {
            panic!("two groups were asked for");
        };
        assert!((high.observed.unwrap().incidence.0 - 2.0 / 3.0).abs() < 1e-15);
        assert!(low.observed.unwrap().incidence.0 <= 0.0);
        // At 0.45 one true and one false positive of five.
        let found = net_benefit_of_incidence(&all, &incidence, 5.0, &[0.45]).unwrap()[0];
        assert!((found.model.unwrap() - (0.2 - 0.2 * 0.45 / 0.55)).abs() < 1e-14);
    }

    #[test]
    fn says_what_is_missing() {
        let all = outcomes(&[(1.0, 1), (2.0, 2)]);
        let half = [Incidence(0.5); 2];
        let past = Undefined::HorizonPastFollowUp { time_days: 2.0, last_days: 2.0 };
        assert_eq!(brier_of_incidence(&all, &all, &half, 2.0), Err(past));
        assert_eq!(brier_of_incidence(&all, &[], &[], 1.0), Err(Undefined::NoPatient));
        assert!(brier_of_incidence(&all, &all, &[half[0], Incidence(f64::NAN)], 1.0).is_err());
        assert!(incidence_groups(&all, &half, 1.0, 3).is_err());
        assert!(net_benefit_of_incidence(&all, &half, 1.0, &[1.0]).is_err());
        assert!(auc_of_incidence(&all, &all, &[Risk(0.0); 2], 0.5).is_err());
    }
}
