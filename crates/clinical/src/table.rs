use std::path::Path;

use oncoweave_core::FeatureTable;

use crate::{Error, RejectedRow, TableSettings};

/// A numeric table with one row a patient, or one a patient and date.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The features, in file order of rows and columns.
    pub features: FeatureTable,
    /// The rows that were set aside, in file order.
    pub rejected: Vec<RejectedRow>,
    /// The columns that were left out because they are not numeric.
    pub skipped: Vec<SkippedColumn>,
}

/// A column that did not become a feature, although nothing asked to leave it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedColumn {
    /// The column's name.
    pub name: String,
    /// Why, in one sentence.
    pub reason: String,
}

/// Reads a numeric table for all patients, at `path`; gzip is recognised by content.
///
/// # Errors
/// When the whole table is useless: no such file, not UTF-8, no rows, a named column absent, or no
/// numeric column left.
pub fn read_table(path: &Path, settings: &TableSettings) -> Result<Table, Error> {
    let _ = (fs_err::read(path)?, settings);
    Err(Error::NoRows { path: path.to_owned() })
}
