//! Variant files: VCF, BCF and MAF. Who was sequenced, where and how goes; the genotypes stay, and they
//! alone identify a person, which is why what comes out is pseudonymised and not anonymous.

mod header;
mod maf;
mod named;
mod record;
mod said;
mod sample;
mod vcf;

pub(crate) use maf::deidentify_maf;
pub(crate) use said::said;
pub(crate) use sample::SampleNames;
pub(crate) use vcf::{deidentify_vcf, is_variants};
