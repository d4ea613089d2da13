//! A small variant by its bases alone, as spectra and microsatellites see it.

/// The last position that a VCF may name, for its integers have 32 bits; no chromosome is longer.
const LAST_POSITION: u64 = i32::MAX as u64;

/// Two alleles without the bases that they share at either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trimmed<'a> {
    /// How many bases were taken away in front.
    pub(crate) offset: u64,
    pub(crate) reference: &'a [u8],
    pub(crate) alternate: &'a [u8],
}

/// Takes away what two alleles share: first at the end, then in front.
pub(crate) fn trim<'a>(reference: &'a [u8], alternate: &'a [u8]) -> Trimmed<'a> {
    let equal = |(a, b): &(&u8, &u8)| a.eq_ignore_ascii_case(b);
    let end = reference.iter().rev().zip(alternate.iter().rev()).take_while(equal).count();
    let reference = &reference[..reference.len() - end];
    let alternate = &alternate[..alternate.len() - end];
    let start = reference.iter().zip(alternate).take_while(equal).count();
    Trimmed { offset: start as u64, reference: &reference[start..], alternate: &alternate[start..] }
}

/// A variant without the bases that its alleles share, in upper case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SmallVariant {
    /// The chromosome without `chr` in front.
    pub(crate) chromosome: String,
    /// The first base of `reference`, or the base behind an insertion; counted from 1.
    pub(crate) position: u64,
    pub(crate) reference: Vec<u8>,
    pub(crate) alternate: Vec<u8>,
    /// The bases before, at and after a substitution of one base, where the file tells them.
    pub(crate) context: Option<[u8; 3]>,
}

impl SmallVariant {
    /// A variant from alleles in bases (`-` for none, as in MAF); `None` for other alleles, and
    /// for a position that no chromosome has.
    ///
    /// `context` are the bases round the first base of `reference`, with that base in the middle.
    pub(crate) fn new(
        chromosome: &str,
        position: u64,
        alleles: (&[u8], &[u8]),
        context: Option<&[u8]>,
    ) -> Option<Self> {
        let [reference, alternate] =
            [alleles.0, alleles.1].map(|allele| if allele == b"-" { b"" } else { allele });
        let known =
            |allele: &[u8]| allele.iter().all(|base| b"ACGT".contains(&base.to_ascii_uppercase()));
        let trimmed = trim(reference, alternate);
        let changes = !(trimmed.reference.is_empty() && trimmed.alternate.is_empty());
        let is_placed = position <= LAST_POSITION;
        (known(reference) && known(alternate) && changes && is_placed).then(|| Self {
            chromosome: chromosome.to_owned(),
            // A MAF gives the base before an insertion, and `-` for its reference.
            position: position + trimmed.offset + u64::from(alleles.0 == b"-"),
            reference: trimmed.reference.to_ascii_uppercase(),
            alternate: trimmed.alternate.to_ascii_uppercase(),
            context: context.and_then(middle).filter(|context| {
                trimmed.offset == 0
                    && context[1] == trimmed.reference.first().map_or(0, u8::to_ascii_uppercase)
            }),
        })
    }

    /// The base that becomes another, and that other; `None` unless it is one for one.
    pub(crate) fn substitution(&self) -> Option<(u8, u8)> {
        match (self.reference.as_slice(), self.alternate.as_slice()) {
            (&[from], &[to]) => Some((from, to)),
            _ => None,
        }
    }
}

/// The three bases in the middle of an odd number of bases, in upper case.
fn middle(context: &[u8]) -> Option<[u8; 3]> {
    let half = context.len() / 2;
    let bases = context.get(half.checked_sub(1)?..=half + 1)?;
    let bases: [u8; 3] = bases.to_ascii_uppercase().try_into().ok()?;
    (context.len() % 2 == 1 && bases.iter().all(|base| b"ACGT".contains(base))).then_some(bases)
}

/// The bases of the other strand, read in its direction.
pub(crate) fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    bases.iter().rev().map(|&base| complement(base)).collect()
}

pub(crate) fn complement(base: u8) -> u8 {
    match base {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        b'T' => b'A',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_bases_are_taken_away() {
        for (reference, alternate, position, expected) in [
            ("C", "T", 10, Some((10, "C", "T"))),
            ("AT", "CT", 10, Some((10, "A", "C"))),
            ("TA", "TC", 10, Some((11, "A", "C"))),
            ("c", "t", 10, Some((10, "C", "T"))),
            ("A", "AT", 10, Some((11, "", "T"))),
            ("ATT", "A", 10, Some((11, "TT", ""))),
            ("CATAT", "CAT", 10, Some((11, "AT", ""))),
            ("-", "T", 10, Some((11, "", "T"))),
            ("GG", "-", 10, Some((10, "GG", ""))),
            ("AC", "GT", 10, Some((10, "AC", "GT"))),
            ("A", "A", 10, None),
            ("A", "<DEL>", 10, None),
            ("A", "N", 10, None),
            ("AC", "GT", u64::MAX, None),
        ] {
            let alleles = (reference.as_bytes(), alternate.as_bytes());
            let found = SmallVariant::new("1", position, alleles, None);
            let expected = expected.map(|(position, reference, alternate)| SmallVariant {
                chromosome: "1".to_owned(),
                position,
                reference: reference.into(),
                alternate: alternate.into(),
                context: None,
            });
            assert_eq!(found, expected, "{reference} {alternate}");
        }
    }

    #[test]
    fn a_context_has_the_reference_in_its_middle() {
        for (context, expected) in [
            ("ACG", Some(*b"ACG")),
            ("ttacgtt", Some(*b"ACG")),
            ("AGG", None),
            ("AC", None),
            ("C", None),
            ("NCG", None),
            ("", None),
        ] {
            let variant = SmallVariant::new("1", 1, (b"C", b"T"), Some(context.as_bytes()));
            assert_eq!(variant.unwrap().context, expected, "{context}");
        }
    }
}
