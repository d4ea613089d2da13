//! Low-rank multimodal fusion: the weights over all products of the modalities' units (each with a
//! constant 1 beside them) are a sum of `rank` outer products. Liu et al., 2018, equation 7.

use tch::{Kind, Tensor};

use super::{
    Architecture, InputLayer,
    architecture::{Initial, Parameter, linear},
    encoder::Encoded,
    layers::Layers,
};

pub(super) fn parameters(architecture: &Architecture) -> Vec<Parameter> {
    let (width, fused, rank) = (architecture.width, architecture.fused_width, architecture.rank);
    let mut parameters = vec![];
    for input in &architecture.inputs {
        let [weight, bias] = linear(&format!("{}_factor", input.stem()), width, rank * fused)
            .try_into()
            .unwrap_or_else(|_| unreachable!("a Linear has a weight and a bias"));
        parameters.push(weight);
        // The product starts near 1, so that the network starts near a sum of the modalities.
        parameters.push(Parameter { initial: Initial::Constant(1.0), ..bias });
    }
    let bound = Initial::Within(1.0 / (rank as f32).sqrt());
    parameters.push(Parameter {
        name: "rank_weights".to_owned(),
        shape: vec![rank],
        initial: bound,
    });
    let initial = Initial::Constant(0.0);
    parameters.push(Parameter { name: "fused_bias".to_owned(), shape: vec![fused], initial });
    parameters.extend(linear("output_fc", fused, architecture.outputs()));
    parameters
}

pub(super) fn forward(architecture: &Architecture, layers: &Layers, encoded: &Encoded) -> Tensor {
    let (rank, fused_width) =
        (super::to_i64(architecture.rank), super::to_i64(architecture.fused_width));
    let factor = |(input, units): (&InputLayer, &Tensor)| {
        // The bias is the weight of the constant 1.
        let factor = layers.linear(&format!("{}_factor", input.stem()), units);
        factor.reshape([-1, rank, fused_width]) // (batch, rank, fused_width)
    };
    let factors = architecture.inputs.iter().zip(&encoded.units).map(factor);
    let product = factors.reduce(|product, factor| product * factor).expect("there is a modality");
    // (batch, fused_width)
    let weighted = product * layers.get("rank_weights").unsqueeze(1);
    let fused = weighted.sum_dim_intlist(1, false, Kind::Float) + layers.get("fused_bias");
    let fused = layers.dropout(layers.noted("rank_weights", fused));
    layers.linear("output_fc", &fused) // (batch, outputs)
}
