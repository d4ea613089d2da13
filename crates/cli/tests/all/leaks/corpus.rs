//! A simulated cohort in which every place that a file has for it names the patient.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use dicom_core::{DataElement, PrimitiveValue, Tag, VR, value::DataSetSequence};
use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, mem::InMemElement, open_file};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use fs_err as fs;

use super::surfaces::contents;
use crate::extract::{code, oncoweave, stderr, text};

const SURNAME: &str = "Zyxwpatient";
const GIVEN: &str = "Qvorna";
const NHS: &str = "9434765919";
const HOSPITAL_NUMBER: &str = "HX7713402";
const BORN: &str = "19610403";
const BORN_ISO: &str = "1961-04-03";
const MAIL: &str = "qv.orna@nowhere.example";
const PHONE: &str = "07700900123";
const STREET: &str = "Vrkstraat 17";
const PATH: &str = "/home/zyxwpatient/scans";
const UID: &str = "1.2.826.0.1.3680043.9.7133.77";

/// What only the content of files says: it may be nowhere, whatever a user has allowed.
pub(super) const SECRETS: [&str; 11] =
    [SURNAME, GIVEN, NHS, HOSPITAL_NUMBER, BORN, BORN_ISO, MAIL, PHONE, STREET, PATH, UID];

/// What a user calls patients, samples and the cohort in its lists, and so in the names of its files.
/// Without `deidentify` these are the ids of all results.
pub(super) const GIVEN_IDS: [&str; 3] = ["QZKP-", "VSMP-", "QZKHOSPITAL"];

/// Those of patients and samples among them, which no log and message of the container has.
pub(super) const PATIENT_IDS: [&str; 2] = ["QZKP-", "VSMP-"];

/// Makes the cohort in a folder.
pub(super) fn plant(cohort: &Path) {
    let simulated = oncoweave(&["simulate", "--patients", "30", "--out", text(cohort)]);
    assert_eq!(code(&simulated), 0, "{}", stderr(&simulated));
    rename_all(cohort);
    for path in paths(cohort) {
        match path.extension().and_then(|end| end.to_str()) {
            Some("dcm") => plant_dicom(&path),
            Some("gz") if text(&path).ends_with(".vcf.gz") => rewrite(&path, plant_vcf),
            Some("gz") => rewrite(&path, plant_nifti),
            Some("csv" | "toml" | "md") => {
                let known = fs::read_to_string(&path).unwrap();
                let renamed = known.replace("SIM-", "QZKP-").replace("sim-", "qzkp-");
                fs::write(&path, renamed.replace("TUMOR", "VSMP-1-T")).unwrap();
            }
            _ => {}
        }
    }
    plant_clinical(&cohort.join("clinical.csv"));
    let manifest = cohort.join("cohort.toml");
    let known = fs::read_to_string(&manifest).unwrap();
    let told = known.replace("[privacy]\nstatus = \"synthetic\"\n", "");
    let named = told.replace("id = \"simulated", "id = \"QZKHOSPITAL");
    assert!(named.len() < known.len() && named.contains("QZKHOSPITAL"));
    fs::write(manifest, named).unwrap();
}

/// The files below a folder.
pub(super) fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(paths(&path)) } else { found.push(path) }
    }
    found
}

/// All that the files below a folder hold, and what they are called.
pub(super) fn contents_of(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for path in paths(folder) {
        all.extend(text(&path).bytes());
        all.extend(contents(&path));
    }
    all
}

fn rename_all(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let renamed = folder.join(name.replace("SIM-", "QZKP-"));
        fs::rename(&path, &renamed).unwrap();
        if renamed.is_dir() {
            rename_all(&renamed);
        }
    }
}

/// A note that holds every kind of identifier.
pub(super) fn all_in_one_text() -> String {
    format!(
        "seen by Dr {SURNAME}: {GIVEN} {SURNAME}, born {BORN_ISO} ({BORN}), NHS {NHS}, \
         {HOSPITAL_NUMBER}, {MAIL}, {PHONE}, {STREET}, {PATH}, {UID}"
    )
}

/// Columns that the manifest does not name, and cells where somebody wrote into the wrong one.
fn plant_clinical(path: &Path) {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let mut header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|known| known == name).unwrap();
    let (stage, ldh) = (place("stage"), place("ldh"));
    for name in ["name", "birth_date", "nhs", "mrn", "mail", "phone", "street", "notes", SURNAME] {
        header.push_field(name);
    }
    let mut rows: Vec<Vec<String>> = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    for row in &mut rows {
        let name = format!("{SURNAME}, {GIVEN}");
        let notes = all_in_one_text();
        for cell in [&name, BORN_ISO, NHS, HOSPITAL_NUMBER, MAIL, PHONE, STREET, &notes, GIVEN] {
            row.push((*cell).to_owned());
        }
    }
    SURNAME.clone_into(&mut rows[1][stage]);
    NHS.clone_into(&mut rows[2][ldh]);
    let mut writer = csv::Writer::from_path(path).unwrap();
    writer.write_record(&header).unwrap();
    for row in rows {
        writer.write_record(row).unwrap();
    }
    writer.flush().unwrap();
}

fn element(tag: Tag, vr: VR, value: &str) -> InMemElement {
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

/// A sequence ten deep whose every item names the patient.
fn nested(depth: usize) -> InMemElement {
    let mut item = InMemDicomObject::new_empty();
    for planted in named() {
        item.put(planted);
    }
    if depth > 1 {
        item.put(nested(depth - 1));
    }
    let tag = if depth.is_multiple_of(2) {
        tags::REFERENCED_STUDY_SEQUENCE
    } else {
        tags::REQUEST_ATTRIBUTES_SEQUENCE
    };
    DataElement::new(tag, VR::SQ, DataSetSequence::from(vec![item]))
}

fn named() -> Vec<InMemElement> {
    let note = all_in_one_text();
    vec![
        element(tags::PATIENT_NAME, VR::PN, &format!("{SURNAME}^{GIVEN}")),
        element(tags::REFERRING_PHYSICIAN_NAME, VR::PN, &format!("{SURNAME}^Dr")),
        element(tags::PATIENT_BIRTH_DATE, VR::DA, BORN),
        element(tags::OTHER_PATIENT_NAMES, VR::PN, GIVEN),
        element(tags::PATIENT_ADDRESS, VR::LO, STREET),
        element(tags::PATIENT_TELEPHONE_NUMBERS, VR::SH, PHONE),
        element(tags::PATIENT_COMMENTS, VR::LT, &note),
        element(tags::ACCESSION_NUMBER, VR::SH, HOSPITAL_NUMBER),
        element(tags::STUDY_DESCRIPTION, VR::LO, &format!("chest {SURNAME} {NHS}")),
        element(tags::DEVICE_SERIAL_NUMBER, VR::LO, HOSPITAL_NUMBER),
        element(tags::INSTITUTION_ADDRESS, VR::ST, MAIL),
        element(tags::RETRIEVE_URL, VR::UR, &format!("http://{MAIL}")),
        element(tags::CONTENT_CREATOR_NAME, VR::PN, SURNAME),
        element(tags::IRRADIATION_EVENT_UID, VR::UI, UID),
        element(Tag(0x0029, 0x0010), VR::LO, SURNAME),
        element(Tag(0x0029, 0x1010), VR::UT, &note),
    ]
}

fn plant_dicom(path: &Path) {
    let mut object = open_file(path).unwrap();
    for planted in named() {
        object.put(planted);
    }
    object.put(element(tags::PATIENT_ID, VR::LO, NHS));
    object.put(element(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "NO"));
    object.put(nested(10));
    object.write_to_file(path).unwrap();
    // The preamble may hold anything.
    let mut bytes = fs::read(path).unwrap();
    bytes[..SURNAME.len()].copy_from_slice(SURNAME.as_bytes());
    fs::write(path, bytes).unwrap();
}

/// Rewrites a compressed file; one that is cut off stays as it is.
fn rewrite(path: &Path, change: fn(Vec<u8>) -> Vec<u8>) {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).unwrap();
    if MultiGzDecoder::new(file).read_to_end(&mut bytes).is_err() {
        return;
    }
    let mut writer = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    writer.write_all(&change(bytes)).unwrap();
    writer.finish().unwrap();
}

fn header_lines() -> String {
    format!(
        "##fileDate={BORN}\n##cmdline=\"call -I {PATH}/{NHS}.bam --mail {MAIL}\"\n\
         ##SAMPLE=<ID=VSMP-1-T,Description=\"{}\">\n\
         ##PEDIGREE=<Derived=VSMP-1-T,Original={SURNAME}>\n##{SURNAME}={NHS}\n\
         ##INFO=<ID=NOTE,Number=1,Type=String,Description=\"{GIVEN}\">\n",
        all_in_one_text()
    )
}

fn plant_vcf(bytes: Vec<u8>) -> Vec<u8> {
    let known = String::from_utf8(bytes).unwrap();
    let (mut planted, mut records) = (String::new(), 0);
    for line in known.lines() {
        let line = line.replace("NORMAL", "VSMP-1-N").replace("TUMOR", "VSMP-1-T");
        if line.starts_with("#CHROM") {
            planted += &header_lines();
        }
        let mut cells: Vec<&str> = line.split('\t').collect();
        let noted = cells.get(7).map(|info| format!("{info};NOTE={SURNAME}-{HOSPITAL_NUMBER}"));
        if let (false, Some(noted)) = (line.starts_with('#'), &noted) {
            records += 1;
            cells[7] = noted;
            if records % 7 == 0 {
                cells[2] = NHS;
            }
        }
        planted += &(cells.join("\t") + "\n");
    }
    planted.into_bytes()
}

fn plant_nifti(mut bytes: Vec<u8>) -> Vec<u8> {
    for (at, planted) in [(14, SURNAME), (148, MAIL), (228, GIVEN), (328, BORN)] {
        bytes[at..at + planted.len()].copy_from_slice(planted.as_bytes());
    }
    // An extension of comments (code 6), whose length is a multiple of 16.
    let mut extension = [256_u32.to_le_bytes(), 6_u32.to_le_bytes()].concat();
    extension.extend(all_in_one_text().bytes());
    extension.resize(256, b' ');
    assert_eq!(bytes[108..112], 352.0_f32.to_le_bytes());
    bytes[108..112].copy_from_slice(&(352.0_f32 + 256.0).to_le_bytes());
    bytes[348] = 1;
    bytes.splice(352..352, extension);
    bytes
}
