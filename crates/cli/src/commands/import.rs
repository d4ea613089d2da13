//! `oncoweave import`: a public study becomes a cohort that extract reads.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use oncoweave_import::{ImportSettings, import_cbioportal};

use crate::{Outcome, output, replace};

/// Turn a public study into a cohort: cohort.toml, files.csv and a clinical table
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    source: Source,
}

#[derive(clap::Subcommand)]
enum Source {
    /// A study folder in cBioPortal's file formats
    Cbioportal(Cbioportal),
}

#[derive(clap::Args)]
struct Cbioportal {
    /// The study's folder, with its `meta_study.txt`
    study: PathBuf,
    /// Folder to write, new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The survival endpoint: OS, DFS, PFS or DSS
    #[arg(long, default_value = "OS", value_name = "NAME")]
    endpoint: String,
    /// The clinical attribute that holds the subtype or other class to predict
    #[arg(long, value_name = "ATTRIBUTE")]
    label: Option<String>,
    /// Genes that get features, separated by commas [default: those of the study's panels, else 64
    /// frequent drivers]
    #[arg(long, value_delimiter = ',', value_name = "GENES")]
    genes: Vec<String>,
    /// Keep a clinical attribute of long whole numbers that was left out because they look like
    /// numbers of people, when you know that they count or measure something; may be repeated
    #[arg(long = "keep-column", value_name = "NAME")]
    keep_columns: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let Source::Cbioportal(args) = &args.source;
    if !replace::is_free(&args.out)? {
        bail!("{} is not empty; name a new folder with --out", args.out.display());
    }
    let settings = ImportSettings {
        endpoint: args.endpoint.clone(),
        label: args.label.clone(),
        genes: args.genes.clone(),
        keep_columns: args.keep_columns.clone(),
    };
    let imported = import_cbioportal(&args.study, &args.out, &settings)
        .with_context(|| format!("could not import {}", args.study.display()))?;
    for note in &imported.notes {
        output::note(&note.to_string());
    }
    let width = imported.modalities.iter().map(|one| one.name.len()).max().unwrap_or_default();
    let mut lines = vec![format!(
        "{} patients, {} with a known outcome, {} events",
        imported.patients, imported.outcomes, imported.events
    )];
    lines.extend(imported.modalities.iter().map(|one| {
        format!("  {:width$}  {:>6} patients  from {}", one.name, one.patients, one.source)
    }));
    lines.push(format!("wrote {}", imported.manifest.display()));
    output::data(&lines.join("\n"))?;
    Ok(Outcome::Complete)
}
