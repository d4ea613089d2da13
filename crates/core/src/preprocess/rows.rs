//! The same preparation for rows of numbers in a fixed order, as a server gets them.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayRef2};

use super::{Block, KeptColumn, ModalityColumns, Preprocessing};

/// [`Preprocessing`] made ready for patients who come as rows of numbers.
///
/// It gives the same blocks as [`Preprocessing::apply`] on a cohort that has all of
/// [`Self::columns`].
#[derive(Clone, Debug, PartialEq)]
pub struct RowPreprocessing {
    columns: Vec<String>,
    modalities: Vec<RowModality>,
}

#[derive(Clone, Debug, PartialEq)]
struct RowModality {
    part: ModalityColumns,
    names: Arc<Vec<String>>,
    /// Its columns in a row, those in use first.
    places: Range<usize>,
    /// Where in a row the column of each flag of [`ModalityColumns::known`] stands.
    known: Vec<usize>,
}

impl RowPreprocessing {
    /// Looks up every column once.
    #[must_use]
    pub fn new(preprocessing: &Preprocessing) -> Self {
        let mut columns: Vec<String> = vec![];
        let mut modalities = vec![];
        for part in &preprocessing.modalities {
            let start = columns.len();
            columns.extend(part.columns().map(str::to_owned));
            let place = |name: &String| columns[start..].iter().position(|one| one == name);
            let known = part.known.iter().filter_map(|flag| place(&flag.column));
            if part.width() > 0 {
                modalities.push(RowModality {
                    names: Arc::new(part.names()),
                    places: start..columns.len(),
                    known: known.map(|place| start + place).collect(),
                    part: part.clone(),
                });
            }
        }
        Self { columns, modalities }
    }

    /// The columns of a row: of each modality those in use, then those dropped in training, which
    /// tell nothing but that the patient has the modality.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The places in a row of the columns in use, modality by modality.
    pub fn used(&self) -> impl Iterator<Item = usize> + '_ {
        self.modalities.iter().flat_map(|one| one.places.clone().take(one.part.kept.len()))
    }

    /// Turns rows, (patients, columns) with NaN for a missing value, into what the model reads.
    ///
    /// # Panics
    /// When a row has not one value for each column, or the rows are not one after the other in
    /// memory.
    #[must_use]
    pub fn apply(&self, rows: &ArrayRef2<f32>) -> Vec<Block> {
        assert_eq!(rows.ncols(), self.columns.len(), "a value for each column");
        self.modalities.iter().map(|modality| modality.block(rows)).collect()
    }
}

impl RowModality {
    fn block(&self, rows: &ArrayRef2<f32>) -> Block {
        let part = &self.part;
        let mut x = Array2::zeros((rows.nrows(), part.width())); // (patients, p_m)
        let mut all_present = Vec::with_capacity(rows.nrows());
        for (mut to, row) in x.rows_mut().into_iter().zip(rows.rows()) {
            let row = row.to_slice().expect("rows in standard layout");
            let own = &row[self.places.clone()];
            let present = own.iter().any(|value| !value.is_nan());
            all_present.push(present);
            for ((to, &value), KeptColumn { scale, .. }) in to.iter_mut().zip(own).zip(&part.kept) {
                if !value.is_nan() {
                    *to = scale.standardize(f64::from(value));
                }
            }
            let flags = to.iter_mut().skip(part.kept.len());
            for ((to, flag), &place) in flags.zip(&part.known).zip(&self.known) {
                if present {
                    *to = flag.scale.standardize(f64::from(u8::from(!row[place].is_nan())));
                }
            }
            if let (Some(scale), Some(last)) = (part.present, to.last_mut()) {
                *last = scale.standardize(if present { 1.0 } else { 0.0 });
            }
        }
        Block {
            modality: part.name.clone(),
            names: Arc::clone(&self.names),
            x,
            present: all_present,
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::*;
    use crate::{Cohort, CohortColumn, FeatureInfo, PatientId};

    /// Some values are missing, some patients lack `ct` wholly, and `ct.flat` is dropped.
    fn cohort() -> Cohort {
        let value = |row: usize, place: usize| -> Option<f32> {
            let here = if place < 2 { row % 5 != place } else { !row.is_multiple_of(3) };
            let wave = ((row * 7 + place * 3) % 11) as f32 * 1.7 - 4.0;
            here.then_some(if place == 3 { 2.5 } else { wave })
        };
        let column = |(place, name): (usize, &&str)| {
            let (modality, feature) = name.split_once('.').unwrap();
            let (unit, meaning, standard) = (String::new(), String::new(), String::new());
            CohortColumn {
                modality: modality.to_owned(),
                info: FeatureInfo { name: feature.to_owned(), unit, meaning, standard },
                values: (0..120).map(|row| value(row, place)).collect(),
            }
        };
        let names = ["c.age", "c.stage", "ct.volume", "ct.flat", "ct.mean"];
        Cohort {
            patients: (0..120).map(|row| PatientId::new(&format!("P{row}")).unwrap()).collect(),
            sites: vec![None; 120],
            index_dates: vec![None; 120],
            survival: vec![None; 120],
            competing: vec![],
            labels: vec![None; 120],
            folds: vec![None; 120],
            columns: names.iter().enumerate().map(column).collect(),
        }
    }

    #[test]
    fn rows_give_the_blocks_of_the_cohort() {
        let cohort = cohort();
        let rows: Vec<usize> = (0..120).collect();
        let fitted =
            Preprocessing::fit(&cohort, &rows, &["c".to_owned(), "ct".to_owned()]).unwrap();
        assert!(fitted.modalities.iter().any(|part| !part.known.is_empty()), "no flag to compare");
        let prepared = RowPreprocessing::new(&fitted);
        assert_eq!(prepared.columns(), ["c.age", "c.stage", "ct.volume", "ct.mean", "ct.flat"]);
        assert_eq!(prepared.used().collect::<Vec<_>>(), [0, 1, 2, 3]);
        let column = |name: &String| {
            let found = cohort.columns.iter().find(|column| column.name() == *name);
            &found.unwrap().values
        };
        let matrix = Array2::from_shape_fn((120, 5), |(row, place)| {
            column(&prepared.columns()[place]).get(row).unwrap_or(f32::NAN)
        });
        let mut expected = fitted.apply(&cohort, &rows).unwrap().blocks;
        assert_eq!(prepared.apply(&matrix), expected);
        let one = prepared.apply(&matrix.slice(s![7..8, ..]));
        for (found, expected) in one.iter().zip(&mut expected) {
            assert_eq!(found.x.row(0), expected.x.row(7));
            assert_eq!(found.present[0], expected.present[7]);
        }
    }
}
