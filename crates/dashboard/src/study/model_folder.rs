//! What a model folder says of its model, without loading it.

use std::path::Path;

use oncoweave_cohort::hash_source;
use oncoweave_core::preprocess::Preprocessing;
use serde::Deserialize;

use crate::Error;

/// The model folder's card and training ranges.
#[derive(Debug)]
pub(crate) struct ModelFolder {
    /// SHA-256 over the folder.
    pub(crate) sha256: String,
    /// `card.md`, as it is.
    pub(crate) card: String,
    /// Every column that the model reads.
    pub(crate) ranges: Vec<TrainingRange>,
}

/// What training has seen of one column, in the column's own unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrainingRange {
    /// `<modality>.<feature>`.
    pub(crate) column: String,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) median: f64,
}

/// The part of `reference.json` that is needed here; values are standardized.
#[derive(Deserialize)]
struct Reference {
    modalities: Vec<ModalityReference>,
}

#[derive(Deserialize)]
struct ModalityReference {
    modality: String,
    columns: Vec<ColumnReference>,
}

#[derive(Deserialize)]
struct ColumnReference {
    quantiles: [f64; 5],
    low: f64,
    high: f64,
}

impl ModelFolder {
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let card = fs_err::read_to_string(folder.join("card.md"))?;
        let preprocessing: Preprocessing = read_json(&folder.join("features.json"))?;
        let reference: Reference = read_json(&folder.join("reference.json"))?;
        let sha256 = hash_source(folder)?.sha256;
        Ok(Self { sha256, card, ranges: ranges(&preprocessing, &reference) })
    }

    pub(crate) fn range(&self, column: &str) -> Option<&TrainingRange> {
        self.ranges.iter().find(|range| range.column == column)
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_json::from_slice(&fs_err::read(path)?)
        .map_err(|error| Error::content(path, format!("is not as `train` writes it: {error}")))
}

/// Blocks have the kept columns first, so that the two lists go together.
fn ranges(preprocessing: &Preprocessing, reference: &Reference) -> Vec<TrainingRange> {
    let mut ranges = Vec::new();
    for modality in &preprocessing.modalities {
        let of = reference.modalities.iter().find(|one| one.modality == modality.name);
        for (kept, column) in modality.kept.iter().zip(of.iter().flat_map(|one| &one.columns)) {
            let own = |standardized: f64| kept.scale.mean + kept.scale.sd * standardized;
            ranges.push(TrainingRange {
                column: kept.name.clone(),
                low: own(column.low),
                high: own(column.high),
                median: own(column.quantiles[2]),
            });
        }
    }
    ranges
}
