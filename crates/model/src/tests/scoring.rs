//! What a model says of patients.

use super::{all_rows, network_config, quick_config, small, train_on};
use crate::{Model, ModelKind, Predictor, TrainConfig, train::with_causes};

#[test]
fn a_model_read_again_scores_to_the_same_bit() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    let model = train_on(&cohort, &rows, &quick_config());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    model.save(&path).unwrap();
    // A second time over the first.
    model.save(&path).unwrap();
    let loaded = Model::load(&path).unwrap();
    assert_eq!(loaded, model);
    assert_eq!(loaded.score(&cohort, &rows).unwrap(), model.score(&cohort, &rows).unwrap());
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside");
}

#[test]
fn a_patient_scores_the_same_alone_and_in_company() {
    let cohort = small().cohort;
    let model = train_on(&cohort, &all_rows(&cohort), &quick_config());
    let together = model.score(&cohort, &all_rows(&cohort)).unwrap();
    let others = model.compared_with();
    let ridge = others.iter().find(|other| other.name() == "ridge Cox").unwrap();
    let ridge_together = ridge.score(&cohort, &all_rows(&cohort)).unwrap();
    for row in 0..cohort.len() {
        assert_eq!(model.score(&cohort, &[row]).unwrap()[0], together[row]);
        assert_eq!(ridge.score(&cohort, &[row]).unwrap()[0], ridge_together[row]);
    }
    assert!(model.score(&cohort, &[]).unwrap().is_empty());
}

#[test]
fn threads_can_share_a_model() {
    let cohort = small().cohort;
    let model = train_on(&cohort, &all_rows(&cohort), &quick_config());
    let alone = model.score(&cohort, &all_rows(&cohort)).unwrap();
    std::thread::scope(|scope| {
        let score = || model.score(&cohort, &all_rows(&cohort)).unwrap();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(score)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

#[test]
fn predictions_mean_what_they_say() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    let model = train_on(&cohort, &rows, &network_config());
    let predictions = model.score(&cohort, &rows).unwrap();
    let high = predictions.iter().filter(|prediction| prediction.high_risk).count();
    assert_eq!(high, cohort.len() / 2);
    let mut absent = 0;
    for prediction in &predictions {
        assert_eq!(prediction.survival.len(), model.horizons_days().len());
        assert!(prediction.survival.is_sorted_by(|a, b| a >= b && (0.0..=1.0).contains(b)));
        let sum: f64 = prediction.class_probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-6);
        absent += usize::from(prediction.missing_modalities == ["imaging"]);
    }
    let column = |name: &str| cohort.columns.iter().find(|column| column.name() == name).unwrap();
    let texture = &column("imaging.texture_0").values;
    assert_eq!(absent, texture.iter().filter(Option::is_none).count());
    assert!(absent > 0);
}

#[test]
fn a_cohort_that_does_not_fit_is_refused_in_words() {
    let cohort = small().cohort;
    let model = train_on(&cohort, &all_rows(&cohort), &network_config());
    let without = |keep: &dyn Fn(&str) -> bool| {
        let mut cohort = cohort.clone();
        cohort.columns.retain(|column| keep(&column.name()));
        cohort
    };
    let no_age = without(&|name| name != "clinical.age");
    let error = with_causes(&model.score(&no_age, &[0]).unwrap_err());
    assert!(error.contains("model `fusion`") && error.contains("`clinical.age`"), "{error}");
    let error = model.score(&without(&|_| false), &[0]).unwrap_err().to_string();
    assert!(error.contains("genomics, imaging, clinical"), "{error}");
    // A column that the model does not know is left aside and can be asked for.
    let mut renamed = cohort.clone();
    renamed.columns.push(cohort.columns[0].clone());
    renamed.columns.last_mut().unwrap().info.name = "gene_new".to_owned();
    assert_eq!(model.unknown_columns(&renamed).unwrap(), ["genomics.gene_new"]);
    assert_eq!(model.score(&renamed, &[0]).unwrap(), model.score(&cohort, &[0]).unwrap());
    // A modality that is wholly absent is no error but is named.
    let no_imaging = without(&|name| !name.starts_with("imaging."));
    let prediction = &model.score(&no_imaging, &[0]).unwrap()[0];
    assert_eq!(prediction.missing_modalities, ["imaging"]);
}

#[test]
fn horizons_past_follow_up_are_said_and_flagged() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    let last = cohort.survival.iter().flatten().map(|one| one.time_days).fold(0.0, f64::max);
    for model in [ModelKind::RidgeCox, ModelKind::Stack] {
        let mut config = TrainConfig { model, ..quick_config() };
        config.horizons_days = Some(vec![365.0, 90_000.0]);
        let model = train_on(&cohort, &rows, &config);
        let said = |note: &String| note.contains("nobody was followed to day 90000");
        assert!(model.training().notes.iter().any(said), "{:?}", model.training().notes);
        let flag = "past_follow_up:day 90000".to_owned();
        for (times, flagged) in [([365.0, 90_000.0], true), ([365.0, last], false)] {
            for prediction in model.score_at(&cohort, &rows, &times).unwrap() {
                assert_eq!(prediction.flags.contains(&flag), flagged, "{:?}", prediction.flags);
            }
        }
    }
    let model = train_on(&cohort, &rows, &quick_config());
    assert!(!model.training().notes.iter().any(|note| note.contains("past follow-up")));
}

/// Whatever the model, a patient is flagged who lacks what carries most of its risk, and nobody else.
#[test]
fn lacking_what_carries_most_of_the_risk_is_flagged() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    let linear = TrainConfig { model: ModelKind::RidgeCox, ..quick_config() };
    for mut config in [quick_config(), network_config(), linear] {
        // Of two modalities one carries more than half.
        config.modalities = Some(["clinical", "genomics"].map(str::to_owned).into());
        let model = train_on(&cohort, &rows, &config);
        let shares = match model.predictor() {
            Predictor::Stack(stack) => stack.shares.clone(),
            Predictor::Network(_) | Predictor::Linear(_) => model.reference.shares.clone(),
        };
        assert!((shares.iter().map(|one| one.share).sum::<f64>() - 1.0).abs() < 1e-9);
        let heavy = shares.iter().find(|one| one.share > 0.5).expect("one modality carries most");
        for share in &shares {
            let mut lacking = cohort.clone();
            for column in &mut lacking.columns {
                if column.modality == share.modality {
                    column.values = rows.iter().map(|_| None::<f32>).collect();
                }
            }
            let expected = format!("insufficient:{:.0} %", 100.0 * share.share);
            let prediction = &model.score(&lacking, &rows).unwrap()[0];
            let flagged = prediction.flags.contains(&expected);
            assert_eq!(flagged, share.modality == heavy.modality, "{:?}", prediction.flags);
        }
    }
}
