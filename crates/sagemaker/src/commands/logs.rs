//! The log of a job or an endpoint.

use anyhow::{Result, ensure};
use oncoweave_sagemaker::client::Tail;
use oncoweave_sagemaker::jobs::find;

use super::Outcome;
use crate::launcher::Options;
use crate::output;

/// Print the log of a job or an endpoint, over all its machines
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The name of a job or an endpoint
    name: String,
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    ensure!(!options.dry_run, "logs changes nothing; leave --dry-run out");
    let clients = options.connect().await?;
    let (kind, _) = find(&clients, &args.name).await?;
    let Some(group) = kind.log() else {
        anyhow::bail!("{} has no log of its own; ask for that of one of its jobs", args.name)
    };
    for line in Tail::new(group, &args.name).read(&clients).await? {
        output::data(&line)?;
    }
    Ok(Outcome::Complete)
}
