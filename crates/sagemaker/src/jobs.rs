//! Jobs and endpoints by name: what they are, how they stand, how they are stopped.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::Request;
use crate::client::{Clients, Group};

/// A kind of thing that has a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A training job.
    Training,
    /// A processing job.
    Processing,
    /// A batch transform job.
    Transform,
    /// A tuning job.
    Tuning,
    /// An endpoint.
    Endpoint,
    /// One run of a pipeline, which has an ARN for a name.
    Execution,
}

const NAMED: [Kind; 5] =
    [Kind::Training, Kind::Processing, Kind::Transform, Kind::Tuning, Kind::Endpoint];

impl Kind {
    /// The request that describes it.
    #[must_use]
    pub fn describe(self, name: &str) -> Request {
        let (operation, field) = match self {
            Self::Training => ("DescribeTrainingJob", "TrainingJobName"),
            Self::Processing => ("DescribeProcessingJob", "ProcessingJobName"),
            Self::Transform => ("DescribeTransformJob", "TransformJobName"),
            Self::Tuning => ("DescribeHyperParameterTuningJob", "HyperParameterTuningJobName"),
            Self::Endpoint => ("DescribeEndpoint", "EndpointName"),
            Self::Execution => ("DescribePipelineExecution", "PipelineExecutionArn"),
        };
        Request::sagemaker(operation, json!({ field: name }))
    }

    /// The request that stops it.
    ///
    /// # Errors
    /// An endpoint is not stopped but deleted.
    pub fn stop(self, name: &str, token: &str) -> Result<Request> {
        let (operation, field) = match self {
            Self::Training => ("StopTrainingJob", "TrainingJobName"),
            Self::Processing => ("StopProcessingJob", "ProcessingJobName"),
            Self::Transform => ("StopTransformJob", "TransformJobName"),
            Self::Tuning => ("StopHyperParameterTuningJob", "HyperParameterTuningJobName"),
            Self::Execution => {
                let body = json!({"PipelineExecutionArn": name, "ClientRequestToken": token});
                return Ok(Request::sagemaker("StopPipelineExecution", body));
            }
            Self::Endpoint => {
                bail!("{name} is an endpoint; delete it with `oncoweave sagemaker clean {name}`")
            }
        };
        Ok(Request::sagemaker(operation, json!({ field: name })))
    }

    /// Where it writes its log; the jobs of tuning have their own names.
    #[must_use]
    pub fn log(self) -> Option<Group> {
        match self {
            Self::Training => Some(Group::Training),
            Self::Processing => Some(Group::Processing),
            Self::Transform => Some(Group::Transform),
            Self::Endpoint => Some(Group::Endpoint),
            Self::Tuning | Self::Execution => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Processing => "processing",
            Self::Transform => "transform",
            Self::Tuning => "tuning",
            Self::Endpoint => "endpoint",
            Self::Execution => "pipeline",
        }
    }

    fn status_field(self) -> &'static str {
        match self {
            Self::Training => "TrainingJobStatus",
            Self::Processing => "ProcessingJobStatus",
            Self::Transform => "TransformJobStatus",
            Self::Tuning => "HyperParameterTuningJobStatus",
            Self::Endpoint => "EndpointStatus",
            Self::Execution => "PipelineExecutionStatus",
        }
    }
}

/// Finds what has a name, among all kinds, with its description.
///
/// # Errors
/// When nothing has it, or the service refuses.
pub async fn find(clients: &Clients, name: &str) -> Result<(Kind, Value)> {
    if name.starts_with("arn:") {
        let description = clients.send(&Kind::Execution.describe(name)).await?;
        return Ok((Kind::Execution, description));
    }
    for kind in NAMED {
        let request = kind.describe(name);
        // A name that is too long for a kind is none of that kind.
        if request.check().is_ok()
            && let Some(description) = clients.find(&request).await?
        {
            return Ok((kind, description));
        }
    }
    bail!("no job and no endpoint is named {name}; check the name and the region")
}

/// How something stands.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// One line: kind, state, what is being done.
    pub line: String,
    /// Whether nothing will change any more.
    pub finished: bool,
    /// Whether it failed.
    pub failed: bool,
    /// Why, in the container's or the service's words.
    pub reason: Option<String>,
    /// How much is done, of how much.
    pub progress: Option<(u64, u64)>,
}

/// Reads a description.
#[must_use]
pub fn state(kind: Kind, description: &Value) -> State {
    let status = description[kind.status_field()].as_str().unwrap_or("unknown");
    let mut line = format!("{}: {status}", kind.word());
    if let Some(detail) = description["SecondaryStatus"].as_str().filter(|it| *it != status) {
        let _ = write!(line, " ({detail})");
    }
    let metrics = match kind {
        Kind::Training => &description["FinalMetricDataList"],
        _ => &Value::Null,
    };
    for metric in metrics.as_array().into_iter().flatten() {
        if let (Some(name), Some(value)) = (metric["MetricName"].as_str(), metric["Value"].as_f64())
        {
            let _ = write!(line, "; {name} {value:.4}");
        }
    }
    line.push_str(&saving(description));
    let progress = (kind == Kind::Tuning).then(|| trials(description)).flatten();
    if let Some((done, all)) = progress {
        let _ = write!(line, "; {done} of {all} jobs");
    }
    let best = &description["BestTrainingJob"];
    if let (Some(name), Some(value)) = (
        best["TrainingJobName"].as_str(),
        best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"].as_f64(),
    ) {
        let _ = write!(line, "; best {name} with {value:.4}");
    }
    let text = |field: &str| description[field].as_str().filter(|it| !it.is_empty());
    State {
        line,
        finished: finished(status),
        failed: matches!(status, "Failed" | "UpdateRollbackFailed"),
        reason: text("FailureReason").or(text("ExitMessage")).map(str::to_owned),
        progress,
    }
}

fn finished(status: &str) -> bool {
    let ended = ["Completed", "Failed", "Stopped", "InService", "OutOfService", "Succeeded"];
    ended.contains(&status) || status == "UpdateRollbackFailed"
}

/// What spot capacity has saved.
fn saving(description: &Value) -> String {
    let seconds = |field: &str| description[field].as_f64();
    match (seconds("TrainingTimeInSeconds"), seconds("BillableTimeInSeconds")) {
        (Some(run), Some(billed)) if run > 0.0 && billed < run => {
            format!("; {:.0} % saved", 100.0 * (1.0 - billed / run))
        }
        _ => String::new(),
    }
}

/// Jobs that have ended, and all of them.
fn trials(description: &Value) -> Option<(u64, u64)> {
    let counters = description["TrainingJobStatusCounters"].as_object()?;
    let of = |name: &str| counters.get(name).and_then(Value::as_u64).unwrap_or(0);
    let ended = of("Completed") + of("NonRetryableError") + of("Stopped");
    let limits = &description["HyperParameterTuningJobConfig"]["ResourceLimits"];
    let all = limits["MaxNumberOfTrainingJobs"].as_u64();
    Some((ended, all.unwrap_or(ended + of("InProgress") + of("RetryableError"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_becomes_a_line() {
        let training = json!({
            "TrainingJobStatus": "Completed", "SecondaryStatus": "Completed",
            "TrainingTimeInSeconds": 100, "BillableTimeInSeconds": 30,
            "FinalMetricDataList": [{"MetricName": "val:cindex", "Value": 0.68123}]});
        let found = state(Kind::Training, &training);
        assert_eq!(found.line, "training: Completed; val:cindex 0.6812; 70 % saved");
        assert!(found.finished && !found.failed);
        let tuning = json!({
            "HyperParameterTuningJobStatus": "InProgress",
            "TrainingJobStatusCounters": {"Completed": 3, "InProgress": 2, "Stopped": 1},
            "HyperParameterTuningJobConfig": {"ResourceLimits": {"MaxNumberOfTrainingJobs": 20}},
            "BestTrainingJob": {"TrainingJobName": "t-3",
                "FinalHyperParameterTuningJobObjectiveMetric": {"Value": 0.7}}});
        let found = state(Kind::Tuning, &tuning);
        assert_eq!(found.line, "tuning: InProgress; 4 of 20 jobs; best t-3 with 0.7000");
        assert_eq!((found.progress, found.finished), (Some((4, 20)), false));
        let failed = json!({"ProcessingJobStatus": "Failed", "FailureReason": "", "ExitMessage": "no cohort.toml"});
        let found = state(Kind::Processing, &failed);
        assert!(found.failed && found.reason.as_deref() == Some("no cohort.toml"));
    }

    #[test]
    fn every_request_by_name_is_as_the_service_wants_it() {
        for kind in NAMED {
            assert!(kind.describe("a-1").check().is_ok(), "{kind:?}");
            if let Ok(stop) = kind.stop("a-1", "") {
                assert!(stop.check().is_ok(), "{kind:?}");
            }
        }
        assert!(Kind::Endpoint.stop("a", "").unwrap_err().to_string().contains("clean a"));
    }
}
