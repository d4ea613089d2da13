//! Substitutions of two bases beside each other.

use crate::small_variant::{SmallVariant, reverse_complement};

pub(super) const MEANING: &str = "somatic substitutions of two bases beside each other, each two \
                                  neighbors of one base among them, on COSMIC's strand:";

/// The two bases of the reference and what they become, in COSMIC's order and on its strand.
const CHANNELS: [(&str, &str); 10] = [
    ("AC", "CA CG CT GA GG GT TA TG TT"),
    ("AT", "CA CC CG GA GC TA"),
    ("CC", "AA AG AT GA GG GT TA TG TT"),
    ("CG", "AT GC GT TA TC TT"),
    ("CT", "AA AC AG GA GC GG TA TC TG"),
    ("GC", "AA AG AT CA CG TA"),
    ("TA", "AT CG CT GC GG GT"),
    ("TC", "AA AG AT CA CG CT GA GG GT"),
    ("TG", "AA AC AT CA CC CT GA GC GT"),
    ("TT", "AA AC AG CA CC CG GA GC GG"),
];

/// The names of the 78 channels, such as `AC>CA`.
pub(super) fn channels() -> Vec<String> {
    let changes = CHANNELS.iter().flat_map(|&(from, to)| to.split(' ').map(move |to| (from, to)));
    changes.map(|(from, to)| format!("{from}>{to}")).collect()
}

/// The counts over substitutions of one base, in the order of their chromosome.
///
/// Two that follow each other at neighboring places are one of two bases; three in a row are two,
/// as `SigProfilerMatrixGenerator` has it.
pub(super) fn count(sorted: &[SmallVariant]) -> Vec<u64> {
    let channels = channels();
    let mut counts = vec![0; channels.len()];
    for pair in sorted.windows(2) {
        let [one, other] = pair else { continue };
        if one.chromosome != other.chromosome || one.position + 1 != other.position {
            continue;
        }
        let from = [one.reference.as_slice(), &other.reference].concat();
        let to = [one.alternate.as_slice(), &other.alternate].concat();
        let place = |from: &[u8], to: &[u8]| {
            let name = [from, b">", to].concat();
            channels.iter().position(|channel| channel.as_bytes() == name)
        };
        let other_strand = || place(&reverse_complement(&from), &reverse_complement(&to));
        if let Some(place) = place(&from, &to).or_else(other_strand) {
            counts[place] += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectra::{substitutions, tests::variant};

    #[test]
    fn every_pair_of_bases_has_one_channel() {
        assert_eq!(channels().len(), 78);
        let bases = ["A", "C", "G", "T"];
        let pairs: Vec<String> =
            bases.iter().flat_map(|a| bases.iter().map(move |b| format!("{a}{b}"))).collect();
        let mut seen = vec![0; 78];
        for from in &pairs {
            for to in &pairs {
                if from[..1] == to[..1] || from[1..] == to[1..] {
                    continue;
                }
                let counts = count(&substitutions(&[variant(5, from, to)]));
                assert_eq!(counts.iter().sum::<u64>(), 1, "{from}>{to}");
                for (sum, count) in seen.iter_mut().zip(counts) {
                    *sum += count;
                }
            }
        }
        // 16 x 9 changes: two strands each, but for those that are their own other strand.
        assert!(seen.iter().all(|&count| count == 1 || count == 2), "{seen:?}");
        assert_eq!(seen.iter().sum::<u64>(), 144);
    }

    #[test]
    fn neighbors_are_pairs() {
        for (name, variants, expected) in [
            ("apart", vec![variant(5, "C", "T"), variant(7, "C", "T")], vec![]),
            ("beside", vec![variant(5, "C", "T"), variant(6, "C", "T")], vec![("CC>TT", 1)]),
            ("the other strand", vec![variant(5, "GG", "AA")], vec![("CC>TT", 1)]),
            (
                "three in a row",
                vec![variant(5, "C", "T"), variant(6, "C", "T"), variant(7, "C", "A")],
                vec![("CC>TA", 1), ("CC>TT", 1)],
            ),
            ("three at once", vec![variant(5, "CCC", "TTT")], vec![]),
            ("two at one place", vec![variant(5, "C", "T"), variant(5, "C", "A")], vec![]),
        ] {
            let counts = count(&substitutions(&variants));
            let found = channels().into_iter().zip(counts).filter(|(_, count)| *count > 0);
            let expected = expected.into_iter().map(|(name, count)| (name.to_owned(), count));
            assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{name}");
        }
    }
}
