//! How good the model was found to be.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use oncoweave_report::Section;
use oncoweave_report::report_sections;

use super::frame::html;
use super::{App, Frame, Refusal, User};
use crate::access::Right;
use crate::study::{Protected, Study, auc_curves, subgroup_section};

#[derive(Template)]
#[template(path = "validation.html")]
struct Page {
    frame: Frame,
    slug: String,
    facts: Vec<(&'static str, String)>,
    sections: Vec<(String, String)>,
    bodies: Vec<String>,
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
    let sections = sections(study, user.protected)?;
    let bodies = sections.iter().map(Section::html).collect::<Result<_, _>>()?;
    html(&Page {
        frame: Frame::study(&app, &user, study, "Validation", "/validation"),
        facts: facts(study, user.protected),
        sections: sections
            .iter()
            .map(|section| (section.id.to_owned(), section.heading.to_owned()))
            .collect(),
        bodies,
        may_export_figures: user.roles.has(Right::ExportFigures),
        slug,
    })
}

/// The report's sections with subgroups and time-dependent ROC curves; for those who see no
/// patient, without what small groups would show.
pub(crate) fn sections(
    study: &Study,
    protected: Option<Protected>,
) -> Result<Vec<Section>, Refusal> {
    let mut sections = report_sections(&study.evaluation, &study.patients, protected)?;
    if protected.is_some() {
        // The cohort's page shows the curves, with filters.
        sections.retain(|section| section.id != "survival");
    }
    let notes = sections.iter().position(|section| section.id == "notes").unwrap_or(sections.len());
    let further = [auc_curves(study, protected), subgroup_section(study, protected)];
    drop(sections.splice(notes..notes, further.into_iter().flatten()));
    Ok(sections)
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
