//! Copy number over stretches of the genome or of genes, whatever program measured it.

mod arms;
mod features;
#[cfg(test)]
mod golden;
mod matrix;
mod scars;
mod segments;
mod settings;
pub(crate) mod vcf;

use std::{collections::BTreeMap, path::Path};

pub use features::cnv_features;
pub use settings::{CnvSettings, HumanBuild};

use crate::{Error, Interval, Note, columns::matches_sample, lines::Lines};

/// No place in a genome lies so far: what is beyond is no place.
const LAST_BASE: u64 = 1_000_000_000_000;

/// A stretch of the genome with what its file tells of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) interval: Interval,
    /// The log2 ratio to the normal or to the sample's mean.
    pub(crate) log2_ratio: Option<f64>,
    /// The copies in a tumor cell; some programs give fractions.
    pub(crate) copies: Option<f64>,
    /// The copies of the allele that has fewer.
    pub(crate) minor_copies: Option<f64>,
}

/// What the numbers of a table of genes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GeneUnit {
    /// -2 deep deletion, -1 loss, 0, 1 gain, 2 amplification, as GISTIC's thresholds give them.
    Level,
    #[default]
    Log2Ratio,
    Copies,
}

/// The values of genes, a column for each sample.
#[derive(Clone, Debug, Default)]
pub(crate) struct Genes {
    unit: GeneUnit,
    /// The number of each gene.
    numbers: BTreeMap<String, u32>,
    samples: BTreeMap<String, GeneValues>,
}

/// The number of a gene and its value, sorted; a gene without a value is left out.
type GeneValues = Vec<(u32, f32)>;

/// The copy number of one or many tumors as one file gives it.
#[derive(Clone, Debug, Default)]
pub struct CopyNumber {
    segments: BTreeMap<String, Vec<Segment>>,
    genes: Genes,
    /// The name under which a file of one tumor keeps it; empty where the file names none.
    only: Option<String>,
    /// The rows are bins of a fixed size and not segments.
    bins: bool,
    /// The file lists the stretches that changed: the others are normal.
    changes_only: bool,
    notes: Vec<Note>,
}

impl CopyNumber {
    /// The genome builds on which every segment lies within its chromosome; none of them where the
    /// file has no segments on known chromosomes.
    #[must_use]
    pub fn compatible_builds(&self) -> Vec<crate::build::Build> {
        let mut clues = crate::build::Clues::default();
        for segment in self.segments.values().flatten() {
            let furthest = clues.furthest.entry(segment.interval.chromosome.clone()).or_default();
            *furthest = (*furthest).max(segment.interval.end);
        }
        crate::build::infer(&clues).compatible
    }

    /// Reads a file of copy number, plain or compressed; what wrote it is found from its content.
    ///
    /// Tables of segments: SEG by the column names of `DNAcopy`, GDC, cBioPortal and GISTIC, with or
    /// without a header (log2 ratios); `CNVkit`'s `.cns`, `.cnr` and `call` (log2 ratios, copies,
    /// alleles); ASCAT and GDC's `ascat2` and `ascat3`, ABSOLUTE, `Sequenza` and FACETS (copies, alleles); GATK
    /// `.called.seg` and `.modelFinal.seg` (log2 ratios); `*.purple.cnv.somatic.tsv` (copies,
    /// alleles). Tables of genes: GISTIC's `all_data_by_genes` and `all_thresholded.by_genes`,
    /// cBioPortal's matrices and long tables, GDC's and PURPLE's gene tables. VCFs of copy number.
    ///
    /// # Errors
    /// When the file cannot be read, is truncated or damaged, lacks a column, or has a row whose
    /// start, end or value is no number or whose end lies before its start.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::read_with(|| Lines::open(path))
    }

    /// Reads what `open` opens twice, once to see what it is.
    pub(crate) fn read_with(open: impl Fn() -> Result<Lines, Error>) -> Result<Self, Error> {
        let is_vcf = is_vcf(&mut open()?)?;
        let lines = open()?;
        if is_vcf { vcf::read(lines) } else { segments::read(lines) }
    }

    /// The sample names of a file of many, sorted; none for a file of one tumor.
    pub fn samples(&self) -> impl Iterator<Item = &str> {
        let names = self.segments.keys().chain(self.genes.samples.keys());
        names.filter(|_| self.only.is_none()).map(String::as_str)
    }

    /// What was mended or left out.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Whether the file is of one tumor, so that it speaks of whoever names it in files.csv.
    #[must_use]
    pub fn is_of_one_tumor(&self) -> bool {
        self.only.is_some()
    }

    /// The key that a sample id stands for; where none does, the one tumor of the file.
    ///
    /// Of several whose first characters match the first by name counts: of TCGA's barcodes the
    /// primary tumor, which stands before the normal.
    fn matching(&self, sample_id: &str, prefix: Option<usize>) -> Option<&str> {
        let names = self.segments.keys().chain(self.genes.samples.keys()).map(String::as_str);
        let matching = names.filter(|name| matches_sample(name, sample_id, prefix));
        let exact_first = |name: &&str| (*name != sample_id, (*name).to_owned());
        matching.min_by_key(exact_first).or(self.only.as_deref())
    }
}

/// Whether the first lines are those of a VCF.
pub(crate) fn is_vcf(lines: &mut Lines) -> Result<bool, Error> {
    while let Some(line) = lines.next()? {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if line.starts_with(b"##fileformat=VCF") || line.starts_with(b"#CHROM\tPOS\t") {
            return Ok(true);
        }
        if !line.starts_with(b"#") && !line.trim_ascii().is_empty() {
            return Ok(false);
        }
    }
    Ok(false)
}

/// The number of bases that at least one of the stretches covers.
pub(crate) fn covered<'a>(intervals: impl Iterator<Item = &'a Interval>) -> u64 {
    let mut by_chromosome: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for interval in intervals {
        let stretches = by_chromosome.entry(&interval.chromosome).or_default();
        stretches.push((interval.start, interval.end));
    }
    let mut bases: u64 = 0;
    for stretches in by_chromosome.values_mut() {
        stretches.sort_unstable();
        let mut reached: u64 = 0;
        for &mut (start, end) in stretches {
            let start = start.max(reached.saturating_add(1));
            if end >= start {
                bases = end.saturating_sub(start).saturating_add(bases).saturating_add(1);
                reached = end;
            }
        }
    }
    bases
}

/// The mean value over a stretch, weighted by the bases that each segment shares with it, and the
/// number of those bases; segments without the value do not count.
pub(crate) fn weighted_mean(
    segments: &[Segment],
    over: &Interval,
    value: impl Fn(&Segment) -> Option<f64>,
) -> Option<(f64, u64)> {
    let (mut sum, mut bases) = (0.0, 0);
    for segment in segments.iter().filter(|segment| segment.interval.chromosome == over.chromosome)
    {
        let start = segment.interval.start.max(over.start);
        let end = segment.interval.end.min(over.end);
        if let Some(value) = value(segment)
            && end >= start
        {
            let shared = end - start + 1;
            sum += value * shared as f64;
            bases = shared.saturating_add(bases);
        }
    }
    (bases > 0).then(|| (sum / bases as f64, bases))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(chromosome: &str, start: u64, end: u64) -> Interval {
        Interval { chromosome: chromosome.to_owned(), start, end }
    }

    #[test]
    fn overlapping_stretches_count_once() {
        for (name, intervals, expected) in [
            ("none", vec![], 0),
            ("one base", vec![interval("1", 5, 5)], 1),
            ("apart", vec![interval("1", 1, 10), interval("1", 21, 30)], 20),
            ("overlapping", vec![interval("1", 5, 20), interval("1", 1, 10)], 20),
            ("one within another", vec![interval("1", 1, 30), interval("1", 5, 6)], 30),
            ("two chromosomes", vec![interval("1", 1, 10), interval("2", 1, 10)], 20),
        ] {
            assert_eq!(covered(intervals.iter()), expected, "{name}");
        }
    }

    #[test]
    fn a_mean_is_weighted_by_shared_bases() {
        let segment = |chromosome, start, end, copies| Segment {
            interval: interval(chromosome, start, end),
            log2_ratio: None,
            copies,
            minor_copies: None,
        };
        let segments = [
            segment("8", 1, 10, Some(4.0)),
            segment("8", 11, 40, Some(1.0)),
            segment("8", 11, 40, None),
            segment("9", 1, 40, Some(9.0)),
        ];
        let mean = |over| weighted_mean(&segments, &over, |segment| segment.copies);
        assert_eq!(mean(interval("8", 6, 20)), Some((2.0, 15)));
        assert_eq!(mean(interval("8", 41, 50)), None);
    }
}
