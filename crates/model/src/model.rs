use oncoweave_core::preprocess::Preprocessing;
use serde::{Deserialize, Serialize};

use crate::{Architecture, EpochRecord, RidgeModel, RiskScale, TrainConfig, network::Weights};

/// The name of the model that reads all modalities.
pub const FUSION: &str = "fusion";

/// A trained network with everything that scoring a patient takes.
///
/// It holds plain numbers alone, so that threads can share it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub(crate) name: String,
    pub(crate) config: TrainConfig,
    pub(crate) architecture: Architecture,
    pub(crate) weights: Weights,
    pub(crate) preprocessing: Preprocessing,
    pub(crate) scale: RiskScale,
    pub(crate) training: TrainingRecord,
    pub(crate) baselines: Baselines,
}

/// The models that a fusion model is always compared with, fitted on the same patients.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baselines {
    /// Ridge Cox on the same columns, then on those of each modality alone.
    pub ridge: Vec<RidgeModel>,
    /// The same network on each modality alone; empty for a model of one modality.
    pub networks: Vec<Model>,
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
    /// so that nobody judges a model on patients that it has seen.
    pub patient_digests: Vec<String>,
    /// The networks that were trained and merged.
    pub members: Vec<MemberRecord>,
    /// What a reader must know, one sentence each.
    pub notes: Vec<String>,
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
    /// The model's name: `fusion`, or such as `clinical alone`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The modalities that it reads.
    #[must_use]
    pub fn modalities(&self) -> Vec<String> {
        self.architecture.inputs.iter().map(|input| input.modality.clone()).collect()
    }

    /// The classes in the order of their probabilities; empty without a subtype head.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.architecture.classes
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

    /// The shape of the network.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The settings that it was trained with.
    #[must_use]
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The columns that it reads, how missing values are filled in and how they are scaled.
    #[must_use]
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// How it came to be.
    #[must_use]
    pub fn training(&self) -> &TrainingRecord {
        &self.training
    }

    /// The models that it is compared with.
    #[must_use]
    pub fn baselines(&self) -> &Baselines {
        &self.baselines
    }
}
