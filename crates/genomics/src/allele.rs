//! What one ALT is, and how much of the tumor carries it.

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

/// The FORMAT and one sample column of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample<'a> {
    pub(crate) keys: &'a [u8],
    pub(crate) values: &'a [u8],
}

impl<'a> Sample<'a> {
    /// The value of a FORMAT key; `None` when absent or `.`.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&'a [u8]> {
        let place = self.keys.split(|&byte| byte == b':').position(|found| found == key)?;
        let value = self.values.split(|&byte| byte == b':').nth(place)?;
        (!value.is_empty() && value != b".").then_some(value)
    }

    /// The number at a place of a comma-separated value.
    fn number(&self, key: &[u8], place: usize) -> Option<f64> {
        let part = self.get(key)?.split(|&byte| byte == b',').nth(place)?;
        let (part, scale) = match part.strip_suffix(b"%") {
            Some(percent) => (percent, 100.0),
            None => (part, 1.0),
        };
        let number: f64 = crate::lines::number(part)?;
        number.is_finite().then_some(number / scale)
    }

    /// Whether the genotype names the ALT with this index; `None` without a genotype.
    pub(crate) fn carries(&self, index: usize) -> Option<bool> {
        let called = self.called()?;
        Some(called.contains(&(index + 1)))
    }

    /// Whether the genotype names any ALT; `None` without a genotype.
    pub(crate) fn carries_any(&self) -> Option<bool> {
        Some(self.called()?.iter().any(|&allele| allele > 0))
    }

    fn called(&self) -> Option<Vec<usize>> {
        let alleles = self.get(b"GT")?.split(|byte| b"/|".contains(byte));
        let called: Vec<usize> = alleles.filter_map(crate::lines::number).collect();
        (!called.is_empty()).then_some(called)
    }
}

/// The share of the tumor's reads that carry one ALT, from 0 to 1, by whatever the caller writes.
///
/// In this order: `AD` with one number an allele (`Mutect2`, `VarDict`, `FreeBayes`, `DRAGEN`);
/// `AD` with `RD` (`VarScan`); Strelka's first tier, `AU`/`CU`/`GU`/`TU` for substitutions and
/// `TIR`/`TAR` for indels; `AO` with `RO`; `NV` with `NR`; `DP4`; and at last the caller's own
/// `AF`, `VAF`, `FREQ` or `FA`. `alternates` is the number of ALTs, `index` the one asked for.
pub(crate) fn variant_allele_fraction(
    sample: Sample<'_>,
    kind: Kind,
    alternates: usize,
    index: usize,
) -> Option<f64> {
    let number = |key: &[u8], place| sample.number(key, place);
    let all_depths = || {
        let depths: Option<Vec<f64>> = (0..=alternates).map(|place| number(b"AD", place)).collect();
        let depths = depths?;
        share(depths[index + 1], depths.iter().sum())
    };
    let against = |alternate: Option<f64>, reference: Option<f64>| {
        let (alternate, reference) = (alternate?, reference?);
        share(alternate, alternate + reference)
    };
    let strelka = || match kind {
        Kind::Snv { from, to } => against(number(&[to, b'U'], 0), number(&[from, b'U'], 0)),
        _ => against(number(b"TIR", 0), number(b"TAR", 0)),
    };
    let strands = || {
        let [rf, rr, af, ar] = [0, 1, 2, 3].map(|place| number(b"DP4", place));
        against(Some(af? + ar?), Some(rf? + rr?))
    };
    let own = || {
        let keys: [&[u8]; 4] = [b"AF", b"VAF", b"FREQ", b"FA"];
        // A caller that lists the reference first gives one number more than there are ALTs.
        let place = |key| index + usize::from(number(key, alternates).is_some());
        keys.into_iter().find_map(|key| number(key, place(key)))
    };
    all_depths()
        .or_else(|| against(number(b"AD", index), number(b"RD", 0)))
        .or_else(strelka)
        .or_else(|| against(number(b"AO", index), number(b"RO", 0)))
        .or_else(|| share(number(b"NV", index)?, number(b"NR", index)?))
        .or_else(strands)
        .or_else(own)
        .filter(|fraction| (0.0..=1.0).contains(fraction))
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then_some(part / whole)
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

    #[test]
    fn every_caller_has_a_variant_allele_fraction() {
        let snv = Kind::Snv { from: b'C', to: b'T' };
        for (name, keys, values, kind, (alternates, index), expected) in [
            ("Mutect", "GT:AD:FA", "0/1:11,3:0.2", snv, (1, 0), Some(3.0 / 14.0)),
            ("two ALTs", "AD", "10,3,7", snv, (2, 1), Some(0.35)),
            ("Strelka SNV", "DP:AU:CU:GU:TU", "57:0,0:43,43:0,0:57,60", snv, (1, 0), Some(0.57)),
            ("Strelka indel", "DP:TAR:TIR", "40:30,31:10,10", Kind::Indel, (1, 0), Some(0.25)),
            (
                "VarScan",
                "GT:RD:AD:FREQ:DP4",
                "0/1:9:4:30.77%:5,4,2,2",
                snv,
                (1, 0),
                Some(4.0 / 13.0),
            ),
            ("SomaticSniper", "GT:DP4", "0/1:0,3,0,4", snv, (1, 0), Some(4.0 / 7.0)),
            ("FreeBayes", "RO:AO", "6:1,3", snv, (2, 1), Some(1.0 / 3.0)),
            ("Platypus", "NR:NV", "20:5", snv, (1, 0), Some(0.25)),
            ("AF alone", "GT:AF", "0/1:0.4", snv, (1, 0), Some(0.4)),
            ("AF of reference and ALT", "AF", "0.9,0.1", snv, (1, 0), Some(0.1)),
            ("FREQ alone", "FREQ", "12.5%", snv, (1, 0), Some(0.125)),
            ("no depth", "GT:AD", "0/1:0,0", snv, (1, 0), None),
            ("missing", "GT:AD", "0/1:.", snv, (1, 0), None),
            ("short column", "GT:AD", "0/1", snv, (1, 0), None),
            ("nothing", "GT", "0/1", snv, (1, 0), None),
            ("above one", "AF", "45.6", snv, (1, 0), None),
        ] {
            let sample = Sample { keys: keys.as_bytes(), values: values.as_bytes() };
            let fraction = variant_allele_fraction(sample, kind, alternates, index);
            assert_eq!(fraction, expected, "{name}");
        }
    }

    #[test]
    fn genotypes() {
        for (genotype, second, any) in [
            ("0/1", Some(false), Some(true)),
            ("0|2", Some(true), Some(true)),
            ("0/0", Some(false), Some(false)),
            ("2", Some(true), Some(true)),
            ("./.", None, None),
            (".", None, None),
            ("./2", Some(true), Some(true)),
        ] {
            let sample = Sample { keys: b"GT", values: genotype.as_bytes() };
            assert_eq!((sample.carries(1), sample.carries_any()), (second, any), "{genotype}");
        }
    }
}
