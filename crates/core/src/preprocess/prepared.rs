//! Rows of a cohort as a model reads them, made from the cohort's own columns whenever they are
//! asked for, so that a large table is not held twice.

use std::sync::Arc;

use ndarray::Array2;

use super::columns::{Columns, Source, missing_columns};
use super::{Block, ModalityColumns, Preprocessing, Scale};
use crate::{Cohort, Undefined};

/// What a model reads of some rows of a cohort: the numbers of [`Preprocessing::apply`].
#[derive(Debug)]
pub struct Prepared<'a> {
    /// One a modality that has any column in use.
    pub blocks: Vec<PreparedBlock<'a>>,
}

/// One modality of [`Prepared`].
#[derive(Debug)]
pub struct PreparedBlock<'a> {
    part: &'a ModalityColumns,
    names: Arc<Vec<String>>,
    rows: &'a [usize],
    /// The first row, where each of the others follows the one before.
    first: Option<usize>,
    /// Of the columns in use, then of those whose flags are; none where the cohort lacks all of the
    /// modality.
    sources: Vec<Option<Source<'a>>>,
    present: Vec<bool>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(
        preprocessing: &'a Preprocessing,
        cohort: &'a Cohort,
        rows: &'a [usize],
    ) -> Result<Self, Undefined> {
        let columns = Columns::of(cohort);
        let used = preprocessing.modalities.iter().filter(|part| part.width() > 0);
        let block = |part| PreparedBlock::new(part, &columns, rows);
        let missing: Vec<&str> = preprocessing
            .modalities
            .iter()
            .filter(|modality| columns.modalities.contains(modality.name.as_str()))
            .flat_map(|modality| &modality.kept)
            .filter(|kept| !columns.has(&kept.name))
            .map(|kept| kept.name.as_str())
            .collect();
        if !missing.is_empty() {
            return Err(missing_columns(&missing));
        }
        Ok(Self { blocks: used.map(block).collect() })
    }

    /// The number of columns of all blocks.
    #[must_use]
    pub fn ncols(&self) -> usize {
        self.blocks.iter().map(PreparedBlock::ncols).sum()
    }

    /// Some of the rows, given by their places among them: a block for each modality.
    ///
    /// # Panics
    /// When there is no such place.
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Vec<Block> {
        self.blocks.iter().map(|block| block.select(places)).collect()
    }

    /// The names of the columns, block after block.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.blocks.iter().flat_map(|block| block.names.iter()).map(String::as_str).collect()
    }
}

impl<'a> PreparedBlock<'a> {
    fn new(part: &'a ModalityColumns, columns: &Columns<'a>, rows: &'a [usize]) -> Self {
        let kept = part.kept.iter().map(|kept| &kept.name);
        let known = part.known.iter().map(|flag| &flag.column);
        let mut present = vec![false; rows.len()];
        for column in part.columns().filter_map(|name| columns.by_name.get(name)) {
            for (present, &row) in present.iter_mut().zip(rows) {
                *present |= column.get(row).is_some();
            }
            if present.iter().all(|&present| present) {
                break;
            }
        }
        let first = rows
            .first()
            .copied()
            .filter(|first| rows.iter().copied().eq(*first..first + rows.len()));
        Self {
            part,
            names: Arc::new(part.names()),
            rows,
            first,
            sources: kept.chain(known).map(|name| columns.source(name)).collect(),
            present,
        }
    }

    /// The modality's name.
    #[must_use]
    pub fn modality(&self) -> &str {
        &self.part.name
    }

    /// One name a column.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether each patient has any value of this modality.
    #[must_use]
    pub fn present(&self) -> &[bool] {
        &self.present
    }

    /// The number of patients.
    #[must_use]
    pub fn nrows(&self) -> usize {
        self.rows.len()
    }

    /// The number of columns.
    #[must_use]
    pub fn ncols(&self) -> usize {
        self.names.len()
    }

    /// Some of the rows, given by their places among them.
    ///
    /// # Panics
    /// When there is no such place.
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Block {
        let mut x = Array2::zeros((places.len(), self.ncols())); // (patients, columns)
        for (column, values) in x.columns_mut().into_iter().enumerate() {
            self.fill(column, places.iter().copied(), values.into_iter());
        }
        Block {
            modality: self.part.name.clone(),
            names: Arc::clone(&self.names),
            x,
            present: places.iter().map(|&place| self.present[place]).collect(),
        }
    }

    /// Writes a column's standardized values, (patients,).
    ///
    /// # Panics
    /// When there is no such column, or not a place for each patient.
    pub fn read(&self, column: usize, values: &mut [f32]) {
        assert_eq!(values.len(), self.rows.len(), "one value for each patient");
        let run = self.first.and_then(|first| {
            let kept = self.part.kept.get(column)?;
            let Some(Source::Column(source)) = &self.sources[column] else { return None };
            Some((&source.with_gaps()[first..first + values.len()], kept.scale))
        });
        if let Some((source, scale)) = run {
            for (value, &raw) in values.iter_mut().zip(source) {
                let standardized = scale.standardize(f64::from(raw));
                *value = if raw.is_nan() { 0.0 } else { standardized };
            }
        } else {
            values.fill(0.0);
            self.fill(column, 0..self.rows.len(), values.iter_mut());
        }
    }

    /// Writes a column's values at some places over zeros.
    fn fill<'v>(
        &self,
        column: usize,
        places: impl Iterator<Item = usize>,
        values: impl Iterator<Item = &'v mut f32>,
    ) {
        let each = values.zip(places);
        let flag = |scale: Scale, is: bool| scale.standardize(f64::from(u8::from(is)));
        if let Some(kept) = self.part.kept.get(column) {
            // Without a source the whole modality is absent, and zeros stand there already.
            let Some(source) = &self.sources[column] else { return };
            for (value, place) in each {
                if let Some(present) = source.get(self.rows[place]) {
                    *value = kept.scale.standardize(present);
                }
            }
        } else if let Some(known) = self.part.known.get(column - self.part.kept.len()) {
            let Some(source) = &self.sources[column] else { return };
            for (value, place) in each.filter(|(_, place)| self.present[*place]) {
                *value = flag(known.scale, source.get(self.rows[place]).is_some());
            }
        } else if let Some(scale) = self.part.present {
            for (value, place) in each {
                *value = flag(scale, self.present[place]);
            }
        }
    }
}
