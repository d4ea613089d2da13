//! A VCF against its specification, versions 4.0 to 4.5: every fault of every line, none of which
//! stops the check.
//!
//! The readers of this crate are lenient, for real files break rules that have nothing to do with
//! what is read. This is the other half: what a file does that it must not do, with the section
//! that forbids it. Besides the text, the specification's own suite of files decides, which must
//! pass or fail (`test/vcf` in `samtools/hts-specs`).

pub(crate) mod attributes;
mod definition;
mod finding;
mod genotype;
mod header;
mod names;
mod order;
mod record;
mod structural;
mod values;
mod version;

use std::path::Path;

use crate::{
    Error,
    lines::{Lines, fields},
};

pub use finding::{Finding, Findings, Severity};
pub use version::Version;

use finding::{Found, Place};
use header::{COLUMNS, Definitions};
use order::Order;
use record::Record;
use version::Topic;

/// Checks a VCF, plain or compressed.
///
/// # Errors
/// When the file cannot be opened, read or decompressed; never for what its lines hold.
pub fn check(path: &Path) -> Result<Findings, Error> {
    let mut lines = Lines::open(path)?;
    let mut checker = Checker::new();
    while lines.next()?.is_some() {
        checker.line(lines.number(), lines.line());
    }
    Ok(checker.finish(lines.is_whole()))
}

/// Takes the lines of a VCF one by one.
pub(crate) struct Checker {
    findings: Findings,
    definitions: Definitions,
    order: Order,
    /// The first blank line of those that no other line followed yet.
    blank: Option<u64>,
    last_line: u64,
}

impl Checker {
    pub(crate) fn new() -> Self {
        Self {
            findings: Findings::new(),
            definitions: Definitions::default(),
            order: Order::default(),
            blank: None,
            last_line: 0,
        }
    }

    /// Checks the next line, which comes without its line break.
    pub(crate) fn line(&mut self, number: u64, line: &[u8]) {
        self.findings.at_line(number);
        self.last_line = number;
        let place = Place::new(Topic::Encoding, "line");
        let mut line = line;
        if number == 1
            && let Some(rest) = line.strip_prefix(b"\xef\xbb\xbf")
        {
            line = rest;
            let severity = match self.findings.since(Version::V4_4) {
                Severity::Violation => Severity::Violation,
                _ => Severity::Mended,
            };
            let expected = "no byte order mark";
            self.findings.add(severity, place, expected, Found::Kind("one, which is skipped"));
        }
        if number == 1 {
            Definitions::first_line(line, &mut self.findings);
        }
        if line.trim_ascii().is_empty() {
            self.blank.get_or_insert(number);
            return;
        }
        self.check_blank();
        self.check_encoding(line, place);
        if line.starts_with(b"##") {
            self.meta_line(number, line);
        } else if line.starts_with(b"#") {
            self.column_line(line);
        } else {
            self.data_line(line);
        }
    }

    /// Ends the check; `whole` tells whether the last line ended with a line break.
    pub(crate) fn finish(mut self, whole: bool) -> Findings {
        self.findings.at_line(self.last_line);
        let place = Place::new(Topic::HeaderLine, "#CHROM line");
        if self.last_line == 0 {
            let place = Place::new(Topic::FileFormat, "##fileformat");
            self.findings.violation(place, "a header", "an empty file");
        } else if self.definitions.columns.is_none() {
            self.findings.violation(place, "the line `#CHROM`", "none in the file");
        }
        if !whole {
            let severity = self.findings.since(Version::V4_3);
            let place = Place::new(Topic::DataLines, "last line");
            self.findings.add(severity, place, "a line break at its end", Found::Kind("none"));
        }
        if let Some(line) = self.blank.take() {
            self.findings.at_line(line);
            let place = Place::new(Topic::DataLines, "line");
            self.findings.oddity(place, "no blank line at the end", "one");
        }
        self.findings
    }

    fn check_blank(&mut self) {
        if let Some(line) = self.blank.take() {
            let now = self.last_line;
            self.findings.at_line(line);
            let place = Place::new(Topic::DataLines, "line");
            let found = Found::Kind("a blank one, which is skipped");
            self.findings.add(Severity::Mended, place, "a line with content", found);
            self.findings.at_line(now);
        }
    }

    fn check_encoding(&mut self, line: &[u8], place: Place) {
        if line.is_ascii() {
            if line.iter().any(|&byte| byte < b' ' && byte != b'\t') {
                let severity = self.findings.since(Version::V4_3);
                let expected = "no control characters";
                self.findings.add(severity, place, expected, Found::Kind("one"));
            }
        } else if std::str::from_utf8(line).is_err() {
            let severity = self.findings.since(Version::V4_3);
            self.findings.add(severity, place, "UTF-8", Found::Kind("another encoding"));
        }
    }

    fn meta_line(&mut self, number: u64, line: &[u8]) {
        if self.definitions.columns.is_some() {
            let place = Place::new(Topic::Meta, "header line");
            self.findings.violation(place, "header lines before the line `#CHROM`", "one after it");
        }
        self.definitions.meta_line(line, number == 1, &mut self.findings);
    }

    fn column_line(&mut self, line: &[u8]) {
        if self.definitions.columns.is_some() {
            let place = Place::new(Topic::HeaderLine, "#CHROM line");
            self.findings.violation(place, "one line `#CHROM`", "a further one");
            return;
        }
        self.definitions.column_line(line, &mut self.findings);
    }

    fn data_line(&mut self, line: &[u8]) {
        let columns: Vec<&[u8]> = fields(line).collect();
        let place = Place::new(Topic::DataLines, "line");
        if self.definitions.columns.is_none() {
            if columns.len() < COLUMNS.len() {
                let place = Place::new(Topic::Meta, "header line");
                self.findings.violation(place, "a line that begins with `##`", "another line");
                return;
            }
            let place = Place::new(Topic::HeaderLine, "#CHROM line");
            self.findings.violation(place, "the line `#CHROM` before the records", "none");
            self.definitions.columns = Some(columns.len());
        }
        let asked = self.definitions.columns.unwrap_or(COLUMNS.len());
        if columns.len() != asked {
            let found = Found::Count(columns.len(), "column");
            let expected = "as many columns as the line `#CHROM` has, separated by tabs";
            self.findings.add(Severity::Violation, place, expected, found);
        }
        if columns.len() < COLUMNS.len() {
            return;
        }
        let record = Record::new(&columns);
        record::check(&columns, &record, &self.definitions, &mut self.findings);
        self.order.check(&record, &mut self.findings);
        genotype::check(&columns[COLUMNS.len()..], &record, &self.definitions, &mut self.findings);
    }
}

#[cfg(test)]
mod tests;
