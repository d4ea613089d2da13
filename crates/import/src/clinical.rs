//! The clinical tables: one of patients, one of samples, each below four lines that describe its
//! columns.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{
    Error,
    findings::Findings,
    table::{Table, is_missing},
};

/// The type that a column's third line gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Datatype {
    Text,
    Number,
    Boolean,
}

/// One clinical table, checked.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) table: Table,
    /// One for each column.
    pub(crate) datatypes: Vec<Datatype>,
    patient: usize,
    sample: usize,
}

/// The columns whose type is fixed (cBioPortal's File-Formats, "Clinical Data").
const NUMBERS: [&str; 5] = ["OS_MONTHS", "DFS_MONTHS", "PFS_MONTHS", "DSS_MONTHS", "AGE"];
const TEXTS: [&str; 9] = [
    "PATIENT_ID",
    "SAMPLE_ID",
    "OS_STATUS",
    "DFS_STATUS",
    "PFS_STATUS",
    "DSS_STATUS",
    "CANCER_TYPE",
    "CANCER_TYPE_DETAILED",
    "SAMPLE_TYPE",
];

/// Columns that cBioPortal counts itself and refuses in a table.
const BANNED: [&str; 2] = ["MUTATION_COUNT", "FRACTION_GENOME_ALTERED"];

/// Samples by patient, in the order of the table.
pub(crate) type Samples = BTreeMap<String, Vec<usize>>;

impl Attributes {
    /// Reads the table of patients.
    pub(crate) fn of_patients(
        study: &Path,
        file: &str,
        findings: &mut Findings,
    ) -> Result<Self, Error> {
        let attributes = Self::read(study, file, findings)?;
        if attributes.table.column("PATIENT_ID").is_some() {
            attributes.check_unique(attributes.patient, "patient", findings);
        }
        Ok(attributes)
    }

    /// Reads the table of samples.
    pub(crate) fn of_samples(
        study: &Path,
        file: &str,
        findings: &mut Findings,
    ) -> Result<Self, Error> {
        let mut attributes = Self::read(study, file, findings)?;
        if let Some(sample) = attributes.table.need("SAMPLE_ID", findings) {
            attributes.sample = sample;
            attributes.check_unique(sample, "sample", findings);
            attributes.check_ids(sample, findings);
        }
        Ok(attributes)
    }

    fn read(study: &Path, file: &str, findings: &mut Findings) -> Result<Self, Error> {
        let table = Table::read(study, file, findings)?;
        let datatypes = datatypes(&table, findings);
        let patient = table.need("PATIENT_ID", findings).unwrap_or_default();
        let attributes = Self { table, datatypes, patient, sample: 0 };
        attributes.check_names(findings);
        attributes.check_cells(findings);
        attributes.check_ids(attributes.patient, findings);
        Ok(attributes)
    }

    fn check_names(&self, findings: &mut Findings) {
        let is_plain = |name: &str| {
            name.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        };
        let Table { file, columns, header_line, .. } = &self.table;
        for name in columns.iter().filter(|name| !name.is_empty()) {
            if !is_plain(name) {
                let message = "expected a name in capital letters, digits and `_`";
                findings.fault_in(file, *header_line, name, message);
            }
            if BANNED.contains(&name.as_str()) {
                let message = "the name is taken for what is counted from the data; rename it";
                findings.fault_in(file, *header_line, name, message);
            }
        }
    }

    fn check_cells(&self, findings: &mut Findings) {
        for (line, row) in &self.table.rows {
            for (place, cell) in row.iter().enumerate().filter(|(_, cell)| !is_missing(cell)) {
                let name = &self.table.columns[place];
                if let Some(message) = fault(self.datatypes[place], name, cell) {
                    findings.fault_in(&self.table.file, *line, name, message);
                }
            }
        }
    }

    fn check_ids(&self, place: usize, findings: &mut Findings) {
        let is_plain = |id: &str| {
            !id.is_empty()
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        for (line, row) in self.table.rows.iter().filter(|(_, row)| !is_plain(&row[place])) {
            let message = if row[place].is_empty() {
                "expected an id, found an empty cell"
            } else {
                "expected an id in letters, digits, `.`, `_` and `-`, found other characters"
            };
            findings.fault_in(&self.table.file, *line, &self.table.columns[place], message);
        }
    }

    fn check_unique(&self, place: usize, what: &str, findings: &mut Findings) {
        let mut seen = BTreeSet::new();
        for (line, row) in &self.table.rows {
            if !seen.insert(row[place].as_str()) {
                let message = format!("the {what} is there twice; remove one row");
                findings.fault_in(&self.table.file, *line, &self.table.columns[place], message);
            }
        }
    }

    /// The patient of a row.
    pub(crate) fn patient(&self, row: usize) -> &str {
        &self.table.rows[row].1[self.patient]
    }

    /// The sample of a row.
    pub(crate) fn sample(&self, row: usize) -> &str {
        &self.table.rows[row].1[self.sample]
    }

    /// The rows of each patient's samples; tumors called primary stand before the others.
    pub(crate) fn samples_by_patient(&self) -> Samples {
        let mut samples = Samples::new();
        for row in 0..self.table.rows.len() {
            samples.entry(self.patient(row).to_owned()).or_default().push(row);
        }
        if let Some(kind) = self.table.column("SAMPLE_TYPE") {
            let is_primary = |row: usize| {
                self.table.rows[row].1[kind].to_ascii_lowercase().starts_with("primary")
            };
            for rows in samples.values_mut() {
                rows.sort_by_key(|&row| !is_primary(row));
            }
        }
        samples
    }
}

/// The types that the third line above the header gives.
fn datatypes(table: &Table, findings: &mut Findings) -> Vec<Datatype> {
    let columns = table.columns.len();
    let mut datatypes = vec![Datatype::Text; columns];
    if columns == 0 {
        return datatypes;
    }
    if table.comments.len() < 4 {
        let message = "expected four lines that begin with `#` above the header: display names, \
                       descriptions, datatypes (STRING, NUMBER, BOOLEAN) and priorities";
        findings.fault(&table.file, message);
        return datatypes;
    }
    for (line, cells) in &table.comments[..4] {
        if cells.len() != columns {
            let message =
                format!("expected {columns} cells as in the header, found {}", cells.len());
            findings.fault_at(&table.file, *line, message);
        }
    }
    let (line, types) = &table.comments[2];
    for (place, (name, cell)) in table.columns.iter().zip(types).enumerate() {
        let (found, message) = match cell.as_str() {
            "STRING" if NUMBERS[..4].contains(&name.as_str()) => (Datatype::Number, Some("NUMBER")),
            "NUMBER" | "BOOLEAN" if TEXTS.contains(&name.as_str()) => {
                (Datatype::Text, Some("STRING"))
            }
            "STRING" => (Datatype::Text, None),
            "NUMBER" => (Datatype::Number, None),
            "BOOLEAN" => (Datatype::Boolean, None),
            _ => (Datatype::Text, Some("STRING, NUMBER or BOOLEAN")),
        };
        datatypes[place] = found;
        if let Some(expected) = message {
            let message = format!("expected the datatype {expected}, found another");
            findings.fault_in(&table.file, *line, name, message);
        }
    }
    let (line, priorities) = &table.comments[3];
    for (name, cell) in table.columns.iter().zip(priorities) {
        if cell.parse::<i64>().is_err() {
            let message = "expected a whole number as priority, found something else";
            findings.fault_in(&table.file, *line, name, message);
        }
    }
    datatypes
}

/// What is wrong with a cell that is not missing.
fn fault(datatype: Datatype, name: &str, cell: &str) -> Option<&'static str> {
    match datatype {
        Datatype::Number => {
            // Ages of the oldest are given as a bound, such as `>89`.
            let number = cell.trim_start_matches(['<', '>', '=']);
            let is_number = number.parse::<f64>().is_ok_and(f64::is_finite);
            (!is_number)
                .then_some("expected a number, found text; correct the cell or leave it empty")
        }
        Datatype::Boolean => {
            let known = ["true", "false", "yes", "no", "0", "1"];
            (!known.iter().any(|known| known.eq_ignore_ascii_case(cell)))
                .then_some("expected TRUE or FALSE, found something else")
        }
        Datatype::Text if name.ends_with("_STATUS") && is_survival(name) => status(cell)
            .is_none()
            .then_some("expected a status such as `0:LIVING` or `1:DECEASED`, found another"),
        Datatype::Text => None,
    }
}

fn is_survival(name: &str) -> bool {
    ["OS_", "DFS_", "PFS_", "DSS_"].iter().any(|start| name.starts_with(start))
}

/// Whether the event of a survival status was observed; `None` where it does not tell.
///
/// The number in front counts; without one the words that cBioPortal used before do.
pub(crate) fn status(cell: &str) -> Option<bool> {
    let (number, words) = match cell.split_once(':') {
        Some((number, words)) => (Some(number.trim()), words.trim()),
        None => (None, cell),
    };
    let known = match words.to_ascii_uppercase().as_str() {
        "LIVING"
        | "DISEASEFREE"
        | "PROGRESSION FREE"
        | "CENSORED"
        | "NO PROGRESSION"
        | "ALIVE OR DEAD TUMOR FREE" => Some(false),
        "DECEASED"
        | "RECURRED/PROGRESSED"
        | "RECURRED"
        | "PROGRESSED"
        | "PROGRESSION"
        | "DEAD WITH TUMOR" => Some(true),
        _ => None,
    };
    match number {
        None => known,
        Some("0") => known.filter(|&event| !event).or_else(|| known.is_none().then_some(false)),
        Some("1") => known.filter(|&event| event).or_else(|| known.is_none().then_some(true)),
        Some(_) => None,
    }
}
