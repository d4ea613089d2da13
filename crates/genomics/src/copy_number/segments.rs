//! Tables of segments, by the column names of the programs that write them.

use super::{CopyNumber, LAST_BASE, Segment, matrix};
use crate::{
    Error, Interval,
    columns::Columns,
    lines::{Lines, fields, number, text},
    settings::bare_chromosome,
};

const FORMAT: &str = "a table of copy number";

const SAMPLE: &[&str] =
    &["ID", "Sample", "GDC_Aliquot", "Sample_ID", "Tumor_Sample_Barcode", "sampleName", "SampleID"];
const CHROMOSOME: &[&str] = &["chrom", "Chromosome", "chr", "CONTIG"];
const START: &[&str] =
    &["loc.start", "Start", "Start.bp", "Start_Position", "startpos", "start.pos"];
const END: &[&str] = &["loc.end", "End", "End.bp", "End_Position", "endpos", "end.pos"];
const RATIO: &[&str] = &[
    "seg.mean",
    "Segment_Mean",
    "Seg.CN",
    "log2",
    "MEAN_LOG2_COPY_RATIO",
    "LOG2_COPY_RATIO_POSTERIOR_50",
    "mean",
];
const COPIES: &[&str] =
    &["copyNumber", "Copy_Number", "cn", "CNt", "tcn.em", "Modal_Total_CN", "total_cn"];
const MAJOR: &[&str] = &[
    "nMajor",
    "Major_Copy_Number",
    "majorAlleleCopyNumber",
    "majorAllelePloidy",
    "cn1",
    "Modal_HSCN_2",
    "A_cn",
];
const MINOR: &[&str] = &[
    "nMinor",
    "Minor_Copy_Number",
    "minorAlleleCopyNumber",
    "minorAllelePloidy",
    "cn2",
    "lcn.em",
    "Modal_HSCN_1",
    "B_cn",
];

/// Where a table of segments keeps what.
struct Layout {
    /// The number of columns that the header names.
    columns: usize,
    sample: Option<usize>,
    chromosome: usize,
    start: usize,
    end: usize,
    /// The start is counted from 0, as in BED and by `CNVkit`.
    is_zero_based: bool,
    ratio: Option<usize>,
    copies: Option<usize>,
    major: Option<usize>,
    minor: Option<usize>,
}

/// Reads a table, of segments or of genes.
pub(super) fn read(mut lines: Lines) -> Result<CopyNumber, Error> {
    let lines = &mut lines;
    let first = first_row(lines)?;
    if first.len() >= 5 && first[2..4].iter().all(|cell| base(cell.as_bytes()).is_some()) {
        let layout = Layout::without_header(first.len());
        let mut found = CopyNumber::default();
        layout.add(lines, &mut found)?;
        return layout.read(lines, found);
    }
    let columns = Columns::new(lines, FORMAT, first);
    if let Some(kind) = matrix::Kind::of(&columns) {
        return matrix::read(lines, &columns, &kind);
    }
    let layout = Layout::of(&columns)?;
    // Bins instead of segments: CNVkit's .cnr has no count of them.
    let bins = layout.is_zero_based && columns.find(&["probes"]).is_none();
    layout.read(lines, CopyNumber { bins, ..CopyNumber::default() })
}

/// The cells of the first row that is no comment, no SAM header (GATK) and no warning of R.
fn first_row(lines: &mut Lines) -> Result<Vec<String>, Error> {
    while let Some(line) = lines.next()? {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let passed_over = [b"#".as_slice(), b"@", b"WARNING"];
        if !line.trim_ascii().is_empty() && !passed_over.iter().any(|mark| line.starts_with(mark)) {
            return Ok(cells(line).map(text).collect());
        }
    }
    Err(Error::Empty { path: lines.path().to_owned(), expected: FORMAT })
}

/// The cells of a row without the spaces and the quotation marks around them.
pub(super) fn cells(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    fields(line).map(|cell| {
        let cell = cell.trim_ascii();
        cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell)
    })
}

impl Layout {
    fn of(columns: &Columns) -> Result<Self, Error> {
        let is_sequenza = columns.find(&["CNt"]).is_some();
        let allele = |names: &[&str], sequenza: &str| {
            columns.find(names).or_else(|| is_sequenza.then(|| columns.find(&[sequenza]))?)
        };
        let copies = columns.find(COPIES);
        let ratio = columns.find(RATIO);
        let (major, minor) = (allele(MAJOR, "A"), allele(MINOR, "B"));
        if copies.or(major.and(minor)).is_none() {
            columns.need(RATIO)?;
        }
        Ok(Self {
            columns: columns.len(),
            sample: columns.find(SAMPLE),
            chromosome: columns.need(CHROMOSOME)?,
            start: columns.need(START)?,
            end: columns.need(END)?,
            is_zero_based: columns.find(&["gene"]).and(columns.find(&["log2"])).is_some(),
            ratio,
            copies,
            major,
            minor,
        })
    }

    /// The columns of `DNAcopy` in their order: sample, chromosome, start, end, markers, log2 ratio.
    fn without_header(columns: usize) -> Self {
        Self {
            columns,
            sample: Some(0),
            chromosome: 1,
            start: 2,
            end: 3,
            is_zero_based: false,
            ratio: Some(columns - 1),
            copies: None,
            major: None,
            minor: None,
        }
    }

    fn read(&self, lines: &mut Lines, mut found: CopyNumber) -> Result<CopyNumber, Error> {
        if self.sample.is_none() {
            found.only = Some(String::new());
        }
        while lines.next()?.is_some() {
            if !lines.line().trim_ascii().is_empty() {
                self.add(lines, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Adds the segment of the current row.
    fn add(&self, lines: &Lines, found: &mut CopyNumber) -> Result<(), Error> {
        let row: Vec<&[u8]> = cells(lines.line()).collect();
        let places = [Some(self.chromosome), Some(self.start), Some(self.end), self.sample];
        let needed = 1 + places.into_iter().chain(self.values()).flatten().max().unwrap_or(0);
        // R writes row names for which the header has no cell.
        let has_row_name = row.len() == self.columns + 1 && row.last() != Some(&b"".as_slice());
        let row = &row[usize::from(has_row_name)..];
        if row.len() < needed {
            return Err(lines.too_few_columns(needed, row.len()));
        }
        let segment = self.segment(row, lines)?;
        let sample = self.sample.map_or_else(String::new, |place| text(row[place]));
        found.segments.entry(sample).or_default().push(segment);
        Ok(())
    }

    fn values(&self) -> [Option<usize>; 4] {
        [self.ratio, self.copies, self.major, self.minor]
    }

    fn segment(&self, row: &[&[u8]], lines: &Lines) -> Result<Segment, Error> {
        let [ratio, copies, major, minor] =
            self.values().map(|place| place.map_or(Ok(None), |place| value(row[place])));
        let is_place = base(row[self.start]).zip(base(row[self.end]));
        let (Some((start, end)), Ok(ratio), Ok(copies), Ok(major), Ok(minor)) =
            (is_place, ratio, copies, major, minor)
        else {
            return Err(self.no_number(lines));
        };
        let start = start + u64::from(self.is_zero_based);
        if end < start {
            let expected = "an end at or after the start";
            return Err(lines.fault(expected, "one before", "correct the row"));
        }
        let copies = copies.or(major.zip(minor).map(|(major, minor)| major + minor));
        // Which allele is called the minor one is not certain in every program.
        let minor_copies = match (copies, major, minor) {
            (_, Some(major), Some(minor)) => Some(major.min(minor)),
            (Some(copies), None, Some(minor)) => Some(minor.min(copies - minor)),
            _ => None,
        };
        if ratio.or(copies).is_none() && self.copies.or(self.major).is_none() {
            return Err(self.no_number(lines));
        }
        let interval = Interval { chromosome: chromosome(row[self.chromosome]), start, end };
        Ok(Segment { interval, log2_ratio: ratio, copies, minor_copies })
    }

    fn no_number(&self, lines: &Lines) -> Error {
        let expected = match self.ratio {
            Some(_) => "whole numbers as start and end and a log2 ratio",
            None => "whole numbers as start and end and numbers of copies",
        };
        lines.fault(expected, "something else", "correct the row")
    }
}

/// The name of a chromosome without `chr`; tables that number them call X 23 and Y 24.
fn chromosome(cell: &[u8]) -> String {
    let name = text(cell);
    match bare_chromosome(&name) {
        "23" => "X".to_owned(),
        "24" => "Y".to_owned(),
        bare => bare.to_owned(),
    }
}

/// A number, none where the cell says that there is none.
pub(super) fn value(cell: &[u8]) -> Result<Option<f64>, ()> {
    if matches!(cell, b"" | b"." | b"NA" | b"NaN" | b"nan" | b"null") {
        return Ok(None);
    }
    number(cell).filter(|value: &f64| value.is_finite()).map(Some).ok_or(())
}

/// A place that may be written `1e+06`, as R does.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and positive"
)]
fn base(bytes: &[u8]) -> Option<u64> {
    let whole = |value: &f64| *value >= 0.0 && *value < LAST_BASE as f64 && value.fract() == 0.0;
    let base = number(bytes).or_else(|| number(bytes).filter(whole).map(|value: f64| value as u64));
    base.filter(|&base| base < LAST_BASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<CopyNumber, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.seg");
        fs_err::write(&path, content).unwrap();
        CopyNumber::read(&path)
    }

    type Values = (Option<f64>, Option<f64>, Option<f64>);

    /// The first segment of a file of one row: spaces stand for tabs.
    fn first(content: &str) -> (String, String, Values) {
        let found = read(&content.replace(' ', "\t")).unwrap();
        let (sample, segments) = found.segments.first_key_value().unwrap();
        let Segment { interval, log2_ratio, copies, minor_copies } = segments[0].clone();
        (sample.clone(), interval.into(), (log2_ratio, copies, minor_copies))
    }

    const fn ratio(value: f64) -> Values {
        (Some(value), None, None)
    }

    const fn copies(total: f64, minor: f64) -> Values {
        (None, Some(total), Some(minor))
    }

    /// What wrote a file, its content, and the sample, place and values of its segment.
    const PROGRAMS: &[(&str, &str, &str, &str, Values)] = &[
        (
            "DNAcopy",
            "ID chrom loc.start loc.end num.mark seg.mean\nS1 chr8 1 1e+02 9 0.5\n",
            "S1",
            "8:1-100",
            ratio(0.5),
        ),
        (
            "GDC",
            "GDC_Aliquot Chromosome Start End Num_Probes Segment_Mean\nS1 23 1 100 9 0.5\n",
            "S1",
            "X:1-100",
            ratio(0.5),
        ),
        (
            "GISTIC",
            "Sample Chromosome Start.bp End.bp Num.Markers Seg.CN\nS1 8 1 100 9 -1\n",
            "S1",
            "8:1-100",
            ratio(-1.0),
        ),
        ("no header", "S1 8 1 100 9 0.5\n", "S1", "8:1-100", ratio(0.5)),
        (
            "R with row names and a warning",
            "WARNING: ignoring R_HOME\n\"sampleName\" \"chromosome\" \"start\" \"end\" \"mean\"\n\
                 \"1\" \"S1\" \"chr1\" 10 40 0.25\n",
            "S1",
            "1:10-40",
            ratio(0.25),
        ),
        (
            "CNVkit",
            "chromosome start end gene log2 probes\nchr1 9 100 MYC 0.5 2\n",
            "",
            "1:10-100",
            ratio(0.5),
        ),
        (
            "CNVkit call",
            "chromosome start end gene log2 cn cn1 cn2 probes\nchr1 9 100 MYC 0.5 3 2 1 2\n",
            "",
            "1:10-100",
            (Some(0.5), Some(3.0), Some(1.0)),
        ),
        (
            "CNVkit call without alleles",
            "chromosome start end gene log2 cn cn1 cn2 probes\nchr1 9 100 - 0.5 3   2\n",
            "",
            "1:10-100",
            (Some(0.5), Some(3.0), None),
        ),
        (
            "ASCAT",
            "sample chr startpos endpos nMajor nMinor\nS1 1 10 100 2 1\n",
            "S1",
            "1:10-100",
            copies(3.0, 1.0),
        ),
        (
            "GDC ascat3",
            "GDC_Aliquot Chromosome Start End Copy_Number Major_Copy_Number Minor_Copy_Number\n\
                 S1 chr1 10 100 4 4 0\n",
            "S1",
            "1:10-100",
            copies(4.0, 0.0),
        ),
        (
            "GATK called",
            "@HD VN:1.6\n@SQ SN:1\nCONTIG START END NUM_POINTS_COPY_RATIO \
                 MEAN_LOG2_COPY_RATIO CALL\n1 10 100 7 -0.5 -\n",
            "",
            "1:10-100",
            ratio(-0.5),
        ),
        (
            "GATK modeled",
            "@HD VN:1.6\nCONTIG START END NUM_POINTS_COPY_RATIO LOG2_COPY_RATIO_POSTERIOR_10 \
                 LOG2_COPY_RATIO_POSTERIOR_50 LOG2_COPY_RATIO_POSTERIOR_90\n1 10 100 7 0 0.25 1\n",
            "",
            "1:10-100",
            ratio(0.25),
        ),
        (
            "PURPLE",
            "chromosome start end copyNumber bafCount minorAlleleCopyNumber \
                 majorAlleleCopyNumber\nchr1 10 100 3.1 5 1.02 2.08\n",
            "",
            "1:10-100",
            copies(3.1, 1.02),
        ),
        (
            "Sequenza",
            "chromosome start.pos end.pos Bf depth.ratio CNt A B\n1 10 100 0.2 1.1 3 2 1\n",
            "",
            "1:10-100",
            copies(3.0, 1.0),
        ),
        (
            "FACETS",
            "chrom seg cnlr.median start end cf.em tcn.em lcn.em\n1 1 0.2 10 100 1 4 1\n",
            "",
            "1:10-100",
            copies(4.0, 1.0),
        ),
        (
            "ABSOLUTE",
            "Sample Chromosome Start End Modal_HSCN_1 Modal_HSCN_2 Modal_Total_CN\nS1 1 10 100 1 2 3\n",
            "S1",
            "1:10-100",
            copies(3.0, 1.0),
        ),
        (
            "FACETS without the lesser allele",
            "chrom seg cnlr.median start end cf.em tcn.em lcn.em\n1 1 0.2 10 100 1 4 NA\n",
            "",
            "1:10-100",
            (None, Some(4.0), None),
        ),
    ];

    #[test]
    fn each_program_by_its_columns() {
        for &(name, content, sample, place, values) in PROGRAMS {
            let found = first(content);
            assert_eq!(found, (sample.to_owned(), place.to_owned(), values), "{name}");
        }
    }

    const HEADER: &str = "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\n";

    #[test]
    fn a_faulty_row_is_an_error_with_its_line() {
        for (row, expected) in [
            ("S1\t8\t1\n", "t.seg:2: expected 6 columns, found 3"),
            ("S1\t8\t1\t2", "t.seg: ends in the middle of line 2"),
            ("S1\t8\ta\t2\t9\t0\n", "t.seg:2: expected whole numbers as start and end"),
            ("S1\t8\t1\t2\t9\tNA\n", "t.seg:2: expected whole numbers as start and end"),
            ("S1\t8\t1\t2e30\t9\t0\n", "t.seg:2: expected whole numbers as start and end"),
            ("S1\t8\t3\t2\t9\t0\n", "t.seg:2: expected an end at or after the start"),
        ] {
            let message = read(&format!("{HEADER}{row}")).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        for (content, expected) in [
            ("", "t.seg: expected a table of copy number, found no data"),
            ("ID\tchrom\tloc.start\tloc.end\n", "t.seg:1: expected a column `seg.mean`"),
            ("ID\tchrom\tloc.start\tseg.mean\n", "t.seg:1: expected a column `loc.end`"),
        ] {
            let message = read(content).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
