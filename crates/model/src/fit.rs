//! Fits one network to matrices that are already prepared.

use std::{fmt::Write, ops::ControlFlow, path::Path};

use oncoweave_core::{
    Survival,
    split::{Stratum, stratified_folds},
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, LayerStatistics, MemberRecord, TrainConfig,
    network::{Architecture, Weights},
    part::Data,
    run::Run,
    team::Team,
};

/// One epoch as it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// The loss on the training part, with dropout, the mean over its batches.
    pub train_loss: f64,
    /// The loss on the validation part; `None` without early stopping.
    pub validation_loss: Option<f64>,
    /// Harrell's C on the validation part; `None` where undefined.
    pub validation_c_index: Option<f64>,
    /// The mean length of the gradient before clipping.
    pub gradient_norm: f64,
}

/// What `train` tells after each epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochReport<'a> {
    /// The model in training: `fusion` or such as `clinical alone`.
    pub model: &'a str,
    /// The network of the ensemble in training, from 1.
    pub member: usize,
    /// The networks of the ensemble.
    pub members: usize,
    /// The epoch that ended.
    pub record: &'a EpochRecord,
    /// The most epochs there can be.
    pub epochs: usize,
    /// The best epoch so far.
    pub best_epoch: usize,
    /// The step of the optimizer in it.
    pub learning_rate: f64,
    /// Each layer in its last step; empty where nobody asks for them.
    pub layers: &'a [LayerStatistics],
}

/// What to fit.
pub(crate) struct Job<'a> {
    pub(crate) name: &'a str,
    pub(crate) architecture: &'a Architecture,
    pub(crate) config: &'a TrainConfig,
    /// The network of the ensemble, from 1.
    pub(crate) member: usize,
    /// The networks of the ensemble.
    pub(crate) members: usize,
    /// The rows that early stopping watches, rising; by default the settings' share, drawn by the seed.
    pub(crate) validation: Option<&'a [usize]>,
    pub(crate) checkpoint: Option<&'a Path>,
    /// Whether each epoch tells of every layer.
    pub(crate) statistics: bool,
    /// The processes that train it.
    pub(crate) team: Team<'a>,
}

impl Job<'_> {
    /// Each network of an ensemble has random numbers of its own.
    pub(crate) fn seed(&self) -> u64 {
        self.config.seed + (self.member as u64 - 1)
    }
}

/// A fitted network.
pub(crate) struct Fitted {
    pub(crate) weights: Weights,
    pub(crate) record: MemberRecord,
    /// The log-risks of the rows that [`Job::validation`] names after each epoch.
    pub(crate) watched: Vec<Vec<f32>>,
}

/// Makes libtorch use so many threads here, one by default: small networks are quickest so, and
/// sums keep their order, so that results do not depend on the number of processors.
pub(crate) fn use_threads(threads: usize) {
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
}

/// The same for one.
pub(crate) fn use_one_thread() {
    use_threads(1);
}

/// Trains until the validation loss stops falling and gives the weights of the best epoch.
pub(crate) fn fit<'a>(
    job: &'a Job<'a>,
    data: &'a Data<'a>,
    on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<Fitted, Error> {
    use_threads(job.config.training.network_threads);
    let (train_rows, validation_rows) = split(job, data);
    job.team.check(train_rows.len())?;
    let mut run = Run::start(job, data, &train_rows, &validation_rows)?;
    while !run.checkpoint.state.finished {
        let (learning_rate, layers) = run.epoch()?;
        let state = &run.checkpoint.state;
        let record = state.history.last().expect("an epoch has just ended");
        let report = EpochReport {
            model: job.name,
            member: job.member,
            members: job.members,
            record,
            epochs: job.config.training.epochs,
            best_epoch: state.best_epoch,
            learning_rate,
            layers: &layers,
        };
        let stops = job.team.any(on_epoch(&report).is_break())?;
        run.save(stops)?;
        if stops {
            let epoch = run.checkpoint.state.history.len();
            return Err(Error::Stopped { model: job.name.to_owned(), epoch });
        }
    }
    let state = run.checkpoint.state;
    let record = MemberRecord {
        seed: job.seed(),
        validation_patients: validation_rows.len(),
        best_epoch: state.best_epoch,
        epochs: state.history,
    };
    Ok(Fitted { weights: run.checkpoint.best, record, watched: run.watched })
}

/// Takes the validation part out of the training part, stratified by event and time. It is empty
/// where the settings want none or it would have fewer than two events.
fn split(job: &Job, data: &Data) -> (Vec<usize>, Vec<usize>) {
    let everyone: Vec<usize> = (0..data.outcomes.len()).collect();
    if let Some(watched) = job.validation {
        let train = everyone.iter().copied().filter(|row| watched.binary_search(row).is_err());
        return (train.collect(), watched.to_vec());
    }
    let fraction = job.config.training.validation_fraction;
    if fraction == 0.0 {
        return (everyone, vec![]);
    }
    // At most half and not less than 0.0001, so the number of parts is 2 to 10000.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
    let parts = (1.0 / fraction.max(1e-4)).round() as usize;
    let stratum = |&survival: &Survival| Stratum { survival: Some(survival), label: None };
    let strata: Vec<Stratum> = data.outcomes.iter().map(stratum).collect();
    let Ok(folds) = stratified_folds(&strata, parts, job.seed()) else {
        return (everyone, vec![]);
    };
    let (validation, train): (Vec<usize>, Vec<usize>) =
        everyone.iter().partition(|&&row| folds[row] == 0);
    let events = validation.iter().filter(|&&row| data.outcomes[row].event).count();
    if events < 2 { (everyone, vec![]) } else { (train, validation) }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}
