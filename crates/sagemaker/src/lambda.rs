//! What a Lambda function of this program does with an event.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::client::{Clients, Invocation};
use crate::requests::{Container, Deployment, Hosting, deploy};
use crate::{Request, Settings};

/// What an event asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Ask the endpoint about records, one JSON object each.
    Score {
        /// The endpoint.
        endpoint: String,
        /// The records.
        records: Vec<Value>,
    },
    /// Somebody approved a version: give it to the endpoint.
    Deploy {
        /// The version.
        package: String,
    },
}

/// Reads an event: `{"records": [{…}]}`, with `endpoint` unless the function has one, or
/// `EventBridge`'s word of an approved version. A body of API Gateway is read as such an event.
///
/// # Errors
/// When it is neither.
pub fn task(event: &Value, endpoint: Option<&str>) -> Result<Task> {
    if event["detail-type"] == "SageMaker Model Package State Change" {
        let detail = &event["detail"];
        ensure!(detail["ModelApprovalStatus"] == "Approved", "the version is not approved");
        let package = detail["ModelPackageArn"].as_str().context("the event names no version")?;
        return Ok(Task::Deploy { package: package.to_owned() });
    }
    if let Some(body) = event["body"].as_str() {
        let inner: Value = serde_json::from_str(body).context("the body is no JSON")?;
        ensure!(inner["body"].is_null(), "the body holds another body");
        return task(&inner, endpoint);
    }
    let Some(records) = event["records"].as_array().filter(|records| !records.is_empty()) else {
        bail!("expected {{\"records\": [{{…}}]}} with at least one record")
    };
    ensure!(records.iter().all(Value::is_object), "each record must be a JSON object");
    let endpoint = event["endpoint"].as_str().or(endpoint);
    let endpoint = endpoint.context("the event names no `endpoint` and the function has none")?;
    Ok(Task::Score { endpoint: endpoint.to_owned(), records: records.clone() })
}

/// Carries out a task; the answer has one entry for each record, in their order.
///
/// # Errors
/// When the service or the container refuses.
pub async fn carry_out(
    task: &Task,
    clients: &Clients,
    settings: &Settings,
    endpoint: Option<&str>,
) -> Result<Value> {
    match task {
        Task::Score { endpoint, records } => {
            let lines: Vec<String> = records.iter().map(Value::to_string).collect();
            let invocation = Invocation {
                endpoint,
                body: lines.join("\n").into_bytes(),
                content_type: "application/jsonlines",
                accept: "application/jsonlines",
                container: None,
            };
            let answer = clients.invoke(invocation).await?;
            let text = String::from_utf8(answer).context("the answer is not UTF-8")?;
            let answers: Vec<Value> = text
                .lines()
                .map(serde_json::from_str)
                .collect::<Result<_, _>>()
                .context("the answer is no JSON lines")?;
            ensure!(
                answers.len() == records.len(),
                "{} records have {} answers",
                records.len(),
                answers.len()
            );
            Ok(json!({"predictions": answers}))
        }
        Task::Deploy { package } => {
            let endpoint = endpoint.context("the function has no endpoint to deploy to")?;
            let request = Request::sagemaker("DescribeEndpoint", json!({"EndpointName": endpoint}));
            let update = clients.find(&request).await?.is_some();
            let requests = deploy(&deployment(package, endpoint, update), settings)?;
            for request in &requests {
                request.check()?;
            }
            for request in &requests {
                clients.send(request).await?;
            }
            Ok(json!({"endpoint": endpoint, "package": package, "updated": update}))
        }
    }
}

/// The endpoint of a version, named by its number, so that a repeated event makes nothing twice.
fn deployment(package: &str, endpoint: &str, update: bool) -> Deployment {
    let number = package.rsplit('/').next().unwrap_or_default();
    let stem: String = endpoint.chars().take(50).collect();
    Deployment {
        name: endpoint.to_owned(),
        version: format!("{stem}-v{number}"),
        containers: vec![Container::Package(package.to_owned())],
        direct: false,
        hosting: Hosting::RealTime,
        hosts: 1,
        scaling: None,
        update,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_apart() {
        let score = |endpoint: &str| Task::Score {
            endpoint: endpoint.into(),
            records: vec![json!({"clinical.age": 70})],
        };
        let records = json!({"records": [{"clinical.age": 70}]});
        let arn = "arn:aws:sagemaker:eu-central-1:111122223333:model-package/lung/3";
        let approved = |status: &str| {
            json!({"detail-type": "SageMaker Model Package State Change",
                "detail": {"ModelPackageArn": arn, "ModelApprovalStatus": status}})
        };
        assert_eq!(task(&records, Some("lung")).unwrap(), score("lung"));
        assert_eq!(task(&json!({"body": records.to_string()}), Some("x")).unwrap(), score("x"));
        let expected = Task::Deploy { package: arn.into() };
        assert_eq!(task(&approved("Approved"), None).unwrap(), expected);
        for (event, part) in [
            (approved("Rejected"), "not approved"),
            (records, "names no `endpoint`"),
            (json!({"records": []}), "at least one record"),
            (json!({"records": [1], "endpoint": "x"}), "JSON object"),
            (json!({"body": "no"}), "no JSON"),
            (json!({"body": "{\"body\": \"{}\"}"}), "another body"),
        ] {
            let error = task(&event, None).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_version_has_one_name() {
        let arn = "arn:aws:sagemaker:eu-central-1:111122223333:model-package/lung/3";
        assert_eq!(deployment(arn, "lung", true).version, "lung-v3");
    }
}
