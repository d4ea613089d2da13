//! Elastic-net Cox, its penalty chosen and its models cross-fitted as those of ridge Cox are.

use super::{CrossFitted, best_of, no_fit};
use crate::cox::{CoxModel, check_blocks};
use crate::matrix::Values;
use crate::split::folds_of_outcomes;
use crate::{Risk, Survival, Undefined};

mod walks;

use walks::{Net, Walk};

/// Fits elastic-net Cox to blocks side by side, (patients, columns) each, and says what it says of
/// the patients of each fold when everything, the penalty too, was chosen without that fold.
/// Columns are used as they are: they should be standardized.
///
/// The coefficients b minimize -l(b) + λ Σ (α |bⱼ| + (1 - α)/2 bⱼ²), where l is the log partial
/// likelihood with Efron's ties, summed over events, and α the `l1_ratio`.
///
/// Penalties are tried in units of √(d v) / α, the standard error of a slope where no column says
/// anything, with d the events among the patients that are fitted to and v the mean variance of the
/// columns: from √n down to a quarter, where n is the number of patients, 36 to a tenth. No slope
/// is much steeper than √n. The one with the largest cross-validated log partial likelihood is
/// taken, as by [`crate::cox::fit_ridge_cv`]; of two equal ones the larger, so that coefficients
/// are all 0 where no column foretells anything.
///
/// # Errors
/// When there is no block, no column or no event, a value is not finite, the `l1_ratio` is not
/// within 0 and 1, there are fewer than three folds, or no penalty gives a fit.
///
/// # Panics
/// When there is not one row for each outcome and fold.
pub fn cross_fit_elastic_net(
    blocks: &[Values],
    outcomes: &[Survival],
    fold_of: &[u32],
    l1_ratio: f64,
) -> Result<CrossFitted, Undefined> {
    let net = Net::new(blocks, outcomes, fold_of, l1_ratio)?;
    if net.folds < 3 {
        let patients = outcomes.len();
        return Err(Undefined::InvalidFolds { folds: net.folds as usize, patients });
    }
    let pairs: Vec<(u32, u32)> = (0..net.folds).flat_map(|b| (0..b).map(move |a| (a, b))).collect();
    let inside = |place: usize| {
        let (a, b) = pairs[place];
        let judges = [a, b].map(|fold| net.judge(&net.without(fold)));
        net.walk(&net.rows(|fold| fold != a && fold != b), judges.into(), None)
    };
    let walks = net.walks(pairs.len(), inside);
    let best_without = |fold: u32| {
        let of_pair = |(&(a, b), walk): (&(u32, u32), &Walk)| {
            let judge = [a, b].iter().position(|&own| own == fold)?;
            Some(walk.worths[judge].clone())
        };
        best_of(pairs.iter().zip(&walks).filter_map(of_pair))
    };
    let chosen: Vec<usize> = (0..net.folds).map(best_without).collect::<Result<_, _>>()?;
    let alone = net.without_each_fold(&chosen.iter().copied().map(Some).collect::<Vec<_>>());
    let mut out_of_fold = vec![Risk(0.0); outcomes.len()];
    let mut fold_penalties = vec![];
    for ((fold, walk), &best) in (0..).zip(&alone).zip(&chosen) {
        let log_risks = walk.log_risks.as_ref().ok_or_else(no_fit)?;
        for row in net.rows(|own| own == fold) {
            out_of_fold[row] = Risk(log_risks[row]);
        }
        fold_penalties.push(vec![net.penalty(best, &net.without(fold)); blocks.len()]);
    }
    let model = net.finish(&alone)?;
    Ok(CrossFitted {
        coefficients: model.coefficients,
        penalties: vec![model.penalty; blocks.len()],
        log_likelihood: model.log_likelihood,
        out_of_fold,
        fold_penalties,
    })
}

/// Fits the same model, its penalty chosen over folds of these patients: those of
/// [`crate::split::stratified_folds`] by `seed`. The blocks' columns stand one after the other.
///
/// # Errors
/// As [`cross_fit_elastic_net`], where two folds are enough, and when there are fewer events than
/// folds.
///
/// # Panics
/// When a block does not have as many rows as outcomes.
pub fn fit_elastic_net_cv(
    blocks: &[Values],
    outcomes: &[Survival],
    folds: usize,
    seed: u64,
    l1_ratio: f64,
) -> Result<CoxModel, Undefined> {
    check_blocks(blocks, outcomes, 0.0)?;
    let fold_of = folds_of_outcomes(outcomes, folds, seed)?;
    let net = Net::new(blocks, outcomes, &fold_of, l1_ratio)?;
    net.finish(&net.without_each_fold(&vec![None; net.folds as usize]))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, Axis, concatenate, s};
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

    use super::walks::STEPS_PER_TENFOLD;
    use super::*;
    use crate::cox::partial_log_likelihood;
    use crate::elastic_net::{ElasticNet, Penalties, fit_path};
    use crate::partial_likelihood::Ties;

    /// Four columns that matter and many that do not, with tied days.
    fn example(patients: usize, columns: usize, effect: f64) -> (Array2<f64>, Vec<Survival>) {
        let mut random = ChaCha8Rng::seed_from_u64(8);
        let mut draw = || random.random_range(-1.7..1.7);
        let x = Array2::from_shape_simple_fn((patients, columns), &mut draw);
        let outcome = |row: usize| {
            let log_hazard = effect * (x[[row, 0]] - x[[row, 1]] + x[[row, 2]] - x[[row, 3]]);
            let time = -draw().mul_add(0.29, 0.5).ln() * 900.0 / log_hazard.exp();
            Survival::until((time / 30.0).ceil() * 30.0 + 1.0, draw() < 0.6)
        };
        let outcomes = (0..patients).map(outcome).collect();
        (x, outcomes)
    }

    fn folds(patients: usize) -> Vec<u32> {
        (0..4).cycle().take(patients).collect()
    }

    #[test]
    fn few_columns_that_matter_are_found_among_many() {
        let (x, outcomes) = example(250, 600, 0.9);
        let found = cross_fit_elastic_net(&[(&*x).into()], &outcomes, &folds(250), 0.9)
            .unwrap()
            .coefficients;
        for (column, sign) in [(0, 1.0), (1, -1.0), (2, 1.0), (3, -1.0)] {
            assert!(found[column] * sign > 0.15, "{:?}", &found[..4]);
        }
        let noise = &found[4..];
        assert!(noise.iter().all(|b| b.abs() < 0.1));
        assert!(noise.iter().filter(|b| **b != 0.0).count() < 60);
    }

    #[test]
    fn where_nothing_foretells_hardly_a_column_has_a_coefficient() {
        let (x, outcomes) = example(250, 600, 0.0);
        let model = fit_elastic_net_cv(&[(&*x).into()], &outcomes, 5, 3, 1.0).unwrap();
        assert!(model.coefficients.iter().filter(|b| **b != 0.0).count() < 6);
    }

    #[test]
    fn slopes_are_what_the_penalty_allows() {
        for (columns, l1_ratio) in [(8, 0.9), (300, 0.9), (300, 1.0), (8, 0.2)] {
            let (x, outcomes) = example(120, columns, 0.5);
            let model = fit_elastic_net_cv(&[(&*x).into()], &outcomes, 5, 1, l1_ratio).unwrap();
            let at = partial_log_likelihood(&outcomes, &model.log_risks(&x), Ties::Efron);
            assert!((at.value - model.log_likelihood).abs() < 1e-9);
            let (l1, l2) = (model.penalty * l1_ratio, model.penalty * (1.0 - l1_ratio));
            for (slope, &b) in x.t().dot(&Array1::from(at.gradient)).iter().zip(&model.coefficients)
            {
                let apart = if b == 0.0 {
                    (slope.abs() - l1).max(0.0)
                } else {
                    (slope - l1 * b.signum() - l2 * b).abs()
                };
                assert!(apart < 1e-5, "{columns} {l1_ratio}: {apart}");
            }
        }
    }

    #[test]
    fn the_chosen_penalty_has_the_largest_cross_validated_likelihood() {
        let (x, outcomes) = example(120, 20, 0.3);
        let model = fit_elastic_net_cv(&[(&*x).into()], &outcomes, 5, 2, 0.8).unwrap();
        let fold_of = folds_of_outcomes(&outcomes, 5, 2).unwrap();
        let events =
            |outcomes: &[Survival]| outcomes.iter().filter(|outcome| outcome.event).count() as f64;
        // Anew, by the definition.
        let criterion = |factor: f64| -> f64 {
            (0..5)
                .map(|fold| {
                    let inside: Vec<usize> = (0..120).filter(|&row| fold_of[row] != fold).collect();
                    let own: Vec<Survival> = inside.iter().map(|&row| outcomes[row]).collect();
                    let part = x.select(Axis(0), &inside);
                    let penalty =
                        model.penalty * factor * (events(&own) / events(&outcomes)).sqrt();
                    let penalties = Penalties::Given(vec![penalty / own.len() as f64]);
                    let net = ElasticNet { l1_ratio: 0.8, penalties, ..ElasticNet::default() };
                    let model = fit_path(&part, &own, &net).unwrap().remove(0);
                    partial_log_likelihood(&outcomes, &model.log_risks(&x), Ties::Efron).value
                        - model.log_likelihood
                })
                .sum()
        };
        let best = criterion(1.0);
        for steps in [-9.0, -4.0, -1.0, 1.0, 4.0, 9.0] {
            assert!(criterion(10_f64.powf(steps / STEPS_PER_TENFOLD)) <= best + 1e-4, "{steps}");
        }
    }

    #[test]
    fn out_of_fold_risks_do_not_know_the_fold() {
        let (x, mut outcomes) = example(120, 150, 0.5);
        let folds = folds(120);
        let run = |outcomes: &[Survival]| {
            let found = cross_fit_elastic_net(&[(&*x).into()], outcomes, &folds, 0.9).unwrap();
            let own = (0..120).filter(|&row| folds[row] == 2).map(|row| found.out_of_fold[row]);
            (own.collect::<Vec<_>>(), found.fold_penalties[2].clone(), found.coefficients)
        };
        let before = run(&outcomes);
        for row in (0..120).filter(|&row| folds[row] == 2) {
            let Survival { time_days, event, .. } = outcomes[row];
            outcomes[row] = Survival::until(7000.0 - time_days, !event);
        }
        let after = run(&outcomes);
        assert_eq!((after.0, after.1), (before.0, before.1));
        assert_ne!(after.2, before.2);
    }

    #[test]
    fn blocks_are_side_by_side_and_runs_are_the_same() {
        let (x, outcomes) = example(90, 40, 0.5);
        let (few, many) = (x.slice(s![.., ..5]).to_owned(), x.slice(s![.., 5..]).to_owned());
        let folds = folds(90);
        let fit =
            |blocks: &[Values]| cross_fit_elastic_net(blocks, &outcomes, &folds, 0.9).unwrap();
        let both = fit(&[(&*few).into(), (&*many).into()]);
        let whole = fit(&[(&*x).into()]);
        assert_eq!(both.penalties, [whole.penalties[0]; 2]);
        assert_eq!((both.coefficients, both.out_of_fold), (whole.coefficients, whole.out_of_fold));
        #[expect(clippy::cast_possible_truncation, reason = "columns are narrow")]
        let narrow = concatenate![Axis(1), few, many].mapv(|value| value as f32);
        let narrow = fit(&[(&*narrow).into()]);
        assert!((narrow.penalties[0] / whole.penalties[0] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn constant_and_repeated_columns_do_no_harm() {
        let (mut x, outcomes) = example(100, 6, 0.5);
        x.column_mut(4).fill(2.0);
        let first = x.column(0).to_owned();
        x.column_mut(5).assign(&first);
        let found = cross_fit_elastic_net(&[(&*x).into()], &outcomes, &folds(100), 0.9).unwrap();
        assert!(found.coefficients[4] == 0.0);
        // The ridge part shares what repeated columns say.
        assert!((found.coefficients[0] - found.coefficients[5]).abs() < 1e-4);
        assert!(found.coefficients[0] > 0.05);
    }

    #[test]
    fn says_why_there_is_no_fit() {
        let (x, outcomes) = example(40, 4, 0.5);
        let fit = |x: &Array2<f64>, folds: &[u32], l1_ratio| {
            cross_fit_elastic_net(&[(&**x).into()], &outcomes, folds, l1_ratio).unwrap_err()
        };
        let two: Vec<u32> = (0..2).cycle().take(40).collect();
        assert_eq!(fit(&x, &two, 0.9), Undefined::InvalidFolds { folds: 2, patients: 40 });
        let share = Undefined::InvalidShare { what: "the l1 ratio", value: 1.2 };
        assert_eq!(fit(&x, &folds(40), 1.2), share);
        assert_eq!(fit(&Array2::zeros((40, 0)), &folds(40), 0.9), Undefined::NoColumn);
        let mut broken = x.clone();
        broken[[7, 1]] = f64::NAN;
        assert!(matches!(fit(&broken, &folds(40), 0.9), Undefined::NotFinite { row: 7, .. }));
        let none: [Values; 0] = [];
        let found = cross_fit_elastic_net(&none, &outcomes, &folds(40), 0.9);
        assert_eq!(found.unwrap_err(), Undefined::NoColumn);
    }
}
