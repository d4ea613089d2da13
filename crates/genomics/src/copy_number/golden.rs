//! Comparison with an independent count and with scarHRD.

use std::collections::BTreeMap;

use super::{CnvSettings, CopyNumber, cnv_features};
use crate::{
    golden::{assert_value, folder, rows},
    real_data::genomics,
};

const SETTINGS: &str = "genes = ['BRCA1', 'BRCA2', 'AGRN']\nbuild = ";
const GRCH38: &str = "MYC = '8:127735434-127742951', TP53 = '17:7668402-7687550', \
                      CDKN2A = '9:21967752-21995301', ERBB2 = '17:39687914-39730426'";
const GRCH37: &str = "MYC = '8:128747680-128755197', TP53 = '17:7565097-7590856', \
                      CDKN2A = '9:21967751-21995300', ERBB2 = '17:37844167-37886679'";

fn settings(build: &str) -> CnvSettings {
    let positions = if build == "GRCh38" { GRCH38 } else { GRCH37 };
    toml::from_str(&format!("{SETTINGS}'{build}'\ngene_positions = {{ {positions} }}")).unwrap()
}

/// Compares the rows of a golden file; those of files that are absent are left out.
fn compare(golden: &str) -> usize {
    let shared = genomics();
    let mut files: BTreeMap<String, CopyNumber> = BTreeMap::new();
    let mut compared = 0;
    for row in rows(golden) {
        let [file, build, sample, feature, value] = row.as_slice() else { panic!("{row:?}") };
        let path = match (file.contains('/'), &shared) {
            (false, _) => folder().join(file),
            (true, Some(shared)) => shared.join(file),
            (true, None) => continue,
        };
        let found = files.entry(file.clone()).or_insert_with(|| CopyNumber::read(&path).unwrap());
        let features = cnv_features(found, sample, &settings(build));
        assert_value(&features, &format!("{file} {sample}"), feature, value);
        compared += 1;
    }
    println!("{compared} values of {} files", files.len());
    compared
}

#[test]
fn copy_number_equals_an_independent_count() {
    assert!(compare("copy_number.csv") >= 80);
}

#[test]
fn scars_equal_those_of_scar_hrd() {
    assert!(compare("copy_number_scars.csv") >= 16);
}
