//! What one ALT is.

/// The kind of a small variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One base for another, in upper case.
    Snv {
        /// The reference base.
        from: u8,
        /// The tumor's base.
        to: u8,
    },
    /// Several bases for as many others.
    Mnv,
    /// Bases inserted, deleted, or replaced by more or fewer.
    Indel,
}

impl Kind {
    /// The kind of an ALT given in bases; `None` for symbols, breakends and missing alleles.
    ///
    /// Bases that REF and ALT share at either end do not count, for a record with several ALTs
    /// writes a substitution as `AT` to `CT` where another ALT deletes. A MAF's `-` is no base.
    pub(crate) fn of(reference: &[u8], alternate: &[u8]) -> Option<Self> {
        let bases = |allele: &[u8]| -> Option<Vec<u8>> {
            if allele == b"-" {
                return Some(Vec::new());
            }
            let bases = allele.to_ascii_uppercase();
            let known = !bases.is_empty() && bases.iter().all(|base| b"ACGTN".contains(base));
            known.then_some(bases)
        };
        let (reference, alternate) = (bases(reference)?, bases(alternate)?);
        let (mut from, mut to) = (reference.as_slice(), alternate.as_slice());
        while let (Some(a), Some(b)) = (from.last(), to.last())
            && a == b
        {
            (from, to) = (&from[..from.len() - 1], &to[..to.len() - 1]);
        }
        while let (Some(a), Some(b)) = (from.first(), to.first())
            && a == b
        {
            (from, to) = (&from[1..], &to[1..]);
        }
        match (from, to) {
            ([], []) => None,
            (&[from], &[to]) => Some(Self::Snv { from, to }),
            _ if from.len() == to.len() => Some(Self::Mnv),
            _ => Some(Self::Indel),
        }
    }

    /// Whether a purine stays a purine and a pyrimidine a pyrimidine.
    pub(crate) fn is_transition(self) -> bool {
        matches!(
            self,
            Self::Snv { from: b'A', to: b'G' }
                | Self::Snv { from: b'G', to: b'A' }
                | Self::Snv { from: b'C', to: b'T' }
                | Self::Snv { from: b'T', to: b'C' }
        )
    }

    /// Whether it is C to T, or the same on the other strand.
    pub(crate) fn is_cytosine_to_thymine(self) -> bool {
        matches!(self, Self::Snv { from: b'C', to: b'T' } | Self::Snv { from: b'G', to: b'A' })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_alleles() {
        let snv = |from, to| Some(Kind::Snv { from, to });
        for (reference, alternate, expected) in [
            ("A", "G", snv(b'A', b'G')),
            ("a", "g", snv(b'A', b'G')),
            ("AT", "CT", snv(b'A', b'C')),
            ("TA", "TC", snv(b'A', b'C')),
            ("AC", "GT", Some(Kind::Mnv)),
            ("A", "AT", Some(Kind::Indel)),
            ("ATT", "A", Some(Kind::Indel)),
            ("ATT", "CC", Some(Kind::Indel)),
            ("-", "T", Some(Kind::Indel)),
            ("GG", "-", Some(Kind::Indel)),
            ("A", "A", None),
            ("A", "*", None),
            ("A", ".", None),
            ("A", "<DEL>", None),
            ("A", "A[chr2:5[", None),
            ("A", "", None),
        ] {
            assert_eq!(
                Kind::of(reference.as_bytes(), alternate.as_bytes()),
                expected,
                "{reference} {alternate}"
            );
        }
    }

    #[test]
    fn transitions_on_either_strand() {
        for (from, to, transition, deamination) in [
            (b'C', b'T', true, true),
            (b'G', b'A', true, true),
            (b'A', b'G', true, false),
            (b'T', b'C', true, false),
            (b'C', b'A', false, false),
            (b'A', b'T', false, false),
        ] {
            let kind = Kind::Snv { from, to };
            assert_eq!(kind.is_transition(), transition);
            assert_eq!(kind.is_cytosine_to_thymine(), deamination);
        }
    }
}
