//! What the fuzz targets call: each reader over the bytes of a file. Nothing may panic, and what is
//! read must hold together.

use std::{env, path::Path, process};

use ndarray::Array3;

use crate::picture::{Plane, View, display_window, slice_picture};
use crate::{
    Error, Geometry, ImagingSettings, Mask, PetUnit, SliceGaps, Tilt, Volume, inspect_image,
    onto_grid, read_nifti_region, read_nifti_volume, read_rtstruct, read_seg, read_series,
    survey_dicom_folder,
};

/// A NIfTI image, compressed or not; what can be read can be drawn.
pub fn nifti_image(bytes: &[u8]) {
    with_file("image.nii", bytes, |path| {
        for volume in [None, Some(1), Some(2)] {
            let Some(volume) = told(read_nifti_volume(path, volume)) else { continue };
            let (plane, window) = (Plane::Coronal, display_window(&volume));
            let view = View { plane, slice: 0, part: None, window, pixels: 16 };
            assert!(!slice_picture(&volume, None, &view).pixels.is_empty());
        }
        told(inspect_image(path, Some(path), &ImagingSettings::default()));
    });
}

/// A NIfTI mask, compressed or not, and its way onto the grid of an image.
pub fn nifti_mask(bytes: &[u8]) {
    let image = volume();
    with_file("mask.nii", bytes, |path| {
        for (label, region_threshold) in [(None, None), (Some(1), None), (None, Some(0.5))] {
            let settings =
                ImagingSettings { label, region_threshold, ..ImagingSettings::default() };
            let Some(mask) = told(read_nifti_region(path, &settings)) else { continue };
            assert_eq!(mask.voxels.dim(), mask.geometry.shape());
            for resample in [false, true] {
                check(told(onto_grid(mask.clone(), &image.geometry, resample)), &image);
            }
        }
    });
}

/// A DICOM SEG on the grid of an image.
pub fn seg(bytes: &[u8]) {
    let image = volume();
    with_file("seg.dcm", bytes, |path| {
        for (roi, resample_mask) in [(None, false), (Some("1"), true), (Some("T*"), false)] {
            let roi = roi.map(str::to_owned);
            let settings = ImagingSettings { roi, resample_mask, ..ImagingSettings::default() };
            check(told(read_seg(path, &image, &settings)), &image);
        }
        told(inspect_image(path, None, &ImagingSettings::default()));
    });
}

/// An RTSTRUCT on the grid of an image.
pub fn rtstruct(bytes: &[u8]) {
    let image = volume();
    with_file("structures.dcm", bytes, |path| {
        for roi in [None, Some("1"), Some("G*")] {
            check(told(read_rtstruct(path, &image, roi)), &image);
        }
        told(inspect_image(path, None, &ImagingSettings::default()));
    });
}

/// The grid that the seeds were made on: oblique, of 9 x 7 x 5 voxels.
pub(crate) fn volume() -> Volume {
    let (sine, cosine) = 20.0_f64.to_radians().sin_cos();
    let geometry = Geometry {
        size: [9, 7, 5],
        spacing_mm: [1.25, 1.5, 2.5],
        origin_mm: [-40.0, 25.0, 100.0],
        direction: [[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]],
    };
    Volume {
        voxels: Array3::zeros(geometry.shape()),
        geometry,
        modality: "CT".to_owned(),
        unit: "HU".to_owned(),
        frame_of_reference: None,
    }
}

/// A mask lies on the image's grid.
fn check(mask: Option<Mask>, image: &Volume) {
    if let Some(mask) = mask {
        assert_eq!(mask.geometry, image.geometry);
        assert_eq!(mask.voxels.dim(), image.geometry.shape());
    }
}

/// What was read; what is said of the rest can be printed.
fn told<T>(read: Result<T, Error>) -> Option<T> {
    read.map_err(|error| drop(error.to_string())).ok()
}

/// Gives the readers a file, for they open paths.
fn with_file(name: &str, bytes: &[u8], read: impl FnOnce(&Path)) {
    let folder = env::temp_dir().join(format!("oncoweave-fuzzing-{}", process::id()));
    let path = folder.join(name);
    fs_err::create_dir_all(&folder).expect("the temporary folder can be written to");
    fs_err::write(&path, bytes).expect("the temporary folder can be written to");
    read(&path);
    fs_err::remove_file(&path).expect("the file was there before");
}

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
