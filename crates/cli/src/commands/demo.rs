//! `oncoweave demo`: the whole way on a simulated cohort.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use oncoweave_cohort::TEMPORARY_PREFIX;
use oncoweave_model::TrainConfig;

use super::{align, cv, extract, predict, simulate, train};
use crate::{Outcome, output};

/// Simulate a cohort and take it the whole way, from raw files to a report
///
/// The cohort has broken files on purpose, which are set aside and listed; the exit code is 0 all the same. A second demo in the same folder replaces the results of the first and no other file.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder to write
    #[arg(long, default_value = "demo")]
    out: PathBuf,
    /// How many patients to simulate, 30 or more
    #[arg(long, default_value_t = 60, value_parser = patients)]
    patients: usize,
    /// The start of all random numbers
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// Fewer cannot hold the mess of real cohorts and five folds with events in each.
const FEWEST_PATIENTS: usize = 30;

fn patients(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(patients) if patients >= FEWEST_PATIENTS => Ok(patients),
        _ => Err(format!(
            "the demo needs at least {FEWEST_PATIENTS} patients, for five folds with events in each"
        )),
    }
}

/// Names the demo's own folder, so that a second run may replace it and nothing else.
const MARK: &str = ".oncoweave-demo";

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let out = &args.out;
    make_room(args)?;
    let manifest = out.join("cohort/cohort.toml");
    let (features, data) = (out.join("extracted"), out.join("cohort.parquet"));
    let (config, model) = (out.join("train.toml"), out.join("model"));
    let settings = TrainConfig { seed: args.seed, ..TrainConfig::default() };
    fs_err::write(&config, toml::to_string(&settings)?)?;

    step("simulate: VCF, DICOM, NIfTI and a clinical table with a known truth")?;
    simulate::run(&cohort(args))?;
    step("extract: raw files to features")?;
    extract::run(&extract::Args {
        manifest: manifest.clone(),
        out: features.clone(),
        resume: false,
        jobs: None,
        shard: None,
        join: None,
        identified: false,
        json: false,
    })?;
    step("align: one row a patient")?;
    align::run(&align::Args { manifest, features, out: data.clone(), json: false })?;
    step("cv: the fusion model beside ridge Cox and each modality alone")?;
    cv::run(&cv::Args {
        by_site: false,
        repeats: 1,
        config: config.clone(),
        data: data.clone(),
        out: out.join("evaluation"),
        folds: Some(5),
        splits: None,
        json: false,
        small_cells: None,
    })?;
    step("train: one model on all patients")?;
    train::run(&train::Args {
        metrics: None,
        config,
        data: data.clone(),
        out: model.clone(),
        checkpoints: None,
        force: true,
        processes: 1,
        helper: None,
    })?;
    step("predict")?;
    predict::run(&predict::Args {
        model,
        data,
        out: out.join("predictions.parquet"),
        explain: None,
    })?;
    output::data(&format!("\nopen {}", out.join("evaluation/report.html").display()))?;
    Ok(Outcome::Complete)
}

fn cohort(args: &Args) -> simulate::Args {
    simulate::Args {
        out: args.out.join("cohort"),
        patients: args.patients,
        seed: args.seed,
        no_mess: false,
        competing: false,
        late_entry: false,
    }
}

/// Makes the folder, or takes it over when an earlier demo made it. Only what the demo itself writes
/// is removed; the later steps replace their own results.
fn make_room(args: &Args) -> Result<()> {
    let out = &args.out;
    if out.exists() {
        let empty = fs_err::read_dir(out)?.next().is_none();
        if !empty && !out.join(MARK).exists() {
            bail!(
                "{} holds something else than a demo; name another folder with --out",
                out.display()
            );
        }
        for (folder, entries) in OWN {
            check_own(&out.join(folder), entries)?;
        }
        for (folder, _) in OWN {
            let folder = out.join(folder);
            if folder.exists() {
                fs_err::remove_dir_all(folder)?;
            }
        }
    }
    fs_err::create_dir_all(out)?;
    fs_err::write(out.join(MARK), "").with_context(|| format!("could not mark {}", out.display()))
}

/// The folders that cannot be written over when another seed makes another cohort, and what the
/// demo puts there.
const OWN: [(&str, &[&str]); 2] = [
    (
        "cohort",
        &[
            ".simulate-unfinished",
            "README.md",
            "clinical.csv",
            "cohort.toml",
            "cohort.toml.tmp",
            "ct",
            "files.csv",
            "genomics",
            "mess.csv",
            "mr",
            "oracle.csv",
        ],
    ),
    (
        "extracted",
        &[
            ".parts",
            "exclusions.csv",
            "extract.json",
            "features",
            "lineage.parquet",
            "outcomes.parquet",
        ],
    ),
];

/// Fails when a folder holds what somebody put there, which must not be lost.
fn check_own(folder: &Path, entries: &[&str]) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !entries.contains(&name.as_str()) && !name.starts_with(TEMPORARY_PREFIX) {
            bail!(
                "{} was not made by the demo; move it, or name another folder with --out",
                folder.join(name).display()
            );
        }
    }
    Ok(())
}

fn step(what: &str) -> Result<()> {
    output::data(&format!("\n== {what}"))
}
