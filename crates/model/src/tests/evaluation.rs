//! What an evaluation compares, counts and says.

use oncoweave_core::{Column, ModelResult};

use super::{all_rows, dataset, network_config, quick_config, small, train_on};
use crate::{
    Dataset, FUSION, Folds, TrainConfig, cross_validate, evaluate,
    testing::{Shape, simulate},
};

#[test]
fn every_fusion_result_has_its_baselines_beside_it() {
    let simulated = small();
    let folds = Folds::from_column(&simulated.cohort).unwrap();
    let data = dataset(&simulated.cohort);
    let (evaluation, predictions) =
        cross_validate(&data, &quick_config(), &folds, &|_| {}).unwrap();
    let names: Vec<&str> = evaluation.models.iter().map(|model| model.name.as_str()).collect();
    let expected = [
        "fusion",
        "network",
        "network, genomics alone",
        "network, imaging alone",
        "network, clinical alone",
        "ridge Cox",
        "ridge Cox by modality",
        "ridge Cox, genomics alone",
        "ridge Cox, imaging alone",
        "ridge Cox, clinical alone",
    ];
    assert_eq!(names, expected);
    assert_eq!(evaluation.comparisons.len(), names.len() - 1);
    assert_eq!(predictions.len(), names.len() * simulated.cohort.len());
    for model in &evaluation.models {
        let c_index = model.c_index.unwrap();
        assert!(c_index.low <= c_index.value && c_index.value <= c_index.high, "{model:?}");
        let by_fold: Vec<f64> = model.folds.iter().map(|fold| fold.c_index.unwrap()).collect();
        let mean = by_fold.iter().sum::<f64>() / by_fold.len() as f64;
        assert!((mean - c_index.value).abs() < 1e-12, "the mean over folds");
        assert_eq!(model.subtype.is_some(), !model.name.starts_with("ridge"));
    }
    // The same models are saved by `train`, and judged on an outside cohort.
    let model = train_on(&simulated.cohort, &all_rows(&simulated.cohort), &quick_config());
    let outside = simulate(Shape { seed: 2, ..Shape::SMALL }).cohort;
    let data = Dataset { cohort: &outside, id: "outside", sha256: "1" };
    let (evaluation, predictions) = evaluate(&model, &data, &all_rows(&outside)).unwrap();
    let mut found: Vec<&str> = evaluation.models.iter().map(|model| &*model.name).collect();
    let mut wanted = expected.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    assert!(predictions.iter().all(|prediction| prediction.fold.is_none()));
    // Both say what each modality is worth; a plain network cannot.
    let names: Vec<&str> = evaluation.contributions.iter().map(|one| &*one.modality).collect();
    assert_eq!(names, ["genomics", "imaging", "clinical"]);
    let total: f64 = evaluation.contributions.iter().map(|one| one.weight_share).sum();
    assert!((total - 1.0).abs() < 1e-9);
    assert!(evaluation.contributions.iter().any(|one| one.gain.is_some()));
    let calibration = evaluation.calibration.unwrap();
    assert!(calibration.slope.is_some() && !calibration.at.is_empty());
    assert!(evaluation.hazard_ratio.unwrap().value > 1.0);
    assert!(!evaluation.decisions.is_empty());
    let network = train_on(&simulated.cohort, &all_rows(&simulated.cohort), &network_config());
    assert!(evaluate(&network, &data, &all_rows(&outside)).unwrap().0.contributions.is_empty());
}

#[test]
fn fusion_comes_close_to_the_truth_and_beats_its_best_part() {
    let shape = Shape { patients: 400, genes: 50, textures: 100, without_imaging: 0.1, seed: 0 };
    let simulated = simulate(shape);
    let folds = Folds::stratified(&simulated.cohort, 5, 1).unwrap();
    let data = dataset(&simulated.cohort);
    let (evaluation, _) = cross_validate(&data, &TrainConfig::default(), &folds, &|_| {}).unwrap();
    let c_index = |model: &ModelResult| model.c_index.unwrap().value;
    let fusion = c_index(&evaluation.models[0]);
    let alone = evaluation.models.iter().filter(|model| model.name.ends_with(" alone"));
    let best_alone = alone.map(c_index).fold(0.0, f64::max);
    let oracle = simulated.oracle_c();
    assert!(fusion >= oracle - 0.05, "fusion {fusion:.3}, oracle {oracle:.3}");
    assert!(fusion > best_alone + 0.02, "fusion {fusion:.3}, best alone {best_alone:.3}");
}

#[test]
fn what_is_undefined_is_said_and_left_out() {
    let mut cohort = small().cohort;
    for row in (0..cohort.len()).filter(|row| row % 5 == 3) {
        let survival = cohort.survival[row].as_mut().unwrap();
        survival.event = false;
    }
    // Imaging is there in fold 0 alone, so no model that holds out fold 0 can learn from it.
    for column in cohort.columns.iter_mut().filter(|column| column.modality == "imaging") {
        let keep = |(row, value): (usize, Option<f32>)| value.filter(|_| row.is_multiple_of(5));
        column.values = column.values.iter().enumerate().map(keep).collect::<Column>();
    }
    cohort.folds[7] = None;
    cohort.survival[8] = None;
    let folds = Folds::from_column(&cohort).unwrap();
    let (evaluation, _) =
        cross_validate(&dataset(&cohort), &quick_config(), &folds, &|_| {}).unwrap();
    assert_eq!(evaluation.patients, 118);
    let fusion = &evaluation.models[0];
    assert!(fusion.c_index.is_some());
    assert_eq!(fusion.folds[3].c_index, None);
    assert!(fusion.folds[3].note.as_ref().unwrap().contains("can be compared"));
    let imaging =
        evaluation.models.iter().find(|model| model.name == "network, imaging alone").unwrap();
    let note = imaging.folds[0].note.as_ref().unwrap();
    assert!(note.contains("no column is left"), "{note}");
    let notes = evaluation.notes.join("\n");
    assert!(notes.contains("1 patients have no fold"), "{notes}");
    assert!(notes.contains("1 patients without follow-up were scored but not judged"), "{notes}");
}

#[test]
fn folds_that_cannot_be_made_are_refused() {
    let mut cohort = small().cohort;
    assert!(Folds::stratified(&cohort, 1, 0).is_err());
    cohort.folds.fill(Some(4));
    let error = Folds::from_column(&cohort).unwrap_err().to_string();
    assert!(error.contains("`fold` column names 1 folds"), "{error}");
}

#[test]
fn a_horizon_past_follow_up_is_said() {
    let cohort = small().cohort;
    let mut config = quick_config();
    config.horizons_days = Some(vec![365.0, 90_000.0]);
    let folds = Folds::stratified(&cohort, 3, 1).unwrap();
    let (evaluation, _) = cross_validate(&dataset(&cohort), &config, &folds, &|_| {}).unwrap();
    let fusion = &evaluation.models[0];
    assert_eq!(fusion.auc.len(), 1);
    assert_eq!(fusion.ibs, None);
    let said = |text: &str| evaluation.notes.iter().any(|note| note.contains(text));
    assert!(said("`fusion` has no AUC at day 90000"), "{:?}", evaluation.notes);
    assert!(said("`fusion` has no integrated Brier score"));
}

#[test]
fn a_class_that_one_fold_never_saw_has_probability_zero_there() {
    let mut cohort = small().cohort;
    // One patient alone has the rare class, so the fold that holds it out trains without it.
    cohort.labels[0] = Some("rare".to_owned());
    let folds = Folds::stratified(&cohort, 3, 1).unwrap();
    let (evaluation, predictions) =
        cross_validate(&dataset(&cohort), &quick_config(), &folds, &|_| {}).unwrap();
    assert!(evaluation.classes.contains(&"rare".to_owned()));
    let rare = evaluation.classes.iter().position(|class| class == "rare").unwrap();
    for prediction in predictions.iter().filter(|prediction| prediction.model == FUSION) {
        assert_eq!(prediction.class_probabilities.len(), evaluation.classes.len());
        if prediction.fold == folds.of[0] {
            assert!(prediction.class_probabilities[rare].abs() < f64::EPSILON);
        }
    }
}

#[test]
fn patients_that_the_model_was_trained_on_are_counted() {
    let cohort = small().cohort;
    let model = train_on(&cohort, &all_rows(&cohort), &quick_config());
    let some = cohort.select(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let (evaluation, predictions) = evaluate(&model, &dataset(&some), &all_rows(&some)).unwrap();
    assert!(evaluation.notes.iter().any(|note| note.starts_with("10 of these 10 patients")));
    assert_eq!(evaluation.trained_on, 10);
    assert_eq!(predictions[0].class_probabilities.len(), evaluation.classes.len());
}
