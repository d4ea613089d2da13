use std::{collections::BTreeMap, path::Path};

use oncoweave_core::Feature;

use crate::{
    CnvSettings, Error, Interval,
    columns::{Columns, matches_sample},
    copy_number::{Segment, covered, weighted_mean},
    lines::{Lines, fields, number, text},
    settings::{bare_chromosome, is_autosome},
};

const FORMAT: &str = "a SEG table";

/// A table of copy number segments: sample, chromosome, start, end and log2 ratio.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    samples: BTreeMap<String, Vec<Segment>>,
}

impl Segments {
    /// Reads a tab-separated SEG table with a header, plain or compressed; the column names of
    /// `DNAcopy`, GDC, cBioPortal and GISTIC are known.
    ///
    /// # Errors
    /// When the file cannot be read, is truncated or damaged, lacks a column, or has a row whose
    /// start, end or ratio is no number or whose end lies before its start.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut lines = Lines::open(path)?;
        let columns = Columns::read(&mut lines, FORMAT)?;
        let sample =
            columns.need(&["ID", "Sample", "GDC_Aliquot", "Sample_ID", "Tumor_Sample_Barcode"])?;
        let chromosome = columns.need(&["chrom", "Chromosome", "chr"])?;
        let start = columns.need(&["loc.start", "Start", "Start.bp", "Start_Position"])?;
        let end = columns.need(&["loc.end", "End", "End.bp", "End_Position"])?;
        let ratio = columns.need(&["seg.mean", "Segment_Mean", "Seg.CN", "log2"])?;
        let needed = [sample, chromosome, start, end, ratio].into_iter().max().unwrap_or(0) + 1;
        let mut segments = Self::default();
        while lines.next()?.is_some() {
            if lines.line().trim_ascii().is_empty() {
                continue;
            }
            let row: Vec<&[u8]> = fields(lines.line()).map(<[u8]>::trim_ascii).collect();
            if row.len() < needed {
                return Err(lines.too_few_columns(needed, row.len()));
            }
            let value: Option<f64> = number(row[ratio]).filter(|value: &f64| value.is_finite());
            let (Some(start), Some(end), Some(value)) = (base(row[start]), base(row[end]), value)
            else {
                let expected = "whole numbers as start and end and a log2 ratio";
                return Err(lines.fault(expected, "something else", "correct the row"));
            };
            if end < start {
                return Err(lines.fault(
                    "an end at or after the start",
                    "one before",
                    "correct the row",
                ));
            }
            let chromosome = text(row[chromosome]);
            let chromosome = bare_chromosome(&chromosome).to_owned();
            let segment = Segment { interval: Interval { chromosome, start, end }, value };
            segments.samples.entry(text(row[sample])).or_default().push(segment);
        }
        Ok(segments)
    }

    /// The sample names, sorted.
    pub fn samples(&self) -> impl Iterator<Item = &str> {
        self.samples.keys().map(String::as_str)
    }
}

/// A place that may be written `1e+06`, as R does.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and positive"
)]
fn base(bytes: &[u8]) -> Option<u64> {
    let whole = |value: &f64| *value >= 0.0 && *value < 1e15 && value.fract() == 0.0;
    number(bytes).or_else(|| number(bytes).filter(whole).map(|value: f64| value as u64))
}

/// The copy number features of one sample of a SEG table.
///
/// The shares are of the bases that the sample's segments cover, as in cBioPortal's fraction of
/// genome altered, but on autosomes alone: the normal copy number of X and Y depends on sex.
/// A sample without a segment was not measured, so that its features have no value.
#[must_use]
pub fn cnv_features(segments: &Segments, sample_id: &str, settings: &CnvSettings) -> Vec<Feature> {
    let of_sample = segments
        .samples
        .iter()
        .filter(|(sample, _)| matches_sample(sample, sample_id, settings.barcode_prefix))
        .flat_map(|(_, segments)| segments.clone());
    let all: Vec<Segment> = of_sample.collect();
    let autosomes: Vec<&Segment> =
        all.iter().filter(|segment| is_autosome(&segment.interval.chromosome)).collect();
    let threshold = settings.log2_threshold;
    let bases = covered(autosomes.iter().map(|segment| &segment.interval));
    let share = |changed: &dyn Fn(f64) -> bool| {
        let changed = autosomes.iter().filter(|segment| changed(segment.value));
        let changed = covered(changed.map(|segment| &segment.interval));
        (bases > 0).then(|| changed as f64 / bases as f64)
    };
    let meaning = |what: &str| format!("share of the segmented autosomes with a log2 ratio {what}");
    let standard = "fraction of genome altered as in cBioPortal, on autosomes";
    let altered = meaning(&format!("above {threshold} or below -{threshold}"));
    let mut features = vec![
        Feature::new("cnv_fraction_altered", "", &altered, share(&|value| value.abs() > threshold))
            .with_standard(standard),
        Feature::new(
            "cnv_gain_fraction",
            "",
            &meaning(&format!("above {threshold}")),
            share(&|value| value > threshold),
        ),
        Feature::new(
            "cnv_loss_fraction",
            "",
            &meaning(&format!("below -{threshold}")),
            share(&|value| value < -threshold),
        ),
        Feature::new(
            "cnv_segment_count",
            "segments",
            "copy number segments on the autosomes; more segments, more breaks",
            (bases > 0).then_some(autosomes.len() as f64),
        ),
    ];
    for (gene, place) in &settings.gene_positions {
        let (mean, bases) = weighted_mean(&all, place);
        let meaning = format!("mean log2 ratio of {gene} over {}", String::from(place.clone()));
        let value = (bases > 0).then_some(mean);
        features.push(Feature::new(&format!("copy_number_log2_{gene}"), "log2", &meaning, value));
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<Segments, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.seg");
        fs_err::write(&path, content).unwrap();
        Segments::read(&path)
    }

    const HEADER: &str = "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\n";

    fn values(segments: &Segments, sample: &str) -> Vec<Option<f32>> {
        let settings: CnvSettings =
            toml::from_str("gene_positions = { MYC = '8:91-110', KRAS = '12:1-2' }").unwrap();
        cnv_features(segments, sample, &settings).iter().map(|feature| feature.value).collect()
    }

    #[test]
    fn shares_are_of_segmented_autosomes() {
        let rows = "S1\t8\t1\t100\t9\t0.5\nS1\tchr8\t101\t1e+03\t9\t0\nS1\t9\t1\t1000\t9\t-1\n\
                    S1\tX\t1\t1000\t9\t-1\n\nS2\t8\t1\t10\t9\t0.2\n";
        let segments = read(&format!("{HEADER}{rows}")).unwrap();
        assert_eq!(segments.samples().collect::<Vec<_>>(), ["S1", "S2"]);
        // 2,000 bases; KRAS, which no segment covers, was not measured, MYC half at 0.5.
        let expected = [Some(0.55), Some(0.05), Some(0.5), Some(3.0), None, Some(0.25)];
        assert_eq!(values(&segments, "S1"), expected);
        // A ratio of just the threshold is no gain.
        assert_eq!(values(&segments, "S2")[..4], [Some(0.0), Some(0.0), Some(0.0), Some(1.0)]);
        assert_eq!(values(&segments, "S3"), [None; 6]);
    }

    #[test]
    fn a_faulty_row_is_an_error_with_its_line() {
        for (row, expected) in [
            ("S1\t8\t1\n", "t.seg:2: expected 6 columns, found 3"),
            ("S1\t8\t1\t2", "t.seg: ends in the middle of line 2"),
            ("S1\t8\ta\t2\t9\t0\n", "t.seg:2: expected whole numbers as start and end"),
            ("S1\t8\t1\t2\t9\tNA\n", "t.seg:2: expected whole numbers as start and end"),
            ("S1\t8\t3\t2\t9\t0\n", "t.seg:2: expected an end at or after the start"),
        ] {
            let message = read(&format!("{HEADER}{row}")).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let message = read("ID\tchrom\tloc.start\tloc.end\n").unwrap_err().to_string();
        assert!(message.contains("t.seg:1: expected a column `seg.mean`"), "{message}");
    }
}
