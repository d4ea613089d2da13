//! Folders that hold more than one even volume, and files of other forms than a classic slice.

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use tempfile::TempDir;

use super::tests::{
    COLUMNS, FRAME, ROWS, put, put_items, put_pixels, series, settings, slice, texts, with_items,
    write, write_as,
};
use super::*;
use crate::{SliceGaps, Tilt, Volume, vector};

fn put_text(object: &mut InMemDicomObject, tag: Tag, vr: VR, text: &str) {
    object.put(DataElement::new(tag, vr, PrimitiveValue::from(text)));
}

fn refusal(folder: &Path, settings: &ImagingSettings) -> String {
    read_series(folder, settings).unwrap_err().to_string()
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    vector::norm(vector::subtract(a, b))
}

fn close(volume: &Volume, index: [usize; 3], expected: f32) {
    let found = volume.voxels[index];
    assert!((found - expected).abs() < 1e-3, "{index:?}: {found}, expected {expected}");
}

/// The slices of [`series`], each changed by its number.
fn changed(change: impl Fn(u16, &mut InMemDicomObject)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..5 {
        let mut object = slice(3.0 * f64::from(number));
        change(number, &mut object);
        write(object, &folder.path().join(format!("{number}.dcm")));
    }
    folder
}

/// The pixels of a slice grow by 100 from slice to slice, so that interpolation gives them back.
#[test]
fn gaps_are_filled_where_the_settings_say_so() {
    let fill = ImagingSettings { slice_gaps: SliceGaps::Interpolate, ..settings() };
    let folder = changed(|_, _| {});
    fs_err::remove_file(folder.path().join("2.dcm")).unwrap();
    assert!(refusal(folder.path(), &settings()).contains("1 slice missing between 3.00 mm and"));
    let volume = read_series(folder.path(), &fill).unwrap();
    assert_eq!(volume.geometry.size, [8, 6, 5]);
    assert!((volume.geometry.spacing_mm[2] - 3.0).abs() < 1e-9);
    for z in 0_u8..5 {
        close(&volume, [usize::from(z), 1, 3], 100.0f32.mul_add(f32::from(z), -987.0));
    }
    // One slice lies 0.9 mm off: its neighbors and it are interpolated at even places.
    let uneven = changed(|number, object| {
        if number == 2 {
            put_text(object, tags::IMAGE_POSITION_PATIENT, VR::DS, "-10\\-20\\6.9");
        }
    });
    assert!(refusal(uneven.path(), &settings()).contains("unevenly spaced"));
    let volume = read_series(uneven.path(), &fill).unwrap();
    assert_eq!(volume.geometry.size[2], 5);
    close(&volume, [2, 1, 3], -987.0 + 100.0 + 100.0 * 3.0 / 3.9);
    // Two slices far apart from three others are no gap to fill.
    let apart = changed(|number, object| {
        if number > 2 {
            let z = 300 + 3 * number;
            put_text(object, tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("-10\\-20\\{z}"));
        }
    });
    assert!(refusal(apart.path(), &fill).contains("more slices are missing than the 5"));
}

/// Slices shifted by one pixel of 2 mm each, pixels 10 apart from row to row: straightened, a row
/// has the values that the rows of the shifted slices had there.
#[test]
fn a_tilted_gantry_is_straightened_where_the_settings_say_so() {
    let folder = changed(|number, object| {
        let (y, z) = (2 * i32::from(number) - 20, 3 * number);
        put_text(object, tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("-10\\{y}\\{z}"));
    });
    let refused = refusal(folder.path(), &settings());
    assert!(refused.contains("the gantry was tilted by 33.69 degrees"), "{refused}");
    let straighten = ImagingSettings { tilt: Tilt::Resample, ..settings() };
    let volume = read_series(folder.path(), &straighten).unwrap();
    assert_eq!(volume.geometry.size, [8, 10, 5]);
    assert!(distance(volume.geometry.origin_mm, [-10.0, -20.0, 0.0]) < 1e-9);
    for (z, y, expected) in [(0, 1, -990.0), (4, 5, -590.0), (4, 9, -550.0), (4, 3, -1000.0)] {
        close(&volume, [z, y, 0], expected);
    }
}

#[test]
fn localizers_are_set_aside() {
    let folder = series();
    let mut object = slice(6.0);
    put_text(&mut object, tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\LOCALIZER");
    put_text(&mut object, tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\0\\-1");
    write(object.clone(), &folder.path().join("in the series.dcm"));
    put_text(&mut object, tags::SERIES_INSTANCE_UID, VR::UI, "1.2.9");
    object.take_element(tags::IMAGE_POSITION_PATIENT).unwrap();
    write(object, &folder.path().join("in its own series.dcm"));
    assert_eq!(read_series(folder.path(), &settings()).unwrap().geometry.size[2], 5);
    let survey = survey_dicom_folder(folder.path()).unwrap();
    assert_eq!(
        survey.series.iter().map(|series| series.is_localizer).collect::<Vec<_>>(),
        [false, true]
    );
    for name in ["0.dcm", "1.dcm", "2.dcm", "3.dcm", "4.dcm", "in the series.dcm"] {
        fs_err::remove_file(folder.path().join(name)).unwrap();
    }
    assert!(
        refusal(folder.path(), &settings()).contains("no DICOM image series beside localizers")
    );
}

#[test]
fn a_setting_chooses_the_series() {
    let folder = series();
    let mut object = slice(30.0);
    for (tag, vr, text) in [
        (tags::SERIES_INSTANCE_UID, VR::UI, "1.2.9"),
        (tags::SERIES_NUMBER, VR::IS, "7"),
        (tags::SERIES_DESCRIPTION, VR::LO, "Lung B70f"),
        (tags::SLICE_THICKNESS, VR::DS, "5"),
    ] {
        put_text(&mut object, tag, vr, text);
    }
    write(object, &folder.path().join("other.dcm"));
    let refused = refusal(folder.path(), &settings());
    assert!(refused.contains("set series to one of 1.2.3 (CT, 5 files), 1.2.9 (7, CT, 1 file)"));
    assert!(!refused.contains("Lung"), "a description may name the patient");
    for (choice, slices) in [("1.2.9", 1), ("7", 1), ("lung*", 1), ("*B70*", 1), ("1.2.3", 5)] {
        let chosen = ImagingSettings { series: Some(choice.to_owned()), ..settings() };
        let volume = read_series(folder.path(), &chosen).unwrap();
        assert_eq!(volume.geometry.size[2], slices, "{choice}");
    }
    let absent = ImagingSettings { series: Some("8".to_owned()), ..settings() };
    assert!(refusal(folder.path(), &absent).contains("0 series are `8`, expected one of 1.2.3"));
}

/// Two echoes at each place: they are named and chosen by number, in the order of their times.
#[test]
fn echoes_at_one_place_are_volumes_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    for (echo, time) in ["30", "9"].into_iter().enumerate() {
        for number in 0_u16..4 {
            let mut object = slice(3.0 * f64::from(number));
            let instance = format!("1.2.3.{echo}.{number}");
            put_text(&mut object, tags::SOP_INSTANCE_UID, VR::UI, &instance);
            put_text(&mut object, tags::ECHO_TIME, VR::DS, time);
            if echo == 1 {
                put_pixels(&mut object, vec![7; usize::from(ROWS * COLUMNS)]);
            }
            write(object, &folder.path().join(format!("{number} {echo}.dcm")));
        }
    }
    let refused = refusal(folder.path(), &settings());
    for expected in
        ["holds 2 volumes", "1: 4 axial slices", "EchoTime (0018,0081) 9;", "set volume"]
    {
        assert!(refused.contains(expected), "{refused}");
    }
    for (volume, first) in [(1, -993.0), (2, -1000.0)] {
        let chosen = ImagingSettings { volume: Some(volume), ..settings() };
        close(&read_series(folder.path(), &chosen).unwrap(), [0, 0, 0], first);
    }
    let beyond = ImagingSettings { volume: Some(3), ..settings() };
    assert!(refusal(folder.path(), &beyond).contains("no volume 3, but 2 volumes"));
}

#[test]
fn a_slice_that_is_there_twice_is_read_once() {
    let folder = series();
    fs_err::copy(folder.path().join("1.dcm"), folder.path().join("copy.dcm")).unwrap();
    assert_eq!(read_series(folder.path(), &settings()).unwrap().geometry.size[2], 5);
    let survey = survey_dicom_folder(folder.path()).unwrap();
    let faults = &survey.series[0].volumes[0].faults;
    assert_eq!(faults, &["1 slices are there twice; one of each is read"]);
}

/// An enhanced CT of three frames, the last first, each with an intercept of its own.
fn enhanced() -> InMemDicomObject {
    let mut object = slice(0.0);
    for tag in [
        tags::IMAGE_POSITION_PATIENT,
        tags::IMAGE_ORIENTATION_PATIENT,
        tags::PIXEL_SPACING,
        tags::RESCALE_SLOPE,
        tags::RESCALE_INTERCEPT,
    ] {
        object.take_element(tag).unwrap();
    }
    put_text(&mut object, tags::SOP_CLASS_UID, VR::UI, uids::ENHANCED_CT_IMAGE_STORAGE);
    put_text(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, "3");
    let orientation = texts(&[(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0")]);
    let mut shared = with_items(tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation]);
    let measures = texts(&[(tags::PIXEL_SPACING, VR::DS, "2\\1.5")]);
    put_items(&mut shared, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    put_items(&mut object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]);
    let frames = [2, 0, 1].map(|number| {
        let position = format!("-10\\-20\\{}", 4 * number);
        let position = texts(&[(tags::IMAGE_POSITION_PATIENT, VR::DS, &position)]);
        let mut frame = with_items(tags::PLANE_POSITION_SEQUENCE, vec![position]);
        let rescale = texts(&[
            (tags::RESCALE_SLOPE, VR::DS, "2"),
            (tags::RESCALE_INTERCEPT, VR::DS, &(-1000 - number).to_string()),
            (tags::RESCALE_TYPE, VR::LO, "HU"),
        ]);
        put_items(&mut frame, tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, vec![rescale]);
        frame
    });
    put_items(&mut object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames.to_vec());
    let pixels = [2, 0, 1].into_iter().flat_map(|number| vec![number; usize::from(ROWS * COLUMNS)]);
    put_pixels(&mut object, pixels.collect());
    object
}

#[test]
fn frames_are_sorted_and_rescaled_by_their_own_groups() {
    let folder = tempfile::tempdir().unwrap();
    write(enhanced(), &folder.path().join("enhanced.dcm"));
    let volume = read_series(folder.path(), &settings()).unwrap();
    assert_eq!((volume.geometry.size, volume.unit.as_str()), ([8, 6, 3], "HU"));
    assert!(distance(volume.geometry.spacing_mm, [1.5, 2.0, 4.0]) < 1e-9);
    for (z, expected) in [(0, -1000.0), (1, -999.0), (2, -998.0)] {
        close(&volume, [z, 3, 3], expected);
    }
}

#[test]
fn frames_without_a_place_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.dcm");
    let class = uids::MULTI_FRAME_GRAYSCALE_WORD_SECONDARY_CAPTURE_IMAGE_STORAGE;
    let mut object = slice(0.0);
    put_text(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, "3");
    put_text(&mut object, tags::SOP_CLASS_UID, VR::UI, class);
    write(object, &path);
    let refused = refusal(folder.path(), &settings());
    assert!(refused.contains("is a multi-frame secondary capture of 3 frames"), "{refused}");
    let mut object = enhanced();
    put_text(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, "4");
    write(object, &path);
    let refused = refusal(folder.path(), &settings());
    assert!(refused.contains("states 4 frames and describes 3"), "{refused}");
}

/// A file cut at its data set, without preamble and meta information.
#[test]
fn files_without_meta_information_are_read() {
    for syntax in
        [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.2.2"]
    {
        let folder = changed(|_, _| {});
        let path = folder.path().join("2.dcm");
        write_as(slice(6.0), &path, syntax);
        let whole = fs_err::read(&path).unwrap();
        let group = if syntax == "1.2.840.10008.1.2.2" { [0, 8, 0, 0x16] } else { [8, 0, 0x16, 0] };
        let start = whole.windows(4).position(|bytes| bytes == group).unwrap();
        fs_err::write(&path, &whole[start..]).unwrap();
        let volume = read_series(folder.path(), &settings()).unwrap();
        close(&volume, [2, 1, 3], -787.0);
    }
}

#[test]
fn deflated_files_are_read_and_bombs_are_not() {
    let folder = changed(|_, _| {});
    let path = folder.path().join("2.dcm");
    let deflate = |object: InMemDicomObject| {
        use std::io::Write;
        write(object, &path);
        let whole = fs_err::read(&path).unwrap();
        let start = whole.windows(4).position(|bytes| bytes == [8, 0, 0x16, 0]).unwrap();
        let mut file = vec![0; 128];
        file.extend(b"DICM\x02\0\x10\0UI\x16\0");
        file.extend(b"1.2.840.10008.1.2.1.99");
        let mut encoder = flate2::write::DeflateEncoder::new(file, flate2::Compression::default());
        encoder.write_all(&whole[start..]).unwrap();
        fs_err::write(&path, encoder.finish().unwrap()).unwrap();
    };
    deflate(slice(6.0));
    close(&read_series(folder.path(), &settings()).unwrap(), [2, 1, 3], -787.0);
    let mut bomb = slice(6.0);
    put(&mut bomb, tags::ROWS, 60_000);
    put(&mut bomb, tags::COLUMNS, 60_000);
    deflate(bomb);
    let fault = survey_dicom_folder(folder.path()).unwrap().series[0].faults.join(" ");
    assert!(fault.contains("is cut off: expected 7200000000 bytes of pixels"), "{fault}");
}

#[test]
fn a_survey_lists_what_a_folder_holds() {
    let folder = series();
    fs_err::remove_file(folder.path().join("1.dcm")).unwrap();
    let mut dose = slice(0.0);
    put_text(&mut dose, tags::MODALITY, VR::CS, "RTDOSE");
    put_text(&mut dose, tags::SOP_CLASS_UID, VR::UI, uids::RT_DOSE_STORAGE);
    write(dose, &folder.path().join("dose.dcm"));
    let roi = texts(&[(tags::ROI_NUMBER, VR::IS, "3"), (tags::ROI_NAME, VR::LO, "GTV")]);
    let mut structures = texts(&[
        (tags::SOP_CLASS_UID, VR::UI, uids::RT_STRUCTURE_SET_STORAGE),
        (tags::MODALITY, VR::CS, "RTSTRUCT"),
        (tags::FRAME_OF_REFERENCE_UID, VR::UI, FRAME),
    ]);
    put_items(&mut structures, tags::STRUCTURE_SET_ROI_SEQUENCE, vec![roi]);
    write(structures, &folder.path().join("structures.dcm"));
    fs_err::write(folder.path().join("empty.dcm"), "").unwrap();
    let survey = survey_dicom_folder(folder.path()).unwrap();
    let [series] = survey.series.as_slice() else { panic!("{:?}", survey.series) };
    assert_eq!((series.uid.as_str(), series.modality.as_str(), series.files), ("1.2.3", "CT", 4));
    assert_eq!(series.sop_class, "CT Image Storage");
    assert_eq!(series.transfer_syntaxes, ["Explicit VR Little Endian"]);
    let [volume] = series.volumes.as_slice() else { panic!("{:?}", series.volumes) };
    assert_eq!((volume.slices, volume.plane), (4, "axial"));
    assert_eq!(volume.geometry.unwrap().size, [8, 6, 5]);
    assert!(volume.faults[0].starts_with("1 slice missing between 3.00 mm and 9.00 mm"));
    assert_eq!(survey.regions[0].names, [(3, "GTV".to_owned())]);
    assert_eq!(survey.others[0].sop_class, "RT Dose Storage");
    assert!(survey.faults[0].contains("empty.dcm: is an empty file"), "{:?}", survey.faults);
}
