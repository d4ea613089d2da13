//! De-identification: folders of DICOM, NIfTI, variant files and tables become folders that name
//! nobody, and cohorts stay cohorts.
//!
//! A [`Key`] turns every [`Identifier`] into a pseudonym, every UID into another and every patient into
//! one offset of dates; a [`Profile`] says what may stay. Whoever has the key file can go back, through
//! [`reidentify`], which leaves a line in an audit log. Nothing else in the product can: an
//! [`Identifier`] has no text outside this crate.
//!
//! Genotypes, scans and dates remain a person's own. What this crate writes is pseudonymised in the
//! sense of the GDPR's article 4(5), never anonymous.

mod audit;
mod cohort;
mod column;
mod dates;
mod dicom;
mod error;
mod headers;
mod identifier;
mod job;
mod journal;
mod key;
mod linkage;
mod names;
mod nifti;
mod panels;
mod profile;
#[cfg(test)]
mod real_data;
mod reidentify;
mod report;
mod run;
mod scan;
mod table;
mod variants;
mod words;

pub use column::{Column, Tells};
pub use dicom::identity_removed;
pub use error::{Aside, Error};
pub use headers::{Told, told_by_headers};
pub use identifier::Identifier;
pub use job::FileKind;
pub use key::Key;
pub use profile::{
    Dates, DicomProfile, Face, NiftiProfile, Profile, Role, TableProfile, VariantProfile,
};
pub use reidentify::{Request, reidentify};
pub use report::Report;
pub use run::{REPORT, Settings, deidentify, set_aside_list};
