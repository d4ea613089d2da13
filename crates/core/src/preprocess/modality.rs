//! One modality's columns: which of them are used, at which scale.

use ndarray::Array1;
use serde::{Deserialize, Serialize};

use super::{KnownFlag, Scale, known};
use crate::{Cohort, CohortColumn, Undefined};

/// One modality's part of [`Preprocessing`](super::Preprocessing).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModalityColumns {
    /// The modality's name.
    pub name: String,
    /// The columns in use, in the cohort's order.
    pub kept: Vec<KeptColumn>,
    /// The columns that training patients tell nothing about.
    pub dropped: Vec<DroppedColumn>,
    /// Which columns are known of a patient, where that differs between patients.
    pub known: Vec<KnownFlag>,
    /// The scale of `<modality>.present`, where that column is in use.
    pub present: Option<Scale>,
}

/// A column in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptColumn {
    /// The name as in the aligned table, `<modality>.<feature>`.
    pub name: String,
    /// Its scale.
    #[serde(flatten)]
    pub scale: Scale,
}

/// A column left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedColumn {
    /// The name as in the aligned table.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl ModalityColumns {
    /// The number of columns in this modality's block, the flags included.
    #[must_use]
    pub fn width(&self) -> usize {
        self.kept.len() + self.known.len() + usize::from(self.present.is_some())
    }

    /// The names of this modality's block, the flags included.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let kept = self.kept.iter().map(|kept| kept.name.clone());
        let present = self.present.map(|_| flag_name(&self.name));
        kept.chain(self.known.iter().map(KnownFlag::name)).chain(present).collect()
    }

    /// The block's row of a patient who lacks the modality, (columns,).
    #[must_use]
    pub fn absent_row(&self) -> Array1<f32> {
        let mut row = Array1::zeros(self.width());
        if let (Some(scale), Some(last)) = (self.present, row.last_mut()) {
            *last = scale.standardize(0.0);
        }
        row
    }

    /// The columns of the aligned table that training saw, those in use first.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        let dropped = self.dropped.iter().map(|dropped| &*dropped.name);
        self.kept.iter().map(|kept| &*kept.name).chain(dropped)
    }
}

pub(super) fn fit_modality(
    cohort: &Cohort,
    rows: &[usize],
    modality: &str,
) -> Result<ModalityColumns, Undefined> {
    let columns: Vec<&CohortColumn> =
        cohort.columns.iter().filter(|column| column.modality == modality).collect();
    if columns.is_empty() {
        let known = cohort.modalities().join(", ");
        return Err(Undefined::UnknownModality { modality: modality.to_owned(), known });
    }
    let mut present = vec![0.0; rows.len()];
    let (mut kept, mut dropped) = (Vec::new(), Vec::new());
    for column in &columns {
        let name = column.name();
        if name == flag_name(modality) {
            return Err(Undefined::ReservedColumn { column: name });
        }
        let mut values = Vec::with_capacity(rows.len());
        for (present, &row) in present.iter_mut().zip(rows) {
            if let Some(value) = column.values.get(row) {
                *present = 1.0;
                values.push(f64::from(value));
            }
        }
        match Scale::of(&values) {
            Some(scale) => kept.push(KeptColumn { name, scale }),
            None => dropped.push(DroppedColumn { name, reason: why_dropped(&values) }),
        }
    }
    let measured = rows.iter().zip(&present).filter(|&(_, &present)| present > 0.0);
    let measured: Vec<usize> = measured.map(|(&row, _)| row).collect();
    let known = known::fit(&columns, &measured);
    let present = Scale::of(&present);
    Ok(ModalityColumns { name: modality.to_owned(), kept, dropped, known, present })
}

fn why_dropped(values: &[f64]) -> String {
    match values {
        [] => "no training patient has a value".to_owned(),
        [value] => format!("one training patient alone has a value, {value}"),
        [value, ..] => {
            format!("constant: all {} training patients with a value have {value}", values.len())
        }
    }
}

fn flag_name(modality: &str) -> String {
    format!("{modality}.present")
}

#[cfg(test)]
mod tests {
    use crate::preprocess::tests::{cohort, fit};

    #[test]
    fn columns_that_tell_nothing_are_dropped_with_a_reason() {
        let cohort = cohort(&[
            ("c.good", &[Some(1.0), Some(2.0), Some(3.0)]),
            ("c.constant", &[Some(5.0), None, Some(5.0)]),
            ("c.empty", &[None, None, None]),
            ("c.single", &[None, Some(9.0), None]),
            ("c.noise", &[Some(1.0e6), Some(1.0e6 + 0.0625), Some(1.0e6)]),
        ]);
        let modality = fit(&cohort, &["c"]).unwrap().modalities.remove(0);
        assert_eq!(modality.names(), ["c.good"]);
        let dropped: Vec<(&str, &str)> =
            modality.dropped.iter().map(|dropped| (&*dropped.name, &*dropped.reason)).collect();
        assert_eq!(
            dropped,
            [
                ("c.constant", "constant: all 2 training patients with a value have 5"),
                ("c.empty", "no training patient has a value"),
                ("c.single", "one training patient alone has a value, 9"),
                ("c.noise", "constant: all 3 training patients with a value have 1000000"),
            ]
        );
    }
}
