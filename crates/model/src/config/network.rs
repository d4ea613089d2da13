use serde::{Deserialize, Serialize};

use super::check;
use crate::{ArchitectureKind, Error};

/// `[network]`: the shape of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// How the modalities come together.
    pub kind: ArchitectureKind,
    /// Units of each modality's encoder.
    pub width: usize,
    /// Units of the layer over all modalities.
    pub fused_width: usize,
    /// Share of the units before the output layer dropped in training.
    pub dropout: f64,
    /// Share of the inputs dropped in training.
    pub input_dropout: f64,
    /// Share of each encoder's units dropped in training.
    pub encoder_dropout: f64,
    /// The normalization in each encoder.
    pub norm: Norm,
    /// Units of a layer before the encoder of a wide modality; 0 is none.
    pub bottleneck: usize,
    /// More columns than this make a modality wide.
    pub wide_columns: usize,
    /// What stands for a modality that a patient lacks.
    pub missing: Missing,
    /// Share of patients that each modality is hidden from in a training step.
    pub modality_dropout: f64,
    /// Late fusion: whether the modalities' weights are learned instead of equal.
    pub learned_weights: bool,
    /// Low-rank bilinear fusion: its rank.
    pub rank: usize,
    /// Attention: its heads.
    pub attention_heads: usize,
    /// Attention: its layers.
    pub attention_layers: usize,
}

/// The normalization in a modality's encoder, between Linear and `ReLU`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// None.
    #[default]
    None,
    /// Over a patient's units. Ba et al., 2016, <https://arxiv.org/abs/1607.06450>.
    Layer,
    /// Over the batch's patients, with running statistics for scoring. Ioffe and Szegedy, 2015,
    /// <https://arxiv.org/abs/1502.03167>.
    Batch,
}

/// What stands for a modality that a patient lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// Zeros for early fusion, a token for the others.
    Auto,
    /// Its columns at the training mean, as for ridge Cox.
    #[default]
    Zeros,
    /// Nothing: it is left out of sums, averages and attention.
    Mask,
    /// A learned vector in place of its encoder's units.
    Token,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            kind: ArchitectureKind::EarlyFusion,
            width: 128,
            fused_width: 128,
            dropout: 0.3,
            input_dropout: 0.0,
            encoder_dropout: 0.0,
            norm: Norm::None,
            bottleneck: 0,
            wide_columns: 256,
            missing: Missing::Auto,
            modality_dropout: 0.0,
            learned_weights: false,
            rank: 4,
            attention_heads: 4,
            attention_layers: 2,
        }
    }
}

impl NetworkConfig {
    /// What stands for an absent modality, `auto` resolved.
    pub(crate) fn missing(&self) -> Missing {
        match (self.missing, self.kind) {
            (Missing::Auto, ArchitectureKind::EarlyFusion) => Missing::Zeros,
            (Missing::Auto, _) => Missing::Token,
            (missing, _) => missing,
        }
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        let width = 1..=65_536;
        let share = |value: f64| (0.0..1.0).contains(&value);
        check("network.width", "1 to 65536", self.width, width.contains(&self.width))?;
        let fused = self.fused_width;
        check("network.fused_width", "1 to 65536", fused, width.contains(&fused))?;
        for (setting, value) in [
            ("network.dropout", self.dropout),
            ("network.input_dropout", self.input_dropout),
            ("network.encoder_dropout", self.encoder_dropout),
            ("network.modality_dropout", self.modality_dropout),
        ] {
            check(setting, "at least 0 and below 1", value, share(value))?;
        }
        let narrow = self.bottleneck;
        check("network.bottleneck", "0 to 65536", narrow, narrow <= 65_536)?;
        let hides = self.modality_dropout > 0.0;
        check(
            "network.modality_dropout",
            "0 where `network.missing` is `zeros`, as it is by default for early fusion; set it to \
             `token` or `mask`",
            self.modality_dropout,
            !hides || self.missing() != Missing::Zeros,
        )?;
        check("network.rank", "1 to 1024", self.rank, (1..=1024).contains(&self.rank))?;
        let heads = self.attention_heads;
        check("network.attention_heads", "1 to 256", heads, (1..=256).contains(&heads))?;
        let layers = self.attention_layers;
        check("network.attention_layers", "1 to 64", layers, (1..=64).contains(&layers))?;
        let divides = self.kind != ArchitectureKind::Attention || self.width.is_multiple_of(heads);
        check("network.attention_heads", "a divisor of `network.width`", heads, divides)
    }
}
