//! A network in training: its epochs and steps.

use std::{cell::RefCell, time::Instant};

use oncoweave_core::{Risk, concordance::harrell_c};
use rand::{SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom};
use tch::Tensor;

use crate::{
    EpochRecord, Error, LayerStatistics, StopOn,
    checkpoint::Checkpoint,
    device::training_device,
    fit::Job,
    network::{Inputs, Network, Trace, Training, from_tensor},
    optimizer::{AdamW, clip_by_norm},
    part::{Data, LossSettings, Part},
    resume::{WATCHED, find_checkpoint, resume_bank, resume_optimizer},
    risk_bank::RiskBank,
    schedule::learning_rate,
    statistics::{layer_statistics, why_diverged},
    team::{Pass, Shards, put_together},
};

/// A network in training.
pub(crate) struct Run<'a> {
    pub(crate) job: &'a Job<'a>,
    settings: LossSettings<'a>,
    train: Part<'a>,
    validation: Option<Part<'a>>,
    /// What the network reads of the training and the validation part where batches are cut.
    shards: Option<(Shards<'a>, Shards<'a>)>,
    pub(crate) network: Network,
    pub(crate) optimizer: AdamW,
    /// Every training patient's log-risk; with a Cox loss in batches alone.
    pub(crate) bank: Option<RiskBank>,
    /// The log-risks of the rows that the job names for validation after each epoch.
    pub(crate) watched: Vec<Vec<f32>>,
    /// The flat gradient.
    gradients: Tensor,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) saved: Instant,
}

/// The sums of an epoch.
#[derive(Default)]
struct Sums {
    loss: f64,
    /// Steps whose loss is known.
    losses: u32,
    norm: f64,
    /// Steps that were taken.
    steps: u32,
    layers: Vec<LayerStatistics>,
}

/// The loss and C of some patients, and their log-risks.
type Judged = (Option<f64>, Option<f64>, Vec<f32>);

impl<'a> Run<'a> {
    pub(crate) fn start(
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
    pub(crate) fn epoch(&mut self) -> Result<(f64, Vec<LayerStatistics>), Error> {
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
        let losses = f64::from(sums.losses.max(1));
        self.checkpoint.state.history.push(EpochRecord {
            epoch,
            train_loss: sums.loss / losses,
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
        // In half precision a step may not be taken for its gradient, whose loss is known all the same.
        if loss.value.is_finite() {
            sums.loss += loss.value;
            sums.losses += 1;
        }
        if self.checkpoint.state.loss_scale.takes(finite) {
            if !finite {
                return Ok(Some(loss.value));
            }
            self.optimizer.step(&self.network.flat, &self.gradients);
            sums.norm += norm;
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
}

/// Fills a flat gradient.
fn backward(network: &Network, loss: &Tensor, flat: &Tensor) {
    let gradients = Tensor::run_backward(&[loss], &network.parameters(), false, false);
    let _guard = tch::no_grad_guard();
    for (slot, gradient) in network.slots().iter().zip(gradients) {
        slot.of(flat).copy_(&gradient);
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn record((loss, c_index): (Option<f64>, Option<f64>)) -> EpochRecord {
        EpochRecord {
            epoch: 1,
            train_loss: 1.0,
            validation_loss: loss,
            validation_c_index: c_index,
            gradient_norm: 1.0,
        }
    }

    #[test]
    fn an_epoch_is_better_by_the_figure_that_is_asked_for() {
        let best = (Some(1.0), Some(0.6));
        for (case, now, best, by_loss, by_c_index) in [
            ("higher C, higher loss", (Some(2.0), Some(0.7)), best, false, true),
            ("lower C, lower loss", (Some(0.5), Some(0.5)), best, true, false),
            ("equal C, lower loss", (Some(0.5), Some(0.6)), best, true, true),
            ("equal C, higher loss", (Some(2.0), Some(0.6)), best, false, false),
            ("the same", best, best, false, false),
            ("no C now, lower loss", (Some(0.5), None), best, true, true),
            ("no C now, higher loss", (Some(2.0), None), best, false, false),
            ("no C before, higher loss", (Some(2.0), Some(0.9)), (Some(1.0), None), false, false),
            ("C without a loss", (None, Some(0.5)), (None, Some(0.6)), true, false),
            ("no validation part", (None, None), (None, None), true, true),
        ] {
            let (now, best) = (record(now), record(best));
            assert_eq!(is_better(StopOn::Loss, &now, &best), by_loss, "{case}");
            assert_eq!(is_better(StopOn::CIndex, &now, &best), by_c_index, "{case}");
        }
    }
}
