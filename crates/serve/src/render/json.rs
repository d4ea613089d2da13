//! Answers in JSON: `id` (the record's own, or its number), then either the prediction or `error`
//! with `code` and `message`.

use oncoweave_core::Prediction;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{Layout, event_probabilities};
use crate::asked::AnswerKind;
use crate::records::{RecordError, Shape};
use crate::served::Answer;

/// One object a line.
pub(super) fn lines(layout: &Layout, answers: &[Answer]) -> Vec<u8> {
    let mut text = Vec::new();
    for answer in answers {
        write(&mut text, layout, answer);
        text.push(b'\n');
    }
    text
}

/// Elements of one value.
pub(super) fn parts(layout: &Layout, answers: &[Answer], shape: Shape, first: bool) -> Vec<u8> {
    let mut text = Vec::new();
    for (place, answer) in answers.iter().enumerate() {
        text.extend_from_slice(match (first && place == 0, shape) {
            (true, Shape::One) => b"",
            (true, Shape::List) => b"[",
            (true, Shape::Instances) => b"{\"predictions\":[",
            (false, _) => b",\n",
        });
        write(&mut text, layout, answer);
    }
    text
}

pub(super) fn end(shape: Shape) -> &'static [u8] {
    match shape {
        Shape::One => b"\n",
        Shape::List => b"]\n",
        Shape::Instances => b"]}\n",
    }
}

fn write(text: &mut Vec<u8>, layout: &Layout, answer: &Answer) {
    let object = Object { layout, answer };
    serde_json::to_writer(text, &object).expect("texts and numbers go to memory without failing");
}

struct Object<'a> {
    layout: &'a Layout,
    answer: &'a Answer,
}

#[derive(Serialize)]
struct Fault<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct At {
    time_days: f64,
    survival: f64,
    low: Option<f64>,
    high: Option<f64>,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { layout, answer } = self;
        let mut map = serializer.serialize_map(None)?;
        match &answer.patient_id {
            Some(id) => map.serialize_entry("id", id.as_str())?,
            None => map.serialize_entry("id", &answer.number)?,
        }
        let prediction = match &answer.result {
            Ok(prediction) => prediction,
            Err(RecordError { code, message }) => {
                map.serialize_entry("error", &Fault { code, message })?;
                return map.end();
            }
        };
        if layout.kind == AnswerKind::Probabilities {
            map.serialize_entry("probabilities", &event_probabilities(prediction))?;
            return map.end();
        }
        map.serialize_entry("risk", &prediction.risk.0)?;
        map.serialize_entry("high_risk", &prediction.high_risk)?;
        map.serialize_entry("survival", &survival(layout, prediction))?;
        if !layout.events.is_empty() {
            let pairs = layout.events.iter().zip(&prediction.incidence);
            map.serialize_entry("incidence", &Pairs(pairs.collect()))?;
            let bounds = [
                ("incidence_low", &prediction.incidence_low),
                ("incidence_high", &prediction.incidence_high),
            ];
            for (name, bounds) in bounds {
                map.serialize_entry(name, &Pairs(incidence_bounds(layout, bounds)))?;
            }
        }
        if !layout.classes().is_empty() {
            let pairs = layout.classes().iter().zip(&prediction.class_probabilities);
            map.serialize_entry("class_probabilities", &Pairs(pairs.collect()))?;
        }
        map.serialize_entry("missing_modalities", &prediction.missing_modalities)?;
        map.serialize_entry("flags", &prediction.flags)?;
        if let Some(names) = &layout.explanation {
            let outputs = answer.explanation.as_ref().map(|explanation| {
                let outputs = names.outputs.iter().zip(&explanation.outputs);
                Pairs(outputs.map(|(name, output)| (name, Output { names, output })).collect())
            });
            map.serialize_entry("explanation", &outputs)?;
        }
        if let Some(features) = &answer.features {
            let pairs = features.iter().map(|(name, value)| (name, value)).collect();
            map.serialize_entry("features", &Pairs(pairs))?;
        }
        map.end()
    }
}

fn survival(layout: &Layout, prediction: &Prediction) -> Vec<At> {
    let bound =
        |bounds: &[f64], place: usize| bounds.get(place).copied().filter(|bound| !bound.is_nan());
    let at = |(place, (&time_days, &survival)): (usize, (&f64, &f64))| At {
        time_days,
        survival,
        low: bound(&prediction.survival_low, place),
        high: bound(&prediction.survival_high, place),
    };
    layout.times_days.iter().zip(&prediction.survival).enumerate().map(at).collect()
}

/// A bound of each event's incidence at each time, null where the model gives none.
fn incidence_bounds<'a>(
    layout: &'a Layout,
    bounds: &'a [Vec<f64>],
) -> Vec<(&'a String, Vec<Option<f64>>)> {
    let of_event = |(place, name): (usize, &'a String)| {
        let own = bounds.get(place);
        let at = |time: usize| {
            own.and_then(|own| own.get(time)).copied().filter(|bound| !bound.is_nan())
        };
        (name, (0..layout.times_days.len()).map(at).collect())
    };
    layout.events.iter().enumerate().map(of_event).collect()
}

/// Names with values, in order.
struct Pairs<'a, T>(Vec<(&'a String, T)>);

impl<T: Serialize> Serialize for Pairs<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (*name, value)))
    }
}

struct Output<'a> {
    names: &'a oncoweave_model::ExplanationLayout,
    output: &'a oncoweave_model::OutputExplanation,
}

impl Serialize for Output<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { names, output } = self;
        let modalities = names.modalities.iter().zip(&output.modalities).collect();
        let features = names.features.iter().zip(&output.features).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("value", &output.value)?;
        map.serialize_entry("nothing_known", &output.nothing_known)?;
        map.serialize_entry("modalities", &Pairs::<&f64>(modalities))?;
        map.serialize_entry("background", &output.background)?;
        map.serialize_entry("gap", &output.gap)?;
        map.serialize_entry("features", &Pairs::<&f32>(features))?;
        map.end()
    }
}
