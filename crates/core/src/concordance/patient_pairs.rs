//! The comparable pairs that each patient is in.

use super::ranks::{RankCounts, dense_ranks, rows, sorted_keys};
use super::{for_each_event, late_entries};
use crate::{Risk, Survival};

/// The comparable pairs that one patient is in.
#[derive(Clone, Copy, Default)]
pub(crate) struct PatientPairs {
    /// Those in the right order, and half of those of equal risks.
    pub(crate) right: f64,
    pub(crate) comparable: f64,
}

/// The pairs of each patient, with earlier and with later ones.
pub(crate) fn pairs_of_each(outcomes: &[Survival], risks: &[Risk]) -> Vec<PatientPairs> {
    let mut pairs = vec![PatientPairs::default(); outcomes.len()];
    for_each_event(outcomes, risks, |later| {
        let pairs = &mut pairs[later.row];
        pairs.right += f64::from(later.lower) + 0.5 * f64::from(later.equal);
        pairs.comparable += f64::from(later.lower + later.equal + later.higher);
    });
    // From the earliest on, each patient meets the events before.
    let ranks = dense_ranks(risks.iter().map(|risk| risk.0));
    let earliest_first = sorted_keys(outcomes.iter().map(|outcome| outcome.time_days));
    let mut events = RankCounts::new(outcomes.len());
    let mut entries = late_entries(outcomes).into_iter().peekable();
    for now in earliest_first.chunk_by(|a, b| a.0 == b.0) {
        let mut meet = |row: usize, events: &RankCounts, times: f64| {
            let (lower, equal) = (events.below(ranks[row]), events.counts[ranks[row] as usize]);
            let right = f64::from(events.total - lower - equal) + 0.5 * f64::from(equal);
            pairs[row].right += times * right;
            pairs[row].comparable += times * f64::from(events.total);
        };
        // Who enters late does not meet the events up to then.
        while let Some((_, row)) = entries.next_if(|(entry, _)| *entry < now[0].0) {
            meet(row as usize, &events, -1.0);
        }
        rows(now).filter(|&row| outcomes[row].event).for_each(|row| meet(row, &events, 1.0));
        rows(now).filter(|&row| outcomes[row].event).for_each(|row| events.add(ranks[row]));
        rows(now).filter(|&row| !outcomes[row].event).for_each(|row| meet(row, &events, 1.0));
    }
    pairs
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;
    use crate::concordance::{count_pairs, tests::cohort};

    #[test]
    fn the_pairs_of_each_sum_to_twice_all_pairs() {
        let (outcomes, risks) = cohort(&[
            (1.0, true, 2.0),
            (1.0, false, 3.0),
            (2.0, true, 2.0),
            (2.0, true, 5.0),
            (4.0, false, 1.0),
        ]);
        let pairs = count_pairs(&outcomes, &risks);
        let each = pairs_of_each(&outcomes, &risks);
        let comparable: f64 = each.iter().map(|one| one.comparable).sum();
        let right: f64 = each.iter().map(|one| one.right).sum();
        assert_eq!(comparable, 2.0 * pairs.comparable() as f64);
        assert_eq!(right, 2.0 * pairs.concordant as f64 + pairs.tied_risk as f64);
        // The first death meets four, three of them in order or half so.
        assert_eq!((each[0].right, each[0].comparable), (1.5, 4.0));
        assert_eq!((each[4].right, each[4].comparable), (3.0, 3.0));
    }
}
