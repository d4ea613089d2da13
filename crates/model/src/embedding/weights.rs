//! Tensors by name from a safetensors file.

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors};
use tch::{Kind, Tensor};

use crate::network::to_i64;

/// The tensors of floating-point numbers as float32; those of other types count batches, which
/// nothing here needs.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, String> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| format!("expected a safetensors file, but it cannot be read: {error}"))?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::F64 => Kind::Double,
            _ if is_ignored(name) => continue,
            other => return Err(format!("tensor `{name}` must be of floats, got {other:?}")),
        };
        let shape: Vec<i64> = view.shape().iter().map(|&length| to_i64(length)).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &shape, kind)
            .and_then(|tensor| tensor.f_to_kind(Kind::Float))
            .map_err(|error| format!("tensor `{name}` cannot be used: {error}"))?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}

/// What torchvision saves and an embedding does not need: the classifier, and the number of batches
/// seen in training.
pub(super) fn is_ignored(name: &str) -> bool {
    name.starts_with("fc.") || name.ends_with(".num_batches_tracked")
}

/// Takes a tensor of a shape out.
pub(super) fn take(
    tensors: &mut BTreeMap<String, Tensor>,
    name: &str,
    shape: &[usize],
) -> Result<Tensor, String> {
    let shape: Vec<i64> = shape.iter().map(|&length| to_i64(length)).collect();
    let Some(tensor) = tensors.remove(name) else {
        // Saved from inside another module, names begin with its name.
        let is_prefixed = |key: &&String| {
            let prefix = key.strip_suffix(name);
            prefix.is_some_and(|prefix| prefix.ends_with('.') && !prefix.starts_with("layer"))
        };
        let hint = tensors.keys().find(is_prefixed);
        let hint = hint.map_or_else(String::new, |key| format!("; rename `{key}` and the others"));
        return Err(format!("tensor `{name}` of shape {shape:?} is missing{hint}"));
    };
    if tensor.size() != shape {
        let found = tensor.size();
        return Err(format!("tensor `{name}` must have shape {shape:?}, got {found:?}"));
    }
    let is_finite = tensor.isfinite().all().int64_value(&[]) == 1;
    if is_finite {
        return Ok(tensor);
    }
    Err(format!("tensor `{name}` holds numbers that are not finite"))
}
