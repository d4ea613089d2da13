mod follow_up;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use chrono::NaiveDate;
use oncoweave_core::{FeatureRow, FeatureTable, PatientId, Survival};

use crate::{
    ClinicalSettings, Error, OutcomeSettings, RejectedRow, cell,
    column::ClinicalColumn,
    source::{self, Source},
};

/// The clinical table as a cohort uses it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClinicalTable {
    /// The features, one row for each accepted patient in file order, dated by the index date.
    pub features: FeatureTable,
    /// The accepted patients, in the order of the feature rows.
    pub patients: Vec<ClinicalPatient>,
    /// The rows that were set aside, in file order.
    pub rejected: Vec<RejectedRow>,
}

/// What the clinical table says about a patient besides features.
#[derive(Clone, Debug, PartialEq)]
pub struct ClinicalPatient {
    /// The pseudonym.
    pub patient_id: PatientId,
    /// The hospital or centre, where known.
    pub site: Option<String>,
    /// The date that follow-up counts from, where known.
    pub index_date: Option<NaiveDate>,
    /// Follow-up; `None` when the settings name no outcome columns.
    pub survival: Option<Survival>,
    /// The competing event that ended follow-up, by its name in the settings.
    pub competing: Option<String>,
    /// The subtype or other class, where known.
    pub label: Option<String>,
    /// The fold that the patient is held out in, where given.
    pub fold: Option<u32>,
}

/// Reads the clinical table of a cohort, at `path`; gzip and the separator are recognised by
/// content.
///
/// A row with any fault is set aside whole, for a patient with a wrong age may have a wrong
/// outcome too. Rows of one patient that agree in every column used count once; when they differ,
/// all of them are set aside.
///
/// # Errors
/// When the whole table is useless: no such file, not UTF-8, no rows, a named column absent, a
/// category without declared levels that has more than 50, none of `event_values` in any row, or settings that contradict themselves.
pub fn read_clinical(
    path: &Path,
    settings: &ClinicalSettings,
    outcome: Option<&OutcomeSettings>,
) -> Result<ClinicalTable, Error> {
    settings.check_with(outcome)?;
    let source = Source::open(path)?;
    let names = named_columns(settings, outcome);
    let places = names.iter().map(|name| source.column(name)).collect::<Result<Vec<_>, _>>()?;
    let frame = source.frame(&places)?;
    let cells: BTreeMap<&str, Vec<&str>> = names
        .iter()
        .enumerate()
        .map(|(place, &name)| (name, source::cells(&frame, place).collect()))
        .collect();
    check_events(outcome, &cells, path)?;
    let columns = settings
        .columns
        .iter()
        .map(|(name, column)| {
            ClinicalColumn::new(name, column, &cells[name.as_str()], &settings.missing, path)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let reader = Reader { settings, outcome, cells, columns };
    let mut table = reader.read(source.lines(), path);
    let id_place = source.column(&settings.patient_id)?;
    table.rejected.extend(source.malformed().iter().map(|row| row.rejected(path, id_place)));
    table.rejected.sort_by_key(|row| row.line);
    Ok(table)
}

/// Refuses a table in which nobody has the event: its words are likely others than the settings'.
fn check_events(
    outcome: Option<&OutcomeSettings>,
    cells: &BTreeMap<&str, Vec<&str>>,
    path: &Path,
) -> Result<(), Error> {
    let Some((outcome, column)) = outcome.and_then(|o| Some((o, o.event.as_ref()?))) else {
        return Ok(());
    };
    let is_event = |cell: &&str| cell::position(cell, &outcome.event_values).is_some();
    let cells = &cells[column.as_str()];
    if cells.is_empty() || cells.iter().any(is_event) {
        return Ok(());
    }
    Err(Error::NoEvents {
        path: path.to_owned(),
        column: column.clone(),
        values: cell::listed(&outcome.event_values),
    })
}

/// Every column that the settings name, each once, the patient id first.
fn named_columns<'a>(
    settings: &'a ClinicalSettings,
    outcome: Option<&'a OutcomeSettings>,
) -> Vec<&'a str> {
    let of_outcome =
        outcome.map(|outcome| [&outcome.time, &outcome.event, &outcome.entry, &outcome.label]);
    let optional = [&settings.index_date, &settings.site, &settings.fold];
    let optional = optional.into_iter().chain(of_outcome.into_iter().flatten());
    let mut names = vec![settings.patient_id.as_str()];
    let others = optional.flatten().chain(settings.columns.keys());
    for name in others {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

struct Reader<'a> {
    settings: &'a ClinicalSettings,
    outcome: Option<&'a OutcomeSettings>,
    /// The cells of every column used, by column name.
    cells: BTreeMap<&'a str, Vec<&'a str>>,
    columns: Vec<ClinicalColumn<'a>>,
}

impl Reader<'_> {
    fn read(&self, lines: &[u64], path: &Path) -> ClinicalTable {
        let mut table = ClinicalTable::default();
        table.features.features = self.columns.iter().flat_map(ClinicalColumn::infos).collect();
        let ids: Vec<Result<PatientId, String>> =
            (0..lines.len()).map(|row| self.patient_id(row)).collect();
        let rows_of = rows_by_patient(&ids);
        for (row, id) in ids.iter().enumerate() {
            let read = match id {
                Err(fault) => Err(vec![fault.clone()]),
                Ok(id) => match self.repeated(row, &rows_of[id], lines) {
                    Some(Repeated::Same) => continue,
                    Some(Repeated::Differing(fault)) => Err(vec![fault]),
                    None => self.row(id, row),
                },
            };
            match read {
                Ok((patient, values)) => {
                    let (patient_id, date) = (patient.patient_id.clone(), patient.index_date);
                    table.features.rows.push(FeatureRow { patient_id, date, values });
                    table.patients.push(patient);
                }
                Err(faults) => table.rejected.push(RejectedRow {
                    line: lines[row],
                    patient_id: id.as_ref().ok().map(ToString::to_string),
                    reason: format!(
                        "{}:{}: {}",
                        path.display(),
                        lines[row],
                        faults.join("; also ")
                    ),
                }),
            }
        }
        table
    }

    fn cell(&self, column: &str, row: usize) -> &str {
        self.cells[column][row]
    }

    /// The cell, `None` when it is missing.
    fn known(&self, column: &str, row: usize) -> Option<&str> {
        Some(self.cell(column, row)).filter(|cell| !cell::is_missing(cell, &self.settings.missing))
    }

    fn patient_id(&self, row: usize) -> Result<PatientId, String> {
        let column = &self.settings.patient_id;
        let cell = self.known(column, row).unwrap_or("");
        PatientId::new(cell).map_err(|error| format!("column `{column}`: {error}; fill it in"))
    }

    /// Whether the row's patient has other rows, and whether they agree.
    fn repeated(&self, row: usize, rows: &[usize], lines: &[u64]) -> Option<Repeated> {
        let differs = |cells: &Vec<&str>| rows.iter().any(|&other| cells[other] != cells[rows[0]]);
        let differing = self.cells.iter().find(|(_, cells)| differs(cells));
        if let Some((column, _)) = differing {
            let lines: Vec<String> = rows.iter().map(|&row| lines[row].to_string()).collect();
            return Some(Repeated::Differing(format!(
                "expected one row a patient, found lines {} that differ in column `{column}`; \
                 keep the right one",
                lines.join(", ")
            )));
        }
        (row != rows[0]).then_some(Repeated::Same)
    }

    /// Everything of one row, or all that is wrong with it.
    fn row(
        &self,
        patient_id: &PatientId,
        row: usize,
    ) -> Result<(ClinicalPatient, Vec<Option<f32>>), Vec<String>> {
        let mut faults = Vec::new();
        let mut values = Vec::new();
        for column in &self.columns {
            match column.values(self.cell(column.name, row), &self.settings.missing) {
                Ok(mut found) => values.append(&mut found),
                Err(fault) => faults.push(format!("column `{}`: {fault}", column.name)),
            }
        }
        let text = |column: Option<&String>| {
            column.and_then(|column| self.known(column, row)).map(str::to_owned)
        };
        let (survival, competing) = self.survival(row, &mut faults).unzip();
        let patient = ClinicalPatient {
            patient_id: patient_id.clone(),
            site: text(self.settings.site.as_ref()),
            index_date: self.optional(self.settings.index_date.as_ref(), row, date, &mut faults),
            survival,
            competing: competing.flatten(),
            label: text(self.outcome.and_then(|outcome| outcome.label.as_ref())),
            fold: self.optional(self.settings.fold.as_ref(), row, fold, &mut faults),
        };
        if faults.is_empty() { Ok((patient, values)) } else { Err(faults) }
    }

    /// The cell of a column that may be missing, read by `parse`.
    fn optional<T>(
        &self,
        column: Option<&String>,
        row: usize,
        parse: fn(&str) -> Result<T, String>,
        faults: &mut Vec<String>,
    ) -> Option<T> {
        let column = column?;
        let parsed = parse(self.known(column, row)?);
        parsed.map_err(|fault| faults.push(format!("column `{column}`: {fault}"))).ok()
    }
}

enum Repeated {
    /// An earlier row of the patient says the same.
    Same,
    /// The patient's rows contradict each other, in these words.
    Differing(String),
}

fn rows_by_patient(ids: &[Result<PatientId, String>]) -> HashMap<&PatientId, Vec<usize>> {
    let mut rows: HashMap<&PatientId, Vec<usize>> = HashMap::new();
    for (row, id) in ids.iter().enumerate() {
        if let Ok(id) = id {
            rows.entry(id).or_default().push(row);
        }
    }
    rows
}

// What stands in a date column may identify a patient, so the message does not show it.
fn date(cell: &str) -> Result<NaiveDate, String> {
    cell::date(cell)
        .ok_or_else(|| "expected a date as YYYY-MM-DD, found something else; rewrite it".to_owned())
}

fn fold(cell: &str) -> Result<u32, String> {
    let whole = cell.strip_suffix(".0").unwrap_or(cell).parse();
    whole.map_err(|_| {
        format!("expected a fold as a whole number, found {}; correct the cell", cell::kind(cell))
    })
}

#[cfg(test)]
mod tests;
