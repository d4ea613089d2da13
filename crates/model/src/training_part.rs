//! What a training part can carry: its modalities, classes and inner folds.

use oncoweave_core::{
    Cohort, Survival,
    split::{Stratum, stratified_folds},
};

use crate::{Error, SubtypeHead, TrainConfig};

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
            "no elastic-net Cox in the stack: {patients} patients with {columns} columns are more than \
             {MOST_SPARSE_NUMBERS} numbers; `model = \"elastic_net_cox\"` fits it alone"
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

/// Folds inside the training part, alike in events and times; fewer than asked for where there are
/// few events.
pub(crate) fn inner_folds(outcomes: &[Survival], config: &TrainConfig) -> Result<Vec<u32>, Error> {
    let events = outcomes.iter().filter(|outcome| outcome.event).count();
    let folds = config.stack.folds.min(events / EVENTS_IN_FOLD).max(3);
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
