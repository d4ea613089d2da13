use std::sync::Arc;

use ndarray::{Array2, ArrayRef2};
use oncoweave_core::{
    Cohort, CumulativeHazard, PatientId, Prediction, Risk, SurvivalProbability, Undefined,
    preprocess::{Block, Design, Prepared, PreparedBlock, RowPreprocessing},
};

use crate::{
    Error, Member, Model, NetworkPredictor, Predictor, Stack,
    competing::{Rivalry, compete},
    device::scoring_device,
    fit::use_one_thread,
    followed::OwnBounds,
    hazards::Intervals,
    network::Network,
    outputs::{ModelOutputs, network_outputs, to_blocks},
    stack::pick,
};

impl Model {
    /// Scores rows of a cohort: the one function behind evaluation, prediction and serving.
    ///
    /// A patient's numbers do not depend on the other rows. A modality that the cohort or a patient
    /// lacks is taken as the training mean and named in `missing_modalities`.
    ///
    /// # Errors
    /// When the cohort has none of the model's modalities, has one without all its columns, or a
    /// risk is not finite.
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn score(&self, cohort: &Cohort, rows: &[usize]) -> Result<Vec<Prediction>, Error> {
        self.score_at(cohort, rows, self.horizons_days())
    }

    /// The same with survival at other times. Where no event competes and the model has no
    /// discrete-time head, the bounds of its interval are NaN at times that are none of the model's
    /// horizons.
    ///
    /// # Errors
    /// As for [`Model::score`].
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn score_at(
        &self,
        cohort: &Cohort,
        rows: &[usize],
        times_days: &[f64],
    ) -> Result<Vec<Prediction>, Error> {
        self.score_beside(&self.rivals(self), (cohort, rows), times_days)
    }

    /// The same with given models of the competing events' hazards.
    pub(crate) fn score_beside(
        &self,
        rivals: &[Rivalry],
        (cohort, rows): (&Cohort, &[usize]),
        times_days: &[f64],
    ) -> Result<Vec<Prediction>, Error> {
        let mut predictions = self.score_alone(cohort, rows, times_days)?;
        if !rivals.is_empty() {
            let competed = self.competed_beside(rivals, (cohort, rows), times_days)?;
            for (prediction, own) in predictions.iter_mut().zip(&competed) {
                compete(prediction, own);
            }
        }
        Ok(predictions)
    }

    fn score_alone(
        &self,
        cohort: &Cohort,
        rows: &[usize],
        times_days: &[f64],
    ) -> Result<Vec<Prediction>, Error> {
        let prepared = self.prepare(cohort, rows)?;
        let ready = Ready::new(&self.predictor);
        let places: Vec<usize> = (0..rows.len()).collect();
        let some = |places: &[usize]| {
            let patients: Vec<&PatientId> =
                places.iter().map(|&place| &cohort.patients[rows[place]]).collect();
            self.predictions(&ready, &prepared.select(places), &patients, times_days)
        };
        let predictions: Vec<_> = places.chunks(PREPARED).flat_map(some).collect();
        let observed = |(prediction, &row): (Result<Prediction, Error>, &usize)| {
            let (observed, label) = (cohort.survival[row], cohort.labels[row].clone());
            let competing = cohort.competing.get(row).cloned().flatten();
            Ok(Prediction { observed, competing, label, ..prediction? })
        };
        predictions.into_iter().zip(rows).map(observed).collect()
    }

    /// What prepared columns say about each patient.
    fn predictions(
        &self,
        ready: &Ready,
        blocks: &[Block],
        patients: &[&PatientId],
        times_days: &[f64],
    ) -> Vec<Result<Prediction, Error>> {
        let read = self.modalities();
        let blocks: Vec<&Block> = blocks.iter().collect();
        let outputs = ready.outputs(&self.predictor, &blocks);
        let bounds = OwnBounds::new(self, times_days);
        let predict = |(place, (&patient_id, &risk)): (usize, (&&PatientId, &f64))| {
            if !risk.is_finite() {
                let (patient_id, model) = (patient_id.clone(), self.name.clone());
                return Err(Error::NotFinite { patient_id, model });
            }
            let mut prediction =
                self.scale.prediction(&self.name, patient_id, Risk(risk), times_days);
            let absent = blocks.iter().filter(|block| !block.present[place]);
            prediction.missing_modalities = absent
                .map(|block| block.modality.clone())
                .filter(|modality| read.contains(modality))
                .collect();
            prediction.flags = self.reference.flags(&blocks, place);
            prediction.flags.extend(self.insufficient(&prediction.missing_modalities, read.len()));
            prediction.flags.extend(self.scale.past_follow_up(times_days));
            prediction.class_probabilities = outputs.probabilities.row(place).to_vec();
            if let Some((hazards, intervals)) = self.own_hazards(&outputs, place) {
                let survival = |&time: &f64| intervals.survival(hazards, time).0;
                prediction.survival = times_days.iter().map(survival).collect();
                // What the scale gave are the intervals of Breslow's baseline.
                let own =
                    bounds.as_ref().map(|bounds| bounds.of(&outputs, place)).unwrap_or_default();
                (prediction.survival_low, prediction.survival_high) = own;
            }
            Ok(prediction)
        };
        patients.iter().zip(&outputs.log_risks).enumerate().map(predict).collect()
    }

    /// The probability of each row's patient to survive past each time, (patients, times): from
    /// the network's own hazards where it has a discrete-time head, else from the baseline hazard.
    /// As if nothing competed with the event; see [`Model::incidence_at`].
    ///
    /// # Errors
    /// As for [`Model::score`].
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn survival_at(
        &self,
        cohort: &Cohort,
        rows: &[usize],
        times_days: &[f64],
    ) -> Result<Array2<SurvivalProbability>, Error> {
        Ok(self.hazards_at(cohort, rows, times_days)?.mapv(CumulativeHazard::survival))
    }

    /// The cumulative hazard of each row's patient at each time, (patients, times): of the event
    /// that the model is of, whatever others compete with it.
    pub(crate) fn hazards_at(
        &self,
        cohort: &Cohort,
        rows: &[usize],
        times_days: &[f64],
    ) -> Result<Array2<CumulativeHazard>, Error> {
        let followed = self.follow(cohort, rows, times_days)?;
        let own: Vec<_> = (0..rows.len()).flat_map(|place| followed.hazards(place)).collect();
        let shape = (rows.len(), times_days.len());
        Ok(Array2::from_shape_vec(shape, own).expect("one for each patient and time"))
    }

    /// A patient's hazards where the network says them itself.
    pub(crate) fn own_hazards<'a>(
        &'a self,
        outputs: &'a ModelOutputs,
        place: usize,
    ) -> Option<(&'a [f32], Intervals<'a>)> {
        Some((outputs.hazards.as_ref()?.get(place)?, self.intervals()?))
    }

    /// A flag for a patient who lacks the modalities that carry most of the risk.
    fn insufficient(&self, missing: &[String], read: usize) -> Option<String> {
        const MOST: f64 = 0.5;
        let shares = match &self.predictor {
            Predictor::Stack(stack) => &stack.shares,
            Predictor::Network(_) | Predictor::Linear(_) => &self.reference.shares,
        };
        let share: f64 = if shares.is_empty() {
            missing.len() as f64 / read as f64
        } else {
            let lacks = shares.iter().filter(|share| missing.contains(&share.modality));
            lacks.map(|share| share.share).sum()
        };
        (share > MOST).then(|| format!("insufficient:{:.0} %", 100.0 * share))
    }

    /// The columns of a cohort, in the modalities that the model was trained on, that it does not
    /// know and leaves aside.
    ///
    /// # Errors
    /// When the cohort does not fit, as for [`Model::score`].
    pub fn unknown_columns(&self, cohort: &Cohort) -> Result<Vec<String>, Error> {
        Ok(self.design(cohort, &[])?.unknown)
    }

    /// Prepares a cohort's rows: a block for each modality that the model was trained on.
    pub(crate) fn design(&self, cohort: &Cohort, rows: &[usize]) -> Result<Design, Error> {
        self.prepare(cohort, rows)?;
        self.preprocessing.apply(cohort, rows).map_err(self.unfit())
    }

    fn prepare<'a>(&'a self, cohort: &'a Cohort, rows: &'a [usize]) -> Result<Prepared<'a>, Error> {
        let found = cohort.modalities();
        let expected = self.modalities();
        if !found.iter().any(|name| expected.iter().any(|read| read == name)) {
            return Err(Error::NoCommonModality {
                model: self.name.clone(),
                found: found.into_iter().map(str::to_owned).collect(),
                expected,
            });
        }
        self.preprocessing.prepare(cohort, rows).map_err(self.unfit())
    }

    fn unfit(&self) -> impl Fn(Undefined) -> Error {
        let what = format!("the table does not fit the model `{}`", self.name);
        move |source| Error::undefined(what.clone())(source)
    }
}

/// Patients that are prepared at once, a multiple of [`BLOCK`].
const PREPARED: usize = 1024;

/// The log-risk of each patient, (patients,), who are prepared some at a time.
pub(crate) fn log_risks(predictor: &Predictor, blocks: &[&PreparedBlock]) -> Vec<f64> {
    let ready = Ready::new(predictor);
    in_parts(blocks, |blocks| ready.outputs(predictor, blocks).log_risks)
}

/// What some function says of patients, who are prepared some at a time.
pub(crate) fn in_parts<T>(
    blocks: &[&PreparedBlock],
    mut each: impl FnMut(&[&Block]) -> Vec<T>,
) -> Vec<T> {
    let patients: Vec<usize> = (0..blocks.first().map_or(0, |block| block.nrows())).collect();
    let part = |places: &[usize]| {
        let own: Vec<Block> = blocks.iter().map(|block| block.select(places)).collect();
        each(&own.iter().collect::<Vec<_>>())
    };
    patients.chunks(PREPARED).flat_map(part).collect()
}

impl Predictor {
    /// The log-risk of each patient, (patients,).
    pub(crate) fn log_risks(&self, blocks: &[&Block]) -> Vec<f64> {
        match self {
            Self::Network(network) => network.outputs(blocks).log_risks,
            Self::Linear(linear) => linear.log_risks(blocks),
            Self::Stack(stack) => stack.log_risks(blocks),
        }
    }
}

impl NetworkPredictor {
    fn outputs(&self, blocks: &[&Block]) -> ModelOutputs {
        network_outputs(&self.network(), &to_blocks(blocks))
    }

    fn network(&self) -> Network {
        Network::new(&self.architecture, &self.weights, scoring_device(self.device))
    }
}

/// A model made ready to score many patients: its tensors exist. It may go from thread to thread,
/// and works on one at a time.
pub struct Scorer {
    model: Arc<Model>,
    rows: Arc<RowPreprocessing>,
    ready: Ready,
}

impl Scorer {
    /// Makes the tensors of a model. `rows` is of the model's own preprocessing.
    #[must_use]
    pub fn new(model: &Arc<Model>, rows: &Arc<RowPreprocessing>) -> Self {
        let ready = Ready::new(&model.predictor);
        Self { model: Arc::clone(model), rows: Arc::clone(rows), ready }
    }

    /// Scores patients given as rows of numbers, (patients, [`RowPreprocessing::columns`]) with NaN
    /// for a missing value. Their numbers are those of [`Model::score_at`] as if nothing competed with
    /// the event.
    ///
    /// # Panics
    /// When there are not as many ids as rows, or a row has not one value for each column.
    #[must_use]
    pub fn score(
        &self,
        rows: &ArrayRef2<f32>,
        patients: &[&PatientId],
        times_days: &[f64],
    ) -> Vec<Result<Prediction, Error>> {
        assert_eq!(rows.nrows(), patients.len(), "an id for each row");
        let blocks = self.rows.apply(rows);
        self.model.predictions(&self.ready, &blocks, patients, times_days)
    }
}

/// A predictor's tensors.
pub(crate) enum Ready {
    Network(Network),
    Linear,
    /// One for each member that has a weight or gives the class probabilities.
    Stack(Vec<Option<Ready>>),
}

impl Ready {
    pub(crate) fn new(predictor: &Predictor) -> Self {
        match predictor {
            Predictor::Network(network) => {
                use_one_thread();
                Self::Network(network.network())
            }
            Predictor::Linear(_) => Self::Linear,
            Predictor::Stack(stack) => {
                let classifier = stack.classifier_place();
                let members = stack.members.iter().enumerate();
                let needed = |(place, member): (usize, &Member)| {
                    (member.weight > 0.0 || Some(place) == classifier)
                        .then(|| Self::new(&member.model.predictor))
                };
                Self::Stack(members.map(needed).collect())
            }
        }
    }

    pub(crate) fn outputs(&self, predictor: &Predictor, blocks: &[&Block]) -> ModelOutputs {
        match (self, predictor) {
            (Self::Network(network), _) => network_outputs(network, &to_blocks(blocks)),
            (Self::Stack(ready), Predictor::Stack(stack)) => stack_outputs(ready, stack, blocks),
            (Self::Linear | Self::Stack(_), _) => ModelOutputs::risks(predictor.log_risks(blocks)),
        }
    }
}

fn stack_outputs(ready: &[Option<Ready>], stack: &Stack, blocks: &[&Block]) -> ModelOutputs {
    let patients = blocks.first().map_or(0, |block| block.x.nrows());
    let mut all = ModelOutputs::risks(vec![0.0; patients]);
    for (place, (ready, member)) in ready.iter().zip(&stack.members).enumerate() {
        let Some(ready) = ready else { continue };
        let own = pick(blocks, &member.model);
        let outputs = ready.outputs(&member.model.predictor, &own);
        if member.weight > 0.0 {
            let shares = member.shares_of(&own, &outputs.log_risks);
            for (sum, share) in all.log_risks.iter_mut().zip(shares) {
                *sum += share;
            }
        }
        if Some(place) == stack.classifier_place() {
            all.probabilities = outputs.probabilities;
        }
    }
    all
}
