//! The columns that a model reads, and one record's values while they come in.

use std::collections::HashMap;

use oncoweave_core::preprocess::RowPreprocessing;

use crate::records::RecordError;

/// The name of the column that is no feature.
pub(crate) const PATIENT_ID: &str = "patient_id";

/// The columns of a model by name. A record's values stand in the order of
/// [`RowPreprocessing::columns`].
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    names: Vec<String>,
    places: HashMap<String, usize>,
    /// The places of the columns that tell patients apart, in the model's order: those of a row
    /// without names.
    used: Vec<usize>,
    /// Whether a column is one of these.
    is_used: Vec<bool>,
    /// Whether JSON writes every name as it is.
    has_plain_names: bool,
    /// The columns of each category, such as `clinical.stage=I` and `clinical.stage=II`.
    levels: Vec<Vec<usize>>,
}

impl Columns {
    pub(crate) fn new(rows: &RowPreprocessing) -> Self {
        let names = rows.columns().to_vec();
        let used: Vec<usize> = rows.used().collect();
        let mut is_used = vec![false; names.len()];
        for &place in &used {
            is_used[place] = true;
        }
        let mut levels: Vec<(&str, Vec<usize>)> = vec![];
        for (place, name) in names.iter().enumerate() {
            let Some((category, _)) = name.split_once('=') else { continue };
            match levels.iter_mut().find(|(other, _)| *other == category) {
                Some((_, places)) => places.push(place),
                None => levels.push((category, vec![place])),
            }
        }
        let levels = levels.into_iter().map(|(_, places)| places).collect();
        let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        let has_plain_names = names.iter().all(|name| name.bytes().all(is_plain));
        let places = names.iter().cloned().enumerate().map(|(place, name)| (name, place));
        Self { places: places.collect(), names, used, is_used, has_plain_names, levels }
    }

    /// How many values a record has.
    pub(crate) fn width(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn used(&self) -> &[usize] {
        &self.used
    }

    /// The names of a row without names.
    pub(crate) fn used_names(&self) -> impl Iterator<Item = &str> {
        self.used.iter().map(|&place| self.names[place].as_str())
    }

    pub(crate) fn name(&self, place: usize) -> &str {
        &self.names[place]
    }

    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    pub(crate) fn unknown(&self, name: &str) -> RecordError {
        let first: Vec<String> =
            self.used_names().take(5).map(|name| format!("`{name}`")).collect();
        let more = match self.used.len().saturating_sub(first.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "the model knows no column `{}`; it reads {}{more}",
            printable(name),
            first.join(", ")
        );
        RecordError::new("unknown_column", message)
    }
}

/// A name from outside, made fit for a log: one short printable line.
fn printable(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(80).collect()
}

pub(crate) fn no_number(name: &str) -> RecordError {
    let name = printable(name);
    RecordError::new("invalid_value", format!("column `{name}` must be a number or missing"))
}

pub(crate) fn repeated(name: &str) -> RecordError {
    let name = printable(name);
    RecordError::new("repeated_column", format!("column `{name}` stands there twice"))
}

/// One record while its values come in, used again for the next.
pub(crate) struct Row<'a> {
    columns: &'a Columns,
    /// NaN is missing.
    values: Vec<f32>,
    seen: Vec<bool>,
    /// Which column came after each one in the records so far: most bodies keep one order.
    following: Vec<usize>,
    last: usize,
}

impl<'a> Row<'a> {
    pub(crate) fn new(columns: &'a Columns) -> Self {
        let width = columns.width();
        // One more than there are columns: the start of a record.
        let following = (1..width).chain([0, 0]).collect();
        Self {
            columns,
            values: vec![f32::NAN; width],
            seen: vec![false; width],
            following,
            last: width,
        }
    }

    /// Begins a record.
    pub(crate) fn clear(&mut self) {
        self.values.fill(f32::NAN);
        self.seen.fill(false);
        self.last = self.columns.width();
    }

    /// The place of a column, found at once where it follows the column before as it did last time.
    pub(crate) fn find(&mut self, name: &str) -> Option<usize> {
        let guess = self.following[self.last];
        let place = match self.columns.names.get(guess) {
            Some(known) if known == name => guess,
            _ => {
                let place = self.columns.place(name)?;
                self.following[self.last] = place;
                place
            }
        };
        self.last = place;
        Some(place)
    }

    /// The column that is expected next, where JSON begins with its name and a quotation mark; and the
    /// name's length.
    pub(crate) fn expected(&mut self, text: &[u8]) -> Option<(usize, usize)> {
        let place = self.following[self.last];
        let name = self.columns.names.get(place)?.as_bytes();
        let is_it = self.columns.has_plain_names
            && text.starts_with(name)
            && text.get(name.len()) == Some(&b'"');
        is_it.then(|| {
            self.last = place;
            (place, name.len())
        })
    }

    /// The name of a column.
    pub(crate) fn name(&self, place: usize) -> &'a str {
        self.columns.name(place)
    }

    /// The places of a record without names.
    pub(crate) fn used(&self) -> &'a [usize] {
        self.columns.used()
    }

    /// Sets a value by the column's name.
    pub(crate) fn set(&mut self, name: &str, value: Option<f64>) -> Result<(), RecordError> {
        let place = self.find(name).ok_or_else(|| self.columns.unknown(name))?;
        self.set_at(place, value)
    }

    #[expect(clippy::cast_possible_truncation, reason = "models read float32")]
    pub(crate) fn set_at(&mut self, place: usize, value: Option<f64>) -> Result<(), RecordError> {
        if std::mem::replace(&mut self.seen[place], true) {
            return Err(repeated(&self.columns.names[place]));
        }
        if let Some(value) = value {
            let value = value as f32;
            if !value.is_finite() {
                let name = &self.columns.names[place];
                let message = format!("the value of column `{name}` is too large");
                return Err(RecordError::new("invalid_value", message));
            }
            self.values[place] = value;
        }
        Ok(())
    }

    /// The record's values. Where one level of a category is known and another was not sent, the
    /// record does not have that one, as in a table without its column.
    ///
    /// A record without any value would get the risk of the mean patient, which says nothing.
    pub(crate) fn finish(&mut self) -> Result<&[f32], RecordError> {
        for places in &self.columns.levels {
            if places.iter().any(|&place| !self.values[place].is_nan()) {
                for &place in places.iter().filter(|&&place| !self.seen[place]) {
                    self.values[place] = 0.0;
                }
            }
        }
        let known = self.values.iter().zip(&self.columns.is_used);
        if known.into_iter().any(|(value, &used)| used && !value.is_nan()) {
            Ok(&self.values)
        } else {
            Err(RecordError::new("no_values", "the record has no value in any column of the model"))
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
pub(crate) mod tests {
    use oncoweave_core::preprocess::{
        DroppedColumn, KeptColumn, ModalityColumns, Preprocessing, Scale,
    };

    use super::*;

    /// `clinical` with age, stage and a constant that was dropped, `ct` with a volume.
    pub(crate) fn columns() -> Columns {
        columns_of(&[("clinical", &["clinical.age", "clinical.stage"]), ("ct", &["ct.volume"])])
    }

    pub(crate) fn columns_of(modalities: &[(&str, &[&str])]) -> Columns {
        let kept = |name: &&str| KeptColumn {
            name: (*name).to_owned(),
            scale: Scale { mean: 0.0, sd: 1.0 },
        };
        let modality = |(name, names): &(&str, &[&str])| ModalityColumns {
            name: (*name).to_owned(),
            kept: names.iter().map(kept).collect(),
            dropped: vec![DroppedColumn {
                name: format!("{name}.constant"),
                reason: "constant".to_owned(),
            }],
            known: vec![],
            present: None,
        };
        let preprocessing = Preprocessing { modalities: modalities.iter().map(modality).collect() };
        Columns::new(&RowPreprocessing::new(&preprocessing))
    }

    #[test]
    fn a_level_that_was_not_sent_is_absent_where_another_is_known() {
        let columns = columns_of(&[("c", &["c.age", "c.sex=f", "c.sex=m"])]);
        for (sent, expected) in [
            (vec![("c.sex=f", Some(1.0))], [None, Some(1.0), Some(0.0)]),
            (vec![("c.sex=f", Some(1.0)), ("c.sex=m", None)], [None, Some(1.0), None]),
            (vec![("c.sex=f", None), ("c.age", Some(2.0))], [Some(2.0), None, None]),
        ] {
            let mut row = Row::new(&columns);
            for (name, value) in sent {
                row.set(name, value).unwrap();
            }
            let found: Vec<Option<f32>> = row.finish().unwrap()[..3]
                .iter()
                .map(|&value| Some(value).filter(|value| !value.is_nan()))
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn columns_are_found_in_any_order_and_again() {
        let columns = columns();
        let mut row = Row::new(&columns);
        for _ in 0..2 {
            row.clear();
            for (name, value) in
                [("ct.volume", 3.0), ("clinical.age", 1.0), ("clinical.stage", 2.0)]
            {
                row.set(name, Some(value)).unwrap();
            }
            let values = row.finish().unwrap();
            let of = |name: &str| f64::from(values[columns.place(name).unwrap()]);
            assert!(of("clinical.age") == 1.0 && of("clinical.stage") == 2.0);
            assert!(of("ct.volume") == 3.0 && of("clinical.constant").is_nan());
        }
    }
}
