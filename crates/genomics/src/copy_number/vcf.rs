//! The copy number that single records of a VCF tell.

use oncoweave_core::Feature;

use crate::{
    Interval, VcfSettings,
    copy_number::{Segment, covered, weighted_mean},
    header::Header,
    lines::number,
    settings::{bare_chromosome, is_autosome},
    vcf::Record,
};

/// The copies of an autosome that a normal cell has.
const NORMAL_COPIES: f64 = 2.0;

/// The tumor's copies of the stretch; `None` when the record does not tell them.
pub(crate) fn copies(record: &Record<'_>) -> Option<Segment> {
    let index = record.alternates.iter().position(|alternate| {
        [b"<DEL".as_slice(), b"<DUP", b"<CN"].iter().any(|symbol| alternate.starts_with(symbol))
    })?;
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
    let copies: f64 = measured.and_then(number).or_else(by_kind)?;
    let length = || {
        let lengths = record.info(b"SVLEN")?.split(|&byte| byte == b',').nth(index)?;
        record.position.checked_add(number::<i64>(lengths)?.unsigned_abs())
    };
    let end = record.info(b"END").and_then(number).or_else(length)?;
    // POS of a symbolic ALT is the base before the stretch (VCF 4.5, section 1.6.1).
    let start = record.position.checked_add(1)?;
    let chromosome = bare_chromosome(std::str::from_utf8(record.chromosome).ok()?).to_owned();
    (end >= start && copies >= 0.0 && copies.is_finite())
        .then_some(Segment { interval: Interval { chromosome, start, end }, value: copies })
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
            .filter(|segment| is_autosome(&segment.interval.chromosome) && changed(segment.value));
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
            let (mean, bases) = weighted_mean(copies, place);
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
