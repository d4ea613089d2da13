//! Copy number over stretches of the genome.

pub(crate) mod vcf;

use std::collections::BTreeMap;

use crate::Interval;

/// A stretch with one value: copies, or a log2 ratio.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) interval: Interval,
    pub(crate) value: f64,
}

/// The number of bases that at least one of the stretches covers.
pub(crate) fn covered<'a>(intervals: impl Iterator<Item = &'a Interval>) -> u64 {
    let mut by_chromosome: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for interval in intervals {
        let stretches = by_chromosome.entry(&interval.chromosome).or_default();
        stretches.push((interval.start, interval.end));
    }
    let mut bases = 0;
    for stretches in by_chromosome.values_mut() {
        stretches.sort_unstable();
        let mut reached = 0;
        for &mut (start, end) in stretches {
            let start = start.max(reached + 1);
            if end >= start {
                bases += end - start + 1;
                reached = end;
            }
        }
    }
    bases
}

/// The mean value over a stretch, weighted by the bases that each segment shares with it, and the
/// number of those bases.
pub(crate) fn weighted_mean(segments: &[Segment], over: &Interval) -> (f64, u64) {
    let (mut sum, mut bases) = (0.0, 0);
    for segment in segments.iter().filter(|segment| segment.interval.chromosome == over.chromosome)
    {
        let start = segment.interval.start.max(over.start);
        let end = segment.interval.end.min(over.end);
        if end >= start {
            let shared = end - start + 1;
            sum += segment.value * shared as f64;
            bases += shared;
        }
    }
    if bases == 0 { (0.0, 0) } else { (sum / bases as f64, bases) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(chromosome: &str, start: u64, end: u64) -> Interval {
        Interval { chromosome: chromosome.to_owned(), start, end }
    }

    #[test]
    fn overlapping_stretches_count_once() {
        for (name, intervals, expected) in [
            ("none", vec![], 0),
            ("one base", vec![interval("1", 5, 5)], 1),
            ("apart", vec![interval("1", 1, 10), interval("1", 21, 30)], 20),
            ("overlapping", vec![interval("1", 5, 20), interval("1", 1, 10)], 20),
            ("one within another", vec![interval("1", 1, 30), interval("1", 5, 6)], 30),
            ("two chromosomes", vec![interval("1", 1, 10), interval("2", 1, 10)], 20),
        ] {
            assert_eq!(covered(intervals.iter()), expected, "{name}");
        }
    }

    #[test]
    fn a_mean_is_weighted_by_shared_bases() {
        let segments = [
            Segment { interval: interval("8", 1, 10), value: 4.0 },
            Segment { interval: interval("8", 11, 40), value: 1.0 },
            Segment { interval: interval("9", 1, 40), value: 9.0 },
        ];
        assert_eq!(weighted_mean(&segments, &interval("8", 6, 20)), (2.0, 15));
        assert_eq!(weighted_mean(&segments, &interval("8", 41, 50)), (0.0, 0));
    }
}
