//! Fits one network to matrices that are already prepared.

use std::{
    fmt::Write,
    ops::ControlFlow,
    path::Path,
    time::{Duration, Instant},
};

use ndarray::Array2;
use oncoweave_core::{
    Risk, Survival,
    concordance::harrell_c,
    split::{Stratum, stratified_folds},
};
use rand::{SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::Tensor;

use crate::{
    Error, MemberRecord, TrainConfig,
    checkpoint::{Checkpoint, State},
    dropout::Dropout,
    loss::{RiskSets, class_loss},
    network::{Architecture, Network, Weights, from_tensor, to_i64, to_tensor},
    optimizer::{AdamW, clip_by_norm},
};

/// How often a checkpoint is written at most; writing a wide network takes longer than an epoch.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);

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
}

/// Patients as matrices.
pub(crate) struct Data {
    /// One a modality, (patients, columns).
    pub(crate) blocks: Vec<Array2<f32>>,
    /// (patients,).
    pub(crate) outcomes: Vec<Survival>,
    /// The class's number, -1 where unknown, (patients,).
    pub(crate) classes: Vec<i64>,
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
}

/// A part of the patients as tensors.
struct Part {
    blocks: Vec<Tensor>,
    outcomes: Vec<Survival>,
    classes: Tensor,
    risk_sets: Option<RiskSets>,
}

/// Makes libtorch use one thread here: small networks are quickest so, and sums keep their order,
/// so that results do not depend on the number of processors.
pub(crate) fn use_one_thread() {
    tch::set_num_threads(1);
}

/// Trains until the validation loss stops falling and gives the weights of the best epoch.
pub(crate) fn fit(
    job: &Job,
    data: &Data,
    on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<Fitted, Error> {
    use_one_thread();
    let (train_rows, validation_rows) = split(job, data);
    let mut run = Run::start(job, data, &train_rows, &validation_rows)?;
    while !run.checkpoint.state.finished {
        run.epoch()?;
        let state = &run.checkpoint.state;
        let record = state.history.last().expect("an epoch has just ended");
        let report = EpochReport {
            model: job.name,
            member: job.member,
            members: job.members,
            record,
            epochs: job.config.training.epochs,
            best_epoch: state.best_epoch,
        };
        let flow = on_epoch(&report);
        run.save(flow.is_break())?;
        if flow.is_break() {
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
    Ok(Fitted { weights: run.checkpoint.best, record })
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

struct Run<'a> {
    job: &'a Job<'a>,
    train: Part,
    validation: Option<Part>,
    network: Network,
    optimizer: AdamW,
    checkpoint: Checkpoint,
    saved: Instant,
}

impl<'a> Run<'a> {
    fn start(
        job: &'a Job<'a>,
        data: &Data,
        train_rows: &[usize],
        validation_rows: &[usize],
    ) -> Result<Self, Error> {
        let run = fingerprint(job, data);
        let found = match job.checkpoint {
            Some(path) => Checkpoint::read(path, &run)?,
            None => None,
        };
        let checkpoint = found.unwrap_or_else(|| {
            let initial = job.architecture.initial_weights(job.seed());
            Checkpoint {
                state: State {
                    run,
                    optimizer_step: 0,
                    history: vec![],
                    best_epoch: 0,
                    finished: false,
                },
                best: initial.clone(),
                current: initial,
                first: Weights::new(),
                second: Weights::new(),
            }
        });
        let network = Network::new(job.architecture, &checkpoint.current);
        network.require_gradients();
        let optimizer = resume_optimizer(job, &network, &checkpoint);
        let validation = (!validation_rows.is_empty()).then(|| Part::new(data, validation_rows));
        let train = Part::new(data, train_rows);
        let saved = Instant::now();
        Ok(Self { job, train, validation, network, optimizer, checkpoint, saved })
    }

    /// Trains one epoch and judges it.
    fn epoch(&mut self) -> Result<(), Error> {
        let epoch = self.checkpoint.state.history.len() + 1;
        let mut random = ChaCha12Rng::seed_from_u64(self.job.seed());
        // Stream 0 drew the first weights.
        random.set_stream(epoch as u64);
        let (train_loss, gradient_norm) = self.train_epoch(&mut random);
        let (validation_loss, validation_c_index) = match &self.validation {
            Some(part) => self.judge(part),
            None => (None, None),
        };
        let finite = train_loss.is_finite() && gradient_norm.is_finite();
        for loss in [Some(train_loss), validation_loss].into_iter().flatten() {
            if !(finite && loss.is_finite()) {
                return Err(Error::Diverged { model: self.job.name.to_owned(), epoch, loss });
            }
        }
        let record =
            EpochRecord { epoch, train_loss, validation_loss, validation_c_index, gradient_norm };
        self.checkpoint.state.history.push(record);
        self.keep_best(epoch);
        Ok(())
    }

    fn keep_best(&mut self, epoch: usize) {
        let state = &mut self.checkpoint.state;
        let loss = |epoch: usize| state.history[epoch - 1].validation_loss;
        let better = match (loss(epoch), state.best_epoch) {
            // Without a validation part the last epoch is the one to keep.
            (None, _) | (_, 0) => true,
            (Some(now), best) => loss(best).is_none_or(|before| now < before),
        };
        if better {
            state.best_epoch = epoch;
            self.checkpoint.best = self.network.weights();
        }
        let training = &self.job.config.training;
        let patience_is_over = epoch - state.best_epoch >= training.patience;
        state.finished = epoch >= training.epochs || patience_is_over;
    }

    /// Gives the mean loss and the mean gradient length over the epoch's batches.
    fn train_epoch(&mut self, random: &mut ChaCha12Rng) -> (f64, f64) {
        let patients = self.train.outcomes.len();
        let batch_size = self.job.config.training.batch_size;
        let (mut loss_sum, mut norm_sum, mut steps) = (0.0, 0.0, 0);
        let whole = batch_size == 0 || batch_size >= patients;
        let mut order: Vec<usize> = (0..patients).collect();
        if !whole {
            order.shuffle(random);
        }
        let size = if whole { patients } else { batch_size };
        for rows in order.chunks(size) {
            let picked = (!whole).then(|| self.train.pick(rows));
            let batch = picked.as_ref().unwrap_or(&self.train);
            let dropout =
                Dropout::draw(random, self.job.architecture, &self.job.config.network, rows.len());
            let outputs = self.network.forward(&batch.blocks, Some(&dropout));
            let Some(loss) = batch.loss(&outputs, self.job.config.heads.subtype_weight) else {
                continue;
            };
            let parameters = self.network.parameters();
            let mut gradients = Tensor::run_backward(&[&loss], &parameters, false, false);
            norm_sum += clip_by_norm(&mut gradients, self.job.config.training.clip_norm);
            self.optimizer.step(&parameters, &gradients);
            loss_sum += loss.double_value(&[]);
            steps += 1;
        }
        let steps = f64::from(steps.max(1));
        (loss_sum / steps, norm_sum / steps)
    }

    fn judge(&self, part: &Part) -> (Option<f64>, Option<f64>) {
        let _guard = tch::no_grad_guard();
        let outputs = self.network.forward(&part.blocks, None);
        let loss = part.loss(&outputs, self.job.config.heads.subtype_weight);
        let risks: Vec<Risk> =
            from_tensor(&outputs.log_risk).iter().map(|&risk| Risk(f64::from(risk))).collect();
        let finite = risks.iter().all(|risk| risk.0.is_finite());
        let c_index = if finite { harrell_c(&part.outcomes, &risks).ok() } else { None };
        (loss.map(|loss| loss.double_value(&[])), c_index)
    }

    /// Writes the checkpoint when it is due.
    fn save(&mut self, stopping: bool) -> Result<(), Error> {
        let Some(path) = self.job.checkpoint else { return Ok(()) };
        let due = self.saved.elapsed() >= CHECKPOINT_INTERVAL;
        if !(due || stopping || self.checkpoint.state.finished) {
            return Ok(());
        }
        let named = |moments: &[Tensor]| -> Weights {
            let names = self.job.architecture.parameters().into_iter().map(|(name, _)| name);
            names.zip(moments.iter().map(from_tensor)).collect()
        };
        self.checkpoint.current = self.network.weights();
        self.checkpoint.first = named(&self.optimizer.first);
        self.checkpoint.second = named(&self.optimizer.second);
        self.checkpoint.state.optimizer_step = self.optimizer.step;
        self.checkpoint.write(path)?;
        self.saved = Instant::now();
        Ok(())
    }
}

fn resume_optimizer(job: &Job, network: &Network, checkpoint: &Checkpoint) -> AdamW {
    let training = &job.config.training;
    let parameters = network.parameters();
    let mut optimizer = AdamW::new(&parameters, training.learning_rate, training.weight_decay);
    if checkpoint.state.optimizer_step > 0 {
        let names = job.architecture.parameters();
        let tensors =
            |saved: &Weights| names.iter().map(|(name, _)| to_tensor(&saved[name])).collect();
        optimizer.step = checkpoint.state.optimizer_step;
        optimizer.first = tensors(&checkpoint.first);
        optimizer.second = tensors(&checkpoint.second);
    }
    optimizer
}

impl Part {
    fn new(data: &Data, rows: &[usize]) -> Self {
        let block =
            |block: &Array2<f32>| to_tensor(&block.select(ndarray::Axis(0), rows).into_dyn());
        let classes: Vec<i64> = rows.iter().map(|&row| data.classes[row]).collect();
        let outcomes: Vec<Survival> = rows.iter().map(|&row| data.outcomes[row]).collect();
        Self {
            blocks: data.blocks.iter().map(block).collect(),
            risk_sets: RiskSets::new(&outcomes),
            outcomes,
            classes: Tensor::from_slice(&classes),
        }
    }

    fn pick(&self, rows: &[usize]) -> Self {
        let index: Vec<i64> = rows.iter().map(|&row| to_i64(row)).collect();
        let index = Tensor::from_slice(&index);
        let outcomes: Vec<Survival> = rows.iter().map(|&row| self.outcomes[row]).collect();
        Self {
            blocks: self.blocks.iter().map(|block| block.index_select(0, &index)).collect(),
            risk_sets: RiskSets::new(&outcomes),
            outcomes,
            classes: self.classes.index_select(0, &index),
        }
    }

    /// Survival loss plus weighted class loss; `None` where neither is defined.
    fn loss(&self, outputs: &crate::network::Outputs, subtype_weight: f64) -> Option<Tensor> {
        let survival = self.risk_sets.as_ref().map(|risk_sets| risk_sets.loss(&outputs.log_risk));
        let has_classes = outputs.logits.size()[1] > 0;
        let classes = if has_classes { class_loss(&outputs.logits, &self.classes) } else { None };
        match (survival, classes.map(|loss| loss * subtype_weight)) {
            (Some(survival), Some(classes)) => Some(survival + classes),
            (survival, classes) => survival.or(classes),
        }
    }
}

/// SHA-256 over everything that decides the run's result.
fn fingerprint(job: &Job, data: &Data) -> String {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    let config = TrainConfig {
        training: crate::TrainingConfig { threads: 0, ..job.config.training.clone() },
        ..job.config.clone()
    };
    let json = |value: serde_json::Result<String>| value.expect("settings have only text keys");
    hash.update(json(serde_json::to_string(&config)));
    hash.update(json(serde_json::to_string(job.architecture)));
    hash.update(job.seed().to_le_bytes());
    for &row in job.validation.unwrap_or_default() {
        hash.update(row.to_le_bytes());
    }
    for block in &data.blocks {
        for value in block {
            hash.update(value.to_le_bytes());
        }
    }
    for (outcome, class) in data.outcomes.iter().zip(&data.classes) {
        hash.update(outcome.time_days.to_le_bytes());
        hash.update([u8::from(outcome.event)]);
        hash.update(class.to_le_bytes());
    }
    hex(&hash.finalize())
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}
