//! Convolutions with batch normalization, and blocks of them with a shortcut.

use std::collections::BTreeMap;

use tch::{Device, TchError, Tensor};

use super::weights::take;

/// What batch normalization adds to a variance.
const EPSILON: f64 = 1e-5;

/// A convolution without bias in two or three dimensions and the normalization behind it: names in
/// the file, shape and step.
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    /// The name of the weights without `.weight`.
    pub(super) name: String,
    /// The name of the normalization.
    pub(super) norm: String,
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    /// Along depth where there is one, height and width.
    pub(super) kernel: Vec<usize>,
    pub(super) stride: Vec<usize>,
}

/// The tensors of a [`Convolution`].
#[derive(Debug)]
pub(super) struct ConvolutionNorm {
    weight: Tensor,
    scale: Tensor,
    shift: Tensor,
    mean: Tensor,
    variance: Tensor,
    stride: Vec<i64>,
    padding: Vec<i64>,
}

impl ConvolutionNorm {
    pub(super) fn new(
        convolution: &Convolution,
        tensors: &mut BTreeMap<String, Tensor>,
        device: Device,
    ) -> Result<Self, String> {
        let Convolution { name, norm, outputs, inputs, kernel, stride } = convolution;
        let mut get = |name: String, shape: &[usize]| {
            Ok::<_, String>(take(tensors, &name, shape)?.to_device(device))
        };
        let shape = [&[*outputs, *inputs], kernel.as_slice()].concat();
        let to_i64 =
            |lengths: Vec<usize>| lengths.into_iter().map(crate::network::to_i64).collect();
        Ok(Self {
            weight: get(format!("{name}.weight"), &shape)?,
            scale: get(format!("{norm}.weight"), &[*outputs])?,
            shift: get(format!("{norm}.bias"), &[*outputs])?,
            mean: get(format!("{norm}.running_mean"), &[*outputs])?,
            variance: get(format!("{norm}.running_var"), &[*outputs])?,
            stride: to_i64(stride.clone()),
            padding: to_i64(kernel.iter().map(|length| length / 2).collect()),
        })
    }

    /// Of (batch, inputs, ..) gives (batch, outputs, ..).
    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor, TchError> {
        let ones = vec![1; self.stride.len()];
        let zeros = vec![0; self.stride.len()];
        input
            .f_convolution(
                &self.weight,
                None::<&Tensor>,
                &self.stride,
                &self.padding,
                &ones,
                false,
                &zeros,
                1,
            )?
            .f_batch_norm(
                Some(&self.scale),
                Some(&self.shift),
                Some(&self.mean),
                Some(&self.variance),
                false,
                0.0,
                EPSILON,
                true,
            )
    }

    /// The same tensors under another handle, for another thread.
    pub(super) fn share(&self) -> Self {
        Self {
            weight: self.weight.shallow_clone(),
            scale: self.scale.shallow_clone(),
            shift: self.shift.shallow_clone(),
            mean: self.mean.shallow_clone(),
            variance: self.variance.shallow_clone(),
            stride: self.stride.clone(),
            padding: self.padding.clone(),
        }
    }
}

/// Convolutions one after the other, whose result is added to the input or to its projection.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) convolutions: Vec<ConvolutionNorm>,
    pub(super) shortcut: Option<ConvolutionNorm>,
}

impl Block {
    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor, TchError> {
        let mut output = input.shallow_clone();
        for (place, convolution) in self.convolutions.iter().enumerate() {
            if place > 0 {
                output = output.f_relu()?;
            }
            output = convolution.forward(&output)?;
        }
        let shortcut = match &self.shortcut {
            Some(projection) => projection.forward(input)?,
            None => input.shallow_clone(),
        };
        output.f_add(&shortcut)?.f_relu()
    }

    /// The same tensors under another handle, for another thread.
    pub(super) fn share(&self) -> Self {
        Self {
            convolutions: self.convolutions.iter().map(ConvolutionNorm::share).collect(),
            shortcut: self.shortcut.as_ref().map(ConvolutionNorm::share),
        }
    }
}
