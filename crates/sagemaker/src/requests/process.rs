use serde_json::{Value, json};

use crate::{Request, Settings};

const INPUT: &str = "/opt/ml/processing/input";
const OUTPUT: &str = "/opt/ml/processing/output";

/// What one processing job is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Processing {
    /// The job's name.
    pub name: String,
    /// The arguments of `oncoweave`: texts, or a pipeline's references to some.
    pub arguments: Vec<Value>,
    /// Each input's name, which is its folder in the container, and its place in S3.
    pub inputs: Vec<(String, Value)>,
    /// Each output's name, which is its folder in the container unless it is `output`, and its
    /// place in S3.
    pub outputs: Vec<(String, Value)>,
    /// How many machines.
    pub hosts: u32,
    /// Disk of each machine, GB.
    pub volume_gb: u32,
    /// The longest run, seconds.
    pub max_runtime_s: u32,
    /// Whether the job has no network at all.
    pub isolated: bool,
}

impl Processing {
    fn new(name: &str, arguments: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            arguments: arguments.iter().map(|&it| it.into()).collect(),
            inputs: vec![],
            outputs: vec![],
            hosts: 1,
            volume_gb: 100,
            max_runtime_s: 86_400,
            isolated: true,
        }
    }
}

/// Extraction of a cohort's features, its patients shared out over the machines. Every machine
/// sees the whole cohort, since S3 would share out files and could part a patient's. One machine
/// writes `features` and `cohort`, several write `shares`, which [`align`] joins.
#[must_use]
pub fn extract(name: &str, cohort: Value, out: Value) -> Processing {
    Processing {
        inputs: vec![("cohort".to_owned(), cohort)],
        outputs: vec![("output".to_owned(), out)],
        ..Processing::new(name, &["container", "process"])
    }
}

/// The shares of several machines, joined and aligned on one: `features` and `cohort`.
#[must_use]
pub fn align(name: &str, cohort: Value, shares: Value, out: Value) -> Processing {
    Processing {
        inputs: vec![("cohort".to_owned(), cohort), ("shares".to_owned(), shares)],
        outputs: vec![("output".to_owned(), out)],
        ..Processing::new(name, &["container", "process"])
    }
}

/// The gate of a pipeline: fails unless the aligned table has enough patients and events, and
/// parts its patients into `train` and `test`.
#[must_use]
pub fn gate(name: &str, cohort: Value, enough: [Value; 2], out: Value) -> Processing {
    let [patients, events] = enough;
    let mut work = Processing {
        inputs: vec![("cohort".to_owned(), cohort)],
        outputs: vec![("output".to_owned(), out)],
        ..Processing::new(name, &["container", "gate"])
    };
    work.arguments.extend(["--min-patients".into(), patients, "--min-events".into(), events]);
    work
}

/// A model judged on patients that it was not trained on: `evaluation.json` and what belongs to it,
/// and `verdict.json` with its C-index beside the baseline's.
#[must_use]
pub fn evaluate(name: &str, model: Value, cohort: Value, out: Value) -> Processing {
    Processing {
        inputs: vec![("model".to_owned(), model), ("cohort".to_owned(), cohort)],
        outputs: vec![("output".to_owned(), out)],
        ..Processing::new(name, &["container", "evaluate"])
    }
}

/// `CreateProcessingJob`.
#[must_use]
pub fn process(processing: &Processing, settings: &Settings) -> Request {
    let instance = &settings.instances.process;
    let input = |(name, uri): &(String, Value)| {
        json!({
            "InputName": name,
            "S3Input": {
                "S3Uri": uri,
                "LocalPath": format!("{INPUT}/{name}"),
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
                "S3DataDistributionType": "FullyReplicated",
            },
        })
    };
    let output = |(name, uri): &(String, Value)| {
        let folder = if name == "output" { OUTPUT.to_owned() } else { format!("{OUTPUT}/{name}") };
        json!({
            "OutputName": name,
            "S3Output": {"S3Uri": uri, "LocalPath": folder, "S3UploadMode": "EndOfJob"},
        })
    };
    Request::sagemaker(
        "CreateProcessingJob",
        json!({
            "ProcessingJobName": processing.name,
            "AppSpecification": {
                "ImageUri": settings.image,
                "ContainerEntrypoint": ["oncoweave"],
                "ContainerArguments": processing.arguments,
            },
            "ProcessingInputs": processing.inputs.iter().map(input).collect::<Vec<_>>(),
            "ProcessingOutputConfig": {
                "Outputs": processing.outputs.iter().map(output).collect::<Vec<_>>(),
                "KmsKeyId": settings.kms_key,
            },
            "ProcessingResources": {"ClusterConfig": {
                "InstanceType": instance,
                "InstanceCount": processing.hosts,
                "VolumeSizeInGB": processing.volume_gb,
                "VolumeKmsKeyId": settings.volume_key(instance),
            }},
            "NetworkConfig": {
                "EnableNetworkIsolation": processing.isolated,
                "EnableInterContainerTrafficEncryption": processing.hosts > 1,
                "VpcConfig": settings.vpc_config(),
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": processing.max_runtime_s},
            "RoleArn": settings.role,
            "Tags": settings.tag_list(),
        }),
    )
}
