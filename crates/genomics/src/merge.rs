//! One set of variants out of the files of several callers.
//!
//! The same variant, once it is normalized, counts once: in a file that repeats it and over the
//! files of a patient. Of several files the one speaks for it that names consequences, of those the
//! one that tells an allele fraction, of those the one that stands first in the list of files; of a
//! file that repeats it the first record. So the order of the files decides, not which caller
//! counts more reads, which would prefer the one that filters least.
//!
//! A variant is known by a hash of 64 bits of its place and bases, which keeps memory small: among a
//! million variants two that differ have the same one with a chance of 3 in 10⁸.

use std::{
    collections::{HashMap, HashSet, hash_map::DefaultHasher},
    hash::Hasher as _,
};

use crate::tally::Locus;

/// What one file tells of a variant; the least is believed most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) lacks_consequence: bool,
    pub(crate) lacks_fraction: bool,
    /// The place of its file in the list.
    pub(crate) source: usize,
}

/// The variants of one patient.
#[derive(Debug)]
pub(crate) enum Merge {
    /// Of one file: those that were counted.
    Single(HashSet<u64>),
    /// Of several: who found each.
    Several { found: HashMap<u64, Found>, min_callers: usize },
}

#[derive(Debug)]
pub(crate) struct Found {
    best: Rank,
    callers: usize,
    last_source: usize,
    is_counted: bool,
}

impl Merge {
    pub(crate) fn new(files: usize, min_callers: usize) -> Self {
        match files {
            1 => Self::Single(HashSet::new()),
            _ => Self::Several { found: HashMap::new(), min_callers },
        }
    }

    /// Takes note of who found a variant. Every file is looked through before the first counts.
    pub(crate) fn note(&mut self, locus: Locus<'_>, rank: Rank) {
        let Self::Several { found, .. } = self else { return };
        let new = || Found { best: rank, callers: 0, last_source: usize::MAX, is_counted: false };
        let known = found.entry(key(locus)).or_insert_with(new);
        known.callers += usize::from(known.last_source != rank.source);
        known.last_source = rank.source;
        known.best = known.best.min(rank);
    }

    /// Whether a record is the one that counts of its variant; true once for each.
    pub(crate) fn counts(&mut self, locus: Locus<'_>, rank: Rank) -> bool {
        match self {
            Self::Single(counted) => counted.insert(key(locus)),
            Self::Several { found, min_callers } => {
                found.get_mut(&key(locus)).is_some_and(|found| {
                    let counts =
                        !found.is_counted && found.best == rank && found.callers >= *min_callers;
                    found.is_counted |= counts;
                    counts
                })
            }
        }
    }
}

/// A hash of a variant that is the same for upper and lower case.
fn key(locus: Locus<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(locus.position);
    for text in [locus.chromosome.as_bytes(), locus.reference, locus.alternate] {
        hasher.write_usize(text.len());
        for byte in text {
            hasher.write_u8(byte.to_ascii_uppercase());
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locus(position: u64, reference: &'static str, alternate: &'static str) -> Locus<'static> {
        Locus {
            chromosome: "1",
            position,
            reference: reference.as_bytes(),
            alternate: alternate.as_bytes(),
        }
    }

    fn rank(lacks_consequence: bool, lacks_fraction: bool, source: usize) -> Rank {
        Rank { lacks_consequence, lacks_fraction, source }
    }

    #[test]
    fn a_file_that_repeats_a_variant_has_it_once() {
        let mut merge = Merge::new(1, 1);
        let counted = [
            locus(1, "A", "C"),
            locus(1, "a", "c"),
            locus(1, "A", "G"),
            locus(2, "A", "C"),
            locus(1, "AC", "C"),
            locus(1, "A", "CC"),
        ]
        .map(|locus| merge.counts(locus, rank(true, true, 0)));
        assert_eq!(counted, [true, false, true, true, true, true]);
    }

    #[test]
    fn one_file_speaks_for_a_variant() {
        let (variant, other) = (locus(1, "A", "C"), locus(1, "A", "G"));
        for (name, ranks, speaker) in [
            ("the first", [(false, false), (false, false), (false, false)], 0),
            ("with a fraction", [(false, true), (false, true), (false, false)], 2),
            ("with consequences", [(true, false), (false, true), (true, false)], 1),
        ] {
            let ranks: Vec<Rank> =
                (0..).zip(ranks).map(|(source, (a, b))| rank(a, b, source)).collect();
            let mut merge = Merge::new(3, 3);
            for &rank in &ranks {
                merge.note(variant, rank);
            }
            merge.note(other, ranks[0]);
            merge.note(other, ranks[0]);
            merge.note(other, ranks[1]);
            for (source, &rank) in ranks.iter().enumerate() {
                assert_eq!(merge.counts(variant, rank), source == speaker, "{name} {source}");
                assert!(!merge.counts(variant, rank), "{name}: counted twice");
                assert!(!merge.counts(other, rank), "{name}: found by two of three");
            }
        }
    }
}
