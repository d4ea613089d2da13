use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

use super::*;

#[test]
fn with_few_events_the_members_on_all_modalities_share_the_weight() {
    let config = StackConfig::default();
    let modalities = ["first", "second"].map(str::to_owned);
    let patients = 60;
    // The first member alone would win any choice: it orders all events.
    let x = Array2::from_shape_fn((patients, 4), |(row, member)| match member {
        0 => -(row as f64) / 20.0,
        3 => 0.0,
        member => ((row * 7 + member) % 11) as f64 / 5.0 - 1.0,
    });
    let outcomes: Vec<Survival> = (0..patients)
        .map(|row| Survival::until(row as f64 + 1.0, row < FEWEST_EVENTS - 1))
        .collect();
    let folds: Vec<u32> = (0..5).cycle().take(patients).collect();
    let problem = Problem {
        config: &config,
        x,
        outcomes: &outcomes,
        folds: &folds,
        modalities: &modalities,
        reads: [&modalities[..1], &modalities, &modalities, &modalities]
            .map(<[String]>::to_vec)
            .into(),
        c_index: vec![None; 4],
    };
    let (chosen, kept) = problem.worthy().unwrap();
    assert_eq!((chosen.few_events, kept.len()), (Some(FEWEST_EVENTS - 1), 4));
    let weights = &chosen.weights;
    assert!(weights[1] > 0.0 && (weights[1] - weights[2]).abs() < 1e-12, "{weights:?}");
    assert!(weights[0] <= 0.0 && weights[3] <= 0.0, "{weights:?}");
    // Without the second modality the first member is all there is.
    let without = problem.choose(&problem.not_reading(&modalities[1], &kept)).unwrap();
    assert!(without.weights[0] > 0.0);
}

/// What comes of many draws of two modalities that say something and one of noise.
struct Draws {
    /// The share of them in which no member with a weight reads the noise.
    without_noise: f64,
    /// The share in which a member with a weight reads the second modality.
    with_second: f64,
    /// The mean share of the weight on the member that reads the noise alone.
    noise_share: f64,
    /// The mean C out of fold less that of the best member.
    gain: f64,
}

fn draw_with(config: &StackConfig) -> Draws {
    const DRAWS: u32 = 60;
    let modalities = ["first", "second", "noise"].map(str::to_owned);
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut draws = Draws { without_noise: 0.0, with_second: 0.0, noise_share: 0.0, gain: 0.0 };
    for _ in 0..DRAWS {
        let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        let patients = 200;
        let columns: Vec<[f64; 3]> =
            (0..patients).map(|_| [normal(), normal(), normal()]).collect();
        // The fourth member reads everything and is spoilt by the noise.
        let x = Array2::from_shape_fn((patients, 4), |(row, member)| match member {
            3 => (columns[row][0] + columns[row][1] + columns[row][2]) / 3_f64.sqrt(),
            member => columns[row][member],
        });
        let outcome = |columns: &[f64; 3]| {
            let hazard = f64::exp(0.7 * columns[0] + 0.5 * columns[1]) / 500.0;
            let time_days = -random.random::<f64>().ln() / hazard;
            Survival::until(time_days.min(800.0), time_days < 800.0)
        };
        let outcomes: Vec<Survival> = columns.iter().map(outcome).collect();
        let folds: Vec<u32> = (0..5).cycle().take(patients).collect();
        let mut problem = Problem {
            config,
            x,
            outcomes: &outcomes,
            folds: &folds,
            modalities: &modalities,
            reads: [&modalities[..1], &modalities[1..2], &modalities[2..], &modalities]
                .map(<[String]>::to_vec)
                .into(),
            c_index: vec![],
        };
        let c_index = |member| problem.c_of(&problem.x.column(member).to_vec());
        problem.c_index = (0..4).map(c_index).collect();
        let (chosen, _) = problem.worthy().unwrap();
        let weights = &chosen.weights;
        let share = 1.0 / f64::from(DRAWS);
        let has_weight = |members: [usize; 2]| members.iter().any(|&one| weights[one] > 0.0);
        draws.without_noise += if has_weight([2, 3]) { 0.0 } else { share };
        draws.with_second += if has_weight([1, 3]) { share } else { 0.0 };
        draws.noise_share += weights[2] / weights.iter().sum::<f64>() * share;
        let best = problem.c_index.iter().flatten().fold(0.0, |most: f64, one| most.max(*one));
        draws.gain += (chosen.c_index.unwrap() - best) * share;
    }
    draws
}

#[test]
fn noise_has_hardly_any_weight_and_what_says_something_stays() {
    let draws = draw_with(&StackConfig::default());
    assert!(draws.with_second >= 0.95, "{}", draws.with_second);
    assert!(draws.noise_share < 0.02, "{}", draws.noise_share);
    assert!(draws.gain > 0.005, "{}", draws.gain);
}

/// The less harm must be shown, the more often a modality of noise has no weight at all, not
/// even through a model that reads everything.
#[test]
fn who_asks_for_proof_of_worth_leaves_noise_out() {
    let without_noise = [1.5, 0.0, -1.0]
        .map(|harm| draw_with(&StackConfig { harm, ..StackConfig::default() }))
        .map(|draws| draws.without_noise);
    let [default, none, proof] = without_noise;
    assert!(default < none && none < proof, "{without_noise:?}");
    assert!(none > 0.7 && proof > 0.9, "{without_noise:?}");
}
