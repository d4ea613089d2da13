//! One extraction by several machines: which share reads what, what a share leaves, and how all of
//! them are joined where no patient's file is at hand.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, bail};
use fs_err as fs;
use oncoweave_cohort::{SourceFile, sha256_bytes, write_atomically};
use oncoweave_core::PatientId;
use serde::{Deserialize, Serialize};

use super::{
    Measured, folder,
    part::{self, Part},
    plan::{Plan, Task},
};

/// One of several equal shares of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// From 0.
    pub(crate) index: usize,
    pub(crate) count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (index, count) = text.split_once('/')?;
            let (index, count): (usize, usize) = (index.parse().ok()?, count.parse().ok()?);
            (1..=count).contains(&index).then(|| Self { index: index - 1, count })
        };
        parse().ok_or_else(|| "expected a share such as 1/4, from 1/4 to 4/4".to_owned())
    }
}

/// Which share reads a source: that of its patient, so that all modalities of a patient are read
/// by one machine, which need not have the files of the others. A file of many patients is read by
/// the share that its name falls to.
pub(super) struct Assignment<'a> {
    plan: &'a Plan,
    /// Sorted.
    patients: Vec<&'a PatientId>,
}

impl<'a> Assignment<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let of_row = |row: &'a oncoweave_clinical::ClinicalPatient| &row.patient_id;
        let mut patients: Vec<_> = plan.clinical.table.patients.iter().map(of_row).collect();
        patients.sort();
        Self { plan, patients }
    }

    /// Whether a row of the files list belongs to a share.
    fn holds(&self, shard: Shard, file: &SourceFile) -> bool {
        let settings = self.plan.modalities.iter().find(|one| one.name == file.modality);
        let place = if settings.is_some_and(|modality| modality.settings.is_shared()) {
            let name = self.plan.manifest.relative(&file.path);
            let digest = sha256_bytes(name.as_bytes());
            usize::from_str_radix(&digest[..8], 16).expect("a digest is hexadecimal")
        } else {
            // Patients that the clinical table does not know have a place between two that it does.
            self.patients.binary_search(&&file.patient_id).unwrap_or_else(|place| place)
        };
        place % shard.count == shard.index
    }

    pub(super) fn tasks(&self, shard: Option<Shard>) -> Vec<&'a Task> {
        let in_shard = |task: &&Task| shard.is_none_or(|shard| self.holds(shard, &task.files[0]));
        self.plan.tasks.iter().filter(in_shard).collect()
    }
}

/// What a share leaves beside its parts, once all of them are written.
#[derive(Serialize, Deserialize)]
struct Record {
    /// By line of the files list, what is wrong with paths that are not there.
    absent: BTreeMap<u64, String>,
}

fn records(out: &Path) -> PathBuf {
    // No modality's name has a dot.
    folder::parts(out).join(".shares")
}

/// Records that a share is done. Records of a division into another number of shares go.
pub(super) fn record(out: &Path, plan: &Plan, shard: Shard) -> Result<()> {
    let assignment = Assignment::of(plan);
    let mine = plan.absent.iter().filter(|absent| assignment.holds(shard, &absent.file));
    let absent = mine.map(|absent| (absent.file.line, absent.problem.clone())).collect();
    let json = serde_json::to_vec(&Record { absent }).expect("a record has text keys");
    for (other, path) in found(out)? {
        if other.count != shard.count {
            fs::remove_file(path)?;
        }
    }
    let name = format!("{}-of-{}.json", shard.index + 1, shard.count);
    write_atomically(&records(out).join(name), |file| file.write_all(&json))
        .with_context(|| "could not record that the share is done")
}

/// Removes what says which shares are done, for the whole is.
pub(super) fn forget(out: &Path) -> Result<()> {
    let folder = records(out);
    if folder.exists() { Ok(fs::remove_dir_all(folder)?) } else { Ok(()) }
}

/// The shares that are done, and where it says so.
fn found(out: &Path) -> Result<Vec<(Shard, PathBuf)>> {
    let folder = records(out);
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().replace("-of-", "/");
        if let Ok(shard) = name.parse() {
            found.push((shard, path));
        }
    }
    found.sort_by_key(|(shard, _)| (shard.count, shard.index));
    Ok(found)
}

/// What was wrong with paths of the files list when the shares in a folder were read.
///
/// # Errors
/// When a share is not there, named.
pub(super) fn absent(shares: &Path) -> Result<BTreeMap<u64, String>> {
    let found = found(shares)?;
    let Some(&(Shard { count, .. }, _)) = found.first() else {
        bail!(
            "{} holds no share; `oncoweave extract --shard I/N --out {}` writes one",
            shares.display(),
            shares.display()
        );
    };
    if let Some((other, _)) = found.iter().find(|(shard, _)| shard.count != count) {
        bail!(
            "{} holds shares of {count} and of {}; extract all shares of one division into an \
             empty folder",
            shares.display(),
            other.count
        );
    }
    let missing: Vec<String> = (0..count)
        .filter(|&index| !found.iter().any(|(shard, _)| shard.index == index))
        .map(|index| format!("{}/{count}", index + 1))
        .collect();
    if !missing.is_empty() {
        bail!(
            "{} lacks the shares {}; run extract with each as --shard",
            shares.display(),
            missing.join(", ")
        );
    }
    let mut absent = BTreeMap::new();
    for (_, path) in found {
        let record: Record = serde_json::from_slice(&fs::read(&path)?)
            .with_context(|| format!("{} is damaged", path.display()))?;
        absent.extend(record.absent);
    }
    Ok(absent)
}

/// The parts of all shares in a folder, in the plan's order.
///
/// # Errors
/// When a part is not there, or was made from other rows or settings than the manifest now has.
pub(super) fn join(plan: &Plan, shares: &Path) -> Result<Measured> {
    let mut parts: Vec<Part> = Vec::new();
    let mut unfit = Vec::new();
    for task in &plan.tasks {
        let path = part::path(shares, plan, task);
        match part::read_elsewhere(&path, plan, task) {
            Some(part) => parts.push(part),
            None => unfit.push(&plan.modalities[task.modality].name),
        }
    }
    if let Some(modality) = unfit.first() {
        bail!(
            "{}: {} of {} results are not there or were made from other settings, rows or another \
             version of the program, the first of modality `{modality}`; run the shares again with \
             the manifest as it is now",
            shares.display(),
            unfit.len(),
            plan.tasks.len()
        );
    }
    let reused = parts.len();
    Ok(Measured { parts, reused })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_counts_from_one() {
        assert_eq!("1/4".parse(), Ok(Shard { index: 0, count: 4 }));
        assert_eq!("4/4".parse(), Ok(Shard { index: 3, count: 4 }));
        for text in ["0/4", "5/4", "1", "a/b", "1/0", "-1/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
