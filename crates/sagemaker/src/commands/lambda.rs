//! The program as a Lambda function.

use anyhow::{Result, ensure};
use lambda_runtime::{LambdaEvent, service_fn};
use oncoweave_sagemaker::Settings;
use oncoweave_sagemaker::client::Clients;
use oncoweave_sagemaker::lambda::{Task, carry_out, task};
use serde_json::Value;

use super::Outcome;
use crate::launcher::Options;
use crate::output;

/// Serve as a Lambda function: score records of an event, or deploy a version that was approved
///
/// Put this program into the function's archive as `bootstrap`, with sagemaker.toml beside it.
/// Events are {"records": [{...}]}, as such or as the body of API Gateway, and EventBridge's word
/// of an approved model package.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The endpoint that is asked and deployed to [default: what `ONCOWEAVE_ENDPOINT` says]
    #[arg(long)]
    endpoint: Option<String>,
    /// Answer the event on stdin and end, to try it without Lambda
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    let endpoint = args.endpoint.clone().or_else(|| std::env::var("ONCOWEAVE_ENDPOINT").ok());
    let settings =
        if options.settings.exists() { options.settings()? } else { Settings::default() };
    if args.once {
        let event: Value = serde_json::from_reader(std::io::stdin().lock())?;
        let task = task(&event, endpoint.as_deref())?;
        let answer = answer(&task, options, &settings, endpoint.as_deref()).await?;
        output::data(&serde_json::to_string_pretty(&answer)?)?;
        return Ok(Outcome::Complete);
    }
    let (settings, endpoint) = (&settings, endpoint.as_deref());
    let handler = |event: LambdaEvent<Value>| async move {
        let answered = async {
            let task = task(&event.payload, endpoint)?;
            answer(&task, options, settings, endpoint).await
        };
        answered.await.map_err(|error| lambda_runtime::Error::from(format!("{error:#}")))
    };
    lambda_runtime::run(service_fn(handler))
        .await
        .map_err(|error| anyhow::anyhow!("the Lambda runtime was not reached: {error}"))?;
    Ok(Outcome::Complete)
}

async fn answer(
    task: &Task,
    options: &Options,
    settings: &Settings,
    endpoint: Option<&str>,
) -> Result<Value> {
    ensure!(
        !matches!(task, Task::Deploy { .. }) || !settings.role.is_empty(),
        "to deploy, the function needs the settings file: put sagemaker.toml into its archive"
    );
    let clients: Clients = options.connect().await?;
    carry_out(task, &clients, settings, endpoint).await
}
