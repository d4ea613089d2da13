use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// The `[clinical]` section of a cohort manifest: which table, and what its columns mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClinicalSettings {
    /// The table's path, relative to the manifest; comma, tab or semicolon separated.
    pub table: String,
    /// The column that holds the patient's pseudonym.
    pub patient_id: String,
    /// The column with the date that follow-up counts from, as `YYYY-MM-DD`.
    #[serde(default)]
    pub index_date: Option<String>,
    /// The column with the hospital or centre.
    #[serde(default)]
    pub site: Option<String>,
    /// The column with the fold that a patient is held out in, a whole number.
    #[serde(default)]
    pub fold: Option<String>,
    /// The cells that mean "not known", compared without case.
    #[serde(default = "default_missing", deserialize_with = "texts")]
    pub missing: Vec<String>,
    /// The columns that become features, by column name.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnSettings>,
}

/// How the cells of one clinical column are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum ColumnSettings {
    /// A number; one feature in [`unit`](Self::Number::unit).
    Number {
        /// The unit that the feature is stored in, and that a cell without a unit is taken to be in.
        #[serde(default)]
        unit: String,
        /// Other units that a cell may carry, each with the factor that turns it into `unit`.
        #[serde(default)]
        convert: BTreeMap<String, f64>,
        /// The smallest value that can be right, in `unit`.
        #[serde(default)]
        min: Option<f64>,
        /// The largest value that can be right, in `unit`.
        #[serde(default)]
        max: Option<f64>,
    },
    /// One of several kinds without an order; a 0/1 feature `<column>=<level>` for each level.
    Category {
        /// The kinds; those found in the table, sorted, when not given.
        #[serde(default, deserialize_with = "optional_texts")]
        levels: Option<Vec<String>>,
    },
    /// One of several kinds in order; one feature: 0 for the first level, 1 for the second ...
    Ordinal {
        /// The kinds from first to last.
        #[serde(deserialize_with = "texts")]
        levels: Vec<String>,
    },
    /// Yes or no; one 0/1 feature.
    Boolean {
        /// The cells that mean yes.
        #[serde(default = "default_true_values", deserialize_with = "texts")]
        true_values: Vec<String>,
        /// The cells that mean no.
        #[serde(default = "default_false_values", deserialize_with = "texts")]
        false_values: Vec<String>,
    },
}

/// The `[outcome]` section of a cohort manifest; all columns are those of the clinical table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeSettings {
    /// The column with the follow-up time. Given together with `event`, or neither.
    #[serde(default)]
    pub time: Option<String>,
    /// The unit of that column.
    #[serde(default)]
    pub time_unit: TimeUnit,
    /// The column with the time, in that unit, at which observation began where that was after the
    /// index date: who had the event before would not be in the table. An empty cell, zero or less
    /// is observed from the index date on.
    #[serde(default)]
    pub entry: Option<String>,
    /// The column that says whether the event was observed.
    #[serde(default)]
    pub event: Option<String>,
    /// The cells of that column that mean an observed event.
    #[serde(default, deserialize_with = "texts")]
    pub event_values: Vec<String>,
    /// The cells of that column that mean censored.
    #[serde(default, deserialize_with = "texts")]
    pub censored_values: Vec<String>,
    /// Events that keep the event from ever happening, such as another death: a name for each,
    /// and the cells of that column that mean it.
    #[serde(default, deserialize_with = "text_lists")]
    pub competing: BTreeMap<String, Vec<String>>,
    /// The column with the subtype or other class.
    #[serde(default)]
    pub label: Option<String>,
}

/// The unit of a follow-up time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Days.
    #[default]
    Days,
    /// Weeks of 7 days.
    Weeks,
    /// Months of 30.4375 days.
    Months,
    /// Years of 365.25 days.
    Years,
}

impl TimeUnit {
    /// The length of one unit in days.
    #[must_use]
    pub fn days(self) -> f64 {
        match self {
            Self::Days => 1.0,
            Self::Weeks => 7.0,
            Self::Months => 30.4375,
            Self::Years => 365.25,
        }
    }
}

/// The options of a modality of `kind = "table"`: one numeric table for all patients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSettings {
    /// The column that holds the patient's pseudonym.
    pub patient_id: String,
    /// The columns that become features; all numeric ones when not given.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// Keeps only columns whose name ends so, such as `_rnaseq`.
    #[serde(default)]
    pub suffix: Option<String>,
    /// Columns to leave out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// The column with the date that a row was measured on, as `YYYY-MM-DD`.
    #[serde(default)]
    pub date: Option<String>,
    /// The cells that mean "not known", compared without case.
    #[serde(default = "default_missing", deserialize_with = "texts")]
    pub missing: Vec<String>,
}

fn default_missing() -> Vec<String> {
    owned(&["", "NA", "N/A", "NaN", "null", ".", "unknown", "not available"])
}

fn default_true_values() -> Vec<String> {
    owned(&["yes", "true", "1", "y"])
}

fn default_false_values() -> Vec<String> {
    owned(&["no", "false", "0", "n"])
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// A value of a list: `event_values = [1]` means the same as `event_values = ["1"]`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}

impl From<Value> for String {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => text,
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Boolean(truth) => truth.to_string(),
        }
    }
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let values = Vec::<Value>::deserialize(deserializer)?;
    Ok(values.into_iter().map(String::from).collect())
}

fn text_lists<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    let lists = BTreeMap::<String, Vec<Value>>::deserialize(deserializer)?;
    let texts = |values: Vec<Value>| values.into_iter().map(String::from).collect();
    Ok(lists.into_iter().map(|(name, values)| (name, texts(values))).collect())
}

fn optional_texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    texts(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_manifest_section() {
        let settings: ClinicalSettings = toml::from_str(
            r#"
            table = "clinical.csv"
            patient_id = "id"
            [columns]
            age = { type = "number", unit = "years", min = 0, max = 120 }
            sex = { type = "category", levels = ["female", "male"] }
            grade = { type = "ordinal", levels = [1, 2, 3] }
            smoker = { type = "boolean" }
            "#,
        )
        .unwrap();
        assert_eq!(settings.missing, default_missing());
        assert_eq!(
            settings.columns["grade"],
            ColumnSettings::Ordinal { levels: owned(&["1", "2", "3"]) }
        );
    }

    #[test]
    fn refuses_a_misspelt_option() {
        for text in [
            "table = 'a'\npatient_id = 'b'\nindexdate = 'c'",
            "table = 'a'\npatient_id = 'b'\n[columns]\nage = { type = 'number', minimum = 1 }",
            "table = 'a'\npatient_id = 'b'\n[columns]\nage = { type = 'numeric' }",
        ] {
            assert!(toml::from_str::<ClinicalSettings>(text).is_err(), "{text}");
        }
        assert!(toml::from_str::<OutcomeSettings>("time_unit = 'hours'").is_err());
    }
}
