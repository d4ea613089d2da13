//! Concordance of whole survival curves.

use ndarray::ArrayRef2;
use rayon::prelude::*;

use crate::concordance::for_each_event;
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
    assert_eq!(survival.dim(), (outcomes.len(), times_days.len()), "(patients, times)");
    if !times_days.windows(2).all(|pair| pair[0] < pair[1]) {
        return Err(Undefined::TooFewTimes { times: times_days.len() });
    }
    if let Some(((row, _), value)) = survival.indexed_iter().find(|(_, value)| !value.0.is_finite())
    {
        return Err(Undefined::NotFinite { what: "a survival probability", row, value: value.0 });
    }
    // How many times have passed when each patient's follow-up ends.
    let passed: Vec<usize> = outcomes
        .iter()
        .map(|outcome| times_days.partition_point(|&time| time <= outcome.time_days))
        .collect();
    let at_time = |count: usize| -> (f64, f64) {
        if !passed.iter().zip(outcomes).any(|(&passed, outcome)| passed == count && outcome.event) {
            return (0.0, 0.0);
        }
        let risks: Vec<Risk> = match count.checked_sub(1) {
            Some(column) => survival.column(column).iter().map(|value| Risk(-value.0)).collect(),
            None => vec![Risk(0.0); outcomes.len()],
        };
        let (mut right, mut comparable) = (0.0, 0.0);
        for_each_event(outcomes, &[], &risks, |later| {
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

#[cfg(test)]
mod tests {
    use super::*;

    use ndarray::{Array2, array};

    use crate::concordance::harrell_c;

    const ALL: [Survival; 4] = [
        Survival { time_days: 1.0, event: true },
        Survival { time_days: 2.0, event: true },
        Survival { time_days: 2.0, event: false },
        Survival { time_days: 4.0, event: true },
    ];

    #[test]
    fn curves_that_never_cross_have_harrells_c() {
        let risks = [0.3, 0.9, 0.1, 0.2].map(Risk);
        let curves = Array2::from_shape_fn((4, 4), |(row, time)| {
            SurvivalProbability((-risks[row].0 * (time + 1) as f64).exp())
        });
        let found = antolini_c(&ALL, &curves, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(found, harrell_c(&ALL, &risks));
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
