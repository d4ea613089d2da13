//! `oncoweave train`: an aligned table to a model folder.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use oncoweave_model::{EpochReport, MetricsWriter, Model, Predictor, TrainConfig, train_together};

use crate::processes::{Helper, Together};
use crate::{Outcome, aligned::Aligned, epochs::Heard, input, output, progress::progress, replace};

/// Train the fusion model on an aligned table: by default the models that do best together
///
/// Prints a line for each model when its networks are fitted, and with -v one for each epoch on stderr.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The settings, such as models/stacked-fusion/train.toml
    pub(crate) config: PathBuf,
    /// The aligned table
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// The model folder to write
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// A folder for checkpoints; a run that was cut off goes on from them to the same model
    #[arg(long)]
    pub(crate) checkpoints: Option<PathBuf>,
    /// A folder for each epoch's figures: metrics.jsonl, and event files for TensorBoard; by default
    /// that of the checkpoints, where there is one
    #[arg(long)]
    pub(crate) metrics: Option<PathBuf>,
    /// Replace a model folder that exists
    #[arg(long)]
    pub(crate) force: bool,
    /// Train each network in so many processes, which share out every batch; each reads the table
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) processes: u8,
    /// Help the process that listens at a port: the rank in its group and the port
    #[arg(long, hide = true, value_name = "RANK@PORT")]
    pub(crate) helper: Option<Helper>,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    input::check_settings(&args.config)?;
    let config = TrainConfig::read(&args.config)?;
    replace::check_model(&args.out, args.force)?;
    input::check_file(&args.data, "an aligned table; `oncoweave align` writes it")?;
    let processes = usize::from(args.processes);
    let together = match args.helper {
        Some(helper) => return help(args, &config, Together::help(helper, processes)?),
        None if processes > 1 => Some(Together::start(processes)?),
        None => None,
    };
    let aligned = Aligned::read(&args.data)?;
    let bar = progress("training", config.training.epochs);
    let metrics = args.metrics.as_deref().or(args.checkpoints.as_deref());
    let mut metrics = metrics.map(MetricsWriter::open).transpose()?;
    let mut unwritten = None;
    let mut heard = Heard::default();
    let mut on_epoch = |report: &EpochReport| {
        let line = heard.hear(report).map(|line| bar.suspend(|| output::data(&line)));
        show(&bar, report);
        let written = metrics.as_mut().map_or(Ok(()), |metrics| metrics.write(report));
        match written.map_err(Into::into).and(line.unwrap_or(Ok(()))) {
            Err(error) => {
                unwritten = Some(error);
                ControlFlow::Break(())
            }
            Ok(()) => ControlFlow::Continue(()),
        }
    };
    let trained = train_together(
        together.as_ref().map(Together::group),
        (&aligned.dataset(), &aligned.rows()),
        &config,
        args.checkpoints.as_deref(),
        &mut on_epoch,
    );
    if let Some(error) = unwritten {
        return Err(error.context("could not write the figures of an epoch"));
    }
    bar.finish_and_clear();
    let model = trained.with_context(|| format!("could not train on {}", args.data.display()))?;
    let model =
        model.expect("this is the first process").with_extraction(aligned.extraction.clone());
    if let Some(together) = together {
        together.finish()?;
    }
    heard.line().map_or(Ok(()), |line| output::data(&line))?;
    model.save(&args.out)?;
    say(&model, &args.out)?;
    Ok(Outcome::Complete)
}

/// Shows an epoch in the bar and, where it is asked for, in the log.
fn show(bar: &ProgressBar, report: &EpochReport) {
    bar.set_message(format!("{}, network {} of {}", report.model, report.member, report.members));
    bar.set_length(report.epochs as u64);
    bar.set_position(report.record.epoch as u64);
    tracing::info!(
        model = report.model,
        network = report.member,
        epoch = report.record.epoch,
        train_loss = report.record.train_loss,
        validation_loss = report.record.validation_loss,
        validation_c_index = report.record.validation_c_index,
        "epoch"
    );
}

fn say(model: &Model, out: &Path) -> Result<()> {
    let training = model.training();
    for note in &training.notes {
        output::note(note);
    }
    output::data(&format!(
        "{} on {} patients with {} events; wrote {}",
        what_was_trained(model),
        training.patients,
        training.events,
        out.display()
    ))
}

/// Trains as another process's helper; that one has the model.
fn help(args: &Args, config: &TrainConfig, together: Together) -> Result<Outcome> {
    let aligned = Aligned::read(&args.data)?;
    let trained = train_together(
        Some(together.group()),
        (&aligned.dataset(), &aligned.rows()),
        config,
        None,
        &mut |_| ControlFlow::Continue(()),
    );
    drop(aligned);
    match trained {
        Ok(_) => together.finish()?,
        // The first process says why.
        Err(oncoweave_model::Error::Stopped { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Outcome::Complete)
}

fn what_was_trained(model: &Model) -> String {
    match model.predictor() {
        Predictor::Stack(stack) => {
            output::note(&stack.choice);
            format!("stacked {} models", stack.members.len())
        }
        Predictor::Network(_) => {
            format!("trained {} networks and merged them", model.training().members.len())
        }
        Predictor::Linear(linear) => format!("trained {}", linear.method()),
    }
}
