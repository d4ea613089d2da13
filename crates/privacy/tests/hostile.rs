//! Folders that nobody would make on purpose: links, archives, names twice, files that cannot be read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use fs_err as fs;
use oncoweave_privacy::{Error, Key, Profile, Report, Settings, deidentify, set_aside_list};

const SURNAME: &str = "Zyxwpatient";

struct Bench {
    folder: tempfile::TempDir,
    key: Key,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::create(&folder.path().join("a.key")).unwrap();
        Self { folder, key }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.at("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn try_run(&self) -> Result<Report, Error> {
        let (input, out, profile) = (self.at("in"), self.at("out"), Profile::default());
        let settings = Settings { input: &input, out: &out, key: &self.key, profile: &profile };
        deidentify(&settings, &|_, _| ())
    }

    fn run(&self) -> Report {
        self.try_run().unwrap()
    }

    /// Writes a cohort of two patients whose modality `g` is of VCFs, with the rows of its files list.
    fn write_cohort(&self, options: &str, files: &str) {
        let manifest = "schema = 1\nid = \"a\"\n[clinical]\ntable = \"clinical.csv\"\n\
                        [clinical.columns]\nage = { type = \"number\" }\n[[modality]]\nname = \"g\"\n\
                        kind = \"vcf\"\n";
        self.write("cohort.toml", format!("{manifest}{options}\n").as_bytes());
        self.write("clinical.csv", b"patient_id,age\nP1,60\nP2,60\n");
        self.write("files.csv", format!("patient_id,modality,path,panel\n{files}").as_bytes());
    }

    /// All that the folder's own files hold that was written.
    fn all_written(&self) -> String {
        let mut all = String::new();
        for entry in fs::read_dir(self.at("out")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                all.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
            }
        }
        all
    }

    /// What was set aside, by the name of the file.
    fn aside(&self) -> BTreeMap<String, String> {
        let mut reader = csv::Reader::from_path(set_aside_list(&self.key)).unwrap();
        let name = |path: &str| Path::new(path).file_name().unwrap().to_string_lossy().into_owned();
        let rows = reader.records().map(Result::unwrap);
        rows.map(|row| (name(&row[1]), row[2].to_owned())).collect()
    }

    /// The contents of the DICOM files that were written.
    fn written(&self) -> BTreeSet<Vec<u8>> {
        fn add(folder: &Path, found: &mut BTreeSet<Vec<u8>>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    add(&path, found);
                } else if path.extension().is_some_and(|end| end == "dcm") {
                    found.insert(fs::read(path).unwrap());
                }
            }
        }
        let mut found = BTreeSet::new();
        add(&self.at("out"), &mut found);
        found
    }
}

fn element(group: u16, element: u16, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = [group.to_le_bytes(), element.to_le_bytes()].concat();
    bytes.extend(vr.as_bytes());
    let length = value.len() + value.len() % 2;
    bytes.extend(u16::try_from(length).unwrap().to_le_bytes());
    bytes.extend(value);
    bytes.resize(8 + length, if vr == "UI" { 0 } else { b' ' });
    bytes
}

/// A CT slice of one instance.
fn slice(instance: u32, more: &[u8]) -> Vec<u8> {
    let uid = format!("1.2.3.{instance}");
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend(element(2, 0x10, "UI", b"1.2.840.10008.1.2.1"));
    bytes.extend(element(8, 0x16, "UI", b"1.2.840.10008.5.1.4.1.1.2"));
    bytes.extend(element(8, 0x18, "UI", uid.as_bytes()));
    bytes.extend(element(8, 0x60, "CS", b"CT"));
    bytes.extend(more);
    bytes.extend(element(0x10, 0x10, "PN", SURNAME.as_bytes()));
    bytes.extend(element(0x10, 0x20, "LO", b"9434765919"));
    bytes
}

#[test]
fn links_archives_and_what_cannot_be_read_are_set_aside_by_name() {
    let bench = Bench::new();
    let outside = bench.at("outside.dcm");
    fs::write(&outside, slice(9, b"")).unwrap();
    bench.write("head.dcm", &slice(1, b""));
    symlink(&outside, bench.at("in/link.dcm")).unwrap();
    symlink(bench.at("in"), bench.at("in/circle")).unwrap();
    symlink(bench.at("nowhere"), bench.at("in/dangling.csv")).unwrap();
    bench.write("scans.zip", b"PK\x03\x04 Zyxwpatient");
    bench.write("scans.tar.gz", b"\x1f\x8b Zyxwpatient");
    bench.write("letter.pdf", b"%PDF-1.7 Zyxwpatient");
    let mut directory = slice(2, b"");
    let class = b"1.2.840.10008.5.1.4.1.1.2";
    let place = directory.windows(class.len()).position(|part| part == class).unwrap();
    directory[place..place + class.len()].copy_from_slice(b"1.2.840.10008.1.3.10\0\0\0\0\0");
    bench.write("DICOMDIR", &directory);
    let closed = bench.write("closed.dcm", &slice(3, b""));
    fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let report = bench.run();
    let mut expected = vec![
        ("DICOMDIR", "dicomdir"),
        ("circle", "link"),
        ("dangling.csv", "link"),
        ("letter.pdf", "unknown-kind"),
        ("link.dcm", "link"),
        ("scans.tar.gz", "unknown-kind"),
        ("scans.zip", "unknown-kind"),
    ];
    // The system's administrator may read everything.
    if fs::File::open(&closed).is_err() {
        expected.insert(3, ("closed.dcm", "unreadable"));
    }
    expected.sort_unstable();
    let found = bench.aside();
    let found: Vec<(&str, &str)> =
        found.iter().map(|(name, code)| (name.as_str(), code.as_str())).collect();
    assert_eq!(found, expected);
    assert_eq!(report.set_aside.values().sum::<u64>(), expected.len() as u64);
    let written = bench.written();
    assert_eq!(written.len(), 9 - expected.len());
    assert!(written.iter().all(|bytes| memchr::memmem::find(bytes, SURNAME.as_bytes()).is_none()));
}

/// Both `IM1` and `IM1.dcm` end in `.dcm`, and two names may read the same.
#[test]
fn no_file_is_written_over_another() {
    use std::os::unix::ffi::OsStrExt;

    let bench = Bench::new();
    for (number, name) in
        ["a/IM1", "a/IM1.dcm", "a/IM1.DCM", "a/IM1.dcm 1", "b/IM1", "head", "head.dcm"]
            .iter()
            .enumerate()
    {
        bench.write(name, &slice(u32::try_from(number).unwrap(), b""));
    }
    for byte in [0xfe, 0xff] {
        let name = std::ffi::OsStr::from_bytes(&[b'I', byte]).to_owned();
        fs::write(bench.at("in").join(name), slice(byte.into(), b"")).unwrap();
    }
    bench.run();
    assert_eq!(bench.written().len(), 9);
}

/// Nearly a million private blocks, and sequences in sequences in unknown ones. A busy machine has a
/// hundred times as long as the work needs; work that grows with the square of the blocks has not.
#[test]
fn a_hostile_file_ends_in_time_and_names_nobody() {
    let bench = Bench::new();
    let mut more = Vec::new();
    for group in (0x0009..0x0009 + 2 * 4000).step_by(2) {
        for block in 0x10..=0xff {
            more.extend(element(group, block, "LO", b"Philips PET Private Group"));
        }
    }
    // Out of order: after them come the patient's own elements.
    bench.write("many.dcm", &slice(1, &more));
    let mut nested = element(0x10, 0x10, "PN", SURNAME.as_bytes());
    for _ in 0..200 {
        let mut item = b"\xfe\xff\x00\xe0".to_vec();
        item.extend(u32::try_from(nested.len()).unwrap().to_le_bytes());
        item.extend(&nested);
        nested = b"\x08\x00\x15\x11SQ\0\0".to_vec();
        nested.extend(u32::try_from(item.len()).unwrap().to_le_bytes());
        nested.extend(item);
    }
    bench.write("deep.dcm", &slice(2, &nested));
    let start = std::time::Instant::now();
    let mut profile = Profile::default();
    profile.dicom.safe_private = true;
    let (input, out) = (bench.at("in"), bench.at("out"));
    let settings = Settings { input: &input, out: &out, key: &bench.key, profile: &profile };
    deidentify(&settings, &|_, _| ()).unwrap();
    assert!(start.elapsed().as_secs() < 300);
    // Nobody nests so deep: such a file is broken.
    assert_eq!(bench.aside()["deep.dcm"], "broken");
    let written = bench.written();
    assert_eq!(written.len(), 1);
    assert!(written.iter().all(|bytes| memchr::memmem::find(bytes, SURNAME.as_bytes()).is_none()));
}

/// Two patients whose ids differ in case alone are two, in every table.
#[test]
fn ids_that_differ_in_case_are_two_patients() {
    let bench = Bench::new();
    bench.write("a.csv", b"mrn,born\np1,1961-04-03\nP1,1961-04-03\n p1 ,1961-04-03\n");
    let mut profile = Profile::default();
    profile.table.columns.insert("mrn".into(), oncoweave_privacy::Role::Patient);
    profile.table.columns.insert("born".into(), oncoweave_privacy::Role::Date);
    let (input, out) = (bench.at("in"), bench.at("out"));
    let settings = Settings { input: &input, out: &out, key: &bench.key, profile: &profile };
    let report = deidentify(&settings, &|_, _| ()).unwrap();
    assert!(report.set_aside.is_empty());
    let table = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    let table = table.filter(|path| {
        path.extension().is_some_and(|end| end == "csv") && !path.ends_with("deidentification.csv")
    });
    let text = fs::read_to_string(table.last().unwrap()).unwrap();
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(rows[0], rows[2], "spaces around an id are nobody's");
    assert_ne!(rows[0], rows[1]);
}

/// What the lists of a cohort say in places where nobody looks for a name.
#[test]
fn a_cohort_s_lists_keep_no_name_in_panels_and_genomes_none_in_keys() {
    let bench = Bench::new();
    let files = "P1,g,a.vcf,PA\nP2,g,b.vcf,Zyxwpatient\n";
    bench.write_cohort("panels = \"panels.tsv\"", files);
    bench.write("panels.tsv", b"panel\tgene\nPA\tTP53\n");
    // A caller that names its fields by the sample, and a file put together of several.
    let genome = "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n\
                  ##INFO=<ID=Zyxwpatient_T_AF,Number=1,Type=Float,Description=\"share\">\n\
                  ##INFO=<ID=set,Number=1,Type=String,Description=\"source\">\n\
                  ##FILTER=<ID=low_Zyxwpatient_T,Description=\"low\">\n\
                  #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tZyxwpatient_T\tNORMAL\n\
                  chr1\t5\t.\tC\tT\t.\tlow_Zyxwpatient_T\tZyxwpatient_T_AF=0.5;set=zyxwpatient_t-NORMAL\t\
                  GT\t0/1\t0/0\nchr1\t7\t.\tC\tT\t.\tPASS\tset=mutect2\tGT\t0/1\t0/0\n";
    bench.write("a.vcf", genome.as_bytes());
    bench.write("b.vcf", genome.as_bytes());
    let report = bench.run();
    assert!(report.set_aside.is_empty(), "{:?}", report.set_aside);
    let list = fs::read_to_string(bench.at("out/files.csv")).unwrap();
    assert_eq!(list.matches(",PA\n").count(), 1, "{list}");
    assert_eq!(list.matches(",unlisted\n").count(), 1, "{list}");
    let all = bench.all_written().to_lowercase();
    assert!(!all.contains("zyxwpatient"), "{all}");
    assert_eq!(all.matches("set=mutect2").count(), 2);
    assert_eq!(all.matches("\tnormal\n").count(), 2);
}

const GENOME: &str = "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n\
                      #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tTUMOR\n\
                      chr1\t5\t.\tC\tT\t.\tPASS\t.\tGT\t0/1\n";

/// An empty cell would say that every gene was looked at, and what nobody measured became 0.
#[test]
fn a_panel_never_becomes_an_empty_cell() {
    use std::io::Write as _;

    let bench = Bench::new();
    bench.write_cohort("panels = \"panels.tsv.gz\"", "P1,g,a.vcf,PA\nP2,g,b.vcf,Zyxwpatient\n");
    bench.write("a.vcf", GENOME.as_bytes());
    bench.write("b.vcf", GENOME.as_bytes());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(b"panel\tgene\nPA\tTP53\nunlisted\tKRAS\n").unwrap();
    bench.write("panels.tsv.gz", &packed.finish().unwrap());
    let report = bench.run();
    let list = fs::read_to_string(bench.at("out/files.csv")).unwrap();
    assert_eq!(list.matches(",PA\n").count(), 1, "{list}");
    assert_eq!(list.matches(",unlisted_\n").count(), 1, "{list}");
    let said = |report: &Report, part: &str| report.warnings.iter().any(|text| text.contains(part));
    assert!(said(&report, "1 rows of the files list name a gene panel"), "{:?}", report.warnings);
    assert!(!said(&report, "cannot be read"), "{:?}", report.warnings);

    fs::remove_dir_all(bench.at("out")).unwrap();
    bench.write("panels.tsv.gz", b"\x1f\x8b cut off");
    let report = bench.run();
    let list = fs::read_to_string(bench.at("out/files.csv")).unwrap();
    assert_eq!(list.matches(",unlisted\n").count(), 2, "{list}");
    assert!(said(&report, "a file of gene panels of the modality `g` cannot be read"));
    assert!(!bench.all_written().contains(SURNAME));
}

/// Samples may be called like bases and numbers, and texts that name them may be long.
#[test]
fn names_of_samples_are_found_as_words_in_texts_of_any_length() {
    let bench = Bench::new();
    let long = format!("{}zyxwPATIENT_T-NORMAL", "mutect2-".repeat(100));
    let genome = format!(
        "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n\
         ##INFO=<ID=CSQ,Number=.,Type=String,Description=\"Format: Allele|Gene\">\n\
         ##INFO=<ID=set,Number=1,Type=String,Description=\"source\">\n\
         #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tCAT\t415\tZyxwpatient_T\n\
         chr1\t5\t.\tC\tGCATG\t.\tPASS\tCSQ=GCATG|ENSG00000141510\tGT\t0/1\t0/0\t0/1\n\
         chr1\t6\t.\tC\tCAT\t.\tPASS\tset=mutect2\tGT\t0/1\t0/0\t0/1\n\
         chr1\t7\t.\tC\tT\t.\tPASS\tset={long}\tGT\t0/1\t0/0\t0/1\n\
         chr1\t8\t.\tC\tT\t.\tPASS\tCSQ=T|x-cat\tGT\t0/1\t0/0\t0/1\n"
    );
    bench.write("a.vcf", genome.as_bytes());
    let report = bench.run();
    let all = bench.all_written();
    for line in [
        "chr1\t5\t.\tC\tGCATG\t.\tPASS\tCSQ=GCATG|ENSG00000141510\tGT\t0/1\t0/0\t0/1\n",
        "chr1\t6\t.\tC\tCAT\t.\tPASS\tset=mutect2\tGT\t0/1\t0/0\t0/1\n",
        "chr1\t7\t.\tC\tT\t.\tPASS\t.\tGT\t0/1\t0/0\t0/1\n",
        "chr1\t8\t.\tC\tT\t.\tPASS\t.\tGT\t0/1\t0/0\t0/1\n",
    ] {
        assert!(all.contains(line), "{line}: {all}");
    }
    assert!(!all.to_lowercase().contains("zyxwpatient"), "{all}");
    assert_eq!(report.actions["values that hold a sample's name emptied"], 2);
    assert!(report.warnings.iter().any(|text| text.contains(": 2 values of FILTER, INFO")));
}

/// A run that goes on must not take a link's own size and time for those of the file behind it.
#[test]
fn a_link_that_a_list_names_is_followed_and_cleaned_anew_when_its_target_changed() {
    let bench = Bench::new();
    bench.write_cohort("", "P1,g,a.vcf,\n");
    let target = bench.at("target.vcf");
    fs::write(&target, GENOME).unwrap();
    symlink(&target, bench.at("in/a.vcf")).unwrap();
    // A file that a list cannot be written over stops a run as a full disk would.
    fs::create_dir_all(bench.at("out/deidentification.json")).unwrap();
    fs::write(bench.at("out/.oncoweave-deidentify.jsonl"), "").unwrap();
    assert!(bench.try_run().is_err());
    assert!(bench.all_written().contains("chr1\t5\t"));

    fs::remove_dir(bench.at("out/deidentification.json")).unwrap();
    fs::write(&target, GENOME.replace("chr1\t5\t", "chr1\t777\t")).unwrap();
    let report = bench.run();
    assert!(report.set_aside.is_empty(), "{:?}", report.set_aside);
    let all = bench.all_written();
    assert!(all.contains("chr1\t777\t") && !all.contains("chr1\t5\t"), "{all}");
}
