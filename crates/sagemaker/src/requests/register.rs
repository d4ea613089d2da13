use serde_json::{Map, Value, json};

use crate::{Request, Settings};

/// The content types of the container.
const CONTENT_TYPES: [&str; 3] = ["application/jsonlines", "text/csv", "application/json"];

/// A model to be registered.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The group of the model's versions.
    pub group: String,
    /// One sentence.
    pub description: Option<String>,
    /// The `model.tar.gz` in S3.
    pub model: Value,
    /// Figures of the model in S3, see [`quality`].
    pub quality: Option<Value>,
    /// The model card's content.
    pub card: Option<Value>,
    /// `PendingManualApproval`, `Approved` or `Rejected`.
    pub approval: String,
    /// The figures that lists of models show.
    pub properties: Map<String, Value>,
}

/// `CreateModelPackageGroup`.
#[must_use]
pub fn model_group(group: &str, settings: &Settings) -> Request {
    Request::sagemaker(
        "CreateModelPackageGroup",
        json!({
            "ModelPackageGroupName": group,
            "ModelPackageGroupDescription": "Survival models of Oncoweave, for research use only",
            "Tags": settings.tag_list(),
        }),
    )
}

/// `CreateModelPackage`: one more version in its group.
#[must_use]
pub fn register(registration: &Registration, settings: &Settings) -> Request {
    let statistics = registration.quality.as_ref().map(|uri| {
        json!({"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": uri}}})
    });
    let card = registration
        .card
        .as_ref()
        .map(|card| json!({"ModelCardContent": card.to_string(), "ModelCardStatus": "Draft"}));
    let properties = &registration.properties;
    Request::sagemaker(
        "CreateModelPackage",
        json!({
            "ModelPackageGroupName": registration.group,
            "ModelPackageDescription": registration.description,
            "InferenceSpecification": {
                "Containers": [{"Image": settings.image, "ModelDataUrl": registration.model}],
                "SupportedContentTypes": CONTENT_TYPES,
                "SupportedResponseMIMETypes": CONTENT_TYPES,
                "SupportedRealtimeInferenceInstanceTypes": [settings.instances.endpoint],
                "SupportedTransformInstanceTypes": [settings.instances.transform],
            },
            "ModelApprovalStatus": registration.approval,
            "ModelMetrics": statistics,
            "CustomerMetadataProperties": (!properties.is_empty()).then_some(properties),
            "ModelCard": card,
        }),
    )
}

/// The card of a model folder as a model package carries it: without the overview's free texts,
/// which the package's own fields hold.
///
/// Amazon SageMaker AI developer guide, "Model package model card schema".
#[must_use]
pub fn package_card(card: &Value) -> Value {
    let mut card = card.clone();
    if let Value::Object(fields) = &mut card {
        fields.remove("model_package_details");
        if let Some(Value::Object(overview)) = fields.get_mut("model_overview") {
            overview.retain(|name, _| ["model_creator", "model_artifact"].contains(&name.as_str()));
        }
    }
    card
}

/// The figures of `evaluation.json` as the registry's model quality statistics, and the few that
/// lists of models show. Nothing of a patient is in either.
#[must_use]
pub fn quality(evaluation: &Value) -> (Value, Map<String, Value>) {
    let model = &evaluation["models"][0];
    let estimate = |found: &Value| match found {
        Value::Object(_) => json!({
            "value": found["value"],
            "confidence_interval_95": {"low": found["low"], "high": found["high"]},
        }),
        _ => Value::Null,
    };
    let mut metrics = Map::new();
    for name in ["c_index", "c_index_uno"] {
        metrics.insert(name.to_owned(), estimate(&model[name]));
    }
    for at in model["auc"].as_array().into_iter().flatten() {
        let days = &at["time_days"];
        metrics.insert(format!("auc_{days}_days"), estimate(at));
    }
    if let Some(score) = model["ibs"].as_f64() {
        metrics.insert("integrated_brier_score".to_owned(), json!({"value": score}));
    }
    metrics.retain(|_, value| !value.is_null());
    let mut properties = Map::new();
    let mut add = |name: &str, value: &Value| {
        if !value.is_null() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            properties.insert(name.to_owned(), text.into());
        }
    };
    add("c_index", &model["c_index"]["value"]);
    add("patients", &evaluation["patients"]);
    add("events", &evaluation["events"]);
    add("design", &evaluation["design"]);
    add("cohort", &evaluation["cohort"]);
    add("data_sha256", &evaluation["data_sha256"]);
    add("program_version", &evaluation["program_version"]);
    for comparison in evaluation["comparisons"].as_array().into_iter().flatten().take(5) {
        if let Some(name) = comparison["b"].as_str() {
            add(
                &format!("c_index_gain_over_{}", name.replace(' ', "_")),
                &comparison["delta_c_index"],
            );
        }
    }
    (json!({"survival_metrics": metrics}), properties)
}
