use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use chrono::NaiveDate;
use oncoweave_core::{FeatureRow, FeatureTable, PatientId, Survival};

use crate::{
    ClinicalSettings, Error, OutcomeSettings, RejectedRow, TimeUnit, cell,
    column::{self, ClinicalColumn},
    source::{self, Source},
};

/// No follow-up is longer than 100 years; one that seems so is in another unit.
const LONGEST_DAYS: f64 = 100.0 * 365.25;

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

    /// Follow-up, and the competing event that ended it.
    fn survival(&self, row: usize, faults: &mut Vec<String>) -> Option<(Survival, Option<String>)> {
        let outcome = self.outcome?;
        let (time, event) = (outcome.time.as_ref()?, outcome.event.as_ref()?);
        let unit = outcome.time_unit;
        let time_days = match self.known(time, row) {
            None => Err(format!(
                "expected a number of {}, found a missing cell; fill it in",
                unit_name(unit)
            )),
            Some(text) => days(text, unit, false),
        };
        let observed = match self.known(event, row) {
            // A value may be declared although it is a word for "missing" elsewhere.
            None if self.cell(event, row).is_empty() => {
                Err("expected whether the event was observed, found an empty cell; fill it in"
                    .to_owned())
            }
            _ => ending(self.cell(event, row), outcome),
        };
        let mut keep = |column: &str, fault| faults.push(format!("column `{column}`: {fault}"));
        let time_days = time_days.map_err(|fault| keep(time, fault)).ok();
        let observed = observed.map_err(|fault| keep(event, fault)).ok();
        let mut entry_days = None;
        if let Some(entry) = &outcome.entry
            && let Some(text) = self.known(entry, row)
        {
            let found = days(text, unit, true).and_then(|days| before_the_end(days, time_days));
            entry_days = found.map_err(|fault| keep(entry, fault)).ok();
        }
        let (time_days, (event, competing)) = (time_days?, observed?);
        let survival = Survival::new(time_days, event)
            .expect("the time was found to be finite and not negative")
            .entered_late(entry_days)
            .expect("the entry was found to be finite and before the end");
        Some((survival, competing))
    }
}

/// A time of a cell that is not missing; `signed` where it may lie before the index date.
fn days(text: &str, unit: TimeUnit, signed: bool) -> Result<f64, String> {
    let name = unit_name(unit);
    match cell::number(text) {
        Some(number) if number * unit.days() > LONGEST_DAYS => Err(format!(
            "expected a number of {name} of at most 100 years, found a longer time; \
             is `time_unit` right?"
        )),
        Some(number) if signed || number >= 0.0 => Ok(number * unit.days()),
        _ => Err(format!(
            "expected a number of {name}{}, found {}; correct the cell",
            if signed { "" } else { ", zero or more" },
            cell::kind(text)
        )),
    }
}

fn unit_name(unit: TimeUnit) -> String {
    format!("{unit:?}").to_lowercase()
}

/// The begin of observation, from the index date on, where it lies before the end of follow-up as
/// far as that is known.
fn before_the_end(entry_days: f64, time_days: Option<f64>) -> Result<f64, String> {
    match time_days {
        Some(end) if entry_days > 0.0 && entry_days >= end => Err(format!(
            "the begin of observation must lie before the end of follow-up, found {}; correct the \
             cell or the time",
            if entry_days > end { "a later time" } else { "the same time" }
        )),
        // A large negative number of years may be no finite number of days.
        _ => Ok(entry_days.max(0.0)),
    }
}

/// Whether a cell says that the event was observed, or which competing one was.
fn ending(cell: &str, outcome: &OutcomeSettings) -> Result<(bool, Option<String>), String> {
    let means = |values: &[String]| cell::position(cell, values).is_some();
    if let Some((name, _)) = outcome.competing.iter().find(|(_, values)| means(values)) {
        return Ok((false, Some(name.clone())));
    }
    let others: Vec<String> = outcome
        .censored_values
        .iter()
        .chain(outcome.competing.values().flatten())
        .cloned()
        .collect();
    column::truth(cell, &outcome.event_values, &others).map(|event| (event, None))
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
mod tests {
    use super::*;

    const SETTINGS: &str = r#"
        table = "clinical.csv"
        patient_id = "id"
        index_date = "diagnosed"
        site = "hospital"
        fold = "fold"
        [columns]
        age = { type = "number", unit = "years", min = 0, max = 120 }
        sex = { type = "category" }
    "#;
    const OUTCOME: &str = r#"
        time = "months"
        time_unit = "months"
        event = "status"
        event_values = ["dead"]
        censored_values = ["alive"]
        label = "subtype"
    "#;
    const HEADER: &str = "id,diagnosed,hospital,fold,age,sex,months,status,subtype\n";

    fn read_with(
        text: &str,
        settings: &str,
        outcome: Option<&str>,
    ) -> Result<ClinicalTable, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        fs_err::write(&path, text).unwrap();
        let outcome = outcome.map(|outcome| toml::from_str(outcome).unwrap());
        read_clinical(&path, &toml::from_str(settings).unwrap(), outcome.as_ref())
    }

    fn read(rows: &str) -> ClinicalTable {
        read_with(&format!("{HEADER}{rows}"), SETTINGS, Some(OUTCOME)).unwrap()
    }

    #[test]
    fn a_row_becomes_a_patient() {
        let table = read(
            "P1,2020-01-31,north,2,61,f,10,dead,A\n\
             P2,NA,,,unknown,,0,Alive,\n\
             P3,2020-03-01,south,0.0,50.5,m,1.5,ALIVE,B\n",
        );
        assert_eq!(table.rejected, []);
        let names: Vec<&str> =
            table.features.features.iter().map(|info| info.name.as_str()).collect();
        assert_eq!(names, ["age", "sex=f", "sex=m"]);
        let date = NaiveDate::from_ymd_opt(2020, 1, 31);
        assert_eq!(
            table.patients[0],
            ClinicalPatient {
                patient_id: PatientId::new("P1").unwrap(),
                site: Some("north".to_owned()),
                index_date: date,
                survival: Some(Survival::until(304.375, true)),
                competing: None,
                label: Some("A".to_owned()),
                fold: Some(2),
            }
        );
        assert_eq!(table.features.rows[0].date, date);
        assert_eq!(
            table.patients[1],
            ClinicalPatient {
                patient_id: PatientId::new("P2").unwrap(),
                site: None,
                index_date: None,
                survival: Some(Survival::until(0.0, false)),
                competing: None,
                label: None,
                fold: None,
            }
        );
        let values: Vec<_> = table.features.rows.iter().map(|row| row.values.clone()).collect();
        assert_eq!(
            values,
            [
                vec![Some(61.0), Some(1.0), Some(0.0)],
                vec![None, None, None],
                vec![Some(50.5), Some(0.0), Some(1.0)],
            ]
        );
        assert_eq!(table.patients[2].fold, Some(0));
    }

    #[test]
    fn a_competing_event_is_censored_and_named() {
        let outcome = format!("{OUTCOME}\ncompeting = {{ 'other death' = ['dead, other', 3] }}");
        let rows = "A,,,,1,f,1,dead,\nB,,,,1,f,2,Dead, other,\nC,,,,1,f,3,3,\nD,,,,1,f,4,alive,\n\
                    E,,,,1,f,5,gone,\n";
        let rows = rows.replace("Dead, other", "\"Dead, other\"");
        let table = read_with(&format!("{HEADER}{rows}"), SETTINGS, Some(&outcome)).unwrap();
        let found: Vec<_> = table
            .patients
            .iter()
            .map(|one| (one.survival.unwrap().event, one.competing.as_deref()))
            .collect();
        let other = Some("other death");
        assert_eq!(found, [(true, None), (false, other), (false, other), (false, None)]);
        let reason = &table.rejected[0].reason;
        assert!(reason.contains("expected `dead` or `alive`, `dead, other`, `3`"), "{reason}");
    }

    /// Rows of id, months, status and begin of observation in months.
    fn read_entries(rows: &str) -> ClinicalTable {
        let settings = "table = 't.csv'\npatient_id = 'id'";
        let outcome = "time = 'months'\ntime_unit = 'months'\nevent = 'status'\n\
                       event_values = ['dead']\ncensored_values = ['alive']\nentry = 'begin'";
        let text = format!("id,months,status,begin\n{rows}");
        read_with(&text, settings, Some(outcome)).unwrap()
    }

    #[test]
    fn observation_may_begin_after_the_index_date() {
        let table = read_entries(
            "A,10,dead,4\nB,10,alive,\nC,10,alive,NA\nD,10,alive,0\nE,10,dead,-1e308\n\
             F,0,dead,-0.5\nG,10,alive,9.99\n",
        );
        assert_eq!(table.rejected, []);
        let entries: Vec<Option<f64>> =
            table.patients.iter().map(|one| one.survival.unwrap().entry_days).collect();
        assert_eq!(entries, [Some(121.75), None, None, None, None, None, Some(9.99 * 30.4375)]);
        let first = Survival::until(304.375, true).entered(121.75);
        assert_eq!(table.patients[0].survival, first.ok());
    }

    #[test]
    fn a_begin_of_observation_at_fault_sets_its_row_aside_and_no_other() {
        let end = "the begin of observation must lie before the end of follow-up";
        for (row, expected) in [
            ("B,5,dead,5", format!("{end}, found the same time; correct the cell or the time")),
            ("B,5,dead,7", format!("{end}, found a later time; correct the cell or the time")),
            (
                "B,5,dead,soon",
                "expected a number of months, found text that is no number; correct the cell"
                    .to_owned(),
            ),
            (
                "B,5,dead,2020-01-31",
                "expected a number of months, found what looks like a date; correct the cell"
                    .to_owned(),
            ),
            (
                "B,5,dead,inf",
                "expected a number of months, found a value that is not finite; correct the cell"
                    .to_owned(),
            ),
            (
                "B,5,dead,1300",
                "expected a number of months of at most 100 years, found a longer time; \
                 is `time_unit` right?"
                    .to_owned(),
            ),
        ] {
            let table = read_entries(&format!("A,1,dead,\n{row}\nC,1,alive,0.5\n"));
            let ids: Vec<&str> = table.patients.iter().map(|one| one.patient_id.as_str()).collect();
            assert_eq!(ids, ["A", "C"], "{row}");
            let expected = format!("column `begin`: {expected}");
            assert_eq!(table.rejected[0].reason.split_once("t.csv:3: ").unwrap().1, expected);
        }
        // Of two faults both are told, and a time that is not known is no fault of the entry.
        let table = read_entries("A,1,dead,\nB,-1,gone,7\n");
        let reason = &table.rejected[0].reason;
        assert!(reason.contains("column `months`") && reason.contains("column `status`"));
        assert!(!reason.contains("column `begin`"), "{reason}");
    }

    #[test]
    fn without_outcome_nobody_needs_one() {
        let table =
            read_with("id,age,sex\nP1,3,f\n", "table = ''\npatient_id = 'id'", None).unwrap();
        assert_eq!(table.patients[0].survival, None);
        assert_eq!(table.features.rows[0].values, []);
    }

    #[test]
    fn each_fault_sets_its_row_aside_and_no_other() {
        for (row, expected) in [
            (",,,,1,f,1,dead,", "column `id`: a patient id must not be empty; fill it in"),
            (
                "B,,,,1,f,-1,dead,",
                "column `months`: expected a number of months, zero or more, found a negative number; \
                 correct the cell",
            ),
            (
                "B,,,,1,f,,dead,",
                "column `months`: expected a number of months, found a missing cell; fill it in",
            ),
            (
                "B,,,,1,f,inf,dead,",
                "column `months`: expected a number of months, zero or more, found a value that is not finite; \
                 correct the cell",
            ),
            (
                "B,,,,1,f,1950-02-03,dead,",
                "column `months`: expected a number of months, zero or more, \
                 found what looks like a date; correct the cell",
            ),
            (
                "B,,,,1,f,1,gone,",
                "column `status`: expected `dead` or `alive`, found another value; \
                 correct the cell or add the value to the settings",
            ),
            (
                "B,,,,1,f,1,,",
                "column `status`: expected whether the event was observed, found an empty cell; \
                 fill it in",
            ),
            (
                "B,31.12.1950,,,1,f,1,dead,",
                "column `diagnosed`: expected a date as YYYY-MM-DD, found something else; rewrite it",
            ),
            (
                "B,,,first,1,f,1,dead,",
                "column `fold`: expected a fold as a whole number, found text that is no number; correct the cell",
            ),
            (
                "B,,,,732,f,1,gone,",
                "column `age`: expected 0 to 120 in years, found a number above 120; is it in another unit?; \
                 also column `status`: expected `dead` or `alive`, found another value; \
                 correct the cell or add the value to the settings",
            ),
            ("B,,,,1,f,1", "expected 9 cells, found 7; correct the row"),
        ] {
            let table = read(&format!("A,,,,1,f,1,dead,\n{row}\nC,,,,1,f,1,dead,\n"));
            let ids: Vec<&str> = table.patients.iter().map(|row| row.patient_id.as_str()).collect();
            assert_eq!(ids, ["A", "C"], "{row}");
            assert_eq!(table.features.rows.len(), 2);
            assert_eq!(table.rejected.len(), 1, "{row}");
            let rejected = &table.rejected[0];
            assert_eq!(rejected.line, 3);
            assert_eq!(rejected.reason.split_once("t.csv:3: ").unwrap().1, expected);
            assert_eq!(rejected.patient_id.as_deref(), row.starts_with('B').then_some("B"));
        }
    }

    #[test]
    fn a_follow_up_of_more_than_100_years_is_in_another_unit() {
        let table = read("A,,,,1,f,1200,dead,\nB,,,,1,f,1201,dead,\n");
        assert_eq!(table.patients.len(), 1);
        assert!(table.rejected[0].reason.ends_with(
            "t.csv:3: column `months`: expected a number of months of at most 100 years, \
             found a longer time; is `time_unit` right?"
        ));
    }

    #[test]
    fn a_repeated_patient_counts_once_or_not_at_all() {
        let table = read(
            "A,,,,1,f,1,dead,\nB,,,,2,f,1,dead,\nA,,,,1,f,1,dead,\nB,,,,3,f,1,dead,\nb,,,,4,f,1,dead,\n",
        );
        let ids: Vec<&str> = table.patients.iter().map(|row| row.patient_id.as_str()).collect();
        assert_eq!(ids, ["A", "b"]);
        assert_eq!(table.rejected.len(), 2);
        for (row, line) in table.rejected.iter().zip([3, 5]) {
            assert_eq!(row.line, line);
            assert!(row.reason.ends_with(
                "expected one row a patient, found lines 3, 5 that differ in column `age`; \
                 keep the right one"
            ));
        }
    }

    #[test]
    fn a_table_that_cannot_be_used_is_an_error() {
        let absent = Path::new("no/such/clinical.csv");
        let message = read_clinical(absent, &toml::from_str(SETTINGS).unwrap(), None).unwrap_err();
        let message = message.to_string();
        assert!(message.contains("no/such/clinical.csv"), "{message}");
        let message =
            read_clinical(&std::env::temp_dir(), &toml::from_str(SETTINGS).unwrap(), None)
                .unwrap_err()
                .to_string();
        assert!(message.ends_with("expected a file, found a folder; name a file"), "{message}");
        let rows = format!("{HEADER}A,,,,1,f,1,gone,\nB,,,,1,f,1,alive,\n");
        let message = read_with(&rows, SETTINGS, Some(OUTCOME)).unwrap_err().to_string();
        assert!(
            message.ends_with(
                "column `status`: none of event_values (`dead`) occurs in the table; \
                 correct `event_values`"
            ),
            "{message}"
        );
        let message =
            read_with("id,age,sex\nP1,1,f\n", SETTINGS, Some(OUTCOME)).unwrap_err().to_string();
        assert!(message.contains("no column `diagnosed`"), "{message}");
    }
}
