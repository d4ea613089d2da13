//! Tuning as a tuning job.

use std::path::PathBuf;

use anyhow::{Context, Result};
use oncoweave_sagemaker::requests::{Strategy, Tuning, tune};
use toml::{Table, Value};

use super::Outcome;
use super::train::TrainingArgs;
use crate::launcher::{Options, Step, job_name, submit};
use crate::output;

/// Search settings by many training jobs
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to search: a TOML with [settings] as `oncoweave search` reads it
    search: PathBuf,
    /// The job's name, at most 32 letters [default: tune and the time]
    #[arg(long)]
    name: Option<String>,
    /// How settings are chosen
    #[arg(long, value_enum, default_value = "bayesian")]
    strategy: Strategy,
    /// Training jobs in all [default: `trials` of the search file, else 20]
    #[arg(long)]
    jobs: Option<u32>,
    /// Training jobs at a time
    #[arg(long, default_value_t = 2)]
    parallel: u32,
    /// Stop jobs that fall behind
    #[arg(long)]
    early_stopping: bool,
    /// Hyperband: the least epochs of a job
    #[arg(long, default_value_t = 10)]
    min_epochs: u32,
    /// Hyperband: the most epochs of a job
    #[arg(long, default_value_t = 300)]
    max_epochs: u32,
    /// The start of the random numbers
    #[arg(long)]
    seed: Option<u32>,
    /// The figure to bring up: val:cindex on inner patients, or validation:cindex on the channel
    #[arg(long, default_value = "val:cindex")]
    objective: String,
    #[command(flatten)]
    training: TrainingArgs,
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    let mut settings = options.settings()?;
    if let Some(instance) = &args.training.instance {
        settings.instances.train.clone_from(instance);
    }
    let name = job_name(args.name.as_deref(), "tune", 32);
    let (mut job, mut steps) = args.training.training(&name, &settings)?;
    // One job must not go on from the checkpoint of another; an interrupted one must.
    job.checkpoints = job.spot_max_wait_s.is_some();
    let search: Table = fs_err::read_to_string(&args.search)?
        .parse()
        .with_context(|| args.search.display().to_string())?;
    let trials = search.get("trials").and_then(Value::as_integer);
    let tuning = Tuning {
        name: name.clone(),
        strategy: args.strategy,
        settings: search.get("settings").and_then(Value::as_table).cloned().unwrap_or_default(),
        jobs: args.jobs.or(trials.and_then(|it| it.try_into().ok())).unwrap_or(20),
        parallel: args.parallel,
        early_stopping: args.early_stopping,
        epochs: (args.min_epochs, args.max_epochs),
        seed: args.seed,
        objective: args.objective.clone(),
    };
    let request =
        tune(&tuning, &job, &settings).with_context(|| args.search.display().to_string())?;
    steps.push(Step::Call(request));
    submit(&steps, &settings, options).await?;
    if !options.dry_run {
        output::data(&format!(
            "started {name}; follow it with `oncoweave sagemaker status {name} --follow`"
        ))?;
    }
    Ok(Outcome::Complete)
}
