//! What is taken away from the pages of a study.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use oncoweave_report::chart::{Figure, histogram};
use oncoweave_report::words;

use super::figures::is_allowed;
use super::patient::{Asked, curves, feature_waterfall, icons, modality_waterfall};
use super::{App, Refusal, User};
use crate::access::Right;
use crate::export::{Release, bundle, curves_csv, notes, predictions_csv};
use crate::study::{
    Filter, Study, applicability, drawn_curves, groups, horizon_risks, risk_bins, select, similar,
};

/// A file to save under a name.
pub(super) fn file(name: &str, kind: &str, content: impl IntoResponse) -> Response {
    let kept: String =
        name.chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '_' }
            })
            .collect();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, kind.parse().expect("a valid header"));
    let disposition = format!("attachment; filename=\"{kept}\"");
    headers.insert(CONTENT_DISPOSITION, disposition.parse().expect("letters and digits alone"));
    (headers, content).into_response()
}

pub(crate) fn predictions(
    app: &App,
    user: &User,
    slug: &str,
    filter: &Filter,
) -> Result<Response, Refusal> {
    app.require(user, Right::ExportData, slug)?;
    app.require(user, Right::ViewPatients, slug)?;
    let study = app.study(slug)?;
    let selected = select(study, filter, None);
    let rows = words::count(selected.places.len(), "patient");
    app.audit(user, "export predictions", slug, &format!("{rows}; {}", filter.words()))?;
    let table = predictions_csv(study, &selected.places);
    Ok(file(&format!("{slug}-predictions.csv"), "text/csv; charset=utf-8", table))
}

pub(crate) async fn predictions_csv_file(
    State(app): State<Arc<App>>,
    user: User,
    Path(slug): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Response, Refusal> {
    predictions(&app, &user, &slug, &filter)
}

pub(crate) async fn curves_csv_file(
    State(app): State<Arc<App>>,
    user: User,
    Path(slug): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Response, Refusal> {
    // Each step is a patient's time.
    app.require(&user, Right::ExportData, &slug)?;
    app.require(&user, Right::ViewPatients, &slug)?;
    let study = app.study(&slug)?;
    let selected = select(study, &filter, None);
    app.audit(&user, "export curves", &slug, &filter.words())?;
    let table = curves_csv(study, &groups(study, &selected.places, user.protected));
    Ok(file(&format!("{slug}-curves.csv"), "text/csv; charset=utf-8", table))
}

/// A figure of the cohort's page, `risk-groups.svg` or `risk.png`, with the page's filters.
pub(crate) async fn figure(
    State(app): State<Arc<App>>,
    user: User,
    Path((slug, name)): Path<(String, String)>,
    Query(filter): Query<Filter>,
) -> Result<Response, Refusal> {
    app.require(&user, Right::ViewAggregates, &slug)?;
    app.require(&user, Right::ExportFigures, &slug)?;
    let study = app.study(&slug)?;
    let (stem, ending) = name.rsplit_once('.').ok_or(Refusal::NotFound)?;
    let figure = cohort_figure(study, &user, stem, &filter)?;
    app.audit(&user, "export figure", &slug, &format!("{name}; {}", filter.words()))?;
    drawn(&app, study, figure, &format!("{slug}-{stem}"), ending).await
}

fn cohort_figure(
    study: &Study,
    user: &User,
    name: &str,
    filter: &Filter,
) -> Result<Figure, Refusal> {
    let selected = select(study, filter, user.protected);
    match name {
        "risk-groups" => {
            let groups = groups(study, &selected.places, user.protected);
            let allowed = is_allowed(&groups, user.protected);
            drawn_curves(study, &groups).filter(|_| allowed).ok_or(Refusal::NotFound)
        }
        "risk" => {
            let days = study.evaluation.horizons_days.get(selected.horizon).copied();
            let within = words::horizon(days.unwrap_or(0.0));
            let bins = risk_bins(study, &selected.places, selected.horizon, user.protected);
            let title = format!("Predicted risk of the event within {within}");
            Ok(histogram(("risk", &title), ["High risk", "Low risk"], &bins, &title))
        }
        _ => {
            let validation = study.validation(user.protected)?;
            let mut figures = validation.sections.iter().flat_map(|section| &section.figures);
            figures.find(|figure| figure.name == name).cloned().ok_or(Refusal::NotFound)
        }
    }
}

pub(crate) async fn patient_figure(
    State(app): State<Arc<App>>,
    user: User,
    Path((slug, id, name)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let (study, place) = app.patient(&user, &slug, &id)?;
    app.require(&user, Right::ExportFigures, &slug)?;
    let (stem, ending) = name.rsplit_once('.').ok_or(Refusal::NotFound)?;
    let figure = patient_drawing(study, place, stem, asked.horizon(study));
    let figure = figure.ok_or(Refusal::NotFound)?;
    app.audit(&user, "export figure", &format!("{slug}/{id}"), &name)?;
    drawn(&app, study, figure, &format!("{id}-{stem}"), ending).await
}

/// A chart of a patient's page; none that needs the model's number where the model does not apply.
pub(crate) fn patient_drawing(
    study: &Study,
    place: usize,
    name: &str,
    horizon: usize,
) -> Option<Figure> {
    let patient = &study.patients[place];
    if !applicability(patient).refused.is_empty() {
        return None;
    }
    let explained = || study.explanations.as_ref().and_then(|all| all.of(&patient.patient_id));
    match name {
        "curve" => Some(curves(study, Some(patient), &similar(study, place, horizon))),
        "people" => {
            let risks = horizon_risks(&study.evaluation.horizons_days, patient);
            risks.get(horizon).map(icons)
        }
        "modalities" => explained().as_ref().map(modality_waterfall),
        "features" => explained().as_ref().map(feature_waterfall),
        _ => None,
    }
}

async fn drawn(
    app: &App,
    study: &Study,
    figure: Figure,
    name: &str,
    ending: &str,
) -> Result<Response, Refusal> {
    let svg = figure.with_notes(&notes(study)).standalone();
    match ending {
        "svg" => Ok(file(&format!("{name}.svg"), "image/svg+xml", svg)),
        "png" => picture(app, name, svg).await,
        _ => Err(Refusal::NotFound),
    }
}

async fn picture(app: &App, name: &str, svg: String) -> Result<Response, Refusal> {
    let _permit = app.drawing.acquire().await.map_err(|_| Refusal::TooMany)?;
    let picture = tokio::task::spawn_blocking(move || crate::export::png(&svg));
    let picture = picture.await.map_err(std::io::Error::other)??;
    Ok(file(&format!("{name}.png"), "image/png", picture))
}

/// The patient's prediction as FHIR: `r4` or `r5`.
pub(crate) async fn fhir(
    State(app): State<Arc<App>>,
    user: User,
    Path((slug, id, release)): Path<(String, String, String)>,
) -> Result<Response, Refusal> {
    let release = Release::parse(&release).ok_or(Refusal::NotFound)?;
    let (study, place) = app.patient(&user, &slug, &id)?;
    app.require(&user, Right::ExportData, &format!("{slug}/{id}"))?;
    app.audit(&user, "export FHIR", &format!("{slug}/{id}"), &format!("{release:?}"))?;
    let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let bundle = bundle(study, place, release, &at);
    let name = format!("{id}-{release:?}.json");
    Ok(file(&name, "application/fhir+json", Json(bundle).into_response().into_body()))
}
