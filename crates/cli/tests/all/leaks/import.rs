//! `import`: a study that names its patients wherever its formats have a place for it, sound and faulty.
//!
//! A study's name, its columns and the names of its files are told: they are its own, not a patient's.
//! The data files come into the cohort as they are, so that the cohort is one like any other: its
//! features tell nothing more, and what is released of it names nobody.

use std::{fmt::Write as _, path::Path};

use fs_err as fs;

use super::{
    corpus::{GIVEN_IDS, SECRETS, all_in_one_text, contents_of},
    surfaces::{Surfaces, found_in},
};
use crate::extract::{stderr, text};

const PATIENTS: usize = 12;
const HEAD: &str = "cancer_study_identifier: QZKHOSPITAL\n";

/// From a study to a cohort, to features, and to a released cohort and its features.
pub(super) fn imported(folder: &Path, surfaces: &mut Surfaces) {
    let at = |name: &str| folder.join(name);
    let (study, cohort) = (at("study"), at("imported"));
    write_study(&study);
    assert_eq!(found_in(&contents_of(&study), &SECRETS), SECRETS);
    let import = ["import", "cbioportal", text(&study), "--genes", "TP53", "--out"];
    let output = surfaces.run(&[0], &[&import[..], &[text(&cohort)]].concat());
    for column in ["NAME", "BORN", "NHS", "MRN", "NOTES"] {
        let said = format!("column `{column}`: left out: most of its texts look like names");
        assert!(stderr(&output).contains(&said), "{}", stderr(&output));
    }
    let said = "column `ACCOUNT`: left out: most of its numbers look like those of people";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    let said = "column `SURNAME`: left out: 12 different texts in 12 patients, nearly an id";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    for column in ["NAME", "NHS", "ACCOUNT", "SURNAME", "NOTES"] {
        let out = at("kept");
        let keep = [text(&out), "--keep-column", column];
        let refused = surfaces.run(&[1], &[&import[..], &keep].concat());
        assert!(stderr(&refused).contains("cannot be kept"), "{}", stderr(&refused));
        assert!(!out.exists(), "{column}");
    }
    for name in ["cohort.toml", "files.csv", "clinical.csv", "gene_panels.tsv"] {
        surfaces.folder(&cohort.join(name), "P");
    }
    features(&cohort, &at("imported-features"), "QZKP-", surfaces);
    faulty(&study, &at("faulty"), surfaces);

    let mut released = Surfaces::new(&[&SECRETS[..], &GIVEN_IDS].concat());
    let (out, key) = (at("imported-released"), at("imported.key"));
    let arguments = ["deidentify", text(&cohort), "--out", text(&out), "--key", text(&key)];
    released.run(&[0], &[&arguments[..], &["--new-key"]].concat());
    released.folder(&out, "OW-");
    features(&out, &at("imported-released-features"), "OW-", &mut released);
    released.assert_clean();
}

fn features(cohort: &Path, out: &Path, sentinel: &str, surfaces: &mut Surfaces) {
    let manifest = cohort.join("cohort.toml");
    surfaces.run(&[0], &["extract", text(&manifest), "--out", text(out), "--identified", "-vv"]);
    surfaces.folder(out, sentinel);
    let table = out.with_extension("parquet");
    let align = ["align", text(&manifest), "--features", text(out), "--out", text(&table)];
    surfaces.run(&[0], &align);
    surfaces.folder(&table, sentinel);
}

/// What makes a study unusable is told by file, line and column.
fn faulty(study: &Path, folder: &Path, surfaces: &mut Surfaces) {
    for (number, (name, right, wrong)) in [
        ("patients.txt", "\t60\t", "\tZyxwpatient\t"),
        ("patients.txt", "\t1:DECEASED\t", "\tQvorna\t"),
        ("patients.txt", "QZKP-0003\t", "Qvorna Zyxwpatient\t"),
        ("samples.txt", "QZKP-0002\t", "9434765919/HX7713402\t"),
        ("samples.txt", "VSMP-3\t", "Zyxwpatient Qvorna\t"),
        ("a.maf", "\t100\t", "\tZyxwpatient\t"),
        ("a.maf", "\tVSMP-4\t", "\tZyxwpatient\t"),
        ("a.maf", "\tGRCh37\t", "\tQvorna\t"),
        ("expression.txt", "\t2.5", "\tZyxwpatient"),
        ("expression.txt", "VSMP-5", "Zyxwpatient"),
        ("case_lists/cases_sequenced.txt", "VSMP-6", "Zyxwpatient"),
        ("meta_mutations.txt", "stable_id", "Zyxwpatient 9434765919\nstable_id"),
    ]
    .into_iter()
    .enumerate()
    {
        let copy = folder.join(number.to_string());
        crate::extract::copy_folder(study, &copy);
        let path = copy.join(name);
        let known = fs::read_to_string(&path).unwrap();
        let broken = known.replacen(right, wrong, 1);
        assert_ne!(known, broken, "{name}: no `{right}`");
        fs::write(&path, broken).unwrap();
        let out = folder.join(format!("{number}-out"));
        surfaces.run(&[1], &["import", "cbioportal", text(&copy), "--out", text(&out)]);
        assert!(!out.exists(), "{name}");
    }
}

fn write_study(folder: &Path) {
    fs::create_dir_all(folder.join("case_lists")).unwrap();
    let note = all_in_one_text();
    let meta = |kind: &str, more: &str| {
        format!("{HEAD}genetic_alteration_type: {kind}\n{more}profile_description: {note}\n")
    };
    let clinical = |kind: &str, file: &str| {
        format!(
            "{HEAD}genetic_alteration_type: CLINICAL\ndatatype: {kind}\ndata_filename: {file}\n"
        )
    };
    for (name, content) in [
        (
            "meta_study.txt",
            format!(
                "type_of_cancer: x\n{HEAD}name: QZKHOSPITAL\ndescription: {note}\ncitation: {note}\n\
                 groups: Zyxwpatient\nadd_global_case_list: true\n"
            ),
        ),
        ("meta_patients.txt", clinical("PATIENT_ATTRIBUTES", "patients.txt")),
        ("meta_samples.txt", clinical("SAMPLE_ATTRIBUTES", "samples.txt")),
        ("patients.txt", patients()),
        ("samples.txt", samples()),
        (
            "meta_mutations.txt",
            meta(
                "MUTATION_EXTENDED",
                "datatype: MAF\nstable_id: mutations\nprofile_name: m\n\
                 show_profile_in_analysis_tab: true\ndata_filename: a.maf\n",
            ),
        ),
        ("a.maf", maf()),
        (
            "meta_expression.txt",
            meta(
                "MRNA_EXPRESSION",
                "datatype: CONTINUOUS\nstable_id: rna_seq_mrna\nprofile_name: e\n\
                 show_profile_in_analysis_tab: false\ndata_filename: expression.txt\n",
            ),
        ),
        ("expression.txt", expression()),
        (
            "case_lists/cases_sequenced.txt",
            format!(
                "{HEAD}stable_id: QZKHOSPITAL_sequenced\ncase_list_name: {note}\n\
                 case_list_description: {note}\ncase_list_ids: {}\n",
                sample_ids().join("\t")
            ),
        ),
        (
            "data_gene_panel_a.txt",
            format!("stable_id: PA\ndescription: {note}\ngene_list: TP53\tKRAS\n"),
        ),
    ] {
        fs::write(folder.join(name), content).unwrap();
    }
    write_timeline(folder);
}

/// What no features are made of stays behind.
fn write_timeline(folder: &Path) {
    let meta =
        "genetic_alteration_type: CLINICAL\ndatatype: TIMELINE\ndata_filename: timeline.txt\n";
    fs::write(folder.join("meta_timeline.txt"), format!("{HEAD}{meta}")).unwrap();
    let note = all_in_one_text();
    let table = format!("PATIENT_ID\tSTART_DATE\tNOTE\nQZKP-0001\t1\t{note}\n");
    fs::write(folder.join("timeline.txt"), table).unwrap();
}

fn sample_ids() -> Vec<String> {
    (1..=PATIENTS).map(|number| format!("VSMP-{number}")).collect()
}

/// The four lines above a clinical table; names and descriptions of columns say whom they are about.
fn above(types: &str) -> String {
    let columns = types.split('\t').count();
    let line = |word: &str| format!("#{}\n", vec![word; columns].join("\t"));
    [line("seen by Dr Zyxwpatient"), line("NHS 9434765919"), format!("#{types}\n"), line("1")]
        .concat()
}

fn patients() -> String {
    let mut table = above(
        "STRING\tNUMBER\tSTRING\tNUMBER\tSTRING\tSTRING\tSTRING\tSTRING\tSTRING\tSTRING\tNUMBER\tSTRING",
    ) + "PATIENT_ID\tOS_MONTHS\tOS_STATUS\tAGE\tSEX\tSURNAME\tNAME\tBORN\tNHS\tMRN\tACCOUNT\tNOTES\n";
    for number in 1..=PATIENTS {
        let status = if number % 2 == 0 { "0:LIVING" } else { "1:DECEASED" };
        let sex = if number % 3 == 0 { "Male" } else { "Female" };
        // Texts that differ from patient to patient, and such that do not.
        let letter = char::from(b'a' + u8::try_from(number).unwrap());
        writeln!(
            table,
            "QZKP-{number:04}\t{number}\t{status}\t60\t{sex}\tZyxwpatient{letter}\tZyxwpatient, \
             Qvorna\t1961-04-03\t9434765919\tHX7713402\t9434765919\t{}",
            all_in_one_text()
        )
        .unwrap();
    }
    table
}

fn samples() -> String {
    let mut table = above("STRING\tSTRING\tSTRING") + "PATIENT_ID\tSAMPLE_ID\tSAMPLE_TYPE\n";
    for number in 1..=PATIENTS {
        writeln!(table, "QZKP-{number:04}\tVSMP-{number}\tPrimary").unwrap();
    }
    table
}

fn maf() -> String {
    let mut table = format!(
        "#version 2.4 {}\nHugo_Symbol\tNCBI_Build\tStart_Position\tEnd_Position\t\
         Variant_Classification\tTumor_Sample_Barcode\tMatched_Norm_Sample_Barcode\tNotes\tZyxwpatient\n",
        all_in_one_text()
    );
    for sample in sample_ids() {
        writeln!(
            table,
            "TP53\tGRCh37\t100\t100\tMissense_Mutation\t{sample}\tZyxwpatient-Qvorna\t{}\t9434765919",
            all_in_one_text()
        )
        .unwrap();
    }
    table
}

fn expression() -> String {
    let values: Vec<String> =
        (1..=PATIENTS).map(|number| format!("{:.1}", number as f64 * 2.5)).collect();
    let samples = sample_ids().join("\t");
    format!("Hugo_Symbol\t{samples}\nTP53\t{}\nKRAS\t{}\n", values.join("\t"), values.join("\t"))
}
