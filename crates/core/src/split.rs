//! Folds of patients for cross-validation.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use crate::{Survival, Undefined};

/// What the folds should be alike in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stratum<'a> {
    /// Follow-up, where known.
    pub survival: Option<Survival>,
    /// The subtype or other class, where known.
    pub label: Option<&'a str>,
}

/// Deals patients into folds 0 to `folds - 1` that are alike in events, labels and follow-up.
///
/// Patients are put in order (events, then censored, then unknown; in each by label; in each by
/// time) and dealt out like cards: every `folds` neighbours go to different folds. So fold sizes
/// and events per fold differ by at most one, and every fold has early and late events. One seed
/// gives one split, whatever the machine.
///
/// # Errors
/// When there are fewer than two folds or patients than folds, or follow-up is known and there
/// are fewer events than folds.
pub fn stratified_folds(
    strata: &[Stratum],
    folds: usize,
    seed: u64,
) -> Result<Vec<u32>, Undefined> {
    let patients = strata.len();
    if folds < 2 || folds > patients {
        return Err(Undefined::InvalidFolds { folds, patients });
    }
    let events = strata.iter().filter(|stratum| event_order(stratum) == 0).count();
    if events < folds && strata.iter().any(|stratum| stratum.survival.is_some()) {
        return Err(Undefined::TooFewEvents { folds, events });
    }
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..patients).collect();
    // Patients that are equal in all respects must not be dealt in file order.
    order.shuffle(&mut generator);
    order.sort_by(|&a, &b| {
        let (a, b) = (&strata[a], &strata[b]);
        let time = |stratum: &Stratum| stratum.survival.map_or(0.0, |outcome| outcome.time_days);
        (event_order(a), a.label).cmp(&(event_order(b), b.label)).then(time(a).total_cmp(&time(b)))
    });
    let mut fold_of = vec![0; patients];
    let mut deal: Vec<u32> = (0..).take(folds).collect();
    for neighbours in order.chunks(folds) {
        deal.shuffle(&mut generator);
        for (&row, &fold) in neighbours.iter().zip(&deal) {
            fold_of[row] = fold;
        }
    }
    Ok(fold_of)
}

/// The same of patients of whom follow-up alone is known.
pub(crate) fn folds_of_outcomes(
    outcomes: &[Survival],
    folds: usize,
    seed: u64,
) -> Result<Vec<u32>, Undefined> {
    let stratum = |&survival: &Survival| Stratum { survival: Some(survival), label: None };
    stratified_folds(&outcomes.iter().map(stratum).collect::<Vec<_>>(), folds, seed)
}

fn event_order(stratum: &Stratum) -> u8 {
    match stratum.survival {
        Some(Survival { event: true, .. }) => 0,
        Some(Survival { event: false, .. }) => 1,
        None => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strata(rows: &[(f64, bool)]) -> Vec<Stratum<'static>> {
        rows.iter()
            .map(|&(time_days, event)| Stratum {
                survival: Some(Survival::until(time_days, event)),
                label: None,
            })
            .collect()
    }

    fn cohort(patients: u32) -> Vec<Stratum<'static>> {
        let rows: Vec<_> =
            (0..patients).map(|row| (f64::from(row * 37 % patients), row % 3 == 0)).collect();
        strata(&rows)
    }

    #[test]
    fn sizes_and_events_differ_by_at_most_one() {
        for (patients, folds) in [(6, 2), (100, 5), (101, 5), (103, 10), (64, 3)] {
            let strata = cohort(patients);
            let fold_of = stratified_folds(&strata, folds, 1).unwrap();
            let count = |keep: &dyn Fn(&Stratum) -> bool| {
                let mut counts = vec![0; folds];
                for (stratum, &fold) in strata.iter().zip(&fold_of) {
                    counts[fold as usize] += u32::from(keep(stratum));
                }
                counts.iter().max().unwrap() - counts.iter().min().unwrap()
            };
            assert!(count(&|_| true) <= 1, "{patients} patients");
            assert!(count(&|stratum| event_order(stratum) == 0) <= 1, "{patients} patients");
            // Early events are spread like all events.
            let early = |stratum: &Stratum| {
                event_order(stratum) == 0
                    && stratum.survival.unwrap().time_days < f64::from(patients) / 2.0
            };
            assert!(count(&early) <= 1, "{patients} patients");
        }
    }

    #[test]
    fn one_seed_gives_one_split_and_another_another() {
        let strata = cohort(50);
        let folds = stratified_folds(&strata, 5, 3).unwrap();
        assert_eq!(stratified_folds(&strata, 5, 3).unwrap(), folds);
        assert_ne!(stratified_folds(&strata, 5, 4).unwrap(), folds);
    }

    #[test]
    fn the_split_of_a_seed_stays_as_it_is() {
        // Published folds must not change with a release.
        let pinned = [1, 2, 0, 2, 1, 0, 0, 2, 1, 1, 0, 2];
        assert_eq!(stratified_folds(&cohort(12), 3, 1).unwrap(), pinned);
    }

    #[test]
    fn labels_are_spread_too() {
        let strata: Vec<Stratum> = (0..40)
            .map(|row| Stratum { survival: None, label: Some(if row < 10 { "a" } else { "b" }) })
            .collect();
        let fold_of = stratified_folds(&strata, 5, 1).unwrap();
        for fold in 0..5 {
            assert_eq!(fold_of[..10].iter().filter(|&&other| other == fold).count(), 2);
        }
    }

    #[test]
    fn says_why_there_is_no_split() {
        let strata = strata(&[(1.0, true), (2.0, true), (3.0, false), (4.0, false)]);
        let found = stratified_folds(&strata, 3, 1);
        assert_eq!(found, Err(Undefined::TooFewEvents { folds: 3, events: 2 }));
        for folds in [0, 1, 5] {
            let found = stratified_folds(&strata, folds, 1);
            assert_eq!(found, Err(Undefined::InvalidFolds { folds, patients: 4 }));
        }
    }
}
