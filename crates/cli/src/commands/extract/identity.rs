//! Refuses a cohort whose images still name their patients.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use oncoweave_cohort::Kind;
use oncoweave_privacy::identity_removed;

use super::plan::Plan;

/// Looks into one DICOM file of every source, unless the manifest's `[privacy]` or the user says what
/// the files are. Whatever else is wrong with a file is found when it is read.
pub(super) fn check(plan: &Plan, told: bool) -> Result<()> {
    if told || plan.manifest.privacy.is_some() {
        return Ok(());
    }
    let is_dicom = |modality: &str| {
        plan.manifest.modality(modality).is_some_and(|modality| modality.kind == Kind::Dicom)
    };
    let named = plan
        .tasks
        .iter()
        .filter(|task| is_dicom(&task.files[0].modality))
        .filter(|task| first_answer(&task.files[0].path) == Some(false))
        .count();
    if named > 0 {
        bail!(
            "{named} DICOM series name their patients: (0012,0062) Patient Identity Removed is not YES; \
             run `oncoweave deidentify` first. Where they were de-identified elsewhere, put \
             `[privacy]` with `status = \"deidentified\"` into the manifest; to read them as they are, \
             give --identified"
        );
    }
    Ok(())
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
