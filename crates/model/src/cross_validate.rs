use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
};

use oncoweave_core::{Cohort, Evaluation, Prediction, Survival};
use rayon::prelude::*;

use crate::{
    Dataset, Error, Folds, Model, TrainConfig,
    competing::{Attempts, Plans},
    evaluate::{check_known, competing, scores},
    frame::Frame,
    held_out::{Candidate, HeldOut, Scores, Setting, brier_times, resampling},
    recipe::Group,
    scale::default_horizons,
    train::with_causes,
    worth::{InOneFold, Worth, modality_worths, score_without, shares},
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
/// same columns and with each modality alone beside the fusion network. Where the folds are of whole
/// sites, the inner folds of a stack are, too.
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
    // Weights that are judged on sites that were not seen are chosen on such sites.
    config.stack.by_site |= folds.by_site;
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
