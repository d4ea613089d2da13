//! The whole way of a cohort as one definition, for `SageMaker` Pipelines and for Step Functions.
//!
//! extract → align → quality gate → tune → train → evaluate → is it better than the baseline? →
//! register and transform. A step is a [`Request`] in which `{"Get": "Steps.Train…"}` and
//! `{"Get": "Parameters.…"}` stand for what is known only when it runs.

mod events;
mod references;
mod step_functions;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};
use toml::Table;

pub use events::{approval_pattern, approval_rule};
pub use references::dangling;
pub use step_functions::state_machine;

use crate::requests::{
    Channel, Container, Processing, Registration, Strategy, Training, Transform, Tuning, align,
    evaluate, extract, gate, model, process, register, train, transform, tune,
};
use crate::service::violations_of_step;
use crate::{Request, Settings};

/// What a pipeline is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The group in the registry.
    pub group: String,
    /// Settings as the service carries them.
    pub hyperparameters: BTreeMap<String, String>,
    /// The table `[settings]` of a search file.
    pub search: Table,
    /// Jobs of the search in all, and at a time.
    pub jobs: (u32, u32),
    /// Machines that extract.
    pub hosts: u32,
    /// The longest run of a job, seconds.
    pub max_runtime_s: u32,
}

/// One step: the request of a job, and what it waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name, letters alone.
    pub name: &'static str,
    /// Its kind, as Pipelines names it.
    pub kind: &'static str,
    /// The job.
    pub request: Request,
    /// The step before it.
    pub after: Option<&'static str>,
}

/// What is asked for when a pipeline starts, with what holds if nothing is said.
#[must_use]
pub fn parameters(settings: &Settings) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("Cohort", "String", settings.s3("cohort").into()),
        ("Records", "String", settings.s3("records").into()),
        ("Out", "String", settings.s3("pipeline").into()),
        ("MinimumPatients", "String", "100".into()),
        ("MinimumEvents", "String", "30".into()),
        ("MinimumGain", "Float", json!(0.0)),
        ("ApprovalStatus", "String", "PendingManualApproval".into()),
    ]
}

/// A reference to what a run knows.
fn get(path: &str) -> Value {
    json!({ "Get": path })
}

/// A folder of this run in S3.
fn folder(name: &str) -> Value {
    let values = [get("Parameters.Out"), get("Execution.PipelineExecutionId"), name.into()];
    json!({"Std:Join": {"On": "/", "Values": values}})
}

/// The question that decides whether a model is registered: its C-index less the baseline's.
pub(crate) const VERDICT: &str = "verdict.json";
pub(crate) const NO_BETTER: &str =
    "The model is no better than the baseline by MinimumGain; nothing was registered.";

/// The steps up to the question, and those after a yes.
///
/// # Errors
/// When the search file's ranges cannot be searched.
pub fn steps(plan: &Plan, settings: &Settings) -> Result<(Vec<Step>, Vec<Step>)> {
    let job = |kind: &'static str, name: &'static str, after, request: Request| Step {
        name,
        kind,
        request,
        after,
    };
    let processing = |name, after, work: Processing| {
        let work = Processing { max_runtime_s: plan.max_runtime_s, ..work };
        job("Processing", name, after, process(&work, settings))
    };
    let cohort = || get("Parameters.Cohort");
    // One machine aligns what it extracts; the shares of several are joined on one more.
    let several = plan.hosts > 1;
    let extracted = folder(if several { "extraction" } else { "aligned" });
    let extraction = Processing { hosts: plan.hosts, ..extract("Extract", cohort(), extracted) };
    let mut before = vec![processing("Extract", None, extraction)];
    if several {
        let work = align("Align", cohort(), folder("extraction/shares"), folder("aligned"));
        before.push(processing("Align", Some("Extract"), work));
    }
    let enough = [get("Parameters.MinimumPatients"), get("Parameters.MinimumEvents")];
    let gate = gate("Gate", folder("aligned/cohort"), enough, folder("parts"));
    let judged = evaluate("Evaluate", model_data(), folder("parts/test"), folder("evaluation"));
    before.extend([
        processing("Gate", Some(if several { "Align" } else { "Extract" }), gate),
        job("Tuning", "Tune", Some("Gate"), tuning(plan, settings)?),
        job("Training", "Train", Some("Tune"), training(plan, settings)),
        processing("Evaluate", Some("Train"), judged),
    ]);
    let after = vec![
        job("RegisterModel", "Register", None, registration(plan, settings)),
        job("Model", "Model", None, made_model(settings)),
        job("Transform", "Transform", Some("Model"), scoring(settings)?),
    ];
    Ok((before, after))
}

fn model_data() -> Value {
    get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
}

/// The settings that every job of the pipeline begins from.
fn base(plan: &Plan, name: &str) -> Training {
    Training {
        name: name.to_owned(),
        channels: vec![Channel { name: "train".to_owned(), uri: folder("parts/train") }],
        hyperparameters: plan.hyperparameters.clone(),
        hosts: 1,
        volume_gb: 50,
        input_mode: "File",
        max_runtime_s: plan.max_runtime_s,
        spot_max_wait_s: None,
        keep_alive_s: None,
        attempts: 2,
        isolated: true,
        checkpoints: false,
        tensorboard: false,
        experiment: None,
    }
}

fn tuning(plan: &Plan, settings: &Settings) -> Result<Request> {
    let tuning = Tuning {
        name: "Tune".to_owned(),
        strategy: Strategy::Bayesian,
        settings: plan.search.clone(),
        jobs: plan.jobs.0,
        parallel: plan.jobs.1,
        early_stopping: false,
        epochs: (0, 0),
        seed: Some(7),
        objective: "val:cindex".to_owned(),
    };
    tune(&tuning, &base(plan, "Tune"), settings)
}

/// Training with the best settings of the search.
fn training(plan: &Plan, settings: &Settings) -> Request {
    let mut request = train(&base(plan, "Train"), settings);
    for name in plan.search.keys() {
        let best = format!("Steps.Tune.BestTrainingJob.TunedHyperParameters['{name}']");
        request.body["HyperParameters"][name] = get(&best);
    }
    request
}

fn registration(plan: &Plan, settings: &Settings) -> Request {
    let registration = Registration {
        group: plan.group.clone(),
        description: Some("Made by the pipeline, better than its baseline".to_owned()),
        model: model_data(),
        quality: Some(folder(&format!("evaluation/{VERDICT}"))),
        card: None,
        approval: String::new(),
        properties: Map::new(),
    };
    let mut request = register(&registration, settings);
    request.body["ModelApprovalStatus"] = get("Parameters.ApprovalStatus");
    request
}

fn made_model(settings: &Settings) -> Request {
    let container = Container::Data { host: None, uri: String::new() };
    let mut request = model("Model", &[container], false, settings);
    request.body["PrimaryContainer"]["ModelDataUrl"] = model_data();
    request
}

fn scoring(settings: &Settings) -> Result<Request> {
    let job = Transform {
        name: "Transform".to_owned(),
        model: get("Steps.Model.ModelName"),
        input: get("Parameters.Records"),
        output: folder("predictions"),
        content_type: "application/jsonlines".to_owned(),
        accept: None,
        hosts: 1,
        concurrent: None,
        payload_mb: None,
        join: false,
        input_filter: None,
        output_filter: None,
        timeout_s: 600,
        retries: 3,
    };
    transform(&job, settings)
}

/// What a step of Pipelines leaves out: the names, which the platform makes.
fn arguments(step: &Step) -> Value {
    let mut body = step.request.body.clone();
    let name = match step.kind {
        "Tuning" => "HyperParameterTuningJobName",
        "Training" => "TrainingJobName",
        "Processing" => "ProcessingJobName",
        "Transform" => "TransformJobName",
        _ => "ModelName",
    };
    if let Some(fields) = body.as_object_mut() {
        fields.remove(name);
        // Pipelines make a checkpoint folder of their own where they retry, and tag by themselves.
        fields.remove("RetryStrategy");
    }
    if let Some(definition) = body.pointer_mut("/TrainingJobDefinition") {
        definition.as_object_mut().map(|fields| fields.remove("RetryStrategy"));
    }
    body
}

fn step_json(step: &Step) -> Value {
    let mut found = json!({"Name": step.name, "Type": step.kind, "Arguments": arguments(step)});
    if let Some(after) = step.after {
        found["DependsOn"] = json!([after]);
    }
    if step.name == "Evaluate" {
        found["PropertyFiles"] = json!([{
            "PropertyFileName": "Verdict", "OutputName": "output", "FilePath": VERDICT,
        }]);
    }
    if !["RegisterModel", "Model"].contains(&step.kind) {
        found["RetryPolicies"] = json!([{
            "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
            "IntervalSeconds": 30, "BackoffRate": 2.0, "MaxAttempts": 5,
        }]);
    }
    found
}

/// The definition for `SageMaker` Pipelines.
///
/// # Errors
/// When a step is not as its service wants it, or refers to what is not there.
pub fn definition(plan: &Plan, settings: &Settings) -> Result<Value> {
    let (before, after) = steps(plan, settings)?;
    for step in before.iter().chain(&after) {
        let found = violations_of_step(&step.request);
        ensure!(found.is_empty(), "step {}: {}", step.name, found.join("; "));
    }
    let mut all: Vec<Value> = before.iter().map(step_json).collect();
    let gain = json!({"Std:JsonGet": {
        "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Verdict"}, "Path": "gain",
    }});
    all.push(json!({
        "Name": "BetterThanBaseline",
        "Type": "Condition",
        "DependsOn": ["Evaluate"],
        "Arguments": {
            "Conditions": [{
                "Type": "GreaterThan", "LeftValue": gain, "RightValue": get("Parameters.MinimumGain"),
            }],
            "IfSteps": after.iter().map(step_json).collect::<Vec<_>>(),
            "ElseSteps": [{
                "Name": "NoBetter", "Type": "Fail", "Arguments": {"ErrorMessage": NO_BETTER},
            }],
        },
    }));
    let parameter = |(name, kind, value): (&str, &str, Value)| {
        let mut found = json!({"Name": name, "Type": kind, "DefaultValue": value});
        if name == "ApprovalStatus" {
            found["EnumValues"] = json!(["PendingManualApproval", "Approved", "Rejected"]);
        }
        found
    };
    let definition = json!({
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": parameters(settings).into_iter().map(parameter).collect::<Vec<_>>(),
        "Steps": all,
    });
    let dangling = dangling(&definition);
    ensure!(dangling.is_empty(), "the pipeline refers to nothing at {}", dangling.join(", "));
    Ok(definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn plan() -> (Plan, Settings) {
        let plan = Plan {
            group: "lung".into(),
            hyperparameters: BTreeMap::from([("seed".into(), "7".into())]),
            search: "\"network.width\" = { min = 8, max = 64, integer = true }".parse().unwrap(),
            jobs: (10, 2),
            hosts: 3,
            max_runtime_s: 3600,
        };
        let settings = Settings {
            role: "arn:aws:iam::111122223333:role/oncoweave-pipeline".into(),
            image: "111122223333.dkr.ecr.eu-central-1.amazonaws.com/oncoweave:0.1.0".into(),
            bucket: "cohorts".into(),
            prefix: "lung".into(),
            kms_key: Some("alias/oncoweave".into()),
            ..Settings::default()
        };
        (plan, settings)
    }

    #[test]
    fn the_definition_holds_every_step_in_order() {
        let (plan, settings) = plan();
        let found = definition(&plan, &settings).unwrap();
        let names: Vec<&str> = found["Steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["Name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            ["Extract", "Align", "Gate", "Tune", "Train", "Evaluate", "BetterThanBaseline"]
        );
        let text = found.to_string();
        assert!(!text.contains("JobName\":\""), "{text}");
        assert_eq!(
            found["Steps"][4]["Arguments"]["HyperParameters"]["network.width"]["Get"],
            "Steps.Tune.BestTrainingJob.TunedHyperParameters['network.width']"
        );
        assert_eq!(
            found["Steps"][0]["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"],
            3
        );
    }

    #[test]
    fn a_faulty_step_is_named() {
        let (plan, mut settings) = plan();
        settings.role = "me".into();
        let error = definition(&plan, &settings).unwrap_err().to_string();
        assert!(error.starts_with("step Extract: CreateProcessingJob.RoleArn must"), "{error}");
    }
}
