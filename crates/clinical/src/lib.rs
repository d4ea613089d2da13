//! Tables to typed columns and outcomes.
//!
//! [`read_clinical`] reads the clinical table of a cohort, with outcomes; [`read_table`] reads a
//! wide numeric table such as gene expression. Both set a faulty row aside with a sentence that
//! says where and why ([`RejectedRow`]) and read on; what makes the whole table useless is an
//! [`Error`]. Messages never hold a cell of an identifier or date column.

mod cell;
mod check;
mod clinical;
mod column;
mod error;
#[cfg(test)]
mod real_data;
mod scan;
mod settings;
mod source;
mod table;

pub use clinical::{ClinicalPatient, ClinicalTable, read_clinical};
pub use error::Error;
pub use settings::{ClinicalSettings, ColumnSettings, OutcomeSettings, TableSettings, TimeUnit};
pub use source::first_rows;
pub use table::{SkippedColumn, Table, read_table};

/// A row that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// The line that the row begins on, counted from 1, the header being line 1.
    pub line: u64,
    /// Whose row it is, as the table has it; `None` where the id is missing or unreadable.
    pub patient_id: Option<String>,
    /// One sentence: where, what was expected, what was found, what to do.
    pub reason: String,
}
