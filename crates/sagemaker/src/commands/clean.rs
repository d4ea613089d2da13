//! An endpoint and all that belongs to it, deleted.

use anyhow::{Context, Result, bail};
use oncoweave_sagemaker::Request;
use oncoweave_sagemaker::client::Failure;
use oncoweave_sagemaker::jobs::Kind;
use oncoweave_sagemaker::requests::scaled_resource;
use serde_json::{Value, json};

use super::Outcome;
use crate::launcher::Options;
use crate::output;

/// Delete an endpoint with its configuration, its models and its scaling
///
/// The registry, models in S3 and logs stay. Without --yes it only says what it would delete.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The endpoint
    endpoint: String,
    /// Delete
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    let clients = options.connect().await?;
    let Some(endpoint) = clients.find(&Kind::Endpoint.describe(&args.endpoint)).await? else {
        bail!("no endpoint is named {}; check the name and the region", args.endpoint)
    };
    let config =
        endpoint["EndpointConfigName"].as_str().context("the endpoint has no configuration")?;
    let describe =
        Request::sagemaker("DescribeEndpointConfig", json!({"EndpointConfigName": config}));
    let variants = clients.find(&describe).await?.unwrap_or_default();
    let models = variants["ProductionVariants"].as_array().cloned().unwrap_or_default();
    let mut requests = vec![
        Request::autoscaling("DeregisterScalableTarget", scaled_resource(&args.endpoint)),
        Request::sagemaker("DeleteEndpoint", json!({"EndpointName": args.endpoint})),
        Request::sagemaker("DeleteEndpointConfig", json!({"EndpointConfigName": config})),
    ];
    for model in models.iter().filter_map(|it| it["ModelName"].as_str()) {
        requests.push(Request::sagemaker("DeleteModel", json!({"ModelName": model})));
    }
    if options.dry_run || !args.yes {
        let shown: Vec<Value> = requests.iter().map(Request::shown).collect();
        output::data(&serde_json::to_string_pretty(&shown)?)?;
        if !options.dry_run {
            output::note("nothing was deleted; say --yes to delete these");
        }
        return Ok(Outcome::Complete);
    }
    for request in &requests {
        match clients.send(request).await {
            // What is gone need not be deleted; most endpoints have no scaling.
            Err(error) if error.downcast_ref::<Failure>().is_some_and(Failure::is_absent) => {}
            Err(error) => return Err(error),
            Ok(_) => output::data(&format!("{} done", request.operation))?,
        }
    }
    Ok(Outcome::Complete)
}
