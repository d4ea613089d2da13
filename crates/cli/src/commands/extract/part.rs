use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use chrono::NaiveDate;
use oncoweave_cohort::{
    SourceFile, SourceHash, hash_source, merge_tables, sha256_bytes, single_row, write_atomically,
};
use oncoweave_core::{FeatureInfo, FeatureRow, FeatureTable, PatientId};
use serde::{Deserialize, Serialize};

use super::{
    folder,
    parse::{Parsed, parse},
    plan::{Plan, Task},
};

/// What one task gave, as it is kept for a later run.
#[derive(Serialize, Deserialize)]
pub(super) struct Part {
    /// `None` where a source could not be read; such a part is never reused.
    pub(super) fingerprint: Option<Fingerprint>,
    features: Vec<FeatureInfo>,
    rows: Vec<PartRow>,
    pub(super) set_aside: Vec<SetAside>,
    /// What was odd in the sources and did not stop them from being read.
    #[serde(default)]
    pub(super) notes: Vec<String>,
    /// The genome build that the source declares.
    #[serde(default)]
    pub(super) build: Option<String>,
}

/// Everything that a result depends on.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    tool_version: String,
    settings_sha256: String,
    pub(super) sources: Vec<SourceHash>,
    rows: Vec<Request>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Request {
    patient_id: PatientId,
    sample_id: Option<String>,
    #[serde(default)]
    panel: Option<String>,
    date: Option<NaiveDate>,
}

#[derive(Serialize, Deserialize)]
struct PartRow {
    patient_id: PatientId,
    date: Option<NaiveDate>,
    /// As float64, whose decimal text gives the same float32 back whatever the reader's rounding.
    values: Vec<Option<f64>>,
}

/// A row of the files list that gave no features.
#[derive(Serialize, Deserialize)]
pub(super) struct SetAside {
    pub(super) patient_id: PatientId,
    pub(super) date: Option<NaiveDate>,
    pub(super) reason: String,
}

/// Where the part of a task is kept: a name that people can read, made unique by a hash.
pub(super) fn path(out: &Path, plan: &Plan, task: &Task) -> PathBuf {
    let sources = task.sources().into_iter().map(|path| plan.manifest.relative(path));
    let mut key: Vec<String> = sources.collect();
    let file = &task.files[0];
    let readable = if plan.modalities[task.modality].settings.is_shared() {
        file.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    } else {
        key.extend([file.patient_id.to_string(), format!("{:?}", file.date)]);
        file.patient_id.to_string()
    };
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let readable: String = readable.chars().take(40).map(safe).collect();
    let hash = sha256_bytes(key.join("\0").as_bytes());
    let name = format!("{readable}-{}.json", &hash[..16]);
    folder::parts(out).join(&plan.modalities[task.modality].name).join(name)
}

/// Hashes the sources of a task.
pub(super) fn fingerprint(plan: &Plan, task: &Task) -> Result<Fingerprint, String> {
    let sources = task.sources().into_iter().map(hash_source).collect::<Result<_, _>>();
    Ok(fingerprint_of(plan, task, sources.map_err(|error| error.to_string())?))
}

fn fingerprint_of(plan: &Plan, task: &Task, sources: Vec<SourceHash>) -> Fingerprint {
    let request = |file: &SourceFile| Request {
        patient_id: file.patient_id.clone(),
        sample_id: file.sample_id.clone(),
        panel: file.panel.clone(),
        date: file.date,
    };
    Fingerprint {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        settings_sha256: plan.modalities[task.modality].settings_sha256.clone(),
        sources,
        rows: task.files.iter().map(request).collect(),
    }
}

/// The part of an earlier run, if it was made from the same. A part that cannot be read counts as
/// not there.
pub(super) fn read_kept(path: &Path, fingerprint: &Fingerprint) -> Option<Part> {
    let part: Part = serde_json::from_slice(&fs_err::read(path).ok()?).ok()?;
    (part.fingerprint.as_ref() == Some(fingerprint)).then_some(part)
}

/// The part that another machine made, if it was made from the same but for the sources, which are
/// not at hand here: they are taken to be what they were there.
pub(super) fn read_elsewhere(path: &Path, plan: &Plan, task: &Task) -> Option<Part> {
    let part: Part = serde_json::from_slice(&fs_err::read(path).ok()?).ok()?;
    let is_same = part.fingerprint.as_ref().is_none_or(|then| {
        then.sources.len() == task.sources().len()
            && *then == fingerprint_of(plan, task, then.sources.clone())
    });
    is_same.then_some(part)
}

/// Reads the sources of a task. Whatever is wrong with them ends as a reason, a fault of the
/// parsers included.
pub(super) fn measure(plan: &Plan, task: &Task, fingerprint: Result<Fingerprint, String>) -> Part {
    let modality = &plan.modalities[task.modality];
    let (fingerprint, results) = match fingerprint {
        Ok(fingerprint) => {
            let results = check_distinct(task, &fingerprint.sources)
                .and_then(|()| guarded(|| parse(modality, task)));
            (Some(fingerprint), results)
        }
        Err(reason) => (None, Err(reason)),
    };
    let aside = |reason: &String, file: &SourceFile| SetAside {
        patient_id: file.patient_id.clone(),
        date: file.date,
        reason: reason.clone(),
    };
    let Parsed { rows, notes, build } = results.unwrap_or_else(|reason| Parsed {
        rows: vec![Err(reason); task.rows().len()],
        notes: Vec::new(),
        build: None,
    });
    let mut set_aside = Vec::new();
    let mut tables = Vec::new();
    for (file, features) in task.rows().iter().zip(rows) {
        let table = features.and_then(|features| {
            single_row(file.patient_id.clone(), file.date, features)
                .map_err(|error| error.to_string())
        });
        match table {
            Ok(table) => tables.push(table),
            Err(reason) => set_aside.push(aside(&reason, file)),
        }
    }
    let table = merge_tables(tables);
    let row = |row: FeatureRow| PartRow {
        patient_id: row.patient_id,
        date: row.date,
        values: row.values.into_iter().map(|value| value.map(f64::from)).collect(),
    };
    Part {
        fingerprint,
        features: table.features,
        rows: table.rows.into_iter().map(row).collect(),
        set_aside,
        notes,
        build: build.map(|build| build.to_string()),
    }
}

/// The same file under two names is no second caller.
fn check_distinct(task: &Task, hashes: &[SourceHash]) -> Result<(), String> {
    let is_of_callers = task.rows().len() < task.files.len();
    let same = |(place, hash): (usize, &SourceHash)| {
        hashes[..place].iter().position(|other| other.sha256 == hash.sha256).map(|one| (one, place))
    };
    match hashes.iter().enumerate().find_map(same).filter(|_| is_of_callers) {
        None => Ok(()),
        Some((one, other)) => Err(format!(
            "lines {} and {} of the files list name two files of the same content, which are no \
             two callers; leave one",
            task.files[one].line, task.files[other].line
        )),
    }
}

/// A parser that panics must not take the other patients with it.
fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let internal = "internal error, please report it with the message on stderr";
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(internal.to_owned()))
}

impl Part {
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec(self).expect("a part has text keys and finite numbers");
        write_atomically(path, |file| file.write_all(&json))
            .with_context(|| "could not keep an intermediate result")
    }

    /// The rows that were measured.
    pub(super) fn table(&self) -> FeatureTable {
        #[expect(clippy::cast_possible_truncation, reason = "the values came from float32")]
        let row = |row: &PartRow| FeatureRow {
            patient_id: row.patient_id.clone(),
            date: row.date,
            values: row.values.iter().map(|value| value.map(|value| value as f32)).collect(),
        };
        FeatureTable { features: self.features.clone(), rows: self.rows.iter().map(row).collect() }
    }

    /// Why a row of the files list was set aside; `None` where it was not.
    pub(super) fn reason(&self, file: &SourceFile) -> Option<&str> {
        self.set_aside
            .iter()
            .find(|one| one.patient_id == file.patient_id && one.date == file.date)
            .map(|one| one.reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_reason() {
        assert_eq!(guarded(|| Ok(1)), Ok(1));
        let reason = guarded::<()>(|| panic!("a parser's own fault")).unwrap_err();
        assert!(reason.starts_with("internal error"));
    }
}
