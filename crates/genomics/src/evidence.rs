//! How many reads of a sample carry an ALT, by whatever its caller writes.
//!
//! The first rule that applies counts. The order is that of vcf2maf's `FixAlleleDepths`, so that
//! files that were joined from several callers are read as it reads them, with the rules that it
//! lacks put where they cannot take another's place.
//!
//! | rule | callers | reference, alternate | why there |
//! | --- | --- | --- | --- |
//! | `AD`, one number an allele | Mutect2, `HaplotypeCaller`, DRAGEN, SAGE, `VarDict`, `MuSE`, freebayes, RADIA, Pindel | `AD` | the specification's own key |
//! | `AD` one number an ALT, `RD` | `VarScan2` | `RD`, `AD` | its `AD` leaves the reference out |
//! | `BCOUNT` | `SomaticSniper` | by base | its `DP4` sums all ALTs |
//! | `AU`, `CU`, `GU`, `TU` | Strelka2 SNV | by base, tier 1 | has no `AD`; its `DP` is tier 1 too |
//! | `TAR`, `TIR` | Strelka2 indel | tier 1 | has no `AD` |
//! | `FAZ` to `RTZ` | `CaVEMan` | by base, both strands | has no `AD` |
//! | `RO`, `AO` | freebayes | `RO`, `AO` | where `AD` was left out |
//! | `RR`, `RV`, else `DR`, `DV` | Delly | junction reads, else pairs | an imprecise junction has no reads |
//! | `DP4` | `VarScan2`, samtools | both strands | one sum for all ALTs, so it comes late |
//! | `PP`, `NP` of `PR`, `NR` | cgpPindel | –, both strands | before Platypus: both write `NR` |
//! | `NV` of `NR` | Platypus | –, `NV` | tells no reference reads |
//! | `VD`, `DV` or a lone `AD`, of `DP` | `VarDict`, mpileup, Pindel | –, the number | tell no reference reads |
//! | `AF`, `VAF`, `FREQ`, `FA` | any | –, – | a caller's own estimate, not a count |
//! | INFO: `DP4`, `RO` and `AO`, `AF` of `DP` | `LoFreq` and others without samples | | INFO sums samples, so only without them |
//! | INFO: `TR` of `TC`; `TUMOR_VD`, `TVAF`, `TUMOR_AF` | Platypus of one sample; umccr, PCGR | | named after the tumor |
//!
//! **The fraction** is alternate / all reads that support one of the record's alleles, which is
//! maftools' and Strelka's rule (`t_alt_count / (t_ref_count + t_alt_count)` with one ALT), and
//! alternate / depth where the reference reads are not told. A caller's own `AF` may differ: that
//! of Mutect2 is a posterior mean.
//!
//! **The depth** is the caller's `DP`, which also counts reads that support no allele; the sum of
//! the alleles where there is no `DP` or where it is less than reference and alternate together,
//! for `AD` counts filtered reads with some callers.

use crate::{
    allele::Kind,
    lines::number,
    sample::{Key, Sample, count},
};

/// What the reads of one sample say of one ALT; `None` is what the file does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Reads at the place.
    pub depth: Option<u32>,
    /// Reads that carry the reference.
    pub reference_count: Option<u32>,
    /// Reads that carry the ALT.
    pub alternate_count: Option<u32>,
    /// The share of reads that carry the ALT, 0 to 1.
    pub allele_fraction: Option<f64>,
}

/// An ALT of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allele {
    /// `None` for symbols and breakends.
    pub(crate) kind: Option<Kind>,
    /// Its place among the ALTs.
    pub(crate) index: usize,
    /// The number of ALTs.
    pub(crate) alternates: usize,
}

/// What a sample says of an ALT, else what INFO says where it can only mean this sample:
/// `samples` is the number of samples in the file.
pub(crate) fn evidence(
    sample: Option<Sample<'_>>,
    info: &[u8],
    samples: usize,
    allele: Allele,
) -> Evidence {
    let by_sample = sample.map(|sample| of_sample(sample, allele)).unwrap_or_default();
    if by_sample.alternate_count.is_some() || by_sample.allele_fraction.is_some() {
        return by_sample;
    }
    of_info(info, samples, allele).unwrap_or(by_sample)
}

/// What a sample column says of an ALT.
pub(crate) fn of_sample(sample: Sample<'_>, allele: Allele) -> Evidence {
    const RULES: [fn(Sample<'_>, Allele) -> Option<Evidence>; 13] = [
        all_depths,
        varscan,
        sniper,
        strelka_snv,
        strelka_indel,
        caveman,
        freebayes,
        delly,
        strands,
        cgp_pindel,
        platypus,
        alternate_of_depth,
        fraction,
    ];
    RULES
        .iter()
        .find_map(|rule| rule(sample, allele))
        .unwrap_or_else(|| Evidence { depth: sample.count(Key::Dp, 0), ..Evidence::default() })
}

/// Puts counts together; `informative` is the number of reads that support any of the alleles.
fn counted(
    reference_count: Option<u32>,
    alternate_count: Option<u32>,
    informative: Option<u32>,
    depth: Option<u32>,
) -> Evidence {
    let told = reference_count.unwrap_or(0).saturating_add(alternate_count.unwrap_or(0));
    let depth = match depth {
        Some(depth) if depth < told => Some(informative.unwrap_or(told)),
        depth => depth.or(informative),
    };
    let share = |whole: u32| {
        let part = alternate_count.filter(|&part| whole > 0 && part <= whole)?;
        Some(f64::from(part) / f64::from(whole))
    };
    let allele_fraction = informative.or(depth).and_then(share);
    Evidence { depth, reference_count, alternate_count, allele_fraction }
}

/// The same where the reads of reference and ALT are known, and no others count.
fn pair(reference: Option<u32>, alternate: Option<u32>, depth: Option<u32>) -> Option<Evidence> {
    let informative = reference?.checked_add(alternate?);
    Some(counted(reference, alternate, informative, depth))
}

fn depth(sample: Sample<'_>) -> Option<u32> {
    sample.count(Key::Dp, 0)
}

/// The numbers of a list: that of the reference and that of the ALT; `None` unless the list has
/// one for each allele. Their sum is only known when all are.
fn of_alleles(list: &[u8], depth: Option<u32>, allele: Allele) -> Option<Evidence> {
    let (mut reference, mut alternate) = (None, None);
    let (mut sum, mut length) = (Some(0_u32), 0);
    for (place, part) in list.split(|&byte| byte == b',').enumerate() {
        let number = count(part);
        if place == 0 {
            reference = number;
        } else if place == allele.index + 1 {
            alternate = number;
        }
        sum = sum.and_then(|sum| sum.checked_add(number?));
        length = place + 1;
    }
    let is_told = length == allele.alternates + 1 && reference.or(alternate).is_some();
    is_told.then(|| counted(reference, alternate, sum, depth))
}

fn all_depths(sample: Sample<'_>, allele: Allele) -> Option<Evidence> {
    of_alleles(sample.value(Key::Ad)?, depth(sample), allele)
}

fn varscan(sample: Sample<'_>, allele: Allele) -> Option<Evidence> {
    let is_of_alternates = numbers(sample.value(Key::Ad)?) == allele.alternates;
    let alternate = sample.count(Key::Ad, allele.index).filter(|_| is_of_alternates);
    pair(sample.count(Key::Rd, 0), alternate, depth(sample))
}

fn numbers(list: &[u8]) -> usize {
    list.split(|&byte| byte == b',').count()
}

/// Reference and ALT of a substitution by the counts of the four bases.
fn by_base(
    sample: Sample<'_>,
    allele: Allele,
    reads: impl Fn(usize) -> Option<u32>,
) -> Option<Evidence> {
    let place = |base| b"ACGT".iter().position(|&known| known == base);
    match allele.kind? {
        Kind::Snv { from, to } => pair(reads(place(from)?), reads(place(to)?), depth(sample)),
        _ => None,
    }
}

fn sniper(sample: Sample<'_>, allele: Allele) -> Option<Evidence> {
    sample.value(Key::Bcount)?;
    by_base(sample, allele, |base| sample.count(Key::Bcount, base))
}

fn strelka_snv(sample: Sample<'_>, allele: Allele) -> Option<Evidence> {
    const BASES: [Key; 4] = [Key::Au, Key::Cu, Key::Gu, Key::Tu];
    by_base(sample, allele, |base| sample.count(BASES[base], 0))
}

fn strelka_indel(sample: Sample<'_>, _: Allele) -> Option<Evidence> {
    pair(sample.count(Key::Tar, 0), sample.count(Key::Tir, 0), depth(sample))
}

fn caveman(sample: Sample<'_>, allele: Allele) -> Option<Evidence> {
    const FORWARD: [Key; 4] = [Key::Faz, Key::Fcz, Key::Fgz, Key::Ftz];
    const REVERSE: [Key; 4] = [Key::Raz, Key::Rcz, Key::Rgz, Key::Rtz];
    by_base(sample, allele, |base| {
        sample.count(FORWARD[base], 0)?.checked_add(sample.count(REVERSE[base], 0)?)
    })
}

fn freebayes(sample: Sample<'_>, allele: Allele) -> Option<Evidence> {
    reference_and_alternates(sample.value(Key::Ro)?, sample.value(Key::Ao)?, depth(sample), allele)
}

fn reference_and_alternates(
    reference: &[u8],
    alternates: &[u8],
    depth: Option<u32>,
    allele: Allele,
) -> Option<Evidence> {
    if numbers(alternates) != allele.alternates {
        return None;
    }
    let mut parts = alternates.split(|&byte| byte == b',').map(count);
    let alternate = parts.clone().nth(allele.index)?;
    let reference = count(reference);
    let informative = parts.try_fold(reference?, |sum, part| sum.checked_add(part?));
    Some(counted(reference, alternate, informative, depth))
}

fn delly(sample: Sample<'_>, _: Allele) -> Option<Evidence> {
    let of = |reference, alternate| {
        pair(sample.count(reference, 0), sample.count(alternate, 0), depth(sample))
    };
    of(Key::Rr, Key::Rv)
        .filter(|junction| junction.depth > Some(0))
        .or_else(|| of(Key::Dr, Key::Dv))
}

fn strands(sample: Sample<'_>, _: Allele) -> Option<Evidence> {
    four_strands(sample.value(Key::Dp4)?, depth(sample))
}

/// Reference forward and reverse, ALT forward and reverse.
fn four_strands(list: &[u8], depth: Option<u32>) -> Option<Evidence> {
    let mut parts = list.split(|&byte| byte == b',').map(count);
    let mut two = || parts.next()??.checked_add(parts.next()??);
    let reference = two();
    pair(reference, two(), depth)
}

fn cgp_pindel(sample: Sample<'_>, _: Allele) -> Option<Evidence> {
    let strands =
        |positive, negative| sample.count(positive, 0)?.checked_add(sample.count(negative, 0)?);
    let alternate = strands(Key::Pp, Key::Np)?;
    Some(counted(None, Some(alternate), None, Some(strands(Key::Pr, Key::Nr)?)))
}

fn platypus(sample: Sample<'_>, allele: Allele) -> Option<Evidence> {
    let alternate = sample.count(Key::Nv, allele.index)?;
    let reads = sample.count(Key::Nr, allele.index).or_else(|| sample.count(Key::Nr, 0))?;
    Some(counted(None, Some(alternate), None, Some(reads)))
}

fn alternate_of_depth(sample: Sample<'_>, allele: Allele) -> Option<Evidence> {
    let told = |key| {
        let is_of_alternates = numbers(sample.value(key)?) == allele.alternates;
        sample.count(key, allele.index).filter(|_| is_of_alternates)
    };
    // Two numbers for two ALTs may as well be those of the reference and of one of them.
    let lone = || told(Key::Ad).filter(|_| allele.alternates == 1);
    let alternate = told(Key::Vd).or_else(|| told(Key::Dv)).or_else(lone)?;
    Some(counted(None, Some(alternate), None, depth(sample)))
}

fn fraction(sample: Sample<'_>, allele: Allele) -> Option<Evidence> {
    let keys = [Key::Af, Key::Vaf, Key::Freq, Key::Fa];
    let found = keys.into_iter().find_map(|key| fraction_of(sample.value(key)?, allele))?;
    Some(Evidence { depth: depth(sample), allele_fraction: Some(found), ..Evidence::default() })
}

/// A fraction or a percentage. A caller that lists the reference first gives one number more than
/// there are ALTs.
fn fraction_of(list: &[u8], allele: Allele) -> Option<f64> {
    let place = allele.index + usize::from(numbers(list) == allele.alternates + 1);
    let part = list.split(|&byte| byte == b',').nth(place)?;
    let found = match part.strip_suffix(b"%") {
        Some(percent) => number::<f64>(percent)? / 100.0,
        None => number(part)?,
    };
    (0.0..=1.0).contains(&found).then_some(found)
}

/// What INFO says of an ALT, where it can only mean this tumor.
fn of_info(info: &[u8], samples: usize, allele: Allele) -> Option<Evidence> {
    let get = |key: &[u8]| {
        let mut entries = info.split(|&byte| byte == b';');
        entries.find_map(|entry| entry.strip_prefix(key)?.strip_prefix(b"="))
    };
    let depth = || count(get(b"DP")?);
    let named = || {
        let (reads, fraction) =
            [(b"TUMOR_DP".as_slice(), b"TUMOR_AF".as_slice()), (b"TDP", b"TVAF")]
                .into_iter()
                .find_map(|(depth, fraction)| Some((get(depth), get(fraction)?)))?;
        Some(Evidence {
            depth: reads.and_then(count),
            alternate_count: get(b"TUMOR_VD").and_then(count),
            allele_fraction: Some(fraction_of(fraction, allele)?),
            ..Evidence::default()
        })
    };
    let platypus = || {
        let alternate = count(get(b"TR")?.split(|&byte| byte == b',').nth(allele.index)?)?;
        Some(counted(None, Some(alternate), None, Some(count(get(b"TC")?)?)))
    };
    // Without reads, AF is how often a population has the ALT, or how many of AN genotypes.
    let own = || {
        let allele_fraction = fraction_of(get(b"AF").filter(|_| get(b"AN").is_none())?, allele)?;
        let (depth, allele_fraction) = (Some(depth()?), Some(allele_fraction));
        Some(Evidence { depth, allele_fraction, ..Evidence::default() })
    };
    match samples {
        0 => four_strands(get(b"DP4").unwrap_or_default(), depth())
            .or_else(|| reference_and_alternates(get(b"RO")?, get(b"AO")?, depth(), allele))
            .or_else(platypus)
            .or_else(named)
            .or_else(own),
        1 => platypus().or_else(named),
        _ => named(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Format;

    const SNV: Option<Kind> = Some(Kind::Snv { from: b'C', to: b'T' });
    const INDEL: Option<Kind> = Some(Kind::Indel);

    /// Depth, reference, alternate, fraction.
    type Expected = (Option<u32>, Option<u32>, Option<u32>, Option<f64>);

    fn told(found: Evidence) -> Expected {
        (found.depth, found.reference_count, found.alternate_count, found.allele_fraction)
    }

    fn check(cases: &[(&str, &str, &str, Allele, Expected)]) {
        for &(name, keys, values, allele, expected) in cases {
            let sample =
                Sample::new(Format::new(keys.as_bytes()), keys.as_bytes(), values.as_bytes());
            assert_eq!(told(of_sample(sample, allele)), expected, "{name}");
        }
    }

    fn one(kind: Option<Kind>) -> Allele {
        Allele { kind, index: 0, alternates: 1 }
    }

    fn second(kind: Option<Kind>) -> Allele {
        Allele { kind, index: 1, alternates: 2 }
    }

    #[test]
    fn callers_with_a_depth_for_each_allele() {
        let all = |depth, reference, alternate, fraction| {
            (Some(depth), Some(reference), Some(alternate), Some(fraction))
        };
        check(&[
            ("Mutect", "GT:AD:DP:FA", "0/1:11,3:16:0.2", one(SNV), all(16, 11, 3, 3.0 / 14.0)),
            ("Mutect2", "GT:AD:AF:DP", "0/1:30,10:0.3:41", one(SNV), all(41, 30, 10, 0.25)),
            (
                "HaplotypeCaller",
                "GT:AD:DP:GQ:PL",
                "0/1:9,3:12:9:9,0,9",
                one(INDEL),
                all(12, 9, 3, 0.25),
            ),
            (
                "DRAGEN",
                "GT:SQ:AD:AF:F1R2:DP",
                "0/1:60:6,2:0.25:3,1:8",
                one(SNV),
                all(8, 6, 2, 0.25),
            ),
            (
                "SAGE",
                "GT:AD:AF:DP:RAD",
                "0/1:65,11:0.143:77:65,12",
                one(SNV),
                all(77, 65, 11, 11.0 / 76.0),
            ),
            (
                "VarDict",
                "GT:DP:VD:AD:AF:RD:ALD",
                "0/1:40:10:30,10:0.25:15,15:5,5",
                one(SNV),
                all(40, 30, 10, 0.25),
            ),
            ("MuSE", "GT:DP:AD:BQ:SS", "0/1:11:9,2:32,34:2", one(SNV), all(11, 9, 2, 2.0 / 11.0)),
            (
                "RADIA",
                "GT:DP:AD:AF",
                "0/1:106:95,11:0.9,0.1",
                one(SNV),
                all(106, 95, 11, 11.0 / 106.0),
            ),
            ("Pindel", "GT:DP:BQ:SS:AD", "0/0:47:.:2:43,4", one(INDEL), all(47, 43, 4, 4.0 / 47.0)),
            ("two ALTs", "AD", "10,3,7", second(SNV), all(20, 10, 7, 0.35)),
            ("filtered reads", "AD:DP", "10,10:15", one(SNV), all(20, 10, 10, 0.5)),
        ]);
    }

    #[test]
    fn callers_with_their_own_keys() {
        let all = |depth, reference, alternate, fraction| {
            (Some(depth), Some(reference), Some(alternate), Some(fraction))
        };
        check(&[
            (
                "Strelka SNV",
                "DP:AU:CU:GU:TU",
                "102:0,0:43,43:1,1:57,60",
                one(SNV),
                all(102, 43, 57, 0.57),
            ),
            (
                "Strelka indel",
                "DP:DP2:TAR:TIR:TOR",
                "45:45:30,31:10,10:4,4",
                one(INDEL),
                all(45, 30, 10, 0.25),
            ),
            (
                "VarScan",
                "GT:DP:RD:AD:FREQ:DP4",
                "0/1:13:9:4:30.77%:5,4,2,2",
                one(SNV),
                all(13, 9, 4, 4.0 / 13.0),
            ),
            (
                "SomaticSniper",
                "GT:DP:DP4:BCOUNT",
                "0/1:8:0,3,0,5:0,3,1,4",
                one(SNV),
                all(8, 3, 4, 4.0 / 7.0),
            ),
            (
                "CaVEMan",
                "GT:FAZ:FCZ:FGZ:FTZ:RAZ:RCZ:RGZ:RTZ:PM",
                "0|1:0:6:0:1:0:3:0:2:0.25",
                one(SNV),
                all(12, 9, 3, 0.25),
            ),
            ("freebayes", "GT:DP:RO:AO", "1/2:11:6:1,3", second(SNV), all(11, 6, 3, 0.3)),
            ("Delly", "GT:DR:DV:RR:RV", "0/1:9:9:30:10", one(None), all(40, 30, 10, 0.25)),
            ("imprecise Delly", "GT:DR:DV:RR:RV", "0/1:6:2:0:0", one(None), all(8, 6, 2, 0.25)),
            ("strands", "GT:DP4", "0/1:0,3,0,1", one(SNV), all(4, 3, 1, 0.25)),
        ]);
    }

    #[test]
    fn callers_that_do_not_count_the_reference() {
        let rest = |depth, alternate, fraction| (depth, None, alternate, fraction);
        let quarter = rest(Some(20), Some(5), Some(0.25));
        check(&[
            ("Platypus", "GT:NR:NV", "0/1:20:5", one(SNV), quarter),
            ("Platypus with two ALTs", "GT:NR:NV", "1/2:20,20:9,5", second(SNV), quarter),
            ("cgpPindel", "GT:PP:NP:PR:NR", "./.:2:3:12:8", one(INDEL), quarter),
            ("VarDict without AD", "GT:DP:VD", "0/1:20:5", one(SNV), quarter),
            ("mpileup", "GT:DP:DV", "0/1:20:5", one(SNV), quarter),
            ("old Pindel", "GT:AD:DP", "0/1:5:20", one(INDEL), quarter),
            ("reference missing", "AD:DP", ".,5:20", one(SNV), quarter),
            ("AF alone", "GT:DP:AF", "0/1:20:0.4", one(SNV), rest(Some(20), None, Some(0.4))),
            ("AF of both", "AF", "0.9,0.1", one(SNV), rest(None, None, Some(0.1))),
            ("FREQ alone", "FREQ", "12.5%", one(SNV), rest(None, None, Some(0.125))),
            ("above one", "AF", "45.6", one(SNV), rest(None, None, None)),
        ]);
    }

    #[test]
    fn what_is_not_told_is_unknown() {
        let nothing = (None, None, None, None);
        check(&[
            ("no reads", "GT:AD", "0/1:0,0", one(SNV), (Some(0), Some(0), Some(0), None)),
            ("none of the reads", "AD", "9,0", one(SNV), (Some(9), Some(9), Some(0), Some(0.0))),
            (
                "no reads, an estimate",
                "AD:AF",
                "0,0:0.5",
                one(SNV),
                (Some(0), Some(0), Some(0), None),
            ),
            ("missing", "GT:AD:DP", "0/1:.:9", one(SNV), (Some(9), None, None, None)),
            ("all missing", "AD:DP", ".,.:0", one(SNV), (Some(0), None, None, None)),
            ("too short AD", "AD", "9,1", second(SNV), nothing),
            (
                "too long AD, an estimate",
                "AD:AF",
                "9,1,2:0.1",
                one(SNV),
                (None, None, None, Some(0.1)),
            ),
            ("short column", "GT:AD", "0/1", one(SNV), nothing),
            ("genotype alone", "GT", "0/1", one(SNV), nothing),
            (
                "Strelka's bases of a block",
                "AU:CU:GU:TU",
                "1,1:1,1:1,1:1,1",
                one(Some(Kind::Mnv)),
                nothing,
            ),
            (
                "too many reads to add",
                "AD",
                "4294967295,1",
                one(SNV),
                (None, Some(u32::MAX), Some(1), None),
            ),
        ]);
    }

    #[test]
    fn info_counts_where_it_can_only_mean_the_tumor() {
        let lofreq = "DP=45;AF=0.2;SB=0;DP4=16,16,4,4";
        for (name, info, samples, expected) in [
            ("LoFreq", lofreq, 0, (Some(45), Some(32), Some(8), Some(0.2))),
            ("LoFreq without strands", "DP=45;AF=0.2", 0, (Some(45), None, None, Some(0.2))),
            ("INFO of a sample's file", lofreq, 1, (None, None, None, None)),
            ("frequency in a population", "AF=0.2;AN=900;DP=9", 0, (None, None, None, None)),
            ("frequency without reads", "AF=0.2", 0, (None, None, None, None)),
            ("freebayes", "DP=9;RO=6;AO=2", 0, (Some(9), Some(6), Some(2), Some(0.25))),
            ("Platypus", "TC=20;TR=5", 1, (Some(20), None, Some(5), Some(0.25))),
            ("Platypus of many", "TC=20;TR=5", 2, (None, None, None, None)),
            ("PCGR", "TVAF=0.25;TDP=40", 1, (Some(40), None, None, Some(0.25))),
            (
                "umccr",
                "TUMOR_VD=11;TUMOR_DP=77;TUMOR_AF=0.143",
                3,
                (Some(77), None, Some(11), Some(0.143)),
            ),
            ("a String as a flag", "AF;DP;TVAF", 0, (None, None, None, None)),
            ("nothing", ".", 0, (None, None, None, None)),
        ] {
            let found = evidence(None, info.as_bytes(), samples, one(SNV));
            assert_eq!(told(found), expected, "{name}");
        }
    }
}
