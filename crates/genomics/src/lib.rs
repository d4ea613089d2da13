//! Genomic files to features of one patient.
//!
//! [`vcf_features`] reads one VCF, [`maf_features`] one sample of a [`Maf`], [`cnv_features`] one
//! sample of a table of [`Segments`]. The list of features depends on the settings alone. A value
//! of zero means that the tumor was examined and has none; a feature that the file cannot tell has
//! no value. Messages name no sample: only the path, the line and counts.

mod allele;
pub mod build;
mod columns;
mod consequence;
mod copy_number;
mod error;
mod header;
mod inspect;
mod lines;
mod maf;
#[cfg(test)]
mod real_data;
mod segments;
mod settings;
pub mod spec;
mod tally;
mod vcf;

pub use columns::matches_sample;
pub use error::Error;
pub use inspect::{
    Caller, Compression, FileKind, Inspection, SampleColumn, TableSummary, VcfSummary, inspect,
};
pub use maf::{Maf, maf_features};
pub use segments::{Segments, cnv_features};
pub use settings::{CnvSettings, Interval, MafSettings, VcfSettings};
pub use vcf::vcf_features;
