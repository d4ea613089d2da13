//! Concordance of risks with right-censored outcomes.

use crate::kaplan_meier::Censoring;
use crate::{Risk, Survival, Undefined};

mod patient_pairs;
mod ranks;

pub(crate) use patient_pairs::{PatientPairs, pairs_of_each};

use ranks::{RankCounts, dense_ranks, rows, sorted_keys};

/// How comparable pairs of patients are ordered by risk.
///
/// A pair is comparable when the one with the shorter time had the event; at equal times, when
/// one had the event and the other was censored. These are the rules of lifelines,
/// scikit-survival and R's `survival`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Comparable pairs in which the earlier event has the higher risk.
    pub concordant: u64,
    /// Comparable pairs in which the earlier event has the lower risk.
    pub discordant: u64,
    /// Comparable pairs of equal risks; each counts one half.
    pub tied_risk: u64,
    /// Comparable pairs of an event and a censoring at one time. They are among the three counts
    /// above; scikit-survival gives the same number.
    pub tied_time: u64,
}

impl Pairs {
    /// The number of comparable pairs.
    #[must_use]
    pub fn comparable(&self) -> u64 {
        self.concordant + self.discordant + self.tied_risk
    }

    /// The share of comparable pairs in the right order; `None` where no pair is comparable.
    #[must_use]
    pub fn concordance(&self) -> Option<f64> {
        let comparable = self.comparable();
        (comparable > 0)
            .then(|| (self.concordant as f64 + 0.5 * self.tied_risk as f64) / comparable as f64)
    }
}

/// Counts the comparable pairs by their order in O(n log n).
///
/// Risks are tied when they are equal as numbers; NaN counts as the highest risk. Of patients who
/// came under observation late, the one without the earlier event must have been at risk at its time,
/// as in R's `survival::concordance` of (entry, exit] data.
///
/// # Panics
/// When there are not as many risks as outcomes.
#[must_use]
pub fn count_pairs(outcomes: &[Survival], risks: &[Risk]) -> Pairs {
    let mut pairs = Pairs::default();
    for_each_event(outcomes, risks, |later| {
        pairs.concordant += u64::from(later.lower);
        pairs.discordant += u64::from(later.higher);
        pairs.tied_risk += u64::from(later.equal);
        pairs.tied_time += u64::from(later.censored_now);
    });
    pairs
}

/// Harrell's C: the probability that of two patients the one with the higher risk has the event
/// first, 1 for a perfect order and 0.5 for none. Harrell et al., JAMA 1982;247:2543.
///
/// # Errors
/// When no pair is comparable, or a risk is not a number.
///
/// # Panics
/// When there are not as many risks as outcomes.
pub fn harrell_c(outcomes: &[Survival], risks: &[Risk]) -> Result<f64, Undefined> {
    check_risks(risks)?;
    count_pairs(outcomes, risks)
        .concordance()
        .ok_or(Undefined::NoComparablePair { patients: outcomes.len() })
}

/// Uno's C: as Harrell's, with pairs weighted by the inverse squared probability of staying
/// uncensored, which frees it from the study's censoring pattern. Uno et al., Stat Med
/// 2011;30:1105.
///
/// The censoring distribution comes from `train`. Only events before `tau_days` count. Without a
/// `tau_days`, or where it lies past the training patients' follow-up, all events count at which
/// the training patients tell the probability of censoring. Equal to scikit-survival's
/// `concordance_index_ipcw` wherever that is defined, but for its tolerance for ties of 1e-8.
///
/// # Errors
/// When no pair is comparable before `tau_days`, a risk is not a number, or some patients came under
/// observation late.
///
/// # Panics
/// When there are not as many risks as outcomes.
pub fn uno_c(
    train: &[Survival],
    outcomes: &[Survival],
    risks: &[Risk],
    tau_days: Option<f64>,
) -> Result<f64, Undefined> {
    let (mut right, mut total) = (0.0, 0.0);
    for_each_weighted(train, outcomes, risks, tau_days, |later, weight| {
        right += weight * (f64::from(later.lower) + 0.5 * f64::from(later.equal));
        total += weight * f64::from(later.lower + later.equal + later.higher);
    })?;
    if total > 0.0 {
        Ok(right / total)
    } else {
        Err(Undefined::NoComparablePair { patients: outcomes.len() })
    }
}

/// Visits the events that count in Uno's C from the latest to the earliest, with the weight of each of
/// their pairs.
pub(crate) fn for_each_weighted(
    train: &[Survival],
    outcomes: &[Survival],
    risks: &[Risk],
    tau_days: Option<f64>,
    mut visit: impl FnMut(&Later, f64),
) -> Result<(), Undefined> {
    check_risks(risks)?;
    let censoring = Censoring::of_both(train, outcomes)?;
    for_each_event(outcomes, risks, |later| {
        let time_days = outcomes[later.row].time_days;
        if tau_days.is_some_and(|tau| time_days >= tau) {
            return;
        }
        if let Ok(uncensored) = censoring.uncensored(time_days) {
            visit(&later, uncensored.powi(-2));
        }
    });
    Ok(())
}

pub(crate) fn check_risks(risks: &[Risk]) -> Result<(), Undefined> {
    match risks.iter().position(|risk| risk.0.is_nan()) {
        Some(row) => Err(Undefined::NotFinite { what: "a risk", row, value: risks[row].0 }),
        None => Ok(()),
    }
}

/// One event, and the risks of those comparable with it, relative to its own.
pub(crate) struct Later {
    pub(crate) row: usize,
    pub(crate) lower: u32,
    pub(crate) equal: u32,
    pub(crate) higher: u32,
    censored_now: u32,
}

/// Visits events from the latest to the earliest.
pub(crate) fn for_each_event(outcomes: &[Survival], risks: &[Risk], mut visit: impl FnMut(Later)) {
    assert_eq!(outcomes.len(), risks.len(), "one risk for each outcome");
    let mut entries = late_entries(outcomes);
    let ranks = dense_ranks(risks.iter().map(|risk| risk.0));
    let mut latest_first = sorted_keys(outcomes.iter().map(|outcome| outcome.time_days));
    latest_first.reverse();
    let mut seen = RankCounts::new(outcomes.len());
    for now in latest_first.chunk_by(|a, b| a.0 == b.0) {
        // Entries at this time or later are not at risk yet, and were seen at their exits.
        while let Some((_, row)) = entries.pop_if(|(entry, _)| *entry >= now[0].0) {
            seen.remove(ranks[row as usize]);
        }
        // Those censored now outlive those who have the event now; two events now are no pair.
        let censored_before = seen.total;
        for row in rows(now).filter(|&row| !outcomes[row].event) {
            seen.add(ranks[row]);
        }
        for row in rows(now).filter(|&row| outcomes[row].event) {
            let lower = seen.below(ranks[row]);
            let equal = seen.counts[ranks[row] as usize];
            let higher = seen.total - lower - equal;
            let censored_now = seen.total - censored_before;
            visit(Later { row, lower, equal, higher, censored_now });
        }
        for row in rows(now).filter(|&row| outcomes[row].event) {
            seen.add(ranks[row]);
        }
    }
}

/// The late entries as [`sorted_keys`], each with its row.
fn late_entries(outcomes: &[Survival]) -> Vec<(u64, u32)> {
    if outcomes.iter().all(|outcome| outcome.entry_days.is_none()) {
        return vec![];
    }
    let entry = |outcome: &Survival| outcome.entry_days.unwrap_or(f64::NEG_INFINITY);
    let mut entries = sorted_keys(outcomes.iter().map(entry));
    entries.retain(|&(_, row)| outcomes[row as usize].entry_days.is_some());
    entries
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    pub(super) fn cohort(rows: &[(f64, bool, f64)]) -> (Vec<Survival>, Vec<Risk>) {
        rows.iter()
            .map(|&(time_days, event, risk)| (Survival::until(time_days, event), Risk(risk)))
            .unzip()
    }

    /// Every pair by the definition.
    fn brute_force(outcomes: &[Survival], risks: &[Risk]) -> Pairs {
        let mut pairs = Pairs::default();
        for (first, risk) in outcomes.iter().zip(risks).filter(|(outcome, _)| outcome.event) {
            for (other, other_risk) in outcomes.iter().zip(risks) {
                let now = first.time_days == other.time_days && !other.event;
                let later = first.time_days < other.time_days || now;
                if later && other.has_entered(first.time_days) {
                    pairs.tied_time += u64::from(now);
                    pairs.concordant += u64::from(risk > other_risk);
                    pairs.discordant += u64::from(risk < other_risk);
                    pairs.tied_risk += u64::from(risk == other_risk);
                }
            }
        }
        pairs
    }

    #[test]
    fn counts_pairs_of_named_edge_cases() {
        type Case = (&'static str, Vec<(f64, bool, f64)>, [u64; 4]);
        let cases: [Case; 9] = [
            ("nobody", vec![], [0, 0, 0, 0]),
            ("one patient", vec![(1.0, true, 1.0)], [0, 0, 0, 0]),
            (
                "perfect order",
                vec![(1.0, true, 3.0), (2.0, true, 2.0), (3.0, false, 1.0)],
                [3, 0, 0, 0],
            ),
            (
                "reversed order",
                vec![(1.0, true, 1.0), (2.0, true, 2.0), (3.0, false, 3.0)],
                [0, 3, 0, 0],
            ),
            (
                "censored before the first event is not comparable",
                vec![(1.0, false, 3.0), (2.0, true, 2.0), (3.0, true, 1.0)],
                [1, 0, 0, 0],
            ),
            (
                "two events at one time are no pair",
                vec![(1.0, true, 1.0), (1.0, true, 2.0)],
                [0; 4],
            ),
            (
                "a censoring at the time of an event outlives it",
                vec![(1.0, false, 1.0), (1.0, true, 2.0)],
                [1, 0, 0, 1],
            ),
            ("equal risks", vec![(1.0, true, 2.0), (2.0, false, 2.0)], [0, 0, 1, 0]),
            ("both zeros are equal", vec![(1.0, true, 0.0), (2.0, false, -0.0)], [0, 0, 1, 0]),
        ];
        for (name, rows, [concordant, discordant, tied_risk, tied_time]) in cases {
            let (outcomes, risks) = cohort(&rows);
            let expected = Pairs { concordant, discordant, tied_risk, tied_time };
            assert_eq!(count_pairs(&outcomes, &risks), expected, "{name}");
            assert_eq!(brute_force(&outcomes, &risks), expected, "{name}, by brute force");
        }
    }

    #[test]
    fn counts_as_brute_force_does_on_random_cohorts_with_ties() {
        let mut generator = ChaCha8Rng::seed_from_u64(7);
        for round in 0..300 {
            let patients = generator.random_range(0..60);
            let (times, levels) = (generator.random_range(1..40), generator.random_range(1..20));
            let rows: Vec<(f64, bool, f64)> = (0..patients)
                .map(|_| {
                    let time = f64::from(generator.random_range(0..times));
                    let risk = f64::from(generator.random_range(-levels..levels));
                    (time, generator.random_bool(0.6), risk)
                })
                .collect();
            let (outcomes, risks) = cohort(&rows);
            assert_eq!(
                count_pairs(&outcomes, &risks),
                brute_force(&outcomes, &risks),
                "round {round}"
            );
        }
    }

    #[test]
    fn late_entries_count_as_brute_force_does() {
        let mut generator = ChaCha8Rng::seed_from_u64(8);
        for round in 0..200 {
            let outcomes: Vec<Survival> = (0..generator.random_range(0..40))
                .map(|_| {
                    let entry_days = f64::from(generator.random_range(0..15));
                    let time_days = entry_days + f64::from(generator.random_range(1..15));
                    let outcome = Survival::until(time_days, generator.random_bool(0.6));
                    let late = generator.random_bool(0.7);
                    if late { outcome.entered(entry_days).unwrap() } else { outcome }
                })
                .collect();
            let risks: Vec<Risk> =
                outcomes.iter().map(|_| Risk(f64::from(generator.random_range(0..9)))).collect();
            let pairs = count_pairs(&outcomes, &risks);
            assert_eq!(pairs, brute_force(&outcomes, &risks), "round {round}");
            let each = pairs_of_each(&outcomes, &risks);
            let comparable: f64 = each.iter().map(|one| one.comparable).sum();
            let right: f64 = each.iter().map(|one| one.right).sum();
            assert_eq!(comparable, 2.0 * pairs.comparable() as f64, "round {round}");
            assert_eq!(right, 2.0 * pairs.concordant as f64 + pairs.tied_risk as f64);
        }
    }

    #[test]
    fn says_why_there_is_no_concordance() {
        let (outcomes, risks) = cohort(&[(1.0, false, 1.0), (2.0, false, 2.0)]);
        let none = Err(Undefined::NoComparablePair { patients: 2 });
        assert_eq!(harrell_c(&outcomes, &risks), none);
        assert_eq!(uno_c(&outcomes, &outcomes, &risks, None), none);
        let (outcomes, risks) = cohort(&[(1.0, true, 1.0), (2.0, false, f64::NAN)]);
        let found = harrell_c(&outcomes, &risks).unwrap_err().to_string();
        assert_eq!(found, "a risk must be finite, found NaN in row 1");
    }

    #[test]
    fn without_censoring_uno_is_harrell() {
        let (outcomes, risks) =
            cohort(&[(1.0, true, 5.0), (2.0, true, 1.0), (3.0, true, 3.0), (4.0, true, 3.0)]);
        let harrell = harrell_c(&outcomes, &risks).unwrap();
        assert_eq!(uno_c(&outcomes, &outcomes, &risks, None), Ok(harrell));
    }

    #[test]
    fn uno_leaves_out_events_past_tau_and_past_the_training_follow_up() {
        let (outcomes, risks) = cohort(&[(1.0, true, 2.0), (3.0, true, 1.0), (5.0, false, 4.0)]);
        // The first event is right once of twice, the second is wrong.
        assert_eq!(uno_c(&outcomes, &outcomes, &risks, Some(3.0)), Ok(0.5));
        let (short, _) = cohort(&[(1.0, true, 0.0), (2.0, true, 0.0)]);
        assert_eq!(uno_c(&short, &outcomes, &risks, None), Ok(0.5));
    }
}
