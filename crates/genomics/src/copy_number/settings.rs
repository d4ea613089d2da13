use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Interval, settings::yes, variant_settings::genes};

/// The options of a modality of `kind = "cnv"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CnvSettings {
    /// A segment is gained above this log2 ratio and lost below its negative.
    #[serde(default = "default_log2_threshold")]
    pub log2_threshold: f64,
    /// Genes that get copy number features from a table of genes; those of `gene_positions` get
    /// them in any case.
    #[serde(default, deserialize_with = "genes")]
    pub genes: Vec<String>,
    /// Genes that get copy number features, each with its place: `MYC = "8:127735434-127742951"`.
    #[serde(default)]
    pub gene_positions: BTreeMap<String, Interval>,
    /// Compares sample ids with only so many first characters of the table's sample column.
    #[serde(default)]
    pub barcode_prefix: Option<usize>,
    /// The reference genome that the positions are of. Features of chromosome arms and the scores
    /// of homologous recombination deficiency are given only with it.
    #[serde(default)]
    pub build: Option<HumanBuild>,
    /// Gives the mean copy number of each chromosome arm; needs `build`.
    #[serde(default = "yes")]
    pub arms: bool,
}

/// A build of the human reference genome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HumanBuild {
    /// `GRCh37`, the same coordinates as hg19.
    #[serde(rename = "GRCh37", alias = "hg19")]
    Grch37,
    /// `GRCh38`, the same coordinates as hg38.
    #[serde(rename = "GRCh38", alias = "hg38")]
    Grch38,
}

impl Default for CnvSettings {
    fn default() -> Self {
        Self {
            log2_threshold: default_log2_threshold(),
            genes: Vec::new(),
            gene_positions: BTreeMap::new(),
            barcode_prefix: None,
            build: None,
            arms: true,
        }
    }
}

fn default_log2_threshold() -> f64 {
    0.2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        assert_eq!(toml::from_str::<CnvSettings>("").unwrap(), CnvSettings::default());
        for (text, expected) in [
            ("build = 'GRCh38'", Some(HumanBuild::Grch38)),
            ("build = 'hg19'", Some(HumanBuild::Grch37)),
            ("", None),
        ] {
            assert_eq!(toml::from_str::<CnvSettings>(text).unwrap().build, expected, "{text}");
        }
        for text in ["build = 'hg17'", "gene = ['TP53']", "genes = ['tp53']"] {
            assert!(toml::from_str::<CnvSettings>(text).is_err(), "{text}");
        }
    }
}
