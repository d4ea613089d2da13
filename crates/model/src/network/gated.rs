//! Gated multimodal units: each modality's units are weighed by gates that see all modalities.
//! Arevalo et al., 2017, equations 6 to 8.

use tch::Tensor;

use super::{
    Architecture, InputLayer,
    architecture::{Parameter, linear},
    encoder::Encoded,
    layers::Layers,
};

pub(super) fn parameters(architecture: &Architecture) -> Vec<Parameter> {
    let (width, fused) = (architecture.width, architecture.fused_width);
    let mut parameters = vec![];
    for input in &architecture.inputs {
        parameters.extend(linear(&format!("{}_hidden", input.stem()), width, fused));
        let all = width * architecture.inputs.len();
        parameters.extend(linear(&format!("{}_gate", input.stem()), all, fused));
    }
    parameters.extend(linear("output_fc", fused, architecture.outputs()));
    parameters
}

pub(super) fn forward(architecture: &Architecture, layers: &Layers, encoded: &Encoded) -> Tensor {
    let all = Tensor::cat(&encoded.units, 1); // (batch, width x modalities)
    let gated = |(input, units): (&InputLayer, &Tensor)| {
        let (hidden, gate) = (format!("{}_hidden", input.stem()), format!("{}_gate", input.stem()));
        let units = layers.noted(&hidden, layers.linear(&hidden, units).tanh());
        units * layers.noted(&gate, layers.linear(&gate, &all).sigmoid()) // (batch, fused_width)
    };
    let units: Vec<Tensor> = architecture.inputs.iter().zip(&encoded.units).map(gated).collect();
    let fused = units.into_iter().reduce(|sum, units| sum + units).expect("there is a modality");
    layers.linear("output_fc", &layers.dropout(fused)) // (batch, outputs)
}
