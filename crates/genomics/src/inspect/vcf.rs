//! What a VCF says, gathered line by line beside the check against its specification.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;

use super::caller::{self, Caller};
use crate::{
    build::{self, Build, Clues, Inference},
    header::{FIXED_COLUMNS, Header},
    lines::{Lines, fields, number, text},
    spec::{Checker, Findings, Version, attributes},
};

/// Contigs with records that are counted; of what goes beyond, only the number is.
const CONTIGS_KEPT: usize = 10_000;
/// Contigs of the header that are compared with those of builds.
const LENGTHS_KEPT: usize = 10_000;

/// The INFO keys of annotations, and who writes them.
const ANNOTATIONS: [(&str, &str); 6] = [
    ("CSQ", "VEP"),
    ("vep", "VEP, of gnomAD"),
    ("ANN", "SnpEff"),
    ("EFF", "SnpEff, before 4.1"),
    ("FUNCOTATION", "Funcotator"),
    ("BCSQ", "bcftools csq"),
];

/// What tells a sample's role where it is none of the plain signs: see [`crate::pair`].
const OTHERWISE: &str = "a header line, or its name against the others";

/// A sample's column in a VCF, and why it is taken for what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SampleColumn {
    /// Its name.
    pub name: String,
    /// Its column, counted from 1; the first sample stands in column 10.
    pub column: usize,
    /// What tells it.
    pub why: &'static str,
}

/// What a VCF says.
#[derive(Clone, Debug, Serialize)]
pub struct VcfSummary {
    /// The version that its first line names; `None` where it names none that is known.
    pub version: Option<Version>,
    /// The programs that called the variants.
    pub callers: Vec<Caller>,
    /// The names of its samples, in the order of columns.
    pub samples: Vec<String>,
    /// The tumor; `None` where nothing tells it.
    pub tumor: Option<SampleColumn>,
    /// The matched normal.
    pub normal: Option<SampleColumn>,
    /// Data lines.
    pub records: u64,
    /// Data lines with PASS in FILTER.
    pub passing: u64,
    /// Data lines with a dot in FILTER: no filter was applied.
    pub unfiltered: u64,
    /// Contigs that have records, and how many.
    pub contigs: BTreeMap<String, u64>,
    /// Data lines on contigs beyond those listed.
    pub other_contigs: u64,
    /// The annotations that its header defines: `CSQ (VEP)`.
    pub annotations: Vec<String>,
    /// What it does against the specification.
    pub findings: Findings,
}

/// Takes the lines of a VCF one by one.
pub(super) struct Reading {
    checker: Checker,
    version: Option<Version>,
    callers: Vec<Caller>,
    format_keys: Vec<String>,
    annotations: Vec<String>,
    clues: Clues,
    tumors: Vec<String>,
    normals: Vec<String>,
    samples: Vec<String>,
    records: u64,
    passing: u64,
    unfiltered: u64,
    contigs: BTreeMap<String, u64>,
    other_contigs: u64,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            checker: Checker::new(),
            version: None,
            callers: Vec::new(),
            format_keys: Vec::new(),
            annotations: Vec::new(),
            clues: Clues::default(),
            tumors: Vec::new(),
            normals: Vec::new(),
            samples: Vec::new(),
            records: 0,
            passing: 0,
            unfiltered: 0,
            contigs: BTreeMap::new(),
            other_contigs: 0,
        }
    }
}

impl Reading {
    pub(super) fn line(&mut self, number: u64, line: &[u8]) {
        self.checker.line(number, line);
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if let Some(meta) = line.strip_prefix(b"##") {
            if let Some(value) = meta.strip_prefix(b"fileformat=") {
                self.version = self.version.or(Version::parse(value));
            }
            self.meta_line(&text(meta));
        } else if line.starts_with(b"#") {
            self.samples =
                fields(line).skip(FIXED_COLUMNS + 1).map(|name| text(name.trim_ascii())).collect();
        } else if !line.trim_ascii().is_empty() {
            self.record(line);
        }
    }

    fn meta_line(&mut self, meta: &str) {
        if let Some(caller) = caller::of_line(meta)
            && !self.callers.iter().any(|known| known.name == caller.name)
        {
            self.callers.push(caller);
        }
        let Some((key, value)) = meta.split_once('=') else { return };
        let attributes = attributes::parse(value.as_bytes()).unwrap_or_default();
        let attribute = |key: &str| {
            let found = attributes.iter().find(|a| a.key.eq_ignore_ascii_case(key.as_bytes()))?;
            Some(text(found.value))
        };
        match key {
            "contig" => {
                let id = attribute("ID").unwrap_or_default();
                let length = attribute("length").and_then(|length| length.trim().parse().ok());
                if let Some(length) = length
                    && self.clues.contigs.len() < LENGTHS_KEPT
                {
                    self.clues.contigs.push((id, length));
                }
                self.named("##contig assembly", attribute("assembly").as_deref());
            }
            "reference" | "new_reference_genome" => self.named("##reference", Some(value)),
            "assembly" => self.named("##assembly", Some(value)),
            "INFO" => {
                let id = attribute("ID").unwrap_or_default();
                let known = ANNOTATIONS.iter().find(|(key, _)| *key == id);
                self.annotations.extend(known.map(|(key, by)| format!("{key} ({by})")));
            }
            "FORMAT" => self.format_keys.extend(attribute("ID")),
            "tumor_sample" => self.tumors.push(value.trim().to_owned()),
            "normal_sample" => self.normals.push(value.trim().to_owned()),
            _ => {}
        }
    }

    fn named(&mut self, place: &'static str, name: Option<&str>) {
        if let Some(build) = name.and_then(Build::named)
            && !self.clues.named.contains(&(place, build))
        {
            self.clues.named.push((place, build));
        }
    }

    fn record(&mut self, line: &[u8]) {
        self.records += 1;
        let mut columns = fields(line);
        let (Some(contig), Some(position)) = (columns.next(), columns.next()) else { return };
        match columns.nth(4) {
            Some(b"PASS") => self.passing += 1,
            Some(b".") => self.unfiltered += 1,
            _ => {}
        }
        let contig = String::from_utf8_lossy(contig);
        if let Some(records) = self.contigs.get_mut(contig.as_ref()) {
            *records += 1;
        } else if self.contigs.len() < CONTIGS_KEPT {
            self.contigs.insert(contig.clone().into_owned(), 1);
            self.clues.furthest.insert(contig.clone().into_owned(), 0);
        } else {
            self.other_contigs += 1;
        }
        if let (Some(furthest), Some(position)) =
            (self.clues.furthest.get_mut(contig.as_ref()), number::<u64>(position))
        {
            *furthest = position.max(*furthest);
        }
    }

    pub(super) fn finish(mut self, path: &Path, whole: bool) -> (VcfSummary, Inference) {
        if self.callers.is_empty() {
            let defined = |key: &str| self.format_keys.iter().any(|known| known == key);
            self.callers.extend(caller::of_keys(defined));
        }
        let (tumor, normal) = self.pair(path);
        let summary = VcfSummary {
            version: self.version,
            callers: self.callers,
            samples: self.samples,
            tumor,
            normal,
            records: self.records,
            passing: self.passing,
            unfiltered: self.unfiltered,
            contigs: self.contigs,
            other_contigs: self.other_contigs,
            annotations: self.annotations,
            findings: self.checker.finish(whole),
        };
        (summary, build::infer(&self.clues))
    }

    /// The tumor and the normal as features are extracted from them, and why.
    fn pair(&self, path: &Path) -> (Option<SampleColumn>, Option<SampleColumn>) {
        let pair = Lines::open(path).and_then(|mut lines| {
            let header = Header::read(&mut lines)?;
            header.pair(None, &mut lines)
        });
        // A header that cannot be read, or a tumor that cannot be told: there is no pair.
        let Ok(pair) = pair else { return (None, None) };
        let column = |place: Option<usize>, why: &dyn Fn(&str) -> &'static str| {
            let name = self.samples.get(place?)?.clone();
            let why = why(&name);
            Some(SampleColumn { column: FIXED_COLUMNS + 2 + place?, why, name })
        };
        let has = |name: &str, words: [&str; 2]| {
            let name = name.to_ascii_lowercase();
            words.iter().any(|word| name.contains(word))
        };
        let normal_reason = |name: &str| {
            if self.normals.iter().any(|known| known == name) {
                "##normal_sample names it"
            } else if has(name, ["normal", "germline"]) {
                "its name"
            } else {
                OTHERWISE
            }
        };
        let normal = column(pair.normal, &normal_reason);
        let tumor = column(pair.tumor, &|name| {
            if self.tumors.iter().any(|known| known == name) {
                "##tumor_sample names it"
            } else if has(name, ["tum", "primary"]) {
                "its name"
            } else if self.samples.len() == 1 {
                "the only sample"
            } else if self.samples.len() == 2
                && normal.as_ref().is_some_and(|normal| normal.why != OTHERWISE)
            {
                "the sample beside the normal"
            } else {
                OTHERWISE
            }
        });
        (tumor, normal)
    }
}
