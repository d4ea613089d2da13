use std::{path::Path, sync::Arc};

use arrow::array::{Float32Array, Float64Array, StringArray};
use oncoweave_core::PatientId;

use crate::{
    Error,
    features::patient_array,
    parquet_file::{Kind, NamedArray, write_parquet},
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
/// named.
///
/// # Errors
/// When the file cannot be written.
///
/// # Panics
/// When a row has not one value for each name.
pub fn write_explanations(
    path: &Path,
    rows: &[ExplanationRow],
    figures: &[String],
    attributions: &[String],
) -> Result<(), Error> {
    let outputs = rows.iter().map(|row| row.output.as_str());
    let mut columns: Vec<NamedArray> = vec![
        ("patient_id".to_owned(), patient_array(rows.iter().map(|row| &row.patient_id))),
        ("output".to_owned(), Arc::new(StringArray::from_iter_values(outputs))),
    ];
    for (place, name) in figures.iter().enumerate() {
        let values = rows.iter().map(|row| row.figures[place]);
        columns.push((name.clone(), Arc::new(Float64Array::from_iter_values(values))));
    }
    for (place, name) in attributions.iter().enumerate() {
        let values = rows.iter().map(|row| row.attributions[place]);
        columns.push((name.clone(), Arc::new(Float32Array::from_iter_values(values))));
    }
    write_parquet(path, Kind::Explanations, Vec::new(), columns)
}
