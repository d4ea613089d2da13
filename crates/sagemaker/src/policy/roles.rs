use serde_json::{Value, json};

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

fn pass_role(names: &Names) -> Value {
    let Names { partition, account, roles, .. } = names;
    json!({
        "Sid": "PassRole",
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": [
            format!("arn:{partition}:iam::{account}:role/{roles}pipeline"),
            format!("arn:{partition}:iam::{account}:role/{roles}endpoint"),
        ],
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    })
}

/// Jobs in a private network make interfaces in its subnets.
fn interfaces(names: &Names) -> Value {
    let Names { partition, region, account, .. } = names;
    let arn = |kind| format!("arn:{partition}:ec2:{region}:{account}:{kind}/*");
    allow(
        "Interfaces",
        &[
            "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
        ],
        &["network-interface", "subnet", "security-group"].map(arn),
    )
}

/// The actions on interfaces that know no resource.
fn interfaces_of_no_resource() -> Value {
    allow(
        "InterfacesOfNoResource",
        &[
            "ec2:DeleteNetworkInterfacePermission",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeVpcs",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
        ],
        &["*".to_owned()],
    )
}

fn scaling(names: &Names) -> Value {
    let Names { partition, region, account, .. } = names;
    json!({
        "Sid": "Scaling",
        "Effect": "Allow",
        "Action": [
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
        ],
        "Resource": format!("arn:{partition}:application-autoscaling:{region}:{account}:scalable-target/*"),
        "Condition": {"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}},
    })
}

fn bucket_list(names: &Names) -> Value {
    let prefix = &names.prefix;
    json!({
        "Sid": "List",
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": names.whole_bucket(),
        "Condition": {"StringLike": {"s3:prefix": [format!("{prefix}*")]}},
    })
}

fn pull_image(names: &Names) -> Value {
    let Names { partition, region, account, repository, .. } = names;
    allow(
        "Image",
        &["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"],
        &[format!("arn:{partition}:ecr:{region}:{account}:repository/{repository}")],
    )
}

/// The one action of ECR that knows no resource.
fn token() -> Value {
    allow("Token", &["ecr:GetAuthorizationToken"], &["*".to_owned()])
}

fn log_groups(names: &Names) -> Vec<String> {
    let Names { partition, region, account, .. } = names;
    vec![format!("arn:{partition}:logs:{region}:{account}:log-group:/aws/sagemaker/*")]
}

fn write_logs(names: &Names) -> Value {
    let actions = [
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "logs:DescribeLogStreams",
    ];
    allow("Logs", &actions, &log_groups(names))
}

fn read_logs(names: &Names) -> Value {
    allow("Logs", &["logs:DescribeLogStreams", "logs:GetLogEvents"], &log_groups(names))
}

/// Figures know no resource; the name of their space is what can be asked for.
fn metrics() -> Value {
    json!({
        "Sid": "Figures",
        "Effect": "Allow",
        "Action": "cloudwatch:PutMetricData",
        "Resource": "*",
        "Condition": {"StringLike": {"cloudwatch:namespace": ["AWS/SageMaker*", "/aws/sagemaker/*"]}},
    })
}

fn use_key(names: &Names, actions: &[&str]) -> Value {
    allow("Key", actions, std::slice::from_ref(&names.key))
}
