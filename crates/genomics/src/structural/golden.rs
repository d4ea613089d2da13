//! Comparison with an independent count of the events of many callers.

use std::collections::BTreeMap;

use super::{StructuralVariants, SvSettings, sv_features};
use crate::{
    copy_number::{CopyNumber, cnv_features},
    golden::{assert_value, rows},
    real_data::genomics,
};

/// No file makes a reader panic, whatever its bytes.
#[test]
fn every_real_file_is_read_or_refused() {
    let Some(folder) = genomics() else { return };
    let mut folders = vec![folder];
    let (mut read, mut refused) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let variants = StructuralVariants::read(&path);
            let copies = CopyNumber::read(&path);
            if let Ok(found) = &variants {
                drop(sv_features(found, "anyone", &SvSettings::default()));
            }
            if let Ok(found) = &copies {
                let settings = toml::from_str("build = 'GRCh38'").unwrap();
                assert!(!cnv_features(found, "anyone", &settings).is_empty());
            }
            if variants.is_ok() || copies.is_ok() { read += 1 } else { refused += 1 }
        }
    }
    println!("{read} read, {refused} refused");
    assert!(read > 1000, "{read} read, {refused} refused");
}

/// A byte changed, a part cut out or said twice: the readers answer with features or an error.
#[test]
fn no_content_makes_a_reader_panic() {
    let seeds = [
        "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\nS1\tchr8\t1\t1e+02\t9\t0.5\n",
        "chromosome\tstart\tend\tgene\tlog2\tcn\tcn1\tcn2\nchr1\t9\t100\tMYC\t0.5\t3\t2\t1\n",
        "Hugo_Symbol\tS1\tS2\nMYC\t2\t-1\nTP53\t0\tNA\n",
        "Hugo_Symbol\tSample_Id\tValue\nTP53\tS2\t1\nMYC\tS1\t-1\n",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tN\tTUMOR\n\
         1\t100\t.\tN\t<DUP>\t.\t.\tEND=900;SVLEN=800\tGT:CN:CNF:MCN\t0/0:2:2:1\t0/1:4:4.1:1\n",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n\
         1\t100\ta\tA\tA[2:500[\t.\t.\tMATEID=b;EVENT=e\n2\t500\tb\tC\t]1:100]C\t.\t.\tMATEID=a\n\
         2\t9\tc\tC\tCA.\t.\t.\tSVTYPE=BND\n2\t9\td\tC\t<TRA>\t.\t.\tCHR2=3;END=7;CT=3to5\n",
        "#chrom1\tstart1\tend1\tchrom2\tstart2\tend2\tname\tscore\tstrand1\tstrand2\n\
         2\t99\t100\t2\t499\t500\tn\t7\t-\t-\n",
        "Hugo_Symbol\tTumor_Sample_Barcode\tFusion\nALK\tS1\tEML4-ALK fusion\n",
    ];
    let alphabet = b"0123456789-+.eE:;,=|<>[]()\"#@ \t\n\r\0\xffNA";
    let mut state = 7_u64;
    let mut random = |below: usize| {
        // Knuth's linear congruential generator: the same bytes in every run.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for round in 0..8_000 {
        let mut content = seeds[round % seeds.len()].as_bytes().to_vec();
        for _ in 0..=random(4) {
            let place = random(content.len());
            match random(4) {
                0 => content[place] = alphabet[random(alphabet.len())],
                1 => content.insert(place, alphabet[random(alphabet.len())]),
                2 => drop(content.drain(place..(place + random(9)).min(content.len()))),
                _ => content.extend_from_within(place..),
            }
            if content.is_empty() {
                content.push(b'\n');
            }
        }
        crate::fuzzing::copy_number(&content);
        crate::fuzzing::structural(&content);
    }
}

const SETTINGS: &str = "genes = ['KIAA1549', 'EWSR1', 'EML4', 'CNOT4', 'CAMTA1', 'ERG', 'TMPRSS2', \
    'PRDM16', 'PANK4', 'WRAP73']\n\
    fusions = ['KIAA1549-BRAF', 'EWSR1-FLI1', 'EML4-ALK', 'CNOT4-YIPF5']";

#[test]
fn events_of_real_callers_equal_an_independent_count() {
    let Some(folder) = genomics() else { return };
    // The sample that carries the events, where the header does not tell.
    let tumors: BTreeMap<&str, &str> = BTreeMap::from([
        ("COLO829T.purple.sv.ann.vcf.gz", "COLO829T.realigned.bam"),
        ("colo829_somatic_gridss.vcf.gz", "COLO829v003T_dedup.realigned.bam"),
        ("colo829_somatic_manta.vcf", "COLO829T"),
    ]);
    let mut by_sample: BTreeMap<(String, String), Vec<(String, String)>> = BTreeMap::new();
    for row in rows("structural.csv") {
        let [file, sample, feature, value] = row.as_slice() else { panic!("{row:?}") };
        let place = (file.clone(), sample.clone());
        by_sample.entry(place).or_default().push((feature.clone(), value.clone()));
    }
    assert!(by_sample.len() > 30);
    let settings = toml::from_str(SETTINGS).unwrap();
    for ((file, sample), expected) in by_sample {
        let found = StructuralVariants::read(&folder.join(&file)).unwrap();
        let name = file.rsplit('/').next().unwrap();
        let sample = tumors.get(name).copied().unwrap_or(&sample);
        let features = sv_features(&found, sample, &settings).unwrap();
        for (feature, value) in &expected {
            assert_value(&features, &file, feature, value);
        }
        // A class that the independent count of a caller's file leaves out is zero.
        let is_unlisted = |name: &str| !expected.iter().any(|(listed, _)| listed == name);
        let counts = features.iter().filter(|one| one.info.name.ends_with("_count"));
        let zero = counts.filter(|one| one.value != Some(0.0) && is_unlisted(&one.info.name));
        assert!(
            file.contains("fusion") || sample.starts_with("TCGA") || zero.count() == 0,
            "{file}"
        );
    }
}
