//! What an evaluation holds beside C: each figure is that of the core over the same predictions.

use oncoweave_core::{
    Cohort, Estimate, Evaluation, Prediction, ReclassificationKind, Risk, Survival,
    SurvivalProbability, brier::brier_at, concordance_interval::harrell_c_interval,
    decision::net_reclassification, roc::auc,
};

use super::{dataset, quick_config, small};
use crate::{FUSION, Folds, ModelKind, TrainConfig, cross_validate};

fn judged(cohort: &Cohort, config: &TrainConfig) -> (Evaluation, Vec<Prediction>, Folds) {
    let folds = Folds::stratified(cohort, 3, 1).unwrap();
    let (evaluation, predictions) =
        cross_validate(&dataset(cohort), config, &folds, &|_| {}).unwrap();
    (evaluation, predictions, folds)
}

#[track_caller]
fn holds(estimate: Estimate) {
    let Estimate { value, low, high } = estimate;
    assert!(low <= value && value <= high && low < high, "{estimate:?}");
}

fn own<'a>(predictions: &'a [Prediction], model: &str) -> Vec<&'a Prediction> {
    predictions.iter().filter(|prediction| prediction.model == model).collect()
}

#[test]
fn every_model_has_its_figures_with_intervals() {
    let cohort = small().cohort;
    let (evaluation, predictions, folds) = judged(&cohort, &quick_config());
    for model in &evaluation.models {
        assert_eq!(model.brier.len(), evaluation.horizons_days.len(), "{}", model.name);
        holds(model.ibs_interval.unwrap().around(model.ibs.unwrap()));
        holds(model.c_index_antolini_interval.unwrap().around(model.c_index_antolini.unwrap()));
        let ratio = model.hazard_ratio_per_sd.unwrap();
        holds(ratio.ratio);
        let width = (ratio.ratio.high / ratio.ratio.low).ln();
        assert!((width / ratio.standard_error - 2.0 * 1.959_963_984_540_054).abs() < 1e-9);
        for (place, at) in model.brier.iter().enumerate() {
            holds(at.brier);
            // Censoring is learned from the patients outside the fold.
            let score = |fold: u32| {
                let outside = |row: &usize| folds.of[*row] != Some(fold);
                let train: Vec<Survival> = (0..cohort.len())
                    .filter(outside)
                    .map(|row| cohort.survival[row].unwrap())
                    .collect();
                let held: Vec<&Prediction> = own(&predictions, &model.name)
                    .into_iter()
                    .filter(|one| one.fold == Some(fold))
                    .collect();
                let outcomes: Vec<Survival> =
                    held.iter().map(|one| one.observed.unwrap()).collect();
                let survival: Vec<SurvivalProbability> =
                    held.iter().map(|one| SurvivalProbability(one.survival[place])).collect();
                brier_at(&train, &outcomes, &survival, at.time_days).unwrap()
            };
            let mean = (0..3).map(score).sum::<f64>() / 3.0;
            assert!((at.brier.value - mean).abs() < 1e-12, "{} {mean}", at.brier.value);
        }
    }
    let fusion = &evaluation.models[0];
    for (comparison, other) in evaluation.comparisons.iter().zip(&evaluation.models[1..]) {
        assert_eq!(comparison.auc.len(), fusion.auc.len());
        for ((at, a), b) in comparison.auc.iter().zip(&fusion.auc).zip(&other.auc) {
            assert!((at.difference.value - (a.auc.value - b.auc.value)).abs() < 1e-12);
            assert!((0.0..=1.0).contains(&at.p));
        }
        assert_eq!(comparison.class_auc.is_empty(), other.subtype.is_none(), "{}", other.name);
    }
    let calibration = evaluation.calibration.as_ref().unwrap();
    for at in &calibration.at {
        holds(at.slope.unwrap());
        holds(at.intercept.unwrap());
        let ratio = at.observed_over_expected.unwrap();
        holds(at.observed_over_expected_interval.unwrap().around(ratio));
    }
}

/// One column orders all deaths, so that nothing varies within any fold.
#[test]
fn a_perfect_order_has_an_interval_all_the_same() {
    let mut cohort = small().cohort;
    cohort.columns.retain(|column| column.name() == "clinical.lab");
    for (row, value) in cohort.columns[0].values.iter().enumerate() {
        let days = 1000.0 - 100.0 * f64::from(value.unwrap());
        cohort.survival[row] = Some(Survival::until(days, true));
    }
    let config = TrainConfig {
        model: ModelKind::RidgeCox,
        horizons_days: Some(vec![900.0, 1000.0]),
        ..quick_config()
    };
    let (evaluation, predictions, _) = judged(&cohort, &config);
    let main = &evaluation.models[0];
    let apart = |fold: u32| {
        let held = own(&predictions, &main.name).into_iter();
        let (outcomes, risks): (Vec<Survival>, Vec<Risk>) = held
            .filter(|one| one.fold == Some(fold))
            .map(|one| (one.observed.unwrap(), one.risk))
            .unzip();
        1.0 - harrell_c_interval(&outcomes, &risks).unwrap().low
    };
    let least = (0..3).map(|fold| 1.0 - apart(fold)).fold(1.0, f64::min);
    let expected = least.powf(1.0 / 3.0);
    let found = main.c_index.unwrap();
    assert!((found.value - 1.0).abs() < 1e-12 && (found.low - expected).abs() < 1e-9, "{found:?}");
    assert!(found.high <= 1.0 && found.low < 0.95, "{found:?}");
    for found in main.auc.iter().map(|at| at.auc).chain(main.c_index_uno) {
        assert!((found.value - 1.0).abs() < 1e-12 && found.low < 0.95, "{found:?}");
    }
}

#[test]
fn risk_groups_and_classes_add_up() {
    let cohort = small().cohort;
    let (evaluation, predictions, _) = judged(&cohort, &quick_config());
    let groups = evaluation.risk_groups.as_ref().unwrap();
    let thirds = &groups.thirds;
    assert_eq!(thirds.iter().map(|third| third.patients).sum::<usize>(), evaluation.patients);
    assert_eq!(thirds.iter().map(|third| third.events).sum::<usize>(), evaluation.events);
    // The simulated hazards differ enough.
    assert!(groups.trend.unwrap().p < 0.05 && groups.log_rank.unwrap().p < 0.05);
    let means = groups.restricted_means.unwrap();
    let apart = means.low.days.value - means.high.days.value;
    assert!((means.difference.value - apart).abs() < 1e-9 && apart > 0.0);
    assert_eq!(means.low.patients + means.high.patients, evaluation.patients);
    let subtype = evaluation.models[0].subtype.as_ref().unwrap();
    for estimate in [subtype.auc_macro, subtype.auc_weighted, subtype.f1_macro] {
        holds(estimate.unwrap());
    }
    let labelled = own(&predictions, FUSION).iter().filter(|one| one.label.is_some()).count();
    let right: f64 =
        subtype.by_class.iter().map(|one| one.recall.unwrap() * one.patients as f64).sum();
    assert!((right / labelled as f64 - subtype.accuracy.value).abs() < 1e-12);
}

#[test]
fn reclassification_is_against_the_best_single_modality_and_ridge() {
    let cohort = small().cohort;
    let (evaluation, predictions, _) = judged(&cohort, &quick_config());
    let best = evaluation.models[1..]
        .iter()
        .filter(|model| model.modalities.len() == 1)
        .max_by(|a, b| a.c_index.unwrap().value.total_cmp(&b.c_index.unwrap().value))
        .unwrap();
    let olds: Vec<&str> = evaluation.reclassification.iter().map(|one| one.old.as_str()).collect();
    assert_eq!(olds, [&best.name, &best.name, "ridge Cox", "ridge Cox"]);
    for one in &evaluation.reclassification {
        assert_eq!(one.new, FUSION);
        let horizons = &evaluation.horizons_days;
        let place =
            horizons.iter().position(|days| days.total_cmp(&one.time_days).is_eq()).unwrap();
        let (new, old) = (own(&predictions, FUSION), own(&predictions, &one.old));
        let outcomes: Vec<Survival> = new.iter().map(|one| one.observed.unwrap()).collect();
        let [old, new] = [old, new].map(|model| -> Vec<SurvivalProbability> {
            model.iter().map(|one| SurvivalProbability(one.survival[place])).collect()
        });
        let cutoffs = match one.kind {
            ReclassificationKind::Continuous => vec![],
            ReclassificationKind::EventRate { cutoff } => vec![cutoff],
        };
        let found = net_reclassification(&outcomes, [&old, &new], one.time_days, &cutoffs).unwrap();
        assert!((found.events - one.events.value).abs() < 1e-9);
        assert!((found.non_events - one.non_events.value).abs() < 1e-9);
        assert!((found.improvement() - one.improvement.value).abs() < 1e-9);
        assert!(one.improvement.low <= one.improvement.high);
    }
}

#[test]
fn where_nobody_is_censored_before_the_horizon_the_auc_is_delongs() {
    let mut cohort = small().cohort;
    let horizon = 400.0;
    for survival in cohort.survival.iter_mut().flatten().filter(|one| !one.event) {
        survival.time_days += horizon;
    }
    let config = TrainConfig {
        model: ModelKind::RidgeCox,
        horizons_days: Some(vec![horizon]),
        ..quick_config()
    };
    let (evaluation, predictions, _) = judged(&cohort, &config);
    let main = &evaluation.models[0];
    let area = |fold: u32| {
        let held = own(&predictions, &main.name).into_iter();
        let (died, risks): (Vec<bool>, Vec<f64>) = held
            .filter(|one| one.fold == Some(fold))
            .map(|one| (one.observed.unwrap().time_days <= horizon, one.risk.0))
            .unzip();
        auc(&died, &risks).unwrap()
    };
    let mean = (0..3).map(area).sum::<f64>() / 3.0;
    let found = main.auc[0].auc;
    assert!((found.value - mean).abs() < 1e-12);
    assert!((found.high - found.value - (found.value - found.low)).abs() < 1e-12, "{found:?}");
}
