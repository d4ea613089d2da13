//! SUV against MIRP, on the sarcoma patient's PET, and what is refused.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, open_file};

use super::super::file::read_header;
use super::super::plane::views;
use super::super::tests::{put_items, slice, write};
use super::*;
use crate::real_data::ibsi;
use crate::{ImagingSettings, PetUnit, read_series};

fn set(object: &mut InMemDicomObject, keyword: &str, value: &str) {
    let (tag, vr) = match keyword {
        "Units" => (tags::UNITS, VR::CS),
        "SUVType" => (tags::SUV_TYPE, VR::CS),
        "DecayCorrection" => (tags::DECAY_CORRECTION, VR::CS),
        "CorrectedImage" => (tags::CORRECTED_IMAGE, VR::CS),
        "PatientWeight" => (tags::PATIENT_WEIGHT, VR::DS),
        "Manufacturer" => (tags::MANUFACTURER, VR::LO),
        "SeriesDate" => (tags::SERIES_DATE, VR::DA),
        "SeriesTime" => (tags::SERIES_TIME, VR::TM),
        "AcquisitionDate" => (tags::ACQUISITION_DATE, VR::DA),
        "AcquisitionTime" => (tags::ACQUISITION_TIME, VR::TM),
        "FrameReferenceTime" => (tags::FRAME_REFERENCE_TIME, VR::DS),
        "ActualFrameDuration" => (tags::ACTUAL_FRAME_DURATION, VR::IS),
        "RadionuclideTotalDose" => (tags::RADIONUCLIDE_TOTAL_DOSE, VR::DS),
        "RadionuclideHalfLife" => (tags::RADIONUCLIDE_HALF_LIFE, VR::DS),
        "RadiopharmaceuticalStartTime" => (tags::RADIOPHARMACEUTICAL_START_TIME, VR::TM),
        "RadiopharmaceuticalStartDateTime" => (tags::RADIOPHARMACEUTICAL_START_DATE_TIME, VR::DT),
        "GeScanTime" => (GE_SCAN_TIME, VR::DT),
        "PhilipsSuv" => (PHILIPS_SUV, VR::DS),
        "PhilipsActivity" => (PHILIPS_ACTIVITY, VR::DS),
        other => panic!("{other}"),
    };
    object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

/// A PET slice with attributes as the golden table writes them.
fn pet(attributes: &str) -> InMemDicomObject {
    let mut object = slice(0.0);
    let mut item = InMemDicomObject::new_empty();
    object.put(DataElement::new(tags::MODALITY, VR::CS, PrimitiveValue::from("PT")));
    for (creator, name) in [GE_CREATOR, PHILIPS_CREATOR] {
        object.put(DataElement::new(creator, VR::LO, PrimitiveValue::from(name)));
    }
    for attribute in attributes.split(';').filter(|attribute| !attribute.is_empty()) {
        let (keyword, value) = attribute.split_once('=').unwrap();
        let holder = if keyword.starts_with("Radi") { &mut item } else { &mut object };
        set(holder, keyword, value);
    }
    put_items(&mut object, tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE, vec![item]);
    object
}

fn factor(attributes: &str) -> Result<f64, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pet.dcm");
    write(pet(attributes), &path);
    let header = read_header(&path).unwrap().unwrap();
    let views = vec![views(&header).unwrap()];
    let plane = Plane::of(&views[0][0], 0, 0).unwrap();
    factors(&views, &[plane]).map(|factors| factors[0])
}

fn golden() -> Vec<csv::StringRecord> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/imaging_suv.csv");
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    reader.records().map(Result::unwrap).collect()
}

#[test]
fn factors_are_those_of_mirp() {
    let rows = golden();
    let base = rows[0][1].to_owned();
    for row in &rows {
        let found = factor(&format!("{base};{}", &row[1])).unwrap();
        let expected: f64 = row[2].parse().unwrap();
        assert!((found / expected - 1.0).abs() < 1e-6, "{}: {found}, MIRP {expected}", &row[0]);
    }
}

#[test]
fn what_suv_needs_is_named() {
    let base = golden()[0][1].to_owned();
    for (case, changes, expected) in [
        ("no weight", "PatientWeight=", "PatientWeight (0010,1030), without which there is no SUV"),
        ("weight in g", "PatientWeight=74500", "expected kg in PatientWeight"),
        ("no dose", "RadionuclideTotalDose=", "Bq in RadionuclideTotalDose (0018,1074)"),
        ("dose in MBq", "RadionuclideTotalDose=350", "found 350, which may be MBq"),
        ("no half-life", "RadionuclideHalfLife=0", "seconds in RadionuclideHalfLife"),
        (
            "no time",
            "RadiopharmaceuticalStartTime=",
            "a time in RadiopharmaceuticalStartTime (0018,1072)",
        ),
        (
            "injected after the scan",
            "RadiopharmaceuticalStartTime=101600",
            "the injection is not within 10 half-lives before the scan",
        ),
        (
            "a long-lived tracer without a date",
            "RadionuclideHalfLife=282240",
            "a time in RadiopharmaceuticalStartDateTime (0018,1078)",
        ),
        ("no scan time", "AcquisitionTime=", "a time in AcquisitionTime (0008,0032)"),
        ("not attenuation corrected", "CorrectedImage=DECY", "does not list ATTN"),
        ("contradiction", "CorrectedImage=ATTN", "contradict each other on decay"),
        ("no decay correction", "DecayCorrection=", "expected START, ADMIN or NONE"),
        ("other units", "Units=PROPCPS", "expected BQML, GML or CNTS in Units (0054,1001)"),
        ("counts without factor", "Units=CNTS", "has counts (CNTS) and no factor"),
        ("lean body mass", "Units=GML;SUVType=LBM", "holds SUV of the type LBM"),
    ] {
        let problem = factor(&format!("{base};{changes}")).unwrap_err();
        assert!(problem.contains(expected), "{case}: {problem}");
    }
}

/// The sarcoma patient's PET is stored as SUV. Made activity again by the patient's weight and the
/// dose left at the scan, 67 minutes less 1 second after the injection, its SUV is the same.
#[test]
fn the_sarcomas_activity_gives_its_suv_again() {
    let Some(ibsi) = ibsi() else { return };
    let folder = ibsi.join("validation/dicom/STS_002/PET/image");
    let suv = read_series(&folder, &ImagingSettings::default()).unwrap();
    let activity = tempfile::tempdir().unwrap();
    let left_bq = 433_344_096.0 * 0.5_f64.powf((66.0 * 60.0 + 59.0) / 6588.0);
    for entry in fs_err::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let mut object = open_file(&path).unwrap().into_inner();
        let slope = numbers(&object, tags::RESCALE_SLOPE)[0] * left_bq / 99_000.0;
        set(&mut object, "Units", "BQML");
        set(&mut object, "DecayCorrection", "START");
        let slope = PrimitiveValue::from(format!("{slope:.10}"));
        object.put(DataElement::new(tags::RESCALE_SLOPE, VR::DS, slope));
        write(object, &activity.path().join(path.file_name().unwrap()));
    }
    let settings = ImagingSettings { pet_unit: PetUnit::SuvBw, ..ImagingSettings::default() };
    let again = read_series(activity.path(), &settings).unwrap();
    assert_eq!((again.unit.as_str(), suv.unit.as_str()), (SUV_BW, "GML"));
    assert_eq!(again.geometry, suv.geometry);
    for (a, b) in again.voxels.iter().zip(&suv.voxels) {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(0.1), "{a} {b}");
    }
    // As stored the unit is told and nothing else done.
    let stored = read_series(activity.path(), &ImagingSettings::default()).unwrap();
    assert_eq!(stored.unit, "BQML");
}

#[test]
fn times_are_read_as_dicom_writes_them() {
    for (text, expected) in [
        ("14", Some(50_400.0)),
        ("1457", Some(53_820.0)),
        ("145759", Some(53_879.0)),
        ("145759.25", Some(53_879.25)),
        ("14:57:59", Some(53_879.0)),
        ("2557", None),
        ("noon", None),
        ("", None),
    ] {
        assert_eq!(time_of_day(text), expected, "{text}");
    }
    assert_eq!(day("19700102"), Some(DAY_S));
    assert_eq!(day("1970.01.02"), Some(DAY_S));
    assert_eq!(day("19700231"), None);
    let moment = |text| date_time(text, Some("+0100"));
    assert_eq!(moment("19700102013000"), Some(DAY_S + 5400.0));
    assert_eq!(moment("19700102013000.0+0000"), Some(DAY_S + 9000.0));
    assert_eq!(date_time("19700102", None), None);
}
