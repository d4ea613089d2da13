use oncoweave_collectives::load_cuda;
use tch::{Cuda, Device};

use crate::{DeviceChoice, Error};

/// Where to train.
///
/// # Errors
/// When a CUDA device is asked for and libtorch finds none.
pub(crate) fn training_device(choice: DeviceChoice) -> Result<Device, Error> {
    if choice == DeviceChoice::Cuda && !cuda_is_available() {
        return Err(Error::Setting {
            setting: "training.device",
            expected: "`auto` or `cpu` where libtorch finds no CUDA device",
            found: "cuda".to_owned(),
        });
    }
    Ok(scoring_device(choice))
}

/// Where to score: a model that was trained on a CUDA device scores on machines without one too.
pub(crate) fn scoring_device(choice: DeviceChoice) -> Device {
    match choice {
        DeviceChoice::Auto | DeviceChoice::Cuda if cuda_is_available() => Device::Cuda(0),
        _ => Device::Cpu,
    }
}

/// Whether libtorch finds a CUDA device; its CUDA half is loaded where there is one.
pub(crate) fn cuda_is_available() -> bool {
    if let Err(reason) = load_cuda() {
        tracing::warn!("libtorch's CUDA half is here and cannot be loaded: {reason}");
    }
    Cuda::is_available()
}
