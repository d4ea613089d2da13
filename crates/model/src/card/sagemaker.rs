//! `card.json`: the card in SageMaker's JSON schema, version 0.1.0.

use oncoweave_core::Estimate;
use serde_json::{Map, Value, json};

use super::{
    DISCLAIMER,
    judged::{Judged, settings},
    text::{AUTHORS, days, design, kind, limits, plain},
};
use crate::Model;

/// Settings and metrics beyond this are left out, as the schema's own service does not take more.
const MOST_SETTINGS: usize = 100;
const MOST_METRICS: usize = 50;

pub(super) fn card(model: &Model, judged: Option<&Judged>) -> Value {
    json!({
        "model_overview": overview(model),
        "intended_uses": {
            "purpose_of_model": "To rank patients of a cohort by hazard and to say what each \
                modality adds, in research.",
            "intended_uses": DISCLAIMER,
            "factors_affecting_model_efficiency": "Modalities that a patient lacks, columns \
                measured otherwise than in training, and patients unlike those of the training \
                cohort.",
            "risk_rating": "Unknown",
            "explanations_for_risk_rating": "No assessment of risk has been made; the model is for \
                research use only.",
        },
        "training_details": training(model),
        "evaluation_details": judged.map(evaluation).into_iter().collect::<Vec<_>>(),
        "additional_information": {
            "ethical_considerations": format!("Approval, consent and data protection: {AUTHORS}."),
            "caveats_and_recommendations": limited(&limits().join(" "), 2048),
            "custom_details": details(model),
        },
    })
}

fn overview(model: &Model) -> Value {
    let modalities = model.modalities().join(", ");
    let description = format!(
        "{} that reads {modalities} and ranks patients by hazard. {DISCLAIMER}",
        kind(model)
    );
    json!({
        "model_description": limited(&description, 1024),
        "model_creator": format!("Oncoweave {}", limited(&model.training.program_version, 100)),
        "algorithm_type": kind(model),
        "problem_type": "Survival analysis with right-censored follow-up",
        "model_owner": AUTHORS,
    })
}

fn training(model: &Model) -> Value {
    let record = &model.training;
    let mut metrics = vec![];
    for (place, member) in record.members.iter().enumerate() {
        let best = member.epochs.iter().find(|epoch| epoch.epoch == member.best_epoch);
        let c_index = best.and_then(|epoch| epoch.validation_c_index);
        if let Some(value) = c_index.filter(|value| value.is_finite()) {
            let name = format!("network {}: Harrell's C on its validation part", place + 1);
            metrics.push(json!({ "name": name, "value": value }));
        }
    }
    metrics.truncate(MOST_METRICS);
    let mut parameters = vec![];
    flatten("", &settings(&model.config), &mut parameters);
    parameters.truncate(MOST_SETTINGS);
    let observations: Vec<String> = record.notes.iter().map(|note| format!("{note}.")).collect();
    json!({
        "objective_function": {
            "function": { "function": "Maximize", "facet": "Partial likelihood of follow-up" },
            "notes": "The settings name the loss of each part; members of a stack are weighted by \
                their out-of-fold risks.",
        },
        "training_observations": limited(&observations.join(" "), 1024),
        "training_job_details": {
            "training_datasets": [limited(
                &format!("cohort {}, SHA-256 {}", record.cohort, record.data_sha256), 1024)],
            "training_metrics": metrics,
            "hyper_parameters": parameters,
        },
    })
}

/// `training.epochs` and its value, for every setting.
fn flatten(name: &str, value: &Value, parameters: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let dot = if name.is_empty() { "" } else { "." };
                flatten(&format!("{name}{dot}{field}"), value, parameters);
            }
        }
        Value::String(text) => {
            parameters.push(json!({ "name": limited(name, 255), "value": limited(text, 255) }));
        }
        other => {
            let text = other.to_string();
            parameters.push(json!({ "name": limited(name, 255), "value": limited(&text, 255) }));
        }
    }
}

fn details(model: &Model) -> Value {
    let mut details = Map::new();
    let mut add = |name: &str, text: &str| {
        details.insert(name.to_owned(), limited(text, 1024).into());
    };
    add("research use only", DISCLAIMER);
    add("model version", &model.version());
    add("data SHA-256", &model.training.data_sha256);
    add("seed", &model.training.seed.to_string());
    add("horizons in days", &days(model.horizons_days()));
    if let Some(cohort) = &model.training.description {
        add("training patients", &cohort.patients.to_string());
        add("training events", &cohort.events.to_string());
        for table in &cohort.tables {
            let levels: Vec<String> = table
                .levels
                .iter()
                .map(|level| format!("{}: {}", level.name, level.patients))
                .collect();
            add(&format!("training patients by {}", table.name.to_lowercase()), &levels.join("; "));
        }
    }
    Value::Object(details)
}

fn evaluation(judged: &Judged) -> Value {
    let evaluation = judged.evaluation;
    let whole = judged.evaluation.models.first();
    let mut overall = vec![];
    push(&mut overall, "Harrell's C", whole.and_then(|model| model.c_index));
    push(&mut overall, "Uno's C", whole.and_then(|model| model.c_index_uno));
    if let Some(value) = whole.and_then(|model| model.ibs).filter(|value| value.is_finite()) {
        overall.push(json!({ "name": "Integrated Brier score", "type": "number", "value": value }));
    }
    for at in whole.map(|model| model.auc.as_slice()).unwrap_or_default() {
        push(&mut overall, &format!("AUC for dying by day {}", at.time_days), Some(at.auc));
    }
    let mut worth = vec![];
    for one in &evaluation.contributions {
        push(&mut worth, &format!("Gain in Harrell's C by {}", one.modality), one.gain);
    }
    let mut groups = vec![
        json!({ "name": "What each modality is worth", "metric_data": worth }),
        json!({ "name": "Telling risk apart", "metric_data": overall }),
        json!({ "name": "Calibration", "metric_data": calibration(judged) }),
    ];
    for group in &judged.subgroups {
        let name = limited(&format!("{}: {}", group.factor, group.name), 63);
        let mut data = vec![
            json!({ "name": "Patients", "type": "string", "value": group.patients.to_string() }),
            json!({ "name": "Events", "type": "string", "value": group.events.to_string() }),
        ];
        push(&mut data, "Harrell's C", group.c_index);
        push(&mut data, "Observed over expected events", group.observed_over_expected);
        groups.push(json!({ "name": name, "metric_data": data }));
    }
    json!({
        "name": limited(&format!("{}: {}", evaluation.cohort, evaluation.design), 63),
        "evaluation_observation": limited(
            &format!("{}. {}", design(judged.design), evaluation.notes.join(". ")), 2048),
        "datasets": [limited(
            &format!("cohort {}, SHA-256 {}", evaluation.cohort, evaluation.data_sha256), 1024)],
        "metadata": {
            "patients": judged.cohort.patients.to_string(),
            "events": judged.cohort.events.to_string(),
            "program version": limited(&evaluation.program_version, 1024),
        },
        "metric_groups": groups,
    })
}

fn calibration(judged: &Judged) -> Vec<Value> {
    let mut data = vec![];
    push(&mut data, "Calibration slope", judged.slope());
    for at in &judged.calibration {
        let day = at.time_days;
        if at.predicted.is_finite() {
            data.push(json!({
                "name": format!("Mean predicted survival past day {day}"),
                "type": "number",
                "value": at.predicted,
            }));
        }
        push(&mut data, &format!("Observed survival past day {day}"), at.observed);
        push(
            &mut data,
            &format!("Observed over expected events by day {day}"),
            at.observed_over_expected,
        );
        let curve = judged.curve(day);
        if !curve.is_empty() {
            data.push(json!({
                "name": format!("Observed over predicted survival past day {day}"),
                "notes": "Groups of equal size by predicted survival.",
                "type": "linear_graph",
                "value": curve.iter().map(|&(x, y)| json!([x, y])).collect::<Vec<_>>(),
                "x_axis_name": "predicted survival",
                "y_axis_name": "observed survival",
            }));
        }
    }
    data
}

/// Adds a number with its interval in words, where there is one.
fn push(data: &mut Vec<Value>, name: &str, estimate: Option<Estimate>) {
    let Some(Estimate { value, low, high }) = estimate else { return };
    if [value, low, high].iter().all(|figure| figure.is_finite()) {
        data.push(json!({
            "name": limited(name, 255),
            "notes": format!("95 % interval {low:.3} to {high:.3}"),
            "type": "number",
            "value": value,
        }));
    }
}

/// Text from data in one line of at most so many characters.
fn limited(text: &str, most: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= most {
        return text;
    }
    let mut cut: String = text.chars().take(most - 1).collect();
    cut.push('\u{2026}');
    cut
}
