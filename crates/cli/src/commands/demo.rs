//! `oncoweave demo`: the whole way on a simulated cohort.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use oncoweave_model::TrainConfig;

use super::{align, cv, extract, predict, simulate, train};
use crate::{Outcome, output};

/// Simulate a cohort and take it the whole way, from raw files to a report
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder to write
    #[arg(long, default_value = "demo")]
    out: PathBuf,
    /// How many patients to simulate
    #[arg(long, default_value_t = 60)]
    patients: usize,
    /// The start of all random numbers
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// Names the demo's own folder, so that a second run may replace it and nothing else.
const MARK: &str = ".oncoweave-demo";

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let out = &args.out;
    make_room(args)?;
    let manifest = out.join("cohort/cohort.toml");
    let features = out.join("extracted");
    let data = out.join("cohort.parquet");
    let config = out.join("train.toml");
    let model = out.join("model");
    let settings = TrainConfig { seed: args.seed, ..TrainConfig::default() };
    fs_err::write(&config, toml::to_string(&settings)?)?;

    step("simulate: VCF, DICOM, NIfTI and a clinical table with a known truth")?;
    simulate::run(&simulate::Args {
        out: out.join("cohort"),
        patients: args.patients,
        seed: args.seed,
        no_mess: false,
    })?;
    step("extract: raw files to features")?;
    extract::run(&extract::Args {
        manifest: manifest.clone(),
        out: features.clone(),
        resume: false,
        jobs: None,
        shard: None,
        json: false,
    })?;
    step("align: one row a patient")?;
    align::run(&align::Args { manifest, features, out: data.clone(), json: false })?;
    step("cv: the fusion network beside ridge Cox and each modality alone")?;
    cv::run(&cv::Args {
        config: config.clone(),
        data: data.clone(),
        out: out.join("evaluation"),
        folds: Some(5),
        splits: None,
        json: false,
    })?;
    step("train: one model on all patients")?;
    train::run(&train::Args {
        config,
        data: data.clone(),
        out: model.clone(),
        checkpoints: None,
        force: true,
    })?;
    step("predict")?;
    predict::run(&predict::Args { model, data, out: out.join("predictions.parquet") })?;
    output::data(&format!("\nopen {}", out.join("evaluation/report.html").display()))?;
    Ok(Outcome::Complete)
}

/// Makes the folder, or empties it when an earlier demo made it.
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
        fs_err::remove_dir_all(out)?;
    }
    fs_err::create_dir_all(out)?;
    fs_err::write(out.join(MARK), "").with_context(|| format!("could not mark {}", out.display()))
}

fn step(what: &str) -> Result<()> {
    output::data(&format!("\n== {what}"))
}
