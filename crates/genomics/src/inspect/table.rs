//! What a table of genomic data says, and files that are read like one.

use std::collections::BTreeSet;

use serde::Serialize;

use super::kind::{BESIDE_GENES, FileKind, Table};
use crate::{
    build::{self, Build, Clues, Inference},
    lines::{number, text},
};

/// Samples and contigs that are remembered.
const SAMPLES_KEPT: usize = 1_000_000;
const CONTIGS_KEPT: usize = 10_000;

/// Names of the columns of samples, chromosomes and ends, in lower case.
const SAMPLE: &[&str] = &[
    "tumor_sample_barcode",
    "id",
    "'id",
    "sample",
    "sample_id",
    "sampleid",
    "samplename",
    "gdc_aliquot",
];
const CHROMOSOME: &[&str] = &["chromosome", "chrom", "chr", "contig", "chr_name", "hm_chr"];
const END: &[&str] = &[
    "loc.end",
    "end",
    "end_position",
    "endpos",
    "end.pos",
    "end.bp",
    "end_pos",
    "chr_position",
    "hm_pos",
    "start_position",
];

/// What a table says.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TableSummary {
    /// Rows below the header; of gene sets and sequences, how many there are.
    pub rows: u64,
    /// Columns; `None` for sequences.
    pub columns: Option<usize>,
    /// The names of its samples, sorted; of a matrix, in the order of columns.
    pub samples: Vec<String>,
}

/// Takes the lines of a table one by one.
pub(super) struct Reading {
    kind: FileKind,
    delimiter: u8,
    /// Lines up to and including the header that are still to come.
    before_rows: usize,
    columns: Option<usize>,
    sample: Option<usize>,
    chromosome: Option<usize>,
    end: Option<usize>,
    build: Option<usize>,
    rows: u64,
    samples: BTreeSet<String>,
    matrix_samples: Vec<String>,
    clues: Clues,
    /// The name and length so far of the sequence that is being read.
    sequence: Option<(String, u64)>,
}

impl Reading {
    pub(super) fn new(kind: FileKind, head: &[Vec<u8>]) -> Self {
        let table = Table::of(head);
        let names = table.as_ref().map_or(&[][..], |table| table.names.as_slice());
        let place = |asked: &[&str]| {
            asked.iter().find_map(|name| names.iter().position(|found| found == name))
        };
        let headless =
            matches!(kind, FileKind::Bed | FileKind::Gff | FileKind::GeneSets | FileKind::Fasta)
                || (kind == FileKind::StructuralVariants
                    && names.get(1).is_some_and(|cell| cell.parse::<u64>().is_ok()));
        let (sample, chromosome, end) = match kind {
            FileKind::Bed => (None, Some(0), Some(2)),
            FileKind::Gff => (None, Some(0), Some(4)),
            FileKind::GeneCopyNumber => (place(&["sample_id"]), None, None),
            FileKind::GeneMatrix | FileKind::GeneSets => (None, None, None),
            _ => (place(SAMPLE), place(CHROMOSOME), place(END)),
        };
        Self {
            kind,
            delimiter: table.as_ref().map_or(b'\t', |table| table.delimiter),
            before_rows: match &table {
                Some(table) => table.header + usize::from(!headless),
                None => 0,
            },
            columns: (kind != FileKind::Fasta).then_some(names.len()).filter(|&number| number > 0),
            sample,
            chromosome,
            end,
            build: (kind == FileKind::Maf).then(|| place(&["ncbi_build"])).flatten(),
            rows: 0,
            samples: BTreeSet::new(),
            matrix_samples: matrix_samples(kind, table.as_ref(), head),
            clues: Clues::default(),
            sequence: None,
        }
    }

    pub(super) fn line(&mut self, line: &[u8]) {
        if self.before_rows > 0 {
            self.before_rows -= 1;
            // `#genome_build=GRCh37` of a polygenic score, `#!genome-build GRCh38` of a GTF.
            let comment = text(line).to_ascii_lowercase();
            if comment.starts_with('#')
                && ["genome_build", "genome-build", "hmpos_build"]
                    .iter()
                    .any(|w| comment.contains(w))
                && let Some(build) = Build::named(&comment)
            {
                self.clues.named.push(("the comment on the build", build));
            }
            return;
        }
        if line.trim_ascii().is_empty() || (line.starts_with(b"#") && self.kind != FileKind::Fasta)
        {
            return;
        }
        if self.kind == FileKind::Fasta {
            self.sequence_line(line);
            return;
        }
        self.rows += 1;
        let columns: Vec<&[u8]> = line.split(|&byte| byte == self.delimiter).collect();
        let cell = |place: Option<usize>| columns.get(place?).map(|cell| unquoted(cell));
        if let Some(name) = cell(self.sample)
            && self.samples.len() < SAMPLES_KEPT
            && !name.is_empty()
        {
            let name = text(name);
            if !self.samples.contains(&name) {
                self.samples.insert(name);
            }
        }
        if let (Some(chromosome), Some(end)) =
            (cell(self.chromosome), cell(self.end).and_then(number::<u64>))
        {
            let chromosome = String::from_utf8_lossy(chromosome);
            if let Some(furthest) = self.clues.furthest.get_mut(chromosome.as_ref()) {
                *furthest = end.max(*furthest);
            } else if self.clues.furthest.len() < CONTIGS_KEPT {
                self.clues.furthest.insert(chromosome.into_owned(), end);
            }
        }
        if let Some(build) = cell(self.build).and_then(|value| Build::of_maf(&text(value)))
            && !self.clues.named.contains(&("NCBI_Build", build))
        {
            self.clues.named.push(("NCBI_Build", build));
        }
    }

    fn sequence_line(&mut self, line: &[u8]) {
        if let Some(header) = line.strip_prefix(b">") {
            self.rows += 1;
            let name = text(header);
            let name = name.split_ascii_whitespace().next().unwrap_or_default().to_owned();
            let last = self.sequence.replace((name, 0));
            self.keep(last);
        } else if let Some((_, length)) = &mut self.sequence {
            *length += line.trim_ascii().len() as u64;
        }
    }

    fn keep(&mut self, sequence: Option<(String, u64)>) {
        if self.clues.contigs.len() < CONTIGS_KEPT {
            self.clues.contigs.extend(sequence);
        }
    }

    pub(super) fn finish(mut self) -> (TableSummary, Option<Inference>) {
        let last = self.sequence.take();
        self.keep(last);
        let placed = !self.clues.furthest.is_empty()
            || !self.clues.contigs.is_empty()
            || !self.clues.named.is_empty();
        let samples = if self.matrix_samples.is_empty() {
            self.samples.into_iter().collect()
        } else {
            self.matrix_samples
        };
        let summary = TableSummary { rows: self.rows, columns: self.columns, samples };
        (summary, placed.then(|| build::infer(&self.clues)))
    }
}

fn unquoted(cell: &[u8]) -> &[u8] {
    let cell = cell.trim_ascii();
    cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell)
}

/// The columns of a matrix that are samples, as the header writes them.
fn matrix_samples(kind: FileKind, table: Option<&Table>, head: &[Vec<u8>]) -> Vec<String> {
    let Some(table) = table else { return Vec::new() };
    let long = table.names.iter().any(|name| name == "sample_id");
    if !matches!(kind, FileKind::GeneMatrix | FileKind::GeneCopyNumber) || long {
        return Vec::new();
    }
    let left =
        table.names.iter().skip(1).take_while(|name| BESIDE_GENES.contains(&name.as_str())).count();
    let names = head[table.header].split(|&byte| byte == table.delimiter).skip(1 + left);
    names.map(|name| text(unquoted(name))).collect()
}
