use std::fmt::Write as _;

use oncoweave_core::Feature;

use crate::{
    Class, Error, Panel, VariantResources, VariantSettings,
    allele::Kind,
    consequence::{Effect, NONSYNONYMOUS},
    drivers::Drivers,
    small_variant::SmallVariant,
    spectra,
};

/// Below so many variants the spread of their allele fractions says nothing about clones.
const MIN_VARIANTS_FOR_CLONES: usize = 5;

/// One somatic variant of one tumor.
pub(crate) struct Variant<'a> {
    /// Where it lies; `None` where the file does not tell.
    pub(crate) locus: Option<Locus<'a>>,
    /// `None` where the file does not give alleles.
    pub(crate) kind: Option<Kind>,
    /// The share of reads that carry it, 0 to 1, where known.
    pub(crate) allele_fraction: Option<f64>,
    /// Its consequence for each gene that it lies in.
    pub(crate) effects: Vec<Effect<'a>>,
    /// The bases round the first one of the reference, an odd number, where the file gives them.
    pub(crate) context: Option<&'a [u8]>,
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
#[expect(clippy::struct_excessive_bools, reason = "four facts that are independent")]
pub(crate) struct Known {
    /// The file gives consequences.
    pub(crate) consequences: bool,
    /// The file tells which amino acids change.
    pub(crate) residues: bool,
    /// The file gives alleles.
    pub(crate) alleles: bool,
    /// The file gives places.
    pub(crate) loci: bool,
}

/// Counts over the variants of one tumor.
#[derive(Clone, Debug)]
pub(crate) struct Tally<'a> {
    settings: &'a VariantSettings,
    resources: &'a VariantResources,
    drivers: Drivers<'a>,
    variants: u64,
    nonsynonymous: u64,
    truncating: u64,
    missense: u64,
    burden: u64,
    snvs: u64,
    indels: u64,
    transitions: u64,
    cytosine_to_thymine: u64,
    allele_fractions: Vec<f64>,
    /// Every variant in bases, where features need them.
    small_variants: Vec<SmallVariant>,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(settings: &'a VariantSettings, resources: &'a VariantResources) -> Self {
        Self {
            settings,
            resources,
            drivers: Drivers::new(settings),
            variants: 0,
            nonsynonymous: 0,
            truncating: 0,
            missense: 0,
            burden: 0,
            snvs: 0,
            indels: 0,
            transitions: 0,
            cytosine_to_thymine: 0,
            allele_fractions: Vec::new(),
            small_variants: Vec::new(),
        }
    }

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
        let classes = variant.effects.iter().map(|effect| effect.class);
        let class = classes.clone().min().unwrap_or(Class::Other);
        self.nonsynonymous += u64::from(class.is_nonsynonymous());
        self.truncating += u64::from(class.is_truncating());
        self.missense += u64::from(class == Class::Missense);
        let counts = |class: Class| self.settings.burden_classes.contains(&class);
        self.burden += u64::from(counts(class) || classes.into_iter().any(counts));
        for effect in &variant.effects {
            self.drivers.add(effect, self.resources.hotspots.as_ref());
        }
        if let Some(locus) = &variant.locus {
            self.add_locus(locus, variant.context);
        }
    }

    /// Whether the bases round a variant are of use.
    pub(crate) fn needs_context(&self) -> bool {
        self.settings.needs_bases()
    }

    fn add_locus(&mut self, locus: &Locus<'_>, context: Option<&[u8]>) {
        if let Some(regions) = &self.resources.gene_intervals {
            let bases = locus.reference.len().max(1) as u64;
            let end = locus.position.saturating_add(bases - 1);
            for (symbol, id) in regions.genes(locus.chromosome, locus.position, end) {
                self.drivers.add_within(symbol, id);
            }
        }
        if self.settings.needs_bases() {
            let alleles = (locus.reference, locus.alternate);
            self.small_variants.extend(SmallVariant::new(
                locus.chromosome,
                locus.position,
                alleles,
                context,
            ));
        }
    }

    /// The features, always the same ones for the same settings.
    ///
    /// # Errors
    /// When the reference genome cannot be read, or is another than the variants'.
    pub(crate) fn features(
        mut self,
        known: Known,
        panel: Option<&Panel>,
    ) -> Result<Vec<Feature>, Error> {
        self.allele_fractions.sort_unstable_by(f64::total_cmp);
        let mut features = self.drivers.features(known, panel);
        features.extend(self.counts(known));
        features.extend(self.burden(known, panel));
        features.extend(self.allele_fraction_features());
        features.extend(self.substitution_features(known));
        let small_variants = std::mem::take(&mut self.small_variants);
        let is_known = known.alleles && known.loci;
        let sample = spectra::Tumor {
            variants: is_known.then_some(small_variants),
            megabases: self.megabases(panel),
        };
        features.extend(spectra::features(sample, self.settings, self.resources)?);
        Ok(features)
    }

    /// The megabases of the patient's own panel, else those of the settings.
    fn megabases(&self, panel: Option<&Panel>) -> Option<f64> {
        match panel {
            Some(panel) => panel.megabases(),
            None => self.settings.callable_megabases,
        }
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
    fn burden(&self, known: Known, panel: Option<&Panel>) -> Vec<Feature> {
        let Some(denominator) = denominator(self.settings) else { return Vec::new() };
        let burden = self
            .megabases(panel)
            .filter(|_| known.consequences)
            .map(|megabases| self.burden as f64 / megabases);
        let names: Vec<&str> =
            self.settings.burden_classes.iter().map(|class| class.name()).collect();
        let meaning = format!(
            "somatic variants of these classes: {}; per megabase, over {denominator}",
            names.join(", ")
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

/// What counts per megabase are divided by, in words; `None` where the settings give no megabases.
pub(crate) fn denominator(settings: &VariantSettings) -> Option<String> {
    let exome = settings.callable_megabases.map(|size| format!("{size} callable megabases"));
    if settings.panel_megabases.is_empty() {
        return exome;
    }
    let mut words = exome.map_or_else(String::new, |exome| format!("{exome}, or "));
    words.push_str("the callable megabases of the patient's panel:");
    for (place, (panel, size)) in settings.panel_megabases.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        // Writing to a text cannot fail.
        let _ = write!(words, "{comma} {size} in {panel}");
    }
    Some(words)
}

pub(crate) const CLASSES_STANDARD: &str = "classes as vcf2maf 1.6 maps them from Sequence Ontology terms; \
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

    const ALL: Known = Known { consequences: true, residues: true, alleles: true, loci: true };

    fn value(features: &[Feature], name: &str) -> Option<f32> {
        features.iter().find(|feature| feature.info.name == name).expect(name).value
    }

    fn settings(genes: &[&str], callable_megabases: Option<f64>) -> VariantSettings {
        let genes = genes.iter().map(|&gene| gene.to_owned()).collect();
        VariantSettings { genes, callable_megabases, ..VariantSettings::default() }
    }

    fn variant<'a>(fraction: f64, genes: &[(&'a str, Class)]) -> Variant<'a> {
        let kind = Some(Kind::Snv { from: b'C', to: b'T' });
        let effects = genes.iter().map(|&(symbol, class)| Effect {
            symbol: symbol.as_bytes(),
            id: b"",
            class,
            residues: None,
        });
        let effects = effects.collect();
        Variant { locus: None, kind, allele_fraction: Some(fraction), effects, context: None }
    }

    fn features_of(
        settings: &VariantSettings,
        variants: &[Variant<'_>],
        known: Known,
        panel: Option<&Panel>,
    ) -> Vec<Feature> {
        let resources = VariantResources::default();
        let mut tally = Tally::new(settings, &resources);
        for variant in variants {
            tally.add(variant);
        }
        tally.features(known, panel).unwrap()
    }

    #[test]
    fn a_tumor_without_variants_has_zeros_and_no_fractions() {
        let features = features_of(&settings(&["TP53"], Some(30.0)), &[], ALL, None);
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
        let variant = Variant {
            locus: None,
            kind: None,
            allele_fraction: None,
            effects: Vec::new(),
            context: None,
        };
        let known = Known { consequences: false, residues: false, alleles: false, loci: false };
        let features = features_of(&settings(&["TP53"], Some(30.0)), &[variant], known, None);
        assert_eq!(value(&features, "variant_count"), Some(1.0));
        let others = features.iter().filter(|feature| feature.info.name != "variant_count");
        for feature in others {
            assert_eq!(feature.value, None, "{}", feature.info.name);
        }
    }

    #[test]
    fn a_variant_in_two_genes_counts_once_and_flags_both() {
        let genes = [("A", Class::Missense), ("B", Class::Nonsense), ("C", Class::Other)];
        let variants = [variant(0.5, &genes)];
        let features = features_of(&settings(&["A", "B", "C"], Some(2.0)), &variants, ALL, None);
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
        // The 90th percentile of ten fractions lies at 0.4, so that two of ten are below 0.2.
        let variants = [0.05, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]
            .map(|fraction| variant(fraction, &[]));
        let features = features_of(&settings(&[], None), &variants, ALL, None);
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
