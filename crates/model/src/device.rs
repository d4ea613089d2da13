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
        DeviceChoice::Auto | DeviceChoice::Cuda if cuda_is_available() => {
            let local = std::env::var(LOCAL_RANK).ok();
            Device::Cuda(cuda_place(local.as_deref(), Cuda::device_count()))
        }
        _ => Device::Cpu,
    }
}

/// The variable that holds this process's place among those on its machine, from 0, as PyTorch's
/// `torchrun` sets it.
pub const LOCAL_RANK: &str = "LOCAL_RANK";

/// Which of the CUDA devices that are visible (`CUDA_VISIBLE_DEVICES`) a process takes: processes of
/// one machine take one after the other, and begin again at the first where there are more of them.
fn cuda_place(local: Option<&str>, devices: i64) -> usize {
    let local: usize = local.and_then(|local| local.parse().ok()).unwrap_or(0);
    local % usize::try_from(devices).unwrap_or(1).max(1)
}

/// Whether libtorch finds a CUDA device; its CUDA half is loaded where there is one.
pub(crate) fn cuda_is_available() -> bool {
    if let Err(reason) = load_cuda() {
        tracing::warn!("libtorch's CUDA half is here and cannot be loaded: {reason}");
    }
    Cuda::is_available()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_one_machine_take_its_devices_in_turn() {
        for (local, devices, expected) in [
            (None, 4, 0),
            (Some("0"), 4, 0),
            (Some("3"), 4, 3),
            (Some("5"), 4, 1),
            (Some("2"), 1, 0),
            (Some("first"), 4, 0),
            (Some("1"), 0, 0),
        ] {
            assert_eq!(cuda_place(local, devices), expected, "{local:?} of {devices}");
        }
    }
}
