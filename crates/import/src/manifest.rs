//! The text of `cohort.toml`.

use std::fmt::Write;

use crate::{
    clinical::Datatype,
    meta::Content,
    study::{ImportSettings, Profile, Study},
    write::has_panels,
};

/// Genes that get features where neither the settings nor panels name any: drivers of many cancers
/// (Bailey et al. 2018, Cell 173:371). They do not depend on the study's own data, for a choice by
/// the data belongs to the training part.
const FREQUENT_DRIVERS: [&str; 64] = [
    "ACVR2A", "APC", "ARID1A", "ATM", "ATRX", "BAP1", "BRAF", "BRCA1", "BRCA2", "CASP8", "CDH1",
    "CDKN2A", "CEBPA", "CIC", "CREBBP", "CTNNB1", "DNMT3A", "EGFR", "EP300", "ERBB2", "ERBB3",
    "FAT1", "FBXW7", "FGFR2", "FGFR3", "FLT3", "FOXA1", "GATA3", "HRAS", "IDH1", "IDH2", "KDM6A",
    "KEAP1", "KMT2C", "KMT2D", "KRAS", "MAP3K1", "MET", "MTOR", "NF1", "NFE2L2", "NOTCH1", "NPM1",
    "NRAS", "PBRM1", "PIK3CA", "PIK3R1", "POLE", "PPP2R1A", "PTEN", "RB1", "RHOA", "RNF43",
    "RUNX1", "SETD2", "SMAD4", "SPOP", "STAG2", "STK11", "TET2", "TGFBR2", "TP53", "TSC1", "VHL",
];

/// More genes than this are no list to give features to one by one.
const MOST_PANEL_GENES: usize = 1000;

/// The clinical table as the manifest describes it.
#[derive(Debug, Default)]
pub(crate) struct ClinicalPlan {
    /// The columns that become features.
    pub(crate) columns: Vec<(String, Datatype)>,
    /// The columns of time and status, with the cells that mean event and censored.
    pub(crate) outcome: Option<OutcomePlan>,
    pub(crate) label: Option<String>,
    /// The columns that look like numbers of people and stay, as somebody decided.
    pub(crate) kept: Vec<String>,
}

/// The survival endpoint.
#[derive(Debug)]
pub(crate) struct OutcomePlan {
    pub(crate) time: String,
    pub(crate) status: String,
    pub(crate) event_values: Vec<String>,
    pub(crate) censored_values: Vec<String>,
}

/// The genes that get features.
pub(crate) fn genes(study: &Study, settings: &ImportSettings) -> Vec<String> {
    if !settings.genes.is_empty() {
        return settings.genes.clone();
    }
    let mut genes: Vec<String> = study.panels.genes.values().flatten().cloned().collect();
    genes.sort();
    genes.dedup();
    if genes.is_empty() || genes.len() > MOST_PANEL_GENES {
        genes = FREQUENT_DRIVERS.map(str::to_owned).to_vec();
    }
    genes
}

/// The name of a modality: the profile's stable id, in the characters that a name may have.
pub(crate) fn modality_name(profile: &Profile) -> String {
    let id = profile.meta.fields.get("stable_id").map_or("segments", String::as_str);
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    id.chars().map(safe).collect()
}

/// The manifest.
pub(crate) fn text(study: &Study, plan: &ClinicalPlan, genes: &[String]) -> String {
    let mut text = String::new();
    let mut line =
        |words: &str| writeln!(text, "{words}").expect("writing to a text does not fail");
    line(&format!("# {}", study.description.name.replace(['\n', '\r'], " ")));
    line("# Imported from a study in cBioPortal's file formats. Edit it as you like.");
    line("schema = 1");
    line(&format!("id = {}", quoted(&study.description.id)));
    line("\n[clinical]\ntable = \"clinical.csv\"\npatient_id = \"PATIENT_ID\"");
    if !plan.kept.is_empty() {
        line(&format!(
            "# By decision (--keep-column) these stay, though they look like numbers of people: {}.",
            plan.kept.join(", ")
        ));
    }
    line("\n[clinical.columns]");
    for (name, datatype) in &plan.columns {
        let kind = match datatype {
            Datatype::Number => "number",
            Datatype::Text => "category",
            Datatype::Boolean => "boolean",
        };
        line(&format!("{} = {{ type = \"{kind}\" }}", quoted(name)));
    }
    if plan.outcome.is_some() || plan.label.is_some() {
        line("\n[outcome]");
    }
    if let Some(outcome) = &plan.outcome {
        line(&format!("time = {}\ntime_unit = \"months\"", quoted(&outcome.time)));
        line(&format!("event = {}", quoted(&outcome.status)));
        line(&format!("event_values = {}", list(&outcome.event_values)));
        line(&format!("censored_values = {}", list(&outcome.censored_values)));
    }
    if let Some(label) = &plan.label {
        line(&format!("label = {}", quoted(label)));
    }
    for profile in &study.profiles {
        line(&modality(profile, study, genes));
    }
    text
}

fn modality(profile: &Profile, study: &Study, genes: &[String]) -> String {
    let kind = match profile.meta.content {
        Content::Mutations => "maf",
        Content::Expression => "expression",
        Content::StructuralVariants => "sv",
        _ => "cnv",
    };
    let name = modality_name(profile);
    let mut text = format!("\n[[modality]]\nname = {}\nkind = \"{kind}\"", quoted(&name));
    if profile.meta.content != Content::Segments {
        write!(text, "\ngenes = {}", list(genes)).expect("writing to a text does not fail");
    }
    if profile.meta.content == Content::Segments
        && let Some(build) = study.description.human_build()
    {
        write!(text, "\nbuild = \"{build}\"").expect("writing to a text does not fail");
    }
    if let Some(unit) = profile.unit {
        // The meta file has no field for it.
        write!(
            text,
            "\nunit = \"{unit}\" # by its stable id; compare with the study's description"
        )
        .expect("writing to a text does not fail");
    }
    if has_panels(profile) && !study.panels.genes.is_empty() {
        text.push_str("\npanels = \"gene_panels.tsv\"");
    }
    text
}

fn list(texts: &[String]) -> String {
    toml::Value::from(texts.to_vec()).to_string()
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
