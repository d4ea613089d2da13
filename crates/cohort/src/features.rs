use std::{collections::HashMap, path::Path, sync::Arc};

use arrow::array::{ArrayRef, Date32Array, Float32Array, StringArray};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;
use oncoweave_core::{FeatureInfo, FeatureRow, FeatureTable, PatientId};

use crate::{
    Error,
    columns::Columns,
    parquet_file::{Kind, NamedArray, read_parquet, write_parquet},
};

const DICTIONARY: &str = "oncoweave.dictionary";

/// Writes the features of one modality: `patient_id`, `date`, then one float32 column a feature,
/// with the feature dictionary as JSON in the file's metadata.
///
/// # Errors
/// When the file cannot be written.
///
/// # Panics
/// When a row has not one value for each entry of the dictionary.
pub fn write_feature_table(path: &Path, table: &FeatureTable) -> Result<(), Error> {
    let mut columns: Vec<NamedArray> = vec![
        ("patient_id".to_owned(), patient_array(table.rows.iter().map(|row| &row.patient_id))),
        ("date".to_owned(), date_array(table.rows.iter().map(|row| row.date))),
    ];
    for row in &table.rows {
        assert_eq!(row.values.len(), table.features.len(), "one value for each feature");
    }
    for (index, info) in table.features.iter().enumerate() {
        let values: Float32Array = table.rows.iter().map(|row| row.values[index]).collect();
        columns.push((info.name.clone(), Arc::new(values)));
    }
    let dictionary = dictionary_json(table.features.iter().map(|info| (info.name.clone(), info)));
    write_parquet(path, Kind::Features, vec![(DICTIONARY, dictionary)], columns)
}

/// Reads the features of one modality. Another program's table will do: `patient_id` as text, an
/// optional `date`, and any other column of numbers is a feature without a description.
///
/// # Errors
/// When the file is no such table, or one patient has two rows of one date.
pub fn read_feature_table(path: &Path) -> Result<FeatureTable, Error> {
    let columns = read_parquet(path, Kind::Features)?;
    let patients = columns.patients()?;
    let dates = columns.dates("date")?;
    let keys: Vec<String> = patients
        .iter()
        .zip(&dates)
        .map(|(patient, date)| match date {
            Some(date) => format!("{patient} on {date}"),
            None => patient.to_string(),
        })
        .collect();
    columns.unique("patients (of one date)", &keys)?;
    let dictionary = read_dictionary(&columns)?;
    let rows = patients
        .into_iter()
        .zip(dates)
        .map(|(patient_id, date)| FeatureRow { patient_id, date, values: Vec::new() })
        .collect();
    let mut table = FeatureTable { features: Vec::new(), rows };
    for name in columns.names.iter().filter(|name| !matches!(name.as_str(), "patient_id" | "date"))
    {
        let values = columns.features(name)?;
        for (row, value) in table.rows.iter_mut().zip(values) {
            row.values.push(value);
        }
        table.features.push(describe(&dictionary, name, name));
    }
    Ok(table)
}

/// The dictionary as a JSON object from column name to description, in column order.
pub(crate) fn dictionary_json<'a>(
    entries: impl Iterator<Item = (String, &'a FeatureInfo)>,
) -> String {
    let entries: serde_json::Map<String, serde_json::Value> =
        entries.map(|(name, info)| (name, serde_json::json!(info))).collect();
    serde_json::Value::Object(entries).to_string()
}

pub(crate) fn dictionary_entry(json: String) -> (&'static str, String) {
    (DICTIONARY, json)
}

pub(crate) fn read_dictionary(columns: &Columns) -> Result<HashMap<String, FeatureInfo>, Error> {
    let Some(json) = columns.metadata.get(DICTIONARY) else { return Ok(HashMap::new()) };
    serde_json::from_str(json)
        .map_err(|source| Error::Dictionary { path: columns.path.clone(), source })
}

/// What the dictionary says of a column; a column that it does not know has its name alone.
pub(crate) fn describe(
    dictionary: &HashMap<String, FeatureInfo>,
    column: &str,
    feature: &str,
) -> FeatureInfo {
    dictionary.get(column).cloned().unwrap_or_else(|| FeatureInfo {
        name: feature.to_owned(),
        unit: String::new(),
        meaning: String::new(),
        standard: String::new(),
    })
}

pub(crate) fn patient_array<'a>(patients: impl Iterator<Item = &'a PatientId>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(patients.map(PatientId::as_str)))
}

pub(crate) fn date_array(dates: impl Iterator<Item = Option<NaiveDate>>) -> ArrayRef {
    Arc::new(dates.map(|date| date.map(Date32Type::from_naive_date)).collect::<Date32Array>())
}

#[cfg(test)]
mod tests {
    use oncoweave_core::Feature;

    use super::*;
    use crate::{
        merge_tables, single_row,
        testing::{id, numbers, texts, write_foreign},
    };

    #[test]
    fn a_table_comes_back_with_its_dictionary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ct.parquet");
        let volume = |value| Feature::new("volume", "mm3", "Volume.", value).with_standard("RNU0");
        let day = NaiveDate::from_ymd_opt(2020, 2, 29);
        let table = merge_tables(vec![
            single_row(id("P1"), day, vec![volume(Some(0.1))]).unwrap(),
            single_row(id("P1"), None, vec![volume(None)]).unwrap(),
        ]);
        write_feature_table(&path, &table).unwrap();
        assert_eq!(read_feature_table(&path).unwrap(), table);
    }

    #[test]
    fn an_empty_table_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ct.parquet");
        write_feature_table(&path, &FeatureTable::default()).unwrap();
        assert_eq!(read_feature_table(&path).unwrap(), FeatureTable::default());
    }

    #[test]
    fn reads_another_program_s_table_and_refuses_patients_twice() {
        let folder = tempfile::tempdir().unwrap();
        let columns = |second| {
            vec![
                ("patient_id", texts(&[Some("P1"), Some(second)])),
                ("x", numbers(&[Some(1.0), None])),
            ]
        };
        let table = read_feature_table(&write_foreign(folder.path(), &[], &columns("P2"))).unwrap();
        assert_eq!(table.features[0].name, "x");
        assert_eq!(table.rows[1].values, [None]);
        let path = write_foreign(folder.path(), &[], &columns("P1"));
        let message = read_feature_table(&path).unwrap_err().to_string();
        assert!(
            message.ends_with("in more than one row: `P1`; leave one row of each"),
            "{message}"
        );
    }

    #[test]
    fn a_damaged_dictionary_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let columns = [("patient_id", texts(&[Some("P1")]))];
        let path = write_foreign(folder.path(), &[(DICTIONARY, "{")], &columns);
        let message = read_feature_table(&path).unwrap_err().to_string();
        assert!(message.contains("feature dictionary"), "{message}");
    }
}
