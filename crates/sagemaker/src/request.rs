use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::service;

/// One call of a service: its body as the service documents it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The service as its command line names it, such as `sagemaker`.
    pub service: &'static str,
    /// The operation, such as `CreateTrainingJob`.
    pub operation: &'static str,
    /// The fields under the service's own names.
    pub body: Value,
}

impl Request {
    /// A call of SageMaker.
    #[must_use]
    pub fn sagemaker(operation: &'static str, body: Value) -> Self {
        Self { service: "sagemaker", operation, body: without_null(body) }
    }

    /// A call of Application Auto Scaling.
    #[must_use]
    pub fn autoscaling(operation: &'static str, body: Value) -> Self {
        Self { service: "application-autoscaling", operation, body: without_null(body) }
    }

    /// What `--dry-run` prints of it.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({"service": self.service, "operation": self.operation, "request": self.body})
    }

    /// Holds it against the service's description.
    ///
    /// # Errors
    /// With everything that the service would refuse.
    pub fn check(&self) -> Result<()> {
        let found = service::violations(self);
        if found.is_empty() {
            return Ok(());
        }
        bail!("nothing was sent, since the service would refuse this: {}", found.join("; "))
    }
}

/// Leaves out fields that are null, at every depth: what is absent is not sent.
fn without_null(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_null(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_null).collect(),
        other => other,
    }
}
