//! Predictions for Amazon QuickSight.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use oncoweave_sagemaker::quicksight::{analysis, columns, data_set, data_source, flat, manifest};
use serde_json::Value;

use super::Outcome;
use crate::launcher::Options;
use crate::output;

/// Write predictions as QuickSight reads them: a flat CSV, its manifest, data set and analysis
///
/// Copy the folder to the place in S3 that --at names, then run the three `aws quicksight` commands
/// that this prints.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Predictions: the CSV or JSON lines of an endpoint or a batch transform
    predictions: PathBuf,
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The place in S3 that the folder is copied to
    #[arg(long, value_name = "PLACE")]
    at: String,
    /// The name of data source, data set and analysis
    #[arg(long, default_value = "oncoweave")]
    name: String,
    /// Leave patients' ids out
    #[arg(long)]
    without_ids: bool,
}

/// The account stands in every request of QuickSight; the command line of AWS fills it in.
const ACCOUNT: &str = "$(aws sts get-caller-identity --query Account --output text)";

pub(crate) fn run(args: &Args, _: &Options) -> Result<Outcome> {
    ensure!(args.at.starts_with("s3://"), "--at takes s3://BUCKET/FOLDER, found `{}`", args.at);
    let text = fs_err::read_to_string(&args.predictions)?;
    let (csv, rows) =
        flat(&text, args.without_ids).with_context(|| args.predictions.display().to_string())?;
    let columns = columns(&csv)?;
    fs_err::create_dir_all(&args.out)?;
    let at = args.at.trim_end_matches('/');
    write(&args.out, "predictions.csv", &csv)?;
    write_json(&args.out, "manifest.json", &manifest(&format!("{at}/predictions.csv")))?;
    write_json(
        &args.out,
        "data-source.json",
        &data_source(&args.name, &format!("{at}/manifest.json"))?,
    )?;
    write_json(&args.out, "data-set.json", &data_set(&args.name, &columns))?;
    write_json(&args.out, "analysis.json", &analysis(&args.name, &columns))?;
    output::note(&format!(
        "{rows} predictions; in each file put region and account in place of REGION and ACCOUNT"
    ));
    let folder = args.out.display();
    output::data(&format!(
        "aws s3 sync {folder} {at} --exclude '*' --include predictions.csv --include manifest.json\n\
         aws quicksight create-data-source --aws-account-id {ACCOUNT} --cli-input-json file://{folder}/data-source.json\n\
         aws quicksight create-data-set --aws-account-id {ACCOUNT} --cli-input-json file://{folder}/data-set.json\n\
         aws quicksight create-analysis --aws-account-id {ACCOUNT} --cli-input-json file://{folder}/analysis.json"
    ))?;
    Ok(Outcome::Complete)
}

fn write_json(folder: &Path, name: &str, value: &Value) -> Result<()> {
    write(folder, name, &(serde_json::to_string_pretty(value)? + "\n"))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    Ok(fs_err::write(folder.join(name), text)?)
}
