//! Extraction as a processing job.

use anyhow::Result;
use oncoweave_sagemaker::requests::{Processing, align, extract, process};

use super::Outcome;
use crate::launcher::{Options, Step, in_s3, job_name, submit};
use crate::output;

/// Extract a cohort's features, its patients shared out over several machines
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The cohort in S3: the folder of cohort.toml
    cohort: String,
    /// The folder in S3 for the features [default: features/NAME in the project's folder]
    #[arg(long, value_name = "PLACE")]
    out: Option<String>,
    /// The shares that several machines of an earlier job wrote, below its --out, to be joined and
    /// aligned on one machine
    #[arg(long, value_name = "PLACE")]
    join: Option<String>,
    /// The job's name [default: process and the time]
    #[arg(long)]
    name: Option<String>,
    /// Machines
    #[arg(long, default_value_t = 1)]
    hosts: u32,
    /// The instance type, instead of the settings file's
    #[arg(long)]
    instance: Option<String>,
    /// Disk of each machine, GB
    #[arg(long, default_value_t = 100)]
    volume_gb: u32,
    /// The longest run, seconds
    #[arg(long, default_value_t = 86_400)]
    max_runtime_s: u32,
    /// Let the job reach the network
    #[arg(long)]
    no_isolation: bool,
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    let mut settings = options.settings()?;
    if let Some(instance) = &args.instance {
        settings.instances.process.clone_from(instance);
    }
    in_s3(&args.cohort, "cohort", &settings)?;
    if let Some(shares) = &args.join {
        in_s3(shares, "shares", &settings)?;
    }
    let name = job_name(args.name.as_deref(), "process", 63);
    let out = args.out.clone().unwrap_or_else(|| settings.s3(&format!("features/{name}")));
    let cohort = args.cohort.as_str().into();
    let job = match &args.join {
        Some(parts) => align(&name, cohort, parts.as_str().into(), out.as_str().into()),
        None => extract(&name, cohort, out.as_str().into()),
    };
    let job = Processing {
        hosts: args.hosts,
        volume_gb: args.volume_gb,
        max_runtime_s: args.max_runtime_s,
        isolated: !args.no_isolation,
        ..job
    };
    submit(&[Step::Call(process(&job, &settings))], &settings, options).await?;
    if !options.dry_run {
        output::data(&format!("started {name}; it writes to {out}"))?;
        if args.hosts > 1 {
            output::note(&format!("when it has ended, join its shares with --join {out}/shares"));
        }
    }
    Ok(Outcome::Complete)
}
