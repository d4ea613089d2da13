//! The pipeline in the Amazon States Language.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{NO_BETTER, Plan, Step, VERDICT, parameters, steps};
use crate::Settings;

/// The definition for Step Functions: the steps of the pipeline, one state each. What the pipeline
/// has as parameters stands in the input of a run; what is absent there has its default. The folder
/// of the results is fixed, since a state reads from it.
///
/// # Errors
/// When the search file's ranges cannot be searched.
pub fn state_machine(plan: &Plan, settings: &Settings) -> Result<Value> {
    let (before, after) = steps(plan, settings)?;
    let defaults: Map<String, Value> = parameters(settings)
        .into_iter()
        .filter(|(name, ..)| *name != "Out")
        .map(|(name, _, value)| (name.to_owned(), value))
        .collect();
    let out = settings.s3("pipeline");
    let mut states = Map::new();
    states.insert(
        "Defaults".into(),
        json!({"Type": "Pass", "Result": defaults, "ResultPath": "$.Defaults", "Next": "Parameters"}),
    );
    states.insert(
        "Parameters".into(),
        json!({
            "Type": "Pass",
            "Parameters": {"Parameters.$": "States.JsonMerge($.Defaults, $$.Execution.Input, false)"},
            "Next": before[0].name,
        }),
    );
    for (index, step) in before.iter().enumerate() {
        let next = before.get(index + 1).map_or("ReadVerdict", |step| step.name);
        states.insert(step.name.into(), state(step, Some(next), &out));
    }
    states.insert("ReadVerdict".into(), read_verdict(settings));
    states.insert(
        "BetterThanBaseline".into(),
        json!({
            "Type": "Choice",
            "Choices": [{
                "Variable": "$.Judged.Verdict.gain",
                "NumericGreaterThanPath": "$.Parameters.MinimumGain",
                "Next": after[0].name,
            }],
            "Default": "NoBetter",
        }),
    );
    states.insert(
        "NoBetter".into(),
        json!({"Type": "Fail", "Error": "NoBetter", "Cause": NO_BETTER}),
    );
    for (index, step) in after.iter().enumerate() {
        states.insert(
            step.name.into(),
            state(step, after.get(index + 1).map(|step| step.name), &out),
        );
    }
    Ok(json!({
        "Comment": "Oncoweave: a cohort from raw files to a registered model and its predictions",
        "StartAt": "Defaults",
        "States": states,
    }))
}

fn state(step: &Step, next: Option<&str>, out: &str) -> Value {
    let resource = match step.kind {
        "Processing" => "arn:aws:states:::sagemaker:createProcessingJob.sync",
        "Tuning" => "arn:aws:states:::sagemaker:createHyperParameterTuningJob.sync",
        "Training" => "arn:aws:states:::sagemaker:createTrainingJob.sync",
        "Transform" => "arn:aws:states:::sagemaker:createTransformJob.sync",
        "Model" => "arn:aws:states:::sagemaker:createModel",
        _ => "arn:aws:states:::aws-sdk:sagemaker:createModelPackage",
    };
    let mut body = with_out(step.request.body.clone(), out);
    // A tuning job's name has 32 letters at most; the first part of a run's name has 8.
    let unique = "States.ArrayGetItem(States.StringSplit($$.Execution.Name, '-'), 0)";
    if let Some(field) = [
        "ProcessingJobName",
        "TrainingJobName",
        "HyperParameterTuningJobName",
        "TransformJobName",
        "ModelName",
    ]
    .into_iter()
    .find(|field| body[*field].is_string())
    {
        let fields = body.as_object_mut().expect("a request is an object");
        fields.remove(field);
        let name = step.name.to_lowercase();
        fields
            .insert(format!("{field}.$"), format!("States.Format('{name}-{{}}', {unique})").into());
    }
    let mut found = json!({
        "Type": "Task",
        "Resource": resource,
        "Parameters": translated(body),
        "ResultPath": format!("$.{}", step.name),
        "Retry": [{
            "ErrorEquals": ["SageMaker.AmazonSageMakerException", "SageMaker.ResourceLimitExceededException"],
            "IntervalSeconds": 30, "BackoffRate": 2.0, "MaxAttempts": 5,
        }],
    });
    if step.name == "Model" {
        // The answer has an ARN alone; the next state wants the name.
        found["ResultSelector"] = json!({
            "ModelName.$": format!("States.Format('model-{{}}', {unique})"),
        });
    }
    match next {
        Some(next) => found["Next"] = next.into(),
        None => found["End"] = true.into(),
    }
    found
}

/// Reads the file by which the choice is made.
fn read_verdict(settings: &Settings) -> Value {
    let prefix = settings.s3("pipeline");
    let key = prefix.trim_start_matches("s3://").split_once('/').map_or("", |(_, key)| key);
    json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Parameters": {
            "Bucket": settings.bucket,
            "Key.$": format!("States.Format('{key}/{{}}/evaluation/{VERDICT}', $$.Execution.Name)"),
        },
        "ResultSelector": {"Verdict.$": "States.StringToJson($.Body)"},
        "ResultPath": "$.Judged",
        "Next": "BetterThanBaseline",
    })
}

/// A value with the folder of the results in place of the parameter.
fn with_out(value: Value, out: &str) -> Value {
    match value {
        Value::Object(map) if map.get("Get").is_some_and(|path| path == "Parameters.Out") => {
            out.into()
        }
        Value::Object(map) => {
            map.into_iter().map(|(key, value)| (key, with_out(value, out))).collect()
        }
        Value::Array(items) => items.into_iter().map(|item| with_out(item, out)).collect(),
        other => other,
    }
}

/// A value with the pipeline's references as those of the States Language.
fn translated(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| match reference(&value) {
                Some(path) => (format!("{key}.$"), path.into()),
                None => (key, translated(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(translated).collect(),
        other => other,
    }
}

/// The path or the intrinsic function of a reference, where a value is one.
fn reference(value: &Value) -> Option<String> {
    if let Some(path) = value["Get"].as_str() {
        return Some(path_of(path));
    }
    if value.get("Std:Join").is_some() {
        return Some(translated_join(value));
    }
    let items = value.as_array()?;
    if !items.iter().any(|item| item.get("Get").is_some()) {
        return None;
    }
    let item = |item: &Value| match item.as_str() {
        Some(text) => format!("'{text}'"),
        None => reference(item).unwrap_or_default(),
    };
    Some(format!("States.Array({})", items.iter().map(item).collect::<Vec<_>>().join(", ")))
}

fn path_of(path: &str) -> String {
    match path.split_once('.') {
        Some(("Execution", _)) => "$$.Execution.Name".to_owned(),
        Some(("Steps", rest)) => format!("$.{rest}"),
        _ => format!("$.{path}"),
    }
}

fn translated_join(value: &Value) -> String {
    let join = &value["Std:Join"];
    let mut format = vec![];
    let mut arguments = vec![];
    for part in join["Values"].as_array().into_iter().flatten() {
        if let Some(text) = part.as_str() {
            format.push(text.to_owned());
        } else {
            format.push("{}".to_owned());
            arguments.push(path_of(part["Get"].as_str().unwrap_or_default()));
        }
    }
    let format = format.join(join["On"].as_str().unwrap_or_default());
    format!("States.Format('{format}', {})", arguments.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::*;

    #[test]
    fn every_state_is_reached_and_every_reference_translated() {
        let (plan, settings) = plan();
        let machine = state_machine(&plan, &settings).unwrap();
        let states = machine["States"].as_object().unwrap();
        for (name, state) in states {
            let next = state["Next"].as_str();
            assert!(next.is_none_or(|next| states.contains_key(next)), "{name}");
        }
        let text = machine.to_string();
        assert!(!text.contains("\"Get\"") && !text.contains("Std:"), "{text}");
        let gate = &states["Gate"]["Parameters"]["AppSpecification"];
        assert_eq!(
            gate["ContainerArguments.$"],
            "States.Array('container', 'gate', '--min-patients', $.Parameters.MinimumPatients, \
             '--min-events', $.Parameters.MinimumEvents)"
        );
        assert_eq!(
            states["Train"]["Parameters"]["HyperParameters"]["network.width.$"],
            "$.Tune.BestTrainingJob.TunedHyperParameters['network.width']"
        );
        assert_eq!(
            states["ReadVerdict"]["Parameters"]["Key.$"],
            "States.Format('lung/pipeline/{}/evaluation/verdict.json', $$.Execution.Name)"
        );
    }
}
