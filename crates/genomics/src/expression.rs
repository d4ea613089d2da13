//! Features of a sample's gene expression: single genes, and scores of gene sets.

use std::path::{Path, PathBuf};

use oncoweave_core::Feature;
use serde::{Deserialize, Serialize};

use crate::{
    Error, GeneSets,
    expression_matrix::{self, Matrix},
    gene_sets::{self, Ranks},
    variant_settings::genes,
};

/// The options of a modality of `kind = "expression"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpressionSettings {
    /// What the numbers of the table are. Nothing in a table says it, so that it must be given.
    pub unit: ExpressionUnit,
    /// The genes that get a feature, by symbol, Ensembl or Entrez id as the table names them.
    #[serde(default, deserialize_with = "genes")]
    pub genes: Vec<String>,
    /// What is done to a value before it is a feature; by default what suits the unit, see
    /// [`Transform`].
    #[serde(default)]
    pub transform: Option<Transform>,
    /// A GMT file of gene sets, each of which gets a score.
    #[serde(default)]
    pub gene_sets: Option<PathBuf>,
    /// Only these sets of the file; all of them when empty.
    #[serde(default)]
    pub gene_set_names: Vec<String>,
    /// How a set is scored.
    #[serde(default)]
    pub gene_set_method: GeneSetMethod,
    /// A set of which the sample has fewer genes has no score.
    #[serde(default = "default_min_genes")]
    pub gene_set_min_genes: usize,
    /// Compares sample ids with only so many first characters of the table's: 15 turns a TCGA
    /// aliquot into its sample.
    #[serde(default)]
    pub barcode_prefix: Option<usize>,
}

/// What the numbers of an expression table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpressionUnit {
    /// Transcripts per million.
    Tpm,
    /// Reads or expected reads; not below 0.
    Counts,
    /// Fragments per kilobase and million; RSEM's normalised counts do as well.
    Fpkm,
    /// Logarithms to base 2, of whatever.
    Log2,
    /// Standard scores over a cohort that whoever made the table chose.
    Zscore,
}

/// What is done to a value before it is a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transform {
    /// `log2(x + 1)`: by default for TPM and FPKM.
    #[serde(rename = "log2p1")]
    Log2PlusOne,
    /// `log2(counts per million + 1)`, where the million are the sample's own counts over all genes
    /// of the table: by default for counts, which differ in depth.
    #[serde(rename = "log2_cpm")]
    Log2Cpm,
    /// Nothing: by default for logarithms and z-scores.
    #[serde(rename = "none")]
    None,
}

/// How a gene set is scored from one sample alone: nothing is estimated from other samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GeneSetMethod {
    /// Single-sample GSEA with exponent 0.25, not divided by the range over samples.
    #[default]
    Ssgsea,
    /// Singscore for a set that is expected up, centered.
    Singscore,
    /// The mean of the set's transformed values.
    Mean,
}

fn default_min_genes() -> usize {
    10
}

impl ExpressionUnit {
    /// Whether values add up and cannot be negative.
    pub(crate) fn is_linear(self) -> bool {
        matches!(self, Self::Tpm | Self::Counts | Self::Fpkm)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tpm => "TPM",
            Self::Counts => "counts",
            Self::Fpkm => "FPKM",
            Self::Log2 => "log2",
            Self::Zscore => "z-score",
        }
    }
}

impl ExpressionSettings {
    /// The transformation, the unit's own where none is set.
    ///
    /// # Errors
    /// When the two do not go together, or the settings ask for no feature at all.
    pub fn check(&self) -> Result<Transform, Error> {
        let fault = |problem: &str| Err(Error::Setting { problem: problem.to_owned() });
        if self.genes.is_empty() && self.gene_sets.is_none() {
            return fault(
                "name `genes` or a file of `gene_sets`; without them there is no feature",
            );
        }
        match (self.unit, self.transform) {
            (ExpressionUnit::Tpm | ExpressionUnit::Fpkm, None) => Ok(Transform::Log2PlusOne),
            (ExpressionUnit::Counts, None) => Ok(Transform::Log2Cpm),
            (_, None) => Ok(Transform::None),
            (unit, Some(Transform::Log2PlusOne)) if !unit.is_linear() => {
                fault("`transform = \"log2p1\"` needs values that are no logarithms already")
            }
            (ExpressionUnit::Counts, Some(transform)) => Ok(transform),
            (_, Some(Transform::Log2Cpm)) => {
                fault("`transform = \"log2_cpm\"` is for `unit = \"counts\"`")
            }
            (_, Some(transform)) => Ok(transform),
        }
    }
}

/// The expression of the asked samples: of the asked genes alone, or of all where gene sets are
/// scored.
#[derive(Debug)]
pub struct Expression {
    matrix: Matrix,
}

impl Expression {
    /// Reads a table of expression, plain or compressed: genes by samples or samples by genes, or
    /// one sample's file as GDC, STAR, RSEM, Salmon and PCGR write it.
    ///
    /// Which way a matrix lies is found by looking for the asked samples in its header, else for
    /// genes. Genes may be named by symbol, Ensembl id with or without a version, Entrez id, or
    /// `SYMBOL|ENTREZ`. Rows of one gene are added up where the unit is linear and averaged where
    /// it is not.
    ///
    /// # Errors
    /// When the file cannot be read, is truncated or damaged, has neither an asked sample nor an
    /// asked gene in its header, has not one of the asked genes, or has a text or a negative amount
    /// where a value should be.
    pub fn read(
        path: &Path,
        asked: &[&str],
        settings: &ExpressionSettings,
        gene_sets: &GeneSets,
    ) -> Result<Self, Error> {
        settings.check()?;
        let matrix = expression_matrix::read(path, asked, settings, gene_sets)?;
        if !settings.genes.is_empty()
            && settings.genes.iter().all(|gene| matrix.place(gene).is_none())
        {
            return Err(Error::NoSuchGenes {
                path: path.to_owned(),
                asked: settings.genes[0].clone(),
                found: matrix.example.clone().unwrap_or_else(|| "no gene".to_owned()),
            });
        }
        Ok(Self { matrix })
    }

    /// The asked genes that the table lacks; their features have no value.
    #[must_use]
    pub fn missing<'a>(&self, genes: &'a [String]) -> Vec<&'a str> {
        let missing = genes.iter().filter(|gene| self.matrix.place(gene).is_none());
        missing.map(String::as_str).collect()
    }
}

/// The expression features of one sample.
///
/// `expression_<gene>` is the transformed value; a gene that the table lacks or leaves empty has
/// none. Each gene set gives `<method>_<set>`, scored over all genes that the sample has.
///
/// # Errors
/// When the table lacks the sample, or several of its columns are that sample's.
pub fn expression_features(
    expression: &Expression,
    sample_id: &str,
    settings: &ExpressionSettings,
    gene_sets: &GeneSets,
) -> Result<Vec<Feature>, Error> {
    let transform = settings.check()?;
    let matrix = &expression.matrix;
    let sample = matrix.sample(sample_id, settings.barcode_prefix)?;
    let transformed = |place: usize| {
        let value = f64::from(sample.values.get(place).copied().flatten()?);
        Some(match transform {
            Transform::Log2PlusOne => (value + 1.0).log2(),
            Transform::Log2Cpm => (value / sample.total * 1e6 + 1.0).log2(),
            Transform::None => value,
        })
    };
    let unit = match transform {
        Transform::Log2PlusOne => format!("log2({} + 1)", settings.unit.name()),
        Transform::Log2Cpm => "log2(CPM + 1)".to_owned(),
        Transform::None => settings.unit.name().to_owned(),
    };
    let mut features = Vec::new();
    for gene in &settings.genes {
        let value = matrix.place(gene).and_then(transformed);
        let meaning = format!("expression of {gene}");
        features.push(Feature::new(&format!("expression_{gene}"), &unit, &meaning, value));
    }
    if gene_sets.sets.is_empty() {
        return Ok(features);
    }
    let ranks = Ranks::new(&sample.values);
    for set in &gene_sets.sets {
        let mut places: Vec<usize> =
            set.genes.iter().filter_map(|gene| matrix.place(gene)).collect();
        places.sort_unstable();
        places.dedup();
        places.retain(|&place| ranks.has(place));
        let enough = places.len() >= settings.gene_set_min_genes.max(1);
        let places = enough.then_some(places.as_slice());
        let (name, unit, standard, value) = match settings.gene_set_method {
            GeneSetMethod::Ssgsea => (
                "ssgsea",
                "",
                "Barbie et al. 2009, doi:10.1038/nature08460, without normalisation over samples",
                places.and_then(|places| ranks.ssgsea(places)),
            ),
            GeneSetMethod::Singscore => (
                "singscore",
                "",
                "Foroutan et al. 2018, doi:10.1186/s12859-018-2435-4",
                places.and_then(|places| ranks.singscore(places)),
            ),
            GeneSetMethod::Mean => {
                let value = places.map(|places| gene_sets::mean(places, transformed));
                ("mean", unit.as_str(), "", value)
            }
        };
        let meaning = format!("score of the gene set {}", set.name);
        let feature = Feature::new(&format!("{name}_{}", set.name), unit, &meaning, value);
        features.push(feature.with_standard(standard));
    }
    Ok(features)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real(
        path: &str,
        sample: &str,
        options: &str,
        gene_sets: Option<&str>,
    ) -> Option<Vec<Feature>> {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let shared = std::env::var_os("ONCOWEAVE_SHARED").map_or(beside, PathBuf::from);
        let folder = shared.join("data/genomics");
        if !folder.is_dir() {
            println!("skipped: {} is absent; set ONCOWEAVE_SHARED", folder.display());
            return None;
        }
        let mut settings: ExpressionSettings = toml::from_str(options).unwrap();
        settings.gene_sets = gene_sets.map(|path| folder.join(path));
        let sets = GeneSets::load(&settings).unwrap();
        let read = Expression::read(&folder.join(path), &[sample], &settings, &sets).unwrap();
        Some(expression_features(&read, sample, &settings, &sets).unwrap())
    }

    #[test]
    fn a_real_sample_has_a_score_for_every_hallmark() {
        let options = "unit = 'tpm'\ngenes = ['TSPAN6', 'TNMD', 'NOSUCH']";
        let table = "pcgr/examples/T001-COAD.gene_expression.tsv.gz";
        let sets = "genesets/tests/extdata/h.all.v7.0.symbols.gmt";
        let Some(features) = real(table, "T001", options, Some(sets)) else { return };
        // The file's first rows: TSPAN6 101.2123, TNMD 1.7122.
        let expected = [(102.2123_f32).log2(), (2.7122_f32).log2()];
        for (feature, expected) in features.iter().zip(expected) {
            assert!((feature.value.unwrap() - expected).abs() < 1e-5, "{feature:?}");
        }
        assert_eq!(features[2].value, None);
        assert_eq!(features.len(), 3 + 50);
        assert!(features[3..].iter().all(|feature| feature.value.is_some()));
    }

    #[test]
    fn a_real_matrix_of_a_study_is_read_by_sample() {
        let options = "unit = 'log2'\ngenes = ['CREB3L1', 'RPS11', '6205']";
        let table = "cbioportal-core/tests/test_data/study_es_0/data_expression_median.txt";
        let Some(features) = real(table, "TCGA-A1-A0SE-01", options, None) else { return };
        let values: Vec<_> = features.iter().map(|feature| feature.value).collect();
        // 6205 is the Entrez id of RPS11.
        assert_eq!(values, [Some(0.89075), Some(0.716), Some(0.716)]);
    }
}
