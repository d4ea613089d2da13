//! What the services demand of a request, checked before it is sent.
//!
//! `service_model.json` is made by `scripts/service_model.py` from the descriptions that botocore
//! ships, which are the services' own.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fancy_regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;

use crate::Request;

#[derive(Deserialize)]
struct Model {
    source: String,
    services: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    operations: BTreeMap<String, String>,
    shapes: BTreeMap<String, Shape>,
}

/// A shape of the service model.
#[derive(Deserialize)]
struct Shape {
    r#type: String,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    r#enum: Vec<String>,
    min: Option<f64>,
    max: Option<f64>,
    pattern: Option<String>,
    #[serde(default)]
    members: BTreeMap<String, String>,
    member: Option<String>,
    key: Option<String>,
    value: Option<String>,
}

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    serde_json::from_str(include_str!("service_model.json")).expect("the service model is JSON")
});

/// Which release of the service descriptions requests are checked against.
#[must_use]
pub fn source() -> &'static str {
    &MODEL.source
}

/// Everything about a request that the service would refuse, one sentence each, with its place.
///
/// # Panics
/// When the operation is none that the launcher knows.
#[must_use]
pub fn violations(request: &Request) -> Vec<String> {
    check(request, false)
}

/// As [`violations`] for a step of a pipeline: `{"Get": …}` and the like stand for any value, and
/// names of jobs, which the platform makes, may be absent.
#[must_use]
pub fn violations_of_step(request: &Request) -> Vec<String> {
    check(request, true)
}

fn check(request: &Request, step: bool) -> Vec<String> {
    let service = &MODEL.services[request.service];
    let mut checker = Checker { service, step, found: vec![] };
    let shape = &service.operations[request.operation];
    checker.value(request.operation, shape, &request.body);
    checker.found
}

struct Checker<'a> {
    service: &'a Service,
    step: bool,
    found: Vec<String>,
}

/// The names that the platform gives the jobs of a pipeline.
const MADE_BY_PIPELINES: [&str; 4] =
    ["TrainingJobName", "ProcessingJobName", "TransformJobName", "HyperParameterTuningJobName"];

/// Whether a value is filled in when a pipeline runs.
fn is_reference(value: &Value) -> bool {
    let Value::Object(map) = value else { return false };
    map.len() == 1 && map.keys().all(|key| key == "Get" || key.starts_with("Std:"))
}

impl Checker<'_> {
    fn say(&mut self, place: &str, sentence: &str) {
        self.found.push(format!("{place} {sentence}"));
    }

    fn value(&mut self, place: &str, name: &str, value: &Value) {
        if self.step && is_reference(value) {
            return;
        }
        let service = self.service;
        let shape = &service.shapes[name];
        match (shape.r#type.as_str(), value) {
            ("structure", Value::Object(map)) => self.structure(place, shape, map),
            ("list", Value::Array(items)) => {
                self.length(place, shape, items.len(), "items");
                let member = shape.member.as_deref().expect("a list has a member shape");
                for (index, item) in items.iter().enumerate() {
                    self.value(&format!("{place}[{index}]"), member, item);
                }
            }
            ("map", Value::Object(map)) => {
                self.length(place, shape, map.len(), "entries");
                let key_shape = shape.key.as_deref().expect("a map has a key shape");
                let value_shape = shape.value.as_deref().expect("a map has a value shape");
                for (key, item) in map {
                    self.value(&format!("{place} key"), key_shape, &Value::from(key.as_str()));
                    self.value(&format!("{place}.{key}"), value_shape, item);
                }
            }
            ("string", Value::String(text)) => self.text(place, shape, text),
            ("integer" | "long", Value::Number(number)) if !number.is_f64() => {
                self.number(place, shape, number.as_f64());
            }
            ("float" | "double", Value::Number(number)) => {
                self.number(place, shape, number.as_f64());
            }
            ("boolean", Value::Bool(_)) | ("timestamp", Value::Number(_)) => {}
            (expected, found) => {
                let kind = kind(found);
                self.say(place, &format!("must be a {expected}, found {kind}"));
            }
        }
    }

    fn structure(&mut self, place: &str, shape: &Shape, map: &serde_json::Map<String, Value>) {
        for name in &shape.required {
            let made = self.step && MADE_BY_PIPELINES.contains(&name.as_str());
            if !map.contains_key(name) && !made {
                self.say(&format!("{place}.{name}"), "is required and absent");
            }
        }
        for (name, value) in map {
            let inner = format!("{place}.{name}");
            match shape.members.get(name) {
                Some(member) => self.value(&inner, member, value),
                None => self.say(&inner, "is unknown to the service"),
            }
        }
    }

    fn text(&mut self, place: &str, shape: &Shape, text: &str) {
        self.length(place, shape, text.chars().count(), "characters");
        if !shape.r#enum.is_empty() && !shape.r#enum.iter().any(|value| value == text) {
            let known = shape.r#enum.join(", ");
            // Instance types are a list of hundreds.
            let known = if known.len() > 400 { "the service's list".to_owned() } else { known };
            self.say(place, &format!("must be one of {known}, found `{text}`"));
        }
        if let Some(pattern) = &shape.pattern {
            let whole = whole(pattern).expect("a pattern of the model, tested");
            // A text that the engine gives up on is left to the service.
            if !whole.is_match(text).unwrap_or(true) {
                self.say(place, &format!("must match `{pattern}`, found `{text}`"));
            }
        }
    }

    fn number(&mut self, place: &str, shape: &Shape, number: Option<f64>) {
        let number = number.expect("a JSON number is finite");
        if shape.min.is_some_and(|min| number < min) || shape.max.is_some_and(|max| number > max) {
            let range = range(shape);
            self.say(place, &format!("must be {range}, found {number}"));
        }
    }

    fn length(&mut self, place: &str, shape: &Shape, length: usize, of: &str) {
        let length = length as f64;
        if shape.min.is_some_and(|min| length < min) || shape.max.is_some_and(|max| length > max) {
            let range = range(shape);
            self.say(place, &format!("must have {range} {of}, found {length}"));
        }
    }
}

/// The pattern of a whole text. Some repeat a large class of letters a thousand times.
fn whole(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&format!(r"\A(?s:{pattern})\z")).delegate_size_limit(1 << 28).build().ok()
}

fn range(shape: &Shape) -> String {
    match (shape.min, shape.max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => String::new(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model(body: Value) -> Vec<String> {
        violations(&Request::sagemaker("CreateModel", body))
    }

    #[test]
    fn every_pattern_of_the_model_is_understood() {
        let mut count = 0;
        for service in MODEL.services.values() {
            for pattern in service.shapes.values().filter_map(|shape| shape.pattern.as_ref()) {
                assert!(whole(pattern).is_some(), "{pattern}");
                count += 1;
            }
        }
        assert!(count > 50, "{count}");
        assert!(source().starts_with("botocore 1."));
    }

    #[test]
    fn a_good_request_is_left_alone() {
        let role = "arn:aws:iam::111122223333:role/run";
        assert_eq!(model(json!({"ModelName": "a-1", "ExecutionRoleArn": role})), [""; 0]);
    }

    #[test]
    fn each_kind_of_fault_is_found_and_placed() {
        for (body, expected) in [
            (json!({}), "CreateModel.ModelName is required and absent"),
            (json!({"ModelName": 3}), "CreateModel.ModelName must be a string, found a number"),
            (json!({"ModelName": "a", "Name": "b"}), "CreateModel.Name is unknown to the service"),
            (json!({"ModelName": "a_b"}), "CreateModel.ModelName must match"),
            (json!({"ModelName": "a\n"}), "CreateModel.ModelName must match"),
            (json!({"ModelName": "a".repeat(64)}), "must have"),
            (
                json!({"ModelName": "a", "EnableNetworkIsolation": "yes"}),
                "CreateModel.EnableNetworkIsolation must be a boolean, found a text",
            ),
            (
                json!({"ModelName": "a", "Tags": [{"Key": "k"}]}),
                "CreateModel.Tags[0].Value is required and absent",
            ),
            (
                json!({"ModelName": "a", "InferenceExecutionConfig": {"Mode": "Both"}}),
                "CreateModel.InferenceExecutionConfig.Mode must be one of Serial, Direct",
            ),
            (
                json!({"ModelName": "a", "VpcConfig": {"Subnets": [], "SecurityGroupIds": ["sg-1"]}}),
                "CreateModel.VpcConfig.Subnets must have 1 to 16 items, found 0",
            ),
        ] {
            let found = model(body.clone());
            assert!(found.iter().any(|it| it.contains(expected)), "{body}: {found:?}");
        }
    }

    #[test]
    fn references_stand_for_values_in_steps_alone() {
        let body = json!({"ModelName": {"Get": "Steps.Model.ModelName"}});
        let request = Request::sagemaker("CreateModel", body);
        assert_eq!(violations(&request).len(), 1);
        assert_eq!(violations_of_step(&request), [""; 0]);
    }
}
