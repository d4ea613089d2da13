use oncoweave_core::{Cohort, preprocess::Block};
use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom};

use super::{
    Explanation, ExplanationLayout,
    gradients::{Background, Scorer},
    one, repeated,
};
use crate::{Error, Model, reference::BACKGROUND};

/// With more attributions than this, of features and of groups, most features are put together.
const MOST_ATTRIBUTIONS: usize = 1000;

/// So many players at most then, unless there are more modalities.
const MOST_PLAYERS: usize = 200;

/// Expected gradients of groups of features beside Shapley values of the same groups by sampled
/// permutations (Strumbelj and Kononenko 2014), over some patients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossCheck {
    /// Patients looked at.
    pub patients: usize,
    /// Groups of features: correlated ones together, all others alone; beyond 1,000 attributions only
    /// those with the largest ones, and the rest of each modality together.
    pub groups: usize,
    /// Groups that are the rest of a modality.
    pub rests: usize,
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

/// The features of each player, and how many players, the last ones, are the rest of a modality.
pub(super) struct Players {
    pub(super) features: Vec<Vec<usize>>,
    pub(super) rests: usize,
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
    let widths: Vec<usize> = blocks.iter().map(|block| block.x.ncols()).collect();
    let Players { features: players, rests } =
        Players::new(&model.explanation_layout(), &widths, &explanations);
    let scorer = Scorer::new(&model.predictor);
    let (mut difference, mut error, mut size, mut count) = (0.0, 0.0, 0.0, 0.0);
    for (place, explanation) in explanations.iter().enumerate() {
        let patient = one(&blocks, place);
        let sampled = sample(&scorer, &background, &patient, &players, permutations);
        for (player, (mean, standard_error)) in players.iter().zip(sampled) {
            difference += (attribution(explanation, player) - mean).abs();
            error += standard_error;
            size += mean.abs();
            count += 1.0;
        }
    }
    Ok(CrossCheck {
        patients: rows.len(),
        groups: players.len(),
        rests,
        permutations,
        mean_difference: difference / f64::max(count, 1.0),
        mean_standard_error: error / f64::max(count, 1.0),
        mean_size: size / f64::max(count, 1.0),
    })
}

/// What some features together add to a patient's log-risk.
fn attribution(explanation: &Explanation, features: &[usize]) -> f64 {
    let all = &explanation.outputs[0].features;
    features.iter().map(|&feature| f64::from(all[feature])).sum()
}

impl Players {
    /// The features of each group, and each other feature alone. Of many only those whose
    /// attributions are the largest over the patients, and what is left of each modality, a block of
    /// the given width, as one.
    pub(super) fn new(
        layout: &ExplanationLayout,
        widths: &[usize],
        explanations: &[Explanation],
    ) -> Self {
        let mut is_grouped = vec![false; layout.features.len()];
        for &place in layout.groups.iter().flat_map(|(_, places)| places) {
            is_grouped[place] = true;
        }
        let alone = (0..is_grouped.len()).filter(|&place| !is_grouped[place]);
        let groups = layout.groups.iter().map(|(_, places)| places.clone());
        let features: Vec<Vec<usize>> = groups.chain(alone.map(|place| vec![place])).collect();
        if layout.features.len() + layout.groups.len() <= MOST_ATTRIBUTIONS
            || features.len() <= MOST_PLAYERS
        {
            return Self { features, rests: 0 };
        }
        let size = |features: &[usize]| -> f64 {
            explanations.iter().map(|one| attribution(one, features).abs()).sum()
        };
        let mut features: Vec<(f64, Vec<usize>)> =
            features.into_iter().map(|features| (size(&features), features)).collect();
        features.sort_by(|a, b| b.0.total_cmp(&a.0));
        let least = features.split_off(MOST_PLAYERS.saturating_sub(widths.len()));
        let mut least: Vec<usize> = least.into_iter().flat_map(|(_, features)| features).collect();
        least.sort_unstable();
        let mut end = 0;
        let of_modality = |width: &usize| {
            let start = end;
            end += width;
            let own = |place: &&usize| (start..end).contains(*place);
            least.iter().filter(own).copied().collect::<Vec<_>>()
        };
        let mut rests: Vec<Vec<usize>> = widths.iter().map(of_modality).collect();
        rests.retain(|rest| !rest.is_empty());
        let count = rests.len();
        let largest = features.into_iter().map(|(_, features)| features);
        Self { features: largest.chain(rests).collect(), rests: count }
    }
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
