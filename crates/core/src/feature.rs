use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::PatientId;

/// One line of the feature dictionary: what a column means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureInfo {
    /// The name without its modality, such as `driver_TP53` or `morph_volume`.
    pub name: String,
    /// The unit, such as `mm3` or `1/Mb`; empty for pure numbers.
    pub unit: String,
    /// One line that says what is measured.
    pub meaning: String,
    /// The standard or paper that defines it with its section; empty where there is none.
    pub standard: String,
}

/// One measured value of one patient; `None` is "not measured", which is not zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// What was measured.
    pub info: FeatureInfo,
    /// The value, finite.
    pub value: Option<f32>,
}

impl Feature {
    /// A feature from its parts; a value that is not finite counts as not measured.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "features are stored as float32")]
    pub fn new(name: &str, unit: &str, meaning: &str, value: Option<f64>) -> Self {
        Self {
            info: FeatureInfo {
                name: name.to_owned(),
                unit: unit.to_owned(),
                meaning: meaning.to_owned(),
                standard: String::new(),
            },
            value: value.map(|value| value as f32).filter(|value| value.is_finite()),
        }
    }

    /// The same feature with the standard that defines it.
    #[must_use]
    pub fn with_standard(mut self, standard: &str) -> Self {
        standard.clone_into(&mut self.info.standard);
        self
    }
}

/// The features of one modality: a row for each patient and date.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureTable {
    /// The dictionary, one entry a column, in column order.
    pub features: Vec<FeatureInfo>,
    /// The rows, each with one value a column.
    pub rows: Vec<FeatureRow>,
}

/// One patient's values on one date.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRow {
    /// Whose values they are.
    pub patient_id: PatientId,
    /// When they were taken, if known.
    pub date: Option<NaiveDate>,
    /// One value for each entry of the dictionary.
    pub values: Vec<Option<f32>>,
}

/// A column of float32 values, some of them missing.
#[derive(Clone, Debug, Default)]
pub struct Column {
    // NaN stands for a missing value here and nowhere else: half the size of `Option<f32>`.
    values: Vec<f32>,
}

impl Column {
    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value in a row.
    ///
    /// # Panics
    /// When the row does not exist.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<f32> {
        Some(self.values[row]).filter(|value| !value.is_nan())
    }

    /// Every row in order, NaN where the value is missing.
    pub(crate) fn with_gaps(&self) -> &[f32] {
        &self.values
    }

    /// Every row in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<f32>> + '_ {
        self.values.iter().map(|&value| Some(value).filter(|value| !value.is_nan()))
    }
}

impl FromIterator<Option<f32>> for Column {
    fn from_iter<I: IntoIterator<Item = Option<f32>>>(values: I) -> Self {
        Self { values: values.into_iter().map(|value| value.unwrap_or(f32::NAN)).collect() }
    }
}

impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
