use std::collections::HashSet;

use crate::{
    Error,
    annotation::Annotation,
    lines::{Lines, fields, text},
    pair::{Pair, Roles},
    settings::{bare_chromosome, is_autosome},
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The columns before FORMAT.
pub(crate) const FIXED_COLUMNS: usize = 8;

/// What the features need of a VCF's header.
///
/// Our own scan, for real headers break rules that have nothing to do with features: duplicate
/// `GATKCommandLine` and FILTER ids, a missing `##fileformat`, unquoted descriptions.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// The summed length of the autosomes; `None` when the header gives none.
    pub(crate) autosome_bases: Option<u64>,
    /// How consequences are written, if they are.
    pub(crate) annotation: Option<Annotation>,
    /// The sample names in column order.
    pub(crate) samples: Vec<String>,
    has_contigs: bool,
    roles: Roles,
}

impl Header {
    /// Reads up to and including the `#CHROM` line. What breaks a rule is mended, with a note.
    pub(crate) fn read(lines: &mut Lines) -> Result<Self, Error> {
        let mut header = Self::default();
        let mut known_ids = HashSet::new();
        while lines.next()?.is_some() {
            let line = lines.line();
            let bare = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
            let has_mark = bare.len() < line.len();
            let meta = bare.strip_prefix(b"##").map(text);
            let (is_columns, is_blank) =
                (bare.starts_with(b"#CHROM"), bare.trim_ascii().is_empty());
            if has_mark {
                lines.note("expected text, found a byte order mark before it; it is left out");
            }
            if lines.number() == 1
                && let Some(note) = version_note(meta.as_deref())
            {
                lines.note(note);
            }
            if let Some(meta) = meta {
                match meta_note(&meta, &mut known_ids) {
                    Some(note @ REPEATED_ID) => lines.note(note),
                    note => {
                        header.read_meta(&meta);
                        if let Some(note) = note {
                            lines.note(note);
                        }
                    }
                }
            } else if is_columns {
                return header.with_samples(lines);
            } else if !is_blank {
                let advice = "is it a VCF, and whole?";
                return Err(lines.fault("the header line `#CHROM`", "another line", advice));
            }
        }
        let path = lines.path().to_owned();
        Err(match lines.number() {
            0 => Error::Empty { path, expected: "a VCF" },
            _ => Error::Truncated { path, within: "the header".to_owned() },
        })
    }

    fn read_meta(&mut self, meta: &str) {
        let Some((key, value)) = meta.split_once('=') else { return };
        match key {
            "contig" => {
                self.has_contigs = true;
                let length =
                    attribute(value, "length").and_then(|length| length.parse::<u64>().ok());
                let id = attribute(value, "ID").unwrap_or_default();
                if let Some(length) = length
                    && is_autosome(bare_chromosome(id))
                {
                    let bases = self.autosome_bases.get_or_insert(0);
                    *bases = bases.saturating_add(length);
                }
            }
            "INFO" => {
                let id = attribute(value, "ID").unwrap_or_default();
                let description = value.split_once("Description=").map_or("", |(_, text)| text);
                let found = Annotation::new(id, description);
                self.annotation = Annotation::better(self.annotation.take(), found);
            }
            _ => self.roles.read_meta(key, value),
        }
    }

    fn with_samples(mut self, lines: &mut Lines) -> Result<Self, Error> {
        let line = lines.line();
        let has_tabs = line.contains(&b'\t');
        let names: Vec<String> = if has_tabs {
            fields(line).map(|name| text(name.trim_ascii())).collect()
        } else {
            text(line).split_ascii_whitespace().map(str::to_owned).collect()
        };
        if names.len() < FIXED_COLUMNS {
            return Err(lines.too_few_columns(FIXED_COLUMNS, names.len()));
        }
        self.samples = names.into_iter().skip(FIXED_COLUMNS + 1).collect();
        if !has_tabs {
            lines.note("expected column names between tabs, found spaces; they are read as tabs");
        }
        if self.samples.iter().collect::<HashSet<_>>().len() < self.samples.len() {
            lines.note("expected each sample once, found a name again; its first column counts");
        }
        if !self.has_contigs {
            lines.note("expected `##contig` lines, found none; the genome's length is unknown");
        }
        if lines.has_carriage_returns() {
            lines.note("expected line ends of one byte, found CR LF; they are read as one");
        }
        Ok(self)
    }

    /// The number of columns that every record has.
    pub(crate) fn columns(&self) -> usize {
        match self.samples.len() {
            0 => FIXED_COLUMNS,
            samples => FIXED_COLUMNS + 1 + samples,
        }
    }

    /// Finds the tumor and the normal: see [`crate::pair`].
    pub(crate) fn pair(&self, sample_id: Option<&str>, lines: &mut Lines) -> Result<Pair, Error> {
        self.roles.pair(&self.samples, sample_id, lines)
    }

    /// Every sample column as the tumor; one pair without columns in a VCF without samples. In a
    /// file of a cohort nobody's normal is looked for.
    pub(crate) fn pairs(&self, lines: &mut Lines) -> Vec<Pair> {
        const COHORT: usize = 16;
        if self.samples.is_empty() {
            return vec![Pair::default()];
        }
        let pair = |(place, name): (usize, &String)| {
            let alone = Pair { tumor: Some(place), normal: None };
            if self.samples.len() > COHORT {
                return alone;
            }
            let pair = self.pair(Some(name), lines).unwrap_or(alone);
            Pair { tumor: Some(place), normal: pair.normal.filter(|&normal| normal != place) }
        };
        self.samples.iter().enumerate().map(pair).collect()
    }
}

const REPEATED_ID: &str = "expected each ID once, found one again; its first line counts";

/// What the first line of a VCF breaks.
fn version_note(meta: Option<&str>) -> Option<&'static str> {
    let version = meta.and_then(|meta| meta.strip_prefix("fileformat="));
    let minor = version.map(|version| version.trim().strip_prefix("VCFv4."));
    match minor {
        Some(Some("0" | "1" | "2" | "3" | "4" | "5")) => None,
        Some(_) => Some("expected version VCFv4.0 to VCFv4.5, found another; read as VCFv4.5"),
        None => Some("expected `##fileformat` first, found another line; read as VCFv4.5"),
    }
}

/// What a line of meta-information breaks. `known_ids` are the keys and ids so far.
fn meta_note(meta: &str, known_ids: &mut HashSet<(String, String)>) -> Option<&'static str> {
    let Some((key, value)) = meta.split_once('=') else {
        return Some("expected `##key=value`, found no `=`; the line is left out");
    };
    let needs_id = matches!(key, "INFO" | "FORMAT" | "FILTER" | "ALT" | "contig");
    if !value.trim_start().starts_with('<') {
        return needs_id.then_some("expected `<ID=...>`, found none; read as far as it goes");
    }
    match attribute(value, "ID") {
        Some(id) if !known_ids.insert((key.to_owned(), id.to_owned())) => return Some(REPEATED_ID),
        None if needs_id => return Some("expected an ID, found none; the line is left out"),
        _ => {}
    }
    let unquoted = value
        .split_once("Description=")
        .is_some_and(|(_, description)| !description.trim_start().starts_with('"'));
    unquoted.then_some("expected a Description in quotes, found one without; read all the same")
}

/// A value of `<ID=chr1,length=248956422,...>`; the key without regard to case.
pub(crate) fn attribute<'a>(value: &'a str, key: &str) -> Option<&'a str> {
    attributes(value).find_map(|(name, value)| name.eq_ignore_ascii_case(key).then_some(value))
}

/// The keys and values of `<ID=chr1,length=248956422,...>`. Commas within quotes separate nothing.
pub(crate) fn attributes(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let inner = value.trim().trim_start_matches('<').trim_end_matches('>');
    let (mut quoted, mut escaped) = (false, false);
    let parts = inner.split(move |character| {
        match character {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => return true,
            _ => {}
        }
        escaped = character == '\\' && !escaped;
        false
    });
    parts.filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        Some((name.trim(), value.trim().trim_matches('"')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_header<T>(header: &str, read: impl Fn(Result<Header, Error>, &Lines) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        fs_err::write(&path, header).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        let header = Header::read(&mut lines);
        read(header, &lines)
    }

    const CHROM: &str = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";

    #[test]
    fn a_header_that_breaks_rules_is_read() {
        let text = format!(
            "##GATKCommandLine=<ID=Mutect2>\n##GATKCommandLine=<ID=Mutect2>\n\
             ##FILTER=<ID=PASS>\n##FILTER=<ID=PASS>\n##nonsense\n\n\
             ##contig=<ID=chr1,length=1000,assembly=x>\n##contig=<length=50,ID=2>\n\
             ##contig=<ID=X,length=7>\n##contig=<ID=3>\n\
             ##INFO=<ID=ANN,Number=.,Type=String,Description=\"'Allele | Annotation | Impact | Gene_Name'\">\n\
             ##INFO=<ID=CSQ,Number=.,Type=String,Description=\"VEP. Format: Allele|Consequence|SYMBOL\">\n\
             {CHROM}\n"
        );
        let header = with_header(&text, |header, _| header.unwrap());
        assert_eq!(header.autosome_bases, Some(1050));
        assert_eq!(header.annotation.unwrap().key, b"CSQ");
    }

    const VERSION: &str = "##fileformat=VCFv4.2\n";
    const CONTIG: &str = "##contig=<ID=chr1,length=1000>\n";

    /// Reads each header and compares the starts of its notes.
    fn assert_notes(headers: &[(&str, String, &[&str])]) {
        for (name, text, expected) in headers {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.vcf");
            fs_err::write(&path, text).unwrap();
            let mut lines = Lines::open(&path).unwrap();
            let header = Header::read(&mut lines).unwrap();
            assert_eq!(header.autosome_bases, text.contains("length").then_some(1000), "{name}");
            let notes = lines.finish(0).unwrap();
            assert_eq!(notes.len(), expected.len(), "{name}: {notes:?}");
            for (note, expected) in notes.iter().zip(*expected) {
                assert!(note.to_string().contains(expected), "{name}: {note}");
            }
        }
    }

    #[test]
    fn what_breaks_a_rule_of_lines_is_mended_and_noted() {
        let whole = format!("{VERSION}{CONTIG}{CHROM}\n");
        assert_notes(&[
            ("nothing", whole.clone(), &[]),
            (
                "byte order mark",
                format!("\u{feff}{whole}"),
                &["a.vcf:1: expected text, found a byte order mark"],
            ),
            ("Windows", whole.replace('\n', "\r\n"), &["a.vcf:3: expected line ends of one byte"]),
            ("no version", format!("{CONTIG}{CHROM}\n"), &["a.vcf:1: expected `##fileformat`"]),
            (
                "another version",
                whole.replace("v4.2", "v5.0"),
                &["a.vcf:1: expected version VCFv4.0 to VCFv4.5"],
            ),
            ("no contigs", format!("{VERSION}{CHROM}\n"), &["a.vcf:2: expected `##contig`"]),
            (
                "spaces",
                format!("{VERSION}{CONTIG}{}\n", CHROM.replace('\t', "  ")),
                &["a.vcf:3: expected column names between tabs"],
            ),
            (
                "a sample twice",
                format!("{VERSION}{CONTIG}{CHROM}\tFORMAT\tA\tA\n"),
                &["a.vcf:3: expected each sample once"],
            ),
        ]);
    }

    #[test]
    fn what_breaks_a_rule_of_ids_and_texts_is_mended_and_noted() {
        let header = |meta: &str| format!("{VERSION}{CONTIG}{meta}\n{CHROM}\n");
        let twice = "##FILTER=<ID=PASS>\n##GATKCommandLine=<ID=M>\n\
                     ##FILTER=<ID=PASS>\n##GATKCommandLine=<ID=M>\n##contig=<ID=chr1,length=1000>";
        assert_notes(&[
            (
                "IDs twice",
                header(twice),
                &[
                    "a.vcf:5: expected each ID once",
                    "a.vcf:6: expected each ID once",
                    "a.vcf:7: expected each ID once",
                ],
            ),
            (
                "no quotes",
                header("##INFO=<ID=A,Number=1,Type=String,Description=free text>"),
                &["a.vcf:3: expected a Description in quotes"],
            ),
            (
                "an ID within quotes",
                header("##INFO=<ID=A,Description=\"\\\", ID=B\">\n##INFO=<ID=B,Description=\"\">"),
                &[],
            ),
            ("no ID", header("##INFO=<Number=1>"), &["a.vcf:3: expected an ID"]),
            ("no angle brackets", header("##INFO=A"), &["a.vcf:3: expected `<ID=...>`"]),
            ("no key", header("##note"), &["a.vcf:3: expected `##key=value`"]),
        ]);
    }

    #[test]
    fn what_is_no_vcf_is_an_error() {
        for (text, expected) in [
            ("", "found no data"),
            ("##fileformat=VCFv4.2\n", "in the middle of the header"),
            (
                "1\t100\t.\tA\tG\t.\tPASS\t.\n",
                "expected the header line `#CHROM`, found another line",
            ),
            ("#CHROM\tPOS\n", "expected 8 columns, found 2"),
            ("#CHROM\tPOS", "ends in the middle of line 1"),
        ] {
            let message = with_header(text, |header, _| header.unwrap_err().to_string());
            assert!(message.contains(expected), "{message}");
        }
    }
}
