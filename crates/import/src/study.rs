use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{
    Error, Finding,
    case_lists::{self, CaseLists},
    clinical::{Attributes, Samples},
    findings::Findings,
    matrix::{Cells, Row, Rules, has_negative_numbers, samples_of_list, samples_of_matrix},
    meta::{self, Content, Description, Meta},
    panels::{self, Panels},
    write,
};

/// What of a study becomes the cohort's outcome and features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportSettings {
    /// The survival endpoint: `OS`, `DFS`, `PFS` or `DSS`.
    pub endpoint: String,
    /// The clinical attribute that holds the subtype or other class to predict.
    pub label: Option<String>,
    /// The genes that get features of their own; those of the study's panels, else a list of
    /// frequent drivers, where none are given.
    pub genes: Vec<String>,
    /// Clinical attributes of long whole numbers that count or measure something, in somebody's word: they
    /// stay although they look like numbers of people.
    pub keep_columns: Vec<String>,
}

impl Default for ImportSettings {
    fn default() -> Self {
        Self { endpoint: "OS".to_owned(), label: None, genes: Vec::new(), keep_columns: Vec::new() }
    }
}

/// What was made of a study.
#[derive(Debug)]
pub struct Imported {
    /// The manifest that was written.
    pub manifest: PathBuf,
    /// The patients in the clinical table.
    pub patients: usize,
    /// Those with a known time and status.
    pub outcomes: usize,
    /// Those whose event was observed.
    pub events: usize,
    /// The modalities, in the manifest's order.
    pub modalities: Vec<ImportedModality>,
    /// What was left out or chosen, and why.
    pub notes: Vec<Finding>,
}

/// One modality of an imported cohort.
#[derive(Debug)]
pub struct ImportedModality {
    /// Its name in the manifest.
    pub name: String,
    /// The study's file.
    pub source: String,
    /// The patients that were examined.
    pub patients: usize,
}

/// A study that was read and found to be sound.
pub(crate) struct Study {
    pub(crate) folder: PathBuf,
    pub(crate) description: Description,
    pub(crate) patients: Option<Attributes>,
    pub(crate) samples: Attributes,
    pub(crate) by_patient: Samples,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) panels: Panels,
}

/// Data of one kind with the samples that were examined for it.
pub(crate) struct Profile {
    pub(crate) meta: Meta,
    pub(crate) samples: BTreeSet<String>,
    /// The unit of expression.
    pub(crate) unit: Option<&'static str>,
}

/// Reads a study in cBioPortal's file formats, checks all of it, and writes a cohort into `out`:
/// `cohort.toml`, `files.csv`, `clinical.csv`, `gene_panels.tsv` where the study has panels, and
/// the data files in `data/`. `out` should be empty or new.
///
/// Of a patient's several samples the first that was examined counts, primary tumors before
/// others. Attributes that tell what came after diagnosis are left out of the features.
///
/// # Errors
/// When the folder is no study, when anything in it breaks the rules of cBioPortal's File-Formats
/// (all faults are listed), when a setting names what is not there, or when `out` cannot be
/// written.
pub fn import_cbioportal(
    folder: &Path,
    out: &Path,
    settings: &ImportSettings,
) -> Result<Imported, Error> {
    let mut findings = Findings::default();
    match read(folder, &mut findings)? {
        Some(study) if findings.faults.is_empty() => write::cohort(&study, out, settings, findings),
        _ => Err(Error::Invalid { path: folder.to_owned(), faults: findings.faults }),
    }
}

/// `None` where the study has no sample table, which is a fault.
fn read(folder: &Path, findings: &mut Findings) -> Result<Option<Study>, Error> {
    let description = meta::read_description(folder, findings)?;
    let metas = meta::read_all(folder, &description.id, findings)?;
    let find = |content| metas.iter().find(|meta| meta.content == content);
    let patients = find(Content::PatientAttributes)
        .map(|meta| Attributes::of_patients(folder, &meta.data, findings))
        .transpose()?;
    let Some(samples) = find(Content::SampleAttributes) else {
        let message = "expected a meta file with CLINICAL and SAMPLE_ATTRIBUTES, found none; it \
                       tells which sample is whose";
        findings.fault("meta_*.txt", message);
        return Ok(None);
    };
    let samples = Attributes::of_samples(folder, &samples.data, findings)?;
    let known: BTreeSet<&str> =
        (0..samples.table.rows.len()).map(|row| samples.sample(row)).collect();
    let lists = case_lists::read(folder, &description, &known, findings)?;
    let matrix = find(Content::GenePanelMatrix);
    let panels = panels::read(folder, &metas, matrix, &known, findings)?;
    let context = Context {
        folder,
        description: &description,
        known: &known,
        lists: &lists,
        panels: &panels,
    };
    note_left_out(&metas, findings);
    let mut profiles = Vec::new();
    for meta in metas {
        if let Some(samples) = context.samples(&meta, findings)? {
            let unit =
                (meta.content == Content::Expression).then(|| unit(&meta, folder)).transpose()?;
            profiles.push(Profile { meta, samples, unit });
        }
    }
    let by_patient = samples.samples_by_patient();
    note_orphans(patients.as_ref(), &by_patient, &samples.table.file, findings);
    Ok(Some(Study {
        folder: folder.to_owned(),
        description,
        patients,
        samples,
        by_patient,
        profiles,
        panels,
    }))
}

/// What the checks of a data file need to know.
struct Context<'a> {
    folder: &'a Path,
    description: &'a Description,
    known: &'a BTreeSet<&'a str>,
    lists: &'a CaseLists,
    panels: &'a Panels,
}

impl Context<'_> {
    /// Checks a data file and returns the samples that were examined; `None` where no features are
    /// made of it.
    fn samples(
        &self,
        meta: &Meta,
        findings: &mut Findings,
    ) -> Result<Option<BTreeSet<String>>, Error> {
        let matrix = |kind, findings: &mut Findings| {
            samples_of_matrix(self.folder, &meta.data, kind, self.known, findings)
        };
        let list = |rules: &Rules<'_>, findings: &mut Findings| {
            samples_of_list(self.folder, &meta.data, rules, self.known, findings)
        };
        let samples = match meta.content {
            Content::DiscreteCopyNumber => matrix(Cells::Levels, findings)?,
            Content::ContinuousCopyNumber | Content::Expression => {
                matrix(Cells::Numbers, findings)?
            }
            Content::DiscreteCopyNumberLong => {
                let check = |row: &Row<'_>, findings: &mut Findings| check_level(row, findings);
                let columns = ["Value"];
                list(&Rules { sample: "Sample_Id", columns: &columns, check: &check }, findings)?
            }
            Content::Segments => {
                let columns = ["chrom", "loc.start", "loc.end", "seg.mean"];
                list(&Rules { sample: "ID", columns: &columns, check: &check_segment }, findings)?
            }
            Content::Mutations => {
                let build =
                    build_of(self.description.reference_genome.as_deref().unwrap_or("hg19"));
                let normals = meta
                    .fields
                    .get("normal_samples_list")
                    .map(|list| list.split(',').map(str::trim).collect::<BTreeSet<&str>>());
                let check = |row: &Row<'_>, findings: &mut Findings| {
                    check_mutation(row, build, normals.as_ref(), findings);
                };
                let columns = ["Variant_Classification", "Hugo_Symbol"];
                let rules =
                    Rules { sample: "Tumor_Sample_Barcode", columns: &columns, check: &check };
                let found = list(&rules, findings)?;
                let ends = ["sequenced"];
                let category = "all_cases_with_mutation_data";
                self.examined(found, (&ends, category), meta, findings)
            }
            Content::StructuralVariants => {
                let columns = ["SV_Status"];
                let rules = Rules { sample: "Sample_Id", columns: &columns, check: &check_event };
                let found = list(&rules, findings)?;
                let ends = ["sv", "fusion"];
                self.examined(found, (&ends, "all_cases_with_sv_data"), meta, findings)
            }
            Content::Other
            | Content::PatientAttributes
            | Content::SampleAttributes
            | Content::GenePanelMatrix
            | Content::CancerType => return Ok(None),
        };
        Ok(Some(samples))
    }

    /// The samples that were examined, which a list of variants alone does not tell: those of the
    /// case list, else of the panel matrix, else of the file.
    fn examined(
        &self,
        found: BTreeSet<String>,
        (ends, category): (&[&str], &str),
        meta: &Meta,
        findings: &mut Findings,
    ) -> BTreeSet<String> {
        if let Some(list) = self.lists.find(ends, category) {
            let missing = found.difference(&list.samples).count();
            if missing > 0 {
                let message = format!(
                    "{missing} samples have rows but are not in the case list of those examined; \
                     they count as examined"
                );
                findings.note(&meta.data, message);
            }
            return list.samples.union(&found).cloned().collect();
        }
        if let Some(samples) = self.panels.samples(meta) {
            return samples.into_iter().map(str::to_owned).chain(found).collect();
        }
        let message = "no case list and no panel matrix says who was examined: only samples with a \
                       row count as examined, the others stay unknown";
        findings.note(&meta.data, message);
        found
    }
}

/// The unit of an expression matrix, by its stable id (cBioPortal's File-Formats, "Expression
/// Data"): RPKM, to which RSEM's normalized counts are treated alike, or the log ratios of an array.
/// With numbers below zero all are logarithms.
fn unit(meta: &Meta, folder: &Path) -> Result<&'static str, Error> {
    let linear = match meta.fields.get("stable_id").map(String::as_str) {
        Some("rna_seq_v2_mrna" | "rna_seq_mrna" | "rna_seq_mrna_capture") => "fpkm",
        _ => return Ok("log2"),
    };
    Ok(if has_negative_numbers(folder, &meta.data)? { "log2" } else { linear })
}

/// The two names of a genome build.
fn build_of(genome: &str) -> (&'static str, &'static str) {
    match genome.to_ascii_lowercase().as_str() {
        "hg38" | "grch38" => ("GRCh38", "hg38"),
        "mm10" | "grcm38" => ("GRCm38", "mm10"),
        _ => ("GRCh37", "hg19"),
    }
}

fn check_mutation(
    row: &Row<'_>,
    build: (&str, &str),
    normals: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) {
    let (file, line) = (row.file, row.line);
    for column in ["Start_Position", "End_Position"] {
        if row.get(column).is_some_and(|cell| cell != "NA" && cell.parse::<u64>().is_err()) {
            let message = "expected a whole number, found something else";
            findings.fault_in(file, line, column, message);
        }
    }
    let fits = |found: &str| {
        [build.0, build.1, "NA", "."].iter().any(|name| name.eq_ignore_ascii_case(found))
            || (build.0 == "GRCh37" && ["37", "b37"].contains(&found))
            || (build.0 == "GRCh38" && found == "38")
    };
    if row.get("NCBI_Build").is_some_and(|found| !fits(found)) {
        let message = format!("expected the study's reference genome {}, found another", build.0);
        findings.fault_in(file, line, "NCBI_Build", message);
    }
    let normal = row.get("Matched_Norm_Sample_Barcode");
    if let (Some(normals), Some(normal)) = (normals, normal)
        && !normals.contains(normal)
    {
        let message = "expected a sample of the meta file's `normal_samples_list`, found another";
        findings.fault_in(file, line, "Matched_Norm_Sample_Barcode", message);
    }
}

fn check_level(row: &Row<'_>, findings: &mut Findings) {
    if row.get("Hugo_Symbol").is_none() && row.get("Entrez_Gene_Id").is_none() {
        let message = "expected a gene in `Hugo_Symbol` or `Entrez_Gene_Id`, found none";
        findings.fault_at(row.file, row.line, message);
    }
    if !row
        .get("Value")
        .is_some_and(|cell| ["-2", "-1.5", "-1", "0", "1", "2", "NA"].contains(&cell))
    {
        let message = "expected -2, -1.5, -1, 0, 1, 2 or NA, found something else";
        findings.fault_in(row.file, row.line, "Value", message);
    }
}

fn check_segment(row: &Row<'_>, findings: &mut Findings) {
    let place = |column: &str| row.get(column).and_then(|cell| cell.parse::<f64>().ok());
    let (start, end) = (place("loc.start"), place("loc.end"));
    match (start, end) {
        (Some(start), Some(end)) if end >= start => {}
        (Some(_), Some(_)) => {
            let message = "expected an end at or after the start, found one before";
            findings.fault_in(row.file, row.line, "loc.end", message);
        }
        _ => findings.fault_at(row.file, row.line, "expected whole numbers as start and end"),
    }
    if !place("seg.mean").is_some_and(f64::is_finite) {
        findings.fault_in(
            row.file,
            row.line,
            "seg.mean",
            "expected a number, found something else",
        );
    }
}

fn check_event(row: &Row<'_>, findings: &mut Findings) {
    let has_gene = |site: &str| {
        ["Hugo_Symbol", "Entrez_Gene_Id", "Ensembl_Transcript_Id"]
            .iter()
            .any(|column| row.get(&format!("{site}_{column}")).is_some_and(|cell| cell != "NA"))
    };
    if !has_gene("Site1") && !has_gene("Site2") {
        findings.fault_at(
            row.file,
            row.line,
            "expected a gene at one of the two sites, found none",
        );
    }
    let status = row.get("SV_Status").unwrap_or_default().to_ascii_uppercase();
    if !["SOMATIC", "GERMLINE"].contains(&status.as_str()) {
        let message = "expected SOMATIC or GERMLINE, found something else";
        findings.fault_in(row.file, row.line, "SV_Status", message);
    }
}

fn note_left_out(metas: &[Meta], findings: &mut Findings) {
    let others = metas.iter().filter(|meta| meta.content == Content::Other);
    let names: Vec<&str> = others.map(|meta| meta.data.as_str()).collect();
    if !names.is_empty() {
        let message =
            format!("not imported, for no features are made of them: {}", names.join(", "));
        findings.note("meta_*.txt", message);
    }
}

fn note_orphans(
    patients: Option<&Attributes>,
    by_patient: &Samples,
    sample_file: &str,
    findings: &mut Findings,
) {
    let Some(patients) = patients else { return };
    let rows: BTreeMap<&str, usize> =
        (0..patients.table.rows.len()).map(|row| (patients.patient(row), row)).collect();
    let without_samples = rows.keys().filter(|patient| !by_patient.contains_key(**patient)).count();
    if without_samples > 0 {
        let message =
            format!("{without_samples} patients have no sample; they keep their clinical row");
        findings.note(&patients.table.file, message);
    }
    let without_row =
        by_patient.keys().filter(|patient| !rows.contains_key(patient.as_str())).count();
    if without_row > 0 {
        let message = format!("{without_row} patients have no row in the patient table");
        findings.note(sample_file, message);
    }
}
