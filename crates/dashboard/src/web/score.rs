//! New patients: what the model says through its endpoint.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use askama::Template;
use axum::extract::{Multipart, Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use oncoweave_core::CohortColumn;
use oncoweave_report::words;
use serde_json::{Map, Value};

use super::exports::file;
use super::frame::html;
use super::{App, Frame, Refusal, User};
use crate::access::Right;
use crate::export::answers_csv;
use crate::places::{MOST, MOST_OF_ONE};
use crate::score::{Answer, Batch, Endpoint, Table, check_count, locked, run};
use crate::study::{Study, TrainingRange};

#[derive(Template)]
#[template(path = "score.html")]
struct FormPage {
    frame: Frame,
    studies: Vec<(String, String)>,
    columns: Vec<String>,
}

#[derive(Template)]
#[template(path = "batch.html")]
struct BatchPage {
    frame: Frame,
    id: String,
    endpoint: String,
    data_sha256: String,
    done: usize,
    total: usize,
    is_done: bool,
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
        frame: Frame::general(app, user, "Score patients", "/score").with_problem(problem),
        studies: with_data
            .map(|study| (study.slug.clone(), study.evaluation.cohort.clone()))
            .collect(),
        columns: folder
            .iter()
            .flat_map(|folder| &folder.ranges)
            .map(|range| range.column.clone())
            .collect(),
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
    let Some(place) = app.places.take(&user.account) else {
        // Read to its end and thrown away: browsers show no answer that comes before.
        while matches!(parts.next_field().await, Ok(Some(_))) {}
        return Err(Refusal::Busy(format!(
            "At most {MOST} uploads are taken at a time, {MOST_OF_ONE} of one account. Send this \
             one when another is scored."
        )));
    };
    let bad = |_| Refusal::Bad("The form cannot be read; the file may be too large.".to_owned());
    let (mut csrf, mut table, mut slug) = (String::new(), String::new(), String::new());
    while let Some(field) = parts.next_field().await.map_err(bad)? {
        let name = field.name().unwrap_or_default().to_owned();
        let text = String::from_utf8(Vec::from(field.bytes().await.map_err(bad)?))
            .map_err(|_| Refusal::Bad("The file must be text in UTF-8.".to_owned()))?;
        match name.as_str() {
            "csrf" => csrf = text,
            "table" => table = text,
            "study" => slug = text,
            _ => {}
        }
    }
    user.check_form(&csrf)?;
    let wanted = if slug.is_empty() {
        let read = tokio::task::spawn_blocking(move || Table::read(table));
        read.await.map_err(std::io::Error::other)?.map(Wanted::Table)
    } else {
        app.require(&user, Right::ViewPatients, &slug)?;
        Wanted::cohort(app.study(&slug)?)
    };
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(problem) => {
            let page = html(&form_page(&app, &user, problem))?;
            return Ok((StatusCode::BAD_REQUEST, page).into_response());
        }
    };
    let (subject, count, data_sha256) = wanted.facts(&app)?;
    app.audit(&user, "score", &subject, &words::count(count, "patient"))?;
    let batch = app.batches.add(&user.account, data_sha256, count);
    let to = format!("/score/{}", locked(&batch).id);
    tokio::spawn(async move {
        let turn = Arc::clone(&app.scoring).acquire_owned().await;
        let work = tokio::task::spawn_blocking(move || {
            wanted.score(&app, &batch);
            drop((wanted, turn, place));
        });
        if let Err(error) = work.await {
            tracing::error!(%error, "a batch was broken off");
        }
    });
    Ok((StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response())
}

/// Whom a batch is about.
enum Wanted {
    Table(Table),
    /// The study that has the table, by its name in addresses.
    Cohort(String),
}

impl Wanted {
    fn cohort(study: &Study) -> Result<Self, String> {
        let data = study.data.as_ref().filter(|_| study.folder.is_some());
        check_count(data.ok_or("This study has no table to score.")?.len())?;
        Ok(Self::Cohort(study.slug.clone()))
    }

    /// What it is called in the audit log, how many patients, and the SHA-256 of their table.
    fn facts(&self, app: &App) -> Result<(String, usize, String), Refusal> {
        Ok(match self {
            Self::Table(table) => ("an uploaded table".to_owned(), table.len(), table.sha256()),
            Self::Cohort(slug) => {
                let study = app.study(slug)?;
                let count = study.data.as_ref().map_or(0, oncoweave_core::Cohort::len);
                (slug.clone(), count, study.evaluation.data_sha256.clone())
            }
        })
    }

    fn score(&self, app: &App, batch: &Mutex<Batch>) {
        let Some(endpoint) = &app.endpoint else { return };
        match self {
            Self::Table(table) => run(endpoint, batch, table.records()),
            Self::Cohort(slug) => {
                let Ok(study) = app.study(slug) else { return };
                let (Some(data), Some(folder)) = (&study.data, &study.folder) else { return };
                let read = columns_read(data, &folder.ranges);
                let records = (0..data.len()).map(|row| {
                    let mut record = record(&read, row);
                    record
                        .insert("patient_id".to_owned(), Value::from(data.patients[row].as_str()));
                    record
                });
                run(endpoint, batch, records);
            }
        }
    }
}

/// The columns of a table that the model reads.
pub(super) fn columns_read<'a>(
    data: &'a oncoweave_core::Cohort,
    ranges: &[TrainingRange],
) -> Vec<(String, &'a CohortColumn)> {
    let read: HashSet<&str> = ranges.iter().map(|range| range.column.as_str()).collect();
    let columns = data.columns.iter().map(|column| (column.name(), column));
    columns.filter(|(name, _)| read.contains(name.as_str())).collect()
}

/// A row of the columns as a record.
pub(super) fn record(columns: &[(String, &CohortColumn)], row: usize) -> Map<String, Value> {
    let value = |column: &CohortColumn| {
        column.values.get(row).map_or(Value::Null, |value| Value::from(f64::from(value)))
    };
    columns.iter().map(|(name, column)| (name.clone(), value(column))).collect()
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
        frame: Frame::general(&app, &user, "Scored patients", "/score")
            .with_problem(batch.failure.clone().unwrap_or_default()),
        endpoint: endpoint(&app)?.url().to_owned(),
        data_sha256: batch.data_sha256.clone(),
        done: batch.answers.len(),
        total: batch.total,
        is_done: batch.is_done(),
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
    let table = answers_csv(&batch, endpoint(&app)?.url());
    Ok(file("predictions.csv", "text/csv; charset=utf-8", table))
}
