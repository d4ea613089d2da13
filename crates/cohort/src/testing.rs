//! Parquet files as other programs write them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Float64Array, RecordBatch, StringArray},
    datatypes::{Field, Schema},
};
use oncoweave_core::PatientId;
use parquet::{
    arrow::ArrowWriter,
    basic::Compression,
    file::{metadata::KeyValue, properties::WriterProperties},
};

/// A column of another program.
pub(crate) type Foreign = (&'static str, ArrayRef);

/// Writes columns as they are, compressed as pandas does it.
pub(crate) fn write_foreign(
    folder: &Path,
    metadata: &[(&str, &str)],
    columns: &[Foreign],
) -> PathBuf {
    let path = folder.join("foreign.parquet");
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().map(|(_, array)| Arc::clone(array)).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
    let pairs = metadata.iter().map(|&(key, value)| KeyValue::new(key.into(), value.to_owned()));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(pairs.collect()))
        .build();
    let file = fs_err::File::create(&path).unwrap().into_file();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

pub(crate) fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<StringArray>())
}

pub(crate) fn numbers(values: &[Option<f64>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<Float64Array>())
}

pub(crate) fn id(text: &str) -> PatientId {
    PatientId::new(text).unwrap()
}
