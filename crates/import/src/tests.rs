use std::path::PathBuf;

use fs_err as fs;

use crate::{Error, ImportSettings, Imported, import_cbioportal};

/// The files of a small sound study: three patients, one with two samples, one without mutations.
const STUDY: [(&str, &str); 14] = [
    (
        "meta_study.txt",
        "type_of_cancer: brca\ncancer_study_identifier: s1\nname: A study\ndescription: D\n\
         add_global_case_list: true\n",
    ),
    (
        "meta_patients.txt",
        "cancer_study_identifier: s1\ngenetic_alteration_type: CLINICAL\n\
         datatype: PATIENT_ATTRIBUTES\ndata_filename: data_patients.txt\n",
    ),
    (
        "data_patients.txt",
        "#a\tb\tc\td\te\n#a\tb\tc\td\te\n#STRING\tNUMBER\tSTRING\tNUMBER\tSTRING\n#1\t1\t1\t1\t1\n\
         PATIENT_ID\tOS_MONTHS\tOS_STATUS\tAGE\tSEX\n\
         P1\t10.5\t1:DECEASED\t60\tFemale\nP2\t20\t0:LIVING\t>89\tMale\nP3\t[Not Available]\t\t\tMale\n",
    ),
    (
        "meta_samples.txt",
        "cancer_study_identifier: s1\ngenetic_alteration_type: CLINICAL\n\
         datatype: SAMPLE_ATTRIBUTES\ndata_filename: data_samples.txt\n",
    ),
    (
        "data_samples.txt",
        "#a\tb\tc\td\n#a\tb\tc\td\n#STRING\tSTRING\tSTRING\tSTRING\n#1\t1\t1\t1\n\
         PATIENT_ID\tSAMPLE_ID\tSAMPLE_TYPE\tSUBTYPE\n\
         P1\tP1-06\tMetastasis\tA\nP1\tP1-01\tPrimary\tB\nP2\tP2-01\tPrimary\tA\nP3\tP3-01\tPrimary\tB\n",
    ),
    (
        "meta_mutations.txt",
        "cancer_study_identifier: s1\ngenetic_alteration_type: MUTATION_EXTENDED\ndatatype: MAF\n\
         stable_id: mutations\ndata_filename: data.maf\n",
    ),
    (
        "data.maf",
        "#version 2.4\nHugo_Symbol\tNCBI_Build\tStart_Position\tEnd_Position\tVariant_Classification\t\
         Tumor_Sample_Barcode\nTP53\tGRCh37\t1\t1\tMissense_Mutation\tP1-01\n",
    ),
    (
        "case_lists/cases_sequenced.txt",
        "cancer_study_identifier: s1\nstable_id: s1_sequenced\ncase_list_name: n\n\
         case_list_description: d\ncase_list_ids: P1-06\tP1-01\tP2-01\n",
    ),
    (
        "meta_cna.txt",
        "cancer_study_identifier: s1\ngenetic_alteration_type: COPY_NUMBER_ALTERATION\n\
         datatype: DISCRETE_LONG\nstable_id: gistic\ndata_filename: data_cna.txt\n",
    ),
    (
        "data_cna.txt",
        "Hugo_Symbol\tSample_Id\tValue\nMYC\tP1-01\t2\nMYC\tP3-01\t0\nRB1\tP1-01\t-2\n",
    ),
    (
        "meta_expression.txt",
        "cancer_study_identifier: s1\ngenetic_alteration_type: MRNA_EXPRESSION\n\
         datatype: CONTINUOUS\nstable_id: rna_seq_mrna\ndata_filename: data_expression.txt\n",
    ),
    ("data_expression.txt", "Hugo_Symbol\tP2-01\tP3-01\nMYC\t1.5\tNA\n"),
    ("data_gene_panel_a.txt", "stable_id: PA\ndescription: d\ngene_list: TP53\tMYC\n"),
    (
        "meta_gene_panel_matrix.txt",
        "cancer_study_identifier: s1\ngenetic_alteration_type: GENE_PANEL_MATRIX\n\
         datatype: GENE_PANEL_MATRIX\ndata_filename: data_gene_panel_matrix.txt\n",
    ),
];

const MATRIX: (&str, &str) =
    ("data_gene_panel_matrix.txt", "SAMPLE_ID\tmutations\nP1-01\tPA\nP2-01\tNA\n");

/// Writes the study with some of its files replaced, and imports it.
fn import(replaced: &[(&str, &str)], settings: &ImportSettings) -> (Result<Imported, Error>, Kept) {
    let folder = tempfile::tempdir().unwrap();
    let study = folder.path().join("study");
    fs::create_dir_all(study.join("case_lists")).unwrap();
    for (name, content) in STUDY.iter().chain([&MATRIX]).chain(replaced) {
        fs::write(study.join(name), content).unwrap();
    }
    let out = folder.path().join("out");
    (import_cbioportal(&study, &out, settings), Kept { _folder: folder, out })
}

struct Kept {
    _folder: tempfile::TempDir,
    out: PathBuf,
}

impl Kept {
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.out.join(name)).unwrap()
    }
}

#[test]
fn a_sound_study_becomes_a_cohort() {
    let (imported, kept) = import(&[], &ImportSettings::default());
    let imported = imported.unwrap();
    assert_eq!((imported.patients, imported.outcomes, imported.events), (3, 2, 1));
    assert_eq!(
        kept.text("clinical.csv"),
        "PATIENT_ID,OS_MONTHS,OS_STATUS,AGE,SEX,SAMPLE_TYPE,SUBTYPE\n\
         P1,10.5,1:DECEASED,60,Female,Primary,B\nP2,20,0:LIVING,89,Male,Primary,A\n\
         P3,,,,Male,Primary,B\n"
    );
    assert_eq!(
        kept.text("files.csv"),
        "patient_id,modality,path,sample_id,panel\n\
         P1,gistic,data/data_cna.txt,P1-01,\nP3,gistic,data/data_cna.txt,P3-01,\n\
         P2,rna_seq_mrna,data/data_expression.txt,P2-01,\nP3,rna_seq_mrna,data/data_expression.txt,P3-01,\n\
         P1,mutations,data/data.maf,P1-01,PA\nP2,mutations,data/data.maf,P2-01,\n"
    );
    assert_eq!(kept.text("gene_panels.tsv"), "panel\tgene\nPA\tTP53\nPA\tMYC\n");
    assert_eq!(
        kept.text("data/data_cna.txt"),
        "Hugo_Symbol\tP1-01\tP3-01\nMYC\t2\t0\nRB1\t-2\tNA\n"
    );
    let manifest: toml::Table = kept.text("cohort.toml").parse().unwrap();
    let columns: Vec<&String> =
        manifest["clinical"]["columns"].as_table().unwrap().keys().collect();
    assert_eq!(columns, ["AGE", "SEX", "SUBTYPE"], "what came after diagnosis is no feature");
    let outcome = &manifest["outcome"];
    assert_eq!(outcome["event_values"].as_array().unwrap()[0].as_str(), Some("1:DECEASED"));
    let kinds: Vec<&str> = manifest["modality"]
        .as_array()
        .unwrap()
        .iter()
        .map(|modality| modality["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["cnv", "expression", "maf"]);
}

#[test]
fn settings_choose_label_endpoint_and_genes() {
    let settings = ImportSettings {
        label: Some("SUBTYPE".to_owned()),
        genes: vec!["KRAS".to_owned()],
        ..ImportSettings::default()
    };
    let (imported, kept) = import(&[], &settings);
    imported.unwrap();
    let manifest = kept.text("cohort.toml");
    assert!(manifest.contains("label = \"SUBTYPE\""), "{manifest}");
    assert!(manifest.contains("genes = [\"KRAS\"]"), "{manifest}");
    assert!(!manifest.contains("\"SUBTYPE\" = {"), "a label is no feature: {manifest}");
    for (settings, expected) in [
        (
            ImportSettings { endpoint: "TTP".to_owned(), ..settings.clone() },
            "expected an endpoint of OS",
        ),
        (
            ImportSettings { label: Some("X".to_owned()), ..settings.clone() },
            "no clinical attribute `X`",
        ),
    ] {
        let (imported, kept) = import(&[], &settings);
        let message = imported.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(!kept.out.join("cohort.toml").exists());
    }
}

/// An extraction would refuse the manifest, with nothing to tell that `--genes` made it so.
#[test]
fn genes_that_an_extraction_would_refuse_are_refused() {
    for (genes, expected) in [
        (["TP53", "tp53"], "holds `tp53`; did you mean `TP53`?"),
        (["TP53", ""], "holds an empty name"),
        (["TP53", " KRAS"], "holds ` KRAS` with spaces around it"),
        (["TP53", "TP53"], "holds TP53 twice"),
    ] {
        let genes = genes.map(str::to_owned).to_vec();
        let (imported, kept) = import(&[], &ImportSettings { genes, ..ImportSettings::default() });
        let message = imported.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(!kept.out.join("cohort.toml").exists());
    }
}

/// A slip in one file: its name, the file, what is replaced by what, and the message.
const SLIPS: [[&str; 5]; 20] = [
    [
        "quotation marks",
        "data_patients.txt",
        "\t60\t",
        "\t\"60\"\t",
        "data_patients.txt:6: expected cells without quotation",
    ],
    [
        "text in a number",
        "data_patients.txt",
        "\t60\t",
        "\tsixty\t",
        "data_patients.txt:6: column `AGE`: expected a number",
    ],
    [
        "a sample twice",
        "data_samples.txt",
        "P3-01",
        "P2-01",
        "data_samples.txt:9: column `SAMPLE_ID`: the sample is there twice",
    ],
    [
        "a lower case name",
        "data_patients.txt",
        "AGE",
        "Age",
        "column `Age`: expected a name in capital",
    ],
    [
        "a fixed type",
        "data_patients.txt",
        "#STRING\tNUMBER",
        "#STRING\tSTRING",
        "column `OS_MONTHS`: expected the datatype NUMBER",
    ],
    ["no descriptions", "data_patients.txt", "#", "", "expected four lines that begin with `#`"],
    [
        "an unknown status",
        "data_patients.txt",
        "0:LIVING",
        "2:LIVING",
        "column `OS_STATUS`: expected a status",
    ],
    [
        "another build",
        "data.maf",
        "GRCh37",
        "GRCh38",
        "data.maf:3: column `NCBI_Build`: expected the study's reference genome GRCh37",
    ],
    [
        "an unknown sample",
        "data.maf",
        "P1-01",
        "P9-01",
        "data.maf:3: column `Tumor_Sample_Barcode`: expected a sample of",
    ],
    [
        "a position",
        "data.maf",
        "\t1\t1\t",
        "\t1\t1x\t",
        "column `End_Position`: expected a whole number",
    ],
    ["an unknown level", "data_cna.txt", "\t2\n", "\t7\n", "data_cna.txt:2: column `Value`"],
    [
        "a text in a matrix",
        "data_expression.txt",
        "1.5",
        "x",
        "data_expression.txt:2: expected numbers or NA",
    ],
    [
        "an empty name in a matrix",
        "data_expression.txt",
        "P3-01",
        " ",
        "data_expression.txt:1: expected a sample in every column",
    ],
    [
        "no gene in a matrix",
        "data_expression.txt",
        "Hugo_Symbol",
        "P1-01",
        "expected a column `Hugo_Symbol` or",
    ],
    [
        "a panel without genes",
        "data_gene_panel_matrix.txt",
        "\tPA",
        "\tPX",
        "names the gene panel `PX`",
    ],
    [
        "a wrong stable id",
        "meta_expression.txt",
        "rna_seq_mrna",
        "mine",
        "expected a `stable_id` for MRNA_EXPRESSION",
    ],
    ["no such data", "meta_cna.txt", "data_cna.txt", "none.txt", "there is no file `none.txt`"],
    [
        "a path",
        "meta_cna.txt",
        "data_cna.txt",
        "../data.maf",
        "expected `data_filename` to name a file beside it",
    ],
    [
        "another study's list",
        "case_lists/cases_sequenced.txt",
        "identifier: s1",
        "identifier: s2",
        "expected the study's id `s1`",
    ],
    [
        "no list of all",
        "meta_study.txt",
        "add_global_case_list: true",
        "",
        "expected a case list with the stable id `s1_all`",
    ],
];

#[test]
fn every_fault_is_named_with_its_place() {
    for [name, file, sound, slip, expected] in SLIPS {
        let (_, content) =
            STUDY.iter().chain([&MATRIX]).find(|(other, _)| *other == file).expect(file);
        assert!(content.contains(sound), "{name}: nothing is replaced");
        let (imported, kept) =
            import(&[(file, &content.replace(sound, slip))], &ImportSettings::default());
        let message = imported.map(|_| ()).expect_err(name).to_string();
        assert!(message.contains(expected), "{name}: {message}");
        assert!(!kept.out.exists(), "{name}: nothing is written");
    }
}

#[test]
fn a_folder_without_a_study_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error =
        import_cbioportal(folder.path(), &folder.path().join("o"), &ImportSettings::default());
    assert!(matches!(error, Err(Error::NoStudy { .. })));
}

/// What people are numbered by may be declared a number; measurements stay, though all differ.
#[test]
fn numbers_of_people_stay_behind_and_measurements_do_not() {
    let patients = "#a\tb\tc\td\te\n#a\tb\tc\td\te\n#STRING\tNUMBER\tSTRING\tNUMBER\tNUMBER\n\
                    #1\t1\t1\t1\t1\nPATIENT_ID\tOS_MONTHS\tOS_STATUS\tMRN\tSIZE\n\
                    P1\t10.5\t1:DECEASED\t9434765919.0\t1.25\nP2\t20\t0:LIVING\t7713402\t2.5\n\
                    P3\t[Not Available]\t\t7713403\t3.75\n";
    let (imported, kept) = import(&[("data_patients.txt", patients)], &ImportSettings::default());
    imported.unwrap();
    let table = kept.text("clinical.csv");
    assert!(table.starts_with("PATIENT_ID,OS_MONTHS,OS_STATUS,SIZE,"), "{table}");
}

/// Patients with counts and numbers of records, both of six and more digits.
const LONG_NUMBERS: (&str, &str) = (
    "data_patients.txt",
    "#a\tb\tc\td\te\tf\n#a\tb\tc\td\te\tf\n#STRING\tNUMBER\tSTRING\tNUMBER\tNUMBER\tSTRING\n\
     #1\t1\t1\t1\t1\t1\nPATIENT_ID\tOS_MONTHS\tOS_STATUS\tPLATELETS\tBORN_ON\tMRN\n\
     P1\t10.5\t1:DECEASED\t250000\t19610403\t7713401\nP2\t20\t0:LIVING\t131000\t19590117\t7713402\n\
     P3\t[Not Available]\t\t98000\t19701230\t7713403\n",
);

fn keeping(columns: &[&str]) -> ImportSettings {
    let keep_columns = columns.iter().map(|&name| name.to_owned()).collect();
    ImportSettings { keep_columns, ..ImportSettings::default() }
}

#[test]
fn counts_that_look_like_numbers_of_people_stay_where_somebody_says_so() {
    let note = |imported: &Imported, name: &str| {
        let mut notes = imported.notes.iter();
        notes.find(|note| note.column.as_deref() == Some(name)).unwrap().message.clone()
    };
    let (imported, kept) = import(&[LONG_NUMBERS], &keeping(&[]));
    let imported = imported.unwrap();
    assert!(kept.text("clinical.csv").starts_with("PATIENT_ID,OS_MONTHS,OS_STATUS,SAMPLE_TYPE,"));
    assert!(note(&imported, "PLATELETS").ends_with("keep it with --keep-column"));
    for name in ["BORN_ON", "MRN"] {
        let note = note(&imported, name);
        assert!(note.starts_with("left out: ") && !note.contains("--keep-column"), "{note}");
    }
    let (imported, kept) = import(&[LONG_NUMBERS], &keeping(&["PLATELETS", "OS_MONTHS"]));
    let imported = imported.unwrap();
    assert!(note(&imported, "PLATELETS").starts_with("kept by --keep-column, though most"));
    let table = kept.text("clinical.csv");
    assert!(table.starts_with("PATIENT_ID,OS_MONTHS,OS_STATUS,PLATELETS,SAMPLE_TYPE,"), "{table}");
    assert!(table.contains("P1,10.5,1:DECEASED,250000,"), "{table}");
    let manifest = kept.text("cohort.toml");
    assert!(manifest.contains("# By decision (--keep-column)"), "{manifest}");
    assert!(manifest.contains("numbers of people: PLATELETS.\n"), "{manifest}");
    assert!(manifest.contains("\"PLATELETS\" = { type = \"number\" }"), "{manifest}");
}

#[test]
fn what_tells_who_somebody_is_cannot_be_kept() {
    for (name, expected) in [
        ("MRN", "`MRN` cannot be kept: it seems to hold what its name says;"),
        ("BORN_ON", "`BORN_ON` cannot be kept: it seems to hold dates;"),
        ("PLATELET", "no clinical attribute `PLATELET` to keep; there are OS_MONTHS, OS_STATUS,"),
    ] {
        let (imported, kept) = import(&[LONG_NUMBERS], &keeping(&["PLATELETS", name]));
        let message = imported.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        for cell in ["250000", "19610403", "7713401"] {
            assert!(!message.contains(cell), "{message}");
        }
        assert!(!kept.out.exists());
    }
}
