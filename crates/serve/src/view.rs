//! A narrower view of a model's columns for explainers that move whole cells, such as SageMaker
//! Clarify, which takes at most 256 features.
//!
//! A cell of the view stands for a group of columns: its values joined by `;` in the order of the
//! model's columns, an empty one where a value is missing. A cell that is wholly empty lacks the
//! whole group. An explainer that replaces cells of a record by cells of a baseline so computes the
//! Shapley values of the groups, without knowing what stands in a cell.

use oncoweave_model::Model;
use serde_json::Value;

use crate::columns::{Columns, Row};
use crate::records::{RecordError, number};

/// The most features that Clarify takes.
const MOST_CELLS: usize = 256;

/// Which view an endpoint has of its model's columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ViewKind {
    /// One cell a column.
    #[default]
    Columns,
    /// One cell for each group of correlated columns of a modality, and for each other column;
    /// one a modality where these are more than 256.
    Groups,
    /// One cell a modality.
    Modalities,
}

impl ViewKind {
    /// The view of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "columns" => Some(Self::Columns),
            "groups" => Some(Self::Groups),
            "modalities" => Some(Self::Modalities),
            _ => None,
        }
    }
}

/// A view of a model's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    cells: Vec<(String, Vec<usize>)>,
}

impl View {
    /// `None` for the view of one cell a column, which is no view at all.
    pub(crate) fn new(kind: ViewKind, model: &Model, columns: &Columns) -> Option<Self> {
        let modalities = || {
            let mut cells: Vec<(String, Vec<usize>)> = vec![];
            for &place in columns.used() {
                let name = columns.name(place).split('.').next().unwrap_or_default();
                match cells.iter_mut().find(|(other, _)| other == name) {
                    Some((_, places)) => places.push(place),
                    None => cells.push((name.to_owned(), vec![place])),
                }
            }
            cells
        };
        let cells = match kind {
            ViewKind::Columns => return None,
            ViewKind::Modalities => modalities(),
            ViewKind::Groups => Some(groups(model, columns))
                .filter(|cells| cells.len() <= MOST_CELLS)
                .unwrap_or_else(modalities),
        };
        Some(Self { cells })
    }

    /// The places of the columns of each cell.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &[usize]> {
        self.cells.iter().map(|(_, places)| places.as_slice())
    }

    /// The cells' names and columns.
    pub(crate) fn describe(&self, columns: &Columns) -> Value {
        let cell = |(name, places): &(String, Vec<usize>)| {
            let columns: Vec<&str> = places.iter().map(|&place| columns.name(place)).collect();
            serde_json::json!({ "name": name, "columns": columns })
        };
        self.cells.iter().map(cell).collect()
    }

    pub(crate) fn check_width(&self, found: usize) -> Result<(), String> {
        let expected = self.cells.len();
        if found == expected {
            return Ok(());
        }
        Err(format!("the view has {expected} cells, found {found}"))
    }

    /// Reads a cell's values into the row.
    pub(crate) fn read_text(
        cell: &str,
        places: &[usize],
        row: &mut Row,
    ) -> Result<(), RecordError> {
        if cell.trim().is_empty() {
            return Ok(());
        }
        if cell.split(';').count() != places.len() {
            return Err(Self::bad_cell(row.name(places[0])));
        }
        for (text, &place) in cell.split(';').zip(places) {
            let value = number(text).map_err(|()| Self::bad_cell(row.name(places[0])))?;
            row.set_at(place, value)?;
        }
        Ok(())
    }

    /// The same for a list of values.
    pub(crate) fn read_list(
        cell: &[Value],
        places: &[usize],
        row: &mut Row,
    ) -> Result<(), RecordError> {
        let bad = || Self::bad_cell(row.name(places[0]));
        if cell.len() != places.len() {
            return Err(bad());
        }
        let values: Option<Vec<Option<f64>>> = cell
            .iter()
            .map(|value| if value.is_null() { Some(None) } else { value.as_f64().map(Some) })
            .collect();
        let values = values.ok_or_else(bad)?;
        places.iter().zip(values).try_for_each(|(&place, value)| row.set_at(place, value))
    }

    pub(crate) fn bad_cell(first: &str) -> RecordError {
        let message = format!(
            "the cell of the view that begins with `{first}` must hold a number or nothing for each \
             of its columns, joined by `;`"
        );
        RecordError::new("invalid_value", message)
    }
}

/// Groups of correlated columns, and each other column by itself, in the order of the columns.
fn groups(model: &Model, columns: &Columns) -> Vec<(String, Vec<usize>)> {
    let layout = model.explanation_layout();
    let place_of = |at: usize| columns.place(&layout.features[at]);
    let mut grouped = vec![None; columns.width()];
    for (first, places) in &layout.groups {
        // Flags such as `ct.present` follow from the columns and are no columns themselves.
        for place in places.iter().filter_map(|&at| place_of(at)) {
            grouped[place] = Some(first.as_str());
        }
    }
    let mut cells: Vec<(String, Vec<usize>)> = vec![];
    for &place in columns.used() {
        let name = grouped[place].unwrap_or(columns.name(place));
        match cells.iter_mut().find(|(other, _)| other == name) {
            Some((_, places)) => places.push(place),
            None => cells.push((name.to_owned(), vec![place])),
        }
    }
    cells
}
