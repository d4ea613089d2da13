use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use oncoweave_core::{Feature, FeatureInfo, FeatureRow, FeatureTable, PatientId};

use crate::Error;

/// A table of one row from the features of one patient on one date.
///
/// # Errors
/// When two features have one name.
pub fn single_row(
    patient_id: PatientId,
    date: Option<NaiveDate>,
    features: Vec<Feature>,
) -> Result<FeatureTable, Error> {
    let values = features.iter().map(|feature| feature.value).collect();
    let features: Vec<FeatureInfo> = features.into_iter().map(|feature| feature.info).collect();
    let mut names = HashSet::new();
    if let Some(info) = features.iter().find(|info| !names.insert(&info.name)) {
        return Err(Error::DuplicateFeature { name: info.name.clone() });
    }
    Ok(FeatureTable { features, rows: vec![FeatureRow { patient_id, date, values }] })
}

/// Joins tables of one modality to one: rows sorted by patient and date, columns in the order in
/// which they first appear in the tables sorted by their first row. A patient without a column that
/// others have gets null there.
#[must_use]
pub fn merge_tables(mut tables: Vec<FeatureTable>) -> FeatureTable {
    let first = |table: &FeatureTable| table.rows.first().map(key);
    tables.sort_by_key(first);
    let mut merged = FeatureTable::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    for table in &tables {
        for info in &table.features {
            if !places.contains_key(&info.name) {
                places.insert(info.name.clone(), merged.features.len());
                merged.features.push(info.clone());
            }
        }
    }
    for table in tables {
        let order: Vec<usize> = table.features.iter().map(|info| places[&info.name]).collect();
        for row in table.rows {
            let mut values = vec![None; merged.features.len()];
            for (&place, value) in order.iter().zip(row.values) {
                values[place] = value;
            }
            merged.rows.push(FeatureRow { values, ..row });
        }
    }
    merged.rows.sort_by_key(key);
    merged
}

fn key(row: &FeatureRow) -> (PatientId, Option<NaiveDate>) {
    (row.patient_id.clone(), row.date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(patient: &str, names: &[&str]) -> FeatureTable {
        let features = names.iter().map(|name| Feature::new(name, "", "", Some(1.0))).collect();
        single_row(PatientId::new(patient).unwrap(), None, features).unwrap()
    }

    #[test]
    fn columns_come_in_the_order_of_patients_whatever_the_order_of_tables() {
        let forward = merge_tables(vec![table("a", &["x"]), table("b", &["y", "x"])]);
        let backward = merge_tables(vec![table("b", &["y", "x"]), table("a", &["x"])]);
        assert_eq!(forward, backward);
        let names: Vec<_> = forward.features.iter().map(|info| info.name.as_str()).collect();
        assert_eq!(names, ["x", "y"]);
        assert_eq!(forward.rows[0].values, [Some(1.0), None]);
        assert_eq!(forward.rows[1].values, [Some(1.0), Some(1.0)]);
    }

    #[test]
    fn no_tables_give_an_empty_one() {
        assert_eq!(merge_tables(Vec::new()), FeatureTable::default());
    }

    #[test]
    fn two_features_of_one_name_are_an_error() {
        let features = ["x", "y", "x"].map(|name| Feature::new(name, "", "", Some(1.0))).to_vec();
        let error = single_row(PatientId::new("a").unwrap(), None, features).unwrap_err();
        assert!(error.to_string().starts_with("two features are named `x`"), "{error}");
    }
}
