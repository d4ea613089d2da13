//! Answers of a served model as a Parquet file in memory.

use std::{path::Path, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, BooleanArray, Float64Array, StringArray},
    compute::{cast, concat_batches},
    datatypes::{DataType, FieldRef, Float64Type},
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{
    Error,
    parquet_file::{Kind, NamedArray, encode},
};

/// One column of answers; `None` is null.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerColumn {
    /// UTF-8.
    Text(Vec<Option<String>>),
    /// float64.
    Number(Vec<Option<f64>>),
    /// Boolean.
    Flag(Vec<Option<bool>>),
}

/// The bytes of a Parquet file with the named columns.
///
/// # Errors
/// When two columns are not of one length.
pub fn answers_parquet(columns: Vec<(String, AnswerColumn)>) -> Result<Vec<u8>, Error> {
    let array = |(name, column): (String, AnswerColumn)| -> NamedArray {
        match column {
            AnswerColumn::Text(texts) => (name, Arc::new(StringArray::from(texts))),
            AnswerColumn::Number(numbers) => (name, Arc::new(Float64Array::from(numbers))),
            AnswerColumn::Flag(flags) => (name, Arc::new(BooleanArray::from(flags))),
        }
    };
    let columns = columns.into_iter().map(array).collect();
    encode(Path::new("answers"), Kind::Answers, Vec::new(), columns)
}

/// Reads what [`answers_parquet`] wrote.
///
/// # Errors
/// When the bytes are no such file.
pub fn read_answers(bytes: Bytes) -> Result<Vec<(String, AnswerColumn)>, Error> {
    let path = || Path::new("answers").to_owned();
    let parquet = |source| Error::Parquet { path: path(), source };
    let arrow = |source| Error::Arrow { path: path(), source };
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(parquet)?;
    let schema = Arc::clone(builder.schema());
    let batches = builder.build().map_err(parquet)?.collect::<Result<Vec<_>, _>>();
    let batch = concat_batches(&schema, &batches.map_err(arrow)?).map_err(arrow)?;
    let column = |(field, array): (&FieldRef, &ArrayRef)| {
        let column = match field.data_type() {
            DataType::Boolean => AnswerColumn::Flag(array.as_boolean().iter().collect()),
            DataType::Float64 => {
                AnswerColumn::Number(array.as_primitive::<Float64Type>().iter().collect())
            }
            _ => {
                let texts = cast(array, &DataType::Utf8).map_err(arrow)?;
                let texts = texts.as_string::<i32>().iter();
                AnswerColumn::Text(texts.map(|text| text.map(str::to_owned)).collect())
            }
        };
        Ok((field.name().clone(), column))
    };
    schema.fields().iter().zip(batch.columns()).map(column).collect()
}
