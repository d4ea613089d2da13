//! Standard errors of Harrell's C without resampling, of one model and between two.
//!
//! The share of each patient in C is how C changes as the patient gets more weight, and the
//! variance of C is the sum of their squares: the infinitesimal jackknife, as in R's
//! `survival::concordance`, and to first order the U-statistic variance of Kang et al., Stat Med
//! 2015;34:685.

use crate::concordance::{PatientPairs, check_risks, for_each_weighted, pairs_of_each};
use crate::doubt::Doubt;
use crate::inference::{Estimated, PairedDifference};
use crate::{Risk, Survival, Undefined};

/// Harrell's C with its standard error, in O(n log n). A C of 0 or 1 has the interval of its
/// [`Doubt`].
///
/// # Errors
/// When no pair is comparable, or a risk is not a number.
///
/// # Panics
/// When there are not as many risks as outcomes.
pub fn harrell_c_interval(outcomes: &[Survival], risks: &[Risk]) -> Result<Estimated, Undefined> {
    Ok(Influence::of(outcomes, risks)?.estimated())
}

/// Harrell's C of one model less that of another on the same patients. A C of 0 or 1 brings its
/// [`Doubt`].
///
/// # Errors
/// As [`harrell_c_interval`], and when the difference has no variance.
///
/// # Panics
/// When there are not as many risks as outcomes.
pub fn harrell_c_difference(
    outcomes: &[Survival],
    first: &[Risk],
    second: &[Risk],
) -> Result<PairedDifference, Undefined> {
    let (first, second) = (Influence::of(outcomes, first)?, Influence::of(outcomes, second)?);
    let apart = first.of_each.iter().zip(&second.of_each).map(|(a, b)| (a - b) * (a - b));
    let variance = apart.sum::<f64>() + first.doubt.less(second.doubt).variance();
    PairedDifference::of(first.c - second.c, variance)
}

/// What Harrell's C leaves open where it is 0 or 1, as every interval of it needs.
///
/// # Errors
/// When no pair is comparable, or a risk is not a number.
///
/// # Panics
/// When there are not as many risks as outcomes.
pub fn harrell_c_doubt(outcomes: &[Survival], risks: &[Risk]) -> Result<Doubt, Undefined> {
    Ok(Influence::of(outcomes, risks)?.doubt)
}

/// The same of [`crate::concordance::uno_c`].
///
/// # Errors
/// As `uno_c`.
///
/// # Panics
/// As `uno_c`.
pub fn uno_c_doubt(
    train: &[Survival],
    outcomes: &[Survival],
    risks: &[Risk],
    tau_days: Option<f64>,
) -> Result<Doubt, Undefined> {
    let (mut events, mut right, mut total, mut heaviest) = (vec![], 0.0, 0.0, 0.0_f64);
    for_each_weighted(train, outcomes, risks, tau_days, |later, weight| {
        let comparable = f64::from(later.lower + later.equal + later.higher);
        if comparable > 0.0 {
            right += weight * (f64::from(later.lower) + 0.5 * f64::from(later.equal));
            total += weight * comparable;
            heaviest = heaviest.max(weight);
            events.push((later.row, weight, weight * comparable));
        }
    })?;
    if total <= 0.0 {
        return Err(Undefined::NoComparablePair { patients: outcomes.len() });
    }
    events.reverse();
    // The weight of the pairs that each patient is in: with earlier events, and with later patients.
    let times: Vec<f64> = events.iter().map(|&(row, ..)| outcomes[row].time_days).collect();
    let mut sums = vec![0.0];
    sums.extend(events.iter().scan(0.0, |sum, &(_, weight, _)| {
        *sum += weight;
        Some(*sum)
    }));
    let with_earlier = |outcome: &Survival| {
        let days = outcome.time_days;
        let earlier = |&time: &f64| if outcome.event { time < days } else { time <= days };
        sums[times.partition_point(earlier)]
    };
    let mut of_each: Vec<f64> = outcomes.iter().map(with_earlier).collect();
    for (row, _, with_later) in events {
        of_each[row] += with_later;
    }
    let most = of_each.into_iter().fold(0.0, f64::max);
    Ok(Doubt::of(right / total, total / (most + heaviest)))
}

/// C, how each patient sways it, and what it leaves open.
pub(crate) struct Influence {
    c: f64,
    of_each: Vec<f64>,
    doubt: Doubt,
}

impl Influence {
    fn of(outcomes: &[Survival], risks: &[Risk]) -> Result<Self, Undefined> {
        check_risks(risks)?;
        Self::of_pairs(&pairs_of_each(outcomes, risks))
    }

    /// The same of the pairs that each patient is in.
    pub(crate) fn of_pairs(each: &[PatientPairs]) -> Result<Self, Undefined> {
        // Each pair stands with both of its patients.
        let total = |part: fn(&PatientPairs) -> f64| each.iter().map(part).sum::<f64>() / 2.0;
        let comparable = total(|pairs| pairs.comparable);
        if comparable <= 0.0 {
            return Err(Undefined::NoComparablePair { patients: each.len() });
        }
        let c = total(|pairs| pairs.right) / comparable;
        let share = |pairs: &PatientPairs| (pairs.right - c * pairs.comparable) / comparable;
        let most = each.iter().map(|pairs| pairs.comparable).fold(0.0, f64::max);
        let doubt = Doubt::of(c, comparable / (most + 1.0));
        Ok(Self { c, of_each: each.iter().map(share).collect(), doubt })
    }

    pub(crate) fn estimated(&self) -> Estimated {
        let squares: f64 = self.of_each.iter().map(|share| share * share).sum();
        Estimated::of(self.c, squares + self.doubt.variance())
    }
}

#[cfg(test)]
mod tests;
