//! One patient: the number, what it means, what it rests on, and when not to believe it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use oncoweave_core::Prediction;
use oncoweave_core::kaplan_meier::KaplanMeier;
use oncoweave_report::chart::{Axis, Figure, Line, icon_array, lines, waterfall};
use oncoweave_report::words::{self, TimeUnit};
use serde::Deserialize;

use super::frame::html;
use super::{App, Frame, Refusal, User, encoded};
use crate::access::Right;
use crate::study::{
    Applicability, ClinicalValue, Explained, HorizonRisk, Study, applicability, clinical_values,
    cohort_curve, drivers, horizon_risks, similar,
};

#[derive(Template)]
#[template(path = "patient.html")]
#[expect(clippy::struct_excessive_bools, reason = "what the template shows")]
struct Page {
    frame: Frame,
    slug: String,
    path: String,
    applicability: Applicability,
    sentence: String,
    risks: Vec<RiskRow>,
    horizons: Vec<(String, String, bool)>,
    icons: String,
    curves: String,
    similar: usize,
    explained: Option<ExplainedView>,
    drivers: Vec<(String, String)>,
    is_examined: bool,
    clinical: Vec<ValueRow>,
    facts: Vec<(&'static str, String)>,
    lineage: Vec<[String; 5]>,
    images: Vec<String>,
    may_export_figures: bool,
    may_export_data: bool,
    may_score: bool,
}

struct RiskRow {
    horizon: String,
    risk: String,
    interval: String,
    survival: String,
}

struct ExplainedView {
    modalities: String,
    modality_rows: Vec<(String, String)>,
    features: String,
    feature_rows: Vec<(String, String)>,
}

pub(super) struct ValueRow {
    pub(super) name: String,
    meaning: String,
    pub(super) value: String,
    pub(super) range: String,
    is_outside: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) horizon: String,
}

impl Asked {
    pub(crate) fn horizon(&self, study: &Study) -> usize {
        let asked = self.horizon.parse().ok();
        asked
            .filter(|&place: &usize| place < study.evaluation.horizons_days.len())
            .unwrap_or_else(|| study.usual_horizon())
    }
}

pub(crate) async fn page(
    State(app): State<Arc<App>>,
    user: User,
    Path((slug, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let (study, place) = app.patient(&user, &slug, &id)?;
    app.audit(&user, "read patient", &format!("{slug}/{id}"), "")?;
    let patient = &study.patients[place];
    let applicability = applicability(patient);
    let is_refused = !applicability.refused.is_empty();
    let horizon = asked.horizon(study);
    let risks = horizon_risks(&study.evaluation.horizons_days, patient);
    let at = risks.get(horizon).filter(|_| !is_refused);
    let near = if is_refused { Vec::new() } else { similar(study, place, horizon) };
    let (drivers, is_examined) = drivers(study, place);
    let horizons = study.evaluation.horizons_days.iter().enumerate();
    let explanations = study.explanations.as_ref().filter(|_| !is_refused);
    html(&Page {
        frame: Frame::study(&app, &user, study, &format!("Patient {id}"), ""),
        path: format!("/studies/{slug}/patients/{}", encoded(&id)),
        sentence: at.map_or(String::new(), sentence),
        icons: at.map_or(String::new(), |at| icons(at).inline()),
        curves: curves(study, (!is_refused).then_some(patient), &near).inline(),
        similar: near.len(),
        risks: if is_refused { Vec::new() } else { risks.iter().map(risk_row).collect() },
        horizons: horizons
            .map(|(place, &days)| (place.to_string(), words::horizon(days), place == horizon))
            .collect(),
        explained: explanations.and_then(|all| all.of(&patient.patient_id)).as_ref().map(explain),
        drivers,
        is_examined,
        clinical: clinical_values(study, place).iter().map(value_row).collect(),
        facts: facts(study, place),
        lineage: lineage(study, patient),
        images: images(study, patient),
        may_export_figures: user.roles.has(Right::ExportFigures),
        may_export_data: user.roles.has(Right::ExportData),
        may_score: app.endpoint.is_some() && study.folder.is_some() && study.data.is_some(),
        applicability,
        slug,
    })
}

/// What the number means, in words: people are easier to picture than per cent.
pub(crate) fn sentence(at: &HorizonRisk) -> String {
    let people = people(at.risk);
    let range = at.interval.map_or(String::new(), |(low, high)| {
        format!(
            " The model's 95\u{a0}% interval reaches from {} to {}.",
            hundred(low),
            hundred(high)
        )
    });
    format!(
        "Of 100 people with such a prediction, about {people} are expected to have the event within \
         {}, and {} are not.{range} Nobody can say to which of them this patient belongs.",
        words::horizon(at.days),
        100 - people,
    )
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
fn people(risk: f64) -> usize {
    (100.0 * risk).round().clamp(0.0, 100.0) as usize
}

fn hundred(share: f64) -> String {
    format!("{} of 100", people(share))
}

pub(crate) fn icons(at: &HorizonRisk) -> Figure {
    let within = words::horizon(at.days);
    icon_array(
        ("people", &format!("100 people with this predicted risk, after {within}")),
        people(at.risk),
        ["expected to have the event", "expected not to have it"],
    )
}

fn risk_row(at: &HorizonRisk) -> RiskRow {
    RiskRow {
        horizon: words::horizon(at.days),
        risk: words::percent(at.risk),
        interval: at.interval.map_or(words::NONE.to_owned(), |(low, high)| {
            format!("{:.1} to {:.1}\u{a0}%", 100.0 * low, 100.0 * high)
        }),
        survival: words::percent(1.0 - at.risk),
    }
}

/// The prediction beside what was observed in the cohort and in similar patients.
pub(crate) fn curves(study: &Study, patient: Option<&Prediction>, near: &[usize]) -> Figure {
    let cohort = study.everybody();
    let last_horizon = study.evaluation.horizons_days.last().copied().unwrap_or(0.0);
    let last = cohort.last_days().unwrap_or(last_horizon).max(last_horizon);
    let unit = TimeUnit::for_span(last);
    let days = unit.days();
    let mut drawn = Vec::new();
    if let Some(patient) = patient {
        drawn.push(prediction_line(&study.evaluation.horizons_days, patient, days));
    }
    drawn.push(observed_line("all patients, observed", cohort, days));
    if !near.is_empty() {
        let label = format!("{} with nearest risk, observed", near.len());
        drawn.push(observed_line(&label, &cohort_curve(study, near), days));
    }
    let end = unit.ticks(last).last().copied().unwrap_or(1.0);
    let name = format!("Time since the index date in {}", unit.name());
    lines(
        ("patient-curve", "Predicted survival beside what was observed in others"),
        &drawn,
        (
            Axis { name: &name, range: (0.0, end), percent: false },
            Axis { name: "Without the event", range: (0.0, 1.0), percent: true },
        ),
        None,
    )
}

fn prediction_line(horizons_days: &[f64], patient: &Prediction, unit_days: f64) -> Line {
    let times = || horizons_days.iter().map(|days| days / unit_days);
    let bounds = patient.survival_low.iter().zip(&patient.survival_high);
    Line {
        label: "this patient, predicted".to_owned(),
        points: std::iter::once((0.0, 1.0))
            .chain(times().zip(patient.survival.iter().copied()))
            .collect(),
        intervals: times().zip(bounds).map(|(time, (low, high))| (time, *low, *high)).collect(),
        steps: false,
        marks: true,
    }
}

/// Steps nearer than a thousandth of the height are left out: a large cohort stays a small drawing.
fn observed_line(label: &str, curve: &KaplanMeier, unit_days: f64) -> Line {
    let mut points = vec![(0.0, 1.0)];
    let mut intervals = vec![(0.0, 1.0, 1.0)];
    let mut last = 1.0;
    for step in curve.steps.iter().filter(|step| step.events > 0) {
        if (step.survival - last).abs() < 2e-3 {
            continue;
        }
        last = step.survival;
        points.push((step.time_days / unit_days, step.survival));
        intervals.push((step.time_days / unit_days, step.low, step.high));
    }
    if let Some(step) = curve.steps.last() {
        points.push((step.time_days / unit_days, step.survival));
        intervals.push((step.time_days / unit_days, step.low, step.high));
    }
    Line { label: label.to_owned(), points, intervals, steps: true, marks: false }
}

pub(crate) fn modality_waterfall(explained: &Explained) -> Figure {
    waterfall(
        ("modalities", "What each modality adds to the log risk"),
        ("nothing known", explained.nothing_known),
        &explained.modalities,
        ("this patient", "Log risk (to the right: higher)"),
    )
}

pub(crate) fn feature_waterfall(explained: &Explained) -> Figure {
    waterfall(
        ("features", "What each feature adds to the log risk"),
        ("typical training patients", explained.background),
        &explained.features,
        ("this patient", "Log risk (to the right: higher)"),
    )
}

fn explain(explained: &Explained) -> ExplainedView {
    let rows = |all: &[(String, f64)]| {
        all.iter().map(|(name, value)| (name.clone(), words::signed(*value))).collect()
    };
    ExplainedView {
        modalities: modality_waterfall(explained).inline(),
        modality_rows: rows(&explained.modalities),
        features: feature_waterfall(explained).inline(),
        feature_rows: rows(&explained.features),
    }
}

pub(crate) fn number(value: f64) -> String {
    let text = if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else {
        let text = if value.abs() >= 10.0 { format!("{value:.1}") } else { format!("{value:.3}") };
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    text.replace('-', "\u{2212}")
}

pub(super) fn value_row(value: &ClinicalValue) -> ValueRow {
    let shown = value.value.map(|shown| number(f64::from(shown)));
    ValueRow {
        name: value.name.trim_start_matches("clinical.").to_owned(),
        meaning: value.meaning.clone(),
        value: shown.map_or("not measured".to_owned(), |shown| {
            format!("{shown} {}", value.unit).trim().to_owned()
        }),
        range: value
            .range
            .map_or(String::new(), |(low, high)| format!("{} to {}", number(low), number(high))),
        is_outside: value.is_outside,
    }
}

pub(super) fn facts(study: &Study, place: usize) -> Vec<(&'static str, String)> {
    let patient = &study.patients[place];
    let observed = patient.observed.map_or("unknown".to_owned(), |observed| {
        let days = observed.time_days;
        if let Some(other) = &patient.competing {
            format!("another event first: {other}, after {days:.0} days")
        } else if observed.event {
            format!("event after {days:.0} days")
        } else {
            format!("without the event when last seen, after {days:.0} days")
        }
    });
    let mut facts = vec![("Observed", observed)];
    let entry_days = patient.observed.and_then(|observed| observed.entry_days);
    facts.extend(entry_days.map(|days| ("Under observation", format!("from day {days:.0} on"))));
    facts.extend(patient.label.clone().map(|label| ("Class", label)));
    facts.extend(patient.fold.map(|fold| ("Held out in fold", fold.to_string())));
    if let Some((data, row)) = study.row(place) {
        facts.extend(data.sites[row].clone().map(|site| ("Site", site)));
        facts.extend(data.index_dates[row].map(|date| ("Index date", date.to_string())));
    }
    let group = if patient.high_risk { "high" } else { "low" };
    if applicability(patient).refused.is_empty() {
        facts
            .push(("Risk group", format!("{group} (against the median of the training patients)")));
    }
    facts
}

fn lineage(study: &Study, patient: &Prediction) -> Vec<[String; 5]> {
    let rows = study.lineage.get(&patient.patient_id);
    rows.into_iter()
        .flatten()
        .map(|row| {
            [
                row.modality.clone(),
                row.source.clone(),
                row.sha256.clone().unwrap_or_default(),
                format!("Oncoweave {}", row.tool_version),
                row.reason.clone().unwrap_or_default(),
            ]
        })
        .collect()
}

fn images(study: &Study, patient: &Prediction) -> Vec<String> {
    let all = study.images.iter().flat_map(|images| images.of(&patient.patient_id));
    all.map(|source| source.modality.clone()).collect()
}
