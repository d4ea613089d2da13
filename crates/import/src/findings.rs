use std::fmt;

/// How many lines a finding names before it counts the rest.
const LINES_SHOWN: usize = 5;

/// Something about a file of a study that people should know; no cell is shown, for a cell may hold
/// what identifies a patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the study's folder.
    pub file: String,
    /// The lines, counted from 1; empty where the whole file is meant.
    pub lines: Vec<u64>,
    /// The column, where one is meant.
    pub column: Option<String>,
    /// What was expected, what was found, what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if !self.lines.is_empty() {
            let shown: Vec<String> =
                self.lines.iter().take(LINES_SHOWN).map(u64::to_string).collect();
            write!(f, ":{}", shown.join(","))?;
            if self.lines.len() > LINES_SHOWN {
                write!(f, " and {} more lines", self.lines.len() - LINES_SHOWN)?;
            }
        }
        if let Some(column) = &self.column {
            write!(f, ": column `{column}`")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What was found in a study so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What makes the study unusable.
    pub(crate) faults: Vec<Finding>,
    /// What was left out or chosen, and why.
    pub(crate) notes: Vec<Finding>,
}

impl Findings {
    /// A fault of a whole file.
    pub(crate) fn fault(&mut self, file: &str, message: impl Into<String>) {
        add(&mut self.faults, file, None, None, message.into());
    }

    /// A fault in a line.
    pub(crate) fn fault_at(&mut self, file: &str, line: u64, message: impl Into<String>) {
        add(&mut self.faults, file, Some(line), None, message.into());
    }

    /// A fault in a cell.
    pub(crate) fn fault_in(
        &mut self,
        file: &str,
        line: u64,
        column: &str,
        message: impl Into<String>,
    ) {
        add(&mut self.faults, file, Some(line), Some(column), message.into());
    }

    /// A note on a whole file.
    pub(crate) fn note(&mut self, file: &str, message: impl Into<String>) {
        add(&mut self.notes, file, None, None, message.into());
    }

    /// A note on a column.
    pub(crate) fn note_on(&mut self, file: &str, column: &str, message: impl Into<String>) {
        add(&mut self.notes, file, None, Some(column), message.into());
    }
}

/// The same thing in several lines is one finding.
fn add(
    findings: &mut Vec<Finding>,
    file: &str,
    line: Option<u64>,
    column: Option<&str>,
    message: String,
) {
    let same = |one: &&mut Finding| {
        one.file == file && one.column.as_deref() == column && one.message == message
    };
    match findings.iter_mut().find(same) {
        Some(known) => known.lines.extend(line.filter(|line| known.lines.last() != Some(line))),
        None => findings.push(Finding {
            file: file.to_owned(),
            lines: line.into_iter().collect(),
            column: column.map(str::to_owned),
            message,
        }),
    }
}
