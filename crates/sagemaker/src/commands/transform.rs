//! A whole cohort scored in batches.

use anyhow::{Result, ensure};
use oncoweave_sagemaker::requests::{Container, Transform, model, transform};

use super::Outcome;
use crate::launcher::{Options, Step, job_name, staged, submit};
use crate::output;

/// Score a whole cohort in S3
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The records: a folder in S3, or a file of this machine
    records: String,
    /// The version in the registry
    #[arg(long, value_name = "ARN")]
    package: Option<String>,
    /// A model.tar.gz in S3 instead
    #[arg(long, value_name = "PLACE", conflicts_with = "package")]
    model_data: Option<String>,
    /// A model that is there already, such as an endpoint's, instead
    #[arg(long, value_name = "NAME", conflicts_with_all = ["package", "model_data"])]
    model: Option<String>,
    /// The folder in S3 for the answers [default: predictions/NAME in the project's folder]
    #[arg(long, value_name = "PLACE")]
    out: Option<String>,
    /// The job's name [default: transform and the time]
    #[arg(long)]
    name: Option<String>,
    /// The records' content type [default: from the file's name]
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// The answers' content type [default: as the records]
    #[arg(long, value_name = "TYPE")]
    accept: Option<String>,
    /// Write each answer beside the record it belongs to
    #[arg(long)]
    join: bool,
    /// What of a record the model sees, a JSONPath such as $[1:]
    #[arg(long, value_name = "PATH")]
    input_filter: Option<String>,
    /// What of the joined record is kept, such as `$['patient_id','SageMakerOutput']`
    #[arg(long, value_name = "PATH")]
    output_filter: Option<String>,
    /// Machines
    #[arg(long, default_value_t = 1)]
    hosts: u32,
    /// The instance type, instead of the settings file's
    #[arg(long)]
    instance: Option<String>,
    /// Requests at a time to each machine [default: as the container says]
    #[arg(long)]
    concurrent: Option<u32>,
    /// The largest request, MB [default: as the container says]
    #[arg(long)]
    payload_mb: Option<u32>,
    /// The longest answer to one request, seconds
    #[arg(long, default_value_t = 600)]
    timeout_s: u32,
    /// Repetitions of a request that failed
    #[arg(long, default_value_t = 3)]
    retries: u32,
}

pub(crate) async fn run(args: &Args, options: &Options) -> Result<Outcome> {
    let mut settings = options.settings()?;
    if let Some(instance) = &args.instance {
        settings.instances.transform.clone_from(instance);
    }
    let name = job_name(args.name.as_deref(), "transform", 63);
    let (records, upload) = staged(&args.records, &format!("data/{name}"), &settings)?;
    let mut steps: Vec<Step> = upload.into_iter().collect();
    let container = match (&args.package, &args.model_data) {
        (Some(arn), _) => Some(Container::Package(arn.clone())),
        (_, Some(uri)) => Some(Container::Data { host: None, uri: uri.clone() }),
        _ => None,
    };
    ensure!(
        container.is_some() || args.model.is_some(),
        "which model? name it with --package, --model-data or --model"
    );
    if let Some(container) = container {
        steps.push(Step::Call(model(&name, &[container], false, &settings)));
    }
    let out = args.out.clone().unwrap_or_else(|| settings.s3(&format!("predictions/{name}")));
    let content_type = match &args.content_type {
        Some(given) => given.clone(),
        None => content_type(&args.records)?.to_owned(),
    };
    let job = Transform {
        name: name.clone(),
        model: args.model.as_deref().unwrap_or(&name).into(),
        input: records.into(),
        output: out.as_str().into(),
        content_type,
        accept: args.accept.clone(),
        hosts: args.hosts,
        concurrent: args.concurrent,
        payload_mb: args.payload_mb,
        join: args.join,
        input_filter: args.input_filter.clone(),
        output_filter: args.output_filter.clone(),
        timeout_s: args.timeout_s,
        retries: args.retries,
    };
    steps.push(Step::Call(transform(&job, &settings)?));
    submit(&steps, &settings, options).await?;
    if !options.dry_run {
        output::data(&format!("started {name}; it writes to {out}"))?;
    }
    Ok(Outcome::Complete)
}

/// The content type of a file by its name.
pub(crate) fn content_type(path: &str) -> Result<&'static str> {
    let known = [
        (".csv", "text/csv"),
        (".jsonl", "application/jsonlines"),
        (".ndjson", "application/jsonlines"),
        (".json", "application/json"),
        (".parquet", "application/x-parquet"),
    ];
    let lower = path.to_ascii_lowercase();
    let found = known.iter().find(|(ending, _)| lower.ends_with(ending));
    ensure!(found.is_some(), "{path}: its name does not say what it is; give --content-type");
    Ok(found.expect("checked above").1)
}
