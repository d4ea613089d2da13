//! Networks in tch: one file for each way that modalities come together.

mod architecture;
mod attention;
mod early_fusion;
mod encoder;
mod gated;
mod late_fusion;
mod layers;
mod low_rank_bilinear;

use std::collections::BTreeMap;

use ndarray::ArrayD;
use tch::{Device, Kind, Tensor};

use crate::hazards;
pub use architecture::{Architecture, ArchitectureKind, InputLayer};
pub(crate) use architecture::{Initial, Input};
pub(crate) use layers::{Layers, Trace, Training};

/// The parameters of a network by name as plain numbers, which threads can share.
pub(crate) type Weights = BTreeMap<String, ArrayD<f32>>;

/// What a network reads of a batch.
pub(crate) struct Inputs {
    /// One a modality, (batch, columns).
    pub(crate) blocks: Vec<Tensor>,
    /// Whether a patient has any value of each modality, 0 or 1, (batch, modalities).
    pub(crate) present: Tensor,
}

impl Inputs {
    /// Some of its patients.
    pub(crate) fn select(&self, rows: &[i64]) -> Self {
        let index = Tensor::from_slice(rows).to_device(self.present.device());
        let select = |tensor: &Tensor| tensor.index_select(0, &index);
        Self { blocks: self.blocks.iter().map(select).collect(), present: select(&self.present) }
    }

    /// The same tensors once more.
    pub(crate) fn shared(&self) -> Self {
        Self {
            blocks: self.blocks.iter().map(Tensor::shallow_clone).collect(),
            present: self.present.shallow_clone(),
        }
    }
}

/// The network as tensors.
pub(crate) struct Network {
    architecture: Box<Architecture>,
    prefixes: Vec<String>,
    tensors: BTreeMap<String, Tensor>,
    /// All trainable parameters one after the other, each padded to a multiple of [`ALIGNMENT`]:
    /// the tensors are views of it, so that the optimizer moves them all at once.
    pub(crate) flat: Tensor,
    trainable: Vec<Slot>,
}

/// Where a parameter stands in the flat tensor.
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) shape: Vec<i64>,
    pub(crate) start: i64,
}

/// Parameters begin at multiples of so many numbers, 64 bytes, where processors read fastest.
const ALIGNMENT: i64 = 16;

/// What the network says about a batch.
pub(crate) struct Outputs {
    /// The log relative hazard, (batch,); higher is worse. With a discrete-time head it is the log
    /// of the cumulative hazard at the last cut point.
    pub(crate) log_risk: Tensor,
    /// The logit of the hazard in each interval, (batch, intervals); none for a Cox head.
    pub(crate) hazards: Option<Tensor>,
    /// The logits of all events' hazards, (batch, events, intervals); none for a Cox head.
    pub(crate) all_hazards: Option<Tensor>,
    /// One logit a class, (batch, classes).
    pub(crate) logits: Tensor,
}

impl Network {
    /// Makes tensors of the weights.
    ///
    /// # Panics
    /// When the weights do not match; see [`Architecture::mismatch`].
    pub(crate) fn new(architecture: &Architecture, weights: &Weights, device: Device) -> Self {
        let (mut trainable, mut tensors, mut length) = (vec![], BTreeMap::new(), 0);
        let prefixes = architecture.prefixes();
        for prefix in &prefixes {
            for parameter in architecture.member_parameters() {
                let name = format!("{prefix}{}", parameter.name);
                let values = to_tensor(&weights[&name]).to_device(device);
                if !matches!(parameter.initial, Initial::Buffer(_)) {
                    let count = to_i64(values.numel());
                    trainable.push(Slot {
                        name: name.clone(),
                        shape: values.size(),
                        start: length,
                    });
                    length += (count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
                }
                tensors.insert(name, values);
            }
        }
        let flat = Tensor::zeros([length], (Kind::Float, device));
        for slot in &trainable {
            let mut view = slot.of(&flat);
            view.copy_(&tensors[&slot.name]);
            tensors.insert(slot.name.clone(), view.detach());
        }
        let architecture = Box::new(architecture.clone());
        Self { architecture, prefixes, tensors, flat, trainable }
    }

    /// Scores a batch: the mean of the members' outputs.
    pub(crate) fn forward(&self, inputs: &Inputs) -> Outputs {
        self.run(inputs, None, None)
    }

    /// Runs the network; `training` says what is dropped, `trace` hears of activations.
    pub(crate) fn run(
        &self,
        inputs: &Inputs,
        training: Option<&Training>,
        trace: Option<&Trace>,
    ) -> Outputs {
        self.outputs(&self.raw(inputs, training, trace))
    }

    /// What the last layer gives, (batch, outputs).
    pub(crate) fn raw(
        &self,
        inputs: &Inputs,
        training: Option<&Training>,
        trace: Option<&Trace>,
    ) -> Tensor {
        let to_device = |tensor: &Tensor| tensor.to_device(self.flat.device());
        let blocks: Vec<Tensor> = inputs.blocks.iter().map(to_device).collect();
        let present = to_device(&inputs.present);
        let member = |prefix: &String| {
            let layers = Layers { tensors: &self.tensors, prefix, training, trace };
            self.member(&layers, &blocks, &present)
        };
        let sum = self.prefixes.iter().map(member).reduce(|sum, output| sum + output);
        let output = sum.expect("there is a member").to_kind(Kind::Float); // (batch, outputs)
        if self.prefixes.len() > 1 { output / self.prefixes.len() as f64 } else { output }
    }

    /// The columns of [`Self::raw`].
    pub(crate) fn raw_outputs(&self) -> i64 {
        to_i64(self.architecture.outputs())
    }

    /// Reads what the last layer gave, (batch, outputs).
    pub(crate) fn outputs(&self, output: &Tensor) -> Outputs {
        let survival = to_i64(self.architecture.survival_outputs());
        let logits = output.narrow(1, survival, to_i64(self.architecture.classes.len()));
        if self.architecture.cut_points_days.is_empty() {
            let log_risk = output.select(1, 0);
            return Outputs { log_risk, hazards: None, all_hazards: None, logits };
        }
        let intervals = to_i64(self.architecture.cut_points_days.len());
        let all = output.narrow(1, 0, survival).reshape([-1, survival / intervals, intervals]);
        let hazards = hazards::of_event(&all, to_i64(self.architecture.event));
        let log_risk = hazards::log_risk(&hazards);
        Outputs { log_risk, hazards: Some(hazards), all_hazards: Some(all), logits }
    }

    fn member(&self, layers: &Layers, blocks: &[Tensor], present: &Tensor) -> Tensor {
        let architecture = &self.architecture;
        let encoded = encoder::encode(architecture, layers, blocks, present);
        match architecture.kind {
            ArchitectureKind::EarlyFusion => early_fusion::forward(layers, &encoded),
            ArchitectureKind::LateFusion => late_fusion::forward(architecture, layers, &encoded),
            ArchitectureKind::Gated => gated::forward(architecture, layers, &encoded),
            ArchitectureKind::LowRankBilinear => {
                low_rank_bilinear::forward(architecture, layers, &encoded)
            }
            ArchitectureKind::Attention => attention::forward(architecture, layers, &encoded),
        }
    }

    /// The trainable parameters' places in the flat tensor, in the order of the network.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.trainable
    }

    /// The trainable parameters in the order of [`Self::slots`].
    pub(crate) fn parameters(&self) -> Vec<&Tensor> {
        self.trainable.iter().map(|slot| &self.tensors[&slot.name]).collect()
    }

    /// Lets gradients flow to every parameter.
    pub(crate) fn require_gradients(&self) {
        for parameter in self.parameters() {
            let _same = parameter.set_requires_grad(true);
        }
    }

    /// The tensors as plain numbers.
    pub(crate) fn weights(&self) -> Weights {
        self.tensors.iter().map(|(name, tensor)| (name.clone(), from_tensor(tensor))).collect()
    }
}

impl Slot {
    /// The parameter's part of a flat tensor in its own shape.
    pub(crate) fn of(&self, flat: &Tensor) -> Tensor {
        flat.narrow(0, self.start, self.shape.iter().product()).view(self.shape.as_slice())
    }
}

/// A float32 tensor of the same shape and numbers.
pub(crate) fn to_tensor(array: &ArrayD<f32>) -> Tensor {
    let shape: Vec<i64> = array.shape().iter().map(|&size| to_i64(size)).collect();
    Tensor::from_slice(array.as_standard_layout().as_slice().expect("in standard layout"))
        .reshape(shape)
}

/// The numbers of a float32 tensor.
pub(crate) fn from_tensor(tensor: &Tensor) -> ArrayD<f32> {
    let to_usize = |size: i64| usize::try_from(size).expect("a tensor's sizes are not negative");
    let shape: Vec<usize> = tensor.size().into_iter().map(to_usize).collect();
    ArrayD::from_shape_vec(shape, numbers(tensor))
        .expect("a tensor has as many numbers as its shape says")
}

/// The numbers of a float32 tensor, row after row.
pub(crate) fn numbers(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0_f32; tensor.numel()];
    let flat = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous().view([-1]);
    flat.copy_data(&mut values, tensor.numel());
    values
}

/// A size as libtorch counts.
pub(crate) fn to_i64(size: usize) -> i64 {
    i64::try_from(size).expect("a size in memory fits in 63 bits")
}

#[cfg(test)]
mod tests;
