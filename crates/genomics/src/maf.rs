use std::path::Path;

use oncoweave_core::Feature;

use crate::{Error, MafSettings};

/// A mutation annotation file.
#[derive(Clone, Debug, Default)]
pub struct Maf {}

impl Maf {
    /// Reads a MAF.
    ///
    /// # Errors
    /// When the file cannot be read or is no MAF.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let _ = fs_err::read(path)?;
        Err(Error::Empty { path: path.to_owned(), expected: "a MAF" })
    }
}

/// The features of one sample.
#[must_use]
pub fn maf_features(maf: &Maf, sample_id: &str, settings: &MafSettings) -> Vec<Feature> {
    let _ = (maf, sample_id, settings);
    Vec::new()
}
