//! A patient on one page, and the validation, as PDF.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use oncoweave_report::words;

use super::exports::{file, patient_drawing};
use super::patient::{facts, sentence, value_row};
use super::{App, Refusal, User};
use crate::access::Right;
use crate::export::{PatientReport, PrintedFrame, notes, patient_pdf, validation_pdf};
use crate::study::{Study, applicability, clinical_values, horizon_risks};

fn frame(study: &Study, title: String) -> PrintedFrame {
    let made = chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string();
    PrintedFrame { title, notes: notes(study), made }
}

/// Prints beside the event loop, few at a time.
async fn printed(
    app: &App,
    work: impl FnOnce() -> Result<Vec<u8>, crate::Error> + Send + 'static,
) -> Result<Vec<u8>, Refusal> {
    let _permit = app.drawing.acquire().await.map_err(|_| Refusal::TooMany)?;
    Ok(tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)??)
}

pub(crate) async fn patient(
    State(app): State<Arc<App>>,
    user: User,
    Path((slug, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let (study, place) = app.patient(&user, &slug, &id)?;
    app.require(&user, Right::ExportFigures, &format!("{slug}/{id}"))?;
    app.audit(&user, "export patient report", &format!("{slug}/{id}"), "PDF")?;
    let report = report(study, place, &id);
    let pdf = printed(&app, move || patient_pdf(&report)).await?;
    Ok(file(&format!("{id}.pdf"), "application/pdf", pdf))
}

fn report(study: &Study, place: usize, id: &str) -> PatientReport {
    let patient = &study.patients[place];
    let applies = applicability(patient);
    let is_refused = !applies.refused.is_empty();
    let horizon = study.usual_horizon();
    let risks = horizon_risks(&study.evaluation.horizons_days, patient);
    let row = |at: &crate::study::HorizonRisk| {
        let interval = at.interval.map_or(words::NONE.to_owned(), |(low, high)| {
            format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)
        });
        [words::horizon(at.days), words::percent(at.risk), interval]
    };
    let figures = ["people", "curve", "modalities"];
    PatientReport {
        frame: frame(study, format!("Patient {id}")),
        sentence: risks.get(horizon).filter(|_| !is_refused).map_or(String::new(), sentence),
        risks: if is_refused { Vec::new() } else { risks.iter().map(row).collect() },
        facts: facts(study, place)
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text))
            .collect(),
        values: clinical_values(study, place)
            .iter()
            .map(|value| {
                let row = value_row(value);
                [row.name, row.value, row.range]
            })
            .collect(),
        figures: figures
            .iter()
            .filter_map(|name| patient_drawing(study, place, name, horizon))
            .collect(),
        refused: applies.refused,
        warnings: applies.warnings,
    }
}

pub(crate) async fn validation(
    State(app): State<Arc<App>>,
    user: User,
    Path(slug): Path<String>,
) -> Result<Response, Refusal> {
    app.require(&user, Right::ViewAggregates, &slug)?;
    app.require(&user, Right::ExportFigures, &slug)?;
    let study = app.study(&slug)?;
    app.audit(&user, "export validation", &slug, "PDF")?;
    let validation = study.validation(user.protected)?;
    let frame = frame(study, format!("Validation: {}", study.evaluation.cohort));
    let pdf = printed(&app, move || validation_pdf(&frame, &validation.sections)).await?;
    Ok(file(&format!("{slug}-validation.pdf"), "application/pdf", pdf))
}
