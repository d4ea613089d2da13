//! What a command reads, checked before anything else so that a missing file is said with what to do.

use std::path::Path;

use anyhow::{Result, bail};

/// Fails when a file is not there; `wanted` says what it is and where one comes from.
pub(crate) fn check_file(path: &Path, wanted: &str) -> Result<()> {
    if path.is_dir() {
        bail!("{} is a folder; name the file: {wanted}", path.display());
    }
    if !path.exists() {
        bail!("{}: there is no such file; give {wanted}", path.display());
    }
    Ok(())
}

/// Fails when the settings of a training are not there.
pub(crate) fn check_settings(path: &Path) -> Result<()> {
    check_file(
        path,
        "the training settings; models/stacked-fusion/train.toml has them with comments",
    )
}
