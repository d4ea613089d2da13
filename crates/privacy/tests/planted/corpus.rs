//! The files that are planted.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use dicom_core::{
    DataElement, PrimitiveValue, Tag, VR,
    dictionary::{DataDictionary, DataDictionaryEntry},
    value::DataSetSequence,
};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject, mem::InMemElement};
use fs_err as fs;
use oncoweave_cohort::write_feature_table;
use oncoweave_core::{FeatureInfo, FeatureRow, FeatureTable, PatientId};
use oncoweave_privacy::{Error, Face, Key, Profile, Report, Role, Settings, deidentify};

pub(super) const SURNAME: &str = "Zyxwpatient";
const GIVEN: &str = "Qvorna";
pub(super) const NHS: &str = "9434765919";
const BORN: &str = "19610403";
const BORN_ISO: &str = "1961-04-03";
const MAIL: &str = "qvorna@zyxwpatient.example";
const PATH: &str = "/home/zyxwpatient/scans";
const UID: &str = "1.2.826.0.1.3680043.9.7133.77";
pub(super) const PLANTED: [&str; 8] = [SURNAME, GIVEN, NHS, BORN, BORN_ISO, MAIL, PATH, UID];

/// A folder with what is to be cleaned, its key and its profile.
pub(super) struct Corpus {
    pub(super) folder: tempfile::TempDir,
    pub(super) key: Key,
    pub(super) profile: Profile,
}

impl Corpus {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::create(&folder.path().join("cohort.key")).unwrap();
        let mut profile = Profile::default();
        profile.nifti.face = Face::Absent;
        profile.table.columns.insert("mrn".into(), Role::Patient);
        profile.table.columns.insert("born".into(), Role::Date);
        profile.table.columns.insert("patient_id".into(), Role::Patient);
        profile.table.columns.insert("date".into(), Role::Date);
        Self { folder, key, profile }
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.at("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(super) fn run(&self) -> Result<Report, Error> {
        let (input, out) = (self.at("in"), self.at("out"));
        let settings =
            Settings { input: &input, out: &out, key: &self.key, profile: &self.profile };
        deidentify(&settings, &|_, _| ())
    }
}

fn text(tag: Tag, vr: VR, text: &str) -> InMemElement {
    DataElement::new(tag, vr, PrimitiveValue::from(text))
}

/// Every attribute of the standard's dictionary, found by asking it for all tags of the groups it has.
pub(super) fn standard_attributes() -> &'static [(Tag, VR)] {
    static FOUND: OnceLock<Vec<(Tag, VR)>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let low = (0x0008..=0x0088).step_by(2);
        let high = [
            0x0100, 0x0400, 0x2000, 0x2010, 0x2020, 0x2030, 0x2040, 0x2050, 0x2100, 0x2110, 0x2120,
        ];
        let higher = [
            0x2130, 0x2200, 0x3002, 0x3004, 0x3006, 0x3008, 0x300a, 0x300c, 0x300e, 0x3010, 0x4008,
        ];
        low.chain(high)
            .chain(higher)
            .flat_map(|group| (1..=u16::MAX).map(move |element| Tag(group, element)))
            .filter(|&tag| tag != tags::SPECIFIC_CHARACTER_SET)
            .filter_map(|tag| Some((tag, StandardDataDictionary.by_tag(tag)?.vr().relaxed())))
            .collect()
    })
}

/// An object that names the patient in every attribute of the dictionary that can hold a text, as deep
/// as it is told.
fn planted_object(depth: usize) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    for &(tag, vr) in standard_attributes() {
        let value = match vr {
            VR::PN => format!("{SURNAME}^{GIVEN}"),
            VR::LO | VR::SH | VR::UC => SURNAME.to_owned(),
            VR::ST | VR::LT | VR::UT => {
                format!("{GIVEN} {SURNAME}, {NHS}, {BORN_ISO}, {MAIL}, {PATH}")
            }
            VR::UR => format!("http://{MAIL}"),
            VR::DA => BORN.to_owned(),
            VR::DT => format!("{BORN}101112"),
            VR::UI => UID.to_owned(),
            VR::AE | VR::CS => "ZYXWPATIENT".to_owned(),
            _ => continue,
        };
        object.put(text(tag, vr, &value));
    }
    object.put(text(Tag(0x0029, 0x0010), VR::LO, SURNAME));
    object.put(text(Tag(0x0029, 0x1010), VR::UT, PATH));
    if depth > 0 {
        for tag in [tags::REFERENCED_SERIES_SEQUENCE, tags::REQUEST_ATTRIBUTES_SEQUENCE] {
            let inner = if tag == tags::REFERENCED_SERIES_SEQUENCE {
                planted_object(depth - 1)
            } else {
                planted_object(0)
            };
            object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(vec![inner])));
        }
    }
    object
}

fn dicom_file(path: &Path, class: &str, transfer_syntax: &str, instance: u32) {
    let mut object = planted_object(10);
    for (tag, vr, value) in [
        (tags::SOP_CLASS_UID, VR::UI, class),
        (tags::MODALITY, VR::CS, "CT"),
        (tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL"),
        (tags::PATIENT_ID, VR::LO, NHS),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        (tags::BURNED_IN_ANNOTATION, VR::CS, "NO"),
    ] {
        object.put(text(tag, vr, value));
    }
    let uid = format!("{UID}.{instance}");
    object.put(text(tags::SOP_INSTANCE_UID, VR::UI, &uid));
    for (tag, number) in [(tags::ROWS, 8_u16), (tags::COLUMNS, 8), (tags::BITS_ALLOCATED, 16)] {
        object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(number)));
    }
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::from(vec![7_u8; 128])));
    let meta = FileMetaTableBuilder::new()
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid(uid)
        .transfer_syntax(transfer_syntax)
        .source_application_entity_title(SURNAME);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    object.with_meta(meta).unwrap().write_to_file(path).unwrap();
    // The preamble may hold anything.
    let mut bytes = fs::read(path).unwrap();
    bytes[..SURNAME.len()].copy_from_slice(SURNAME.as_bytes());
    fs::write(path, bytes).unwrap();
}

fn nifti() -> Vec<u8> {
    let mut bytes = vec![0; 348];
    bytes[..4].copy_from_slice(&348_i32.to_le_bytes());
    for (axis, length) in [(0, 3_i16), (1, 2), (2, 2), (3, 2)] {
        bytes[40 + 2 * axis..42 + 2 * axis].copy_from_slice(&length.to_le_bytes());
    }
    bytes[72..74].copy_from_slice(&8_i16.to_le_bytes());
    bytes[108..112].copy_from_slice(&384_f32.to_le_bytes());
    for (at, planted) in [(14, SURNAME), (148, MAIL), (228, PATH), (328, GIVEN)] {
        bytes[at..at + planted.len()].copy_from_slice(planted.as_bytes());
    }
    bytes[344..348].copy_from_slice(b"n+1\0");
    bytes.extend([1, 0, 0, 0, 32, 0, 0, 0, 6, 0, 0, 0]);
    bytes.extend(SURNAME.as_bytes());
    bytes.resize(384, b' ');
    bytes.extend(1..=8_u8);
    bytes.extend(NHS.as_bytes());
    bytes
}

pub(super) fn vcf() -> String {
    format!(
        "##fileformat=VCFv4.2\n##fileDate={BORN}\n##source=Mutect2 {SURNAME}\n\
         ##reference=file://{PATH}/hg38.fa\n##cmdline=\"call -I {PATH}/{NHS}.bam\"\n\
         ##SAMPLE=<ID={SURNAME},Description=\"{GIVEN} {SURNAME}, {NHS}\">\n\
         ##PEDIGREE=<Derived={SURNAME},Original=NORMAL>\n##{SURNAME}={NHS}\n\
         ##contig=<ID=chr1,length=248956422,URL=\"{PATH}\">\n\
         ##INFO=<ID=DP,Number=1,Type=Integer,Description=\"Depth {SURNAME}\",Source=\"{MAIL}\">\n\
         ##INFO=<ID=NOTE,Number=1,Type=String,Description=\"{NHS}\">\n\
         ##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype {GIVEN}\">\n\
         ##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"Depths\">\n\
         ##FORMAT=<ID=WHO,Number=1,Type=String,Description=\"{GIVEN}\">\n\
         #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{SURNAME}\tNORMAL\n\
         chr1\t100\t{NHS}\tC\tT\t50\tPASS\tDP=30;NOTE={SURNAME}\tGT:AD:WHO\t0/1:9,8:{GIVEN}\t0/0:9,0:.\n\
         chr1\t200\trs12\tC\tG\t50\tPASS\tDP=31\tGT:AD\t0/1:9,8\t0/0:9,0\n"
    )
}

/// A table whose columns and metadata name the patient.
fn parquet() -> Vec<u8> {
    let feature = FeatureInfo {
        name: SURNAME.to_owned(),
        unit: GIVEN.to_owned(),
        meaning: PATH.to_owned(),
        standard: MAIL.to_owned(),
    };
    let row = FeatureRow {
        patient_id: PatientId::new(NHS).unwrap(),
        date: BORN_ISO.parse().ok(),
        values: vec![Some(1.5)],
    };
    let table = FeatureTable { features: vec![feature], rows: vec![row] };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write_feature_table(&path, &table).unwrap();
    fs::read(path).unwrap()
}

fn gz(text: &str) -> Vec<u8> {
    let mut writer = noodles::bgzf::io::Writer::new(Vec::new());
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

pub(super) fn build(corpus: &Corpus) {
    let folder = corpus.at("in").join(format!("{SURNAME}^{GIVEN}")).join(NHS);
    for (index, syntax) in
        (0..).zip([uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN])
    {
        let path = folder.join(format!("{SURNAME}-{index}.dcm"));
        dicom_file(&path, uids::CT_IMAGE_STORAGE, syntax, index);
    }
    dicom_file(
        &folder.join("capture"),
        uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        9,
    );
    let whole = fs::read(folder.join(format!("{SURNAME}-0.dcm"))).unwrap();
    corpus.write("broken.dcm", &whole[..whole.len() / 2]);
    corpus.write(&format!("{SURNAME}.nii"), &nifti());
    corpus.write(&format!("{NHS}.vcf"), vcf().as_bytes());
    corpus.write(&format!("{NHS}-2.vcf.gz"), &gz(&vcf()));
    corpus.write(&format!("{NHS}-2.vcf.gz.tbi"), SURNAME.as_bytes());
    corpus.write(
        "calls.maf",
        format!(
            "#{SURNAME} {PATH}\nHugo_Symbol\tTumor_Sample_Barcode\tt_depth\tCenter\tBAM_File\n\
             TP53\t{SURNAME}\t30\t{SURNAME}\t{PATH}\n"
        )
        .as_bytes(),
    );
    corpus.write(
        "clinical.csv",
        format!(
            "mrn,born,notes,{SURNAME},mail,phone\n{NHS},{BORN_ISO},\"seen by Dr {SURNAME}, born \
             {BORN_ISO}\",{GIVEN},{MAIL},07700 900123\n{NHS},3 April 1961 {SURNAME},,,,\n"
        )
        .as_bytes(),
    );
    corpus.write("follow-up.parquet", &parquet());
    corpus.write("letter.docx", format!("{GIVEN} {SURNAME}").as_bytes());
    corpus.write("ragged.csv", format!("mrn,born\n{NHS}\n").as_bytes());
}
