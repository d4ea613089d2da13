//! The cohort: who is in it, how risk is spread, and how the risk groups fared.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use oncoweave_core::{
    Undefined,
    small_cells::{shown, shown_parts},
};
use oncoweave_report::chart::histogram;
use oncoweave_report::words::{self, TimeUnit};

use super::frame::{Value, html};
use super::{App, Frame, Refusal, User, encoded};
use crate::access::Right;
use crate::study::{
    Filter, Group, Protected, Selected, Separation, Study, drawn_curves, groups, risk_bins, select,
};

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
    problems: Vec<String>,
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

/// The table under the curves.
pub(super) struct Figures {
    pub(super) horizons: Vec<String>,
    pub(super) rows: Vec<FigureRow>,
    pub(super) log_rank: Value,
    pub(super) statistic: Value,
    pub(super) hazard_ratio: Value,
    pub(super) at_risk: Vec<(String, Vec<String>)>,
    pub(super) ticks: Vec<String>,
    pub(super) unit: &'static str,
}

pub(super) struct FigureRow {
    pub(super) label: &'static str,
    pub(super) patients: String,
    pub(super) events: String,
    pub(super) median: Value,
    pub(super) median_low: Value,
    pub(super) median_high: Value,
    pub(super) survival: Vec<Value>,
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
    let curves = drawn_curves(&groups).filter(|_| allowed);
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
    html(&Page {
        frame: Frame::study(&app, &user, study, "Cohort", ""),
        choices: choices(study, &selected, &user),
        problems: selected.problems.clone(),
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

/// Whether the curves may be shown: with protection, each group is large enough in every way.
pub(super) fn is_allowed(groups: &[Group; 2], protected: Option<Protected>) -> bool {
    protected.is_none_or(|rule| {
        groups.iter().all(|group| {
            group.outcomes.is_empty() || rule.allows(group.outcomes.len(), group.events())
        })
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

/// The groups' figures; what is protected is told in part or not at all.
pub(super) fn figures(
    study: &Study,
    groups: &[Group; 2],
    filter: &Filter,
    protected: Option<Protected>,
) -> Figures {
    let last_days = groups.iter().filter_map(|group| group.curve.last_days()).fold(0.0, f64::max);
    let unit = TimeUnit::for_span(last_days);
    let least = protected.map_or(0, |protected| protected.least);
    let patients = groups.each_ref().map(|group| group.outcomes.len());
    let events = groups.each_ref().map(Group::events);
    let (patients_told, events_told) =
        (shown(&patients, least), shown_parts(&events, &patients, least));
    let allowed = is_allowed(groups, protected);
    let horizons = &study.evaluation.horizons_days;
    let rows = groups.iter().enumerate().map(|(place, group)| FigureRow {
        label: group.label,
        patients: patients_told[place].text(least),
        events: events_told[place].text(least),
        survival: horizons.iter().map(|&days| survival_at(group, days, allowed)).collect(),
        ..median(group, unit, allowed)
    });
    let (separation, ticks) = (study.separation(filter, protected, groups), unit.ticks(last_days));
    let at_risk = |group: &Group| {
        let days: Vec<f64> = ticks.iter().map(|tick| tick * unit.days()).collect();
        let counts = group.curve.at_risk(&days).into_iter();
        let text = |count: usize| match protected {
            Some(_) if count < least => format!("<{least}"),
            // Rounded down, so that differences of neighbours point at nobody.
            Some(_) => format!("\u{2265}{}", count / least * least),
            None => count.to_string(),
        };
        (group.label.to_owned(), counts.map(text).collect())
    };
    Figures {
        horizons: horizons.iter().map(|&days| words::horizon(days)).collect(),
        rows: rows.collect(),
        log_rank: log_rank(&separation, allowed),
        statistic: statistic(&separation, allowed),
        hazard_ratio: hazard_ratio(&separation, allowed),
        at_risk: groups.iter().map(at_risk).collect(),
        ticks: ticks.iter().map(ToString::to_string).collect(),
        unit: unit.name(),
    }
}

const TOO_FEW: &str = "not told: too few patients";

fn median(group: &Group, unit: TimeUnit, allowed: bool) -> FigureRow {
    let value = |days: Option<f64>| match days.filter(|_| allowed) {
        Some(days) => Value::new(days, format!("{:.1}", days / unit.days())),
        None if allowed => Value::words("not reached"),
        None => Value::words(TOO_FEW),
    };
    let median = group.median();
    FigureRow {
        label: "",
        patients: String::new(),
        events: String::new(),
        survival: Vec::new(),
        median: value(median.days),
        median_low: value(median.low),
        median_high: value(median.high),
    }
}

fn survival_at(group: &Group, days: f64, allowed: bool) -> Value {
    if !allowed {
        return Value::words(TOO_FEW);
    }
    if group.curve.last_days().is_none_or(|last| last < days) {
        return Value::words("follow-up ends before");
    }
    let passed = group.curve.steps.partition_point(|step| step.time_days <= days);
    let (value, low, high) = passed.checked_sub(1).map_or((1.0, 1.0, 1.0), |last| {
        let step = group.curve.steps[last];
        (step.survival, step.low, step.high)
    });
    let text = format!("{} ({:.1} to {:.1})", words::percent(value), 100.0 * low, 100.0 * high);
    Value::new(value, text)
}

fn undefined(error: &Undefined) -> Value {
    Value::words(format!("not defined: {error}"))
}

fn log_rank(separation: &Separation, allowed: bool) -> Value {
    match &separation.log_rank {
        _ if !allowed => Value::words(TOO_FEW),
        Ok(test) => Value::new(test.p, words::p_value(test.p)),
        Err(error) => undefined(error),
    }
}

fn statistic(separation: &Separation, allowed: bool) -> Value {
    match &separation.log_rank {
        Ok(test) if allowed => Value::new(test.statistic, format!("{:.2}", test.statistic)),
        _ => Value::default(),
    }
}

fn hazard_ratio(separation: &Separation, allowed: bool) -> Value {
    match &separation.hazard_ratio {
        _ if !allowed => Value::words(TOO_FEW),
        Ok(ratio) => {
            let text = format!("{:.2} ({:.2} to {:.2})", ratio.value, ratio.low, ratio.high);
            Value::new(ratio.value, text)
        }
        Err(error) => undefined(error),
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
    } else if !patient.flags.is_empty() {
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
            let what = if observed.event { "event" } else { "followed" };
            format!("{what}, {:.0} days", observed.time_days)
        }),
        label: patient.label.clone().unwrap_or_default(),
        notes: notes.join("; "),
    }
}
