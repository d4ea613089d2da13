use chrono::NaiveDate;

use crate::competing_risks::{CompetingOutcome, EVENT};
use crate::{Column, FeatureInfo, PatientId, Survival};

/// The aligned table: one row a patient, every vector of the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cohort {
    /// Unique, in row order.
    pub patients: Vec<PatientId>,
    /// The hospital or centre, where known.
    pub sites: Vec<Option<String>>,
    /// The date that follow-up counts from, where known.
    pub index_dates: Vec<Option<NaiveDate>>,
    /// Follow-up, where known: a cohort to predict has none.
    pub survival: Vec<Option<Survival>>,
    /// The competing event that ended follow-up, where one did; the event of interest is censored
    /// then. Empty, not as long as the others, in a cohort without competing events.
    pub competing: Vec<Option<String>>,
    /// The subtype or other class, where known.
    pub labels: Vec<Option<String>>,
    /// The fold that a patient is held out in, where given from outside.
    pub folds: Vec<Option<u32>>,
    /// The features of all modalities, those of one modality side by side.
    pub columns: Vec<CohortColumn>,
}

/// One feature of one modality over all patients.
#[derive(Clone, Debug, PartialEq)]
pub struct CohortColumn {
    /// The modality's name as the manifest has it.
    pub modality: String,
    /// What the column means.
    pub info: FeatureInfo,
    /// One value a patient.
    pub values: Column,
}

impl CohortColumn {
    /// The column's name in the aligned table: `<modality>.<feature>`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.modality, self.info.name)
    }
}

impl Cohort {
    /// The number of patients.
    #[must_use]
    pub fn len(&self) -> usize {
        self.patients.len()
    }

    /// Whether the cohort has no patient.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patients.is_empty()
    }

    /// The modalities in column order, each once.
    #[must_use]
    pub fn modalities(&self) -> Vec<&str> {
        let mut modalities: Vec<&str> = Vec::new();
        for column in &self.columns {
            if !modalities.contains(&column.modality.as_str()) {
                modalities.push(&column.modality);
            }
        }
        modalities
    }

    /// The names of the competing events that ended anybody's follow-up, sorted.
    #[must_use]
    pub fn competing_events(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.competing.iter().flatten().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Follow-up with its cause: [`EVENT`], or for the competing events 2 and on in the order of
    /// [`Self::competing_events`].
    #[must_use]
    pub fn outcomes(&self) -> Vec<Option<CompetingOutcome>> {
        let names = self.competing_events();
        let competing = |row: usize| {
            let name = self.competing.get(row)?.as_deref()?;
            let place = names.iter().position(|other| *other == name)?;
            u32::try_from(place).ok().map(|place| EVENT + 1 + place)
        };
        let outcome = |(row, survival): (usize, &Option<Survival>)| {
            let Survival { time_days, event, entry_days } = (*survival)?;
            let cause = if event { Some(EVENT) } else { competing(row) };
            Some(CompetingOutcome { time_days, cause, entry_days })
        };
        self.survival.iter().enumerate().map(outcome).collect()
    }

    /// The cohort with the given rows alone, in the given order.
    ///
    /// # Panics
    /// When a row does not exist.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let pick_column = |column: &CohortColumn| CohortColumn {
            values: rows.iter().map(|&row| column.values.get(row)).collect(),
            ..column.clone_without_values()
        };
        Self {
            patients: pick(&self.patients, rows),
            sites: pick(&self.sites, rows),
            index_dates: pick(&self.index_dates, rows),
            survival: pick(&self.survival, rows),
            competing: if self.competing.is_empty() { vec![] } else { pick(&self.competing, rows) },
            labels: pick(&self.labels, rows),
            folds: pick(&self.folds, rows),
            columns: self.columns.iter().map(pick_column).collect(),
        }
    }
}

impl CohortColumn {
    fn clone_without_values(&self) -> Self {
        Self { modality: self.modality.clone(), info: self.info.clone(), values: Column::default() }
    }
}

fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| values[row].clone()).collect()
}
