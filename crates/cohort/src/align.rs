use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use oncoweave_core::{
    Cohort, CohortColumn, Column, Exclusion, FeatureRow, FeatureTable, PatientId,
};

use crate::Window;

/// The features of one modality and when they count.
#[derive(Clone, Debug, PartialEq)]
pub struct ModalityTable {
    /// The modality's name.
    pub name: String,
    /// The days round the index date that a dated row must lie in.
    pub window: Window,
    /// Its rows, several a patient if they are dated.
    pub table: FeatureTable,
}

/// Joins every modality to the outcomes: one row a patient of `outcomes`, whose own columns are
/// ignored, and one column a feature in the order of `modalities`.
///
/// Of a patient's rows in a modality the latest in the window round the index date is taken, or an
/// undated one where no dated one is inside. Without one the modality is null. Where the manifest
/// names no index date (`dated` is false) the latest row is taken. What was left out is in the list:
/// rows outside the window, and patients whom the outcomes do not know.
#[must_use]
pub fn align(
    outcomes: &Cohort,
    modalities: &[ModalityTable],
    dated: bool,
) -> (Cohort, Vec<Exclusion>) {
    let known = KnownPatients::new(&outcomes.patients);
    let mut cohort = Cohort { columns: Vec::new(), ..outcomes.clone() };
    let mut exclusions = Vec::new();
    for modality in modalities {
        let mut chosen: Vec<Option<&FeatureRow>> = vec![None; cohort.len()];
        for (patient, rows) in rows_by_patient(&modality.table) {
            let mut exclude = |reason: String| {
                exclusions.push(Exclusion {
                    patient_id: patient.to_string(),
                    modality: modality.name.clone(),
                    step: "align".to_owned(),
                    reason,
                });
            };
            let Some(place) = known.row(patient) else {
                exclude(known.why_unknown(patient));
                continue;
            };
            let index_date = match outcomes.index_dates[place] {
                Some(date) => IndexDate::Known(date),
                None if dated => IndexDate::Missing,
                None => IndexDate::Unused,
            };
            let (row, reason) = choose(&rows, index_date, modality.window);
            chosen[place] = row;
            if let Some(reason) = reason {
                exclude(reason);
            }
        }
        for (index, info) in modality.table.features.iter().enumerate() {
            let values: Column =
                chosen.iter().map(|row| row.and_then(|row| row.values[index])).collect();
            let (modality, info) = (modality.name.clone(), info.clone());
            cohort.columns.push(CohortColumn { modality, info, values });
        }
    }
    exclusions.sort_by(|a, b| a.patient_id.cmp(&b.patient_id));
    (cohort, exclusions)
}

#[derive(Clone, Copy)]
enum IndexDate {
    Known(NaiveDate),
    /// The cohort has index dates, this patient has none.
    Missing,
    /// The whole cohort has none.
    Unused,
}

/// The row to take, and why others were left out.
fn choose<'a>(
    rows: &[&'a FeatureRow],
    index_date: IndexDate,
    window: Window,
) -> (Option<&'a FeatureRow>, Option<String>) {
    let days_after_index = |row: &FeatureRow| match (row.date, index_date) {
        (Some(date), IndexDate::Known(index)) => Some((date - index).num_days()),
        _ => None,
    };
    let is_inside = |row: &&&FeatureRow| match (row.date, index_date) {
        (None, _) | (_, IndexDate::Unused) => true,
        (Some(_), IndexDate::Missing) => false,
        (Some(_), IndexDate::Known(_)) => days_after_index(row).is_some_and(|d| window.contains(d)),
    };
    // `None` sorts before any date, so that an undated row gives way to a dated one.
    let chosen = rows.iter().filter(is_inside).max_by_key(|row| row.date).copied();
    let outside = rows.iter().filter(|row| !is_inside(row)).count();
    if outside == 0 {
        return (chosen, None);
    }
    let count = format!("{outside} of {} rows", rows.len());
    let nearest = rows
        .iter()
        .filter(|row| !is_inside(row))
        .filter_map(|row| days_after_index(row))
        .min_by_key(|days| days.abs());
    let reason = match nearest {
        None => format!("{count} left out: dated, but the patient has no index date to count from"),
        Some(days) => {
            let side = if days < 0 { "before" } else { "after" };
            let before = window.days_before.map_or("any time".to_owned(), |d| format!("{d} days"));
            format!(
                "{count} left out: outside the window from {before} before to {} days after the \
                 index date; the nearest lies {} days {side} it",
                window.days_after,
                days.abs()
            )
        }
    };
    let outcome = if chosen.is_some() { "another row was taken" } else { "the modality is null" };
    (chosen, Some(format!("{reason}; {outcome}")))
}

fn rows_by_patient(table: &FeatureTable) -> BTreeMap<&PatientId, Vec<&FeatureRow>> {
    let mut rows: BTreeMap<&PatientId, Vec<&FeatureRow>> = BTreeMap::new();
    for row in &table.rows {
        rows.entry(&row.patient_id).or_default().push(row);
    }
    rows
}

/// The patients of the clinical table, to join others to by equal ids and by nothing else.
#[derive(Clone, Debug, Default)]
pub struct KnownPatients {
    rows: HashMap<PatientId, usize>,
    folded: HashMap<String, Vec<PatientId>>,
}

impl KnownPatients {
    /// Takes the patients in row order.
    #[must_use]
    pub fn new(patients: &[PatientId]) -> Self {
        let mut known = Self::default();
        for (row, patient) in patients.iter().enumerate() {
            known.rows.insert(patient.clone(), row);
            known.folded.entry(patient.folded()).or_default().push(patient.clone());
        }
        known
    }

    /// The row of a patient.
    #[must_use]
    pub fn row(&self, patient: &PatientId) -> Option<usize> {
        self.rows.get(patient).copied()
    }

    /// A sentence for a patient who is not there, with the id that was probably meant.
    #[must_use]
    pub fn why_unknown(&self, patient: &PatientId) -> String {
        let likely = self.folded.get(&patient.folded()).and_then(|likely| likely.first());
        let hint = match likely {
            Some(meant) => format!(
                "did you mean `{meant}`? ids are joined only when they are equal letter for letter"
            ),
            None => "add one or drop the files".to_owned(),
        };
        format!("no row of the clinical table has the id `{patient}`: {hint}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{merge_tables, single_row};
    use oncoweave_core::Feature;

    fn id(text: &str) -> PatientId {
        PatientId::new(text).unwrap()
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn outcomes(patients: &[(&str, Option<&str>)]) -> Cohort {
        Cohort {
            patients: patients.iter().map(|(patient, _)| id(patient)).collect(),
            index_dates: patients.iter().map(|(_, index)| index.map(date)).collect(),
            sites: vec![None; patients.len()],
            survival: vec![None; patients.len()],
            competing: vec![],
            labels: vec![None; patients.len()],
            folds: vec![None; patients.len()],
            columns: Vec::new(),
        }
    }

    /// Rows of (patient, date, value of the feature `x`).
    fn modality(rows: &[(&str, Option<&str>, f64)]) -> ModalityTable {
        let row = |&(patient, day, value): &(&str, Option<&str>, f64)| {
            single_row(id(patient), day.map(date), vec![Feature::new("x", "", "", Some(value))])
                .unwrap()
        };
        let window = Window { days_before: Some(30), days_after: 0 };
        let table = merge_tables(rows.iter().map(row).collect());
        ModalityTable { name: "rna".into(), window, table }
    }

    #[test]
    fn takes_the_latest_row_of_the_window() {
        let index = Some("2020-03-01");
        for (case, index, rows, value, excluded) in [
            (
                "latest inside",
                index,
                vec![(Some("2020-02-10"), 1.), (Some("2020-02-20"), 2.)],
                Some(2.),
                false,
            ),
            ("on the day itself", index, vec![(Some("2020-03-01"), 1.)], Some(1.), false),
            ("a day late", index, vec![(Some("2020-03-02"), 1.)], None, true),
            ("31 days early", index, vec![(Some("2020-01-30"), 1.)], None, true),
            (
                "one inside, one late",
                index,
                vec![(Some("2020-02-20"), 1.), (Some("2020-04-01"), 2.)],
                Some(1.),
                true,
            ),
            ("undated", index, vec![(None, 1.)], Some(1.), false),
            (
                "dated before undated",
                index,
                vec![(None, 1.), (Some("2020-02-20"), 2.)],
                Some(2.),
                false,
            ),
            ("dated without index", None, vec![(Some("2020-02-20"), 1.)], None, true),
            ("undated without index", None, vec![(None, 1.)], Some(1.), false),
        ] {
            let rows: Vec<_> = rows.into_iter().map(|(day, value)| ("a", day, value)).collect();
            let outcomes = outcomes(&[("a", index), ("b", Some("2020-01-01"))]);
            let (cohort, exclusions) = align(&outcomes, &[modality(&rows)], true);
            assert_eq!(cohort.columns[0].values.get(0), value, "{case}");
            assert_eq!(cohort.columns[0].values.get(1), None, "{case}");
            assert_eq!(exclusions.len(), usize::from(excluded), "{case}: {exclusions:?}");
        }
    }

    #[test]
    fn a_cohort_without_index_dates_takes_the_latest_row() {
        let rows = [("a", Some("2020-02-20"), 1.), ("a", Some("2021-02-20"), 2.)];
        let (cohort, exclusions) = align(&outcomes(&[("a", None)]), &[modality(&rows)], false);
        assert_eq!(cohort.columns[0].values.get(0), Some(2.));
        assert_eq!(exclusions, []);
    }

    #[test]
    fn a_slip_in_an_id_is_pointed_out_and_never_joined() {
        let outcomes = outcomes(&[("P007", None), ("P008", None)]);
        let rows = [("p7", None, 1.), ("Q1", None, 1.), ("P008", None, 3.)];
        let (cohort, exclusions) = align(&outcomes, &[modality(&rows)], true);
        let values: Vec<_> = cohort.columns[0].values.iter().collect();
        assert_eq!(values, [None, Some(3.)]);
        assert_eq!(exclusions.len(), 2);
        assert_eq!(
            (exclusions[0].patient_id.as_str(), exclusions[0].step.as_str()),
            ("Q1", "align")
        );
        assert!(exclusions[0].reason.ends_with("add one or drop the files"));
        assert!(exclusions[1].reason.contains("did you mean `P007`?"));
    }

    #[test]
    fn reasons_say_the_distance_and_never_a_date() {
        let outcomes = outcomes(&[("a", Some("2020-03-01"))]);
        let (_, exclusions) = align(&outcomes, &[modality(&[("a", Some("2020-03-13"), 1.)])], true);
        assert_eq!(
            exclusions[0].reason,
            "1 of 1 rows left out: outside the window from 30 days before to 0 days after the \
             index date; the nearest lies 12 days after it; the modality is null"
        );
    }
}
