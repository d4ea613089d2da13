//! `oncoweave container process`: extraction as a processing job, on one machine or several.
//!
//! Amazon SageMaker AI developer guide, "Build your own processing container".

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};
use oncoweave_cohort::write_atomically;
use oncoweave_serve::DEFAULT_ROOT;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::message;
use crate::commands::{align, extract};
use crate::{Outcome, output};

/// The exit code of a process that was asked to stop: 128 and the signal's number.
const STOPPED: i32 = 143;

/// The input and the output that hold shares.
const SHARES: &str = "shares";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The cohort's manifest [default: the one cohort.toml of the inputs]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Read only the files of the I-th of N shares of the patients [default: a share for each
    /// machine of the job]
    #[arg(long, value_name = "I/N")]
    shard: Option<extract::Shard>,
    /// Read a cohort whose files still name their patients
    #[arg(long)]
    identified: bool,
}

/// Runs the job and leaves its message. Patients that were set aside are listed in the output and
/// counted in the message: to the platform, any exit code but 0 is a job that failed.
pub(super) fn run(root: &Path, args: &Args) -> Result<Outcome> {
    // The first process of a container ends by no signal that it does not handle. Files are
    // renamed into place when they are whole, so that it may end anywhere.
    for signal in [SIGTERM, SIGINT] {
        let always = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_shutdown(signal, STOPPED, always)?;
    }
    let manifest = manifest(root, args);
    let known = manifest.as_ref().ok().and_then(|path| fs_err::read_to_string(path).ok());
    let done = manifest.and_then(|manifest| process(root, args, manifest));
    let message = match &done {
        Ok(summary) => message::shortened(summary),
        Err(error) => message::failure(error, known.as_deref().unwrap_or_default()),
    };
    let left = write_atomically::<std::io::Error>(&root.join("output/message"), |file| {
        file.write_all(message.as_bytes())
    });
    if let Err(error) = left {
        tracing::warn!(%error, "could not leave the job's message");
    }
    output::data(&done?)?;
    Ok(Outcome::Complete)
}

fn process(root: &Path, args: &Args, manifest: PathBuf) -> Result<String> {
    let outputs = root.join("processing/output");
    let shares = root.join("processing/input").join(SHARES);
    let shard = args.shard.map_or_else(|| shard_of_machine(root), |shard| Ok(Some(shard)))?;
    let join = shares.is_dir().then_some(shares);
    if let (Some(shard), Some(_)) = (shard, &join) {
        bail!(
            "the input `{SHARES}` is joined by one machine, this job has {}; set its instance \
             count to 1, or leave the input out",
            shard.count
        );
    }
    let (features, cohort) = (outputs.join("features"), outputs.join("cohort"));
    let (out, results) = match shard {
        Some(_) => (outputs.join(SHARES), vec![outputs.join(SHARES)]),
        None => (features.clone(), vec![features.clone(), cohort.clone()]),
    };
    check_job(root, &results, shard)?;
    let extracted = extract::extract(&extract::Args {
        manifest: manifest.clone(),
        out,
        resume: false,
        jobs: None,
        shard,
        join,
        identified: args.identified,
        json: false,
    })?;
    if shard.is_some() {
        return Ok(extracted.summary);
    }
    let aligned = align::align_tables(&align::Args {
        manifest,
        features,
        out: cohort.join("cohort.parquet"),
        json: false,
    })?;
    Ok(format!("{}\n{}", extracted.summary, aligned.1))
}

/// The manifest that was named, or the only one of the inputs.
fn manifest(root: &Path, args: &Args) -> Result<PathBuf> {
    if let Some(manifest) = &args.manifest {
        return Ok(manifest.clone());
    }
    let inputs = root.join("processing/input");
    let mut found = Vec::new();
    for entry in fs_err::read_dir(&inputs).context("the job has no input")? {
        let path = entry?.path().join("cohort.toml");
        if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    match &found[..] {
        [manifest] => Ok(manifest.clone()),
        [] => bail!(
            "no input below {} has a cohort.toml; give the cohort's folder as an input, or name \
             the manifest with --manifest in the job's arguments",
            inputs.display()
        ),
        [first, second, ..] => bail!(
            "{} and {} are both manifests; name one with --manifest in the job's arguments",
            first.display(),
            second.display()
        ),
    }
}

/// `resourceconfig.json`.
#[derive(Deserialize)]
struct Resources {
    current_host: String,
    hosts: Vec<String>,
}

/// The share of this machine: its place among the sorted names of all; `None` where it is alone.
fn shard_of_machine(root: &Path) -> Result<Option<extract::Shard>> {
    let path = root.join("config/resourceconfig.json");
    let Some(Resources { current_host, mut hosts }) = read_json(&path)? else { return Ok(None) };
    hosts.sort();
    hosts.dedup();
    let Some(index) = hosts.iter().position(|host| *host == current_host) else {
        bail!("{}: `{current_host}` is not among the hosts", path.display());
    };
    Ok((hosts.len() > 1).then_some(extract::Shard { index, count: hosts.len() }))
}

/// Refuses, before any work, a job whose inputs are divided by the names of their objects, which
/// may tear a patient apart, and one that would not upload the results. The job's description
/// repeats the request that it was made by.
fn check_job(root: &Path, results: &[PathBuf], shard: Option<extract::Shard>) -> Result<()> {
    let Some(job) = read_json::<Value>(&root.join("config/processingjobconfig.json"))? else {
        return Ok(());
    };
    let torn = |input: &&Value| input["S3Input"]["S3DataDistributionType"] == "ShardedByS3Key";
    let inputs = job["ProcessingInputs"].as_array();
    if let Some(input) = inputs.into_iter().flatten().find(torn)
        && shard.is_some()
    {
        bail!(
            "the input {} is ShardedByS3Key, which gives a patient's files to different machines; \
             set it to FullyReplicated: the program divides the patients by itself",
            input["InputName"]
        );
    }
    let Some(outputs) = job["ProcessingOutputConfig"]["Outputs"].as_array() else {
        return Ok(());
    };
    let uploads = |result: &Path| {
        outputs.iter().any(|output| {
            let folder = Path::new(output["S3Output"]["LocalPath"].as_str().unwrap_or_default());
            let inside = folder.strip_prefix(DEFAULT_ROOT);
            inside.is_ok_and(|inside| result.starts_with(root.join(inside)))
        })
    };
    match results.iter().find(|result| !uploads(result)) {
        None => Ok(()),
        Some(result) => bail!(
            "the job uploads nothing from {}; give it an output with the local path \
             {DEFAULT_ROOT}/processing/output",
            result.display()
        ),
    }
}

/// The content of a file of the platform; `None` where it is not there.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = fs_err::read(path)?;
    serde_json::from_slice(&text)
        .map(Some)
        .with_context(|| format!("{} is not what the platform writes", path.display()))
}
