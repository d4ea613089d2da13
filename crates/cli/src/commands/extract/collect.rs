use std::{collections::BTreeSet, fmt::Write, path::Path};

use anyhow::Result;
use oncoweave_cohort::{
    merge_tables, write_exclusions, write_feature_table, write_lineage, write_outcomes,
};
use oncoweave_core::{Cohort, Exclusion, FeatureTable, PatientId};
use serde::Serialize;

use super::{
    Measured, folder,
    lineage::lineage,
    part::{Part, SetAside},
    plan::{Plan, Task},
};

/// What an extraction came to.
#[derive(Serialize)]
pub(super) struct Summary {
    cohort: String,
    patients: usize,
    /// Those with a known outcome.
    outcomes: usize,
    events: usize,
    modalities: Vec<ModalitySummary>,
    sources: usize,
    reused: usize,
    /// Reasons, of which a patient may have several.
    pub(super) set_aside: usize,
    patients_set_aside: usize,
}

#[derive(Serialize)]
struct ModalitySummary {
    name: String,
    patients: usize,
    features: usize,
}

/// Joins all parts and writes every table.
pub(super) fn write(plan: &Plan, measured: &Measured, out: &Path) -> Result<Summary> {
    let done: Vec<(&Task, &Part)> = plan.tasks.iter().zip(&measured.parts).collect();
    let mut tables = vec![("clinical".to_owned(), sorted(&plan.clinical.table.features))];
    for (index, modality) in plan.modalities.iter().enumerate() {
        let table = match &modality.table {
            Some((table, _)) => sorted(&table.features),
            None => merge_tables(
                done.iter()
                    .filter(|(task, _)| task.modality == index)
                    .map(|(_, part)| part.table())
                    .collect(),
            ),
        };
        tables.push((modality.name.clone(), table));
    }
    for (name, table) in &tables {
        write_feature_table(&folder::features(out).join(format!("{name}.parquet")), table)?;
        warn_if_empty(name, table, &done, plan);
    }
    let outcomes = outcomes(plan);
    write_outcomes(&out.join("outcomes.parquet"), &plan.manifest.id, &outcomes)?;
    write_lineage(&out.join("lineage.parquet"), &lineage(plan, &done))?;
    let mut exclusions = plan.rejected.clone();
    exclusions.extend(done.iter().flat_map(|(task, part)| set_aside(plan, task, part)));
    let set_aside = exclusions.len();
    let patients_set_aside =
        exclusions.iter().map(|one| &one.patient_id).collect::<BTreeSet<_>>().len();
    exclusions.extend(without_files(plan, &tables, &exclusions));
    exclusions.sort_by(|a, b| key(a).cmp(&key(b)));
    write_exclusions(&out.join("exclusions.csv"), &exclusions)?;
    Ok(Summary {
        cohort: plan.manifest.id.clone(),
        patients: outcomes.len(),
        outcomes: outcomes.survival.iter().flatten().count(),
        events: outcomes.survival.iter().flatten().filter(|survival| survival.event).count(),
        modalities: tables.iter().map(|(name, table)| summarize(name, table)).collect(),
        sources: measured.parts.len(),
        reused: measured.reused,
        set_aside,
        patients_set_aside,
    })
}

fn key(one: &Exclusion) -> (&str, &str, &str, &str) {
    (&one.patient_id, &one.modality, &one.step, &one.reason)
}

/// The rows in the order of patients and dates; the columns as they are.
fn sorted(table: &FeatureTable) -> FeatureTable {
    let mut table = table.clone();
    table.rows.sort_by(|a, b| (&a.patient_id, a.date).cmp(&(&b.patient_id, b.date)));
    table
}

fn warn_if_empty(name: &str, table: &FeatureTable, done: &[(&Task, &Part)], plan: &Plan) {
    let of_modality = |task: &Task| plan.modalities[task.modality].name == *name;
    let first = done
        .iter()
        .filter(|(task, _)| of_modality(task))
        .find_map(|(_, part)| part.set_aside.first());
    if let Some(first) = first
        && table.rows.is_empty()
    {
        tracing::warn!("modality `{name}`: every file was set aside; the first: {}", first.reason);
    }
}

fn outcomes(plan: &Plan) -> Cohort {
    let mut patients: Vec<_> = plan.clinical.table.patients.iter().collect();
    patients.sort_by(|a, b| a.patient_id.cmp(&b.patient_id));
    let competing: Vec<_> = patients.iter().map(|patient| patient.competing.clone()).collect();
    let any = competing.iter().any(Option::is_some);
    Cohort {
        competing: if any { competing } else { Vec::new() },
        patients: patients.iter().map(|patient| patient.patient_id.clone()).collect(),
        sites: patients.iter().map(|patient| patient.site.clone()).collect(),
        index_dates: patients.iter().map(|patient| patient.index_date).collect(),
        survival: patients.iter().map(|patient| patient.survival).collect(),
        labels: patients.iter().map(|patient| patient.label.clone()).collect(),
        folds: patients.iter().map(|patient| patient.fold).collect(),
        columns: Vec::new(),
    }
}

fn set_aside(plan: &Plan, task: &Task, part: &Part) -> Vec<Exclusion> {
    let exclusion = |one: &SetAside| Exclusion {
        patient_id: one.patient_id.to_string(),
        modality: plan.modalities[task.modality].name.clone(),
        step: "extract".to_owned(),
        reason: one.reason.clone(),
    };
    part.set_aside.iter().map(exclusion).collect()
}

/// Notes on patients of whom nothing but the clinical row is known. They stay in the cohort, but
/// may be the other half of a slip in an id.
fn without_files(
    plan: &Plan,
    tables: &[(String, FeatureTable)],
    exclusions: &[Exclusion],
) -> Vec<Exclusion> {
    let rows = tables[1..].iter().flat_map(|(_, table)| &table.rows);
    let mut seen: BTreeSet<&str> = rows.map(|row| row.patient_id.as_str()).collect();
    seen.extend(exclusions.iter().map(|one| one.patient_id.as_str()));
    let names: Vec<&str> = plan.modalities.iter().map(|modality| modality.name.as_str()).collect();
    let note = |patient: &PatientId| Exclusion {
        patient_id: patient.to_string(),
        modality: names.join(";"),
        step: "extract".to_owned(),
        reason: "kept, but no file and no table has anything beyond the clinical row".to_owned(),
    };
    if names.is_empty() {
        return Vec::new();
    }
    plan.clinical
        .table
        .patients
        .iter()
        .map(|patient| &patient.patient_id)
        .filter(|patient| !seen.contains(patient.as_str()))
        .map(note)
        .collect()
}

fn summarize(name: &str, table: &FeatureTable) -> ModalitySummary {
    let patients: BTreeSet<&PatientId> = table.rows.iter().map(|row| &row.patient_id).collect();
    ModalitySummary {
        name: name.to_owned(),
        patients: patients.len(),
        features: table.features.len(),
    }
}

impl Summary {
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a summary has text keys")
    }

    pub(super) fn text(&self, out: &Path) -> String {
        let mut text = format!(
            "cohort `{}`: {} patients, {}\n",
            self.cohort,
            self.patients,
            if self.outcomes == 0 {
                "no outcome".to_owned()
            } else {
                format!("{} events", self.events)
            }
        );
        let width = self.modalities.iter().map(|one| one.name.len()).max().unwrap_or_default();
        for ModalitySummary { name, patients, features } in &self.modalities {
            writeln!(text, "  {name:width$}  {patients:>6} patients  {features:>5} features")
                .expect("writing to a text does not fail");
        }
        let Self { sources, reused, set_aside, patients_set_aside, .. } = self;
        write!(
            text,
            "{sources} sources read, {reused} of them reused; {patients_set_aside} patients have \
             something set aside, for {set_aside} reasons listed in {}\nwrote {}",
            out.join("exclusions.csv").display(),
            out.display()
        )
        .expect("writing to a text does not fail");
        text
    }
}
