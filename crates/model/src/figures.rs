//! The figures of each model, and of one against another.

use oncoweave_core::{
    AucAt, AucDifference, Bounds, BrierAt, Comparison, Estimate, FoldResult, HazardRatio,
    ModelResult, Risk, Survival, Undefined,
    bootstrap::{
        Difference, Resampling, doubt_over_folds, intervals_within_folds, paired_difference,
    },
    competing_risks::{CompetingOutcome, EVENT, cause_specific},
    concordance::harrell_c,
    delong::{auc_difference, auc_interval},
    hazard_ratio::log_hazard_ratio_per_sd,
    inference::{Estimated, PairedDifference},
};

use crate::{
    held_out::{Candidate, HeldOut, Scores, Setting},
    subtype::{class_differences, subtype},
    table::Table,
};

/// A figure with a sentence where some folds or resamples had none, or why there is none.
type Found = Result<(Estimate, Option<String>), Undefined>;

/// All figures of one model. What is undefined is left out and said in `notes`.
pub(crate) fn figures(
    setting: &Setting,
    model: &Candidate,
    notes: &mut Vec<String>,
) -> ModelResult {
    let table = Table::new(setting, model, model);
    let mut estimate = |what: &str, found: Found| {
        let sentence = match &found {
            Ok((_, shortfall)) => {
                shortfall.as_ref().map(|text| format!("`{}`: {what} is {text}", model.name))
            }
            Err(reason) => Some(format!("`{}` has no {what}: {reason}", model.name)),
        };
        notes.extend(sentence);
        found.ok().map(|(estimate, _)| estimate)
    };
    let c_index =
        table.estimate_share(|rows| table.c_index(rows), |rows| table.c_index_doubt(rows));
    let harrell = estimate("C-index", c_index);
    let (mut uno, mut wolbers) = (None, None);
    if !setting.competing {
        let c_index = table
            .estimate_share(|rows| table.c_index_uno(rows), |rows| table.c_index_uno_doubt(rows));
        uno = estimate("Uno's C-index", c_index);
    } else if table.has_incidence() {
        let c_index = table.estimate_share(
            |rows| table.c_index_competing(rows),
            |rows| table.c_index_competing_doubt(rows),
        );
        wolbers = estimate("C-index for competing risks", c_index);
    }
    let (auc, brier) = at_horizons(&table, &mut estimate);
    let shares = table.integrated_brier();
    let ibs = table.estimate(|rows| table.mean(&shares, rows));
    let ibs = estimate("integrated Brier score", ibs);
    let antolini = table.c_index_antolini();
    let found = antolini.clone().map(|(c, shortfall)| (plain(c), shortfall));
    estimate("Antolini's C-index", found);
    let antolini = antolini.ok().map(|(c, _)| c);
    ModelResult {
        name: model.name.clone(),
        modalities: model.modalities.clone(),
        c_index: harrell,
        c_index_uno: uno,
        c_index_competing: wolbers,
        c_index_antolini: antolini.map(|c| c.value),
        c_index_antolini_interval: antolini.map(Estimated::as_share).map(bounds),
        auc,
        brier,
        ibs: ibs.map(|ibs| ibs.value),
        ibs_interval: ibs.map(bounds),
        hazard_ratio_per_sd: hazard_ratio(&table, &model.name, notes),
        subtype: subtype(setting, model, notes),
        folds: setting.parts.iter().zip(&model.scores).map(fold_result).collect(),
    }
}

/// AUC and Brier score at each horizon.
fn at_horizons(
    table: &Table,
    estimate: &mut impl FnMut(&str, Found) -> Option<Estimate>,
) -> (Vec<AucAt>, Vec<BrierAt>) {
    let (mut auc, mut brier) = (vec![], vec![]);
    for (place, &time_days) in table.setting.horizons_days.iter().enumerate() {
        let at = estimate(&format!("AUC at day {time_days}"), auc_at(table, time_days));
        auc.extend(at.map(|auc| AucAt { time_days, auc }));
        let shares = table.brier(place);
        let at = table.estimate(|rows| table.mean(&shares, rows));
        let at = estimate(&format!("Brier score at day {time_days}"), at);
        brier.extend(at.map(|brier| BrierAt { time_days, brier }));
    }
    (auc, brier)
}

/// The AUC for the event by a time: by the bootstrap, where weights make up for who was censored;
/// with `DeLong`'s interval, where nobody was and every fold has two patients of each class.
fn auc_at(table: &Table, time_days: f64) -> Found {
    let statuses = table.statuses(time_days);
    if statuses.is_complete() {
        let by_delong = table.in_folds(|rows| {
            let (positive, scores) = table.binary(&statuses, rows)?;
            auc_interval(&positive, &scores)
        });
        let every: Result<Vec<Estimated>, Undefined> = by_delong.into_iter().collect();
        if let Ok(every) = every {
            return Ok((Estimated::mean(&every)?.as_share(), None));
        }
    }
    table.estimate_share(
        |rows| table.auc(&statuses, rows, time_days),
        |rows| table.auc_doubt(&statuses, rows, time_days),
    )
}

/// The AUC of the first model less that of the second at each horizon that has one, by the same
/// ways.
fn auc_differences(
    a: &Table,
    b: &Table,
    mut say: impl FnMut(&str, &Undefined),
) -> Vec<AucDifference> {
    let mut at = |&time_days: &f64| {
        let statuses = a.statuses(time_days);
        if statuses.is_complete() {
            let by_delong = a.in_folds(|rows| {
                let (positive, first) = a.binary(&statuses, rows)?;
                auc_difference(&positive, &first, &b.binary(&statuses, rows)?.1)
            });
            let every: Result<Vec<PairedDifference>, Undefined> = by_delong.into_iter().collect();
            if let Ok(PairedDifference { difference, p }) =
                every.and_then(|every| PairedDifference::mean(&every))
            {
                let difference = difference.as_difference_of_shares();
                return Some(AucDifference { time_days, difference, p });
            }
        }
        let found = paired_difference(
            &a.parts,
            a.setting.resampling,
            |rows| a.auc(&statuses, rows, time_days),
            |rows| b.auc(&statuses, rows, time_days),
        );
        let found =
            found.map_err(|reason| say(&format!("AUC at day {time_days}"), &reason)).ok()?;
        let doubt = |table: &Table| {
            doubt_over_folds(&table.parts, |rows| table.auc_doubt(&statuses, rows, time_days))
        };
        let Difference { delta: value, low, high, p, .. } = found.with(doubt(a).less(doubt(b)));
        Some(AucDifference { time_days, difference: Estimate { value, low, high }, p })
    };
    a.setting.horizons_days.iter().filter_map(&mut at).collect()
}

/// The hazard ratio of one standard deviation of the risk within folds.
fn hazard_ratio(table: &Table, name: &str, notes: &mut Vec<String>) -> Option<HazardRatio> {
    let own = cause_specific(&table.outcomes, EVENT);
    match log_hazard_ratio_per_sd(&own, &table.risks, &table.parts) {
        Ok(Estimated { value, standard_error, low, high }) => Some(HazardRatio {
            ratio: Estimate { value: value.exp(), low: low.exp(), high: high.exp() },
            standard_error,
        }),
        Err(reason) => {
            let what = "hazard ratio per standard deviation of the risk";
            notes.push(format!("`{name}` has no {what}: {reason}"));
            None
        }
    }
}

pub(crate) fn plain(found: Estimated) -> Estimate {
    Estimate { value: found.value, low: found.low, high: found.high }
}

fn bounds(estimate: Estimate) -> Bounds {
    Bounds { low: estimate.low, high: estimate.high }
}

fn fold_result((part, scores): (&HeldOut, &Result<Scores, String>)) -> FoldResult {
    let own = |outcome: &CompetingOutcome| outcome.of_cause(EVENT);
    let outcomes: Vec<Survival> = part.observed.iter().flatten().map(own).collect();
    let c_index = scores.as_ref().map_err(Clone::clone).and_then(|scores| {
        let known = scores.predictions.iter().zip(&part.observed);
        let known = known.filter(|(_, observed)| observed.is_some());
        let risks: Vec<Risk> = known.map(|(prediction, _)| prediction.risk).collect();
        harrell_c(&outcomes, &risks).map_err(|reason| reason.to_string())
    });
    FoldResult {
        fold: part.fold,
        patients: outcomes.len(),
        events: outcomes.iter().filter(|outcome| outcome.event).count(),
        note: c_index.as_ref().err().cloned(),
        c_index: c_index.ok(),
    }
}

/// The first model against the second on the patients that both have scores for; what is undefined
/// of a comparison is said in `notes`.
pub(crate) fn compare(
    setting: &Setting,
    (first, second): (&Candidate, &Candidate),
    notes: &mut Vec<String>,
) -> Result<Comparison, Undefined> {
    let mut say = |what: &str, reason: &Undefined| {
        let (first, second) = (&first.name, &second.name);
        notes.push(format!("`{first}` and `{second}` have no difference in {what}: {reason}"));
    };
    let a = Table::new(setting, first, second);
    let b = Table::new(setting, second, first);
    let comparison = c_difference(&a, &b, [&first.name, &second.name])?;
    let auc = auc_differences(&a, &b, &mut say);
    let class_auc = class_differences(first, second, say);
    Ok(Comparison { auc, class_auc, ..comparison })
}

/// Statistics of the patients of all parts together, for what means the same in each, with their
/// bootstrap intervals.
pub(crate) fn pooled<const N: usize>(
    patients: usize,
    plan: Resampling,
    statistics: impl Fn(&[usize]) -> Result<[f64; N], Undefined> + Sync,
) -> Result<[Estimate; N], Undefined> {
    let everyone: Vec<usize> = (0..patients).collect();
    let values = statistics(&everyone)?;
    let bounds = intervals_within_folds(&vec![0; patients], plan, statistics)?;
    let estimate = |place: usize| Estimate {
        value: values[place],
        low: bounds[place].low,
        high: bounds[place].high,
    };
    Ok(std::array::from_fn(estimate))
}

/// C of the first model less that of the second.
pub(crate) fn c_difference(
    a: &Table,
    b: &Table,
    [first, second]: [&str; 2],
) -> Result<Comparison, Undefined> {
    let difference = paired_difference(
        &a.parts,
        a.setting.resampling,
        |rows| a.c_index(rows),
        |rows| b.c_index(rows),
    )?;
    let doubt = |table: &Table| doubt_over_folds(&table.parts, |rows| table.c_index_doubt(rows));
    let difference = difference.with(doubt(a).less(doubt(b)));
    Ok(Comparison {
        a: first.to_owned(),
        b: second.to_owned(),
        delta_c_index: difference.delta,
        low: difference.low,
        high: difference.high,
        p: difference.p,
        auc: vec![],
        class_auc: vec![],
    })
}
