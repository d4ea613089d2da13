use ndarray::{Axis, concatenate, s};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

use super::*;
use crate::cox::{fit_ridge, fit_ridge_cv};
use crate::split::{Stratum, stratified_folds};

/// Three columns that matter and 120 that do not, of 90 patients in five folds.
fn example() -> (Array2<f32>, Array2<f32>, Vec<Survival>, Vec<u32>) {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut draw = || random.random::<f32>() * 2.0 - 1.0;
    let few = Array2::from_shape_simple_fn((90, 3), &mut draw);
    let many = Array2::from_shape_simple_fn((90, 120), &mut draw);
    let outcome = |row: usize| {
        Survival::until(f64::from(100.0 * (draw() - few.row(row).sum()).exp()).ceil(), draw() < 0.3)
    };
    let outcomes: Vec<Survival> = (0..90).map(outcome).collect();
    let stratum = |&survival| Stratum { survival: Some(survival), label: None };
    let strata: Vec<Stratum> = outcomes.iter().map(stratum).collect();
    let folds = stratified_folds(&strata, 5, 11).unwrap();
    (few, many, outcomes, folds)
}

#[test]
fn blocks_with_one_penalty_are_one_block_of_all_columns() {
    let (few, many, outcomes, folds) = example();
    let mut blocks =
        RidgeBlocks::new(&[(&*few).into(), (&*many).into()], &outcomes, &folds).unwrap();
    for (which, x) in [(vec![0], few.clone()), (vec![0, 1], concatenate![Axis(1), few, many])] {
        let found = blocks.fit(&which).unwrap();
        let expected = fit_ridge_cv(&[(&*x.mapv(f64::from)).into()], &outcomes, 5, 11).unwrap();
        assert!((found.penalties[0] / expected.penalty - 1.0).abs() < 1e-9);
        for (a, b) in found.coefficients.iter().zip(&expected.coefficients) {
            assert!((a - b).abs() < 1e-8, "{a} {b}");
        }
    }
}

#[test]
fn out_of_fold_risks_are_those_of_a_fit_that_never_saw_the_fold() {
    let (few, many, mut outcomes, folds) = example();
    let run = |outcomes: &[Survival]| {
        let mut blocks =
            RidgeBlocks::new(&[(&*few).into(), (&*many).into()], outcomes, &folds).unwrap();
        let alone = [blocks.fit(&[0]).unwrap(), blocks.fit(&[1]).unwrap()];
        let both = blocks.fit(&[0, 1]).unwrap();
        let by_block = blocks.fit_by_block(&[0, 1], &alone.each_ref()).unwrap();
        let inside: Vec<usize> = (0..90).filter(|&row| folds[row] != 2).collect();
        let own: Vec<Survival> = inside.iter().map(|&row| outcomes[row]).collect();
        let x = few.mapv(f64::from);
        let refit =
            fit_ridge(&x.select(Axis(0), &inside), &own, alone[0].fold_penalties[2][0]).unwrap();
        let risks = refit.log_risks(&x);
        for row in (0..90).filter(|&row| folds[row] == 2) {
            // Columns are centered over all patients here, which moves all risks alike.
            let shift = alone[0].out_of_fold[row].0 - risks[row].0;
            let first = (0..90).find(|&row| folds[row] == 2).unwrap();
            let shift_of_first = alone[0].out_of_fold[first].0 - risks[first].0;
            assert!((shift - shift_of_first).abs() < 1e-5);
        }
        [both.out_of_fold, by_block.out_of_fold].map(|risks| {
            (0..90).filter(|&row| folds[row] == 2).map(|row| risks[row]).collect::<Vec<_>>()
        })
    };
    let before = run(&outcomes);
    // As many events as before: their number alone sets where the grid of penalties begins.
    let held_out: Vec<usize> = (0..90).filter(|&row| folds[row] == 2).collect();
    let mut others: Vec<Survival> = held_out.iter().map(|&row| outcomes[row]).collect();
    others.rotate_left(7);
    for (&row, other) in held_out.iter().zip(others) {
        outcomes[row] = Survival { time_days: other.time_days * 3.0, ..other };
    }
    assert_eq!(run(&outcomes), before);
}

#[test]
fn a_block_of_noise_is_penalized_more_and_columns_that_matter_are_kept() {
    let (few, many, outcomes, folds) = example();
    let mut blocks =
        RidgeBlocks::new(&[(&*few).into(), (&*many).into()], &outcomes, &folds).unwrap();
    let alone = [blocks.fit(&[0]).unwrap(), blocks.fit(&[1]).unwrap()];
    let both = blocks.fit(&[0, 1]).unwrap();
    let by_block = blocks.fit_by_block(&[0, 1], &alone.each_ref()).unwrap();
    assert!(by_block.penalties[1] > 10.0 * by_block.penalties[0]);
    let size = |model: &CrossFitted| {
        let first = ndarray::Array1::from_vec(model.coefficients[..3].to_vec());
        first.dot(&first)
    };
    assert!(size(&by_block) > 2.0 * size(&both));
    // The penalties are what the coefficients were fitted with.
    let mut x = concatenate![Axis(1), few, many].mapv(f64::from);
    let scale = (by_block.penalties[0] / by_block.penalties[1]).sqrt();
    x.slice_mut(s![.., 3..]).mapv_inplace(|value| value * scale);
    let refit = fit_ridge(&x, &outcomes, by_block.penalties[0]).unwrap().coefficients;
    for (a, b) in by_block.coefficients[..3].iter().zip(&refit[..3]) {
        assert!((a - b).abs() < 1e-8);
    }
    for (a, b) in by_block.coefficients[3..].iter().zip(&refit[3..]) {
        assert!((a - b * scale).abs() < 1e-8);
    }
}

#[test]
fn fits_in_few_directions_are_those_in_all() {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let mut draw = || random.random::<f64>() * 2.0 - 1.0;
    let shared = Array2::from_shape_simple_fn((700, 8), &mut draw);
    let mut x = Array2::from_shape_simple_fn((700, 400), &mut draw);
    // Some columns are alike, as those of real tables.
    for (place, mut column) in x.columns_mut().into_iter().enumerate().take(200) {
        column.scaled_add(3.0, &shared.column(place % 8));
    }
    let outcomes: Vec<Survival> = (0..700)
        .map(|row| {
            Survival::until(
                (100.0 * (draw() - x[[row, 0]] / 3.0 - x[[row, 300]]).exp()).ceil(),
                draw() < 0.0,
            )
        })
        .collect();
    let folds: Vec<u32> = (0..700).map(|row| row % 4).collect();
    let (a, b) = (x.slice(s![.., ..200]), x.slice(s![.., 200..]));
    let run = |most_numbers: usize| {
        let mut blocks =
            RidgeBlocks::new(&[Values::Wide(a), Values::Wide(b)], &outcomes, &folds).unwrap();
        blocks.most_numbers = most_numbers;
        let both = blocks.fit(&[0, 1]).unwrap();
        let alone = [blocks.fit(&[0]).unwrap(), blocks.fit(&[1]).unwrap()];
        let by_block = blocks.fit_by_block(&[0, 1], &alone.each_ref()).unwrap();
        (blocks.subspaces[0].size(), [both, by_block])
    };
    let (none, in_all) = run(usize::MAX);
    let (some, in_few) = run(0);
    assert!(none == 0 && some > 0, "{some}");
    for (all, few) in in_all.iter().zip(&in_few) {
        assert_eq!(all.fold_penalties, few.fold_penalties);
        assert_eq!(all.penalties, few.penalties);
        assert!((all.log_likelihood - few.log_likelihood).abs() < 1e-5);
        for (a, b) in all.coefficients.iter().zip(&few.coefficients) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
        let off = all.out_of_fold.iter().zip(&few.out_of_fold).map(|(a, b)| (a.0 - b.0).abs());
        assert!(off.fold(0.0, f64::max) < 1e-2);
    }
}

#[test]
fn two_folds_are_too_few() {
    let (few, _, outcomes, _) = example();
    let folds: Vec<u32> = (0..90).map(|row| row % 2).collect();
    let error = RidgeBlocks::new(&[(&*few).into()], &outcomes, &folds).unwrap_err();
    assert_eq!(error, Undefined::InvalidFolds { folds: 2, patients: 90 });
}
