//! Alleles, breakends, and the keys of structural variants.

use super::{
    finding::{Findings, Found, Place, Severity, kind},
    header::{Definitions, SYMBOLIC},
    record::Record,
    version::{Topic, Version},
};

/// What an ALT allele is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allele {
    Bases,
    /// `*`: missing due to an overlapping deletion.
    Overlapped,
    Symbolic,
    Breakend,
    Faulty,
}

pub(super) fn is_bases(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|base| b"ACGTNacgtn".contains(base))
}

impl Allele {
    pub(super) fn of(text: &[u8]) -> Self {
        if is_bases(text) {
            Self::Bases
        } else if text == b"*" {
            Self::Overlapped
        } else if let Some(inner) = text.strip_prefix(b"<") {
            let id = inner.strip_suffix(b">").unwrap_or_default();
            let plain = |byte: &u8| !byte.is_ascii_whitespace() && !b"<>,".contains(byte);
            if !id.is_empty() && id.iter().all(plain) { Self::Symbolic } else { Self::Faulty }
        } else if is_breakend(text) {
            Self::Breakend
        } else {
            Self::Faulty
        }
    }
}

/// The four forms with a mate, a single breakend (`G.`, `.G`), or a contig that is inserted
/// (`C<ctg1>`); 5.4.
fn is_breakend(text: &[u8]) -> bool {
    let bracket = |byte: &u8| b"[]".contains(byte);
    if let Some(open) = text.iter().position(bracket) {
        let close = text.iter().rposition(bracket).unwrap_or(open);
        let replacement = |bases: &[u8]| {
            let bases = bases.strip_prefix(b".").unwrap_or(bases);
            bases.is_empty() || is_bases(bases.strip_suffix(b".").unwrap_or(bases))
        };
        let (before, mate, after) = (&text[..open], &text[open..=close], &text[close + 1..]);
        // The bases stand on one side of the mate, and only there.
        let one_side = before.is_empty() != after.is_empty();
        return one_side
            && mate.len() > 2
            && text[open] == text[close]
            && replacement(before)
            && replacement(after)
            && is_mate(&mate[1..mate.len() - 1]);
    }
    if let Some(bases) = text.strip_prefix(b".").or_else(|| text.strip_suffix(b".")) {
        return is_bases(bases);
    }
    let Some(open) = text.iter().position(|&byte| byte == b'<') else { return false };
    is_bases(&text[..open]) && Allele::of(&text[open..]) == Allele::Symbolic
}

/// `chr:pos` or `<contig>:pos`; contigs of later versions may hold colons themselves.
fn is_mate(text: &[u8]) -> bool {
    let Some(colon) = text.iter().rposition(|&byte| byte == b':') else { return false };
    let (name, position) = (&text[..colon], &text[colon + 1..]);
    !name.is_empty()
        && !name.iter().any(u8::is_ascii_whitespace)
        && !position.is_empty()
        && position.iter().all(u8::is_ascii_digit)
}

/// Checks the ALT column.
pub(super) fn check_alternates(
    record: &Record,
    definitions: &Definitions,
    findings: &mut Findings,
) {
    let place = Place::new(Topic::FixedFields, "ALT");
    for &alternate in &record.alternates {
        match Allele::of(alternate) {
            Allele::Faulty if alternate == b"." => {
                findings.violation(place, "a dot by itself, or alleles", "a dot among alleles");
            }
            Allele::Faulty => {
                let expected = "bases of ACGTN, *, <ID> or a breakend";
                findings.violation(place, expected, kind(alternate));
            }
            Allele::Symbolic => {
                let id = &alternate[1..alternate.len() - 1];
                let level = id.split(|&byte| byte == b':').next().unwrap_or_default();
                let known = SYMBOLIC.contains(&level) || matches!(id, b"*" | b"NON_REF");
                if !known && !definitions.alternates.contains(id) {
                    let place = Place::new(Topic::Alt, "ALT");
                    findings.oddity(place, "an ##ALT line for the symbolic allele", "none");
                }
            }
            Allele::Bases if alternate.eq_ignore_ascii_case(record.reference) => {
                findings.violation(place, "an allele other than REF", "REF itself");
            }
            Allele::Bases | Allele::Overlapped | Allele::Breakend => {}
        }
    }
}

/// Checks what the INFO keys of structural variants say of each other and of the alleles.
pub(super) fn check_keys(
    info: &[(&[u8], Option<&[u8]>)],
    record: &Record,
    findings: &mut Findings,
) {
    let value =
        |key: &[u8]| info.iter().find(|(name, _)| *name == key).and_then(|(_, value)| *value);
    let end = value(b"END").and_then(crate::lines::number::<i64>);
    if let (Some(end), Some(position)) = (end, record.position)
        && end >= 0
        && end.unsigned_abs() < position
    {
        let place = Place::with_key(Topic::FixedFields, "INFO", b"END");
        findings.violation(place, "an END that is not before POS", "one before POS");
    }
    if let Some(lengths) = value(b"SVLEN") {
        check_lengths(lengths, record, findings);
    }
    for key in [b"CIPOS".as_slice(), b"CIEND", b"CILEN"] {
        let Some(interval) = value(key) else { continue };
        let mut bounds = interval.split(|&byte| byte == b',').map(crate::lines::number::<f64>);
        if let (Some(Some(low)), Some(Some(high))) = (bounds.next(), bounds.next())
            && (low > 0.0 || high < 0.0)
        {
            let place = Place::with_key(Topic::StructuralInfo, "INFO", key);
            findings.oddity(place, "an interval round zero", "one that leaves it out");
        }
    }
    let has_mate = record.alternates.iter().any(|alternate| {
        Allele::of(alternate) == Allele::Breakend && alternate.iter().any(|b| b"[]".contains(b))
    });
    if has_mate && value(b"SVTYPE").is_some_and(|kind| kind != b"BND") {
        let place = Place::with_key(Topic::Breakends, "INFO", b"SVTYPE");
        findings.oddity(place, "BND for a breakend", "another type");
    }
}

/// SVLEN is signed up to 4.3: below zero for a deletion. From 4.4 on it is a length.
fn check_lengths(lengths: &[u8], record: &Record, findings: &mut Findings) {
    let place = Place::with_key(Topic::StructuralInfo, "INFO", b"SVLEN");
    let values: Vec<&[u8]> = lengths.split(|&byte| byte == b',').collect();
    if lengths != b"." && values.len() != record.alternates.len() && !record.alternates.is_empty() {
        let found = Found::Count(values.len(), "value");
        findings.add(Severity::Oddity, place, "one SVLEN per ALT allele", found);
    }
    for (alternate, length) in record.alternates.iter().zip(values) {
        let Some(length) = crate::lines::number::<i64>(length) else { continue };
        if findings.version >= Version::V4_4 {
            if length < 0 {
                findings.violation(place, "a length, which has no sign", "a negative number");
            }
        } else if alternate.starts_with(b"<DEL") && length > 0 {
            findings.violation(place, "a negative number for a deletion", "a positive one");
        } else if (alternate.starts_with(b"<INS") || alternate.starts_with(b"<DUP")) && length < 0 {
            let expected = "a positive number for an insertion or duplication";
            findings.violation(place, expected, "a negative one");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alleles_are_told_apart() {
        for (text, expected) in [
            ("ACGTNacgtn", Allele::Bases),
            ("*", Allele::Overlapped),
            ("<DEL>", Allele::Symbolic),
            ("<DEL:ME:ALU>", Allele::Symbolic),
            ("<*>", Allele::Symbolic),
            ("<a[b]c>", Allele::Symbolic),
            ("G]17:198982]", Allele::Breakend),
            ("]13:123456]T", Allele::Breakend),
            ("C[2:321682[", Allele::Breakend),
            ("[17:198983[A", Allele::Breakend),
            (".[13:123457[", Allele::Breakend),
            ("]<ctg1>:329]A", Allele::Breakend),
            ("C[HLA-A*01:01:5[", Allele::Breakend),
            ("C<ctg1>", Allele::Breakend),
            ("G.", Allele::Breakend),
            (".G", Allele::Breakend),
            ("[1:100[", Allele::Faulty),
            ("A[1:100[C", Allele::Faulty),
            ("A[1:100]", Allele::Faulty),
            ("A[1[", Allele::Faulty),
            ("A[1:x[", Allele::Faulty),
            ("A[", Allele::Faulty),
            ("<>", Allele::Faulty),
            ("<DEL", Allele::Faulty),
            ("<INS>BLAH>", Allele::Faulty),
            ("R", Allele::Faulty),
            ("A T", Allele::Faulty),
            (".", Allele::Faulty),
            ("", Allele::Faulty),
            ("A*", Allele::Faulty),
        ] {
            assert_eq!(Allele::of(text.as_bytes()), expected, "{text}");
        }
    }
}
