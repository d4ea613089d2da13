use ndarray::{Array2, s};
use oncoweave_core::{
    Cohort, Prediction, Risk, SurvivalProbability,
    preprocess::{Block, Design, Preprocessing},
};
use tch::Kind;

use crate::{
    Error, Model, RidgeModel, RiskScale,
    device::scoring_device,
    fit::use_one_thread,
    network::{Inputs, Network, from_tensor, to_tensor},
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
        let outputs = self.outputs(&design);
        let (risks, probabilities) = (outputs.log_risks, outputs.probabilities);
        let scored = Scored { name: &self.name, scale: &self.scale, design: &design };
        let mut predictions = scored.predictions(cohort, rows, &risks)?;
        for (prediction, row) in predictions.iter_mut().zip(probabilities.rows()) {
            prediction.class_probabilities = row.to_vec();
        }
        if let Some(hazards) = &outputs.hazards {
            for (prediction, hazards) in predictions.iter_mut().zip(hazards) {
                prediction.survival = self.own_survival(hazards, self.horizons_days());
            }
        }
        Ok(predictions)
    }

    /// The probability of each row's patient to survive past each time, (patients, times): from
    /// the network's own hazards where it has a discrete-time head, else from the baseline hazard.
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
        let outputs = self.outputs(&design(&self.name, &self.preprocessing, cohort, rows)?);
        Ok(Array2::from_shape_fn((rows.len(), times_days.len()), |(patient, time)| {
            if let (Some(hazards), Some(intervals)) =
                (&outputs.hazards, self.architecture.intervals())
            {
                return intervals.survival(&hazards[patient], times_days[time]);
            }
            self.scale.baseline.survival(Risk(outputs.log_risks[patient]), times_days[time])
        }))
    }

    fn outputs(&self, design: &Design) -> NetworkOutputs {
        let device = scoring_device(self.config.training.device);
        let network = Network::new(&self.architecture, &self.weights, device);
        network_outputs(&network, &to_blocks(&design.blocks))
    }

    fn own_survival(&self, hazards: &[f32], times_days: &[f64]) -> Vec<f64> {
        let intervals = self.architecture.intervals();
        let intervals = intervals.expect("a network with hazards has intervals");
        times_days.iter().map(|&time| intervals.survival(hazards, time).0).collect()
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

/// Cuts a design into blocks of patients of one size, the last one filled up with zeros.
pub(crate) fn to_blocks(modalities: &[Block]) -> PaddedBlocks {
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
        let blocks = modalities.iter().map(pad).collect();
        Inputs { blocks, present: to_tensor(&present.into_dyn()) }
    };
    PaddedBlocks { patients, blocks: (0..patients).step_by(BLOCK).map(cut).collect() }
}

/// Patients in blocks of one size, `BLOCK`.
pub(crate) struct PaddedBlocks {
    patients: usize,
    blocks: Vec<Inputs>,
}

/// What a network says about patients.
pub(crate) struct NetworkOutputs {
    /// (patients,).
    pub(crate) log_risks: Vec<f64>,
    /// (patients, classes).
    pub(crate) probabilities: Array2<f64>,
    /// The logits of each patient's hazards, (patients, intervals); none for a Cox head.
    pub(crate) hazards: Option<Vec<Vec<f32>>>,
}

/// Runs a network on patients.
pub(crate) fn network_outputs(network: &Network, blocks: &PaddedBlocks) -> NetworkOutputs {
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
    NetworkOutputs { log_risks, probabilities, hazards }
}
