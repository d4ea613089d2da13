use std::collections::BTreeMap;

use ndarray::Axis;
use oncoweave_core::{
    Cohort, CompetingEvent, Evaluation, Prediction, Survival, SurvivalProbability,
};

use crate::{
    Dataset, Error, Model,
    competing::Rivalry,
    frame::Frame,
    held_out::{Candidate, HeldOut, Scores, Setting, brier_times, resampling},
    plan::patient_digest,
    train::with_causes,
    worth::{modality_worths, score_without, shares},
};

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
pub(crate) fn competing(cohort: &Cohort, rows: &[usize]) -> Vec<CompetingEvent> {
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

pub(crate) fn check_known(known: &[Survival], patients: usize) -> Result<(), Error> {
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

/// Scores patients with a model, and with those of the events that compete with its own.
pub(crate) fn scores(
    model: &Model,
    rivals: &[Rivalry],
    (cohort, rows): (&Cohort, &[usize]),
    times: &[f64],
) -> Result<Scores, Error> {
    let predictions = model.score_beside(rivals, (cohort, rows), model.horizons_days())?;
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
