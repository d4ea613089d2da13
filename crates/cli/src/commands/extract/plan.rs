use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use oncoweave_clinical::{ClinicalTable, RejectedRow, Table, read_clinical, read_table};
use oncoweave_cohort::{
    AbsentFile, Kind, KnownPatients, Manifest, SourceFile, SourceFiles, SourceHash, hash_source,
    read_files, read_files_elsewhere,
};
use oncoweave_core::{Exclusion, PatientId};
use oncoweave_genomics::build::Build;

use super::inputs::inputs;
use super::resources::{Resources, modality_sha256, resolve};
use super::settings::{Settings, build, read_clinical_settings, settings_sha256};

/// What is to be done, all of it checked.
pub(super) struct Plan {
    pub(super) manifest: Manifest,
    pub(super) clinical: Clinical,
    pub(super) modalities: Vec<ModalityPlan>,
    /// Sorted by modality, then by patient.
    pub(super) tasks: Vec<Task>,
    /// Rows of the files list and of tables that were set aside before any file was opened.
    pub(super) rejected: Vec<Exclusion>,
    /// The rows of the files list among them whose path is not there.
    pub(super) absent: Vec<AbsentFile>,
    /// What it was made from, see [`inputs`].
    pub(super) inputs: BTreeMap<String, String>,
}

/// The clinical table, read.
pub(super) struct Clinical {
    pub(super) table: ClinicalTable,
    pub(super) path: PathBuf,
    pub(super) source: SourceHash,
    pub(super) settings_sha256: String,
}

/// One modality with its settings.
pub(super) struct ModalityPlan {
    pub(super) name: String,
    /// The files that they name can be opened.
    pub(super) settings: Settings,
    /// What those files hold.
    pub(super) resources: Resources,
    /// The genome build that its files must be of, where they declare one.
    pub(super) build: Option<Build>,
    pub(super) settings_sha256: String,
    /// The table of a modality that is one, read.
    pub(super) table: Option<(Table, SourceHash)>,
}

/// Sources that are read once, and the rows of the files list that they serve: many rows of one
/// table, one image and its mask, or the VCFs of one tumor by several callers.
pub(super) struct Task {
    /// Index in [`Plan::modalities`].
    pub(super) modality: usize,
    /// At least one; all name the same source, or all are of the same tumor.
    pub(super) files: Vec<SourceFile>,
}

impl Task {
    /// Each source once, with the mask of an image.
    pub(super) fn sources(&self) -> Vec<&Path> {
        let paths = self.files.iter().flat_map(|file| [Some(&file.path), file.mask.as_ref()]);
        let mut sources: Vec<&Path> = paths.flatten().map(PathBuf::as_path).collect();
        sources.dedup();
        sources
    }

    /// The rows that get features of their own: one for all callers of a tumor.
    pub(super) fn rows(&self) -> &[SourceFile] {
        let is_of_callers = self.files.iter().any(|file| file.path != self.files[0].path);
        if is_of_callers { &self.files[..1] } else { &self.files }
    }
}

impl Plan {
    /// Reads the manifest, every setting, the files list and the tables. With `absent` no file of a
    /// patient need be here: it says by line of the list what was wrong with those that were not
    /// there when the others were read.
    pub(super) fn make(
        manifest_path: &Path,
        absent: Option<&BTreeMap<u64, String>>,
    ) -> Result<Self> {
        let manifest = Manifest::read(manifest_path)?;
        let (clinical_settings, outcome) = read_clinical_settings(&manifest)?;
        let settings = manifest
            .modalities
            .iter()
            .map(|modality| Settings::read(&manifest, modality))
            .collect::<Result<Vec<_>>>()?;
        let inputs = inputs(&manifest)?;
        let files = match absent {
            None => read_files(&manifest)?,
            Some(absent) => read_files_elsewhere(&manifest, absent)?,
        };
        warn_if_no_files(&manifest, &files);
        let path = manifest.resolve(clinical_settings.table.as_ref());
        let table = read_clinical(&path, &clinical_settings, outcome.as_ref())
            .context("could not read the clinical table")?;
        let clinical = Clinical {
            table,
            source: hash_source(&path)?,
            settings_sha256: settings_sha256(&(&clinical_settings, &outcome)),
            path,
        };
        check_any_patient(&clinical)?;
        let SourceFiles { files, mut rejected, absent } = files;
        rejected.extend(clinical.table.rejected.iter().map(|row| exclusion(row, "clinical")));
        let known = known_files(&clinical, files, &manifest, &mut rejected)?;
        let mut modalities = Vec::new();
        for (modality, mut settings) in manifest.modalities.iter().zip(settings) {
            let unresolved = settings_sha256(&settings);
            let mut named = resolve(&mut settings, &manifest)?;
            let build = build(&manifest, modality)?;
            named.extend(build.map(|build| ("build".to_owned(), build.to_string())));
            let table = read_modality_table(&modality.name, &settings)?;
            let rows = table.iter().flat_map(|(table, _)| &table.rejected);
            rejected.extend(rows.map(|row| exclusion(row, &modality.name)));
            modalities.push(ModalityPlan {
                name: modality.name.clone(),
                settings_sha256: modality_sha256(unresolved, &named),
                resources: Resources::load(&settings, &modality.name)?,
                settings,
                build,
                table,
            });
        }
        let tasks = tasks(&modalities, known);
        Ok(Self { manifest, clinical, modalities, tasks, rejected, absent, inputs })
    }
}

/// Fails when no row of the clinical table will do: then nothing can be extracted, and the reasons
/// there are the cause.
fn check_any_patient(clinical: &Clinical) -> Result<()> {
    const SHOWN: usize = 3;
    if !clinical.table.patients.is_empty() {
        return Ok(());
    }
    let rejected = &clinical.table.rejected;
    let reasons: Vec<&str> = rejected.iter().take(SHOWN).map(|row| row.reason.as_str()).collect();
    match rejected.len() {
        0 => bail!("{}: the table has no row; it needs one a patient", clinical.path.display()),
        count => bail!(
            "{}: all {count} rows were set aside; the first reasons: {}",
            clinical.path.display(),
            reasons.join("; ")
        ),
    }
}

fn warn_if_no_files(manifest: &Manifest, files: &SourceFiles) {
    let of_files = manifest.modalities.iter().filter(|modality| modality.kind != Kind::Table);
    let names: Vec<String> = of_files.map(|modality| format!("`{}`", modality.name)).collect();
    if files.files.is_empty() && files.rejected.is_empty() && !names.is_empty() {
        tracing::warn!(
            "{}: the list has no row, so there is nothing of {}",
            manifest.files.display(),
            names.join(", ")
        );
    }
}

fn exclusion(row: &RejectedRow, modality: &str) -> Exclusion {
    Exclusion {
        patient_id: row.patient_id.clone().unwrap_or_default(),
        // Without a clinical row the patient is not in the cohort at all.
        modality: if modality == "clinical" { String::new() } else { modality.to_owned() },
        step: "extract".to_owned(),
        reason: row.reason.clone(),
    }
}

fn read_modality_table(name: &str, settings: &Settings) -> Result<Option<(Table, SourceHash)>> {
    let Settings::Table { path, settings } = settings else { return Ok(None) };
    let table = read_table(path, settings)
        .with_context(|| format!("could not read the table of modality `{name}`"))?;
    for column in &table.skipped {
        tracing::warn!("modality `{name}`: column `{}` left out: {}", column.name, column.reason);
    }
    Ok(Some((table, hash_source(path)?)))
}

/// The files whose patients the clinical table knows; the others are set aside unread.
fn known_files(
    clinical: &Clinical,
    files: Vec<SourceFile>,
    manifest: &Manifest,
    rejected: &mut Vec<Exclusion>,
) -> Result<Vec<SourceFile>> {
    let ids: Vec<PatientId> =
        clinical.table.patients.iter().map(|patient| patient.patient_id.clone()).collect();
    let known = KnownPatients::new(&ids);
    let set_aside: HashMap<&str, u64> = clinical
        .table
        .rejected
        .iter()
        .filter_map(|row| Some((row.patient_id.as_deref()?, row.line)))
        .collect();
    let (here, strangers): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| known.row(&file.patient_id).is_some());
    let was_set_aside = |file: &SourceFile| set_aside.contains_key(file.patient_id.as_str());
    if here.is_empty() && !strangers.is_empty() && !strangers.iter().any(was_set_aside) {
        bail!(
            "no patient of {} is in {}; the first are `{}` and `{}`: check `patient_id` in the \
             section [clinical] of {}",
            manifest.files.display(),
            clinical.path.display(),
            strangers[0].patient_id,
            ids.first().map_or("(none)", |id| id.as_str()),
            manifest.path.display()
        );
    }
    let table = clinical.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    rejected.extend(strangers.iter().map(|file| Exclusion {
        patient_id: file.patient_id.to_string(),
        modality: file.modality.clone(),
        step: "extract".to_owned(),
        reason: match set_aside.get(file.patient_id.as_str()) {
            Some(line) => format!("not read, for the row at {table}:{line} was set aside"),
            None => known.why_unknown(&file.patient_id),
        },
    }));
    Ok(here)
}

/// One task for each file; one for all rows of a path where a file serves many patients, and one
/// for all VCFs of a patient and date.
fn tasks(modalities: &[ModalityPlan], files: Vec<SourceFile>) -> Vec<Task> {
    let mut groups: BTreeMap<(usize, String, PathBuf), Vec<SourceFile>> = BTreeMap::new();
    for file in files {
        let modality = modalities
            .iter()
            .position(|modality| modality.name == file.modality)
            .expect("the files list was checked against the manifest");
        let shared = modalities[modality].settings.is_shared();
        // An undated row has an empty text, which sorts before any date.
        let date = file.date.map(|date| date.to_string()).unwrap_or_default();
        let own = if shared { String::new() } else { format!("{}\0{date}", file.patient_id) };
        // The VCFs of one tumor are read together.
        let is_vcf = matches!(modalities[modality].settings, Settings::Vcf(_));
        let path = if is_vcf { PathBuf::new() } else { file.path.clone() };
        groups.entry((modality, own, path)).or_default().push(file);
    }
    let task = |((modality, ..), mut files): ((usize, String, PathBuf), Vec<SourceFile>)| {
        files.sort_by(|a, b| (&a.patient_id, a.date).cmp(&(&b.patient_id, b.date)));
        Task { modality, files }
    };
    groups.into_iter().map(task).collect()
}
