//! From the aligned table to numbers that a model can read, fitted on training patients alone.

use std::collections::{BTreeSet, HashMap};

use ndarray::{Array2, ArrayViewMut1, Axis, concatenate};
use serde::{Deserialize, Serialize};

use crate::{Cohort, CohortColumn, Column, Undefined};

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
/// likewise, closes its block.
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
    pub names: Vec<String>,
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
        let columns = Columns::of(cohort);
        let missing: Vec<&str> = self
            .modalities
            .iter()
            .filter(|modality| columns.modalities.contains(modality.name.as_str()))
            .flat_map(|modality| &modality.kept)
            .filter(|kept| columns.source(&kept.name).is_none())
            .map(|kept| kept.name.as_str())
            .collect();
        if !missing.is_empty() {
            return Err(missing_columns(&missing));
        }
        let used = self.modalities.iter().filter(|modality| modality.width() > 0);
        let blocks = used.map(|modality| modality.block(&columns, rows)).collect();
        Ok(Design { blocks, unknown: self.unknown(cohort) })
    }

    /// The modalities that have a block in a [`Design`], with the number of its columns.
    #[must_use]
    pub fn widths(&self) -> Vec<(&str, usize)> {
        let widths = self.modalities.iter().map(|modality| (&*modality.name, modality.width()));
        widths.filter(|&(_, width)| width > 0).collect()
    }

    fn unknown(&self, cohort: &Cohort) -> Vec<String> {
        let known: BTreeSet<&str> =
            self.modalities.iter().flat_map(ModalityColumns::known).collect();
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
    /// The number of columns in this modality's block, the flag included.
    #[must_use]
    pub fn width(&self) -> usize {
        self.kept.len() + usize::from(self.present.is_some())
    }

    /// The names of this modality's block, the flag included.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let flag = self.present.map(|_| flag_name(&self.name));
        self.kept.iter().map(|kept| kept.name.clone()).chain(flag).collect()
    }

    fn known(&self) -> impl Iterator<Item = &str> {
        let dropped = self.dropped.iter().map(|dropped| &*dropped.name);
        self.kept.iter().map(|kept| &*kept.name).chain(dropped)
    }

    fn block(&self, columns: &Columns, rows: &[usize]) -> Block {
        let mut present = vec![false; rows.len()];
        for column in self.known().filter_map(|name| columns.by_name.get(name)) {
            for (present, &row) in present.iter_mut().zip(rows) {
                *present |= column.get(row).is_some();
            }
        }
        let mut x = Array2::zeros((rows.len(), self.width())); // (patients, p_m)
        for (kept, values) in self.kept.iter().zip(x.columns_mut()) {
            fill(values, columns.source(&kept.name), rows, kept.scale);
        }
        if let Some(scale) = self.present {
            for (value, &present) in x.column_mut(self.kept.len()).iter_mut().zip(&present) {
                *value = scale.standardize(if present { 1.0 } else { 0.0 });
            }
        }
        Block { modality: self.name.clone(), names: self.names(), x, present }
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
    /// All blocks side by side in float64, (patients, all columns).
    ///
    /// # Panics
    /// When there is no block, which [`Preprocessing::fit`] rules out.
    #[must_use]
    pub fn concatenated(&self) -> Array2<f64> {
        let views: Vec<_> = self.blocks.iter().map(|block| block.x.view()).collect();
        concatenate(Axis(1), &views).expect("blocks of the same patients").mapv(f64::from)
    }

    /// The names of the columns of [`Self::concatenated`].
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.blocks.iter().flat_map(|block| &block.names).map(String::as_str).collect()
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
    for column in columns {
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
    Ok(ModalityColumns { name: modality.to_owned(), kept, dropped, present: Scale::of(&present) })
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
enum Source<'a> {
    Column(&'a Column),
    /// Nobody has this level: 0 wherever another level is known.
    AbsentLevel(&'a [&'a Column]),
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

    fn source(&self, name: &str) -> Option<Source<'_>> {
        if let Some(column) = self.by_name.get(name) {
            return Some(Source::Column(column));
        }
        let (category, _) = name.split_once('=')?;
        self.levels.get(category).map(|others| Source::AbsentLevel(others))
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

fn fill(values: ArrayViewMut1<f32>, source: Option<Source>, rows: &[usize], scale: Scale) {
    // Without a source the whole modality is absent, and zeros stand there already.
    let Some(source) = source else { return };
    for (value, &row) in values.into_iter().zip(rows) {
        *value = source.get(row).map_or(0.0, |present| scale.standardize(present));
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
