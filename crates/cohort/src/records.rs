//! Records of a request to a served model, in Parquet, read in pieces.

use std::{collections::HashSet, fs::File, path::Path};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Float32Type},
};
use bytes::Bytes;
use parquet::{
    arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    file::reader::ChunkReader,
};

use crate::Error;

/// A Parquet body that is read piece by piece.
///
/// The columns may be of any numeric type or boolean; `patient_id`, where it is there, text or whole
/// numbers.
pub struct RecordReader {
    names: Vec<String>,
    rows: usize,
    batches: ParquetRecordBatchReader,
}

/// Some rows of a body.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordRows {
    /// How many.
    pub rows: usize,
    /// The ids that the body gives, one a row; empty without a column of ids.
    pub ids: Vec<Option<String>>,
    /// The other columns in the order of [`RecordReader::names`], NaN for a missing value. A value
    /// too large for float32 is infinite.
    pub columns: Vec<Vec<f32>>,
}

const PATIENT_ID: &str = "patient_id";

impl RecordReader {
    /// Opens a body in memory, to be read so many rows at a time.
    ///
    /// # Errors
    /// When it is no Parquet file, has two columns of one name, or one that is no number.
    pub fn from_bytes(bytes: Bytes, rows_at_a_time: usize) -> Result<Self, Error> {
        Self::open(bytes, rows_at_a_time)
    }

    /// Opens a body in a file.
    ///
    /// # Errors
    /// As [`Self::from_bytes`].
    pub fn from_file(file: File, rows_at_a_time: usize) -> Result<Self, Error> {
        Self::open(file, rows_at_a_time)
    }

    fn open<T: ChunkReader + 'static>(source: T, rows_at_a_time: usize) -> Result<Self, Error> {
        let path = || Path::new("the body").to_owned();
        let builder = ParquetRecordBatchReaderBuilder::try_new(source)
            .map_err(|source| Error::Parquet { path: path(), source })?;
        let rows = builder.metadata().file_metadata().num_rows();
        let fields = builder.schema().fields();
        let (mut names, mut seen) = (Vec::new(), HashSet::new());
        for field in fields.iter().filter(|field| !is_index(field.name())) {
            let (name, found) = (field.name(), field.data_type());
            if !seen.insert(name) {
                let problem = format!("two columns are named `{name}`; rename one of them");
                return Err(Error::content(&path(), problem));
            }
            let (fits, expected) = if name == PATIENT_ID {
                (is_id(found), "text (utf8)")
            } else {
                (is_value(found), "a number (float32)")
            };
            if !fits {
                return Err(Error::ColumnType {
                    path: path(),
                    column: name.clone(),
                    expected,
                    found: found.to_string().to_lowercase(),
                });
            }
            if name != PATIENT_ID {
                names.push(name.clone());
            }
        }
        let batches = builder
            .with_batch_size(rows_at_a_time)
            .build()
            .map_err(|source| Error::Parquet { path: path(), source })?;
        Ok(Self { names, rows: usize::try_from(rows).unwrap_or(0), batches })
    }

    /// The columns but `patient_id`.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The rows that the file says it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn read(batch: &RecordBatch) -> Result<RecordRows, arrow::error::ArrowError> {
        let (mut ids, mut columns) = (Vec::new(), Vec::new());
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            if is_index(field.name()) {
                continue;
            }
            if field.name() == PATIENT_ID {
                let texts = cast(array, &DataType::Utf8)?;
                ids = texts.as_string::<i32>().iter().map(|id| id.map(str::to_owned)).collect();
                continue;
            }
            let numbers = cast(array, &DataType::Float32)?;
            let numbers = numbers.as_primitive::<Float32Type>();
            let values = numbers.values();
            columns.push(match numbers.null_count() {
                0 => values.to_vec(),
                _ => numbers.iter().map(|value| value.unwrap_or(f32::NAN)).collect(),
            });
        }
        Ok(RecordRows { rows: batch.num_rows(), ids, columns })
    }
}

impl Iterator for RecordReader {
    type Item = Result<RecordRows, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = |source| Error::Arrow { path: Path::new("the body").to_owned(), source };
        let batch = self.batches.next()?;
        Some(batch.and_then(|batch| Self::read(&batch)).map_err(at))
    }
}

/// pandas writes its row numbers along.
fn is_index(name: &str) -> bool {
    name.starts_with("__index_level_")
}

fn is_id(found: &DataType) -> bool {
    let values = if let DataType::Dictionary(_, values) = found { values } else { found };
    matches!(values, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        || values.is_integer()
        || *values == DataType::Null
}

fn is_value(found: &DataType) -> bool {
    found.is_integer() || found.is_floating() || matches!(found, DataType::Boolean | DataType::Null)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};

    use super::*;
    use crate::{
        AnswerColumn, answers_parquet,
        parquet_file::{Kind, encode},
    };

    fn body(columns: Vec<(&str, ArrayRef)>) -> Bytes {
        let columns = columns.into_iter().map(|(name, array)| (name.to_owned(), array)).collect();
        encode(Path::new("x"), Kind::Answers, vec![], columns).unwrap().into()
    }

    #[test]
    fn rows_come_in_pieces_with_missing_and_too_large_values() {
        let ids = Arc::new(StringArray::from(vec![Some("P1"), None, Some("P3")])) as ArrayRef;
        let ages = Arc::new(Float64Array::from(vec![Some(61.5), None, Some(1e300)])) as ArrayRef;
        let whole = Arc::new(Int64Array::from(vec![Some(1), Some(2), None])) as ArrayRef;
        let flags = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])) as ArrayRef;
        let bytes =
            body(vec![("c.age", ages), ("patient_id", ids), ("c.n", whole), ("c.f", flags)]);
        let mut reader = RecordReader::from_bytes(bytes, 2).unwrap();
        assert_eq!(
            (reader.names(), reader.rows()),
            (&["c.age", "c.n", "c.f"].map(str::to_owned)[..], 3)
        );
        let first = reader.next().unwrap().unwrap();
        assert_eq!((first.rows, &first.ids[..]), (2, &[Some("P1".to_owned()), None][..]));
        assert!(first.columns[0][0] == 61.5 && first.columns[0][1].is_nan());
        assert!(first.columns[2][0] == 1.0 && first.columns[2][1].is_nan());
        let second = reader.next().unwrap().unwrap();
        assert!(second.columns[0][0].is_infinite() && second.columns[1][0].is_nan());
        assert!(reader.next().is_none());
    }

    #[test]
    fn bodies_that_are_no_records_are_refused_with_the_column() {
        let texts = || Arc::new(StringArray::from(vec!["a"])) as ArrayRef;
        let numbers = || Arc::new(Float64Array::from(vec![1.0])) as ArrayRef;
        for (name, bytes, part) in [
            ("text", Bytes::from_static(b"patient_id\n"), "not a Parquet file"),
            (
                "a word as a value",
                body(vec![("c.age", texts())]),
                "column `c.age` must be a number",
            ),
            ("a float as an id", body(vec![("patient_id", numbers())]), "must be text"),
            ("twice", body(vec![("c.age", numbers()), ("c.age", numbers())]), "two columns are"),
        ] {
            let message = RecordReader::from_bytes(bytes, 9).err().expect(name).to_string();
            assert!(message.contains(part), "{name}: {message}");
        }
    }

    #[test]
    fn answers_are_a_file_that_others_read() {
        let columns = vec![
            ("id".to_owned(), AnswerColumn::Text(vec![Some("a".to_owned()), None])),
            ("risk".to_owned(), AnswerColumn::Number(vec![None, Some(0.5)])),
            ("high_risk".to_owned(), AnswerColumn::Flag(vec![Some(true), None])),
        ];
        let bytes = Bytes::from(answers_parquet(columns).unwrap());
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let batch = builder.build().unwrap().next().unwrap().unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (2, 3));
        assert!(batch.column(1).is_null(0) && batch.column(2).is_null(1));
    }
}
