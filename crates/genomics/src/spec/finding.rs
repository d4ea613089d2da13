use std::fmt;

use serde::Serialize;

use super::version::{Topic, Version};

/// The kinds of findings that are kept; of what goes beyond, only the number is.
const KINDS_KEPT: usize = 200;

/// Keys of INFO and FORMAT are named in a finding; one that is longer is no key but text.
const KEY_LENGTH: usize = 24;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The specification, or its own suite of files that must fail, forbids it.
    Violation,
    /// Legal, and likely not what was meant.
    Oddity,
    /// A fault that our readers put right.
    Mended,
}

/// What a file does against the specification, or oddly, at one place of its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// The first line that has it, counted from 1.
    pub line: u64,
    /// How many times the file has it.
    pub times: u64,
    /// Where in the line: `POS`, `INFO/AC`, `##contig`.
    pub field: String,
    /// What the specification asks for.
    pub expected: &'static str,
    /// What stands in the first line, in kind: never the text itself.
    pub found: String,
    /// The section that asks for it, such as `VCF 4.3, section 1.6.1`.
    pub section: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self { line, field, expected, found, section, .. } = self;
        write!(formatter, "line {line}, {field}: expected {expected}, found {found} ({section})")
    }
}

/// All that a checker found: kinds in the order in which they came, each with its number.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// The version that the file was checked as.
    pub version: Version,
    /// How often a rule is violated.
    pub violations: u64,
    /// How often the file is odd.
    pub oddities: u64,
    /// How often a reader has to mend it.
    pub mended: u64,
    /// Findings of kinds that are not listed, for there are too many kinds.
    pub beyond: u64,
    /// One entry a kind.
    pub list: Vec<Finding>,
    #[serde(skip)]
    line: u64,
    /// The fold keys of `list`, in its order.
    #[serde(skip)]
    places: Vec<(Place<'static>, Vec<u8>)>,
}

/// Where a fault is: a column or header line, and in it the key of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    topic: Topic,
    column: &'static str,
    key: &'a [u8],
}

impl<'a> Place<'a> {
    pub(super) fn new(topic: Topic, column: &'static str) -> Self {
        Self { topic, column, key: b"" }
    }

    /// A field that a key names; a key that is no key is left out of the message.
    pub(super) fn with_key(topic: Topic, column: &'static str, key: &'a [u8]) -> Self {
        let named = key.len() <= KEY_LENGTH
            && key.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.:".contains(byte));
        Self { topic, column, key: if named { key } else { b"" } }
    }

    fn text(&self) -> String {
        match self.key {
            b"" => self.column.to_owned(),
            key => format!("{}/{}", self.column, String::from_utf8_lossy(key)),
        }
    }
}

/// What was found, in kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Kind(&'static str),
    Count(usize, &'static str),
}

impl From<&'static str> for Found {
    fn from(kind: &'static str) -> Self {
        Self::Kind(kind)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Kind(kind) => formatter.write_str(kind),
            Self::Count(1, what) => write!(formatter, "1 {what}"),
            Self::Count(number, what) => write!(formatter, "{number} {what}s"),
        }
    }
}

/// The kind of a text, for a message that must not show it.
pub(super) fn kind(text: &[u8]) -> Found {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    Found::Kind(match text {
        b"" => "nothing",
        b"." => "a dot",
        _ if text.iter().any(u8::is_ascii_whitespace) => "text with white space",
        _ if number.is_some() => match (text.starts_with(b"-"), text.contains(&b'.')) {
            (true, true) => "a negative decimal number",
            (true, false) => "a negative number",
            (false, true) => "a decimal number",
            (false, false) => "a number",
        },
        _ if text.contains(&b',') => "text with a comma",
        _ => "text",
    })
}

impl Findings {
    pub(super) fn new() -> Self {
        Self {
            version: Version::V4_2,
            violations: 0,
            oddities: 0,
            mended: 0,
            beyond: 0,
            list: Vec::new(),
            line: 0,
            places: Vec::new(),
        }
    }

    pub(super) fn at_line(&mut self, line: u64) {
        self.line = line;
    }

    /// A rule's weight where a version made a duty of what was an advice before.
    pub(super) fn since(&self, version: Version) -> Severity {
        if self.version >= version { Severity::Violation } else { Severity::Oddity }
    }

    pub(super) fn violation(
        &mut self,
        place: Place,
        expected: &'static str,
        found: impl Into<Found>,
    ) {
        self.add(Severity::Violation, place, expected, found.into());
    }

    pub(super) fn oddity(&mut self, place: Place, expected: &'static str, found: impl Into<Found>) {
        self.add(Severity::Oddity, place, expected, found.into());
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        place: Place,
        expected: &'static str,
        found: Found,
    ) {
        match severity {
            Severity::Violation => self.violations += 1,
            Severity::Oddity => self.oddities += 1,
            Severity::Mended => self.mended += 1,
        }
        let known = self.list.iter().zip(&self.places).position(|(finding, (known, key))| {
            finding.severity == severity
                && finding.expected == expected
                && known.topic == place.topic
                && known.column == place.column
                && key == place.key
        });
        if let Some(known) = known {
            self.list[known].times += 1;
        } else if self.list.len() == KINDS_KEPT {
            self.beyond += 1;
        } else {
            self.places.push((Place::new(place.topic, place.column), place.key.to_vec()));
            self.list.push(Finding {
                severity,
                line: self.line,
                times: 1,
                field: place.text(),
                expected,
                found: found.to_string(),
                section: place.topic.section(self.version),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_shows_nothing_of_the_text() {
        for (text, expected) in [
            ("", "nothing"),
            (".", "a dot"),
            ("7", "a number"),
            ("-7", "a negative number"),
            ("0.5", "a decimal number"),
            ("-0.5", "a negative decimal number"),
            ("Jane Doe", "text with white space"),
            ("a,b", "text with a comma"),
            ("Jane", "text"),
        ] {
            assert_eq!(kind(text.as_bytes()).to_string(), expected, "{text}");
        }
        assert_eq!(kind(b"\xff\xfe").to_string(), "text");
    }

    #[test]
    fn findings_of_one_kind_are_folded_and_their_number_is_bounded() {
        let mut findings = Findings::new();
        for line in 1..=1000_u64 {
            findings.at_line(line);
            findings.violation(Place::new(Topic::FixedFields, "POS"), "a number", kind(b"x"));
            let key = format!("K{line}");
            let place = Place::with_key(Topic::FixedFields, "INFO", key.as_bytes());
            findings.oddity(place, "another", kind(b""));
        }
        assert_eq!((findings.violations, findings.oddities), (1000, 1000));
        assert_eq!(findings.list.len(), KINDS_KEPT);
        assert_eq!(findings.beyond, 1000 - (KINDS_KEPT as u64 - 1));
        let first = &findings.list[0];
        assert_eq!((first.line, first.times), (1, 1000));
        assert_eq!(
            first.to_string(),
            "line 1, POS: expected a number, found text (VCF 4.2, section 1.4.1)"
        );
    }

    #[test]
    fn what_is_no_key_is_not_named() {
        for (key, expected) in
            [("AC", "INFO/AC"), ("Jane Doe", "INFO"), ("a_key_of_more_than_twenty_four", "INFO")]
        {
            assert_eq!(Place::with_key(Topic::Info, "INFO", key.as_bytes()).text(), expected);
        }
    }
}
