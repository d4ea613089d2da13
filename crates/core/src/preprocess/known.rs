//! Flags that say which columns are known of a patient.
//!
//! That a stage or a receptor was not recorded tells of a patient's care and of the years it was
//! given in; filled in with the mean alone, that is lost and the others' slope is bent (the
//! missing-indicator method for prediction, see van Smeden et al., J Clin Epidemiol 2020).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Scale;
use crate::CohortColumn;

/// A flag needs so many training patients who have the value, and as many who have not.
const LEAST_PATIENTS: usize = 20;
/// And this share of those who have the modality.
const LEAST_SHARE: f64 = 0.05;
/// A modality has no more flags than this; those that stand for the most columns are kept.
const MOST_FLAGS: usize = 32;

/// A 0/1 column that says whether a patient has a value in a column, and in all columns that are
/// known of the same training patients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownFlag {
    /// The first of its columns as in the aligned table, `<modality>.<feature>`.
    pub column: String,
    /// How many columns it stands for.
    pub columns: usize,
    /// Its scale over the training patients who have the modality.
    pub scale: Scale,
}

impl KnownFlag {
    /// `<column>.known`; the levels of a category share the category's name.
    pub(super) fn name(&self) -> String {
        let category = self.column.split_once('=').map_or(&*self.column, |(category, _)| category);
        format!("{category}.known")
    }
}

/// The flags of the columns that some of the given patients have and others have not, in the order
/// of their first columns.
pub(super) fn fit(columns: &[&CohortColumn], rows: &[usize]) -> Vec<KnownFlag> {
    let enough =
        |count: usize| count >= LEAST_PATIENTS && count as f64 >= LEAST_SHARE * rows.len() as f64;
    let mut places: HashMap<Vec<bool>, usize> = HashMap::new();
    let mut flags: Vec<KnownFlag> = vec![];
    for column in columns {
        let known: Vec<bool> = rows.iter().map(|&row| column.values.get(row).is_some()).collect();
        let count = known.iter().filter(|&&known| known).count();
        if !(enough(count) && enough(rows.len() - count)) {
            continue;
        }
        let values: Vec<f64> = known.iter().map(|&known| f64::from(u8::from(known))).collect();
        let Some(scale) = Scale::of(&values) else { continue };
        if let Some(&place) = places.get(&known) {
            flags[place].columns += 1;
        } else {
            places.insert(known, flags.len());
            flags.push(KnownFlag { column: column.name(), columns: 1, scale });
        }
    }
    if flags.len() > MOST_FLAGS {
        let mut order: Vec<usize> = (0..flags.len()).collect();
        order.sort_by_key(|&place| (std::cmp::Reverse(flags[place].columns), place));
        let mut kept = order[..MOST_FLAGS].to_vec();
        kept.sort_unstable();
        return kept.into_iter().map(|place| flags[place].clone()).collect();
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::tests::{cohort, fit};

    #[test]
    fn a_column_that_many_lack_brings_a_flag_shared_by_its_pattern() {
        // 100 patients; the last ten lack the modality; every third of the others has no stage.
        let staged = |row: usize| row < 90 && !row.is_multiple_of(3);
        let values = |has: &dyn Fn(usize) -> bool| -> Vec<Option<f32>> {
            let value = |row: u8| f32::from(row % 5);
            (0..100_u8).map(|row| has(usize::from(row)).then(|| value(row))).collect()
        };
        let (age, stage) = (values(&|row| row < 90), values(&staged));
        let rare = values(&|row| row < 90 && row != 4);
        let cohort = cohort(&[
            ("c.age", &age),
            ("c.stage=I", &stage),
            ("c.stage=II", &stage),
            ("c.rare", &rare),
        ]);
        let preprocessing = fit(&cohort, &["c"]).unwrap();
        let modality = &preprocessing.modalities[0];
        let scale = Scale { mean: 60.0 / 90.0, sd: modality.known[0].scale.sd };
        assert_eq!(
            modality.known,
            [KnownFlag { column: "c.stage=I".to_owned(), columns: 2, scale }]
        );
        let design = preprocessing.apply(&cohort, &[0, 1, 95]).unwrap();
        let block = &design.blocks[0];
        assert_eq!(block.names[4..], ["c.stage.known", "c.present"]);
        let expected = [scale.standardize(0.0), scale.standardize(1.0), 0.0];
        assert_eq!(block.x.column(4).to_vec(), expected);
    }
}
