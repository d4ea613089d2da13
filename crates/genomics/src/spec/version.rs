use std::fmt;

use serde::{Serialize, Serializer};

/// A version of the VCF specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Version 4.0, checked as 4.1: its text has no numbered sections.
    V4_0,
    /// Version 4.1.
    V4_1,
    /// Version 4.2.
    V4_2,
    /// Version 4.3.
    V4_3,
    /// Version 4.4.
    V4_4,
    /// Version 4.5.
    V4_5,
}

impl Version {
    /// The version that the value of `##fileformat` names.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        Some(match value.strip_prefix(b"VCFv")? {
            b"4.0" => Self::V4_0,
            b"4.1" => Self::V4_1,
            b"4.2" => Self::V4_2,
            b"4.3" => Self::V4_3,
            b"4.4" => Self::V4_4,
            b"4.5" => Self::V4_5,
            _ => return None,
        })
    }

    fn text(self) -> &'static str {
        match self {
            Self::V4_0 => "4.0",
            Self::V4_1 => "4.1",
            Self::V4_2 => "4.2",
            Self::V4_3 => "4.3",
            Self::V4_4 => "4.4",
            Self::V4_5 => "4.5",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

/// What a rule of the specification is about; each version has it in a section of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Encoding,
    Meta,
    FileFormat,
    Info,
    Filter,
    Format,
    Alt,
    Assembly,
    Contig,
    Sample,
    Pedigree,
    HeaderLine,
    DataLines,
    FixedFields,
    GenotypeFields,
    StructuralInfo,
    Breakends,
}

impl Topic {
    /// The section, such as `VCF 4.3, section 1.6.1`.
    pub(super) fn section(self, version: Version) -> String {
        // The text of 4.0 is a page without numbers, and 4.1 took its order over.
        let name = if version == Version::V4_0 { "4.0 (as 4.1)" } else { version.text() };
        format!("VCF {name}, section {}", self.number(version))
    }

    fn number(self, version: Version) -> &'static str {
        let (before, since) = match self {
            Self::Encoding => ("1", "1.2"),
            Self::Meta => ("1.2", "1.4"),
            Self::FileFormat => ("1.2.1", "1.4.1"),
            Self::Info => ("1.2.2", "1.4.2"),
            Self::Filter => ("1.2.3", "1.4.3"),
            Self::Format => ("1.2.4", "1.4.4"),
            Self::Alt => ("1.2.5", "1.4.5"),
            Self::Assembly => ("1.2.6", "1.4.6"),
            Self::Contig => ("1.2.7", "1.4.7"),
            Self::Sample => ("1.2.8", "1.4.8"),
            Self::Pedigree => ("1.2.9", "1.4.9"),
            Self::HeaderLine => ("1.3", "1.5"),
            Self::DataLines => ("1.4", "1.6"),
            Self::FixedFields => ("1.4.1", "1.6.1"),
            Self::GenotypeFields => ("1.4.2", "1.6.2"),
            Self::StructuralInfo => ("3", "3"),
            Self::Breakends => ("5.4", "5.4"),
        };
        // 4.3 put "character encoding" and "data types" before "meta-information lines".
        if version < Version::V4_3 { before } else { since }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_as_the_specification_writes_it() {
        for (value, expected) in [
            ("VCFv4.0", Some(Version::V4_0)),
            ("VCFv4.2", Some(Version::V4_2)),
            ("VCFv4.5", Some(Version::V4_5)),
            ("VCFv4.6", None),
            ("VCFv3.3", None),
            ("VCF v4.2", None),
            ("vcfv4.2", None),
            ("4.2", None),
            ("", None),
        ] {
            assert_eq!(Version::parse(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_section_depends_on_the_version() {
        for (topic, version, expected) in [
            (Topic::FixedFields, Version::V4_2, "VCF 4.2, section 1.4.1"),
            (Topic::FixedFields, Version::V4_3, "VCF 4.3, section 1.6.1"),
            (Topic::Contig, Version::V4_5, "VCF 4.5, section 1.4.7"),
            (Topic::StructuralInfo, Version::V4_1, "VCF 4.1, section 3"),
            (Topic::HeaderLine, Version::V4_0, "VCF 4.0 (as 4.1), section 1.3"),
        ] {
            assert_eq!(topic.section(version), expected);
        }
    }
}
