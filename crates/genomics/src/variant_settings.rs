use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{Class, DriverClass, SignatureMethod, Spectrum};

/// What a modality of small variants, `kind = "vcf"` or `kind = "maf"`, counts.
///
/// The keys stand beside the others of the modality.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantSettings {
    /// The genes that get driver features, each once: by the symbol that the annotation uses, or
    /// by its identifier (`ENSG00000141510`).
    #[serde(default, deserialize_with = "genes")]
    pub genes: Vec<String>,
    /// The kinds of hits that get a feature of their own for each gene, beside `driver_GENE`.
    #[serde(default = "default_driver_classes")]
    pub driver_classes: Vec<DriverClass>,
    /// A table of amino acids that tumors mutate often; adds `driver_GENE_hotspot`.
    #[serde(default)]
    pub hotspots: Option<PathBuf>,
    /// Where genes lie, as GFF3, GTF or BED; adds `variant_in_GENE`, which needs no annotation.
    #[serde(default)]
    pub gene_intervals: Option<PathBuf>,
    /// The size of the region that was sequenced well enough to call variants, in megabases.
    /// Tumor mutational burden is given only with it, or with `panel_megabases`.
    #[serde(default, deserialize_with = "positive")]
    pub callable_megabases: Option<f64>,
    /// The classes that count towards tumor mutational burden.
    #[serde(default = "default_burden_classes")]
    pub burden_classes: Vec<Class>,
    /// Which genes each panel looks at: tables with the columns `panel` and `gene`, or gene panel
    /// files of cBioPortal. One path or a list.
    #[serde(default, deserialize_with = "one_or_more")]
    pub panels: Vec<PathBuf>,
    /// The callable megabases of each panel, the denominator of its patients' burden:
    /// `{ IMPACT468 = 1.1 }`.
    #[serde(default, deserialize_with = "all_positive")]
    pub panel_megabases: BTreeMap<String, f64>,
    /// The FASTA of the reference genome, plain or compressed by bgzip: the contexts of `spectra`
    /// and `signatures`, and the repeats of `microsatellites`. With it indels of a VCF are moved to
    /// the left, so that one that two callers write in two ways counts once, and a REF that differs
    /// from it is a fault.
    #[serde(default)]
    pub reference: Option<PathBuf>,
    /// The spectra of mutations that become features.
    #[serde(default)]
    pub spectra: Vec<Spectrum>,
    /// A matrix of SBS signatures as COSMIC distributes it; adds the exposures to them.
    #[serde(default)]
    pub signatures: Option<PathBuf>,
    /// How exposures are found.
    #[serde(default)]
    pub signature_method: SignatureMethod,
    /// Adds counts of insertions and deletions in repeats, the inputs of microsatellite
    /// instability.
    #[serde(default)]
    pub microsatellites: bool,
}

impl Default for VariantSettings {
    fn default() -> Self {
        Self {
            genes: Vec::new(),
            driver_classes: default_driver_classes(),
            hotspots: None,
            gene_intervals: None,
            callable_megabases: None,
            burden_classes: default_burden_classes(),
            panels: Vec::new(),
            panel_megabases: BTreeMap::new(),
            reference: None,
            spectra: Vec::new(),
            signatures: None,
            signature_method: SignatureMethod::default(),
            microsatellites: false,
        }
    }
}

impl VariantSettings {
    /// The files that the settings name, so that a caller may resolve and fingerprint them.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.hotspots, &mut self.gene_intervals, &mut self.reference, &mut self.signatures]
            .into_iter()
            .flatten()
            .chain(&mut self.panels)
    }

    /// Whether features need the bases of the reference genome and nothing else will do.
    pub(crate) fn needs_reference(&self) -> bool {
        self.microsatellites || self.spectra.contains(&Spectrum::Id83)
    }

    /// Whether features need the place and bases of every variant.
    pub(crate) fn needs_bases(&self) -> bool {
        !self.spectra.is_empty() || self.signatures.is_some() || self.microsatellites
    }
}

fn default_driver_classes() -> Vec<DriverClass> {
    vec![DriverClass::Truncating]
}

fn default_burden_classes() -> Vec<Class> {
    vec![
        Class::Missense,
        Class::Nonsense,
        Class::Frameshift,
        Class::InframeIndel,
        Class::SpliceSite,
        Class::StartLost,
        Class::StopLost,
    ]
}

/// Symbols are compared exactly, so that one that cannot match is refused here and not read as
/// "no patient has this driver".
pub(crate) fn genes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let genes = Vec::<String>::deserialize(deserializer)?;
    let mut seen = BTreeSet::new();
    for gene in &genes {
        let fault = if gene.trim().is_empty() {
            "`genes` holds an empty name; remove it".to_owned()
        } else if gene.trim() != gene {
            format!("`genes` names `{gene}` with spaces around it; remove them")
        } else if !seen.insert(gene) {
            format!("`genes` names {gene} twice; remove one")
        } else if gene.chars().any(char::is_lowercase) && !gene.chars().any(char::is_uppercase) {
            format!("`genes` names `{gene}`; did you mean `{}`?", gene.to_uppercase())
        } else {
            continue;
        };
        return Err(D::Error::custom(fault));
    }
    Ok(genes)
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let megabases = Option::<f64>::deserialize(deserializer)?;
    megabases.map(above_zero).transpose()
}

fn all_positive<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, f64>, D::Error> {
    let panels = BTreeMap::<String, f64>::deserialize(deserializer)?;
    panels.into_iter().map(|(panel, value)| Ok((panel, above_zero(value)?))).collect()
}

fn above_zero<E: serde::de::Error>(megabases: f64) -> Result<f64, E> {
    if megabases > 0.0 && megabases.is_finite() {
        return Ok(megabases);
    }
    Err(E::custom(format!("expected megabases above 0, found {megabases}")))
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Paths {
        One(PathBuf),
        More(Vec<PathBuf>),
    }
    Ok(match Paths::deserialize(deserializer)? {
        Paths::One(path) => vec![path],
        Paths::More(paths) => paths,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genes_that_cannot_match_are_refused() {
        for (genes, expected) in [
            ("['TP53', 'KRAS', 'TP53']", "`genes` names TP53 twice; remove one"),
            ("['TP53', ' ']", "`genes` holds an empty name; remove it"),
            ("['TP53 ']", "`genes` names `TP53 ` with spaces around it; remove them"),
            ("['tp53']", "`genes` names `tp53`; did you mean `TP53`?"),
        ] {
            let message = toml::from_str::<VariantSettings>(&format!("genes = {genes}"));
            let message = message.unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let settings: VariantSettings =
            toml::from_str("genes = ['C9orf72', 'HLA-A', 'Trp53']").unwrap();
        assert_eq!(settings.genes, ["C9orf72", "HLA-A", "Trp53"]);
    }

    #[test]
    fn panels_are_one_path_or_a_list_and_megabases_are_above_zero() {
        let one: VariantSettings = toml::from_str("panels = 'a.tsv'").unwrap();
        let more: VariantSettings = toml::from_str("panels = ['a.tsv', 'b.txt']").unwrap();
        assert_eq!((one.panels.len(), more.panels.len()), (1, 2));
        for text in ["callable_megabases = 0", "panel_megabases = { A = -1.0 }"] {
            let message = toml::from_str::<VariantSettings>(text).unwrap_err().to_string();
            assert!(message.contains("expected megabases above 0"), "{message}");
        }
    }
}
