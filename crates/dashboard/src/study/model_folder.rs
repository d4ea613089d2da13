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
            let (low, high) = whole(column.quantiles.map(own), own(column.low), own(column.high));
            let median = own(column.quantiles[2]);
            ranges.push(TrainingRange { column: kept.name.clone(), low, high, median });
        }
    }
    ranges
}

/// The range reaches a little beyond what was seen. Where values are whole, such as a stage or yes
/// and no, what is whole within it says the same in plain figures.
fn whole(quantiles: [f64; 5], low: f64, high: f64) -> (f64, f64) {
    const NEAR: f64 = 1e-3;
    let is_whole = |value: &f64| (value - value.round()).abs() < NEAR;
    if high - low >= 1.0 && quantiles.iter().all(is_whole) {
        // Adding 0 makes 0 of its negative.
        ((low - NEAR).ceil() + 0.0, (high + NEAR).floor())
    } else {
        (low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_has_whole_bounds_and_a_share_keeps_its_own() {
        assert_eq!(whole([0.0, 1.0, 1.0, 2.0, 3.0], -0.3, 3.3), (0.0, 3.0));
        assert!(whole([0.0, 1.0, 1.0, 2.0, 3.0], -0.3, 3.3).0.is_sign_positive());
        assert_eq!(whole([0.0, 0.0, 0.0, 1.0, 1.0], -0.1, 1.1), (0.0, 1.0));
        assert_eq!(whole([0.0, 0.0, 0.0, 0.0, 0.0], -0.02, 0.07), (-0.02, 0.07));
        assert_eq!(whole([8.7, 10.0, 12.0, 13.0, 15.0], 8.2, 17.1), (8.2, 17.1));
    }
}
