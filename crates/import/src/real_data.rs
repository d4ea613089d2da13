//! Checks on the studies that cBioPortal's own validator is tested with, which are not part of the
//! repository. `ONCOWEAVE_SHARED` names the folder that holds them, by default `shared` beside the
//! repository; without it the checks say so.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::{ImportSettings, import_cbioportal};

fn real_studies() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("ONCOWEAVE_SHARED").map_or(beside, PathBuf::from);
    let folder = shared.join("data/genomics/cbioportal-core/tests/test_data");
    if !folder.is_dir() {
        println!("skipped: {} is absent; set ONCOWEAVE_SHARED", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn a_real_study_of_many_kinds_is_imported() {
    let Some(folder) = real_studies() else { return };
    let out = tempfile::tempdir().unwrap();
    let imported =
        import_cbioportal(&folder.join("study_es_0"), out.path(), &ImportSettings::default())
            .unwrap();
    let patients = |name: &str| {
        imported.modalities.iter().find(|modality| modality.name == name).expect(name).patients
    };
    // Counted with cut, sort and uniq in the study's files.
    assert_eq!(imported.patients, 841);
    assert_eq!(patients("structural_variants"), 36);
    assert!(patients("mutations") > 10);
    assert_eq!(imported.modalities.len(), 6);
}

#[test]
fn every_deliberately_invalid_study_gets_a_clear_error() {
    let Some(folder) = real_studies() else { return };
    for (study, expected) in [
        ("study_metastableid", "stable_id"),
        ("study_missing_caselists", "spam_all"),
        ("study_quotes", "quotation marks"),
        ("study_various_issues", "normal_samples_list"),
        ("study_wr_clin", "genetic_alteration_type `CLINICAL` with datatype `FREE-FORM`"),
        ("study_cancertype_two_files", "cancer_type"),
        ("meta_study/invalid_pmid_values", "pmid"),
        ("meta_study/invalid_show_profile_setting_cna", "show_profile_in_analysis_tab"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let error = import_cbioportal(
            &folder.join(study),
            &out.path().join("o"),
            &ImportSettings::default(),
        );
        let message = error.map(|_| ()).expect_err(study).to_string();
        println!("{message}\n");
        assert!(message.contains(expected), "{study}: {message}");
    }
}

/// What the meta file of an invalid file says.
mod meta {
    pub(super) const PATIENTS: &str =
        "genetic_alteration_type: CLINICAL\ndatatype: PATIENT_ATTRIBUTES\n";
    pub(super) const SAMPLES: &str =
        "genetic_alteration_type: CLINICAL\ndatatype: SAMPLE_ATTRIBUTES\n";
    pub(super) const LEVELS: &str =
        "stable_id: gistic\ngenetic_alteration_type: COPY_NUMBER_ALTERATION\ndatatype: DISCRETE\n";
    pub(super) const LONG: &str = "stable_id: gistic\ngenetic_alteration_type: COPY_NUMBER_ALTERATION\ndatatype: DISCRETE_LONG\n";
    pub(super) const SEGMENTS: &str =
        "genetic_alteration_type: COPY_NUMBER_ALTERATION\ndatatype: SEG\n";
    pub(super) const EVENTS: &str = "genetic_alteration_type: STRUCTURAL_VARIANT\ndatatype: SV\nstable_id: structural_variants\n";
    pub(super) const MUTATIONS: &str =
        "genetic_alteration_type: MUTATION_EXTENDED\ndatatype: MAF\nstable_id: mutations\n";
    pub(super) const PANELS: &str =
        "genetic_alteration_type: GENE_PANEL_MATRIX\ndatatype: GENE_PANEL_MATRIX\n";
}

/// The file, its meta file and the message.
const INVALID: [[&str; 3]; 23] = [
    [
        "data_clin_coldefs_banned_attribute.txt",
        meta::PATIENTS,
        "column `MUTATION_COUNT`: the name is taken",
    ],
    [
        "data_clin_coldefs_hardcoded_attrs.txt",
        meta::PATIENTS,
        "column `OS_MONTHS`: expected the datatype NUMBER",
    ],
    [
        "data_clin_coldefs_invalid_priority.txt",
        meta::PATIENTS,
        "column `SAUSAGE`: expected a whole number as priority",
    ],
    [
        "data_clin_coldefs_lowercase_attribute.txt",
        meta::PATIENTS,
        "column `Sausage`: expected a name in capital",
    ],
    [
        "data_clin_wrong_patient_id.txt",
        meta::PATIENTS,
        "column `PATIENT_ID`: expected an id in letters",
    ],
    ["data_clinical_pat_no_hdr.txt", meta::PATIENTS, "expected four lines that begin with `#`"],
    ["data_clinical_sam_no_hdr.txt", meta::SAMPLES, "expected four lines that begin with `#`"],
    ["data_clin_wrong_ids.txt", meta::SAMPLES, "column `SAMPLE_ID`: expected an id in letters"],
    [
        "data_clin_repeated_sample.txt",
        meta::SAMPLES,
        "column `SAMPLE_ID`: the sample is there twice",
    ],
    [
        "data_clin_repeated_tcga_sample.txt",
        meta::SAMPLES,
        "column `SAMPLE_ID`: the sample is there twice",
    ],
    ["data_cna_blank_heading.txt", meta::LEVELS, "x.txt:1: expected a sample in every column"],
    ["data_cna_invalid_values.txt", meta::LEVELS, "expected -2, -1.5, -1, 0, 1, 2 or NA"],
    [
        "data_cna_genecol_presence_neither.txt",
        meta::LEVELS,
        "expected a column `Hugo_Symbol` or `Entrez_Gene_Id`",
    ],
    ["data_cna_long_invalid_values.txt", meta::LONG, "column `Value`: expected -2"],
    ["data_cna_long_genecol_no_sample_id.txt", meta::LONG, "expected a column `Sample_Id`"],
    ["data_cna_long_genecol_no_value.txt", meta::LONG, "expected a column `Value`"],
    [
        "data_cna_long_genecol_presence_neither_genic.txt",
        meta::LONG,
        "expected a gene in `Hugo_Symbol`",
    ],
    [
        "data_seg_end_before_start.seg",
        meta::SEGMENTS,
        "column `loc.end`: expected an end at or after",
    ],
    ["data_seg_nonsense_values.seg", meta::SEGMENTS, "expected"],
    ["data_seg_wrong_order.txt", meta::SEGMENTS, "column `ID`: expected a sample"],
    ["data_structural_variants_missing_columns.txt", meta::EVENTS, "expected a column `SV_Status`"],
    ["mutations/data_mutations_invalid_utf8.maf", meta::MUTATIONS, "expected UTF-8 text"],
    ["data_gene_matrix_duplicate_sample.txt", meta::PANELS, "the sample is there twice"],
];

/// Each invalid file stands in a study that is sound otherwise.
#[test]
fn every_deliberately_invalid_file_gets_a_clear_error() {
    let Some(folder) = real_studies() else { return };
    let samples = fs::read_to_string(folder.join("study_es_0/data_clinical_samples.txt")).unwrap();
    for [file, meta, expected] in INVALID {
        let study = tempfile::tempdir().unwrap();
        let write =
            |name: &str, content: &str| fs::write(study.path().join(name), content).unwrap();
        write(
            "meta_study.txt",
            "type_of_cancer: brca\ncancer_study_identifier: s1\nname: A\ndescription: D\nadd_global_case_list: true\n",
        );
        let describe = |name: &str, meta: &str, data: &str| {
            write(name, &format!("cancer_study_identifier: s1\n{meta}data_filename: {data}\n"));
        };
        if meta != meta::SAMPLES {
            describe("meta_samples.txt", meta::SAMPLES, "data_samples.txt");
            write("data_samples.txt", &samples);
        }
        for panel in ["TESTPANEL1", "TESTPANEL2"] {
            let text = format!("stable_id: {panel}\ngene_list: TP53\n");
            write(&format!("data_gene_panel_{panel}.txt"), &text);
        }
        describe("meta_x.txt", meta, "x.txt");
        fs::write(study.path().join("x.txt"), fs::read(folder.join(file)).unwrap()).unwrap();
        let error =
            import_cbioportal(study.path(), &study.path().join("out"), &ImportSettings::default());
        let message = error.map(|_| ()).expect_err(file).to_string();
        assert!(message.contains(expected), "{file}: {message}");
    }
}
