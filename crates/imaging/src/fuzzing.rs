//! What the fuzz targets call: each reader over bytes. No result is looked at; none may panic.

use std::path::Path;
use std::{env, process};

use crate::{ImagingSettings, PetUnit, SliceGaps, Tilt, read_series, survey_dicom_folder};

/// A DICOM file, alone in its folder: what it holds, and its pixels.
pub fn dicom(bytes: &[u8]) {
    with_folder("dicom", |folder| {
        // Without a name of a DICOM file it may also be none.
        if fs_err::write(folder.join("file.dcm"), bytes).is_err() {
            return;
        }
        let _ = survey_dicom_folder(folder);
        let settings = ImagingSettings {
            volume: Some(1),
            slice_gaps: SliceGaps::Interpolate,
            tilt: Tilt::Resample,
            pet_unit: PetUnit::SuvBw,
            padding_value: Some(0.0),
            ..ImagingSettings::default()
        };
        let _ = read_series(folder, &settings);
    });
}

/// Calls a reader with an empty folder of the process's own.
fn with_folder(name: &str, read: impl FnOnce(&Path)) {
    let folder = env::temp_dir().join(format!("oncoweave-{name}-{}", process::id()));
    if fs_err::create_dir_all(&folder).is_ok() {
        read(&folder);
    }
}
