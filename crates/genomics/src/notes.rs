//! What was odd in a file and did not stop it from being read.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::Error;

/// The kinds of notes that are kept of one file; beyond them only their number is.
const KINDS: usize = 20;

/// The lines that are named for each kind; beyond them only their number is.
const LINES: usize = 5;

/// So many faulty records are left out of a file of any size.
const TOLERATED: u64 = 10;

/// Beyond [`TOLERATED`], one faulty record in so many is left out.
const TOLERATED_SHARE: u64 = 100;

/// A fault of a file that was mended, or a record that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1; a BCF's records count on from the lines of its header. `None`
    /// for what concerns the whole file.
    pub line: Option<u64>,
    /// What was expected, what was found, and what was done about it.
    pub message: String,
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.path.display())?;
        if let Some(line) = self.line {
            write!(formatter, "{line}:")?;
        }
        write!(formatter, " {}", self.message)
    }
}

/// The notes on one file.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    kinds: Vec<Kind>,
    more: u64,
    faulty_records: u64,
    first_fault: Option<Note>,
}

/// Notes that say the same.
#[derive(Debug)]
struct Kind {
    message: String,
    lines: Vec<u64>,
    more: u64,
}

impl Notes {
    pub(crate) fn add(&mut self, line: u64, message: &str) {
        let has_room = self.kinds.len() < KINDS;
        match self.kinds.iter_mut().find(|kind| kind.message == message) {
            Some(kind) if kind.lines.len() < LINES => kind.lines.push(line),
            Some(kind) => kind.more += 1,
            None if has_room => {
                self.kinds.push(Kind { message: message.to_owned(), lines: vec![line], more: 0 });
            }
            None => self.more += 1,
        }
    }

    /// Takes the fault of a record, which is left out; any other error stays one.
    pub(crate) fn leave_out(&mut self, error: Error) -> Result<(), Error> {
        let Error::Line { path, line, expected, found, .. } = error else { return Err(error) };
        let message = format!("expected {expected}, found {found}");
        self.faulty_records += 1;
        if self.first_fault.is_none() {
            let (path, message) = (path.clone(), message.clone());
            self.first_fault = Some(Note { path, line: Some(line), message });
        }
        self.add(line, &format!("{message}; the record is left out"));
        Ok(())
    }

    /// The notes at the file's end; an error when so many of its `records` were left out that the
    /// rest cannot be believed: more than half, or more than ten and more than one in a hundred.
    pub(crate) fn finish(self, path: &Path, records: u64) -> Result<Vec<Note>, Error> {
        let faulty = self.faulty_records;
        let too_many = faulty > TOLERATED && faulty * TOLERATED_SHARE > records;
        if let Some(first) = self.first_fault
            && (too_many || faulty * 2 > records)
        {
            return Err(Error::FaultyRecords { faulty, records, first });
        }
        let note = |line, message| Note { path: path.to_owned(), line, message };
        let mut notes = Vec::new();
        for Kind { message, lines, more } in self.kinds {
            notes.extend(lines.into_iter().map(|line| note(Some(line), message.clone())));
            if more > 0 {
                notes.push(note(None, format!("{more} more lines: {message}")));
            }
        }
        if self.more > 0 {
            notes.push(note(None, format!("{} more faults of other kinds", self.more)));
        }
        Ok(notes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(faulty: u64, records: u64) -> Result<Vec<Note>, Error> {
        let mut notes = Notes::default();
        for line in 1..=faulty {
            let fault = Error::Line {
                path: "a.vcf".into(),
                line,
                expected: "8 columns".to_owned(),
                found: "5".to_owned(),
                advice: "",
            };
            notes.leave_out(fault).unwrap();
        }
        notes.finish(Path::new("a.vcf"), records)
    }

    #[test]
    fn a_small_share_of_faulty_records_is_left_out() {
        for (name, faulty, records, fine) in [
            ("none of none", 0, 0, true),
            ("none of some", 0, 5, true),
            ("half", 1, 2, true),
            ("more than half", 2, 3, false),
            ("all", 1, 1, false),
            ("ten", 10, 20, true),
            ("eleven of few", 11, 1099, false),
            ("one in a hundred", 11, 1100, true),
        ] {
            assert_eq!(finish(faulty, records).is_ok(), fine, "{name}");
        }
        let message = finish(2, 3).unwrap_err().to_string();
        let expected = "a.vcf:1: expected 8 columns, found 5; 2 of 3 records are faulty";
        assert!(message.starts_with(expected), "{message}");
    }

    #[test]
    fn notes_are_capped_and_counted() {
        let notes = finish(25, 10_000).unwrap();
        let text: Vec<String> = notes.iter().map(Note::to_string).collect();
        assert_eq!(text.len(), LINES + 1);
        let message = "expected 8 columns, found 5; the record is left out";
        assert_eq!(text[0], format!("a.vcf:1: {message}"));
        assert_eq!(text[LINES - 1], format!("a.vcf:5: {message}"));
        assert_eq!(text[LINES], format!("a.vcf: 20 more lines: {message}"));

        let mut notes = Notes::default();
        (1..=25).for_each(|line| notes.add(line, &format!("kind {line}")));
        let notes = notes.finish(Path::new("a.vcf"), 25).unwrap();
        assert_eq!(notes.len(), KINDS + 1);
        assert_eq!(notes[KINDS].to_string(), "a.vcf: 5 more faults of other kinds");
    }

    #[test]
    fn only_the_fault_of_a_line_is_left_out() {
        let truncated = Error::Truncated { path: "a.vcf".into(), within: "line 7".to_owned() };
        assert!(Notes::default().leave_out(truncated).is_err());
    }
}
