use std::ops::ControlFlow;

use oncoweave_core::Prediction;

use super::{
    gradients::{Background, Scorer},
    permutation::Players,
    *,
};
use crate::{
    CompetingHead, Dataset, HeadsConfig, ModelKind, Predictor, SurvivalHead, TrainConfig,
    testing::{Shape, simulate},
    train,
};

fn trained(kind: ModelKind) -> (Model, Cohort) {
    trained_on(simulate(Shape::SMALL).cohort, kind, SurvivalHead::Cox)
}

fn trained_on(cohort: Cohort, kind: ModelKind, survival: SurvivalHead) -> (Model, Cohort) {
    trained_with(cohort, kind, HeadsConfig { survival, ..HeadsConfig::default() })
}

fn trained_with(cohort: Cohort, kind: ModelKind, heads: HeadsConfig) -> (Model, Cohort) {
    let mut config = TrainConfig { model: kind, ..TrainConfig::default() };
    config.training.epochs = 60;
    config.training.ensemble = 2;
    config.network.width = 8;
    config.network.fused_width = 8;
    config.heads = heads;
    if config.heads.survival == SurvivalHead::DiscreteTime {
        // So many epochs at the default's rate leave all patients nearly alike.
        config.training.learning_rate = 0.003;
    }
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

/// A cohort in which half of those without the event have another one.
fn competed() -> Cohort {
    let mut cohort = simulate(Shape::SMALL).cohort;
    let other = |row: usize| {
        let free = cohort.survival[row].is_some_and(|outcome| !outcome.event);
        (free && row.is_multiple_of(2)).then(|| "other death".to_owned())
    };
    cohort.competing = (0..cohort.len()).map(other).collect();
    cohort
}

/// What is explained, taken from a prediction.
fn explained(prediction: &Prediction) -> Vec<f64> {
    let incidences: Vec<f64> = prediction.incidence.iter().flatten().copied().collect();
    let others = if incidences.is_empty() { prediction.survival.clone() } else { incidences };
    [prediction.risk.0].into_iter().chain(others).collect()
}

#[test]
fn attributions_sum_to_the_prediction() {
    let discrete = SurvivalHead::DiscreteTime;
    let mut models = all_kinds();
    models.push(trained_on(simulate(Shape::SMALL).cohort, ModelKind::Network, discrete));
    models.push(trained_on(competed(), ModelKind::RidgeCox, SurvivalHead::Cox));
    models.push(trained_on(competed(), ModelKind::Network, discrete));
    let joint = HeadsConfig {
        survival: discrete,
        competing: CompetingHead::Joint,
        ..HeadsConfig::default()
    };
    models.push(trained_with(competed(), ModelKind::Network, joint));
    for (number, (model, cohort)) in models.into_iter().enumerate() {
        let rows: Vec<usize> = (90..120).collect();
        let predictions = model.score(&cohort, &rows).unwrap();
        let explanations = model.explain(&cohort, &rows).unwrap();
        let names = model.explanation_layout().outputs;
        let (mut gaps, mut sizes) = (vec![0.0; names.len()], vec![0.0; names.len()]);
        for (prediction, explanation) in predictions.iter().zip(&explanations) {
            assert_eq!(prediction.patient_id, explanation.patient_id);
            let values = explained(prediction);
            assert_eq!((explanation.outputs.len(), names.len()), (values.len(), values.len()));
            for (place, (output, value)) in explanation.outputs.iter().zip(values).enumerate() {
                assert!((output.value - value).abs() < 1e-5, "{} {value}", output.value);
                let sum: f64 = output.nothing_known + output.modalities.iter().sum::<f64>();
                assert!((sum - output.value).abs() < 1e-9, "{sum}");
                gaps[place] += output.gap.abs();
                sizes[place] += (output.value - output.background).abs();
            }
        }
        for ((name, gap), size) in names.iter().zip(&gaps).zip(&sizes) {
            // Incidences bend the most along the paths: hazards of several events make them.
            let allowed = match name.split('_').next() {
                Some("log") => 0.1,
                Some("survival") => 0.15,
                _ => 0.2,
            };
            assert!(*gap <= allowed * size, "model {number}, {name}: gap {gap}, size {size}");
        }
    }
}

#[test]
fn beside_competing_events_incidences_are_explained() {
    let (model, _) = trained_on(competed(), ModelKind::RidgeCox, SurvivalHead::Cox);
    let days = model.horizons_days().to_vec();
    let mut expected = vec!["log_risk".to_owned()];
    for start in ["incidence_", "incidence_other death_"] {
        expected.extend(days.iter().map(|days| format!("{start}{days}d")));
    }
    assert_eq!(model.explanation_layout().outputs, expected);
}

/// The same attributions by moving each column itself, along the same paths.
#[test]
fn an_incidence_is_attributed_through_the_hazards_of_all_events() {
    let (model, cohort) = trained_on(competed(), ModelKind::RidgeCox, SurvivalHead::Cox);
    let row = (0..120)
        .find(|&row| model.score(&cohort, &[row]).unwrap()[0].missing_modalities.is_empty());
    let row = row.expect("somebody has all modalities");
    let explanation = &model.explain(&cohort, &[row]).unwrap()[0];
    let design = model.design(&cohort, &[row]).unwrap();
    let blocks: Vec<&Block> = design.blocks.iter().collect();
    let background = model.reference.background(&blocks);
    let targets = Targets::new(&model);
    let scorers = Scorers::new(&targets);
    let value = |path: &[Block], target: usize| -> f64 {
        let drivers = scorers.drivers(&path.iter().collect::<Vec<_>>());
        targets.of(&drivers[0])[target]
    };
    let patient = one(&blocks, 0);
    // The last horizon of the event, which moves with both hazards, and of the other death, which was
    // drawn by chance.
    let last = model.horizons_days().len();
    for (target, least) in [(last, 0.01), (2 * last, 0.003)] {
        // A patient between a background row and this one, with one column moved.
        let at = |row: usize, share: f32, (block, column): (usize, usize), by: f32| {
            let mut between = patient.clone();
            for (part, (own, start)) in between.iter_mut().zip(patient.iter().zip(&background)) {
                let line = &own.x.row(0) * share + &start.row(row) * (1.0 - share);
                part.x.row_mut(0).assign(&line);
            }
            between[block].x[[0, column]] += by;
            value(&between, target)
        };
        let points = 24_u8;
        let mut expected = vec![];
        for (block, start) in background.iter().enumerate() {
            for column in 0..start.ncols() {
                let mut sum = 0.0;
                for row in 0..start.nrows() {
                    let distance = patient[block].x[[0, column]] - start[[row, column]];
                    for point in 0..points {
                        let share = (f32::from(point) + 0.5) / f32::from(points);
                        let place = (block, column);
                        let slope =
                            (at(row, share, place, 0.05) - at(row, share, place, -0.05)) / 0.1;
                        sum += slope * f64::from(distance);
                    }
                }
                expected.push(sum / (start.nrows() as f64 * f64::from(points)));
            }
        }
        let largest = expected.iter().fold(0.0_f64, |most, one| most.max(one.abs()));
        assert!(largest > least, "{largest}");
        for (found, expected) in explanation.outputs[target].features.iter().zip(expected) {
            let found = f64::from(*found);
            assert!((found - expected).abs() < 0.05 * largest, "{found} {expected} {largest}");
        }
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
    // Both ways are exact for a linear model but for what was drawn.
    for (kind, missed) in [(ModelKind::RidgeCox, 0.0), (ModelKind::Stack, 0.1)] {
        let (model, cohort) = trained(kind);
        let check = cross_check(&model, &cohort, &[1, 2, 3], 200).unwrap();
        assert!(check.mean_size > 0.0 && check.rests == 0);
        let allowed = 1.5 * check.mean_standard_error + missed * check.mean_size;
        assert!(check.mean_difference < allowed, "{check:?}");
    }
}

/// The median of every column as the only background patient, so that orders alone are drawn.
fn with_one_background(model: &mut Model) {
    for modality in &mut model.reference.modalities {
        for column in &mut modality.columns {
            column.quantiles = [column.quantiles[2]; 5];
        }
    }
}

#[test]
fn sampled_attributions_sum_to_the_whole_distance() {
    for (mut model, cohort) in all_kinds() {
        with_one_background(&mut model);
        let design = model.design(&cohort, &[5]).unwrap();
        let blocks: Vec<&Block> = design.blocks.iter().collect();
        let patient = one(&blocks, 0);
        let columns: usize = blocks.iter().map(|block| block.x.ncols()).sum();
        let players: Vec<Vec<usize>> = (0..columns).map(|place| vec![place]).collect();
        let background = Background::new(&model, &blocks);
        let start = background.like(&patient);
        let scorer = Scorer::new(&model.predictor);
        let sampled = permutation::sample(&scorer, &background, &patient, &players, 7);
        let log_risk = |blocks: &[Block]| scorer.log_risks(&blocks.iter().collect::<Vec<_>>())[0];
        let distance = log_risk(&patient) - log_risk(&start);
        let sum: f64 = sampled.iter().map(|(mean, _)| mean).sum();
        assert!(distance.abs() > 0.01, "{distance}");
        assert!((sum - distance).abs() < 1e-5, "{:?}: {sum} {distance}", model.config.model);
        // In a linear model the order makes no difference.
        let Predictor::Linear(linear) = &model.predictor else { continue };
        let row = |blocks: &[Block]| -> Vec<f32> {
            blocks.iter().flat_map(|block| block.x.row(0).to_vec()).collect()
        };
        let (x, from) = (row(&patient), row(&start));
        for (place, (mean, standard_error)) in sampled.into_iter().enumerate() {
            let coefficient = linear.coefficients[place].log_hazard_ratio;
            let expected = coefficient * f64::from(x[place] - from[place]);
            assert!((mean - expected).abs() < 1e-5, "{place}: {mean} {expected}");
            assert!(standard_error < 1e-5, "{place}: {standard_error}");
        }
    }
}

/// A modality at a time in every order, by brute force.
#[test]
fn sampled_attributions_are_the_mean_gain_over_all_orders_within_their_error() {
    let (mut model, cohort) = trained(ModelKind::Network);
    with_one_background(&mut model);
    let row = (0..120)
        .find(|&row| model.score(&cohort, &[row]).unwrap()[0].missing_modalities.is_empty());
    let design = model.design(&cohort, &[row.expect("somebody has all modalities")]).unwrap();
    let blocks: Vec<&Block> = design.blocks.iter().collect();
    let patient = one(&blocks, 0);
    let mut end = 0;
    let of_block = |block: &&Block| {
        let start = end;
        end += block.x.ncols();
        (start..end).collect()
    };
    let players: Vec<Vec<usize>> = blocks.iter().map(of_block).collect();
    let background = Background::new(&model, &blocks);
    let start = one(&background.like(&patient).iter().collect::<Vec<_>>(), 0);
    let scorer = Scorer::new(&model.predictor);
    let log_risk = |known: &[usize]| {
        let from = |place: usize| if known.contains(&place) { &patient } else { &start };
        let mixed: Vec<&Block> = (0..3).map(|place| &from(place)[place]).collect();
        scorer.log_risks(&mixed)[0]
    };
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let mut expected = [0.0; 3];
    for order in orders {
        for place in 0..3 {
            let gain = log_risk(&order[..=place]) - log_risk(&order[..place]);
            expected[order[place]] += gain / 6.0;
        }
    }
    let sampled = permutation::sample(&scorer, &background, &patient, &players, 300);
    // A modality that is at its medians changes nothing in any order.
    let drawn = sampled.iter().filter(|(_, standard_error)| *standard_error > 0.0).count();
    assert!(drawn >= 2, "{sampled:?}");
    for ((mean, standard_error), expected) in sampled.into_iter().zip(expected) {
        let size = expected.abs().max(0.01);
        assert!(standard_error < 0.1 * size, "{standard_error} {size}");
        assert!((mean - expected).abs() < 4.0 * standard_error + 1e-5, "{mean} {expected}");
    }
}

#[test]
fn of_many_features_the_largest_play_alone_and_the_rest_of_each_modality_together() {
    let cohort = simulate(Shape { genes: 1100, textures: 300, ..Shape::SMALL }).cohort;
    let (model, cohort) = trained_on(cohort, ModelKind::RidgeCox, SurvivalHead::Cox);
    let rows = [1, 2, 3];
    let explanations = model.explain(&cohort, &rows).unwrap();
    let layout = model.explanation_layout();
    let of_modality = |name: &String| {
        let prefix = format!("{name}.");
        layout.features.iter().filter(|feature| feature.starts_with(&prefix)).count()
    };
    let widths: Vec<usize> = layout.modalities.iter().map(of_modality).collect();
    let players = Players::new(&layout, &widths, &explanations);
    let (largest, rests) = players.features.split_at(players.features.len() - players.rests);
    assert_eq!(largest.len(), 197);
    assert!((2..=3).contains(&rests.len()), "{}", rests.len());
    let mut all = players.features.concat();
    all.sort_unstable();
    assert_eq!(all, (0..layout.features.len()).collect::<Vec<_>>());
    for rest in rests {
        let modality = |place: &usize| layout.features[*place].split_once('.').unwrap().0;
        assert!(rest.iter().all(|place| modality(place) == modality(&rest[0])));
    }
    // Groups stay together, and nothing that is left is larger than what plays alone.
    let size = |features: &[usize]| -> f64 {
        let of = |one: &Explanation| -> f64 {
            features.iter().map(|&place| f64::from(one.outputs[0].features[place])).sum()
        };
        explanations.iter().map(|one| of(one).abs()).sum()
    };
    let least = largest.iter().map(|features| size(features)).fold(f64::INFINITY, f64::min);
    let grouped = |place: usize| layout.groups.iter().find(|(_, group)| group.contains(&place));
    for &place in rests.iter().flatten() {
        let unit = grouped(place).map_or_else(|| vec![place], |(_, group)| group.clone());
        assert!(size(&unit) <= least, "{}", layout.features[place]);
    }
    assert!(largest.iter().any(|features| features.len() > 1), "no group is among the largest");
    let check = cross_check(&model, &cohort, &rows, 48).unwrap();
    assert_eq!((check.groups, check.rests), (players.features.len(), players.rests));
    assert!(check.mean_difference < 1.5 * check.mean_standard_error, "{check:?}");
}
