//! What data lines must be to each other: sorted, in blocks, and each variant once.

use std::collections::{BTreeSet, HashSet};

use super::{
    finding::{Findings, Place},
    record::Record,
    structural::is_bases,
    version::Topic,
};

/// Contigs that are remembered, and variants at the current position.
const CONTIGS_KEPT: usize = 100_000;
const VARIANTS_KEPT: usize = 10_000;
/// Alleles that are compared; a longer one is rare, and would cost memory.
const ALLELE_LENGTH: usize = 1000;

/// What the data lines so far were.
#[derive(Default)]
pub(super) struct Order {
    chromosome: Vec<u8>,
    position: u64,
    finished: HashSet<Vec<u8>>,
    /// Position, REF and ALT without the bases that both share, from the current position on.
    variants: BTreeSet<(u64, Vec<u8>, Vec<u8>)>,
}

impl Order {
    /// Checks the next record.
    pub(super) fn check(&mut self, record: &Record, findings: &mut Findings) {
        let Some(position) = record.position else { return };
        if record.chromosome == self.chromosome {
            if position < self.position {
                let place = Place::new(Topic::FixedFields, "POS");
                let expected = "positions in increasing order on a contig";
                findings.violation(place, expected, "one before the last");
            }
        } else {
            if self.finished.contains(record.chromosome) {
                let place = Place::new(Topic::FixedFields, "CHROM");
                findings.violation(place, "a contig's records in one block", "a further block");
            }
            let last = std::mem::replace(&mut self.chromosome, record.chromosome.to_vec());
            if self.finished.len() < CONTIGS_KEPT {
                self.finished.insert(last);
            }
            self.variants.clear();
        }
        self.position = position;
        // What lies before the current position cannot come again in a sorted file.
        self.variants = self.variants.split_off(&(position, Vec::new(), Vec::new()));
        self.check_repeats(record, position, findings);
    }

    fn check_repeats(&mut self, record: &Record, position: u64, findings: &mut Findings) {
        for &alternate in &record.alternates {
            let long = record.reference.len().max(alternate.len()) > ALLELE_LENGTH;
            if long || !is_bases(record.reference) || !is_bases(alternate) {
                continue;
            }
            let variant = trimmed(position, record.reference, alternate);
            if self.variants.contains(&variant) {
                let place = Place::new(Topic::FixedFields, "POS, REF, ALT");
                findings.violation(place, "a variant that no other record has", "the same again");
            } else if self.variants.len() < VARIANTS_KEPT {
                self.variants.insert(variant);
            }
        }
    }
}

/// A variant without the bases that REF and ALT share, first at the end, then at the start.
fn trimmed(position: u64, reference: &[u8], alternate: &[u8]) -> (u64, Vec<u8>, Vec<u8>) {
    let same = |(left, right): &(&u8, &u8)| left.eq_ignore_ascii_case(right);
    let end = reference.iter().rev().zip(alternate.iter().rev()).take_while(same).count();
    let (reference, alternate) =
        (&reference[..reference.len() - end], &alternate[..alternate.len() - end]);
    let start = reference.iter().zip(alternate).take_while(same).count();
    let part = |allele: &[u8]| allele[start..].to_ascii_uppercase();
    (position.saturating_add(start as u64), part(reference), part(alternate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_the_same_in_any_context() {
        for (position, reference, alternate, expected) in [
            (100, "TAT", "TGT", (101, "A", "G")),
            (101, "A", "G", (101, "A", "G")),
            (127, "TTTAT", "T", (127, "TTTA", "")),
            (123, "AT", "AAT", (123, "", "A")),
            (123, "a", "g", (123, "A", "G")),
            (123, "A", "A", (123, "", "")),
        ] {
            let (start, left, right) =
                trimmed(position, reference.as_bytes(), alternate.as_bytes());
            let (left, right) =
                (String::from_utf8(left).unwrap(), String::from_utf8(right).unwrap());
            assert_eq!((start, left.as_str(), right.as_str()), expected);
        }
    }
}
