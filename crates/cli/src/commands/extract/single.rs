//! One patient's files through the same steps as a cohort's: for a served model.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use oncoweave_cohort::{Kind, Manifest, ModalityTable, Window, align, merge_tables};
use oncoweave_core::{Cohort, FeatureTable};
use oncoweave_serve::{Case, CaseFile, RawCase};
use serde_json::Value;

use super::{part, plan::Plan, settings::read_clinical_settings, stored::table_path};

/// The patient's name while files are read, so that no message holds another.
const PATIENT: &str = "patient";

/// One aligned row of a patient's files.
///
/// # Errors
/// With a sentence that holds nothing of the patient.
pub(crate) fn single(raw: &RawCase) -> Result<Cohort, String> {
    extract(raw).map_err(|error| redacted(&format!("{error:#}"), raw))
}

fn extract(raw: &RawCase) -> Result<Cohort> {
    let folder = tempfile::Builder::new().prefix("oncoweave-case-").tempdir()?;
    let manifest_path = folder.path().join("cohort.toml");
    fs_err::write(&manifest_path, &raw.extraction.manifest)?;
    let manifest = Manifest::read(&manifest_path)?;
    put_resources(raw, folder.path())?;
    put_clinical(&manifest, raw.case)?;
    put_files(&manifest, raw)?;
    let plan = Plan::make(&manifest_path, None)?;
    if let Some(first) = plan.rejected.first() {
        let modality =
            if first.modality.is_empty() { "the clinical table" } else { &first.modality };
        bail!("{modality}: {}", first.reason);
    }
    let mut tables = vec![("clinical".to_owned(), plan.clinical.table.features.clone())];
    let parts = plan
        .tasks
        .iter()
        .map(|task| {
            let part = part::measure(&plan, task, part::fingerprint(&plan, task));
            let name = &plan.modalities[task.modality].name;
            match part.set_aside.first() {
                None => Ok((task.modality, part.table())),
                Some(one) => bail!("modality `{name}`: {}", one.reason),
            }
        })
        .collect::<Result<Vec<(usize, FeatureTable)>>>()?;
    for (index, modality) in plan.modalities.iter().enumerate() {
        let own = parts.iter().filter(|(place, _)| *place == index);
        let table = match &modality.table {
            Some((table, _)) => table.features.clone(),
            None => merge_tables(own.map(|(_, table)| table.clone()).collect()),
        };
        tables.push((modality.name.clone(), table));
    }
    align_one(&plan, tables)
}

/// The one patient's row, with each modality in its window.
fn align_one(plan: &Plan, tables: Vec<(String, FeatureTable)>) -> Result<Cohort> {
    let window =
        |name: &str| plan.manifest.modality(name).map_or_else(Window::default, |m| m.window);
    let tables: Vec<ModalityTable> = tables
        .into_iter()
        // Without a file a modality has no column, which is how a table lacks it as a whole.
        .filter(|(_, table)| !table.features.is_empty())
        .map(|(name, table)| ModalityTable { window: window(&name), name, table })
        .collect();
    let patient = &plan.clinical.table.patients[0];
    let outcomes = Cohort {
        patients: vec![patient.patient_id.clone()],
        sites: vec![None],
        index_dates: vec![patient.index_date],
        survival: vec![None],
        competing: vec![],
        labels: vec![None],
        folds: vec![None],
        columns: vec![],
    };
    let dated = plan.manifest.clinical.contains_key("index_date");
    let (cohort, left_out) = align(&outcomes, &tables, dated);
    let is_null = |modality: &str| {
        let mut columns = cohort.columns.iter().filter(|column| column.modality == modality);
        columns.all(|column| column.values.get(0).is_none())
    };
    if let Some(one) = left_out.iter().find(|one| is_null(&one.modality)) {
        bail!(
            "modality `{}`: every file lies outside the days round the index date that the model \
             was trained with, or there is no index date; send its `date` and the patient's index \
             date",
            one.modality
        );
    }
    Ok(cohort)
}

/// The files that the settings name, those too large to be kept from the model's own folder.
fn put_resources(raw: &RawCase, folder: &Path) -> Result<()> {
    for (name, bytes) in &raw.extraction.files {
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(folder))?;
        fs_err::write(path, bytes)?;
    }
    for name in &raw.extraction.absent {
        let kept = raw.stored.join(name);
        if !kept.exists() {
            bail!(
                "the settings name a file that was too large to be stored with the model; put it \
                 into the model folder as extraction/{name}"
            );
        }
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(folder))?;
        fs_err::os::unix::fs::symlink(fs_err::canonicalize(kept)?, path)?;
    }
    Ok(())
}

/// A clinical table of one row; what was not sent is missing.
fn put_clinical(manifest: &Manifest, case: &Case) -> Result<()> {
    let settings = read_clinical_settings(manifest)?.0;
    let mut names: Vec<&str> = vec![settings.patient_id.as_str()];
    let others = settings.index_date.iter().chain(settings.columns.keys());
    for name in others.map(String::as_str) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if let Some(unknown) = case.clinical.keys().find(|name| !names.contains(&name.as_str())) {
        let place = case.clinical.keys().position(|name| name == unknown).unwrap_or_default();
        bail!(
            "`clinical` has a column that the model does not know, the one at place {}; it knows {}",
            place + 1,
            names[1..].iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        );
    }
    let cell = |name: &&str| -> Result<String> {
        if *name == settings.patient_id {
            return Ok(PATIENT.to_owned());
        }
        Ok(match case.clinical.get(*name) {
            None | Some(Value::Null) => settings.missing.first().cloned().unwrap_or_default(),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(flag)) => flag.to_string(),
            Some(_) => bail!("the clinical column `{name}` must be a text, a number or null"),
        })
    };
    let row = names.iter().map(cell).collect::<Result<Vec<String>>>()?;
    let mut writer = csv::Writer::from_path(manifest.resolve(Path::new("clinical.csv")))?;
    writer.write_record(&names)?;
    writer.write_record(row)?;
    Ok(writer.flush()?)
}

/// The files list, its paths in the folder of the request; tables beside the manifest.
fn put_files(manifest: &Manifest, raw: &RawCase) -> Result<()> {
    let mut writer = csv::Writer::from_path(&manifest.files)?;
    writer.write_record([
        "patient_id",
        "modality",
        "path",
        "sample_id",
        "date",
        "mask",
        "panel",
    ])?;
    let mut tables = BTreeSet::new();
    for file in &raw.case.files {
        let modality = manifest.modality(&file.modality).with_context(|| {
            let names: Vec<String> =
                manifest.modalities.iter().map(|modality| format!("`{}`", modality.name)).collect();
            format!(
                "a file is of a modality that the model does not know; it knows {}",
                names.join(", ")
            )
        })?;
        let path = inside(raw.folder, &file.path)?;
        if modality.kind == Kind::Table {
            fs_err::copy(path, manifest.resolve(table_path(&modality.name).as_ref()))?;
            tables.insert(modality.name.as_str());
            continue;
        }
        let path = if modality.kind == Kind::Dicom { flattened(&path)? } else { path };
        let mask = file.mask.as_ref().map(|mask| inside(raw.folder, mask)).transpose()?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let CaseFile { sample_id, date, panel, .. } = file;
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        writer.write_record([
            PATIENT.to_owned(),
            modality.name.clone(),
            text(&path),
            optional(sample_id),
            optional(date),
            mask.as_deref().map(text).unwrap_or_default(),
            optional(panel),
        ])?;
    }
    for modality in manifest.modalities.iter().filter(|modality| modality.kind == Kind::Table) {
        if !tables.contains(modality.name.as_str()) {
            bail!("modality `{}`: its table is missing; send one with one row", modality.name);
        }
    }
    Ok(writer.flush()?)
}

/// A file of the request; its name was checked when it was unpacked, but what the case says was
/// not.
fn inside(folder: &Path, name: &str) -> Result<PathBuf> {
    let plain = |part: std::path::Component| matches!(part, std::path::Component::Normal(_));
    let path = Path::new(name);
    if !path.components().all(plain) || !folder.join(path).exists() {
        bail!("a file that the case names was not sent under that path");
    }
    Ok(folder.join(path))
}

/// The folder that holds a series: archives often have a folder of their own round it.
fn flattened(folder: &Path) -> Result<PathBuf> {
    let mut folder = folder.to_owned();
    while folder.is_dir() {
        let entries: Vec<PathBuf> =
            fs_err::read_dir(&folder)?.flatten().map(|entry| entry.path()).collect();
        match &entries[..] {
            [only] if only.is_dir() => folder.clone_from(only),
            _ => break,
        }
    }
    Ok(folder)
}

/// A sentence without what the patient's files hold: of what stands in backquotes only that stays
/// which the stored manifest holds too, paths go, and behind the words that values follow nothing
/// stays.
fn redacted(text: &str, raw: &RawCase) -> String {
    let mut text = text.to_owned();
    let mut names: Vec<String> = vec![raw.folder.display().to_string()];
    for file in &raw.case.files {
        let sample = file.sample_id.iter().chain(&file.panel).chain(&file.date);
        let paths = std::iter::once(&file.path).chain(&file.mask);
        names.extend(paths.clone().cloned());
        names.extend(paths.filter_map(|path| path.rsplit('/').next().map(str::to_owned)));
        names.extend(sample.cloned());
    }
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in names.iter().filter(|name| !name.is_empty()) {
        text = text.replace(name.as_str(), "(left out)");
    }
    let value = [" got ", " found "].iter().filter_map(|mark| text.find(mark)).min();
    if let Some(end) = value {
        text.truncate(end);
    }
    let mut kept = String::new();
    for (place, piece) in text.split('`').enumerate() {
        let is_quoted = place % 2 == 1;
        if is_quoted && !raw.extraction.manifest.contains(piece) {
            kept.push_str("(left out)");
        } else if is_quoted {
            write!(kept, "`{piece}`").expect("memory takes any text");
        } else {
            kept.push_str(piece);
        }
    }
    // Temporary folders have names that tell nobody anything.
    let temporary = std::env::temp_dir().display().to_string();
    let words =
        kept.split(' ').map(|word| if word.contains(&temporary) { "(a file)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}
