//! A cohort's columns, looked up by the names that a model knows.

use std::collections::{BTreeSet, HashMap};

use crate::{Cohort, Column, Undefined};

/// How many missing columns an error names.
const NAMED: usize = 5;

/// A cohort's columns by name.
pub(super) struct Columns<'a> {
    pub(super) by_name: HashMap<String, &'a Column>,
    pub(super) modalities: BTreeSet<&'a str>,
    /// The columns of each category, by what stands before `=` in their names.
    levels: HashMap<String, Vec<&'a Column>>,
}

/// Where a column's values come from.
#[derive(Debug)]
pub(super) enum Source<'a> {
    Column(&'a Column),
    /// Nobody has this level: 0 wherever another level is known.
    AbsentLevel(Vec<&'a Column>),
}

impl<'a> Columns<'a> {
    pub(super) fn of(cohort: &'a Cohort) -> Self {
        let mut levels: HashMap<String, Vec<&Column>> = HashMap::new();
        let mut by_name = HashMap::new();
        for column in &cohort.columns {
            let name = column.name();
            if let Some((category, _)) = name.split_once('=') {
                levels.entry(category.to_owned()).or_default().push(&column.values);
            }
            by_name.insert(name, &column.values);
        }
        let modalities = cohort.columns.iter().map(|column| &*column.modality).collect();
        Self { by_name, modalities, levels }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        let category = name.split_once('=').map(|(category, _)| category);
        self.by_name.contains_key(name)
            || category.is_some_and(|name| self.levels.contains_key(name))
    }

    pub(super) fn source(&self, name: &str) -> Option<Source<'a>> {
        if let Some(column) = self.by_name.get(name) {
            return Some(Source::Column(column));
        }
        let (category, _) = name.split_once('=')?;
        self.levels.get(category).map(|others| Source::AbsentLevel(others.clone()))
    }
}

impl Source<'_> {
    pub(super) fn get(&self, row: usize) -> Option<f64> {
        match self {
            Self::Column(column) => column.get(row).map(f64::from),
            Self::AbsentLevel(others) => {
                others.iter().any(|other| other.get(row).is_some()).then_some(0.0)
            }
        }
    }
}

pub(super) fn missing_columns(missing: &[&str]) -> Undefined {
    let mut columns =
        missing.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if missing.len() > NAMED {
        columns.push_str(", ...");
    }
    Undefined::MissingColumns { count: missing.len(), columns }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use crate::preprocess::tests::{cohort, fit};

    #[test]
    fn an_absent_level_counts_as_zero_beside_its_siblings() {
        let training = cohort(&[
            ("c.stage=I", &[Some(1.0), Some(0.0), Some(0.0), Some(0.0)]),
            ("c.stage=II", &[Some(0.0), Some(1.0), Some(1.0), Some(0.0)]),
            ("c.stage=IV", &[Some(0.0), Some(0.0), Some(0.0), Some(1.0)]),
        ]);
        let preprocessing = fit(&training, &["c"]).unwrap();
        let cohort =
            cohort(&[("c.stage=I", &[Some(1.0), None]), ("c.stage=II", &[Some(0.0), None])]);
        let design = preprocessing.apply(&cohort, &[0, 1]).unwrap();
        let fourth = preprocessing.modalities[0].kept[2].scale;
        assert_eq!(design.blocks[0].x[[0, 2]], fourth.standardize(0.0));
        // An unknown stage is unknown in all levels.
        assert_eq!(design.blocks[0].x.row(1).to_vec(), [0.0; 3]);
    }

    #[test]
    fn missing_columns_are_named_up_to_five() {
        let values: &[Option<f32>] = &[Some(1.0), Some(2.0)];
        let all: Vec<String> = (0..7).map(|column| format!("g.f{column}")).collect();
        let columns: Vec<(&str, &[Option<f32>])> =
            all.iter().map(|name| (name.as_str(), values)).collect();
        let preprocessing = fit(&cohort(&columns), &["g"]).unwrap();
        let found = preprocessing.apply(&cohort(&columns[6..]), &[0]).unwrap_err().to_string();
        assert_eq!(
            found,
            "the model was trained on 6 columns that the cohort lacks: `g.f0`, `g.f1`, `g.f2`, \
             `g.f3`, `g.f4`, ...; extract them with the settings of the training cohort, or leave \
             out the whole modality"
        );
        let found = preprocessing.apply(&cohort(&columns[1..]), &[0]).unwrap_err().to_string();
        assert!(found.contains("1 column that the cohort lacks: `g.f0`;"), "{found}");
    }
}
