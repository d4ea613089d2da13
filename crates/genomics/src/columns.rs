//! Tab-separated tables with a header: MAF and SEG.

use std::path::PathBuf;

use crate::{
    Error,
    lines::{Lines, fields, text},
};

/// The header of a table.
pub(crate) struct Columns {
    path: PathBuf,
    line: u64,
    format: &'static str,
    names: Vec<String>,
}

impl Columns {
    /// Reads up to and including the header: the first line that is not blank and no comment.
    pub(crate) fn read(lines: &mut Lines, format: &'static str) -> Result<Self, Error> {
        Self::read_with_comments(lines, format, |_| {})
    }

    /// The same; each comment before the header is shown.
    pub(crate) fn read_with_comments(
        lines: &mut Lines,
        format: &'static str,
        mut comment: impl FnMut(&str),
    ) -> Result<Self, Error> {
        while let Some(line) = lines.next()? {
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            if line.starts_with(b"#") {
                comment(&text(line));
                continue;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let names = fields(line).map(|name| text(name.trim_ascii())).collect();
            return Ok(Self { path: lines.path().to_owned(), line: lines.number(), format, names });
        }
        Err(Error::Empty { path: lines.path().to_owned(), expected: format })
    }

    /// A header from the names that the line read last gives.
    pub(crate) fn new(lines: &Lines, format: &'static str, names: Vec<String>) -> Self {
        Self { path: lines.path().to_owned(), line: lines.number(), format, names }
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of columns.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The place of a column by any of its names, without regard to case; the first name that
    /// the table has wins.
    pub(crate) fn find(&self, names: &[&str]) -> Option<usize> {
        names
            .iter()
            .find_map(|name| self.names.iter().position(|found| found.eq_ignore_ascii_case(name)))
    }

    /// The same for a column that must be there; the first name is the usual one.
    pub(crate) fn need(&self, names: &[&'static str]) -> Result<usize, Error> {
        self.find(names).ok_or_else(|| Error::NoColumn {
            path: self.path.clone(),
            line: self.line,
            column: names[0],
            format: self.format,
        })
    }
}

/// Whether a table's sample is the one asked for: the whole barcode, or its first characters.
#[must_use]
pub fn matches_sample(barcode: &str, sample_id: &str, prefix: Option<usize>) -> bool {
    let start = |text: &str| -> String { text.chars().take(prefix.unwrap_or(0)).collect() };
    barcode == sample_id || (prefix.is_some() && start(barcode) == start(sample_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_match_wholly_or_by_prefix() {
        for (barcode, sample_id, prefix, expected) in [
            ("TCGA-AB-2988", "TCGA-AB-2988", None, true),
            ("TCGA-AB-2988-03A", "TCGA-AB-2988", None, false),
            ("TCGA-AB-2988-03A", "TCGA-AB-2988", Some(12), true),
            ("TCGA-AB-2988-03A", "TCGA-AB-2989", Some(12), false),
            ("TCGA-AB-2988-03A", "TCGA-AB-2988-11B", Some(12), true),
            ("P1", "P10", Some(12), false),
        ] {
            assert_eq!(
                matches_sample(barcode, sample_id, prefix),
                expected,
                "{barcode} {sample_id}"
            );
        }
    }
}
