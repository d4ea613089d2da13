//! A cohort stays a cohort: its files list and its manifest are written anew for the cleaned files.

mod columns;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use oncoweave_cohort::{Kind, Manifest, Modality, SourceFile, read_files};
use toml::{Table, Value};

use crate::{
    Error, Identifier, Profile,
    job::{Job, Work},
    run::collect,
    variants::is_variants,
};
use columns::{clinical_plan, table_plan};

/// What is to be cleaned.
pub(crate) struct Plan {
    pub(crate) jobs: Vec<Job>,
    pub(crate) cohort: Option<CohortPlan>,
}

/// What the files list and the manifest say.
pub(crate) struct CohortPlan {
    manifest: Manifest,
    table: Table,
    files: Vec<SourceFile>,
    rejected: usize,
    /// Names of samples in the files list.
    pub(crate) samples: BTreeSet<String>,
}

/// Reads a manifest and what it names.
pub(crate) fn plan(path: &Path, profile: &Profile) -> Result<Plan, Error> {
    let manifest = Manifest::read(path)?;
    let found = read_files(&manifest)?;
    let text = fs_err::read_to_string(path)?;
    let table: Table = toml::from_str(&text).expect("the manifest was read before");
    let mut jobs = Jobs { manifest: &manifest, by_source: BTreeMap::new() };
    if let Some(path) = text_of(&manifest.clinical, "table") {
        let plan = clinical_plan(&manifest, profile);
        jobs.add(manifest.resolve(Path::new(path)), Work::Table(Arc::new(plan)), None);
    }
    for modality in &manifest.modalities {
        if let (Kind::Table, Some(path)) = (modality.kind, text_of(&modality.options, "path")) {
            let plan = table_plan(modality, profile);
            jobs.add(manifest.resolve(Path::new(path)), Work::Table(Arc::new(plan)), None);
        }
        for path in resources(&manifest, modality) {
            jobs.add(path, Work::Resource, None);
        }
    }
    for file in &found.files {
        jobs.add_file(file)?;
    }
    let jobs = jobs.by_source.into_values().collect();
    let samples = found.files.iter().filter_map(|file| file.sample_id.clone()).collect();
    let cohort =
        CohortPlan { table, files: found.files, rejected: found.rejected.len(), samples, manifest };
    Ok(Plan { jobs, cohort: Some(cohort) })
}

struct Jobs<'a> {
    manifest: &'a Manifest,
    by_source: BTreeMap<PathBuf, Job>,
}

impl Jobs<'_> {
    /// Adds a file; one that belongs to several patients belongs to none alone.
    fn add(&mut self, source: PathBuf, work: Work, patient: Option<Arc<Identifier>>) {
        let relative = PathBuf::from(self.manifest.relative(&source));
        let is_same = |job: &Job| match (&job.patient, &patient) {
            (Some(a), Some(b)) => a.reveal() == b.reveal(),
            (a, b) => a.is_none() && b.is_none(),
        };
        match self.by_source.get_mut(&source) {
            Some(job) if is_same(job) => {}
            Some(job) => job.patient = None,
            None => {
                let job = Job { source: source.clone(), relative, work, patient, namesakes: 0 };
                self.by_source.insert(source, job);
            }
        }
    }

    fn add_file(&mut self, file: &SourceFile) -> Result<(), Error> {
        let Some(modality) = self.manifest.modality(&file.modality) else { return Ok(()) };
        let patient = Some(Arc::new(Identifier::of(file.patient_id.as_str())));
        let prefix = prefix_of(modality);
        match modality.kind {
            Kind::Dicom if file.path.is_dir() => {
                let mut paths = Vec::new();
                collect(&file.path, &mut paths)?;
                for path in paths {
                    let work = if path.is_symlink() { Work::Link } else { Work::Dicom };
                    self.add(path, work, patient.clone());
                }
            }
            Kind::Dicom => self.add(file.path.clone(), Work::Dicom, patient),
            Kind::Nifti => {
                let region = file.mask.clone();
                if let Some(mask) = &region {
                    let work = Work::Nifti { region: None, is_region: true };
                    self.add(mask.clone(), work, patient.clone());
                }
                self.add(file.path.clone(), Work::Nifti { region, is_region: false }, patient);
            }
            Kind::Table => {}
            _ => {
                let name =
                    file.path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
                let work = if is_variants(&name) {
                    Work::Variants { prefix }
                } else {
                    Work::Genomic { prefix }
                };
                self.add(file.path.clone(), work, patient);
            }
        }
        Ok(())
    }
}

fn prefix_of(modality: &Modality) -> Option<usize> {
    let prefix = modality.options.get("barcode_prefix")?.as_integer()?;
    usize::try_from(prefix).ok()
}

fn text_of<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key)?.as_str()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        Some(Value::Array(values)) => values.iter().map(text).collect(),
        Some(value) => vec![text(value)],
        None => Vec::new(),
    }
}

/// The options that name files: those of the genomic and imaging kinds.
const RESOURCES: [&str; 12] = [
    "reference",
    "gene_intervals",
    "gene_positions",
    "hotspots",
    "panels",
    "panel_megabases",
    "signatures",
    "gene_sets",
    "scores",
    "pyradiomics_parameters",
    "weights",
    "model",
];

fn resources(manifest: &Manifest, modality: &Modality) -> Vec<PathBuf> {
    RESOURCES
        .iter()
        .filter_map(|key| modality.options.get(*key))
        .flat_map(|value| texts(Some(value)))
        .map(|text| manifest.resolve(Path::new(&text)))
        .filter(|path| path.is_file())
        .collect()
}
