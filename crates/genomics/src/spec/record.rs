//! The fixed columns of a data line, and the values of INFO.

use std::collections::HashSet;

use super::{
    definition::{Definition, Keys, Type, reserved},
    finding::{Findings, Found, Place, Severity, kind},
    header::{COLUMNS, Definitions},
    names::{is_contig_name, is_key},
    structural::{self, is_bases},
    values::{self, Counts, is_float},
    version::{Topic, Version},
};

/// The parts of a data line that rules need together.
pub(super) struct Record<'a> {
    /// CHROM without the angle brackets of a contig of the assembly file.
    pub(super) chromosome: &'a [u8],
    pub(super) position: Option<u64>,
    pub(super) reference: &'a [u8],
    /// Empty where ALT is a dot.
    pub(super) alternates: Vec<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// Takes a line apart that has the fixed columns.
    pub(super) fn new(columns: &[&'a [u8]]) -> Self {
        let bare = |name: &'a [u8]| name.strip_prefix(b"<")?.strip_suffix(b">");
        let alternates = match columns[4] {
            b"." => Vec::new(),
            text => text.split(|&byte| byte == b',').collect(),
        };
        Self {
            chromosome: bare(columns[0]).unwrap_or(columns[0]),
            position: crate::lines::number(columns[1]),
            reference: columns[3],
            alternates,
        }
    }
}

/// Checks the fixed columns.
pub(super) fn check(
    columns: &[&[u8]],
    record: &Record,
    definitions: &Definitions,
    findings: &mut Findings,
) {
    for (&column, name) in columns.iter().zip(COLUMNS) {
        if column.is_empty() {
            let place = Place::new(Topic::DataLines, name);
            findings.violation(place, "a value, or a dot where it is missing", "nothing");
        }
    }
    check_place(columns, record, definitions, findings);
    check_ids(columns[2], findings);
    if !is_bases(record.reference) {
        let place = Place::new(Topic::FixedFields, "REF");
        findings.violation(place, "bases of ACGTN", kind(record.reference));
    }
    structural::check_alternates(record, definitions, findings);
    check_quality(columns[5], findings);
    check_filter(columns[6], definitions, findings);
    check_info(columns[7], record, definitions, findings);
}

fn check_place(
    columns: &[&[u8]],
    record: &Record,
    definitions: &Definitions,
    findings: &mut Findings,
) {
    let place = Place::new(Topic::FixedFields, "CHROM");
    let name = record.chromosome;
    let colon = findings.version < Version::V4_3 && name.contains(&b':');
    if colon || !is_contig_name(name, findings.version) {
        findings.violation(place, "a contig's name, or <ID> of one", kind(name));
    } else if !definitions.contigs.is_empty() && !definitions.contigs.contains_key(name) {
        let place = Place::new(Topic::Contig, "CHROM");
        findings.oddity(place, "a ##contig line for the contig", "none");
    }
    let place = Place::new(Topic::FixedFields, "POS");
    let digits = !columns[1].is_empty() && columns[1].iter().all(u8::is_ascii_digit);
    let Some(position) = record.position.filter(|_| digits) else {
        findings.violation(place, "a whole number, zero or above", kind(columns[1]));
        return;
    };
    if position > u64::from(i32::MAX.unsigned_abs()) {
        let severity = findings.since(Version::V4_3);
        findings.add(severity, place, "a position of 32 bits", Found::Kind("a number beyond"));
    }
    // N + 1 is the telomere.
    if let Some(Some(length)) = definitions.contigs.get(name)
        && position > length.saturating_add(1)
    {
        findings.violation(place, "a position on the contig", "one beyond its length");
    }
}

fn check_ids(ids: &[u8], findings: &mut Findings) {
    let place = Place::new(Topic::FixedFields, "ID");
    if ids.iter().any(u8::is_ascii_whitespace) {
        findings.violation(place, "identifiers without white space", kind(ids));
    }
    let parts: Vec<&[u8]> = ids.split(|&byte| byte == b';').collect();
    if parts.len() > 1 && parts.contains(&b"".as_slice()) {
        findings.violation(place, "identifiers between semicolons", "an empty one");
    }
    if repeats(&parts) {
        let severity = findings.since(Version::V4_3);
        findings.add(severity, place, "identifiers that differ", Found::Kind("one twice"));
    }
    if parts.len() == 1 && ids.contains(&b',') {
        findings.oddity(place, "semicolons between identifiers", "a comma");
    }
}

fn repeats(parts: &[&[u8]]) -> bool {
    let mut seen = HashSet::new();
    parts.len() > 1 && !parts.iter().all(|part| seen.insert(part))
}

fn check_quality(quality: &[u8], findings: &mut Findings) {
    let place = Place::new(Topic::FixedFields, "QUAL");
    if quality == b"." {
        return;
    }
    if !is_float(quality, findings.version) {
        findings.violation(place, "a number or a dot", kind(quality));
    } else if crate::lines::number::<f64>(quality).is_some_and(|quality| quality < 0.0) {
        findings.violation(place, "a phred score, zero or above", "a negative number");
    }
}

fn check_filter(filter: &[u8], definitions: &Definitions, findings: &mut Findings) {
    let place = Place::new(Topic::FixedFields, "FILTER");
    if matches!(filter, b"." | b"PASS") {
        return;
    }
    let codes: Vec<&[u8]> = filter.split(|&byte| byte == b';').collect();
    if filter.iter().any(u8::is_ascii_whitespace) {
        findings.violation(place, "codes without white space", kind(filter));
    }
    for code in &codes {
        match *code {
            b"" if codes.len() > 1 => {
                findings.violation(place, "codes between semicolons", "an empty one");
            }
            b"0" => findings.violation(place, "a code other than the reserved 0", "0"),
            b"." => findings.violation(place, "a dot by itself, or codes", "a dot among codes"),
            b"PASS" => findings.oddity(place, "PASS by itself", "PASS among codes"),
            b"" => {}
            code if !definitions.filters.contains(code) => {
                let place = Place::with_key(Topic::Filter, "FILTER", code);
                findings.oddity(place, "a ##FILTER line for the code", "none");
            }
            _ => {}
        }
    }
    if repeats(&codes) {
        let severity = findings.since(Version::V4_3);
        findings.add(severity, place, "codes that differ", Found::Kind("one twice"));
    }
}

fn check_info(info: &[u8], record: &Record, definitions: &Definitions, findings: &mut Findings) {
    let place = Place::new(Topic::FixedFields, "INFO");
    if matches!(info, b"." | b"") {
        return;
    }
    if findings.version < Version::V4_3 && info.iter().any(u8::is_ascii_whitespace) {
        findings.violation(place, "no white space", "some");
    }
    let mut entries: Vec<(&[u8], Option<&[u8]>)> = Vec::new();
    for entry in info.split(|&byte| byte == b';') {
        let end = entry.iter().position(|&byte| byte == b'=');
        let (key, value) = match end {
            Some(end) => (&entry[..end], Some(&entry[end + 1..])),
            None => (entry, None),
        };
        if key.is_empty() {
            findings.violation(place, "a key between semicolons", "nothing");
        } else if key == b"." {
            let severity = findings.since(Version::V4_3);
            findings.add(
                severity,
                place,
                "a dot by itself, or keys",
                Found::Kind("a dot among keys"),
            );
        } else {
            check_entry(key, value, record, definitions, findings);
            entries.push((key, value));
        }
    }
    let mut seen = HashSet::new();
    for (key, _) in entries.iter().filter(|(key, _)| !seen.insert(*key)) {
        let severity = match findings.since(Version::V4_3) {
            Severity::Violation => Severity::Violation,
            _ => Severity::Mended,
        };
        let place = Place::with_key(Topic::FixedFields, "INFO", key);
        let found = Found::Kind("the key twice; the first is used");
        findings.add(severity, place, "each key once", found);
    }
    structural::check_keys(&entries, record, findings);
}

fn check_entry(
    key: &[u8],
    value: Option<&[u8]>,
    record: &Record,
    definitions: &Definitions,
    findings: &mut Findings,
) {
    let place = Place::with_key(Topic::FixedFields, "INFO", key);
    if findings.version >= Version::V4_3 && !is_key(key, Keys::Info) {
        let expected = "a key of letters, digits, underscores and dots, no digit first";
        findings.violation(place, expected, kind(key));
    }
    let reserved = reserved(key, Keys::Info, findings.version);
    let definition = if let Some(definition) = definitions.info.get(key) {
        *definition
    } else {
        let place = Place::with_key(Topic::Info, "INFO", key);
        findings.oddity(place, "an ##INFO line for the key", "none");
        reserved.and_then(super::definition::Reserved::definition)
    };
    // A text in quotation marks is one value, whatever stands in it: so has the suite it.
    let quoted =
        |value: &[u8]| value.len() > 1 && value.starts_with(b"\"") && value.ends_with(b"\"");
    if value.is_some_and(quoted) {
        return;
    }
    if value.is_some_and(|value| value.contains(&b'=')) {
        findings.violation(place, "a value without an equals sign", "one");
    }
    let Some(definition) = definition else {
        if value == Some(b"") {
            findings.violation(place, "a value after the equals sign", "nothing");
        }
        return;
    };
    check_value(value, definition, record, place, findings);
    let negative = |value: &[u8]| crate::lines::number::<f64>(value).is_some_and(|v| v < 0.0);
    let mut parts = value.unwrap_or_default().split(|&byte| byte == b',');
    if reserved.is_some_and(|reserved| reserved.not_negative) && parts.any(negative) {
        findings.violation(place, "a whole number, zero or above", "a negative number");
    }
    let is_share = |value: &[u8]| {
        crate::lines::number::<f64>(value).is_none_or(|share| (0.0..=1.0).contains(&share))
    };
    let mut parts = value.unwrap_or_default().split(|&byte| byte == b',');
    if key == b"AF" && !parts.all(is_share) {
        findings.violation(place, "a frequency from 0 to 1", "a number beyond");
    }
    let mut parts = value.unwrap_or_default().split(|&byte| byte == b',');
    if key == b"CIGAR" && value.is_some_and(|value| value != b".") && !parts.all(is_cigar) {
        findings.violation(place, "a CIGAR: lengths with a letter of MIDNSHPX", "something else");
    }
}

fn check_value(
    value: Option<&[u8]>,
    definition: Definition,
    record: &Record,
    place: Place,
    findings: &mut Findings,
) {
    match (definition.kind, value) {
        // The suite of the specification accepts 0 and 1.
        (Type::Flag, None | Some(b"0" | b"1")) => {}
        (Type::Flag, Some(value)) => {
            findings.violation(place, "no value for a Flag", kind(value));
        }
        (_, None) => findings.violation(place, "a value, for the key is no Flag", "none"),
        (_, Some(b"")) => {
            findings.violation(place, "a value after the equals sign", "nothing");
        }
        (_, Some(value)) => {
            let counts = Counts { alternates: record.alternates.len(), ploidy: None };
            values::check(value, definition, counts, place, findings);
        }
    }
}

fn is_cigar(text: &[u8]) -> bool {
    let mut length = false;
    let mut last_is_letter = false;
    for byte in text {
        match byte {
            b'0'..=b'9' => (length, last_is_letter) = (true, false),
            b'M' | b'I' | b'D' | b'N' | b'S' | b'H' | b'P' | b'X' if length => {
                (length, last_is_letter) = (false, true);
            }
            _ => return false,
        }
    }
    last_is_letter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cigars() {
        for (text, expected) in [
            ("1D", true),
            ("1M30I2D1N", true),
            ("D", false),
            ("1", false),
            ("123MYCIGAR", false),
            ("0.05", false),
            ("", false),
        ] {
            assert_eq!(is_cigar(text.as_bytes()), expected, "{text}");
        }
    }
}
