//! From the aligned table to numbers that a model can read, fitted on training patients alone.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use crate::{Cohort, CohortColumn, Column, Undefined};

mod known;
mod prepared;
mod rows;

pub use known::KnownFlag;
pub use prepared::{Prepared, PreparedBlock};
pub use rows::RowPreprocessing;

/// Standardized values are cut off at this many standard deviations, so that one slip of a
/// decimal point in a new patient cannot carry a risk away.
pub const CLIP: f64 = 10.0;

/// How many missing columns an error names.
const NAMED: usize = 5;

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

/// One modality's part of [`Preprocessing`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModalityColumns {
    /// The modality's name.
    pub name: String,
    /// The columns in use, in the cohort's order.
    pub kept: Vec<KeptColumn>,
    /// The columns that training patients tell nothing about.
    pub dropped: Vec<DroppedColumn>,
    /// Which columns are known of a patient, where that differs between patients.
    pub known: Vec<KnownFlag>,
    /// The scale of `<modality>.present`, where that column is in use.
    pub present: Option<Scale>,
}

/// A column in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptColumn {
    /// The name as in the aligned table, `<modality>.<feature>`.
    pub name: String,
    /// Its scale.
    #[serde(flatten)]
    pub scale: Scale,
}

/// A column left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedColumn {
    /// The name as in the aligned table.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// The mean and population standard deviation of training values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, above 0.
    pub sd: f64,
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

impl ModalityColumns {
    /// The number of columns in this modality's block, the flags included.
    #[must_use]
    pub fn width(&self) -> usize {
        self.kept.len() + self.known.len() + usize::from(self.present.is_some())
    }

    /// The names of this modality's block, the flags included.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let kept = self.kept.iter().map(|kept| kept.name.clone());
        let present = self.present.map(|_| flag_name(&self.name));
        kept.chain(self.known.iter().map(KnownFlag::name)).chain(present).collect()
    }

    /// The block's row of a patient who lacks the modality, (columns,).
    #[must_use]
    pub fn absent_row(&self) -> Array1<f32> {
        let mut row = Array1::zeros(self.width());
        if let (Some(scale), Some(last)) = (self.present, row.last_mut()) {
            *last = scale.standardize(0.0);
        }
        row
    }

    /// The columns of the aligned table that training saw, those in use first.
    fn columns(&self) -> impl Iterator<Item = &str> {
        let dropped = self.dropped.iter().map(|dropped| &*dropped.name);
        self.kept.iter().map(|kept| &*kept.name).chain(dropped)
    }
}

impl Scale {
    /// The scale of some values; `None` where no two of them differ.
    fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let sd = variance.sqrt();
        // Values are float32: what differs by less than its resolution does not differ.
        let resolution = mean.abs() * f64::from(f32::EPSILON);
        (!values.is_empty() && sd > resolution).then_some(Self { mean, sd })
    }

    #[expect(clippy::cast_possible_truncation, reason = "models read float32")]
    fn standardize(self, value: f64) -> f32 {
        ((value - self.mean) / self.sd).clamp(-CLIP, CLIP) as f32
    }
}

impl Design {
    /// The names of the columns, block after block.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.blocks.iter().flat_map(|block| block.names.iter()).map(String::as_str).collect()
    }
}

fn fit_modality(
    cohort: &Cohort,
    rows: &[usize],
    modality: &str,
) -> Result<ModalityColumns, Undefined> {
    let columns: Vec<&CohortColumn> =
        cohort.columns.iter().filter(|column| column.modality == modality).collect();
    if columns.is_empty() {
        let known = cohort.modalities().join(", ");
        return Err(Undefined::UnknownModality { modality: modality.to_owned(), known });
    }
    let mut present = vec![0.0; rows.len()];
    let (mut kept, mut dropped) = (Vec::new(), Vec::new());
    for column in &columns {
        let name = column.name();
        if name == flag_name(modality) {
            return Err(Undefined::ReservedColumn { column: name });
        }
        let mut values = Vec::with_capacity(rows.len());
        for (present, &row) in present.iter_mut().zip(rows) {
            if let Some(value) = column.values.get(row) {
                *present = 1.0;
                values.push(f64::from(value));
            }
        }
        match Scale::of(&values) {
            Some(scale) => kept.push(KeptColumn { name, scale }),
            None => dropped.push(DroppedColumn { name, reason: why_dropped(&values) }),
        }
    }
    let measured = rows.iter().zip(&present).filter(|&(_, &present)| present > 0.0);
    let measured: Vec<usize> = measured.map(|(&row, _)| row).collect();
    let known = known::fit(&columns, &measured);
    let present = Scale::of(&present);
    Ok(ModalityColumns { name: modality.to_owned(), kept, dropped, known, present })
}

fn why_dropped(values: &[f64]) -> String {
    match values {
        [] => "no training patient has a value".to_owned(),
        [value] => format!("one training patient alone has a value, {value}"),
        [value, ..] => {
            format!("constant: all {} training patients with a value have {value}", values.len())
        }
    }
}

/// A cohort's columns by name.
struct Columns<'a> {
    by_name: HashMap<String, &'a Column>,
    modalities: BTreeSet<&'a str>,
    /// The columns of each category, by what stands before `=` in their names.
    levels: HashMap<String, Vec<&'a Column>>,
}

/// Where a column's values come from.
#[derive(Debug)]
enum Source<'a> {
    Column(&'a Column),
    /// Nobody has this level: 0 wherever another level is known.
    AbsentLevel(Vec<&'a Column>),
}

impl<'a> Columns<'a> {
    fn of(cohort: &'a Cohort) -> Self {
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

    fn has(&self, name: &str) -> bool {
        let category = name.split_once('=').map(|(category, _)| category);
        self.by_name.contains_key(name)
            || category.is_some_and(|name| self.levels.contains_key(name))
    }

    fn source(&self, name: &str) -> Option<Source<'a>> {
        if let Some(column) = self.by_name.get(name) {
            return Some(Source::Column(column));
        }
        let (category, _) = name.split_once('=')?;
        self.levels.get(category).map(|others| Source::AbsentLevel(others.clone()))
    }
}

impl Source<'_> {
    fn get(&self, row: usize) -> Option<f64> {
        match self {
            Self::Column(column) => column.get(row).map(f64::from),
            Self::AbsentLevel(others) => {
                others.iter().any(|other| other.get(row).is_some()).then_some(0.0)
            }
        }
    }
}

fn flag_name(modality: &str) -> String {
    format!("{modality}.present")
}

fn missing_columns(missing: &[&str]) -> Undefined {
    let mut columns =
        missing.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if missing.len() > NAMED {
        columns.push_str(", ...");
    }
    Undefined::MissingColumns { count: missing.len(), columns }
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

    fn fit(cohort: &Cohort, modalities: &[&str]) -> Result<Preprocessing, Undefined> {
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
    fn columns_that_tell_nothing_are_dropped_with_a_reason() {
        let cohort = cohort(&[
            ("c.good", &[Some(1.0), Some(2.0), Some(3.0)]),
            ("c.constant", &[Some(5.0), None, Some(5.0)]),
            ("c.empty", &[None, None, None]),
            ("c.single", &[None, Some(9.0), None]),
            ("c.noise", &[Some(1.0e6), Some(1.0e6 + 0.0625), Some(1.0e6)]),
        ]);
        let modality = fit(&cohort, &["c"]).unwrap().modalities.remove(0);
        assert_eq!(modality.names(), ["c.good"]);
        let dropped: Vec<(&str, &str)> =
            modality.dropped.iter().map(|dropped| (&*dropped.name, &*dropped.reason)).collect();
        assert_eq!(
            dropped,
            [
                ("c.constant", "constant: all 2 training patients with a value have 5"),
                ("c.empty", "no training patient has a value"),
                ("c.single", "one training patient alone has a value, 9"),
                ("c.noise", "constant: all 3 training patients with a value have 1000000"),
            ]
        );
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
    fn a_slip_of_the_decimal_point_is_cut_off() {
        let training = cohort(&[("c.age", &[Some(50.0), Some(60.0), Some(70.0)])]);
        let slipped = cohort(&[("c.age", &[Some(6.0e7), Some(-6.0e7)])]);
        let design = fit(&training, &["c"]).unwrap().apply(&slipped, &[0, 1]).unwrap();
        assert_eq!(design.blocks[0].x.column(0).to_vec(), [10.0, -10.0]);
    }

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
