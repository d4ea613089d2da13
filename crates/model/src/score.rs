use ndarray::{Array2, s};
use oncoweave_core::{
    Cohort, Prediction, Risk,
    preprocess::{Block, Design},
};
use tch::{Kind, Tensor};

use crate::{
    Error, Model, NetworkPredictor, Predictor,
    fit::use_one_thread,
    network::{Network, from_tensor, to_tensor},
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
        let design = self.design(cohort, rows)?;
        let read = self.modalities();
        let blocks: Vec<&Block> = design.blocks.iter().collect();
        let (risks, probabilities) = self.log_risks_and_probabilities(&blocks);
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
            prediction.class_probabilities = probabilities.row(place).to_vec();
            Ok(prediction)
        };
        rows.iter().zip(&risks).enumerate().map(predict).collect()
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

    /// The log-risks, (patients,), and class probabilities, (patients, classes).
    fn log_risks_and_probabilities(&self, blocks: &[&Block]) -> (Vec<f64>, Array2<f64>) {
        if let Predictor::Network(network) = &self.predictor {
            return network.outputs(blocks);
        }
        let risks = self.predictor.log_risks(blocks);
        let classifier = match &self.predictor {
            Predictor::Stack(stack) => stack.classifier(),
            Predictor::Network(_) | Predictor::Linear(_) => None,
        };
        let probabilities = match classifier {
            Some(model) => model.log_risks_and_probabilities(&pick(blocks, model)).1,
            None => Array2::zeros((risks.len(), 0)),
        };
        (risks, probabilities)
    }
}

impl Predictor {
    /// The log-risk of each patient, (patients,).
    pub(crate) fn log_risks(&self, blocks: &[&Block]) -> Vec<f64> {
        match self {
            Self::Network(network) => network.outputs(blocks).0,
            Self::Linear(linear) => linear.log_risks(blocks),
            Self::Stack(stack) => stack.log_risks(blocks),
        }
    }
}

impl NetworkPredictor {
    /// The log-risks, (patients,), and class probabilities, (patients, classes).
    fn outputs(&self, blocks: &[&Block]) -> (Vec<f64>, Array2<f64>) {
        let network = Network::new(&self.architecture, &self.weights);
        let matrices: Vec<&Array2<f32>> = blocks.iter().map(|block| &block.x).collect();
        log_risks_and_probabilities(&network, &to_blocks(&matrices))
    }
}

/// Cuts matrices into blocks of patients of one size, the last one filled up with zeros.
pub(crate) fn to_blocks(matrices: &[&Array2<f32>]) -> PaddedBlocks {
    let patients = matrices.first().map_or(0, |matrix| matrix.nrows());
    let cut = |start: usize| {
        let end = (start + BLOCK).min(patients);
        let pad = |matrix: &Array2<f32>| {
            let mut block = Array2::zeros((BLOCK, matrix.ncols()));
            block.slice_mut(s![..end - start, ..]).assign(&matrix.slice(s![start..end, ..]));
            to_tensor(&block.into_dyn())
        };
        matrices.iter().map(|matrix| pad(matrix)).collect()
    };
    PaddedBlocks { patients, blocks: (0..patients).step_by(BLOCK).map(cut).collect() }
}

/// Patients in blocks of one size.
pub(crate) struct PaddedBlocks {
    patients: usize,
    /// For each block one tensor a modality, (`BLOCK`, columns).
    blocks: Vec<Vec<Tensor>>,
}

/// The log-risks, (patients,), and class probabilities, (patients, classes).
pub(crate) fn log_risks_and_probabilities(
    network: &Network,
    blocks: &PaddedBlocks,
) -> (Vec<f64>, Array2<f64>) {
    use_one_thread();
    let _guard = tch::no_grad_guard();
    let (mut risks, mut probabilities, mut classes) = (vec![], vec![], 0);
    for block in &blocks.blocks {
        let outputs = network.forward(block, None);
        risks.extend(from_tensor(&outputs.log_risk).iter().map(|&risk| f64::from(risk)));
        let softmax = from_tensor(&outputs.logits.softmax(1, Kind::Float));
        classes = softmax.shape()[1];
        probabilities.extend(softmax.iter().map(|&probability| f64::from(probability)));
    }
    risks.truncate(blocks.patients);
    probabilities.truncate(blocks.patients * classes);
    let probabilities = Array2::from_shape_vec((blocks.patients, classes), probabilities)
        .expect("as many probabilities as patients and classes");
    (risks, probabilities)
}
