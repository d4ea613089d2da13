use std::ops::ControlFlow;

use super::{gradients::Background, *};
use crate::{
    Dataset, ModelKind, Predictor, TrainConfig,
    testing::{Shape, simulate},
    train,
};

fn trained(kind: ModelKind) -> (Model, Cohort) {
    let cohort = simulate(Shape::SMALL).cohort;
    let mut config = TrainConfig { model: kind, ..TrainConfig::default() };
    config.training.epochs = 60;
    config.training.ensemble = 2;
    config.network.width = 8;
    config.network.fused_width = 8;
    let data = Dataset { cohort: &cohort, id: "test", sha256: "" };
    let rows: Vec<usize> = (0..100).collect();
    let model = train(&data, &rows, &config, None, &mut |_| ControlFlow::Continue(())).unwrap();
    (model, cohort)
}

fn all_kinds() -> Vec<(Model, Cohort)> {
    let kinds =
        [ModelKind::Stack, ModelKind::Network, ModelKind::RidgeCox, ModelKind::ElasticNetCox];
    kinds.map(trained).into()
}

#[test]
fn attributions_sum_to_the_prediction() {
    for (model, cohort) in all_kinds() {
        let rows: Vec<usize> = (90..120).collect();
        let predictions = model.score(&cohort, &rows).unwrap();
        let explanations = model.explain(&cohort, &rows).unwrap();
        let (mut gap, mut size) = (0.0, 0.0);
        for (prediction, explanation) in predictions.iter().zip(&explanations) {
            assert_eq!(prediction.patient_id, explanation.patient_id);
            let values = [prediction.risk.0].into_iter().chain(prediction.survival.clone());
            for (output, value) in explanation.outputs.iter().zip(values) {
                assert!((output.value - value).abs() < 1e-5, "{} {value}", output.value);
                let sum: f64 = output.nothing_known + output.modalities.iter().sum::<f64>();
                assert!((sum - output.value).abs() < 1e-9, "{sum}");
            }
            gap += explanation.outputs[0].gap.abs();
            size += (explanation.outputs[0].value - explanation.outputs[0].background).abs();
        }
        assert!(gap < 0.1 * size, "{}: gap {gap}, size {size}", model.name());
    }
}

#[test]
fn penalized_cox_is_explained_exactly() {
    let (model, cohort) = trained(ModelKind::RidgeCox);
    let design = model.design(&cohort, &[3]).unwrap();
    let blocks: Vec<&Block> = design.blocks.iter().collect();
    let means: Vec<f32> = model
        .reference
        .background(&blocks)
        .iter()
        .flat_map(|matrix| matrix.mean_axis(Axis(0)).unwrap())
        .collect();
    let Predictor::Linear(linear) = &model.predictor else { panic!("ridge Cox is linear") };
    let output = &model.explain(&cohort, &[3]).unwrap()[0].outputs[0];
    let x: Vec<f32> = blocks.iter().flat_map(|block| block.x.row(0).to_vec()).collect();
    for (place, coefficient) in linear.coefficients.iter().enumerate() {
        let expected = coefficient.log_hazard_ratio * f64::from(x[place] - means[place]);
        let found = f64::from(output.features[place]);
        assert!((found - expected).abs() < 1e-5, "{}: {found} {expected}", coefficient.column);
    }
    assert!(output.gap.abs() < 1e-5, "{}", output.gap);
}

/// Every order in which modalities can become known, by brute force.
#[test]
fn shapley_values_are_the_mean_gain_over_all_orders() {
    for (model, cohort) in all_kinds() {
        let row = (0..120)
            .find(|&row| model.score(&cohort, &[row]).unwrap()[0].missing_modalities.is_empty());
        let row = row.expect("somebody has all modalities");
        let names: Vec<String> = model.explanation_layout().modalities;
        let risk = |known: &[usize]| {
            let mut hidden = cohort.clone();
            for column in &mut hidden.columns {
                if !known.iter().any(|&player| names[player] == column.modality) {
                    column.values = (0..cohort.len()).map(|_| None::<f32>).collect();
                }
            }
            model.score(&hidden, &[row]).unwrap()[0].risk.0
        };
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let mut expected = [0.0; 3];
        for order in orders {
            for place in 0..3 {
                expected[order[place]] += (risk(&order[..=place]) - risk(&order[..place])) / 6.0;
            }
        }
        let found = &model.explain(&cohort, &[row]).unwrap()[0].outputs[0].modalities;
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{}: {found} {expected}", model.name());
        }
    }
}

#[test]
fn a_lacking_modality_has_no_attribution_and_a_patient_is_explained_alike_in_any_company() {
    let (model, cohort) = trained(ModelKind::Network);
    let everyone: Vec<usize> = (0..120).collect();
    let all = model.explain(&cohort, &everyone).unwrap();
    let lacking = model
        .score(&cohort, &everyone)
        .unwrap()
        .iter()
        .position(|prediction| prediction.missing_modalities == ["imaging"])
        .expect("somebody lacks imaging");
    let layout = model.explanation_layout();
    let of_imaging = layout.features.iter().map(|name| name.starts_with("imaging."));
    let features = &all[lacking].outputs[0].features;
    assert!(features.iter().zip(of_imaging).all(|(value, imaging)| !imaging || *value == 0.0));
    assert_eq!(model.explain(&cohort, &[lacking]).unwrap()[0], all[lacking]);
}

#[test]
fn sampled_permutations_agree_within_their_error() {
    let (model, cohort) = trained(ModelKind::Stack);
    let check = cross_check(&model, &cohort, &[1, 2, 3], 200).unwrap();
    assert!(check.mean_size > 0.0);
    let allowed = 3.0 * check.mean_standard_error + 0.1 * check.mean_size;
    assert!(check.mean_difference < allowed, "{check:?}");
    // Sampling a linear model is unbiased too: the sum over players is the whole distance.
    let (model, cohort) = trained(ModelKind::RidgeCox);
    let design = model.design(&cohort, &[5]).unwrap();
    let blocks: Vec<&Block> = design.blocks.iter().collect();
    let players: Vec<Vec<usize>> =
        (0..blocks.iter().map(|b| b.x.ncols()).sum()).map(|p| vec![p]).collect();
    let background = Background::new(&model, &blocks);
    let scorer = Scorer::new(&model.predictor);
    let sampled = permutation::sample(&scorer, &background, &one(&blocks, 0), &players, 50);
    assert_eq!(sampled.len(), players.len());
}
