//! Checks on vcf2maf's files of one tumor and normal by eight callers, which are not part of the
//! repository: see `real_data`.

use std::{collections::BTreeMap, path::Path};

use crate::{
    SomaticVariant, VcfResources, VcfSettings, VcfSource,
    allele::Kind,
    evidence::{Allele, Evidence, of_sample},
    header::{FIXED_COLUMNS, Header},
    lines::{Lines, fields},
    normalize::trim,
    real_data::genomics,
    sample::{Format, Sample},
    tally::Locus,
    vcf_variants,
};

/// Depth, reference and ALT of the tumor, then of the normal.
type Counts = [Option<u32>; 6];

/// What `FixAlleleDepths` of vcf2maf gives: file, record and ALT to counts.
fn golden() -> BTreeMap<(String, usize, usize), Counts> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/genomics_evidence.csv");
    let text = fs_err::read_to_string(path).unwrap();
    let rows = text.lines().skip(2).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let counts = std::array::from_fn(|place| cells[3 + place].parse().ok());
        ((cells[0].to_owned(), cells[1].parse().unwrap(), cells[2].parse().unwrap()), counts)
    });
    rows.collect()
}

/// One sample's evidence of an ALT.
struct Found {
    record: usize,
    alt: usize,
    /// Where its counts start among the golden ones.
    column: usize,
    evidence: Evidence,
    /// Whether `AD` has a number for each allele, or belongs to `RD`.
    has_depths: bool,
}

/// The evidence of every ALT in a file, of the tumor and of the normal.
fn evidence_of(path: &Path) -> Vec<Found> {
    let mut lines = Lines::open(path).unwrap();
    let header = Header::read(&mut lines).unwrap();
    let pair = header.pair(None, &mut lines).unwrap();
    let mut found = Vec::new();
    let mut record = 0;
    while lines.next().unwrap().is_some() {
        record += 1;
        let columns: Vec<&[u8]> = fields(lines.line()).collect();
        let keys = columns[FIXED_COLUMNS];
        let alternates: Vec<&[u8]> = columns[4].split(|&byte| byte == b',').collect();
        for (index, alternate) in alternates.iter().enumerate() {
            let kind = Kind::of(columns[3], alternate);
            let allele = Allele { kind, index, alternates: alternates.len() };
            for (place, column) in [(pair.tumor, 0), (pair.normal, 3)] {
                let values = columns[FIXED_COLUMNS + 1 + place.unwrap()];
                let sample = Sample::new(Format::new(keys), keys, values);
                let depths = sample.get(b"AD").map(|list| list.split(|&byte| byte == b',').count());
                found.push(Found {
                    record,
                    alt: index + 1,
                    column,
                    evidence: of_sample(sample, allele),
                    has_depths: depths == Some(alternates.len() + 1)
                        || (depths == Some(1) && sample.get(b"RD").is_some()),
                });
            }
        }
    }
    found
}

/// The counts are those of vcf2maf, except where it is known to do otherwise: it reads an imprecise
/// junction of Delly as one without reads; where a file joined from several callers has `AD` as `.`
/// or as one number of unclear meaning, it looks no further than that or takes it for the ALT's;
/// and it reads a `DP4` of dots as zeros.
#[test]
fn counts_equal_those_of_vcf2maf() {
    let Some(folder) = genomics() else { return };
    let golden = golden();
    let (mut compared, mut delly, mut joined) = (0, 0, 0);
    let callers = "mutect strelka varscan muse radia sniper pindel delly merged b38";
    let files = callers.split(' ').map(|caller| format!("test_{caller}.vcf"));
    for file in files.chain(["test.vcf".to_owned()]) {
        for found in evidence_of(&folder.join("vcf2maf/tests").join(&file)) {
            let counts = &golden[&(file.clone(), found.record, found.alt)];
            let expected = &counts[found.column..][..3];
            let Evidence { depth, reference_count, alternate_count, .. } = found.evidence;
            compared += 1;
            if [depth, reference_count, alternate_count] == expected {
                continue;
            }
            let place = format!("{file}, record {}, ALT {}", found.record, found.alt);
            if file == "test_delly.vcf" {
                assert_eq!(expected, [Some(0); 3], "{place}");
                delly += 1;
            } else {
                assert_eq!(file, "test_merged.vcf", "{place}: {:?} {expected:?}", found.evidence);
                assert!(!found.has_depths, "{place}: {:?} {expected:?}", found.evidence);
                joined += 1;
            }
        }
    }
    assert_eq!(compared, 2 * golden.len());
    assert_eq!((delly, joined), (9, 370));
}

fn variants(folder: &Path, files: &[&str], settings: &str) -> Vec<SomaticVariant> {
    let paths: Vec<_> = files.iter().map(|file| folder.join("vcf2maf/tests").join(file)).collect();
    let sources: Vec<_> =
        paths.iter().map(|path| VcfSource { path, sample_id: None, panel: None }).collect();
    let settings: VcfSettings = toml::from_str(settings).unwrap();
    vcf_variants(&sources, &settings, &VcfResources::load(&settings).unwrap()).unwrap()
}

/// The three files of vcf2maf that hold variants of one pair: the callers agree on the reads of
/// what they share, and what they share is what an independent count says.
#[test]
fn callers_of_one_pair_are_one_set() {
    let Some(folder) = genomics() else { return };
    let files = ["test_muse.vcf", "test_radia.vcf", "test_sniper.vcf"];
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/genomics_callers.csv");
    let golden = fs_err::read_to_string(path).unwrap();
    for line in golden.lines().skip(2) {
        let cells: Vec<&str> = line.split(',').collect();
        let settings = format!("passing_only = false\nmin_callers = {}", cells[0]);
        let found = variants(&folder, &files, &settings);
        assert_eq!(found.len().to_string(), cells[1], "{settings}");
        let fractions = found.iter().map(|variant| variant.evidence.allele_fraction.unwrap());
        let mean = fractions.sum::<f64>() / found.len() as f64;
        assert!((mean - cells[2].parse::<f64>().unwrap()).abs() < 1e-9, "{settings}: {mean}");
    }
    let place = |variant: &SomaticVariant| {
        let SomaticVariant { chromosome, position, alternate, .. } = variant.clone();
        (chromosome, position, alternate)
    };
    let fractions = |file: &str| -> BTreeMap<_, f64> {
        let found = variants(&folder, &[file], "passing_only = false");
        found.iter().map(|found| (place(found), found.evidence.allele_fraction.unwrap())).collect()
    };
    let [muse, radia, sniper] = files.map(fractions);
    for (name, a, b) in [("radia", &muse, &radia), ("sniper", &muse, &sniper)] {
        let differences: Vec<f64> =
            a.iter().filter_map(|(place, a)| Some((a - b.get(place)?).abs())).collect();
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        println!("{name}: {} shared, mean difference {mean}", differences.len());
        assert!(differences.len() > 30 && mean < 0.01, "{name}: {mean}");
    }
}

/// The variants and reads of vcf2maf's own output, with bases at the ends left out as a MAF does.
#[test]
fn variants_equal_those_of_mafs() {
    let Some(folder) = genomics() else { return };
    for (vcf, maf, rows) in
        [("test.vcf", "test.maf", 19), ("test_b38.vcf", "test_b38_output.maf", 25)]
    {
        let found = variants(&folder, &[vcf], "");
        let expected = maf_rows(&folder.join("vcf2maf/tests").join(maf));
        assert_eq!((found.len(), expected.len()), (rows, rows), "{vcf}");
        for variant in found {
            let SomaticVariant { chromosome, position, reference, alternate, evidence } = variant;
            let locus = Locus {
                chromosome: &chromosome,
                position,
                reference: reference.as_bytes(),
                alternate: alternate.as_bytes(),
            };
            let place = bare(locus);
            let [depth, reference_count, alternate_count] = expected[&place];
            assert_eq!(evidence.depth, depth, "{place:?}");
            assert_eq!(evidence.reference_count, reference_count, "{place:?}");
            assert_eq!(evidence.alternate_count, alternate_count, "{place:?}");
            // maftools' rule; the reads of a second ALT are in neither of a MAF's two counts.
            let rest = reference_count.zip(alternate_count).map(|(a, b)| a + b);
            if rest == depth || rest.is_none() {
                let vaf = f64::from(alternate_count.unwrap()) / f64::from(depth.unwrap());
                assert!((evidence.allele_fraction.unwrap() - vaf).abs() < 1e-9, "{place:?}");
            }
        }
    }
}

/// Chromosome, position, reference and ALT without any base in common, as texts.
type Bare = (String, u64, String, String);

fn bare(locus: Locus<'_>) -> Bare {
    let Locus { chromosome, position, reference, alternate } = trim(locus);
    let shared = usize::from(reference.first() == alternate.first());
    let text = |bases: &[u8]| String::from_utf8_lossy(&bases[shared..]).into_owned();
    (chromosome.to_owned(), position + shared as u64, text(reference), text(alternate))
}

/// The rows of a MAF: place to depth, reference and ALT reads.
fn maf_rows(path: &Path) -> BTreeMap<Bare, [Option<u32>; 3]> {
    let text = fs_err::read_to_string(path).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let rows = lines.map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let cell = |name| cells[names.iter().position(|found| *found == name).unwrap()];
        let bases = |name| cell(name).replace('-', "");
        let start: u64 = cell("Start_Position").parse().unwrap();
        let (reference, alternate) = (bases("Reference_Allele"), bases("Tumor_Seq_Allele2"));
        // An insertion lies between its Start_Position and the next base. A base before both
        // alleles makes them VCF's.
        let start = start + u64::from(reference.is_empty());
        let (reference, alternate) = (format!("N{reference}"), format!("N{alternate}"));
        let locus = Locus {
            chromosome: cell("Chromosome"),
            position: start - 1,
            reference: reference.as_bytes(),
            alternate: alternate.as_bytes(),
        };
        let counts = ["t_depth", "t_ref_count", "t_alt_count"].map(|name| cell(name).parse().ok());
        (bare(locus), counts)
    });
    rows.collect()
}
