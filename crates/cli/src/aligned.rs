//! An aligned table as the commands that follow `align` read it.

use std::path::Path;

use anyhow::{Context, Result};
use oncoweave_cohort::{
    read_cohort, read_cohort_exclusions, read_cohort_extraction, read_cohort_id,
    read_cohort_to_predict, sha256_file,
};
use oncoweave_core::{Cohort, Exclusion, Extraction};
use oncoweave_model::Dataset;

use crate::input;

/// An aligned table with its provenance.
pub(crate) struct Aligned {
    pub(crate) cohort: Cohort,
    id: String,
    sha256: String,
    /// Who was set aside on the way here, as `align` wrote it into the table.
    pub(crate) exclusions: Vec<Exclusion>,
    /// How its raw files became features.
    pub(crate) extraction: Option<Extraction>,
}

impl Aligned {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        input::check_file(path, "an aligned table; `oncoweave align` writes it")?;
        Self::of(path, || Ok(read_cohort(path)?))
    }

    /// Reads a table whose outcomes are not needed and may be wrong.
    pub(crate) fn read_to_predict(path: &Path) -> Result<Self> {
        input::check_file(path, "an aligned table; `oncoweave align` writes it")?;
        Self::of(path, || {
            let (cohort, problems) = read_cohort_to_predict(path)?;
            if let Some(first) = problems.first() {
                let count = problems.len();
                tracing::warn!(
                    "{count} outcomes cannot be read and count as unknown, such as: {first}"
                );
            }
            Ok(cohort)
        })
    }

    fn of(path: &Path, cohort: impl Fn() -> Result<Cohort>) -> Result<Self> {
        let id = read_cohort_id(path)?;
        let stem = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Ok(Self {
            id: id.or_else(stem).unwrap_or_default(),
            sha256: sha256_file(path)
                .with_context(|| format!("could not hash {}", path.display()))?,
            exclusions: read_cohort_exclusions(path)?,
            extraction: read_cohort_extraction(path)?,
            // Last: what a wide file says about itself is large, too, while it is read.
            cohort: cohort()?,
        })
    }

    pub(crate) fn dataset(&self) -> Dataset<'_> {
        Dataset { cohort: &self.cohort, id: &self.id, sha256: &self.sha256 }
    }

    pub(crate) fn rows(&self) -> Vec<usize> {
        (0..self.cohort.len()).collect()
    }
}
