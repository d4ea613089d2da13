//! `oncoweave container`: what the image runs on SageMaker.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use oncoweave_serve::{DEFAULT_ROOT, Root, ServeSettings};

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
    Serve,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let root = env::var_os("ONCOWEAVE_ML_ROOT").map_or_else(|| DEFAULT_ROOT.into(), PathBuf::from);
    match args.command {
        Command::Train => train(&root),
        Command::Serve => serve(&root),
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

fn serve(root: &Path) -> Result<Outcome> {
    let mut settings = ServeSettings::default();
    if let Some(port) = number("SAGEMAKER_BIND_TO_PORT", 1, 65_535)? {
        settings.port = u16::try_from(port).expect("checked against the largest port");
    }
    // Batch transform may ask for bodies that real-time inference does not allow.
    for name in ["SAGEMAKER_MAX_PAYLOAD_IN_MB", "ONCOWEAVE_MAX_PAYLOAD_IN_MB"] {
        if let Some(megabytes) = number(name, 0, 1024)?.filter(|&megabytes| megabytes > 0) {
            settings.body_limit_bytes = megabytes << 20;
        }
    }
    oncoweave_serve::serve(&Root::new(root), &settings)?;
    Ok(Outcome::Complete)
}

/// A whole number in the environment, if it is there.
fn number(name: &str, low: usize, high: usize) -> Result<Option<usize>> {
    let Some(text) = env::var_os(name) else { return Ok(None) };
    let text = text.to_string_lossy();
    let number: usize = text
        .trim()
        .parse()
        .with_context(|| format!("{name} must be a whole number, found `{text}`"))?;
    if !(low..=high).contains(&number) {
        bail!("{name} must be {low} to {high}, found {number}");
    }
    Ok(Some(number))
}
