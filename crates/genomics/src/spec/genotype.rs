//! The FORMAT column and the columns of samples.

use std::collections::HashSet;

use super::{
    definition::{Definition, Keys, Number, Reserved, Type, reserved},
    finding::{Findings, Found, Place, Severity, kind},
    header::Definitions,
    names::is_key,
    record::Record,
    values::{self, Counts},
    version::{Topic, Version},
};

/// Checks FORMAT and the samples, which are the columns from the ninth on.
pub(super) fn check(
    columns: &[&[u8]],
    record: &Record,
    definitions: &Definitions,
    findings: &mut Findings,
) {
    let Some((format, samples)) = columns.split_first() else { return };
    let keys: Vec<&[u8]> = format.split(|&byte| byte == b':').collect();
    check_format(&keys, definitions, findings);
    let definitions: Vec<Option<Definition>> = keys
        .iter()
        .map(|key| match definitions.format.get(*key) {
            Some(definition) => *definition,
            None => reserved(key, Keys::Format, findings.version).and_then(Reserved::definition),
        })
        .collect();
    for sample in samples {
        check_sample(sample, &keys, &definitions, record, findings);
    }
}

fn check_format(keys: &[&[u8]], definitions: &Definitions, findings: &mut Findings) {
    let place = Place::new(Topic::GenotypeFields, "FORMAT");
    if keys == [b"."] {
        return;
    }
    let version = findings.version;
    for key in keys {
        if key.is_empty() {
            findings.violation(place, "a key between colons", "nothing");
        } else if version >= Version::V4_3 && !is_key(key, Keys::Format) {
            let expected = "keys of letters, digits, underscores and dots, no digit first";
            findings.violation(place, expected, kind(key));
        } else if version < Version::V4_3 && !key.iter().all(u8::is_ascii_alphanumeric) {
            let place = Place::with_key(Topic::GenotypeFields, "FORMAT", key);
            findings.violation(place, "keys of letters and digits alone", "another character");
        } else if !definitions.format.contains_key(*key) {
            let place = Place::with_key(Topic::Format, "FORMAT", key);
            findings.oddity(place, "a ##FORMAT line for the key", "none");
        }
    }
    if keys.iter().skip(1).any(|key| *key == b"GT") && keys[0] != b"GT" {
        findings.violation(place, "GT as the first key", "GT after another");
    }
    let mut seen = HashSet::new();
    if !keys.iter().all(|key| seen.insert(key)) {
        let severity = findings.since(Version::V4_3);
        findings.add(severity, place, "each key once", Found::Kind("a key twice"));
    }
}

fn check_sample(
    sample: &[u8],
    keys: &[&[u8]],
    definitions: &[Option<Definition>],
    record: &Record,
    findings: &mut Findings,
) {
    let place = Place::new(Topic::GenotypeFields, "sample");
    let number = sample.split(|&byte| byte == b':').count();
    if number > keys.len() {
        let found = Found::Count(number, "field");
        let expected = "no more fields than FORMAT has keys";
        findings.add(Severity::Violation, place, expected, found);
    }
    let mut ploidy = if keys.contains(&b"GT".as_slice()) { None } else { Some(2) };
    let fields = sample.split(|&byte| byte == b':').zip(keys).zip(definitions);
    for ((field, key), definition) in fields {
        let place = Place::with_key(Topic::GenotypeFields, "FORMAT", key);
        if field.is_empty() {
            // From 4.5 on a list of local alleles may have no member.
            let local = *key == b"LAA" || definition.is_some_and(|d| d.number == Number::Local);
            if !(local && findings.version >= Version::V4_5) {
                let expected = "a value, or a dot where it is missing";
                findings.violation(place, expected, "nothing");
            }
        } else if *key == b"GT" {
            ploidy = check_genotype(field, record.alternates.len(), findings);
        } else if let Some(definition) = definition
            && *key != b"GLE"
        {
            let counts = Counts { alternates: record.alternates.len(), ploidy };
            values::check(field, *definition, counts, place, findings);
            check_range(key, field, definition.kind, findings);
        }
    }
}

/// Values that have a type but no sense.
fn check_range(key: &[u8], values: &[u8], value_type: Type, findings: &mut Findings) {
    let place = Place::with_key(Topic::GenotypeFields, "FORMAT", key);
    let mut numbers = values.split(|&byte| byte == b',').filter_map(crate::lines::number::<f64>);
    if key == b"GP" && findings.version >= Version::V4_3 {
        if numbers.any(|share| !(0.0..=1.0).contains(&share)) {
            findings.violation(place, "probabilities from 0 to 1", "a number beyond");
        }
    } else if matches!(key, b"PS" | b"DP" | b"AD" | b"GQ" | b"PL")
        && value_type == Type::Integer
        && numbers.any(|number| number < 0.0)
    {
        let severity = if key == b"PS" { Severity::Violation } else { Severity::Oddity };
        let found = Found::Kind("a negative number");
        findings.add(severity, place, "a whole number, zero or above", found);
    }
}

/// Checks a genotype and gives its ploidy; `None` where it does not tell one.
fn check_genotype(genotype: &[u8], alternates: usize, findings: &mut Findings) -> Option<usize> {
    // A single dot stands for a genotype of any ploidy that was not called.
    if genotype == b"." {
        return None;
    }
    let place = Place::with_key(Topic::GenotypeFields, "FORMAT", b"GT");
    let is_phase = |byte: &u8| b"/|".contains(byte);
    // From 4.4 on the phase of the first allele may be written.
    let genotype = match genotype.split_first() {
        Some((first, rest)) if is_phase(first) && findings.version >= Version::V4_4 => rest,
        _ => genotype,
    };
    let mut ploidy = 0;
    for allele in genotype.split(is_phase) {
        ploidy += 1;
        if allele == b"." {
            continue;
        }
        let index = std::str::from_utf8(allele).ok().and_then(|text| text.parse::<usize>().ok());
        if !allele.iter().all(u8::is_ascii_digit) || allele.is_empty() {
            let expected = "numbers of alleles or dots, between / or |";
            findings.violation(place, expected, kind(allele));
        } else if index.is_none_or(|index| index > alternates) {
            // Files of the specification itself have allele 1 where ALT is a dot.
            let no_variant = alternates == 0 && index == Some(1);
            let severity = if no_variant { Severity::Oddity } else { Severity::Violation };
            let expected = "an allele that REF or ALT lists";
            findings.add(severity, place, expected, Found::Kind("a number beyond"));
        }
    }
    Some(ploidy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genotypes_are_checked_by_version() {
        for (genotype, version, expected, violations) in [
            ("0/1", Version::V4_2, Some(2), 0),
            ("1", Version::V4_2, Some(1), 0),
            ("0|0|1", Version::V4_2, Some(3), 0),
            ("./.", Version::V4_2, Some(2), 0),
            (".", Version::V4_2, None, 0),
            ("0/2", Version::V4_2, Some(2), 1),
            ("1/C", Version::V4_2, Some(2), 1),
            ("0/|1", Version::V4_2, Some(3), 1),
            ("0.000", Version::V4_2, Some(1), 1),
            ("-1", Version::V4_2, Some(1), 1),
            ("/0/1", Version::V4_3, Some(3), 1),
            ("/0/1", Version::V4_4, Some(2), 0),
            ("|1", Version::V4_5, Some(1), 0),
            ("99999999999999999999999", Version::V4_2, Some(1), 1),
        ] {
            let mut findings = Findings::new();
            findings.version = version;
            let ploidy = check_genotype(genotype.as_bytes(), 1, &mut findings);
            assert_eq!((ploidy, findings.violations), (expected, violations), "{genotype}");
        }
    }
}
