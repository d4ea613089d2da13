//! Networks trained elsewhere that turn pieces of an image into features.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, ArrayD, Axis, Slice};
use serde::{Deserialize, Serialize};
use tch::{CModule, Device, Kind, Tensor};

use crate::{
    Error,
    device::cuda_is_available,
    fit::use_one_thread,
    network::{from_tensor, to_i64, to_tensor},
};

mod layers;
mod resnet;
mod weights;

use resnet::ResNet;

/// The most features that a model may give for a patch.
const MAX_WIDTH: usize = 65_536;

/// What a file of weights is for.
///
/// Networks are torchvision's without their last layer, `fc`; their file is a safetensors file of
/// the names that torchvision's `state_dict` has. `fc.*` and `num_batches_tracked` may be there or
/// not. The number of channels is that of the first layer's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingArchitecture {
    /// `torchvision.models.resnet18` (He et al., CVPR 2016): 2D, 512 features.
    #[serde(rename = "resnet18")]
    ResNet18,
    /// `torchvision.models.resnet34`: 2D, 512 features.
    #[serde(rename = "resnet34")]
    ResNet34,
    /// `torchvision.models.resnet50`, with the stride in the 3 by 3 convolution: 2D, 2048 features.
    #[serde(rename = "resnet50")]
    ResNet50,
    /// `torchvision.models.video.r3d_18` (Tran et al., CVPR 2018) with depth as time: 3D, 512
    /// features.
    #[serde(rename = "r3d_18")]
    R3d18,
    /// A program of its own: a TorchScript file whose `forward` takes the patches as one float32
    /// tensor and gives (patches, features). It is run as it is, so it must be trusted.
    #[serde(rename = "torchscript")]
    TorchScript,
}

impl EmbeddingArchitecture {
    /// The name that settings use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ResNet18 => "resnet18",
            Self::ResNet34 => "resnet34",
            Self::ResNet50 => "resnet50",
            Self::R3d18 => "r3d_18",
            Self::TorchScript => "torchscript",
        }
    }

    /// The dimensions of its patches without channels; `None` where the file alone knows.
    fn dimensions(self) -> Option<usize> {
        match self {
            Self::ResNet18 | Self::ResNet34 | Self::ResNet50 => Some(2),
            Self::R3d18 => Some(3),
            Self::TorchScript => None,
        }
    }
}

/// Where a network runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingDevice {
    /// On one core for each thread that calls it: the same numbers for any number of threads.
    #[default]
    Cpu,
    /// On the first CUDA device; needs a libtorch built for it.
    Cuda,
}

/// How the features of several patches become those of their patient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// The greatest of each.
    Max,
}

impl Pooling {
    /// The name that settings use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Max => "max",
        }
    }

    /// Of (patches, features), with a patch at least, gives one value a feature.
    #[must_use]
    pub fn pool(self, features: &Array2<f32>) -> Array1<f32> {
        match self {
            #[expect(clippy::cast_possible_truncation, reason = "features are float32")]
            Self::Mean => features.map_axis(Axis(0), |values| {
                let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
                (sum / values.len() as f64) as f32
            }),
            Self::Max => features.map_axis(Axis(0), |values| {
                values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
            }),
        }
    }
}

/// A network with its weights, which threads can share.
#[derive(Debug)]
pub struct Embedder {
    path: PathBuf,
    network: Network,
    device: Device,
    /// The shape of a patch: channels, depth where it has one, height, width.
    shape: Vec<usize>,
    width: usize,
}

#[derive(Debug)]
enum Network {
    ResNet(ResNet),
    Script(CModule),
}

impl Embedder {
    /// Reads a file of weights for patches of a shape (channels, depth where there is one, height,
    /// width), and runs it once, on zeros, to see that it does and how many features it gives.
    ///
    /// # Errors
    /// When the file cannot be read, lacks a tensor, or has one that does not belong there or is of
    /// another shape; when it does not take patches of the shape; when the device is not there.
    pub fn load(
        path: &Path,
        architecture: EmbeddingArchitecture,
        device: EmbeddingDevice,
        shape: &[usize],
    ) -> Result<Self, Error> {
        let bad = |reason: String| Error::BadFile { path: path.to_owned(), reason };
        let device = match device {
            EmbeddingDevice::Cpu => Device::Cpu,
            EmbeddingDevice::Cuda if cuda_is_available() => Device::Cuda(0),
            EmbeddingDevice::Cuda => return Err(Error::NoCuda),
        };
        if let Some(dimensions) = architecture.dimensions()
            && shape.len() != 1 + dimensions
        {
            return Err(bad(format!(
                "`{}` takes patches of {dimensions} dimensions, the settings give patches of {}",
                architecture.name(),
                shape.len().saturating_sub(1)
            )));
        }
        let bytes = fs_err::read(path)?;
        use_one_thread();
        let network = if architecture == EmbeddingArchitecture::TorchScript {
            Network::Script(read_script(&bytes, device).map_err(bad)?)
        } else {
            let tensors = weights::read(&bytes).map_err(bad)?;
            Network::ResNet(ResNet::new(architecture, shape[0], tensors, device).map_err(bad)?)
        };
        let mut embedder =
            Self { path: path.to_owned(), network, device, shape: shape.to_vec(), width: 0 };
        let zeros = ArrayD::zeros([&[1], shape].concat());
        embedder.width = embedder.run(&zeros)?.ncols();
        Ok(embedder)
    }

    /// The number of features for each patch.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The features of patches, which have the shape that the model was loaded for behind their
    /// number: (patches, features). At most `batch` patches go through the network at once.
    ///
    /// # Errors
    /// When the model fails, or gives another number of features than before or one that is not
    /// finite.
    ///
    /// # Panics
    /// When the patches have another shape, or `batch` is 0.
    pub fn embed(&self, patches: &ArrayD<f32>, batch: usize) -> Result<Array2<f32>, Error> {
        assert_eq!(&patches.shape()[1..], self.shape, "patches have the shape of the settings");
        assert!(batch > 0, "a batch has a patch");
        let count = patches.shape()[0];
        let mut features = Array2::zeros((count, self.width));
        for start in (0..count).step_by(batch) {
            let part = Slice::from(start..(start + batch).min(count));
            let found = self.run(&patches.slice_axis(Axis(0), part).to_owned())?;
            if found.ncols() != self.width {
                return Err(self.bad(format!(
                    "the model gives {} features for a patch, {} for one of zeros",
                    found.ncols(),
                    self.width
                )));
            }
            features.slice_axis_mut(Axis(0), part).assign(&found);
        }
        Ok(features)
    }

    fn run(&self, patches: &ArrayD<f32>) -> Result<Array2<f32>, Error> {
        // Threads each have settings of their own in libtorch.
        use_one_thread();
        let _guard = tch::no_grad_guard();
        let input = to_tensor(patches).to_device(self.device); // (batch, channels, ..)
        let output = match &self.network {
            Network::ResNet(network) => network.forward(&input),
            Network::Script(module) => run_script(module, &input),
        };
        let output = output.map_err(|error| {
            let shape = &patches.shape()[1..];
            self.bad(format!("the model fails on patches of shape {shape:?}: {}", said(&error)))
        })?;
        self.rows(&output, patches.shape()[0])
    }

    /// The output as (patches, features); axes of length 1 behind these may be there.
    fn rows(&self, output: &Tensor, patches: usize) -> Result<Array2<f32>, Error> {
        let shape = output.size();
        let is_table = shape.len() >= 2
            && shape[0] == to_i64(patches)
            && (1..=to_i64(MAX_WIDTH)).contains(&shape[1])
            && shape[2..].iter().all(|&length| length == 1);
        if !is_table {
            return Err(self.bad(format!(
                "expected an output of shape ({patches}, features) with at most {MAX_WIDTH} \
                 features, found {shape:?}"
            )));
        }
        let values = from_tensor(&output.to_device(Device::Cpu));
        let width = values.shape()[1];
        let values =
            values.into_shape_with_order((patches, width)).expect("all other axes have length 1");
        if values.iter().all(|value| value.is_finite()) {
            return Ok(values);
        }
        Err(self.bad("the model gives a number that is not finite".to_owned()))
    }

    fn bad(&self, reason: String) -> Error {
        Error::BadFile { path: self.path.clone(), reason }
    }
}

fn read_script(bytes: &[u8], device: Device) -> Result<CModule, String> {
    let mut module = CModule::load_data_on_device(&mut &*bytes, device).map_err(|error| {
        format!("expected a TorchScript file, but it cannot be read: {}", said(&error))
    })?;
    // A traced module has no modes.
    let _ = module.f_set_eval();
    Ok(module)
}

/// Without the optimizer, which rewrites a module after its first runs: every run is the same.
fn run_script(module: &CModule, input: &Tensor) -> Result<Tensor, tch::TchError> {
    tch::jit::f_set_graph_executor_optimize(false)?;
    let output = module.forward_ts(&[input])?;
    output.f_to_kind(Kind::Float)
}

/// What libtorch says in one line: that of the error itself, or else the first.
fn said(error: &tch::TchError) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("no reason given");
    lines.find(|line| line.starts_with("RuntimeError:")).unwrap_or(first).to_owned()
}

#[cfg(test)]
mod tests;
