use std::path::{Path, PathBuf};

/// Why a file of a cohort could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened, read or written; the message carries its path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file is no Parquet or is damaged.
    #[error("{}: this is not a Parquet file that can be read", .path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader found.
        source: parquet::errors::ParquetError,
    },
    /// The content of a Parquet file could not be brought into columns, or columns into a file.
    #[error("{}: the table could not be converted", .path.display())]
    Arrow {
        /// The file.
        path: PathBuf,
        /// What arrow found.
        source: arrow::error::ArrowError,
    },
    /// A CSV file could not be read or written.
    #[error("{}: this is not a CSV file that can be read", .path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the reader found.
        source: csv::Error,
    },
    /// A manifest is no TOML, or lacks or misspells a key.
    #[error("{place}: this is not a manifest of a cohort: {problem}")]
    Toml {
        /// The manifest, and the line.
        place: String,
        /// What was expected there.
        problem: String,
    },
    /// The feature dictionary in a Parquet file's metadata is damaged.
    #[error("{}: the feature dictionary in the file's metadata is damaged", .path.display())]
    Dictionary {
        /// The file.
        path: PathBuf,
        /// What the reader found.
        source: serde_json::Error,
    },
    /// A column is not there.
    #[error("{}: no column `{column}`; the columns are {found}", .path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column that was looked for.
        column: String,
        /// What is there instead.
        found: String,
    },
    /// A column has another type.
    #[error("{}: column `{column}` must be {expected}, found {found}", .path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The type that it must have.
        expected: &'static str,
        /// The type that it has.
        found: String,
    },
    /// A parser gave two features of one name, between which nobody could tell.
    #[error("two features are named `{name}`; name each gene or column once in the manifest")]
    DuplicateFeature {
        /// The name.
        name: String,
    },
    /// Anything else that is wrong with a file, in words.
    #[error("{}: {problem}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found and what to do.
        problem: String,
    },
}

impl Error {
    pub(crate) fn content(path: &Path, problem: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), problem: problem.into() }
    }
}

/// Up to ten of the names in backticks, and how many more there are.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 10;
    let names: Vec<&str> = names.into_iter().collect();
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "(none)".to_owned(),
        count if count > SHOWN => format!("{} and {} more", shown.join(", "), count - SHOWN),
        _ => shown.join(", "),
    }
}
