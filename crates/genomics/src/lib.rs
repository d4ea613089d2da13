//! Genomic files to features of one patient.

mod error;
mod maf;
mod segments;
mod settings;
mod vcf;

pub use error::Error;
pub use maf::{Maf, maf_features};
pub use segments::{Segments, cnv_features};
pub use settings::{CnvSettings, Interval, MafSettings, VcfSettings};
pub use vcf::vcf_features;
