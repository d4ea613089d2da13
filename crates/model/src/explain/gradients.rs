use ndarray::Array2;
use oncoweave_core::preprocess::Block;
use tch::Tensor;

use super::{repeated, targets::Targets};
use crate::{
    Linear, Model, Predictor,
    device::scoring_device,
    fit::use_one_thread,
    network::{Inputs, Network, from_tensor, to_tensor},
    reference::BACKGROUND,
    stack::pick,
};

/// Gradients are taken at two points between each background patient and the patient, as far from
/// the one as from the other: exact for quadratic paths, and all points together lie close enough
/// for the kinks of a network.
const POINTS: usize = 2;

/// How far from the background patient of a row each of its points lies, as a share of the way.
fn shares(row: usize) -> [f32; POINTS] {
    let near = (row as f32 + 0.5) / (2.0 * BACKGROUND as f32);
    [near, 1.0 - near]
}

/// A predictor made ready to be run many times on one thread.
pub(super) enum Scorer<'a> {
    Network(Network),
    Linear(&'a Linear),
    Stack(Vec<(&'a crate::Member, Scorer<'a>)>),
}

/// The models of all hazards, made ready.
pub(super) struct Scorers<'a>(Vec<(&'a Model, Scorer<'a>)>);

/// The drivers of some rows, (rows, drivers), and of each driver the gradient for each block, (rows,
/// columns).
struct Driven {
    values: Vec<Vec<f64>>,
    slopes: Vec<Vec<Array2<f32>>>,
}

/// The background patients.
pub(super) struct Background {
    /// One matrix a block, ([`BACKGROUND`], columns).
    matrices: Vec<Array2<f32>>,
}

/// The attributions of one output.
pub(super) struct FeatureGradients {
    pub(super) background: f64,
    pub(super) features: Vec<f32>,
}

impl<'a> Scorer<'a> {
    pub(super) fn new(predictor: &'a Predictor) -> Self {
        match predictor {
            Predictor::Network(network) => {
                use_one_thread();
                let device = scoring_device(network.device);
                Self::Network(Network::new(&network.architecture, &network.weights, device))
            }
            Predictor::Linear(linear) => Self::Linear(linear),
            Predictor::Stack(stack) => {
                let members = stack.members.iter().filter(|member| member.weight > 0.0);
                let ready =
                    |member: &'a crate::Member| (member, Self::new(&member.model.predictor));
                Self::Stack(members.map(ready).collect())
            }
        }
    }

    /// The log-risk of each row, (rows,).
    pub(super) fn log_risks(&self, blocks: &[&Block]) -> Vec<f64> {
        self.run(blocks, false).0
    }

    /// The log-risk of each row, and its gradient for each block, (rows, columns).
    fn run(&self, blocks: &[&Block], gradients: bool) -> (Vec<f64>, Vec<Array2<f32>>) {
        match self {
            Self::Network(network) => {
                let Driven { values, mut slopes } = run_network(network, blocks, gradients, false);
                let log_risks = values.into_iter().map(|row| row[0]).collect();
                (log_risks, slopes.pop().unwrap_or_default())
            }
            Self::Linear(linear) => {
                let of_block = |block: &&Block| Array2::zeros(block.x.raw_dim());
                let mut slopes: Vec<Array2<f32>> =
                    if gradients { blocks.iter().map(of_block).collect() } else { vec![] };
                let mut coefficients = linear.coefficients.iter();
                for mut column in slopes.iter_mut().flat_map(|slopes| slopes.columns_mut()) {
                    let coefficient = coefficients.next().expect("one for each column");
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "attributions are float32"
                    )]
                    column.fill(coefficient.log_hazard_ratio as f32);
                }
                (linear.log_risks(blocks), slopes)
            }
            Self::Stack(members) => run_stack(members, blocks, gradients),
        }
    }
}

impl<'a> Scorers<'a> {
    pub(super) fn new(targets: &Targets<'a>) -> Self {
        let ready = |model: &&'a Model| (*model, Scorer::new(&model.predictor));
        Self(targets.models.iter().map(ready).collect())
    }

    /// The drivers of each row, (rows, drivers).
    pub(super) fn drivers(&self, blocks: &[&Block]) -> Vec<Vec<f64>> {
        self.run(blocks, false).values
    }

    fn run(&self, blocks: &[&Block], gradients: bool) -> Driven {
        let rows = blocks.first().map_or(0, |block| block.x.nrows());
        let mut all = Driven { values: vec![vec![]; rows], slopes: vec![] };
        for (model, scorer) in &self.0 {
            // Models of one training part have the same columns.
            let own = pick(blocks, model);
            let driven = match scorer {
                Scorer::Network(network) => {
                    run_network(network, &own, gradients, model.intervals().is_some())
                }
                Scorer::Linear(_) | Scorer::Stack(_) => {
                    let (log_risks, slopes) = scorer.run(&own, gradients);
                    let values = log_risks.into_iter().map(|risk| vec![risk]).collect();
                    Driven { values, slopes: vec![slopes] }
                }
            };
            for (all, own) in all.values.iter_mut().zip(driven.values) {
                all.extend(own);
            }
            all.slopes.extend(driven.slopes);
        }
        all
    }
}

fn run_stack(
    members: &[(&crate::Member, Scorer)],
    blocks: &[&Block],
    gradients: bool,
) -> (Vec<f64>, Vec<Array2<f32>>) {
    let rows = blocks.first().map_or(0, |block| block.x.nrows());
    let mut log_risks = vec![0.0; rows];
    let of_block = |block: &&Block| Array2::zeros(block.x.raw_dim());
    let mut slopes: Vec<Array2<f32>> =
        if gradients { blocks.iter().map(of_block).collect() } else { vec![] };
    for (member, scorer) in members {
        let own = pick(blocks, &member.model);
        let (risks, own_slopes) = scorer.run(&own, gradients);
        let factor = member.weight / member.standard_deviation;
        let known: Vec<bool> =
            (0..rows).map(|row| own.iter().any(|block| block.present[row])).collect();
        for ((sum, risk), _) in
            log_risks.iter_mut().zip(risks).zip(&known).filter(|(_, known)| **known)
        {
            *sum += factor * (risk - member.mean);
        }
        for (block, own_slopes) in own.iter().zip(own_slopes) {
            let place = blocks.iter().position(|other| other.modality == block.modality);
            let slopes = &mut slopes[place.expect("a member's blocks are the stack's")];
            for ((mut sum, own), &known) in
                slopes.rows_mut().into_iter().zip(own_slopes.rows()).zip(&known)
            {
                if known {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "attributions are float32"
                    )]
                    sum.scaled_add(factor as f32, &own);
                }
            }
        }
    }
    (log_risks, slopes)
}

/// The log-risk of each row, or the logits of its hazards.
fn run_network(network: &Network, blocks: &[&Block], gradients: bool, hazards: bool) -> Driven {
    let rows = blocks.first().map_or(0, |block| block.x.nrows());
    let tensor =
        |block: &&Block| to_tensor(&block.x.clone().into_dyn()).set_requires_grad(gradients);
    let inputs: Vec<Tensor> = blocks.iter().map(tensor).collect();
    let present = Array2::from_shape_fn((rows, blocks.len()), |(row, block)| {
        f32::from(u8::from(blocks[block].present[row]))
    });
    let inputs = Inputs { blocks: inputs, present: to_tensor(&present.into_dyn()) };
    let _guard = (!gradients).then(tch::no_grad_guard);
    let outputs = network.forward(&inputs);
    let drivers = match outputs.hazards {
        Some(logits) if hazards => logits,  // (rows, intervals)
        _ => outputs.log_risk.unsqueeze(1), // (rows, 1)
    };
    let row = |values: ndarray::ArrayViewD<f32>| values.iter().map(|&one| f64::from(one)).collect();
    let values = from_tensor(&drivers).outer_iter().map(row).collect();
    if !gradients {
        return Driven { values, slopes: vec![] };
    }
    let matrix = |slopes: &Tensor| {
        from_tensor(slopes).into_dimensionality().expect("a gradient has its block's shape")
    };
    let drivers = drivers.unbind(1);
    let of_driver = |(place, driver): (usize, &Tensor)| {
        let is_last = place + 1 == drivers.len();
        let sum = driver.sum(tch::Kind::Float);
        let slopes = Tensor::run_backward(&[sum], &inputs.blocks, !is_last, false);
        slopes.iter().map(matrix).collect()
    };
    let slopes = drivers.iter().enumerate().map(of_driver).collect();
    Driven { values, slopes }
}

impl Background {
    pub(super) fn new(model: &Model, blocks: &[&Block]) -> Self {
        Self { matrices: model.reference.background(blocks) }
    }

    /// The background patients with the patient's own rows wherever the patient lacks a modality.
    pub(super) fn like(&self, patient: &[Block]) -> Vec<Block> {
        let mut blocks = repeated(patient, BACKGROUND);
        for (block, matrix) in blocks.iter_mut().zip(&self.matrices) {
            if block.present[0] {
                block.x.assign(matrix);
            }
        }
        blocks
    }
}

/// Expected gradients for each output of one patient.
pub(super) fn by_feature(
    targets: &Targets,
    scorers: &Scorers,
    background: &Background,
    patient: &[Block],
) -> Vec<FeatureGradients> {
    let start = background.like(patient);
    let backgrounds: Vec<Vec<f64>> = scorers
        .drivers(&start.iter().collect::<Vec<_>>())
        .iter()
        .map(|drivers| targets.of(drivers))
        .collect();
    let path = path_between(&start, patient);
    let driven = scorers.run(&path.iter().collect::<Vec<_>>(), true);
    let of_row: Vec<Array2<f64>> =
        driven.values.iter().map(|drivers| targets.slopes(drivers)).collect();
    let count = of_row.len() as f64;
    let of_output = |output: usize| {
        let mut features = vec![];
        for (place, (start, patient)) in start.iter().zip(patient).enumerate() {
            let mut sums = ndarray::Array1::<f32>::zeros(patient.x.ncols());
            for (row, target) in of_row.iter().enumerate().filter(|_| patient.present[0]) {
                let distance = &patient.x.row(0) - &start.x.row(row % BACKGROUND);
                for (driver, slopes) in driven.slopes.iter().enumerate() {
                    #[expect(clippy::cast_possible_truncation, reason = "attributions are float32")]
                    let weight = (target[[output, driver]] / count) as f32;
                    sums.scaled_add(weight, &(&distance * &slopes[place].row(row)));
                }
            }
            features.extend(sums);
        }
        let mean = backgrounds.iter().map(|outputs| outputs[output]).sum::<f64>();
        FeatureGradients { background: mean / backgrounds.len() as f64, features }
    };
    (0..backgrounds[0].len()).map(of_output).collect()
}

/// The points between each background patient and the patient.
fn path_between(start: &[Block], patient: &[Block]) -> Vec<Block> {
    let mut path = repeated(patient, BACKGROUND * POINTS);
    for (path, start) in path.iter_mut().zip(start) {
        for (row, start) in start.x.rows().into_iter().enumerate() {
            for (point, share) in shares(row).into_iter().enumerate() {
                let mut own = path.x.row_mut(point * BACKGROUND + row);
                // (1 - share) background + share patient.
                own *= share;
                own.scaled_add(1.0 - share, &start);
            }
        }
    }
    path
}
