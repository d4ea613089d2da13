//! Residual networks of torchvision in two and three dimensions, without their last layer.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tch::{Device, TchError, Tensor};

use super::{
    EmbeddingArchitecture,
    layers::{Block, Convolution, ConvolutionNorm},
    weights::is_ignored,
};

/// A residual network that threads can share.
#[derive(Debug)]
pub(super) struct ResNet {
    /// A handle of a tensor is for one thread at a time; each run takes handles of its own.
    layers: Mutex<Layers>,
}

#[derive(Debug)]
struct Layers {
    stem: ConvolutionNorm,
    is_pooled: bool,
    blocks: Vec<Block>,
}

/// What an architecture consists of.
struct Plan {
    stem: Convolution,
    /// Whether a maximum over 3 by 3 pixels, every second one, follows the stem.
    is_pooled: bool,
    /// The convolutions of each block, and its projection.
    blocks: Vec<(Vec<Convolution>, Option<Convolution>)>,
}

impl ResNet {
    pub(super) fn new(
        architecture: EmbeddingArchitecture,
        channels: usize,
        mut tensors: BTreeMap<String, Tensor>,
        device: Device,
    ) -> Result<Self, String> {
        let plan = plan(architecture, channels);
        check_channels(&plan.stem, &tensors)?;
        let mut load = |convolution| ConvolutionNorm::new(convolution, &mut tensors, device);
        let stem = load(&plan.stem)?;
        let mut blocks = Vec::new();
        for (convolutions, shortcut) in &plan.blocks {
            blocks.push(Block {
                convolutions: convolutions.iter().map(&mut load).collect::<Result<_, _>>()?,
                shortcut: shortcut.as_ref().map(&mut load).transpose()?,
            });
        }
        if let Some(unknown) = tensors.keys().find(|name| !is_ignored(name)) {
            let name = architecture.name();
            return Err(format!("tensor `{unknown}` does not belong to `{name}`"));
        }
        Ok(Self { layers: Mutex::new(Layers { stem, is_pooled: plan.is_pooled, blocks }) })
    }

    /// Of (batch, channels, ..) gives (batch, features).
    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor, TchError> {
        let layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner).share();
        let mut hidden = layers.stem.forward(input)?.f_relu()?;
        if layers.is_pooled {
            hidden = hidden.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?;
        }
        for block in &layers.blocks {
            hidden = block.forward(&hidden)?;
        }
        // The mean over all places.
        hidden.f_flatten(2, -1)?.f_mean_dim([-1].as_slice(), false, tch::Kind::Float)
    }
}

impl Layers {
    fn share(&self) -> Self {
        Self {
            stem: self.stem.share(),
            is_pooled: self.is_pooled,
            blocks: self.blocks.iter().map(Block::share).collect(),
        }
    }
}

/// The first layer's weights say how many channels they take.
fn check_channels(stem: &Convolution, tensors: &BTreeMap<String, Tensor>) -> Result<(), String> {
    let shape = tensors.get(&format!("{}.weight", stem.name)).map(Tensor::size);
    match shape.as_deref() {
        Some(&[_, found, ..]) if usize::try_from(found) != Ok(stem.inputs) => Err(format!(
            "the weights take patches of {found} channels, the settings give patches of {}",
            stem.inputs
        )),
        _ => Ok(()),
    }
}

fn plan(architecture: EmbeddingArchitecture, channels: usize) -> Plan {
    let is_video = architecture == EmbeddingArchitecture::R3d18;
    let stem = if is_video {
        Convolution {
            name: "stem.0".to_owned(),
            norm: "stem.1".to_owned(),
            outputs: 64,
            inputs: channels,
            kernel: vec![3, 7, 7],
            stride: vec![1, 2, 2],
        }
    } else {
        Convolution {
            name: "conv1".to_owned(),
            norm: "bn1".to_owned(),
            outputs: 64,
            inputs: channels,
            kernel: vec![7; 2],
            stride: vec![2; 2],
        }
    };
    let depths = match architecture {
        EmbeddingArchitecture::ResNet34 | EmbeddingArchitecture::ResNet50 => [3, 4, 6, 3],
        _ => [2; 4],
    };
    let mut inputs = 64;
    let mut blocks = Vec::new();
    for (layer, depth) in depths.into_iter().enumerate() {
        for number in 0..depth {
            let place = Place {
                name: format!("layer{}.{number}", layer + 1),
                inputs,
                width: 64 << layer,
                stride: if layer > 0 && number == 0 { 2 } else { 1 },
            };
            let (convolutions, shortcut, outputs) = block(architecture, &place);
            blocks.push((convolutions, shortcut));
            inputs = outputs;
        }
    }
    Plan { stem, is_pooled: !is_video, blocks }
}

/// Where a block stands.
struct Place {
    name: String,
    inputs: usize,
    width: usize,
    stride: usize,
}

/// The convolutions of a block, the projection of its input where that changes its shape, and the
/// number of its outputs.
fn block(
    architecture: EmbeddingArchitecture,
    place: &Place,
) -> (Vec<Convolution>, Option<Convolution>, usize) {
    let Place { name, inputs, width, stride } = place;
    let is_video = architecture == EmbeddingArchitecture::R3d18;
    let dimensions = if is_video { 3 } else { 2 };
    // Kernel, outputs and stride of each convolution.
    let (shapes, outputs) = if architecture == EmbeddingArchitecture::ResNet50 {
        (vec![(1, *width, 1), (3, *width, *stride), (1, 4 * width, 1)], 4 * width)
    } else {
        (vec![(3, *width, *stride), (3, *width, 1)], *width)
    };
    let mut before = *inputs;
    let mut convolutions = Vec::new();
    for (number, (kernel, outputs, stride)) in (1..).zip(shapes) {
        let (convolution, norm) = if is_video {
            (format!("{name}.conv{number}.0"), format!("{name}.conv{number}.1"))
        } else {
            (format!("{name}.conv{number}"), format!("{name}.bn{number}"))
        };
        convolutions.push(Convolution {
            name: convolution,
            norm,
            outputs,
            inputs: before,
            kernel: vec![kernel; dimensions],
            stride: vec![stride; dimensions],
        });
        before = outputs;
    }
    let shortcut = (*stride != 1 || *inputs != outputs).then(|| Convolution {
        name: format!("{name}.downsample.0"),
        norm: format!("{name}.downsample.1"),
        outputs,
        inputs: *inputs,
        kernel: vec![1; dimensions],
        stride: vec![*stride; dimensions],
    });
    (convolutions, shortcut, outputs)
}

#[cfg(test)]
pub(super) mod testing {
    //! Names and shapes, for tests that make weights.

    use super::*;

    /// Every tensor's name and shape in the order of the layers.
    pub(crate) fn tensors(
        architecture: EmbeddingArchitecture,
        channels: usize,
    ) -> Vec<(String, Vec<usize>)> {
        let plan = plan(architecture, channels);
        let blocks = plan
            .blocks
            .into_iter()
            .flat_map(|(convolutions, shortcut)| convolutions.into_iter().chain(shortcut));
        let all = std::iter::once(plan.stem).chain(blocks);
        all.flat_map(|convolution| {
            let Convolution { name, norm, outputs, inputs, kernel, .. } = convolution;
            let norms = ["weight", "bias", "running_mean", "running_var"]
                .map(|part| (format!("{norm}.{part}"), vec![outputs]));
            let shape = [vec![outputs, inputs], kernel].concat();
            std::iter::once((format!("{name}.weight"), shape)).chain(norms)
        })
        .collect()
    }
}
