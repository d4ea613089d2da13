//! Request bodies as patients: one record in, one patient or one error out, in order.

mod csv_lines;
mod json;
mod lines;
mod plain;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Bytes;
use oncoweave_cohort::{RecordReader, RecordRows};
use oncoweave_core::PatientId;

use crate::body::Body;
use crate::columns::{Columns, PATIENT_ID, Row};
use crate::negotiate::Format;
use crate::redact::of_table;
use crate::view::View;
use csv_lines::Cell;
use lines::Lines;

/// Rows of a Parquet body that are brought into memory at a time.
pub(crate) const ROWS_AT_A_TIME: usize = 256;

/// What is wrong with one record; it goes back in the record's place. No value of the record
/// stands in the message, since answers with errors are logged by the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl RecordError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Why a whole body cannot be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// A sentence for who sent it, without any value of it.
    Bad(String),
    /// It has more records than are allowed.
    TooMany,
    /// The body's own file cannot be read.
    Io(io::Error),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// One record's place in a [`Chunk`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// The id that the record gave.
    pub(crate) patient_id: Option<PatientId>,
    /// What is wrong with it; `None` where its values stand in the chunk.
    pub(crate) fault: Option<RecordError>,
}

/// Some records, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// The number of the first one in the request, from 1.
    pub(crate) first: usize,
    pub(crate) records: Vec<Record>,
    /// The values of the records without a fault, row by row; NaN is missing.
    pub(crate) values: Vec<f32>,
}

impl Chunk {
    /// The memory that it takes, about.
    fn bytes(&self) -> usize {
        size_of_val(&self.values[..]) + size_of_val(&self.records[..])
    }

    fn push(&mut self, patient_id: Option<PatientId>, values: Result<&[f32], RecordError>) {
        let fault = match values {
            Ok(values) => {
                self.values.extend_from_slice(values);
                None
            }
            Err(fault) => Some(fault),
        };
        self.records.push(Record { patient_id, fault });
    }
}

/// How a body in JSON holds its records, and so how the answer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One object.
    One,
    /// A list of records.
    List,
    /// `{"instances": [...]}`.
    Instances,
}

/// The records of a request, read when they are asked for.
pub(crate) struct Reader {
    columns: Arc<Columns>,
    view: Option<Arc<View>>,
    source: Source,
    /// The number of the next record, from 1.
    next: usize,
    count: usize,
}

enum Source {
    Csv {
        lines: Lines,
        cells: Vec<Cell>,
        header: bool,
    },
    JsonLines(Lines),
    /// A body that was read when it was opened.
    Plain {
        records: VecDeque<Record>,
        values: Vec<f32>,
        given: usize,
        shape: Shape,
    },
    Json {
        text: Bytes,
        spans: VecDeque<Range<usize>>,
        shape: Shape,
    },
    Parquet {
        reader: Box<RecordReader>,
        places: Vec<usize>,
        rows: VecDeque<Chunk>,
    },
}

impl Reader {
    /// Opens a body of at most `most` records.
    pub(crate) fn open(
        body: &Body,
        format: Format,
        columns: &Arc<Columns>,
        view: Option<&Arc<View>>,
        most: usize,
    ) -> Result<Self, Unreadable> {
        let (source, count) = match format {
            Format::JsonLines => {
                let (lines, count) = Lines::open(body, false)?;
                (Source::JsonLines(lines), count)
            }
            Format::Csv => {
                let (mut lines, count) = Lines::open(body, true)?;
                let (cells, header) =
                    csv_lines::layout(&mut lines, columns, view.map(Arc::as_ref))?;
                (Source::Csv { lines, cells, header }, count - usize::from(header))
            }
            Format::Json => {
                let text = body.whole()?;
                if let Some((read, shape)) = plain::body(&text, &mut Row::new(columns), most) {
                    let count = read.records.len();
                    let (records, values) = (read.records.into(), read.values);
                    (Source::Plain { records, values, given: 0, shape }, count)
                } else {
                    let (spans, shape) = json::split(&text).map_err(Unreadable::Bad)?;
                    let count = spans.len();
                    (Source::Json { text, spans, shape }, count)
                }
            }
            Format::Parquet => open_parquet(body, columns, most)?,
            Format::Zip | Format::Multipart => {
                unreachable!("raw files are no records and have a route of their own")
            }
        };
        if count > most {
            return Err(Unreadable::TooMany);
        }
        if count == 0 {
            return Err(Unreadable::Bad("the body holds no record".to_owned()));
        }
        Ok(Self { columns: Arc::clone(columns), view: view.cloned(), source, next: 1, count })
    }

    /// How many records there are in all, blank lines with them.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether a row of a CSV body named the columns; other formats always do.
    pub(crate) fn has_names(&self) -> bool {
        !matches!(self.source, Source::Csv { header: false, .. })
    }

    pub(crate) fn shape(&self) -> Shape {
        match self.source {
            Source::Plain { shape, .. } | Source::Json { shape, .. } => shape,
            _ => Shape::List,
        }
    }

    /// The next records, no more than so many; `None` after the last.
    ///
    /// # Errors
    /// When the body's file cannot be read, or a Parquet file is damaged further on.
    pub(crate) fn next(&mut self, most: usize) -> Result<Option<Chunk>, Unreadable> {
        let mut row = Row::new(&self.columns);
        let view = self.view.as_deref();
        let mut chunk = Chunk { first: self.next, ..Chunk::default() };
        match &mut self.source {
            Source::Csv { lines, cells, .. } => {
                while chunk.records.len() < most && lines.advance()? {
                    let id = csv_lines::record(lines.line(), cells, &mut row);
                    push(&mut chunk, id, &mut row);
                }
            }
            Source::JsonLines(lines) => {
                while chunk.records.len() < most && lines.advance()? {
                    let read = json::record(lines.line(), &mut row, view);
                    push(&mut chunk, read, &mut row);
                }
            }
            Source::Plain { records, values, given, .. } => {
                chunk.records.extend(records.drain(..most.min(records.len())));
                let good = chunk.records.iter().filter(|record| record.fault.is_none()).count();
                let start = *given;
                *given += good * self.columns.width();
                chunk.values.extend_from_slice(&values[start..*given]);
            }
            Source::Json { text, spans, .. } => {
                while chunk.records.len() < most
                    && let Some(span) = spans.pop_front()
                {
                    let read = json::record(&text[span], &mut row, view);
                    push(&mut chunk, read, &mut row);
                }
            }
            Source::Parquet { reader, places, rows } => {
                if rows.is_empty() {
                    match reader.next() {
                        None => {}
                        Some(Ok(read)) => cut_rows(&read, places, &mut row, most, rows),
                        Some(Err(error)) => return Err(Unreadable::Bad(of_table(&error))),
                    }
                }
                if let Some(read) = rows.pop_front() {
                    chunk = Chunk { first: self.next, ..read };
                }
            }
        }
        self.next += chunk.records.len();
        Ok(Some(chunk).filter(|chunk| !chunk.records.is_empty()))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("next", &self.next)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// What became of one record: its id, and what is wrong where its values are not in the row.
pub(crate) type Read = (Option<PatientId>, Option<RecordError>);

fn push(chunk: &mut Chunk, (id, fault): Read, row: &mut Row) {
    match fault {
        Some(fault) => chunk.push(id, Err(fault)),
        None => chunk.push(id, row.finish()),
    }
}

pub(crate) fn blank_line() -> Read {
    (None, Some(RecordError::new("empty_record", "the line is blank")))
}

pub(crate) fn no_utf8() -> Read {
    (None, Some(RecordError::new("invalid_text", "the record is not UTF-8")))
}

pub(crate) fn read_id(text: &str) -> Read {
    match PatientId::new(text) {
        Ok(id) => (Some(id), None),
        Err(reason) => (None, Some(RecordError::new("invalid_patient_id", reason.to_string()))),
    }
}

fn open_parquet(
    body: &Body,
    columns: &Columns,
    most: usize,
) -> Result<(Source, usize), Unreadable> {
    let bad = |error: oncoweave_cohort::Error| Unreadable::Bad(of_table(&error));
    let reader = match body {
        Body::Memory(bytes) => RecordReader::from_bytes(bytes.clone(), ROWS_AT_A_TIME),
        Body::File(file) => RecordReader::from_file(file.try_clone()?, ROWS_AT_A_TIME),
    }
    .map_err(bad)?;
    // Before anything is unpacked: a few bytes can claim millions of rows.
    if reader.rows() > most {
        return Err(Unreadable::TooMany);
    }
    let place = |name: &String| {
        columns.place(name).ok_or_else(|| Unreadable::Bad(columns.unknown(name).message))
    };
    let places = reader.names().iter().map(place).collect::<Result<Vec<usize>, _>>()?;
    let count = reader.rows();
    Ok((Source::Parquet { reader: Box::new(reader), places, rows: VecDeque::new() }, count))
}

/// Rows of columns as chunks of records.
fn cut_rows(
    read: &RecordRows,
    places: &[usize],
    row: &mut Row,
    most: usize,
    chunks: &mut VecDeque<Chunk>,
) {
    for start in (0..read.rows).step_by(most) {
        let mut chunk = Chunk::default();
        for at in start..read.rows.min(start + most) {
            row.clear();
            let (id, mut fault) = match read.ids.get(at) {
                Some(Some(id)) => read_id(id),
                _ => (None, None),
            };
            for (&place, values) in places.iter().zip(&read.columns) {
                let value = Some(f64::from(values[at])).filter(|value| !value.is_nan());
                if let (Err(problem), None) = (row.set_at(place, value), &fault) {
                    fault = Some(problem);
                }
            }
            push(&mut chunk, (id, fault), row);
        }
        chunks.push_back(chunk);
    }
}

/// A text as a number; `Ok(None)` where it means "not measured".
pub(crate) fn number(cell: &str) -> Result<Option<f64>, ()> {
    /// Compared without case.
    const MISSING: [&str; 6] = ["", "na", "n/a", "nan", "null", "."];
    let cell = cell.trim();
    if cell.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'/' || byte == b'.')
        && MISSING.iter().any(|missing| cell.eq_ignore_ascii_case(missing))
    {
        return Ok(None);
    }
    if let Some((value, length)) = plain::number(cell)
        && length == cell.len()
    {
        return Ok(Some(value));
    }
    cell.parse::<f64>().ok().filter(|value| value.is_finite()).map(Some).ok_or(())
}

pub(crate) fn is_id(name: &str) -> bool {
    name == PATIENT_ID
}

#[cfg(test)]
mod tests;
