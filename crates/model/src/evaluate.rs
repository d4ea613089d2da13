use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
};

use ndarray::Array2;
use oncoweave_core::{Cohort, Evaluation, Prediction, Survival, SurvivalProbability};
use rayon::prelude::*;

use crate::{
    Dataset, Error, Folds, Model, RidgeModel, RiskScale, TrainConfig,
    held_out::{
        Candidate, HeldOut, Scores, Setting, all_classes, brier_times, compare, figures, resampling,
    },
    scale::default_horizons,
    train::{Part, Plan, patient_digest, with_causes},
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
    let (parts, candidates) = run_folds(data, &config, folds, progress)?;
    let horizons_days = config.horizons_days.clone().unwrap_or_default();
    let setting = Setting {
        parts: &parts,
        horizons_days: &horizons_days,
        resampling: resampling(known.len(), config.seed),
    };
    let frame = Frame { data, design: folds.design.clone(), config: &config, notes };
    Ok(frame.evaluation(&setting, candidates))
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
    let candidate = |name: &str, modalities: &[String], scores: Result<Scores, Error>| Candidate {
        name: name.to_owned(),
        modalities: modalities.to_vec(),
        scores: vec![scores.map_err(|error| with_causes(&error))],
    };
    let fusion = network_scores(model, data.cohort, rows, &times)?;
    let mut candidates = vec![candidate(model.name(), &model.modalities(), Ok(fusion))];
    for ridge in &model.baselines.ridge {
        let scores = ridge_scores(ridge, data.cohort, rows, &times);
        candidates.push(candidate(&ridge.name, &ridge.modalities, scores));
    }
    for network in &model.baselines.networks {
        let scores = network_scores(network, data.cohort, rows, &times);
        candidates.push(candidate(network.name(), &network.modalities(), scores));
    }
    let mut notes = model.training.notes.clone();
    let unknown = model.unknown_columns(data.cohort)?;
    if !unknown.is_empty() {
        notes.push(format!(
            "{} columns of the table are unknown to the model and were left aside, such as `{}`",
            unknown.len(),
            unknown[0]
        ));
    }
    let seen = trained_on(model, data.cohort, rows);
    if seen > 0 {
        notes.push(format!(
            "{seen} of these {} patients have an id that the model was trained on (cohort `{}`); \
             where they are the same people, the figures flatter it",
            rows.len(),
            model.training.cohort
        ));
    }
    if model.baselines.ridge.is_empty() {
        notes
            .push("the model folder holds no baselines, so the model stands alone here".to_owned());
    }
    let parts = [HeldOut { fold: 0, reference: known.clone(), observed }];
    let setting = Setting {
        parts: &parts,
        horizons_days: model.horizons_days(),
        resampling: resampling(known.len(), model.config.seed),
    };
    let training = &model.training;
    let design = format!(
        "one model trained on {} patients of cohort `{}`, applied as it is",
        training.patients, training.cohort
    );
    let frame = Frame { data, design, config: &model.config, notes };
    let (evaluation, mut predictions) = frame.evaluation(&setting, candidates);
    for prediction in &mut predictions {
        prediction.fold = None;
    }
    Ok((evaluation, predictions))
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

/// One fit: a kind of model on the columns of a part, without one fold.
struct Task<'a> {
    fold: usize,
    plan: &'a Plan<'a>,
    part: Part,
    ridge: bool,
}

impl Task<'_> {
    fn name(&self) -> String {
        if self.ridge { self.part.ridge_name() } else { self.part.network_name() }
    }

    fn is_fusion(&self) -> bool {
        !self.ridge && matches!(self.part, Part::Fusion(_))
    }

    fn run(&self, cohort: &Cohort, held_out: &[usize], times: &[f64]) -> Result<Scores, Error> {
        if self.ridge {
            return ridge_scores(&self.plan.ridge(&self.part)?, cohort, held_out, times);
        }
        let mut silent = |_: &crate::EpochReport| ControlFlow::Continue(());
        let model = self.plan.network(&self.part, None, &mut silent)?;
        network_scores(&model, cohort, held_out, times)
    }
}

fn run_folds(
    data: &Dataset,
    config: &TrainConfig,
    folds: &Folds,
    progress: &(dyn Fn(&CvProgress) + Sync),
) -> Result<(Vec<HeldOut>, Vec<Candidate>), Error> {
    let numbers = folds.numbers();
    let rows_where = |wanted: &dyn Fn(u32) -> bool| -> Vec<usize> {
        (0..folds.of.len()).filter(|&row| folds.of[row].is_some_and(wanted)).collect()
    };
    let mut plans = vec![];
    for &fold in &numbers {
        let rows = rows_where(&|other| other != fold);
        let plan = Plan::new(data, &rows, config)
            .map_err(|source| Error::Fold { fold, source: Box::new(source) })?;
        plans.push((plan, rows_where(&|other| other == fold)));
    }
    let kinds = kinds(&plans[0].0);
    let new_task = |(fold, (part, ridge)): (usize, &(Part, bool))| {
        let (part, ridge, plan) = (part.clone(), *ridge, &plans[fold].0);
        Task { fold, plan, part, ridge }
    };
    let order = kinds.iter().flat_map(|kind| (0..numbers.len()).map(move |fold| (fold, kind)));
    let tasks: Vec<Task> = order.map(new_task).collect();
    let times = brier_times(config.horizons_days.as_deref().unwrap_or_default());
    let done = AtomicUsize::new(0);
    let run = |task: &Task| {
        let fold = numbers[task.fold];
        let scores = task.run(data.cohort, &plans[task.fold].1, &times);
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        progress(&CvProgress { fold, model: task.name(), done, total: tasks.len() });
        match scores {
            Err(source) if task.is_fusion() => Err(Error::Fold { fold, source: Box::new(source) }),
            Err(error) => Ok(Err(with_causes(&error))),
            Ok(scores) => Ok(Ok(with_fold(scores, fold))),
        }
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.training.threads)
        .build()
        .map_err(std::io::Error::other)?;
    let results: Vec<Result<Scores, String>> = pool
        .install(|| tasks.par_iter().with_max_len(1).map(run).collect::<Result<Vec<_>, Error>>())?;
    let mut results = results.into_iter();
    let candidate = |kind: &(Part, bool)| Candidate {
        name: if kind.1 { kind.0.ridge_name() } else { kind.0.network_name() },
        modalities: kind.0.modalities(),
        scores: results.by_ref().take(numbers.len()).collect(),
    };
    let candidates = kinds.iter().map(candidate).collect();
    let held_out = |(&fold, (plan, rows)): (&u32, &(Plan, Vec<usize>))| HeldOut {
        fold,
        reference: plan.outcomes().to_vec(),
        observed: rows.iter().map(|&row| data.cohort.survival[row]).collect(),
    };
    Ok((numbers.iter().zip(&plans).map(held_out).collect(), candidates))
}

/// The models to fit: fusion, ridge Cox on the same columns, each modality alone, ridge Cox on
/// each alone.
fn kinds(plan: &Plan) -> Vec<(Part, bool)> {
    let fusion = [(plan.fusion(), false), (plan.fusion(), true)];
    let networks = plan.alone().into_iter().map(|part| (part, false));
    let ridges = plan.alone().into_iter().map(|part| (part, true));
    fusion.into_iter().chain(networks).chain(ridges).collect()
}

fn with_fold(mut scores: Scores, fold: u32) -> Scores {
    for prediction in &mut scores.predictions {
        prediction.fold = Some(fold);
    }
    scores
}

fn network_scores(
    model: &Model,
    cohort: &Cohort,
    rows: &[usize],
    times: &[f64],
) -> Result<Scores, Error> {
    let predictions = model.score(cohort, rows)?;
    let survival = model.survival_at(cohort, rows, times)?;
    Ok(Scores {
        predictions,
        survival,
        classes: model.classes().to_vec(),
        notes: model.training.notes.clone(),
    })
}

fn ridge_scores(
    model: &RidgeModel,
    cohort: &Cohort,
    rows: &[usize],
    times: &[f64],
) -> Result<Scores, Error> {
    let predictions = model.score(cohort, rows)?;
    let survival = curves(&model.scale, &predictions, times);
    Ok(Scores { predictions, survival, classes: vec![], notes: vec![] })
}

/// Survival of each patient at each time, (patients, times).
fn curves(
    scale: &RiskScale,
    predictions: &[Prediction],
    times: &[f64],
) -> Array2<SurvivalProbability> {
    Array2::from_shape_fn((predictions.len(), times.len()), |(patient, time)| {
        scale.baseline.survival(predictions[patient].risk, times[time])
    })
}

/// What an evaluation says beside its figures.
struct Frame<'a> {
    data: &'a Dataset<'a>,
    design: String,
    config: &'a TrainConfig,
    notes: Vec<String>,
}

impl Frame<'_> {
    fn evaluation(
        mut self,
        setting: &Setting,
        candidates: Vec<Candidate>,
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
        let evaluation = Evaluation {
            schema_version: 1,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            cohort: self.data.id.to_owned(),
            data_sha256: self.data.sha256.to_owned(),
            design: self.design,
            patients: known().count(),
            events: known().filter(|outcome| outcome.event).count(),
            horizons_days: setting.horizons_days.to_vec(),
            classes: classes.clone(),
            models,
            comparisons,
            exclusions: vec![],
            notes: self.notes,
            config: serde_json::to_value(self.config).expect("settings have only text keys"),
        };
        let scores = candidates.into_iter().flat_map(|model| model.scores.into_iter().flatten());
        (evaluation, scores.flat_map(|scores| scores.predictions_over(&classes)).collect())
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
    format!(
        "intervals are 95 % percentile bootstrap intervals over patients within folds, {} \
         resamples, models as fitted; Uno's C counts events before day {last}, and the integrated \
         Brier score runs to it; both and AUC weigh by the censoring {censoring}",
        setting.resampling.resamples
    )
}
