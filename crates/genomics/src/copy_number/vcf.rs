//! The copy number that single records of a VCF tell.

use oncoweave_core::Feature;

use super::{CopyNumber, LAST_BASE, Segment, covered, weighted_mean};
use crate::{
    Error, Interval, VcfSettings,
    header::{FIXED_COLUMNS, Header},
    lines::{Lines, fields, number},
    pair::Pair,
    sample::Formats,
    settings::{bare_chromosome, is_autosome},
    vcf::Record,
};

/// The copies of an autosome that a normal cell has.
const NORMAL_COPIES: f64 = 2.0;

/// Symbols of ALTs that stand for a change of copy number.
const SYMBOLS: [&[u8]; 4] = [b"<DEL", b"<DUP", b"<CN", b"<LOH"];

/// Reads a VCF of copy number: each sample column is a sample.
///
/// Records that fail the caller's filters do not count. A file without a record of normal copies
/// (ALT `.`) lists changes alone.
pub(super) fn read(mut lines: Lines) -> Result<CopyNumber, Error> {
    let header = Header::read(&mut lines)?;
    let name = |pair: Pair| pair.tumor.map_or_else(String::new, |at| header.samples[at].clone());
    // A file with the tumor's column, or with none, speaks of one tumor.
    let only = header.pair(None, &mut lines).ok().map(name);
    let pairs = header.pairs(&mut lines);
    let mut found = CopyNumber { only, changes_only: true, ..CopyNumber::default() };
    let mut by_pair: Vec<Vec<Segment>> = vec![Vec::new(); pairs.len()];
    let mut formats = Formats::default();
    let mut records = 0;
    while lines.next()?.is_some() {
        if lines.line().trim_ascii().is_empty() {
            continue;
        }
        records += 1;
        let read =
            Record::parse(&lines, &header, Pair::default(), &mut formats).map(|mut record| {
                if !record.passes() {
                    return;
                }
                let columns: Vec<&[u8]> = fields(lines.line()).skip(FIXED_COLUMNS).collect();
                let format = formats.get(columns.first().copied().unwrap_or_default());
                for (&pair, segments) in pairs.iter().zip(&mut by_pair) {
                    record.set_pair(&columns, format, pair);
                    let segment = segment(&record);
                    found.changes_only &= segment.is_none() || !is_reference(&record);
                    segments.extend(segment);
                }
            });
        if let Err(error) = read {
            lines.leave_out(error)?;
        }
    }
    for (pair, segments) in pairs.into_iter().zip(by_pair) {
        found.segments.entry(name(pair)).or_default().extend(segments);
    }
    found.notes = lines.finish(records)?;
    // Each column was asked for its normal.
    found.notes.dedup();
    Ok(found)
}

/// Whether the record says that a stretch is as it should be.
fn is_reference(record: &Record<'_>) -> bool {
    record.alternates.iter().all(|alternate| matches!(*alternate, b"." | b"<REF>"))
}

/// The stretch of a record with all that its sample column tells.
fn segment(record: &Record<'_>) -> Option<Segment> {
    let index = change(record).or_else(|| is_reference(record).then_some(0))?;
    let interval = stretch(record, index)?;
    let sample = |key: &[u8]| {
        let value = record.tumor.and_then(|tumor| tumor.get(key));
        value.and_then(number).filter(|value: &f64| value.is_finite())
    };
    let info = |key: &[u8]| record.info(key).and_then(number).filter(|x: &f64| x.is_finite());
    // DRAGEN's CNF and MCNF are the fractional copies that it rounds to CN and MCN.
    let copies = sample(b"CNF").or_else(|| total_copies(record, index));
    let copies = copies.filter(|&copies| copies >= 0.0);
    // Canvas counts the copies of the major allele.
    let minor = sample(b"MCNF").or_else(|| sample(b"MCN"));
    let minor = minor.or_else(|| Some(copies? - sample(b"MCC")?).filter(|minor| *minor >= 0.0));
    let ratio = info(b"FOLD_CHANGE_LOG").or_else(|| {
        // DRAGEN's SM is the mean of the ratio itself.
        sample(b"SM").filter(|ratio| *ratio > 0.0).map(f64::log2)
    });
    (copies.or(ratio).is_some()).then_some(Segment {
        interval,
        log2_ratio: ratio,
        copies,
        minor_copies: minor,
    })
}

/// The place of the first ALT that changes the copy number.
fn change(record: &Record<'_>) -> Option<usize> {
    let is_change = |alternate: &[u8]| SYMBOLS.iter().any(|symbol| alternate.starts_with(symbol));
    record.alternates.iter().position(|alternate| is_change(alternate))
}

/// The tumor's copies of the stretch; `None` when the record does not tell them.
pub(crate) fn copies(record: &Record<'_>) -> Option<Segment> {
    let index = change(record)?;
    let copies = total_copies(record, index).filter(|&copies| copies >= 0.0)?;
    let interval = stretch(record, index)?;
    Some(Segment { interval, log2_ratio: None, copies: Some(copies), minor_copies: None })
}

/// The copies that `CN` gives, or that the ALT stands for.
fn total_copies(record: &Record<'_>, index: usize) -> Option<f64> {
    let measured = record.tumor.and_then(|tumor| tumor.get(b"CN")).or_else(|| record.info(b"CN"));
    let by_kind = || match record.alternates[index] {
        _ if !record.is_somatic(index) => None,
        symbol if symbol.starts_with(b"<DEL") => Some(NORMAL_COPIES - 1.0),
        symbol if symbol.starts_with(b"<DUP") => Some(NORMAL_COPIES + 1.0),
        symbol => {
            let copies = symbol.strip_prefix(b"<CN")?.strip_suffix(b">")?;
            number(copies.strip_prefix(b"=").unwrap_or(copies))
        }
    };
    measured.and_then(number).or_else(by_kind).filter(|copies: &f64| copies.is_finite())
}

/// The stretch that a record with a symbol as ALT speaks of.
pub(crate) fn stretch(record: &Record<'_>, index: usize) -> Option<Interval> {
    let length = || {
        let lengths = record.info(b"SVLEN")?.split(|&byte| byte == b',').nth(index)?;
        record.position.checked_add(number::<i64>(lengths)?.unsigned_abs())
    };
    let end = record.info(b"END").and_then(number).or_else(length)?;
    // POS of a symbolic ALT is the base before the stretch (VCF 4.5, section 1.6.1).
    let start = record.position.checked_add(1)?;
    let chromosome = bare_chromosome(record.chromosome).to_owned();
    (start..LAST_BASE).contains(&end).then_some(Interval { chromosome, start, end })
}

/// The share of the autosomes with other than two copies, and each gene's copies.
///
/// A caller reports the stretches that changed, so that what no record covers has two copies.
pub(crate) fn copy_number_features(
    copies: Option<&[Segment]>,
    header: &Header,
    settings: &VcfSettings,
) -> Vec<Feature> {
    let share = |changed: fn(f64) -> bool| {
        let bases = header.autosome_bases.filter(|&bases| bases > 0)?;
        let changed = copies?
            .iter()
            .filter(|segment| is_autosome(&segment.interval.chromosome))
            .filter(|segment| segment.copies.is_some_and(changed));
        Some((covered(changed.map(|segment| &segment.interval)) as f64 / bases as f64).min(1.0))
    };
    let is_gain = |copies: f64| copies > NORMAL_COPIES;
    let is_loss = |copies: f64| copies < NORMAL_COPIES;
    let of_autosomes = |what| format!("share of the autosomes with {what} than two copies");
    let mut features = vec![
        Feature::new(
            "cnv_fraction_altered",
            "",
            &of_autosomes("more or fewer"),
            share(|copies| (copies - NORMAL_COPIES).abs() > 0.0),
        ),
        Feature::new("cnv_gain_fraction", "", &of_autosomes("more"), share(is_gain)),
        Feature::new("cnv_loss_fraction", "", &of_autosomes("fewer"), share(is_loss)),
    ];
    for (gene, place) in &settings.gene_positions {
        let mean = copies.map(|copies| {
            let mean = weighted_mean(copies, place, |segment| segment.copies);
            let (mean, bases) = mean.unwrap_or((0.0, 0));
            let length = place.end - place.start + 1;
            // Overlapping records may cover a base twice.
            let length = length.max(bases) as f64;
            let bases = bases as f64;
            (mean * bases + NORMAL_COPIES * (length - bases)) / length
        });
        let meaning = format!("mean copies of {gene} over {}", String::from(place.clone()));
        features.push(Feature::new(&format!("copy_number_{gene}"), "copies", &meaning, mean));
    }
    features
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::copy_number::cnv_features;

    const COLUMNS: &str = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT TUMOR\n";

    fn read(content: &str) -> CopyNumber {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.vcf");
        fs_err::write(&path, content.replace(' ', "\t")).unwrap();
        CopyNumber::read(&path).unwrap()
    }

    fn values(content: &str, settings: &str) -> BTreeMap<String, Option<f32>> {
        let features = cnv_features(&read(content), "P1", &toml::from_str(settings).unwrap());
        features.into_iter().map(|feature| (feature.info.name, feature.value)).collect()
    }

    #[test]
    fn each_caller_by_its_keys() {
        for (name, record, expected) in [
            (
                "DRAGEN",
                "chr1 10 . N <DUP> . PASS END=100;REFLEN=90 GT:SM:CN:CNF:MCN:MCNF ./1:2:4:3.9:1:0.9",
                (Some(1.0), Some(3.9), Some(0.9)),
            ),
            (
                "DRAGEN's loss of heterozygosity",
                "chr1 10 . N <DEL>,<DUP> . PASS END=100 GT:SM:CN:MCN 1/2:1:2:0",
                (Some(0.0), Some(2.0), Some(0.0)),
            ),
            (
                "DRAGEN's reference",
                "chr1 10 . N . . PASS END=100 GT:SM:CN:MCN ./.:1:2:1",
                (Some(0.0), Some(2.0), Some(1.0)),
            ),
            (
                "Canvas",
                "chr1 10 . N <CNV> . PASS SVTYPE=CNV;END=100 RC:BC:CN:MCC 80:9:3:2",
                (None, Some(3.0), Some(1.0)),
            ),
            (
                "CNVkit",
                "chr1 10 . N <DEL> . . SVTYPE=DEL;END=100;FOLD_CHANGE_LOG=-0.7 GT:GQ 0/1:28",
                (Some(-0.7), Some(1.0), None),
            ),
            (
                "GATK gCNV",
                "chr1 10 CNV_chr1_10_100 N <DEL>,<DUP> . . END=100 GT:CN:NP 2:3:7",
                (None, Some(3.0), None),
            ),
        ] {
            let found = read(&format!("{COLUMNS}{record}\n"));
            let segment = &found.segments["TUMOR"][0];
            let values = (segment.log2_ratio, segment.copies, segment.minor_copies);
            assert_eq!(values, expected, "{name}");
            assert_eq!(String::from(segment.interval.clone()), "1:11-100", "{name}");
        }
        for (name, record) in [
            ("filtered", "chr1 10 . N <DUP> . cnvQual END=100 GT:CN 0/1:4"),
            ("small variant", "chr1 10 . A T . PASS . GT 0/1"),
            ("gVCF", "chr1 10 . A . . PASS END=100 GT 0/0"),
            ("inversion", "chr1 10 . N <INV> . PASS END=100 GT 0/1"),
            ("no end", "chr1 10 . N <DUP> . PASS . GT:CN 0/1:4"),
            ("end beyond all", "chr1 10 . N <DUP> . PASS END=18446744073709551615 GT:CN 0/1:4"),
        ] {
            assert!(read(&format!("{COLUMNS}{record}\n")).segments["TUMOR"].is_empty(), "{name}");
        }
    }

    #[test]
    fn a_list_of_changes_needs_the_build_for_the_rest() {
        let settings = "gene_positions = { MYC = '8:127735434-127742951', TP53 = '17:1-9' }";
        let with_build = format!("build = 'GRCh38'\n{settings}");
        let gain = "8 1 . N <DUP> . PASS END=145138636 GT:CN:MCN 0/1:4:0\n";
        let content = format!("{COLUMNS}{gain}");
        let without = values(&content, settings);
        for name in ["cnv_gain_fraction", "cnv_ploidy", "cnv_segment_count", "copy_number_TP53"] {
            assert_eq!(without[name], None, "{name}");
        }
        assert_eq!(without["copy_number_MYC"], Some(4.0));
        let with = values(&content, &with_build);
        let share = 145_138_635.0 / 2_875_001_522.0;
        for (name, expected) in [
            ("cnv_gain_fraction", Some(share)),
            ("cnv_loh_fraction", Some(share)),
            ("copy_number_TP53", Some(2.0)),
            ("minor_copy_number_TP53", Some(1.0)),
            ("copy_number_log2_TP53", None),
            ("cnv_genome_doubling", Some(0.0)),
        ] {
            let is_near = match (with[name], expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-6,
                (found, expected) => found == expected,
            };
            assert!(is_near, "{name}: {:?}", with[name]);
        }
    }

    #[test]
    fn a_record_of_normal_copies_makes_a_list_complete() {
        let settings = "gene_positions = { TP53 = '17:1-9', MYC = '8:1-9' }";
        let gain = "3 1 . N <DUP> . PASS END=1000 GT:CN:MCN 0/1:4:0\n";
        let normal = "17 0 . N . . PASS END=1000 GT:CN:MCN 0/0:2:1\n";
        let all = values(&format!("{COLUMNS}{gain}{normal}"), settings);
        for (name, expected) in [
            ("copy_number_TP53", Some(2.0)),
            ("copy_number_MYC", None),
            ("cnv_segment_count", Some(2.0)),
        ] {
            assert_eq!(all[name], expected, "{name}");
        }
        let build = "build = 'GRCh38'";
        assert_eq!(values(COLUMNS, build)["cnv_fraction_altered"], Some(0.0), "no change at all");
        let two = COLUMNS.replace("TUMOR", "A B");
        assert_eq!(read(&two).samples().count(), 2);
        assert!(values(&two, build).values().all(Option::is_none), "neither is the patient");
    }

    #[test]
    fn what_the_normal_has_is_no_change() {
        let columns = COLUMNS.replace("TUMOR", "NORMAL TUMOR");
        let germline = "1 10 . N <DEL> . . END=100 GT 0/1 0/1\n";
        let found = read(&format!("{columns}{germline}{}", germline.replacen("0/1", "0/0", 1)));
        assert!(found.is_of_one_tumor());
        assert_eq!(found.segments["TUMOR"].len(), 1);
    }

    #[test]
    fn a_faulty_record_is_left_out_and_noted() {
        let good = "1 10 . N <DUP> . . END=100 GT:CN 0/1:3\n".repeat(3);
        let found = read(&format!("{COLUMNS}{good}1 x . N <DUP> . . END=100 GT:CN 0/1:3\n"));
        assert_eq!(found.segments["TUMOR"].len(), 3);
        assert!(found.notes().iter().any(|note| note.message.contains("record is left out")));
    }
}
