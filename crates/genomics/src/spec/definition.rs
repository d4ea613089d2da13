//! How many values of what type a key of INFO or FORMAT has: as the header defines it, or as the
//! specification reserves it.

use super::version::Version;

/// How many values a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Count(u32),
    /// One per alternate allele.
    Alternates,
    /// One per allele, the reference with them.
    Alleles,
    /// One per genotype.
    Genotypes,
    /// What local alleles or the genotype itself determine (4.5): not counted here.
    Local,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Integer,
    Float,
    Flag,
    Character,
    String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) number: Number,
    pub(super) kind: Type,
}

/// Which of the two columns of keys is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    Info,
    Format,
}

impl Number {
    pub(super) fn parse(value: &[u8], keys: Keys, version: Version) -> Option<Self> {
        Some(match value {
            b"A" => Self::Alternates,
            b"G" => Self::Genotypes,
            b"." => Self::Unknown,
            b"R" if version >= Version::V4_2 => Self::Alleles,
            b"LA" | b"LR" | b"LG" | b"P" | b"M"
                if keys == Keys::Format && version >= Version::V4_5 =>
            {
                Self::Local
            }
            digits if digits.iter().all(u8::is_ascii_digit) => {
                Self::Count(std::str::from_utf8(digits).ok()?.parse().ok()?)
            }
            _ => return None,
        })
    }
}

impl Type {
    pub(super) fn parse(value: &[u8], keys: Keys) -> Option<Self> {
        Some(match value {
            b"Integer" => Self::Integer,
            b"Float" => Self::Float,
            b"Flag" if keys == Keys::Info => Self::Flag,
            b"Character" => Self::Character,
            b"String" => Self::String,
            _ => return None,
        })
    }
}

/// What the specification reserves a key for; a part that it leaves open is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reserved {
    pub(super) number: Option<Number>,
    pub(super) kind: Option<Type>,
    /// Whether a negative value makes no sense: a count, a depth, a position.
    pub(super) not_negative: bool,
}

impl Reserved {
    /// The definition that stands in where the header gives none.
    pub(super) fn definition(self) -> Option<Definition> {
        Some(Definition { number: self.number.unwrap_or(Number::Unknown), kind: self.kind? })
    }
}

/// A reserved key, its Number, its Type, and the versions that reserve it so.
type Row = (&'static str, &'static str, &'static str, Version, Version);

use Version::{V4_0, V4_2, V4_3, V4_5};

/// Sections 1.4.1 and 3 of 4.1 and 4.2, tables 1 and section 3 of 4.3 to 4.5. SB is left out:
/// its type changed without a word, and the specification's own files use both.
const INFO: &[Row] = &[
    ("AA", "1", "String", V4_0, V4_5),
    ("AC", "A", "Integer", V4_0, V4_5),
    ("AD", "R", "Integer", V4_3, V4_5),
    ("ADF", "R", "Integer", V4_3, V4_5),
    ("ADR", "R", "Integer", V4_3, V4_5),
    ("AF", "A", "Float", V4_0, V4_5),
    ("AN", "1", "Integer", V4_0, V4_5),
    ("BQ", "1", "Float", V4_0, V4_5),
    ("CIGAR", "A", "String", V4_0, V4_5),
    ("DB", "0", "Flag", V4_0, V4_5),
    ("DP", "1", "Integer", V4_0, V4_5),
    ("END", "1", "Integer", V4_0, V4_5),
    ("H2", "0", "Flag", V4_0, V4_5),
    ("H3", "0", "Flag", V4_0, V4_5),
    ("MQ", "1", "", V4_0, V4_2),
    ("MQ", "1", "Float", V4_3, V4_5),
    ("MQ0", "1", "Integer", V4_0, V4_5),
    ("NS", "1", "Integer", V4_0, V4_5),
    ("SOMATIC", "0", "Flag", V4_0, V4_5),
    ("VALIDATED", "0", "Flag", V4_0, V4_5),
    ("1000G", "0", "Flag", V4_0, V4_5),
    ("IMPRECISE", "0", "Flag", V4_0, V4_5),
    ("NOVEL", "0", "Flag", V4_0, V4_5),
    ("SVTYPE", "1", "String", V4_0, V4_5),
    ("SVLEN", "", "Integer", V4_0, V4_5),
    ("CIPOS", "2", "Integer", V4_0, V4_3),
    ("CIEND", "2", "Integer", V4_0, V4_3),
    ("HOMLEN", "", "Integer", V4_0, V4_5),
    ("HOMSEQ", "", "String", V4_0, V4_5),
    ("BKPTID", "", "String", V4_0, V4_5),
    ("MEINFO", "4", "String", V4_0, V4_3),
    ("METRANS", "4", "String", V4_0, V4_3),
    ("DGVID", "1", "String", V4_0, V4_3),
    ("DBVARID", "1", "String", V4_0, V4_3),
    ("DBRIPID", "1", "String", V4_0, V4_3),
    ("MATEID", "", "String", V4_0, V4_5),
    ("PARID", "1", "String", V4_0, V4_3),
    ("EVENT", "1", "String", V4_0, V4_3),
    ("CILEN", "2", "Integer", V4_0, V4_3),
    ("DPADJ", "", "Integer", V4_0, V4_3),
    ("CN", "1", "Integer", V4_0, V4_3),
    ("CNADJ", "", "Integer", V4_0, V4_3),
    ("CICN", "2", "Integer", V4_0, V4_3),
    ("CICNADJ", "", "Integer", V4_0, V4_3),
];

/// Sections 1.4.2 and 4 of 4.1 and 4.2, table 2 and section 4 of 4.3 to 4.5.
const FORMAT: &[Row] = &[
    ("AD", "R", "Integer", V4_3, V4_5),
    ("ADF", "R", "Integer", V4_3, V4_5),
    ("ADR", "R", "Integer", V4_3, V4_5),
    ("DP", "1", "Integer", V4_0, V4_5),
    ("EC", "A", "Integer", V4_0, V4_5),
    ("FT", "1", "String", V4_0, V4_5),
    ("GL", "G", "Float", V4_0, V4_5),
    ("GLE", "G", "String", V4_0, V4_2),
    ("GP", "G", "Float", V4_0, V4_5),
    ("GQ", "1", "Integer", V4_0, V4_5),
    ("GT", "1", "String", V4_0, V4_5),
    ("HQ", "2", "Integer", V4_0, V4_5),
    ("MQ", "1", "Integer", V4_0, V4_5),
    ("PL", "G", "Integer", V4_0, V4_5),
    ("PP", "G", "Integer", V4_3, V4_5),
    ("PQ", "1", "Integer", V4_0, V4_5),
    ("PS", "1", "Integer", V4_0, V4_5),
    ("CN", "1", "Integer", V4_0, V4_3),
    ("CNQ", "1", "Float", V4_0, V4_5),
    ("NQ", "1", "Integer", V4_0, V4_5),
    ("HAP", "1", "Integer", V4_0, V4_5),
    ("AHAP", "1", "Integer", V4_0, V4_5),
];

const NOT_NEGATIVE: [&str; 10] = ["AC", "AD", "ADF", "ADR", "AN", "DP", "END", "MQ0", "NS", "PS"];

/// What a version of the specification reserves a key for.
pub(super) fn reserved(key: &[u8], keys: Keys, version: Version) -> Option<Reserved> {
    let rows = match keys {
        Keys::Info => INFO,
        Keys::Format => FORMAT,
    };
    let (name, number, kind, ..) = rows.iter().find(|(name, _, _, from, to)| {
        name.as_bytes() == key && (*from..=*to).contains(&version)
    })?;
    Some(Reserved {
        number: (!number.is_empty())
            .then(|| Number::parse(number.as_bytes(), keys, V4_5))
            .flatten(),
        kind: Type::parse(kind.as_bytes(), keys),
        not_negative: NOT_NEGATIVE.contains(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reserved_row_is_understood_and_each_version_has_one() {
        for (rows, keys) in [(INFO, Keys::Info), (FORMAT, Keys::Format)] {
            for (name, number, kind, from, to) in rows {
                let named = |text: &str, parsed: bool| text.is_empty() || parsed;
                assert!(
                    named(number, Number::parse(number.as_bytes(), keys, V4_5).is_some()),
                    "{name}"
                );
                assert!(named(kind, Type::parse(kind.as_bytes(), keys).is_some()), "{name}");
                assert!(from <= to, "{name}");
                let same =
                    rows.iter().filter(|row| row.0 == *name && row.3 <= *to && row.4 >= *from);
                assert_eq!(same.count(), 1, "{name} is reserved twice in one version");
            }
        }
    }

    #[test]
    fn numbers_depend_on_the_version() {
        for (value, keys, version, expected) in [
            ("1", Keys::Info, V4_0, Some(Number::Count(1))),
            ("A", Keys::Info, V4_0, Some(Number::Alternates)),
            ("R", Keys::Info, Version::V4_1, None),
            ("R", Keys::Info, V4_2, Some(Number::Alleles)),
            ("G", Keys::Format, V4_3, Some(Number::Genotypes)),
            (".", Keys::Format, V4_3, Some(Number::Unknown)),
            ("LA", Keys::Format, V4_5, Some(Number::Local)),
            ("LA", Keys::Info, V4_5, None),
            ("LA", Keys::Format, Version::V4_4, None),
            ("-1", Keys::Info, V4_2, None),
            ("N", Keys::Info, V4_2, None),
            ("", Keys::Info, V4_2, None),
            ("99999999999", Keys::Info, V4_2, None),
        ] {
            assert_eq!(Number::parse(value.as_bytes(), keys, version), expected, "{value}");
        }
    }
}
