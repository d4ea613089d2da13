//! How good the model was found to be.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;

use super::frame::html;
use super::{App, Frame, Refusal, User};
use crate::access::Right;
use crate::study::{Protected, Study};

#[derive(Template)]
#[template(path = "validation.html")]
struct Page<'a> {
    frame: Frame,
    slug: String,
    facts: Vec<(&'static str, String)>,
    sections: Vec<(&'static str, &'static str)>,
    bodies: &'a [String],
    may_export_figures: bool,
}

pub(crate) async fn page(
    State(app): State<Arc<App>>,
    user: User,
    Path(slug): Path<String>,
) -> Result<Html<String>, Refusal> {
    app.require(&user, Right::ViewAggregates, &slug)?;
    let study = app.study(&slug)?;
    app.audit(&user, "read validation", &slug, "")?;
    let validation = study.validation(user.protected)?;
    html(&Page {
        frame: Frame::study(&app, &user, study, "Validation", "/validation"),
        facts: facts(study, user.protected),
        sections: validation.sections.iter().map(|section| (section.id, section.heading)).collect(),
        bodies: &validation.bodies,
        may_export_figures: user.roles.has(Right::ExportFigures),
        slug,
    })
}

pub(crate) fn facts(study: &Study, protected: Option<Protected>) -> Vec<(&'static str, String)> {
    let evaluation = &study.evaluation;
    let least = protected.map_or(0, |rule| rule.least);
    let (patients, events) = (evaluation.patients, evaluation.events);
    let told = oncoweave_core::small_cells::shown_parts(&[events], &[patients], least)[0];
    vec![
        (
            "Patients with a known outcome",
            protected.map_or_else(|| patients.to_string(), |rule| rule.told(patients)),
        ),
        ("Events", told.text(least)),
        ("How patients were held out", evaluation.design.clone()),
    ]
}
