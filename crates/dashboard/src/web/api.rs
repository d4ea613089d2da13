//! The same figures as JSON, for programs with a token. `openapi.json` describes it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use oncoweave_core::small_cells::{Shown, shown, shown_parts};
use oncoweave_report::groups::RiskGroup;
use serde::Deserialize;
use serde_json::{Value, json};

use super::figures::is_allowed;
use super::{App, Refusal, User};
use crate::access::Right;
use crate::study::{Filter, Study, applicability, groups, horizon_risks, select};

/// The document that describes these routes.
pub(crate) const OPENAPI: &str = include_str!("../../assets/openapi.json");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/openapi.json", get(openapi))
        .route("/studies", get(studies))
        .route("/studies/{study}", get(study))
        .route("/studies/{study}/groups", get(risk_groups))
        .route("/studies/{study}/patients", get(patients))
        .route("/studies/{study}/patients/{patient}", get(patient))
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

fn answer(found: Result<Value, Refusal>) -> Response {
    match found {
        Ok(value) => Json(value).into_response(),
        Err(refusal) => refusal.json(),
    }
}

/// What every answer about a study carries.
fn about(study: &Study) -> Value {
    json!({
        "study": study.slug,
        "cohort": study.evaluation.cohort,
        "model": study.model(),
        "model_version": study.version,
        "data_sha256": study.evaluation.data_sha256,
        "horizons_days": study.evaluation.horizons_days,
        "notice": crate::DISCLAIMER,
    })
}

async fn studies(State(app): State<Arc<App>>, user: Result<User, Refusal>) -> Response {
    let find = || -> Result<Value, Refusal> {
        app.require(&user?, Right::ViewAggregates, "studies")?;
        Ok(json!({ "studies": app.studies.iter().map(about).collect::<Vec<_>>() }))
    };
    answer(find())
}

async fn study(
    State(app): State<Arc<App>>,
    user: Result<User, Refusal>,
    Path(slug): Path<String>,
) -> Response {
    let find = || -> Result<Value, Refusal> {
        let user = user?;
        app.require(&user, Right::ViewAggregates, &slug)?;
        let study = app.study(&slug)?;
        app.audit(&user, "read validation", &slug, "JSON")?;
        let mut evaluation = match user.protected {
            Some(rule) => rule.evaluation(&study.evaluation),
            None => study.evaluation.clone(),
        };
        evaluation.config = Value::Null;
        let mut found = about(study);
        found["evaluation"] = json!(evaluation);
        Ok(found)
    };
    answer(find())
}

fn told(count: Shown) -> Value {
    match count {
        Shown::Count(count) => json!(count),
        Shown::Few | Shown::Withheld => Value::Null,
    }
}

async fn risk_groups(
    State(app): State<Arc<App>>,
    user: Result<User, Refusal>,
    Path(slug): Path<String>,
    Query(filter): Query<Filter>,
) -> Response {
    let find = || -> Result<Value, Refusal> {
        let user = user?;
        app.require(&user, Right::ViewAggregates, &slug)?;
        let study = app.study(&slug)?;
        app.audit(&user, "read cohort", &slug, &format!("JSON; {}", filter.words()))?;
        let selected = select(study, &filter, user.protected);
        let groups = groups(study, &selected.places, user.protected);
        let least = user.protected.map_or(0, |rule| rule.least);
        let patients = groups.each_ref().map(|group| group.outcomes.len());
        let events = groups.each_ref().map(RiskGroup::events);
        let (patients, events) = (shown(&patients, least), shown_parts(&events, &patients, least));
        let mut found = about(study);
        found["problems"] = json!(selected.problems);
        let allowed = is_allowed(&groups, user.protected);
        found["groups"] = groups
            .iter()
            .enumerate()
            .map(|(place, group)| {
                let mut row = json!({
                    "group": group.label,
                    "patients": told(patients[place]),
                    "events": told(events[place]),
                });
                if allowed {
                    let median = group.curve.median();
                    row["median_days"] = json!(median.days);
                    row["median_low_days"] = json!(median.low);
                    row["median_high_days"] = json!(median.high);
                }
                row
            })
            .collect();
        if allowed {
            let separation = study.separation(&filter, user.protected, &groups);
            let test = separation.log_rank.ok();
            found["log_rank"] = json!(test.map(|test| json!({
                "statistic": test.statistic,
                "degrees_of_freedom": test.degrees_of_freedom,
                "p": test.p,
            })));
            found["hazard_ratio"] = json!(separation.hazard_ratio.ok());
        }
        Ok(found)
    };
    answer(find())
}

/// A part of a list.
#[derive(Deserialize)]
#[serde(default)]
struct Part {
    offset: usize,
    limit: usize,
}

impl Default for Part {
    fn default() -> Self {
        Self { offset: 0, limit: 100 }
    }
}

/// Patients of one answer.
const MOST: usize = 1000;

async fn patients(
    State(app): State<Arc<App>>,
    user: Result<User, Refusal>,
    Path(slug): Path<String>,
    Query(filter): Query<Filter>,
    Query(part): Query<Part>,
) -> Response {
    let find = || -> Result<Value, Refusal> {
        let user = user?;
        app.require(&user, Right::ViewPatients, &slug)?;
        app.require(&user, Right::ExportData, &slug)?;
        let study = app.study(&slug)?;
        let selected = select(study, &filter, None);
        let places = selected.places.iter().skip(part.offset).take(part.limit.min(MOST));
        let rows: Vec<Value> = places.map(|&place| one_patient(study, place)).collect();
        let detail = format!("JSON; {} patients; {}", rows.len(), filter.words());
        app.audit(&user, "export predictions", &slug, &detail)?;
        let mut found = about(study);
        found["total"] = json!(selected.places.len());
        found["patients"] = json!(rows);
        Ok(found)
    };
    answer(find())
}

async fn patient(
    State(app): State<Arc<App>>,
    user: Result<User, Refusal>,
    Path((slug, id)): Path<(String, String)>,
) -> Response {
    let find = || -> Result<Value, Refusal> {
        let user = user?;
        let (study, place) = app.patient(&user, &slug, &id)?;
        app.audit(&user, "read patient", &format!("{slug}/{id}"), "JSON")?;
        let mut found = about(study);
        found["patient"] = one_patient(study, place);
        Ok(found)
    };
    answer(find())
}

fn one_patient(study: &Study, place: usize) -> Value {
    let one = &study.patients[place];
    let applies = applicability(one);
    let is_refused = !applies.refused.is_empty();
    let risks = horizon_risks(&study.evaluation.horizons_days, one);
    let risk = |at: &crate::study::HorizonRisk| {
        let (low, high) = at.interval.unzip();
        json!({ "days": at.days, "risk": at.risk, "low": low, "high": high })
    };
    json!({
        "patient_id": one.patient_id,
        "model_applies": !is_refused,
        "refused": applies.refused,
        "warnings": applies.warnings,
        "log_risk": (!is_refused).then_some(one.risk),
        "high_risk": (!is_refused).then_some(one.high_risk),
        "risks": if is_refused { Vec::new() } else { risks.iter().map(risk).collect::<Vec<_>>() },
        "missing_modalities": one.missing_modalities,
        "flags": one.flags,
        "observed": one.observed,
        "competing": one.competing,
        "class": one.label,
    })
}
