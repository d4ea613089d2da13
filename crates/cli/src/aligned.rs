//! An aligned table as the commands that follow `align` read it.

use std::path::Path;

use anyhow::{Context, Result};
use oncoweave_cohort::{read_cohort, read_cohort_id, read_exclusions, sha256_file};
use oncoweave_core::{Cohort, Exclusion};
use oncoweave_model::Dataset;

/// An aligned table with its provenance.
pub(crate) struct Aligned {
    pub(crate) cohort: Cohort,
    id: String,
    sha256: String,
    /// Who was set aside on the way here: `exclusions.csv` beside the table, where there is one.
    pub(crate) exclusions: Vec<Exclusion>,
}

impl Aligned {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let cohort = read_cohort(path)?;
        let id = read_cohort_id(path)?;
        let stem = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let list = path.with_file_name("exclusions.csv");
        Ok(Self {
            cohort,
            id: id.or_else(stem).unwrap_or_default(),
            sha256: sha256_file(path)
                .with_context(|| format!("could not hash {}", path.display()))?,
            exclusions: if list.exists() { read_exclusions(&list)? } else { Vec::new() },
        })
    }

    pub(crate) fn dataset(&self) -> Dataset<'_> {
        Dataset { cohort: &self.cohort, id: &self.id, sha256: &self.sha256 }
    }

    pub(crate) fn rows(&self) -> Vec<usize> {
        (0..self.cohort.len()).collect()
    }
}
