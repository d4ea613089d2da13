//! What a person should look at although the extraction went on.

use oncoweave_core::FeatureTable;

use super::{
    Measured,
    part::Part,
    plan::{ModalityPlan, Plan},
    settings::Settings,
};

/// So many notes of a modality are shown; lineage has them all.
const SHOWN: usize = 3;

/// Warns of what was odd in files, and of genes that no file speaks of.
pub(super) fn warn(plan: &Plan, measured: &Measured) {
    for (index, modality) in plan.modalities.iter().enumerate() {
        let done = plan.tasks.iter().zip(&measured.parts);
        let parts: Vec<&Part> =
            done.filter(|(task, _)| task.modality == index).map(|(_, part)| part).collect();
        warn_of_notes(&modality.name, &parts);
        let tables: Vec<FeatureTable> = parts.iter().map(|part| part.table()).collect();
        let genes = silent_genes(modality, &tables);
        if !genes.is_empty() {
            tracing::warn!(
                "modality `{}`: nothing of {} is in any file; are they spelled as the files spell \
                 them?",
                modality.name,
                genes.join(", ")
            );
        }
    }
}

fn warn_of_notes(name: &str, parts: &[&Part]) {
    let notes: Vec<&String> = parts.iter().flat_map(|part| &part.notes).collect();
    for note in notes.iter().take(SHOWN) {
        tracing::warn!("modality `{name}`: {note}");
    }
    if notes.len() > SHOWN {
        let files = parts.iter().filter(|part| !part.notes.is_empty()).count();
        tracing::warn!(
            "modality `{name}`: {} more notes, on {files} files in all; lineage.parquet has them \
             as `reason`",
            notes.len() - SHOWN
        );
    }
}

/// The genes of the settings that no patient has anything of: no driver variant, no event, no value.
fn silent_genes<'a>(modality: &'a ModalityPlan, tables: &[FeatureTable]) -> Vec<&'a str> {
    let (genes, prefix) = match &modality.settings {
        Settings::Vcf(settings) => (&settings.variants.genes, "driver"),
        Settings::Maf(settings) => (&settings.variants.genes, "driver"),
        Settings::Expression(settings) => (&settings.genes, "expression"),
        _ => return Vec::new(),
    };
    if tables.iter().all(|table| table.rows.is_empty()) {
        return Vec::new();
    }
    let is_silent = |gene: &&String| {
        let name = format!("{prefix}_{gene}");
        tables.iter().all(|table| {
            let column = table.features.iter().position(|info| info.name == name);
            let values = table.rows.iter().filter_map(|row| row.values[column?]);
            // An expression of 0 is a value; a count of 0 is nothing.
            values.filter(|value| prefix == "expression" || *value != 0.0).count() == 0
        })
    };
    genes.iter().filter(is_silent).map(String::as_str).collect()
}
