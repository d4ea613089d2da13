use oncoweave_core::{Cohort, preprocess::Block};
use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom};

use super::{
    gradients::{Background, Scorer},
    one, repeated,
};
use crate::{Error, Model, reference::BACKGROUND};

/// Expected gradients of groups of features beside Shapley values of the same groups by sampled
/// permutations (Strumbelj and Kononenko 2014), over some patients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossCheck {
    /// Patients looked at.
    pub patients: usize,
    /// Groups of features: correlated ones together, all others alone.
    pub groups: usize,
    /// Permutations for each patient.
    pub permutations: usize,
    /// The mean distance between the two attributions to the log-risk.
    pub mean_difference: f64,
    /// The mean standard error of the sampled ones: the distance that chance alone would bring is
    /// of this size.
    pub mean_standard_error: f64,
    /// The mean size of the sampled attributions, to compare with.
    pub mean_size: f64,
}

/// Explains some patients a second way and says how far the two lie apart.
///
/// # Errors
/// As for [`Model::explain`].
///
/// # Panics
/// When a row does not exist.
pub fn cross_check(
    model: &Model,
    cohort: &Cohort,
    rows: &[usize],
    permutations: usize,
) -> Result<CrossCheck, Error> {
    let explanations = model.explain(cohort, rows)?;
    let design = model.design(cohort, rows)?;
    let blocks: Vec<&Block> = design.blocks.iter().collect();
    let background = Background::new(model, &blocks);
    let players = players(model);
    let scorer = Scorer::new(&model.predictor);
    let (mut difference, mut error, mut size, mut count) = (0.0, 0.0, 0.0, 0.0);
    for (place, explanation) in explanations.iter().enumerate() {
        let patient = one(&blocks, place);
        let sampled = sample(&scorer, &background, &patient, &players, permutations);
        let features = &explanation.outputs[0].features;
        for (player, (mean, standard_error)) in players.iter().zip(sampled) {
            let own: f64 = player.iter().map(|&feature| f64::from(features[feature])).sum();
            difference += (own - mean).abs();
            error += standard_error;
            size += mean.abs();
            count += 1.0;
        }
    }
    Ok(CrossCheck {
        patients: rows.len(),
        groups: players.len(),
        permutations,
        mean_difference: difference / f64::max(count, 1.0),
        mean_standard_error: error / f64::max(count, 1.0),
        mean_size: size / f64::max(count, 1.0),
    })
}

/// The features of each group, and each other feature alone.
fn players(model: &Model) -> Vec<Vec<usize>> {
    let layout = model.explanation_layout();
    let grouped: Vec<usize> =
        layout.groups.iter().flat_map(|(_, places)| places.iter().copied()).collect();
    let alone = (0..layout.features.len()).filter(|place| !grouped.contains(place));
    let alone: Vec<Vec<usize>> = alone.map(|place| vec![place]).collect();
    layout.groups.into_iter().map(|(_, places)| places).chain(alone).collect()
}

/// For each player the mean gain in log-risk over permutations, with its standard error.
pub(super) fn sample(
    scorer: &Scorer,
    background: &Background,
    patient: &[Block],
    players: &[Vec<usize>],
    permutations: usize,
) -> Vec<(f64, f64)> {
    let mut random = ChaCha12Rng::seed_from_u64(0);
    let start = background.like(patient);
    let mut order: Vec<usize> = (0..players.len()).collect();
    let (mut sums, mut squares) = (vec![0.0; players.len()], vec![0.0; players.len()]);
    for _ in 0..permutations {
        order.shuffle(&mut random);
        let row = random.random_range(0..BACKGROUND);
        let mut blocks = repeated(&one(&start.iter().collect::<Vec<_>>(), row), order.len() + 1);
        for (step, &player) in order.iter().enumerate() {
            for &feature in &players[player] {
                let (block, column) = place(patient, feature);
                let value = patient[block].x[[0, column]];
                blocks[block].x.slice_mut(ndarray::s![step + 1.., column]).fill(value);
            }
        }
        let risks = scorer.log_risks(&blocks.iter().collect::<Vec<_>>());
        for (step, &player) in order.iter().enumerate() {
            let gain = risks[step + 1] - risks[step];
            sums[player] += gain;
            squares[player] += gain * gain;
        }
    }
    let count = permutations as f64;
    let figures = |(sum, squares): (&f64, &f64)| {
        let mean = sum / count;
        let variance = (squares / count - mean * mean).max(0.0) / (count - 1.0).max(1.0);
        (mean, variance.sqrt())
    };
    sums.iter().zip(&squares).map(figures).collect()
}

/// The block and column of a feature.
fn place(patient: &[Block], feature: usize) -> (usize, usize) {
    let mut column = feature;
    for (index, block) in patient.iter().enumerate() {
        if column < block.x.ncols() {
            return (index, column);
        }
        column -= block.x.ncols();
    }
    unreachable!("a feature belongs to a block")
}
