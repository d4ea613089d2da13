use ndarray::{Array2, s};
use oncoweave_core::{
    Cohort, Prediction, Risk,
    preprocess::{Design, Preprocessing},
};
use tch::{Kind, Tensor};

use crate::{
    Error, Model, RidgeModel, RiskScale,
    fit::use_one_thread,
    network::{Network, from_tensor, to_tensor},
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
        let design = design(&self.name, &self.preprocessing, cohort, rows)?;
        let network = Network::new(&self.architecture, &self.weights);
        let blocks: Vec<Array2<f32>> = design.blocks.iter().map(|block| block.x.clone()).collect();
        let (risks, probabilities) = log_risks_and_probabilities(&network, &to_blocks(&blocks));
        let scored = Scored { name: &self.name, scale: &self.scale, design: &design };
        let mut predictions = scored.predictions(cohort, rows, &risks)?;
        for (prediction, row) in predictions.iter_mut().zip(probabilities.rows()) {
            prediction.class_probabilities = row.to_vec();
        }
        Ok(predictions)
    }

    /// The columns of a cohort, in the modalities that the model reads, that it does not know and
    /// leaves aside.
    ///
    /// # Errors
    /// When the cohort does not fit, as for [`Model::score`].
    pub fn unknown_columns(&self, cohort: &Cohort) -> Result<Vec<String>, Error> {
        Ok(design(&self.name, &self.preprocessing, cohort, &[])?.unknown)
    }
}

impl RidgeModel {
    /// Scores rows of a cohort as [`Model::score`] does.
    ///
    /// # Errors
    /// When the cohort has none of the model's modalities, has one without all its columns, or a
    /// risk is not finite.
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn score(&self, cohort: &Cohort, rows: &[usize]) -> Result<Vec<Prediction>, Error> {
        let design = design(&self.name, &self.preprocessing, cohort, rows)?;
        let scored = Scored { name: &self.name, scale: &self.scale, design: &design };
        scored.predictions(cohort, rows, &self.log_risks(&design))
    }
}

/// Prepares a cohort's rows for a model.
fn design(
    model: &str,
    preprocessing: &Preprocessing,
    cohort: &Cohort,
    rows: &[usize],
) -> Result<Design, Error> {
    let found = cohort.modalities();
    let known = |name: &str| preprocessing.widths().iter().any(|(width_of, _)| *width_of == name);
    if !found.iter().any(|name| known(name)) {
        return Err(Error::NoCommonModality {
            model: model.to_owned(),
            found: found.into_iter().map(str::to_owned).collect(),
            expected: preprocessing.widths().iter().map(|(name, _)| (*name).to_owned()).collect(),
        });
    }
    preprocessing
        .apply(cohort, rows)
        .map_err(Error::undefined(format!("the table does not fit the model `{model}`")))
}

/// A model's view of some rows.
struct Scored<'a> {
    name: &'a str,
    scale: &'a RiskScale,
    design: &'a Design,
}

impl Scored<'_> {
    fn predictions(
        &self,
        cohort: &Cohort,
        rows: &[usize],
        risks: &[f64],
    ) -> Result<Vec<Prediction>, Error> {
        let predict = |(place, (&row, &risk)): (usize, (&usize, &f64))| {
            if !risk.is_finite() {
                let patient_id = cohort.patients[row].clone();
                return Err(Error::NotFinite { patient_id, model: self.name.to_owned() });
            }
            let mut prediction = self.scale.prediction(self.name, cohort, row, Risk(risk));
            let absent = self.design.blocks.iter().filter(|block| !block.present[place]);
            prediction.missing_modalities = absent.map(|block| block.modality.clone()).collect();
            Ok(prediction)
        };
        rows.iter().zip(risks).enumerate().map(predict).collect()
    }
}

/// Cuts matrices into blocks of patients of one size, the last one filled up with zeros.
pub(crate) fn to_blocks(matrices: &[Array2<f32>]) -> PaddedBlocks {
    let patients = matrices.first().map_or(0, ndarray::ArrayBase::nrows);
    let cut = |start: usize| {
        let end = (start + BLOCK).min(patients);
        let pad = |matrix: &Array2<f32>| {
            let mut block = Array2::zeros((BLOCK, matrix.ncols()));
            block.slice_mut(s![..end - start, ..]).assign(&matrix.slice(s![start..end, ..]));
            to_tensor(&block.into_dyn())
        };
        matrices.iter().map(pad).collect()
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
