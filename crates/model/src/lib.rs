//! Fusion networks for survival: training, the model folder, prediction and evaluation.
//!
//! [`train`] fits the model of the settings and the baselines it is always compared with;
//! [`Model::save`] and [`Model::load`] are the model folder; [`Model::score`] is the one function
//! that turns patients into predictions; [`cross_validate`] and [`evaluate`] judge. [`Embedder`] runs
//! a network trained elsewhere on pieces of images.
//!
//! Every result is decided by the settings, the data and the seed: networks run on one thread each
//! and draw from generators of their own.

mod absolute;
mod card;
mod checkpoint;
mod competing;
mod config;
mod cross_validate;
mod device;
mod embedding;
mod ensemble;
mod error;
mod evaluate;
mod explain;
mod figures;
mod fit;
mod folder;
mod folds;
mod followed;
mod frame;
mod hazards;
mod held_out;
mod linear;
mod loss;
mod loss_scale;
mod metrics;
mod model;
mod network;
mod networks;
mod optimizer;
mod outputs;
mod part;
mod plan;
mod recipe;
mod reclassify;
mod reference;
mod resume;
mod ridges;
mod risk_bank;
mod risk_groups;
mod run;
mod scale;
mod schedule;
mod score;
mod search;
mod stack;
mod stacking;
mod statistics;
mod subtype;
mod table;
mod team;
mod tensorboard;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod train;
mod training_part;
mod worth;

pub use card::{AgeDescription, CohortDescription, CountLevel, CountTable, ModelCard, Shown};
pub use competing::{Competed, Competing, compete};
pub use config::{
    ClassWeight, CompetingHead, DeviceChoice, ElasticNetConfig, HeadsConfig, Missing, ModelKind,
    NetworkConfig, Norm, RiskSet, Schedule, StackConfig, StopOn, SubtypeHead, SurvivalHead,
    TrainConfig, TrainingConfig,
};
pub use cross_validate::{CvProgress, cross_validate};
pub use device::LOCAL_RANK;
pub use embedding::{Embedder, EmbeddingArchitecture, EmbeddingDevice, Pooling};
pub use error::Error;
pub use evaluate::evaluate;
pub use explain::{CrossCheck, Explanation, ExplanationLayout, OutputExplanation, cross_check};
pub use fit::{EpochRecord, EpochReport};
pub use folds::Folds;
pub use linear::{Coefficient, Linear, ModalityPenalty};
pub use metrics::MetricsWriter;
pub use model::{
    FUSION, MemberRecord, Model, NETWORK, NetworkPredictor, Predictor, TrainingRecord,
};
pub use network::{Architecture, ArchitectureKind, InputLayer};
pub use reference::{ColumnReference, ModalityReference, Reference};
pub use scale::RiskScale;
pub use score::Scorer;
pub use search::{
    List, Range, Scale, SearchConfig, SearchMethod, SearchResult, TrialRecord, Values, search,
};
pub use stack::{Member, Share, Stack, Without};
pub use statistics::{Activation, LayerStatistics};
pub use train::{Dataset, train, train_together};
