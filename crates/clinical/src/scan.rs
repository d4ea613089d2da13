//! Finds the rows of a delimited text and their line numbers, before anything reads cells.

use std::path::Path;

use oncoweave_core::PatientId;

use crate::RejectedRow;

/// One row with its line break taken off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// The row's text.
    pub(crate) text: &'a str,
    /// The line that it begins on, counted from 1.
    pub(crate) line: u64,
    /// Where the next row begins in the whole text.
    pub(crate) end: usize,
    last_line: u64,
    cells: usize,
    /// Whether a quotation mark stands inside a cell that is not quoted as a whole.
    stray_quote: bool,
}

/// A row that does not fit the header.
#[derive(Clone, Debug)]
pub(crate) struct Malformed {
    /// The line that it begins on.
    pub(crate) line: u64,
    /// What is wrong with it.
    pub(crate) fault: String,
    /// Its cells, as far as they can be told apart.
    pub(crate) fields: Vec<String>,
}

impl Malformed {
    /// The row as a table lists it; `id_place` is the place of the patient id.
    pub(crate) fn rejected(&self, path: &Path, id_place: usize) -> RejectedRow {
        let id = self.fields.get(id_place).and_then(|field| PatientId::new(field).ok());
        RejectedRow {
            line: self.line,
            patient_id: id.map(String::from),
            reason: format!("{}:{}: {}; correct the row", path.display(), self.line, self.fault),
        }
    }
}

/// The rows of a text, header included; an `Err` is the line of a quotation mark never closed.
pub(crate) struct Rows<'a> {
    text: &'a str,
    separator: u8,
    position: usize,
    line: u64,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(text: &'a str, separator: u8) -> Self {
        Self { text, separator, position: 0, line: 1 }
    }
}

/// Where the scan stands within a cell.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    CellStart,
    Plain,
    Quoted,
    /// After a mark within a quoted cell: its end, or the first half of a doubled mark.
    AfterQuote,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Row<'a>, u64>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = &self.text.as_bytes()[self.position..];
        if bytes.is_empty() {
            return None;
        }
        let (mut place, mut cells, mut stray_quote) = (Place::CellStart, 1, false);
        let (mut length, mut breaks_inside) = (bytes.len(), 0);
        for (index, &byte) in bytes.iter().enumerate() {
            place = match (place, byte) {
                (Place::Quoted, b'"') => Place::AfterQuote,
                (Place::Quoted, b'\n') => {
                    breaks_inside += 1;
                    Place::Quoted
                }
                (Place::CellStart | Place::AfterQuote, b'"') | (Place::Quoted, _) => Place::Quoted,
                (_, b'\n') => {
                    length = index;
                    break;
                }
                (_, byte) if byte == self.separator => {
                    cells += 1;
                    Place::CellStart
                }
                (Place::AfterQuote, b'\r') => Place::AfterQuote,
                (Place::AfterQuote, _) | (Place::Plain, b'"') => {
                    stray_quote = true;
                    Place::Plain
                }
                _ => Place::Plain,
            };
        }
        if place == Place::Quoted {
            self.position = self.text.len();
            return Some(Err(self.line));
        }
        let text = &self.text[self.position..self.position + length];
        let text = text.strip_suffix('\r').unwrap_or(text);
        let (line, last_line) = (self.line, self.line + breaks_inside);
        self.position = (self.position + length + 1).min(self.text.len());
        self.line = last_line + 1;
        Some(Ok(Row { text, line, end: self.position, last_line, cells, stray_quote }))
    }
}

impl Row<'_> {
    /// Whether no cell holds anything: a spreadsheet's export often ends in such rows.
    pub(crate) fn is_blank(&self, separator: u8) -> bool {
        self.text.bytes().all(|byte| byte == separator || byte.is_ascii_whitespace())
    }

    /// Why the row is no row of a table with so many columns, if it is not.
    pub(crate) fn fault(&self, columns: usize) -> Option<String> {
        let span = if self.last_line > self.line {
            format!(" (the row runs to line {})", self.last_line)
        } else {
            String::new()
        };
        if self.stray_quote {
            let expected = "expected a cell with quotation marks to be quoted as a whole";
            return Some(format!("{expected}, found a mark inside{span}"));
        }
        (self.cells != columns)
            .then(|| format!("expected {columns} cells, found {}{span}", self.cells))
    }

    pub(crate) fn malformed(&self, separator: u8, fault: String) -> Malformed {
        Malformed { line: self.line, fault, fields: self.fields(separator) }
    }

    /// The row's cells, without quotation marks and surrounding white space.
    pub(crate) fn fields(&self, separator: u8) -> Vec<String> {
        let mut fields = Vec::with_capacity(self.cells);
        let (mut start, mut quoted) = (0, false);
        for (index, byte) in self.text.bytes().enumerate() {
            if byte == b'"' {
                quoted = !quoted;
            } else if byte == separator && !quoted {
                fields.push(unquoted(&self.text[start..index]));
                start = index + 1;
            }
        }
        fields.push(unquoted(&self.text[start..]));
        fields
    }
}

fn unquoted(cell: &str) -> String {
    let cell = cell.trim();
    let inner = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"'));
    inner.map_or_else(|| cell.to_owned(), |inner| inner.replace("\"\"", "\"").trim().to_owned())
}

/// The separator that occurs most often in the first line that holds anything; comma on a tie.
pub(crate) fn separator(text: &str) -> u8 {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let mut counts = [0_usize; 3];
    let candidates = [b';', b'\t', b','];
    let mut quoted = false;
    for byte in line.bytes() {
        if byte == b'"' {
            quoted = !quoted;
        } else if let Some(index) = candidates.iter().position(|&candidate| candidate == byte)
            && !quoted
        {
            counts[index] += 1;
        }
    }
    let best = (0..3).max_by_key(|&index| counts[index]).expect("three candidates");
    candidates[best]
}

/// The number of line breaks.
pub(crate) fn line_breaks(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte == b'\n')).sum()
}
