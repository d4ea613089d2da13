//! The values of a key of INFO or FORMAT against its definition.

use super::{
    definition::{Definition, Number, Type},
    finding::{Findings, Found, Place, Severity, kind},
    version::Version,
};

/// The values from -2^31 to -2^31 + 7 mean something else in BCF (1.3 of 4.3).
const SMALLEST_INTEGER: i64 = i32::MIN as i64 + 8;
const LARGEST_INTEGER: i64 = i32::MAX as i64;

/// What a count of values is measured by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    /// The ALT alleles; none where ALT is a dot.
    pub(super) alternates: usize,
    /// The alleles of the sample's genotype; `None` in INFO, and where the genotype does not tell.
    pub(super) ploidy: Option<usize>,
}

/// Checks how many values there are and of what type.
pub(super) fn check(
    values: &[u8],
    definition: Definition,
    counts: Counts,
    place: Place,
    findings: &mut Findings,
) {
    if values == b"." {
        return;
    }
    let number = values.split(|&byte| byte == b',').count();
    if !fits(number, definition.number, counts) {
        let expected = match definition.number {
            Number::Alternates => "one value per ALT allele (Number=A)",
            Number::Alleles => "one value per allele, REF included (Number=R)",
            Number::Genotypes => "one value per genotype of the sample's ploidy (Number=G)",
            _ => "as many values as the key's Number says",
        };
        findings.add(Severity::Violation, place, expected, Found::Count(number, "value"));
    }
    for value in values.split(|&byte| byte == b',') {
        check_type(value, definition.kind, place, findings);
    }
}

fn fits(number: usize, asked: Number, counts: Counts) -> bool {
    let fits = |alternates: usize| match asked {
        Number::Count(asked) => asked == 0 || number == asked as usize,
        Number::Alternates => number == alternates,
        Number::Alleles => number == alternates + 1,
        Number::Genotypes => counts
            .ploidy
            .and_then(|ploidy| genotypes(alternates, ploidy))
            .is_none_or(|asked| number as u128 == asked),
        Number::Local | Number::Unknown => true,
    };
    // Files of the specification itself give one value for an ALT that is a dot.
    fits(counts.alternates) || (counts.alternates == 0 && fits(1))
}

/// The number of unordered genotypes: choose `ploidy` of `alternates + 1` alleles, repeats allowed.
fn genotypes(alternates: usize, ploidy: usize) -> Option<u128> {
    let mut number: u128 = 1;
    for place in 1..=ploidy.min(64) {
        number = number.checked_mul((alternates + place) as u128)? / place as u128;
    }
    (ploidy <= 64).then_some(number)
}

fn check_type(value: &[u8], asked: Type, place: Place, findings: &mut Findings) {
    if value == b"." {
        return;
    }
    match asked {
        Type::Integer => match crate::lines::number::<i64>(value) {
            Some(SMALLEST_INTEGER..=LARGEST_INTEGER) => {}
            Some(_) => {
                let severity = findings.since(Version::V4_3);
                let expected = "a whole number from -2147483640 to 2147483647";
                findings.add(severity, place, expected, Found::Kind("a number beyond"));
            }
            None => findings.violation(place, "whole numbers (Type=Integer)", kind(value)),
        },
        Type::Float if !is_float(value, findings.version) => {
            findings.violation(place, "numbers (Type=Float)", kind(value));
        }
        Type::Character
            if std::str::from_utf8(value).is_ok_and(|text| text.chars().count() != 1) =>
        {
            findings.violation(place, "single characters (Type=Character)", kind(value));
        }
        Type::String if value.is_empty() => {
            let severity = findings.since(Version::V4_3);
            findings.add(severity, place, "a value, or a dot where it is missing", kind(value));
        }
        Type::Float | Type::Character | Type::String | Type::Flag => {}
    }
}

/// A decimal number, an infinity or NaN; from 4.3 on digits must follow a point (1.3 of 4.3).
pub(super) fn is_float(text: &[u8], version: Version) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let digit_after_point = || {
        text.split_once('.')
            .is_none_or(|(_, after)| after.starts_with(|c: char| c.is_ascii_digit()))
    };
    text.parse::<f64>().is_ok() && (version < Version::V4_3 || digit_after_point())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genotypes_are_counted_for_every_ploidy() {
        for (alternates, ploidy, expected) in [
            (1, 2, Some(3)),
            (2, 2, Some(6)),
            (2, 3, Some(10)),
            (1, 1, Some(2)),
            (0, 2, Some(1)),
            (3, 0, Some(1)),
            (5, 65, None),
        ] {
            assert_eq!(genotypes(alternates, ploidy), expected, "{alternates} {ploidy}");
        }
        assert_eq!(genotypes(usize::MAX / 2, 64), None, "too many to count");
    }

    #[test]
    fn values_are_as_many_as_asked() {
        for (number, asked, alternates, ploidy, expected) in [
            (1, Number::Alternates, 1, None, true),
            (2, Number::Alternates, 1, None, false),
            (2, Number::Alleles, 1, None, true),
            (3, Number::Genotypes, 1, Some(2), true),
            (2, Number::Genotypes, 1, Some(2), false),
            (2, Number::Genotypes, 1, Some(1), true),
            (9, Number::Genotypes, 1, None, true),
            (2, Number::Count(2), 1, None, true),
            (1, Number::Count(2), 1, None, false),
            (7, Number::Unknown, 1, None, true),
            (1, Number::Alternates, 0, None, true),
            (2, Number::Alternates, 0, None, false),
            (3, Number::Genotypes, 0, Some(2), true),
            (1, Number::Genotypes, 0, Some(2), true),
        ] {
            let counts = Counts { alternates, ploidy };
            assert_eq!(fits(number, asked, counts), expected, "{number} {asked:?} {counts:?}");
        }
    }

    #[test]
    fn floats_are_as_the_version_writes_them() {
        for (text, before, since) in [
            ("1", true, true),
            ("-0.5e-10", true, true),
            (".5", true, true),
            ("5.", true, false),
            ("+Inf", true, true),
            ("NaN", true, true),
            ("AF1", false, false),
            ("", false, false),
            ("1,2", false, false),
        ] {
            assert_eq!(is_float(text.as_bytes(), Version::V4_2), before, "{text}");
            assert_eq!(is_float(text.as_bytes(), Version::V4_3), since, "{text}");
        }
    }
}
