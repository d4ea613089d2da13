//! Fits one network to matrices that are already prepared.

use std::{
    cell::RefCell,
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
    Error, LayerStatistics, MemberRecord, RiskSet, StopOn, SurvivalHead, TrainConfig,
    checkpoint::{Checkpoint, State},
    device::training_device,
    loss_scale::LossScale,
    network::{Architecture, Inputs, Network, Trace, Training, Weights, from_tensor, to_tensor},
    optimizer::{AdamW, clip_by_norm},
    part::{Data, LossSettings, Part},
    risk_bank::RiskBank,
    schedule::learning_rate,
    statistics::{layer_statistics, why_diverged},
    team::{Pass, Shards, Team, put_together},
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

struct Run<'a> {
    job: &'a Job<'a>,
    settings: LossSettings<'a>,
    train: Part<'a>,
    validation: Option<Part<'a>>,
    /// What the network reads of the training and the validation part where batches are cut.
    shards: Option<(Shards<'a>, Shards<'a>)>,
    network: Network,
    optimizer: AdamW,
    /// Every training patient's log-risk; with a Cox loss in batches alone.
    bank: Option<RiskBank>,
    /// The log-risks of the rows that the job names for validation after each epoch.
    watched: Vec<Vec<f32>>,
    /// The flat gradient.
    gradients: Tensor,
    checkpoint: Checkpoint,
    saved: Instant,
}

/// The sums of an epoch.
#[derive(Default)]
struct Sums {
    loss: f64,
    norm: f64,
    steps: u32,
    layers: Vec<LayerStatistics>,
}

/// The loss and C of some patients, and their log-risks.
type Judged = (Option<f64>, Option<f64>, Vec<f32>);

impl<'a> Run<'a> {
    fn start(
        job: &'a Job<'a>,
        data: &'a Data<'a>,
        train_rows: &[usize],
        validation_rows: &[usize],
    ) -> Result<Self, Error> {
        let (heads, device) = (&job.config.heads, training_device(job.config.training.device)?);
        let half = job.config.training.mixed_precision && device.is_cuda();
        let checkpoint = find_checkpoint(job, data, half)?;
        let network = Network::new(job.architecture, &checkpoint.current, device);
        network.require_gradients();
        let optimizer = resume_optimizer(job, &network, &checkpoint);
        let classes = train_rows.iter().map(|&row| data.classes[row]);
        let settings = LossSettings::new(heads, job.architecture, classes, device);
        let team = &job.team;
        let shards = team.splits().then(|| {
            let deal = |rows: &[usize]| Shards::new(data, rows, (team, job.seed()), &settings);
            (deal(train_rows), deal(validation_rows))
        });
        let part = |rows: &[usize]| match shards {
            Some(_) => Part::in_shards(data, rows, &settings),
            None => Part::new(data, rows, &settings),
        };
        let validation = (!validation_rows.is_empty()).then(|| part(validation_rows));
        let train = part(train_rows);
        let own = shards.as_ref().map(|(train, _)| train);
        let bank = resume_bank(job, &network, (&train, own), &checkpoint)?;
        let watched = checkpoint.bank.get(WATCHED).map_or_else(Vec::new, |epochs| {
            epochs.outer_iter().map(|risks| risks.iter().copied().collect()).collect()
        });
        let gradients = network.flat.zeros_like();
        let saved = Instant::now();
        Ok(Self {
            job,
            settings,
            train,
            validation,
            shards,
            network,
            optimizer,
            bank,
            watched,
            gradients,
            checkpoint,
            saved,
        })
    }

    /// Trains one epoch and judges it. Gives the optimizer's step and each layer's statistics.
    fn epoch(&mut self) -> Result<(f64, Vec<LayerStatistics>), Error> {
        let history = &self.checkpoint.state.history;
        let epoch = history.len() + 1;
        let learning_rate = learning_rate(&self.job.config.training, history);
        self.optimizer.learning_rate = learning_rate;
        let sums = self.train_epoch(epoch)?;
        let (validation_loss, validation_c_index) = match &self.validation {
            Some(part) => {
                let (loss, c_index, risks) = self.judge(part)?;
                if self.job.validation.is_some() {
                    self.watched.push(risks);
                }
                (loss, c_index)
            }
            None => (None, None),
        };
        if let Some(loss) = validation_loss.filter(|loss| !loss.is_finite()) {
            return Err(self.diverged(epoch, loss, self.validation.as_ref()));
        }
        let steps = f64::from(sums.steps.max(1));
        self.checkpoint.state.history.push(EpochRecord {
            epoch,
            train_loss: sums.loss / steps,
            validation_loss,
            validation_c_index,
            gradient_norm: sums.norm / steps,
        });
        self.keep_best(epoch);
        Ok((learning_rate, sums.layers))
    }

    fn keep_best(&mut self, epoch: usize) {
        let training = &self.job.config.training;
        let state = &mut self.checkpoint.state;
        let record = |epoch: usize| &state.history[epoch - 1];
        let better = state.best_epoch == 0
            || is_better(training.stop_on, record(epoch), record(state.best_epoch));
        if better {
            state.best_epoch = epoch;
            self.checkpoint.best = self.network.weights();
        }
        let patience_is_over = epoch - state.best_epoch >= training.patience;
        state.finished = epoch >= training.epochs || patience_is_over;
    }

    /// Goes through the training part once.
    fn train_epoch(&mut self, epoch: usize) -> Result<Sums, Error> {
        let mut random = ChaCha12Rng::seed_from_u64(self.job.seed());
        // Stream 0 drew the first weights.
        random.set_stream(epoch as u64);
        let patients = self.train.outcomes.len();
        let batch_size = self.job.config.training.batch_size;
        let whole = batch_size == 0 || batch_size >= patients;
        let mut order: Vec<usize> = (0..patients).collect();
        if !whole {
            order.shuffle(&mut random);
        }
        if let Some(bank) = &mut self.bank {
            bank.center();
        }
        let network = &self.job.config.network;
        let training = Training {
            random: RefCell::new(random),
            dropout: network.dropout,
            input_dropout: network.input_dropout,
            encoder_dropout: network.encoder_dropout,
            modality_dropout: network.modality_dropout,
            rows: RefCell::new(None),
        };
        let mut sums = Sums::default();
        let size = if whole { patients } else { batch_size };
        let steps = patients.div_ceil(size);
        for (step, rows) in order.chunks(size).enumerate() {
            let picked =
                (!whole).then(|| self.train.pick(rows, self.bank.is_some(), &self.settings));
            let trace = (step + 1 == steps && self.job.statistics).then(Trace::default);
            let lost = self.step((picked.as_ref(), rows), &training, trace.as_ref(), &mut sums)?;
            if let Some(loss) = lost {
                return Err(self.diverged(epoch, loss, picked.as_ref()));
            }
        }
        Ok(sums)
    }

    /// Takes one step on a batch, or on the whole training part. Gives the loss where it or its
    /// gradient is not finite.
    fn step(
        &mut self,
        (batch, rows): (Option<&Part>, &[usize]),
        training: &Training,
        trace: Option<&Trace>,
        sums: &mut Sums,
    ) -> Result<Option<f64>, Error> {
        let batch = batch.unwrap_or(&self.train);
        let half = self.half();
        let (raw, passes) = self.forward((batch, rows), training, trace)?;
        let outputs = self.network.outputs(&raw);
        let loss = match &mut self.bank {
            Some(bank) => Some(batch.bank_loss(&outputs, (bank, rows), &self.settings)),
            None => batch.loss(&outputs, &self.settings),
        };
        let Some(loss) = loss else { return Ok(None) };
        let factor = self.checkpoint.state.loss_scale.factor;
        let tensor = if half { loss.tensor * factor } else { loss.tensor };
        if self.shards.is_some() {
            self.backward_in_shards((&tensor, &raw), &passes)?;
        } else {
            backward(&self.network, &tensor, &self.gradients);
        }
        if half {
            let _same = self.gradients.g_mul_scalar_(1.0 / factor);
        }
        if let Some(trace) = trace {
            sums.layers = layer_statistics(&self.network, &self.gradients, trace);
        }
        let norm = clip_by_norm(&mut self.gradients, self.job.config.training.clip_norm);
        let finite = norm.is_finite() && loss.value.is_finite();
        if self.checkpoint.state.loss_scale.takes(finite) {
            if !finite {
                return Ok(Some(loss.value));
            }
            self.optimizer.step(&self.network.flat, &self.gradients);
            sums.norm += norm;
            sums.loss += loss.value;
            sums.steps += 1;
        }
        Ok(None)
    }

    /// Whether the network runs in half precision.
    fn half(&self) -> bool {
        self.job.config.training.mixed_precision && self.network.flat.device().is_cuda()
    }

    /// What the network gives for a batch, (batch, outputs), and where batches are cut the passes
    /// that it was put together from.
    fn forward(
        &self,
        (batch, rows): (&Part, &[usize]),
        training: &Training,
        trace: Option<&Trace>,
    ) -> Result<(Tensor, Vec<Pass>), Error> {
        let forward = |inputs: &Inputs| {
            let forward = || self.network.raw(inputs, Some(training), trace);
            if self.half() { tch::autocast(true, forward) } else { forward() }
        };
        let Some((train, _)) = &self.shards else {
            return Ok((forward(&batch.reading.all()), vec![]));
        };
        let one = |inputs: &Inputs| {
            // Of several shards in this process the last one is looked at.
            if let Some(trace) = trace {
                trace.borrow_mut().clear();
            }
            forward(inputs)
        };
        let passes = train.passes(rows, training, &one);
        let raw = put_together(&passes, rows.len(), (&self.job.team, &self.network))?;
        Ok((raw.set_requires_grad(true), passes))
    }

    /// Fills the flat gradient from a loss over outputs that were put together, (batch, outputs).
    fn backward_in_shards(
        &mut self,
        (loss, raw): (&Tensor, &Tensor),
        passes: &[Pass],
    ) -> Result<(), Error> {
        let slope = &Tensor::run_backward(&[loss], &[raw], false, false)[0];
        let one = |pass: &Pass| {
            let gradients = self.gradients.zeros_like();
            backward(&self.network, &pass.toward(slope), &gradients);
            gradients
        };
        self.gradients = self.job.team.sum_gradients(passes.iter().map(one).collect())?;
        Ok(())
    }

    /// Says which layer is to blame, from a pass over the patients that it happened on; where
    /// batches are cut, over the own part of the training patients.
    fn diverged(&self, epoch: usize, loss: f64, batch: Option<&Part>) -> Error {
        let _guard = tch::no_grad_guard();
        let trace = Trace::default();
        let inputs = match &self.shards {
            Some((train, _)) => train.first(),
            None => batch.unwrap_or(&self.train).reading.all(),
        };
        let _outputs = self.network.run(&inputs, None, Some(&trace));
        let cause = why_diverged(&self.network, &self.gradients, &trace);
        Error::Diverged { model: self.job.name.to_owned(), epoch, loss, cause }
    }

    fn judge(&self, part: &Part) -> Result<Judged, Error> {
        let _guard = tch::no_grad_guard();
        let outputs = match &self.shards {
            Some((_, validation)) => validation.outputs(&self.network, &self.job.team)?,
            None => part.reading.outputs(&self.network),
        };
        let loss = part.loss(&outputs, &self.settings);
        let log_risks: Vec<f32> = from_tensor(&outputs.log_risk).into_iter().collect();
        let risks: Vec<Risk> = log_risks.iter().map(|&risk| Risk(f64::from(risk))).collect();
        let finite = risks.iter().all(|risk| risk.0.is_finite());
        let c_index = if finite { harrell_c(&part.outcomes, &risks).ok() } else { None };
        Ok((loss.map(|loss| loss.value), c_index, log_risks))
    }

    /// Writes the checkpoint when it is due.
    fn save(&mut self, stopping: bool) -> Result<(), Error> {
        let Some(path) = self.job.checkpoint.filter(|_| self.job.team.leads()) else {
            return Ok(());
        };
        let due = self.saved.elapsed() >= CHECKPOINT_INTERVAL;
        if !(due || stopping || self.checkpoint.state.finished) {
            return Ok(());
        }
        let named = |moments: &Tensor| -> Weights {
            let slots = self.network.slots().iter();
            slots.map(|slot| (slot.name.clone(), from_tensor(&slot.of(moments)))).collect()
        };
        self.checkpoint.current = self.network.weights();
        self.checkpoint.first = named(&self.optimizer.first);
        self.checkpoint.second = named(&self.optimizer.second);
        self.checkpoint.state.optimizer_step = self.optimizer.step;
        if let Some(bank) = &self.bank {
            // They came as float32 and go so.
            #[expect(clippy::cast_possible_truncation, reason = "see above")]
            let risks: Vec<f32> = bank.log_risks().into_iter().map(|risk| risk as f32).collect();
            let risks = ndarray::Array1::from_vec(risks).into_dyn();
            self.checkpoint.bank.insert(BANK.to_owned(), risks);
        }
        if let Some(first) = self.watched.first() {
            let shape = (self.watched.len(), first.len());
            let risks = Array2::from_shape_fn(shape, |(epoch, row)| self.watched[epoch][row]);
            self.checkpoint.bank.insert(WATCHED.to_owned(), risks.into_dyn());
        }
        self.checkpoint.write(path)?;
        self.saved = Instant::now();
        Ok(())
    }
}

/// Fills a flat gradient.
fn backward(network: &Network, loss: &Tensor, flat: &Tensor) {
    let gradients = Tensor::run_backward(&[loss], &network.parameters(), false, false);
    let _guard = tch::no_grad_guard();
    for (slot, gradient) in network.slots().iter().zip(gradients) {
        slot.of(flat).copy_(&gradient);
    }
}

/// The name of the bank's log-risks in a checkpoint.
const BANK: &str = "log_risk";

/// The name of the watched patients' log-risks, (epochs, patients).
const WATCHED: &str = "watched";

/// Whether an epoch is better than the best before.
fn is_better(stop_on: StopOn, now: &EpochRecord, best: &EpochRecord) -> bool {
    let lower_loss = match (now.validation_loss, best.validation_loss) {
        // Without a validation part the last epoch is the one to keep.
        (None, _) | (_, None) => true,
        (Some(now), Some(best)) => now < best,
    };
    match (stop_on, now.validation_c_index, best.validation_c_index) {
        (StopOn::CIndex, Some(now), Some(best)) => now > best || (now >= best && lower_loss),
        _ => lower_loss,
    }
}

fn find_checkpoint(job: &Job, data: &Data, half_precision: bool) -> Result<Checkpoint, Error> {
    let run = fingerprint(job, data);
    if !job.team.agrees(&run)? {
        return Err(Error::Differ);
    }
    let found = match job.checkpoint.filter(|_| job.team.leads()) {
        Some(path) => Checkpoint::read(path, &run)?,
        None => None,
    };
    let found = job.team.share_checkpoint(found)?;
    Ok(found.unwrap_or_else(|| {
        let initial = job.architecture.initial_weights(job.seed());
        Checkpoint {
            state: State {
                run,
                optimizer_step: 0,
                loss_scale: LossScale::new(half_precision),
                history: vec![],
                best_epoch: 0,
                finished: false,
            },
            best: initial.clone(),
            current: initial,
            first: Weights::new(),
            second: Weights::new(),
            bank: Weights::new(),
        }
    }))
}

fn resume_optimizer(job: &Job, network: &Network, checkpoint: &Checkpoint) -> AdamW {
    let training = &job.config.training;
    let mut optimizer = AdamW::new(network, training.learning_rate, training.weight_decay);
    if checkpoint.state.optimizer_step > 0 {
        optimizer.step = checkpoint.state.optimizer_step;
        for slot in network.slots() {
            slot.of(&optimizer.first).copy_(&to_tensor(&checkpoint.first[&slot.name]));
            slot.of(&optimizer.second).copy_(&to_tensor(&checkpoint.second[&slot.name]));
        }
    }
    optimizer
}

/// Patients that pass through the network at once when the bank is first filled.
const BANK_BLOCK: usize = 1024;

fn resume_bank(
    job: &Job,
    network: &Network,
    (train, shards): (&Part, Option<&Shards>),
    checkpoint: &Checkpoint,
) -> Result<Option<RiskBank>, Error> {
    let heads = &job.config.heads;
    let patients = train.outcomes.len();
    let batch_size = job.config.training.batch_size;
    let wanted = heads.survival == SurvivalHead::Cox
        && heads.risk_set == RiskSet::Training
        && batch_size > 0
        && batch_size < patients;
    let bank = RiskBank::new(&train.outcomes, heads.event_weight).filter(|_| wanted);
    let Some(mut bank) = bank else { return Ok(None) };
    let rows: Vec<usize> = (0..patients).collect();
    let risks: Vec<f64> = if let Some(risks) = checkpoint.bank.get(BANK) {
        risks.iter().map(|&risk| f64::from(risk)).collect()
    } else if let Some(shards) = shards {
        let outputs = shards.outputs(network, &job.team)?;
        from_tensor(&outputs.log_risk).into_iter().map(f64::from).collect()
    } else {
        let _guard = tch::no_grad_guard();
        let risks = |rows: &[usize]| {
            let outputs = network.forward(&train.reading.pick(rows));
            from_tensor(&outputs.log_risk).into_iter().map(f64::from).collect::<Vec<_>>()
        };
        rows.chunks(BANK_BLOCK).flat_map(risks).collect()
    };
    bank.renew(&rows, &risks);
    Ok(Some(bank))
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
    hash.update(data.digest());
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
