//! What each layer did in the last step of an epoch: what a person looks at when training goes wrong.

use serde::Serialize;
use tch::{Kind, Tensor};

use crate::network::{Network, Trace};

/// One layer in the last step of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerStatistics {
    /// The layer's name as in `model.safetensors`, without `.weight`.
    pub layer: String,
    /// The length of its parameters, biases included.
    pub weight_norm: f64,
    /// The length of their gradient before clipping.
    pub gradient_norm: f64,
    /// What it gave to the next layer; `None` for layers whose output is not looked at.
    pub activation: Option<Activation>,
}

/// The outputs of a layer over a batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Activation {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub sd: f64,
    /// The share of units that are 0 for every patient of the batch.
    pub dead_share: f64,
    /// The largest absolute value; not finite where one is not.
    pub largest: f64,
}

impl Activation {
    /// Summarizes outputs, (.., units).
    pub(crate) fn of(outputs: &Tensor) -> Self {
        let outputs = outputs.detach().to_kind(Kind::Float);
        let units = outputs.size().last().copied().unwrap_or(1);
        let magnitude = outputs.abs();
        let most = magnitude.reshape([-1, units]).amax([0], false); // (units,)
        Self {
            mean: outputs.mean(Kind::Double).double_value(&[]),
            sd: outputs.std(false).double_value(&[]),
            dead_share: most.eq(0.0).mean(Kind::Double).double_value(&[]),
            largest: magnitude.max().double_value(&[]),
        }
    }
}

/// Gathers parameters by layer. `gradients` is flat like [`Network::flat`].
pub(crate) fn layer_statistics(
    network: &Network,
    gradients: &Tensor,
    trace: &Trace,
) -> Vec<LayerStatistics> {
    let _guard = tch::no_grad_guard();
    let square = |tensor: &Tensor| tensor.square().sum(Kind::Double).double_value(&[]);
    let trace = trace.borrow();
    let mut layers: Vec<LayerStatistics> = vec![];
    for slot in network.slots() {
        let layer = layer_of(&slot.name);
        let (weight, gradient) = (square(&slot.of(&network.flat)), square(&slot.of(gradients)));
        match layers.last_mut().filter(|last| last.layer == layer) {
            Some(last) => {
                last.weight_norm += weight;
                last.gradient_norm += gradient;
            }
            None => layers.push(LayerStatistics {
                layer: layer.to_owned(),
                weight_norm: weight,
                gradient_norm: gradient,
                activation: trace.iter().find(|(name, _)| name == layer).map(|(_, noted)| *noted),
            }),
        }
    }
    for layer in &mut layers {
        layer.weight_norm = layer.weight_norm.sqrt();
        layer.gradient_norm = layer.gradient_norm.sqrt();
    }
    layers
}

/// Why a step was not finite, in words: the first layer in the order of the network whose weights,
/// activation or gradient is not.
pub(crate) fn why_diverged(network: &Network, gradients: &Tensor, trace: &Trace) -> String {
    let layers = layer_statistics(network, gradients, trace);
    if let Some(layer) = layers.iter().find(|layer| !layer.weight_norm.is_finite()) {
        return format!("the weights of layer `{}` are not finite", layer.layer);
    }
    let trace = trace.borrow();
    if let Some((layer, _)) = trace.iter().find(|(_, noted)| !noted.largest.is_finite()) {
        return format!("the outputs of layer `{layer}` are not finite");
    }
    if let Some(layer) = layers.iter().find(|layer| !layer.gradient_norm.is_finite()) {
        return format!("the gradient of layer `{}` is not finite", layer.layer);
    }
    let largest = trace.iter().max_by(|a, b| a.1.largest.total_cmp(&b.1.largest));
    largest.map_or_else(
        || "no layer's numbers are out of range by themselves".to_owned(),
        |(layer, noted)| format!("layer `{layer}` reaches {:.3e}", noted.largest),
    )
}

fn layer_of(parameter: &str) -> &str {
    [".weight", ".bias"].iter().find_map(|end| parameter.strip_suffix(end)).unwrap_or(parameter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activation_is_summed_up() {
        // Unit 0 is dead, unit 1 is not, unit 2 is for one patient.
        let outputs = Tensor::from_slice(&[0_f32, 1.0, 0.0, 0.0, 3.0, 2.0]).reshape([2, 3]);
        let found = Activation::of(&outputs);
        assert!((found.mean - 1.0).abs() < 1e-12);
        assert!((found.sd - (4.0_f64 / 3.0).sqrt()).abs() < 1e-6);
        assert!((found.dead_share - 1.0 / 3.0).abs() < 1e-12);
        assert!((found.largest - 3.0).abs() < 1e-12);
    }
}
