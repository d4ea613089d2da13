//! The `##` lines and the `#CHROM` line.

use std::collections::{HashMap, HashSet};

use super::{
    attributes::{self, Attribute},
    definition::{Definition, Keys, Number, Type, reserved},
    finding::{Findings, Found, Place, Severity, kind},
    names::{is_contig_name, is_key, is_url},
    version::{Topic, Version},
};

/// The names of the fixed columns.
pub(super) const COLUMNS: [&str; 8] =
    ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"];

/// The first level of a symbolic allele's type (1.2.5 of 4.2, 1.4.5 of 4.3).
pub(super) const SYMBOLIC: [&[u8]; 5] = [b"DEL", b"INS", b"DUP", b"INV", b"CNV"];

/// The ids that are remembered of a kind of header line: enough for every real file, and a bound
/// for one that was made to exhaust memory.
const IDS_KEPT: usize = 1_000_000;

/// What the header defines.
#[derive(Default)]
pub(super) struct Definitions {
    pub(super) info: HashMap<Vec<u8>, Option<Definition>>,
    pub(super) format: HashMap<Vec<u8>, Option<Definition>>,
    pub(super) filters: HashSet<Vec<u8>>,
    pub(super) alternates: HashSet<Vec<u8>>,
    /// Contigs with their length, where it is given.
    pub(super) contigs: HashMap<Vec<u8>, Option<u64>>,
    /// Columns of every record; `None` before the `#CHROM` line.
    pub(super) columns: Option<usize>,
    /// Structured lines that were seen, as `key=id`.
    seen: HashSet<Vec<u8>>,
}

impl Definitions {
    /// Checks the first line, which must name the version.
    pub(super) fn first_line(line: &[u8], findings: &mut Findings) {
        let place = Place::new(Topic::FileFormat, "##fileformat");
        let expected = "`##fileformat=VCFv4.0` to `VCFv4.5` as the first line";
        match line.strip_prefix(b"##fileformat=") {
            None => findings.violation(place, expected, "another line"),
            Some(value) => match Version::parse(value) {
                Some(version) => findings.version = version,
                None => findings.violation(place, expected, kind(value)),
            },
        }
    }

    /// Checks a line that begins with `##`.
    pub(super) fn meta_line(&mut self, line: &[u8], is_first: bool, findings: &mut Findings) {
        let place = Place::new(Topic::Meta, "header line");
        let meta = &line[2..];
        let Some(end) = meta.iter().position(|&byte| byte == b'=') else {
            findings.violation(place, "`##key=value`", "a line without an equals sign");
            return;
        };
        let (key, value) = (&meta[..end], &meta[end + 1..]);
        if key.is_empty() {
            findings.violation(place, "`##key=value`", "no key");
        }
        if value.is_empty() {
            findings.violation(place, "a value after the equals sign", "nothing");
            return;
        }
        match key {
            b"fileformat" if !is_first => {
                let place = Place::new(Topic::FileFormat, "##fileformat");
                findings.violation(place, "one such line, the first", "a further one");
            }
            b"fileformat" => {}
            b"assembly" => check_url(value, Topic::Assembly, "##assembly", findings),
            b"pedigreeDB" => {
                let url = value.strip_prefix(b"<").and_then(|url| url.strip_suffix(b">"));
                check_url(url.unwrap_or(value), Topic::Pedigree, "##pedigreeDB", findings);
            }
            _ => self.structured(key, value, findings),
        }
    }

    fn structured(&mut self, key: &[u8], value: &[u8], findings: &mut Findings) {
        let (topic, column) = match key {
            b"INFO" => (Topic::Info, "##INFO"),
            b"FORMAT" => (Topic::Format, "##FORMAT"),
            b"FILTER" => (Topic::Filter, "##FILTER"),
            b"ALT" => (Topic::Alt, "##ALT"),
            b"contig" => (Topic::Contig, "##contig"),
            b"SAMPLE" => (Topic::Sample, "##SAMPLE"),
            b"PEDIGREE" => (Topic::Pedigree, "##PEDIGREE"),
            b"META" => (Topic::Sample, "##META"),
            _ => (Topic::Meta, "header line"),
        };
        let place = Place::new(topic, column);
        let of_the_standard = topic != Topic::Meta;
        if !value.starts_with(b"<") {
            if of_the_standard {
                findings.violation(place, "`<key=value,...>`", "a value without angle brackets");
            }
            return;
        }
        let attributes = match attributes::parse(value) {
            Ok(attributes) => attributes,
            Err(broken) => {
                // A quoted text in brackets was the way of some tools before 4.3.
                let severity = if of_the_standard || broken == attributes::Broken::NotClosed {
                    Severity::Violation
                } else {
                    findings.since(Version::V4_3)
                };
                let found = Found::Kind(broken.text());
                findings.add(severity, place, "`<key=value,...>`, well-formed", found);
                return;
            }
        };
        let id = value_of(&attributes, b"ID");
        self.identity(key, id, place, findings);
        match key {
            b"INFO" => self.keys(&attributes, Keys::Info, place, findings),
            b"FORMAT" => self.keys(&attributes, Keys::Format, place, findings),
            b"FILTER" => self.filter(&attributes, place, findings),
            b"ALT" => self.alternate(&attributes, place, findings),
            b"contig" => self.contig(&attributes, place, findings),
            b"SAMPLE" => check_sample(&attributes, place, findings),
            b"PEDIGREE" => check_pedigree(&attributes, place, findings),
            _ => {}
        }
    }

    /// Checks that a structured line has an id, and the only one of its kind.
    fn identity(&mut self, key: &[u8], id: Option<&[u8]>, place: Place, findings: &mut Findings) {
        let always = matches!(key, b"INFO" | b"FORMAT" | b"FILTER" | b"ALT" | b"contig");
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            let pedigree_before_ids = key == b"PEDIGREE" && findings.version < Version::V4_3;
            if !pedigree_before_ids {
                let severity =
                    if always { Severity::Violation } else { findings.since(Version::V4_3) };
                findings.add(severity, place, "an ID", Found::Kind("none"));
            }
            return;
        };
        let name = [key, b"=", id].concat();
        if self.seen.contains(&name) {
            let severity = match findings.since(Version::V4_3) {
                Severity::Violation => Severity::Violation,
                _ => Severity::Mended,
            };
            let found = Found::Kind("the same ID again; the first is used");
            findings.add(severity, place, "an ID that is unique among its kind", found);
        } else if self.seen.len() < IDS_KEPT {
            self.seen.insert(name);
        }
    }

    /// An INFO or FORMAT line.
    fn keys(
        &mut self,
        attributes: &[Attribute],
        keys: Keys,
        place: Place,
        findings: &mut Findings,
    ) {
        check_order(attributes, &["ID", "Number", "Type", "Description"], place, findings);
        check_description(attributes, place, findings);
        let version = findings.version;
        let id = value_of(attributes, b"ID").unwrap_or_default();
        let (topic, column) = match keys {
            Keys::Info => (Topic::Info, "##INFO"),
            Keys::Format => (Topic::Format, "##FORMAT"),
        };
        let place = Place::with_key(topic, column, id);
        check_key(id, keys, place, findings);
        let text = value_of(attributes, b"Number");
        let number = text.and_then(|text| Number::parse(text, keys, version));
        if let (Some(text), None) = (text, number) {
            let expected = "Number as a whole number, A, R (from 4.2 on), G or a dot";
            findings.violation(place, expected, kind(text));
        }
        let text = value_of(attributes, b"Type");
        let value_type = text.and_then(|text| Type::parse(text, keys));
        if let (Some(text), None) = (text, value_type) {
            let expected = match keys {
                Keys::Info => "Type as Integer, Float, Flag, Character or String",
                Keys::Format => "Type as Integer, Float, Character or String",
            };
            findings.violation(place, expected, kind(text));
        }
        if value_type == Some(Type::Flag) && number.is_some_and(|n| n != Number::Count(0)) {
            findings.oddity(place, "Number=0 for a Flag", "another Number");
        }
        if let Some(reserved) = reserved(id, keys, version) {
            if number.is_some() && reserved.number.is_some_and(|asked| Some(asked) != number) {
                findings.violation(place, "the Number of this reserved key", "another Number");
            }
            if value_type.is_some() && reserved.kind.is_some_and(|asked| Some(asked) != value_type)
            {
                findings.violation(place, "the Type of this reserved key", "another Type");
            }
        }
        let definition = number.zip(value_type).map(|(number, kind)| Definition { number, kind });
        let known = match keys {
            Keys::Info => &mut self.info,
            Keys::Format => &mut self.format,
        };
        if known.len() < IDS_KEPT {
            known.entry(id.to_vec()).or_insert(definition);
        }
    }

    fn filter(&mut self, attributes: &[Attribute], place: Place, findings: &mut Findings) {
        check_order(attributes, &["ID", "Description"], place, findings);
        check_description(attributes, place, findings);
        let id = value_of(attributes, b"ID").unwrap_or_default();
        if id == b"0" {
            findings.violation(place, "an ID other than the reserved 0", "0");
        }
        if id.iter().any(|byte| byte.is_ascii_whitespace() || *byte == b';') {
            let found = kind(id);
            findings.violation(place, "an ID without white space or semicolons", found);
        }
        if self.filters.len() < IDS_KEPT {
            self.filters.insert(id.to_vec());
        }
    }

    fn alternate(&mut self, attributes: &[Attribute], place: Place, findings: &mut Findings) {
        check_order(attributes, &["ID", "Description"], place, findings);
        check_description(attributes, place, findings);
        let id = value_of(attributes, b"ID").unwrap_or_default();
        if id.iter().any(|byte| byte.is_ascii_whitespace() || b"<>,".contains(byte)) {
            let expected = "an ID without white space, commas or angle brackets";
            findings.violation(place, expected, kind(id));
        }
        let level = id.split(|&byte| byte == b':').next().unwrap_or_default();
        let known = SYMBOLIC.contains(&level) || level == b"BND";
        // The unspecified allele has two spellings, neither of them a structural variant.
        let unspecified = matches!(id, b"*" | b"NON_REF");
        let only_structural = findings.version < Version::V4_3;
        if !known && !unspecified && (only_structural || id.contains(&b':')) {
            let expected = "DEL, INS, DUP, INV or CNV as the first level of the type";
            findings.violation(place, expected, kind(id));
        }
        if self.alternates.len() < IDS_KEPT {
            self.alternates.insert(id.to_vec());
        }
    }

    fn contig(&mut self, attributes: &[Attribute], place: Place, findings: &mut Findings) {
        let id = value_of(attributes, b"ID").unwrap_or_default();
        if !id.is_empty() && !is_contig_name(id, findings.version) {
            findings.violation(place, "a contig's name", kind(id));
        }
        if findings.version >= Version::V4_3 && (SYMBOLIC.contains(&id) || id == b"BND") {
            findings.violation(place, "a name that is no symbolic allele", kind(id));
        }
        let length = value_of(attributes, b"length").and_then(crate::lines::number::<u64>);
        if value_of(attributes, b"length").is_some() && length.is_none() {
            let severity = findings.since(Version::V4_4);
            findings.add(
                severity,
                place,
                "length as a whole number",
                Found::Kind("something else"),
            );
        }
        if self.contigs.len() < IDS_KEPT {
            self.contigs.entry(id.to_vec()).or_insert(length);
        }
    }

    /// Checks the line that begins with `#CHROM`.
    pub(super) fn column_line(&mut self, line: &[u8], findings: &mut Findings) {
        let place = Place::new(Topic::HeaderLine, "#CHROM line");
        let mut names: Vec<&[u8]> = crate::lines::fields(line).collect();
        while names.len() > COLUMNS.len() && names.last().is_some_and(|name| name.is_empty()) {
            names.pop();
            let severity = findings.since(Version::V4_3);
            findings.add(severity, place, "no tab at the end", Found::Kind("one"));
        }
        let fixed = names.iter().take(COLUMNS.len()).copied();
        if !fixed.eq(COLUMNS.iter().map(|name| name.as_bytes())) {
            let expected = "#CHROM, POS, ID, REF, ALT, QUAL, FILTER and INFO, separated by tabs";
            findings.violation(place, expected, "other columns");
        }
        if names.get(COLUMNS.len()).is_some_and(|&name| name != b"FORMAT") {
            findings.violation(place, "FORMAT as the ninth column", "another name");
        }
        if names.len() == COLUMNS.len() + 1 {
            findings.violation(place, "samples after FORMAT", "none");
        }
        let samples = names.get(COLUMNS.len() + 1..).unwrap_or_default();
        let different: HashSet<&[u8]> = samples.iter().copied().collect();
        if different.len() < samples.len() {
            let twice = Found::Count(samples.len() - different.len(), "repeated name");
            findings.add(Severity::Violation, place, "sample names that differ", twice);
        }
        if different.contains(&b""[..]) {
            findings.violation(place, "a name for each sample", "an empty one");
        }
        self.columns = Some(names.len().max(COLUMNS.len()));
    }
}

pub(super) fn value_of<'a>(attributes: &[Attribute<'a>], key: &[u8]) -> Option<&'a [u8]> {
    attributes.iter().find(|attribute| attribute.key == key).map(|attribute| attribute.value)
}

/// The required attributes come first and in this order up to 4.3; from 4.4 on order is free.
fn check_order(attributes: &[Attribute], required: &[&str], place: Place, findings: &mut Findings) {
    let missing = required.iter().any(|key| {
        value_of(attributes, key.as_bytes())
            .is_none_or(|value| value.is_empty() && *key != "Description")
    });
    if missing {
        let expected = match required.len() {
            4 => "ID, Number, Type and Description",
            _ => "ID and Description",
        };
        findings.violation(place, expected, "not all of them");
    } else if findings.version <= Version::V4_3
        && !required.iter().zip(attributes).all(|(key, found)| key.as_bytes() == found.key)
    {
        let expected = match required.len() {
            4 => "ID, Number, Type, Description in this order, then others",
            _ => "ID, Description in this order, then others",
        };
        findings.violation(place, expected, "another order");
    }
    // IDX is the place in the dictionary of a BCF, always a bare number.
    if attributes.iter().any(|found| {
        !found.quoted
            && found.key != b"IDX"
            && !required.contains(&String::from_utf8_lossy(found.key).as_ref())
    }) {
        let severity = findings.since(Version::V4_4);
        let expected = "quotation marks round the value of an optional field";
        findings.add(severity, place, expected, Found::Kind("none"));
    }
}

fn check_description(attributes: &[Attribute], place: Place, findings: &mut Findings) {
    let description = attributes.iter().find(|attribute| attribute.key == b"Description");
    if description.is_some_and(|description| !description.quoted) {
        findings.violation(place, "quotation marks round the Description", "none");
    }
}

/// The key of an INFO or FORMAT line; 4.3 gave a pattern for it.
fn check_key(id: &[u8], keys: Keys, place: Place, findings: &mut Findings) {
    if id.is_empty() {
        return;
    }
    if findings.version >= Version::V4_3 {
        if !is_key(id, keys) {
            let expected = "an ID of letters, digits, underscores and dots, no digit first";
            findings.violation(place, expected, kind(id));
        }
    } else if id.iter().any(|byte| byte.is_ascii_whitespace() || b";=:,".contains(byte)) {
        let expected = "an ID without white space, semicolons, colons, commas or equals signs";
        findings.violation(place, expected, kind(id));
    }
}

fn check_sample(attributes: &[Attribute], place: Place, findings: &mut Findings) {
    if findings.version >= Version::V4_3 {
        return;
    }
    if value_of(attributes, b"Genomes").is_none() {
        findings.violation(place, "Genomes, which the sample is a mixture of", "none");
    }
    let quoted = |key: &[u8]| attributes.iter().any(|found| found.key == key && found.quoted);
    if quoted(b"Genomes") || quoted(b"Mixture") {
        findings.violation(place, "Genomes and Mixture without quotation marks", "some");
    }
}

fn check_pedigree(attributes: &[Attribute], place: Place, findings: &mut Findings) {
    let is_name = |name: &[u8]| {
        name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte) || *byte > 127)
    };
    if findings.version < Version::V4_3
        && attributes.iter().any(|attribute| !is_name(attribute.value))
    {
        let expected = "names of letters, digits, dots, dashes and underscores";
        findings.violation(place, expected, "another character");
    }
}

fn check_url(value: &[u8], topic: Topic, column: &'static str, findings: &mut Findings) {
    if !is_url(&String::from_utf8_lossy(value)) {
        findings.violation(Place::new(topic, column), "a URL", kind(value));
    }
}
