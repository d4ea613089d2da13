use oncoweave_core::{
    Extraction,
    preprocess::{ModalityColumns, Preprocessing},
};
use serde::{Deserialize, Serialize};

use crate::{
    Architecture, CohortDescription, Competing, DeviceChoice, EpochRecord, Linear, Reference,
    RiskScale, Stack, TrainConfig, network::Weights,
};

/// The name of the model that is trained; the others are its parts and what it is compared with.
pub const FUSION: &str = "fusion";

/// The network on all modalities, where another model is `fusion`.
pub const NETWORK: &str = "network";

/// A trained model with everything that scoring a patient takes.
///
/// It holds plain numbers alone, so that threads can share it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub(crate) name: String,
    pub(crate) config: TrainConfig,
    pub(crate) preprocessing: Preprocessing,
    pub(crate) predictor: Predictor,
    pub(crate) scale: RiskScale,
    pub(crate) training: TrainingRecord,
    /// The training patients in outline; empty in a model that is part of another.
    pub(crate) reference: Reference,
    /// How its patients' raw files became features, where known; a model that is part of another
    /// has none.
    pub(crate) extraction: Option<Extraction>,
    /// Models fitted on the same patients that this one is compared with. A stack has none: it is
    /// compared with its members.
    pub(crate) baselines: Vec<Model>,
    /// The events that compete with this model's, each with the model of its own hazard, fitted in
    /// the same way; empty in a model that is part of another.
    pub(crate) competing: Vec<Competing>,
}

/// What turns prepared columns into a log-risk.
#[derive(Clone, Debug, PartialEq)]
pub enum Predictor {
    /// A neural network.
    Network(NetworkPredictor),
    /// Penalized Cox regression.
    Linear(Linear),
    /// A weighted sum of other models.
    Stack(Stack),
}

/// A neural network as plain numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPredictor {
    /// Its shape.
    pub architecture: Architecture,
    pub(crate) weights: Weights,
    /// Where it is scored, where libtorch has the device.
    pub(crate) device: DeviceChoice,
}

/// How a model came to be: the content of `training.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// The version of the program that trained it.
    pub program_version: String,
    /// The cohort's id.
    pub cohort: String,
    /// SHA-256 of the aligned table.
    pub data_sha256: String,
    /// The start of all random numbers.
    pub seed: u64,
    /// Patients trained on, the validation part included.
    pub patients: usize,
    /// Events among them.
    pub events: usize,
    /// The first half of the SHA-256 of each patient's id, sorted: enough to know a patient again,
    /// so that nobody judges a model on patients that it has seen. Empty in a model that is part of
    /// another.
    pub patient_digests: Vec<String>,
    /// The networks that were trained and merged; empty where there is no network.
    pub members: Vec<MemberRecord>,
    /// What a reader must know, one sentence each.
    pub notes: Vec<String>,
    /// Who the patients are, for the model card; `None` in a model that is part of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<CohortDescription>,
}

/// How one network of the ensemble came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRecord {
    /// The start of its random numbers.
    pub seed: u64,
    /// Patients of the training part that early stopping watched.
    pub validation_patients: usize,
    /// The epoch whose weights were kept, from 1.
    pub best_epoch: usize,
    /// Every epoch as it ended.
    pub epochs: Vec<EpochRecord>,
}

impl Model {
    /// The model's name: `fusion`, or such as `ridge Cox, clinical alone`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The modalities that its risk depends on. A stack leaves out those that no member with a
    /// weight reads.
    #[must_use]
    pub fn modalities(&self) -> Vec<String> {
        let read = |modality: &&ModalityColumns| match &self.predictor {
            Predictor::Stack(stack) => stack.reads(&modality.name),
            Predictor::Network(_) | Predictor::Linear(_) => modality.width() > 0,
        };
        let names = self.preprocessing.modalities.iter().filter(read);
        names.map(|modality| modality.name.clone()).collect()
    }

    /// The classes in the order of their probabilities; empty without a subtype head.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        match &self.predictor {
            Predictor::Network(network) => &network.architecture.classes,
            Predictor::Linear(_) => &[],
            Predictor::Stack(stack) => stack.classifier().map_or(&[], Self::classes),
        }
    }

    /// The times that survival is reported at, in days.
    #[must_use]
    pub fn horizons_days(&self) -> &[f64] {
        &self.scale.horizons_days
    }

    /// The baseline hazard and the median training risk.
    #[must_use]
    pub fn scale(&self) -> &RiskScale {
        &self.scale
    }

    /// What turns prepared columns into a log-risk.
    #[must_use]
    pub fn predictor(&self) -> &Predictor {
        &self.predictor
    }

    /// The settings that it was trained with.
    #[must_use]
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The columns of every modality that it was trained on, how missing values are filled in and
    /// how they are scaled.
    #[must_use]
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// How it came to be.
    #[must_use]
    pub fn training(&self) -> &TrainingRecord {
        &self.training
    }

    /// How its patients' raw files became features, where that is known.
    #[must_use]
    pub fn extraction(&self) -> Option<&Extraction> {
        self.extraction.as_ref()
    }

    /// The model with how its patients' raw files became features.
    #[must_use]
    pub fn with_extraction(self, extraction: Option<Extraction>) -> Self {
        Self { extraction, ..self }
    }

    /// The models that it is always compared with, fitted on the same patients: a stack's members
    /// on all modalities or on one, or the baselines of any other model.
    #[must_use]
    pub fn compared_with(&self) -> Vec<&Self> {
        match &self.predictor {
            Predictor::Stack(stack) => stack.compared_with(self.preprocessing.modalities.len()),
            Predictor::Network(_) | Predictor::Linear(_) => self.baselines.iter().collect(),
        }
    }
}
