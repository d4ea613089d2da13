mod heads;
mod network;
mod training;

use std::{fmt::Display, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Error;
pub use heads::{ClassWeight, CompetingHead, HeadsConfig, RiskSet, SubtypeHead, SurvivalHead};
pub use network::{Missing, NetworkConfig, Norm};
pub use training::{DeviceChoice, Schedule, StopOn, TrainingConfig};

/// The settings of `train.toml`. Every one has a default, so an empty file is a valid one.
///
/// | Name | Default | Purpose | Range |
/// | --- | --- | --- | --- |
/// | `seed` | 7 | start of all random numbers: weights, dropout, batches, validation part | 0 .. 2^63 - 1 |
/// | `model` | `"stack"` | what to train: `"stack"`, the networks and penalized Cox models that do best together, see [`crate::Stack`]; `"network"`, the network of the settings; `"ridge_cox"`, ridge Cox on the same columns; `"elastic_net_cox"`, elastic-net Cox on them, which leaves most of many columns without a coefficient | |
/// | `modalities` | all of the cohort | which modalities the fusion model reads | names of the cohort |
/// | `horizons_days` | three times near the quartiles of event times | times that survival is reported at | rising, above 0 |
/// | `stack.folds` | 5 | folds inside the training part whose out-of-fold risks decide the weights, and networks in each ensemble of a stack; fewer where there are few events | 3 .. 20 |
/// | `stack.seeds` | 1 | networks for each inner fold, from seeds of their own | 1 .. 20 |
/// | `stack.lasso` | 0.5 | penalty on the weights, in standard errors of a weight that means nothing: the higher, the more models have weight 0 | 0 .. 1000 |
/// | `stack.ridge` | 3 | penalty on the squares of the weights, as a share of what the events say: the higher, the more evenly models share the weight | 0 .. 1000 |
/// | `stack.harm` | 1.5 | the stack gives way to itself without a modality, or to one model, that does better out of fold by so many standard errors; below 0 a modality must prove its worth by as many | -10 .. 10 |
/// | `stack.by_site` | false | the inner folds keep each site whole, so that weights are chosen for patients of sites that were not seen; `cv --by-site` always has it | |
/// | `stack.elastic_net` | false | whether elastic-net Cox on all modalities, and alone on each, is among the models that are weighted; never above 32 million numbers | |
/// | `elastic_net.l1_ratio` | 0.9 | share of the lasso in the penalty of elastic-net Cox: 1 keeps one of several columns that say the same, less of it lets them share a coefficient | 0.1 .. 1 |
/// | `network.kind` | `"early_fusion"` | how modalities come together: `"early_fusion"` (the reference design), `"late_fusion"`, `"gated"`, `"low_rank_bilinear"`, `"attention"` | |
/// | `network.width` | 128 | units of each modality's first layer | 1 .. 65536 |
/// | `network.fused_width` | 128 | units of the layer over all modalities | 1 .. 65536 |
/// | `network.dropout` | 0.3 | share of the units before the output layer dropped in training | 0 .. below 1 |
/// | `network.input_dropout` | 0 | share of the inputs dropped in training | 0 .. below 1 |
/// | `network.encoder_dropout` | 0 | share of each modality's units (attention: of each sublayer's too) dropped in training | 0 .. below 1 |
/// | `network.norm` | `"none"` | normalization in each modality's encoder: `"none"`, `"layer"`, `"batch"` | |
/// | `network.bottleneck` | 0 | units of a layer before the encoder of a wide modality; 0 is none | 0 .. 65536 |
/// | `network.wide_columns` | 256 | more columns than this make a modality wide | |
/// | `network.missing` | `"auto"` | what stands for a modality that a patient lacks: `"zeros"`, its columns at the training mean; `"mask"`, the modality is left out of sums, averages and attention; `"token"`, a learned vector; `"auto"`: zeros for early fusion, else token | |
/// | `network.modality_dropout` | 0 | share of patients that each modality is hidden from in a training step, never a patient's last one; takes `"mask"` or `"token"` | 0 .. below 1 |
/// | `network.learned_weights` | false | late fusion: the modalities' weights are learned instead of equal | |
/// | `network.rank` | 4 | low-rank bilinear fusion: its rank | 1 .. 1024 |
/// | `network.attention_heads` | 4 | attention: its heads; `network.width` must be a multiple | 1 .. 256 |
/// | `network.attention_layers` | 2 | attention: its layers | 1 .. 64 |
/// | `heads.survival` | `"cox"` | `"cox"`: a log-risk with Efron's partial likelihood; `"discrete_time"`: a hazard for each interval, whose S(t) is the network's own and whose risk is the log of the cumulative hazard at the last cut point | |
/// | `heads.intervals` | 10 | discrete time: intervals, cut at quantiles of the training part's event times | 1 .. 1000 |
/// | `heads.competing` | `"separate"` | discrete time beside competing events: `"separate"`: each event has a network of its own, for which the others are censored; `"joint"`: one network gives the hazards of all events, which takes `model = "network"` | |
/// | `heads.risk_set` | `"training"` | Cox in batches: a patient is compared with the whole training part, the others' risks as they were last seen; `"batch"`: with the batch alone | |
/// | `heads.event_weight` | 1 | weight of patients with an event in the likelihood; with discrete time it raises the hazards, so that S(t) is too low above 1 | above 0 .. 1000 |
/// | `heads.class_weight` | `"none"` | weight of the classes in their loss: `"none"`, `"balanced"`: by the inverse of their frequency | |
/// | `heads.subtype` | `"auto"` | `"auto"`: a class head where the training part has 2 to 20 classes; `"on"`; `"off"` | |
/// | `heads.subtype_weight` | 0.3 | weight of the class loss beside the survival loss | 0 .. 1000 |
/// | `training.ensemble` | 4 | with `model = "network"`: networks trained from seeds of their own, each with its own validation part, and merged into one of that many times the width that gives their mean | 1 .. 64 |
/// | `training.learning_rate` | 0.0003 | step of AdamW | above 0 .. 1 |
/// | `training.schedule` | `"constant"` | how the step changes over epochs: `"constant"`; `"cosine"`, along half a cosine to the lowest at `epochs`; `"plateau"`, cut where the validation loss stops falling | |
/// | `training.warmup_epochs` | 0 | first epochs with a rising step | 0 .. 1000000 |
/// | `training.lowest_rate` | 0.01 | the lowest step as a share of `learning_rate` | 0 .. 1 |
/// | `training.plateau_epochs` | 10 | plateau: epochs without a better loss before the step is cut | 1 and more |
/// | `training.plateau_factor` | 0.5 | plateau: what the step is multiplied with | above 0, below 1 |
/// | `training.weight_decay` | 0.01 | decoupled decay of weights, biases left out | 0 .. 100 |
/// | `training.epochs` | 1500 | passes over the training part at most | 1 .. 1000000 |
/// | `training.batch_size` | 0 | patients in a step; 0 is the whole training part, which Cox losses like best | 0 or 2 and more |
/// | `training.validation_fraction` | 0.2 | with `model = "network"`: share of the training part that early stopping watches; 0 trains all epochs | 0 .. 0.5 |
/// | `training.patience` | 40 | epochs without a better validation figure before stopping | 1 and more |
/// | `training.stop_on` | `"loss"` | the figure that early stopping watches on the validation part: `"loss"`, `"c_index"` | |
/// | `training.clip_norm` | 5 | longest gradient | above 0 |
/// | `training.threads` | 0 | networks trained at the same time in cross-validation; 0 is one a processor. Never changes a result | 0 .. 1024 |
/// | `training.network_threads` | 1 | threads of libtorch for each network; another number may round differently | 1 .. 1024 |
/// | `training.shards` | 1 | parts that every batch is cut into, which processes share out; with 1 as many as there are processes | 1 .. 1024, a multiple of the number of processes |
/// | `training.device` | `"auto"` | `"auto"`: a CUDA device where there is one; `"cpu"`; `"cuda"` | |
/// | `training.mixed_precision` | false | half precision with loss scaling, on a CUDA device alone | |
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
    /// The penalty of elastic-net Cox.
    pub elastic_net: ElasticNetConfig,
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
    /// Elastic-net Cox with its penalty chosen inside the training part.
    ElasticNetCox,
}

/// `[stack]`: how the models of a stack are weighted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StackConfig {
    /// Folds inside the training part.
    pub folds: usize,
    /// Networks for each of them.
    pub seeds: usize,
    /// The lasso penalty in standard errors of a weight when no member says anything: members that
    /// add less than chance would have weight 0.
    pub lasso: f64,
    /// The ridge penalty as a share of what the events say of a weight: members that are alike
    /// share the weight.
    pub ridge: f64,
    /// How much better a model, or the stack without a modality, must do out of fold to take the
    /// stack's place, in standard errors of the difference in C.
    pub harm: f64,
    /// Whether elastic-net Cox is among the members.
    pub elastic_net: bool,
    /// Whether the inner folds keep each site whole.
    pub by_site: bool,
}

/// `[elastic_net]`: the penalty of elastic-net Cox. How large it is, is chosen inside the training
/// part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ElasticNetConfig {
    /// The share of the lasso.
    pub l1_ratio: f64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: 7,
            model: ModelKind::default(),
            modalities: None,
            horizons_days: None,
            stack: StackConfig::default(),
            elastic_net: ElasticNetConfig::default(),
            network: NetworkConfig::default(),
            heads: HeadsConfig::default(),
            training: TrainingConfig::default(),
        }
    }
}

impl Default for StackConfig {
    fn default() -> Self {
        Self {
            folds: 5,
            seeds: 1,
            lasso: 0.5,
            ridge: 3.0,
            harm: 1.5,
            elastic_net: false,
            by_site: false,
        }
    }
}

impl Default for ElasticNetConfig {
    /// A tenth of ridge: columns of images and of genes come in groups that say nearly the same, of
    /// which the lasso alone keeps any one, another in each fold.
    fn default() -> Self {
        Self { l1_ratio: 0.9 }
    }
}

impl TrainConfig {
    /// Reads and checks `train.toml`.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, has an unknown setting, or one out of its range.
    pub fn read(path: &Path) -> Result<Self, Error> {
        read_checked(path, Self::validate)
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// For the first setting that is out of its range.
    pub fn validate(&self) -> Result<(), Error> {
        check("seed", "at most 2^63 - 1", self.seed, self.seed <= i64::MAX.unsigned_abs())?;
        let folds = self.stack.folds;
        check("stack.folds", "3 to 20", folds, (3..=20).contains(&folds))?;
        let seeds = self.stack.seeds;
        check("stack.seeds", "1 to 20", seeds, (1..=20).contains(&seeds))?;
        for (setting, value) in
            [("stack.lasso", self.stack.lasso), ("stack.ridge", self.stack.ridge)]
        {
            check(setting, "0 to 1000", value, (0.0..=1000.0).contains(&value))?;
        }
        let harm = self.stack.harm;
        check("stack.harm", "-10 to 10", harm, (-10.0..=10.0).contains(&harm))?;
        let l1_ratio = self.elastic_net.l1_ratio;
        let good = (0.1..=1.0).contains(&l1_ratio);
        check("elastic_net.l1_ratio", "0.1 to 1; ridge Cox is 0", l1_ratio, good)?;
        self.network.validate()?;
        let whole = self.training.shards == 1 || self.network.norm != Norm::Batch;
        let expected = "1 with `network.norm = \"batch\"`, which looks at a whole batch at once";
        check("training.shards", expected, self.training.shards, whole)?;
        self.heads.validate()?;
        let joint = self.heads.competing == CompetingHead::Joint;
        let hazards =
            self.model == ModelKind::Network && self.heads.survival == SurvivalHead::DiscreteTime;
        let expected = "\"separate\" but with `model = \"network\"` and `heads.survival = \
            \"discrete_time\"`, where a network gives hazards itself";
        check("heads.competing", expected, "joint", !joint || hazards)?;
        self.training.validate()?;
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

/// Reads settings from a TOML file and checks them.
pub(crate) fn read_checked<T: DeserializeOwned>(
    path: &Path,
    validate: impl Fn(&T) -> Result<(), Error>,
) -> Result<T, Error> {
    let text = fs_err::read_to_string(path)?;
    let settings: T = toml::from_str(&text).map_err(|source| Error::ConfigSyntax {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    validate(&settings)
        .map_err(|source| Error::ConfigRange { path: path.to_owned(), source: Box::new(source) })?;
    Ok(settings)
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
            ("[stack]\nseeds = 0", "stack.seeds"),
            ("[stack]\nlasso = -1", "stack.lasso"),
            ("[stack]\nridge = nan", "stack.ridge"),
            ("[stack]\nharm = 11", "stack.harm"),
            ("[elastic_net]\nl1_ratio = 0", "elastic_net.l1_ratio"),
            ("[network]\nwidth = 0", "network.width"),
            ("[network]\nfused_width = 0", "network.fused_width"),
            ("[network]\ndropout = 1.0", "network.dropout"),
            ("[network]\ninput_dropout = -0.1", "network.input_dropout"),
            ("[network]\nencoder_dropout = 1.0", "network.encoder_dropout"),
            ("[network]\nbottleneck = 100000", "network.bottleneck"),
            ("[network]\nmodality_dropout = 0.2", "network.modality_dropout"),
            ("[network]\nkind = 'gated'\nmodality_dropout = 1.0", "network.modality_dropout"),
            ("[network]\nrank = 0", "network.rank"),
            ("[network]\nattention_heads = 0", "network.attention_heads"),
            ("[network]\nkind = 'attention'\nattention_heads = 3", "network.attention_heads"),
            ("[network]\nattention_layers = 0", "network.attention_layers"),
            ("[heads]\nintervals = 0", "heads.intervals"),
            ("[heads]\nevent_weight = 0", "heads.event_weight"),
            ("[heads]\nsurvival = 'discrete_time'\ncompeting = 'joint'", "heads.competing"),
            ("model = 'network'\n[heads]\ncompeting = 'joint'", "heads.competing"),
            ("[training]\nwarmup_epochs = 1000001", "training.warmup_epochs"),
            ("[training]\nlowest_rate = 1.5", "training.lowest_rate"),
            ("[training]\nplateau_epochs = 0", "training.plateau_epochs"),
            ("[training]\nplateau_factor = 1.0", "training.plateau_factor"),
            ("[training]\nnetwork_threads = 0", "training.network_threads"),
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
