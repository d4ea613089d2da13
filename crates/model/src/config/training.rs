use serde::{Deserialize, Serialize};

use super::check;
use crate::Error;

/// `[training]`: how the network is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// Networks trained from seeds of their own whose outputs are averaged.
    pub ensemble: usize,
    /// The step of `AdamW`.
    pub learning_rate: f64,
    /// How the step changes over epochs.
    pub schedule: Schedule,
    /// First epochs with a rising step.
    pub warmup_epochs: usize,
    /// The lowest step as a share of `learning_rate`.
    pub lowest_rate: f64,
    /// Plateau: epochs without a better loss before the step is cut.
    pub plateau_epochs: usize,
    /// Plateau: what the step is multiplied with.
    pub plateau_factor: f64,
    /// Decoupled decay of the weights; biases do not decay.
    pub weight_decay: f64,
    /// Passes over the training part at most.
    pub epochs: usize,
    /// Patients in a step; 0 is the whole training part.
    pub batch_size: usize,
    /// Share of the training part that early stopping watches; 0 trains all epochs.
    pub validation_fraction: f64,
    /// Epochs without a better validation figure before stopping.
    pub patience: usize,
    /// The figure that early stopping watches.
    pub stop_on: StopOn,
    /// The longest gradient; a longer one is scaled down to it.
    pub clip_norm: f64,
    /// Networks trained at the same time; 0 is one a processor. Never changes a result.
    pub threads: usize,
    /// Parts that every batch is cut into, whose gradients are added in order. Processes share them
    /// out, and a run in fewer of them gives the same model to the bit; another number of parts may
    /// round differently.
    pub shards: usize,
    /// Threads of libtorch for each network; another number may round differently.
    pub network_threads: usize,
    /// Where networks are trained and scored.
    pub device: DeviceChoice,
    /// Half precision with loss scaling, on a CUDA device alone.
    pub mixed_precision: bool,
}

/// How the step of the optimizer changes over epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Not at all after the warm-up.
    #[default]
    Constant,
    /// Along half a cosine. Loshchilov and Hutter, 2017, <https://arxiv.org/abs/1608.03983>.
    Cosine,
    /// Cut whenever the validation loss (without a validation part the training loss) stops falling.
    Plateau,
}

/// The figure on the validation part that early stopping watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopOn {
    /// The loss; lower is better.
    #[default]
    Loss,
    /// Harrell's C; higher is better, and of equal ones the lower loss.
    CIndex,
}

/// Where networks are trained and scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// A CUDA device where libtorch finds one, else the processor. Of several it is the first, or
    /// that of the process's place on its machine, see [`crate::LOCAL_RANK`].
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A CUDA device; training fails where there is none, scoring takes the processor.
    Cuda,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            ensemble: 4,
            learning_rate: 0.0003,
            schedule: Schedule::Constant,
            warmup_epochs: 0,
            lowest_rate: 0.01,
            plateau_epochs: 10,
            plateau_factor: 0.5,
            weight_decay: 0.01,
            epochs: 1500,
            batch_size: 0,
            validation_fraction: 0.2,
            patience: 40,
            stop_on: StopOn::Loss,
            clip_norm: 5.0,
            threads: 0,
            shards: 1,
            network_threads: 1,
            device: DeviceChoice::Auto,
            mixed_precision: false,
        }
    }
}

impl TrainingConfig {
    pub(super) fn validate(&self) -> Result<(), Error> {
        let members = self.ensemble;
        check("training.ensemble", "1 to 64", members, (1..=64).contains(&members))?;
        let rate = self.learning_rate;
        check("training.learning_rate", "above 0, at most 1", rate, rate > 0.0 && rate <= 1.0)?;
        let decay = self.weight_decay;
        check("training.weight_decay", "0 to 100", decay, (0.0..=100.0).contains(&decay))?;
        let epochs = self.epochs;
        check("training.epochs", "1 to 1000000", epochs, (1..=1_000_000).contains(&epochs))?;
        let batch = self.batch_size;
        check("training.batch_size", "0 (all) or at least 2", batch, batch != 1)?;
        let fraction = self.validation_fraction;
        let in_range = (0.0..=0.5).contains(&fraction);
        check("training.validation_fraction", "0 to 0.5", fraction, in_range)?;
        check("training.patience", "at least 1", self.patience, self.patience >= 1)?;
        let norm = self.clip_norm;
        check("training.clip_norm", "above 0", norm, norm > 0.0 && norm.is_finite())?;
        check("training.threads", "0 to 1024", self.threads, self.threads <= 1024)?;
        let threads = self.network_threads;
        check("training.network_threads", "1 to 1024", threads, (1..=1024).contains(&threads))?;
        check("training.shards", "1 to 1024", self.shards, (1..=1024).contains(&self.shards))?;
        self.validate_schedule()
    }

    fn validate_schedule(&self) -> Result<(), Error> {
        let warmup = self.warmup_epochs;
        check("training.warmup_epochs", "0 to 1000000", warmup, warmup <= 1_000_000)?;
        let lowest = self.lowest_rate;
        check("training.lowest_rate", "0 to 1", lowest, (0.0..=1.0).contains(&lowest))?;
        let epochs = self.plateau_epochs;
        check("training.plateau_epochs", "at least 1", epochs, epochs >= 1)?;
        let factor = self.plateau_factor;
        let good = factor > 0.0 && factor < 1.0;
        check("training.plateau_factor", "above 0, below 1", factor, good)
    }
}
