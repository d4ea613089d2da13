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
        let read = Record::parse(&lines, &header, Pair::default(), &mut formats).map(|mut record| {
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
