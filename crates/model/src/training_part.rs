//! What a training part can carry: its modalities, classes and inner folds.

use std::{cmp::Reverse, collections::BTreeMap};

use oncoweave_core::{
    Cohort, Survival,
    split::{Stratum, stratified_folds},
};

use crate::{
    Error, SubtypeHead, TrainConfig,
    folds::{Size, deal},
};

/// More classes than this are taken for free text by a subtype head that is `"auto"`.
const MOST_CLASSES: usize = 20;

pub(crate) fn choose_modalities(
    cohort: &Cohort,
    config: &TrainConfig,
) -> Result<Vec<String>, Error> {
    let present: Vec<String> = cohort.modalities().into_iter().map(str::to_owned).collect();
    let Some(wanted) = &config.modalities else {
        return Ok(present);
    };
    match wanted.iter().find(|modality| !present.contains(modality)) {
        Some(modality) => Err(Error::UnknownModality { modality: modality.clone(), present }),
        None => Ok(wanted.clone()),
    }
}

/// Above so many numbers, which is 1,600 patients by 20,000 columns, a stack is fitted without
/// elastic-net Cox.
const MOST_SPARSE_NUMBERS: usize = 32_000_000;

/// Whether a stack that is to have elastic-net Cox among its members can have it.
pub(crate) fn choose_elastic_net(
    cohort: &Cohort,
    (modalities, patients): (&[String], usize),
    notes: &mut Vec<String>,
) -> bool {
    let read = cohort.columns.iter().filter(|column| modalities.contains(&column.modality));
    let columns = read.count();
    let fits = patients.saturating_mul(columns) <= MOST_SPARSE_NUMBERS;
    if !fits {
        notes.push(format!(
            "no elastic-net Cox in the stack: {patients} patients with {columns} columns are more \
             than {MOST_SPARSE_NUMBERS} numbers; `model = \"elastic_net_cox\"` fits it alone"
        ));
    }
    fits
}

pub(crate) fn check_outcomes(outcomes: &[Survival], rows: usize) -> Result<(), Error> {
    let events = outcomes.iter().filter(|outcome| outcome.event).count();
    let reason = if outcomes.is_empty() {
        format!("none of the {rows} has follow-up; columns `time_days` and `event` carry it")
    } else if events == 0 {
        format!(
            "no event was observed among {}; check which values of the event column mean an event",
            outcomes.len()
        )
    } else if outcomes.len() < 2 {
        "there is only one with follow-up".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Untrainable { reason })
}

/// Fewest events in an inner fold, on average.
const EVENTS_IN_FOLD: usize = 2;

/// Folds inside the training part, of whole sites where that is asked for and can be, else alike in
/// events and times; fewer than asked for where there are few events. Each patient's site is `None`
/// where unknown.
pub(crate) fn inner_folds(
    outcomes: &[Survival],
    sites: &[Option<&str>],
    config: &TrainConfig,
    notes: &mut Vec<String>,
) -> Result<Vec<u32>, Error> {
    let events = outcomes.iter().filter(|outcome| outcome.event).count();
    let folds = config.stack.folds.min(events / EVENTS_IN_FOLD).max(3);
    if config.stack.by_site {
        if let Some(found) = whole_sites(outcomes, sites, folds) {
            return Ok(found);
        }
        notes.push(
            "the inner folds of the stack do not keep sites whole, so that its weights may trust \
             too much what differs between sites: there are too few sites with events, or one of \
             them has more than half of all events"
                .to_owned(),
        );
    }
    let stratum = |&survival: &Survival| Stratum { survival: Some(survival), label: None };
    let strata: Vec<Stratum> = outcomes.iter().map(stratum).collect();
    stratified_folds(&strata, folds, config.seed).map_err(|_| Error::Untrainable {
        reason: format!(
            "a stack takes 3 events at least, found {events} among {}; set `model` to `network`, \
             `ridge_cox` or `elastic_net_cox`",
            outcomes.len()
        ),
    })
}

/// Folds of whole sites, as many as go up to a number, but three at least: each has a few events,
/// and none more than half of them, so that there is something to fit to without it. The site with
/// the most events is dealt first, see [`deal`]. Whoever has no site is dealt alone.
fn whole_sites(outcomes: &[Survival], sites: &[Option<&str>], most: usize) -> Option<Vec<u32>> {
    let (mut named, mut alone): (BTreeMap<&str, Vec<usize>>, _) = (BTreeMap::new(), vec![]);
    for (row, site) in sites.iter().enumerate() {
        match site {
            Some(site) => named.entry(site).or_default().push(row),
            None => alone.push(vec![row]),
        }
    }
    if named.len() < 3 {
        return None;
    }
    let size = |rows: &Vec<usize>| Size {
        events: rows.iter().filter(|&&row| outcomes[row].event).count(),
        patients: rows.len(),
    };
    let mut groups: Vec<Vec<usize>> = named.into_values().chain(alone).collect();
    groups.sort_by_key(|rows| Reverse(size(rows)));
    let counts: Vec<Size> = groups.iter().map(size).collect();
    let total: usize = counts.iter().map(|size| size.events).sum();
    let deal = |folds: usize| {
        let (mut events_in, mut fold_of) = (vec![0; folds], vec![0; sites.len()]);
        for ((rows, size), fold) in groups.iter().zip(&counts).zip(deal(&counts, folds)) {
            events_in[fold as usize] += size.events;
            for &row in rows {
                fold_of[row] = fold;
            }
        }
        let good = |&events: &usize| events >= EVENTS_IN_FOLD && 2 * events <= total;
        events_in.iter().all(good).then_some(fold_of)
    };
    (3..=most).rev().find_map(deal)
}

/// The classes seen in training, sorted; empty without a subtype head.
pub(crate) fn choose_classes(
    cohort: &Cohort,
    rows: &[usize],
    config: &TrainConfig,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Error> {
    let mut classes: Vec<String> =
        rows.iter().filter_map(|&row| cohort.labels[row].clone()).collect();
    classes.sort();
    classes.dedup();
    match (config.heads.subtype, classes.len()) {
        (SubtypeHead::Off, _) | (SubtypeHead::Auto, 0) => Ok(vec![]),
        (SubtypeHead::On, found @ 0..2) => Err(Error::Untrainable {
            reason: format!(
                "`heads.subtype` is on, but the training patients have {found} distinct labels; \
                 it takes two"
            ),
        }),
        (SubtypeHead::Auto, found) if !(2..=MOST_CLASSES).contains(&found) => {
            notes.push(format!(
                "no subtype head: the training patients have {found} distinct labels, not 2 to \
                 {MOST_CLASSES}"
            ));
            Ok(vec![])
        }
        _ => Ok(classes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Shape, simulate};

    fn outcomes(events: &[bool]) -> Vec<Survival> {
        events.iter().map(|&event| Survival::until(1.0, event)).collect()
    }

    #[test]
    fn inner_folds_of_whole_sites_hold_each_site_together() {
        // Sites of 40, 30, 20, 10 and 10 patients, every second with the event.
        let of_site = |(site, patients): (&'static str, usize)| std::iter::repeat_n(site, patients);
        let counts = [("a", 40), ("b", 30), ("c", 20), ("d", 10), ("e", 10)];
        let sites: Vec<Option<&str>> = counts.into_iter().flat_map(of_site).map(Some).collect();
        let outcomes = outcomes(&(0..110).map(|row| row % 2 == 0).collect::<Vec<_>>());
        for (most, expected) in [(5, [0, 1, 2, 3, 4]), (4, [0, 1, 2, 3, 3]), (3, [0, 1, 2, 2, 1])] {
            let folds = whole_sites(&outcomes, &sites, most).unwrap();
            for (site, fold) in ["a", "b", "c", "d", "e"].iter().zip(expected) {
                let own = (0..110).filter(|&row| sites[row] == Some(site));
                assert!(own.clone().all(|row| folds[row] == fold), "{site}: {folds:?}");
            }
        }
        // More folds than sites are not to be had.
        let folds = whole_sites(&outcomes, &sites, 20).unwrap();
        assert_eq!(folds.iter().max(), Some(&4));
    }

    #[test]
    fn without_sites_enough_inner_folds_are_random_and_that_is_said() {
        let events: Vec<bool> = (0..60).map(|row| row % 2 == 0).collect();
        let outcomes = outcomes(&events);
        let site = |name: &dyn Fn(usize) -> &'static str| -> Vec<Option<&str>> {
            (0..60).map(|row| Some(name(row))).collect()
        };
        let mut config = TrainConfig::default();
        let two = site(&|row| if row < 30 { "a" } else { "b" });
        let one_large = site(&|row| ["a", "b", "c", "d"][row.saturating_sub(50) / 3]);
        let three = site(&|row| ["a", "b", "c"][row / 20]);
        let random = inner_folds(&outcomes, &two, &config, &mut vec![]).unwrap();
        config.stack.by_site = true;
        for (sites, whole) in [(&two, false), (&one_large, false), (&three, true)] {
            let mut notes = vec![];
            let folds = inner_folds(&outcomes, sites, &config, &mut notes).unwrap();
            assert_eq!((notes.is_empty(), folds != random), (whole, whole), "{sites:?}");
        }
        // Patients of no known site are dealt one by one, where there are sites at all.
        let mut notes = vec![];
        let folds = inner_folds(&outcomes, &[None; 60], &config, &mut notes).unwrap();
        assert_eq!((notes.len(), &folds), (1, &random));
        let mut some = three.clone();
        some[5] = None;
        let mut notes = vec![];
        inner_folds(&outcomes, &some, &config, &mut notes).unwrap();
        assert!(notes.is_empty());
        let events_in = |fold| (0..60).filter(|&row| events[row] && folds[row] == fold).count();
        assert_eq!([0, 1, 2, 3, 4].map(events_in), [6; 5]);
    }

    #[test]
    fn a_table_that_is_too_large_keeps_elastic_nets_out_of_a_stack() {
        let cohort = simulate(Shape::SMALL).cohort;
        let both = ["genomics", "imaging"].map(str::to_owned);
        for (modalities, patients, fits) in
            [(&both[..], 120, true), (&both, 2_000_000, false), (&both[..1], 2_000_000, true)]
        {
            let mut notes = vec![];
            assert_eq!(choose_elastic_net(&cohort, (modalities, patients), &mut notes), fits);
            assert_eq!(notes.is_empty(), fits);
        }
    }
}
