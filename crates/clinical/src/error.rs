use std::{io, path::PathBuf};

/// Why a whole table cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A folder stands where the table should be.
    #[error("{}: expected a file, found a folder; name a file", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// No row has the event, so that the settings likely do not name it as the table does.
    #[error(
        "{}: column `{column}`: none of event_values ({values}) occurs in the table; \
         correct `event_values`",
        .path.display()
    )]
    NoEvents {
        /// The table.
        path: PathBuf,
        /// The event's column.
        column: String,
        /// The values that the settings name.
        values: String,
    },
    /// The file is compressed and broken.
    #[error("{}: the compressed file is damaged or cut short; copy it again", .path.display())]
    Damaged {
        /// The table.
        path: PathBuf,
        /// What the decompressor said.
        source: io::Error,
    },
    /// The file is not text.
    #[error(
        "{}:{line}: expected UTF-8 text, found other bytes; save the table as UTF-8",
        .path.display()
    )]
    NotUtf8 {
        /// The table.
        path: PathBuf,
        /// The first line that is not UTF-8, counted from 1.
        line: u64,
    },
    /// There is a header and no row, or not even a header.
    #[error("{}: expected a header line and a line for each patient, found no rows", .path.display())]
    NoRows {
        /// The table.
        path: PathBuf,
    },
    /// A quoted field never ends.
    #[error(
        "{}:{line}: a quoted field begins here and never ends; close the quotation mark",
        .path.display()
    )]
    OpenQuote {
        /// The table.
        path: PathBuf,
        /// The line that the field begins on.
        line: u64,
    },
    /// A column that the settings name is not there.
    #[error(
        "{}: no column `{column}`{}; the columns are: {columns}",
        .path.display(),
        .nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
    )]
    NoColumn {
        /// The table.
        path: PathBuf,
        /// The column that was looked for.
        column: String,
        /// The nearest name by spelling, if one is near.
        nearest: Option<String>,
        /// The names that there are.
        columns: String,
    },
    /// The first line looks like a row of data.
    #[error(
        "{}: no column `{column}`, and the first line looks like data; \
         put a line with the column names first",
        .path.display()
    )]
    NoHeader {
        /// The table.
        path: PathBuf,
        /// The column that was looked for.
        column: String,
    },
    /// A zip archive or spreadsheet.
    #[error(
        "{}: expected a text table, found a zip archive or spreadsheet; \
         unpack it, or export it as CSV",
        .path.display()
    )]
    Archive {
        /// The file.
        path: PathBuf,
    },
    /// Two columns have the name that the settings ask for.
    #[error("{}: two columns are named `{column}`; rename one of them", .path.display())]
    DuplicateColumn {
        /// The table.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// A category without declared levels has so many values that it is likely none.
    #[error(
        "{}: column `{column}` has {found} different values, too many for a category; \
         declare its `levels`, or give it another type",
        .path.display()
    )]
    TooManyLevels {
        /// The table.
        path: PathBuf,
        /// The column.
        column: String,
        /// The number of different values.
        found: usize,
    },
    /// No column is left to become a feature.
    #[error(
        "{}: no numeric column is left; check `columns`, `suffix` and `exclude`",
        .path.display()
    )]
    NoFeatures {
        /// The table.
        path: PathBuf,
    },
    /// The settings contradict themselves.
    #[error("{0}")]
    Settings(String),
    /// The table reader refused the text.
    #[error("{}: not a table", .path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// What the reader said.
        source: polars::error::PolarsError,
    },
}
