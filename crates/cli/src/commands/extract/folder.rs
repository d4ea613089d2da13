use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use fs_err as fs;
use oncoweave_cohort::{
    Manifest, TEMPORARY_PREFIX, remove_leftovers, stored_kind, write_atomically,
};
use serde::{Deserialize, Serialize};

use super::{
    inputs::{changed, inputs},
    plan::Plan,
};

/// The file that marks a folder as made by extract, and says from what.
const MARK: &str = "extract.json";

#[derive(Serialize, Deserialize)]
struct Mark {
    program_version: String,
    cohort: String,
    /// The manifest's text.
    manifest: String,
    /// What the tables were made from; not there until all of them are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inputs: Option<BTreeMap<String, String>>,
}

/// Where the results of single files are kept.
pub(super) fn parts(out: &Path) -> PathBuf {
    out.join(".parts")
}

/// Where the feature tables go.
pub(super) fn features(out: &Path) -> PathBuf {
    out.join("features")
}

/// Marks the folder as ours, or refuses it: nothing of anybody else is overwritten.
pub(super) fn claim(out: &Path, manifest: &Manifest) -> Result<()> {
    match read_mark(out)?.map(|mark| mark.cohort) {
        Some(cohort) if cohort != manifest.id => bail!(
            "{} holds the features of cohort `{cohort}`, this one is `{}`; name another folder \
             with --out",
            out.display(),
            manifest.id
        ),
        None if !is_empty(out)? => bail!(
            "{} is not empty and was not made by extract; name another folder with --out",
            out.display()
        ),
        Some(_) | None => {}
    }
    write_mark(out, manifest, None)
}

/// Records in the mark that every table is written, and from what.
pub(super) fn finish(out: &Path, plan: &Plan) -> Result<()> {
    write_mark(out, &plan.manifest, Some(plan.inputs.clone()))
}

fn write_mark(
    out: &Path,
    manifest: &Manifest,
    inputs: Option<BTreeMap<String, String>>,
) -> Result<()> {
    let mark = Mark {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        cohort: manifest.id.clone(),
        manifest: fs::read_to_string(&manifest.path)?,
        inputs,
    };
    let json = serde_json::to_string_pretty(&mark).expect("a mark has text keys");
    write_atomically(&out.join(MARK), |file| file.write_all(json.as_bytes()))
        .with_context(|| format!("could not write into {}", out.display()))
}

/// Fails unless the folder holds a whole extraction of the cohort as its manifest, its clinical
/// table and its lists are now.
pub(crate) fn check_made_from(out: &Path, manifest: &Manifest) -> Result<()> {
    let command = format!("`oncoweave extract {} --out {}", manifest.path.display(), out.display());
    let Some(mark) = read_mark(out)? else {
        bail!("{} was not made by extract; run {command}` first", out.display());
    };
    if mark.cohort != manifest.id {
        bail!(
            "{} holds the features of cohort `{}`, but {} is `{}`",
            out.display(),
            mark.cohort,
            manifest.path.display(),
            manifest.id
        );
    }
    let Some(then) = mark.inputs else {
        bail!("{} holds an unfinished extraction; run {command} --resume`", out.display());
    };
    let changed = changed(&then, &inputs(manifest)?);
    if !changed.is_empty() {
        bail!("{} changed since extract; run {command} --resume`", changed.join(", "));
    }
    Ok(())
}

/// What extract says about a folder; `None` where extract did not make it.
fn read_mark(out: &Path) -> Result<Option<Mark>> {
    let path = out.join(MARK);
    if !path.exists() {
        return Ok(None);
    }
    serde_json::from_slice(&fs::read(&path)?)
        .map(Some)
        .with_context(|| format!("{} is damaged", path.display()))
}

/// Removes what a killed run left, and tables of modalities that the manifest no longer has.
pub(super) fn tidy(out: &Path, plan: &Plan) -> Result<()> {
    let mut folders = vec![out.to_owned(), features(out)];
    folders.extend(plan.modalities.iter().map(|modality| parts(out).join(&modality.name)));
    for folder in &folders {
        remove_leftovers(folder)?;
    }
    if !features(out).is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(features(out))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let wanted = name == "clinical" || plan.manifest.modality(&name).is_some();
        if !wanted && stored_kind(&path).is_some_and(|kind| kind == "features") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn is_empty(folder: &Path) -> Result<bool> {
    if !folder.exists() {
        return Ok(true);
    }
    for entry in fs::read_dir(folder)? {
        if !entry?.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
            return Ok(false);
        }
    }
    Ok(true)
}
