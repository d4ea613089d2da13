//! Public tables and files are not taken for such that name patients. They are not part of the repository:
//! `ONCOWEAVE_SHARED` names the folder that holds them, by default `shared` beside the repository; without
//! it the checks say so.

use std::path::{Path, PathBuf};

use crate::{Column, Tells, nifti::is_nifti, told_by_headers, variants::is_variants};

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

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn public_tables_name_nobody() {
    let Some(data) = data() else { return };
    let mut tables: Vec<PathBuf> = files(&data.join("survival/hosny_nsclc_6cohorts"));
    tables.retain(|path| path.extension().is_some_and(|end| end == "csv"));
    tables.extend(
        [
            "multisurv_tcga33/clinical_data.tsv",
            "nsclc_radiomics_lung1/lung1_clinical_survival_annotations.csv",
        ]
        .map(|name| data.join("survival").join(name)),
    );
    let mut seen = 0;
    for path in &tables {
        let is_tabs = path.extension().is_some_and(|end| end == "tsv");
        let delimiter = if is_tabs { b'\t' } else { b',' };
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.delimiter(delimiter).flexible(true).from_path(path).unwrap();
        let names = reader.headers().unwrap().clone();
        let mut columns: Vec<Column> = names.iter().map(Column::new).collect();
        for row in reader.records() {
            columns.iter_mut().zip(row.unwrap().iter()).for_each(|(column, cell)| column.see(cell));
        }
        for (column, name) in columns.iter().zip(&names) {
            let tells = column.tells();
            let names_somebody = matches!(tells, Some(Tells::Identity(_)));
            assert!(!names_somebody, "{}: column `{name}`: {tells:?}", path.display());
        }
        seen += columns.len();
    }
    assert!(tables.len() == 8 && seen > 1000, "{} tables, {seen} columns", tables.len());
}

#[test]
fn public_headers_name_nobody() {
    let Some(data) = data() else { return };
    let mut paths = [files(&data.join("genomics")), files(&data.join("imaging"))].concat();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        is_variants(&name) || is_nifti(&name)
    });
    assert!(paths.len() > 500, "{}", paths.len());
    for path in &paths {
        let told = told_by_headers(&[path.as_path()]);
        assert!(told.is_empty(), "{}: {told:?}", path.display());
    }
}
