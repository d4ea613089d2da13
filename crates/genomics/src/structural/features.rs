use oncoweave_core::Feature;

use super::{Class, Event, Fusion, StructuralVariants, SvSettings};
use crate::{Error, Interval};

/// The classes with their names in features.
const CLASSES: [(Class, &str, &str); 7] = [
    (Class::Deletion, "deletion", "deletions"),
    (Class::Duplication, "duplication", "duplications"),
    (Class::Inversion, "inversion", "breaks that join two strands of a chromosome (inversions)"),
    (Class::Insertion, "insertion", "insertions"),
    (Class::Translocation, "translocation", "breaks that join two chromosomes"),
    (Class::SingleBreakend, "single_breakend", "breakends whose other side cannot be placed"),
    (Class::Other, "other", "events of another or an unknown class"),
];

/// The classes that are counted by size.
const SIZED: usize = 3;

/// Bins of size: the name, and its first base and the first above it.
const BINS: [(&str, u64, u64); 6] = [
    ("below_1kb", 0, 1_000),
    ("1kb_to_10kb", 1_000, 10_000),
    ("10kb_to_100kb", 10_000, 100_000),
    ("100kb_to_1mb", 100_000, 1_000_000),
    ("1mb_to_10mb", 1_000_000, 10_000_000),
    ("above_10mb", 10_000_000, u64::MAX),
];

const BINS_STANDARD: &str = "sizes as in Nik-Zainal et al. 2016, Nature 534:47";

/// The structural variant features of one sample.
///
/// An event is one break with both its sides, so that a balanced inversion or translocation, which
/// has two breaks, counts twice. The list of features depends on the settings alone. A table of
/// fusions does not tell counts; a file that names no genes tells those of
/// [`SvSettings::gene_positions`] alone. A table of many tumors has no row for one without events,
/// whose counts are zero.
///
/// # Errors
/// When a VCF does not say which sample is the tumor.
pub fn sv_features(
    variants: &StructuralVariants,
    sample_id: &str,
    settings: &SvSettings,
) -> Result<Vec<Feature>, Error> {
    let samples = variants.matching(sample_id, settings.barcode_prefix)?;
    let is_counted = |event: &&Event| {
        (event.passes || !settings.passing_only) && !event.carriers.is_disjoint(&samples)
    };
    let events: Vec<&Event> = variants.events.iter().filter(is_counted).collect();
    let mut features = counts(&events, variants.tells_classes);
    for gene in &settings.genes {
        let place = settings.gene_positions.get(gene);
        let hits = events.iter().filter(|event| hits(event, gene, place)).count() as f64;
        let meaning = format!(
            "structural variants with an end in {gene}, or deletions and duplications that overlap it"
        );
        let is_known = variants.tells_genes || place.is_some();
        let value = is_known.then_some(hits);
        features.push(Feature::new(&format!("sv_count_{gene}"), "events", &meaning, value));
    }
    for fusion in &settings.fusions {
        let places = [&fusion.first, &fusion.second].map(|gene| settings.gene_positions.get(gene));
        let is_fused = events.iter().any(|event| is_fusion(event, fusion, places));
        let meaning = format!(
            "1 where a structural variant joins {} and {}, in either order, else 0",
            fusion.first, fusion.second
        );
        let is_known = variants.tells_genes || places.iter().all(Option::is_some);
        let value = is_known.then(|| f64::from(u8::from(is_fused)));
        let name = format!("fusion_{}", String::from(fusion.clone()));
        features.push(Feature::new(&name, "", &meaning, value));
    }
    Ok(features)
}

fn counts(events: &[&Event], is_known: bool) -> Vec<Feature> {
    let count = |name: &str, meaning: &str, test: &dyn Fn(&Event) -> bool| {
        let count = events.iter().filter(|event| test(event)).count();
        Feature::new(name, "events", meaning, is_known.then_some(count as f64))
    };
    let mut features =
        vec![count("sv_count", "structural variants, each break with both its sides", &|_| true)];
    for (class, name, words) in CLASSES {
        let meaning = format!("structural variants: {words}");
        features.push(count(&format!("sv_{name}_count"), &meaning, &|event| event.class == class));
    }
    for (class, name, words) in CLASSES.into_iter().take(SIZED) {
        for (bin, from, to) in BINS {
            let meaning = format!("structural variants: {words}, {}", bin.replace('_', " "));
            let is_in = |event: &Event| {
                let is_size = event.length.is_some_and(|length| (from..to).contains(&length));
                event.class == class && is_size
            };
            let feature = count(&format!("sv_{name}_{bin}_count"), &meaning, &is_in);
            features.push(feature.with_standard(BINS_STANDARD));
        }
    }
    features
}

/// Whether an event touches a gene: by the file's names, else by its place.
fn hits(event: &Event, gene: &str, place: Option<&Interval>) -> bool {
    if event.genes.iter().any(|genes| genes.contains(gene)) {
        return true;
    }
    let Some(place) = place else { return false };
    if let (Class::Deletion | Class::Duplication, [Some(first), Some(last)]) =
        (event.class, &event.ends)
    {
        let start = first.position.min(last.position);
        let end = first.position.max(last.position);
        return first.chromosome == place.chromosome && start <= place.end && end >= place.start;
    }
    (0..2).any(|end| has_end_in(event, end, place))
}

fn has_end_in(event: &Event, end: usize, place: &Interval) -> bool {
    event.ends[end].as_ref().is_some_and(|found| {
        found.chromosome == place.chromosome && (place.start..=place.end).contains(&found.position)
    })
}

/// Whether an event joins two genes, one at each end or by the file's own word.
fn is_fusion(event: &Event, fusion: &Fusion, places: [Option<&Interval>; 2]) -> bool {
    let genes = [&fusion.first, &fusion.second];
    let named = event
        .fusions
        .iter()
        .any(|(first, second)| [first, second] == genes || [second, first] == genes);
    let is_at = |gene: usize, end: usize| {
        event.genes[end].contains(genes[gene])
            || places[gene].is_some_and(|place| has_end_in(event, end, place))
    };
    named || (is_at(0, 0) && is_at(1, 1)) || (is_at(0, 1) && is_at(1, 0))
}
