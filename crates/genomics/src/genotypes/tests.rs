use super::*;

const HEADER: &str = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT";

/// The features of the asked samples by name: spaces of the records stand for tabs.
fn features(
    samples: &str,
    records: &str,
    options: &str,
    scores: &[&str],
    asked: &[GenotypeSource<'_>],
) -> Result<Vec<BTreeMap<String, Option<f32>>>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.vcf");
    fs_err::write(&path, format!("{HEADER} {samples}\n{records}").replace(' ', "\t")).unwrap();
    let mut settings: GenotypeSettings = toml::from_str(options).unwrap();
    for (index, score) in scores.iter().enumerate() {
        let path = folder.path().join(format!("PGS{index}.txt"));
        fs_err::write(&path, score.replace(' ', "\t")).unwrap();
        settings.scores.push(path);
    }
    let read = || {
        let resources = GenotypeResources::load(&settings)?;
        genotype_features(&path, asked, &settings, &resources)
    };
    let rows = read().map_err(|error| error.to_string())?;
    let row = |row: Vec<Feature>| {
        row.into_iter().map(|feature| (feature.info.name, feature.value)).collect()
    };
    Ok(rows.into_iter().map(row).collect())
}

const ONE: [GenotypeSource<'_>; 1] = [GenotypeSource { patient_id: "P1", sample_id: None }];

fn dosage(snp: &str, records: &str, options: &str) -> Option<f32> {
    let options = format!("snps = ['{snp}']\n{options}");
    let rows = features("S1", records, &options, &[], &ONE).unwrap();
    *rows[0].values().next().unwrap()
}

#[test]
fn dosages_of_named_variants() {
    for (case, snp, records, expected) in [
        ("heterozygous", "1:10:A:G", "chr1 10 . A G . PASS . GT 0/1\n", Some(1.0)),
        ("homozygous, phased", "chr1:10:A:G", "1 10 . A G . . . GT 1|1\n", Some(2.0)),
        ("two of REF", "1:10:A:G", "1 10 . A G . . . GT 0/0\n", Some(0.0)),
        ("REF is counted", "1:10:A:G:A", "1 10 . A G . . . GT 0/1\n", Some(1.0)),
        ("by ID, one of several", "rs7:G", "1 10 rs5;rs7 A G . . . GT 1/1\n", Some(2.0)),
        ("no record", "1:10:A:G", "1 11 . A G . . . GT 0/1\n", None),
        ("other alleles", "1:10:A:G", "1 10 . A C . . . GT 0/1\n", None),
        ("no call", "1:10:A:G", "1 10 . A G . . . GT ./.\n", None),
        ("half a call", "1:10:A:G", "1 10 . A G . . . GT ./1\n", None),
        ("filtered", "1:10:A:G", "1 10 . A G . LowQual . GT 0/1\n", None),
        ("the second ALT", "1:10:A:G", "1 10 . A C,G . . . GT 1/2\n", Some(1.0)),
        (
            "split lines",
            "1:10:A:G",
            "1 10 . A C . . . GT 0/1\n1 10 . A G . . . GT 0/1\n",
            Some(1.0),
        ),
        ("an insertion", "1:10:A:AT", "1 10 . A AT . . . GT 0/1\n", Some(1.0)),
        ("one chromosome", "X:10:A:G", "X 10 . A G . . . GT 1\n", Some(1.0)),
        ("an imputed dosage", "1:10:A:G", "1 10 . A G . . . GT:DS 0/1:0.75\n", Some(0.75)),
        ("the dosage of REF", "1:10:A:G:A", "1 10 . A G . . . GT:DS 0/1:0.75\n", Some(1.25)),
        ("probabilities", "1:10:A:G", "1 10 . A G . . . GP 0.25,0.5,0.25\n", Some(1.0)),
        ("phred is no probability", "1:10:A:G", "1 10 . A G . . . GT:GP 1/1:0,30,60\n", Some(2.0)),
        ("a dosage above 2", "1:10:A:G", "1 10 . A G . . . GT:DS 0/1:7\n", Some(1.0)),
        ("no ALT", "1:10:A:G", "1 10 . A . . . . GT 0/0\n", Some(0.0)),
        ("no ALT, REF is counted", "1:10:A:G:A", "1 10 . A . . . . GT 0/0\n", Some(2.0)),
        ("by ID without ALT", "rs7:A", "1 10 rs7 A . . . . GT 0/0\n", Some(2.0)),
        ("a block", "1:15:C:G", "1 10 . A <NON_REF> . . END=20 GT:DP 0/0:30\n", Some(0.0)),
        ("REF in a block", "1:15:C:G:C", "1 10 . A <*> . . END=20 GT 0/0\n", Some(2.0)),
        ("after a block", "1:21:C:G", "1 10 . A <NON_REF> . . END=20 GT 0/0\n", None),
        ("a block without reads", "1:15:C:G", "1 10 . A <NON_REF> . . END=20 GT:DP 0/0:0\n", None),
        ("a block in doubt", "1:15:C:G", "1 10 . A <NON_REF> . . END=20 GT:GQ 0/0:0\n", None),
        ("a gVCF's own site", "1:10:A:G", "1 10 . A G,<NON_REF> . . . GT 0/1\n", Some(1.0)),
    ] {
        assert_eq!(dosage(snp, records, ""), expected, "{case}");
    }
}

#[test]
fn absent_sites_are_reference_only_on_a_promise() {
    let other = "1 11 . A G . . . GT 0/1\n";
    for (snp, options, expected) in [
        ("1:10:A:G", "", None),
        ("1:10:A:G", "absent_is_reference = true", Some(0.0)),
        ("1:10:A:G:A", "absent_is_reference = true", Some(2.0)),
        // Nothing says which allele is REF.
        ("rs7:G", "absent_is_reference = true", None),
        ("1:11:A:G", "absent_is_reference = true", Some(1.0)),
    ] {
        assert_eq!(dosage(snp, other, options), expected, "{snp} {options}");
    }
}

#[test]
fn samples_are_found_by_name_or_are_the_only_one() {
    let records = "1 10 . A G . . . GT 0/1 1/1\n";
    let snp = "snps = ['1:10:A:G']";
    let source = |patient_id, sample_id| GenotypeSource { patient_id, sample_id };
    let asked = [source("P2", None), source("x", Some("P1"))];
    let rows = features("P1 P2", records, snp, &[], &asked).unwrap();
    assert_eq!(rows[0]["dosage_1_10_A_G"], Some(2.0));
    assert_eq!(rows[1]["dosage_1_10_A_G"], Some(1.0));
    for (samples, records, asked) in [
        ("P1 P2", records, source("P3", None)),
        ("P1", "1 10 . A G . . . GT 0/1\n", source("P1", Some("other"))),
    ] {
        let message = features(samples, records, snp, &[], &[asked]).unwrap_err();
        assert!(message.contains("samples is the one that files.csv names"), "{message}");
    }
}

const SCORE: &str = "#pgs_id=PGS9\n#trait_reported=Breast_cancer\n#HmPOS_build=GRCh38\n\
    rsID chr_name chr_position effect_allele other_allele effect_weight hm_chr hm_pos\n";

fn score(rows: &str, records: &str, options: &str) -> (Option<f32>, Option<f32>) {
    let rows = features("S1", records, options, &[&format!("{SCORE}{rows}")], &ONE).unwrap();
    (rows[0]["pgs_PGS9"], rows[0]["pgs_PGS9_matched"])
}

#[test]
fn scores_add_weights_of_what_matches() {
    let records = "1 10 rs1 A G . . . GT 0/1\n1 20 rs2 C T . . . GT 1/1\n";
    let two = "rs1 9 9 G A 0.5 1 10\nrs2 9 9 T C 0.25 1 20\n";
    for (case, rows, options, expected) in [
        ("both", two, "", (Some(1.0), Some(1.0))),
        ("REF is the effect allele", "rs1 9 9 A G 0.5 1 10\n", "", (Some(0.5), Some(1.0))),
        ("the other strand", "rs1 9 9 C T 0.5 1 10\n", "", (Some(0.5), Some(1.0))),
        ("other alleles", "rs1 9 9 G C 0.5 1 10\n", "", (None, Some(0.0))),
        ("by rsID without a position", "rs1 9 9 G A 0.5  \n", "", (Some(0.5), Some(1.0))),
        ("half of it", "rs1 9 9 G A 0.5 1 10\nrs3 9 9 G A 9 1 30\n", "", (None, Some(0.5))),
        (
            "half is enough",
            "rs1 9 9 G A 0.5 1 10\nrs3 9 9 G A 9 1 30\n",
            "min_matched = 0.5",
            (Some(0.5), Some(0.5)),
        ),
    ] {
        assert_eq!(score(rows, records, options), expected, "{case}");
    }
    let palindrome = "1 10 rs1 A T . . . GT 0/1\n";
    let row = "rs1 9 9 T A 0.5 1 10\n";
    assert_eq!(score(row, palindrome, ""), (None, Some(0.0)));
    assert_eq!(score(row, palindrome, "keep_ambiguous = true"), (Some(0.5), Some(1.0)));
}

#[test]
fn weights_by_dominance_dosage_and_frequency() {
    let file = |columns: &str, row: &str| {
        let head = "#pgs_id=PGS9\nchr_name chr_position effect_allele other_allele";
        format!("{head} {columns}\n1 10 G A {row}\n")
    };
    for (case, columns, row, genotype, expected) in [
        ("dominant", "effect_weight is_dominant", "0.5 True", "1/1", 0.5),
        ("recessive, one copy", "effect_weight is_recessive", "0.5 True", "0/1", 0.0),
        ("recessive, two copies", "effect_weight is_recessive", "0.5 TRUE", "1/1", 0.5),
        (
            "a weight for each dosage",
            "dosage_0_weight dosage_1_weight dosage_2_weight",
            "0.25 0 2",
            "0/0",
            0.25,
        ),
        (
            "missing, with a frequency",
            "effect_weight allelefrequency_effect",
            "0.5 0.25",
            "./.",
            0.25,
        ),
        ("missing, without", "effect_weight", "0.5", "./.", 0.0),
    ] {
        let record = format!("1 10 . A G . . . GT {genotype}\n");
        let rows =
            features("S1", &record, "min_matched = 0", &[&file(columns, row)], &ONE).unwrap();
        assert_eq!(rows[0]["pgs_PGS9"], Some(expected), "{case}");
    }
}

#[test]
fn what_is_no_scoring_file_is_an_error() {
    for (content, expected) in [
        ("", "PGS0.txt: expected a scoring file of the PGS Catalog, found no data"),
        ("rsID effect_allele\n", "PGS0.txt:1: expected a column `effect_weight`"),
        ("rsID effect_weight\n", "PGS0.txt:1: expected a column `effect_allele`"),
        ("rsID effect_allele effect_weight\n", "found no data"),
        ("rsID effect_allele effect_weight\nrs1 A x\n", "PGS0.txt:2: expected a number as weight"),
        ("rsID effect_allele effect_weight\nrs1 A\n", "PGS0.txt:2: expected 3 columns, found 2"),
        (
            "rsID effect_allele effect_weight is_interaction\nrs1 A 1 True\n",
            "PGS0.txt:2: expected variants that count by themselves",
        ),
    ] {
        let message = features("S1", "", "", &[content], &ONE).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
    let message = features("S1", "", "", &[SCORE_ROW, SCORE_ROW], &ONE).unwrap_err();
    assert!(message.contains("`scores` names PGS9 twice"), "{message}");
    let message = features("S1", "", "", &[], &ONE).unwrap_err();
    assert!(message.contains("without them there is no feature"), "{message}");
}

const SCORE_ROW: &str = "#pgs_id=PGS9\nrsID effect_allele effect_weight\nrs1 A 1\n";

#[test]
fn variants_are_written_in_two_ways() {
    for text in ["rs7412:T", "19:44908822:C:T", "chr19:44908822:C:T:C"] {
        let snp = Snp::try_from(text.to_owned()).unwrap();
        assert_eq!(String::from(snp), text);
    }
    for text in ["", "rs7412", "rs7412:", "rs1:x", "1:0:A:G", "1:9:A:A", "1:9:A:G:T", "1:9:A:G:A:A"]
    {
        assert!(Snp::try_from(text.to_owned()).is_err(), "{text}");
    }
}

/// Sums by plink2; see `genomics_polygenic.py`.
#[test]
fn sums_equal_those_of_plink2() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/genomics_polygenic.json");
    let golden: serde_json::Value = serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let (vcf, score) = (folder.path().join("g.vcf"), folder.path().join("s.txt"));
        fs_err::write(&vcf, case["vcf"].as_str().unwrap()).unwrap();
        fs_err::write(&score, case["score"].as_str().unwrap()).unwrap();
        let mut settings: GenotypeSettings = toml::from_str("min_matched = 0").unwrap();
        settings.scores = vec![score];
        let resources = GenotypeResources::load(&settings).unwrap();
        let asked = ["P1", "P2", "P3", "P4"]
            .map(|patient_id| GenotypeSource { patient_id, sample_id: None });
        let rows = genotype_features(&vcf, &asked, &settings, &resources).unwrap();
        for (source, row) in asked.iter().zip(rows) {
            let expected = case["sums"][source.patient_id].as_f64().unwrap();
            let found = f64::from(row[0].value.unwrap());
            assert!((found - expected).abs() < 1e-4, "{}: {found} {expected}", case["name"]);
        }
    }
}
