//! Fusion networks for survival: training, the model folder, prediction and evaluation.
//!
//! [`train`] fits the early-fusion network and the baselines it is always compared with;
//! [`Model::save`] and [`Model::load`] are the model folder; [`Model::score`] is the one function
//! that turns patients into predictions; [`cross_validate`] and [`evaluate`] judge.
//!
//! Every result is decided by the settings, the data and the seed: networks run on one thread each
//! and draw from generators of their own.

mod absolute;
mod card;
mod checkpoint;
mod config;
mod dropout;
mod ensemble;
mod error;
mod evaluate;
mod fit;
mod folder;
mod folds;
mod held_out;
mod linear;
mod loss;
mod model;
mod network;
mod optimizer;
mod plan;
mod recipe;
mod ridges;
mod scale;
mod score;
mod stack;
mod stacking;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod train;
mod training_part;
mod worth;

pub use config::{
    HeadsConfig, ModelKind, NetworkConfig, StackConfig, SubtypeHead, TrainConfig, TrainingConfig,
};
pub use error::Error;
pub use evaluate::{CvProgress, cross_validate, evaluate};
pub use fit::{EpochRecord, EpochReport};
pub use folds::Folds;
pub use linear::{Coefficient, Linear, ModalityPenalty};
pub use model::{
    FUSION, MemberRecord, Model, NETWORK, NetworkPredictor, Predictor, TrainingRecord,
};
pub use network::{Architecture, ArchitectureKind, InputLayer};
pub use scale::RiskScale;
pub use stack::{Member, Share, Stack, Without};
pub use train::{Dataset, train};
