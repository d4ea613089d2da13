use ndarray::ArrayD;
use oncoweave_core::preprocess::PreparedBlock;
use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};
use serde::{Deserialize, Serialize};

use super::{Weights, attention, early_fusion, encoder, gated, late_fusion, low_rank_bilinear};
use crate::{Missing, NetworkConfig, Norm, hazards};

/// The shape of a network: what a file of weights must match.
///
/// Each modality passes through an encoder of its own: Linear and `ReLU` in the reference design,
/// with a bottleneck, a normalization and dropout where the settings ask for them. What
/// [`ArchitectureKind`] says makes one vector of the modalities'; the output layer gives the
/// survival outputs, then a logit for each class where there is a subtype head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// How the modalities come together.
    pub kind: ArchitectureKind,
    /// Units of each modality's encoder.
    pub width: usize,
    /// Units of the layer over all modalities.
    pub fused_width: usize,
    /// The classes in the order of their outputs; empty without a subtype head.
    pub classes: Vec<String>,
    /// Networks side by side whose outputs are averaged. Several have their tensors named
    /// `members.0.combined_fc.weight` and so on, like a `ModuleList` of `PyTorch`.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub members: usize,
    /// The normalization in each encoder.
    #[serde(default, skip_serializing_if = "is_default")]
    pub norm: Norm,
    /// What stands in for a modality that a patient lacks; never `auto`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub missing: Missing,
    /// Late fusion: whether the modalities' weights are learned instead of equal.
    #[serde(default, skip_serializing_if = "is_default")]
    pub learned_weights: bool,
    /// Low-rank bilinear fusion: its rank; 0 elsewhere.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rank: usize,
    /// Attention: its heads; 0 elsewhere.
    #[serde(default, skip_serializing_if = "is_default")]
    pub attention_heads: usize,
    /// Attention: its layers; 0 elsewhere.
    #[serde(default, skip_serializing_if = "is_default")]
    pub attention_layers: usize,
    /// Discrete-time hazards: the ends of the intervals, in days, rising; empty for a Cox head.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cut_points_days: Vec<f64>,
    /// Hazards of several events: the names of those that compete with the event; empty where the
    /// network knows of one event alone.
    #[serde(default, skip_serializing_if = "is_default")]
    pub competing: Vec<String>,
    /// Whose hazards are read of those: 0 is the event, then come the competing ones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub event: usize,
    /// One for each modality.
    pub inputs: Vec<InputLayer>,
}

/// How the modalities come together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchitectureKind {
    /// The reference design: side by side, then Linear, `ReLU` and dropout.
    #[default]
    EarlyFusion,
    /// A head for each modality, averaged with equal or learned weights.
    LateFusion,
    /// Gated multimodal units. Arevalo et al., 2017, <https://arxiv.org/abs/1702.01992>.
    Gated,
    /// All products of the modalities' units, factorized to a low rank. Liu et al., 2018,
    /// <https://arxiv.org/abs/1806.00064>.
    LowRankBilinear,
    /// Self-attention over one token a modality. Vaswani et al., 2017,
    /// <https://arxiv.org/abs/1706.03762>.
    Attention,
}

/// The first layer of one modality.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputLayer {
    /// The modality.
    pub modality: String,
    /// The layer's name in `model.safetensors`.
    pub layer: String,
    /// The number of columns it reads.
    pub columns: usize,
    /// Units of the bottleneck before the encoder; 0 where there is none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bottleneck: usize,
    /// Whether a learned token stands in for the modality where a patient lacks it. A modality that
    /// every training patient has, and that no dropout hides, has none: nothing could be learned.
    #[serde(default, skip_serializing_if = "is_default")]
    pub token: bool,
}

/// What a network is built for: one modality's name, columns, and whether a training patient lacks
/// it.
pub(crate) struct Input<'a> {
    pub(crate) modality: &'a str,
    pub(crate) columns: usize,
    pub(crate) lacked: bool,
}

/// A tensor of a network.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) initial: Initial,
}

/// How a tensor starts.
#[derive(Clone, Copy)]
pub(crate) enum Initial {
    /// Uniform within this bound.
    Within(f32),
    /// The same number throughout.
    Constant(f32),
    /// Running statistics that no gradient moves, the same number throughout.
    Buffer(f32),
}

impl<'a> Input<'a> {
    /// A block of the training part.
    pub(crate) fn of(block: &'a PreparedBlock) -> Self {
        Self {
            modality: block.modality(),
            columns: block.ncols(),
            lacked: block.present().iter().any(|present| !present),
        }
    }
}

impl InputLayer {
    /// Names the layer of a modality as the reference design does.
    pub(crate) fn new(modality: &str, columns: usize) -> Self {
        // The reference design says `genomic`, manifests say `genomics`.
        let stem = if modality == "genomics" { "genomic" } else { modality };
        let layer = format!("{stem}_fc");
        Self { modality: modality.to_owned(), layer, columns, bottleneck: 0, token: false }
    }

    /// The start of the names of this modality's other layers.
    pub(crate) fn stem(&self) -> &str {
        self.layer.strip_suffix("_fc").unwrap_or(&self.layer)
    }
}

impl Architecture {
    /// The network that the settings ask for. `cut_points_days` is empty for a Cox head.
    pub(crate) fn new(
        network: &NetworkConfig,
        inputs: &[Input],
        classes: &[String],
        cut_points_days: Vec<f64>,
    ) -> Self {
        let kind = network.kind;
        let missing = network.missing();
        let bottleneck =
            |columns: usize| if columns > network.wide_columns { network.bottleneck } else { 0 };
        let input = |input: &Input| InputLayer {
            bottleneck: bottleneck(input.columns),
            token: missing == Missing::Token && (input.lacked || network.modality_dropout > 0.0),
            ..InputLayer::new(input.modality, input.columns)
        };
        let only = |wanted: ArchitectureKind, value: usize| if kind == wanted { value } else { 0 };
        Self {
            kind,
            width: network.width,
            fused_width: network.fused_width,
            classes: classes.to_vec(),
            members: 1,
            norm: network.norm,
            missing,
            learned_weights: kind == ArchitectureKind::LateFusion && network.learned_weights,
            rank: only(ArchitectureKind::LowRankBilinear, network.rank),
            attention_heads: only(ArchitectureKind::Attention, network.attention_heads),
            attention_layers: only(ArchitectureKind::Attention, network.attention_layers),
            cut_points_days,
            competing: vec![],
            event: 0,
            inputs: inputs.iter().map(input).collect(),
        }
    }

    /// The outputs that survival comes from: the log-risk, or for each event a logit for each
    /// interval.
    pub(crate) fn survival_outputs(&self) -> usize {
        self.cut_points_days.len().max(1) * self.events()
    }

    /// The events whose hazards it gives.
    pub(crate) fn events(&self) -> usize {
        1 + self.competing.len()
    }

    /// The number of outputs: those of survival and the logits of the classes.
    pub(crate) fn outputs(&self) -> usize {
        self.survival_outputs() + self.classes.len()
    }

    /// The survival curve's shape where the network says hazards itself.
    pub(crate) fn intervals(&self) -> Option<hazards::Intervals<'_>> {
        (!self.cut_points_days.is_empty()).then_some(hazards::Intervals(&self.cut_points_days))
    }

    /// The tensors of one member, in the order of the network.
    pub(crate) fn member_parameters(&self) -> Vec<Parameter> {
        let mut parameters: Vec<Parameter> =
            self.inputs.iter().flat_map(|input| encoder::parameters(self, input)).collect();
        parameters.extend(match self.kind {
            ArchitectureKind::EarlyFusion => early_fusion::parameters(self),
            ArchitectureKind::LateFusion => late_fusion::parameters(self),
            ArchitectureKind::Gated => gated::parameters(self),
            ArchitectureKind::LowRankBilinear => low_rank_bilinear::parameters(self),
            ArchitectureKind::Attention => attention::parameters(self),
        });
        parameters
    }

    /// What stands before the tensors' names of each member.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        match self.members {
            1 => vec![String::new()],
            members => (0..members).map(|member| format!("members.{member}.")).collect(),
        }
    }

    /// Every tensor's name and shape, weights as (outputs, inputs) like `PyTorch`.
    pub(crate) fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let named = |prefix: &String| {
            let parameters = self.member_parameters().into_iter();
            let name = |one: Parameter| (format!("{prefix}{}", one.name), one.shape);
            parameters.map(name).collect::<Vec<_>>()
        };
        self.prefixes().iter().flat_map(named).collect()
    }

    /// Draws weights and biases as `PyTorch` does: uniform within 1 / sqrt(inputs).
    pub(crate) fn initial_weights(&self, seed: u64) -> Weights {
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let mut weights = Weights::new();
        for Parameter { name, shape, initial } in self.member_parameters() {
            let values = match initial {
                Initial::Within(bound) => {
                    ArrayD::from_shape_simple_fn(shape, || random.random_range(-bound..bound))
                }
                Initial::Constant(value) | Initial::Buffer(value) => {
                    ArrayD::from_elem(shape, value)
                }
            };
            weights.insert(name, values);
        }
        weights
    }

    /// Says what is wrong with the events, if anything.
    pub(crate) fn wrong_events(&self) -> Option<String> {
        let (event, events) = (self.event, self.events());
        if events > 1 && self.cut_points_days.is_empty() {
            return Some("hazards of several events take `cut_points_days`, got none".to_owned());
        }
        let expected = format!("`event` must be below {events}, the number of events, got {event}");
        (event >= events).then_some(expected)
    }

    /// Says what is wrong with weights for this architecture, if anything.
    pub(crate) fn mismatch(&self, weights: &Weights) -> Option<String> {
        let tensors = self.tensors();
        for (name, shape) in &tensors {
            match weights.get(name) {
                None => return Some(format!("tensor `{name}` of shape {shape:?} is missing")),
                Some(found) if found.shape() != shape.as_slice() => {
                    let found = found.shape();
                    return Some(format!(
                        "tensor `{name}` must have shape {shape:?}, got {found:?}"
                    ));
                }
                Some(found) if !found.iter().all(|weight| weight.is_finite()) => {
                    return Some(format!("tensor `{name}` holds numbers that are not finite"));
                }
                Some(_) => {}
            }
        }
        let known = |name: &String| tensors.iter().any(|(tensor, _)| tensor == name);
        let unknown = weights.keys().find(|name| !known(name))?;
        Some(format!("tensor `{unknown}` does not belong to this network"))
    }
}

/// The weight and the bias of a Linear.
pub(crate) fn linear(name: &str, inputs: usize, outputs: usize) -> Vec<Parameter> {
    let initial = Initial::Within(1.0 / (inputs as f32).sqrt());
    vec![
        Parameter { name: format!("{name}.weight"), shape: vec![outputs, inputs], initial },
        Parameter { name: format!("{name}.bias"), shape: vec![outputs], initial },
    ]
}

/// The scale and the shift of a normalization.
pub(crate) fn norm(name: &str, units: usize) -> Vec<Parameter> {
    [("weight", 1.0), ("bias", 0.0)]
        .map(|(part, value)| Parameter {
            name: format!("{name}.{part}"),
            shape: vec![units],
            initial: Initial::Constant(value),
        })
        .into()
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(value: &usize) -> bool {
    *value == 1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
