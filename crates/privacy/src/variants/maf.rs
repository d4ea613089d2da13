//! MAF and the other tables of genomics: columns that tell of variants, genes and numbers stay, names of
//! samples are replaced, everything else goes.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use fs_err::File;

use super::sample::SampleNames;
use crate::{Error, error::aside};

/// Columns of texts that say nothing of a person, in lower case.
#[rustfmt::skip]
const TEXTS: &[&str] = &[
    "hugo_symbol", "entrez_gene_id", "ncbi_build", "chromosome", "chrom", "chr", "'chrom", "contig", "strand",
    "variant_classification", "variant_type", "reference_allele", "tumor_seq_allele1", "tumor_seq_allele2",
    "match_norm_seq_allele1", "match_norm_seq_allele2", "dbsnp_rs", "mutation_status", "hgvsc", "hgvsp",
    "hgvsp_short", "protein_change", "protein_position", "amino_acid_change", "aachange", "amino_acids", "codons",
    "transcript_id", "refseq", "exon_number", "consequence", "existing_variation", "symbol", "gene", "genes",
    "gene_id", "gene_name", "gene_symbol", "gene_type", "biotype", "canonical", "sift", "polyphen", "impact",
    "filter", "context", "ref_context", "flanking_bps", "variant_class", "feature", "feature_type", "cytoband",
    "arm", "call", "calls", "type", "svclass", "sv_class", "svtype", "class", "chrom1", "chrom2", "chr1", "chr2",
    "strand1", "strand2", "gene1", "gene2", "#gene1", "leftgene", "rightgene", "leftbreakpoint", "rightbreakpoint",
    "breakpoint1", "breakpoint2", "strand1(gene/fusion)", "strand2(gene/fusion)", "site1_hugo_symbol",
    "site2_hugo_symbol", "site1_chromosome", "site2_chromosome", "site1_region", "site2_region", "event_info",
    "sv_status", "site2_effect_on_frame", "reading_frame", "#fusionname", "fusionname", "fusion", "rsid", "snp",
    "effect_allele", "other_allele", "ref", "alt", "locus id", "ensembl_gene_id", "transcript", "geneid", "name",
    "segmentation", "method", "composite.element.ref", "composite element ref", "gene_family", "copynumber",
    "allelicindex", "germlinestatus", "segmentstartsupport", "segmentendsupport", "somatic_status", "confidence",
];

/// Columns that name a sample, in lower case.
#[rustfmt::skip]
const SAMPLES: &[&str] = &[
    "tumor_sample_barcode", "matched_norm_sample_barcode", "id", "'id", "sample", "sample_id", "samplename",
    "sampleid", "gdc_aliquot", "tumor", "normal", "tumor_sample", "normal_sample", "sample_name", "barcode",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Text,
    Sample,
    /// Numbers stay, anything else is emptied.
    Number,
    Drop,
}

/// Cleans a MAF or another table of genomics. `known` are names of samples in the cohort; where the
/// header names any, the columns are samples.
///
/// # Errors
/// When the file is damaged, or cannot be read or written.
pub(crate) fn deidentify_maf(
    source: &Path,
    out: &Path,
    names: &SampleNames,
    keep: &[String],
    known: &BTreeSet<String>,
) -> Result<Vec<(String, u64)>, Error> {
    let mut reader = BufReader::new(File::open(source)?);
    let compressed = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let reader: Box<dyn Read> =
        if compressed { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };
    let mut table = Table { names, keep, known, uses: Vec::new(), counts: [0; 4] };
    oncoweave_cohort::write_atomically(out, |file| {
        if compressed {
            let mut encoder = GzEncoder::new(file, Compression::default());
            table.copy(BufReader::new(reader), &mut encoder)?;
            encoder.finish()?;
            Ok::<(), Error>(())
        } else {
            table.copy(BufReader::new(reader), file)
        }
    })?;
    let [dropped, samples, emptied, comments] = table.counts;
    let actions = [
        ("columns left out", dropped),
        ("sample names replaced", samples),
        ("cells that are no numbers emptied", emptied),
        ("comments removed", comments),
    ];
    Ok(actions.iter().filter(|(_, count)| *count > 0).map(|&(n, c)| (n.to_owned(), c)).collect())
}

struct Table<'a> {
    names: &'a SampleNames<'a>,
    keep: &'a [String],
    known: &'a BTreeSet<String>,
    uses: Vec<Use>,
    /// Columns dropped, samples replaced, cells emptied, comments removed.
    counts: [u64; 4],
}

impl Table<'_> {
    fn copy(&mut self, mut reader: impl BufRead, out: &mut dyn Write) -> Result<(), Error> {
        let mut bytes = Vec::new();
        let mut sizes = false;
        loop {
            bytes.clear();
            let read =
                reader.by_ref().take(256 << 20).read_until(b'\n', &mut bytes).map_err(|_| {
                    aside("broken", "the file is damaged or cut off; copy it again")
                })?;
            if read == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&bytes);
            let line = text.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
            let is_gct = line.starts_with("#1.") && line.len() < 6;
            let is_sizes = sizes && line.split('\t').all(|cell| cell.parse::<u64>().is_ok());
            sizes = is_gct;
            if line.trim().is_empty() {
                continue;
            }
            if is_gct || is_sizes {
                writeln!(out, "{line}")?;
            } else if line.starts_with('#') && (!self.uses.is_empty() || !is_header(line)) {
                self.counts[3] += 1;
            } else if self.uses.is_empty() {
                self.header(line, out)?;
            } else {
                self.row(line, out)?;
            }
        }
        if self.uses.is_empty() { Err(aside("broken", "the table has no header")) } else { Ok(()) }
    }

    fn header(&mut self, line: &str, out: &mut dyn Write) -> Result<(), Error> {
        let cells: Vec<&str> = line.split('\t').map(|cell| cell.trim().trim_matches('"')).collect();
        let by_column = cells.iter().skip(1).any(|cell| self.is_known(cell));
        self.uses = cells
            .iter()
            .enumerate()
            .map(|(place, cell)| {
                let lower = cell.to_lowercase();
                match lower.as_str() {
                    name if TEXTS.contains(&name) || self.keep.iter().any(|one| one == cell) => {
                        Use::Text
                    }
                    name if SAMPLES.contains(&name) && !by_column => Use::Sample,
                    _ if by_column && place > 0 => Use::Number,
                    // The first column of a matrix names the genes, or the samples.
                    _ if place == 0 && by_column => Use::Text,
                    _ if place == 0 && lower.is_empty() => Use::Sample,
                    name if is_plain_name(name) => Use::Number,
                    _ => Use::Drop,
                }
            })
            .collect();
        self.counts[0] += self.uses.iter().filter(|one| **one == Use::Drop).count() as u64;
        let mut written = Vec::new();
        for (cell, kind) in cells.iter().zip(&self.uses) {
            match kind {
                Use::Drop => {}
                Use::Number if by_column => {
                    self.counts[1] += 1;
                    written.push(self.names.pseudonym(cell));
                }
                _ => written.push((*cell).to_owned()),
            }
        }
        Ok(writeln!(out, "{}", written.join("\t"))?)
    }

    fn is_known(&self, cell: &str) -> bool {
        self.known.contains(cell) || self.names.is_patient(cell)
    }

    fn row(&mut self, line: &str, out: &mut dyn Write) -> Result<(), Error> {
        let mut written = Vec::new();
        for (cell, kind) in line.split('\t').zip(&self.uses) {
            let bare = cell.trim().trim_matches('"');
            match kind {
                Use::Drop => {}
                Use::Text => written.push(text_cell(cell, &mut self.counts[2])),
                Use::Sample => {
                    self.counts[1] += 1;
                    written.push(self.names.pseudonym(bare));
                }
                Use::Number => {
                    let fits = is_missing(bare) || bare.parse::<f64>().is_ok();
                    self.counts[2] += u64::from(!fits);
                    written.push(if fits { cell.to_owned() } else { String::new() });
                }
            }
        }
        Ok(writeln!(out, "{}", written.join("\t"))?)
    }
}

fn is_missing(cell: &str) -> bool {
    matches!(cell, "" | "NA" | "." | "NaN" | "nan" | "null" | "-" | "Inf" | "-Inf")
}

/// A header that begins with a hash has tabs, and a comment has words.
fn is_header(line: &str) -> bool {
    line.split('\t').count() > 2
}

/// Words that columns of genomic tables are named of.
const PARTS: &[&str] = &[
    "loc",
    "start",
    "end",
    "num",
    "mark",
    "marks",
    "probes",
    "seg",
    "segment",
    "mean",
    "median",
    "log2",
    "log",
    "ratio",
    "copy",
    "number",
    "cn",
    "total",
    "major",
    "minor",
    "nmajor",
    "nminor",
    "baf",
    "depth",
    "weight",
    "count",
    "ref",
    "alt",
    "t",
    "n",
    "i",
    "af",
    "vaf",
    "tumor",
    "normal",
    "tcn",
    "lcn",
    "em",
    "cf",
    "cnt",
    "n0",
    "n1",
    "n2",
    "startpos",
    "endpos",
    "pos",
    "pos1",
    "pos2",
    "start1",
    "start2",
    "end1",
    "end2",
    "score",
    "qual",
    "tpm",
    "fpkm",
    "counts",
    "position",
    "positions",
    "length",
    "size",
    "reads",
    "bp",
    "site1",
    "site2",
    "read",
    "spanning",
    "junction",
    "ffpm",
    "majorallelecopynumber",
    "minorallelecopynumber",
    "bafcount",
    "observedbaf",
    "depthwindowcount",
    "gccontent",
    "minstart",
    "maxstart",
    "a",
    "b",
    "a1",
    "a2",
    "nmaj1",
    "nmin1",
    "frac1",
    "nmaj2",
    "nmin2",
    "frac2",
    "pval",
    "logr",
    "cellularity",
    "ploidy",
    "purity",
    "effect",
    "p",
    "value",
    "hm",
    "chr",
    "gnomad",
    "exac",
    "tumorvaf",
    "wu",
    "points",
    "clust",
    "cnlr",
    "mafr",
    "het",
    "nhet",
    "maf",
    "sd",
    "bf",
    "llr",
    "lpp",
    "split",
    "split1",
    "split2",
    "discordant",
    "mates",
    "unstranded",
    "stranded",
    "first",
    "second",
    "uq",
    "expected",
    "effective",
    "efflength",
    "numreads",
    "est",
];

/// Names of columns that are no names of people or samples: of letters, a number at most at the end.
fn is_plain_name(name: &str) -> bool {
    let parts: Vec<&str> =
        name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    !parts.is_empty()
        && parts.iter().all(|part| PARTS.contains(part) || crate::words::is_known_word(part))
}

/// A text of genomics: one line without what only free text holds.
fn text_cell(cell: &str, emptied: &mut u64) -> String {
    let fits =
        cell.len() < 1 << 16 && cell.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    *emptied += u64::from(!fits);
    if fits { cell.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Key;

    fn cleaned(text: &str, known: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::create(&folder.path().join("a.key")).unwrap();
        let patients = BTreeMap::from([("P7".to_owned(), "OW-P7".to_owned())]);
        let names = SampleNames::new(&key, None, &patients);
        let at = |name: &str| folder.path().join(name);
        fs_err::write(at("a"), text).unwrap();
        let known = known.iter().map(|&name| name.to_owned()).collect();
        deidentify_maf(&at("a"), &at("b"), &names, &[], &known).unwrap();
        fs_err::read_to_string(at("b")).unwrap()
    }

    #[test]
    fn a_maf_keeps_its_variants() {
        let text = "#version 2.4 smith\nHugo_Symbol\tCenter\tTumor_Sample_Barcode\tt_depth\tBAM_File\n\
                    TP53\tSmith\tP7\t30\t/data/smith.bam\nKRAS\tSmith\tSMITH-2\tsmith\t.\n";
        let written = cleaned(text, &[]);
        assert!(!written.to_lowercase().contains("smith"), "{written}");
        assert!(
            written.starts_with("Hugo_Symbol\tTumor_Sample_Barcode\tt_depth\nTP53\tOW-P7\t30\n")
        );
        assert_eq!(written.lines().count(), 3);
    }

    #[test]
    fn the_columns_of_a_matrix_are_samples() {
        let text = "gene_name\tdescription\tSMITH1\tJONES2\nTP53\tMr Smith\t1.5\t2\n";
        let written = cleaned(text, &["SMITH1"]);
        assert!(
            !written.to_lowercase().contains("smith") && !written.contains("JONES"),
            "{written}"
        );
        assert!(written.ends_with("\t1.5\t2\n"), "{written}");
        let segments =
            "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\tSmith\nP7\t1\t5\t9\t3\t-0.5\tx\n";
        assert_eq!(
            cleaned(segments, &[]),
            "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\nOW-P7\t1\t5\t9\t3\t-0.5\n"
        );
    }
}
