//! Public studies to cohorts: a folder in cBioPortal's file formats becomes a `cohort.toml`, a
//! `files.csv` and a clinical table that `oncoweave extract` reads.
//!
//! [`import_cbioportal`] checks the whole study first, and writes nothing when anything in it is
//! wrong: every fault is listed with its file, line and column.

mod case_lists;
mod clinical;
mod error;
mod findings;
mod manifest;
mod matrix;
mod merged;
mod meta;
mod panels;
#[cfg(test)]
mod real_data;
mod study;
mod table;
#[cfg(test)]
mod tests;
mod write;

pub use error::Error;
pub use findings::Finding;
pub use study::{ImportSettings, Imported, ImportedModality, import_cbioportal};
