//! Columns of patients that fits multiply by, read one after the other: wide and long tables need
//! no copy, and none in float64.

use ndarray::{
    Array2, ArrayRef2, ArrayView1, ArrayView2, Axis, concatenate, linalg::general_mat_mul, s,
};
use rayon::prelude::*;

use crate::Undefined;
use crate::newton::{add_scaled, dot};
use crate::preprocess::PreparedBlock;

/// With more numbers than this prepared columns are not copied, but made anew in every pass.
const MOST_HELD: usize = 1 << 26;

/// Columns that one thread works on at once.
const CHUNK: usize = 256;

/// Columns that one thread multiplies with several vectors at once.
const TILE: usize = 64;

/// Parts of the columns whose sums are made side by side: as many for any number of threads, so that
/// sums keep their order.
const SUMS: usize = 8;

/// Columns of some patients, whoever holds them.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// (patients, columns).
    Wide(ArrayView2<'a, f64>),
    /// (patients, columns).
    Narrow(ArrayView2<'a, f32>),
    /// Columns of a cohort.
    Prepared(&'a PreparedBlock<'a>),
}

/// Centered columns of some patients.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    held: Held<'a>,
    patients: usize,
    means: Vec<f64>,
    variances: Vec<f64>,
}

#[derive(Debug)]
enum Held<'a> {
    /// (columns, patients).
    Wide(Array2<f64>),
    /// (columns, patients).
    Narrow(Array2<f32>),
    Prepared(&'a PreparedBlock<'a>),
}

/// Blocks of columns side by side, each multiplied by a factor.
pub(crate) struct Matrix<'a> {
    blocks: Vec<(&'a Columns<'a>, f64)>,
    patients: usize,
    /// Each column's block and place in it.
    places: Vec<(usize, usize)>,
}

/// What came of a pass over all columns.
pub(crate) struct Sweep {
    /// The inner product of each column with a vector, (columns,).
    pub(crate) products: Vec<f64>,
    /// What each column was multiplied by, (columns,).
    pub(crate) factors: Vec<f64>,
    /// The sum of the columns times that, (patients,).
    pub(crate) sum: Vec<f64>,
}

impl<'a> From<&'a ArrayRef2<f64>> for Values<'a> {
    fn from(x: &'a ArrayRef2<f64>) -> Self {
        Self::Wide(x.view())
    }
}

impl<'a> From<&'a ArrayRef2<f32>> for Values<'a> {
    fn from(x: &'a ArrayRef2<f32>) -> Self {
        Self::Narrow(x.view())
    }
}

impl Values<'_> {
    pub(crate) fn nrows(&self) -> usize {
        match self {
            Self::Wide(x) => x.nrows(),
            Self::Narrow(x) => x.nrows(),
            Self::Prepared(block) => block.nrows(),
        }
    }

    pub(crate) fn ncols(&self) -> usize {
        match self {
            Self::Wide(x) => x.ncols(),
            Self::Narrow(x) => x.ncols(),
            Self::Prepared(block) => block.ncols(),
        }
    }
}

/// Blocks side by side as they are, (columns, patients). Fails where a value is not finite.
pub(crate) fn side_by_side(blocks: &[Values]) -> Result<Array2<f64>, Undefined> {
    let patients = blocks.first().map_or(0, Values::nrows);
    let columns = blocks.iter().map(Values::ncols).sum();
    let mut all = Array2::zeros((columns, patients)); // (columns, patients)
    let mut first = 0;
    for block in blocks {
        let mut own = all.slice_mut(s![first..first + block.ncols(), ..]);
        first += block.ncols();
        match block {
            Values::Wide(x) => own.assign(&x.t()),
            Values::Narrow(x) => own.zip_mut_with(&x.t(), |to, &from| *to = f64::from(from)),
            Values::Prepared(block) => {
                let mut narrow = vec![0.0; patients];
                for (column, mut row) in own.rows_mut().into_iter().enumerate() {
                    block.read(column, &mut narrow);
                    row.iter_mut().zip(&narrow).for_each(|(to, &from)| *to = f64::from(from));
                }
            }
        }
    }
    match all.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((_, row), &value)) => Err(Undefined::NotFinite { what: "a column", row, value }),
        None => Ok(all),
    }
}

impl<'a> Columns<'a> {
    /// Fails where a value is not finite.
    pub(crate) fn new(values: Values<'a>) -> Result<Self, Undefined> {
        Self::holding(values, MOST_HELD)
    }

    /// As [`Self::new`], where no more than so many prepared numbers are copied.
    fn holding(values: Values<'a>, most_held: usize) -> Result<Self, Undefined> {
        let (patients, columns) = (values.nrows(), values.ncols());
        let held = match values {
            Values::Wide(x) => Held::Wide(x.t().as_standard_layout().into_owned()),
            Values::Narrow(x) => Held::Narrow(x.t().as_standard_layout().into_owned()),
            Values::Prepared(block) if patients * columns > most_held => Held::Prepared(block),
            Values::Prepared(block) => {
                let mut x = Array2::zeros((columns, patients));
                for (column, mut row) in x.rows_mut().into_iter().enumerate() {
                    block.read(column, row.as_slice_mut().expect("it is in row order"));
                }
                Held::Narrow(x)
            }
        };
        let mut own = Self { held, patients, means: vec![0.0; columns], variances: vec![] };
        let moments = |room: &mut Room, column: usize| {
            let values = own.centered((column, 1.0), room);
            if let Some(row) = values.iter().position(|value| !value.is_finite()) {
                let value = values[row];
                return Err(Undefined::NotFinite { what: "a column", row, value });
            }
            let mean = values.iter().sum::<f64>() / patients as f64;
            let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            Ok((mean, squares / patients as f64))
        };
        let moments =
            (0..columns).into_par_iter().with_min_len(CHUNK).map_init(Room::default, moments);
        let (means, variances) = moments.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        (own.means, own.variances) = (means, variances);
        Ok(own)
    }

    /// No column yet.
    pub(crate) fn none(patients: usize) -> Self {
        let held = Held::Wide(Array2::zeros((0, patients)));
        Self { held, patients, means: vec![], variances: vec![] }
    }

    /// Adds columns of a mean of 0, (columns, patients), to others that were held as float64.
    ///
    /// # Panics
    /// When the others were not.
    pub(crate) fn append(&mut self, columns: &Array2<f64>) {
        let Held::Wide(x) = &mut self.held else { panic!("columns are held as float64") };
        x.append(Axis(0), columns.view()).expect("one value for each patient");
        let variance = |row: ArrayView1<f64>| row.dot(&row) / self.patients as f64;
        self.variances.extend(columns.rows().into_iter().map(variance));
        self.means.resize(self.variances.len(), 0.0);
    }

    /// Columns that are held as float64, as they are, (columns, patients).
    ///
    /// # Panics
    /// When they are not.
    pub(crate) fn wide(&self) -> &Array2<f64> {
        let Held::Wide(x) = &self.held else { panic!("columns are held as float64") };
        x
    }

    pub(crate) fn nrows(&self) -> usize {
        self.patients
    }

    pub(crate) fn ncols(&self) -> usize {
        self.means.len()
    }

    /// The inner products of some vectors, (vectors, patients), with each column, (vectors, columns).
    pub(crate) fn products(&self, vectors: &Array2<f64>) -> Array2<f64> {
        let tiles: Vec<usize> = (0..self.ncols()).step_by(TILE).collect();
        let products: Vec<Array2<f64>> = tiles
            .into_par_iter()
            .map(|first| vectors.dot(&self.tile(first, self.ncols()).t()))
            .collect();
        let views: Vec<ArrayView2<f64>> = products.iter().map(|tile| tile.view()).collect();
        if views.is_empty() {
            return Array2::zeros((vectors.nrows(), 0));
        }
        concatenate(Axis(1), &views).expect("one row for each vector")
    }

    /// The sums of the columns times some coefficients, (vectors, columns), as (vectors, patients).
    pub(crate) fn combine(&self, coefficients: &Array2<f64>) -> Array2<f64> {
        let vectors = coefficients.nrows();
        let part = self.ncols().div_ceil(SUMS).next_multiple_of(TILE);
        let sum = |first: usize| {
            let last = self.ncols().min(first + part);
            let mut sum = Array2::zeros((vectors, self.patients)); // (vectors, patients)
            for start in (first..last).step_by(TILE) {
                let tile = self.tile(start, last);
                let own = coefficients.slice(s![.., start..start + tile.nrows()]);
                general_mat_mul(1.0, &own, &tile, 1.0, &mut sum);
            }
            sum
        };
        let starts: Vec<usize> = (0..self.ncols()).step_by(part.max(1)).collect();
        let sums: Vec<Array2<f64>> = starts.into_par_iter().map(sum).collect();
        sums.iter().fold(Array2::zeros((vectors, self.patients)), |all, sum| all + sum)
    }

    /// Some centered columns from one on, (columns, patients).
    fn tile(&self, first: usize, end: usize) -> Array2<f64> {
        let columns = first..end.min(first + TILE);
        let mut room = Room::default();
        let mut tile = Array2::zeros((columns.len(), self.patients)); // (columns, patients)
        for (mut row, column) in tile.rows_mut().into_iter().zip(columns) {
            let values = self.centered((column, 1.0), &mut room);
            row.as_slice_mut().expect("it is in row order").copy_from_slice(values);
        }
        tile
    }

    /// A column less its mean, times a factor.
    fn centered<'r>(&'r self, (column, factor): (usize, f64), room: &'r mut Room) -> &'r [f64] {
        let mean = self.means[column];
        room.wide.resize(self.patients, 0.0);
        let narrow: &[f32] = match &self.held {
            Held::Wide(x) => {
                let raw = x.row(column).to_slice().expect("it is in row order");
                let as_it_is = mean.abs() <= 0.0 && (factor - 1.0).abs() <= 0.0;
                if as_it_is {
                    return raw;
                }
                for (value, &raw) in room.wide.iter_mut().zip(raw) {
                    *value = (raw - mean) * factor;
                }
                return &room.wide;
            }
            Held::Narrow(x) => x.row(column).to_slice().expect("it is in row order"),
            Held::Prepared(block) => {
                room.narrow.resize(self.patients, 0.0);
                block.read(column, &mut room.narrow);
                &room.narrow
            }
        };
        for (value, &raw) in room.wide.iter_mut().zip(narrow) {
            *value = (f64::from(raw) - mean) * factor;
        }
        &room.wide
    }
}

/// Room for one column.
#[derive(Default)]
struct Room {
    wide: Vec<f64>,
    narrow: Vec<f32>,
}

impl<'a> Matrix<'a> {
    /// # Panics
    /// When there is no block.
    pub(crate) fn new(blocks: Vec<(&'a Columns<'a>, f64)>) -> Self {
        let patients = blocks[0].0.patients;
        let own = |(block, (columns, _)): (usize, &(&Columns, f64))| {
            (0..columns.ncols()).map(move |column| (block, column)).collect::<Vec<_>>()
        };
        let places = blocks.iter().enumerate().flat_map(own).collect();
        Self { blocks, patients, places }
    }

    pub(crate) fn nrows(&self) -> usize {
        self.patients
    }

    pub(crate) fn ncols(&self) -> usize {
        self.places.len()
    }

    /// The columns' variances, (columns,).
    pub(crate) fn variances(&self) -> Vec<f64> {
        let variance = |&(block, column): &(usize, usize)| {
            let (columns, factor) = self.blocks[block];
            columns.variances[column] * factor * factor
        };
        self.places.iter().map(variance).collect()
    }

    /// Goes over all columns once: each one's inner product with a vector, (patients,), says by how
    /// much it is added to a sum.
    pub(crate) fn sweep(&self, by: &[f64], factor: impl Fn(usize, f64) -> f64 + Sync) -> Sweep {
        let chunk = |(chunk, places): (usize, &[(usize, usize)])| {
            let mut room = Room::default();
            let mut own =
                Sweep { products: vec![], factors: vec![], sum: vec![0.0; self.patients] };
            for (place, &(block, column)) in places.iter().enumerate() {
                let (columns, scale) = self.blocks[block];
                let values = columns.centered((column, scale), &mut room);
                let product = dot(values, by);
                let factor = factor(chunk * CHUNK + place, product);
                if factor != 0.0 {
                    add_scaled(&mut own.sum, factor, values);
                }
                own.products.push(product);
                own.factors.push(factor);
            }
            own
        };
        // Chunks are the same for any number of threads, and so is the order of sums.
        let chunks: Vec<Sweep> = self.places.par_chunks(CHUNK).enumerate().map(chunk).collect();
        let mut all = Sweep { products: vec![], factors: vec![], sum: vec![0.0; self.patients] };
        for own in chunks {
            all.products.extend(own.products);
            all.factors.extend(own.factors);
            add_scaled(&mut all.sum, 1.0, &own.sum);
        }
        all
    }

    /// The sum of the columns times a vector, (columns,).
    pub(crate) fn times(&self, vector: &[f64]) -> Vec<f64> {
        self.sweep(&[], |column, _| vector[column]).sum
    }

    /// The inner products of the columns with a vector, (patients,).
    pub(crate) fn products(&self, vector: &[f64]) -> Vec<f64> {
        self.sweep(vector, |_, _| 0.0).products
    }

    /// `XXᵀ`, (patients, patients).
    pub(crate) fn gram(&self) -> Array2<f64> {
        let mut gram = Array2::zeros((self.patients, self.patients));
        for places in self.places.chunks(8 * CHUNK) {
            let mut x = Array2::zeros((self.patients, places.len())); // (patients, columns)
            let mut room = Room::default();
            for (mut to, &(block, column)) in x.columns_mut().into_iter().zip(places) {
                let (columns, factor) = self.blocks[block];
                let values = columns.centered((column, factor), &mut room);
                to.iter_mut().zip(values).for_each(|(to, &value)| *to = value);
            }
            gram += &inner_products(&x);
        }
        gram
    }
}

/// `XXᵀ`, by blocks of rows in parallel.
pub(crate) fn inner_products(x: &Array2<f64>) -> Array2<f64> {
    let patients = x.nrows();
    let block = patients.div_ceil(16).max(1);
    let blocks: Vec<(usize, Array2<f64>)> = (0..patients)
        .step_by(block)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|first| {
            let rows = x.slice(s![first..(first + block).min(patients), ..]);
            // XXᵀ is symmetric: blocks left of the diagonal are copied below.
            (first, rows.dot(&x.slice(s![first.., ..]).t()))
        })
        .collect();
    let mut gram = Array2::zeros((patients, patients)); // (patients, patients)
    for (first, products) in blocks {
        let last = first + products.nrows();
        gram.slice_mut(s![first.., first..last]).assign(&products.t());
        gram.slice_mut(s![first..last, first..]).assign(&products);
    }
    gram
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::{Preprocessing, tests::cohort};

    /// A column with gaps.
    fn column(speed: f64, gap: usize) -> Vec<Option<f32>> {
        let value = |row: usize| {
            #[expect(clippy::cast_possible_truncation, reason = "columns are narrow")]
            let value = (row as f64 * speed).sin() as f32;
            (!row.is_multiple_of(gap)).then_some(value)
        };
        (0..60).map(value).collect()
    }

    #[test]
    fn columns_made_anew_are_those_that_are_held() {
        let columns = [column(1.7, 5), column(0.3, 7), column(2.9, 3)];
        let [x, y, z] = &columns;
        let cohort = cohort(&[("a.x", x), ("a.y", y), ("b.z", z)]);
        let rows: Vec<usize> = (0..60).filter(|row| row % 4 != 1).collect();
        let names = ["a".to_owned(), "b".to_owned()];
        let fitted = Preprocessing::fit(&cohort, &rows, &names).unwrap();
        let prepared = fitted.prepare(&cohort, &rows).unwrap();
        let by: Vec<f64> = (0..rows.len()).map(|row| (row as f64).cos()).collect();
        for block in &prepared.blocks {
            let values = Values::Prepared(block);
            let held = Columns::holding(values, usize::MAX).unwrap();
            let anew = Columns::holding(values, 0).unwrap();
            assert!(matches!((&held.held, &anew.held), (Held::Narrow(_), Held::Prepared(_))));
            let (held, anew) = (Matrix::new(vec![(&held, 0.5)]), Matrix::new(vec![(&anew, 0.5)]));
            let pass = |matrix: &Matrix| matrix.sweep(&by, |_, product| product / 10.0);
            let (of_held, of_anew) = (pass(&held), pass(&anew));
            assert_eq!((of_held.products, of_held.sum), (of_anew.products, of_anew.sum));
            assert_eq!(held.gram(), anew.gram());
            assert_eq!(held.variances(), anew.variances());
            assert!(held.variances().iter().any(|&variance| variance > 0.1));
        }
    }
}
