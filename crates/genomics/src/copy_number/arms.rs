//! The arms of the autosomes.
//!
//! Centromeres are the two `acen` bands of the table `cytoBand` of the UCSC Genome Browser for hg19
//! and hg38, lengths the end of its last band.

use crate::{Interval, copy_number::HumanBuild};

/// Chromosomes whose short arm is ribosomal and satellite DNA, which no caller measures.
const ACROCENTRIC: [usize; 5] = [13, 14, 15, 21, 22];

/// For chromosome 1 to 22: the bases before the centromere, up to its end, and in all.
type Arms = [(u64, u64, u64); 22];

#[rustfmt::skip]
const GRCH37: Arms = [
    (121_500_000, 128_900_000, 249_250_621),
    (90_500_000, 96_800_000, 243_199_373),
    (87_900_000, 93_900_000, 198_022_430),
    (48_200_000, 52_700_000, 191_154_276),
    (46_100_000, 50_700_000, 180_915_260),
    (58_700_000, 63_300_000, 171_115_067),
    (58_000_000, 61_700_000, 159_138_663),
    (43_100_000, 48_100_000, 146_364_022),
    (47_300_000, 50_700_000, 141_213_431),
    (38_000_000, 42_300_000, 135_534_747),
    (51_600_000, 55_700_000, 135_006_516),
    (33_300_000, 38_200_000, 133_851_895),
    (16_300_000, 19_500_000, 115_169_878),
    (16_100_000, 19_100_000, 107_349_540),
    (15_800_000, 20_700_000, 102_531_392),
    (34_600_000, 38_600_000, 90_354_753),
    (22_200_000, 25_800_000, 81_195_210),
    (15_400_000, 19_000_000, 78_077_248),
    (24_400_000, 28_600_000, 59_128_983),
    (25_600_000, 29_400_000, 63_025_520),
    (10_900_000, 14_300_000, 48_129_895),
    (12_200_000, 17_900_000, 51_304_566),
];

#[rustfmt::skip]
const GRCH38: Arms = [
    (121_700_000, 125_100_000, 248_956_422),
    (91_800_000, 96_000_000, 242_193_529),
    (87_800_000, 94_000_000, 198_295_559),
    (48_200_000, 51_800_000, 190_214_555),
    (46_100_000, 51_400_000, 181_538_259),
    (58_500_000, 62_600_000, 170_805_979),
    (58_100_000, 62_100_000, 159_345_973),
    (43_200_000, 47_200_000, 145_138_636),
    (42_200_000, 45_500_000, 138_394_717),
    (38_000_000, 41_600_000, 133_797_422),
    (51_000_000, 55_800_000, 135_086_622),
    (33_200_000, 37_800_000, 133_275_309),
    (16_500_000, 18_900_000, 114_364_328),
    (16_100_000, 18_200_000, 107_043_718),
    (17_500_000, 20_500_000, 101_991_189),
    (35_300_000, 38_400_000, 90_338_345),
    (22_700_000, 27_400_000, 83_257_441),
    (15_400_000, 21_500_000, 80_373_285),
    (24_200_000, 28_100_000, 58_617_616),
    (25_700_000, 30_400_000, 64_444_167),
    (10_900_000, 13_000_000, 46_709_983),
    (13_700_000, 17_400_000, 50_818_468),
];

fn table(build: HumanBuild) -> &'static Arms {
    match build {
        HumanBuild::Grch37 => &GRCH37,
        HumanBuild::Grch38 => &GRCH38,
    }
}

/// The arms that callers measure, 1p to 22q without the short arms of acrocentric chromosomes.
pub(crate) fn arms(build: HumanBuild) -> impl Iterator<Item = (String, Interval)> {
    table(build).iter().zip(1..).flat_map(|(&(start, end, length), chromosome)| {
        let arm = move |name, start, end| {
            let interval = Interval { chromosome: chromosome.to_string(), start, end };
            (format!("{chromosome}{name}"), interval)
        };
        let short = (!ACROCENTRIC.contains(&chromosome)).then(|| arm('p', 1, start));
        short.into_iter().chain([arm('q', end + 1, length)])
    })
}

/// The centromere of an autosome: the bases before it and up to its end.
pub(crate) fn centromere(build: HumanBuild, chromosome: &str) -> Option<(u64, u64)> {
    let index = chromosome.parse::<usize>().ok()?.checked_sub(1)?;
    table(build).get(index).map(|&(start, end, _)| (start, end))
}

/// The whole autosomes.
pub(crate) fn autosomes(build: HumanBuild) -> impl Iterator<Item = Interval> {
    table(build).iter().zip(1..).map(|(&(_, _, length), chromosome)| Interval {
        chromosome: chromosome.to_string(),
        start: 1,
        end: length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_lie_beside_their_centromere() {
        for build in [HumanBuild::Grch37, HumanBuild::Grch38] {
            let arms: Vec<_> = arms(build).collect();
            assert_eq!(arms.len(), 39);
            for (name, interval) in &arms {
                let (start, end) = centromere(build, &interval.chromosome).unwrap();
                assert!(interval.end <= start || interval.start > end, "{name}");
                assert!(interval.start < interval.end, "{name}");
            }
            assert_eq!(centromere(build, "X"), None);
        }
        let arm =
            |build, name: &str| String::from(arms(build).find(|arm| arm.0 == name).unwrap().1);
        // The lengths of chromosomes are those of the Genome Reference Consortium.
        assert_eq!(arm(HumanBuild::Grch38, "1q"), "1:125100001-248956422");
        assert_eq!(arm(HumanBuild::Grch37, "8p"), "8:1-43100000");
        assert_eq!(arm(HumanBuild::Grch37, "22q"), "22:17900001-51304566");
    }
}
