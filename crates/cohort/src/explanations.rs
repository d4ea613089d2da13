use std::{path::Path, sync::Arc};

use arrow::array::{Float32Array, Float64Array, StringArray};
use oncoweave_core::PatientId;

use crate::{
    Error,
    features::patient_array,
    parquet_file::{Kind, NamedArray, read_parquet, write_parquet},
};

/// One row of the table of explanations.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplanationRow {
    /// Whose.
    pub patient_id: PatientId,
    /// What is explained, such as `log_risk`.
    pub output: String,
    /// Figures about the row, in the order of the names given.
    pub figures: Vec<f64>,
    /// Attributions, in the order of the names given.
    pub attributions: Vec<f32>,
}

/// Writes explanations, one row a patient and output: `patient_id`, `output`, then the columns
/// named. What is said of them all stands in the file's metadata.
///
/// # Errors
/// When the file cannot be written.
///
/// # Panics
/// When a row has not one value for each name.
pub fn write_explanations(
    path: &Path,
    rows: &[ExplanationRow],
    names: &ExplanationNames,
    said: Vec<(&str, String)>,
) -> Result<(), Error> {
    let outputs = rows.iter().map(|row| row.output.as_str());
    let mut columns: Vec<NamedArray> = vec![
        ("patient_id".to_owned(), patient_array(rows.iter().map(|row| &row.patient_id))),
        ("output".to_owned(), Arc::new(StringArray::from_iter_values(outputs))),
    ];
    for (place, name) in names.figures.iter().enumerate() {
        let values = rows.iter().map(|row| row.figures[place]);
        columns.push((name.clone(), Arc::new(Float64Array::from_iter_values(values))));
    }
    for (place, name) in names.attributions.iter().enumerate() {
        let values = rows.iter().map(|row| row.attributions[place]);
        columns.push((name.clone(), Arc::new(Float32Array::from_iter_values(values))));
    }
    write_parquet(path, Kind::Explanations, said, columns)
}

/// What the lists in an [`ExplanationRow`] stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplanationNames {
    /// Of [`ExplanationRow::figures`].
    pub figures: Vec<String>,
    /// Of [`ExplanationRow::attributions`].
    pub attributions: Vec<String>,
}

/// The last of the figures that `predict --explain` writes; attributions follow.
const LAST_FIGURE: &str = "gap";

/// Reads the rows of one output, such as `log_risk`, of a table of explanations.
///
/// # Errors
/// When the file is no such table or a cell of it is empty.
pub fn read_explanations(
    path: &Path,
    output: &str,
) -> Result<(Vec<ExplanationRow>, ExplanationNames), Error> {
    let columns = read_parquet(path, Kind::Explanations)?;
    for name in ["output", LAST_FIGURE] {
        columns.require(name)?;
    }
    let named = columns.names.iter().filter(|name| !["patient_id", "output"].contains(&&***name));
    let named: Vec<&String> = named.collect();
    let last = named.iter().position(|name| *name == LAST_FIGURE).unwrap_or(0);
    let (figures, attributions) = named.split_at(last + 1);
    let outputs = columns.texts("output")?;
    let wanted = |row: &usize| outputs[*row].as_deref() == Some(output);
    let kept: Vec<usize> = (0..columns.rows()).filter(wanted).collect();
    let patients = columns.patients()?;
    let mut rows: Vec<ExplanationRow> = kept
        .iter()
        .map(|&row| ExplanationRow {
            patient_id: patients[row].clone(),
            output: output.to_owned(),
            figures: Vec::with_capacity(figures.len()),
            attributions: Vec::with_capacity(attributions.len()),
        })
        .collect();
    let lacks = |row: usize, name: &str| columns.at_row(row, &format!("`{name}` has no value"));
    for &name in figures {
        let values = columns.numbers(name)?;
        for (explanation, &row) in rows.iter_mut().zip(&kept) {
            explanation.figures.push(values[row].ok_or_else(|| lacks(row, name))?);
        }
    }
    for &name in attributions {
        let values = columns.features(name)?;
        for (explanation, &row) in rows.iter_mut().zip(&kept) {
            explanation.attributions.push(values[row].ok_or_else(|| lacks(row, name))?);
        }
    }
    let owned = |names: &[&String]| names.iter().map(|name| (*name).clone()).collect();
    Ok((rows, ExplanationNames { figures: owned(figures), attributions: owned(attributions) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::id;

    #[test]
    fn the_rows_of_one_output_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("explanations.parquet");
        let row = |patient: &str, output: &str, value: f64| ExplanationRow {
            patient_id: id(patient),
            output: output.to_owned(),
            figures: vec![value, 0.25],
            attributions: vec![0.5, -1.0],
        };
        let rows =
            [row("P1", "log_risk", 1.0), row("P1", "other", 2.0), row("P2", "log_risk", 3.0)];
        let names = ExplanationNames {
            figures: vec!["value".to_owned(), "gap".to_owned()],
            attributions: vec!["ct.volume".to_owned(), "group:ct.volume (2)".to_owned()],
        };
        write_explanations(&path, &rows, &names, vec![("oncoweave.check", "none".to_owned())])
            .unwrap();
        let expected = vec![rows[0].clone(), rows[2].clone()];
        assert_eq!(read_explanations(&path, "log_risk").unwrap(), (expected, names));
        assert!(read_explanations(&path, "none").unwrap().0.is_empty());
    }
}
