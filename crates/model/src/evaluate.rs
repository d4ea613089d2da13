use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
};

use ndarray::Axis;
use oncoweave_core::{
    Cohort, CompetingEvent, Evaluation, Prediction, Survival, SurvivalProbability,
    competing_risks::EVENT,
};
use rayon::prelude::*;

use crate::{
    Dataset, Error, Folds, Model, TrainConfig,
    absolute::absolute,
    competing::{Attempts, Plans, Rivalry},
    held_out::{
        Candidate, HeldOut, Scores, Setting, all_classes, all_competing, brier_times, compare,
        figures, resampling,
    },
    plan::patient_digest,
    recipe::Group,
    scale::default_horizons,
    train::with_causes,
    worth::{InOneFold, Worth, contribution, modality_worths, score_without, shares},
};

/// What [`cross_validate`] tells after each model that it has fitted and scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CvProgress {
    /// The held-out fold.
    pub fold: u32,
    /// The model.
    pub model: String,
    /// Fits finished so far, this one included.
    pub done: usize,
    /// Fits in all.
    pub total: usize,
}

/// Trains on all folds but one and scores that one, for each fold; always with ridge Cox on the
/// same columns and with each modality alone beside the fusion network.
///
/// A fold whose C is undefined is reported in words and left out of the mean. A baseline that
/// cannot be fitted in a fold is reported likewise; the fusion network must succeed.
///
/// # Errors
/// When the settings do not fit the cohort, nobody has follow-up, or the fusion network cannot be
/// fitted in a fold.
///
/// # Panics
/// When there are not as many folds as patients.
pub fn cross_validate(
    data: &Dataset,
    config: &TrainConfig,
    folds: &Folds,
    progress: &(dyn Fn(&CvProgress) + Sync),
) -> Result<(Evaluation, Vec<Prediction>), Error> {
    assert_eq!(folds.of.len(), data.cohort.len(), "one fold for each patient");
    config.validate()?;
    let in_a_fold: Vec<usize> =
        (0..folds.of.len()).filter(|&row| folds.of[row].is_some()).collect();
    let known: Vec<Survival> =
        in_a_fold.iter().filter_map(|&row| data.cohort.survival[row]).collect();
    check_known(&known, in_a_fold.len())?;
    let mut config = config.clone();
    // Every fold reports at the same times. They decide where figures are read, never a fit.
    config.horizons_days.get_or_insert_with(|| default_horizons(&known));
    let mut notes = vec![];
    let outside = folds.of.len() - in_a_fold.len();
    if outside > 0 {
        notes.push(format!(
            "{outside} patients have no fold; they were neither trained on nor held out"
        ));
    }
    let (parts, candidates, worths) = run_folds(data, &config, folds, progress)?;
    let horizons_days = config.horizons_days.clone().unwrap_or_default();
    let competing = competing(data.cohort, &in_a_fold);
    let setting = Setting {
        parts: &parts,
        competing: !competing.is_empty(),
        horizons_days: &horizons_days,
        resampling: resampling(known.len(), config.seed),
    };
    let frame = Frame { data, design: folds.design.clone(), config: &config, notes, competing };
    Ok(frame.evaluation(&setting, candidates, &worths))
}

/// Scores rows of a cohort with a trained model and with the baselines that it was saved with.
///
/// # Errors
/// When nobody has follow-up, or the cohort does not fit the model.
///
/// # Panics
/// When a row does not exist.
pub fn evaluate(
    model: &Model,
    data: &Dataset,
    rows: &[usize],
) -> Result<(Evaluation, Vec<Prediction>), Error> {
    let observed: Vec<Option<Survival>> =
        rows.iter().map(|&row| data.cohort.survival[row]).collect();
    let known: Vec<Survival> = observed.iter().flatten().copied().collect();
    check_known(&known, rows.len())?;
    let times = brier_times(model.horizons_days());
    let own = scores(model, &model.rivals(model), (data.cohort, rows), &times)?;
    let main = (model.name.clone(), model.modalities(), own);
    let others = model.compared_with().into_iter().map(|other| {
        let scores = scores(other, &model.rivals(other), (data.cohort, rows), &times)
            .map_err(|error| with_causes(&error));
        Candidate { name: other.name.clone(), modalities: other.modalities(), scores: vec![scores] }
    });
    let (name, modalities, own) = main;
    let first = Candidate { name, modalities, scores: vec![Ok(own)] };
    let candidates = [first].into_iter().chain(others).collect::<Vec<_>>();
    let without = |(modality, share): (&str, f64)| {
        let scores = score_without(model, modality, (data.cohort, rows), &times);
        (modality.to_owned(), share, scores)
    };
    let worths = modality_worths(vec![shares(model).into_iter().map(without).collect()]);
    let seen = trained_on(model, data.cohort, rows);
    let mut notes = what_to_know(model, data, (seen, rows.len()))?;
    if candidates.len() == 1 {
        notes
            .push("the model folder holds no baselines, so the model stands alone here".to_owned());
    }
    let competing = competing(data.cohort, rows);
    notes.extend(unmodelled(model, &competing));
    let outcomes = data.cohort.outcomes();
    let observed: Vec<_> = rows.iter().map(|&row| outcomes[row]).collect();
    let reference = observed.iter().flatten().copied().collect();
    let parts = [HeldOut { fold: 0, reference, observed }];
    let setting = Setting {
        parts: &parts,
        competing: !competing.is_empty(),
        horizons_days: model.horizons_days(),
        resampling: resampling(known.len(), model.config.seed),
    };
    let training = &model.training;
    let design = format!(
        "one model trained on {} patients of cohort `{}`, applied as it is",
        training.patients, training.cohort
    );
    let frame = Frame { data, design, config: &model.config, notes, competing };
    let (mut evaluation, mut predictions) = frame.evaluation(&setting, candidates, &worths);
    evaluation.trained_on = seen;
    for prediction in &mut predictions {
        prediction.fold = None;
    }
    Ok((evaluation, predictions))
}

/// What the training said, what of the table the model does not know, and whom it has seen before.
fn what_to_know(
    model: &Model,
    data: &Dataset,
    (seen, patients): (usize, usize),
) -> Result<Vec<String>, Error> {
    let mut notes = model.training.notes.clone();
    let unknown = model.unknown_columns(data.cohort)?;
    if !unknown.is_empty() {
        notes.push(format!(
            "{} columns of the table are unknown to the model and were left aside, such as `{}`",
            unknown.len(),
            unknown[0]
        ));
    }
    if seen > 0 {
        notes.push(format!(
            "{seen} of these {patients} patients have an id that the model was trained on (cohort \
             `{}`); where they are the same people, the figures flatter it",
            model.training.cohort
        ));
    }
    Ok(notes)
}

/// The competing events of some rows, each with how often it ended their follow-up.
fn competing(cohort: &Cohort, rows: &[usize]) -> Vec<CompetingEvent> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in rows.iter().filter_map(|&row| cohort.competing.get(row)?.as_deref()) {
        *counts.entry(name).or_default() += 1;
    }
    let event = |(name, events): (&str, usize)| CompetingEvent { name: name.to_owned(), events };
    counts.into_iter().map(event).collect()
}

/// A sentence where events compete of which the model knows nothing.
fn unmodelled(model: &Model, competing: &[CompetingEvent]) -> Option<String> {
    let known = model.competing_events();
    let names: Vec<&str> = competing.iter().map(|event| event.name.as_str()).collect();
    let unknown: Vec<&str> =
        names.into_iter().filter(|name| !known.iter().any(|own| own == name)).collect();
    (!unknown.is_empty()).then(|| {
        format!(
            "the model was trained without the competing events {}: its probabilities of the event \
             are too high by those whom they end first",
            unknown.join(", ")
        )
    })
}

/// The number of patients whose id the model has seen in training.
fn trained_on(model: &Model, cohort: &Cohort, rows: &[usize]) -> usize {
    let digests = &model.training.patient_digests;
    let known =
        |row: &&usize| digests.binary_search(&patient_digest(&cohort.patients[**row])).is_ok();
    rows.iter().filter(known).count()
}

fn check_known(known: &[Survival], patients: usize) -> Result<(), Error> {
    if known.iter().any(|outcome| outcome.event) {
        return Ok(());
    }
    let reason = if known.is_empty() {
        format!("none of the {patients} has follow-up; columns `time_days` and `event` carry it")
    } else {
        format!("no event was observed among the {} with follow-up", known.len())
    };
    Err(Error::Unevaluable { reason })
}

/// One training part with the patients that it leaves out.
struct Fold<'a> {
    number: u32,
    plans: Plans<'a>,
    rows: Vec<usize>,
}

/// One fit: models of one event on one training part.
struct Task {
    /// The place of the fold.
    fold: usize,
    /// The place of the event's plan.
    event: usize,
    group: Group,
}

/// The held-out parts, every model over them, and what each modality is worth.
type Judgement = (Vec<HeldOut>, Vec<Candidate>, Vec<Worth>);

fn run_folds(
    data: &Dataset,
    config: &TrainConfig,
    folds: &Folds,
    progress: &(dyn Fn(&CvProgress) + Sync),
) -> Result<Judgement, Error> {
    let rows_where = |wanted: &dyn Fn(u32) -> bool| -> Vec<usize> {
        (0..folds.of.len()).filter(|&row| folds.of[row].is_some_and(wanted)).collect()
    };
    let fold = |number: u32| {
        let plans = Plans::new(data, &rows_where(&|other| other != number), config)
            .map_err(|source| Error::Fold { fold: number, source: Box::new(source) })?;
        Ok(Fold { number, plans, rows: rows_where(&|other| other == number) })
    };
    let parts = folds.numbers().into_iter().map(fold).collect::<Result<Vec<_>, Error>>()?;
    let tasks = tasks(&parts);
    let done = AtomicUsize::new(0);
    let fit = |task: &Task| {
        let fold = &parts[task.fold];
        let plan = fold.plans.all()[task.event];
        let fitted = plan.fit(&task.group, None, &mut |_| ControlFlow::Continue(()));
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        let model = plan.name(&task.group.0[0]);
        progress(&CvProgress { fold: fold.number, model, done, total: tasks.len() });
        fitted
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.training.threads)
        .build()
        .map_err(std::io::Error::other)?;
    let judged = pool.install(|| {
        let fitted: Vec<_> = tasks.par_iter().with_max_len(1).map(fit).collect();
        let empty = |fold: &Fold| fold.plans.all().iter().map(|_| vec![]).collect();
        let mut by_fold: Vec<Vec<Attempts>> = parts.iter().map(empty).collect();
        for (task, models) in tasks.iter().zip(fitted) {
            by_fold[task.fold][task.event].extend(models);
        }
        let judge = |(fold, fitted): (&Fold, _)| {
            judge_fold(data.cohort, fold, fitted)
                .map_err(|source| Error::Fold { fold: fold.number, source: Box::new(source) })
        };
        parts.par_iter().zip(by_fold).map(judge).collect::<Result<Vec<_>, Error>>()
    })?;
    let groups = parts[0].plans.event.groups();
    let recipes = groups.iter().flat_map(|group| &group.0);
    let names: Vec<String> = recipes.map(|recipe| parts[0].plans.event.name(recipe)).collect();
    let (judged, worths): (Vec<_>, Vec<_>) = judged.into_iter().unzip();
    let worths = modality_worths(worths);
    let mut candidates = transpose(judged);
    // The model asked for is first, whatever it is called.
    candidates[1..].sort_by_key(|one| names.iter().position(|name| name == &one.name));
    let outcomes = data.cohort.outcomes();
    let held_out = |fold: &Fold| HeldOut {
        fold: fold.number,
        reference: rows_where(&|other| other != fold.number)
            .into_iter()
            .filter_map(|row| outcomes[row])
            .collect(),
        observed: fold.rows.iter().map(|&row| outcomes[row]).collect(),
    };
    Ok((parts.iter().map(held_out).collect(), candidates, worths))
}

/// Every fit, the slowest groups of all folds first.
fn tasks(parts: &[Fold]) -> Vec<Task> {
    let mut tasks = vec![];
    for (fold, part) in parts.iter().enumerate() {
        for (event, groups) in part.plans.groups().into_iter().enumerate() {
            let task = |(place, group)| (place, Task { fold, event, group });
            tasks.extend(groups.into_iter().enumerate().map(task));
        }
    }
    tasks.sort_by_key(|(place, _)| *place);
    tasks.into_iter().map(|(_, task)| task).collect()
}

/// Puts a fold's models together and scores the patients that it left out with each of them.
fn judge_fold(
    cohort: &Cohort,
    fold: &Fold,
    fitted: Vec<Attempts>,
) -> Result<(Vec<Judged>, Vec<InOneFold>), Error> {
    let (model, failures) = fold.plans.finish(fitted)?;
    let times = brier_times(model.horizons_days());
    let score = |other: &Model| scores(other, &model.rivals(other), (cohort, &fold.rows), &times);
    let own = with_fold(score(&model)?, fold.number);
    let mut judged =
        vec![Judged { name: model.name.clone(), modalities: model.modalities(), scores: Ok(own) }];
    for other in model.compared_with() {
        let scores = score(other).map(|scores| with_fold(scores, fold.number));
        judged.push(Judged {
            name: other.name.clone(),
            modalities: other.modalities(),
            scores: scores.map_err(|error| with_causes(&error)),
        });
    }
    let failed = |(name, reason)| Judged { name, modalities: vec![], scores: Err(reason) };
    judged.extend(failures.into_iter().map(failed));
    let without = |(modality, share): (&str, f64)| {
        let scores = score_without(&model, modality, (cohort, &fold.rows), &times);
        (modality.to_owned(), share, scores)
    };
    let without = shares(&model).into_iter().map(without).collect();
    Ok((judged, without))
}

/// One model in one fold.
struct Judged {
    name: String,
    modalities: Vec<String>,
    scores: Result<Scores, String>,
}

/// Turns the models of each fold into the folds of each model, in the first fold's order.
fn transpose(folds: Vec<Vec<Judged>>) -> Vec<Candidate> {
    let count = folds.len();
    let mut candidates: Vec<Candidate> = vec![];
    for (fold, judged) in folds.into_iter().enumerate() {
        for Judged { name, modalities, scores } in judged {
            let place = candidates.iter().position(|candidate| candidate.name == name);
            let place = place.unwrap_or_else(|| {
                let absent = || Err("not fitted in this fold".to_owned());
                let scores = (0..count).map(|_| absent()).collect();
                candidates.push(Candidate { name, modalities: vec![], scores });
                candidates.len() - 1
            });
            let candidate = &mut candidates[place];
            candidate.scores[fold] = scores;
            for modality in modalities {
                if !candidate.modalities.contains(&modality) {
                    candidate.modalities.push(modality);
                }
            }
        }
    }
    candidates
}

fn with_fold(mut scores: Scores, fold: u32) -> Scores {
    for prediction in &mut scores.predictions {
        prediction.fold = Some(fold);
    }
    scores
}

/// Scores patients with a model, and with those of the events that compete with its own.
pub(crate) fn scores(
    model: &Model,
    rivals: &[Rivalry],
    (cohort, rows): (&Cohort, &[usize]),
    times: &[f64],
) -> Result<Scores, Error> {
    let predictions = model.score_beside(rivals, cohort, rows)?;
    let survival = if rivals.is_empty() {
        model.survival_at(cohort, rows, times)?
    } else {
        let incidence = model.incidence_beside(rivals, (cohort, rows), times)?;
        incidence.index_axis(Axis(1), 0).mapv(|own| SurvivalProbability(1.0 - own.0))
    };
    Ok(Scores {
        predictions,
        survival,
        classes: model.classes().to_vec(),
        competing: rivals.iter().map(|rival| rival.event.to_owned()).collect(),
        notes: model.training.notes.clone(),
    })
}

/// What an evaluation says beside its figures.
struct Frame<'a> {
    data: &'a Dataset<'a>,
    design: String,
    config: &'a TrainConfig,
    notes: Vec<String>,
    competing: Vec<CompetingEvent>,
}

impl Frame<'_> {
    fn evaluation(
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
        self.notes.push(method_note(setting));
        if setting.parts.len() > 1 {
            self.notes.extend(training_notes(&candidates[0]));
        }
        let classes = all_classes(&candidates);
        let competing = all_competing(self.competing, &candidates);
        let models =
            candidates.iter().map(|model| figures(setting, model, &mut self.notes)).collect();
        let mut comparisons = vec![];
        for other in &candidates[1..] {
            match compare(setting, &candidates[0], other) {
                Ok(comparison) => comparisons.push(comparison),
                Err(reason) => self.notes.push(format!(
                    "`{}` cannot be compared with `{}`: {reason}",
                    candidates[0].name, other.name
                )),
            }
        }
        let worth = |worth| contribution(setting, &candidates[0], worth, &mut self.notes);
        let contributions = worths.iter().map(worth).collect();
        let (calibration, decisions, hazard_ratio) =
            absolute(setting, &candidates[0], &mut self.notes);
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
            contributions,
            hazard_ratio,
            calibration,
            decisions,
            exclusions: vec![],
            notes: self.notes,
            config: serde_json::to_value(self.config).expect("settings have only text keys"),
        };
        let scores = candidates.into_iter().flat_map(|model| model.scores.into_iter().flatten());
        (
            evaluation,
            scores.flat_map(|scores| scores.predictions_over(&classes, &competing)).collect(),
        )
    }
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
