//! What a run needs to go on after it was cut off, in one safetensors file that is replaced whole.

use std::{collections::HashMap, path::Path};

use ndarray::ArrayD;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::{EpochRecord, Error, loss_scale::LossScale, network::Weights};

/// The state of a training run between two epochs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) state: State,
    /// The parameters after the last epoch.
    pub(crate) current: Weights,
    /// The parameters after the best epoch.
    pub(crate) best: Weights,
    /// The optimizer's running means of gradients.
    pub(crate) first: Weights,
    /// The optimizer's running means of squared gradients.
    pub(crate) second: Weights,
    /// Every training patient's log-risk as last seen, (patients,), under `log_risk`, where batches
    /// are compared with the whole training part; the log-risks of a stack's held-out patients after
    /// each epoch, (epochs, patients), under `watched`.
    pub(crate) bank: Weights,
}

/// The part that is no tensor. There is no state of a random generator: each epoch has a stream of
/// its own, so the number of the epoch says where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// SHA-256 over the settings, the network's shape and the training data.
    pub(crate) run: String,
    /// Steps that the optimizer has taken.
    pub(crate) optimizer_step: i32,
    /// The factor on the loss.
    pub(crate) loss_scale: LossScale,
    /// One record for each finished epoch.
    pub(crate) history: Vec<EpochRecord>,
    /// The best epoch so far, from 1; 0 before the first.
    pub(crate) best_epoch: usize,
    /// Whether nothing is left to do.
    pub(crate) finished: bool,
}

impl Checkpoint {
    /// Writes the file beside its name first, so that a kill leaves the old one or the new one.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let temporary = path.with_extension("partial");
        fs_err::write(&temporary, self.to_bytes())?;
        fs_err::rename(&temporary, path)?;
        Ok(())
    }

    /// The content of the file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut tensors = Weights::new();
        let groups = [
            ("current", &self.current),
            ("best", &self.best),
            ("first", &self.first),
            ("second", &self.second),
            ("bank", &self.bank),
        ];
        for (group, weights) in groups {
            for (name, values) in weights {
                tensors.insert(format!("{group}/{name}"), values.clone());
            }
        }
        let state = serde_json::to_string(&self.state).expect("the state has only text keys");
        to_bytes(&tensors, Some(("state", state)))
    }

    /// Reads the checkpoint of the run, or `None` where there is no file yet.
    pub(crate) fn read(path: &Path, run: &str) -> Result<Option<Self>, Error> {
        if !path.exists() {
            return Ok(None);
        }
        let bytes = fs_err::read(path)?;
        let bad = |reason: String| {
            let reason = format!("{reason}; remove this checkpoint to start anew");
            Error::BadFile { path: path.to_owned(), reason }
        };
        let found = Self::from_bytes(&bytes).map_err(bad)?;
        if found.state.run != run {
            let difference = "other settings or other training data";
            return Err(Error::CheckpointMismatch { path: path.to_owned(), difference });
        }
        Ok(Some(found))
    }

    /// Reads what [`Self::to_bytes`] gave.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (tensors, mut metadata) = from_bytes(bytes)?;
        let state = metadata
            .remove("state")
            .ok_or("expected a training checkpoint, found other tensors")?;
        let state: State = serde_json::from_str(&state)
            .map_err(|error| format!("the checkpoint's state cannot be read: {error}"))?;
        let group = |group: &str| {
            let strip = |(name, values): (&String, &ArrayD<f32>)| {
                Some((name.strip_prefix(group)?.strip_prefix('/')?.to_owned(), values.clone()))
            };
            tensors.iter().filter_map(strip).collect()
        };
        Ok(Self {
            state,
            current: group("current"),
            best: group("best"),
            first: group("first"),
            second: group("second"),
            bank: group("bank"),
        })
    }
}

/// The bytes of a safetensors file of float32 tensors. At most one entry of metadata, because the
/// format's writer does not promise an order for more.
pub(crate) fn to_bytes(weights: &Weights, metadata: Option<(&str, String)>) -> Vec<u8> {
    let numbers: Vec<(&String, Vec<usize>, Vec<u8>)> = weights
        .iter()
        .map(|(name, values)| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name, values.shape().to_vec(), bytes)
        })
        .collect();
    let views = numbers.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes)
            .expect("an array has as many numbers as its shape says");
        (name.as_str(), view)
    });
    let metadata = metadata.map(|(key, value)| HashMap::from([(key.to_owned(), value)]));
    safetensors::serialize(views, metadata).expect("the tensors have distinct names")
}

/// The float32 tensors and the metadata of a safetensors file.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<(Weights, HashMap<String, String>), String> {
    let unreadable = |error| format!("expected a safetensors file, but it cannot be read: {error}");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
    let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
    let mut weights = Weights::new();
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(format!("tensor `{name}` must be float32, got {:?}", view.dtype()));
        }
        let numbers = view.data().chunks_exact(4);
        let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
        let values = numbers.map(number).collect();
        let array = ArrayD::from_shape_vec(view.shape().to_vec(), values)
            .expect("the reader checks lengths against shapes");
        weights.insert(name.to_owned(), array);
    }
    Ok((weights, header.metadata().clone().unwrap_or_default()))
}
