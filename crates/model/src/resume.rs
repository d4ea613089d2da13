//! Checkpoints of a network in training: written, found again, and gone on from.

use std::time::{Duration, Instant};

use ndarray::Array2;
use sha2::{Digest, Sha256};
use tch::Tensor;

use crate::{
    Error, RiskSet, SurvivalHead, TrainConfig,
    checkpoint::{Checkpoint, State},
    fit::{Job, hex},
    loss_scale::LossScale,
    network::{Network, Weights, from_tensor, to_tensor},
    optimizer::AdamW,
    part::{Data, Part},
    risk_bank::RiskBank,
    run::Run,
    team::Shards,
};

/// How often a checkpoint is written at most; writing a wide network takes longer than an epoch.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);

/// The name of the bank's log-risks in a checkpoint.
const BANK: &str = "log_risk";

/// The name of the watched patients' log-risks, (epochs, patients).
pub(crate) const WATCHED: &str = "watched";

impl Run<'_> {
    /// Writes the checkpoint when it is due.
    pub(crate) fn save(&mut self, stopping: bool) -> Result<(), Error> {
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

pub(crate) fn find_checkpoint(
    job: &Job,
    data: &Data,
    half_precision: bool,
) -> Result<Checkpoint, Error> {
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

pub(crate) fn resume_optimizer(job: &Job, network: &Network, checkpoint: &Checkpoint) -> AdamW {
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

pub(crate) fn resume_bank(
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
    for (outcome, class) in data.causes.iter().zip(&data.classes) {
        hash.update(outcome.time_days.to_le_bytes());
        hash.update(outcome.cause.unwrap_or(0).to_le_bytes());
        hash.update(outcome.entry_days.unwrap_or(f64::NEG_INFINITY).to_le_bytes());
        hash.update(class.to_le_bytes());
    }
    hex(&hash.finalize())
}
