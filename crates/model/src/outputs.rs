//! What networks say of patients, in blocks of one size.

use ndarray::{Array2, s};
use oncoweave_core::preprocess::Block;
use tch::Kind;

use crate::{
    fit::use_one_thread,
    network::{Inputs, Network, from_tensor, to_tensor},
};

/// Patients that pass through the network at once. The last block is filled up with zeros: the
/// matrix product takes another path, and another rounding, for other shapes, and a patient's risk
/// must not depend on who else is scored.
const BLOCK: usize = 16;

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

impl ModelOutputs {
    /// What a model without class probabilities says.
    pub(crate) fn risks(log_risks: Vec<f64>) -> Self {
        Self { probabilities: Array2::zeros((log_risks.len(), 0)), log_risks, hazards: None }
    }
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
