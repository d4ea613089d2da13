use std::{io, path::PathBuf};

use crate::Note;

/// Why a file of genomic data cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A folder stands where a file should be.
    #[error("{}: expected a file, found a folder; name a file", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// Genes are asked for and the VCF says nothing of them.
    #[error(
        "{}: not annotated: no CSQ or ANN in the header, and the settings name genes; \
         annotate it with VEP or SnpEff, or set `unannotated = true` to leave drivers unknown",
        .path.display()
    )]
    NotAnnotated {
        /// The file.
        path: PathBuf,
    },
    /// The compressed file stops before its end.
    #[error("{}: ends in the middle of {within}; the file is truncated; copy it again", .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What was being read: `a BGZF block`, `a gzip member`, `line 7`.
        within: String,
    },
    /// The compressed file holds what cannot be decompressed.
    #[error("{}: the compressed data are damaged; copy the file again", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decompressor said.
        source: io::Error,
    },
    /// A file with nothing in it.
    #[error("{}: expected {expected}, found no data; is it the right file?", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
    },
    /// A line is not what the format asks for.
    #[error("{}:{line}: expected {expected}, found {found}; {advice}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What the format asks for.
        expected: String,
        /// What stands there.
        found: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// So many records are faulty that the rest of the file cannot be believed.
    #[error(
        "{}:{}: {}; {faulty} of {records} records are faulty, too many to leave out; \
         correct the file or make it anew",
        .first.path.display(), .first.line.unwrap_or_default(), .first.message
    )]
    FaultyRecords {
        /// The number of faulty records.
        faulty: u64,
        /// The number of records.
        records: u64,
        /// The first faulty record.
        first: Note,
    },
    /// The settings name a sample that the file does not hold.
    #[error(
        "{}: none of the file's {samples} samples is the one that files.csv names; \
         compare `sample_id` with the last columns of the `#CHROM` line",
        .path.display()
    )]
    NoSuchSample {
        /// The file.
        path: PathBuf,
        /// The number of samples that the file holds.
        samples: usize,
    },
    /// Nothing says which sample is the tumor.
    #[error(
        "{}: cannot tell which of the file's {samples} samples is the tumor; \
         name it as `sample_id` in files.csv",
        .path.display()
    )]
    UnknownTumor {
        /// The file.
        path: PathBuf,
        /// The number of samples that the file holds.
        samples: usize,
    },
    /// Several samples are normals, and nothing says which is the tumor's.
    #[error(
        "{}: cannot tell which of the file's {samples} samples is the tumor's normal; \
         leave one normal in it with `bcftools view -s`",
        .path.display()
    )]
    UnknownNormal {
        /// The file.
        path: PathBuf,
        /// The number of samples that the file holds.
        samples: usize,
    },
    /// The FASTA of the reference genome cannot be read.
    #[error(
        "{}: expected a FASTA of the reference genome, plain or compressed by bgzip; \
         compress it with `bgzip` and index it with `samtools faidx`",
        .path.display()
    )]
    Reference {
        /// The FASTA.
        path: PathBuf,
        /// What was found.
        source: io::Error,
    },
    /// The settings ask for more callers than there are files.
    #[error(
        "expected the files of at least {callers} callers, for which `min_callers` asks, found \
         {files}; name a file of each caller or lower `min_callers`"
    )]
    TooFewCallers {
        /// The number of files.
        files: usize,
        /// The number of callers that have to find a variant.
        callers: usize,
    },
    /// A table lacks a column that it cannot do without.
    #[error("{}:{line}: expected a column `{column}` in the header, found none; is it {format}?", .path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The header's line, counted from 1.
        line: u64,
        /// The column's usual name.
        column: &'static str,
        /// The format that asks for it.
        format: &'static str,
    },
    /// A patient or a setting names a panel that no file of panels holds.
    #[error(
        "expected a gene panel that the files of `panels` hold, found no gene panel `{panel}` in \
         them; add it or correct its name"
    )]
    NoSuchPanel {
        /// The panel's name.
        panel: String,
    },
    /// Settings that do not go together.
    #[error("{problem}")]
    Setting {
        /// What is wrong and what to do.
        problem: String,
    },
    /// Not one of the asked genes is in a table.
    #[error(
        "{}: none of the genes of the settings is there: `{asked}` was looked for, the table has \
         `{found}`; name genes as the table does",
        .path.display()
    )]
    NoSuchGenes {
        /// The file.
        path: PathBuf,
        /// The first gene that was asked for.
        asked: String,
        /// The first gene of the table.
        found: String,
    },
    /// A table has no column or row of the asked sample.
    #[error(
        "{}: the sample is not in the table; give `sample_id` in files.csv as the table has it, or \
         `barcode_prefix` in the manifest",
        .path.display()
    )]
    NoSuchColumn {
        /// The file.
        path: PathBuf,
    },
    /// Several samples of a table share the first characters of the asked one.
    #[error(
        "{}: {samples} samples of the table begin like the asked one; give the whole `sample_id` in \
         files.csv, or a longer `barcode_prefix`",
        .path.display()
    )]
    SeveralSamples {
        /// The file.
        path: PathBuf,
        /// How many.
        samples: usize,
    },
    /// A file of one sample is named for several.
    #[error(
        "{}: the file holds one sample without its name, but {samples} are asked of it; name each \
         sample's own file",
        .path.display()
    )]
    SeveralAsked {
        /// The file.
        path: PathBuf,
        /// How many.
        samples: usize,
    },
    /// Nothing that was asked for is in a table's header.
    #[error(
        "{}:{line}: expected one of the {samples} asked samples, an asked gene or a column of \
         values such as `TPM` in the header, found none; give `sample_id` in files.csv as the \
         table has it, or `barcode_prefix` or `unit` in the manifest",
        .path.display()
    )]
    NeitherSamplesNorGenes {
        /// The file.
        path: PathBuf,
        /// The header's line, counted from 1.
        line: u64,
        /// How many samples were looked for.
        samples: usize,
    },
    /// A gene of the settings lies nowhere.
    #[error(
        "{}: expected an interval of {gene}, which `genes` names, found none; \
         name it as the file does, or remove it",
        .path.display()
    )]
    NoSuchGene {
        /// The file of gene intervals.
        path: PathBuf,
        /// The gene.
        gene: String,
    },
    /// A matrix of signatures is not of single base substitutions.
    #[error(
        "{}: expected the 96 channels of single base substitutions, such as `A[C>A]A`, \
         found others; is it a matrix of SBS signatures?",
        .path.display()
    )]
    Channels {
        /// The matrix.
        path: PathBuf,
    },
    /// The bases of the variants are not those of the reference genome.
    #[error(
        "{mismatches} of {variants} variants have another base in the reference genome than their \
         file says; is it the genome build that they were called on?"
    )]
    OtherReference {
        /// How many variants have another base.
        mismatches: usize,
        /// How many variants were looked up.
        variants: usize,
    },
}
