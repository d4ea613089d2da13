//! Where the parsers meet: the manifest of a cohort, its feature tables, lineage and exclusions on
//! disk, and the alignment of all modalities to one row a patient.
//!
//! A [`Manifest`] says what a cohort is made of and [`read_files`] which files it has. Extraction
//! writes one [`oncoweave_core::FeatureTable`] for each modality ([`write_feature_table`]),
//! [`align`] joins them to the outcomes, and [`write_cohort`] stores the result. Whatever is
//! written appears whole or not at all ([`write_atomically`]), and the same content gives the same
//! bytes.

mod align;
mod aligned;
mod answers;
mod assemble;
mod atomic;
mod columns;
mod error;
mod exclusions;
mod explanations;
mod extraction;
mod features;
mod files;
mod hash;
mod lineage;
mod manifest;
mod parquet_file;
mod predictions;
mod records;
#[cfg(test)]
mod testing;
mod text_table;

pub use align::{KnownPatients, ModalityTable, align};
pub use aligned::{
    read_cohort, read_cohort_exclusions, read_cohort_extraction, read_cohort_id,
    read_cohort_to_predict, read_outcomes, write_aligned, write_cohort, write_outcomes,
};
pub use answers::{AnswerColumn, answers_parquet, read_answers};
pub use assemble::{merge_tables, single_row};
pub use atomic::{TEMPORARY_PREFIX, remove_leftovers, write_atomically};
pub use error::Error;
pub use exclusions::{guarded, read_exclusions, write_exclusions};
pub use explanations::{ExplanationNames, ExplanationRow, read_explanations, write_explanations};
pub use features::{read_feature_table, write_feature_table};
pub use files::{AbsentFile, SourceFile, SourceFiles, read_files, read_files_elsewhere};
pub use hash::{SourceHash, hash_source, sha256_bytes, sha256_file};
pub use lineage::{LineageRow, Status, read_lineage, write_lineage};
pub use manifest::{Kind, Manifest, Modality, Privacy, PrivacyStatus, Window};
pub use parquet_file::stored_kind;
pub use predictions::{PredictionLayout, read_predictions, write_predictions};
pub use records::{RecordReader, RecordRows};
pub use text_table::{TextColumn, TextError, TextReader, TextWriter};

/// The layout of the Parquet files that this version writes, stored in their metadata.
pub const SCHEMA_VERSION: u32 = 1;
