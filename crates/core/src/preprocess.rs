//! From the aligned table to numbers that a model can read, fitted on training patients alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{Cohort, CohortColumn, Undefined};

mod columns;
mod known;
mod modality;
mod prepared;
mod rows;
mod scale;

pub use known::KnownFlag;
pub use modality::{DroppedColumn, KeptColumn, ModalityColumns};
pub use prepared::{Prepared, PreparedBlock};
pub use rows::RowPreprocessing;
pub use scale::{CLIP, Scale};

use modality::fit_modality;

/// What was learned from the training patients about each modality's columns.
///
/// A column is standardized by the mean and standard deviation of its present training values;
/// a missing value becomes the mean, so 0. A column without two different training values is
/// dropped. A patient without any value of a modality gets zeros throughout it. When some training
/// patients lack a modality, and some do not, a 0/1 column `<modality>.present`, standardized
/// likewise, closes its block. A column that enough of the patients with the modality lack, and
/// enough have (20 and 5 % at least), brings a column `<column>.known` likewise, one for all columns
/// that the same training patients have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// One entry a modality, in the order asked for.
    pub modalities: Vec<ModalityColumns>,
}

/// What a model reads: a block of columns for each modality.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// The blocks; a modality without any column in use has none.
    pub blocks: Vec<Block>,
    /// Columns of the cohort, in the modalities the model reads, that the model does not know and
    /// that were ignored.
    pub unknown: Vec<String>,
}

/// One modality of a [`Design`].
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The modality's name.
    pub modality: String,
    /// One name a column.
    pub names: Arc<Vec<String>>,
    /// Standardized values, (patients, columns), none missing.
    pub x: Array2<f32>,
    /// Whether each patient has any value of this modality.
    pub present: Vec<bool>,
}

impl Preprocessing {
    /// Learns columns and scales from the given rows of a cohort and from no other.
    ///
    /// # Errors
    /// When there is no row, a modality has no column in the cohort, a feature is named `present`,
    /// or no column is left in all modalities together.
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn fit(cohort: &Cohort, rows: &[usize], modalities: &[String]) -> Result<Self, Undefined> {
        if rows.is_empty() {
            return Err(Undefined::NoPatient);
        }
        let fitted: Vec<ModalityColumns> = modalities
            .iter()
            .map(|modality| fit_modality(cohort, rows, modality))
            .collect::<Result<_, _>>()?;
        if fitted.iter().all(|modality| modality.kept.is_empty()) {
            return Err(Undefined::NoColumn);
        }
        Ok(Self { modalities: fitted })
    }

    /// Turns rows of a cohort, the training cohort or another, into what the model reads.
    ///
    /// A cohort without any column of a modality has it absent in all patients. A level's column
    /// such as `clinical.stage=IV` may be missing beside `clinical.stage=II`: then nobody has that
    /// level. Columns dropped in training need not be there.
    ///
    /// # Errors
    /// When the cohort lacks other columns in use.
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn apply(&self, cohort: &Cohort, rows: &[usize]) -> Result<Design, Undefined> {
        let places: Vec<usize> = (0..rows.len()).collect();
        let blocks = self.prepare(cohort, rows)?.select(&places);
        Ok(Design { blocks, unknown: self.unknown(cohort) })
    }

    /// The same without a copy of the rows: their values are made when they are asked for.
    ///
    /// # Errors
    /// As [`Self::apply`].
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn prepare<'a>(
        &'a self,
        cohort: &'a Cohort,
        rows: &'a [usize],
    ) -> Result<Prepared<'a>, Undefined> {
        Prepared::new(self, cohort, rows)
    }

    /// The same of some modalities alone.
    ///
    /// # Errors
    /// When none of them has a column in use.
    ///
    /// # Panics
    /// When a modality was not asked for in [`Self::fit`].
    pub fn of_modalities(&self, names: &[String]) -> Result<Self, Undefined> {
        let part = |name: &String| {
            let own = self.modalities.iter().find(|modality| modality.name == *name);
            own.expect("a modality that was fitted").clone()
        };
        let modalities: Vec<ModalityColumns> = names.iter().map(part).collect();
        if modalities.iter().all(|modality| modality.kept.is_empty()) {
            return Err(Undefined::NoColumn);
        }
        Ok(Self { modalities })
    }

    /// The modalities that have a block in a [`Design`], with the number of its columns.
    #[must_use]
    pub fn widths(&self) -> Vec<(&str, usize)> {
        let widths = self.modalities.iter().map(|modality| (&*modality.name, modality.width()));
        widths.filter(|&(_, width)| width > 0).collect()
    }

    fn unknown(&self, cohort: &Cohort) -> Vec<String> {
        let known: BTreeSet<&str> =
            self.modalities.iter().flat_map(ModalityColumns::columns).collect();
        let read: BTreeSet<&str> = self.modalities.iter().map(|modality| &*modality.name).collect();
        cohort
            .columns
            .iter()
            .filter(|column| read.contains(column.modality.as_str()))
            .map(CohortColumn::name)
            .filter(|name| !known.contains(name.as_str()))
            .collect()
    }
}

impl Design {
    /// The names of the columns, block after block.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.blocks.iter().flat_map(|block| block.names.iter()).map(String::as_str).collect()
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
pub(crate) mod tests {
    use super::*;
    use crate::{FeatureInfo, PatientId};

    pub(crate) fn cohort(columns: &[(&str, &[Option<f32>])]) -> Cohort {
        let patients = columns.first().map_or(0, |(_, values)| values.len());
        let column = |(name, values): &(&str, &[Option<f32>])| {
            let (modality, feature) = name.split_once('.').unwrap();
            CohortColumn {
                modality: modality.to_owned(),
                info: FeatureInfo {
                    name: feature.to_owned(),
                    unit: String::new(),
                    meaning: String::new(),
                    standard: String::new(),
                },
                values: values.iter().copied().collect(),
            }
        };
        Cohort {
            patients: (0..patients)
                .map(|row| PatientId::new(&format!("P{row}")).unwrap())
                .collect(),
            sites: vec![None; patients],
            index_dates: vec![None; patients],
            survival: vec![None; patients],
            competing: vec![],
            labels: vec![None; patients],
            folds: vec![None; patients],
            columns: columns.iter().map(column).collect(),
        }
    }

    fn names(modalities: &[&str]) -> Vec<String> {
        modalities.iter().map(|&name| name.to_owned()).collect()
    }

    pub(super) fn fit(cohort: &Cohort, modalities: &[&str]) -> Result<Preprocessing, Undefined> {
        let rows: Vec<usize> = (0..cohort.len()).collect();
        Preprocessing::fit(cohort, &rows, &names(modalities))
    }

    #[test]
    fn standardizes_and_imputes_the_mean() {
        let cohort = cohort(&[
            ("c.age", &[Some(1.0), Some(3.0), None, Some(5.0), Some(7.0)]),
            ("c.sex", &[Some(0.0), Some(1.0), Some(1.0), Some(0.0), None]),
        ]);
        let preprocessing = fit(&cohort, &["c"]).unwrap();
        let scale = preprocessing.modalities[0].kept[0].scale;
        assert_eq!((scale.mean, scale.sd), (4.0, 5.0_f64.sqrt()));
        let design = preprocessing.apply(&cohort, &[0, 1, 2, 3, 4]).unwrap();
        let block = &design.blocks[0];
        assert_eq!(*block.names, ["c.age", "c.sex"]);
        let expected = [1.0, 3.0, 4.0, 5.0, 7.0].map(|value| scale.standardize(value));
        assert_eq!(block.x.column(0).to_vec(), expected);
        assert_eq!(block.x.column(1).to_vec(), [-1.0, 1.0, 1.0, -1.0, 0.0]);
        assert_eq!(block.present, [true; 5]);
        assert_eq!(design.names(), ["c.age", "c.sex"]);
    }

    #[test]
    fn an_absent_modality_is_zeros_and_a_flag() {
        let cohort = cohort(&[
            ("c.age", &[Some(1.0), Some(3.0), Some(1.0), Some(3.0)]),
            ("ct.volume", &[Some(1.0), None, Some(2.0), Some(3.0)]),
            ("ct.mean", &[None, None, Some(2.0), Some(3.0)]),
        ]);
        let preprocessing = fit(&cohort, &["ct", "c"]).unwrap();
        assert_eq!(preprocessing.widths(), [("ct", 3), ("c", 1)]);
        let design = preprocessing.apply(&cohort, &[0, 1, 2, 3]).unwrap();
        let block = &design.blocks[0];
        assert_eq!(block.modality, "ct");
        assert_eq!(*block.names, ["ct.volume", "ct.mean", "ct.present"]);
        assert_eq!(block.present, [true, false, true, true]);
        let flag = Scale { mean: 0.75, sd: 0.1875_f64.sqrt() };
        assert_eq!(block.x.row(1).to_vec(), [0.0, 0.0, flag.standardize(0.0)]);
        assert_eq!(block.x[[0, 2]], flag.standardize(1.0));
        // Nobody lacks the other modality, so it needs no flag.
        assert_eq!(*design.blocks[1].names, ["c.age"]);
    }

    #[test]
    fn held_out_rows_change_nothing_by_a_bit() {
        let values: Vec<Option<f32>> =
            (0..20_u8).map(|row| (row % 7 != 3).then_some(f32::from(row).sqrt())).collect();
        let mut changed = values.clone();
        changed[12..].fill(Some(-1.0e30));
        changed[15] = None;
        let other: Vec<Option<f32>> = (0..20_u8).map(|row| Some(f32::from(row % 3))).collect();
        let training: Vec<usize> = (0..12).rev().collect();
        let fit = |values: &[Option<f32>]| {
            let cohort = cohort(&[("a.x", values), ("b.x", &other), ("b.y", values)]);
            Preprocessing::fit(&cohort, &training, &names(&["a", "b"])).unwrap()
        };
        let (before, after) = (fit(&values), fit(&changed));
        let bytes = |fitted: &Preprocessing| serde_json::to_vec(fitted).unwrap();
        assert_eq!(bytes(&before), bytes(&after));
        assert_eq!(before, after);
        // A change in a training row does show.
        let mut trained = values.clone();
        trained[0] = Some(0.5);
        assert_ne!(before, fit(&trained));
    }

    #[test]
    fn a_cohort_without_the_modality_has_it_absent_in_all() {
        let training = cohort(&[
            ("c.age", &[Some(1.0), Some(2.0), Some(3.0)]),
            ("ct.volume", &[Some(1.0), Some(2.0), None]),
        ]);
        let preprocessing = fit(&training, &["c", "ct"]).unwrap();
        let cohort = cohort(&[("c.age", &[Some(2.0)])]);
        let design = preprocessing.apply(&cohort, &[0]).unwrap();
        assert_eq!(design.blocks[1].present, [false]);
        assert_eq!(design.blocks[1].x[[0, 0]], 0.0);
        assert!(design.blocks[1].x[[0, 1]] < 0.0);
    }

    #[test]
    fn columns_the_model_does_not_know_are_listed() {
        let training =
            cohort(&[("c.age", &[Some(1.0), Some(2.0)]), ("c.same", &[Some(1.0), Some(1.0)])]);
        let preprocessing = fit(&training, &["c"]).unwrap();
        let cohort = cohort(&[
            ("c.age", &[Some(1.0)]),
            ("c.same", &[Some(4.0)]),
            ("c.new", &[Some(1.0)]),
            ("ct.volume", &[Some(1.0)]),
        ]);
        let design = preprocessing.apply(&cohort, &[0]).unwrap();
        assert_eq!(design.unknown, ["c.new"]);
        assert_eq!(design.names(), ["c.age"]);
    }

    #[test]
    fn says_why_it_cannot_be_fitted() {
        let empty = cohort(&[("c.age", &[None, None]), ("ct.volume", &[Some(1.0), Some(1.0)])]);
        assert_eq!(fit(&empty, &["c", "ct"]), Err(Undefined::NoColumn));
        let found = fit(&empty, &["mr"]).unwrap_err().to_string();
        assert_eq!(found, "the cohort has no column of modality `mr`, it has: c, ct");
        assert_eq!(Preprocessing::fit(&empty, &[], &names(&["c"])), Err(Undefined::NoPatient));
        let reserved = cohort(&[("c.present", &[Some(1.0), Some(2.0)])]);
        let column = "c.present".to_owned();
        assert_eq!(fit(&reserved, &["c"]), Err(Undefined::ReservedColumn { column }));
    }

    #[test]
    fn a_modality_without_a_column_in_use_has_no_block() {
        let cohort = cohort(&[("c.age", &[Some(1.0), Some(2.0)]), ("ct.volume", &[None, None])]);
        let preprocessing = fit(&cohort, &["c", "ct"]).unwrap();
        assert_eq!(preprocessing.widths(), [("c", 1)]);
        let design = preprocessing.apply(&cohort, &[1, 0]).unwrap();
        assert_eq!(design.blocks.len(), 1);
        assert_eq!(design.blocks[0].x.dim(), (2, 1));
    }

    #[test]
    fn survives_json() {
        let cohort = cohort(&[
            ("c.age", &[Some(1.0), Some(2.0), Some(4.0)]),
            ("ct.volume", &[Some(0.1), Some(0.7), None]),
            ("ct.empty", &[None, None, None]),
        ]);
        let preprocessing = fit(&cohort, &["c", "ct"]).unwrap();
        let text = serde_json::to_string(&preprocessing).unwrap();
        assert_eq!(serde_json::from_str::<Preprocessing>(&text).unwrap(), preprocessing);
    }
}
