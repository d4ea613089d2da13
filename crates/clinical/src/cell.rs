//! From the text of one cell to a value, or to a sentence that says what is wrong with it.

use chrono::NaiveDate;
use std::fmt::Write as _;

/// Whether a cell means "not known"; `missing` is compared without case.
pub(crate) fn is_missing(cell: &str, missing: &[String]) -> bool {
    cell.is_empty() || missing.iter().any(|word| word.trim().eq_ignore_ascii_case(cell))
}

/// Whether a cell is a declared value: the same text without regard to case, or the same number.
pub(crate) fn is_value(cell: &str, value: &str) -> bool {
    let value = value.trim();
    cell.eq_ignore_ascii_case(value)
        || cell.to_lowercase() == value.to_lowercase()
        || matches!((cell.parse::<f64>(), value.parse::<f64>()), (Ok(a), Ok(b)) if a.total_cmp(&b).is_eq())
}

/// The place of a cell among declared values. An exact match goes before one that differs in case,
/// so that levels which differ in nothing else stay apart.
pub(crate) fn position(cell: &str, values: &[String]) -> Option<usize> {
    let exact = values.iter().position(|value| value.trim() == cell);
    exact.or_else(|| values.iter().position(|value| is_value(cell, value)))
}

/// A finite number and the unit behind it, which may be empty: `135 g/L`.
pub(crate) fn number_with_unit(cell: &str) -> Option<(f64, &str)> {
    if let Some(number) = number(cell) {
        return Some((number, ""));
    }
    let bytes = cell.as_bytes();
    let is_digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    while bytes.get(end).is_some_and(|byte| byte.is_ascii_digit() || b"+-.".contains(byte)) {
        end += 1;
    }
    // An exponent belongs to the number, the first letter of `eq/L` to the unit.
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if is_digit(end + 1 + sign) {
            end += 1 + sign;
            while is_digit(end) {
                end += 1;
            }
        }
    }
    Some((number(&cell[..end])?, cell[end..].trim()))
}

/// A finite number written with a decimal point.
pub(crate) fn number(cell: &str) -> Option<f64> {
    // Rust also reads `inf`, `nan` and `infinity`, which no table means as a measurement.
    let first = cell.bytes().next()?;
    let begins = first.is_ascii_digit() || b"+-.".contains(&first);
    cell.parse::<f64>().ok().filter(|value| begins && value.is_finite())
}

/// A calendar date.
pub(crate) fn date(cell: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(cell, "%Y-%m-%d").ok()
}

/// What kind of thing a cell holds that should be a number. A message says this and never the cell
/// itself, which is a patient's.
pub(crate) fn kind(cell: &str) -> &'static str {
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    let dividers = cell.bytes().skip(1).filter(|byte| b"-/.".contains(byte)).count();
    match (number(cell), number_with_unit(cell)) {
        (Some(value), _) if value.is_sign_negative() => "a negative number",
        (Some(value), _) if value.fract() != 0.0 => "a number with decimals",
        (Some(_), _) => "a number",
        _ if digits >= 4 && dividers >= 2 => "what looks like a date",
        (None, Some(_)) => "a number with text behind it",
        (None, None) if cell.parse::<f64>().is_ok() => "a value that is not finite",
        (None, None) => "text that is no number",
    }
}

/// Values as a message lists them.
pub(crate) fn listed(values: &[String]) -> String {
    const LISTED: usize = 12;
    let mut text = String::new();
    for (index, value) in values.iter().take(LISTED).enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(text, "{comma}`{value}`").expect("writing to a String does not fail");
    }
    if values.len() > LISTED {
        write!(text, " or {} more", values.len() - LISTED)
            .expect("writing to a String does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_their_units() {
        for (cell, expected) in [
            ("13.5", Some((13.5, ""))),
            ("-2", Some((-2.0, ""))),
            (".5", Some((0.5, ""))),
            ("1e3", Some((1000.0, ""))),
            ("135 g/L", Some((135.0, "g/L"))),
            ("135g/L", Some((135.0, "g/L"))),
            ("1e3 g/L", Some((1000.0, "g/L"))),
            ("5 eq/L", Some((5.0, "eq/L"))),
            ("5eq/L", Some((5.0, "eq/L"))),
            ("13,5", Some((13.0, ",5"))),
            ("nan", None),
            ("inf", None),
            ("-inf", None),
            ("1e999", None),
            ("abc", None),
            ("g/L", None),
            ("", None),
            ("ß", None),
        ] {
            assert_eq!(number_with_unit(cell), expected, "{cell}");
        }
    }

    #[test]
    fn a_value_is_the_same_text_or_number() {
        for (cell, value, same) in [
            ("Dead", "dead", true),
            ("1.0", "1", true),
            ("ÄRZTIN", "ärztin", true),
            ("1", "dead", false),
            ("10", "1", false),
        ] {
            assert_eq!(is_value(cell, value), same, "{cell} {value}");
        }
        let levels = ["m".to_owned(), "M".to_owned()];
        assert_eq!(position("M", &levels), Some(1));
    }

    #[test]
    fn a_message_names_the_kind_of_a_cell() {
        for (cell, expected) in [
            ("1950-02-03", "what looks like a date"),
            ("3.2.1950", "what looks like a date"),
            ("02/03/1950", "what looks like a date"),
            ("1950-02-03T00:00", "what looks like a date"),
            ("-12.5", "a negative number"),
            ("12.5", "a number with decimals"),
            ("12", "a number"),
            ("12 d", "a number with text behind it"),
            ("-Inf", "a value that is not finite"),
            ("Jane Doe", "text that is no number"),
        ] {
            assert_eq!(kind(cell), expected, "{cell}");
        }
    }
}
