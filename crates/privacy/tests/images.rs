//! Images measure the same after as before: SUV to the bit, features too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use dicom_core::{DataElement, PrimitiveValue, Tag, VR, value::DataSetSequence};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject, mem::InMemElement};
use fs_err as fs;
use oncoweave_imaging::{ImagingSettings, PetUnit, dicom_features, read_series};
use oncoweave_privacy::{Key, Profile, Report, Settings, deidentify};

fn text(tag: Tag, vr: VR, text: &str) -> InMemElement {
    DataElement::new(tag, vr, PrimitiveValue::from(text))
}

/// A slice of a PET that was injected an hour before, at 23:30 of the day before the scan.
#[expect(clippy::too_many_lines, reason = "one line an attribute")]
fn pet_slice(path: &Path, index: u16) {
    let mut object = InMemDicomObject::new_empty();
    let uid = format!("1.2.826.0.1.3680043.9.7133.5.{index}");
    for (tag, vr, value) in [
        (tags::SOP_CLASS_UID, VR::UI, uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, &uid),
        (tags::STUDY_INSTANCE_UID, VR::UI, "1.2.826.0.1.3680043.9.7133.1"),
        (tags::SERIES_INSTANCE_UID, VR::UI, "1.2.826.0.1.3680043.9.7133.2"),
        (tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.826.0.1.3680043.9.7133.3"),
        (tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY"),
        (tags::MODALITY, VR::CS, "PT"),
        (tags::MANUFACTURER, VR::LO, "SIEMENS"),
        (tags::PATIENT_NAME, VR::PN, "Zyxwpatient^Qvorna"),
        (tags::PATIENT_ID, VR::LO, "9434765919"),
        (tags::PATIENT_WEIGHT, VR::DS, "71.5"),
        (tags::STUDY_DATE, VR::DA, "20240301"),
        (tags::SERIES_DATE, VR::DA, "20240301"),
        (tags::SERIES_TIME, VR::TM, "003000.5"),
        (tags::ACQUISITION_DATE, VR::DA, "20240301"),
        (tags::ACQUISITION_TIME, VR::TM, "003000.5"),
        (tags::UNITS, VR::CS, "BQML"),
        (tags::CORRECTED_IMAGE, VR::CS, "ATTN\\DECY\\SCAT"),
        (tags::DECAY_CORRECTION, VR::CS, "START"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        (tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("0\\0\\{}", 3 * index)),
        (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0"),
        (tags::PIXEL_SPACING, VR::DS, "2\\2"),
        (tags::SLICE_THICKNESS, VR::DS, "3"),
        (tags::RESCALE_SLOPE, VR::DS, "2.5"),
        (tags::RESCALE_INTERCEPT, VR::DS, "0"),
        (tags::INSTANCE_NUMBER, VR::IS, &index.to_string()),
    ] {
        object.put(text(tag, vr, value));
    }
    for (tag, number) in [
        (tags::ROWS, 4_u16),
        (tags::COLUMNS, 4),
        (tags::BITS_ALLOCATED, 16),
        (tags::BITS_STORED, 16),
        (tags::HIGH_BIT, 15),
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(number)));
    }
    let mut dose = InMemDicomObject::new_empty();
    for (tag, vr, value) in [
        (tags::RADIOPHARMACEUTICAL_START_DATE_TIME, VR::DT, "20240229233000"),
        (tags::RADIOPHARMACEUTICAL_START_TIME, VR::TM, "233000"),
        (tags::RADIONUCLIDE_TOTAL_DOSE, VR::DS, "350000000"),
        (tags::RADIONUCLIDE_HALF_LIFE, VR::DS, "6586.2"),
    ] {
        dose.put(text(tag, vr, value));
    }
    let dose = DataSetSequence::from(vec![dose]);
    object.put(DataElement::new(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE, VR::SQ, dose));
    let pixels: Vec<u16> = (0..16).map(|place| 1000 * index + 37 * place).collect();
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
    let meta = FileMetaTableBuilder::new()
        .media_storage_sop_class_uid(uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE)
        .media_storage_sop_instance_uid(uid.as_str())
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    object.with_meta(meta).unwrap().write_to_file(path).unwrap();
}

fn cleaned(input: &Path, folder: &Path, profile: &Profile) -> (PathBuf, Report) {
    let key = Key::create(&folder.join("a.key")).unwrap();
    let out = folder.join("out");
    let report =
        deidentify(&Settings { input, out: &out, key: &key, profile }, &|_, _| ()).unwrap();
    (out, report)
}

#[test]
fn suv_is_the_same_though_every_date_has_moved() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("pet");
    fs::create_dir_all(&input).unwrap();
    for index in 1..=3 {
        pet_slice(&input.join(format!("{index}.dcm")), index);
    }
    let settings = ImagingSettings { pet_unit: PetUnit::SuvBw, ..ImagingSettings::default() };
    let before = read_series(&input, &settings).unwrap();
    assert_eq!(before.unit, "SUVbw");
    let (out, report) = cleaned(&input, folder.path(), &Profile::default());
    assert_eq!((report.patients, report.files_set_aside()), (1, 0));
    let after = read_series(&out, &settings).unwrap();
    assert_eq!(after.voxels, before.voxels);
    assert_ne!(after.frame_of_reference, before.frame_of_reference);

    let object = dicom_object::open_file(first_file(&out)).unwrap();
    let date = object.element(tags::SERIES_DATE).unwrap().to_str().unwrap().into_owned();
    assert!(date.as_str() < "20240301", "{date}");
}

fn first_file(folder: &Path) -> PathBuf {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().find(|path| path.extension().is_some_and(|end| end == "dcm")).unwrap()
}

/// The folder that data under other licences are in; `None`, said on stderr, where it is absent.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn shared(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ONCOWEAVE_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = root.join(part);
    if !path.exists() {
        eprintln!("skipped: {} is not there (ONCOWEAVE_SHARED)", path.display());
        return None;
    }
    Some(path)
}

/// The sarcoma patient of IBSI: CT, MR and PET, each with its RTSTRUCT.
#[test]
fn a_real_patient_measures_the_same() {
    let Some(patient) = shared("data/imaging/ibsi/validation/dicom/STS_002") else { return };
    let settings = ImagingSettings { bin_width: Some(25.0), ..ImagingSettings::default() };
    let mut modalities = 0;
    for entry in fs::read_dir(&patient).unwrap() {
        let source = entry.unwrap().path();
        let folder = tempfile::tempdir().unwrap();
        let mut profile = Profile::default();
        profile.dicom.accept = vec!["MR".to_owned(), "PT".to_owned(), "CT".to_owned()];
        let (out, report) = cleaned(&source, folder.path(), &profile);
        assert_eq!(report.files_set_aside(), 0, "{:?}", report.set_aside);
        let before = dicom_features(&source, &settings).unwrap();
        let after = dicom_features(&out, &settings).unwrap();
        assert!(before.len() > 100);
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
        modalities += 1;
    }
    assert_eq!(modalities, 3);
}
