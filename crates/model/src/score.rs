use ndarray::{Array2, s};
use oncoweave_core::{
    Cohort, CumulativeHazard, Prediction, Risk, SurvivalProbability,
    preprocess::{Block, Design},
};
use tch::Kind;

use crate::{
    Error, Model, NetworkPredictor, Predictor,
    competing::{Rivalry, compete},
    device::scoring_device,
    fit::use_one_thread,
    hazards::Intervals,
    network::{Inputs, Network, from_tensor, to_tensor},
    stack::pick,
};

/// Patients that pass through the network at once. The last block is filled up with zeros: the
/// matrix product takes another path, and another rounding, for other shapes, and a patient's risk
/// must not depend on who else is scored.
const BLOCK: usize = 16;

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
        self.score_beside(&self.rivals(self), cohort, rows)
    }

    /// The same with given models of the competing events' hazards.
    pub(crate) fn score_beside(
        &self,
        rivals: &[Rivalry],
        cohort: &Cohort,
        rows: &[usize],
    ) -> Result<Vec<Prediction>, Error> {
        let mut predictions = self.score_alone(cohort, rows)?;
        if !rivals.is_empty() {
            let incidence = self.incidence_beside(rivals, (cohort, rows), self.horizons_days())?;
            for (prediction, own) in predictions.iter_mut().zip(incidence.outer_iter()) {
                compete(prediction, &own);
            }
        }
        Ok(predictions)
    }

    fn score_alone(&self, cohort: &Cohort, rows: &[usize]) -> Result<Vec<Prediction>, Error> {
        let design = self.design(cohort, rows)?;
        let read = self.modalities();
        let blocks: Vec<&Block> = design.blocks.iter().collect();
        let outputs = self.outputs(&blocks);
        let predict = |(place, (&row, &risk)): (usize, (&usize, &f64))| {
            if !risk.is_finite() {
                let patient_id = cohort.patients[row].clone();
                return Err(Error::NotFinite { patient_id, model: self.name.clone() });
            }
            let mut prediction = self.scale.prediction(&self.name, cohort, row, Risk(risk));
            let absent = blocks.iter().filter(|block| !block.present[place]);
            prediction.missing_modalities = absent
                .map(|block| block.modality.clone())
                .filter(|modality| read.contains(modality))
                .collect();
            prediction.flags = self.reference.flags(&blocks, place);
            prediction.flags.extend(self.insufficient(&prediction.missing_modalities));
            prediction.class_probabilities = outputs.probabilities.row(place).to_vec();
            if let Some((hazards, intervals)) = self.own_hazards(&outputs, place) {
                let survival = |&time: &f64| intervals.survival(hazards, time).0;
                prediction.survival = self.horizons_days().iter().map(survival).collect();
                // The intervals are those of Breslow's baseline.
                prediction.survival_low.clear();
                prediction.survival_high.clear();
            }
            Ok(prediction)
        };
        rows.iter().zip(&outputs.log_risks).enumerate().map(predict).collect()
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
        let design = self.design(cohort, rows)?;
        let outputs = self.outputs(&design.blocks.iter().collect::<Vec<_>>());
        Ok(Array2::from_shape_fn((rows.len(), times_days.len()), |(place, time)| {
            let time = times_days[time];
            match self.own_hazards(&outputs, place) {
                Some((hazards, intervals)) => intervals.hazard(hazards, time),
                None => self.scale.baseline.hazard_of(Risk(outputs.log_risks[place]), time),
            }
        }))
    }

    /// A patient's hazards where the network says them itself.
    fn own_hazards<'a>(
        &'a self,
        outputs: &'a ModelOutputs,
        place: usize,
    ) -> Option<(&'a [f32], Intervals<'a>)> {
        let Predictor::Network(network) = &self.predictor else { return None };
        Some((outputs.hazards.as_ref()?.get(place)?, network.architecture.intervals()?))
    }

    /// A flag for a patient who lacks the modalities that carry most of the risk.
    fn insufficient(&self, missing: &[String]) -> Option<String> {
        const MOST: f64 = 0.5;
        let share: f64 = match &self.predictor {
            Predictor::Stack(stack) => {
                let lacks = stack.shares.iter().filter(|share| missing.contains(&share.modality));
                lacks.map(|share| share.share).sum()
            }
            Predictor::Network(_) | Predictor::Linear(_) => {
                missing.len() as f64 / self.modalities().len() as f64
            }
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
        let found = cohort.modalities();
        let expected = self.modalities();
        if !found.iter().any(|name| expected.iter().any(|read| read == name)) {
            return Err(Error::NoCommonModality {
                model: self.name.clone(),
                found: found.into_iter().map(str::to_owned).collect(),
                expected,
            });
        }
        let what = format!("the table does not fit the model `{}`", self.name);
        self.preprocessing.apply(cohort, rows).map_err(Error::undefined(what))
    }

    fn outputs(&self, blocks: &[&Block]) -> ModelOutputs {
        if let Predictor::Network(network) = &self.predictor {
            return network.outputs(blocks);
        }
        let log_risks = self.predictor.log_risks(blocks);
        let classifier = match &self.predictor {
            Predictor::Stack(stack) => stack.classifier(),
            Predictor::Network(_) | Predictor::Linear(_) => None,
        };
        let probabilities = match classifier {
            Some(model) => model.outputs(&pick(blocks, model)).probabilities,
            None => Array2::zeros((log_risks.len(), 0)),
        };
        ModelOutputs { log_risks, probabilities, hazards: None }
    }
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
        let device = scoring_device(self.device);
        let network = Network::new(&self.architecture, &self.weights, device);
        network_outputs(&network, &to_blocks(blocks))
    }
}

/// Cuts a design into blocks of patients of one size, the last one filled up with zeros.
pub(crate) fn to_blocks(modalities: &[&Block]) -> PaddedBlocks {
    let patients = modalities.first().map_or(0, |block| block.x.nrows());
    let cut = |start: usize| {
        let end = (start + BLOCK).min(patients);
        let pad = |block: &Block| {
            let mut padded = Array2::zeros((BLOCK, block.x.ncols()));
            padded.slice_mut(s![..end - start, ..]).assign(&block.x.slice(s![start..end, ..]));
            to_tensor(&padded.into_dyn())
        };
        let mut present = Array2::<f32>::zeros((BLOCK, modalities.len()));
        for (mut column, block) in present.columns_mut().into_iter().zip(modalities) {
            for (value, &here) in column.iter_mut().zip(&block.present[start..end]) {
                *value = f32::from(u8::from(here));
            }
        }
        let blocks = modalities.iter().map(|block| pad(block)).collect();
        Inputs { blocks, present: to_tensor(&present.into_dyn()) }
    };
    PaddedBlocks { patients, blocks: (0..patients).step_by(BLOCK).map(cut).collect() }
}

/// Patients in blocks of one size, `BLOCK`.
pub(crate) struct PaddedBlocks {
    patients: usize,
    blocks: Vec<Inputs>,
}

/// What a model says about patients.
pub(crate) struct ModelOutputs {
    /// (patients,).
    pub(crate) log_risks: Vec<f64>,
    /// (patients, classes).
    pub(crate) probabilities: Array2<f64>,
    /// The logits of each patient's hazards, (patients, intervals); none without a
    /// discrete-time head.
    pub(crate) hazards: Option<Vec<Vec<f32>>>,
}

/// Runs a network on patients.
pub(crate) fn network_outputs(network: &Network, blocks: &PaddedBlocks) -> ModelOutputs {
    use_one_thread();
    let _guard = tch::no_grad_guard();
    let (mut log_risks, mut probabilities, mut classes) = (vec![], vec![], 0);
    let mut hazards: Option<Vec<Vec<f32>>> = None;
    for block in &blocks.blocks {
        let outputs = network.forward(block);
        log_risks.extend(from_tensor(&outputs.log_risk).iter().map(|&risk| f64::from(risk)));
        let softmax = from_tensor(&outputs.logits.softmax(1, Kind::Float));
        classes = softmax.shape()[1];
        probabilities.extend(softmax.iter().map(|&probability| f64::from(probability)));
        if let Some(logits) = &outputs.hazards {
            let logits = from_tensor(logits); // (BLOCK, intervals)
            let patients = logits.outer_iter().map(|row| row.iter().copied().collect());
            hazards.get_or_insert_default().extend(patients);
        }
    }
    log_risks.truncate(blocks.patients);
    probabilities.truncate(blocks.patients * classes);
    if let Some(hazards) = &mut hazards {
        hazards.truncate(blocks.patients);
    }
    let probabilities = Array2::from_shape_vec((blocks.patients, classes), probabilities)
        .expect("as many probabilities as patients and classes");
    ModelOutputs { log_risks, probabilities, hazards }
}
