//! Scores of homologous recombination deficiency: what it leaves behind in allele-specific copies.
//!
//! Details that the papers leave open are those of scarHRD (Sztupinszki et al. 2018), whose results
//! the tests compare with.

use std::collections::BTreeMap;

use super::{HumanBuild, Segment, arms::centromere};
use crate::settings::is_autosome;

/// A loss of heterozygosity counts above this length, in bases (Abkevich et al. 2012).
const MIN_LOSS: u64 = 15_000_000;
/// Allelic imbalance counts from this length on.
const MIN_IMBALANCE: u64 = 1_000_000;
/// Segments below this length are removed before transitions are counted, and the gap between the
/// two sides of a transition is shorter (Popova et al. 2012).
const MIN_SMOOTHED: u64 = 3_000_000;
/// Both sides of a large-scale transition have this length at least (Popova et al. 2012).
const MIN_TRANSITION: u64 = 10_000_000;

/// The three scores of one tumor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scars {
    /// Losses of heterozygosity.
    pub(super) losses: u64,
    /// Telomeric allelic imbalances.
    pub(super) imbalances: u64,
    /// Large-scale transitions.
    pub(super) transitions: u64,
}

/// A stretch of one chromosome with whole copies of both alleles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Alleles {
    start: u64,
    end: u64,
    major: u64,
    minor: u64,
}

impl Alleles {
    fn of(segment: &Segment) -> Option<Self> {
        let (total, minor) = (whole(segment.copies?)?, whole(segment.minor_copies?)?);
        let minor = minor.min(total);
        let (start, end) = (segment.interval.start, segment.interval.end);
        // Rounding may turn the alleles round.
        let (major, minor) = ((total - minor).max(minor), (total - minor).min(minor));
        Some(Self { start, end, major, minor })
    }

    fn length(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be in range"
)]
fn whole(copies: f64) -> Option<u64> {
    let copies = copies.round();
    (-1.0..1e9).contains(&copies).then(|| copies.max(0.0) as u64)
}

/// Counts the scars on the autosomes; `None` without copies of both alleles.
pub(super) fn scars(segments: &[Segment], build: HumanBuild) -> Option<Scars> {
    let mut chromosomes: BTreeMap<&str, Vec<Alleles>> = BTreeMap::new();
    for segment in segments.iter().filter(|segment| is_autosome(&segment.interval.chromosome)) {
        if let Some(alleles) = Alleles::of(segment) {
            chromosomes.entry(&segment.interval.chromosome).or_default().push(alleles);
        }
    }
    if chromosomes.is_empty() {
        return None;
    }
    let mut scars = Scars { losses: 0, imbalances: 0, transitions: 0 };
    for (chromosome, mut segments) in chromosomes {
        segments.sort_unstable_by_key(|segment| (segment.start, segment.end));
        let segments = merged(&segments);
        let centromere = centromere(build, chromosome).expect("the table holds every autosome");
        scars.losses += losses(&segments);
        scars.imbalances += imbalances(&segments, centromere);
        scars.transitions += transitions(&segments, centromere);
    }
    Some(scars)
}

/// Joins neighbors of the same copies, over gaps too.
fn merged(segments: &[Alleles]) -> Vec<Alleles> {
    let mut merged: Vec<Alleles> = Vec::with_capacity(segments.len());
    for &segment in segments {
        match merged.last_mut() {
            Some(last) if (last.major, last.minor) == (segment.major, segment.minor) => {
                last.end = last.end.max(segment.end);
            }
            _ => merged.push(segment),
        }
    }
    merged
}

/// Stretches of lost heterozygosity above 15 Mb on a chromosome that did not lose it wholly.
fn losses(segments: &[Alleles]) -> u64 {
    if segments.iter().all(|segment| segment.minor == 0) {
        return 0;
    }
    let capped: Vec<Alleles> = segments
        .iter()
        .map(|segment| Alleles { major: segment.major.min(1), ..*segment })
        .collect();
    let is_loss =
        |segment: &&Alleles| segment.minor == 0 && segment.major > 0 && segment.length() > MIN_LOSS;
    merged(&capped).iter().filter(is_loss).count() as u64
}

/// Imbalances that reach the first or last segment and do not cross the centromere.
///
/// On a chromosome whose most frequent number of copies is odd and above one, as in triploid
/// tumors, balance is that number with both alleles present.
fn imbalances(segments: &[Alleles], (start, end): (u64, u64)) -> u64 {
    let long: Vec<Alleles> =
        segments.iter().filter(|segment| segment.length() >= MIN_IMBALANCE).copied().collect();
    let segments = merged(&long);
    let mut bases: BTreeMap<u64, u64> = BTreeMap::new();
    for segment in &segments {
        *bases.entry(segment.major + segment.minor).or_default() += segment.length();
    }
    bases.remove(&0);
    let Some((&ploidy, _)) = bases.iter().max_by_key(|(_, bases)| **bases) else { return 0 };
    let is_imbalanced = |segment: &Alleles| {
        if ploidy == 1 || ploidy % 2 == 0 {
            segment.major != segment.minor
        } else {
            segment.major + segment.minor != ploidy || segment.minor == 0
        }
    };
    let [first, .., last] = segments.as_slice() else { return 0 };
    u64::from(is_imbalanced(first) && first.end < start)
        + u64::from(is_imbalanced(last) && last.start > end)
}

/// Breaks between two long segments of an arm, after its short segments are gone.
fn transitions(segments: &[Alleles], (start, end): (u64, u64)) -> u64 {
    if segments.len() < 2 {
        return 0;
    }
    let mut short: Vec<Alleles> =
        segments.iter().filter(|segment| segment.start <= start).copied().collect();
    let mut long: Vec<Alleles> =
        segments.iter().filter(|segment| segment.end >= end).copied().collect();
    if let Some(last) = short.last_mut() {
        last.end = start;
    }
    if let Some(first) = long.first_mut() {
        first.start = end;
    }
    [short, long].into_iter().map(smoothed).map(|arm| breaks(&arm)).sum()
}

/// Removes short segments from the first to the last and joins what then lies side by side.
fn smoothed(arm: Vec<Alleles>) -> Vec<Alleles> {
    let mut kept: Vec<Alleles> = Vec::with_capacity(arm.len());
    for segment in arm {
        match kept.last_mut() {
            Some(last) if (last.major, last.minor) == (segment.major, segment.minor) => {
                last.end = last.end.max(segment.end);
            }
            _ if segment.length() >= MIN_SMOOTHED => kept.push(segment),
            _ => {}
        }
    }
    kept
}

fn breaks(arm: &[Alleles]) -> u64 {
    let is_break = |pair: &&[Alleles]| {
        pair.iter().all(|segment| segment.length() >= MIN_TRANSITION)
            && pair[1].start.saturating_sub(pair[0].end) < MIN_SMOOTHED
    };
    arm.windows(2).filter(is_break).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interval;

    /// Segments of chromosome 8 of `GRCh38`, whose centromere lies from 43.2 to 47.2 Mb: megabases
    /// from and to, major and minor copies.
    fn count(segments: &[(f64, f64, f64, f64)]) -> [u64; 3] {
        let segment = |&(from, to, major, minor): &(f64, f64, f64, f64)| Segment {
            interval: Interval {
                chromosome: "8".to_owned(),
                start: whole(from * 1e6).unwrap(),
                end: whole(to * 1e6).unwrap(),
            },
            log2_ratio: None,
            copies: Some(major + minor),
            minor_copies: Some(minor),
        };
        let segments: Vec<Segment> = segments.iter().map(segment).collect();
        let scars = scars(&segments, HumanBuild::Grch38).unwrap();
        [scars.losses, scars.imbalances, scars.transitions]
    }

    #[test]
    fn scars_by_their_definitions() {
        for (name, segments, expected) in [
            ("normal", vec![(0.0, 145.0, 1.0, 1.0)], [0, 0, 0]),
            ("whole chromosome lost", vec![(0.0, 145.0, 1.0, 0.0)], [0, 0, 0]),
            (
                "loss at the first end",
                vec![(0.0, 20.0, 1.0, 0.0), (20.0, 145.0, 1.0, 1.0)],
                [1, 1, 1],
            ),
            (
                "loss of 15 Mb is not above 15 Mb",
                vec![(0.0, 15.0, 1.0, 0.0), (15.0, 145.0, 1.0, 1.0)],
                [0, 1, 1],
            ),
            (
                "loss of several numbers of copies is one",
                vec![(0.0, 10.0, 1.0, 0.0), (10.0, 20.0, 3.0, 0.0), (20.0, 145.0, 1.0, 1.0)],
                [1, 1, 2],
            ),
            (
                "loss across the centromere is not telomeric",
                vec![(0.0, 60.0, 1.0, 0.0), (60.0, 145.0, 1.0, 1.0)],
                [1, 0, 1],
            ),
            (
                "both copies lost",
                vec![(0.0, 30.0, 1.0, 1.0), (30.0, 50.0, 0.0, 0.0), (50.0, 145.0, 1.0, 1.0)],
                [0, 0, 1],
            ),
            (
                "a short segment between is removed",
                vec![(50.0, 70.0, 1.0, 1.0), (70.0, 72.0, 5.0, 1.0), (72.0, 145.0, 1.0, 1.0)],
                [0, 0, 0],
            ),
            (
                "a gap of 3 Mb is no transition",
                vec![(50.0, 70.0, 1.0, 1.0), (73.0, 145.0, 2.0, 2.0)],
                [0, 0, 0],
            ),
            (
                "balanced triploid chromosome",
                vec![(0.0, 120.0, 2.0, 1.0), (120.0, 145.0, 3.0, 0.0)],
                [1, 1, 1],
            ),
        ] {
            assert_eq!(count(&segments), expected, "{name}");
        }
    }

    #[test]
    fn copies_that_cannot_be_are_no_scar() {
        let segment = |copies, minor_copies| Segment {
            interval: Interval { chromosome: "1".to_owned(), start: 1, end: 2 },
            log2_ratio: Some(1.0),
            copies,
            minor_copies,
        };
        for (copies, minor) in
            [(None, None), (Some(2.0), None), (Some(1e30), Some(1.0)), (Some(-5.0), Some(0.0))]
        {
            assert_eq!(scars(&[segment(copies, minor)], HumanBuild::Grch38), None);
        }
        // PURPLE's fractions may lie below zero.
        assert!(scars(&[segment(Some(-0.2), Some(-0.1))], HumanBuild::Grch38).is_some());
    }
}
