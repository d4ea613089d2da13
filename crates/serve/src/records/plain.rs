//! Plain JSON in one pass: objects of numbers and nulls by column, names without escapes, as nearly
//! all records come. Anything else gives `None`, and the full parser judges it.

use oncoweave_core::PatientId;

use super::json::{INSTANCES, skip_mark};
use super::{Chunk, Shape, is_id};
use crate::columns::Row;

/// What the values of a body may take that is shorter.
const ALWAYS_BYTES: usize = 8 << 20;

/// A plain record, whose values are in the row.
pub(super) struct Plain {
    pub(super) patient_id: Option<PatientId>,
}

/// Reads one record into the row, which must be clear.
pub(super) fn record(text: &str, row: &mut Row) -> Option<Plain> {
    let (patient_id, end) = object(text, 0, row)?;
    (skip_space(text.as_bytes(), end) == text.len()).then_some(Plain { patient_id })
}

/// Reads a whole body of at most `most` records, `None` also where their values would take more than
/// the body itself: few bytes can be many records of a wide model.
pub(super) fn body(text: &[u8], row: &mut Row, most: usize) -> Option<(Chunk, Shape)> {
    let text = std::str::from_utf8(text).ok()?;
    let bytes = text.as_bytes();
    let start = skip_space(bytes, skip_mark(bytes));
    let mut read = Chunk { first: 1, ..Chunk::default() };
    let mut add = |at: usize| {
        row.clear();
        let (id, end) = object(text, at, row)?;
        read.push(id, row.finish());
        let fits = read.bytes() <= bytes.len().max(ALWAYS_BYTES) && read.records.len() <= most;
        fits.then_some(end)
    };
    let (end, shape) = if bytes.get(start) == Some(&b'[') {
        (list(bytes, start, &mut add)?, Shape::List)
    } else if let Some(start) = instances(bytes, start) {
        (expect(bytes, list(bytes, start, &mut add)?, b'}')?, Shape::Instances)
    } else {
        (add(start)?, Shape::One)
    };
    (skip_space(bytes, end) == bytes.len()).then_some((read, shape))
}

/// Where the list begins that is the first member of a body, named `instances`.
fn instances(bytes: &[u8], start: usize) -> Option<usize> {
    let at = expect(bytes, expect(bytes, start, b'{')?, b'"')?;
    let rest = bytes[at..].strip_prefix(INSTANCES.as_bytes())?.strip_prefix(b"\"")?;
    let at = skip_space(bytes, expect(bytes, bytes.len() - rest.len(), b':')?);
    (bytes.get(at) == Some(&b'[')).then_some(at)
}

/// Goes through a list; `element` reads one at a place and gives its end.
fn list(
    bytes: &[u8],
    start: usize,
    mut element: impl FnMut(usize) -> Option<usize>,
) -> Option<usize> {
    let mut at = skip_space(bytes, start + 1);
    if bytes.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    loop {
        at = skip_space(bytes, element(at)?);
        match bytes.get(at)? {
            b',' => at = skip_space(bytes, at + 1),
            b']' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Reads the object at a place into the row; gives the id and where the object ends.
fn object(text: &str, start: usize, row: &mut Row) -> Option<(Option<PatientId>, usize)> {
    let bytes = text.as_bytes();
    let mut at = expect(bytes, start, b'{')?;
    let (mut id, mut ids) = (None, 0);
    loop {
        at = expect(bytes, at, b'"')?;
        let (place, length) = if let Some((place, length)) = row.expected(&bytes[at..]) {
            (Some(place), length)
        } else {
            let length = bytes[at..].iter().position(|&byte| matches!(byte, b'"' | b'\\'))?;
            let name = &text[at..at + length];
            (if is_id(name) { None } else { Some(row.find(name)?) }, length)
        };
        at = skip_space(bytes, expect(bytes, expect(bytes, at + length, b'"')?, b':')?);
        if let Some(place) = place {
            let (value, length) = value(&text[at..])?;
            row.set_at(place, value).ok()?;
            at += length;
        } else {
            ids += 1;
            let start = expect(bytes, at, b'"')?;
            let end = start + memchr::memchr2(b'"', b'\\', &bytes[start..])?;
            if bytes[end] != b'"' || ids > 1 {
                return None;
            }
            id = Some(PatientId::new(&text[start..end]).ok()?);
            at = end + 1;
        }
        at = skip_space(bytes, at);
        match bytes.get(at)? {
            b',' => at += 1,
            b'}' => return Some((id, at + 1)),
            _ => return None,
        }
    }
}

pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The place behind a byte that must come next, after white space.
fn expect(bytes: &[u8], at: usize, byte: u8) -> Option<usize> {
    let at = skip_space(bytes, at);
    (bytes.get(at) == Some(&byte)).then_some(at + 1)
}

/// The number or null that a text begins with, and its length.
fn value(text: &str) -> Option<(Option<f64>, usize)> {
    if text.starts_with("null") {
        return Some((None, 4));
    }
    number(text).map(|(value, length)| (Some(value), length))
}

/// The number that a text begins with, written as RFC 8259 (section 6) has it, and its length.
///
/// Up to 15 digits and a power of ten up to 10^15 are exact in a double, so that one division rounds
/// once, as the standard library does; it reads what is longer.
#[expect(clippy::cast_precision_loss, reason = "15 digits are below 2^53")]
pub(super) fn number(text: &str) -> Option<(f64, usize)> {
    const EXACT_DIGITS: usize = 15;
    const POWERS: [f64; EXACT_DIGITS + 1] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let bytes = text.as_bytes();
    let is_negative = bytes.first() == Some(&b'-');
    let start = usize::from(is_negative);
    let (mut at, mut mantissa) = digits(bytes, start, 0)?;
    let whole = at - start;
    if whole > 1 && bytes[start] == b'0' {
        return None;
    }
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        let start = at + 1;
        (at, mantissa) = digits(bytes, start, mantissa)?;
        fraction = at - start;
    }
    let has_exponent = matches!(bytes.get(at), Some(b'e' | b'E'));
    if !has_exponent && whole + fraction <= EXACT_DIGITS {
        let value = mantissa as f64 / POWERS[fraction];
        return Some((if is_negative { -value } else { value }, at));
    }
    if has_exponent {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        (at, _) = digits(bytes, at, 0)?;
    }
    let value = text[..at].parse().ok().filter(|value: &f64| value.is_finite())?;
    Some((value, at))
}

/// Where the digits from a place on end, at least one, and the number that they carry on.
fn digits(bytes: &[u8], start: usize, mut number: u64) -> Option<(usize, u64)> {
    let rest = bytes.get(start..)?;
    let mut count = 0;
    for digit in rest.iter().map(|byte| byte.wrapping_sub(b'0')).take_while(|&digit| digit < 10) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (count > 0).then_some((start + count, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::tests::columns;
    use crate::records::json;

    /// A record's values to the bit, and its id.
    type Read = (Option<PatientId>, Vec<u32>);

    fn quickly(text: &str) -> Option<Read> {
        let columns = columns();
        let mut row = Row::new(&columns);
        let Plain { patient_id } = record(text, &mut row)?;
        Some((patient_id, bits(&mut row)))
    }

    fn bits(row: &mut Row) -> Vec<u32> {
        row.finish().map(|values| values.iter().map(|value| value.to_bits()).collect()).unwrap()
    }

    #[test]
    fn the_quick_way_and_the_full_parser_agree() {
        let columns = columns();
        let values =
            ["61", "-0.5", "1e3", "0", "null", "1E-2", "0.10", "123456789.123456789", "5e-324"];
        for (first, second) in values.iter().flat_map(|a| values.iter().map(move |b| (a, b))) {
            let text = format!(
                "{{\"ct.volume\" : {first} ,\"patient_id\":\"P\u{e9}1\",\"clinical.age\":{second}}} "
            );
            if [first, second] == [&"null", &"null"] {
                continue;
            }
            let mut fully = Row::new(&columns);
            let (id, fault) = json::any_record(&text, &mut fully, None);
            assert_eq!(fault, None, "{text}");
            assert_eq!(quickly(&text), Some((id, bits(&mut fully))), "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_full_parser() {
        for text in [
            "{}",
            "[1]",
            r#"{"ct.volume": 01}"#,
            r#"{"ct.volume": +1}"#,
            r#"{"ct.volume": .5}"#,
            r#"{"ct.volume": 1.}"#,
            r#"{"ct.volume": 1e}"#,
            r#"{"ct.volume": -}"#,
            r#"{"ct.volume": 1e999}"#,
            r#"{"ct.volume": Infinity}"#,
            r#"{"ct.volume": nulll}"#,
            r#"{"ct.volume": 1} x"#,
            r#"{"ct.volume": 1,}"#,
            r#"{"ct.\u0076olume": 1}"#,
            r#"{"ct.volume": 1"#,
            r#"{"ct.volume": 1, "ct.volume": 1}"#,
            r#"{"patient_id": "a", "patient_id": "a", "ct.volume": 1}"#,
            r#"{"patient_id": "a\n", "ct.volume": 1}"#,
            r#"{"patient_id": 7, "ct.volume": 1}"#,
            r#"{"patient_id": "a"#,
            r#"{"patient_id": "#,
        ] {
            assert!(quickly(text).is_none(), "{text}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        let mut texts = vec![];
        for digits in ["1", "7", "12", "999999999999999", "9999999999999999", "123456789012345"] {
            for point in 0..=digits.len() {
                let (whole, fraction) = digits.split_at(point);
                let whole = if whole.is_empty() { "0" } else { whole };
                for sign in ["", "-"] {
                    for exponent in ["", "e5", "E-7", "e+22", "e-300"] {
                        let dot = if fraction.is_empty() { "" } else { "." };
                        texts.push(format!("{sign}{whole}{dot}{fraction}{exponent}"));
                    }
                }
            }
        }
        texts.extend(
            ["0", "-0", "0.000000000000001", "-0.0", "0.00000000000000000001"].map(str::to_owned),
        );
        for text in texts {
            let (value, length) = number(&format!("{text},")).unwrap();
            let expected: f64 = text.parse().unwrap();
            assert_eq!((value.to_bits(), length), (expected.to_bits(), text.len()), "{text}");
        }
    }

    #[test]
    fn a_plain_body_reads_as_its_records_do() {
        let columns = columns();
        let (first, second) =
            (r#"{"ct.volume": 1.5}"#, r#"{"patient_id": "b", "clinical.age":60}"#);
        for (text, expected, shape) in [
            (format!(" {first} "), vec![first], Shape::One),
            (format!("[ {first} ,{second}]\n"), vec![first, second], Shape::List),
            (format!("\u{feff}[{second}]"), vec![second], Shape::List),
            ("[]".to_owned(), vec![], Shape::List),
            (
                format!(r#"{{ "instances" :[{first}, {second} ] }}"#),
                vec![first, second],
                Shape::Instances,
            ),
        ] {
            let (read, found) = body(text.as_bytes(), &mut Row::new(&columns), 10).expect(&text);
            let values: Vec<u32> = read.values.iter().map(|value| value.to_bits()).collect();
            let each: Vec<Read> = expected.iter().map(|text| quickly(text).unwrap()).collect();
            let ids: Vec<_> = read.records.iter().map(|record| record.patient_id.clone()).collect();
            assert_eq!(found, shape, "{text}");
            assert_eq!(ids, each.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), "{text}");
            assert_eq!(values, each.into_iter().flat_map(|(_, bits)| bits).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_body_that_is_not_plain_is_left_to_the_full_parser() {
        let columns = columns();
        let plain = r#"{"ct.volume": 1.5}"#;
        for text in [
            String::new(),
            "1".to_owned(),
            format!("[{plain}"),
            format!("[{plain},]"),
            format!("[{plain} {plain}]"),
            format!("[{plain}]]"),
            format!("[{plain}, null]"),
            format!(r#"{{"instances": [{plain}], "more": 1}}"#),
            format!(r#"{{"more": 1, "instances": [{plain}]}}"#),
            format!(r#"{{"instances": {plain}}}"#),
            format!(r#"{{"instances": [{plain}]"#),
            format!("[{plain},{plain},{plain}]"),
        ] {
            assert!(body(text.as_bytes(), &mut Row::new(&columns), 2).is_none(), "{text}");
        }
        let cut = b"[{\"ct.volume\": 1, \"\xff\": 2}]";
        assert!(body(cut, &mut Row::new(&columns), 2).is_none());
    }

    #[test]
    fn names_that_json_writes_otherwise_are_not_mistaken() {
        let columns = crate::columns::tests::columns_of(&[("c", &["c.a\\b", "c.d"])]);
        let mut row = Row::new(&columns);
        for text in [r#"{"c.a\\b": 1}"#, r#"{"c.a\b": 1}"#] {
            row.clear();
            assert!(record(text, &mut row).is_none(), "{text}");
        }
        row.clear();
        let (_, fault) = json::any_record(r#"{"c.a\\b": 1}"#, &mut row, None);
        assert_eq!(fault, None);
    }

    #[test]
    fn few_bytes_that_would_be_many_values_are_read_bit_by_bit() {
        let names: Vec<String> = (0..5000).map(|place| format!("omics.f{place}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let columns = crate::columns::tests::columns_of(&[("omics", &names)]);
        let text = format!("[{}]", vec![r#"{"omics.f7":1}"#; 500].join(","));
        assert!(body(text.as_bytes(), &mut Row::new(&columns), 10_000).is_none());
        assert!(body(&text.as_bytes()[..15], &mut Row::new(&columns), 10_000).is_none());
        assert!(body(b"[{\"omics.f7\":1}]", &mut Row::new(&columns), 10_000).is_some());
    }
}
