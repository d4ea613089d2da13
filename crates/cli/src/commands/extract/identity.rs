//! Refuses a cohort whose files still name their patients.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use oncoweave_clinical::first_rows;
use oncoweave_cohort::Kind;
use oncoweave_privacy::{Column, FileKind, Tells, Told, identity_removed, told_by_headers};

use super::{
    plan::{Plan, Task},
    settings::read_clinical_settings,
};

/// So many rows of the clinical table are looked at: a column that names patients names the first, too.
const ROWS: usize = 1000;

/// Looks at the columns of the clinical table, into one DICOM file of every source, and at the headers of
/// variant files and NIfTI images, unless the manifest's `[privacy]` or the user says what the files are.
/// Whatever else is wrong with a file is found when it is read.
pub(super) fn check(plan: &Plan, tasks: &[&Task], told: bool) -> Result<()> {
    if told || plan.manifest.privacy.is_some() {
        return Ok(());
    }
    let mut found = Vec::new();
    let columns = columns(plan)?;
    if !columns.is_empty() {
        let columns = columns.join(", ");
        found.push(format!("columns of the clinical table name their patients: {columns}"));
    }
    let of = |kinds: &'static [Kind]| {
        tasks.iter().filter(move |task| {
            let modality = plan.manifest.modality(&task.files[0].modality);
            modality.is_some_and(|modality| kinds.contains(&modality.kind))
        })
    };
    let series = of(&[Kind::Dicom]);
    let named = series.filter(|task| first_answer(&task.files[0].path) == Some(false)).count();
    if named > 0 {
        found.push(format!(
            "{named} DICOM series name their patients: (0012,0062) Patient Identity Removed is not YES"
        ));
    }
    let with_headers = of(&[Kind::Vcf, Kind::Sv, Kind::Genotype, Kind::Nifti]);
    // Many patients may share a file.
    let paths: BTreeSet<&Path> = with_headers.flat_map(|task| task.sources()).collect();
    let paths: Vec<&Path> = paths.into_iter().collect();
    found.extend(told_by_headers(&paths).iter().map(sentence));
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "{}; run `oncoweave deidentify` first. Where they were de-identified elsewhere, put `[privacy]` \
         with `status = \"deidentified\"` into the manifest; to read them as they are, give --identified",
        found.join("; ")
    );
}

/// The columns of the clinical table that tell who patients are, also those that no settings name.
fn columns(plan: &Plan) -> Result<Vec<String>> {
    let (settings, _) = read_clinical_settings(&plan.manifest)?;
    let (header, rows) = first_rows(&plan.clinical.path, ROWS)?;
    let is_missing =
        |cell: &str| settings.missing.iter().any(|missing| missing.eq_ignore_ascii_case(cell));
    let mut told = Vec::new();
    for (place, name) in header.iter().enumerate() {
        let mut column = Column::new(name);
        for cell in rows.iter().filter_map(|row| row.get(place)) {
            if !is_missing(cell) {
                column.see(cell);
            }
        }
        if let Some(Tells::Identity(what)) = column.tells() {
            told.push(format!("{} seems to hold {what}", column.shown(place)));
        }
    }
    Ok(told)
}

fn sentence(told: &Told) -> String {
    let files = match told.kind {
        FileKind::Nifti => "NIfTI images",
        _ => "VCF and BCF files",
    };
    format!("headers of {files} name their patients: {} seems to hold {}", told.place, told.what)
}

/// What the first file that is DICOM says.
fn first_answer(path: &Path) -> Option<bool> {
    if path.is_file() {
        return identity_removed(path);
    }
    let mut entries: Vec<PathBuf> =
        fs_err::read_dir(path).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    entries.iter().find_map(|path| first_answer(path))
}
