use std::path::Path;

use oncoweave_cohort::{LineageRow, SourceFile, SourceHash, Status};
use oncoweave_core::FeatureTable;

use super::{
    part::Part,
    plan::{Plan, Task},
    settings::Settings,
};

/// Where every row came from, sorted by patient, modality and date.
pub(super) fn lineage(plan: &Plan, done: &[(&Task, &Part)]) -> Vec<LineageRow> {
    let clinical = &plan.clinical;
    let settings = &clinical.settings_sha256;
    let source = Source { path: &clinical.path, hash: &clinical.source, settings };
    let mut rows = table_lineage(plan, "clinical", &clinical.table.features, &source);
    for modality in &plan.modalities {
        if let (Settings::Table { path, .. }, Some((table, hash))) =
            (&modality.settings, &modality.table)
        {
            let source = Source { path, hash, settings: &modality.settings_sha256 };
            rows.extend(table_lineage(plan, &modality.name, &table.features, &source));
        }
    }
    rows.extend(done.iter().flat_map(|(task, part)| task_lineage(plan, task, part)));
    rows.sort_by(|a, b| {
        (&a.patient_id, &a.modality, a.date).cmp(&(&b.patient_id, &b.modality, b.date))
    });
    rows
}

/// One table for all patients.
struct Source<'a> {
    path: &'a Path,
    hash: &'a SourceHash,
    settings: &'a str,
}

fn table_lineage(
    plan: &Plan,
    modality: &str,
    table: &FeatureTable,
    source: &Source,
) -> Vec<LineageRow> {
    let row = |row: &oncoweave_core::FeatureRow| LineageRow {
        patient_id: row.patient_id.clone(),
        modality: modality.to_owned(),
        source: plan.manifest.relative(source.path),
        sha256: Some(source.hash.sha256.clone()),
        size_bytes: Some(source.hash.size_bytes),
        sample_id: None,
        date: row.date,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        settings_sha256: source.settings.to_owned(),
        status: Status::Ok,
        reason: None,
    };
    table.rows.iter().map(row).collect()
}

fn task_lineage(plan: &Plan, task: &Task, part: &Part) -> Vec<LineageRow> {
    let modality = &plan.modalities[task.modality];
    let sources: Vec<String> =
        task.sources().into_iter().map(|path| plan.manifest.relative(path)).collect();
    let hashes = part.fingerprint.as_ref().map(|fingerprint| &fingerprint.sources);
    let sha256 = hashes
        .map(|hashes| hashes.iter().map(|hash| hash.sha256.as_str()).collect::<Vec<_>>().join(";"));
    let size_bytes = hashes.map(|hashes| hashes.iter().map(|hash| hash.size_bytes).sum());
    let row = |file: &SourceFile| {
        let set_aside = part.reason(file).map(str::to_owned);
        let status = if set_aside.is_some() { Status::SetAside } else { Status::Ok };
        let notes = || (!part.notes.is_empty()).then(|| part.notes.join("; "));
        LineageRow {
            patient_id: file.patient_id.clone(),
            modality: modality.name.clone(),
            source: sources.join(";"),
            sha256: sha256.clone(),
            size_bytes,
            sample_id: file.sample_id.clone(),
            date: file.date,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            settings_sha256: modality.settings_sha256.clone(),
            status,
            reason: set_aside.or_else(notes),
        }
    };
    task.rows().iter().map(row).collect()
}
