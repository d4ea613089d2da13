use std::path::PathBuf;

/// Why the dashboard cannot start or answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written; the message carries its path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A table could not be read.
    #[error(transparent)]
    Table(#[from] oncoweave_cohort::Error),
    /// A chart or section could not be made.
    #[error(transparent)]
    Report(#[from] oncoweave_report::Error),
    /// A page's template failed.
    #[error("could not fill in a page's template")]
    Template(#[from] askama::Error),
    /// The accounts or the audit log could not be read or written.
    #[error("the dashboard's store could not be read or written")]
    Store(#[from] rusqlite::Error),
    /// There is no store.
    #[error("{}: there is no store of a dashboard; name its folder with --store", .path.display())]
    NoStore {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The audit log was tampered with.
    #[error("the audit log is broken at entry {number}: {problem}")]
    BrokenChain {
        /// The entry's number.
        number: i64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A file is not what it should be.
    #[error("{}: {problem}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found, what to do.
        problem: String,
    },
    /// Settings that contradict one another.
    #[error("{0}")]
    Settings(String),
}

impl Error {
    pub(crate) fn content(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Content { path: path.into(), problem: problem.into() }
    }
}
