//! Brier scores of survival probabilities under censoring.

use ndarray::ArrayRef2;

use crate::kaplan_meier::Censoring;
use crate::{Survival, SurvivalProbability, Undefined, horizon};

/// The expected squared error of the predicted probabilities of surviving past day `time_days`,
/// weighted by the inverse probability of being uncensored, learned from `train`; lower is
/// better, 0.25 is a coin's. Graf et al., Stat Med 1999;18:2529.
///
/// `survival` has one probability a patient. Equal to scikit-survival's `brier_score`.
///
/// # Errors
/// When there is no patient, nobody was followed up past that day, the training patients' own
/// follow-up does not reach that far, a probability is not finite, or some patients came under
/// observation late.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn brier_at(
    train: &[Survival],
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
) -> Result<f64, Undefined> {
    brier(&Censoring::of_both(train, outcomes)?, outcomes, survival, time_days)
}

/// The Brier score averaged over time by the trapezoidal rule from the first to the last of the
/// given times; lower is better. Equal to scikit-survival's `integrated_brier_score`.
///
/// `survival` has the shape (patients, times).
///
/// # Errors
/// As [`brier_at`], and when there are not two times, or they do not increase.
///
/// # Panics
/// When the shape of `survival` is not (outcomes, times).
pub fn integrated_brier(
    train: &[Survival],
    outcomes: &[Survival],
    survival: &ArrayRef2<SurvivalProbability>,
    times_days: &[f64],
) -> Result<f64, Undefined> {
    assert_eq!(survival.dim(), (outcomes.len(), times_days.len()), "(patients, times)");
    let censoring = Censoring::of_both(train, outcomes)?;
    horizon::mean_over_time(times_days, |place| {
        let own = survival.column(place).to_vec();
        brier(&censoring, outcomes, &own, times_days[place])
    })
}

fn brier(
    censoring: &Censoring,
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
) -> Result<f64, Undefined> {
    check_probabilities(outcomes, survival, time_days)?;
    let mut sum = 0.0;
    for (outcome, &SurvivalProbability(survival)) in outcomes.iter().zip(survival) {
        if outcome.time_days > time_days {
            sum += (1.0 - survival).powi(2) / censoring.uncensored(time_days)?;
        } else if outcome.event {
            sum += survival.powi(2) / censoring.uncensored(outcome.time_days)?;
        }
    }
    Ok(sum / outcomes.len() as f64)
}

/// Checks that there are patients, some of them followed up past the time, with finite
/// probabilities.
pub(crate) fn check_probabilities(
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
) -> Result<(), Undefined> {
    assert_eq!(outcomes.len(), survival.len(), "one probability for each outcome");
    let followed = outcomes.iter().map(|outcome| outcome.time_days);
    let probabilities = survival.iter().map(|probability| probability.0);
    horizon::check(followed, probabilities, "a survival probability", time_days)
}

#[cfg(test)]
mod tests {
    use super::*;

    use ndarray::array;

    fn outcomes(rows: &[(f64, bool)]) -> Vec<Survival> {
        rows.iter().map(|&(time_days, event)| Survival::until(time_days, event)).collect()
    }

    fn probabilities(values: &[f64]) -> Vec<SurvivalProbability> {
        values.iter().copied().map(SurvivalProbability).collect()
    }

    #[test]
    fn without_censoring_it_is_the_mean_squared_error() {
        let all = outcomes(&[(1.0, true), (2.0, true), (3.0, true), (4.0, true)]);
        assert_eq!(brier_at(&all, &all, &probabilities(&[0.0, 0.0, 1.0, 1.0]), 2.0), Ok(0.0));
        assert_eq!(brier_at(&all, &all, &probabilities(&[0.5; 4]), 2.0), Ok(0.25));
        assert_eq!(brier_at(&all, &all, &probabilities(&[1.0, 1.0, 0.0, 0.0]), 2.0), Ok(1.0));
    }

    #[test]
    fn the_censored_give_their_weight_to_the_rest() {
        let all = outcomes(&[(1.0, false), (2.0, true), (3.0, true), (4.0, true)]);
        // Three patients of weight 4/3 each, all wrong by one half.
        assert_eq!(brier_at(&all, &all, &probabilities(&[0.5; 4]), 2.5), Ok(0.25));
    }

    #[test]
    fn integrates_by_trapezoids() {
        let all = outcomes(&[(1.0, true), (2.0, true), (3.0, true), (4.0, true)]);
        let survival =
            array![[0.0, 0.5], [0.5, 0.5], [1.0, 0.5], [1.0, 0.5]].mapv(SurvivalProbability);
        // 1/16 on day 1, 1/4 on day 3.
        assert_eq!(integrated_brier(&all, &all, &survival, &[1.0, 3.0]), Ok(0.15625));
    }

    #[test]
    fn says_what_is_missing() {
        let all = outcomes(&[(1.0, true), (2.0, false)]);
        let past = Undefined::HorizonPastFollowUp { time_days: 2.0, last_days: 2.0 };
        assert_eq!(brier_at(&all, &all, &probabilities(&[0.5; 2]), 2.0), Err(past));
        assert_eq!(brier_at(&all, &[], &[], 1.0), Err(Undefined::NoPatient));
        let unknown = Undefined::CensoringUnknown { time_days: 1.5, last_days: 1.0 };
        assert_eq!(brier_at(&all[..1], &all, &probabilities(&[0.5; 2]), 1.5), Err(unknown));
        assert!(brier_at(&all, &all, &probabilities(&[0.5, f64::NAN]), 1.0).is_err());
        let survival = array![[0.5, 0.5], [0.5, 0.5]].mapv(SurvivalProbability);
        let times = Err(Undefined::TooFewTimes { times: 2 });
        assert_eq!(integrated_brier(&all, &all, &survival, &[1.0, 1.0]), times);
    }
}
