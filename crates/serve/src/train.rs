mod output;

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oncoweave_cohort::write_atomically;
use oncoweave_collectives::Group;
use oncoweave_model::{EpochReport, FUSION, Model, NETWORK, train_together};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::channels::{Input, Machines};
use crate::redact::{failure, shortened};
use crate::{Error, Root, channels, machines, metrics};
use output::{Figures, evaluate, remove, save};

/// How a training job ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model is written.
    Finished,
    /// The platform asked to stop; what was learned so far is in the checkpoint, where the job has
    /// a place for one.
    Stopped,
}

/// Why a training job failed: what stands in the failure file, without any patient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

/// A flag that is raised when the platform asks the process to stop, by `SIGTERM` or `SIGINT`.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn stop_on_termination() -> Result<Arc<AtomicBool>, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Runs a training job: reads the configuration and the channels below `root`, trains, writes the
/// model and, where there is a validation channel, evaluates it into the output folder.
///
/// `print` gets one line for each epoch of the fusion model's networks, and one for what is kept.
/// When `stop` is raised, training ends after the epoch in hand, and one line says what is kept. Where the checkpoint folder
/// exists, training goes on from what lies there and leaves checkpoints there.
///
/// The machines of a job with several train each network together, with the same model as one would
/// have made of as many parts (`training.shards`). The first in the order of names alone prints,
/// writes checkpoints and the model. When one is gone, all others fail and say which.
///
/// # Errors
/// With the sentence that it also wrote to the failure file.
pub fn train(
    root: &Root,
    stop: &AtomicBool,
    print: &mut dyn FnMut(&str),
) -> Result<Outcome, Failure> {
    let text = match catch_unwind(AssertUnwindSafe(|| run(root, stop, print))) {
        Ok(Ok(outcome)) => return Ok(outcome),
        Ok(Err(error)) => failure(&error),
        Err(_) => "the program stopped on a fault of its own; the end of the log says where, \
                   please report it"
            .to_owned(),
    };
    let failure = Failure(shortened(&text));
    let written = write_atomically::<std::io::Error>(&root.failure(), |file| {
        file.write_all(failure.0.as_bytes())
    });
    if let Err(error) = written {
        tracing::error!(%error, "could not write the failure file");
    }
    Err(failure)
}

fn run(root: &Root, stop: &AtomicBool, print: &mut dyn FnMut(&str)) -> Result<Outcome, Error> {
    // A disk that was used before must not tell of another job.
    remove(&root.failure())?;
    let machines = channels::machines(root)?;
    let group = machines::meet(&machines)?;
    let leads = group.as_ref().is_none_or(|group| group.rank() == 0);
    let mut silent = |_: &str| {};
    // What the other machines print would be taken for figures of the job a second time.
    let print: &mut dyn FnMut(&str) = if leads { print } else { &mut silent };
    let input = channels::read(root)?;
    let checkpoints = checkpoints(root, &machines);
    let figures = if leads { Figures::open(root) } else { Figures::default() };
    let folder = checkpoints.as_deref();
    let model = match fit(group.as_ref(), &input, folder, stop, (print, figures)) {
        Ok(model) => model,
        Err(oncoweave_model::Error::Stopped { epoch, .. }) => {
            group.map_or(Ok(()), Group::leave)?;
            print(&metrics::stopped(epoch, checkpoints.as_deref()));
            return Ok(Outcome::Stopped);
        }
        Err(error) => return Err(error.into()),
    };
    group.map_or(Ok(()), Group::leave)?;
    // The other machines have nothing to write.
    let Some(model) = model else { return Ok(Outcome::Finished) };
    let model = model.with_extraction(input.train.extraction.clone());
    print(&metrics::kept(&model));
    save(&model, &root.model())?;
    if let Some(validation) = &input.validation {
        evaluate(&model, validation, &root.output_data(), print)?;
    }
    Ok(Outcome::Finished)
}

fn fit(
    group: Option<&Group>,
    input: &Input,
    checkpoints: Option<&Path>,
    stop: &AtomicBool,
    (print, mut figures): (&mut dyn FnMut(&str), Figures),
) -> Result<Option<Model>, oncoweave_model::Error> {
    let mut on_epoch = |report: &EpochReport| {
        // Epochs of other networks stay silent: a tuner could not tell them apart.
        if [FUSION, NETWORK].contains(&report.model) {
            print(&metrics::epoch(report));
        }
        figures.write(report);
        if stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let data = input.train.dataset();
    let rows = input.train.rows();
    train_together(group, (&data, &rows), &input.config, checkpoints, &mut on_epoch)
}

/// The folder of this machine's checkpoints, where the job has a place for them: all machines of a
/// job write into one place in S3, and a name that two of them used would be the last writer's.
fn checkpoints(root: &Root, machines: &Machines) -> Option<PathBuf> {
    let folder = root.checkpoints();
    folder.is_dir().then(|| folder.join(&machines.current_host))
}

#[cfg(test)]
mod tests;
