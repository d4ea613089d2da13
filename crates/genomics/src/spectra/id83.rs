//! Small insertions and deletions by length, repeats and microhomology.

use super::repeats::Placed;

pub(super) const MEANING: &str = "somatic insertions and deletions of length (5 is 5 or more), \
                                  base or R for repeats and M for microhomology, and number of \
                                  further repeats or of homologous bases (5 is 5 or more):";

/// The names of the 83 channels, such as `1:Del:C:0`, in COSMIC's order.
pub(super) fn channels() -> Vec<String> {
    let mut channels = Vec::with_capacity(83);
    let mut add = |length: usize, kind: &str, what: &str, last: std::ops::RangeInclusive<usize>| {
        channels.extend(last.map(|last| format!("{length}:{kind}:{what}:{last}")));
    };
    for kind in ["Del", "Ins"] {
        for base in ["C", "T"] {
            add(1, kind, base, 0..=5);
        }
    }
    for kind in ["Del", "Ins"] {
        for length in 2..=5 {
            add(length, kind, "R", 0..=5);
        }
    }
    for length in 2..=5 {
        add(length, "Del", "M", 1..=if length == 5 { 5 } else { length - 1 });
    }
    channels
}

/// The name of an insertion's or deletion's channel.
fn channel(indel: &Placed) -> String {
    let length = indel.bases.len();
    let kind = if indel.is_deletion { "Del" } else { "Ins" };
    let repeats = indel.repeats();
    if length == 1 {
        let base = if b"CG".contains(&indel.bases[0]) { "C" } else { "T" };
        return format!("1:{kind}:{base}:{}", repeats.min(5));
    }
    // Only deletions are told apart by microhomology.
    let homology = if indel.is_deletion && repeats == 0 { indel.homology() } else { 0 };
    let (what, last) = if homology > 0 { ("M", homology) } else { ("R", repeats) };
    format!("{}:{kind}:{what}:{}", length.min(5), last.min(5))
}

/// The counts over insertions and deletions, moved to the left.
pub(super) fn count(indels: &[Placed]) -> Vec<u64> {
    let channels = channels();
    let mut counts = vec![0; channels.len()];
    for indel in indels {
        let name = channel(indel);
        if let Some(place) = channels.iter().position(|known| *known == name) {
            counts[place] += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectra::{
        repeats::{Counts, place},
        tests::{genome, variant},
    };

    #[test]
    fn there_are_83_channels() {
        let channels = channels();
        assert_eq!(channels.len(), 83);
        assert_eq!(channels[..2], ["1:Del:C:0", "1:Del:C:1"]);
        assert_eq!(channels[82], "5:Del:M:5");
    }

    #[test]
    fn length_repeats_and_microhomology() {
        //        1        10        20        30        40
        let text = "GATTTTTTTACGCACACACATGCCATGACGTTAGCTAGTACCGTAACCGTAGG";
        let mut bases = genome(text);
        for (name, position, reference, alternate, expected, in_repeat) in [
            ("T of seven", 2, "AT", "A", "1:Del:T:5", true),
            ("T of seven at its end", 8, "TT", "T", "1:Del:T:5", true),
            ("T into seven", 2, "A", "AT", "1:Ins:T:5", true),
            ("C alone", 11, "CG", "C", "1:Del:C:0", false),
            ("A as the other strand", 1, "G", "GA", "1:Ins:T:1", false),
            ("CA of four", 12, "GCA", "G", "2:Del:R:3", true),
            ("CA into four", 12, "G", "GCA", "2:Ins:R:4", true),
            ("AC of four, not at the left", 13, "CAC", "C", "2:Del:R:3", true),
            ("GC between", 21, "TGC", "T", "2:Del:R:0", false),
            ("microhomology of one", 21, "TGCC", "T", "3:Del:R:0", false),
            ("six with homology", 24, "CATGACG", "C", "5:Del:R:0", false),
            ("ATC, which is CAT once more", 24, "C", "CATC", "3:Ins:R:1", false),
            ("seven deleted, none homologous", 38, "GTACCGTA", "G", "5:Del:R:0", false),
            ("TAGC before TAG", 33, "AGCTA", "A", "4:Del:M:3", false),
        ] {
            let variant = variant(position, reference, alternate);
            let placed = place(&variant, &mut bases).unwrap().expect(name);
            assert_eq!(channel(&placed), expected, "{name}: {placed:?}");
            let counts = Counts::new(&[placed]);
            assert_eq!(counts.homopolymer + counts.microsatellite == 1, in_repeat, "{name}");
        }
    }
}
