//! Genomic files to features of one patient.
//!
//! [`vcf_features`] reads one VCF, [`maf_features`] one sample of a [`Maf`], [`cnv_features`] one
//! sample of a table of [`Segments`]. The list of features depends on the settings alone. A value
//! of zero means that the tumor was examined and has none; a feature that the file cannot tell has
//! no value. Messages name no sample: only the path, the line and counts.

mod allele;
mod bcf;
mod columns;
mod compression;
mod consequence;
mod copy_number;
mod error;
mod evidence;
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod lines;
mod maf;
mod normalize;
mod notes;
mod pair;
#[cfg(test)]
mod real_callers;
#[cfg(test)]
mod real_data;
mod reference;
mod resources;
mod sample;
mod segments;
mod settings;
mod tally;
mod vcf;

pub use columns::matches_sample;
pub use error::Error;
pub use evidence::Evidence;
pub use maf::{Maf, maf_features};
pub use notes::Note;
pub use resources::VcfResources;
pub use segments::{Segments, cnv_features};
pub use settings::{CnvSettings, Interval, MafSettings, VcfSettings};
pub use vcf::{VcfFeatures, VcfSource, vcf_features};
