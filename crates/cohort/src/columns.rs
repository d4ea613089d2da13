use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Date32Type, Float32Type, Float64Type},
};
use chrono::NaiveDate;
use oncoweave_core::PatientId;

use crate::{Error, error::list};

/// Columns of a table whose types are checked when they are taken.
pub(crate) struct Columns {
    pub(crate) path: PathBuf,
    pub(crate) metadata: HashMap<String, String>,
    pub(crate) names: Vec<String>,
    arrays: HashMap<String, ArrayRef>,
    rows: usize,
}

impl Columns {
    pub(crate) fn new(path: &Path, batch: &RecordBatch, metadata: HashMap<String, String>) -> Self {
        let fields = batch.schema();
        let names: Vec<String> = fields.fields().iter().map(|field| field.name().clone()).collect();
        let arrays = names.iter().cloned().zip(batch.columns().iter().cloned()).collect();
        Self { path: path.to_owned(), metadata, names, arrays, rows: batch.num_rows() }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    fn find(&self, name: &str) -> Option<&ArrayRef> {
        self.arrays.get(name)
    }

    /// Fails when a column is not there.
    pub(crate) fn require(&self, name: &str) -> Result<(), Error> {
        require(&self.path, &self.names, name)
    }

    /// Texts; a column that is not there is all missing.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<Option<String>>, Error> {
        let is_text = |found: &DataType| match found {
            DataType::Dictionary(_, values) => is_string(values),
            found => is_string(found),
        };
        let Some(array) = self.converted(name, "text (utf8)", is_text, &DataType::Utf8)? else {
            return Ok(vec![None; self.rows]);
        };
        Ok(array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
    }

    /// Texts, or whole numbers and booleans as text: classes may be numbered.
    pub(crate) fn labels(&self, name: &str) -> Result<Vec<Option<String>>, Error> {
        match self.find(name).map(Array::data_type) {
            Some(found) if found.is_integer() || *found == DataType::Boolean => {
                let any = |_: &DataType| true;
                let array = self.converted(name, "text (utf8)", any, &DataType::Utf8)?;
                let array = array.expect("the column was found above");
                Ok(array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
            }
            _ => self.texts(name),
        }
    }

    /// Patient ids: the column must be there, with a valid id in each row.
    pub(crate) fn patients(&self) -> Result<Vec<PatientId>, Error> {
        const NAME: &str = "patient_id";
        self.require(NAME)?;
        let patient = |(row, text): (usize, Option<String>)| {
            PatientId::new(text.as_deref().unwrap_or_default())
                .map_err(|error| self.at_row(row, &format!("column `{NAME}`: {error}")))
        };
        self.texts(NAME)?.into_iter().enumerate().map(patient).collect()
    }

    /// Dates; a column that is not there is all missing.
    pub(crate) fn dates(&self, name: &str) -> Result<Vec<Option<NaiveDate>>, Error> {
        let is_date = |found: &DataType| {
            matches!(found, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
        };
        let Some(array) = self.converted(name, "a date (date32)", is_date, &DataType::Date32)?
        else {
            return Ok(vec![None; self.rows]);
        };
        let date = |days: Option<i32>| days.and_then(Date32Type::to_naive_date_opt);
        Ok(array.as_primitive::<Date32Type>().iter().map(date).collect())
    }

    /// Numbers; NaN is missing, as pandas has it, and so is a column that is not there.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>, Error> {
        let expected = "a number (float64)";
        let Some(array) = self.converted(name, expected, is_number, &DataType::Float64)? else {
            return Ok(vec![None; self.rows]);
        };
        let array = array.as_primitive::<Float64Type>();
        Ok(array.iter().map(|number| number.filter(|number| !number.is_nan())).collect())
    }

    /// Whole numbers from zero up, whatever numeric type they are stored in.
    pub(crate) fn counts(&self, name: &str) -> Result<Vec<Option<u32>>, Error> {
        let count = |(row, number): (usize, Option<f64>)| {
            let Some(number) = number else { return Ok(None) };
            if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "the range was checked"
                )]
                return Ok(Some(number as u32));
            }
            let problem = format!("column `{name}` must be a whole number from 0, got {number}");
            Err(self.at_row(row, &problem))
        };
        self.numbers(name)?.into_iter().enumerate().map(count).collect()
    }

    /// Flags: booleans, or 0 and 1.
    pub(crate) fn flags(&self, name: &str) -> Result<Vec<Option<bool>>, Error> {
        let flag = |(row, number): (usize, Option<f64>)| match number {
            None => Ok(None),
            Some(1.0) => Ok(Some(true)),
            Some(0.0) => Ok(Some(false)),
            Some(number) => {
                Err(self.at_row(row, &format!("column `{name}` must be 0 or 1, got {number}")))
            }
        };
        self.numbers(name)?.into_iter().enumerate().map(flag).collect()
    }

    /// The values of a feature as float32; NaN is missing.
    pub(crate) fn features(&self, name: &str) -> Result<Vec<Option<f32>>, Error> {
        let expected = "a number (float32)";
        let array = self
            .converted(name, expected, is_number, &DataType::Float32)?
            .expect("features are taken by the names of the file");
        let value = |(row, value): (usize, Option<f32>)| match value {
            Some(value) if value.is_infinite() => {
                let problem = format!("column `{name}` must be finite and fit into float32");
                Err(self.at_row(row, &problem))
            }
            value => Ok(value.filter(|value| !value.is_nan())),
        };
        array.as_primitive::<Float32Type>().iter().enumerate().map(value).collect()
    }

    /// A fault in a row, counted from 1 as people do.
    pub(crate) fn at_row(&self, row: usize, problem: &str) -> Error {
        Error::content(&self.path, format!("row {}: {problem}", row + 1))
    }

    /// Refuses a text that stands in two rows.
    pub(crate) fn unique(&self, what: &str, names: &[String]) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        let twice: BTreeSet<&str> =
            names.iter().filter(|name| !seen.insert(*name)).map(String::as_str).collect();
        if twice.is_empty() {
            return Ok(());
        }
        let problem =
            format!("{what} in more than one row: {}; leave one row of each", list(twice));
        Err(Error::content(&self.path, problem))
    }

    fn converted(
        &self,
        name: &str,
        expected: &'static str,
        accepts: impl Fn(&DataType) -> bool,
        target: &DataType,
    ) -> Result<Option<ArrayRef>, Error> {
        let Some(array) = self.find(name) else { return Ok(None) };
        let found = array.data_type();
        // A column without any value may be written without a type.
        if *found != DataType::Null && !accepts(found) {
            return Err(Error::ColumnType {
                path: self.path.clone(),
                column: name.to_owned(),
                expected,
                found: found.to_string().to_lowercase(),
            });
        }
        cast(array, target)
            .map(Some)
            .map_err(|source| Error::Arrow { path: self.path.clone(), source })
    }
}

/// Fails when a column is not among those of a file.
pub(crate) fn require(path: &Path, names: &[String], name: &str) -> Result<(), Error> {
    if names.iter().any(|own| own == name) {
        return Ok(());
    }
    Err(Error::MissingColumn {
        path: path.to_owned(),
        column: name.to_owned(),
        found: list(names.iter().map(String::as_str)),
    })
}

fn is_string(found: &DataType) -> bool {
    matches!(found, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_number(found: &DataType) -> bool {
    found.is_integer() || found.is_floating() || *found == DataType::Boolean
}
