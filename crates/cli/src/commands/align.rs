use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fs_err as fs;
use oncoweave_cohort::{
    Manifest, ModalityTable, Window, align, read_exclusions, read_feature_table, read_outcomes,
    write_aligned, write_atomically, write_exclusions,
};
use oncoweave_core::{Cohort, Exclusion};
use serde_json::json;

use super::extract::{check_made_from, stored};
use crate::{Outcome, output, replace};

/// Join the feature tables to one row a patient
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The cohort's manifest, cohort.toml
    pub(crate) manifest: PathBuf,
    /// The folder that extract wrote
    #[arg(long, value_name = "DIR")]
    pub(crate) features: PathBuf,
    /// The aligned table to write; lineage.parquet and exclusions.csv go beside it, with its name
    /// before theirs unless it is cohort.parquet
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let (outcome, summary) = align_tables(args)?;
    output::data(&summary)?;
    Ok(outcome)
}

/// How an alignment ended, and what it came to in words or JSON.
pub(crate) fn align_tables(args: &Args) -> Result<(Outcome, String)> {
    let manifest = Manifest::read(&args.manifest)?;
    check_out(&args.out, &args.manifest)?;
    check_made_from(&args.features, &manifest)?;
    let outcomes = read_outcomes(&args.features.join("outcomes.parquet"))?;
    let tables = read_tables(&args.features, &manifest)?;
    let earlier: Vec<Exclusion> = read_exclusions(&args.features.join("exclusions.csv"))?
        .into_iter()
        // The folder may hold the list of an earlier alignment.
        .filter(|one| one.step != "align")
        .collect();
    let lineage = fs::read(args.features.join("lineage.parquet"))?;

    let dated = manifest.clinical.contains_key("index_date");
    if dated {
        warn_of_undated(&tables);
    }
    let (cohort, left_out) = align(&outcomes, &tables, dated);
    tracing::info!(patients = cohort.len(), columns = cohort.columns.len(), "aligned the cohort");
    let excluded = [earlier, left_out.clone()].concat();
    write_exclusions(&beside(&args.out, "exclusions.csv"), &excluded)?;
    let lineage_path = beside(&args.out, "lineage.parquet");
    write_atomically(&lineage_path, |file| file.write_all(&lineage))?;
    let extraction = stored(&manifest)?;
    write_aligned(&args.out, &manifest.id, &cohort, &excluded, Some(&extraction))?;
    let summary = summary(&manifest, &cohort, excluded.len(), left_out.len());
    let outcome = if left_out.is_empty() { Outcome::Complete } else { Outcome::SetAside };
    Ok((outcome, if args.json { json_text(&summary) } else { text(&summary, &args.out) }))
}

/// The name of a list beside the table: its own where the table has the usual name, else with the
/// table's before it, so that the lists of two tables in one folder do not meet.
fn beside(out: &Path, name: &str) -> PathBuf {
    match out.file_stem().map(|stem| stem.to_string_lossy()) {
        Some(stem) if stem != "cohort" => out.with_file_name(format!("{stem}.{name}")),
        _ => out.with_file_name(name),
    }
}

/// Refuses to replace anything but an earlier alignment, be it by the table or by its lists.
fn check_out(out: &Path, manifest: &Path) -> Result<()> {
    replace::check_table(out, "cohort", &[manifest])?;
    replace::check_table(&beside(out, "lineage.parquet"), "lineage", &[])?;
    let list = beside(out, "exclusions.csv");
    if list.exists() && read_exclusions(&list).is_err() {
        bail!("{} exists and is no list of exclusions; name another --out", list.display());
    }
    Ok(())
}

/// The tables in the order of the manifest, the clinical one first.
fn read_tables(features: &Path, manifest: &Manifest) -> Result<Vec<ModalityTable>> {
    let clinical = ("clinical", Window::default());
    let others = manifest.modalities.iter().map(|one| (one.name.as_str(), one.window));
    let read = |(name, window): (&str, Window)| {
        let path = features.join("features").join(format!("{name}.parquet"));
        let table = read_feature_table(&path).with_context(|| {
            format!("could not read the features of `{name}`; extract writes them")
        })?;
        Ok(ModalityTable { name: name.to_owned(), window, table })
    };
    std::iter::once(clinical).chain(others).map(read).collect()
}

/// A row without a date counts whenever it was taken, so that a window says nothing of it.
fn warn_of_undated(tables: &[ModalityTable]) {
    for ModalityTable { name, window, table } in tables {
        let undated = table.rows.iter().filter(|row| row.date.is_none()).count();
        let is_windowed = *window != Window::default() || undated < table.rows.len();
        if is_windowed && undated > 0 {
            tracing::warn!(
                "modality `{name}`: {undated} of {} rows have no date and were taken as lying in \
                 the window; give each its `date`",
                table.rows.len()
            );
        }
    }
}

/// The figures of an alignment; `left_out` are those of `excluded` that this step added.
fn summary(
    manifest: &Manifest,
    cohort: &Cohort,
    excluded: usize,
    left_out: usize,
) -> serde_json::Value {
    let modality = |name: &str| {
        let columns: Vec<_> = cohort.columns.iter().filter(|one| one.modality == name).collect();
        let present = |row: &usize| columns.iter().any(|column| column.values.get(*row).is_some());
        let patients = (0..cohort.len()).filter(present).count();
        json!({ "name": name, "columns": columns.len(), "patients": patients })
    };
    let names = std::iter::once("clinical").chain(manifest.modalities.iter().map(|m| &*m.name));
    json!({
        "cohort": manifest.id,
        "patients": cohort.len(),
        "outcomes": cohort.survival.iter().flatten().count(),
        "events": cohort.survival.iter().flatten().filter(|survival| survival.event).count(),
        "modalities": names.map(modality).collect::<Vec<_>>(),
        "excluded": excluded,
        "left_out": left_out,
    })
}

fn json_text(summary: &serde_json::Value) -> String {
    format!("{summary:#}")
}

fn text(summary: &serde_json::Value, out: &Path) -> String {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let modality = |one: &serde_json::Value| {
        format!(
            "  {}: {} columns, {} patients have any\n",
            text(&one["name"]),
            one["columns"],
            one["patients"]
        )
    };
    let modalities: String =
        summary["modalities"].as_array().into_iter().flatten().map(modality).collect();
    format!(
        "cohort `{}`: {} patients, {}\n{modalities}{} exclusions in all, {} by this step, \
         listed in {}\nwrote {}",
        text(&summary["cohort"]),
        summary["patients"],
        if summary["outcomes"] == 0 {
            "no outcome".to_owned()
        } else {
            format!("{} events", summary["events"])
        },
        summary["excluded"],
        summary["left_out"],
        beside(out, "exclusions.csv").display(),
        out.display()
    )
}
