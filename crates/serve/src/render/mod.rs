//! Answers: one record out for one record in, in order.

mod json;
mod table;

use std::sync::Arc;

use oncoweave_core::Prediction;
use oncoweave_model::ExplanationLayout;

use crate::asked::{AnswerKind, Asked};
use crate::negotiate::Format;
use crate::records::{Reader, Shape};
use crate::served::{Answer, Served};
use table::Table;

/// What the answers to one request have in common.
pub(crate) struct Layout {
    served: Arc<Served>,
    times_days: Vec<f64>,
    kind: AnswerKind,
    explanation: Option<ExplanationLayout>,
    /// What has a cumulative incidence: `event` and the events that compete with it, if any do.
    events: Vec<String>,
}

impl Layout {
    pub(crate) fn new(served: &Arc<Served>, asked: &Asked) -> Self {
        let competing = served.model.competing_events();
        let events = if competing.is_empty() {
            vec![]
        } else {
            ["event".to_owned()].into_iter().chain(competing).collect()
        };
        Self {
            events,
            times_days: served.times(asked).to_vec(),
            kind: asked.answer,
            explanation: asked.explain.then(|| served.model.explanation_layout()),
            served: Arc::clone(served),
        }
    }

    fn classes(&self) -> &[String] {
        self.served.model.classes()
    }
}

/// The probability of the event by each time, whatever competes with it.
fn event_probabilities(prediction: &Prediction) -> Vec<f64> {
    match prediction.incidence.first() {
        Some(incidence) => incidence.clone(),
        None => prediction.survival.iter().map(|survival| 1.0 - survival).collect(),
    }
}

/// Answers as bytes, piece by piece.
pub(crate) struct Writer {
    layout: Layout,
    format: Format,
    shape: Shape,
    /// Whether a CSV answer names its columns.
    names: bool,
    begun: bool,
    /// The rows of a Parquet answer, which is written at the end.
    table: Option<Table>,
}

impl Writer {
    pub(crate) fn new(layout: Layout, format: Format, reader: &Reader) -> Self {
        let (shape, names) = (reader.shape(), reader.has_names());
        let table = (format == Format::Parquet).then(|| Table::new(&layout));
        Self { layout, format, shape, names, begun: false, table }
    }

    /// For the one record that raw files make.
    pub(crate) fn of_one(layout: Layout, format: Format) -> Self {
        let table = (format == Format::Parquet).then(|| Table::new(&layout));
        Self { layout, format, shape: Shape::One, names: true, begun: false, table }
    }

    /// The bytes of some answers. A Parquet file has none before its end.
    pub(crate) fn write(&mut self, answers: &[Answer]) -> Vec<u8> {
        let first = !std::mem::replace(&mut self.begun, true);
        match self.format {
            Format::Csv => table::csv(&self.layout, answers, first && self.names),
            Format::Json => json::parts(&self.layout, answers, self.shape, first),
            Format::Parquet => {
                if let Some(table) = &mut self.table {
                    table.add(&self.layout, answers);
                }
                vec![]
            }
            _ => json::lines(&self.layout, answers),
        }
    }

    /// What follows the last answer.
    ///
    /// # Errors
    /// When a Parquet file cannot be made, which is our own fault.
    pub(crate) fn finish(&mut self) -> Result<Vec<u8>, oncoweave_cohort::Error> {
        match (self.format, self.table.take()) {
            (Format::Parquet, Some(table)) => table.parquet(&self.layout),
            (Format::Json, _) => Ok(json::end(self.shape).to_vec()),
            _ => Ok(vec![]),
        }
    }
}
