//! Single base substitutions in their trinucleotide context.

use super::{Bases, check_mismatches};
use crate::{
    Error,
    small_variant::{SmallVariant, complement},
};

pub(super) const MEANING: &str = "somatic substitutions of one base, on the strand with the \
                                  pyrimidine and with the base on either side:";

/// What a pyrimidine becomes, in COSMIC's order.
const CHANGES: [(u8, u8); 6] =
    [(b'C', b'A'), (b'C', b'G'), (b'C', b'T'), (b'T', b'A'), (b'T', b'C'), (b'T', b'G')];

const BASES: &[u8; 4] = b"ACGT";

/// The names of the 96 channels, such as `A[C>A]A`.
pub(crate) fn channels() -> Vec<String> {
    let mut channels = Vec::with_capacity(96);
    for &before in BASES {
        for (from, to) in CHANGES {
            for &after in BASES {
                let bases = [before, from, to, after].map(char::from);
                let [before, from, to, after] = bases;
                channels.push(format!("{before}[{from}>{to}]{after}"));
            }
        }
    }
    channels
}

/// The channel of a substitution within its three bases; `None` where one of them is unknown.
fn channel(context: [u8; 3], to: u8) -> Option<usize> {
    let [before, from, after] = context;
    let (before, from, to, after) = match from {
        b'C' | b'T' => (before, from, to, after),
        _ => (complement(after), complement(from), complement(to), complement(before)),
    };
    let base = |wanted: u8| BASES.iter().position(|&base| base == wanted);
    let change = CHANGES.iter().position(|&change| change == (from, to))?;
    Some((base(before)? * CHANGES.len() + change) * BASES.len() + base(after)?)
}

/// The counts by the contexts that the file gives; `None` where it gives none at all.
pub(super) fn count(substitutions: &[SmallVariant]) -> Option<Vec<u64>> {
    let mut counts = vec![0; 96];
    let mut known = substitutions.is_empty();
    for variant in substitutions {
        let (Some(context), Some((_, to))) = (variant.context, variant.substitution()) else {
            continue;
        };
        if let Some(place) = channel(context, to) {
            counts[place] += 1;
            known = true;
        }
    }
    known.then_some(counts)
}

/// The counts by the contexts of the reference genome. A substitution at the very end of a
/// chromosome, beside an unknown base, or on a chromosome that the genome lacks does not count.
pub(super) fn count_in_genome(
    substitutions: &[SmallVariant],
    bases: &mut Bases<'_>,
) -> Result<Vec<u64>, Error> {
    let mut counts = vec![0; 96];
    let (mut read, mut mismatches) = (0, 0);
    for variant in substitutions {
        let Some((from, to)) = variant.substitution() else { continue };
        let start = variant.position.saturating_sub(1).max(1);
        let around = bases(&variant.chromosome, start, variant.position + 1)?;
        let context = around.and_then(|around| <[u8; 3]>::try_from(around).ok());
        let Some(context) = context else { continue };
        read += 1;
        if context[1] != from {
            mismatches += 1;
        } else if let Some(place) = channel(context, to) {
            counts[place] += 1;
        }
    }
    check_mismatches(mismatches, read)?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectra::tests::{genome, variant};

    fn found(counts: &[u64]) -> Vec<(String, u64)> {
        channels().into_iter().zip(counts.iter().copied()).filter(|(_, count)| *count > 0).collect()
    }

    #[test]
    fn a_substitution_stands_on_the_strand_with_the_pyrimidine() {
        let mut bases = genome("ACGTNCA");
        for (position, reference, alternate, expected) in [
            (2, "C", "A", Some("A[C>A]G")),
            (3, "G", "A", Some("A[C>T]G")),
            (3, "G", "T", Some("A[C>A]G")),
            (1, "A", "C", None),
            (4, "T", "C", None),
            (7, "A", "C", None),
        ] {
            let counts = count_in_genome(&[variant(position, reference, alternate)], &mut bases);
            let names: Vec<String> =
                found(&counts.unwrap()).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names.first().map(String::as_str), expected, "{position}");
        }
    }

    #[test]
    fn the_context_that_the_file_gives() {
        let of = |context: &[u8]| SmallVariant::new("1", 5, (b"C", b"T"), Some(context)).unwrap();
        let counts = count(&[of(b"TCG"), of(b"AATCGAA"), of(b"")]).unwrap();
        assert_eq!(found(&counts), [("T[C>T]G".to_owned(), 2)]);
        assert_eq!(count(&[of(b"")]), None);
    }

    #[test]
    fn the_channels_are_those_of_cosmic() {
        let channels = channels();
        assert_eq!(channels.len(), 96);
        assert_eq!(channels[..5], ["A[C>A]A", "A[C>A]C", "A[C>A]G", "A[C>A]T", "A[C>G]A"]);
        assert_eq!(channels[95], "T[T>G]T");
    }
}
