//! One way to write a variant, so that the same one of two callers is known as the same.
//!
//! Without a FASTA the bases that REF and ALT share at their ends are left out, which every record
//! allows. With it an indel is moved to the left as far as its repeat goes: Tan, Abecasis and Kang
//! 2015, Bioinformatics 31:2202, which is what `bcftools norm` does.

use std::collections::VecDeque;

use crate::{
    Error,
    reference::{Reference, ReferenceReader},
    tally::Locus,
};

/// Writes the variants of one file in one way.
pub(crate) struct Normalizer<'a> {
    reader: Option<ReferenceReader<'a>>,
    /// Whether a variant lay on a chromosome that the FASTA does not hold.
    pub(crate) lacks_chromosome: bool,
}

/// A variant after normalization.
pub(crate) struct Normalized<'a> {
    trimmed: Locus<'a>,
    moved: Option<Moved>,
}

impl<'a> Normalizer<'a> {
    pub(crate) fn new(reference: Option<&'a Reference>) -> Result<Self, Error> {
        let reader = reference.map(Reference::reader).transpose()?;
        Ok(Self { reader, lacks_chromosome: false })
    }

    /// Whether REF is what the FASTA says, where there is one that holds the chromosome.
    pub(crate) fn agrees(&mut self, locus: Locus<'_>) -> Result<bool, Error> {
        let Some(reader) = &mut self.reader else { return Ok(true) };
        if !reader.has(locus.chromosome) {
            self.lacks_chromosome = true;
            return Ok(true);
        }
        reader.agrees(locus.chromosome, locus.position, locus.reference)
    }

    /// The variant with the fewest bases, as far to the left as the FASTA tells.
    pub(crate) fn normalize<'b>(&mut self, locus: Locus<'b>) -> Result<Normalized<'b>, Error> {
        let trimmed = trim(locus);
        let moved = match &mut self.reader {
            Some(reader) => move_left(trimmed, reader)?,
            None => None,
        };
        Ok(Normalized { trimmed, moved })
    }
}

impl Normalized<'_> {
    pub(crate) fn locus(&self) -> Locus<'_> {
        self.moved.as_ref().map_or(self.trimmed, |moved| moved.on(self.trimmed.chromosome))
    }
}

/// The variant with the fewest bases that say the same, at least one of each allele: those that
/// both end with are left out before those that both begin with.
pub(crate) fn trim(locus: Locus<'_>) -> Locus<'_> {
    let Locus { chromosome, mut position, mut reference, mut alternate } = locus;
    while let ([from @ .., a], [to @ .., b]) = (reference, alternate)
        && a.eq_ignore_ascii_case(b)
        && !from.is_empty()
        && !to.is_empty()
    {
        (reference, alternate) = (from, to);
    }
    while let ([a, from @ ..], [b, to @ ..]) = (reference, alternate)
        && a.eq_ignore_ascii_case(b)
        && !from.is_empty()
        && !to.is_empty()
    {
        (reference, alternate, position) = (from, to, position.saturating_add(1));
    }
    Locus { chromosome, position, reference, alternate }
}

/// An indel after it was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    position: u64,
    reference: Vec<u8>,
    alternate: Vec<u8>,
}

impl Moved {
    /// Where it lies now, on the chromosome that it was found on.
    pub(crate) fn on<'a>(&'a self, chromosome: &'a str) -> Locus<'a> {
        let Self { position, reference, alternate } = self;
        Locus { chromosome, position: *position, reference, alternate }
    }
}

/// Moves a trimmed variant to the left as far as the reference's bases allow it; `None` where it
/// stays. REF and ALT must differ.
pub(crate) fn move_left(
    locus: Locus<'_>,
    reader: &mut ReferenceReader<'_>,
) -> Result<Option<Moved>, Error> {
    let Locus { chromosome, mut position, reference, alternate } = locus;
    let ends_alike = |a: Option<&u8>, b: Option<&u8>| match (a, b) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => false,
    };
    if reference.len() == alternate.len() || !ends_alike(reference.last(), alternate.last()) {
        return Ok(None);
    }
    let upper = |bases: &[u8]| bases.iter().map(u8::to_ascii_uppercase).collect::<VecDeque<u8>>();
    let (mut from, mut to) = (upper(reference), upper(alternate));
    while ends_alike(from.back(), to.back()) {
        if from.len() == 1 || to.len() == 1 {
            // At the first base of a chromosome there is nothing to the left to hold on to.
            let Some(before) = position.checked_sub(1) else { break };
            let Some(base) = reader.base(chromosome, before)? else { break };
            position = before;
            from.push_front(base);
            to.push_front(base);
        }
        from.pop_back();
        to.pop_back();
    }
    let moved = Moved { position, reference: from.into(), alternate: to.into() };
    let Locus { position, reference, alternate, .. } = trim(moved.on(chromosome));
    let (reference, alternate) = (reference.to_vec(), alternate.to_vec());
    Ok(Some(Moved { position, reference, alternate }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Reference;

    fn locus<'a>(position: u64, reference: &'a str, alternate: &'a str) -> Locus<'a> {
        Locus {
            chromosome: "1",
            position,
            reference: reference.as_bytes(),
            alternate: alternate.as_bytes(),
        }
    }

    #[test]
    fn shared_ends_are_left_out() {
        for (from, to) in [
            ((10, "A", "C"), (10, "A", "C")),
            ((10, "AT", "CT"), (10, "A", "C")),
            ((10, "TA", "TC"), (11, "A", "C")),
            ((10, "TaG", "tCg"), (11, "a", "C")),
            ((10, "GAAGA", "GGA"), (10, "GAA", "G")),
            ((10, "GAAGA", "GCA"), (11, "AAG", "C")),
            ((10, "ATT", "AT"), (10, "AT", "A")),
            ((10, "CAT", "CATT"), (11, "A", "AT")),
            ((10, "AC", "GT"), (10, "AC", "GT")),
            ((10, "A", "A"), (10, "A", "A")),
            ((u64::MAX, "TA", "TC"), (u64::MAX, "A", "C")),
        ] {
            assert_eq!(trim(locus(from.0, from.1, from.2)), locus(to.0, to.1, to.2), "{from:?}");
        }
    }

    #[test]
    fn indels_move_to_the_start_of_their_repeat() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.fa");
        //                          123456789012
        fs_err::write(&path, ">chr1\nAAAAGCACACAT\n").unwrap();
        let reference = Reference::open(&path).unwrap();
        let mut reader = reference.reader().unwrap();
        for (name, from, to) in [
            ("deletion", (9, "ACA", "A"), Some((5, "GCA", "G"))),
            ("insertion", (11, "A", "ACA"), Some((5, "G", "GCA"))),
            ("insertion of two repeats", (11, "A", "ACACA"), Some((5, "G", "GCACA"))),
            ("start of the chromosome", (3, "AA", "A"), Some((1, "AA", "A"))),
            ("insertion at the start", (4, "A", "AA"), Some((1, "A", "AA"))),
            ("at its place", (5, "GCA", "G"), None),
            ("substitution", (6, "C", "T"), None),
            ("no repeat", (12, "T", "TG"), None),
        ] {
            let moved = move_left(locus(from.0, from.1, from.2), &mut reader).unwrap();
            let expected = to.map(|(position, from, to)| locus(position, from, to));
            assert_eq!(moved.as_ref().map(|moved| moved.on("1")), expected, "{name}");
        }
    }
}
