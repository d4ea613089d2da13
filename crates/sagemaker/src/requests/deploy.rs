use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::transform::model;
use crate::{Request, Settings};

/// One container of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Container {
    /// A version in the registry, by its ARN.
    Package(String),
    /// A `model.tar.gz` in S3, with the host name by which requests name it.
    Data {
        /// The name that requests name it by, among several.
        host: Option<String>,
        /// The place in S3.
        uri: String,
    },
}

impl Container {
    pub(super) fn body(&self, settings: &Settings) -> Value {
        match self {
            Self::Package(arn) => json!({"ModelPackageName": arn}),
            Self::Data { host, uri } => json!({
                "ContainerHostname": host,
                "Image": settings.image,
                "ModelDataUrl": uri,
            }),
        }
    }
}

/// How an endpoint runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosting {
    /// Machines that wait for requests.
    RealTime,
    /// No machines of one's own.
    Serverless {
        /// Memory, MB.
        memory_mb: u32,
        /// Requests at a time.
        concurrency: u32,
    },
    /// Requests and answers in S3, up to 1 GB.
    Asynchronous {
        /// Requests at a time to each machine.
        concurrency: u32,
    },
}

/// The least and the most machines, and the load on each that is aimed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// The least machines; 0 with asynchronous endpoints alone.
    pub min: u32,
    /// The most machines.
    pub max: u32,
    /// Requests a minute to each machine, or waiting requests for each where they are asynchronous.
    pub target: f64,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// The endpoint's name.
    pub name: String,
    /// The name of the model and the configuration, a new one each time.
    pub version: String,
    /// What it serves; several are one model with several containers.
    pub containers: Vec<Container>,
    /// Whether a request names one of several containers; otherwise they are a chain.
    pub direct: bool,
    /// How it runs.
    pub hosting: Hosting,
    /// Machines at the start.
    pub hosts: u32,
    /// How many machines follow the load.
    pub scaling: Option<Scaling>,
    /// Whether the endpoint is there and gets a new configuration.
    pub update: bool,
}

const VARIANT: &str = "all";

/// The requests of a deployment, in their order: model, configuration, endpoint, scaling.
///
/// # Errors
/// When the choices do not go together, as the service would say only later.
pub fn deploy(deployment: &Deployment, settings: &Settings) -> Result<Vec<Request>> {
    let serverless = matches!(deployment.hosting, Hosting::Serverless { .. });
    ensure!(
        !serverless || deployment.containers.len() == 1,
        "a serverless endpoint has one container"
    );
    ensure!(
        deployment.containers.len() <= 15,
        "an endpoint has at most 15 containers, found {}",
        deployment.containers.len()
    );
    ensure!(
        !serverless || deployment.scaling.is_none(),
        "a serverless endpoint follows the load by itself; leave --scale out"
    );
    let mut model = model(&deployment.version, &deployment.containers, deployment.direct, settings);
    if let Some(role) = &settings.endpoint_role {
        model.body["ExecutionRoleArn"] = role.as_str().into();
    }
    if serverless {
        // The service takes neither for serverless endpoints.
        model.body["EnableNetworkIsolation"] = false.into();
        if let Value::Object(body) = &mut model.body {
            body.remove("VpcConfig");
        }
    }
    let endpoint = json!({
        "EndpointName": deployment.name,
        "EndpointConfigName": deployment.version,
        "Tags": if deployment.update { Value::Null } else { settings.tag_list() },
    });
    let operation = if deployment.update { "UpdateEndpoint" } else { "CreateEndpoint" };
    let mut requests =
        vec![model, configuration(deployment, settings), Request::sagemaker(operation, endpoint)];
    if let Some(scaling) = &deployment.scaling {
        requests.extend(follow_load(deployment, scaling)?);
    }
    Ok(requests)
}

fn configuration(deployment: &Deployment, settings: &Settings) -> Request {
    let mut variant = json!({"VariantName": VARIANT, "ModelName": deployment.version});
    let mut body = json!({
        "EndpointConfigName": deployment.version,
        "KmsKeyId": settings.kms_key,
        "Tags": settings.tag_list(),
    });
    if let Hosting::Serverless { memory_mb, concurrency } = deployment.hosting {
        variant["ServerlessConfig"] =
            json!({"MemorySizeInMB": memory_mb, "MaxConcurrency": concurrency});
        body["KmsKeyId"] = Value::Null;
    } else {
        variant["InstanceType"] = settings.instances.endpoint.as_str().into();
        variant["InitialInstanceCount"] = deployment.hosts.into();
        variant["ContainerStartupHealthCheckTimeoutInSeconds"] = 300.into();
        if settings.volume_key(&settings.instances.endpoint).is_null() {
            body["KmsKeyId"] = Value::Null;
        }
    }
    body["ProductionVariants"] = json!([variant]);
    if let Hosting::Asynchronous { concurrency } = deployment.hosting {
        body["AsyncInferenceConfig"] = json!({
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": concurrency},
            "OutputConfig": {
                "S3OutputPath": settings.s3(&format!("async/{}/answers", deployment.name)),
                "S3FailurePath": settings.s3(&format!("async/{}/failures", deployment.name)),
                "KmsKeyId": settings.kms_key,
            },
        });
    }
    Request::sagemaker("CreateEndpointConfig", body)
}

/// The resource that Application Auto Scaling knows an endpoint's machines by.
#[must_use]
pub fn scaled_resource(endpoint: &str) -> Value {
    json!({
        "ServiceNamespace": "sagemaker",
        "ResourceId": format!("endpoint/{endpoint}/variant/{VARIANT}"),
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    })
}

fn follow_load(deployment: &Deployment, scaling: &Scaling) -> Result<[Request; 2]> {
    let asynchronous = matches!(deployment.hosting, Hosting::Asynchronous { .. });
    ensure!(scaling.min <= scaling.max, "--scale: {} is more than {}", scaling.min, scaling.max);
    ensure!(
        scaling.min > 0 || asynchronous,
        "--scale: only asynchronous endpoints go down to no machine; begin at 1"
    );
    let metric = if asynchronous {
        let dimension = json!([{"Name": "EndpointName", "Value": deployment.name}]);
        (
            "CustomizedMetricSpecification",
            json!({
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": dimension,
                "Statistic": "Average",
            }),
        )
    } else {
        (
            "PredefinedMetricSpecification",
            json!({
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance",
            }),
        )
    };
    let mut target = scaled_resource(&deployment.name);
    target["MinCapacity"] = scaling.min.into();
    target["MaxCapacity"] = scaling.max.into();
    let mut policy = scaled_resource(&deployment.name);
    policy["PolicyName"] = format!("{}-load", deployment.name).into();
    policy["PolicyType"] = "TargetTrackingScaling".into();
    policy["TargetTrackingScalingPolicyConfiguration"] = json!({
        "TargetValue": scaling.target,
        "ScaleInCooldown": 300,
        "ScaleOutCooldown": 60,
        (metric.0): metric.1,
    });
    Ok([
        Request::autoscaling("RegisterScalableTarget", target),
        Request::autoscaling("PutScalingPolicy", policy),
    ])
}
