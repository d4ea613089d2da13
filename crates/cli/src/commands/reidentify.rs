//! `oncoweave reidentify`: the patients behind pseudonyms, for whoever has the key.

use std::{io, path::PathBuf};

use anyhow::{Context, Result};
use oncoweave_privacy::{Key, Request, reidentify};

use crate::{Outcome, output};

/// Print the patients behind pseudonyms; needs the key and leaves an audit line
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Pseudonyms of patients or samples
    #[arg(required = true, value_name = "PSEUDONYM")]
    pseudonyms: Vec<String>,
    /// The key file that they were made with
    #[arg(long, value_name = "KEYFILE")]
    key: PathBuf,
    /// Why; it stands in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let key = Key::read(&args.key)?;
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let request = Request {
        user: user.as_deref().unwrap_or("unknown"),
        reason: &args.reason,
        pseudonyms: &args.pseudonyms,
    };
    let found =
        reidentify(&key, &request, &mut io::stdout().lock()).context("could not re-identify")?;
    if found == args.pseudonyms.len() {
        return Ok(Outcome::Complete);
    }
    output::note("some pseudonyms were not made with this key, or its linkage file is not there");
    Ok(Outcome::SetAside)
}
