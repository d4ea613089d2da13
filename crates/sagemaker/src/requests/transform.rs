use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Container;
use crate::{Request, Settings};

/// What one batch transform job is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Transform {
    /// The job's name.
    pub name: String,
    /// The model, as `CreateModel` named it.
    pub model: Value,
    /// The records: a prefix in S3.
    pub input: Value,
    /// The folder in S3 for the answers.
    pub output: Value,
    /// The records' content type.
    pub content_type: String,
    /// The answers' content type; absent, as the records.
    pub accept: Option<String>,
    /// How many machines.
    pub hosts: u32,
    /// Requests at a time to each machine; absent, as the container says.
    pub concurrent: Option<u32>,
    /// The largest request, MB; absent, as the container says.
    pub payload_mb: Option<u32>,
    /// Whether each answer carries the record it belongs to.
    pub join: bool,
    /// What of a record the model sees, as a `JSONPath`.
    pub input_filter: Option<String>,
    /// What of the joined record is kept, as a `JSONPath`.
    pub output_filter: Option<String>,
    /// The longest answer to one request, seconds.
    pub timeout_s: u32,
    /// Repetitions of a request that failed.
    pub retries: u32,
}

/// The content types whose records are separated by line breaks, which can be split and joined.
const LINES: [&str; 2] = ["text/csv", "application/jsonlines"];

/// `CreateModel` of one or several containers.
#[must_use]
pub fn model(name: &str, containers: &[Container], direct: bool, settings: &Settings) -> Request {
    let mut body = json!({
        "ModelName": name,
        "ExecutionRoleArn": settings.role,
        "EnableNetworkIsolation": true,
        "VpcConfig": settings.vpc_config(),
        "Tags": settings.tag_list(),
    });
    let mut bodies: Vec<Value> = containers.iter().map(|it| it.body(settings)).collect();
    if let [_] = bodies[..] {
        body["PrimaryContainer"] = bodies.remove(0);
    } else {
        body["Containers"] = bodies.into();
        let mode = if direct { "Direct" } else { "Serial" };
        body["InferenceExecutionConfig"] = json!({"Mode": mode});
    }
    Request::sagemaker("CreateModel", body)
}

/// `CreateTransformJob`.
///
/// # Errors
/// When the choices do not go together, as the service would say only later.
pub fn transform(transform: &Transform, settings: &Settings) -> Result<Request> {
    check(transform)?;
    let lines = LINES.contains(&transform.content_type.as_str());
    let accept = transform.accept.as_ref().unwrap_or(&transform.content_type);
    let filtered = transform.input_filter.is_some() || transform.output_filter.is_some();
    let key = settings.volume_key(&settings.instances.transform);
    Ok(Request::sagemaker(
        "CreateTransformJob",
        json!({
            "TransformJobName": transform.name,
            "ModelName": transform.model,
            "MaxConcurrentTransforms": transform.concurrent,
            "MaxPayloadInMB": transform.payload_mb,
            "BatchStrategy": lines.then_some("MultiRecord"),
            "ModelClientConfig": {
                "InvocationsTimeoutInSeconds": transform.timeout_s,
                "InvocationsMaxRetries": transform.retries,
            },
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": transform.input}},
                "ContentType": transform.content_type,
                "SplitType": if lines { "Line" } else { "None" },
            },
            "TransformOutput": {
                "S3OutputPath": transform.output,
                "Accept": accept,
                "AssembleWith": if lines { "Line" } else { "None" },
                "KmsKeyId": settings.kms_key,
            },
            "TransformResources": {
                "InstanceType": settings.instances.transform,
                "InstanceCount": transform.hosts,
                "VolumeKmsKeyId": key,
            },
            "DataProcessing": (transform.join || filtered).then(|| json!({
                "InputFilter": transform.input_filter,
                "OutputFilter": transform.output_filter,
                "JoinSource": if transform.join { "Input" } else { "None" },
            })),
            "Tags": settings.tag_list(),
        }),
    ))
}

fn check(transform: &Transform) -> Result<()> {
    let lines = LINES.contains(&transform.content_type.as_str());
    let filtered = transform.input_filter.is_some() || transform.output_filter.is_some();
    ensure!(
        lines || !(transform.join || filtered),
        "records of {} cannot be joined or filtered; use text/csv or application/jsonlines",
        transform.content_type
    );
    let accept = transform.accept.as_ref().unwrap_or(&transform.content_type);
    ensure!(
        !transform.join || *accept == transform.content_type,
        "joined answers have the records' content type: leave --accept out, or the join"
    );
    if let (Some(concurrent), Some(payload)) = (transform.concurrent, transform.payload_mb) {
        ensure!(
            concurrent * payload <= 100,
            "{concurrent} requests of {payload} MB at a time are more than the 100 MB that a \
             machine takes"
        );
    }
    for (flag, path) in
        [("--input-filter", &transform.input_filter), ("--output-filter", &transform.output_filter)]
    {
        if let Some(path) = path {
            ensure!(
                path.starts_with('$'),
                "{flag} is a JSONPath that begins with $, found `{path}`"
            );
        }
    }
    Ok(())
}
