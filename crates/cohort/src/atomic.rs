use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use fs_err as fs;

/// How the name of a file begins while it is being written.
pub const TEMPORARY_PREFIX: &str = ".oncoweave-part-";

/// Writes a file that is there whole or not at all: under a temporary name in the same folder,
/// flushed to the disk, then renamed. The folder is made when it is not there.
///
/// # Errors
/// What `write` returns, or when the folder cannot be written to; `path` is then as it was.
pub fn write_atomically<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let at_path = |error: io::Error| io::Error::new(error.kind(), Unwritten::new(path, error));
    fs::create_dir_all(folder)?;
    let temporary =
        tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(folder).map_err(at_path)?;
    let mut writer = BufWriter::new(temporary);
    write(&mut writer)?;
    let temporary = writer.into_inner().map_err(|error| at_path(error.into_error()))?;
    readable_by_all(temporary.as_file()).map_err(at_path)?;
    temporary.as_file().sync_all().map_err(at_path)?;
    temporary.persist(path).map_err(|error| at_path(error.error))?;
    Ok(())
}

/// Temporary files are for their owner alone; results get the mode that `umask 022` would give.
#[cfg(unix)]
fn readable_by_all(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &std::fs::File) -> io::Result<()> {
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("{}: could not be written", .path.display())]
struct Unwritten {
    path: std::path::PathBuf,
    source: io::Error,
}

impl Unwritten {
    fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }
}

/// Removes temporary files that a killed run left in a folder; a folder that is not there is fine.
///
/// # Errors
/// When the folder cannot be read or a file not be removed.
pub fn remove_leftovers(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/new/a.txt");
        write_atomically(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_atomically(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("no"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn removes_what_a_killed_run_left() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format!("{TEMPORARY_PREFIX}x")), "").unwrap();
        fs::write(folder.path().join("kept"), "").unwrap();
        remove_leftovers(folder.path()).unwrap();
        remove_leftovers(&folder.path().join("absent")).unwrap();
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["kept"]);
    }
}
