//! `oncoweave deidentify`: a folder or a cohort without what tells who it is about.

use std::path::PathBuf;

use anyhow::{Context, Result};
use oncoweave_privacy::{Key, Profile, REPORT, Report, Settings, deidentify, set_aside_list};

use crate::{Outcome, output, progress::progress};

/// Take identity out of a cohort or a folder of DICOM, NIfTI, variants and tables
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder, or a cohort: the folder of a `cohort.toml`
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Folder to write, new, empty or of a run that was cut off
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The secret that pseudonyms come from; keep it off the released data
    #[arg(long, value_name = "KEYFILE")]
    key: PathBuf,
    /// Make the key file, readable by you alone
    #[arg(long, conflicts_with = "rotate_key")]
    new_key: bool,
    /// Add a generation to the key file: pseudonyms change, earlier ones can still be re-identified
    #[arg(long)]
    rotate_key: bool,
    /// What may stay, as TOML [default: dates moved, patient characteristics and known words kept]
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let profile = match &args.profile {
        Some(path) => Profile::read(path)?,
        None => Profile::default(),
    };
    let mut key = if args.new_key { Key::create(&args.key)? } else { Key::read(&args.key)? };
    if args.rotate_key {
        key.rotate()?;
    }
    let settings = Settings { input: &args.input, out: &args.out, key: &key, profile: &profile };
    let bar = progress("taking identity out", 0);
    let report = deidentify(&settings, &|done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })
    .context("could not de-identify")?;
    bar.finish_and_clear();
    for warning in &report.warnings {
        output::note(warning);
    }
    let mut text = summary(&report);
    text.push(format!("wrote {} and {}", args.out.display(), args.out.join(REPORT).display()));
    if report.files_set_aside() > 0 {
        text.push(format!(
            "which files were set aside stands in {}, for you alone",
            set_aside_list(&key).display()
        ));
    }
    output::data(&text.join("\n"))?;
    Ok(if report.files_set_aside() > 0 { Outcome::SetAside } else { Outcome::Complete })
}

fn summary(report: &Report) -> Vec<String> {
    let mut lines = vec![format!(
        "{} files of {} patients pseudonymised, {} set aside",
        report.files_written(),
        report.patients,
        report.files_set_aside()
    )];
    lines.extend(report.set_aside.iter().map(|(reason, count)| format!("  {count:>6}  {reason}")));
    lines
}
