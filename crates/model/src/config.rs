use std::{fmt::Display, path::Path};

use serde::{Deserialize, Serialize};

use crate::Error;

/// The settings of `train.toml`. Every one has a default, so an empty file is a valid one.
///
/// | Name | Default | Purpose | Range |
/// | --- | --- | --- | --- |
/// | `seed` | 7 | start of all random numbers: weights, dropout, batches, validation part | 0 .. 2^63 - 1 |
/// | `model` | `"stack"` | what to train: `"stack"`, the networks and penalized Cox models that do best together, see [`crate::Stack`]; `"network"`, the network of the settings; `"ridge_cox"`, ridge Cox on the same columns | |
/// | `modalities` | all of the cohort | which modalities the fusion model reads | names of the cohort |
/// | `horizons_days` | three times near the quartiles of event times | times that survival is reported at | rising, above 0 |
/// | `stack.folds` | 5 | folds inside the training part whose out-of-fold risks decide the weights, and networks in each ensemble of a stack; fewer where there are few events | 3 .. 20 |
/// | `network.width` | 128 | units of each modality's first layer | 1 .. 65536 |
/// | `network.fused_width` | 128 | units of the layer over all modalities | 1 .. 65536 |
/// | `network.dropout` | 0.3 | share of the fused layer's units dropped in training | 0 .. below 1 |
/// | `network.input_dropout` | 0 | share of the inputs dropped in training | 0 .. below 1 |
/// | `heads.subtype` | `"auto"` | `"auto"`: a class head where the training part has 2 to 20 classes; `"on"`; `"off"` | |
/// | `heads.subtype_weight` | 0.3 | weight of the class loss beside the survival loss | 0 .. 1000 |
/// | `training.ensemble` | 4 | with `model = "network"`: networks trained from seeds of their own, each with its own validation part, and merged into one of that many times the width that gives their mean | 1 .. 64 |
/// | `training.learning_rate` | 0.0003 | step of AdamW | above 0 .. 1 |
/// | `training.weight_decay` | 0.01 | decoupled decay of weights, biases left out | 0 .. 100 |
/// | `training.epochs` | 1500 | passes over the training part at most | 1 .. 1000000 |
/// | `training.batch_size` | 0 | patients in a step; 0 is the whole training part, which Cox losses like best | 0 or 2 and more |
/// | `training.validation_fraction` | 0.2 | with `model = "network"`: share of the training part that early stopping watches; 0 trains all epochs | 0 .. 0.5 |
/// | `training.patience` | 40 | epochs without a better validation loss before stopping | 1 and more |
/// | `training.clip_norm` | 5 | longest gradient | above 0 |
/// | `training.threads` | 0 | networks trained at the same time in cross-validation; 0 is one a processor. Never changes a result | 0 .. 1024 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The start of all random numbers.
    pub seed: u64,
    /// What to train.
    pub model: ModelKind,
    /// The modalities that the fusion model reads; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modalities: Option<Vec<String>>,
    /// The times that survival is reported at, in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizons_days: Option<Vec<f64>>,
    /// How models are weighted.
    pub stack: StackConfig,
    /// The shape of the network.
    pub network: NetworkConfig,
    /// What the network predicts beside survival.
    pub heads: HeadsConfig,
    /// How it is fitted.
    pub training: TrainingConfig,
}

/// Which model is trained; others stand beside it for comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Networks and penalized Cox models, on all modalities and on parts of them, weighted by
    /// their out-of-fold risks.
    #[default]
    Stack,
    /// The network of the settings.
    Network,
    /// Ridge Cox with its penalty chosen inside the training part.
    RidgeCox,
}

/// `[stack]`: how the models of a stack are weighted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StackConfig {
    /// Folds inside the training part.
    pub folds: usize,
}

/// `[network]`: the shape of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Units of each modality's first layer.
    pub width: usize,
    /// Units of the layer over all modalities.
    pub fused_width: usize,
    /// Share of the fused layer's units dropped in training.
    pub dropout: f64,
    /// Share of the inputs dropped in training.
    pub input_dropout: f64,
}

/// `[heads]`: what the network predicts beside survival.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeadsConfig {
    /// Whether the network tells subtypes apart.
    pub subtype: SubtypeHead,
    /// The weight of the class loss beside the survival loss.
    pub subtype_weight: f64,
}

/// Whether the network has a head for the subtype.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubtypeHead {
    /// Where the training part has 2 to 20 classes.
    #[default]
    Auto,
    /// Always; training fails where there are not two classes.
    On,
    /// Never.
    Off,
}

/// `[training]`: how the network is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// Networks trained from seeds of their own and merged into one that gives their mean.
    pub ensemble: usize,
    /// The step of `AdamW`.
    pub learning_rate: f64,
    /// Decoupled decay of the weights; biases do not decay.
    pub weight_decay: f64,
    /// Passes over the training part at most.
    pub epochs: usize,
    /// Patients in a step; 0 is the whole training part.
    pub batch_size: usize,
    /// Share of the training part that early stopping watches; 0 trains all epochs.
    pub validation_fraction: f64,
    /// Epochs without a better validation loss before stopping.
    pub patience: usize,
    /// The longest gradient; a longer one is scaled down to it.
    pub clip_norm: f64,
    /// Networks trained at the same time; 0 is one a processor. Never changes a result.
    pub threads: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: 7,
            model: ModelKind::default(),
            modalities: None,
            horizons_days: None,
            stack: StackConfig::default(),
            network: NetworkConfig::default(),
            heads: HeadsConfig::default(),
            training: TrainingConfig::default(),
        }
    }
}

impl Default for StackConfig {
    fn default() -> Self {
        Self { folds: 5 }
    }
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self { width: 128, fused_width: 128, dropout: 0.3, input_dropout: 0.0 }
    }
}

impl Default for HeadsConfig {
    fn default() -> Self {
        Self { subtype: SubtypeHead::Auto, subtype_weight: 0.3 }
    }
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            ensemble: 4,
            learning_rate: 0.0003,
            weight_decay: 0.01,
            epochs: 1500,
            batch_size: 0,
            validation_fraction: 0.2,
            patience: 40,
            clip_norm: 5.0,
            threads: 0,
        }
    }
}

impl TrainConfig {
    /// Reads and checks `train.toml`.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, has an unknown setting, or one out of its range.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs_err::read_to_string(path)?;
        let config: Self = toml::from_str(&text).map_err(|source| Error::ConfigSyntax {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        config.validate().map_err(|source| Error::ConfigRange {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        Ok(config)
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// For the first setting that is out of its range.
    pub fn validate(&self) -> Result<(), Error> {
        let network = &self.network;
        let training = &self.training;
        let width = 1..=65_536;
        let share = |value: f64| (0.0..1.0).contains(&value);
        check("seed", "at most 2^63 - 1", self.seed, self.seed <= i64::MAX.unsigned_abs())?;
        let folds = self.stack.folds;
        check("stack.folds", "3 to 20", folds, (3..=20).contains(&folds))?;
        check("network.width", "1 to 65536", network.width, width.contains(&network.width))?;
        let fused = network.fused_width;
        check("network.fused_width", "1 to 65536", fused, width.contains(&fused))?;
        let share_range = "at least 0 and below 1";
        check("network.dropout", share_range, network.dropout, share(network.dropout))?;
        let input = network.input_dropout;
        check("network.input_dropout", share_range, input, share(input))?;
        let weight = self.heads.subtype_weight;
        check("heads.subtype_weight", "0 to 1000", weight, (0.0..=1000.0).contains(&weight))?;
        let members = training.ensemble;
        check("training.ensemble", "1 to 64", members, (1..=64).contains(&members))?;
        let rate = training.learning_rate;
        check("training.learning_rate", "above 0, at most 1", rate, rate > 0.0 && rate <= 1.0)?;
        let decay = training.weight_decay;
        check("training.weight_decay", "0 to 100", decay, (0.0..=100.0).contains(&decay))?;
        let epochs = training.epochs;
        check("training.epochs", "1 to 1000000", epochs, (1..=1_000_000).contains(&epochs))?;
        let batch = training.batch_size;
        check("training.batch_size", "0 (all) or at least 2", batch, batch != 1)?;
        let fraction = training.validation_fraction;
        let in_range = (0.0..=0.5).contains(&fraction);
        check("training.validation_fraction", "0 to 0.5", fraction, in_range)?;
        check("training.patience", "at least 1", training.patience, training.patience >= 1)?;
        let norm = training.clip_norm;
        check("training.clip_norm", "above 0", norm, norm > 0.0 && norm.is_finite())?;
        check("training.threads", "0 to 1024", training.threads, training.threads <= 1024)?;
        self.validate_lists()
    }

    fn validate_lists(&self) -> Result<(), Error> {
        if let Some(names) = &self.modalities {
            let distinct = names.iter().enumerate().all(|(i, name)| !names[..i].contains(name));
            let good = !names.is_empty() && distinct;
            check("modalities", "a list of distinct names, or absent for all", fmt(names), good)?;
        }
        if let Some(days) = &self.horizons_days {
            let positive = days.iter().all(|&day| day > 0.0 && day.is_finite());
            let good = !days.is_empty() && positive && days.is_sorted_by(|a, b| a < b);
            check("horizons_days", "rising numbers of days above 0", fmt(days), good)?;
        }
        Ok(())
    }
}

fn fmt(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

fn check(
    setting: &'static str,
    expected: &'static str,
    found: impl Display,
    good: bool,
) -> Result<(), Error> {
    if good { Ok(()) } else { Err(Error::Setting { setting, expected, found: found.to_string() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> TrainConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn an_empty_file_gives_the_defaults_and_they_are_valid() {
        let config = parse("");
        assert_eq!(config, TrainConfig::default());
        config.validate().unwrap();
    }

    #[test]
    fn what_is_written_is_read_again() {
        let config = parse("modalities = ['a']\nhorizons_days = [365.0]\n[heads]\nsubtype = 'off'");
        assert_eq!(parse(&toml::to_string(&config).unwrap()), config);
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        for (text, setting) in [
            ("[stack]\nfolds = 2", "stack.folds"),
            ("[network]\nwidth = 0", "network.width"),
            ("[network]\nfused_width = 0", "network.fused_width"),
            ("[network]\ndropout = 1.0", "network.dropout"),
            ("[network]\ninput_dropout = -0.1", "network.input_dropout"),
            ("[heads]\nsubtype_weight = nan", "heads.subtype_weight"),
            ("[training]\nensemble = 0", "training.ensemble"),
            ("[training]\nlearning_rate = 0", "training.learning_rate"),
            ("[training]\nweight_decay = -1", "training.weight_decay"),
            ("[training]\nepochs = 0", "training.epochs"),
            ("[training]\nbatch_size = 1", "training.batch_size"),
            ("[training]\nvalidation_fraction = 0.9", "training.validation_fraction"),
            ("[training]\npatience = 0", "training.patience"),
            ("[training]\nclip_norm = inf", "training.clip_norm"),
            ("[training]\nthreads = 5000", "training.threads"),
            ("modalities = []", "modalities"),
            ("modalities = ['ct', 'ct']", "modalities"),
            ("horizons_days = [700, 365]", "horizons_days"),
            ("horizons_days = [0]", "horizons_days"),
        ] {
            let error = parse(text).validate().unwrap_err().to_string();
            assert!(error.starts_with(&format!("setting `{setting}` must be ")), "{error}");
        }
    }

    #[test]
    fn an_unknown_setting_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.toml");
        fs_err::write(&path, "[training]\nlerning_rate = 0.1\n").unwrap();
        let error = TrainConfig::read(&path).unwrap_err();
        assert!(error.to_string().contains("train.toml"));
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("lerning_rate") && source.contains("line 2"), "{source}");
    }
}
