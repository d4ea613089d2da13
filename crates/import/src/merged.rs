//! The patients' and the samples' attributes as one clinical table, and which of them become features.

use std::collections::{BTreeMap, BTreeSet};

use oncoweave_privacy::{Column, Tells};

use crate::{
    ImportSettings,
    clinical::{Attributes, Datatype},
    findings::Findings,
    study::Study,
    table::is_missing,
};

/// A text attribute with more kinds than this is a free text, or nearly an id.
const MOST_LEVELS: usize = 20;

/// Parts of names of attributes that tell what came after diagnosis: a model that reads them
/// predicts the past.
const AFTER_DIAGNOSIS: [&str; 22] = [
    "_STATUS",
    "_MONTHS",
    "VITAL",
    "DEATH",
    "DECEASED",
    "DEAD",
    "FOLLOW",
    "LAST_CONTACT",
    "RECUR",
    "RELAPSE",
    "PROGRESS",
    "NEW_TUMOR",
    "NEW_NEOPLASM",
    "DISEASE_FREE",
    "SURVIVAL",
    "RESPONSE",
    "TREATMENT_OUTCOME",
    "DAYS_TO_",
    "OUTCOME",
    "REMISSION",
    "CAUSE_OF",
    "LOST_TO",
];

/// The endpoints of cBioPortal.
pub(crate) const ENDPOINTS: [&str; 4] = ["OS", "DFS", "PFS", "DSS"];

/// The clinical table of the cohort: one row a patient.
pub(crate) struct Merged {
    pub(crate) columns: Vec<(String, Datatype)>,
    /// By patient, a cell for each column.
    pub(crate) rows: BTreeMap<String, Vec<String>>,
}

/// Joins the patient's attributes with those of the first of his samples.
pub(crate) fn merge(study: &Study) -> Merged {
    let mut columns: Vec<(String, Datatype)> = Vec::new();
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let attributes = [study.patients.as_ref(), Some(&study.samples)];
    let mut patients: BTreeSet<String> = study.by_patient.keys().cloned().collect();
    if let Some(table) = &study.patients {
        patients.extend((0..table.table.rows.len()).map(|row| table.patient(row).to_owned()));
    }
    for attributes in attributes.into_iter().flatten() {
        let row_of = rows_by_patient(attributes, study);
        for (place, name) in attributes.table.columns.iter().enumerate() {
            let is_id = ["PATIENT_ID", "SAMPLE_ID"].contains(&name.as_str());
            if is_id || columns.iter().any(|(known, _)| known == name) {
                continue;
            }
            columns.push((name.clone(), attributes.datatypes[place]));
            for patient in &patients {
                let cell =
                    row_of.get(patient.as_str()).map(|&row| &attributes.table.rows[row].1[place]);
                let cell = cell.filter(|cell| !is_missing(cell)).cloned().unwrap_or_default();
                rows.entry(patient.clone()).or_default().push(cell);
            }
        }
    }
    for patient in patients {
        rows.entry(patient).or_default();
    }
    Merged { columns, rows }
}

/// Leaves out attributes that tell who somebody is: that are called so, of which most texts look like
/// names, dates, addresses or numbers of people, or that are nearly an id; and numbers of which most look
/// like those of people. No model needs them, and whoever gets the cohort would get them too. Returns the
/// names of those that would have gone, had nobody asked to keep them.
///
/// # Errors
/// With what is wrong when the settings keep what is not there, or what may be no count.
pub(crate) fn leave_out_personal(
    merged: &mut Merged,
    settings: &ImportSettings,
    findings: &mut Findings,
) -> Result<Vec<String>, String> {
    check_kept(merged, &settings.keep_columns)?;
    let mut kept = Vec::new();
    for place in (0..merged.columns.len()).rev() {
        let (name, datatype) = &merged.columns[place];
        let is_chosen = settings.label.as_ref() == Some(name) || is_of_an_endpoint(name);
        if *datatype == Datatype::Boolean || is_chosen {
            continue;
        }
        let Some(personal) = Personal::of(merged, place) else { continue };
        if settings.keep_columns.contains(name) {
            let message = personal.kept(name)?;
            findings.note_on("clinical attributes", name, message);
            kept.push(name.clone());
            continue;
        }
        findings.note_on("clinical attributes", name, personal.left_out());
        merged.columns.remove(place);
        for row in merged.rows.values_mut() {
            row.remove(place);
        }
    }
    kept.reverse();
    Ok(kept)
}

/// Refuses to keep what is not there.
fn check_kept(merged: &Merged, names: &[String]) -> Result<(), String> {
    let Some(absent) = names.iter().find(|name| merged.place(name).is_none()) else {
        return Ok(());
    };
    let known: Vec<&str> = merged.columns.iter().map(|(name, _)| name.as_str()).collect();
    Err(format!("no clinical attribute `{absent}` to keep; there are {}", known.join(", ")))
}

/// Why an attribute is left out.
struct Personal {
    reason: String,
    tells: Option<Tells>,
}

impl Personal {
    fn of(merged: &Merged, place: usize) -> Option<Self> {
        let (name, datatype) = &merged.columns[place];
        let mut column = Column::new(name);
        merged.cells(place).for_each(|cell| column.see(cell));
        let tells = column.tells();
        let reason = if column.looks_personal() {
            match datatype {
                Datatype::Number => "most of its numbers look like those of people, or dates",
                _ => "most of its texts look like names, dates, addresses or numbers of people",
            }
            .to_owned()
        } else if *datatype == Datatype::Text && column.is_nearly_an_id() {
            // Measurements differ from patient to patient.
            let (levels, patients) = (column.levels(), column.cells());
            format!("{levels} different texts in {patients} patients, nearly an id")
        } else if let Some(Tells::Identity(what) | Tells::Perhaps(what)) = tells {
            format!("it seems to hold {what}")
        } else {
            return None;
        };
        Some(Self { reason, tells })
    }

    fn left_out(&self) -> String {
        let Self { reason, tells } = self;
        match tells {
            Some(Tells::LongNumbers) => format!(
                "left out: {reason}; if they count or measure something, keep it with --keep-column"
            ),
            _ => format!("left out: {reason}"),
        }
    }

    /// What is said of an attribute that somebody asked to keep: only long numbers may be something else.
    fn kept(&self, name: &str) -> Result<String, String> {
        let why = match self.tells {
            Some(Tells::LongNumbers) => {
                return Ok(format!("kept by --keep-column, though {}", self.reason));
            }
            Some(Tells::Identity(what) | Tells::Perhaps(what)) => {
                format!("it seems to hold {what}")
            }
            None => self.reason.clone(),
        };
        Err(format!(
            "the clinical attribute `{name}` cannot be kept: {why}; --keep-column keeps long whole \
             numbers alone, which may count or measure something"
        ))
    }
}

fn is_of_an_endpoint(name: &str) -> bool {
    let is_end = |end: &str| matches!(end, "_STATUS" | "_MONTHS");
    ENDPOINTS.iter().any(|endpoint| name.strip_prefix(endpoint).is_some_and(is_end))
}

fn rows_by_patient<'a>(attributes: &'a Attributes, study: &'a Study) -> BTreeMap<&'a str, usize> {
    if std::ptr::eq(attributes, &raw const study.samples) {
        return study
            .by_patient
            .iter()
            .map(|(patient, rows)| (patient.as_str(), rows[0]))
            .collect();
    }
    (0..attributes.table.rows.len()).map(|row| (attributes.patient(row), row)).collect()
}

impl Merged {
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(column, _)| column == name)
    }

    /// The cells of a column that are not missing.
    pub(crate) fn cells(&self, place: usize) -> impl Iterator<Item = &str> {
        self.rows.values().map(move |row| row[place].as_str()).filter(|cell| !cell.is_empty())
    }
}

/// Why a column becomes no feature.
pub(crate) fn why_not(
    merged: &Merged,
    place: usize,
    name: &str,
    datatype: Datatype,
) -> Option<String> {
    if AFTER_DIAGNOSIS.iter().any(|part| name.contains(part)) {
        return Some("no feature: tells what came after diagnosis".to_owned());
    }
    let levels: BTreeSet<&str> = merged.cells(place).collect();
    match levels.len() {
        0 => Some("no feature: has no value".to_owned()),
        1 => Some("no feature: has one value alone".to_owned()),
        count if datatype == Datatype::Text && count > MOST_LEVELS => {
            Some(format!("no feature: {count} different texts, more than {MOST_LEVELS}"))
        }
        _ => None,
    }
}
