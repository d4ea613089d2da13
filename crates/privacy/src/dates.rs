//! Dates moved by a number of days, in the forms that files write them.

use chrono::{Days, NaiveDate};

/// A date moved by a number of days; `None` beyond the calendar.
pub(crate) fn moved(date: NaiveDate, days: i64) -> Option<NaiveDate> {
    let count = Days::new(days.unsigned_abs());
    if days < 0 { date.checked_sub_days(count) } else { date.checked_add_days(count) }
}

/// A DICOM date, `YYYYMMDD` or the older `YYYY.MM.DD`; `None` where the text is none.
pub(crate) fn shift_da(text: &str, days: i64) -> Option<String> {
    for form in ["%Y%m%d", "%Y.%m.%d"] {
        let length = if form.contains('.') { 10 } else { 8 };
        if text.len() == length
            && let Ok(date) = NaiveDate::parse_from_str(text, form)
        {
            return Some(moved(date, days)?.format(form).to_string());
        }
    }
    None
}

/// A DICOM date and time, `YYYYMMDDHHMMSS.FFFFFF&ZZXX` with parts left out from the right. One of year
/// or month alone is moved from the middle of it.
pub(crate) fn shift_dt(text: &str, days: i64) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (date, rest) = match digits {
        4 => (format!("{}0702", &text[..4]), &text[4..]),
        6 => (format!("{}15", &text[..6]), &text[6..]),
        8.. => (text[..8].to_owned(), &text[8..]),
        _ => return None,
    };
    let is_time = rest.bytes().all(|byte| byte.is_ascii_digit() || b".+-".contains(&byte));
    if !is_time || rest.len() > 18 {
        return None;
    }
    let moved = shift_da(&date, days)?;
    Some(format!("{}{rest}", &moved[..digits.min(8)]))
}

/// Whether a text is a DICOM time: `HHMMSS.FFFFFF` with parts left out from the right, or the older
/// `HH:MM:SS`.
pub(crate) fn is_tm(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits: String = whole.chars().filter(|&c| c != ':').collect();
    let within = |place: usize, most: u32| {
        digits.get(place..place + 2).is_none_or(|part| part.parse::<u32>().is_ok_and(|n| n <= most))
    };
    matches!(digits.len(), 2 | 4 | 6)
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=6).contains(&fraction.len())
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && within(0, 23)
        && within(2, 59)
        && within(4, 60)
}

/// A date of a table, `YYYY-MM-DD`, alone or before a time; `None` where the text is none.
pub(crate) fn shift_iso(text: &str, days: i64) -> Option<String> {
    let (date, rest) = text.split_at_checked(10)?;
    let is_time = rest.is_empty()
        || rest.starts_with(['T', ' '])
            && rest[1..].bytes().all(|byte| byte.is_ascii_digit() || b":.+-Z".contains(&byte));
    let date = is_time.then(|| NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()).flatten()?;
    Some(format!("{}{rest}", moved(date, days)?.format("%Y-%m-%d")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_and_what_is_none_is_told() {
        for (text, expected) in [
            ("20240301", Some("20240229")),
            ("2024.03.01", Some("2024.02.29")),
            ("19000101", Some("18991231")),
            ("20230230", None),
            ("Smith", None),
            ("", None),
        ] {
            assert_eq!(shift_da(text, -1).as_deref(), expected, "{text}");
        }
        for (text, expected) in [
            ("20240301120000.000000+0100", Some("20240229120000.000000+0100")),
            ("20240301", Some("20240229")),
            ("202403", Some("202403")),
            ("2024", Some("2024")),
            ("20240301 Smith", None),
            ("203", None),
        ] {
            assert_eq!(shift_dt(text, -1).as_deref(), expected, "{text}");
        }
        for (text, expected) in [
            ("2024-03-01", Some("2024-02-29")),
            ("2024-03-01T10:11:12Z", Some("2024-02-29T10:11:12Z")),
            ("2024-03-01 by Smith", None),
            ("01/03/2024", None),
            ("2024-3-1", None),
        ] {
            assert_eq!(shift_iso(text, -1).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn times_are_told_from_texts() {
        for text in ["12", "1200", "235960", "120000.5", "12:00:00"] {
            assert!(is_tm(text), "{text}");
        }
        for text in
            ["", "1", "250000", "126000", "Smith", "120000.Smith", "12000", "120000.1234567"]
        {
            assert!(!is_tm(text), "{text}");
        }
    }
}
