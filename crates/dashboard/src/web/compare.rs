//! Two models on the same patients.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use oncoweave_core::concordance_interval::{harrell_c_difference, harrell_c_interval};
use oncoweave_core::inference::Estimated;
use oncoweave_core::{Prediction, Risk, Survival, small_cells::shown};
use oncoweave_report::chart::{ForestRow, ForestScale, forest};
use oncoweave_report::words;
use serde::Deserialize;

use super::frame::html;
use super::{App, Frame, Refusal, User, encoded};
use crate::access::Right;
use crate::study::{Protected, Study, applicability};

#[derive(Template)]
#[template(path = "compare.html")]
struct Page {
    frame: Frame,
    choices: [Vec<Choice>; 2],
    names: [String; 2],
    versions: Vec<String>,
    patients: String,
    measure: &'static str,
    chart: String,
    rows: Vec<(String, String)>,
    verdict: String,
    cross: Option<[[String; 2]; 2]>,
    apart: Vec<Apart>,
}

/// A model to choose: the study and the model's name.
struct Choice {
    value: String,
    text: String,
    is_chosen: bool,
}

/// A patient whom the models rate most differently.
struct Apart {
    id: String,
    href: String,
    risks: [String; 2],
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    a: String,
    b: String,
}

/// One model of one study.
#[derive(Clone, Copy)]
struct Chosen<'a> {
    study: &'a Study,
    /// `None` is the study's first model.
    other: Option<&'a str>,
}

impl<'a> Chosen<'a> {
    fn all(app: &'a App) -> Vec<Self> {
        app.studies
            .iter()
            .flat_map(|study| {
                let first = std::iter::once(Self { study, other: None });
                first.chain(study.others().map(move |name| Self { study, other: Some(name) }))
            })
            .collect()
    }

    fn name(self) -> &'a str {
        self.other.unwrap_or_else(|| self.study.model())
    }

    fn value(self) -> String {
        format!("{}:{}", self.study.slug, self.name())
    }

    fn prediction(self, place: usize) -> Option<&'a Prediction> {
        match self.other {
            None => self.study.patients.get(place),
            Some(name) => self.study.other(name, place),
        }
    }

    /// Risk within the usual horizon where probabilities are given, else the relative risk.
    fn risk(self, prediction: &Prediction) -> f64 {
        let at = prediction.survival.get(self.study.usual_horizon());
        at.map_or(prediction.risk.0, |survival| 1.0 - survival)
    }
}

/// A patient whom both models rate.
struct Pair<'a> {
    place: usize,
    outcome: Option<Survival>,
    both: [&'a Prediction; 2],
}

fn pairs<'a>(a: Chosen<'a>, b: Chosen<'a>) -> Vec<Pair<'a>> {
    (0..a.study.patients.len())
        .filter_map(|place| {
            let first = a.prediction(place)?;
            let second = b.prediction(b.study.place(first.patient_id.as_str())?)?;
            Some(Pair { place, outcome: a.study.told_apart(place), both: [first, second] })
        })
        .collect()
}

pub(crate) async fn page(
    State(app): State<Arc<App>>,
    user: User,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    app.require(&user, Right::ViewAggregates, "comparison")?;
    let all = Chosen::all(&app);
    let find = |value: &str, otherwise: usize| {
        let named = all.iter().find(|chosen| chosen.value() == value);
        named.or_else(|| all.get(otherwise)).or_else(|| all.first()).copied()
    };
    let (Some(a), Some(b)) = (find(&asked.a, 0), find(&asked.b, 1)) else {
        return Err(Refusal::NotFound);
    };
    app.audit(&user, "read comparison", &format!("{} and {}", a.value(), b.value()), "")?;
    let pairs = pairs(a, b);
    let chosen = |one: Chosen<'_>| -> Vec<Choice> {
        let choice = |model: &Chosen<'_>| Choice {
            value: model.value(),
            text: format!("{}: {}", model.study.slug, model.name()),
            is_chosen: model.value() == one.value(),
        };
        all.iter().map(choice).collect()
    };
    let least = user.protected.map_or(0, |rule| rule.least);
    let compared = compared([a, b], &pairs, Protected { least });
    let mut versions = vec![a.study.version.clone(), b.study.version.clone()];
    versions.dedup();
    html(&Page {
        frame: Frame::study(&app, &user, a.study, "Compare two models", "/compare"),
        choices: [chosen(a), chosen(b)],
        names: [a, b].map(|one| format!("{}: {}", one.study.slug, one.name())),
        versions,
        patients: shown(&[pairs.len()], least)[0].text(least),
        measure: measure(a.study),
        chart: compared.chart,
        rows: compared.rows,
        verdict: compared.verdict,
        cross: cross(&pairs, least),
        apart: if user.protected.is_some() { Vec::new() } else { apart([a, b], &pairs) },
    })
}

fn measure(study: &Study) -> &'static str {
    if study.evaluation.competing.is_empty() { "Harrell\u{2019}s C" } else { "Wolbers\u{2019} C" }
}

#[derive(Default)]
struct Compared {
    chart: String,
    rows: Vec<(String, String)>,
    verdict: String,
}

fn compared(models: [Chosen<'_>; 2], pairs: &[Pair<'_>], rule: Protected) -> Compared {
    let known: Vec<&Pair<'_>> = pairs.iter().filter(|pair| pair.outcome.is_some()).collect();
    let outcomes: Vec<Survival> = known.iter().filter_map(|pair| pair.outcome).collect();
    let events = outcomes.iter().filter(|one| one.event).count();
    if !rule.allows(outcomes.len(), events) {
        let verdict =
            "There are too few patients with a known outcome, with or without the event, to tell."
                .to_owned();
        return Compared { verdict, ..Compared::default() };
    }
    let risks = [0, 1].map(|model: usize| -> Vec<Risk> {
        known.iter().map(|pair| Risk(models[model].risk(pair.both[model]))).collect()
    });
    let estimate =
        |risks: &Vec<Risk>| harrell_c_interval(&outcomes, risks).ok().map(Estimated::as_share);
    let estimates = [estimate(&risks[0]), estimate(&risks[1])];
    let names = models.map(|one| format!("{}: {}", one.study.slug, one.name()));
    let rows: Vec<(String, String)> =
        names.iter().cloned().zip(estimates.map(words::with_interval)).collect();
    let drawn: Vec<ForestRow> = rows
        .iter()
        .zip(estimates)
        .enumerate()
        .map(|(place, ((label, text), estimate))| ForestRow {
            label: label.clone(),
            estimate,
            text: text.clone(),
            first: place == 0,
        })
        .collect();
    let scale = ForestScale {
        name: "C of the predicted risk",
        reference: 0.5,
        reference_name: "chance",
        limits: (0.0, 1.0),
    };
    let chart = forest("comparison", "C on the same patients", &drawn, scale).inline();
    let verdict = match harrell_c_difference(&outcomes, &risks[0], &risks[1]) {
        Ok(found) => {
            let interval = words::with_signed_interval(found.difference.as_difference_of_shares());
            let judged = if found.p < 0.05 {
                "more than chance explains"
            } else {
                "chance alone can explain it"
            };
            format!("The difference is {interval}, {}: {judged}.", words::p_value(found.p))
        }
        Err(reason) => format!("The difference is not defined: {reason}."),
    };
    Compared { chart, rows, verdict }
}

/// Patients by the group that each model puts them in: high and low of the first, across those of
/// the second.
fn cross(pairs: &[Pair<'_>], least: usize) -> Option<[[String; 2]; 2]> {
    if pairs.is_empty() {
        return None;
    }
    let count = |first: bool, second: bool| {
        let is_there =
            |pair: &&Pair<'_>| pair.both[0].high_risk == first && pair.both[1].high_risk == second;
        pairs.iter().filter(is_there).count()
    };
    let counts = [count(true, true), count(true, false), count(false, true), count(false, false)];
    let mut told = shown(&counts, least).into_iter().map(|one| one.text(least));
    let mut next = || told.next().unwrap_or_default();
    Some([[next(), next()], [next(), next()]])
}

fn apart(models: [Chosen<'_>; 2], pairs: &[Pair<'_>]) -> Vec<Apart> {
    const LISTED: usize = 10;
    let risks = |pair: &Pair<'_>| [0, 1].map(|model: usize| models[model].risk(pair.both[model]));
    // No number where a model does not apply to the patient, as on every other page.
    let has_numbers = |pair: &&Pair<'_>| {
        pair.both.iter().all(|prediction| {
            !prediction.survival.is_empty() && applicability(prediction).refused.is_empty()
        })
    };
    let mut sorted: Vec<&Pair<'_>> = pairs.iter().filter(has_numbers).collect();
    let distance = |pair: &Pair<'_>| {
        let [a, b] = risks(pair);
        (a - b).abs()
    };
    sorted.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    let study = models[0].study;
    sorted
        .into_iter()
        .take(LISTED)
        .map(|pair| {
            let id = study.patients[pair.place].patient_id.to_string();
            Apart {
                href: format!("/studies/{}/patients/{}", study.slug, encoded(&id)),
                risks: risks(pair).map(|risk| format!("{:.0}\u{a0}%", 100.0 * risk)),
                id,
            }
        })
        .collect()
}
