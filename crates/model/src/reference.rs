//! What a model remembers of its training patients, so that a new one can be set against them.

use ndarray::{Array2, ArrayView1};
use oncoweave_core::preprocess::{Block, CLIP, Prepared, PreparedBlock};
use rand::{SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom};
use serde::{Deserialize, Serialize};

use crate::Share;

/// Patients of the training part that quantiles and correlations are taken from.
const MOST_PATIENTS: usize = 2000;

/// Correlations of wider modalities are not looked at; each column is then a group of its own.
const MOST_GROUPED_COLUMNS: usize = 5000;

/// Columns whose correlation with a group's first column is at least this, or at most its negative,
/// belong to the group.
const GROUP_CORRELATION: f32 = 0.8;

/// A column with more distinct values has its bounds at the third lowest and third highest value,
/// so that no single patient's extreme stands in a model's file.
const FEW_VALUES: usize = 10;

/// How far beyond the lowest and highest value the training range reaches, as a share of their
/// distance: for columns of few values, and for continuous ones, whose extremes are spared.
const MARGIN: f32 = 0.1;
const MARGIN_OF_SPARED: f32 = 0.5;

/// A modality with more columns is outside as a whole when this share of them is.
const NAMED_COLUMNS: usize = 30;
const OUTSIDE_SHARE: f64 = 0.1;

/// Rows of [`Reference::background`].
pub(crate) const BACKGROUND: usize = 24;

/// The training patients in outline: the content of `reference.json`. All values are standardized.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// One a modality, in the order of the model's blocks.
    pub modalities: Vec<ModalityReference>,
    /// How far the risk moves with each modality, in the order of the blocks. Empty for a stack,
    /// which has its own, and in a folder of an older version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
}

/// One modality's part of a [`Reference`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModalityReference {
    /// The modality.
    pub modality: String,
    /// The 99th percentile, over the training patients who have it, of the root mean square of the
    /// standardized columns.
    pub distance: f32,
    /// One a column of the block.
    pub columns: Vec<ColumnReference>,
}

/// One column's part of a [`Reference`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnReference {
    /// The 10, 30, 50, 70 and 90 % quantiles.
    pub quantiles: [f32; 5],
    /// The least value that counts as seen in training.
    pub low: f32,
    /// The greatest.
    pub high: f32,
    /// The place of the first column of its group of correlated columns; its own place otherwise.
    pub group: usize,
}

impl Reference {
    /// Learns from the training patients' blocks.
    pub(crate) fn fit(prepared: &Prepared) -> Self {
        let modalities = prepared.blocks.iter().map(ModalityReference::of_training).collect();
        Self { modalities, shares: vec![] }
    }

    fn of(&self, modality: &str) -> Option<&ModalityReference> {
        self.modalities.iter().find(|reference| reference.modality == modality)
    }

    /// Made-up patients that stand for the training patients, one matrix a block, each
    /// ([`BACKGROUND`], columns): every column takes its quantiles in an order of its own, so that
    /// no row is anybody's.
    ///
    /// # Panics
    /// When a block is of another model.
    pub(crate) fn background(&self, blocks: &[&Block]) -> Vec<Array2<f32>> {
        let mut random = ChaCha12Rng::seed_from_u64(0);
        let matrix = |block: &&Block| {
            let reference = self.of(&block.modality).expect("a block of this model");
            let mut matrix = Array2::zeros((BACKGROUND, reference.columns.len()));
            let mut order: Vec<usize> = (0..BACKGROUND).collect();
            for (mut values, column) in matrix.columns_mut().into_iter().zip(&reference.columns) {
                order.shuffle(&mut random);
                for (value, &place) in values.iter_mut().zip(&order) {
                    *value = column.quantiles[place * column.quantiles.len() / BACKGROUND];
                }
            }
            matrix
        };
        blocks.iter().map(matrix).collect()
    }

    /// Where a patient, a row of the blocks, lies outside of what training has seen.
    pub(crate) fn flags(&self, blocks: &[&Block], row: usize) -> Vec<String> {
        let mut flags = vec![];
        for block in blocks.iter().filter(|block| block.present[row]) {
            let Some(reference) = self.of(&block.modality) else { continue };
            reference.flag(&block.x.row(row), block, &mut flags);
        }
        flags
    }
}

impl ModalityReference {
    fn of_training(block: &PreparedBlock) -> Self {
        let mut rows: Vec<usize> = (0..block.nrows()).filter(|&row| block.present()[row]).collect();
        if rows.len() > MOST_PATIENTS {
            rows.shuffle(&mut ChaCha12Rng::seed_from_u64(0));
            rows.truncate(MOST_PATIENTS);
        }
        Self::fit(&block.select(&rows))
    }

    /// Learns from patients who all have the modality.
    fn fit(Block { modality, x, .. }: &Block) -> Self {
        let mut distances: Vec<f32> =
            x.rows().into_iter().map(|row| root_mean_square(&row)).collect();
        distances.sort_by(f32::total_cmp);
        let groups = groups(x);
        let column = |(place, values): (usize, ArrayView1<f32>)| {
            let mut sorted = values.to_vec();
            sorted.sort_by(f32::total_cmp);
            ColumnReference::fit(&sorted, groups[place])
        };
        Self {
            modality: modality.clone(),
            distance: quantile(&distances, 99),
            columns: x.columns().into_iter().enumerate().map(column).collect(),
        }
    }

    fn flag(&self, values: &ArrayView1<f32>, block: &Block, flags: &mut Vec<String>) {
        let modality = &self.modality;
        let columns = values.iter().zip(&self.columns).zip(block.names.iter());
        let outside: Vec<&String> = columns
            .filter(|((value, column), _)| column.is_outside(**value))
            .map(|(_, name)| name)
            .collect();
        let all = self.columns.len();
        if all <= NAMED_COLUMNS {
            flags.extend(outside.iter().map(|name| format!("outside_range:{name}")));
        } else if outside.len() as f64 > OUTSIDE_SHARE * all as f64 {
            flags.push(format!("outside_range:{modality} ({} of {all} columns)", outside.len()));
        }
        // Half as far again as all but one in a hundred training patients.
        if self.distance > 0.0 && root_mean_square(values) > 1.5 * self.distance {
            flags.push(format!("unusual:{modality}"));
        }
    }
}

impl ColumnReference {
    fn fit(sorted: &[f32], group: usize) -> Self {
        let mut distinct = sorted.to_vec();
        distinct.dedup();
        let spared = if distinct.len() > FEW_VALUES { 2 } else { 0 };
        // Nobody has the modality: the column is never looked at.
        let Some(last) = sorted.len().checked_sub(1) else {
            #[expect(clippy::cast_possible_truncation, reason = "10 is a float32")]
            let clip = CLIP as f32;
            return Self { quantiles: [0.0; 5], low: -clip, high: clip, group };
        };
        let (low, high) = (sorted[spared.min(last)], sorted[last - spared.min(last)]);
        let margin = if spared > 0 { MARGIN_OF_SPARED } else { MARGIN } * (high - low);
        Self {
            quantiles: [10, 30, 50, 70, 90].map(|percent| quantile(sorted, percent)),
            low: low - margin,
            high: high + margin,
            group,
        }
    }

    fn is_outside(&self, value: f32) -> bool {
        value < self.low || value > self.high
    }
}

fn root_mean_square(values: &ArrayView1<f32>) -> f32 {
    let count = values.len().max(1) as f32;
    (values.iter().map(|value| value * value).sum::<f32>() / count).sqrt()
}

fn quantile(sorted: &[f32], percent: usize) -> f32 {
    sorted.len().checked_sub(1).map_or(0.0, |last| sorted[last * percent / 100])
}

/// For each column the place of its group's first column: columns join the first group whose first
/// column they go with.
fn groups(x: &Array2<f32>) -> Vec<usize> {
    let columns = x.ncols();
    if columns > MOST_GROUPED_COLUMNS || x.nrows() < 3 {
        return (0..columns).collect();
    }
    let mut z = x.t().as_standard_layout().into_owned(); // (columns, patients)
    for mut row in z.rows_mut() {
        let mean = row.sum() / row.len() as f32;
        row -= mean;
        let length = row.dot(&row).sqrt();
        row.mapv_inplace(|value| if length > 1e-6 { value / length } else { 0.0 });
    }
    let mut leaders: Vec<usize> = vec![];
    let mut groups = Vec::with_capacity(columns);
    for column in 0..columns {
        let own = z.row(column);
        let together = |leader: &&usize| own.dot(&z.row(**leader)).abs() >= GROUP_CORRELATION;
        let leader = leaders.iter().find(together).copied().unwrap_or(column);
        if leader == column {
            leaders.push(column);
        }
        groups.push(leader);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(columns: &[Vec<f32>]) -> Block {
        let patients = columns[0].len();
        Block {
            modality: "ct".to_owned(),
            names: std::sync::Arc::new(
                (0..columns.len()).map(|column| format!("ct.f{column}")).collect(),
            ),
            x: Array2::from_shape_fn((patients, columns.len()), |(row, column)| {
                columns[column][row]
            }),
            present: vec![true; patients],
        }
    }

    fn spread(patients: usize, step: usize) -> Vec<f32> {
        (0..patients).map(|row| (row * step % patients) as f32 / patients as f32 - 0.5).collect()
    }

    #[test]
    fn columns_that_go_together_are_one_group() {
        let (first, other) = (spread(101, 1), spread(101, 37));
        let opposite = first.iter().map(|value| 3.0 - 2.0 * value).collect();
        let reference = ModalityReference::fit(&block(&[first, other, opposite]));
        let groups: Vec<usize> = reference.columns.iter().map(|column| column.group).collect();
        assert_eq!(groups, [0, 1, 0]);
    }

    #[test]
    fn bounds_spare_the_extremes_of_continuous_columns_alone() {
        let mut age = spread(101, 1);
        age[100] = 40.0; // one very old patient
        let carrier = (0..101_u8).map(|row| f32::from(row == 7)).collect();
        let reference = ModalityReference::fit(&block(&[age, carrier]));
        assert!(reference.columns[0].high < 1.1);
        assert!((reference.columns[1].high - 1.1).abs() < 1e-6);
    }

    #[test]
    fn says_what_lies_outside() {
        let training = block(&[spread(101, 1), spread(101, 37)]);
        let modalities = vec![ModalityReference::fit(&training)];
        let reference = Reference { modalities, shares: vec![] };
        let new = block(&[vec![0.1, 4.0, 0.1], vec![0.2, 0.3, -1.1]]);
        let flags = |row| reference.flags(&[&new], row);
        assert!(flags(0).is_empty());
        assert_eq!(flags(1), ["outside_range:ct.f0", "unusual:ct"]);
        assert!(flags(2).contains(&"outside_range:ct.f1".to_owned()));
    }

    #[test]
    fn background_rows_have_the_columns_quantiles_and_are_always_the_same() {
        let training = block(&[spread(101, 1), spread(101, 37)]);
        let modalities = vec![ModalityReference::fit(&training)];
        let reference = Reference { modalities, shares: vec![] };
        let background = reference.background(&[&training]).remove(0);
        assert_eq!(background, reference.background(&[&training])[0]);
        for (values, column) in
            background.columns().into_iter().zip(&reference.modalities[0].columns)
        {
            let mean = values.sum() / BACKGROUND as f32;
            assert!(mean.abs() < 0.05, "{mean}");
            assert!(values.iter().all(|value| column.quantiles.contains(value)));
        }
    }
}
