//! A corpus with identifiers wherever a file can carry them: none is in a byte of what comes out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod corpus;

use std::path::{Path, PathBuf};

use dicom_dictionary_std::tags;
use fs_err as fs;
use oncoweave_cohort::TextReader;
use oncoweave_privacy::{Dates, Request, reidentify};

use corpus::{Corpus, NHS, PLANTED, SURNAME, build, standard_attributes, vcf};

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
