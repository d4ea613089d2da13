use std::{ops::ControlFlow, path::Path};

use oncoweave_core::Cohort;

use crate::{
    EpochReport, Error, Model, TrainConfig,
    card::describe,
    competing::{Plans, fit_all},
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
    let mut plans = Plans::new(data, rows, config)?;
    plans.event.statistics = true;
    if let Some(folder) = checkpoints {
        fs_err::create_dir_all(folder)?;
    }
    let fitted = fit_all(&plans, checkpoints, on_epoch)?;
    let mut model = plans.finish(fitted)?.0;
    model.training.description = Some(describe(data.cohort, rows));
    Ok(model)
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
