//! Checks on real tables, which are not part of the repository. `ONCOWEAVE_SHARED` names the
//! folder that holds them, by default `shared` beside the repository; without it the checks say so.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use flate2::read::DeflateDecoder;
use serde_json::Value;

use crate::{ClinicalTable, Table, read_clinical, read_table};

fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("ONCOWEAVE_SHARED").map_or(beside, PathBuf::from);
    let folder = shared.join("data");
    if !folder.is_dir() {
        println!("skipped: {} is absent; set ONCOWEAVE_SHARED", folder.display());
        return None;
    }
    Some(folder)
}

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/clinical_real.json");
    serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// The first file of a zip archive.
fn unzip(path: &Path) -> Vec<u8> {
    let archive = fs_err::read(path).unwrap();
    let length = |at: usize| usize::from(u16::from_le_bytes([archive[at], archive[at + 1]]));
    let start = 30 + length(26) + length(28);
    let mut content = Vec::new();
    DeflateDecoder::new(&archive[start..]).read_to_end(&mut content).unwrap();
    content
}

fn sum_of_days(table: &ClinicalTable) -> f64 {
    table.patients.iter().map(|patient| patient.survival.unwrap().time_days).sum()
}

fn events(table: &ClinicalTable) -> usize {
    table.patients.iter().filter(|patient| patient.survival.unwrap().event).count()
}

/// The sum over all known cells and their number.
fn sum_and_known(table: &Table) -> (f64, usize) {
    let cells = table.features.rows.iter().flat_map(|row| row.values.iter().flatten());
    cells.fold((0.0, 0), |(sum, known), &value| (sum + f64::from(value), known + 1))
}

#[test]
fn five_cohorts_equal_an_independent_reading() {
    let Some(data) = data() else { return };
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    for cohort in ["blca", "brca", "gbmlgg", "luad", "ucec"] {
        let name = format!("tcga_{cohort}_all_clean.csv.zip");
        let expected = &golden[&name];
        let archive = data.join("survival/porpoise_tcga_5").join(&name);
        fs_err::write(&path, unzip(&archive)).unwrap();

        let settings = "table = ''\npatient_id = 'case_id'\n\
                        columns.age = { type = 'number', unit = 'years', min = 0, max = 120 }\n\
                        columns.is_female = { type = 'boolean' }";
        let outcome = "time = 'survival_months'\ntime_unit = 'months'\nevent = 'censorship'\n\
                       event_values = [0]\ncensored_values = [1]\nlabel = 'oncotree_code'";
        let clinical = read_clinical(
            &path,
            &toml::from_str(settings).unwrap(),
            Some(&toml::from_str(outcome).unwrap()),
        )
        .unwrap();
        assert_eq!(clinical.rejected, [], "{cohort}");
        assert_eq!(Some(clinical.patients.len() as u64), expected["patients"].as_u64());
        assert_eq!(Some(events(&clinical) as u64), expected["events"].as_u64());
        let days = number(&expected["months"]) * 30.4375;
        assert!((sum_of_days(&clinical) / days - 1.0).abs() < 1e-12, "{cohort}");

        for (suffix, expected) in expected["kinds"].as_object().unwrap() {
            let settings = format!("patient_id = 'case_id'\nsuffix = '{suffix}'");
            let table = read_table(&path, &toml::from_str(&settings).unwrap());
            let columns = expected["columns"].as_u64().unwrap();
            if columns == 0 {
                assert!(matches!(table, Err(crate::Error::NoFeatures { .. })));
                continue;
            }
            let table = table.unwrap();
            assert_eq!(table.rejected, [], "{cohort}{suffix}");
            assert_eq!(table.features.features.len() as u64, columns, "{cohort}{suffix}");
            assert_eq!(table.features.rows.len(), clinical.patients.len());
            let (sum, known) = sum_and_known(&table);
            assert_eq!(Some(known as u64), expected["known"].as_u64(), "{cohort}{suffix}");
            // Each cell is rounded to float32.
            let difference = (sum - number(&expected["sum"])).abs();
            assert!(difference < 1e-6 * known as f64, "{cohort}{suffix}: {difference}");
        }
    }
}

#[test]
fn laml_without_a_follow_up_is_set_aside() {
    let Some(data) = data() else { return };
    let expected = &golden()["tcga_laml_annot.tsv"];
    let path = data.join("genomics/maftools/inst/extdata/tcga_laml_annot.tsv");
    let settings = "table = ''\npatient_id = 'Tumor_Sample_Barcode'\n\
                    columns.FAB_classification = { type = 'category' }";
    let outcome = "time = 'days_to_last_followup'\nevent = 'Overall_Survival_Status'\n\
                   event_values = ['1']\ncensored_values = ['0']";
    let table = read_clinical(
        &path,
        &toml::from_str(settings).unwrap(),
        Some(&toml::from_str(outcome).unwrap()),
    )
    .unwrap();
    assert_eq!(Some(table.patients.len() as u64), expected["patients"].as_u64());
    assert_eq!(
        Some((table.patients.len() + table.rejected.len()) as u64),
        expected["rows"].as_u64()
    );
    assert_eq!(Some(events(&table) as u64), expected["events"].as_u64());
    assert!((sum_of_days(&table) - number(&expected["days"])).abs() < 1e-9);
    let column = |name: &str| {
        let place = table.features.features.iter().position(|info| info.name == name).unwrap();
        table.features.rows.iter().filter_map(|row| row.values[place]).map(f64::from).sum::<f64>()
    };
    assert!((column("FAB_classification=M3") - number(&expected["m3"])).abs() < 1e-9);
    for row in &table.rejected {
        assert!(row.reason.ends_with(
            "column `days_to_last_followup`: expected a number of days, zero or more, \
             found a value that is not finite; correct the cell"
        ));
        assert!(row.patient_id.is_some());
    }
}
