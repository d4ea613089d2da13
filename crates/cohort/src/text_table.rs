//! Any Parquet file row by row as text, and back: what de-identification reads and writes, and what looks
//! for a text in a table of whatever columns.

use std::{io::Write, path::Path, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, RecordBatch, StringArray, StringBuilder},
    compute::{can_cast_types, cast},
    datatypes::{DataType, Field, Schema},
    error::ArrowError,
};
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
        arrow_writer::ArrowWriterOptions,
    },
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};

use crate::Error;

/// About so many cells are held at a time, however wide a table is.
const CELLS: usize = 500_000;
/// A row group is written out when it has grown to so many bytes.
const GROUP_BYTES: usize = 32 << 20;

/// A column of a Parquet file.
#[derive(Clone, Debug, PartialEq)]
pub struct TextColumn {
    /// Its name.
    pub name: String,
    kind: DataType,
}

impl TextColumn {
    /// Whether its cells have a text; lists, structures and the like have none.
    #[must_use]
    pub fn has_text(&self) -> bool {
        !self.kind.is_nested() && can_cast_types(&self.kind, &DataType::Utf8)
    }

    /// Whether its cells are numbers, whole or not.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.kind.is_numeric()
    }

    /// The column with texts in place of numbers or dates.
    #[must_use]
    pub fn of_texts(mut self) -> Self {
        self.kind = DataType::Utf8;
        self
    }

    /// Numbers, dates and truth values stay such; whatever else has a text becomes one.
    fn written(&self) -> DataType {
        let stays = self.is_number()
            || matches!(
                self.kind,
                DataType::Boolean | DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)
            );
        if stays { self.kind.clone() } else { DataType::Utf8 }
    }
}

/// Reads a Parquet file, some rows at a time.
pub struct TextReader {
    columns: Vec<TextColumn>,
    batches: ParquetRecordBatchReader,
}

impl TextReader {
    /// Opens a file.
    ///
    /// # Errors
    /// When it is no Parquet file or cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let at_path = |source| Error::Parquet { path: path.to_owned(), source };
        let file = fs_err::File::open(path)?.into_file();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(at_path)?;
        let columns: Vec<TextColumn> = builder
            .schema()
            .fields()
            .iter()
            .map(|field| TextColumn { name: field.name().clone(), kind: field.data_type().clone() })
            .collect();
        let rows = (CELLS / columns.len().max(1)).clamp(1, 8192);
        let batches = builder.with_batch_size(rows).build().map_err(at_path)?;
        Ok(Self { columns, batches })
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[TextColumn] {
        &self.columns
    }
}

/// The rows as texts; a cell is empty where it is null, has no text, or no valid one.
impl Iterator for TextReader {
    type Item = Result<Vec<Vec<String>>, TextError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.batches.next()?.map_err(TextError::from).and_then(|batch| self.rows(&batch)))
    }
}

impl TextReader {
    fn rows(&self, batch: &RecordBatch) -> Result<Vec<Vec<String>>, TextError> {
        let mut rows = vec![Vec::with_capacity(self.columns.len()); batch.num_rows()];
        for (column, array) in self.columns.iter().zip(batch.columns()) {
            let texts = if column.has_text() { Some(texts(array)?) } else { None };
            for (place, row) in rows.iter_mut().enumerate() {
                let text = texts.as_ref().filter(|texts| texts.is_valid(place));
                row.push(text.map_or_else(String::new, |texts| texts.value(place).to_owned()));
            }
        }
        Ok(rows)
    }
}

fn texts(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    let texts = cast(array, &DataType::Utf8)?;
    Ok(texts.as_any().downcast_ref::<StringArray>().expect("it was cast to it").clone())
}

/// Writes a Parquet file of texts, without a word of metadata.
pub struct TextWriter {
    writer: ArrowWriter<Vec<u8>>,
    schema: Arc<Schema>,
    cells: Vec<StringBuilder>,
    rows: usize,
}

impl TextWriter {
    /// Begins a file with these columns.
    ///
    /// # Errors
    /// When there is none, or no Parquet can hold one.
    pub fn new(columns: &[TextColumn]) -> Result<Self, TextError> {
        let field = |column: &TextColumn| Field::new(&column.name, column.written(), true);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let options =
            ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)?;
        let cells = columns.iter().map(|_| StringBuilder::new()).collect();
        Ok(Self { writer, schema, cells, rows: 0 })
    }

    /// Adds a row. An empty cell is null, and so is one that is no number or date where its column
    /// has such.
    ///
    /// # Errors
    /// When the rows so far cannot be written.
    pub fn write(&mut self, row: &[String], out: &mut dyn Write) -> Result<(), TextError> {
        for (cells, text) in self.cells.iter_mut().zip(row) {
            cells.append_option((!text.is_empty()).then_some(text));
        }
        self.rows += 1;
        if self.rows * self.cells.len().max(1) >= CELLS { self.flush(out) } else { Ok(()) }
    }

    fn flush(&mut self, out: &mut dyn Write) -> Result<(), TextError> {
        let arrays: Result<Vec<ArrayRef>, ArrowError> = self
            .cells
            .iter_mut()
            .zip(self.schema.fields())
            .map(|(cells, field)| cast(&cells.finish(), field.data_type()))
            .collect();
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), arrays?)?)?;
        self.rows = 0;
        if self.writer.in_progress_size() > GROUP_BYTES {
            self.writer.flush()?;
        }
        Ok(out.write_all(&std::mem::take(self.writer.inner_mut()))?)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the last rows cannot be written.
    pub fn finish(mut self, out: &mut dyn Write) -> Result<(), TextError> {
        self.flush(out)?;
        Ok(out.write_all(&self.writer.into_inner()?)?)
    }
}

/// Why rows could not be read or written. What the cause says may hold a cell, so it is left out.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The file is damaged, or its columns are beyond what is known.
    #[error("the Parquet file is damaged or holds columns that cannot be read")]
    Damaged,
}

impl From<ArrowError> for TextError {
    fn from(_: ArrowError) -> Self {
        Self::Damaged
    }
}

impl From<ParquetError> for TextError {
    fn from(_: ParquetError) -> Self {
        Self::Damaged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_texts_is_none_of_numbers_however_it_is_stored() {
        let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        for (kind, is_number) in [
            (DataType::Utf8, false),
            (DataType::LargeUtf8, false),
            (DataType::Utf8View, false),
            (coded, false),
            (DataType::Date32, false),
            (DataType::Int64, true),
            (DataType::Float32, true),
            (DataType::Decimal128(12, 0), true),
        ] {
            let column = TextColumn { name: String::new(), kind: kind.clone() };
            assert_eq!(column.is_number(), is_number, "{kind}");
            assert!(column.has_text(), "{kind}");
        }
    }
}
