//! The policies of the roles, and those of the key and the bucket.

use serde_json::{Value, json};

use super::statements::{
    bucket_list, interfaces, interfaces_of_no_resource, metrics, pass_role, pull_image, read_logs,
    scaling, token, use_key, write_logs,
};
use super::{Names, allow, document};

/// Creation of work, which names the role that it runs as.
const CREATE: [&str; 7] = [
    "sagemaker:CreateTrainingJob",
    "sagemaker:CreateProcessingJob",
    "sagemaker:CreateHyperParameterTuningJob",
    "sagemaker:CreateTransformJob",
    "sagemaker:CreateModel",
    "sagemaker:CreatePipeline",
    "sagemaker:UpdatePipeline",
];
/// The creations that say whether the work has a network.
const ISOLATED: [&str; 4] = [
    "sagemaker:CreateTrainingJob",
    "sagemaker:CreateProcessingJob",
    "sagemaker:CreateHyperParameterTuningJob",
    "sagemaker:CreateModel",
];
/// The creations that say how results are encrypted.
const ENCRYPTED: [&str; 4] = [
    "sagemaker:CreateTrainingJob",
    "sagemaker:CreateProcessingJob",
    "sagemaker:CreateHyperParameterTuningJob",
    "sagemaker:CreateTransformJob",
];
const JOBS: [&str; 4] =
    ["training-job", "processing-job", "hyper-parameter-tuning-job", "transform-job"];
const WORK: [&str; 12] = [
    "training-job",
    "processing-job",
    "hyper-parameter-tuning-job",
    "transform-job",
    "model",
    "pipeline",
    "experiment",
    "experiment-trial",
    "model-package",
    "model-package-group",
    "endpoint",
    "endpoint-config",
];
const LOOK: [&str; 13] = [
    "sagemaker:DescribeTrainingJob",
    "sagemaker:DescribeProcessingJob",
    "sagemaker:DescribeHyperParameterTuningJob",
    "sagemaker:DescribeTransformJob",
    "sagemaker:DescribeModel",
    "sagemaker:DescribeModelPackage",
    "sagemaker:DescribeModelPackageGroup",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "sagemaker:DescribePipeline",
    "sagemaker:DescribePipelineExecution",
    "sagemaker:ListPipelineExecutionSteps",
    "sagemaker:ListTags",
];

/// For whoever runs the launcher: starts and stops work, registers and deploys, reads logs; may
/// neither approve a version nor start work that has a network or whose results no key protects.
#[must_use]
pub fn researcher(names: &Names) -> Value {
    let mut statements = work(names);
    statements.extend([
        scaling(names),
        pass_role(names),
        read_logs(names),
        bucket_list(names),
        allow("Data", &["s3:GetObject", "s3:PutObject"], &[names.objects("")]),
        use_key(
            names,
            &["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey", "kms:CreateGrant"],
        ),
    ]);
    statements.extend(refusals());
    document(&statements)
}

/// What researchers do in `SageMaker`.
fn work(names: &Names) -> Vec<Value> {
    let work = names.sagemaker(&WORK);
    let jobs = names.sagemaker(&JOBS);
    let endpoints = names.sagemaker(&["endpoint", "endpoint-config", "model"]);
    let executions = names.sagemaker(&["pipeline"]);
    vec![
        allow("Start", &CREATE, &work),
        allow(
            "Organize",
            &[
                "sagemaker:CreateExperiment",
                "sagemaker:CreateTrial",
                "sagemaker:CreateModelPackageGroup",
                "sagemaker:CreateModelPackage",
                "sagemaker:CreateEndpoint",
                "sagemaker:CreateEndpointConfig",
                "sagemaker:UpdateEndpoint",
                "sagemaker:AddTags",
            ],
            &work,
        ),
        allow(
            "Stop",
            &[
                "sagemaker:StopTrainingJob",
                "sagemaker:StopProcessingJob",
                "sagemaker:StopHyperParameterTuningJob",
                "sagemaker:StopTransformJob",
            ],
            &jobs,
        ),
        allow(
            "Run",
            &["sagemaker:StartPipelineExecution", "sagemaker:StopPipelineExecution"],
            &executions,
        ),
        allow(
            "Endpoints",
            &[
                "sagemaker:InvokeEndpoint",
                "sagemaker:InvokeEndpointAsync",
                "sagemaker:DeleteEndpoint",
                "sagemaker:DeleteEndpointConfig",
                "sagemaker:DeleteModel",
            ],
            &endpoints,
        ),
        allow("Look", &LOOK, &work),
    ]
}

/// What researchers must not do, whatever else allows it.
fn refusals() -> [Value; 4] {
    [
        json!({
            "Sid": "NoUnapprovedApproval",
            "Effect": "Deny",
            "Action": "sagemaker:UpdateModelPackage",
            "Resource": "*",
        }),
        json!({
            "Sid": "NoApprovedByOneself",
            "Effect": "Deny",
            "Action": "sagemaker:CreateModelPackage",
            "Resource": "*",
            "Condition": {"StringEquals": {"sagemaker:ModelApprovalStatus": "Approved"}},
        }),
        json!({
            "Sid": "NoNetwork",
            "Effect": "Deny",
            "Action": ISOLATED,
            "Resource": "*",
            "Condition": {"Bool": {"sagemaker:NetworkIsolation": "false"}},
        }),
        json!({
            "Sid": "NoResultsWithoutKey",
            "Effect": "Deny",
            "Action": ENCRYPTED,
            "Resource": "*",
            "Condition": {"Null": {"sagemaker:OutputKmsKey": "true"}},
        }),
    ]
}

/// For the jobs of the launcher and of the pipeline: reads the cohort, writes results, and, for
/// pipelines, starts the jobs. It cannot touch an endpoint nor delete data.
#[must_use]
pub fn pipeline(names: &Names) -> Value {
    let jobs = names.sagemaker(&[
        "training-job",
        "processing-job",
        "hyper-parameter-tuning-job",
        "transform-job",
        "model",
        "model-package",
        "model-package-group",
    ]);
    document(&[
        allow(
            "Steps",
            &[
                "sagemaker:CreateTrainingJob",
                "sagemaker:CreateProcessingJob",
                "sagemaker:CreateHyperParameterTuningJob",
                "sagemaker:CreateTransformJob",
                "sagemaker:CreateModel",
                "sagemaker:CreateModelPackage",
                "sagemaker:StopTrainingJob",
                "sagemaker:StopProcessingJob",
                "sagemaker:StopHyperParameterTuningJob",
                "sagemaker:StopTransformJob",
                "sagemaker:DescribeTrainingJob",
                "sagemaker:DescribeProcessingJob",
                "sagemaker:DescribeHyperParameterTuningJob",
                "sagemaker:DescribeTransformJob",
                "sagemaker:DescribeModel",
                "sagemaker:DescribeModelPackage",
                "sagemaker:AddTags",
            ],
            &jobs,
        ),
        pass_role(names),
        bucket_list(names),
        allow(
            "Data",
            &["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
            &[names.objects("")],
        ),
        interfaces(names),
        interfaces_of_no_resource(),
        pull_image(names),
        token(),
        write_logs(names),
        metrics(),
        use_key(
            names,
            &["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey", "kms:CreateGrant"],
        ),
    ])
}

/// For endpoints: reads models; of data, only what asynchronous requests put there.
#[must_use]
pub fn endpoint(names: &Names) -> Value {
    document(&[
        allow(
            "Models",
            &["s3:GetObject"],
            &[names.objects("models/"), names.objects("pipeline/"), names.objects("async/")],
        ),
        allow("Answers", &["s3:PutObject"], &[names.objects("async/")]),
        bucket_list(names),
        interfaces(names),
        interfaces_of_no_resource(),
        pull_image(names),
        token(),
        write_logs(names),
        metrics(),
        use_key(names, &["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"]),
    ])
}

/// For dashboards: reads predictions, and nothing else.
#[must_use]
pub fn dashboard(names: &Names) -> Value {
    let mut list = bucket_list(names);
    list["Condition"] =
        json!({"StringLike": {"s3:prefix": [format!("{}predictions/*", names.prefix)]}});
    document(&[
        allow(
            "Predictions",
            &["s3:GetObject", "s3:GetObjectVersion"],
            &[names.objects("predictions/")],
        ),
        list,
        use_key(names, &["kms:Decrypt"]),
    ])
}

/// For the key: its account administers it, the roles use it, and services use it for them.
#[must_use]
pub fn key(names: &Names, account_root: &Value, users: &[Value]) -> Value {
    let region = &names.region;
    document(&[
        json!({
            "Sid": "Administration",
            "Effect": "Allow",
            "Principal": {"AWS": account_root},
            "Action": "kms:*",
            "Resource": "*",
        }),
        json!({
            "Sid": "Use",
            "Effect": "Allow",
            "Principal": {"AWS": users},
            "Action": ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:DescribeKey"],
            "Resource": "*",
        }),
        json!({
            "Sid": "GrantsToServices",
            "Effect": "Allow",
            "Principal": {"AWS": users},
            "Action": ["kms:CreateGrant", "kms:ListGrants"],
            "Resource": "*",
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        }),
        json!({
            "Sid": "Logs",
            "Effect": "Allow",
            "Principal": {"Service": format!("logs.{region}.amazonaws.com")},
            "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            "Resource": "*",
        }),
    ])
}

/// For the bucket: nothing without TLS, nothing that is not encrypted with a KMS key.
#[must_use]
pub fn bucket(names: &Names) -> Value {
    let bucket = names.whole_bucket();
    let objects = format!("{bucket}/*");
    document(&[
        json!({
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket, objects],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }),
        json!({
            "Sid": "KmsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": objects,
            // An object without the header gets the bucket's own encryption, which is KMS.
            "Condition": {
                "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
                "Null": {"s3:x-amz-server-side-encryption": "false"},
            },
        }),
    ])
}
