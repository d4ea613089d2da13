//! Concordance of whole survival curves.

use ndarray::ArrayRef2;
use rayon::prelude::*;

use crate::concordance::{PatientPairs, for_each_event, pairs_of_each};
use crate::concordance_interval::Influence;
use crate::inference::Estimated;
use crate::{Risk, Survival, SurvivalProbability, Undefined};

/// Antolini's time-dependent C: the probability that of two patients the one who has the event
/// first has, at that time, the lower predicted survival; ties count one half. For curves that
/// never cross it is Harrell's C. Antolini et al., Stat Med 2005;24:3927.
///
/// `survival` has the shape (patients, times): each row a step function that is 1 before the first
/// time and stays as it is after the last. Pairs are comparable as in Harrell's C.
///
/// # Errors
/// When no pair is comparable, times do not increase, or a probability is not finite.
///
/// # Panics
/// When the shape of `survival` is not (outcomes, times).
pub fn antolini_c(
    outcomes: &[Survival],
    survival: &ArrayRef2<SurvivalProbability>,
    times_days: &[f64],
) -> Result<f64, Undefined> {
    let passed = times_passed(outcomes, survival, times_days)?;
    let at_time = |count: usize| -> (f64, f64) {
        if !passed.iter().zip(outcomes).any(|(&passed, outcome)| passed == count && outcome.event) {
            return (0.0, 0.0);
        }
        let (mut right, mut comparable) = (0.0, 0.0);
        for_each_event(outcomes, &risks_after(survival, count), |later| {
            if passed[later.row] == count {
                right += f64::from(later.lower) + 0.5 * f64::from(later.equal);
                comparable += f64::from(later.lower + later.equal + later.higher);
            }
        });
        (right, comparable)
    };
    let sums: Vec<(f64, f64)> = (0..=times_days.len()).into_par_iter().map(at_time).collect();
    let comparable: f64 = sums.iter().map(|sum| sum.1).sum();
    if comparable > 0.0 {
        Ok(sums.iter().map(|sum| sum.0).sum::<f64>() / comparable)
    } else {
        Err(Undefined::NoComparablePair { patients: outcomes.len() })
    }
}

/// Antolini's C with its standard error by the infinitesimal jackknife, as
/// [`crate::concordance_interval::harrell_c_interval`] has it for Harrell's: one pass over the
/// patients for each time, at any number of them. A C of 0 or 1 has the interval of its
/// [`crate::doubt::Doubt`].
///
/// # Errors
/// As [`antolini_c`].
///
/// # Panics
/// As [`antolini_c`].
pub fn antolini_c_interval(
    outcomes: &[Survival],
    survival: &ArrayRef2<SurvivalProbability>,
    times_days: &[f64],
) -> Result<Estimated, Undefined> {
    let passed = times_passed(outcomes, survival, times_days)?;
    let none = || vec![PatientPairs::default(); outcomes.len()];
    let at_time = |mut sums: Vec<PatientPairs>, count: usize| {
        // Only pairs whose first event falls between these two times.
        let own = outcomes.iter().zip(&passed).map(|(outcome, &passed)| Survival {
            event: outcome.event && passed == count,
            ..*outcome
        });
        let own: Vec<Survival> = own.collect();
        if own.iter().any(|outcome| outcome.event) {
            sums = added(sums, pairs_of_each(&own, &risks_after(survival, count)));
        }
        sums
    };
    // A few at a time, so that no more sums than threads are kept. Sums of halves are exact.
    let counts: Vec<usize> = (0..=times_days.len()).collect();
    let together = counts.len().div_ceil(rayon::current_num_threads());
    let sums: Vec<Vec<PatientPairs>> = counts
        .par_chunks(together)
        .map(|counts| counts.iter().fold(none(), |sums, &count| at_time(sums, count)))
        .collect();
    let each = sums.into_iter().reduce(added).expect("there is a time before the first");
    Ok(Influence::of_pairs(&each)?.estimated())
}

fn added(mut sums: Vec<PatientPairs>, pairs: Vec<PatientPairs>) -> Vec<PatientPairs> {
    for (sum, pairs) in sums.iter_mut().zip(pairs) {
        sum.right += pairs.right;
        sum.comparable += pairs.comparable;
    }
    sums
}

/// How many times have passed when each patient's follow-up ends.
fn times_passed(
    outcomes: &[Survival],
    survival: &ArrayRef2<SurvivalProbability>,
    times_days: &[f64],
) -> Result<Vec<usize>, Undefined> {
    assert_eq!(survival.dim(), (outcomes.len(), times_days.len()), "(patients, times)");
    if !times_days.windows(2).all(|pair| pair[0] < pair[1]) {
        return Err(Undefined::TooFewTimes { times: times_days.len() });
    }
    if let Some(((row, _), value)) = survival.indexed_iter().find(|(_, value)| !value.0.is_finite())
    {
        return Err(Undefined::NotFinite { what: "a survival probability", row, value: value.0 });
    }
    let passed = |outcome: &Survival| times_days.partition_point(|&time| time <= outcome.time_days);
    Ok(outcomes.iter().map(passed).collect())
}

/// What the curves rank patients by once so many times have passed: before the first all are 1.
fn risks_after(survival: &ArrayRef2<SurvivalProbability>, count: usize) -> Vec<Risk> {
    match count.checked_sub(1) {
        Some(column) => survival.column(column).iter().map(|value| Risk(-value.0)).collect(),
        None => vec![Risk(0.0); survival.nrows()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use ndarray::{Array2, Axis, array};
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use crate::bootstrap::{Resampling, interval};
    use crate::concordance::harrell_c;
    use crate::concordance_interval::harrell_c_interval;

    const ALL: [Survival; 4] = [
        Survival::until(1.0, true),
        Survival::until(2.0, true),
        Survival::until(2.0, false),
        Survival::until(4.0, true),
    ];

    #[test]
    fn curves_that_never_cross_have_harrells_c() {
        let risks = [0.3, 0.9, 0.1, 0.2].map(Risk);
        let curves = Array2::from_shape_fn((4, 4), |(row, time)| {
            SurvivalProbability((-risks[row].0 * (time + 1) as f64).exp())
        });
        let times = [1.0, 2.0, 3.0, 4.0];
        let found = antolini_c(&ALL, &curves, &times);
        assert_eq!(found, harrell_c(&ALL, &risks));
        let found = antolini_c_interval(&ALL, &curves, &times).unwrap();
        let expected = harrell_c_interval(&ALL, &risks).unwrap();
        assert!((found.standard_error - expected.standard_error).abs() < 1e-15);
        assert!((found.value - expected.value).abs() < 1e-15);
    }

    /// Curves that cross: the standard error is that of the bootstrap.
    #[test]
    fn the_standard_error_is_what_resamples_vary_by() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let (mut outcomes, mut shapes) = (vec![], vec![]);
        for _ in 0..300 {
            let (rate, shape) = (random.random::<f64>() * 2.0, 0.5 + random.random::<f64>());
            let death = (-random.random::<f64>().ln() / (0.3 + rate)).powf(1.0 / shape);
            let end = 3.0 * random.random::<f64>();
            outcomes.push(Survival::until(death.min(end), death <= end));
            shapes.push((0.3 + rate, shape));
        }
        let times: Vec<f64> = (1..=20).map(|step| f64::from(step) * 0.15).collect();
        let curves = Array2::from_shape_fn((300, 20), |(row, time)| {
            let (rate, shape) = shapes[row];
            SurvivalProbability((-rate * times[time].powf(shape)).exp())
        });
        let found = antolini_c_interval(&outcomes, &curves, &times).unwrap();
        assert!((found.value - antolini_c(&outcomes, &curves, &times).unwrap()).abs() < 1e-12);
        let plan = Resampling { resamples: 400, seed: 1 };
        let resampled = interval(300, plan, |rows| {
            let own: Vec<Survival> = rows.iter().map(|&row| outcomes[row]).collect();
            antolini_c(&own, &curves.select(Axis(0), rows), &times)
        });
        let width = resampled.map(|found| found.high - found.low).unwrap();
        let ratio = (found.high - found.low) / width;
        assert!((0.85..1.15).contains(&ratio), "{ratio}");
    }

    #[test]
    fn each_event_is_judged_at_its_own_time() {
        let curves =
            array![[0.1, 0.9], [0.9, 0.1], [0.8, 0.5], [0.7, 0.6]].mapv(SurvivalProbability);
        assert_eq!(antolini_c(&ALL, &curves, &[1.0, 2.0]), Ok(1.0));
        // Before the first time all curves are 1.
        assert_eq!(antolini_c(&ALL, &curves, &[8.0, 9.0]), Ok(0.5));
    }

    #[test]
    fn few_curves_in_perfect_order_do_not_make_sure() {
        let risks = [4.0, 3.0, 2.0, 1.0].map(Risk);
        let days = [1.0, 2.0, 3.0, 4.0];
        let outcomes = days.map(|day| Survival::until(day, true));
        let curves = Array2::from_shape_fn((4, 4), |(row, time)| {
            SurvivalProbability((-risks[row].0 * days[time]).exp())
        });
        let found = antolini_c_interval(&outcomes, &curves, &days).unwrap();
        let expected = harrell_c_interval(&outcomes, &risks).unwrap();
        assert!((found.value - 1.0).abs() < 1e-15 && found.low < 0.2);
        assert!((found.low - expected.low).abs() < 1e-15);
    }

    #[test]
    fn says_why_there_is_none() {
        let curves = array![[0.5], [f64::NAN]].mapv(SurvivalProbability);
        let found = antolini_c(&ALL[..2], &curves, &[1.0]);
        assert!(matches!(found, Err(Undefined::NotFinite { row: 1, .. })));
        let alone = antolini_c(&ALL[..1], &curves.slice_move(ndarray::s![..1, ..]), &[1.0]);
        assert_eq!(alone, Err(Undefined::NoComparablePair { patients: 1 }));
        let curves = array![[0.5, 0.5]].mapv(SurvivalProbability);
        let times = antolini_c(&ALL[..1], &curves, &[2.0, 1.0]);
        assert_eq!(times, Err(Undefined::TooFewTimes { times: 2 }));
    }
}
