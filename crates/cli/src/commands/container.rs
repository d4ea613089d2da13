//! `oncoweave container`: what the image runs on SageMaker.

mod serving;

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;
use oncoweave_serve::{DEFAULT_ROOT, Root};

use crate::{Outcome, output};

/// Train or serve below /opt/ml as SageMaker asks; `ONCOWEAVE_ML_ROOT` names another folder
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Train on the channel train and write the model; one metric line per epoch on stdout
    Train,
    /// Serve the model over HTTP on port 8080 or `SAGEMAKER_BIND_TO_PORT`
    ///
    /// A request may have 20,000 records, or as many as `ONCOWEAVE_MAX_RECORDS` says.
    Serve,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let root = env::var_os("ONCOWEAVE_ML_ROOT").map_or_else(|| DEFAULT_ROOT.into(), PathBuf::from);
    match args.command {
        Command::Train => train(&root),
        Command::Serve => serving::serve(&root),
    }
}

fn train(root: &Path) -> Result<Outcome> {
    let stop = oncoweave_serve::stop_on_termination()?;
    // A reader of stdout that went away must not cost a training run.
    let mut print = |line: &str| {
        if let Err(error) = output::data(line) {
            tracing::warn!("could not print a metric: {error:#}");
        }
    };
    oncoweave_serve::train(&Root::new(root), &stop, &mut print)?;
    Ok(Outcome::Complete)
}
