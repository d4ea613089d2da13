use std::collections::BTreeSet;

use oncoweave_core::Feature;

use crate::{
    Panel, VariantSettings,
    allele::Kind,
    consequence::{Class, NONSYNONYMOUS},
};

/// Below so many variants the spread of their allele fractions says nothing about clones.
const MIN_VARIANTS_FOR_CLONES: usize = 5;

/// One somatic variant of one tumor.
pub(crate) struct Variant<'a> {
    /// Where it lies; `None` where the file does not tell.
    #[expect(dead_code, reason = "the spectra of substitutions will read it")]
    pub(crate) locus: Option<Locus<'a>>,
    /// `None` where the file does not give alleles.
    pub(crate) kind: Option<Kind>,
    /// The share of reads that carry it, 0 to 1, where known.
    pub(crate) allele_fraction: Option<f64>,
    /// Its consequence for each gene that it lies in.
    pub(crate) genes: Vec<(&'a [u8], Class)>,
}

/// Where a variant lies and what it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Locus<'a> {
    /// The chromosome without `chr` in front.
    pub(crate) chromosome: &'a str,
    /// The first base of `reference`, counted from 1.
    pub(crate) position: u64,
    /// The bases of the reference.
    pub(crate) reference: &'a [u8],
    /// The bases of the tumor.
    pub(crate) alternate: &'a [u8],
}

/// What a file tells at all: a count of what it never tells is unknown, not zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The file gives consequences.
    pub(crate) consequences: bool,
    /// The file gives alleles.
    pub(crate) alleles: bool,
}

/// Counts over the variants of one tumor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    variants: u64,
    nonsynonymous: u64,
    truncating: u64,
    missense: u64,
    snvs: u64,
    indels: u64,
    transitions: u64,
    cytosine_to_thymine: u64,
    allele_fractions: Vec<f64>,
    mutated_genes: BTreeSet<Vec<u8>>,
    truncated_genes: BTreeSet<Vec<u8>>,
}

impl Tally {
    pub(crate) fn add(&mut self, variant: &Variant<'_>) {
        self.variants += 1;
        self.allele_fractions.extend(variant.allele_fraction);
        if let Some(kind) = variant.kind {
            self.snvs += u64::from(matches!(kind, Kind::Snv { .. }));
            self.indels += u64::from(kind == Kind::Indel);
            self.transitions += u64::from(kind.is_transition());
            self.cytosine_to_thymine += u64::from(kind.is_cytosine_to_thymine());
        }
        // A variant in two overlapping genes counts once, as the worse of its two consequences.
        let class = variant.genes.iter().map(|&(_, class)| class).min().unwrap_or(Class::Other);
        self.nonsynonymous += u64::from(class.is_nonsynonymous());
        self.truncating += u64::from(class.is_truncating());
        self.missense += u64::from(class == Class::Missense);
        for &(gene, class) in &variant.genes {
            if class.is_nonsynonymous() && !self.mutated_genes.contains(gene) {
                self.mutated_genes.insert(gene.to_vec());
            }
            if class.is_truncating() && !self.truncated_genes.contains(gene) {
                self.truncated_genes.insert(gene.to_vec());
            }
        }
    }

    /// The features, always the same ones for the same settings.
    pub(crate) fn features(
        mut self,
        known: Known,
        panel: Option<&Panel>,
        settings: &VariantSettings,
    ) -> Vec<Feature> {
        self.allele_fractions.sort_unstable_by(f64::total_cmp);
        let mut features = self.drivers(known, panel, settings);
        features.extend(self.counts(known));
        features.extend(self.burden(known, panel, settings));
        features.extend(self.allele_fraction_features());
        features.extend(self.substitution_features(known));
        features
    }

    fn drivers(
        &self,
        known: Known,
        panel: Option<&Panel>,
        settings: &VariantSettings,
    ) -> Vec<Feature> {
        let flag = |set: &BTreeSet<Vec<u8>>, gene: &String| {
            let is_known = known.consequences && panel.is_none_or(|panel| panel.covers(gene));
            is_known.then(|| f64::from(u8::from(set.contains(gene.as_bytes()))))
        };
        let features = settings.genes.iter().flat_map(|gene| {
            let any = format!("1 where {gene} has a nonsynonymous somatic variant, else 0");
            let truncating = format!(
                "1 where {gene} has a truncating somatic variant \
                 (nonsense, frameshift, splice site, start lost), else 0"
            );
            [
                Feature::new(&format!("driver_{gene}"), "", &any, flag(&self.mutated_genes, gene)),
                Feature::new(
                    &format!("driver_{gene}_truncating"),
                    "",
                    &truncating,
                    flag(&self.truncated_genes, gene),
                ),
            ]
        });
        features.map(|feature| feature.with_standard(CLASSES_STANDARD)).collect()
    }

    fn counts(&self, known: Known) -> Vec<Feature> {
        let count = |name, meaning: &str, value: u64, is_known: bool| {
            Feature::new(name, "variants", meaning, is_known.then_some(value as f64))
        };
        let (consequences, alleles) = (known.consequences, known.alleles);
        let nonsynonymous = format!("somatic variants of these classes: {NONSYNONYMOUS}");
        let truncating = "somatic variants of these classes: nonsense, frameshift, splice site, \
                          start lost";
        let of_class = [
            count("nonsynonymous_count", &nonsynonymous, self.nonsynonymous, consequences),
            count("truncating_count", truncating, self.truncating, consequences),
            count("missense_count", "somatic missense variants", self.missense, consequences),
        ];
        let substitutions = "somatic substitutions of one base";
        let indels = "somatic insertions and deletions, and replacements by more or fewer bases";
        let mut counts = vec![count(
            "variant_count",
            "somatic small variants, each ALT of a record by itself",
            self.variants,
            true,
        )];
        counts.extend(of_class.map(|feature| feature.with_standard(CLASSES_STANDARD)));
        counts.push(count("snv_count", substitutions, self.snvs, alleles));
        counts.push(count("indel_count", indels, self.indels, alleles));
        counts
    }

    /// The burden over the megabases of the patient's own panel, else over those of the settings.
    fn burden(
        &self,
        known: Known,
        panel: Option<&Panel>,
        settings: &VariantSettings,
    ) -> Vec<Feature> {
        let Some(denominator) = denominator(settings) else { return Vec::new() };
        let megabases = match panel {
            Some(panel) => panel.megabases(),
            None => settings.callable_megabases,
        };
        let burden = megabases
            .filter(|_| known.consequences)
            .map(|megabases| self.nonsynonymous as f64 / megabases);
        let meaning = format!(
            "nonsynonymous somatic variants ({NONSYNONYMOUS}) per megabase, over {denominator}"
        );
        let standard = "Merino et al. 2020, J Immunother Cancer 8:e000147, \
                        with this class set and denominator";
        let logarithm = format!("natural logarithm of 1 plus: {meaning}");
        [
            Feature::new("tumor_mutational_burden", "1/Mb", &meaning, burden),
            Feature::new("log1p_tumor_mutational_burden", "", &logarithm, burden.map(f64::ln_1p)),
        ]
        .map(|feature| feature.with_standard(standard))
        .to_vec()
    }

    /// Features of the sorted allele fractions.
    fn allele_fraction_features(&self) -> [Feature; 3] {
        let fractions = &self.allele_fractions;
        let mean = share(fractions.iter().sum(), fractions.len() as f64);
        let clonal =
            quantile(fractions, 0.9).filter(|_| fractions.len() >= MIN_VARIANTS_FOR_CLONES);
        let subclonal = clonal.map(|clonal| {
            let below = fractions.partition_point(|&fraction| fraction < clonal / 2.0);
            below as f64 / fractions.len() as f64
        });
        [
            Feature::new(
                "vaf_mean",
                "",
                "mean variant allele fraction of the somatic variants that have one",
                mean,
            ),
            Feature::new(
                "vaf_median",
                "",
                "median variant allele fraction of the somatic variants that have one",
                quantile(fractions, 0.5),
            ),
            Feature::new(
                "subclonal_fraction",
                "",
                "share of variants whose allele fraction is below half the 90th percentile of this \
                 tumor's allele fractions, a stand-in for its clonal peak that purity cancels out \
                 of; not given below 5 variants",
                subclonal,
            ),
        ]
    }

    fn substitution_features(&self, known: Known) -> [Feature; 2] {
        let of_snvs = |part: u64| share(part as f64, self.snvs as f64).filter(|_| known.alleles);
        [
            Feature::new(
                "transition_fraction",
                "",
                "share of transitions (A<>G, C<>T) among substitutions of one base",
                of_snvs(self.transitions),
            ),
            Feature::new(
                "cytosine_to_thymine_fraction",
                "",
                "share of C>T, counted on the strand with the pyrimidine, among substitutions of \
                 one base",
                of_snvs(self.cytosine_to_thymine),
            ),
        ]
    }
}

/// What the burden is divided by, in words; `None` where the settings give no megabases.
fn denominator(settings: &VariantSettings) -> Option<String> {
    let exome = settings.callable_megabases.map(|size| format!("{size} callable megabases"));
    let panels: Vec<String> =
        settings.panel_megabases.iter().map(|(panel, size)| format!("{size} in {panel}")).collect();
    if panels.is_empty() {
        return exome;
    }
    let exome = exome.map_or_else(String::new, |exome| format!("{exome}, or "));
    Some(format!("{exome}the callable megabases of the patient's panel: {}", panels.join(", ")))
}

const CLASSES_STANDARD: &str = "classes as vcf2maf 1.6 maps them from Sequence Ontology terms; \
                                nonsynonymous as in maftools' read.maf";

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then_some(part / whole)
}

/// A quantile of sorted values, linear between neighbors (Hyndman and Fan 1996, type 7).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the place lies between 0 and the number of values"
)]
fn quantile(sorted: &[f64], probability: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = probability * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (place - below as f64) * (sorted[above] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Known = Known { consequences: true, alleles: true };

    fn value(features: &[Feature], name: &str) -> Option<f32> {
        features.iter().find(|feature| feature.info.name == name).expect(name).value
    }

    fn settings(genes: &[&str], callable_megabases: Option<f64>) -> VariantSettings {
        let genes = genes.iter().map(|&gene| gene.to_owned()).collect();
        VariantSettings { genes, callable_megabases, ..VariantSettings::default() }
    }

    fn variant(fraction: f64, genes: Vec<(&[u8], Class)>) -> Variant<'_> {
        let kind = Some(Kind::Snv { from: b'C', to: b'T' });
        Variant { locus: None, kind, allele_fraction: Some(fraction), genes }
    }

    #[test]
    fn a_tumor_without_variants_has_zeros_and_no_fractions() {
        let features = Tally::default().features(ALL, None, &settings(&["TP53"], Some(30.0)));
        for name in [
            "driver_TP53",
            "driver_TP53_truncating",
            "variant_count",
            "snv_count",
            "tumor_mutational_burden",
            "log1p_tumor_mutational_burden",
        ] {
            assert_eq!(value(&features, name), Some(0.0), "{name}");
        }
        for name in [
            "vaf_mean",
            "vaf_median",
            "subclonal_fraction",
            "transition_fraction",
            "cytosine_to_thymine_fraction",
        ] {
            assert_eq!(value(&features, name), None, "{name}");
        }
    }

    #[test]
    fn what_the_file_never_tells_is_unknown() {
        let mut tally = Tally::default();
        tally.add(&Variant { locus: None, kind: None, allele_fraction: None, genes: Vec::new() });
        let known = Known { consequences: false, alleles: false };
        let features = tally.features(known, None, &settings(&["TP53"], Some(30.0)));
        assert_eq!(value(&features, "variant_count"), Some(1.0));
        let others = features.iter().filter(|feature| feature.info.name != "variant_count");
        for feature in others {
            assert_eq!(feature.value, None, "{}", feature.info.name);
        }
    }

    #[test]
    fn a_variant_in_two_genes_counts_once_and_flags_both() {
        let mut tally = Tally::default();
        tally.add(&variant(
            0.5,
            vec![(b"A", Class::Missense), (b"B", Class::Nonsense), (b"C", Class::Other)],
        ));
        let features = tally.features(ALL, None, &settings(&["A", "B", "C"], Some(2.0)));
        for (name, expected) in [
            ("driver_A", 1.0),
            ("driver_A_truncating", 0.0),
            ("driver_B", 1.0),
            ("driver_B_truncating", 1.0),
            ("driver_C", 0.0),
            ("nonsynonymous_count", 1.0),
            ("truncating_count", 1.0),
            ("missense_count", 0.0),
            ("tumor_mutational_burden", 0.5),
            ("transition_fraction", 1.0),
        ] {
            assert_eq!(value(&features, name), Some(expected), "{name}");
        }
    }

    #[test]
    fn subclones_are_below_half_the_clonal_peak() {
        let mut tally = Tally::default();
        // The 90th percentile of ten fractions lies at 0.4, so that two of ten are below 0.2.
        for fraction in [0.05, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4] {
            tally.add(&variant(fraction, Vec::new()));
        }
        let features = tally.features(ALL, None, &settings(&[], None));
        assert_eq!(value(&features, "subclonal_fraction"), Some(0.2));
        assert_eq!(value(&features, "vaf_median"), Some(0.4));
        assert!((value(&features, "vaf_mean").unwrap() - 0.305).abs() < 1e-6);
    }

    #[test]
    fn quantiles_are_linear_between_neighbors() {
        for (values, probability, expected) in [
            (vec![], 0.5, None),
            (vec![3.0], 0.9, Some(3.0)),
            (vec![1.0, 2.0], 0.5, Some(1.5)),
            (vec![1.0, 2.0, 3.0, 4.0, 5.0], 0.9, Some(4.6)),
        ] {
            assert_eq!(quantile(&values, probability), expected);
        }
    }
}
