//! The `meta_*.txt` files, which say what a study's data files hold.

use std::{collections::BTreeMap, path::Path};

use fs_err as fs;

use crate::{Error, findings::Findings, table::Lines};

/// What a data file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    PatientAttributes,
    SampleAttributes,
    Mutations,
    /// A matrix of discrete levels, -2 to 2.
    DiscreteCopyNumber,
    /// The same as a list of gene, sample and level.
    DiscreteCopyNumberLong,
    /// A matrix of log2 ratios or other numbers.
    ContinuousCopyNumber,
    Segments,
    Expression,
    StructuralVariants,
    GenePanelMatrix,
    CancerType,
    /// Known to cBioPortal, and not made into features.
    Other,
}

/// One `meta_*.txt` with its data file.
#[derive(Debug)]
pub(crate) struct Meta {
    /// The meta file's name.
    pub(crate) file: String,
    pub(crate) content: Content,
    /// The data file's name.
    pub(crate) data: String,
    pub(crate) fields: BTreeMap<String, String>,
}

/// The study's own description.
#[derive(Debug, Default)]
pub(crate) struct Description {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) reference_genome: Option<String>,
    pub(crate) adds_global_case_list: bool,
}

/// Whether a file's name says that it is one of the format's text files.
pub(crate) fn is_text(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "txt")
}

impl Description {
    /// The human genome build, cBioPortal's default where none is named.
    pub(crate) fn human_build(&self) -> Option<&'static str> {
        match self.reference_genome.as_deref().unwrap_or("hg19").to_ascii_lowercase().as_str() {
            "hg19" | "grch37" => Some("GRCh37"),
            "hg38" | "grch38" => Some("GRCh38"),
            _ => None,
        }
    }
}

/// Reads `key: value` lines.
pub(crate) fn read_fields(
    study: &Path,
    file: &str,
    findings: &mut Findings,
) -> Result<BTreeMap<String, String>, Error> {
    let mut lines = Lines::open(study, file)?;
    let mut fields = BTreeMap::new();
    while let Some((number, line)) = lines.next(findings)? {
        let Some((key, value)) = line.split_once(':') else {
            findings.fault_at(file, number, "expected `key: value`, found a line without a colon");
            continue;
        };
        if fields.insert(key.trim().to_owned(), value.trim().to_owned()).is_some() {
            findings.fault_at(file, number, format!("the key `{}` is there twice", key.trim()));
        }
    }
    Ok(fields)
}

/// A key that must be there and not empty.
pub(crate) fn need<'a>(
    fields: &'a BTreeMap<String, String>,
    key: &str,
    file: &str,
    findings: &mut Findings,
) -> Option<&'a str> {
    let value = fields.get(key).map(String::as_str).filter(|value| !value.is_empty());
    if value.is_none() {
        findings.fault(file, format!("expected the key `{key}` with a value, found none"));
    }
    value
}

/// Reads `meta_study.txt`.
pub(crate) fn read_description(
    study: &Path,
    findings: &mut Findings,
) -> Result<Description, Error> {
    let file = "meta_study.txt";
    if !study.join(file).is_file() {
        return Err(Error::NoStudy { path: study.to_owned() });
    }
    let fields = read_fields(study, file, findings)?;
    for key in ["type_of_cancer", "description"] {
        need(&fields, key, file, findings);
    }
    let mut text = |key: &str| need(&fields, key, file, findings).unwrap_or_default().to_owned();
    let (id, name) = (text("cancer_study_identifier"), text("name"));
    let is_number = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    if fields.get("pmid").is_some_and(|ids| !ids.split(',').all(is_number)) {
        let message = "expected `pmid` as whole numbers separated by commas without spaces";
        findings.fault(file, message);
    }
    Ok(Description {
        id,
        name,
        reference_genome: fields.get("reference_genome").cloned(),
        adds_global_case_list: is_true(&fields, "add_global_case_list", file, findings),
    })
}

fn is_true(
    fields: &BTreeMap<String, String>,
    key: &str,
    file: &str,
    findings: &mut Findings,
) -> bool {
    match fields.get(key).map(|value| value.to_ascii_lowercase()).as_deref() {
        Some("true") => true,
        Some("false") | None => false,
        Some(_) => {
            findings.fault(file, format!("expected `{key}` to be true or false"));
            false
        }
    }
}

/// Reads every meta file but the study's own, in the order of their names.
pub(crate) fn read_all(
    study: &Path,
    id: &str,
    findings: &mut Findings,
) -> Result<Vec<Meta>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(study)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_meta = name.starts_with("meta_") || name.contains("_meta_");
        if is_meta && is_text(&name) && name != "meta_study.txt" {
            names.push(name);
        }
    }
    names.sort();
    let mut metas: Vec<Meta> = Vec::new();
    for name in names {
        let fields = read_fields(study, &name, findings)?;
        if let Some(meta) = understand(id, name, fields, findings) {
            check_unique(&metas, &meta, findings);
            metas.push(meta);
        }
    }
    metas.retain(|meta| has_data(study, meta, findings));
    Ok(metas)
}

fn understand(
    id: &str,
    file: String,
    fields: BTreeMap<String, String>,
    findings: &mut Findings,
) -> Option<Meta> {
    // Resources are links to pages and images elsewhere.
    let is_resource = fields.contains_key("resource_type");
    let content = if is_resource { Content::Other } else { content(&fields, &file, findings)? };
    if content != Content::CancerType {
        match need(&fields, "cancer_study_identifier", &file, findings) {
            Some(found) if found != id => findings.fault(
                &file,
                format!(
                    "expected the study's id `{id}` as `cancer_study_identifier`, found another"
                ),
            ),
            _ => {}
        }
    }
    let is_shown = is_true(&fields, "show_profile_in_analysis_tab", &file, findings);
    if content == Content::ContinuousCopyNumber && is_shown {
        let message = "expected `show_profile_in_analysis_tab: false` for copy number that is not \
                       discrete";
        findings.fault(&file, message);
    }
    let data = need(&fields, "data_filename", &file, findings)?.to_owned();
    Some(Meta { file, content, data, fields })
}

/// Whether the data file is there.
fn has_data(study: &Path, meta: &Meta, findings: &mut Findings) -> bool {
    let Meta { file, data, .. } = meta;
    if Path::new(data).components().count() != 1 {
        findings.fault(file, "expected `data_filename` to name a file beside it, found a path");
        return false;
    }
    let exists = study.join(data).is_file();
    if !exists {
        findings.fault(file, format!("there is no file `{data}`, which `data_filename` names"));
    }
    exists
}

/// What the alteration type, the data type and the stable id together mean: cBioPortal's own list
/// of allowed combinations (File-Formats, "Stable ids").
fn content(
    fields: &BTreeMap<String, String>,
    file: &str,
    findings: &mut Findings,
) -> Option<Content> {
    let alteration = need(fields, "genetic_alteration_type", file, findings)?;
    let datatype = need(fields, "datatype", file, findings)?;
    let content = match (alteration, datatype) {
        ("CANCER_TYPE", "CANCER_TYPE") => Content::CancerType,
        ("CLINICAL", "PATIENT_ATTRIBUTES") => Content::PatientAttributes,
        ("CLINICAL", "SAMPLE_ATTRIBUTES") => Content::SampleAttributes,
        ("MUTATION_EXTENDED", "MAF") => Content::Mutations,
        ("COPY_NUMBER_ALTERATION", "DISCRETE") => Content::DiscreteCopyNumber,
        ("COPY_NUMBER_ALTERATION", "DISCRETE_LONG") => Content::DiscreteCopyNumberLong,
        ("COPY_NUMBER_ALTERATION", "CONTINUOUS" | "LOG2-VALUE") => Content::ContinuousCopyNumber,
        ("COPY_NUMBER_ALTERATION", "SEG") => Content::Segments,
        ("MRNA_EXPRESSION", "CONTINUOUS") => Content::Expression,
        ("STRUCTURAL_VARIANT", "SV") => Content::StructuralVariants,
        ("GENE_PANEL_MATRIX", "GENE_PANEL_MATRIX") => Content::GenePanelMatrix,
        ("CLINICAL", "TIMELINE")
        | ("MRNA_EXPRESSION", "Z-SCORE" | "DISCRETE")
        | ("METHYLATION", "CONTINUOUS")
        | ("FUSION", "FUSION")
        | ("PROTEIN_LEVEL", "LOG2-VALUE" | "Z-SCORE" | "CONTINUOUS")
        | ("GENESET_SCORE", "GSVA-SCORE" | "P-VALUE")
        | ("GENERIC_ASSAY", "LIMIT-VALUE" | "CATEGORICAL" | "BINARY")
        | ("GISTIC_GENES_AMP" | "GISTIC_GENES_DEL" | "MUTSIG", "Q-VALUE")
        | ("MUTATION_UNCALLED", "MAF") => Content::Other,
        _ => {
            findings.fault(
                file,
                format!(
                    "expected a kind of data that cBioPortal knows, found genetic_alteration_type \
                     `{alteration}` with datatype `{datatype}`"
                ),
            );
            return None;
        }
    };
    check_stable_id(fields, (alteration, datatype), file, findings);
    Some(content)
}

/// The stable ids that a combination may have; none where any will do or none is needed.
fn stable_ids(combination: (&str, &str)) -> &'static [&'static str] {
    match combination {
        ("COPY_NUMBER_ALTERATION", "DISCRETE" | "DISCRETE_LONG") => {
            &["gistic", "cna", "cna_rae", "cna_consensus"]
        }
        ("COPY_NUMBER_ALTERATION", "CONTINUOUS") => &["linear_CNA"],
        ("COPY_NUMBER_ALTERATION", "LOG2-VALUE") => &["log2CNA"],
        ("MUTATION_EXTENDED", "MAF") => &["mutations"],
        ("STRUCTURAL_VARIANT", "SV") => &["structural_variants"],
        ("MRNA_EXPRESSION", "CONTINUOUS") => &[
            "mrna",
            "mrna_U133",
            "rna_seq_mrna",
            "rna_seq_v2_mrna",
            "mirna",
            "rna_seq_mrna_capture",
        ],
        ("MRNA_EXPRESSION", "Z-SCORE") => &["_Zscores", "_ZScores", "mrna_zbynorm"],
        _ => &[],
    }
}

fn check_stable_id(
    fields: &BTreeMap<String, String>,
    combination: (&str, &str),
    file: &str,
    findings: &mut Findings,
) {
    let known = stable_ids(combination);
    let found = fields.get("stable_id").map(String::as_str);
    if let Some(id) = found
        && !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    {
        let message = "expected `stable_id` in letters, digits, `.`, `_` and `-` alone";
        findings.fault(file, message);
        return;
    }
    let fits = |id: &str| {
        known
            .iter()
            .any(|known| if known.starts_with('_') { id.ends_with(known) } else { id == *known })
    };
    if !known.is_empty() && !found.is_some_and(fits) {
        let (alteration, datatype) = combination;
        findings.fault(
            file,
            format!(
                "expected a `stable_id` for {alteration} with {datatype}, one of {}; found {}",
                known.join(", "),
                found.map_or("none".to_owned(), |id| format!("`{id}`"))
            ),
        );
    }
}

fn check_unique(metas: &[Meta], meta: &Meta, findings: &mut Findings) {
    let only_one = matches!(
        meta.content,
        Content::PatientAttributes
            | Content::SampleAttributes
            | Content::GenePanelMatrix
            | Content::CancerType
    );
    let key = |meta: &Meta| meta.fields.get("stable_id").cloned();
    // Older clinical meta files share the stable id `clinical`.
    let has_id = !only_one;
    let twice = metas.iter().find(|other| {
        (only_one && other.content == meta.content)
            || (has_id && key(other).is_some() && key(other) == key(meta))
            || (!meta.data.is_empty() && other.data == meta.data)
    });
    if let Some(other) = twice {
        let message = format!("describes what {} describes already; keep one of them", other.file);
        findings.fault(&meta.file, message);
    }
}
