//! Puts an evaluation together from the patients that were held out and every model over them.

use std::collections::{BTreeMap, BTreeSet};

use oncoweave_core::{
    Comparison, CompetingEvent, Evaluation, LATE_ENTRIES, ModelResult, Prediction,
    competing_risks::EVENT,
};

use crate::{
    Dataset, TrainConfig,
    absolute::absolute,
    figures::{compare, figures},
    held_out::{Candidate, Setting, all_classes, all_competing},
    reclassify::reclassification,
    risk_groups::risk_groups,
    worth::{Worth, contribution},
};

/// Which intervals resampling does not give.
const OTHER_INTERVALS: &str = "other 95 % intervals are normal: that of Antolini's C by the \
    infinitesimal jackknife, those of the AUC of one class and of AUC at a time before which \
    nobody was censored by DeLong, those of calibration, hazard ratios and restricted means by \
    their standard errors";

/// What neither resampling nor standard errors give.
const PERFECT: &str = "where all pairs of a fold are in order, or all reversed, nothing varies: \
    intervals and p values of its C or AUC, and of a perfect accuracy or AUC of a class, allow for it by \
    the bound of Clopper and Pearson";

/// What an evaluation says beside its figures.
pub(crate) struct Frame<'a> {
    pub(crate) data: &'a Dataset<'a>,
    pub(crate) design: String,
    pub(crate) config: &'a TrainConfig,
    pub(crate) notes: Vec<String>,
    pub(crate) competing: Vec<CompetingEvent>,
}

impl Frame<'_> {
    pub(crate) fn evaluation(
        mut self,
        setting: &Setting,
        candidates: Vec<Candidate>,
        worths: &[Worth],
    ) -> (Evaluation, Vec<Prediction>) {
        let known = || setting.parts.iter().flat_map(|part| part.observed.iter().flatten());
        let unknown =
            setting.parts.iter().flat_map(|part| &part.observed).count() - known().count();
        if unknown > 0 {
            let note = format!("{unknown} patients without follow-up were scored but not judged");
            self.notes.push(note);
        }
        let late = known().filter(|outcome| outcome.entry_days.is_some()).count();
        if late > 0 {
            self.notes.push(format!(
                "{late} patients came under observation after the index date: pairs, risk sets and \
                 curves hold them from then on"
            ));
        }
        self.notes.push(method_note(setting));
        self.notes.extend([OTHER_INTERVALS, PERFECT].map(str::to_owned));
        if setting.parts.len() > 1 {
            self.notes.extend(training_notes(&candidates[0]));
        }
        let classes = all_classes(&candidates);
        let competing = all_competing(self.competing, &candidates);
        let models: Vec<ModelResult> =
            candidates.iter().map(|model| figures(setting, model, &mut self.notes)).collect();
        let comparisons = comparisons(setting, &candidates, &mut self.notes);
        let worth = |worth| contribution(setting, &candidates[0], worth, &mut self.notes);
        let contributions = worths.iter().map(worth).collect();
        let reclassification = reclassification(setting, &candidates, &models, &mut self.notes);
        let risk_groups = risk_groups(setting, &candidates[0], &mut self.notes);
        let (calibration, decisions, hazard_ratio) =
            absolute(setting, &candidates[0], &mut self.notes);
        let notes = without_late(self.notes);
        let evaluation = Evaluation {
            schema_version: 2,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            cohort: self.data.id.to_owned(),
            data_sha256: self.data.sha256.to_owned(),
            design: self.design,
            patients: known().count(),
            events: known().filter(|outcome| outcome.cause == Some(EVENT)).count(),
            trained_on: 0,
            competing: competing.clone(),
            horizons_days: setting.horizons_days.to_vec(),
            classes: classes.clone(),
            models,
            comparisons,
            reclassification,
            contributions,
            hazard_ratio,
            risk_groups,
            calibration,
            decisions,
            exclusions: vec![],
            notes,
            config: serde_json::to_value(self.config).expect("settings have only text keys"),
        };
        let scores = candidates.into_iter().flat_map(|model| model.scores.into_iter().flatten());
        (
            evaluation,
            scores.flat_map(|scores| scores.predictions_over(&classes, &competing)).collect(),
        )
    }
}

/// One sentence instead of one for each model, horizon and pair of what late entries do not allow.
fn without_late(notes: Vec<String>) -> Vec<String> {
    let mut reasons: BTreeSet<String> = BTreeSet::new();
    let reason = |note: &String| {
        let (_, reason) = note.split_once(": ").filter(|_| note.ends_with(LATE_ENTRIES))?;
        Some(reason.to_owned())
    };
    let mut kept = vec![];
    for note in notes {
        match reason(&note) {
            Some(reason) => {
                if reasons.insert(reason.clone()) {
                    kept.push(format!("figures of all models are left out: {reason}"));
                }
            }
            None => kept.push(note),
        }
    }
    kept
}

/// The first model against each other one; what is undefined is said in `notes`.
fn comparisons(
    setting: &Setting,
    candidates: &[Candidate],
    notes: &mut Vec<String>,
) -> Vec<Comparison> {
    let first = &candidates[0];
    let mut found = vec![];
    for other in &candidates[1..] {
        match compare(setting, (first, other), notes) {
            Ok(comparison) => found.push(comparison),
            Err(reason) => notes.push(format!(
                "`{}` cannot be compared with `{}`: {reason}",
                first.name, other.name
            )),
        }
    }
    found
}

/// What the training of a model said, each sentence once with the number of folds that it holds in.
fn training_notes(model: &Candidate) -> Vec<String> {
    let mut folds: BTreeMap<&str, usize> = BTreeMap::new();
    for note in model.scores.iter().flatten().flat_map(|scores| &scores.notes) {
        *folds.entry(note).or_default() += 1;
    }
    let total = model.scores.len();
    let sentence = |(note, count)| format!("`{}`, in {count} of {total} folds: {note}", model.name);
    folds.into_iter().map(sentence).collect()
}

fn method_note(setting: &Setting) -> String {
    let last = setting.horizons_days.last().copied().unwrap_or_default();
    let censoring =
        if setting.parts.len() > 1 { "of the training part" } else { "of the evaluated patients" };
    if setting.competing {
        return format!(
            "intervals are 95 % percentile bootstrap intervals over patients within folds, {} \
             resamples, models as fitted; the C-index is that of the cause-specific hazard, for \
             which competing events censor; probabilities are cumulative incidences, judged with \
             competing events as patients who never have the event; the integrated Brier score runs \
             to day {last}; it and AUC weigh by the censoring {censoring}",
            setting.resampling.resamples
        );
    }
    format!(
        "intervals are 95 % percentile bootstrap intervals over patients within folds, {} \
         resamples, models as fitted; Uno's C counts events before day {last}, and the integrated \
         Brier score runs to it; both and AUC weigh by the censoring {censoring}",
        setting.resampling.resamples
    )
}
