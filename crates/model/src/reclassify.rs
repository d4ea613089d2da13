//! How the first model moves patients relative to older ones.

use oncoweave_core::{
    Incidence, ModelResult, ReclassificationKind, ReclassificationResult, Survival,
    SurvivalProbability, Undefined,
    competing_risks::{CompetingOutcome, EVENT, cause_specific},
    decision::{Reclassification, net_reclassification},
    incidence::{net_reclassification_of_incidence, observed_incidence},
};

use crate::{
    figures::pooled,
    held_out::{Candidate, Setting},
    linear::RIDGE,
    table::Table,
};

/// Net reclassification of the first model against the best of those that read a single modality
/// and against ridge Cox, at the middle one of the horizons that follow-up reaches. What is
/// undefined is left out and said in `notes`.
pub(crate) fn reclassification(
    setting: &Setting,
    candidates: &[Candidate],
    results: &[ModelResult],
    notes: &mut Vec<String>,
) -> Vec<ReclassificationResult> {
    let Some(place) = middle_horizon(setting, &results[0]) else { return vec![] };
    let mut found = vec![];
    for old in older(results) {
        let new = &candidates[0];
        match against(setting, new, &candidates[old], place) {
            Ok(results) => found.extend(results),
            Err(reason) => notes.push(format!(
                "there is no net reclassification of `{}` against `{}`: {reason}",
                new.name, candidates[old].name
            )),
        }
    }
    found
}

/// The place of the middle one of the horizons at which the model has an AUC.
fn middle_horizon(setting: &Setting, first: &ModelResult) -> Option<usize> {
    let at = first.auc.get(first.auc.len() / 2)?;
    setting.horizons_days.iter().position(|&days| days.total_cmp(&at.time_days).is_eq())
}

/// The best model of a single modality by its C, then ridge Cox on all columns.
fn older(results: &[ModelResult]) -> Vec<usize> {
    let others = || results.iter().enumerate().skip(1);
    let c_index = |model: &ModelResult| model.c_index.map_or(f64::NEG_INFINITY, |c| c.value);
    let single = others()
        .filter(|(_, model)| model.modalities.len() == 1 && model.name != RIDGE)
        .max_by(|a, b| c_index(a.1).total_cmp(&c_index(b.1)));
    let ridge = others().find(|(_, model)| model.name == RIDGE);
    [single, ridge].into_iter().flatten().map(|(place, _)| place).collect()
}

fn against(
    setting: &Setting,
    new: &Candidate,
    old: &Candidate,
    place: usize,
) -> Result<Vec<ReclassificationResult>, Undefined> {
    let (a, b) = (Table::new(setting, new, old), Table::new(setting, old, new));
    let time_days = setting.horizons_days[place];
    let observed = observed_incidence(&a.outcomes, time_days);
    let last_days = a.outcomes.iter().map(|outcome| outcome.time_days).fold(0.0, f64::max);
    let past = Undefined::HorizonPastFollowUp { time_days, last_days };
    let cutoff = observed.ok_or(past)?.incidence.0;
    let kinds = [ReclassificationKind::Continuous, ReclassificationKind::EventRate { cutoff }];
    let of_kind = |kind| {
        let cutoffs = match kind {
            ReclassificationKind::Continuous => vec![],
            ReclassificationKind::EventRate { cutoff } => vec![cutoff],
        };
        let on = |rows: &[usize]| {
            let pick = |all: &[Incidence]| rows.iter().map(|&row| all[row]).collect();
            let pair: [Vec<Incidence>; 2] =
                [pick(&b.at_horizons[place]), pick(&a.at_horizons[place])];
            let own: Vec<CompetingOutcome> = rows.iter().map(|&row| a.outcomes[row]).collect();
            let found = moved(setting, &own, &pair, time_days, &cutoffs)?;
            Ok([found.events, found.non_events, found.improvement()])
        };
        let [events, non_events, improvement] = pooled(a.outcomes.len(), setting.resampling, on)?;
        let (new, old) = (new.name.clone(), old.name.clone());
        Ok(ReclassificationResult { new, old, time_days, kind, events, non_events, improvement })
    };
    kinds.into_iter().map(of_kind).collect()
}

fn moved(
    setting: &Setting,
    outcomes: &[CompetingOutcome],
    [old, new]: &[Vec<Incidence>; 2],
    time_days: f64,
    cutoffs: &[f64],
) -> Result<Reclassification, Undefined> {
    if setting.competing {
        return net_reclassification_of_incidence(outcomes, [old, new], time_days, cutoffs);
    }
    let survival = |incidence: &[Incidence]| -> Vec<SurvivalProbability> {
        incidence.iter().map(|own| SurvivalProbability(1.0 - own.0)).collect()
    };
    let own: Vec<Survival> = cause_specific(outcomes, EVENT);
    net_reclassification(&own, [&survival(old), &survival(new)], time_days, cutoffs)
}

#[cfg(test)]
mod tests {
    use oncoweave_core::Estimate;

    use super::*;

    fn model(name: &str, modalities: &[&str], c: f64) -> ModelResult {
        ModelResult {
            name: name.to_owned(),
            modalities: modalities.iter().map(|&one| one.to_owned()).collect(),
            c_index: Some(Estimate { value: c, low: c, high: c }),
            c_index_uno: None,
            c_index_competing: None,
            c_index_antolini: None,
            c_index_antolini_interval: None,
            auc: vec![],
            brier: vec![],
            ibs: None,
            ibs_interval: None,
            hazard_ratio_per_sd: None,
            subtype: None,
            folds: vec![],
        }
    }

    #[test]
    fn the_best_single_modality_and_ridge_are_the_older_models() {
        let all = [
            model("fusion", &["ct"], 0.9),
            model("ridge Cox", &["ct"], 0.8),
            model("ct alone", &["ct"], 0.6),
            model("ridge Cox, clinical alone", &["clinical"], 0.7),
            model("network", &["ct", "clinical"], 0.75),
        ];
        assert_eq!(older(&all), [3, 1]);
        assert_eq!(older(&all[..1]), [] as [usize; 0]);
    }
}
