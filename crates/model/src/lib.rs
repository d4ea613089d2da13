//! Fusion networks for survival: training, the model folder, prediction and evaluation.
//!
//! [`train`] fits the early-fusion network and the baselines it is always compared with;
//! [`Model::save`] and [`Model::load`] are the model folder; [`Model::score`] is the one function
//! that turns patients into predictions; [`cross_validate`] and [`evaluate`] judge. [`Embedder`] runs
//! a network trained elsewhere on pieces of images.
//!
//! Every result is decided by the settings, the data and the seed: networks run on one thread each
//! and draw from generators of their own.

mod card;
mod checkpoint;
mod config;
mod dropout;
mod embedding;
mod ensemble;
mod error;
mod evaluate;
mod fit;
mod folder;
mod folds;
mod held_out;
mod loss;
mod model;
mod network;
mod optimizer;
mod ridge;
mod scale;
mod score;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod train;

pub use config::{HeadsConfig, NetworkConfig, SubtypeHead, TrainConfig, TrainingConfig};
pub use embedding::{Embedder, EmbeddingArchitecture, EmbeddingDevice, Pooling};
pub use error::Error;
pub use evaluate::{CvProgress, cross_validate, evaluate};
pub use fit::{EpochRecord, EpochReport};
pub use folds::Folds;
pub use model::{Baselines, FUSION, MemberRecord, Model, TrainingRecord};
pub use network::{Architecture, ArchitectureKind, InputLayer};
pub use ridge::{Coefficient, RidgeModel};
pub use scale::RiskScale;
pub use train::{Dataset, train};
