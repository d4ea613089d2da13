use std::collections::BTreeMap;

use ndarray::ArrayD;
use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::dropout::Dropout;

/// The parameters of a network by name as plain numbers, which threads can share.
pub(crate) type Weights = BTreeMap<String, ArrayD<f32>>;

/// The shape of an early-fusion network: what a file of weights must match.
///
/// Each modality passes through its own Linear and `ReLU`; their outputs stand side by side and pass
/// through one Linear, `ReLU` and dropout, then through the output layer: one log-risk, and a logit
/// for each class where there is a subtype head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Always `early_fusion` so far.
    pub kind: ArchitectureKind,
    /// Units of each modality's layer.
    pub width: usize,
    /// Units of the layer over all modalities.
    pub fused_width: usize,
    /// The classes in the order of their outputs; empty without a subtype head.
    pub classes: Vec<String>,
    /// One for each modality, in the order of concatenation.
    pub inputs: Vec<InputLayer>,
}

/// Which network it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchitectureKind {
    /// The reference design, see [`Architecture`].
    EarlyFusion,
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
}

impl InputLayer {
    /// Names the layer of a modality as the reference design does.
    pub(crate) fn new(modality: &str, columns: usize) -> Self {
        // The reference design says `genomic`, manifests say `genomics`.
        let stem = if modality == "genomics" { "genomic" } else { modality };
        Self { modality: modality.to_owned(), layer: format!("{stem}_fc"), columns }
    }
}

impl Architecture {
    /// The number of outputs: the log-risk and the logits.
    pub(crate) fn outputs(&self) -> usize {
        1 + self.classes.len()
    }

    /// Every Linear as name, inputs, outputs.
    fn layers(&self) -> Vec<(String, usize, usize)> {
        let fused_inputs = self.width * self.inputs.len();
        let input_layers =
            self.inputs.iter().map(|input| (input.layer.clone(), input.columns, self.width));
        input_layers
            .chain([
                ("combined_fc".to_owned(), fused_inputs, self.fused_width),
                ("output_fc".to_owned(), self.fused_width, self.outputs()),
            ])
            .collect()
    }

    /// Every parameter's name and shape, weights as (outputs, inputs) like `PyTorch`.
    pub(crate) fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let mut parameters = Vec::new();
        for (name, inputs, outputs) in self.layers() {
            parameters.push((format!("{name}.weight"), vec![outputs, inputs]));
            parameters.push((format!("{name}.bias"), vec![outputs]));
        }
        parameters
    }

    /// Draws weights and biases as `PyTorch` does: uniform within 1 / sqrt(inputs).
    pub(crate) fn initial_weights(&self, seed: u64) -> Weights {
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let mut weights = Weights::new();
        for (name, inputs, outputs) in self.layers() {
            let bound = 1.0 / (inputs as f32).sqrt();
            let mut draw = |shape: Vec<usize>| {
                ArrayD::from_shape_simple_fn(shape, || random.random_range(-bound..bound))
            };
            weights.insert(format!("{name}.weight"), draw(vec![outputs, inputs]));
            weights.insert(format!("{name}.bias"), draw(vec![outputs]));
        }
        weights
    }

    /// Says what is wrong with weights for this architecture, if anything.
    pub(crate) fn mismatch(&self, weights: &Weights) -> Option<String> {
        let parameters = self.parameters();
        for (name, shape) in &parameters {
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
        let known = |name: &String| parameters.iter().any(|(parameter, _)| parameter == name);
        let unknown = weights.keys().find(|name| !known(name))?;
        Some(format!("tensor `{unknown}` does not belong to this network"))
    }
}

/// The network as tensors.
pub(crate) struct Network {
    inputs: Vec<Linear>,
    combined: Linear,
    output: Linear,
    names: Vec<String>,
}

struct Linear {
    weight: Tensor,
    bias: Tensor,
}

/// What the network says about a batch.
pub(crate) struct Outputs {
    /// The log relative hazard, (batch,); higher is worse.
    pub(crate) log_risk: Tensor,
    /// One logit a class, (batch, classes).
    pub(crate) logits: Tensor,
}

impl Network {
    /// Makes tensors of the weights.
    ///
    /// # Panics
    /// When the weights do not match; see [`Architecture::mismatch`].
    pub(crate) fn new(architecture: &Architecture, weights: &Weights) -> Self {
        let linear = |name: &str| Linear {
            weight: to_tensor(&weights[&format!("{name}.weight")]),
            bias: to_tensor(&weights[&format!("{name}.bias")]),
        };
        Self {
            inputs: architecture.inputs.iter().map(|input| linear(&input.layer)).collect(),
            combined: linear("combined_fc"),
            output: linear("output_fc"),
            names: architecture.parameters().into_iter().map(|(name, _)| name).collect(),
        }
    }

    /// Runs the network on one block a modality, each (batch, columns).
    pub(crate) fn forward(&self, blocks: &[Tensor], dropout: Option<&Dropout>) -> Outputs {
        let encode = |index: usize| {
            let input_mask = dropout.and_then(|dropout| dropout.inputs.get(index));
            let block = match input_mask {
                Some(mask) => &blocks[index] * mask,
                None => blocks[index].shallow_clone(),
            };
            self.inputs[index].forward(&block).relu() // (batch, width)
        };
        let encoded: Vec<Tensor> = (0..self.inputs.len()).map(encode).collect();
        let fused = Tensor::cat(&encoded, 1); // (batch, width x modalities)
        let hidden = self.combined.forward(&fused).relu(); // (batch, fused_width)
        let hidden = match dropout {
            Some(dropout) => hidden * &dropout.fused,
            None => hidden,
        };
        let output = self.output.forward(&hidden); // (batch, 1 + classes)
        let classes = output.size()[1] - 1;
        Outputs { log_risk: output.select(1, 0), logits: output.narrow(1, 1, classes) }
    }

    /// The parameters in the order of [`Architecture::parameters`].
    pub(crate) fn parameters(&self) -> Vec<&Tensor> {
        let layers = self.inputs.iter().chain([&self.combined, &self.output]);
        layers.flat_map(|layer| [&layer.weight, &layer.bias]).collect()
    }

    /// Lets gradients flow to every parameter.
    pub(crate) fn require_gradients(&self) {
        for parameter in self.parameters() {
            let _same = parameter.set_requires_grad(true);
        }
    }

    /// The parameters as plain numbers.
    pub(crate) fn weights(&self) -> Weights {
        let values = self.parameters().into_iter().map(from_tensor);
        self.names.iter().cloned().zip(values).collect()
    }
}

impl Linear {
    fn forward(&self, input: &Tensor) -> Tensor {
        input.linear(&self.weight, Some(&self.bias))
    }
}

/// A float32 tensor of the same shape and numbers.
pub(crate) fn to_tensor(array: &ArrayD<f32>) -> Tensor {
    let shape: Vec<i64> = array.shape().iter().map(|&size| to_i64(size)).collect();
    Tensor::from_slice(&array.iter().copied().collect::<Vec<f32>>()).reshape(shape)
}

/// The numbers of a float32 tensor.
pub(crate) fn from_tensor(tensor: &Tensor) -> ArrayD<f32> {
    let to_usize = |size: i64| usize::try_from(size).expect("a tensor's sizes are not negative");
    let shape: Vec<usize> = tensor.size().into_iter().map(to_usize).collect();
    let mut values = vec![0_f32; tensor.numel()];
    let flat = tensor.detach().to_kind(Kind::Float).contiguous().view([-1]);
    flat.copy_data(&mut values, tensor.numel());
    ArrayD::from_shape_vec(shape, values).expect("a tensor has as many numbers as its shape says")
}

/// A size as libtorch counts.
pub(crate) fn to_i64(size: usize) -> i64 {
    i64::try_from(size).expect("a size in memory fits in 63 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::{log_risks_and_probabilities, to_blocks};

    fn architecture() -> Architecture {
        Architecture {
            kind: ArchitectureKind::EarlyFusion,
            width: 4,
            fused_width: 3,
            classes: vec!["a".to_owned(), "b".to_owned()],
            inputs: vec![InputLayer::new("genomics", 5), InputLayer::new("ct", 2)],
        }
    }

    #[test]
    fn layers_are_named_as_in_the_reference_design() {
        let names: Vec<String> = ["genomics", "clinical", "imaging", "ct"]
            .map(|modality| InputLayer::new(modality, 1).layer)
            .to_vec();
        assert_eq!(names, ["genomic_fc", "clinical_fc", "imaging_fc", "ct_fc"]);
    }

    #[test]
    fn weights_go_to_tensors_and_back() {
        let weights = architecture().initial_weights(1);
        assert_eq!(Network::new(&architecture(), &weights).weights(), weights);
        assert_eq!(architecture().mismatch(&weights), None);
    }

    #[test]
    fn weights_that_do_not_fit_are_named() {
        let good = architecture().initial_weights(1);
        let mut missing = good.clone();
        missing.remove("ct_fc.bias");
        let mut reshaped = good.clone();
        reshaped.insert("ct_fc.bias".to_owned(), ArrayD::zeros(vec![9]));
        let mut broken = good.clone();
        broken.insert("ct_fc.bias".to_owned(), ArrayD::from_elem(vec![4], f32::NAN));
        let mut unknown = good;
        unknown.insert("mr_fc.bias".to_owned(), ArrayD::zeros(vec![4]));
        for (weights, text) in [
            (missing, "tensor `ct_fc.bias` of shape [4] is missing"),
            (reshaped, "tensor `ct_fc.bias` must have shape [4], got [9]"),
            (broken, "tensor `ct_fc.bias` holds numbers that are not finite"),
            (unknown, "tensor `mr_fc.bias` does not belong to this network"),
        ] {
            assert_eq!(architecture().mismatch(&weights).unwrap(), text);
        }
    }

    #[test]
    fn a_dropped_unit_does_not_speak() {
        let architecture = architecture();
        let network = Network::new(&architecture, &architecture.initial_weights(1));
        let blocks = [
            Tensor::ones([1, 5], tch::kind::FLOAT_CPU),
            Tensor::ones([1, 2], tch::kind::FLOAT_CPU),
        ];
        let silent = Dropout { inputs: vec![], fused: Tensor::zeros([1, 3], tch::kind::FLOAT_CPU) };
        let output = network.forward(&blocks, Some(&silent));
        let bias = network.output.bias.double_value(&[0]);
        assert!((output.log_risk.double_value(&[0]) - bias).abs() < 1e-7);
    }
    #[derive(Deserialize)]
    struct Golden {
        modalities: Vec<String>,
        columns: Vec<usize>,
        width: usize,
        fused_width: usize,
        inputs: Vec<Vec<f32>>,
        log_risk: Vec<f64>,
        class_probabilities: Vec<Vec<f64>>,
    }

    /// The figures come from `PyTorch` 2.11.0 and `tests/golden/model_pytorch.py`, which loads the
    /// file beside it, written by our `save`, into the plain module of the reference design.
    #[test]
    fn the_plain_pytorch_module_gives_the_same_numbers() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
        let text = fs_err::read(folder.join("model_pytorch.json")).unwrap();
        let golden: Golden = serde_json::from_slice(&text).unwrap();
        let bytes = fs_err::read(folder.join("model_pytorch.safetensors")).unwrap();
        let (weights, _) = crate::checkpoint::from_bytes(&bytes).unwrap();
        let classes = golden.class_probabilities[0].len();
        let inputs = golden.modalities.iter().zip(&golden.columns);
        let architecture = Architecture {
            kind: ArchitectureKind::EarlyFusion,
            width: golden.width,
            fused_width: golden.fused_width,
            classes: (0..classes).map(|class| class.to_string()).collect(),
            inputs: inputs.map(|(name, &columns)| InputLayer::new(name, columns)).collect(),
        };
        assert_eq!(architecture.mismatch(&weights), None);
        let network = Network::new(&architecture, &weights);
        let patients = golden.log_risk.len();
        let block = |(values, &columns): (&Vec<f32>, &usize)| {
            ndarray::Array2::from_shape_vec((patients, columns), values.clone()).unwrap()
        };
        let blocks: Vec<_> = golden.inputs.iter().zip(&golden.columns).map(block).collect();
        let blocks = to_blocks(&blocks.iter().collect::<Vec<_>>());
        let (risks, probabilities) = log_risks_and_probabilities(&network, &blocks);
        let spread = golden.log_risk.iter().fold(0.0_f64, |most, risk| most.max(risk.abs()));
        assert!(spread > 0.1, "the golden risks differ from nothing");
        for patient in 0..patients {
            assert!((risks[patient] - golden.log_risk[patient]).abs() < 1e-5);
            for class in 0..classes {
                let expected = golden.class_probabilities[patient][class];
                assert!((probabilities[(patient, class)] - expected).abs() < 1e-5);
            }
        }
    }
}
