use std::{ops::ControlFlow, path::Path};

use oncoweave_collectives::Group;
use oncoweave_core::Cohort;

use crate::{
    EpochReport, Error, Model, TrainConfig,
    card::describe,
    competing::{Plans, fit_all},
    team::Team,
};

/// An aligned table with its provenance.
#[derive(Clone, Copy, Debug)]
pub struct Dataset<'a> {
    /// The table.
    pub cohort: &'a Cohort,
    /// The cohort's id.
    pub id: &'a str,
    /// SHA-256 of the file it was read from.
    pub sha256: &'a str,
}

/// Trains the fusion network and the baselines that it is always compared with, on the given rows
/// of a cohort and on nothing else. Rows without follow-up are left out. Where events compete with
/// the cohort's own, the same is fitted to the hazard of each of them.
///
/// `checkpoints` is a folder; a run that finds its own checkpoint there goes on from it and ends
/// with the same model, bit for bit, as one that was never cut off. `on_epoch` hears of every epoch
/// of every network, the fusion network first; when it breaks, a checkpoint is written and training
/// stops with [`Error::Stopped`].
///
/// # Errors
/// When a setting does not fit the cohort, there are too few patients or events, the loss diverges,
/// a checkpoint belongs to another run, or `on_epoch` breaks.
///
/// # Panics
/// When a row does not exist.
pub fn train(
    data: &Dataset,
    rows: &[usize],
    config: &TrainConfig,
    checkpoints: Option<&Path>,
    on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<Model, Error> {
    let model = train_together(None, (data, rows), config, checkpoints, on_epoch)?;
    Ok(model.expect("the only process keeps the model"))
}

/// Trains as [`train`] does, the networks together with the other processes of a group, each of
/// which is given the same cohort, rows and settings. The first process gets the model; the others
/// get `None`, as soon as no network is left to train.
///
/// Each batch is cut into `training.shards` parts, a multiple of the number of processes, or into as
/// many as there are processes where that setting is 1. The parts' number is stored with the model,
/// and the processes' number does not change it. Only the first process reads and writes
/// `checkpoints`; `on_epoch` hears in every process, and when it breaks in one, all stop.
///
/// # Errors
/// As for [`train`], when the processes are given different things, or when one of them is gone.
///
/// # Panics
/// When a row does not exist.
pub fn train_together(
    group: Option<&Group>,
    (data, rows): (&Dataset, &[usize]),
    config: &TrainConfig,
    checkpoints: Option<&Path>,
    on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<Option<Model>, Error> {
    let config = &cut(config, group.map_or(1, Group::size))?;
    let mut plans = Plans::new(data, rows, config)?;
    plans.event.statistics = true;
    plans.train_by(Team::new(group, config.training.shards));
    if !plans.event.team.leads() {
        plans.assist(on_epoch)?;
        return Ok(None);
    }
    if let Some(folder) = checkpoints {
        fs_err::create_dir_all(folder)?;
    }
    let fitted = fit_all(&plans, checkpoints, on_epoch)?;
    let mut model = plans.finish(fitted)?.0;
    model.training.description = Some(describe(data.cohort, rows));
    Ok(Some(model))
}

/// Settings with a part of each batch for every process.
fn cut(config: &TrainConfig, processes: usize) -> Result<TrainConfig, Error> {
    let mut config = config.clone();
    if config.training.shards == 1 {
        config.training.shards = processes;
    }
    if config.training.shards.is_multiple_of(processes) {
        return Ok(config);
    }
    Err(Error::Setting {
        setting: "training.shards",
        expected: "1 or a multiple of the number of processes",
        found: format!("{} with {processes} processes", config.training.shards),
    })
}

/// Whether no other model is worth trying after an error.
pub(crate) fn ends_the_run(error: &Error) -> bool {
    matches!(
        error,
        Error::Stopped { .. }
            | Error::Io(_)
            | Error::BadFile { .. }
            | Error::CheckpointMismatch { .. }
            | Error::Together(_)
            | Error::Differ
    )
}

/// An error with its causes in one sentence.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
