//! Answers: one record out for one record in, in order.

use oncoweave_core::{PatientId, Prediction};
use oncoweave_model::Model;
use serde_json::{Map, Value, json};

use crate::records::RecordError;

/// What came of one record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The record's place in the request, from 1.
    pub(crate) number: usize,
    /// The id that the record gave.
    pub(crate) patient_id: Option<PatientId>,
    pub(crate) result: Result<Prediction, RecordError>,
}

/// One JSON object a line: `id` (the record's own, or its number), then either the prediction or
/// `error` with `code` and `message`.
pub(crate) fn json_lines(answers: &[Answer], model: &Model) -> String {
    let mut text = String::new();
    for answer in answers {
        text.push_str(&json_answer(answer, model).to_string());
        text.push('\n');
    }
    text
}

fn json_answer(answer: &Answer, model: &Model) -> Value {
    let id = match &answer.patient_id {
        Some(id) => json!(id.as_str()),
        None => json!(answer.number),
    };
    let prediction = match &answer.result {
        Ok(prediction) => prediction,
        Err(RecordError { code, message }) => {
            return json!({ "id": id, "error": { "code": code, "message": message } });
        }
    };
    let survival: Vec<Value> = model
        .horizons_days()
        .iter()
        .zip(&prediction.survival)
        .enumerate()
        .map(|(place, (days, survival))| {
            let low = prediction.survival_low.get(place);
            let high = prediction.survival_high.get(place);
            json!({ "time_days": days, "survival": survival, "low": low, "high": high })
        })
        .collect();
    let mut object = Map::new();
    object.insert("id".to_owned(), id);
    object.insert("risk".to_owned(), json!(prediction.risk.0));
    object.insert("high_risk".to_owned(), json!(prediction.high_risk));
    object.insert("survival".to_owned(), Value::Array(survival));
    if !model.classes().is_empty() {
        let classes = model.classes().iter().zip(&prediction.class_probabilities);
        let classes: Map<String, Value> =
            classes.map(|(class, probability)| (class.clone(), json!(probability))).collect();
        object.insert("class_probabilities".to_owned(), Value::Object(classes));
    }
    object.insert("missing_modalities".to_owned(), json!(prediction.missing_modalities));
    object.insert("flags".to_owned(), json!(prediction.flags));
    Value::Object(object)
}

/// The first row of [`csv`]: `id`, `risk`, `high_risk`, `survival_<days>d` for each horizon,
/// the bounds of its 95 % interval as `low_survival_<days>d` and `high_survival_<days>d`,
/// `probability_<class>` for each class, `missing_modalities`, `flags` and `error`.
pub(crate) fn csv_header(model: &Model) -> String {
    let survival = ["", "low_", "high_"].into_iter().flat_map(|bound| {
        model.horizons_days().iter().map(move |days| format!("{bound}survival_{days}d"))
    });
    let classes = model.classes().iter().map(|class| format!("probability_{class}"));
    let names = ["id", "risk", "high_risk"].map(str::to_owned).into_iter();
    let last = ["missing_modalities", "flags", "error"].map(str::to_owned);
    let names: Vec<String> = names.chain(survival).chain(classes).chain(last).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    write(&mut writer, &names);
    text(writer)
}

/// One row a record, in the columns of [`csv_header`]; the missing modalities are joined by `;`,
/// `error` is empty where all went well.
pub(crate) fn csv(answers: &[Answer], model: &Model) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for answer in answers {
        write(&mut writer, &csv_answer(answer, model));
    }
    text(writer)
}

fn text(writer: csv::Writer<Vec<u8>>) -> String {
    let bytes = writer.into_inner().expect("writing to memory does not fail");
    String::from_utf8(bytes).expect("made of texts")
}

/// An id that a spreadsheet would compute gets an apostrophe in front, quotes before it left
/// aside, as in the list of exclusions.
fn guarded(id: &str) -> String {
    if id.trim_start_matches('\'').starts_with(['=', '+', '-', '@']) {
        format!("'{id}")
    } else {
        id.to_owned()
    }
}

fn write(writer: &mut csv::Writer<Vec<u8>>, cells: &[String]) {
    writer.write_record(cells).expect("rows of one width go to memory without failing");
}

fn csv_answer(answer: &Answer, model: &Model) -> Vec<String> {
    let id = answer
        .patient_id
        .as_ref()
        .map_or_else(|| answer.number.to_string(), |id| guarded(id.as_str()));
    let horizons = model.horizons_days().len();
    let figures = 3 * horizons + model.classes().len();
    let prediction = match &answer.result {
        Ok(prediction) => prediction,
        Err(RecordError { code, message }) => {
            let mut cells = vec![id];
            cells.extend(vec![String::new(); figures + 4]);
            cells.push(format!("{code}: {message}"));
            return cells;
        }
    };
    let mut cells = vec![id, prediction.risk.0.to_string(), prediction.high_risk.to_string()];
    for bound in [&prediction.survival, &prediction.survival_low, &prediction.survival_high] {
        let text = |place: usize| bound.get(place).map_or_else(String::new, ToString::to_string);
        cells.extend((0..horizons).map(text));
    }
    cells.extend(prediction.class_probabilities.iter().map(ToString::to_string));
    let doubts = [&prediction.missing_modalities, &prediction.flags].map(|names| names.join(";"));
    cells.extend(doubts);
    cells.push(String::new());
    cells
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn ids_that_a_spreadsheet_would_compute_are_guarded() {
        for (id, expected) in [
            ("P-1", "P-1"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("'=1", "''=1"),
            ("'a", "'a"),
        ] {
            assert_eq!(guarded(id), expected);
        }
    }
}
