//! Training as a training job.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use oncoweave_sagemaker::Settings;
use oncoweave_sagemaker::requests::{
    Channel, Experiment, Training, experiment, hyperparameters, laid_over, train,
};

use super::Outcome;
use crate::launcher::{Options, Step, job_name, staged, submit};
use crate::output;

/// Train a model on an aligned table
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The job's name [default: train and the time]
    #[arg(long)]
    name: Option<String>,
    /// File the job in this experiment
    #[arg(long, requires = "trial")]
    experiment: Option<String>,
    /// File the job in this trial of the experiment
    #[arg(long, requires = "experiment")]
    trial: Option<String>,
    /// Keep the machines for the next job, seconds; not with spot
    #[arg(long, value_name = "SECONDS", conflicts_with = "spot")]
    keep_alive_s: Option<u32>,
    #[command(flatten)]
    training: TrainingArgs,
}

/// What training and tuning jobs have in common.
#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct TrainingArgs {
    /// The training table: a folder in S3, or a Parquet file of this machine
    #[arg(long, value_name = "PLACE")]
    train: String,
    /// A table of other patients that the model is judged on
    #[arg(long, value_name = "PLACE")]
    validation: Option<String>,
    /// The settings, such as models/stacked-fusion/train.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One setting, such as training.epochs=200; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Train on spare capacity, which is cheaper and may be interrupted
    #[arg(long)]
    spot: bool,
    /// With spot: the longest run and wait together, seconds [default: twice the longest run]
    #[arg(long, value_name = "SECONDS", requires = "spot")]
    max_wait_s: Option<u32>,
    /// The longest run, seconds
    #[arg(long, default_value_t = 86_400)]
    max_runtime_s: u32,
    /// Machines
    #[arg(long, default_value_t = 1)]
    hosts: u32,
    /// The instance type, instead of the settings file's
    #[arg(long)]
    pub(crate) instance: Option<String>,
    /// Disk of each machine, GB
    #[arg(long, default_value_t = 50)]
    volume_gb: u32,
    /// Attempts when the service itself fails
    #[arg(long, default_value_t = 2)]
    attempts: u32,
    /// Read the channels from S3 as they are needed instead of copying them first
    #[arg(long)]
    fast_file: bool,
    /// Let the job reach the network
    #[arg(long)]
    no_isolation: bool,
    /// Keep no checkpoints
    #[arg(long, conflicts_with = "spot")]
    no_checkpoints: bool,
    /// Write losses for TensorBoard
    #[arg(long)]
    tensorboard: bool,
}

impl TrainingArgs {
    /// The job, and what has to be uploaded for it.
    pub(crate) fn training(
        &self,
        name: &str,
        settings: &Settings,
    ) -> Result<(Training, Vec<Step>)> {
        let max_wait = self.max_wait_s.unwrap_or(self.max_runtime_s.saturating_mul(2));
        ensure!(
            max_wait >= self.max_runtime_s,
            "--max-wait-s {max_wait} is shorter than the longest run, {} s; the wait includes the run",
            self.max_runtime_s
        );
        let mut channels = vec![];
        let mut uploads = vec![];
        let given = [("train", Some(&self.train)), ("validation", self.validation.as_ref())];
        for (channel, place) in given {
            let Some(place) = place else { continue };
            let (uri, upload) = staged(place, &format!("data/{name}/{channel}"), settings)?;
            channels.push(Channel { name: channel.to_owned(), uri: uri.into() });
            uploads.extend(upload);
        }
        let training = Training {
            name: name.to_owned(),
            channels,
            hyperparameters: laid_over(read_hyperparameters(self.config.as_deref())?, &self.set)?,
            hosts: self.hosts,
            volume_gb: self.volume_gb,
            input_mode: if self.fast_file { "FastFile" } else { "File" },
            max_runtime_s: self.max_runtime_s,
            spot_max_wait_s: self.spot.then_some(max_wait),
            keep_alive_s: None,
            attempts: self.attempts,
            isolated: !self.no_isolation,
            checkpoints: !self.no_checkpoints,
            tensorboard: self.tensorboard,
            experiment: None,
        };
        Ok((training, uploads))
    }
}

/// The settings of a `train.toml` as hyperparameters.
pub(crate) fn read_hyperparameters(path: Option<&Path>) -> Result<BTreeMap<String, String>> {
    let Some(path) = path else { return Ok(BTreeMap::new()) };
    let text = fs_err::read_to_string(path)?;
    let table = text.parse().with_context(|| path.display().to_string())?;
    hyperparameters(&table).with_context(|| path.display().to_string())
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    let mut settings = options.settings()?;
    if let Some(instance) = &args.training.instance {
        settings.instances.train.clone_from(instance);
    }
    let name = job_name(args.name.as_deref(), "train", 63);
    let (mut job, mut steps) = args.training.training(&name, &settings)?;
    job.keep_alive_s = args.keep_alive_s;
    if let (Some(experiment_name), Some(trial)) = (&args.experiment, &args.trial) {
        let names = Experiment { experiment: experiment_name.clone(), trial: trial.clone() };
        steps.extend(experiment(&names, &settings).map(Step::Ensure));
        job.experiment = Some(names);
    }
    steps.push(Step::Call(train(&job, &settings)));
    submit(&steps, &settings, options).await?;
    if !options.dry_run {
        output::data(&format!(
            "started {name}; follow it with `oncoweave sagemaker status {name} --follow`"
        ))?;
    }
    Ok(Outcome::Complete)
}
