//! `oncoweave container`: what the image runs on SageMaker.

mod judge;
mod message;
mod process;

use std::env;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use oncoweave_serve::{DEFAULT_ROOT, Root, ServeSettings};

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
        Command::Serve => serve(&root),
        Command::Gate(args) => judge::gate(&root, args),
        Command::Evaluate => judge::evaluate(&root),
        Command::Process(args) => process::run(&root, args),
    }
}

fn train(root: &Path) -> Result<Outcome> {
    let stop = oncoweave_serve::stop_on_termination()?;
    let patience = number("ONCOWEAVE_STOP_SECONDS", 0, 3600)?.unwrap_or(LONGEST_STOP_SECONDS);
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
    if let Some(records) = number("ONCOWEAVE_MAX_RECORDS", 1, 10_000_000)? {
        settings.record_limit = records;
    }
    oncoweave_serve::serve(&Root::new(root), &settings)?;
    Ok(Outcome::Complete)
}

/// A whole number in the environment, if it is there; an empty text is as good as none.
fn number(name: &str, low: usize, high: usize) -> Result<Option<usize>> {
    let Some(text) = env::var_os(name) else { return Ok(None) };
    parse(name, &text.to_string_lossy(), low..=high)
}

fn parse(name: &str, text: &str, range: RangeInclusive<usize>) -> Result<Option<usize>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number: usize =
        text.parse().with_context(|| format!("{name} must be a whole number, found `{text}`"))?;
    if !range.contains(&number) {
        bail!("{name} must be {} to {}, found {number}", range.start(), range.end());
    }
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numbers_of_the_environment() {
        for (text, expected) in
            [("", Ok(None)), (" ", Ok(None)), (" 9 ", Ok(Some(9))), ("0", Err(())), ("x", Err(()))]
        {
            assert_eq!(parse("N", text, 1..=9).map_err(drop), expected, "{text}");
        }
    }
}
