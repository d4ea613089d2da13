//! One sample column of a record, read by the keys that FORMAT lists.

/// Marks a key that FORMAT does not list.
const ABSENT: u8 = u8::MAX;

/// Files that join several callers hold a few dozen FORMAT texts; more than so many are not kept.
const KNOWN_FORMATS: usize = 64;

/// A FORMAT key that the features need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
pub(crate) enum Key {
    Gt, Dp, Ad, Rd, Bcount, Au, Cu, Gu, Tu, Tar, Tir, Faz, Fcz, Fgz, Ftz, Raz, Rcz, Rgz, Rtz,
    Ao, Ro, Vd, Pp, Np, Pr, Nr, Nv, Rr, Rv, Dr, Dv, Dp4, Af, Vaf, Freq, Fa,
}

impl Key {
    /// The keys as files write them, in the order of the enum.
    #[rustfmt::skip]
    const NAMES: [&'static str; 36] = [
        "GT", "DP", "AD", "RD", "BCOUNT", "AU", "CU", "GU", "TU", "TAR", "TIR",
        "FAZ", "FCZ", "FGZ", "FTZ", "RAZ", "RCZ", "RGZ", "RTZ",
        "AO", "RO", "VD", "PP", "NP", "PR", "NR", "NV", "RR", "RV", "DR", "DV", "DP4",
        "AF", "VAF", "FREQ", "FA",
    ];
}

/// At which place of a sample column each key stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format([u8; Key::NAMES.len()]);

impl Format {
    /// Understands a FORMAT column; of a key that it lists twice the first counts.
    pub(crate) fn new(column: &[u8]) -> Self {
        let mut places = [ABSENT; Key::NAMES.len()];
        for (key, place) in column.split(|&byte| byte == b':').zip(0..ABSENT) {
            let known = Key::NAMES.iter().position(|name| name.as_bytes() == key);
            if let Some(known) = known.filter(|&known| places[known] == ABSENT) {
                places[known] = place;
            }
        }
        Self(places)
    }

    fn place(&self, key: Key) -> Option<usize> {
        let place = self.0[key as usize];
        (place != ABSENT).then_some(usize::from(place))
    }
}

/// The FORMAT columns of a file, each understood once: most files have one or two.
#[derive(Debug, Default)]
pub(crate) struct Formats {
    known: Vec<(Vec<u8>, Format)>,
    last: usize,
}

impl Formats {
    /// What a FORMAT column lists.
    pub(crate) fn get(&mut self, column: &[u8]) -> Format {
        let is_same = |(known, _): &(Vec<u8>, Format)| known == column;
        if !self.known.get(self.last).is_some_and(is_same) {
            self.last = self.known.iter().position(is_same).unwrap_or_else(|| self.add(column));
        }
        self.known[self.last].1
    }

    fn add(&mut self, column: &[u8]) -> usize {
        if self.known.len() == KNOWN_FORMATS {
            self.known.clear();
        }
        self.known.push((column.to_vec(), Format::new(column)));
        self.known.len() - 1
    }
}

/// One sample column of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample<'a> {
    format: Format,
    keys: &'a [u8],
    values: &'a [u8],
}

impl<'a> Sample<'a> {
    /// The sample of a column; `keys` is the FORMAT column that `format` was made of.
    pub(crate) fn new(format: Format, keys: &'a [u8], values: &'a [u8]) -> Self {
        Self { format, keys, values }
    }

    /// The value of any FORMAT key; `None` when absent or `.`.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.at(self.keys.split(|&byte| byte == b':').position(|found| found == key)?)
    }

    /// The value of a key that was looked up beforehand; `None` when absent or `.`.
    pub(crate) fn value(&self, key: Key) -> Option<&'a [u8]> {
        self.at(self.format.place(key)?)
    }

    /// The number at a place of a comma-separated value.
    pub(crate) fn count(&self, key: Key, place: usize) -> Option<u32> {
        count(self.value(key)?.split(|&byte| byte == b',').nth(place)?)
    }

    /// Whether the genotype names the ALT with this index; `None` without a genotype.
    pub(crate) fn carries(&self, index: usize) -> Option<bool> {
        self.genotype(|allele| allele as usize == index + 1)
    }

    /// Whether the genotype names any ALT; `None` without a genotype.
    pub(crate) fn carries_any(&self) -> Option<bool> {
        self.genotype(|allele| allele > 0)
    }

    /// Whether an allele of the genotype is so; `None` where no allele was called.
    fn genotype(&self, is_so: impl Fn(u32) -> bool) -> Option<bool> {
        let alleles = self.value(Key::Gt)?.split(|byte| b"/|".contains(byte)).filter_map(count);
        alleles.map(is_so).reduce(|any, one| any | one)
    }

    fn at(&self, place: usize) -> Option<&'a [u8]> {
        let value = self.values.split(|&byte| byte == b':').nth(place)?;
        (!value.is_empty() && value != b".").then_some(value)
    }
}

/// A number of reads; `None` for `.` and whatever else is no whole number.
pub(crate) fn count(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_the_keys() {
        for (key, name) in [(Key::Gt, "GT"), (Key::Ftz, "FTZ"), (Key::Dp4, "DP4"), (Key::Fa, "FA")]
        {
            assert_eq!(Key::NAMES[key as usize], name);
        }
        assert_eq!(Key::NAMES.len(), Key::Fa as usize + 1);
    }

    #[test]
    fn formats_are_understood_once_and_never_mixed_up() {
        let mut formats = Formats::default();
        for number in 0..200 {
            let column = format!("X{}:AD:GT", "x".repeat(number % 70));
            for column in [column.as_str(), "AD:GT:AD", "GT"] {
                let format = formats.get(column.as_bytes());
                let expected = column.split(':').position(|key| key == "AD");
                assert_eq!(format.place(Key::Ad), expected, "{column}");
                assert_eq!(format.place(Key::Dp), None);
            }
            assert!(formats.known.len() <= KNOWN_FORMATS);
        }
        let long = format!("{}AD", "X:".repeat(300));
        assert_eq!(formats.get(long.as_bytes()).place(Key::Ad), None, "too far to the right");
    }

    #[test]
    fn values_of_a_column() {
        let sample = Sample::new(Format::new(b"GT:AD:CN:DP"), b"GT:AD:CN:DP", b"0/1:3,.,4:2.5");
        assert_eq!(sample.value(Key::Ad), Some(b"3,.,4".as_slice()));
        assert_eq!(sample.get(b"CN"), Some(b"2.5".as_slice()));
        assert_eq!(
            [0, 1, 2, 3].map(|place| sample.count(Key::Ad, place)),
            [Some(3), None, Some(4), None]
        );
        assert_eq!((sample.value(Key::Dp), sample.get(b"XX")), (None, None), "a short column");
        assert_eq!(count(b"4294967295"), Some(u32::MAX));
        for no_count in ["", ".", "-1", "1.5", "4294967296", "1e3", " 1"] {
            assert_eq!(count(no_count.as_bytes()), None, "{no_count}");
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
            let sample = Sample::new(Format::new(b"GT"), b"GT", genotype.as_bytes());
            assert_eq!((sample.carries(1), sample.carries_any()), (second, any), "{genotype}");
        }
    }
}
