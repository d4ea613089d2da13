//! How a job stands, with its log.

use std::io::{self, IsTerminal};
use std::time::Duration;

use anyhow::{Result, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use oncoweave_sagemaker::client::{Clients, Tail};
use oncoweave_sagemaker::jobs::{Kind, State, find, state};
use serde_json::Value;

use super::Outcome;
use crate::launcher::Options;
use crate::output;

/// Say how a job, an endpoint or a pipeline's run stands
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The name of a job or an endpoint, or the ARN of a pipeline's run
    name: String,
    /// Print its log and go on until it ends; fail if it fails
    #[arg(long)]
    follow: bool,
    /// With --follow: seconds between looks
    #[arg(long, default_value_t = 10)]
    every_s: u64,
    /// Print the service's whole description as JSON
    #[arg(long, conflicts_with = "follow")]
    json: bool,
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    ensure!(!options.dry_run, "status changes nothing; leave --dry-run out");
    let clients = options.connect().await?;
    let (kind, description) = find(&clients, &args.name).await?;
    if args.json {
        output::data(&serde_json::to_string_pretty(&description)?)?;
        return Ok(Outcome::Complete);
    }
    let last = if args.follow {
        follow(&clients, (kind, &args.name), description, args.every_s).await?
    } else {
        state(kind, &description)
    };
    output::data(&last.line)?;
    if let Some(reason) = &last.reason {
        output::note(reason);
    }
    if kind == Kind::Execution {
        steps(&clients, &args.name).await?;
    }
    // To be told that a job has failed is what was asked for, unless it was waited for.
    Ok(if args.follow && last.failed { Outcome::JobFailed } else { Outcome::Complete })
}

/// Waits until an endpoint or job is ready.
pub(crate) async fn follow_to_end(name: &str, options: &Options) -> Result<()> {
    let clients = options.connect().await?;
    let (kind, description) = find(&clients, name).await?;
    let last = follow(&clients, (kind, name), description, 15).await?;
    ensure!(!last.failed, "{}: {}", last.line, last.reason.unwrap_or_default());
    Ok(())
}

/// Prints the log as it comes, to stdout, and the state, to stderr, until the end.
async fn follow(
    clients: &Clients,
    (kind, name): (Kind, &str),
    mut description: Value,
    every_s: u64,
) -> Result<State> {
    let mut tail = kind.log().map(|group| Tail::new(group, name));
    let bar = bar();
    loop {
        let now = state(kind, &description);
        if let Some(tail) = &mut tail {
            for line in tail.read(clients).await? {
                bar.suspend(|| output::data(&line))?;
            }
        }
        if now.finished {
            bar.finish_and_clear();
            return Ok(now);
        }
        if let Some((done, all)) = now.progress {
            bar.set_length(all);
            bar.set_position(done);
        }
        bar.set_message(now.line);
        tokio::time::sleep(Duration::from_secs(every_s.max(1))).await;
        description = clients.send(&kind.describe(name)).await?;
    }
}

fn bar() -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}")
        .expect("the template is well formed");
    let bar = ProgressBar::with_draw_target(None, target).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The steps of a pipeline's run, one line each.
async fn steps(clients: &Clients, arn: &str) -> Result<()> {
    use oncoweave_sagemaker::Request;
    let body = serde_json::json!({"PipelineExecutionArn": arn});
    let answer = clients.send(&Request::sagemaker("ListPipelineExecutionSteps", body)).await?;
    for step in answer["PipelineExecutionSteps"].as_array().into_iter().flatten() {
        let text = |field: &str| step[field].as_str().unwrap_or_default().to_owned();
        let reason = text("FailureReason");
        let colon = if reason.is_empty() { "" } else { ": " };
        output::data(&format!("  {} {}{colon}{reason}", text("StepName"), text("StepStatus")))?;
    }
    Ok(())
}
