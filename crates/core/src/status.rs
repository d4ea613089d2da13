//! What is known of patients at a time, and the weights that make up for those who were censored.
//!
//! Figures that weigh by the censoring of other patients, who stay as they are while these are
//! resampled, need the weights only once.

use ndarray::ArrayRef2;

use crate::competing_risks::{CompetingOutcome, EVENT};
use crate::doubt::Doubt;
use crate::kaplan_meier::Censoring;
use crate::roc::{Weighted, weighted_auc, weighted_auc_doubt};
use crate::{Incidence, Risk, Survival, Undefined, horizon};

/// What is known of a patient at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    /// Whether the event has happened; who had another one never has it.
    pub event: bool,
    /// The inverse probability of being uncensored.
    pub weight: f64,
}

/// The status of each patient at day `time_days`, `None` of those who were censored before, with
/// weights learned from `train`.
///
/// # Errors
/// When nobody was followed up past that day, the training patients' own follow-up does not reach
/// that far, or some patients came under observation late.
pub fn status_at(
    train: &[CompetingOutcome],
    outcomes: &[CompetingOutcome],
    time_days: f64,
) -> Result<Vec<Option<Status>>, Undefined> {
    horizon::check_reach(outcomes.iter().map(|outcome| outcome.time_days), time_days)?;
    statuses(&censoring(train, outcomes)?, outcomes, time_days)
}

/// The weighted Brier score of each patient's cumulative incidence at day `time_days`; 0 where the
/// status is not known. Their mean is [`crate::incidence::brier_of_incidence`].
///
/// # Errors
/// As [`status_at`], and when there is no patient or a probability is not finite.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn brier_shares(
    train: &[CompetingOutcome],
    outcomes: &[CompetingOutcome],
    incidence: &[Incidence],
    time_days: f64,
) -> Result<Vec<f64>, Undefined> {
    check(outcomes, incidence, time_days)?;
    Ok(squares(&status_at(train, outcomes, time_days)?, incidence))
}

/// Each patient's Brier score averaged over time by the trapezoidal rule; `incidence` has the shape
/// (patients, times). Their mean is [`crate::incidence::integrated_brier_of_incidence`].
///
/// # Errors
/// As [`status_at`], and when there are not two times, they do not increase, or a probability is
/// not finite.
///
/// # Panics
/// When the shape of `incidence` is not (outcomes, times).
pub fn integrated_brier_shares(
    train: &[CompetingOutcome],
    outcomes: &[CompetingOutcome],
    incidence: &ArrayRef2<Incidence>,
    times_days: &[f64],
) -> Result<Vec<f64>, Undefined> {
    assert_eq!(incidence.dim(), (outcomes.len(), times_days.len()), "(patients, times)");
    let (weights, censoring) = (horizon::trapezoids(times_days)?, censoring(train, outcomes)?);
    let mut shares = vec![0.0; outcomes.len()];
    for (place, (&time_days, weight)) in times_days.iter().zip(weights).enumerate() {
        let own = incidence.column(place).to_vec();
        check(outcomes, &own, time_days)?;
        let at = squares(&statuses(&censoring, outcomes, time_days)?, &own);
        for (share, at) in shares.iter_mut().zip(at) {
            *share += weight * at;
        }
    }
    Ok(shares)
}

/// The probability that a patient with the event has a higher risk than one without it, see
/// [`crate::incidence::auc_of_incidence`].
///
/// # Errors
/// When there are no two such patients, or a risk is not a number.
pub fn auc_of_status(
    patients: impl Iterator<Item = (Option<Status>, Risk)>,
    time_days: f64,
) -> Result<f64, Undefined> {
    weighted_auc(weighted(patients)?).ok_or(Undefined::NoCase { time_days })
}

/// What [`auc_of_status`] leaves open where it is 0 or 1, as every interval of it needs.
///
/// # Errors
/// As [`auc_of_status`].
pub fn auc_of_status_doubt(
    patients: impl Iterator<Item = (Option<Status>, Risk)>,
    time_days: f64,
) -> Result<Doubt, Undefined> {
    weighted_auc_doubt(&weighted(patients)?).ok_or(Undefined::NoCase { time_days })
}

fn weighted(
    patients: impl Iterator<Item = (Option<Status>, Risk)>,
) -> Result<Vec<Weighted>, Undefined> {
    let weighted = |(status, risk): (Option<Status>, Risk)| {
        let Status { event, weight } = status?;
        let (case, control) = if event { (weight, 0.0) } else { (0.0, weight) };
        Some(Weighted { score: risk.0, case, control })
    };
    let rows: Vec<Weighted> = patients.filter_map(weighted).collect();
    if let Some(row) = rows.iter().position(|row| row.score.is_nan()) {
        return Err(Undefined::NotFinite { what: "a risk", row, value: rows[row].score });
    }
    Ok(rows)
}

fn squares(statuses: &[Option<Status>], incidence: &[Incidence]) -> Vec<f64> {
    let square = |(status, incidence): (&Option<Status>, &Incidence)| {
        status.map_or(0.0, |Status { event, weight }| {
            let observed = if event { 1.0 } else { 0.0 };
            weight * (observed - incidence.0).powi(2)
        })
    };
    statuses.iter().zip(incidence).map(square).collect()
}

/// Only who had no event of any cause was censored.
fn censoring(
    train: &[CompetingOutcome],
    weighed: &[CompetingOutcome],
) -> Result<Censoring, Undefined> {
    let any = |outcomes: &[CompetingOutcome]| -> Vec<Survival> {
        outcomes.iter().map(CompetingOutcome::of_any_cause).collect()
    };
    Censoring::of_both(&any(train), &any(weighed))
}

fn statuses(
    censoring: &Censoring,
    outcomes: &[CompetingOutcome],
    time_days: f64,
) -> Result<Vec<Option<Status>>, Undefined> {
    let status = |outcome: &CompetingOutcome| {
        let (event, day) = match outcome.cause {
            _ if outcome.time_days > time_days => (false, time_days),
            Some(cause) => (cause == EVENT, outcome.time_days),
            None => return Ok(None),
        };
        Ok(Some(Status { event, weight: 1.0 / censoring.uncensored(day)? }))
    };
    outcomes.iter().map(status).collect()
}

/// Checks that there are patients, some of them followed up past the time, with finite
/// probabilities.
pub(crate) fn check(
    outcomes: &[CompetingOutcome],
    incidence: &[Incidence],
    time_days: f64,
) -> Result<(), Undefined> {
    assert_eq!(outcomes.len(), incidence.len(), "one probability for each outcome");
    let followed = outcomes.iter().map(|outcome| outcome.time_days);
    let probabilities = incidence.iter().map(|one| one.0);
    horizon::check(followed, probabilities, "a cumulative incidence", time_days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doubt_of_a_perfect_auc_counts_weighted_pairs() {
        let status = |event, weight, risk| (Some(Status { event, weight }), Risk(risk));
        let doubt = |patients: &[(Option<Status>, Risk)]| {
            auc_of_status_doubt(patients.iter().copied(), 9.0)
        };
        // The heaviest case has half of all the cases' weight.
        let cases = [status(true, 1.0, 5.0), status(true, 1.0, 6.0), status(true, 2.0, 7.0)];
        let controls = [1.0, 2.0, 3.0, 4.0].map(|risk| status(false, 3.0, risk));
        let mut all = [cases.as_slice(), &controls, &[(None, Risk(4.5))]].concat();
        let found = doubt(&all).unwrap();
        assert!((found.below - (1.0 - 0.025_f64.sqrt())).abs() < 1e-12 && found.above <= 0.0);
        for (_, risk) in &mut all {
            risk.0 = -risk.0;
        }
        assert!((doubt(&all).unwrap().above - found.below).abs() < 1e-12);
        all[0].1 = Risk(-4.0);
        assert_eq!(doubt(&all), Ok(Doubt::default()), "a tie");
        assert_eq!(doubt(&cases), Err(Undefined::NoCase { time_days: 9.0 }));
    }

    #[test]
    fn the_censored_are_unknown_and_weigh_on_the_others() {
        let outcome = |time_days, cause| CompetingOutcome::until(time_days, cause);
        let all = [
            outcome(1.0, None),
            outcome(2.0, Some(EVENT)),
            outcome(3.0, Some(EVENT + 1)),
            outcome(4.0, None),
        ];
        let weight = 4.0 / 3.0;
        let known = |event| Some(Status { event, weight });
        let expected = vec![None, known(true), known(false), known(false)];
        assert_eq!(status_at(&all, &all, 3.5), Ok(expected.clone()));
        let shares = brier_shares(&all, &all, &[0.9, 0.5, 0.5, 0.0].map(Incidence), 3.5);
        assert_eq!(shares, Ok(vec![0.0, weight * 0.25, weight * 0.25, 0.0]));
        let auc = |known: &[Option<Status>], risks: [f64; 4]| {
            auc_of_status(known.iter().copied().zip(risks.map(Risk)), 3.5)
        };
        assert_eq!(auc(&expected, [9.0, 2.0, 1.0, 2.0]), Ok(0.75));
        let none = Err(Undefined::NoCase { time_days: 3.5 });
        assert_eq!(auc(&expected[2..], [1.0; 4]), none);
        assert!(auc(&expected, [f64::NAN; 4]).is_err());
        assert!(status_at(&all, &all, 4.0).is_err());
    }
}
