//! What every architecture begins with: one encoder for each modality.

use tch::{Kind, Tensor};

use super::{
    Architecture, InputLayer,
    architecture::{Initial, Parameter, linear, norm},
    layers::Layers,
};
use crate::{Missing, Norm};

/// The modalities after their encoders.
pub(super) struct Encoded {
    /// One for each modality, (batch, width); a token or zeros stand in for what is absent.
    pub(super) units: Vec<Tensor>,
    /// Whether each modality speaks for itself, (batch, modalities), 0 or 1; `None` where nothing
    /// is masked.
    pub(super) mask: Option<Tensor>,
}

pub(super) fn parameters(architecture: &Architecture, input: &InputLayer) -> Vec<Parameter> {
    let (stem, width) = (input.stem(), architecture.width);
    let mut parameters = if input.bottleneck > 0 {
        let mut both = linear(&input.layer, input.columns, input.bottleneck);
        both.extend(linear(&format!("{stem}_expand"), input.bottleneck, width));
        both
    } else {
        linear(&input.layer, input.columns, width)
    };
    let name = format!("{stem}_norm");
    if architecture.norm != Norm::None {
        parameters.extend(norm(&name, width));
    }
    if architecture.norm == Norm::Batch {
        parameters.extend([("running_mean", 0.0), ("running_var", 1.0)].map(|(part, value)| {
            let initial = Initial::Buffer(value);
            Parameter { name: format!("{name}.{part}"), shape: vec![width], initial }
        }));
    }
    if input.token {
        let initial = Initial::Within(1.0 / (width as f32).sqrt());
        let name = format!("{stem}_missing");
        parameters.push(Parameter { name, shape: vec![width], initial });
    }
    parameters
}

/// Runs the encoders on one block a modality, each (batch, columns). `present` holds 0 or 1,
/// (batch, modalities).
pub(super) fn encode(
    architecture: &Architecture,
    layers: &Layers,
    blocks: &[Tensor],
    present: &Tensor,
) -> Encoded {
    let present = match architecture.missing {
        Missing::Zeros | Missing::Auto => None,
        Missing::Mask | Missing::Token => Some(layers.hide(present.shallow_clone())),
    };
    let inputs = architecture.inputs.iter().zip(blocks).enumerate();
    let units = inputs.map(|(place, (input, block))| {
        let units = encode_one(architecture, layers, input, block); // (batch, width)
        let Some(present) = &present else { return units };
        let here = present.narrow(1, super::to_i64(place), 1).gt(0.5); // (batch, 1)
        match architecture.missing {
            Missing::Token if input.token => {
                let token = layers.get(&format!("{}_missing", input.stem()));
                units.where_self(&here, token) // (batch, width)
            }
            Missing::Mask => units * here.to_kind(Kind::Float),
            Missing::Token | Missing::Zeros | Missing::Auto => units,
        }
    });
    let units = units.collect();
    let mask = present.filter(|_| architecture.missing == Missing::Mask);
    Encoded { units, mask }
}

fn encode_one(
    architecture: &Architecture,
    layers: &Layers,
    input: &InputLayer,
    block: &Tensor,
) -> Tensor {
    let block = layers.input_dropout(block);
    let mut units = layers.linear(&input.layer, &block); // (batch, width or bottleneck)
    let mut name = input.layer.clone();
    if input.bottleneck > 0 {
        let narrow = layers.relu(&name, &units); // (batch, bottleneck)
        name = format!("{}_expand", input.stem());
        units = layers.linear(&name, &narrow); // (batch, width)
    }
    if architecture.norm != Norm::None {
        units = layers.norm(architecture.norm, &format!("{}_norm", input.stem()), units);
    }
    layers.encoder_dropout(layers.relu(&name, &units))
}
