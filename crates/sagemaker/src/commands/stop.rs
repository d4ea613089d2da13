//! An early end.

use anyhow::{Context, Result};
use oncoweave_sagemaker::jobs::find;

use super::Outcome;
use crate::launcher::{Options, job_name};
use crate::output;

/// Stop a job or a pipeline's run; training keeps its checkpoint
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The name of a job, or the ARN of a pipeline's run
    name: String,
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    let clients = options.connect().await?;
    let (kind, _) = find(&clients, &args.name).await?;
    // A token of at least 32 letters tells repetitions of one request from another request.
    let token = format!("{}-oncoweave-stop-run", job_name(None, "stop", 40));
    let request = kind.stop(&args.name, &token)?;
    if options.dry_run {
        output::data(&serde_json::to_string_pretty(&[request.shown()])?)?;
        return Ok(Outcome::Complete);
    }
    clients.send(&request).await.context("it may have ended by itself")?;
    output::data(&format!("stopping {}", args.name))?;
    Ok(Outcome::Complete)
}
