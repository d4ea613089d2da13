//! Checks on vcf2maf's files of one tumor and normal by eight callers, which are not part of the
//! repository: see `real_data`.

use std::{collections::BTreeMap, path::Path};

use crate::{
    allele::Kind,
    evidence::{Allele, Evidence, of_sample},
    header::{FIXED_COLUMNS, Header},
    lines::{Lines, fields},
    real_data::genomics,
    sample::{Format, Sample},
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
