//! Numbers, sizes and names as people read them.

/// Names of a list that are shown; the rest is counted.
const NAMES_SHOWN: usize = 12;

pub(super) fn names(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown = names.iter().take(NAMES_SHOWN).map(|name| printable(name)).collect::<Vec<_>>();
    let shown = shown.join(", ");
    let more = match names.len().saturating_sub(NAMES_SHOWN) {
        0 => String::new(),
        more => format!(" and {} more", thousands(more as u64)),
    };
    format!("{}: {shown}{more}", thousands(names.len() as u64))
}

/// A name as a terminal may show it: no control characters, and not without end.
pub(super) fn printable(name: &str) -> String {
    const LENGTH: usize = 60;
    let mut text: String = name.chars().take(LENGTH).collect();
    if text.len() < name.len() {
        text.push('…');
    }
    text.replace(char::is_control, "\u{fffd}")
}

pub(super) fn or_none(parts: &[String], none: &str) -> String {
    if parts.is_empty() { none.to_owned() } else { parts.join(", ") }
}

pub(super) fn count(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", thousands(number))
}

pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(value < 9.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(thousands(number), expected);
        }
        for (bytes, expected) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (12_345, "12 kB"),
            (999_600, "1.0 MB"),
            (2_500_000_000, "2.5 GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn a_long_list_of_names_is_cut() {
        let list: Vec<String> = (0..14).map(|number| format!("S{number}")).collect();
        assert_eq!(names(&list[..2]), "2: S0, S1");
        assert!(names(&list).ends_with("S11 and 2 more"));
        assert_eq!(names(&[]), "none");
    }

    #[test]
    fn names_are_shown_without_control_characters_and_not_without_end() {
        assert_eq!(printable("a\u{1b}[31m"), "a\u{fffd}[31m");
        assert_eq!(printable(&"a".repeat(100)).chars().count(), 61);
    }
}
