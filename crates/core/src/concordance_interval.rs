//! Standard errors of Harrell's C without resampling, of one model and between two.
//!
//! The share of each patient in C is how C changes as the patient gets more weight, and the
//! variance of C is the sum of their squares: the infinitesimal jackknife, as in R's
//! `survival::concordance`, and to first order the U-statistic variance of Kang et al., Stat Med
//! 2015;34:685.

use crate::concordance::{PatientPairs, check_risks, pairs_of_each};
use crate::inference::{Estimated, PairedDifference};
use crate::{Risk, Survival, Undefined};

/// Harrell's C with its standard error, in O(n log n).
///
/// # Errors
/// When no pair is comparable, or a risk is not a number.
///
/// # Panics
/// When there are not as many risks as outcomes.
pub fn harrell_c_interval(outcomes: &[Survival], risks: &[Risk]) -> Result<Estimated, Undefined> {
    let (c, influence) = influence(outcomes, risks)?;
    Ok(Estimated::of(c, influence.iter().map(|share| share * share).sum()))
}

/// Harrell's C of one model less that of another on the same patients.
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
    let (first_c, first) = influence(outcomes, first)?;
    let (second_c, second) = influence(outcomes, second)?;
    let variance = first.iter().zip(&second).map(|(a, b)| (a - b) * (a - b)).sum();
    PairedDifference::of(first_c - second_c, variance)
}

/// C, and each patient's share in it.
fn influence(outcomes: &[Survival], risks: &[Risk]) -> Result<(f64, Vec<f64>), Undefined> {
    check_risks(risks)?;
    influence_of_pairs(&pairs_of_each(outcomes, risks))
}

/// The same of the pairs that each patient is in.
pub(crate) fn influence_of_pairs(each: &[PatientPairs]) -> Result<(f64, Vec<f64>), Undefined> {
    // Each pair stands with both of its patients.
    let total = |part: fn(&PatientPairs) -> f64| each.iter().map(part).sum::<f64>() / 2.0;
    let comparable = total(|pairs| pairs.comparable);
    if comparable <= 0.0 {
        return Err(Undefined::NoComparablePair { patients: each.len() });
    }
    let c = total(|pairs| pairs.right) / comparable;
    let share = |pairs: &PatientPairs| (pairs.right - c * pairs.comparable) / comparable;
    Ok((c, each.iter().map(share).collect()))
}
