//! The dashboard: pages about an evaluation for people who will not run a command.
//!
//! [`serve`] answers browsers from an evaluation folder and what else is named of its patients:
//! pages rendered here, without scripts where a page can do without, under a strict content
//! security policy, behind accounts with rights and an audit log.

mod access;
mod connections;
mod error;
mod export;
mod places;
mod score;
mod server;
mod settings;
mod study;
mod web;

pub use access::{AuditState, verify_audit};
pub use error::Error;
pub use server::{Started, serve};
pub use settings::{Settings, Sources};

/// Stands on every page and in every export.
pub(crate) const DISCLAIMER: &str = "Research use only. Not a medical device.";
