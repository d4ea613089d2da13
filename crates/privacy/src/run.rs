//! A folder of files, or a cohort, cleaned file by file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use fs_err as fs;
use oncoweave_cohort::write_atomically;
use rayon::prelude::*;

use crate::{
    Error, FileKind, Profile, Report,
    cohort::{self, Plan},
    job::{Job, Shared, Work, tell_apart},
    journal::{Entry, Journal},
    key::{Key, private},
    linkage::Linkage,
};

/// The report's name in the folder that is written.
pub const REPORT: &str = "deidentification.json";
/// The list of files there, each with what became of it.
const FILES: &str = "deidentification.csv";

/// What is de-identified, and where to.
pub struct Settings<'a> {
    /// A folder of files, or of a cohort (`cohort.toml`), or the manifest itself.
    pub input: &'a Path,
    /// A folder: new, empty, or of a run that was cut off.
    pub out: &'a Path,
    /// The secret.
    pub key: &'a Key,
    /// What may stay.
    pub profile: &'a Profile,
}

/// De-identifies a folder. A run that was cut off goes on where it stopped; a file that cannot be
/// cleaned is set aside and listed. `progress` is told how many of how many files are done.
///
/// # Errors
/// When the input cannot be read, the folder to write holds something else, or a file cannot be
/// written. No message holds a value of a file.
pub fn deidentify(
    settings: &Settings,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Report, Error> {
    check_folders(settings)?;
    let mut plan = plan(settings)?;
    tell_apart(&mut plan.jobs);
    let linkage = Linkage::open(settings.key)?;
    fs::create_dir_all(settings.out)?;
    remove_leftovers(settings.out)?;
    let journal = Journal::open(settings.out, &fingerprint(settings))?;
    let shared = Shared {
        key: settings.key,
        profile: settings.profile,
        linkage: &linkage,
        out: settings.out,
        patients: plan
            .cohort
            .as_ref()
            .map(|cohort| cohort.pseudonyms(settings.key))
            .unwrap_or_default(),
        samples: plan.cohort.as_ref().map(|cohort| cohort.samples.clone()).unwrap_or_default(),
    };
    let done = AtomicUsize::new(0);
    let total = plan.jobs.len();
    let entries: Result<Vec<Entry>, Error> = plan
        .jobs
        .par_iter()
        .map(|job| {
            let entry = one(job, &shared, &journal)?;
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            Ok(entry)
        })
        .collect();
    let entries = entries?;
    let mut warnings = BTreeSet::new();
    if let Some(cohort) = &plan.cohort {
        warnings.extend(cohort.write(&plan.jobs, &entries, &shared)?);
    }
    let report = report(settings, &entries, warnings);
    write_report(settings, &report, &entries)?;
    list_set_aside(settings.key, &plan.jobs, &entries)?;
    journal.remove()?;
    Ok(report)
}

fn check_folders(settings: &Settings) -> Result<(), Error> {
    let refuse = |path: &Path, problem: &str| {
        Err(Error::Folder { path: path.to_owned(), problem: problem.to_owned() })
    };
    if !settings.input.exists() {
        return refuse(settings.input, "there is no such folder or manifest");
    }
    let input = fs::canonicalize(settings.input)?;
    let folder =
        if input.is_dir() { input } else { input.parent().unwrap_or(Path::new("/")).into() };
    let Ok(out) = fs::canonicalize(settings.out) else { return Ok(()) };
    if out.starts_with(&folder) || folder.starts_with(&out) {
        return refuse(
            settings.out,
            "the folder to write must not lie in the one that is read, nor hold it",
        );
    }
    let is_empty = out.is_dir() && fs::read_dir(&out)?.next().is_none();
    if is_empty || Journal::is_there(&out) {
        return Ok(());
    }
    refuse(
        settings.out,
        "the folder is not empty and holds no run that was cut off; name a new one",
    )
}

/// The files and what they are.
fn plan(settings: &Settings) -> Result<Plan, Error> {
    let manifest = match settings.input {
        path if path.is_dir() => path.join("cohort.toml"),
        path => path.to_owned(),
    };
    if manifest.is_file() {
        return cohort::plan(&manifest, settings.profile);
    }
    let mut files = Vec::new();
    collect(settings.input, &mut files)?;
    files.sort();
    let job = |source: PathBuf| {
        let relative = source.strip_prefix(settings.input).unwrap_or(&source).to_owned();
        let work = Work::of(&source, settings.profile);
        Job { source, relative, work, patient: None, namesakes: 0 }
    };
    Ok(Plan { jobs: files.into_iter().map(job).collect(), cohort: None })
}

/// The files below a folder, and links, which are not followed; hidden ones are left out.
pub(crate) fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() || kind.is_symlink() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Removes what a killed run left half written, in all folders.
fn remove_leftovers(folder: &Path) -> Result<(), Error> {
    oncoweave_cohort::remove_leftovers(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_leftovers(&entry.path())?;
        }
    }
    Ok(())
}

/// Names the key, the profile and the program: a run goes on only under the same.
fn fingerprint(settings: &Settings) -> String {
    let profile = toml::to_string(settings.profile).expect("a profile is TOML");
    let text = format!("{}\n{}\n{profile}", env!("CARGO_PKG_VERSION"), settings.key.id());
    settings.key.token("run", &text)
}

/// Cleans a file, or takes from the journal what was done.
fn one(job: &Job, shared: &Shared, journal: &Journal) -> Result<Entry, Error> {
    // A link that a list names is followed, so that its target's state counts.
    let metadata = match job.work {
        Work::Link => fs::symlink_metadata(&job.source)?,
        _ => fs::metadata(&job.source).or_else(|_| fs::symlink_metadata(&job.source))?,
    };
    let changed =
        metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let state = format!(
        "{}\n{}\n{}\n{}",
        job.relative.display(),
        job.namesakes,
        metadata.len(),
        changed.map_or(0, |time| time.as_nanos())
    );
    let source = shared.key.token("source", &state);
    if let Some(entry) = journal.done(&source, shared.out) {
        return Ok(entry);
    }
    let mut entry = Entry { source, kind: job.work.kind(), ..Entry::new() };
    match job.run(shared) {
        Ok(done) => {
            entry.out = Some(done.out);
            entry.patient = done.patient;
            entry.actions = done.actions.into_iter().collect();
            entry.warnings = done.warnings;
        }
        Err(Error::Aside(aside)) => {
            entry.aside = Some((aside.code.to_owned(), aside.reason.to_owned()));
        }
        Err(Error::Csv) => {
            entry.aside = Some(("broken".to_owned(), Error::Csv.to_string()));
        }
        Err(error) => return Err(error),
    }
    journal.add(&entry)?;
    Ok(entry)
}

fn report(settings: &Settings, entries: &[Entry], mut warnings: BTreeSet<String>) -> Report {
    let mut report = Report {
        program: format!("oncoweave {}", env!("CARGO_PKG_VERSION")),
        standard: "DICOM PS3.15 2024e Table E.1-1, with the rows that 2026c has more; 2026d Table E.3.10-1",
        status: "pseudonymised: genotypes, scans and dates remain a person's own",
        key: settings.key.id().to_owned(),
        profile: settings.profile.clone(),
        patients: 0,
        written: BTreeMap::new(),
        set_aside: BTreeMap::new(),
        actions: BTreeMap::new(),
        warnings: Vec::new(),
    };
    let mut patients = BTreeSet::new();
    for entry in entries {
        patients.extend(entry.patient.as_deref());
        match &entry.aside {
            Some((code, _)) => *report.set_aside.entry(code.clone()).or_default() += 1,
            None if entry.kind == FileKind::Index => {}
            None => *report.written.entry(entry.kind).or_default() += 1,
        }
        for (action, count) in &entry.actions {
            *report.actions.entry(action.clone()).or_default() += count;
        }
        let place =
            entry.out.as_ref().map(|out| format!("{}: ", out.display())).unwrap_or_default();
        warnings.extend(entry.warnings.iter().map(|warning| format!("{place}{warning}")));
    }
    report.patients = patients.len();
    report.warnings = warnings.into_iter().collect();
    report
}

fn write_report(settings: &Settings, report: &Report, entries: &[Entry]) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(report).expect("a report is JSON");
    write_atomically(&settings.out.join(REPORT), |file| file.write_all(text.as_bytes()))?;
    write_atomically(&settings.out.join(FILES), |file| {
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(["source", "kind", "patient", "path", "set_aside", "reason"])?;
        for entry in entries {
            let kind = serde_json::to_value(entry.kind).expect("a word is JSON");
            let path = entry.out.as_ref().map(|out| out.display().to_string()).unwrap_or_default();
            let (code, reason) = entry
                .aside
                .as_ref()
                .map_or(("", ""), |(code, reason)| (code.as_str(), reason.as_str()));
            let patient = entry.patient.as_deref().unwrap_or_default();
            let kind = kind.as_str().unwrap_or_default();
            writer.write_record([&entry.source, kind, patient, &path, code, reason])?;
        }
        writer.flush()?;
        Ok::<(), Error>(())
    })
}

/// Where the list stands of the files that were set aside, with their paths: beside the key, for its
/// owner alone.
#[must_use]
pub fn set_aside_list(key: &Key) -> PathBuf {
    key.beside("set-aside.csv")
}

fn list_set_aside(key: &Key, jobs: &[Job], entries: &[Entry]) -> Result<(), Error> {
    let path = set_aside_list(key);
    if path.exists() {
        fs::remove_file(&path)?;
    }
    if entries.iter().all(|entry| entry.aside.is_none()) {
        return Ok(());
    }
    let file = private(fs::OpenOptions::new().write(true).create_new(true)).open(&path)?;
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(["source", "path", "set_aside", "reason"])?;
    for (job, entry) in jobs.iter().zip(entries) {
        if let Some((code, reason)) = &entry.aside {
            let path = job.source.display().to_string();
            writer.write_record([&entry.source, &path, code, reason])?;
        }
    }
    writer.flush()?;
    Ok(())
}

/// What threads wait for one another with; poisoned only where one of them panicked already.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it holds this")
}
