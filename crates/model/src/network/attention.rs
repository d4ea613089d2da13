//! Self-attention over one token a modality and a summary token, whose last state is read out.
//!
//! Each layer is `TransformerEncoderLayer(norm_first=True)` of `PyTorch` with a feed-forward part
//! of twice the width and `ReLU`, under the same names, closed by one more normalization.

use tch::{Kind, Tensor};

use super::{
    Architecture,
    architecture::{Initial, Parameter, linear, norm},
    encoder::Encoded,
    layers::Layers,
};

pub(super) fn parameters(architecture: &Architecture) -> Vec<Parameter> {
    let width = architecture.width;
    let bound = Initial::Within(1.0 / (width as f32).sqrt());
    let free = |name: &str, shape: Vec<usize>, initial: Initial| Parameter {
        name: name.to_owned(),
        shape,
        initial,
    };
    let mut parameters = vec![
        free("modality_embedding", vec![architecture.inputs.len(), width], bound),
        free("summary_token", vec![width], bound),
    ];
    for layer in 0..architecture.attention_layers {
        let name = |part: &str| format!("encoder.layers.{layer}.{part}");
        parameters.push(free(&name("self_attn.in_proj_weight"), vec![3 * width, width], bound));
        let zero = Initial::Constant(0.0);
        parameters.push(free(&name("self_attn.in_proj_bias"), vec![3 * width], zero));
        parameters.extend(linear(&name("self_attn.out_proj"), width, width));
        parameters.extend(linear(&name("linear1"), width, 2 * width));
        parameters.extend(linear(&name("linear2"), 2 * width, width));
        parameters.extend(norm(&name("norm1"), width));
        parameters.extend(norm(&name("norm2"), width));
    }
    parameters.extend(norm("encoder.norm", width));
    parameters.extend(linear("output_fc", width, architecture.outputs()));
    parameters
}

pub(super) fn forward(architecture: &Architecture, layers: &Layers, encoded: &Encoded) -> Tensor {
    let modalities = Tensor::stack(&encoded.units, 1) + layers.get("modality_embedding");
    let (batch, _, width) = modalities.size3().expect("three dimensions");
    let summary = layers.get("summary_token").expand([batch, 1, width], false);
    let mut tokens = Tensor::cat(&[summary, modalities], 1); // (batch, 1 + modalities, width)
    // What nobody may look at; everybody may look at the summary.
    let mask = encoded.mask.as_ref().map(|mask| {
        let seen = Tensor::cat(&[mask.ones_like().narrow(1, 0, 1), mask.shallow_clone()], 1);
        seen.gt(0.5).unsqueeze(1).unsqueeze(1) // (batch, 1, 1, 1 + modalities)
    });
    for layer in 0..architecture.attention_layers {
        let name = |part: &str| format!("encoder.layers.{layer}.{part}");
        let attended = attend(architecture, layers, (layer, &tokens), mask.as_ref());
        tokens = layers.encoder_dropout(attended) + tokens;
        let normed = layers.layer_norm(&name("norm2"), &tokens);
        let wide = layers.relu(&name("linear1"), &layers.linear(&name("linear1"), &normed));
        let narrow = layers.linear(&name("linear2"), &layers.encoder_dropout(wide));
        tokens = layers.encoder_dropout(narrow) + tokens;
    }
    let summary = layers.layer_norm("encoder.norm", &tokens.select(1, 0)); // (batch, width)
    let summary = layers.noted("encoder.norm", summary);
    layers.linear("output_fc", &layers.dropout(summary)) // (batch, outputs)
}

/// One layer's attention, (batch, tokens, width) to the same. Written out: the fused kernels choose
/// their own order of sums.
fn attend(
    architecture: &Architecture,
    layers: &Layers,
    (layer, tokens): (usize, &Tensor),
    mask: Option<&Tensor>,
) -> Tensor {
    let name = |part: &str| format!("encoder.layers.{layer}.{part}");
    let heads = super::to_i64(architecture.attention_heads);
    let (batch, count, width) = tokens.size3().expect("three dimensions");
    let normed = layers.layer_norm(&name("norm1"), tokens);
    let projected = normed.linear(
        layers.get(&name("self_attn.in_proj_weight")),
        Some(layers.get(&name("self_attn.in_proj_bias"))),
    ); // (batch, tokens, 3 x width)
    let part = |tensor: &Tensor| {
        tensor.reshape([batch, count, heads, width / heads]).transpose(1, 2) // (batch, heads, tokens, width / heads)
    };
    let parts = projected.chunk(3, 2);
    let (query, key, value) = (part(&parts[0]), part(&parts[1]), part(&parts[2]));
    let scale = ((width / heads) as f64).sqrt();
    let mut scores = product(layers, &query, &key.transpose(2, 3)) / scale; // (batch, heads, tokens, tokens)
    if let Some(mask) = mask {
        scores = scores.masked_fill(&mask.logical_not(), f64::NEG_INFINITY);
    }
    let mixed = product(layers, &scores.softmax(3, Kind::Float), &value); // (batch, heads, tokens, width / heads)
    let mixed = mixed.transpose(1, 2).reshape([batch, count, width]);
    layers.linear(&name("self_attn.out_proj"), &mixed)
}

/// The product of the last two dimensions. Small matrices are multiplied by libtorch with a rounding
/// that depends on where they stand in memory; while scoring they are summed in one order.
fn product(layers: &Layers, left: &Tensor, right: &Tensor) -> Tensor {
    if layers.training.is_some() {
        return left.matmul(right);
    }
    let terms = left.unsqueeze(-1) * right.unsqueeze(-3); // (.., rows, inner, columns)
    terms.sum_dim_intlist(-2, false, Kind::Float)
}
