//! Other values of a patient: what the model would say, within its training range.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Html;
use oncoweave_report::words;
use serde_json::{Map, Value};

use super::frame::html;
use super::patient::number;
use super::score::{columns_read, endpoint, record, risk_text};
use super::{App, Frame, Refusal, User, encoded};
use crate::score::{Answer, SurvivalAt};
use crate::study::{ClinicalValue, Study, values};

#[derive(Template)]
#[template(path = "what_if.html")]
struct Page {
    frame: Frame,
    path: String,
    id: String,
    inputs: Vec<Input>,
    outcome: Option<Vec<[String; 3]>>,
}

/// One value that may be changed within the training range.
struct Input {
    name: String,
    label: String,
    unit: String,
    bounds: (f64, f64),
    range: String,
    own: String,
    value: String,
}

/// Other features than clinical ones that may be changed: those that move the risk most.
const OTHER_INPUTS: usize = 8;

fn inputs(study: &Study, place: usize, sent: &[(String, String)]) -> Vec<Input> {
    let patient = &study.patients[place].patient_id;
    let explained = study.explanations.as_ref().and_then(|all| all.of(patient));
    let strong: Vec<String> = explained.map_or(Vec::new(), |explained| {
        explained.features.into_iter().take(OTHER_INPUTS).map(|(name, _)| name).collect()
    });
    let shown = values(study, place, |column| {
        column.modality == "clinical" || strong.contains(&column.name())
    });
    let input = |value: ClinicalValue| {
        let (low, high) = value.range?;
        let own = value.value.map_or(String::new(), |own| own.to_string());
        let asked = sent.iter().find(|(name, _)| *name == value.name);
        Some(Input {
            label: value.name.trim_start_matches("clinical.").to_owned(),
            unit: value.unit,
            bounds: (low, high),
            range: format!("{} to {}", number(low), number(high)),
            value: asked.map_or(own.clone(), |(_, asked)| asked.clone()),
            own,
            name: value.name,
        })
    };
    shown.into_iter().filter_map(input).collect()
}

fn page(
    (app, user, study): (&App, &User, &Study),
    id: &str,
    inputs: Vec<Input>,
    outcome: Result<Option<Vec<[String; 3]>>, Vec<String>>,
) -> Page {
    let title = format!("What if: patient {id}");
    let (outcome, problems) =
        outcome.map_or_else(|problems| (None, problems), |rows| (rows, vec![]));
    Page {
        frame: Frame { problems, ..Frame::study(app, user, study, &title, "") },
        path: format!("/studies/{}/patients/{}", study.slug, encoded(id)),
        id: id.to_owned(),
        inputs,
        outcome,
    }
}

pub(crate) async fn form(
    State(app): State<Arc<App>>,
    user: User,
    Path((slug, id)): Path<(String, String)>,
) -> Result<Html<String>, Refusal> {
    let (study, place) = app.patient(&user, &slug, &id)?;
    endpoint(&app)?;
    let inputs = inputs(study, place, &[]);
    html(&page((&app, &user, study), &id, inputs, Ok(None)))
}

pub(crate) async fn try_values(
    State(app): State<Arc<App>>,
    user: User,
    Path((slug, id)): Path<(String, String)>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Html<String>, Refusal> {
    let (study, place) = app.patient(&user, &slug, &id)?;
    endpoint(&app)?;
    let csrf = sent.iter().find(|(name, _)| name == "csrf").map_or("", |(_, value)| value);
    user.check_form(csrf)?;
    let inputs = inputs(study, place, &sent);
    let (Some((data, row)), Some(folder)) = (study.row(place), &study.folder) else {
        return Err(Refusal::Bad("The values of this patient are not known here.".to_owned()));
    };
    let own = record(&columns_read(data, &folder.ranges), row);
    let changed = match changed(&own, &inputs) {
        Ok(changed) => changed,
        Err(problems) => {
            return html(&page((&app, &user, study), &id, inputs, Err(problems)));
        }
    };
    app.audit(&user, "try values", &format!("{slug}/{id}"), "")?;
    let asked = Arc::clone(&app);
    let answers = tokio::task::spawn_blocking(move || {
        let endpoint = asked.endpoint.as_ref().ok_or("No endpoint is set.".to_owned())?;
        endpoint.score(&[own, changed])
    });
    let answers = answers.await.map_err(std::io::Error::other)?.map_err(Refusal::Endpoint)?;
    let outcome = match &answers[..] {
        [own, changed] => compared(own, changed),
        _ => Err(vec!["The endpoint did not answer for both records.".to_owned()]),
    };
    html(&page((&app, &user, study), &id, inputs, outcome.map(Some)))
}

/// The record with the values asked for, each within its training range; an empty field is a value
/// that is not known.
fn changed(own: &Map<String, Value>, inputs: &[Input]) -> Result<Map<String, Value>, Vec<String>> {
    let mut record = own.clone();
    let mut problems = Vec::new();
    for input in inputs.iter().filter(|input| input.value.trim() != input.own) {
        let text = input.value.trim();
        if text.is_empty() {
            record.insert(input.name.clone(), Value::Null);
            continue;
        }
        let (low, high) = input.bounds;
        match text.parse::<f64>() {
            Ok(value) if low <= value && value <= high => {
                record.insert(input.name.clone(), Value::from(value));
            }
            _ => problems.push(format!(
                "{} must be a number from {}: the model was trained on no others.",
                input.label, input.range
            )),
        }
    }
    if problems.is_empty() { Ok(record) } else { Err(problems) }
}

fn compared(own: &Answer, changed: &Answer) -> Result<Vec<[String; 3]>, Vec<String>> {
    if let Some(error) = own.error.as_ref().or(changed.error.as_ref()) {
        return Err(vec![error.message.clone()]);
    }
    let refuses =
        |flag: &&String| flag.starts_with("insufficient:") || flag.starts_with("unusual:");
    if let Some(flag) = changed.flags.iter().find(refuses) {
        return Err(vec![format!("The model does not apply to these values ({flag}).")]);
    }
    let row = |(own, changed): (&SurvivalAt, &SurvivalAt)| {
        [
            words::horizon(own.time_days),
            risk_text(1.0 - own.survival, own.low.zip(own.high)),
            risk_text(1.0 - changed.survival, changed.low.zip(changed.high)),
        ]
    };
    let mut rows: Vec<[String; 3]> = own.survival.iter().zip(&changed.survival).map(row).collect();
    let risk = |answer: &Answer| answer.risk.map_or(String::new(), words::signed);
    rows.push(["Log relative hazard".to_owned(), risk(own), risk(changed)]);
    Ok(rows)
}
