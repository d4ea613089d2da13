//! `import`, and that extract reads what it wrote.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use fs_err as fs;
use oncoweave_cohort::read_feature_table;

use crate::extract::{code, extract, oncoweave, stderr, text};

const CLINICAL: &str = "cancer_study_identifier: s\ngenetic_alteration_type: CLINICAL\n";

/// A study of two patients with mutations on a panel and expression.
fn study(folder: &Path) {
    let four_lines = |types: &str, columns: usize| {
        let repeated = |word: &str| format!("#{}\n", vec![word; columns].join("\t"));
        [repeated("x"), repeated("x"), format!("#{types}\n"), repeated("1")].concat()
    };
    let patients = four_lines("STRING\tNUMBER\tSTRING\tNUMBER", 4)
        + "PATIENT_ID\tOS_MONTHS\tOS_STATUS\tAGE\nP1\t10\t1:DECEASED\t60\nP2\t20\t0:LIVING\t50\n";
    let samples = four_lines("STRING\tSTRING", 2) + "PATIENT_ID\tSAMPLE_ID\nP1\tP1-01\nP2\tP2-01\n";
    let data = |kind: &str, more: &str| {
        format!("cancer_study_identifier: s\ngenetic_alteration_type: {kind}\n{more}")
    };
    for (name, content) in [
        (
            "meta_study.txt",
            "type_of_cancer: x\ncancer_study_identifier: s\nname: n\ndescription: d\n\
             add_global_case_list: true\n"
                .to_owned(),
        ),
        (
            "meta_patients.txt",
            format!("{CLINICAL}datatype: PATIENT_ATTRIBUTES\ndata_filename: patients.txt\n"),
        ),
        ("patients.txt", patients),
        (
            "meta_samples.txt",
            format!("{CLINICAL}datatype: SAMPLE_ATTRIBUTES\ndata_filename: samples.txt\n"),
        ),
        ("samples.txt", samples),
        (
            "meta_mutations.txt",
            data(
                "MUTATION_EXTENDED",
                "datatype: MAF\nstable_id: mutations\ndata_filename: a.maf\ngene_panel: PA\n",
            ),
        ),
        (
            "a.maf",
            "Hugo_Symbol\tVariant_Classification\tTumor_Sample_Barcode\n\
             TP53\tMissense_Mutation\tP1-01\n"
                .to_owned(),
        ),
        ("data_gene_panel_a.txt", "stable_id: PA\ngene_list: TP53\n".to_owned()),
        (
            "meta_expression.txt",
            data(
                "MRNA_EXPRESSION",
                "datatype: CONTINUOUS\nstable_id: rna_seq_mrna\ndata_filename: e.txt\n",
            ),
        ),
        ("e.txt", "Hugo_Symbol\tP1-01\tP2-01\nTP53\t1\t3\nKRAS\t0\t7\n".to_owned()),
    ] {
        fs::write(folder.join(name), content).unwrap();
    }
}

#[test]
fn an_imported_study_is_extracted() {
    let folder = tempfile::tempdir().unwrap();
    let (source, cohort) = (folder.path().join("study"), folder.path().join("cohort"));
    fs::create_dir(&source).unwrap();
    study(&source);
    let arguments =
        ["import", "cbioportal", text(&source), "--out", text(&cohort), "--genes", "TP53,KRAS"];
    let output = oncoweave(&arguments);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let out = folder.path().join("out");
    let output = extract(&cohort.join("cohort.toml"), &out, &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let values = |modality: &str, feature: &str| -> Vec<Option<f32>> {
        let table = read_feature_table(&out.join(format!("features/{modality}.parquet"))).unwrap();
        let place = table.features.iter().position(|info| info.name == feature).expect(feature);
        table.rows.iter().map(|row| row.values[place]).collect()
    };
    // Without a case list only the sample with a row is known to be sequenced.
    assert_eq!(values("mutations", "driver_TP53"), [Some(1.0)]);
    assert_eq!(values("mutations", "driver_KRAS"), [None], "not on the panel");
    assert_eq!(values("rna_seq_mrna", "expression_KRAS"), [Some(0.0), Some(3.0)]);
    let output = oncoweave(&arguments);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("is not empty"), "{}", stderr(&output));
}

/// Counts of six digits look like hospital numbers, and only a person knows that they are none.
#[test]
fn counts_are_kept_where_somebody_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("study")).unwrap();
    study(&at("study"));
    let patients = at("study").join("patients.txt");
    let table = fs::read_to_string(&patients).unwrap();
    let more = [
        ("#STRING", "\tNUMBER\tNUMBER"),
        ("#x", "\tx\tx"),
        ("#1", "\t1\t1"),
        ("PATIENT_ID", "\tPLATELETS\tMRN"),
        ("P1", "\t250000\t7713401"),
        ("P2", "\t131000\t7713402"),
    ];
    let longer: Vec<String> = table
        .lines()
        .map(|line| {
            let (_, end) = more.iter().find(|(start, _)| line.starts_with(start)).unwrap();
            format!("{line}{end}\n")
        })
        .collect();
    fs::write(&patients, longer.concat()).unwrap();
    let import = |out: &str, more: &[&str]| {
        let (source, out) = (at("study"), at(out));
        let arguments = ["import", "cbioportal", text(&source), "--out", text(&out)];
        oncoweave(&[&arguments[..], more].concat())
    };
    let header = |out: &str| {
        let table = fs::read_to_string(at(out).join("clinical.csv")).unwrap();
        table.lines().next().unwrap().to_owned()
    };
    let output = import("without", &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("column `PLATELETS`: left out: most of its numbers look like")
    );
    assert!(stderr(&output).contains("keep it with --keep-column"), "{}", stderr(&output));
    assert_eq!(header("without"), "PATIENT_ID,OS_MONTHS,OS_STATUS,AGE");

    let output = import("with", &["--keep-column", "PLATELETS", "--keep-column", "AGE"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("column `PLATELETS`: kept by --keep-column, though"));
    assert_eq!(header("with"), "PATIENT_ID,OS_MONTHS,OS_STATUS,AGE,PLATELETS");
    let output = extract(&at("with").join("cohort.toml"), &at("features"), &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let clinical = read_feature_table(&at("features/features/clinical.parquet")).unwrap();
    let place = clinical.features.iter().position(|info| info.name == "PLATELETS").unwrap();
    let values: Vec<Option<f32>> = clinical.rows.iter().map(|row| row.values[place]).collect();
    assert_eq!(values, [Some(250_000.0), Some(131_000.0)]);

    for (name, expected) in [("MRN", "cannot be kept"), ("PLATELET", "no clinical attribute")] {
        let output = import("refused", &["--keep-column", name]);
        assert_eq!(code(&output), 1);
        let message = stderr(&output);
        assert!(message.contains(expected) && !message.contains("7713401"), "{message}");
        assert!(!at("refused").exists());
    }
}
