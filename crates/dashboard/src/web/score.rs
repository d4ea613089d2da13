//! New patients: what the model says through its endpoint.

use std::sync::{Arc, Mutex};

use askama::Template;
use axum::extract::{Multipart, Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use oncoweave_report::words;
use serde_json::{Map, Value};

use super::frame::html;
use super::{App, Frame, Refusal, User};
use crate::access::Right;
use crate::export::answers_csv;
use crate::score::{Answer, Batch, Endpoint, locked, records_of_csv, run};
use crate::study::{Study, TrainingRange};

/// Records of one batch.
const MOST_RECORDS: usize = 200_000;

#[derive(Template)]
#[template(path = "score.html")]
struct FormPage {
    frame: Frame,
    studies: Vec<(String, String)>,
    columns: Vec<String>,
    problem: String,
}

#[derive(Template)]
#[template(path = "batch.html")]
struct BatchPage {
    frame: Frame,
    id: String,
    done: usize,
    total: usize,
    is_done: bool,
    failure: String,
    horizons: Vec<String>,
    rows: Vec<Vec<String>>,
    hidden: usize,
    failed: usize,
}

pub(super) fn endpoint(app: &App) -> Result<&Endpoint, Refusal> {
    app.endpoint.as_ref().ok_or_else(|| {
        Refusal::Bad("No scoring endpoint is set: start the dashboard with --endpoint.".to_owned())
    })
}

pub(crate) async fn form(State(app): State<Arc<App>>, user: User) -> Result<Html<String>, Refusal> {
    app.require(&user, Right::ExportData, "score")?;
    endpoint(&app)?;
    html(&form_page(&app, &user, String::new()))
}

fn form_page(app: &App, user: &User, problem: String) -> FormPage {
    let with_data =
        app.studies.iter().filter(|study| study.data.is_some() && study.folder.is_some());
    let folder = app.studies.iter().find_map(|study| study.folder.as_ref());
    FormPage {
        frame: Frame::general(app, user, "Score patients", "/score"),
        studies: with_data
            .map(|study| (study.slug.clone(), study.evaluation.cohort.clone()))
            .collect(),
        columns: folder
            .iter()
            .flat_map(|folder| &folder.ranges)
            .map(|range| range.column.clone())
            .collect(),
        problem,
    }
}

/// Takes a table or the name of a study, and scores it in the background.
pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    user: User,
    mut parts: Multipart,
) -> Result<Response, Refusal> {
    app.require(&user, Right::ExportData, "score")?;
    endpoint(&app)?;
    let bad = |_| Refusal::Bad("The form cannot be read; the file may be too large.".to_owned());
    let (mut csrf, mut table, mut slug) = (String::new(), String::new(), String::new());
    while let Some(field) = parts.next_field().await.map_err(bad)? {
        let name = field.name().unwrap_or_default().to_owned();
        let text = field.bytes().await.map_err(bad)?;
        let text = String::from_utf8(text.to_vec())
            .map_err(|_| Refusal::Bad("The file must be text in UTF-8.".to_owned()))?;
        match name.as_str() {
            "csrf" => csrf = text,
            "table" => table = text,
            "study" => slug = text,
            _ => {}
        }
    }
    user.check_form(&csrf)?;
    let records = if slug.is_empty() {
        records_of_csv(&table)
    } else {
        let study = app.study(&slug)?;
        app.require(&user, Right::ViewPatients, &slug)?;
        cohort_records(study).ok_or_else(|| "This study has no table to score.".to_owned())
    };
    let problem = match &records {
        Err(problem) => problem.clone(),
        Ok(records) if records.len() > MOST_RECORDS => {
            format!("At most {} patients at a time.", words::thousands(MOST_RECORDS))
        }
        Ok(_) => String::new(),
    };
    let Some(records) = records.ok().filter(|_| problem.is_empty()) else {
        let page = html(&form_page(&app, &user, problem))?;
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    };
    let subject = if slug.is_empty() { "an uploaded table" } else { &slug };
    app.audit(&user, "score", subject, &words::count(records.len(), "patient"))?;
    let batch = app.batches.add(&user.account, records.len());
    let to = format!("/score/{}", locked(&batch).id);
    tokio::task::spawn_blocking(move || {
        if let Some(endpoint) = &app.endpoint {
            run(endpoint, &batch, &records);
        }
    });
    Ok((StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response())
}

/// The columns that the model reads, of every patient of a study's table.
fn cohort_records(study: &Study) -> Option<Vec<Map<String, Value>>> {
    let (data, folder) = (study.data.as_ref()?, study.folder.as_ref()?);
    Some(
        (0..data.len())
            .map(|row| {
                let mut record = record(data, row, &folder.ranges);
                record.insert("patient_id".to_owned(), Value::from(data.patients[row].as_str()));
                record
            })
            .collect(),
    )
}

pub(super) fn record(
    data: &oncoweave_core::Cohort,
    row: usize,
    ranges: &[TrainingRange],
) -> Map<String, Value> {
    let read: std::collections::HashSet<&str> =
        ranges.iter().map(|range| range.column.as_str()).collect();
    let columns = data.columns.iter().map(|column| (column.name(), column.values.get(row)));
    columns
        .filter(|(name, _)| read.contains(name.as_str()))
        .map(|(name, value)| {
            (name, value.map_or(Value::Null, |value| Value::from(f64::from(value))))
        })
        .collect()
}

fn batch(app: &App, user: &User, id: &str) -> Result<Arc<Mutex<Batch>>, Refusal> {
    app.require(user, Right::ExportData, "score")?;
    app.batches.find(id, &user.account).ok_or(Refusal::NotFound)
}

pub(crate) async fn progress(
    State(app): State<Arc<App>>,
    user: User,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    const LISTED: usize = 100;
    let batch = batch(&app, &user, &id)?;
    let batch = locked(&batch);
    let horizons = batch.answers.iter().find(|answer| !answer.survival.is_empty());
    let page = BatchPage {
        frame: Frame::general(&app, &user, "Scored patients", "/score"),
        done: batch.answers.len(),
        total: batch.total,
        is_done: batch.is_done(),
        failure: batch.failure.clone().unwrap_or_default(),
        horizons: horizons.map_or(Vec::new(), |answer| {
            answer.survival.iter().map(|at| words::horizon(at.time_days)).collect()
        }),
        rows: batch.answers.iter().take(LISTED).map(answer_row).collect(),
        hidden: batch.answers.len().saturating_sub(LISTED),
        failed: batch.answers.iter().filter(|answer| answer.error.is_some()).count(),
        id,
    };
    let page = html(&page)?;
    if batch.is_done() {
        return Ok(page.into_response());
    }
    // The page loads itself again until all are scored.
    let refresh = HeaderName::from_static("refresh");
    Ok(([(refresh, "2")], page).into_response())
}

/// The patient, the risk at each horizon with its interval, and what to know.
fn answer_row(answer: &Answer) -> Vec<String> {
    let mut row = vec![answer.name()];
    let refused = answer
        .flags
        .iter()
        .any(|flag| flag.starts_with("insufficient:") || flag.starts_with("unusual:"));
    for at in answer.survival.iter().filter(|_| !refused) {
        row.push(risk_text(1.0 - at.survival, at.low.zip(at.high)));
    }
    if refused {
        row.extend(answer.survival.iter().map(|_| "none".to_owned()));
    }
    let mut notes: Vec<String> = answer.error.iter().map(|error| error.message.clone()).collect();
    if refused {
        notes.push("the model does not apply".to_owned());
    }
    notes.extend(answer.missing_modalities.iter().map(|modality| format!("no {modality}")));
    notes.extend(answer.flags.iter().cloned());
    row.push(notes.join("; "));
    row
}

/// The bounds are those of survival.
pub(super) fn risk_text(risk: f64, bounds: Option<(f64, f64)>) -> String {
    let interval = bounds.map_or(String::new(), |(low, high)| {
        format!(" ({:.0} to {:.0})", 100.0 * (1.0 - high), 100.0 * (1.0 - low))
    });
    format!("{:.0}\u{a0}%{interval}", 100.0 * risk)
}

pub(crate) async fn download(
    State(app): State<Arc<App>>,
    user: User,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let batch = batch(&app, &user, &id)?;
    let batch = locked(&batch);
    if !batch.is_done() {
        return Err(Refusal::Bad("The patients are still being scored.".to_owned()));
    }
    app.audit(&user, "export scores", &id, &words::count(batch.answers.len(), "patient"))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, "text/csv; charset=utf-8".parse().expect("a valid header"));
    let name = "attachment; filename=\"predictions.csv\"";
    headers.insert(CONTENT_DISPOSITION, name.parse().expect("a valid header"));
    Ok((headers, answers_csv(&batch.answers)).into_response())
}
