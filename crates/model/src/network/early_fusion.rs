//! The reference design: modalities side by side, then one layer over all of them.

use tch::Tensor;

use super::{
    Architecture,
    architecture::{Parameter, linear},
    encoder::Encoded,
    layers::Layers,
};

pub(super) fn parameters(architecture: &Architecture) -> Vec<Parameter> {
    let fused_inputs = architecture.width * architecture.inputs.len();
    let mut parameters = linear("combined_fc", fused_inputs, architecture.fused_width);
    parameters.extend(linear("output_fc", architecture.fused_width, architecture.outputs()));
    parameters
}

pub(super) fn forward(layers: &Layers, encoded: &Encoded) -> Tensor {
    let fused = Tensor::cat(&encoded.units, 1); // (batch, width x modalities)
    let hidden = layers.relu("combined_fc", &layers.linear("combined_fc", &fused));
    let hidden = layers.dropout(hidden); // (batch, fused_width)
    layers.linear("output_fc", &hidden) // (batch, outputs)
}
