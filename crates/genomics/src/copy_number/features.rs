use std::cmp::Ordering;

use oncoweave_core::Feature;

use super::{
    CnvSettings, CopyNumber, GeneUnit, HumanBuild, Segment,
    arms::{arms, autosomes},
    covered,
    scars::{Scars, scars},
    weighted_mean,
};
use crate::{Interval, settings::is_autosome};

/// The copies of an autosome that a normal cell has.
const NORMAL_COPIES: f64 = 2.0;

/// The copy number of one tumor.
#[derive(Default)]
struct Tumor<'a> {
    segments: Vec<Segment>,
    /// Of each gene its value, by name.
    genes: Option<Genes<'a>>,
    /// The file lists changes alone and nothing says how long the rest is.
    is_partial: bool,
    bins: bool,
}

struct Genes<'a> {
    all: &'a super::Genes,
    values: &'a super::GeneValues,
}

/// The copy number features of one sample.
///
/// Shares and means are of the bases that the sample's segments cover, on autosomes alone: the
/// normal copy number of X and Y depends on sex. A sample that the file does not hold was not
/// measured, so that its features have no value; a gene that no segment covers and no row names has
/// none either. What a file does not tell has no value: a table of log2 ratios has no ploidy, one of
/// total copies no loss of heterozygosity. The list of features depends on the settings alone.
#[must_use]
pub fn cnv_features(
    copy_number: &CopyNumber,
    sample_id: &str,
    settings: &CnvSettings,
) -> Vec<Feature> {
    let tumor = Tumor::of(copy_number, sample_id, settings);
    let autosomes: Vec<&Segment> =
        tumor.segments.iter().filter(|s| is_autosome(&s.interval.chromosome)).collect();
    let mut features = tumor.changes(&autosomes, settings.log2_threshold);
    features.extend(tumor.absolute(&autosomes));
    features.extend(tumor.gene_counts());
    if let Some(build) = settings.build {
        let segments = if tumor.is_partial { &[] } else { tumor.segments.as_slice() };
        features.extend(scar_features(scars(segments, build)));
    }
    let genes = settings.genes.iter().filter(|gene| !settings.gene_positions.contains_key(*gene));
    let genes = settings
        .gene_positions
        .iter()
        .map(|(gene, place)| (gene, Some(place)))
        .chain(genes.map(|gene| (gene, None)));
    features.extend(genes.flat_map(|(gene, place)| tumor.gene(gene, place)));
    if let (Some(build), true) = (settings.build, settings.arms) {
        features.extend(arms(build).flat_map(|(name, arm)| tumor.arm(&name, &arm)));
    }
    features
}

impl<'a> Tumor<'a> {
    fn of(copy_number: &'a CopyNumber, sample_id: &str, settings: &CnvSettings) -> Self {
        let name = copy_number.matching(sample_id, settings.barcode_prefix);
        let segments = name.and_then(|name| copy_number.segments.get(name));
        let mut segments = segments.cloned().unwrap_or_default();
        let mut is_partial = copy_number.changes_only;
        if let (Some(build), true, false) = (settings.build, is_partial, name.is_none()) {
            segments = with_normal_rest(segments, build);
            is_partial = false;
        }
        let all = &copy_number.genes;
        let values = name.and_then(|name| all.samples.get(name));
        let genes = values.map(|values| Genes { all, values });
        Self { segments, genes, is_partial, bins: copy_number.bins }
    }

    /// The share of the autosomes' bases for which a test holds, of those that it can tell.
    fn share(
        &self,
        autosomes: &[&Segment],
        test: impl Fn(&Segment) -> Option<bool>,
    ) -> Option<f64> {
        let told = autosomes.iter().filter(|segment| test(segment).is_some());
        let bases = covered(told.map(|segment| &segment.interval));
        let holds = autosomes.iter().filter(|segment| test(segment) == Some(true));
        let holds = covered(holds.map(|segment| &segment.interval));
        (bases > 0 && !self.is_partial).then(|| holds as f64 / bases as f64)
    }

    /// How much of the genome changed.
    fn changes(&self, autosomes: &[&Segment], threshold: f64) -> Vec<Feature> {
        let change = |segment: &Segment| {
            let ratio = segment.log2_ratio.map(|ratio| match ratio {
                ratio if ratio > threshold => Ordering::Greater,
                ratio if ratio < -threshold => Ordering::Less,
                _ => Ordering::Equal,
            });
            ratio.or_else(|| segment.copies?.round().partial_cmp(&NORMAL_COPIES))
        };
        let share = |changes: &[Ordering]| {
            self.share(autosomes, |segment| Some(changes.contains(&change(segment)?)))
        };
        let meaning = |what: &str, copies: &str| {
            format!(
                "share of the segmented autosomes with a log2 ratio {what}, \
                 or with {copies} than two copies where the file gives copies alone"
            )
        };
        let altered = format!("above {threshold} or below -{threshold}");
        let count = !self.bins && !self.is_partial && !autosomes.is_empty();
        vec![
            Feature::new(
                "cnv_fraction_altered",
                "",
                &meaning(&altered, "more or fewer"),
                share(&[Ordering::Less, Ordering::Greater]),
            )
            .with_standard("fraction of genome altered as in cBioPortal, on autosomes"),
            Feature::new(
                "cnv_gain_fraction",
                "",
                &meaning(&format!("above {threshold}"), "more"),
                share(&[Ordering::Greater]),
            ),
            Feature::new(
                "cnv_loss_fraction",
                "",
                &meaning(&format!("below -{threshold}"), "fewer"),
                share(&[Ordering::Less]),
            ),
            Feature::new(
                "cnv_segment_count",
                "segments",
                "copy number segments on the autosomes; more segments, more breaks",
                count.then_some(autosomes.len() as f64),
            ),
        ]
    }

    /// What copies tell and ratios do not.
    fn absolute(&self, autosomes: &[&Segment]) -> Vec<Feature> {
        let ploidy = self.ploidy(autosomes);
        let minor = |segment: &Segment| segment.minor_copies.map(f64::round);
        let major = |segment: &Segment| {
            Some(segment.copies?.round() - minor(segment)?).map(|major| major.max(0.0))
        };
        let doubled = self.share(autosomes, |segment| Some(major(segment)? >= 2.0));
        let lost = self.share(autosomes, |segment| Some(minor(segment)? <= 0.0));
        let count = |test: &dyn Fn(f64) -> bool| {
            let told: Vec<f64> = autosomes.iter().filter_map(|segment| segment.copies).collect();
            let count = told.iter().filter(|copies| test(copies.round())).count();
            (!told.is_empty() && !self.bins).then_some(count as f64)
        };
        let amplified = |ploidy: f64| if ploidy > 2.7 { 9.0 } else { 5.0 };
        vec![
            Feature::new(
                "cnv_ploidy",
                "copies",
                "mean copies of the autosomes, weighted by the length of segments",
                ploidy,
            ),
            Feature::new(
                "cnv_genome_doubling",
                "",
                "1 where the major allele has two copies or more on above half of the segmented \
                 autosomes, else 0",
                doubled.map(|share| f64::from(u8::from(share > 0.5))),
            )
            .with_standard("Bielski et al. 2018, Nature Genetics 50:1189"),
            Feature::new(
                "cnv_loh_fraction",
                "",
                "share of the segmented autosomes whose minor allele is lost (0 copies)",
                lost,
            ),
            Feature::new(
                "cnv_homozygous_deletion_count",
                "segments",
                "segments on the autosomes with no copy left",
                count(&|copies| copies <= 0.0),
            ),
            Feature::new(
                "cnv_amplification_count",
                "segments",
                "segments on the autosomes with 5 copies or more, with 9 or more where the ploidy \
                 is above 2.7",
                ploidy.and_then(|ploidy| count(&|copies| copies >= amplified(ploidy))),
            )
            .with_standard("COSMIC's definition of a copy number gain"),
        ]
    }

    fn ploidy(&self, autosomes: &[&Segment]) -> Option<f64> {
        let (mut sum, mut bases) = (0.0, 0.0);
        for segment in autosomes {
            let length = (segment.interval.end - segment.interval.start + 1) as f64;
            if let Some(copies) = segment.copies {
                sum += copies * length;
                bases += length;
            }
        }
        (bases > 0.0 && !self.is_partial).then(|| sum / bases)
    }

    /// The genes of a thresholded table that are amplified or lost on both copies.
    fn gene_counts(&self) -> Vec<Feature> {
        let count = |level: f32| {
            let genes = self.genes.as_ref().filter(|genes| genes.all.unit == GeneUnit::Level)?;
            Some(genes.values.iter().filter(|(_, value)| (value - level).abs() < 0.25).count()
                as f64)
        };
        let standard = "GISTIC 2.0, Mermel et al. 2011, Genome Biology 12:R41";
        vec![
            Feature::new(
                "cnv_amplified_gene_count",
                "genes",
                "genes of level 2 (amplification) in a thresholded table of genes",
                count(2.0),
            )
            .with_standard(standard),
            Feature::new(
                "cnv_deleted_gene_count",
                "genes",
                "genes of level -2 (deep deletion) in a thresholded table of genes",
                count(-2.0),
            )
            .with_standard(standard),
        ]
    }

    /// A gene's copy number, by its place or its row.
    fn gene(&self, gene: &str, place: Option<&Interval>) -> [Feature; 4] {
        let row = self.genes.as_ref().and_then(|genes| {
            let number = genes.all.numbers.get(gene)?;
            let place = genes.values.binary_search_by_key(number, |&(number, _)| number).ok()?;
            Some((genes.all.unit, f64::from(genes.values[place].1)))
        });
        let of_unit = |unit| row.filter(|(of, _)| *of == unit).map(|(_, value)| value);
        let mean = |value: fn(&Segment) -> Option<f64>| {
            Some(weighted_mean(&self.segments, place?, value)?.0)
        };
        let over = place.map_or_else(
            || "from a table of genes".to_owned(),
            |place| format!("over {}, or from a table of genes", String::from(place.clone())),
        );
        let feature = |name: &str, unit, what, value| {
            let meaning = format!("{what} of {gene} {over}");
            Feature::new(&format!("{name}_{gene}"), unit, &meaning, value)
        };
        let ratio = mean(|segment| segment.log2_ratio).or(of_unit(GeneUnit::Log2Ratio));
        let copies = mean(|segment| segment.copies).or(of_unit(GeneUnit::Copies));
        let minor = mean(|segment| segment.minor_copies);
        [
            feature("copy_number_log2", "log2", "mean log2 ratio", ratio),
            feature("copy_number", "copies", "mean copies", copies),
            feature("minor_copy_number", "copies", "mean copies of the minor allele", minor),
            feature(
                "copy_number_level",
                "",
                "thresholded level, -2 deep deletion to 2 amplification,",
                of_unit(GeneUnit::Level),
            ),
        ]
    }

    fn arm(&self, name: &str, arm: &Interval) -> [Feature; 2] {
        let mean = |value: fn(&Segment) -> Option<f64>| {
            let mean = weighted_mean(&self.segments, arm, value)?.0;
            (!self.is_partial).then_some(mean)
        };
        let standard = "arms by UCSC cytoBand";
        [
            Feature::new(
                &format!("copy_number_log2_arm_{name}"),
                "log2",
                &format!("mean log2 ratio of the segmented part of {name}"),
                mean(|segment| segment.log2_ratio),
            )
            .with_standard(standard),
            Feature::new(
                &format!("copy_number_arm_{name}"),
                "copies",
                &format!("mean copies of the segmented part of {name}"),
                mean(|segment| segment.copies),
            )
            .with_standard(standard),
        ]
    }
}

/// The segments and between them, to the ends of the autosomes, what a list of changes leaves out.
///
/// What the list does not tell of its own segments it does not tell of the rest.
fn with_normal_rest(mut segments: Vec<Segment>, build: HumanBuild) -> Vec<Segment> {
    segments.sort_by_key(|segment| segment.interval.start);
    let tells = |value: fn(&Segment) -> Option<f64>| segments.iter().any(|s| value(s).is_some());
    let log2_ratio = tells(|segment| segment.log2_ratio).then_some(0.0);
    let minor_copies = tells(|segment| segment.minor_copies).then_some(NORMAL_COPIES / 2.0);
    let mut normal = Vec::new();
    for whole in autosomes(build) {
        let mut add = |start, end| {
            let interval = Interval { chromosome: whole.chromosome.clone(), start, end };
            let copies = Some(NORMAL_COPIES);
            normal.push(Segment { interval, log2_ratio, copies, minor_copies });
        };
        let mut next = 1;
        let on_it = segments.iter().filter(|s| s.interval.chromosome == whole.chromosome);
        for interval in on_it.map(|segment| &segment.interval) {
            if interval.start > next {
                add(next, interval.start - 1);
            }
            next = next.max(interval.end.saturating_add(1));
        }
        if next <= whole.end {
            add(next, whole.end);
        }
    }
    segments.extend(normal);
    segments
}

fn scar_features(scars: Option<Scars>) -> Vec<Feature> {
    let feature = |name, meaning, count: fn(Scars) -> u64, standard| {
        let value = scars.map(|scars| count(scars) as f64);
        Feature::new(name, "events", meaning, value).with_standard(standard)
    };
    vec![
        feature(
            "hrd_loh",
            "stretches of lost heterozygosity above 15 Mb on autosomes that did not lose it wholly",
            |scars| scars.losses,
            "Abkevich et al. 2012, British Journal of Cancer 107:1776",
        ),
        feature(
            "hrd_tai",
            "allelic imbalances that reach an end of an autosome and do not cross the centromere",
            |scars| scars.imbalances,
            "Birkbak et al. 2012, Cancer Discovery 2:366; details as in scarHRD",
        ),
        feature(
            "hrd_lst",
            "breaks less than 3 Mb wide between segments of 10 Mb and more within an arm, after \
             segments below 3 Mb are removed",
            |scars| scars.transitions,
            "Popova et al. 2012, Cancer Research 72:5454",
        ),
        feature(
            "hrd_sum",
            "sum of hrd_loh, hrd_tai and hrd_lst, not corrected for ploidy",
            |scars| scars.losses + scars.imbalances + scars.transitions,
            "Telli et al. 2016, Clinical Cancer Research 22:3764",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(content: &str) -> CopyNumber {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.tsv");
        fs_err::write(&path, content.replace(' ', "\t").replace('~', " ")).unwrap();
        CopyNumber::read(&path).unwrap()
    }

    fn values(found: &CopyNumber, sample: &str, settings: &str) -> BTreeMap<String, Option<f32>> {
        let features = cnv_features(found, sample, &toml::from_str(settings).unwrap());
        features.into_iter().map(|feature| (feature.info.name, feature.value)).collect()
    }

    fn check(values: &BTreeMap<String, Option<f32>>, expected: &[(&str, Option<f32>)]) {
        for (name, expected) in expected {
            assert_eq!(values[*name], *expected, "{name}");
        }
    }

    const POSITIONS: &str = "gene_positions = { MYC = '8:91-110', KRAS = '12:1-2' }";

    #[test]
    fn ratios_tell_shares_and_no_copies() {
        let found = read(
            "ID chrom loc.start loc.end num.mark seg.mean\nS1 8 1 100 9 0.5\n\
             S1 chr8 101 1e+03 9 0\nS1 9 1 1000 9 -1\nS1 X 1 1000 9 -1\n\nS2 8 1 10 9 0.2\n",
        );
        assert_eq!(found.samples().collect::<Vec<_>>(), ["S1", "S2"]);
        assert!(!found.is_of_one_tumor());
        let of_first = values(&found, "S1", POSITIONS);
        // 2,000 bases; KRAS, which no segment covers, was not measured, MYC half at 0.5.
        check(
            &of_first,
            &[
                ("cnv_fraction_altered", Some(0.55)),
                ("cnv_gain_fraction", Some(0.05)),
                ("cnv_loss_fraction", Some(0.5)),
                ("cnv_segment_count", Some(3.0)),
                ("copy_number_log2_MYC", Some(0.25)),
                ("copy_number_log2_KRAS", None),
                ("copy_number_MYC", None),
                ("cnv_ploidy", None),
                ("cnv_genome_doubling", None),
                ("cnv_loh_fraction", None),
                ("cnv_homozygous_deletion_count", None),
                ("cnv_amplification_count", None),
                ("cnv_amplified_gene_count", None),
            ],
        );
        // A ratio of just the threshold is no gain.
        let expected = [("cnv_fraction_altered", Some(0.0)), ("cnv_segment_count", Some(1.0))];
        check(&values(&found, "S2", POSITIONS), &expected);
        assert!(values(&found, "S3", POSITIONS).values().all(Option::is_none));
    }

    #[test]
    fn copies_tell_ploidy_and_both_alleles_tell_loss() {
        let found = read(
            "Chromosome Start End nMajor nMinor\n1 1 100 2 2\n1 101 200 2 0\n\
             8 1 100 10 1\n9 1 50 0 0\n9 51 100 1 1\nX 1 100 1 0\n",
        );
        assert!(found.is_of_one_tumor());
        assert_eq!(found.samples().count(), 0);
        let values = values(&found, "anyone", POSITIONS);
        check(
            &values,
            &[
                ("cnv_ploidy", Some(4.5)),
                ("cnv_genome_doubling", Some(1.0)),
                ("cnv_loh_fraction", Some(0.375)),
                ("cnv_homozygous_deletion_count", Some(1.0)),
                ("cnv_amplification_count", Some(1.0)),
                ("cnv_gain_fraction", Some(0.5)),
                ("cnv_loss_fraction", Some(0.125)),
                ("copy_number_MYC", Some(11.0)),
                ("minor_copy_number_MYC", Some(1.0)),
                ("copy_number_log2_MYC", None),
            ],
        );
    }

    #[test]
    fn a_gene_of_a_matrix_has_its_value_and_no_other() {
        let settings = "genes = ['MYC', 'TP53', 'KRAS']";
        let level = "copy_number_level_MYC";
        let log2 = "copy_number_log2_MYC";
        let copies = "copy_number_MYC";
        for (name, content, feature, expected) in [
            ("discrete", "Hugo_Symbol Entrez_Gene_Id S1 S2\nMYC 1 2 0\nTP53 2 -2 NA\n", level, 2.0),
            ("log2", "Hugo_Symbol S1\nMYC 0.731\n", log2, 0.731),
            (
                "GISTIC",
                "Gene~Symbol Gene~ID Cytoband S1\nMYC|chr8 1 8q24 0.5\nTP53 2 17p -0.25\n",
                copies,
                2.5,
            ),
            ("long", "Hugo_Symbol Sample_Id Value\nTP53 S2 1\nMYC S2 1\nMYC S1 -1\n", level, -1.0),
            ("PURPLE", "chromosome start end gene minCopyNumber\n8 1 2 MYC 7.5\n", copies, 7.5),
            (
                "GDC",
                "gene_id gene_name chromosome start end copy_number min_copy_number\n\
                 E1 MYC chr8 1 2 6 5\nE2 TP53 chr17 1 2  \n",
                copies,
                6.0,
            ),
        ] {
            let found = read(content);
            let values = values(&found, "S1", settings);
            for other in [level, log2, copies] {
                let expected = (other == feature).then_some(expected);
                assert_eq!(values[other], expected, "{name}: {other}");
            }
            assert_eq!(values["copy_number_KRAS"], None, "{name}");
            assert_eq!(values["copy_number_level_KRAS"], None, "{name}");
            assert_eq!(values["cnv_fraction_altered"], None, "{name}");
        }
        let found = read("Hugo_Symbol S1 S2\nMYC 2 0\nTP53 -2 NA\nTP53 0 0\n");
        assert_eq!(found.samples().collect::<Vec<_>>(), ["S1", "S2"]);
        let values = values(&found, "S1", settings);
        let expected = [
            ("copy_number_level_TP53", Some(-2.0)),
            ("cnv_amplified_gene_count", Some(1.0)),
            ("cnv_deleted_gene_count", Some(1.0)),
        ];
        check(&values, &expected);
    }

    #[test]
    fn the_features_depend_on_the_settings_alone() {
        let settings = format!("build = 'GRCh38'\ngenes = ['MYC', 'TP53']\n{POSITIONS}");
        let files = [
            "ID chrom loc.start loc.end num.mark seg.mean\nS1 8 1 100 9 0.5\n",
            "Hugo_Symbol S1\nMYC 0.731\n",
            "Chromosome Start End nMajor nMinor\n1 1 100 2 2\n",
            "#CHROM POS ID REF ALT QUAL FILTER INFO\n",
        ];
        let names = files.map(|file| {
            let settings = toml::from_str(&settings).unwrap();
            let features = cnv_features(&read(file), "S1", &settings);
            features.into_iter().map(|feature| feature.info.name).collect::<Vec<_>>()
        });
        assert!(names.iter().all(|list| *list == names[0]));
        let mut unique = names[0].clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names[0].len());
    }
}
