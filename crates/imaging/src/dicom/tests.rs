//! Series, RTSTRUCT and SEG files that the tests write themselves.

use std::path::Path;

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use tempfile::TempDir;

use super::*;
use crate::{Geometry, vector};

pub(super) const FRAME: &str = "1.2.3.4";
pub(super) const COLUMNS: u16 = 8;
pub(super) const ROWS: u16 = 6;

pub(super) fn texts(elements: &[(Tag, VR, &str)]) -> InMemDicomObject {
    InMemDicomObject::from_element_iter(
        elements
            .iter()
            .map(|&(tag, vr, text)| DataElement::new(tag, vr, PrimitiveValue::from(text))),
    )
}

pub(super) fn put(object: &mut InMemDicomObject, tag: Tag, number: u16) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(number)));
}

pub(super) fn put_items(object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

pub(super) fn with_items(tag: Tag, items: Vec<InMemDicomObject>) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    put_items(&mut object, tag, items);
    object
}

pub(super) fn write_as(object: InMemDicomObject, path: &Path, syntax: &str) {
    let meta = FileMetaTableBuilder::new().transfer_syntax(syntax);
    object.with_meta(meta).unwrap().write_to_file(path).unwrap();
}

pub(super) fn write(object: InMemDicomObject, path: &Path) {
    write_as(object, path, uids::EXPLICIT_VR_LITTLE_ENDIAN);
}

/// A CT slice at a height; its pixel (x, y) is x + 10 y + 100 times its slice number, 1000 above HU.
pub(super) fn slice(z: f64) -> InMemDicomObject {
    let mut object = texts(&[
        (tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{}", (z * 100.0 + 10_000.0).round())),
        (tags::MODALITY, VR::CS, "CT"),
        (tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3"),
        (tags::FRAME_OF_REFERENCE_UID, VR::UI, FRAME),
        (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0"),
        (tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("-10\\-20\\{z}")),
        (tags::PIXEL_SPACING, VR::DS, "2\\1.5"),
        (tags::RESCALE_SLOPE, VR::DS, "1"),
        (tags::RESCALE_INTERCEPT, VR::DS, "-1000"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
    ]);
    for (tag, number) in [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::ROWS, ROWS),
        (tags::COLUMNS, COLUMNS),
        (tags::BITS_ALLOCATED, 16),
        (tags::BITS_STORED, 12),
        (tags::HIGH_BIT, 11),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        put(&mut object, tag, number);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
    let number = (z / 3.0) as u16;
    let pixels: Vec<u16> =
        (0..ROWS * COLUMNS).map(|p| p % COLUMNS + 10 * (p / COLUMNS) + 100 * number).collect();
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
    object
}

/// Five slices 3 mm apart, named so that the order of names is not that of positions.
pub(super) fn series() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..5 {
        let path = folder.path().join(format!("{}.dcm", (number * 3) % 5));
        write(slice(3.0 * f64::from(number)), &path);
    }
    // A folder has other files too.
    fs_err::write(folder.path().join("README.txt"), "not an image").unwrap();
    folder
}

pub(super) fn settings() -> ImagingSettings {
    ImagingSettings::default()
}

fn with_roi(roi: Option<&str>) -> ImagingSettings {
    ImagingSettings { roi: roi.map(str::to_owned), ..settings() }
}

fn refusal(folder: &Path) -> String {
    read_series(folder, &settings()).unwrap_err().to_string()
}

#[test]
fn reads_a_series_in_order_of_position() {
    let folder = series();
    let volume = read_series(folder.path(), &settings()).unwrap();
    let expected = Geometry {
        size: [8, 6, 5],
        spacing_mm: [1.5, 2.0, 3.0],
        origin_mm: [-10.0, -20.0, 0.0],
        direction: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    };
    assert_eq!(volume.geometry, expected);
    assert_eq!((volume.modality.as_str(), volume.unit.as_str()), ("CT", "HU"));
    for ([z, y, x], expected) in [([0, 0, 0], -1000.0), ([4, 5, 7], -543.0), ([2, 1, 3], -787.0)] {
        assert!((volume.voxels[[z, y, x]] - expected).abs() < 1e-6);
    }
    let position = volume.geometry.position_mm([1.0, 2.0, 3.0]);
    assert!(vector::norm(vector::subtract(position, [-8.5, -16.0, 9.0])) < 1e-9);
    let index = volume.geometry.index(position);
    assert!(vector::norm(vector::subtract(index, [1.0, 2.0, 3.0])) < 1e-9);
}

/// A change to a sound series, and a part of the sentence that refuses it.
type Refusal = (&'static str, Change, &'static str);

type Change = fn(&Path);

fn assert_refused(refusals: &[Refusal]) {
    for (case, change, expected) in refusals {
        let folder = series();
        change(folder.path());
        let refusal = refusal(folder.path());
        assert!(refusal.contains(expected), "{case}: {refusal}");
    }
}

#[test]
fn refuses_slices_that_are_no_volume() {
    assert_refused(&[
        (
            "missing slice",
            |folder| fs_err::remove_file(folder.join("1.dcm")).unwrap(),
            "1 slice missing between 3.00 mm and 9.00 mm: slices are 3.00 mm apart elsewhere",
        ),
        (
            "duplicate position",
            |folder| {
                let mut object = slice(6.0);
                put_pixels(&mut object, vec![7; 48]);
                write(object, &folder.join("again.dcm"));
            },
            "two slices lie at 6.00 mm: 1.dcm, again.dcm; remove one",
        ),
        (
            "uneven spacing",
            |folder| write(slice(6.9), &folder.join("1.dcm")),
            "slices are unevenly spaced: one lies at 6.90 mm, expected 6.00 mm",
        ),
        (
            "mixed orientation",
            |folder| change(folder, tags::IMAGE_ORIENTATION_PATIENT, "1\\0\\0\\0\\0\\-1"),
            "holds 2 volumes: 1: 4 axial slices of 8 x 6 pixels of 1.50 x 2.00 mm; 2: 1 coronal slice \
             of 8 x 6 pixels of 1.50 x 2.00 mm (1.dcm); set volume to one of them, or remove \
             localizers and mixed orientations",
        ),
        (
            "shifted slice",
            |folder| change(folder, tags::IMAGE_POSITION_PATIENT, "-10\\-18\\6"),
            "slice at 6.00 mm is shifted by 2.00 mm within its plane",
        ),
        (
            "other pixel size",
            |folder| change(folder, tags::PIXEL_SPACING, "2\\2"),
            "1 axial slice of 8 x 6 pixels of 2.00 x 2.00 mm (1.dcm)",
        ),
        (
            "other number of rows",
            |folder| change_with(folder, |object| put(object, tags::ROWS, 5)),
            "2: 1 axial slice of 8 x 5 pixels of 1.50 x 2.00 mm (1.dcm)",
        ),
        (
            "two series",
            |folder| change(folder, tags::SERIES_INSTANCE_UID, "1.2.9"),
            "holds 2 image series, and no RTSTRUCT or SEG that refers to exactly one of them",
        ),
    ]);
}

#[test]
fn refuses_files_that_are_no_slice() {
    assert_refused(&[
        (
            "no position",
            |folder| change(folder, tags::IMAGE_POSITION_PATIENT, ""),
            "1.dcm: expected 3 numbers in ImagePositionPatient (0020,0032)",
        ),
        (
            "axes not at right angles",
            |folder| change(folder, tags::IMAGE_ORIENTATION_PATIENT, "1\\0\\0\\1\\0\\0"),
            "1.dcm: expected two unit vectors at right angles",
        ),
        (
            "no slope",
            |folder| change_with(folder, |object| drop(object.take_element(tags::RESCALE_SLOPE))),
            "1.dcm: has no RescaleSlope (0028,1053), without which a CT has no Hounsfield units",
        ),
        (
            "multi-frame",
            |folder| change(folder, tags::NUMBER_OF_FRAMES, "3"),
            "1.dcm: is a multi-frame image of 3 frames that does not say where they are",
        ),
        (
            "color",
            |folder| change_with(folder, |object| put(object, tags::SAMPLES_PER_PIXEL, 3)),
            "1.dcm: is a color image",
        ),
        (
            "too few pixels",
            |folder| change_with(folder, |object| put_pixels(object, vec![0; 40])),
            "1.dcm: is cut off: expected 96 bytes of pixels, found 80",
        ),
        (
            "truncated pixels",
            |folder| truncate(folder, 20),
            "1.dcm: is cut off: expected 96 bytes of pixels, found 76",
        ),
        (
            "truncated header",
            |folder| truncate(folder, 300),
            "1.dcm: is cut off or no valid DICOM file",
        ),
        (
            "nothing there",
            |folder| {
                fs_err::remove_dir_all(folder).unwrap();
                fs_err::create_dir_all(folder).unwrap();
            },
            "holds no DICOM files",
        ),
    ]);
}

#[test]
fn refuses_what_only_looks_like_a_slice() {
    assert_refused(&[
        (
            "empty file",
            |folder| fs_err::write(folder.join("1.dcm"), "").unwrap(),
            "1.dcm: is an empty file; copy it again or remove it",
        ),
        (
            "no DICOM",
            |folder| fs_err::write(folder.join("notes.DCM"), "notes").unwrap(),
            "notes.DCM: is named like a DICOM file and is none; remove it",
        ),
    ]);
    let folder = series();
    fs_err::write(folder.path().join(".keep"), "").unwrap();
    assert!(read_series(folder.path(), &settings()).is_ok(), "a hidden file is none of the series");
    let refusal = refusal(&folder.path().join("1.dcm"));
    assert!(refusal.contains("1.dcm: expected a folder of DICOM files, found a file"), "{refusal}");
}

/// Rewrites the slice at 6 mm with a change.
fn change_with(folder: &Path, change: impl Fn(&mut InMemDicomObject)) {
    let mut object = slice(6.0);
    change(&mut object);
    write(object, &folder.join("1.dcm"));
}

fn change(folder: &Path, tag: Tag, text: &str) {
    change_with(folder, |object| {
        let vr = object.get(tag).map_or(VR::IS, DataElement::vr);
        object.put(DataElement::new(tag, vr, PrimitiveValue::from(text)));
    });
}

pub(super) fn put_pixels(object: &mut InMemDicomObject, pixels: Vec<u16>) {
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
}

fn truncate(folder: &Path, bytes: usize) {
    let path = folder.join("1.dcm");
    let whole = fs_err::read(&path).unwrap();
    fs_err::write(&path, &whole[..whole.len() - bytes]).unwrap();
}

#[test]
fn reads_other_encodings() {
    let at_slice_2: [(&str, Change, f32); 4] = [
        (
            "implicit little endian",
            |folder| write_as(slice(6.0), &folder.join("1.dcm"), uids::IMPLICIT_VR_LITTLE_ENDIAN),
            -787.0,
        ),
        (
            "explicit big endian",
            |folder| write_as(slice(6.0), &folder.join("1.dcm"), "1.2.840.10008.1.2.2"),
            -787.0,
        ),
        ("slope of one slice", |folder| change(folder, tags::RESCALE_SLOPE, "2"), -574.0),
        (
            "MONOCHROME1 keeps its values",
            |folder| change(folder, tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME1"),
            -787.0,
        ),
    ];
    for (case, change, expected) in at_slice_2 {
        let folder = series();
        change(folder.path());
        let volume = read_series(folder.path(), &settings()).unwrap();
        assert!((volume.voxels[[2, 1, 3]] - expected).abs() < 1e-6, "{case}");
    }
}

#[test]
fn refuses_what_cannot_be_decompressed_by_name() {
    let folder = series();
    let mut object = slice(6.0);
    let fragments = dicom_core::value::PixelFragmentSequence::new_fragments(vec![vec![0_u8; 8]]);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, fragments));
    write_as(object, &folder.path().join("1.dcm"), uids::MPEG2MPML);
    let refusal = refusal(folder.path());
    assert!(refusal.contains("1.dcm: pixels of transfer syntax MPEG2"), "{refusal}");
    assert!(refusal.contains("convert the file"), "{refusal}");
}

/// An RTSTRUCT with rectangles in slices of the series, each given by its corners in voxels.
fn rtstruct(structures: &[(&str, &[[f64; 5]])]) -> InMemDicomObject {
    let mut object = texts(&[
        (tags::SOP_CLASS_UID, VR::UI, uids::RT_STRUCTURE_SET_STORAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.77"),
        (tags::MODALITY, VR::CS, "RTSTRUCT"),
    ]);
    let numbers = || (1..).map(|number: u32| number.to_string());
    let names = structures.iter().zip(numbers()).map(|((name, _), number)| {
        texts(&[
            (tags::ROI_NUMBER, VR::IS, &number),
            (tags::ROI_NAME, VR::LO, name),
            (tags::REFERENCED_FRAME_OF_REFERENCE_UID, VR::UI, FRAME),
        ])
    });
    put_items(&mut object, tags::STRUCTURE_SET_ROI_SEQUENCE, names.collect());
    let contours = structures.iter().zip(numbers()).map(|((_, rectangles), number)| {
        let mut item = texts(&[(tags::REFERENCED_ROI_NUMBER, VR::IS, &number)]);
        put_items(&mut item, tags::CONTOUR_SEQUENCE, rectangles.iter().map(rectangle).collect());
        item
    });
    put_items(&mut object, tags::ROI_CONTOUR_SEQUENCE, contours.collect());
    object
}

fn rectangle(&[left, top, right, bottom, slice]: &[f64; 5]) -> InMemDicomObject {
    let corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
    let data: Vec<String> = corners
        .iter()
        .map(|[x, y]| format!("{}\\{}\\{}", x * 1.5 - 10.0, y * 2.0 - 20.0, slice * 3.0))
        .collect();
    texts(&[
        (tags::CONTOUR_GEOMETRIC_TYPE, VR::CS, "CLOSED_PLANAR"),
        (tags::CONTOUR_DATA, VR::DS, &data.join("\\")),
    ])
}

#[test]
fn draws_the_chosen_structure_with_its_hole() {
    let folder = series();
    let path = folder.path().join("structures.dcm");
    let with_hole: &[[f64; 5]] = &[[0.5, 0.5, 5.5, 4.5, 1.0], [1.5, 1.5, 3.5, 3.5, 1.0]];
    let small: &[[f64; 5]] = &[[0.5, 0.5, 2.5, 2.5, 3.0]];
    write(rtstruct(&[("GTV", with_hole), ("Lung", small)]), &path);
    for (roi, expected) in [("GTV", 16), (" gtv ", 16), ("2", 4), ("Lung", 4)] {
        let (_, mask) = read_dicom_folder(folder.path(), &with_roi(Some(roi))).unwrap();
        assert_eq!(mask.count(), expected, "{roi}");
    }
    let (_, mask) = read_dicom_folder(folder.path(), &with_roi(Some("GTV"))).unwrap();
    assert!(mask.voxels[[1, 1, 1]] && !mask.voxels[[1, 2, 2]] && !mask.voxels[[2, 1, 1]]);
}

#[test]
fn names_what_is_wrong_with_a_structure() {
    let square: &[[f64; 5]] = &[[0.5, 0.5, 2.5, 2.5, 3.0]];
    let beyond: &[[f64; 5]] = &[[0.5, 0.5, 2.5, 2.5, 7.0]];
    let elsewhere = || {
        let mut object = rtstruct(&[("GTV", square)]);
        let item = texts(&[
            (tags::ROI_NUMBER, VR::IS, "1"),
            (tags::ROI_NAME, VR::LO, "GTV"),
            (tags::REFERENCED_FRAME_OF_REFERENCE_UID, VR::UI, "9.9"),
        ]);
        put_items(&mut object, tags::STRUCTURE_SET_ROI_SEQUENCE, vec![item]);
        object
    };
    for (case, object, roi, expected) in [
        (
            "none chosen",
            rtstruct(&[("GTV", square), ("Lung", square)]),
            None,
            "holds 2 structures and none was chosen: set roi to one of 1 `GTV`, 2 `Lung`",
        ),
        (
            "not there",
            rtstruct(&[("GTV", square)]),
            Some("PTV"),
            "holds no structure `PTV`; it has 1 `GTV`",
        ),
        (
            "same name twice",
            rtstruct(&[("GTV", square), ("GTV", square)]),
            Some("GTV"),
            "holds 2 structures `GTV`: choose by number",
        ),
        ("no structure", rtstruct(&[]), None, "holds no structure"),
        (
            "no contour",
            rtstruct(&[("GTV", &[])]),
            None,
            "structure 1 `GTV`: expected closed planar contours of three points or more, found none",
        ),
        (
            "beyond the slices",
            rtstruct(&[("GTV", beyond)]),
            None,
            "structure 1 `GTV`: contour 1: lies 3.0 slices beyond the image",
        ),
        (
            "other frame of reference",
            elsewhere(),
            None,
            "was drawn in the frame of reference 9.9, the image has 1.2.3.4",
        ),
    ] {
        let folder = series();
        write(object, &folder.path().join("structures.dcm"));
        let error = read_dicom_folder(folder.path(), &with_roi(roi)).unwrap_err().to_string();
        assert!(error.contains(expected), "{case}: {error}");
    }
}

#[test]
fn a_mask_chooses_between_two_series() {
    let folder = series();
    let other = folder.path().join("other");
    fs_err::create_dir_all(&other).unwrap();
    let mut object = slice(0.0);
    object.put(DataElement::new(tags::SERIES_INSTANCE_UID, VR::UI, PrimitiveValue::from("1.2.9")));
    write(object, &other.join("a.dcm"));
    let mut structures = rtstruct(&[("GTV", &[[0.5, 0.5, 2.5, 2.5, 3.0]])]);
    let series = with_items(
        tags::RT_REFERENCED_SERIES_SEQUENCE,
        vec![texts(&[(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3")])],
    );
    let study = with_items(tags::RT_REFERENCED_STUDY_SEQUENCE, vec![series]);
    put_items(&mut structures, tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, vec![study]);
    write(structures, &folder.path().join("structures.dcm"));
    let (volume, mask) = read_dicom_folder(folder.path(), &with_roi(None)).unwrap();
    assert_eq!((volume.geometry.size[2], mask.count()), (5, 4));
    let second = folder.path().join("structures again.dcm");
    fs_err::copy(folder.path().join("structures.dcm"), second).unwrap();
    let error = read_dicom_folder(folder.path(), &with_roi(None)).unwrap_err().to_string();
    assert!(error.contains("expected one RTSTRUCT or SEG, found 2"), "{error}");
}

/// A SEG of one segment `Tumor` with frames of 3 x 2 pixels, all set but the last.
fn seg(positions: &[&str], segments: &[&str]) -> InMemDicomObject {
    let mut object = texts(&[
        (tags::SOP_CLASS_UID, VR::UI, uids::SEGMENTATION_STORAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.88"),
        (tags::MODALITY, VR::CS, "SEG"),
        (tags::FRAME_OF_REFERENCE_UID, VR::UI, FRAME),
        (tags::SEGMENTATION_TYPE, VR::CS, "BINARY"),
        (tags::NUMBER_OF_FRAMES, VR::IS, &positions.len().to_string()),
    ]);
    for (tag, number) in [(tags::ROWS, 2), (tags::COLUMNS, 3), (tags::BITS_ALLOCATED, 1)] {
        put(&mut object, tag, number);
    }
    let labels = (1..).zip(segments).map(|(number, label)| {
        let mut item = texts(&[(tags::SEGMENT_LABEL, VR::LO, label)]);
        put(&mut item, tags::SEGMENT_NUMBER, number);
        item
    });
    put_items(&mut object, tags::SEGMENT_SEQUENCE, labels.collect());
    let orientation = texts(&[(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0")]);
    let mut shared = with_items(tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation]);
    let measures = texts(&[(tags::PIXEL_SPACING, VR::DS, "2\\1.5")]);
    put_items(&mut shared, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    put_items(&mut object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]);
    let frames = positions.iter().map(|position| {
        let position = texts(&[(tags::IMAGE_POSITION_PATIENT, VR::DS, position)]);
        let mut frame = with_items(tags::PLANE_POSITION_SEQUENCE, vec![position]);
        let mut number = InMemDicomObject::new_empty();
        put(&mut number, tags::REFERENCED_SEGMENT_NUMBER, 1);
        put_items(&mut frame, tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![number]);
        frame
    });
    put_items(&mut object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames.collect());
    // Two frames of six bits follow each other without padding: 111110 111110, the first bit last.
    let pixels = PrimitiveValue::U8(vec![0b1101_1111, 0b0000_0111].into());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
    object
}

#[test]
fn places_the_frames_of_a_segment() {
    let folder = series();
    let path = folder.path().join("seg.dcm");
    // The first frame starts at voxel (2, 1, 3), the second at (0, 0, 1).
    write(seg(&["-7\\-18\\9", "-10\\-20\\3"], &["Tumor"]), &path);
    let (_, mask) = read_dicom_folder(folder.path(), &with_roi(Some("tumor"))).unwrap();
    let found: Vec<_> = mask.voxels.indexed_iter().filter(|(_, inside)| **inside).collect();
    let found: Vec<_> = found.into_iter().map(|(index, _)| index).collect();
    let first = [(1, 0, 0), (1, 0, 1), (1, 0, 2), (1, 1, 0), (1, 1, 1)];
    let second = [(3, 1, 2), (3, 1, 3), (3, 1, 4), (3, 2, 2), (3, 2, 3)];
    assert_eq!(found, [first, second].concat());
}

#[test]
fn names_what_is_wrong_with_a_segmentation() {
    let place = ["-7\\-18\\9", "-10\\-20\\3"];
    let changed = |change: fn(&mut InMemDicomObject)| {
        let mut object = seg(&place, &["Tumor"]);
        change(&mut object);
        object
    };
    for (case, object, roi, expected) in [
        ("none chosen", seg(&place, &["A", "B"]), None, "holds 2 segments and none was chosen"),
        ("not there", seg(&place, &["A"]), Some("B"), "holds no segment `B`; it has 1 `A`"),
        (
            "between slices",
            seg(&["-7\\-18\\9", "-10\\-20\\4.5"], &["A"]),
            None,
            "frame 2: its voxels lie 0.00, 0.00, 0.50 of a voxel beside the image's; set resample_mask",
        ),
        (
            "outside",
            seg(&["-7\\-18\\9", "-10\\-20\\30"], &["A"]),
            None,
            "frame 2: marks pixels outside the image",
        ),
        (
            "fractional",
            changed(|object| {
                let kind = PrimitiveValue::from("FRACTIONAL");
                object.put(DataElement::new(tags::SEGMENTATION_TYPE, VR::CS, kind));
            }),
            None,
            "is a fractional segmentation of 1 bits a pixel",
        ),
        (
            "cut off",
            changed(|object| {
                let pixels = PrimitiveValue::U8(Vec::new().into());
                object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
            }),
            None,
            "is cut off: expected 2 bytes of pixels, found 0",
        ),
        (
            "other pixel size",
            changed(|object| {
                let measures = texts(&[(tags::PIXEL_SPACING, VR::DS, "1\\1")]);
                let orientation =
                    texts(&[(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0")]);
                let mut shared = with_items(tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation]);
                put_items(&mut shared, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
                put_items(object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]);
            }),
            None,
            "frame 1: its spacing along x is 1.0000 mm, the image's 1.5000 mm",
        ),
    ] {
        let folder = series();
        write(object, &folder.path().join("seg.dcm"));
        let error = read_dicom_folder(folder.path(), &with_roi(roi)).unwrap_err().to_string();
        assert!(error.contains(expected), "{case}: {error}");
    }
}

/// Small files for the fuzz targets to begin with; `ONCOWEAVE_WRITE_SEEDS` writes them. The SEG
/// files are those of `tests/golden/imaging_seg.py`.
#[test]
fn the_seeds_of_the_fuzz_targets_are_read() {
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let seeds = repository.join("fuzz/seeds");
    let is_writing = std::env::var_os("ONCOWEAVE_WRITE_SEEDS").is_some();
    let image = crate::fuzzing::volume();
    let contour = |corners: [[f64; 2]; 4], slice: f64, kind: &str| {
        let corners = corners.map(|[x, y]| image.geometry.position_mm([x, y, slice]));
        let data: Vec<String> =
            corners.as_flattened().iter().map(|mm| format!("{mm:.4}")).collect();
        texts(&[
            (tags::CONTOUR_GEOMETRIC_TYPE, VR::CS, kind),
            (tags::CONTOUR_DATA, VR::DS, &data.join("\\")),
        ])
    };
    let square = |low: f64, high: f64| [[low, low], [high, low], [high, high], [low, high]];
    for (name, kind) in [("closed", "CLOSED_PLANAR"), ("xor", "CLOSEDPLANAR_XOR")] {
        let mut object = rtstruct(&[("GTV", &[])]);
        let contours = vec![
            contour(square(0.5, 5.5), 1.0, kind),
            contour(square(1.5, 3.5), 1.0, kind),
            contour(square(0.5, 3.5), 2.2, kind),
            contour(square(0.5, 3.5), 3.0, "POINT"),
        ];
        let mut item = texts(&[(tags::REFERENCED_ROI_NUMBER, VR::IS, "1")]);
        put_items(&mut item, tags::CONTOUR_SEQUENCE, contours);
        put_items(&mut object, tags::ROI_CONTOUR_SEQUENCE, vec![item]);
        let path = seeds.join(format!("rtstruct/{name}.dcm"));
        if is_writing {
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            write(object, &path);
        }
        assert_eq!(read_rtstruct(&path, &image, None).unwrap().count(), 21 + 9, "{name}");
        crate::fuzzing::rtstruct(&fs_err::read(&path).unwrap());
    }
    for name in ["binary_overlapping", "fractional_occupancy_rle", "label_map_16"] {
        let path = seeds.join(format!("seg/{name}.dcm"));
        if is_writing {
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            let made = repository.join(format!("tests/golden/imaging_seg/{name}.dcm"));
            fs_err::copy(made, &path).unwrap();
        }
        assert!(read_seg(&path, &image, &with_roi(Some("tum*"))).unwrap().count() > 80, "{name}");
        crate::fuzzing::seg(&fs_err::read(&path).unwrap());
    }
}
