//! The cohort: who is in it, how risk is spread, and how the risk groups fared.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use oncoweave_core::small_cells::shown;
use oncoweave_report::chart::histogram;
use oncoweave_report::words;

use super::figures::{Figures, figures, is_allowed};
use super::frame::html;
use super::{App, Frame, Refusal, User, encoded};
use crate::access::Right;
use crate::study::{Filter, Protected, Selected, Study, drawn_curves, groups, risk_bins, select};

/// Patients on one page of the list.
const LISTED: usize = 50;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    studies: Vec<StudyRow>,
}

struct StudyRow {
    slug: String,
    cohort: String,
    design: String,
    version: String,
}

#[derive(Template)]
#[template(path = "cohort.html")]
struct Page {
    frame: Frame,
    slug: String,
    filter: Filter,
    choices: Choices,
    chosen: String,
    horizon: String,
    curves: String,
    figures: Figures,
    distribution: String,
    bins: Vec<[String; 3]>,
    list: Option<List>,
    may_export_figures: bool,
    may_export_data: bool,
    query: String,
    whom: &'static str,
}

/// What the filters offer.
struct Choices {
    sites: Vec<String>,
    labels: Vec<String>,
    lacked: Vec<String>,
    features: Vec<String>,
    horizons: Vec<(String, String, bool)>,
    sees_patients: bool,
}

/// One page of patients.
struct List {
    rows: Vec<PatientRow>,
    count: String,
    from: usize,
    to: usize,
    previous: Option<String>,
    next: Option<String>,
    sorts: [(String, &'static str, &'static str); 3],
}

struct PatientRow {
    id: String,
    href: String,
    risk: String,
    interval: String,
    group: &'static str,
    observed: String,
    label: String,
    notes: String,
}

pub(crate) async fn home(State(app): State<Arc<App>>, user: User) -> Result<Response, Refusal> {
    if !user.roles.has(Right::ViewAggregates) {
        let to = if user.roles.has(Right::ReadAudit) { "/audit" } else { "/accounts" };
        return Ok(Redirect::to(to).into_response());
    }
    if let [study] = &app.studies[..] {
        return Ok(Redirect::to(&format!("/studies/{}", study.slug)).into_response());
    }
    let row = |study: &Study| StudyRow {
        slug: study.slug.clone(),
        cohort: study.evaluation.cohort.clone(),
        design: study.evaluation.design.clone(),
        version: study.version.clone(),
    };
    let studies = app.studies.iter().map(row).collect();
    let frame = Frame::general(&app, &user, "Studies", "/");
    Ok(html(&Home { frame, studies })?.into_response())
}

pub(crate) async fn page(
    State(app): State<Arc<App>>,
    user: User,
    Path(slug): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Html<String>, Refusal> {
    app.require(&user, Right::ViewAggregates, &slug)?;
    let study = app.study(&slug)?;
    app.audit(&user, "read cohort", &slug, &filter.words())?;
    let selected = select(study, &filter, user.protected);
    let groups = groups(study, &selected.places, user.protected);
    let allowed = is_allowed(&groups, user.protected);
    let curves = drawn_curves(study, &groups).filter(|_| allowed);
    let days = study.evaluation.horizons_days.get(selected.horizon).copied().unwrap_or(0.0);
    let horizon = words::horizon(days);
    let bins = risk_bins(study, &selected.places, selected.horizon, user.protected);
    let distribution = histogram(
        ("risk", &format!("Predicted risk of the event within {horizon}")),
        ["High risk", "Low risk"],
        &bins,
        &format!("Predicted risk within {horizon}"),
    );
    let told = |count: Option<usize>| count.map_or("not told".to_owned(), words::thousands);
    let bin = |bin: &oncoweave_report::chart::Bin| {
        let name = format!("{:.0} to {:.0}\u{a0}%", 100.0 * bin.low, 100.0 * bin.high);
        [name, told(bin.counts[0]), told(bin.counts[1])]
    };
    let problems = selected.problems.clone();
    html(&Page {
        frame: Frame { problems, ..Frame::study(&app, &user, study, "Cohort", "") },
        choices: choices(study, &selected, &user),
        whom: words::whom(&study.evaluation),
        chosen: chosen(study, &selected, user.protected),
        curves: curves.map_or(String::new(), |figure| figure.inline()),
        figures: figures(study, &groups, &filter, user.protected),
        bins: bins.iter().map(bin).collect(),
        distribution: distribution.inline(),
        list: user.protected.is_none().then(|| list(study, &filter, &selected)),
        may_export_figures: user.roles.has(Right::ExportFigures),
        may_export_data: user.roles.has(Right::ExportData),
        query: filter.query(&[]),
        horizon,
        filter,
        slug,
    })
}

fn chosen(study: &Study, selected: &Selected, protected: Option<Protected>) -> String {
    let (all, some) = (study.patients.len(), selected.places.len());
    let count = |number| match protected {
        Some(Protected { least }) => shown(&[number], least)[0].text(least),
        None => words::thousands(number),
    };
    if all == some {
        format!("All {} patients", count(all))
    } else {
        format!("{} of {} patients", count(some), count(all))
    }
}

fn choices(study: &Study, selected: &Selected, user: &User) -> Choices {
    let horizons = study.evaluation.horizons_days.iter().enumerate();
    let columns = study.data.iter().flat_map(|data| &data.columns);
    let clinical = columns.filter(|column| column.modality == "clinical");
    Choices {
        sites: study.sites(),
        labels: study.labels(),
        lacked: study.lacked(),
        features: clinical.map(oncoweave_core::CohortColumn::name).collect(),
        horizons: horizons
            .map(|(place, &days)| {
                (place.to_string(), words::horizon(days), place == selected.horizon)
            })
            .collect(),
        sees_patients: user.protected.is_none(),
    }
}

fn list(study: &Study, filter: &Filter, selected: &Selected) -> List {
    let all = selected.places.len();
    let pages = all.div_ceil(LISTED).max(1);
    let page = filter.page.parse::<usize>().unwrap_or(1).clamp(1, pages);
    let from = (page - 1) * LISTED;
    let to = all.min(from + LISTED);
    let link = |page: usize| filter.query(&[("page", &page.to_string())]);
    let sort = |by: &str| {
        let falls = format!("-{by}");
        let (next, state) = if filter.sort == by || (by == "id" && filter.sort.is_empty()) {
            (falls.as_str(), "ascending")
        } else if filter.sort == falls {
            (by, "descending")
        } else {
            (falls.as_str(), "none")
        };
        (filter.query(&[("sort", next)]), state)
    };
    let sorts = [("id", "Patient"), ("risk", "Predicted risk"), ("time", "Observed")];
    List {
        rows: selected.places[from..to]
            .iter()
            .map(|&place| patient_row(study, place, selected.horizon))
            .collect(),
        count: words::count(all, "patient"),
        from: from + usize::from(all > 0),
        to,
        previous: (page > 1).then(|| link(page - 1)),
        next: (page < pages).then(|| link(page + 1)),
        sorts: sorts.map(|(by, name)| {
            let (query, state) = sort(by);
            (query, name, state)
        }),
    }
}

fn patient_row(study: &Study, place: usize, horizon: usize) -> PatientRow {
    let patient = &study.patients[place];
    let refused = !crate::study::applicability(patient).refused.is_empty();
    let risk = study.risk(place, horizon).filter(|_| !refused);
    let bounds = patient.survival_low.get(horizon).zip(patient.survival_high.get(horizon));
    let interval = bounds
        .filter(|_| !refused)
        .map(|(low, high)| format!("{:.0} to {:.0}", 100.0 * (1.0 - high), 100.0 * (1.0 - low)));
    let mut notes = Vec::new();
    if !patient.missing_modalities.is_empty() {
        notes.push(format!("no {}", patient.missing_modalities.join(", ")));
    }
    if refused {
        notes.push("model does not apply".to_owned());
    } else if patient.is_doubtful() {
        notes.push("outside training range".to_owned());
    }
    PatientRow {
        id: patient.patient_id.to_string(),
        href: format!("/studies/{}/patients/{}", study.slug, encoded(patient.patient_id.as_str())),
        risk: risk.map_or("none".to_owned(), |risk| format!("{:.0}\u{a0}%", 100.0 * risk)),
        interval: interval.unwrap_or_default(),
        group: match (refused, patient.high_risk) {
            (true, _) => "none",
            (_, true) => "high",
            (_, false) => "low",
        },
        observed: patient.observed.map_or("unknown".to_owned(), |observed| {
            let what = match &patient.competing {
                Some(other) => other,
                None if observed.event => "event",
                None => "followed",
            };
            let since = observed.entry_days.map(|days| format!(" (seen from day {days:.0} on)"));
            format!("{what}, {:.0} days{}", observed.time_days, since.unwrap_or_default())
        }),
        label: patient.label.clone().unwrap_or_default(),
        notes: notes.join("; "),
    }
}
