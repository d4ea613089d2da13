//! A head for each modality; their outputs are averaged with equal or learned weights.

use tch::{Kind, Tensor};

use super::{
    Architecture,
    architecture::{Initial, Parameter, linear},
    encoder::Encoded,
    layers::Layers,
};

pub(super) fn parameters(architecture: &Architecture) -> Vec<Parameter> {
    let head = |input: &super::InputLayer| {
        linear(&format!("{}_output", input.stem()), architecture.width, architecture.outputs())
    };
    let mut parameters: Vec<Parameter> = architecture.inputs.iter().flat_map(head).collect();
    if architecture.learned_weights {
        let shape = vec![architecture.inputs.len()];
        let initial = Initial::Constant(0.0);
        parameters.push(Parameter { name: "modality_weights".to_owned(), shape, initial });
    }
    parameters
}

pub(super) fn forward(architecture: &Architecture, layers: &Layers, encoded: &Encoded) -> Tensor {
    let head = |(input, units): (&super::InputLayer, &Tensor)| {
        let units = layers.dropout(units.shallow_clone()); // (batch, width)
        layers.linear(&format!("{}_output", input.stem()), &units) // (batch, outputs)
    };
    let heads: Vec<Tensor> = architecture.inputs.iter().zip(&encoded.units).map(head).collect();
    let heads = Tensor::stack(&heads, 1); // (batch, modalities, outputs)
    let modalities = super::to_i64(architecture.inputs.len());
    let weights = if architecture.learned_weights {
        layers.get("modality_weights").softmax(0, Kind::Float) // (modalities,), sum 1
    } else {
        Tensor::full([modalities], 1.0 / modalities as f64, (Kind::Float, heads.device()))
    };
    let weights = match &encoded.mask {
        // What a patient lacks leaves its weight to the others.
        Some(mask) => {
            let own = mask * &weights; // (batch, modalities)
            &own / own.sum_dim_intlist(1, true, Kind::Float).clamp_min(1e-12)
        }
        None => weights.unsqueeze(0), // (1, modalities)
    };
    (heads * weights.unsqueeze(2)).sum_dim_intlist(1, false, Kind::Float) // (batch, outputs)
}
