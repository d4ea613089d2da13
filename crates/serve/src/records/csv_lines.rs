//! Records in CSV, one line each.

use super::lines::Lines;
use super::{Read, RecordError, Unreadable, blank_line, is_id, no_utf8, number, read_id};
use crate::columns::{Columns, Row, no_number, repeated};
use crate::view::View;

/// What a cell of a line is.
pub(crate) enum Cell {
    Id,
    /// The value of the column at a place.
    Column(usize),
    /// The values of several columns, see [`View`].
    Group(Vec<usize>),
}

/// What the cells of a body are, and whether a row named them.
///
/// The first row names the columns; a first row that names none of them is data, which is taken in
/// the order of the model's columns when there are exactly as many, or in the view's where there is
/// one.
pub(super) fn layout(
    lines: &mut Lines,
    columns: &Columns,
    view: Option<&View>,
) -> Result<(Vec<Cell>, bool), Unreadable> {
    let mut blank = Vec::new();
    loop {
        if !lines.advance()? {
            lines.give_back(blank);
            return Ok((Vec::new(), false));
        }
        if !lines.line().trim_ascii().is_empty() {
            break;
        }
        blank.push(lines.line().to_vec());
    }
    let line = lines.line().to_vec();
    let text = std::str::from_utf8(&line)
        .map_err(|_| Unreadable::Bad("the first row of the body is not UTF-8".to_owned()))?;
    let first = cells(text);
    let (layout, header) = if let Some(view) = view {
        view.check_width(first.len()).map_err(Unreadable::Bad)?;
        (view.cells().map(|places| Cell::Group(places.to_vec())).collect(), false)
    } else if names_columns(&first, columns) {
        (named(&first, columns).map_err(Unreadable::Bad)?, true)
    } else {
        (unnamed(first.len(), columns).map_err(Unreadable::Bad)?, false)
    };
    if !header {
        blank.push(line);
    }
    lines.give_back(blank);
    Ok((layout, header))
}

/// Reads a line into the row.
pub(super) fn record(line: &[u8], layout: &[Cell], row: &mut Row) -> Read {
    // A blank line of one column is a missing cell, as every CSV writer has it.
    if layout.len() != 1 && line.trim_ascii().is_empty() {
        return blank_line();
    }
    let Ok(text) = std::str::from_utf8(line) else { return no_utf8() };
    row.clear();
    if memchr::memchr(b'"', line).is_some() {
        let cells = cells(text);
        return read_cells(cells.iter(), cells.len(), layout, row);
    }
    let width = memchr::memchr_iter(b',', line).count() + 1;
    read_cells(text.split(','), width, layout, row)
}

fn read_cells<'a>(
    cells: impl Iterator<Item = &'a str> + Clone,
    width: usize,
    layout: &[Cell],
    row: &mut Row,
) -> Read {
    let place = layout.iter().position(|cell| matches!(cell, Cell::Id));
    let id = place.and_then(|place| cells.clone().nth(place));
    let (patient_id, problem) = match id {
        None | Some("") => (None, None),
        Some(text) => read_id(text),
    };
    if problem.is_some() {
        return (patient_id, problem);
    }
    if width != layout.len() {
        let message = format!("expected {} cells, found {width}", layout.len());
        return (patient_id, Some(RecordError::new("wrong_width", message)));
    }
    let read = |(cell, text): (&Cell, &str)| match cell {
        Cell::Id => Ok(()),
        Cell::Column(place) => match number(text) {
            Ok(value) => row.set_at(*place, value),
            Err(()) => Err(no_number(row.name(*place))),
        },
        Cell::Group(places) => View::read_text(text, places, row),
    };
    (patient_id, layout.iter().zip(cells).map(read).find_map(Result::err))
}

/// The cells of one line of CSV; a blank line has one empty cell.
fn cells(line: &str) -> csv::StringRecord {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(line.len().max(1))
        .from_reader(line.as_bytes());
    match reader.records().next() {
        Some(row) => row.expect("one line of text in memory is always a record"),
        None => csv::StringRecord::from(vec![""]),
    }
}

/// Whether a first row names columns. At the model's own width a row that names none is data with
/// faults in some cells; a row of words alone is likelier to be names from elsewhere, whose order
/// nobody knows.
fn names_columns(first: &csv::StringRecord, columns: &Columns) -> bool {
    let known = |cell: &str| is_id(cell) || columns.place(cell).is_some();
    if first.iter().any(|cell| known(cell.trim())) {
        return true;
    }
    let numbers = first.iter().filter(|cell| number(cell).is_ok()).count();
    if first.len() == columns.used().len() {
        numbers == 0 && first.len() > 1
    } else {
        numbers < first.len()
    }
}

fn named(first: &csv::StringRecord, columns: &Columns) -> Result<Vec<Cell>, String> {
    let names: Vec<&str> = first.iter().map(str::trim).collect();
    if !names.iter().any(|name| columns.place(name).is_some()) {
        // This is likely a patient's row, so nothing of it may be repeated.
        return Err("the first row of the body names no column of the model; send a first row \
                    that names the columns"
            .to_owned());
    }
    let mut seen = std::collections::HashSet::new();
    let mut cells = Vec::with_capacity(names.len());
    for name in names {
        if !seen.insert(name) {
            return Err(repeated(name).message);
        }
        let place = || columns.place(name).ok_or_else(|| columns.unknown(name).message);
        cells.push(if is_id(name) { Cell::Id } else { Cell::Column(place()?) });
    }
    Ok(cells)
}

fn unnamed(width: usize, columns: &Columns) -> Result<Vec<Cell>, String> {
    if width != columns.used().len() {
        return Err(format!(
            "the body has no header and {width} columns, the model reads {}; send a first row that \
             names the columns",
            columns.used().len()
        ));
    }
    Ok(columns.used().iter().map(|&place| Cell::Column(place)).collect())
}
