//! Request bodies as patients: one record in, one patient or one error out, in order.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use oncoweave_core::{
    Cohort, CohortColumn, Column, FeatureInfo, PatientId, preprocess::Preprocessing,
};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

const PATIENT_ID: &str = "patient_id";

/// Cells of a CSV body that mean "not measured", compared without case.
const MISSING: [&str; 6] = ["", "na", "n/a", "nan", "null", "."];

/// One record of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// The id that the record gave.
    pub(crate) patient_id: Option<PatientId>,
    /// One value for each column of [`Columns`], or what is wrong.
    pub(crate) values: Result<Vec<Option<f32>>, RecordError>,
}

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

/// The columns that a model reads.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    names: Vec<String>,
    places: HashMap<String, Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Used(usize),
    /// Known from training, where it told nothing apart: it may be sent and is not read.
    Dropped,
}

impl Columns {
    pub(crate) fn new(preprocessing: &Preprocessing) -> Self {
        let kept = preprocessing.modalities.iter().flat_map(|modality| &modality.kept);
        let names: Vec<String> = kept.map(|column| column.name.clone()).collect();
        let dropped = preprocessing.modalities.iter().flat_map(|modality| &modality.dropped);
        let dropped = dropped.map(|column| (column.name.clone(), Place::Dropped));
        let used = names.iter().enumerate().map(|(at, name)| (name.clone(), Place::Used(at)));
        Self { places: dropped.chain(used).collect(), names }
    }

    fn unknown(&self, name: &str) -> RecordError {
        let first: Vec<String> =
            self.names.iter().take(5).map(|name| format!("`{name}`")).collect();
        let more = match self.names.len().saturating_sub(first.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "the model knows no column `{}`; it reads {}{more}",
            printable(name),
            first.join(", ")
        );
        RecordError::new("unknown_column", message)
    }

    /// Good records as the rows of a cohort, in order.
    pub(crate) fn cohort(&self, records: &[(usize, &Record)]) -> Cohort {
        let rows = records.len();
        let ids = records.iter().map(|(number, record)| {
            record.patient_id.clone().unwrap_or_else(|| {
                PatientId::new(&format!("record {number}")).expect("printable and not empty")
            })
        });
        let column = |(at, name): (usize, &String)| {
            let (modality, feature) = name.split_once('.').unwrap_or(("", name));
            let value = |(_, record): &(usize, &Record)| {
                record.values.as_ref().ok().and_then(|values| values[at])
            };
            CohortColumn {
                modality: modality.to_owned(),
                info: FeatureInfo {
                    name: feature.to_owned(),
                    unit: String::new(),
                    meaning: String::new(),
                    standard: String::new(),
                },
                values: records.iter().map(value).collect::<Column>(),
            }
        };
        Cohort {
            patients: ids.collect(),
            sites: vec![None; rows],
            index_dates: vec![None; rows],
            survival: vec![None; rows],
            competing: vec![],
            labels: vec![None; rows],
            folds: vec![None; rows],
            columns: self.names.iter().enumerate().map(column).collect(),
        }
    }
}

/// A name from outside, made fit for a log: one short printable line.
fn printable(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(80).collect()
}

/// The lines of a request, each of which is one record, read when they are asked for.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    lines: Vec<&'a str>,
    /// The columns of a CSV body, in its order; `None` for JSON Lines.
    names: Option<Vec<String>>,
    /// Whether a row named the columns.
    pub(crate) header: bool,
}

impl<'a> Body<'a> {
    /// A body in JSON Lines: one object a line. No more than `most` lines are taken.
    pub(crate) fn json_lines(text: &'a str, most: usize) -> Self {
        Self { lines: text.lines().take(most).collect(), names: None, header: true }
    }

    /// A CSV body. Its first row names the columns; a first row that names none of them is data,
    /// which is taken in the order of the model's columns when there are exactly as many. No more
    /// than `most` records are taken.
    ///
    /// # Errors
    /// With a sentence for the whole request, when the columns or the records cannot be told.
    pub(crate) fn csv(text: &'a str, columns: &Columns, most: usize) -> Result<Self, String> {
        let mut lines: Vec<&str> = physical_lines(text).take(most.saturating_add(1)).collect();
        if let Some(at) = lines.iter().position(|line| ends_in_quotes(line)) {
            return Err(format!(
                "a quoted field runs over a line end at line {}; records must be one line each",
                at + 1
            ));
        }
        let Some(at) = lines.iter().position(|line| !is_blank(line)) else {
            return Ok(Self { lines, names: Some(columns.names.clone()), header: false });
        };
        let first = cells(lines[at]);
        let header = names_columns(&first, columns);
        let names = if header {
            lines.remove(at);
            first.iter().map(|name| name.trim().to_owned()).collect()
        } else {
            columns.names.clone()
        };
        if header {
            check_header(&names, columns)?;
        } else if first.len() != names.len() {
            return Err(format!(
                "the body has no header and {} columns, the model reads {}; send a first row that \
                 names the columns",
                first.len(),
                names.len()
            ));
        }
        lines.truncate(most);
        Ok(Self { lines, names: Some(names), header })
    }

    /// How many records there are, blank lines with them.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether no line holds anything.
    pub(crate) fn is_blank(&self) -> bool {
        self.lines.iter().all(|line| is_blank(line))
    }

    /// Some of the records, by their places from 0.
    pub(crate) fn records(&self, places: Range<usize>, columns: &Columns) -> Vec<Record> {
        let record = |line: &&str| match &self.names {
            // A blank line of one column is a missing cell, as every CSV writer has it.
            Some(names) if names.len() == 1 || !is_blank(line) => {
                csv_record(&cells(line), names, columns)
            }
            None if !is_blank(line) => json_record(line, columns),
            _ => {
                let error = RecordError::new("empty_record", "the line is blank");
                Record { patient_id: None, values: Err(error) }
            }
        };
        self.lines[places].iter().map(record).collect()
    }
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// Lines of a CSV body, which may end in `\n`, `\r\n` or `\r`.
fn physical_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        let width = if after.starts_with("\r\n") { 2 } else { after.len().min(1) };
        rest = &after[width..];
        Some(line)
    })
}

/// Whether a quoted field is still open at the end of a line. Quotes within a field that does not
/// begin with one are letters like any other.
fn ends_in_quotes(line: &str) -> bool {
    let (mut starts, mut open) = (true, false);
    let mut bytes = line.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if !open {
            open = starts && byte == b'"';
            starts = byte == b',';
        } else if byte == b'"' && bytes.next_if_eq(&b'"').is_none() {
            open = false;
        }
    }
    open
}

/// The cells of one line of CSV; a blank line has one empty cell.
fn cells(line: &str) -> csv::StringRecord {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(line.len().max(1))
        .from_reader(line.as_bytes());
    match reader.records().next() {
        Some(row) => row.expect("one line of text in memory is always a record"),
        None => csv::StringRecord::from(vec![""]),
    }
}

/// A JSON object as its members in order, so that a name that stands twice can be seen.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn json_record(line: &str, columns: &Columns) -> Record {
    let members = match serde_json::from_str::<Members>(line) {
        Ok(Members(members)) => members,
        // The parser's own message may show a value.
        Err(error) => {
            let message = format!(
                "expected one JSON object on the line, it cannot be read at column {}",
                error.column()
            );
            let values = Err(RecordError::new("invalid_json", message));
            return Record { patient_id: None, values };
        }
    };
    let id = members.iter().find(|(name, _)| name == PATIENT_ID).map(|(_, value)| value);
    let (patient_id, problem) = match id {
        None | Some(Value::Null) => (None, None),
        Some(Value::String(text)) => read_id(text),
        Some(Value::Number(number)) => read_id(&number.to_string()),
        Some(_) => {
            (None, Some(RecordError::new("invalid_patient_id", "`patient_id` must be text")))
        }
    };
    let values = match problem {
        Some(problem) => Err(problem),
        None => json_values(&members, columns),
    };
    Record { patient_id, values }
}

fn read_id(text: &str) -> (Option<PatientId>, Option<RecordError>) {
    match PatientId::new(text) {
        Ok(id) => (Some(id), None),
        Err(reason) => (None, Some(RecordError::new("invalid_patient_id", reason.to_string()))),
    }
}

fn json_values(
    members: &[(String, Value)],
    columns: &Columns,
) -> Result<Vec<Option<f32>>, RecordError> {
    let mut row = Row::new(columns);
    let mut ids = 0;
    for (name, value) in members {
        if name == PATIENT_ID {
            ids += 1;
            if ids > 1 {
                return Err(repeated(name));
            }
            continue;
        }
        let value = match value {
            Value::Null => None,
            Value::Number(number) => number.as_f64(),
            _ => return Err(no_number(name)),
        };
        row.set(name, value)?;
    }
    row.finish()
}

fn no_number(name: &str) -> RecordError {
    let name = printable(name);
    RecordError::new("invalid_value", format!("column `{name}` must be a number or missing"))
}

fn repeated(name: &str) -> RecordError {
    let name = printable(name);
    RecordError::new("repeated_column", format!("column `{name}` stands there twice"))
}

/// The values of one record while they come in.
struct Row<'a> {
    columns: &'a Columns,
    values: Vec<Option<f32>>,
    seen: Vec<bool>,
}

impl<'a> Row<'a> {
    fn new(columns: &'a Columns) -> Self {
        let width = columns.names.len();
        Self { columns, values: vec![None; width], seen: vec![false; width] }
    }

    #[expect(clippy::cast_possible_truncation, reason = "models read float32")]
    fn set(&mut self, name: &str, value: Option<f64>) -> Result<(), RecordError> {
        let place = self.columns.places.get(name).ok_or_else(|| self.columns.unknown(name))?;
        let Place::Used(at) = *place else { return Ok(()) };
        if std::mem::replace(&mut self.seen[at], true) {
            return Err(repeated(name));
        }
        let value = value.map(|value| value as f32);
        if value.is_some_and(|value| !value.is_finite()) {
            let message = format!("the value of column `{name}` is too large");
            return Err(RecordError::new("invalid_value", message));
        }
        self.values[at] = value;
        Ok(())
    }

    /// A record without any value would get the risk of the mean patient, which says nothing.
    fn finish(self) -> Result<Vec<Option<f32>>, RecordError> {
        if self.values.iter().any(Option::is_some) {
            Ok(self.values)
        } else {
            Err(RecordError::new("no_values", "the record has no value in any column of the model"))
        }
    }
}

/// Whether a first row names columns. At the model's own width a row that names none is data with
/// faults in some cells; a row of words alone is likelier to be names from elsewhere, whose order
/// nobody knows.
fn names_columns(first: &csv::StringRecord, columns: &Columns) -> bool {
    let known = |cell: &str| cell == PATIENT_ID || columns.places.contains_key(cell);
    if first.iter().any(|cell| known(cell.trim())) {
        return true;
    }
    let numbers = first.iter().filter(|cell| number(cell).is_ok()).count();
    if first.len() == columns.names.len() {
        numbers == 0 && first.len() > 1
    } else {
        numbers < first.len()
    }
}

fn check_header(names: &[String], columns: &Columns) -> Result<(), String> {
    let known = |name: &String| columns.places.contains_key(name);
    if !names.iter().any(known) {
        // This is likely a patient's row, so nothing of it may be repeated.
        return Err("the first row of the body names no column of the model; send a first row \
                    that names the columns"
            .to_owned());
    }
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            return Err(repeated(name).message);
        }
        if name != PATIENT_ID && !known(name) {
            return Err(columns.unknown(name).message);
        }
    }
    Ok(())
}

fn csv_record(row: &csv::StringRecord, names: &[String], columns: &Columns) -> Record {
    let id = names.iter().position(|name| name == PATIENT_ID).and_then(|at| row.get(at));
    let (patient_id, problem) = match id {
        None | Some("") => (None, None),
        Some(text) => read_id(text),
    };
    let values = match problem {
        Some(problem) => Err(problem),
        None if row.len() != names.len() => {
            let message = format!("expected {} cells, found {}", names.len(), row.len());
            Err(RecordError::new("wrong_width", message))
        }
        None => csv_values(row, names, columns),
    };
    Record { patient_id, values }
}

fn csv_values(
    row: &csv::StringRecord,
    names: &[String],
    columns: &Columns,
) -> Result<Vec<Option<f32>>, RecordError> {
    let mut values = Row::new(columns);
    for (name, cell) in names.iter().zip(row) {
        if name != PATIENT_ID {
            values.set(name, number(cell).map_err(|()| no_number(name))?)?;
        }
    }
    values.finish()
}

fn number(cell: &str) -> Result<Option<f64>, ()> {
    let cell = cell.trim();
    if MISSING.iter().any(|missing| cell.eq_ignore_ascii_case(missing)) {
        return Ok(None);
    }
    cell.parse::<f64>().ok().filter(|value| value.is_finite()).map(Some).ok_or(())
}

#[cfg(test)]
mod tests {
    use oncoweave_core::preprocess::{DroppedColumn, KeptColumn, ModalityColumns, Scale};

    use super::*;

    fn columns() -> Columns {
        let kept =
            |name: &str| KeptColumn { name: name.to_owned(), scale: Scale { mean: 0.0, sd: 1.0 } };
        let modality = |name: &str, names: &[&str]| ModalityColumns {
            name: name.to_owned(),
            kept: names.iter().map(|name| kept(name)).collect(),
            dropped: vec![DroppedColumn {
                name: format!("{name}.constant"),
                reason: "constant".to_owned(),
            }],
            known: vec![],
            present: None,
        };
        Columns::new(&Preprocessing {
            modalities: vec![
                modality("clinical", &["clinical.age", "clinical.stage"]),
                modality("ct", &["ct.volume"]),
            ],
        })
    }

    fn from_csv(text: &str) -> Result<(bool, Vec<Record>), String> {
        let body = Body::csv(text, &columns(), 100)?;
        Ok((body.header, body.records(0..body.len(), &columns())))
    }

    fn code(record: &Record) -> &'static str {
        record.values.as_ref().map_or_else(|error| error.code, |_| "ok")
    }

    #[test]
    fn a_json_line_gives_values_or_a_named_error() {
        for (line, expected) in [
            (r#"{"clinical.age": 61}"#, "ok"),
            (r#"{"patient_id": "P1", "ct.volume": 1.5, "clinical.age": null}"#, "ok"),
            (r#"{"patient_id": 7, "ct.volume": 1.5}"#, "ok"),
            (r#"{"clinical.constant": "anything", "ct.volume": 1}"#, "invalid_value"),
            (r#"{"clinical.constant": 3, "ct.volume": 1}"#, "ok"),
            (r#"{"clinical.weight": 61}"#, "unknown_column"),
            (r#"{"clinical.age": "61"}"#, "invalid_value"),
            (r#"{"clinical.age": true}"#, "invalid_value"),
            (r#"{"clinical.age": 1e300}"#, "invalid_value"),
            (r#"{"clinical.age": 1e999}"#, "invalid_json"),
            (r#"{"clinical.age": 1, "clinical.age": 2}"#, "repeated_column"),
            (r#"{"patient_id": "a", "patient_id": "b", "ct.volume": 1}"#, "repeated_column"),
            (r#"{"patient_id": "", "ct.volume": 1}"#, "invalid_patient_id"),
            (r#"{"patient_id": [], "ct.volume": 1}"#, "invalid_patient_id"),
            (r#"{"patient_id": "P1"}"#, "no_values"),
            (r#"{"clinical.age": null}"#, "no_values"),
            ("{}", "no_values"),
            ("[1, 2]", "invalid_json"),
            (r#"{"clinical.age": 61"#, "invalid_json"),
            (r#"{"clinical.age": NaN}"#, "invalid_json"),
        ] {
            assert_eq!(code(&json_record(line, &columns())), expected, "{line}");
        }
    }

    #[test]
    fn no_error_shows_a_value() {
        for line in [
            r#"{"clinical.age": "SECRET"}"#,
            r#"{"clinical.age": SECRET}"#,
            r#"{"patient_id": "SECRET\t", "clinical.age": "x"}"#,
            r#""SECRET""#,
        ] {
            let error = json_record(line, &columns()).values.unwrap_err();
            assert!(!error.message.contains("SECRET"), "{line}: {}", error.message);
        }
    }

    #[test]
    fn csv_with_a_header_takes_columns_by_name() {
        let body = "ct.volume,patient_id,clinical.age\n1.5,P1,61\n,P2,NA\n2,P3,old\n3,P4\n4,,5\n";
        let (header, records) = from_csv(body).unwrap();
        assert!(header);
        let codes: Vec<_> = records.iter().map(code).collect();
        assert_eq!(codes, ["ok", "no_values", "invalid_value", "wrong_width", "ok"]);
        assert_eq!(records[0].values, Ok(vec![Some(61.0), None, Some(1.5)]));
        assert_eq!(records[3].patient_id.as_ref().unwrap().as_str(), "P4");
        assert_eq!(records[4].patient_id, None);
    }

    #[test]
    fn csv_without_a_header_needs_exactly_the_models_columns() {
        let (header, records) = from_csv("61,,1.5\n62,2,\n").unwrap();
        assert!(!header);
        assert_eq!(records[0].values, Ok(vec![Some(61.0), None, Some(1.5)]));
        assert_eq!(records.len(), 2);
        let error = from_csv("61,2\n").unwrap_err();
        assert!(error.contains("no header and 2 columns, the model reads 3"), "{error}");
    }

    #[test]
    fn every_line_of_csv_keeps_its_place() {
        for (name, body, expected) in [
            ("a bad first row", "old,2,3\n61,2,3\n", (false, vec!["invalid_value", "ok"])),
            ("a blank line", "61,2,3\n\n62,2,3\n", (false, vec!["ok", "empty_record", "ok"])),
            ("a blank line last", "61,2,3\n\n", (false, vec!["ok", "empty_record"])),
            ("a blank line first", " \n61,2,3", (false, vec!["empty_record", "ok"])),
            ("Windows", "ct.volume\r\n1\r\n\r\n2\r\n", (true, vec!["ok", "no_values", "ok"])),
            ("old Macintosh", "61,2,3\r62,2,3\r", (false, vec!["ok", "ok"])),
            (
                "one column",
                "clinical.age\n1\n\n\"\"\n2\n",
                (true, vec!["ok", "no_values", "no_values", "ok"]),
            ),
            (
                "quotes",
                "patient_id,ct.volume\n\"a \"\"b\"\", c\",1\nd\"e,2\n",
                (true, vec!["ok"; 2]),
            ),
        ] {
            let (header, records) = from_csv(body).unwrap();
            assert_eq!((header, records.iter().map(code).collect()), expected, "{name}");
        }
    }

    #[test]
    fn csv_bodies_that_cannot_be_told_are_refused() {
        for (body, part) in [
            ("clinical.age,clinical.weight\n1,2\n", "no column `clinical.weight`"),
            ("clinical.age,clinical.age\n1,2\n", "column `clinical.age` stands there twice"),
            ("P1,61,2,4\n", "the first row of the body names no column"),
            ("age,stage,volume\n1,2,3\n", "the first row of the body names no column"),
            (
                "patient_id,ct.volume\nA,1\n\"B,2\nC,3\n",
                "a quoted field runs over a line end at line 3; records must be one line each",
            ),
            ("ct.volume\n\"1\n2\"\n", "at line 2;"),
        ] {
            let error = from_csv(body).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(from_csv("").unwrap().1.is_empty());
    }

    #[test]
    fn records_become_rows_in_order() {
        let text = "{\"patient_id\":\"P1\",\"ct.volume\":2}\n{\"clinical.age\":50}\n";
        let records = Body::json_lines(text, 9).records(0..2, &columns());
        let numbered: Vec<_> = records.iter().enumerate().map(|(at, one)| (at + 1, one)).collect();
        let cohort = columns().cohort(&numbered);
        assert_eq!(cohort.patients[0].as_str(), "P1");
        assert_eq!(cohort.patients[1].as_str(), "record 2");
        assert_eq!(cohort.modalities(), ["clinical", "ct"]);
        assert_eq!(cohort.columns[0].values.get(1), Some(50.0));
        assert_eq!(cohort.columns[2].values.get(0), Some(2.0));
        assert_eq!(cohort.columns[2].values.get(1), None);
    }
}
