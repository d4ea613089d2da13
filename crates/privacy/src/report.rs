//! What was done to what. Nothing that names a patient is in it, nor a path of the folder that was read.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{FileKind, Profile};

/// The report of a run, which stands in `deidentification.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The program and its version.
    pub program: String,
    /// The standard that DICOM files were cleaned by.
    pub standard: &'static str,
    /// What the files are now.
    pub status: &'static str,
    /// Names the key, without telling it.
    pub key: String,
    /// What was allowed to stay.
    pub profile: Profile,
    /// Patients that files were found of.
    pub patients: usize,
    /// Files that were written, by kind.
    pub written: BTreeMap<FileKind, u64>,
    /// Files that were set aside, by reason.
    pub set_aside: BTreeMap<String, u64>,
    /// What was done, with the number of elements, lines or cells.
    pub actions: BTreeMap<String, u64>,
    /// What a person should look at.
    pub warnings: Vec<String>,
}

impl Report {
    /// Files that were written.
    #[must_use]
    pub fn files_written(&self) -> u64 {
        self.written.values().sum()
    }

    /// Files that were set aside.
    #[must_use]
    pub fn files_set_aside(&self) -> u64 {
        self.set_aside.values().sum()
    }
}
