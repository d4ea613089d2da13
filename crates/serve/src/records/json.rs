//! Records in JSON: objects of numbers by column, or dense lists of them.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::plain::{self, skip_space};
use super::{Read, RecordError, Shape, blank_line, is_id, no_utf8, read_id};
use crate::columns::{Row, no_number, repeated};
use crate::view::View;

/// The member that holds a record's values where they do not stand in the object itself.
const FEATURES: &str = "features";
/// The member of a body that holds its records.
pub(super) const INSTANCES: &str = "instances";

/// Reads one record into the row.
pub(super) fn record(line: &[u8], row: &mut Row, view: Option<&View>) -> Read {
    if line.trim_ascii().is_empty() {
        return blank_line();
    }
    let Ok(text) = std::str::from_utf8(line) else { return no_utf8() };
    row.clear();
    if let Some(read) = plain::record(text, row) {
        return (read.patient_id, None);
    }
    row.clear();
    any_record(text, row, view)
}

/// Reads one record as the full parser does.
pub(super) fn any_record(text: &str, row: &mut Row, view: Option<&View>) -> Read {
    match serde_json::from_str::<Top>(text) {
        Ok(Top::Object(members)) => object(&members, row, view),
        Ok(Top::List(values)) => (None, dense(&values, row, view).err()),
        // The parser's own message may show a value.
        Err(error) => {
            let message = format!(
                "expected one JSON object for the record, it cannot be read at column {}",
                error.column()
            );
            (None, Some(RecordError::new("invalid_json", message)))
        }
    }
}

/// A record as JSON has it; an object's members in order, so that a name that stands twice can be
/// seen.
enum Top {
    Object(Vec<(String, Value)>),
    List(Vec<Value>),
}

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Top;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Top::Object(members))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Top, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Top::List(values))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fn object(members: &[(String, Value)], row: &mut Row, view: Option<&View>) -> Read {
    let id = members.iter().find(|(name, _)| is_id(name)).map(|(_, value)| value);
    let (patient_id, problem) = match id {
        None | Some(Value::Null) => (None, None),
        Some(Value::String(text)) => read_id(text),
        Some(Value::Number(number)) => read_id(&number.to_string()),
        Some(_) => {
            let message = "`patient_id` must be text";
            (None, Some(RecordError::new("invalid_patient_id", message)))
        }
    };
    let fault = problem.or_else(|| values(members, row, view).err());
    (patient_id, fault)
}

fn values(
    members: &[(String, Value)],
    row: &mut Row,
    view: Option<&View>,
) -> Result<(), RecordError> {
    let mut ids = 0;
    for (name, value) in members {
        if is_id(name) {
            ids += 1;
            if ids > 1 {
                return Err(repeated(name));
            }
            continue;
        }
        match value {
            Value::Array(list) if name == FEATURES => dense(list, row, view)?,
            Value::Object(nested) if name == FEATURES => {
                for (name, value) in nested {
                    row.set(name, number(name, value)?)?;
                }
            }
            value => row.set(name, number(name, value)?)?,
        }
    }
    Ok(())
}

fn number(name: &str, value: &Value) -> Result<Option<f64>, RecordError> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => Ok(number.as_f64()),
        _ => Err(no_number(name)),
    }
}

/// A list of values in the order of the model's columns, or of a view's cells.
fn dense(list: &[Value], row: &mut Row, view: Option<&View>) -> Result<(), RecordError> {
    if let Some(view) = view {
        view.check_width(list.len()).map_err(|message| RecordError::new("wrong_width", message))?;
        return view.cells().zip(list).try_for_each(|(places, cell)| match cell {
            Value::Null => Ok(()),
            Value::String(text) => View::read_text(text, places, row),
            Value::Array(values) => View::read_list(values, places, row),
            Value::Number(number) if places.len() == 1 => row.set_at(places[0], number.as_f64()),
            _ => Err(View::bad_cell(row.name(places[0]))),
        });
    }
    let places = row.used().to_vec();
    if list.len() != places.len() {
        let message = format!("expected {} values, found {}", places.len(), list.len());
        return Err(RecordError::new("wrong_width", message));
    }
    for (place, value) in places.into_iter().zip(list) {
        let value = number(row.name(place), value)?;
        row.set_at(place, value)?;
    }
    Ok(())
}

/// Where the records of a body stand: a list, a list as the member `instances` of an object, or
/// one object.
pub(super) fn split(text: &[u8]) -> Result<(VecDeque<Range<usize>>, Shape), String> {
    let bad = |error: &serde_json::Error| {
        format!(
            "the body is no JSON from line {}, column {} on; send one record or a list of them",
            error.line(),
            error.column()
        )
    };
    let text_start = skip_mark(text);
    let start = skip_space(text, text_start);
    // Broken JSON has no boundaries that could be trusted.
    serde_json::from_slice::<serde::de::IgnoredAny>(&text[start..]).map_err(|error| bad(&error))?;
    match text.get(start) {
        Some(b'[') => Ok((elements(text, start), Shape::List)),
        Some(b'{') => Ok(match member(text, start, INSTANCES) {
            Some(at) if text[at] == b'[' => (elements(text, at), Shape::Instances),
            _ => (std::iter::once(start..text.trim_ascii_end().len()).collect(), Shape::One),
        }),
        _ => Err("the body must be one JSON object or a list of them".to_owned()),
    }
}

pub(super) fn skip_mark(text: &[u8]) -> usize {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    if text.starts_with(MARK) { MARK.len() } else { 0 }
}

/// The places of the elements of a list that begins at a place.
fn elements(text: &[u8], list: usize) -> VecDeque<Range<usize>> {
    let mut found = VecDeque::new();
    let mut at = skip_space(text, list + 1);
    while text[at] != b']' {
        let end = value_end(text, at);
        found.push_back(at..end);
        at = skip_space(text, end);
        if text[at] == b',' {
            at = skip_space(text, at + 1);
        }
    }
    found
}

/// Where the value of an object's member begins.
fn member(text: &[u8], object: usize, name: &str) -> Option<usize> {
    let mut at = skip_space(text, object + 1);
    while text[at] != b'}' {
        let end = value_end(text, at);
        let value = skip_space(text, skip_space(text, end) + 1);
        if &text[at + 1..end - 1] == name.as_bytes() {
            return Some(value);
        }
        at = skip_space(text, value_end(text, value));
        if text[at] == b',' {
            at = skip_space(text, at + 1);
        }
    }
    None
}

/// Where a value of valid JSON ends.
fn value_end(text: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    loop {
        match text[at] {
            b'"' => {
                at += 1;
                while text[at] != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' => {
                depth -= 1;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth > 0 => at += 1,
            _ => {
                let part = &text[at..];
                let inside = |byte: &&u8| !b",:]}[{\" \t\n\r".contains(byte);
                at += part.iter().take_while(inside).count();
            }
        }
        if depth == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_in_lists_and_instances() {
        for (text, expected, shape) in [
            (r#" {"a": 1} "#, vec![r#"{"a": 1}"#], Shape::One),
            (
                r#"[ {"a": "]"} ,{"b":[1,{}]},3, "x\"," ]"#,
                vec![r#"{"a": "]"}"#, r#"{"b":[1,{}]}"#, "3", r#""x\",""#],
                Shape::List,
            ),
            (
                r#"{"x": {"instances": 1}, "instances": [[1, 2], null]}"#,
                vec!["[1, 2]", "null"],
                Shape::Instances,
            ),
            ("[]", vec![], Shape::List),
            (r#"{"instances": 3}"#, vec![r#"{"instances": 3}"#], Shape::One),
        ] {
            let (spans, found) = split(text.as_bytes()).unwrap();
            let parts: Vec<&str> = spans.into_iter().map(|span| &text[span]).collect();
            assert_eq!((parts, found), (expected, shape), "{text}");
        }
        for text in ["", "{", "[1", "1", "\"a\"", "{\"a\":1}{", "[1,]"] {
            assert!(split(text.as_bytes()).is_err(), "{text}");
        }
    }
}
