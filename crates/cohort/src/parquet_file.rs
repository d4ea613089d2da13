use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchReader},
    compute::concat_batches,
    datatypes::{Field, Schema},
};
use parquet::{
    arrow::{
        ArrowWriter, ProjectionMask,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
        arrow_writer::ArrowWriterOptions,
    },
    basic::{Compression, ZstdLevel},
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
};

use crate::{
    Error, SCHEMA_VERSION,
    columns::{Columns, require},
    write_atomically,
};

const KIND: &str = "oncoweave.kind";
const VERSION: &str = "oncoweave.schema_version";

/// Rows that are decoded at once.
const ROWS_AT_ONCE: usize = 8192;

/// What a Parquet file of ours holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Features,
    Outcomes,
    Cohort,
    Lineage,
    Predictions,
    Explanations,
    Answers,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Outcomes => "outcomes",
            Self::Cohort => "cohort",
            Self::Lineage => "lineage",
            Self::Predictions => "predictions",
            Self::Explanations => "explanations",
            Self::Answers => "answers",
        }
    }
}

/// A named column to write; nulls are allowed where the array has them.
pub(crate) type NamedArray = (String, ArrayRef);

/// Writes one row group sequence, compressed with Zstandard; the same content gives the same bytes.
pub(crate) fn write_parquet(
    path: &Path,
    kind: Kind,
    metadata: Vec<(&str, String)>,
    columns: Vec<NamedArray>,
) -> Result<(), Error> {
    write_atomically(path, |file| Ok(file.write_all(&encode(path, kind, metadata, columns)?)?))
}

/// The bytes of what [`write_parquet`] writes; `path` is for errors.
pub(crate) fn encode(
    path: &Path,
    kind: Kind,
    metadata: Vec<(&str, String)>,
    columns: Vec<NamedArray>,
) -> Result<Vec<u8>, Error> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
        .map_err(|source| Error::Arrow { path: path.to_owned(), source })?;
    let own = [(KIND, kind.as_str().to_owned()), (VERSION, SCHEMA_VERSION.to_string())].into_iter();
    let metadata = own
        .chain(metadata)
        .map(|(key, value)| KeyValue::new(key.to_owned(), value))
        .collect::<Vec<_>>();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(metadata))
        .build();
    let at_path = |source| Error::Parquet { path: path.to_owned(), source };
    // `ArrowWriter` wants a sized, sendable writer, which a borrowed file is not.
    let mut bytes = Vec::new();
    // Without a second schema in arrow's own format, readers show our metadata as the schema's.
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer =
        ArrowWriter::try_new_with_options(&mut bytes, schema, options).map_err(at_path)?;
    writer.write(&batch).map_err(at_path)?;
    writer.close().map_err(at_path)?;
    Ok(bytes)
}

/// A file that holds what is wanted, whose columns are read some at a time. A file without our
/// metadata was written by another program and is taken at its columns.
pub(crate) struct Table {
    path: PathBuf,
    file: std::fs::File,
    opened: ArrowReaderMetadata,
    pub(crate) metadata: HashMap<String, String>,
    /// The columns in the file's order.
    pub(crate) names: Vec<String>,
}

impl Table {
    pub(crate) fn open(path: &Path, kind: Kind) -> Result<Self, Error> {
        let (file, opened, metadata) = open(path, kind)?;
        let mut names: Vec<String> =
            opened.schema().fields().iter().map(|field| field.name().clone()).collect();
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
            let problem = format!("two columns are named `{name}`; rename one of them");
            return Err(Error::content(path, problem));
        }
        // pandas writes its row numbers along.
        names.retain(|name| !name.starts_with("__index_level_"));
        Ok(Self { path: path.to_owned(), file, opened, metadata, names })
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        let rows = self.opened.metadata().file_metadata().num_rows();
        usize::try_from(rows).unwrap_or(0)
    }

    /// Fails when a column is not there.
    pub(crate) fn require(&self, name: &str) -> Result<(), Error> {
        require(&self.path, &self.names, name)
    }

    /// Reads the columns with the given names; a name that the file has not is left out.
    pub(crate) fn read(&self, names: &[String]) -> Result<Columns, Error> {
        let at_path = |source| Error::Parquet { path: self.path.clone(), source };
        let at_arrow = |source| Error::Arrow { path: self.path.clone(), source };
        let wanted: HashSet<&str> = names.iter().map(String::as_str).collect();
        let fields = self.opened.schema().fields().iter().enumerate();
        let places = fields.filter(|(_, field)| wanted.contains(field.name().as_str()));
        let mask =
            ProjectionMask::roots(self.opened.parquet_schema(), places.map(|(place, _)| place));
        let file = self.file.try_clone()?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.opened.clone())
            .with_projection(mask)
            .with_batch_size(ROWS_AT_ONCE)
            .build()
            .map_err(at_path)?;
        let schema = reader.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>().map_err(at_arrow)?;
        let batch = concat_batches(&schema, &batches).map_err(at_arrow)?;
        Ok(Columns::new(&self.path, &batch, self.metadata.clone()))
    }
}

/// Reads a whole file and checks that it holds what is wanted.
pub(crate) fn read_parquet(path: &Path, kind: Kind) -> Result<Columns, Error> {
    let table = Table::open(path, kind)?;
    table.read(&table.names)
}

/// Reads what a file says about itself, without its columns.
pub(crate) fn read_metadata(path: &Path, kind: Kind) -> Result<HashMap<String, String>, Error> {
    Ok(open(path, kind)?.2)
}

/// What one of our Parquet files says that it holds, such as `cohort` or `predictions`; `None` for
/// any other file.
#[must_use]
pub fn stored_kind(path: &Path) -> Option<String> {
    let file = fs_err::File::open(path).ok()?.into_file();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).ok()?;
    let pairs = builder.metadata().file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == KIND)?.value.clone()
}

type Opened = (std::fs::File, ArrowReaderMetadata, HashMap<String, String>);

fn open(path: &Path, kind: Kind) -> Result<Opened, Error> {
    let file = fs_err::File::open(path)?.into_file();
    let opened = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
        .map_err(|source| Error::Parquet { path: path.to_owned(), source })?;
    let pairs = opened.metadata().file_metadata().key_value_metadata();
    let metadata: HashMap<String, String> = pairs
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)))
        .collect();
    check_metadata(path, kind, &metadata)?;
    Ok((file, opened, metadata))
}

fn check_metadata(path: &Path, kind: Kind, found: &HashMap<String, String>) -> Result<(), Error> {
    if let Some(version) = found.get(VERSION)
        && *version != SCHEMA_VERSION.to_string()
    {
        let problem = format!(
            "schema version {version} is unknown, this program reads version {SCHEMA_VERSION}; \
             read the file with the version of oncoweave that wrote it or make it anew"
        );
        return Err(Error::content(path, problem));
    }
    if let Some(found) = found.get(KIND)
        && found != kind.as_str()
    {
        let problem =
            format!("this file holds `{found}`, but `{}` was expected here", kind.as_str());
        return Err(Error::content(path, problem));
    }
    Ok(())
}
