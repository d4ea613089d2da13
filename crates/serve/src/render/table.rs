//! Answers as rows of a table: CSV and Parquet.

use std::fmt::Write as _;

use oncoweave_cohort::{AnswerColumn, answers_parquet};

use super::{Layout, event_probabilities};
use crate::asked::AnswerKind;
use crate::records::RecordError;
use crate::served::Answer;

/// `id`, `risk`, `high_risk`, `survival_<days>d` for each time, its 95 % interval as
/// `low_survival_<days>d` and `high_survival_<days>d`, beside competing events the cumulative incidences
/// `incidence_<days>d` and `incidence_<name>_<days>d` with the bounds of their intervals likewise,
/// `probability_<class>` for each class, those of an explanation of the log-risk, `missing_modalities`
/// and `flags`; or `event_<days>d` alone.
fn names(layout: &Layout) -> Vec<String> {
    let at =
        |word: &'static str| layout.times_days.iter().map(move |days| format!("{word}_{days}d"));
    if layout.kind == AnswerKind::Probabilities {
        return at("event").collect();
    }
    let mut names = ["id", "risk", "high_risk"].map(str::to_owned).to_vec();
    names.extend(["survival", "low_survival", "high_survival"].into_iter().flat_map(at));
    for word in ["incidence", "low_incidence", "high_incidence"] {
        for (place, event) in layout.events.iter().enumerate() {
            let name = if place == 0 { String::new() } else { format!("{event}_") };
            names.extend(layout.times_days.iter().map(|days| format!("{word}_{name}{days}d")));
        }
    }
    names.extend(layout.classes().iter().map(|class| format!("probability_{class}")));
    if let Some(explanation) = &layout.explanation {
        names.push("nothing_known".to_owned());
        names.extend(explanation.modalities.iter().map(|name| format!("modality:{name}")));
        names.extend(["background", "gap"].map(str::to_owned));
        names.extend(explanation.features.iter().map(|name| format!("feature:{name}")));
    }
    names.extend(["missing_modalities", "flags"].map(str::to_owned));
    names
}

/// A cell of a row; nothing where there is nothing to say.
enum Cell<'a> {
    Text(&'a str),
    Joined(&'a [String]),
    Number(f64),
    Flag(bool),
    None,
}

/// Hands the cells of a row to `each`, in the order of [`names`].
fn cells(layout: &Layout, answer: &Answer, id: &str, each: &mut dyn FnMut(Cell)) {
    let full = layout.kind == AnswerKind::Full;
    if full {
        each(Cell::Text(id));
    }
    let horizons = layout.times_days.len();
    let Ok(prediction) = &answer.result else {
        let explained = layout.explanation.as_ref();
        let explained = explained.map_or(0, |e| 3 + e.modalities.len() + e.features.len());
        let others =
            2 + 3 * (1 + layout.events.len()) * horizons + layout.classes().len() + explained + 2;
        (0..if full { others } else { horizons }).for_each(|_| each(Cell::None));
        return;
    };
    if !full {
        for value in event_probabilities(prediction) {
            say(each, Some(value));
        }
        return;
    }
    say(each, Some(prediction.risk.0));
    each(Cell::Flag(prediction.high_risk));
    for bound in [&prediction.survival, &prediction.survival_low, &prediction.survival_high] {
        (0..horizons).for_each(|place| say(each, bound.get(place).copied()));
    }
    for bound in [&prediction.incidence, &prediction.incidence_low, &prediction.incidence_high] {
        for event in 0..layout.events.len() {
            let own = bound.get(event);
            (0..horizons).for_each(|place| say(each, own.and_then(|own| own.get(place)).copied()));
        }
    }
    prediction.class_probabilities.iter().for_each(|&value| say(each, Some(value)));
    if let Some(names) = &layout.explanation {
        let log_risk = answer.explanation.as_ref().map(|explanation| &explanation.outputs[0]);
        say(each, log_risk.map(|output| output.nothing_known));
        for place in 0..names.modalities.len() {
            say(each, log_risk.map(|output| output.modalities[place]));
        }
        say(each, log_risk.map(|output| output.background));
        say(each, log_risk.map(|output| output.gap));
        for place in 0..names.features.len() {
            say(each, log_risk.map(|output| f64::from(output.features[place])));
        }
    }
    each(Cell::Joined(&prediction.missing_modalities));
    each(Cell::Joined(&prediction.flags));
}

fn say(each: &mut dyn FnMut(Cell), value: Option<f64>) {
    each(value.filter(|value| !value.is_nan()).map_or(Cell::None, Cell::Number));
}

fn fault(answer: &Answer) -> Option<&RecordError> {
    answer.result.as_ref().err()
}

/// One row a record, and where it says everything a last column `error`, empty where all went well;
/// lists are joined by `;`.
pub(super) fn csv(layout: &Layout, answers: &[Answer], header: bool) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let full = layout.kind == AnswerKind::Full;
    if header {
        let last = full.then(|| "error".to_owned());
        write(&mut writer, names(layout).iter().chain(&last).map(String::as_bytes));
    }
    let mut text = String::new();
    for answer in answers {
        let id = id(answer, guarded);
        cells(layout, answer, &id, &mut |cell| {
            text.clear();
            let field = match cell {
                Cell::Text(text) => text,
                Cell::Joined(names) => {
                    text.push_str(&names.join(";"));
                    &text
                }
                Cell::Number(number) => {
                    write!(text, "{number}").expect("memory takes any text");
                    &text
                }
                Cell::Flag(true) => "true",
                Cell::Flag(false) => "false",
                Cell::None => "",
            };
            writer.write_field(field).expect("memory takes any field");
        });
        let error = fault(answer).map(|error| format!("{}: {}", error.code, error.message));
        if full {
            writer.write_field(error.unwrap_or_default()).expect("memory takes any field");
        }
        write(&mut writer, [].into_iter());
    }
    writer.into_inner().expect("writing to memory does not fail")
}

/// Ends a row with some last cells.
fn write<'a>(writer: &mut csv::Writer<Vec<u8>>, cells: impl Iterator<Item = &'a [u8]>) {
    for cell in cells {
        writer.write_field(cell).expect("memory takes any field");
    }
    let end: [&[u8]; 0] = [];
    writer.write_record(end).expect("rows of one width go to memory without failing");
}

fn id(answer: &Answer, guard: fn(&str) -> String) -> String {
    answer.patient_id.as_ref().map_or_else(|| answer.number.to_string(), |id| guard(id.as_str()))
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

/// The rows of a Parquet answer while they come.
pub(super) struct Table {
    columns: Vec<AnswerColumn>,
}

impl Table {
    pub(super) fn new(layout: &Layout) -> Self {
        let column = |name: &String| match name.as_str() {
            "id" | "missing_modalities" | "flags" => AnswerColumn::Text(vec![]),
            "high_risk" => AnswerColumn::Flag(vec![]),
            _ => AnswerColumn::Number(vec![]),
        };
        let errors = [AnswerColumn::Text(vec![]), AnswerColumn::Text(vec![])];
        Self { columns: names(layout).iter().map(column).chain(errors).collect() }
    }

    pub(super) fn add(&mut self, layout: &Layout, answers: &[Answer]) {
        for answer in answers {
            let mut columns = self.columns.iter_mut();
            let id = id(answer, str::to_owned);
            cells(layout, answer, &id, &mut |cell| match (
                columns.next().expect("as many columns as cells"),
                cell,
            ) {
                (AnswerColumn::Text(texts), Cell::Text(text)) => {
                    texts.push(Some(text.to_owned()));
                }
                (AnswerColumn::Text(texts), Cell::Joined(names)) => {
                    texts.push(Some(names.join(";")));
                }
                (AnswerColumn::Text(texts), _) => texts.push(None),
                (AnswerColumn::Number(numbers), Cell::Number(number)) => {
                    numbers.push(Some(number));
                }
                (AnswerColumn::Number(numbers), _) => numbers.push(None),
                (AnswerColumn::Flag(flags), Cell::Flag(flag)) => flags.push(Some(flag)),
                (AnswerColumn::Flag(flags), _) => flags.push(None),
            });
            let error = fault(answer);
            let texts = [error.map(|e| e.code.to_owned()), error.map(|e| e.message.clone())];
            for (column, text) in columns.zip(texts) {
                let AnswerColumn::Text(texts) = column else { continue };
                texts.push(text);
            }
        }
    }

    /// The file: the columns of [`names`], then `error_code` and `error_message`.
    pub(super) fn parquet(self, layout: &Layout) -> Result<Vec<u8>, oncoweave_cohort::Error> {
        let last = ["error_code", "error_message"].map(str::to_owned);
        answers_parquet(names(layout).into_iter().chain(last).zip(self.columns).collect())
    }
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
