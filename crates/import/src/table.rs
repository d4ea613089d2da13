//! Tab-separated text of a study, read strictly: UTF-8, no quotation marks.

use std::{
    io::{BufRead, BufReader},
    path::Path,
};

use fs_err::File;

use crate::{Error, findings::Findings};

/// The lines of a file of a study, one at a time.
pub(crate) struct Lines {
    reader: BufReader<File>,
    buffer: Vec<u8>,
    number: u64,
    /// The file's name as findings show it.
    pub(crate) file: String,
}

impl Lines {
    pub(crate) fn open(study: &Path, file: &str) -> Result<Self, Error> {
        let reader = BufReader::new(File::open(study.join(file))?);
        Ok(Self { reader, buffer: Vec::new(), number: 0, file: file.to_owned() })
    }

    /// The next line that is not blank, with its number. What is no UTF-8 is a fault, and read with
    /// replacements.
    pub(crate) fn next(&mut self, findings: &mut Findings) -> Result<Option<(u64, String)>, Error> {
        loop {
            self.buffer.clear();
            if self.reader.read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let text = String::from_utf8_lossy(&self.buffer);
            if matches!(text, std::borrow::Cow::Owned(_)) {
                let message = "expected UTF-8 text, found other bytes; save the file as UTF-8";
                findings.fault_at(&self.file, self.number, message);
            }
            let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
            if !text.trim().is_empty() {
                return Ok(Some((self.number, text.to_owned())));
            }
        }
    }
}

/// A table that fits in memory: the clinical tables and those of gene panels.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The file's name as findings show it.
    pub(crate) file: String,
    /// The lines above the header that begin with `#`, that sign taken off, split into cells.
    pub(crate) comments: Vec<(u64, Vec<String>)>,
    /// The header.
    pub(crate) columns: Vec<String>,
    /// The line of the header.
    pub(crate) header_line: u64,
    /// The rows with their lines, each as long as the header.
    pub(crate) rows: Vec<(u64, Vec<String>)>,
}

impl Table {
    pub(crate) fn read(study: &Path, file: &str, findings: &mut Findings) -> Result<Self, Error> {
        let mut lines = Lines::open(study, file)?;
        let mut table = Self { file: file.to_owned(), ..Self::default() };
        while let Some((number, line)) = lines.next(findings)? {
            if let Some(comment) = line.strip_prefix('#')
                && table.columns.is_empty()
            {
                table.comments.push((number, cells(comment)));
            } else if table.columns.is_empty() {
                table.columns = cells(&line);
                table.header_line = number;
                check_header(&table, findings);
            } else {
                let row = cells(&line);
                check_row(&table, number, &row, findings);
                table.rows.push((number, resized(row, table.columns.len())));
            }
        }
        if table.columns.is_empty() {
            findings.fault(file, "expected a table with a header, found none");
        }
        Ok(table)
    }

    /// The place of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The same for one that must be there.
    pub(crate) fn need(&self, name: &str, findings: &mut Findings) -> Option<usize> {
        let found = self.column(name);
        if found.is_none() && !self.columns.is_empty() {
            let message = format!("expected a column `{name}` in the header, found none");
            findings.fault_at(&self.file, self.header_line, message);
        }
        found
    }
}

fn check_header(table: &Table, findings: &mut Findings) {
    for (place, name) in table.columns.iter().enumerate() {
        if name.is_empty() {
            let message = format!("expected a name for column {}, found none", place + 1);
            findings.fault_at(&table.file, table.header_line, message);
        } else if table.columns[..place].contains(name) {
            let message = format!("the column `{name}` is there twice; remove one");
            findings.fault_at(&table.file, table.header_line, message);
        }
    }
}

fn check_row(table: &Table, number: u64, row: &[String], findings: &mut Findings) {
    if row.len() != table.columns.len() {
        let message = format!("expected {} cells, found {}", table.columns.len(), row.len());
        findings.fault_at(&table.file, number, message);
    }
    if row.iter().any(|cell| is_quoted(cell)) {
        findings.fault_at(&table.file, number, QUOTED);
    }
}

/// What is wrong with a cell in quotation marks.
pub(crate) const QUOTED: &str = "expected cells without quotation marks, for the format keeps them \
                                 as part of the text; remove them";

/// Whether a cell begins or ends with a double quotation mark.
pub(crate) fn is_quoted(cell: &str) -> bool {
    cell.starts_with('"') || cell.ends_with('"')
}

/// The cells of a line, spaces around them taken off.
pub(crate) fn cells(line: &str) -> Vec<String> {
    line.split('\t').map(|cell| cell.trim().to_owned()).collect()
}

fn resized(mut row: Vec<String>, length: usize) -> Vec<String> {
    row.resize(length, String::new());
    row
}

/// Whether a cell says that nothing is known.
pub(crate) fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|missing| missing.eq_ignore_ascii_case(cell))
}

/// The cells that cBioPortal reads as missing.
pub(crate) const MISSING: [&str; 11] = [
    "",
    "NA",
    "N/A",
    "NaN",
    "[Not Applicable]",
    "[Not Available]",
    "[Pending]",
    "[Discrepancy]",
    "[Completed]",
    "[Null]",
    "[Unknown]",
];
