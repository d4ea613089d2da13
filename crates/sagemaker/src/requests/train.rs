use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::METRICS;
use crate::{Request, Settings};

/// A channel of a training job: a name and a folder in S3.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// `train` or `validation`.
    pub name: String,
    /// A prefix in S3, or a pipeline's reference to one.
    pub uri: Value,
}

/// What one training job is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The job's name.
    pub name: String,
    /// The channels.
    pub channels: Vec<Channel>,
    /// Settings as the service carries them.
    pub hyperparameters: BTreeMap<String, String>,
    /// How many machines.
    pub hosts: u32,
    /// Disk of each machine, GB.
    pub volume_gb: u32,
    /// How the channels are read.
    pub input_mode: &'static str,
    /// The longest run, seconds.
    pub max_runtime_s: u32,
    /// On spare capacity: the longest run and wait together, seconds.
    pub spot_max_wait_s: Option<u32>,
    /// How long the machines are kept for the next job, seconds.
    pub keep_alive_s: Option<u32>,
    /// Attempts when the service itself fails.
    pub attempts: u32,
    /// Whether the job has no network at all.
    pub isolated: bool,
    /// Whether training goes on from where another job of this name was cut off.
    pub checkpoints: bool,
    /// Whether losses are written for TensorBoard.
    pub tensorboard: bool,
    /// Where the job is filed.
    pub experiment: Option<Experiment>,
}

/// Where jobs are filed beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    /// The experiment.
    pub experiment: String,
    /// The trial in it.
    pub trial: String,
}

/// The requests that make an experiment and its trial, which a job names.
#[must_use]
pub fn experiment(names: &Experiment, settings: &Settings) -> [Request; 2] {
    let tags = settings.tag_list();
    [
        Request::sagemaker(
            "CreateExperiment",
            json!({"ExperimentName": names.experiment, "Tags": tags}),
        ),
        Request::sagemaker(
            "CreateTrial",
            json!({"TrialName": names.trial, "ExperimentName": names.experiment, "Tags": tags}),
        ),
    ]
}

/// `CreateTrainingJob`.
#[must_use]
pub fn train(training: &Training, settings: &Settings) -> Request {
    let mut body = json!({
        "TrainingJobName": training.name,
        "HyperParameters": training.hyperparameters,
        "AlgorithmSpecification": algorithm(training, settings),
        "ExperimentConfig": training.experiment.as_ref().map(|names| json!({
            "ExperimentName": names.experiment,
            "TrialName": names.trial,
            "TrialComponentDisplayName": training.name,
        })),
        "TensorBoardOutputConfig": training.tensorboard.then(|| json!({
            "S3OutputPath": settings.s3("tensorboard"),
            "LocalPath": "/opt/ml/output/tensorboard",
        })),
        "Tags": settings.tag_list(),
    });
    merge(&mut body, common(training, settings));
    Request::sagemaker("CreateTrainingJob", body)
}

/// What a training job and the jobs of a tuning job have in common.
pub(super) fn common(training: &Training, settings: &Settings) -> Value {
    let instance = &settings.instances.train;
    let checkpoints = settings.s3(&format!("checkpoints/{}", training.name));
    json!({
        "RoleArn": settings.role,
        "InputDataConfig": training.channels.iter().map(channel).collect::<Vec<_>>(),
        "OutputDataConfig": {
            "S3OutputPath": settings.s3("models"),
            "KmsKeyId": settings.kms_key,
        },
        "ResourceConfig": {
            "InstanceType": instance,
            "InstanceCount": training.hosts,
            "VolumeSizeInGB": training.volume_gb,
            "VolumeKmsKeyId": settings.volume_key(instance),
            "KeepAlivePeriodInSeconds": training.keep_alive_s,
        },
        "VpcConfig": settings.vpc_config(),
        "StoppingCondition": {
            "MaxRuntimeInSeconds": training.max_runtime_s,
            "MaxWaitTimeInSeconds": training.spot_max_wait_s,
        },
        "EnableNetworkIsolation": training.isolated,
        "EnableInterContainerTrafficEncryption": training.hosts > 1,
        "EnableManagedSpotTraining": training.spot_max_wait_s.is_some(),
        "CheckpointConfig": training.checkpoints.then(|| json!({"S3Uri": checkpoints})),
        "RetryStrategy": {"MaximumRetryAttempts": training.attempts},
    })
}

pub(super) fn algorithm(training: &Training, settings: &Settings) -> Value {
    let metric = |(name, regex): &(&str, &str)| json!({"Name": name, "Regex": regex});
    json!({
        "TrainingImage": settings.image,
        "TrainingInputMode": training.input_mode,
        "MetricDefinitions": METRICS.iter().map(metric).collect::<Vec<_>>(),
    })
}

fn channel(channel: &Channel) -> Value {
    json!({
        "ChannelName": channel.name,
        "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix",
            "S3Uri": channel.uri,
            "S3DataDistributionType": "FullyReplicated",
        }},
    })
}

/// Adds the fields of one object to another.
pub(super) fn merge(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more);
    }
}
