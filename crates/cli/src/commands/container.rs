//! `oncoweave container`: what the image runs on SageMaker.

mod judge;
mod message;
mod process;
mod serving;

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use oncoweave_serve::{DEFAULT_ROOT, Root};

use crate::{Outcome, output};

/// The platform kills a training job 120 seconds after it asked it to stop.
const LONGEST_STOP_SECONDS: usize = 100;

/// Train, serve or process below /opt/ml as SageMaker asks; `ONCOWEAVE_ML_ROOT` names another folder
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Train on the channel train and write the model; one metric line per epoch on stdout
    ///
    /// When asked to stop, it ends after the epoch in hand, but no later than 100 seconds on, or as
    /// many as `ONCOWEAVE_STOP_SECONDS` says.
    Train,
    /// Serve the model over HTTP on port 8080 or `SAGEMAKER_BIND_TO_PORT`
    ///
    /// A request may have 20,000 records, or as many as `ONCOWEAVE_MAX_RECORDS` says.
    Serve,
    /// Fail on a cohort that is too small; part the others into train and test
    ///
    /// Reads the aligned table in processing/input/cohort.
    Gate(judge::GateArgs),
    /// Judge the model in processing/input/model on the aligned table in processing/input/cohort
    Evaluate,
    /// Extract and align the cohort in the inputs of a processing job, a share on each machine
    ///
    /// One machine writes processing/output/features and processing/output/cohort. Several write
    /// processing/output/shares, which a second job on one machine joins: it gets them as the input
    /// shares, beside the cohort's manifest, lists and tables, and needs no patient's files.
    Process(process::Args),
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let root = env::var_os("ONCOWEAVE_ML_ROOT").map_or_else(|| DEFAULT_ROOT.into(), PathBuf::from);
    match &args.command {
        Command::Train => train(&root),
        Command::Serve => serving::serve(&root),
        Command::Gate(args) => judge::gate(&root, args),
        Command::Evaluate => judge::evaluate(&root),
        Command::Process(args) => process::run(&root, args),
    }
}

fn train(root: &Path) -> Result<Outcome> {
    let stop = oncoweave_serve::stop_on_termination()?;
    let patience =
        serving::number("ONCOWEAVE_STOP_SECONDS", 0..=3600)?.unwrap_or(LONGEST_STOP_SECONDS);
    leave_in_time(Arc::clone(&stop), Duration::from_secs(patience as u64));
    // A reader of stdout that went away must not cost a training run.
    let mut print = |line: &str| {
        if let Err(error) = output::data(line) {
            tracing::warn!("could not print a metric: {error:#}");
        }
    };
    oncoweave_serve::train(&Root::new(root), &stop, &mut print)?;
    Ok(Outcome::Complete)
}

/// Ends the process where training does not come to the end of its epoch in time: the platform
/// would kill it and count the job as failed. Files are renamed into place when they are whole.
fn leave_in_time(stop: Arc<AtomicBool>, patience: Duration) {
    const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
    std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(BETWEEN_LOOKS);
        }
        std::thread::sleep(patience);
        output::note("stopped within an epoch; the checkpoint of the one before is kept");
        #[expect(clippy::exit, reason = "the thread that trains cannot be interrupted")]
        std::process::exit(0);
    });
}
