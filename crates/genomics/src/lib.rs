//! Genomic files to features of one patient.
//!
//! [`vcf_features`] reads the VCFs of one tumor, [`maf_features`] one sample of a [`Maf`], [`cnv_features`] one
//! sample of a [`CopyNumber`], [`sv_features`] one sample of [`StructuralVariants`]. The list of features depends on the settings alone. A value
//! of zero means that the tumor was examined and has none; a feature that the file cannot tell has
//! no value. Messages name no sample: only the path, the line and counts.

mod allele;
mod annotation;
mod bcf;
pub mod build;
mod calls;
mod columns;
mod compression;
mod consequence;
mod copy_number;
mod declared_build;
mod drivers;
mod error;
mod evidence;
mod expression;
mod expression_matrix;
#[doc(hidden)]
pub mod fuzzing;
mod gene_sets;
mod genotype_record;
mod genotypes;
#[cfg(test)]
mod golden;
mod header;
mod hotspots;
mod inspect;
mod lines;
mod maf;
mod merge;
mod normalize;
mod notes;
mod pair;
mod panels;
mod polygenic;
#[cfg(test)]
mod real_callers;
#[cfg(test)]
mod real_data;
mod reference;
mod regions;
mod resources;
mod sample;
mod settings;
mod signatures;
mod small_variant;
pub mod spec;
mod spectra;
mod structural;
mod tally;
mod variant_settings;
mod vcf;

pub use calls::{SomaticVariant, vcf_variants};
pub use columns::matches_sample;
pub use consequence::Class;
pub use copy_number::{CnvSettings, CopyNumber, HumanBuild, cnv_features};
pub use declared_build::declared_build;
pub use drivers::DriverClass;
pub use error::Error;
pub use evidence::Evidence;
pub use expression::{
    Expression, ExpressionSettings, ExpressionUnit, GeneSetMethod, Transform, expression_features,
};
pub use gene_sets::GeneSets;
pub use genotypes::{GenotypeResources, GenotypeSettings, GenotypeSource, Snp, genotype_features};
pub use inspect::{
    Caller, Compression, FileKind, Inspection, SampleColumn, TableSummary, VcfSummary, inspect,
};
pub use maf::{Maf, MafSample, maf_features};
pub use notes::Note;
pub use panels::Panel;
pub use resources::{VariantResources, VcfResources};
pub use settings::{Interval, MafSettings, VcfSettings};
pub use signatures::{Exposures, SignatureMatrix, SignatureMethod, exposures};
pub use spectra::Spectrum;
pub use structural::{Fusion, StructuralVariants, SvSettings, sv_features};
pub use variant_settings::VariantSettings;
pub use vcf::{VcfFeatures, VcfSource, vcf_features};
