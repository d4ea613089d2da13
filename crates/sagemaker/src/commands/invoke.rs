//! A question to an endpoint.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use oncoweave_sagemaker::client::{Content, Invocation, Place, Upload};
use serde_json::json;

use super::Outcome;
use super::transform::content_type;
use crate::launcher::{Options, connect, job_name};
use crate::output;

/// Ask an endpoint about the records of a file; the answer goes to stdout
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The endpoint
    endpoint: String,
    /// The records
    records: PathBuf,
    /// The records' content type [default: from the file's name]
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// The answer's content type [default: as the records]
    #[arg(long, value_name = "TYPE")]
    accept: Option<String>,
    /// One of several models behind the endpoint
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// The endpoint is asynchronous: put the records into S3 and wait for the answer there
    #[arg(long = "async")]
    asynchronous: bool,
    /// With --async: how long to wait, seconds
    #[arg(long, default_value_t = 900)]
    wait_s: u64,
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    let path = args.records.display().to_string();
    let content_type = match &args.content_type {
        Some(given) => given.as_str(),
        None => content_type(&path)?,
    };
    let invocation = Invocation {
        endpoint: &args.endpoint,
        body: fs_err::read(&args.records)?,
        content_type,
        accept: args.accept.as_deref().unwrap_or(content_type),
        container: args.container.as_deref(),
    };
    if options.dry_run {
        let operation = if args.asynchronous { "InvokeEndpointAsync" } else { "InvokeEndpoint" };
        let shown = json!([{"service": "sagemaker-runtime", "operation": operation, "request": {
            "EndpointName": invocation.endpoint,
            "ContentType": invocation.content_type,
            "Accept": invocation.accept,
            "TargetContainerHostname": invocation.container,
            "Body": path,
        }}]);
        output::data(&serde_json::to_string_pretty(&shown)?)?;
        return Ok(Outcome::Complete);
    }
    let answer = if args.asynchronous {
        answer_in_s3(args, options, invocation).await?
    } else {
        options.connect().await?.invoke(invocation).await?
    };
    output::bytes(&answer)?;
    Ok(Outcome::Complete)
}

async fn answer_in_s3(
    args: &Args,
    options: &Options,
    mut invocation: Invocation<'_>,
) -> Result<Vec<u8>> {
    let settings = options.settings()?;
    let clients = connect(settings.region.as_deref()).await?;
    let name = job_name(None, "records", 63);
    let place: Place = settings.s3(&format!("async/{}/records/{name}", args.endpoint)).parse()?;
    let content = Content::Bytes(std::mem::take(&mut invocation.body));
    let upload = Upload { content, place: place.clone(), kms_key: settings.kms_key.clone() };
    clients.upload(&upload).await?;
    let (answer, failure) = clients.invoke_later(&invocation, &place.to_string()).await?;
    let answer: Place = answer.parse()?;
    let failure: Option<Place> = failure.map(|it| it.parse()).transpose()?;
    let end = tokio::time::Instant::now() + Duration::from_secs(args.wait_s);
    loop {
        if let Some(bytes) = clients.download(&answer).await? {
            return Ok(bytes);
        }
        if let Some(place) = &failure
            && let Some(bytes) = clients.download(place).await?
        {
            bail!("the container refused: {}", String::from_utf8_lossy(&bytes).trim());
        }
        if tokio::time::Instant::now() >= end {
            bail!("no answer after {} s; it will be at {answer}", args.wait_s);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}
