//! A cohort stays a cohort: its files list and its manifest are written anew for the cleaned files.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    path::{Path, PathBuf},
    sync::Arc,
};

use oncoweave_cohort::{Kind, Manifest, Modality, SourceFile, read_files, write_atomically};
use toml::{Table, Value};

use crate::{
    Dates, Error, Identifier, Profile, Role,
    dates::moved,
    job::{Job, Shared, Work, declared, max_shift},
    journal::Entry,
    key::Key,
    names::renamed,
    panels::Panels,
    run::collect,
    table::{TablePlan, Use},
    variants::{SampleNames, is_variants},
    words::Words,
};

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

fn lower(texts: Vec<String>) -> BTreeSet<String> {
    texts.into_iter().map(|text| text.to_lowercase()).collect()
}

fn missing(table: &Table) -> BTreeSet<String> {
    const DEFAULT: [&str; 8] = ["", "na", "n/a", "nan", "null", ".", "unknown", "not available"];
    match table.get("missing") {
        None => DEFAULT.iter().map(|&text| text.to_owned()).collect(),
        given => lower(texts(given)),
    }
}

fn empty_plan(settings: &Table, profile: &Profile, undeclared: Role) -> TablePlan {
    TablePlan {
        columns: BTreeMap::new(),
        undeclared,
        missing: missing(settings),
        max_shift_days: max_shift(profile),
        keep_dates: profile.dicom.dates == Dates::Full,
    }
}

/// The clinical table, by what the manifest says of its columns; the profile overrules it.
fn clinical_plan(manifest: &Manifest, profile: &Profile) -> TablePlan {
    let settings = &manifest.clinical;
    let mut plan = empty_plan(settings, profile, Role::Drop);
    let mut add = |name: Option<&str>, kind: Use| {
        plan.columns.extend(name.map(|name| (name.to_owned(), kind)));
    };
    add(text_of(settings, "fold"), Use::Role(Role::Number));
    add(text_of(settings, "site"), Use::Role(Role::Identifier));
    if let Some(columns) = settings.get("columns").and_then(Value::as_table) {
        for (name, column) in columns {
            if let Some(column) = column.as_table() {
                add(Some(name.as_str()), column_use(name, column));
            }
        }
    }
    if let Some(outcome) = &manifest.outcome {
        add(text_of(outcome, "time"), Use::Measure(Vec::new()));
        add(text_of(outcome, "entry"), Use::Measure(Vec::new()));
        add(text_of(outcome, "label"), Use::Category);
        let mut levels = texts(outcome.get("event_values"));
        levels.extend(texts(outcome.get("censored_values")));
        let competing = outcome.get("competing").and_then(Value::as_table);
        levels
            .extend(competing.into_iter().flat_map(Table::values).flat_map(|one| texts(Some(one))));
        add(text_of(outcome, "event"), Use::Levels(lower(levels)));
    }
    add(text_of(settings, "index_date"), Use::Role(Role::Date));
    plan.columns.extend(declared(profile));
    let patient = text_of(settings, "patient_id").unwrap_or("patient_id");
    plan.columns.insert(patient.to_owned(), Use::Role(Role::Patient));
    plan
}

fn column_use(name: &str, column: &Table) -> Use {
    let is_age =
        name.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| word == "age");
    match text_of(column, "type") {
        Some("number") if is_age => Use::Role(Role::Age),
        Some("number") => {
            let mut units = texts(column.get("unit"));
            let convert = column.get("convert").and_then(Value::as_table);
            units.extend(convert.into_iter().flat_map(|table| table.keys().cloned()));
            Use::Measure(units)
        }
        Some("boolean") => {
            let given = |key: &str, default: &[&str]| match column.get(key) {
                None => default.iter().map(|&text| text.to_owned()).collect(),
                given => texts(given),
            };
            let mut levels = given("true_values", &["yes", "true", "1", "y"]);
            levels.extend(given("false_values", &["no", "false", "0", "n"]));
            Use::Levels(lower(levels))
        }
        _ => match column.get("levels") {
            None => Use::Category,
            levels => Use::Levels(lower(texts(levels))),
        },
    }
}

/// A table of features: its numbers stay.
fn table_plan(modality: &Modality, profile: &Profile) -> TablePlan {
    let columns = texts(modality.options.get("columns"));
    let undeclared = if columns.is_empty() { Role::Number } else { Role::Drop };
    let mut plan = empty_plan(&modality.options, profile, undeclared);
    plan.columns.extend(columns.into_iter().map(|name| (name, Use::Role(Role::Number))));
    if let Some(date) = text_of(&modality.options, "date") {
        plan.columns.insert(date.to_owned(), Use::Role(Role::Date));
    }
    plan.columns.extend(declared(profile));
    let patient = text_of(&modality.options, "patient_id").unwrap_or("patient_id");
    plan.columns.insert(patient.to_owned(), Use::Role(Role::Patient));
    plan
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

/// The gene panels that each modality's settings name, and a sentence for each file of them that cannot
/// be read.
fn panels(manifest: &Manifest) -> (BTreeMap<&str, Panels>, Vec<String>) {
    let (mut by_modality, mut unread) = (BTreeMap::new(), Vec::new());
    for modality in &manifest.modalities {
        let mut panels = Panels::default();
        for path in texts(modality.options.get("panels")) {
            if let Err(error) = panels.read(&manifest.resolve(Path::new(&path))) {
                unread.push(format!(
                    "a file of gene panels of the modality `{}` cannot be read ({}), so that its panels \
                     are taken for unlisted; look at the file and run again",
                    modality.name,
                    error.kind()
                ));
            }
        }
        by_modality.insert(modality.name.as_str(), panels);
    }
    (by_modality, unread)
}

impl CohortPlan {
    /// The patients' ids with their pseudonyms.
    pub(crate) fn pseudonyms(&self, key: &Key) -> BTreeMap<String, String> {
        self.files
            .iter()
            .map(|file| {
                let id = file.patient_id.as_str();
                (id.to_owned(), key.pseudonym(&Identifier::of(id)))
            })
            .collect()
    }

    /// Writes the files list and the manifest for what was cleaned. Returns what a person should know.
    pub(crate) fn write(
        &self,
        jobs: &[Job],
        entries: &[Entry],
        shared: &Shared,
    ) -> Result<Vec<String>, Error> {
        let outs: BTreeMap<&Path, &Path> = jobs
            .iter()
            .zip(entries)
            .filter(|(_, entry)| entry.aside.is_none())
            .filter_map(|(job, entry)| Some((job.source.as_path(), entry.out.as_deref()?)))
            .collect();
        let mut warnings = self.write_files(&outs, shared)?;
        self.write_manifest(&outs, shared)?;
        if self.rejected > 0 {
            warnings.push(format!(
                "{} rows of the files list cannot be read and were left out; `oncoweave extract` says \
                 what is wrong with them",
                self.rejected
            ));
        }
        Ok(warnings)
    }

    /// Writes the files list. Returns what a person should know.
    fn write_files(
        &self,
        outs: &BTreeMap<&Path, &Path>,
        shared: &Shared,
    ) -> Result<Vec<String>, Error> {
        let header = ["patient_id", "modality", "path", "sample_id", "date", "mask", "panel"];
        let (mut left_out, mut unlisted) = (0_usize, 0_usize);
        let (panels, mut warnings) = panels(&self.manifest);
        let is_unlisted =
            |file: &SourceFile| match (panels.get(file.modality.as_str()), &file.panel) {
                (Some(panels), Some(panel)) => !panels.hold(panel),
                _ => false,
            };
        write_atomically(&shared.out.join("files.csv"), |out| {
            let mut writer = csv::Writer::from_writer(out);
            writer.write_record(header)?;
            for file in &self.files {
                match self.row(file, outs, &panels, shared) {
                    Some(row) => {
                        unlisted += usize::from(is_unlisted(file));
                        writer.write_record(row)?;
                    }
                    None => left_out += 1,
                }
            }
            writer.flush()?;
            Ok::<(), Error>(())
        })?;
        if left_out > 0 {
            warnings.push(format!(
                "{left_out} rows of the files list were left out, as their files were set aside"
            ));
        }
        if unlisted > 0 {
            warnings.push(format!(
                "{unlisted} rows of the files list name a gene panel that no file of `panels` holds; it is \
                 called `unlisted` now, and `oncoweave extract` refuses it as it refuses the panel itself"
            ));
        }
        Ok(warnings)
    }

    /// A row of the files list; `None` where its file was set aside.
    fn row(
        &self,
        file: &SourceFile,
        outs: &BTreeMap<&Path, &Path>,
        panels: &BTreeMap<&str, Panels>,
        shared: &Shared,
    ) -> Option<[String; 7]> {
        let modality = self.manifest.modality(&file.modality)?;
        let panels = panels.get(modality.name.as_str())?;
        let path = if file.path.is_dir() {
            let from = (Bound::Included(file.path.as_path()), Bound::Unbounded);
            let first = outs.range::<Path, _>(from).next();
            first.filter(|(source, _)| source.starts_with(&file.path))?;
            renamed(Path::new(&self.manifest.relative(&file.path)), shared.key)
        } else {
            (*outs.get(file.path.as_path())?).to_owned()
        };
        let mask = match &file.mask {
            Some(mask) => outs.get(mask.as_path())?.display().to_string(),
            None => String::new(),
        };
        let names = SampleNames::new(shared.key, prefix_of(modality), &shared.patients);
        let sample = file.sample_id.as_deref().map(|name| names.pseudonym(name));
        let patient = Identifier::of(file.patient_id.as_str());
        let date = file.date.and_then(|date| match shared.profile.dicom.dates {
            Dates::Full => Some(date),
            Dates::Removed => None,
            Dates::Shifted => {
                let most = shared.profile.dicom.max_shift_days;
                moved(date, shared.key.shift_days(&patient, most))
            }
        });
        let text = |value: Option<String>| value.unwrap_or_default();
        Some([
            shared.key.pseudonym(&patient),
            file.modality.clone(),
            path.display().to_string(),
            text(sample),
            text(date.map(|date| date.to_string())),
            mask,
            text(file.panel.as_deref().map(|panel| panels.written(panel))),
        ])
    }

    fn write_manifest(&self, outs: &BTreeMap<&Path, &Path>, shared: &Shared) -> Result<(), Error> {
        let mut table = self.table.clone();
        let words = Words {
            allowed: shared.profile.dicom.keep_words.iter().map(|w| w.to_lowercase()).collect(),
            ..Words::default()
        };
        let id = match words.clean(&self.manifest.id) {
            None => self.manifest.id.clone(),
            Some(_) => format!("cohort-{}", shared.key.token("cohort", &self.manifest.id)),
        };
        table.insert("id".to_owned(), id.into());
        table.insert("files".to_owned(), "files.csv".into());
        let moved_path = |text: &str| -> Option<Value> {
            let source = self.manifest.resolve(Path::new(text));
            outs.get(source.as_path()).map(|out| Value::from(out.display().to_string()))
        };
        if let Some(clinical) = table.get_mut("clinical").and_then(Value::as_table_mut) {
            move_paths(clinical.get_mut("table"), &moved_path);
        }
        let modalities = table.get_mut("modality").and_then(Value::as_array_mut);
        for modality in modalities.into_iter().flatten().filter_map(Value::as_table_mut) {
            // Names of samples are whole now.
            modality.remove("barcode_prefix");
            move_paths(modality.get_mut("path"), &moved_path);
            for key in RESOURCES {
                move_paths(modality.get_mut(key), &moved_path);
            }
            // Names of regions were cleaned by the same rule.
            if let Some(Value::String(roi)) = modality.get_mut("roi")
                && let Some(cleaned) = words.clean(roi)
            {
                *roi = cleaned;
            }
        }
        let mut privacy = Table::new();
        privacy.insert("status".to_owned(), "pseudonymised".into());
        privacy.insert("key".to_owned(), shared.key.id().into());
        table.insert("privacy".to_owned(), Value::Table(privacy));
        let text = toml::to_string(&table).expect("what was TOML is TOML");
        write_atomically(&shared.out.join("cohort.toml"), |file| file.write_all(text.as_bytes()))?;
        Ok(())
    }
}

fn move_paths(value: Option<&mut Value>, moved: &dyn Fn(&str) -> Option<Value>) {
    match value {
        Some(Value::Array(values)) => {
            for value in values {
                move_paths(Some(value), moved);
            }
        }
        Some(value) => {
            if let Some(new) = value.as_str().and_then(moved) {
                *value = new;
            }
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_manifest_says_of_the_outcome_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cohort.toml");
        let text = "schema = 1\nid = 'demo'\n[clinical]\ntable = 'c.csv'\npatient_id = 'id'\n\
                    [outcome]\ntime = 't'\nevent = 'e'\nentry = 'begin'\nevent_values = ['Dead']\n\
                    censored_values = ['alive']\n\
                    competing = { other = ['dead, other', 3], third = ['lost'] }\n";
        fs_err::write(&path, text).unwrap();
        let plan = clinical_plan(&Manifest::read(&path).unwrap(), &Profile::default());
        let numbers = Use::Measure(Vec::new());
        assert_eq!((&plan.columns["t"], &plan.columns["begin"]), (&numbers, &numbers));
        let words = ["dead", "alive", "dead, other", "3", "lost"].map(str::to_owned);
        assert_eq!(plan.columns["e"], Use::Levels(BTreeSet::from(words)));
    }
}
