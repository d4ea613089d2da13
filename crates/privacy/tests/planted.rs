//! A corpus with identifiers wherever a file can carry them: none is in a byte of what comes out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

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
use oncoweave_cohort::{TextReader, write_feature_table};
use oncoweave_core::{FeatureInfo, FeatureRow, FeatureTable, PatientId};
use oncoweave_privacy::{
    Dates, Error, Face, Key, Profile, Report, Request, Role, Settings, deidentify, reidentify,
};

const SURNAME: &str = "Zyxwpatient";
const GIVEN: &str = "Qvorna";
const NHS: &str = "9434765919";
const BORN: &str = "19610403";
const BORN_ISO: &str = "1961-04-03";
const MAIL: &str = "qvorna@zyxwpatient.example";
const PATH: &str = "/home/zyxwpatient/scans";
const UID: &str = "1.2.826.0.1.3680043.9.7133.77";
const PLANTED: [&str; 8] = [SURNAME, GIVEN, NHS, BORN, BORN_ISO, MAIL, PATH, UID];

struct Corpus {
    folder: tempfile::TempDir,
    key: Key,
    profile: Profile,
}

impl Corpus {
    fn new() -> Self {
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

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.at("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn run(&self) -> Result<Report, Error> {
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
fn standard_attributes() -> &'static [(Tag, VR)] {
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

fn vcf() -> String {
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

fn build(corpus: &Corpus) {
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

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Planted identifiers in a text, without regard to case.
fn planted_in(bytes: &[u8]) -> Vec<&'static str> {
    let holds = |text: &&str| {
        bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
    };
    PLANTED.into_iter().filter(holds).collect()
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    if bytes.starts_with(b"PAR1") {
        for row in TextReader::open(path).unwrap().flat_map(Result::unwrap) {
            bytes.extend(row.join("\t").bytes());
        }
        return bytes;
    }
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes;
    }
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut noodles::bgzf::io::Reader::new(bytes.as_slice()), &mut text)
        .unwrap();
    text
}

#[test]
fn no_byte_of_the_output_names_anybody() {
    let corpus = Corpus::new();
    build(&corpus);
    let report = corpus.run().unwrap();
    assert_eq!(report.set_aside.get("secondary-capture"), Some(&1), "{:?}", report.set_aside);
    assert_eq!(report.set_aside.get("unknown-kind"), Some(&1));
    let aside = fs::read_to_string(corpus.at("cohort.key.set-aside.csv")).unwrap();
    assert_eq!(report.set_aside.get("broken"), Some(&2), "{aside}");
    assert_eq!(report.files_written(), 8, "{:?}", report.written);
    let written = files(&corpus.at("out"));
    // Eight files, an index, the report and its list.
    assert_eq!(written.len(), 11, "{written:?}");
    let mut checked = 0;
    for path in &written {
        let bytes = unpacked(path);
        let name = path.strip_prefix(corpus.folder.path()).unwrap();
        assert_eq!(planted_in(&bytes), [""; 0], "{}", name.display());
        assert_eq!(planted_in(name.as_os_str().as_encoded_bytes()), [""; 0]);
        checked += bytes.len();
    }
    assert!(checked > 10_000);
    let shown = serde_json::to_string(&report).unwrap();
    assert_eq!(planted_in(shown.as_bytes()), [""; 0]);
    // The corpus itself holds all of them.
    let all: Vec<u8> = files(&corpus.at("in")).iter().flat_map(|path| unpacked(path)).collect();
    assert_eq!(planted_in(&all), PLANTED);
}

#[test]
fn other_readers_open_what_was_written() {
    let corpus = Corpus::new();
    build(&corpus);
    corpus.run().unwrap();
    let mut read = 0;
    for path in
        files(&corpus.at("out")).iter().filter(|path| path.extension().is_some_and(|e| e == "dcm"))
    {
        let object = dicom_object::open_file(path).unwrap();
        let text = |tag| object.element(tag).unwrap().to_str().unwrap().into_owned();
        assert!(text(tags::PATIENT_ID).starts_with("OW-"));
        assert_eq!(text(tags::PATIENT_IDENTITY_REMOVED), "YES");
        assert_eq!(object.meta().media_storage_sop_instance_uid(), text(tags::SOP_INSTANCE_UID));
        let pixels = object.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
        assert_eq!(pixels.as_ref(), [7; 128]);
        read += 1;
    }
    assert_eq!(read, 2);
    let index = files(&corpus.at("out"))
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "tbi"));
    noodles::tabix::fs::read(index.unwrap()).unwrap();
}

#[test]
fn one_patient_has_one_pseudonym_over_all_kinds_of_files() {
    let corpus = Corpus::new();
    build(&corpus);
    corpus.run().unwrap();
    let list = fs::read_to_string(corpus.at("out/deidentification.csv")).unwrap();
    let pseudonym = list
        .lines()
        .find_map(|line| line.split(',').nth(2).filter(|cell| cell.starts_with("OW-")))
        .unwrap()
        .to_owned();
    let clinical = fs::read_to_string(corpus.at("out/clinical.csv")).unwrap();
    assert!(clinical.lines().nth(1).unwrap().starts_with(&pseudonym), "{clinical}");
    let folder = corpus.at("out");
    assert!(files(&folder).iter().any(|path| path.to_string_lossy().contains(&pseudonym)));
}

#[test]
fn only_the_key_leads_back() {
    let corpus = Corpus::new();
    build(&corpus);
    corpus.run().unwrap();
    let clinical = fs::read_to_string(corpus.at("out/clinical.csv")).unwrap();
    let pseudonym = clinical.lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    let pseudonyms = [pseudonym];
    let ask = |reason: &str| {
        let mut out = Vec::new();
        let request = Request { user: "auditor", reason, pseudonyms: &pseudonyms };
        reidentify(&corpus.key, &request, &mut out)
            .map(|found| (found, String::from_utf8(out).unwrap()))
    };
    assert!(ask(" ").is_err());
    let (found, text) = ask("a test").unwrap();
    assert_eq!(found, 1);
    assert!(text.contains(NHS));
    let audit = fs::read_to_string(corpus.at("cohort.key.audit")).unwrap();
    assert_eq!(audit.lines().count(), 1);
    assert!(audit.contains("auditor") && audit.contains("a test") && !audit.contains(NHS));
    for name in ["cohort.key.linkage", "cohort.key"] {
        assert_eq!(planted_in(&fs::read(corpus.at(name)).unwrap()), [""; 0]);
    }
    let aside = fs::read_to_string(corpus.at("cohort.key.set-aside.csv")).unwrap();
    assert!(aside.contains("letter.docx"));
}

#[test]
fn a_run_that_was_cut_off_goes_on() {
    let corpus = Corpus::new();
    build(&corpus);
    let first = corpus.run().unwrap();
    // Only a folder of a run that was cut off is written to.
    let message = corpus.run().unwrap_err().to_string();
    assert!(message.contains("not empty"), "{message}");
    let clinical = fs::read(corpus.at("out/clinical.csv")).unwrap();
    fs::remove_dir_all(corpus.at("out")).unwrap();

    // A file that a list cannot be written over stops a run as a full disk would.
    fs::create_dir_all(corpus.at("out/deidentification.json")).unwrap();
    fs::write(corpus.at("out/.oncoweave-deidentify.jsonl"), "").unwrap();
    assert!(corpus.run().is_err());
    assert!(
        fs::read_to_string(corpus.at("out/.oncoweave-deidentify.jsonl")).unwrap().lines().count()
            > 8
    );
    fs::remove_dir(corpus.at("out/deidentification.json")).unwrap();
    fs::write(corpus.at("out/.oncoweave-part-x"), SURNAME).unwrap();
    let second = corpus.run().unwrap();
    assert_eq!(serde_json::to_string(&first).unwrap(), serde_json::to_string(&second).unwrap());
    assert_eq!(fs::read(corpus.at("out/clinical.csv")).unwrap(), clinical);
    assert!(!corpus.at("out/.oncoweave-part-x").exists());
    assert!(!corpus.at("out/.oncoweave-deidentify.jsonl").exists());
}

#[test]
fn a_run_does_not_go_on_under_another_profile() {
    let mut corpus = Corpus::new();
    build(&corpus);
    fs::create_dir_all(corpus.at("out/deidentification.json")).unwrap();
    fs::write(corpus.at("out/.oncoweave-deidentify.jsonl"), "").unwrap();
    assert!(corpus.run().is_err());
    corpus.profile.dicom.dates = Dates::Full;
    let message = corpus.run().unwrap_err().to_string();
    assert!(message.contains("another key, profile or version"), "{message}");
}

/// The text as BCF, which another writer makes.
fn bcf(text: &str) -> Vec<u8> {
    use noodles::{bcf, vcf, vcf::variant::io::Write as _};
    let mut reader = vcf::io::Reader::new(text.as_bytes());
    let header = reader.read_header().unwrap();
    let mut writer = bcf::io::Writer::new(Vec::new());
    writer.write_variant_header(&header).unwrap();
    for record in reader.record_bufs(&header) {
        writer.write_variant_record(&header, &record.unwrap()).unwrap();
    }
    writer.into_inner().finish().unwrap()
}

/// The positions of the records in a region, by the index beside a file.
fn through_the_index(path: &Path, region: &str) -> Vec<usize> {
    let mut reader =
        noodles::vcf::io::indexed_reader::Builder::default().build_from_path(path).unwrap();
    let header = reader.read_header().unwrap();
    let records = reader.query(&header, &region.parse().unwrap()).unwrap();
    records.records().map(|one| one.unwrap().variant_start().unwrap().unwrap().get()).collect()
}

#[test]
fn bcf_comes_out_as_vcf_with_an_index_whatever_its_contigs_are_as_long_as() {
    let corpus = Corpus::new();
    let records = [
        ("a.bcf", "chr1", "248956422", "100", "200", ".tbi"),
        // Beyond what tabix counts to.
        ("b.bcf", "chrU", "600000000", "500000000", "550000000", ".csi"),
    ];
    for (name, contig, length, first, second, _) in records {
        let text = vcf()
            .replace("ID=chr1,length=248956422", &format!("ID={contig},length={length}"))
            .replace("chr1\t100\t", &format!("{contig}\t{first}\t"))
            .replace("chr1\t200\t", &format!("{contig}\t{second}\t"));
        corpus.write(&format!("{SURNAME}-{name}"), &bcf(&text));
        assert!(planted_in(&bcf(&text)).is_empty(), "BCF is compressed");
    }
    let report = corpus.run().unwrap();
    assert_eq!(
        (report.files_written(), report.files_set_aside()),
        (2, 0),
        "{:?}",
        report.set_aside
    );
    let written = files(&corpus.at("out"));
    for (_, contig, _, first, second, end) in records {
        let of_contig = |path: &&PathBuf| {
            let is_vcf = path.extension().is_some_and(|end| end == "gz");
            is_vcf && String::from_utf8(unpacked(path)).unwrap().contains(&format!("\n{contig}\t"))
        };
        let path = written.iter().find(of_contig).unwrap();
        let text = String::from_utf8(unpacked(path)).unwrap();
        assert_eq!(planted_in(text.as_bytes()), [""; 0], "{text}");
        assert!(text.starts_with("##fileformat=VCF") && text.contains("GT:AD\t0/1:9,8"), "{text}");
        let index = PathBuf::from(format!("{}{end}", path.display()));
        assert!(written.contains(&index), "{written:?}");
        let both: [usize; 2] = [first, second].map(|position| position.parse().unwrap());
        assert_eq!(through_the_index(path, contig), both);
        assert_eq!(through_the_index(path, &format!("{contig}:{second}")), [both[1]]);
    }
}

#[test]
fn the_corpus_is_as_wide_as_the_standard() {
    assert!(standard_attributes().len() > 4000, "{}", standard_attributes().len());
}
