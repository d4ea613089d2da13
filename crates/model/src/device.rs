use tch::{Cuda, Device};

use crate::{DeviceChoice, Error};

/// Where to train.
///
/// # Errors
/// When a CUDA device is asked for and libtorch finds none.
pub(crate) fn training_device(choice: DeviceChoice) -> Result<Device, Error> {
    if choice == DeviceChoice::Cuda && !Cuda::is_available() {
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
        DeviceChoice::Cpu => Device::Cpu,
        DeviceChoice::Auto | DeviceChoice::Cuda => Device::cuda_if_available(),
    }
}
