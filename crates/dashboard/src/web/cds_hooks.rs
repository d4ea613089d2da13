//! CDS Hooks 2.0: a card when somebody opens a patient in a record system.
//! <https://cds-hooks.hl7.org/2.0/>

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use oncoweave_report::words;

use super::{App, Refusal, User, encoded};
use crate::access::Right;
use crate::export::notes;
use crate::study::{Study, applicability, horizon_risks};

const SERVICE: &str = "oncoweave-risk";

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/cds-services", get(discovery))
        .route("/cds-services/{service}", post(patient_view))
}

/// Which services there are; needs no account, as the standard has it.
async fn discovery() -> Json<Value> {
    Json(json!({
        "services": [{
            "hook": "patient-view",
            "id": SERVICE,
            "title": "Oncoweave risk",
            "description": format!(
                "Predicted risk of the event at fixed horizons, for patients of a research cohort. {}",
                crate::DISCLAIMER
            ),
        }]
    }))
}

/// A call of the hook. Fields of the standard that are not needed here are left out.
#[derive(Deserialize)]
struct Call {
    hook: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    #[serde(rename = "patientId")]
    patient_id: String,
}

async fn patient_view(
    State(app): State<Arc<App>>,
    user: Result<User, Refusal>,
    Path(service): Path<String>,
    call: Result<Json<Call>, axum::extract::rejection::JsonRejection>,
) -> Response {
    let answer = || -> Result<Value, Refusal> {
        let user = user?;
        if service != SERVICE {
            return Err(Refusal::NotFound);
        }
        // A browser's cookie is no credential here: any page could make the call.
        if user.csrf.is_some() {
            return Err(Refusal::SignIn("/".to_owned()));
        }
        // What the reader says of a body that it cannot read quotes it.
        let call = call.map_err(|_| {
            let wanted = "the body must be a CDS Hooks call in JSON: {\"hook\": \"patient-view\", \
                          \"context\": {\"patientId\": \"...\"}}";
            Refusal::Bad(wanted.to_owned())
        })?;
        let call = call.0;
        if call.hook != "patient-view" {
            return Err(Refusal::Bad("the hook must be patient-view".to_owned()));
        }
        app.require(&user, Right::ViewPatients, "CDS Hooks")?;
        let id = &call.context.patient_id;
        let found = app.studies.iter().find_map(|study| Some((study, study.place(id)?)));
        let Some((study, place)) = found else { return Ok(json!({ "cards": [] })) };
        app.audit(&user, "read patient", &format!("{}/{id}", study.slug), "CDS Hooks")?;
        Ok(json!({ "cards": [card(&app, study, place)] }))
    };
    match answer() {
        Ok(cards) => Json(cards).into_response(),
        Err(refusal) => refusal.json(),
    }
}

fn card(app: &App, study: &Study, place: usize) -> Value {
    let patient = &study.patients[place];
    let applies = applicability(patient);
    let risks = horizon_risks(&study.evaluation.horizons_days, patient);
    let usual = risks.get(study.usual_horizon()).filter(|_| applies.refused.is_empty());
    let summary = usual.map_or("The risk model does not apply to this patient".to_owned(), |at| {
        format!(
            "Research: predicted risk {} within {}",
            words::percent(at.risk),
            words::horizon(at.days)
        )
    });
    let mut detail: Vec<String> = Vec::new();
    if applies.refused.is_empty() {
        detail.extend(risks.iter().map(|at| {
            let interval = at.interval.map_or(String::new(), |(low, high)| {
                format!(" (95 % interval {:.0} to {:.0} %)", 100.0 * low, 100.0 * high)
            });
            format!("- within {}: {}{interval}", words::horizon(at.days), words::percent(at.risk))
        }));
    }
    detail.extend(applies.refused.iter().chain(&applies.warnings).map(|note| format!("- {note}")));
    detail.push(format!("\n{}", notes(study).join("\n")));
    let mut card = json!({
        "summary": summary,
        "indicator": "info",
        "detail": detail.join("\n"),
        "source": { "label": "Oncoweave" },
    });
    // Links must be absolute, so they need a name that browsers can reach.
    if let Some(host) = app.settings.hosts.first() {
        let scheme = if app.settings.is_secure() { "https" } else { "http" };
        let id = encoded(patient.patient_id.as_str());
        let url = format!("{scheme}://{host}/studies/{}/patients/{id}", study.slug);
        card["links"] = json!([{ "label": "Open in Oncoweave", "url": url, "type": "absolute" }]);
    }
    card
}
