//! One record of a germline VCF.

use crate::{
    Error,
    genotypes::Counted,
    header::FIXED_COLUMNS,
    lines::{Lines, fields, number},
    settings::bare_chromosome,
};

/// A line of a VCF, split but not yet understood.
pub(crate) struct GenotypeRecord<'a> {
    /// Without `chr`.
    pub(crate) chromosome: &'a str,
    pub(crate) position: u64,
    /// The last base of a block of reference, the record's position in any other record.
    pub(crate) end: u64,
    columns: Vec<&'a [u8]>,
}

impl<'a> GenotypeRecord<'a> {
    pub(crate) fn parse(lines: &'a Lines, expected: usize) -> Result<Self, Error> {
        let columns: Vec<&[u8]> = fields(lines.line()).collect();
        if columns.len() < expected {
            return Err(lines.too_few_columns(expected, columns.len()));
        }
        let position = number(columns[1]).ok_or_else(|| {
            let expected = "a position as a whole number in POS";
            lines.fault(expected, "something else", "correct the record")
        })?;
        let chromosome = bare_chromosome(std::str::from_utf8(columns[0]).unwrap_or_default());
        let mut record = Self { chromosome, position, end: position, columns };
        if record.is_reference_only() {
            record.end = record.info(b"END").and_then(number).unwrap_or(position).max(position);
        }
        Ok(record)
    }

    /// The IDs of the variant.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.columns[2].split(|&byte| byte == b';').filter_map(|id| std::str::from_utf8(id).ok())
    }

    pub(crate) fn passes(&self) -> bool {
        // DeepVariant's mark of a call of two REF is no doubt.
        matches!(self.columns[6], b"PASS" | b"." | b"" | b"RefCall")
    }

    /// Whether no ALT is named: `.`, or the gVCF's `<NON_REF>` and `<*>` for any other allele.
    pub(crate) fn is_reference_only(&self) -> bool {
        self.alternates().all(|alternate| matches!(alternate, b"." | b"<NON_REF>" | b"<*>"))
    }

    fn alternates(&self) -> impl Iterator<Item = &'a [u8]> {
        self.columns[4].split(|&byte| byte == b',')
    }

    /// The number of an allele, REF being 0. Of a block of reference only the first base is known.
    pub(crate) fn allele(&self, allele: &str) -> Option<usize> {
        let mut alleles = std::iter::once(self.columns[3]).chain(self.alternates());
        alleles.position(|found| found.eq_ignore_ascii_case(allele.as_bytes()))
    }

    fn info(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.columns[7]
            .split(|&byte| byte == b';')
            .find_map(|entry| entry.strip_prefix(key)?.strip_prefix(b"="))
    }

    /// The number of counted alleles of a sample, 0 to 2.
    pub(crate) fn dosage(&self, sample: usize, counted: Counted) -> Option<f64> {
        let keys = self.columns[FIXED_COLUMNS];
        let values = *self.columns.get(FIXED_COLUMNS + 1 + sample)?;
        let value = |key: &[u8]| {
            let place = keys.split(|&byte| byte == b':').position(|found| found == key)?;
            values.split(|&byte| byte == b':').nth(place)
        };
        let numbers = |key: &[u8]| -> Option<Vec<f64>> {
            value(key)?.split(|&byte| byte == b',').map(number).collect()
        };
        match counted {
            Counted::Allele(allele) => numbers(b"DS")
                .and_then(|dosages| of_dosages(&dosages, allele))
                .or_else(|| numbers(b"GP").and_then(|chances| of_chances(&chances, allele)))
                .or_else(|| count(value(b"GT")?, allele)),
            Counted::Reference { dosage } => {
                // Without reads or confidence a block of reference says nothing.
                let is_empty = |key: &[u8]| value(key).and_then(number) == Some(0.0);
                let genotype = value(b"GT").filter(|_| !is_empty(b"GQ") && !is_empty(b"DP"))?;
                // Two of REF, or one where there is one chromosome.
                let all = count(genotype, 0)?;
                let is_reference = called(genotype).all(|allele| number(allele) == Some(0));
                is_reference.then(|| f64::from(dosage).min(all))
            }
        }
    }
}

/// From the dosage of each ALT.
fn of_dosages(dosages: &[f64], allele: usize) -> Option<f64> {
    let dosage = match allele {
        0 => 2.0 - dosages.iter().sum::<f64>(),
        allele => *dosages.get(allele - 1)?,
    };
    in_range(dosage)
}

/// From the probabilities of 0, 1 and 2 copies of the only ALT; older files have them in phred.
fn of_chances(chances: &[f64], allele: usize) -> Option<f64> {
    let &[none, one, two] = chances else { return None };
    let sum = none + one + two;
    let alternates = (one + 2.0 * two) / sum;
    let dosage = if allele == 0 { 2.0 - alternates } else { alternates };
    ((sum - 1.0).abs() < 0.02 && allele < 2).then_some(dosage).and_then(in_range)
}

fn in_range(dosage: f64) -> Option<f64> {
    (-1e-3..=2.0 + 1e-3).contains(&dosage).then(|| dosage.clamp(0.0, 2.0))
}

fn called(genotype: &[u8]) -> impl Iterator<Item = &[u8]> {
    genotype.split(|byte| matches!(byte, b'/' | b'|')).filter(|allele| !allele.is_empty())
}

/// How often a genotype has the allele; `None` where a part of it is unknown or it has more than
/// two. Where there is one chromosome, as on X in men, one is the most.
fn count(genotype: &[u8], allele: usize) -> Option<f64> {
    let alleles: Option<Vec<usize>> = called(genotype).map(number).collect();
    let alleles = alleles.filter(|alleles| (1..=2).contains(&alleles.len()))?;
    Some(alleles.iter().filter(|&&found| found == allele).count() as f64)
}
