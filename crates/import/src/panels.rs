//! Gene panels: which sample was examined with which, and the genes of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use fs_err as fs;

use crate::{
    Error,
    findings::Findings,
    meta::{Meta, need, read_fields},
    table::Table,
};

/// The panels of a study.
#[derive(Debug, Default)]
pub(crate) struct Panels {
    /// The genes of each panel.
    pub(crate) genes: BTreeMap<String, Vec<String>>,
    /// By profile (`mutations`, `gistic` ...), the panel of each sample; a sample with none was
    /// examined on the whole exome.
    matrix: BTreeMap<String, BTreeMap<String, Option<String>>>,
}

impl Panels {
    /// The panel of a sample in a profile; `None` for the whole exome.
    pub(crate) fn panel<'a>(&'a self, meta: &'a Meta, sample: &str) -> Option<&'a str> {
        if let Some(panel) = meta.fields.get("gene_panel") {
            return Some(panel);
        }
        let profile = meta.fields.get("stable_id")?;
        self.matrix.get(profile)?.get(sample)?.as_deref()
    }

    /// Whether a profile has a column in the matrix.
    pub(crate) fn samples(&self, meta: &Meta) -> Option<BTreeSet<&str>> {
        let profile = self.matrix.get(meta.fields.get("stable_id")?)?;
        Some(profile.keys().map(String::as_str).collect())
    }
}

/// Reads the panel files beside the study (`data_gene_panel_*.txt`) and its matrix.
pub(crate) fn read(
    study: &Path,
    metas: &[Meta],
    matrix: Option<&Meta>,
    known: &BTreeSet<&str>,
    findings: &mut Findings,
) -> Result<Panels, Error> {
    let mut panels = Panels::default();
    for entry in fs::read_dir(study)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_panel = name.starts_with("data_gene_panel_") && name != "data_gene_panel_matrix.txt";
        if is_panel && matrix.is_none_or(|matrix| matrix.data != name) {
            read_panel(study, &name, &mut panels, findings)?;
        }
    }
    if let Some(meta) = matrix {
        read_matrix(study, &meta.data, &mut panels, known, findings)?;
    }
    let named = metas
        .iter()
        .filter_map(|meta| Some((meta.file.as_str(), meta.fields.get("gene_panel")?.as_str())));
    for (file, panel) in named {
        check_panel(&panels, file, panel, findings);
    }
    Ok(panels)
}

fn read_panel(
    study: &Path,
    file: &str,
    panels: &mut Panels,
    findings: &mut Findings,
) -> Result<(), Error> {
    let fields = read_fields(study, file, findings)?;
    let id = need(&fields, "stable_id", file, findings);
    let genes = need(&fields, "gene_list", file, findings);
    if let (Some(id), Some(genes)) = (id, genes) {
        let genes = genes.split_whitespace().map(str::to_owned).collect();
        if panels.genes.insert(id.to_owned(), genes).is_some() {
            findings.fault(file, format!("the panel `{id}` is another file's already"));
        }
    }
    Ok(())
}

fn read_matrix(
    study: &Path,
    file: &str,
    panels: &mut Panels,
    known: &BTreeSet<&str>,
    findings: &mut Findings,
) -> Result<(), Error> {
    let table = Table::read(study, file, findings)?;
    let Some(sample) = table.need("SAMPLE_ID", findings) else { return Ok(()) };
    let mut seen = BTreeSet::new();
    for (line, row) in &table.rows {
        if !known.contains(row[sample].as_str()) {
            let message = "expected a sample of the clinical sample table, found another";
            findings.fault_in(file, *line, "SAMPLE_ID", message);
        }
        if !seen.insert(row[sample].as_str()) {
            findings.fault_in(
                file,
                *line,
                "SAMPLE_ID",
                "the sample is there twice; remove one row",
            );
        }
        for (place, profile) in table.columns.iter().enumerate().filter(|(at, _)| *at != sample) {
            let panel = Some(&row[place]).filter(|panel| !panel.is_empty() && *panel != "NA");
            if let Some(panel) = panel {
                check_panel(panels, file, panel, findings);
            }
            let profile = panels.matrix.entry(profile.clone()).or_default();
            profile.insert(row[sample].clone(), panel.cloned());
        }
    }
    Ok(())
}

fn check_panel(panels: &Panels, file: &str, panel: &str, findings: &mut Findings) {
    if !panels.genes.contains_key(panel) {
        let message = format!(
            "names the gene panel `{panel}`, of which the study has no file data_gene_panel_*.txt; \
             without it genes that were not examined would pass for unmutated"
        );
        findings.fault(file, message);
    }
}
