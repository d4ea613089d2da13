use std::{io, path::PathBuf};

/// Why something could not be de-identified or re-identified. No message holds a value of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A CSV table could not be read or written. The reader's own message is not kept: it may quote a
    /// cell.
    #[error(
        "the table is no well-formed CSV: every row needs as many cells as the header has columns"
    )]
    Csv,
    /// The cohort's manifest or files list cannot be read.
    #[error(transparent)]
    Cohort(#[from] oncoweave_cohort::Error),
    /// The key file cannot be used.
    #[error("{}: {problem}", .path.display())]
    Key {
        /// The key file, or a file beside it.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The profile cannot be used.
    #[error("{}: {problem}", .path.display())]
    Profile {
        /// The profile.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The folder to write cannot be used.
    #[error("{}: {problem}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// One file is set aside.
    #[error("{0}")]
    Aside(Aside),
}

/// Why a file was set aside. The text is one of this program's own sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aside {
    /// A word that tables can be counted by.
    pub code: &'static str,
    /// What was found and what to do.
    pub reason: &'static str,
}

impl std::fmt::Display for Aside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}

impl From<csv::Error> for Error {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Self::Io(error),
            _ => Self::Csv,
        }
    }
}

/// An error that sets one file aside.
pub(crate) fn aside(code: &'static str, reason: &'static str) -> Error {
    Error::Aside(Aside { code, reason })
}
