//! A loaded model, ready for requests.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{ArrayRef2, ArrayView2};
use oncoweave_core::{
    Cohort, CohortColumn, Column, FeatureInfo, PatientId, Prediction, preprocess::RowPreprocessing,
};
use oncoweave_model::{Explanation, Model, Scorer, compete};
use serde_json::{Value, json};

use crate::Error;
use crate::asked::Asked;
use crate::columns::Columns;
use crate::records::{Chunk, RecordError};
use crate::redact::of_model;
use crate::view::{View, ViewKind};

/// A chunk has about so many values, so that its memory does not grow with the model's width.
const CHUNK_VALUES: usize = 1 << 18;

/// What came of one record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The record's place in the request, from 1.
    pub(crate) number: usize,
    /// The id that the record gave.
    pub(crate) patient_id: Option<PatientId>,
    pub(crate) result: Result<Prediction, RecordError>,
    pub(crate) explanation: Option<Explanation>,
    /// What was extracted from raw files, where asked for.
    pub(crate) features: Option<Vec<(String, Option<f32>)>>,
}

/// A model with what reading and scoring its records takes.
pub(crate) struct Served {
    pub(crate) model: Arc<Model>,
    pub(crate) columns: Arc<Columns>,
    rows: Arc<RowPreprocessing>,
    groups: Option<Arc<View>>,
    modalities: Option<Arc<View>>,
    /// Those that nobody uses at the moment.
    scorers: Mutex<Vec<Scorer>>,
    /// Where it was loaded from.
    pub(crate) folder: std::path::PathBuf,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("model", &self.model.name()).finish_non_exhaustive()
    }
}

/// No risk depends on a patient's name.
fn nobody() -> PatientId {
    PatientId::new("patient").expect("printable and not empty")
}

impl Served {
    pub(crate) fn load(folder: &Path) -> Result<Self, Error> {
        let mut served = Self::new(Model::load(folder)?);
        folder.clone_into(&mut served.folder);
        Ok(served)
    }

    pub(crate) fn new(model: Model) -> Self {
        let rows = Arc::new(RowPreprocessing::new(model.preprocessing()));
        let columns = Arc::new(Columns::new(&rows));
        let model = Arc::new(model);
        let view = |kind| View::new(kind, &model, &columns).map(Arc::new);
        let (groups, modalities) = (view(ViewKind::Groups), view(ViewKind::Modalities));
        let scorers = Mutex::new(vec![Scorer::new(&model, &rows)]);
        let folder = std::path::PathBuf::new();
        Self { model, columns, rows, groups, modalities, scorers, folder }
    }

    pub(crate) fn view(&self, kind: ViewKind) -> Option<&Arc<View>> {
        match kind {
            ViewKind::Columns => None,
            ViewKind::Groups => self.groups.as_ref(),
            ViewKind::Modalities => self.modalities.as_ref(),
        }
    }

    /// The times that survival is given at.
    pub(crate) fn times<'a>(&'a self, asked: &'a Asked) -> &'a [f64] {
        asked.horizons_days.as_deref().unwrap_or(self.model.horizons_days())
    }

    /// How many records are read and scored at a time.
    pub(crate) fn chunk_records(&self) -> usize {
        (CHUNK_VALUES / self.columns.width()).clamp(16, 1024)
    }

    /// What the model reads and gives.
    pub(crate) fn describe(&self) -> Value {
        let view = |view: &Option<Arc<View>>| {
            view.as_ref().map(|view| view.describe(&self.columns)).unwrap_or_default()
        };
        json!({
            "model": self.model.name(),
            "columns": self.columns.used_names().collect::<Vec<_>>(),
            "horizons_days": self.model.horizons_days(),
            "classes": self.model.classes(),
            "modalities": self.model.modalities(),
            "views": { "groups": view(&self.groups), "modalities": view(&self.modalities) },
        })
    }

    /// Answers for several chunks that ask for the same, scored at once.
    pub(crate) fn answer(&self, chunks: Vec<Chunk>, asked: &Asked) -> Vec<Vec<Answer>> {
        let width = self.columns.width();
        let values: Vec<f32> = match &chunks[..] {
            [one] => one.values.clone(),
            many => many.iter().flat_map(|chunk| chunk.values.iter().copied()).collect(),
        };
        let count = values.len() / width;
        let nobody = nobody();
        let rows = ArrayView2::from_shape((count, width), &values).expect("whole rows");
        let mut predictions = self
            .with_scorer(|scorer| scorer.score(&rows, &vec![&nobody; count], self.times(asked)));
        let failure = self.compete(&rows, self.times(asked), &mut predictions);
        let mut explanations = if asked.explain { self.explain(&rows) } else { vec![] }.into_iter();
        let mut predictions = predictions.into_iter();
        let of_chunk = |chunk: Chunk| {
            let answer = |(number, record): (usize, crate::records::Record)| {
                let (result, explanation) = if let Some(fault) = record.fault {
                    (Err(fault), None)
                } else {
                    let prediction = predictions.next().expect("one for each good record");
                    let error = |reason| RecordError::new("not_scored", reason);
                    let prediction = match &failure {
                        Some(reason) => Err(error(reason.clone())),
                        None => prediction.map_err(|fault| error(of_model(&fault))),
                    };
                    (prediction, explanations.next().flatten())
                };
                let patient_id = record.patient_id;
                Answer { number, patient_id, result, explanation, features: None }
            };
            (chunk.first..).zip(chunk.records).map(answer).collect()
        };
        chunks.into_iter().map(of_chunk).collect()
    }

    /// Takes a scorer that nobody uses, or makes one.
    fn with_scorer<T>(&self, work: impl FnOnce(&Scorer) -> T) -> T {
        let free = || self.scorers.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = free().pop();
        let scorer = kept.unwrap_or_else(|| Scorer::new(&self.model, &self.rows));
        let done = work(&scorer);
        free().push(scorer);
        done
    }

    /// Puts the incidences of the event and its competitors into the rows' predictions. Gives the
    /// reason where that cannot be done.
    fn compete(
        &self,
        rows: &ArrayRef2<f32>,
        times_days: &[f64],
        predictions: &mut [Result<Prediction, oncoweave_model::Error>],
    ) -> Option<String> {
        if self.model.competing().is_empty() {
            return None;
        }
        let (cohort, all): (_, Vec<usize>) = (self.cohort(rows), (0..rows.nrows()).collect());
        let competed = match self.model.competed_at(&cohort, &all, times_days) {
            Ok(competed) => competed,
            Err(error) => return Some(of_model(&error)),
        };
        for (prediction, own) in predictions.iter_mut().zip(&competed) {
            if let Ok(prediction) = prediction {
                compete(prediction, own);
            }
        }
        None
    }

    /// What drove each row's prediction; none for a row that has no finite risk.
    fn explain(&self, rows: &ArrayRef2<f32>) -> Vec<Option<Explanation>> {
        let all: Vec<usize> = (0..rows.nrows()).collect();
        match self.model.explain(&self.cohort(rows), &all) {
            Ok(explanations) => explanations.into_iter().map(Some).collect(),
            Err(error) => {
                tracing::warn!("could not explain: {}", of_model(&error));
                vec![None; rows.nrows()]
            }
        }
    }

    /// Rows of numbers as a table of patients.
    fn cohort(&self, rows: &ArrayRef2<f32>) -> Cohort {
        let count = rows.nrows();
        let column = |(place, name): (usize, &String)| {
            let (modality, feature) = name.split_once('.').unwrap_or(("", name));
            let (unit, meaning, standard) = (String::new(), String::new(), String::new());
            let values = rows.column(place);
            let known = values.iter().map(|&value| Some(value).filter(|value| !value.is_nan()));
            CohortColumn {
                modality: modality.to_owned(),
                info: FeatureInfo { name: feature.to_owned(), unit, meaning, standard },
                values: known.collect::<Column>(),
            }
        };
        Cohort {
            patients: vec![nobody(); count],
            sites: vec![None; count],
            index_dates: vec![None; count],
            survival: vec![None; count],
            competing: vec![],
            labels: vec![None; count],
            folds: vec![None; count],
            columns: self.rows.columns().iter().enumerate().map(column).collect(),
        }
    }
}
