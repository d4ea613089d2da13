//! Promises of the whole crate, on a simulated cohort.

mod card;
mod competing;
mod elastic_net;
mod figures;
mod late;
mod networks;

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use oncoweave_core::{Cohort, Column, Survival, preprocess::Preprocessing};

use crate::{
    Dataset, EpochReport, Error, Folds, Model, ModelKind, Predictor, TrainConfig, cross_validate,
    evaluate,
    part::{Data, Reading},
    testing::{Shape, Simulated, simulate},
    train,
};

fn quick_config() -> TrainConfig {
    toml::from_str(
        "[stack]\nfolds = 3\nelastic_net = false\n[network]\nwidth = 8\nfused_width = 8\n[training]\nepochs = 12\n\
         ensemble = 2\n",
    )
    .unwrap()
}

/// The same settings for the plain network.
fn network_config() -> TrainConfig {
    TrainConfig { model: ModelKind::Network, ..quick_config() }
}

fn small() -> Simulated {
    simulate(Shape::SMALL)
}

fn dataset(cohort: &Cohort) -> Dataset<'_> {
    Dataset { cohort, id: "simulated", sha256: "0" }
}

fn go_on(_: &EpochReport) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn train_on(cohort: &Cohort, rows: &[usize], config: &TrainConfig) -> Model {
    train(&dataset(cohort), rows, config, None, &mut go_on).unwrap()
}

fn all_rows(cohort: &Cohort) -> Vec<usize> {
    (0..cohort.len()).collect()
}

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs_err::read(path).unwrap());
        }
    }
    found
}

fn saved(model: &Model) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    model.save(&path).unwrap();
    let strip =
        |(file, bytes): (PathBuf, Vec<u8>)| (file.strip_prefix(&path).unwrap().to_owned(), bytes);
    files(&path).into_iter().map(strip).collect()
}

#[test]
fn one_seed_gives_one_model_whatever_the_number_of_threads() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    let mut config = quick_config();
    config.training.batch_size = 32;
    let first = saved(&train_on(&cohort, &rows, &config));
    tch::set_num_threads(4);
    assert_eq!(saved(&train_on(&cohort, &rows, &config)), first);
    let elsewhere = std::thread::scope(|scope| {
        // Other networks in training at the same time draw from generators of their own.
        let beside = scope.spawn(|| train_on(&cohort, &rows[..80], &config));
        let same = scope.spawn(|| saved(&train_on(&cohort, &rows, &config)));
        beside.join().unwrap();
        same.join().unwrap()
    });
    assert_eq!(elsewhere, first);
    config.seed += 1;
    assert_ne!(saved(&train_on(&cohort, &rows, &config)), first);
}

#[test]
fn cross_validation_is_the_same_on_any_number_of_threads() {
    let cohort = small().cohort;
    let folds = Folds::stratified(&cohort, 3, 1).unwrap();
    let run = |threads: usize| {
        let mut config = quick_config();
        config.training.threads = threads;
        let (mut evaluation, predictions) =
            cross_validate(&dataset(&cohort), &config, &folds, &|_| {}).unwrap();
        evaluation.config = serde_json::Value::Null;
        (evaluation, predictions)
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn held_out_patients_do_not_move_the_model_by_a_bit() {
    let mut cohort = small().cohort;
    let held_out = |row: usize| row.is_multiple_of(3);
    let rows: Vec<usize> = (0..cohort.len()).filter(|&row| !held_out(row)).collect();
    let before = saved(&train_on(&cohort, &rows, &quick_config()));
    for column in &mut cohort.columns {
        let change = |(row, value): (usize, Option<f32>)| match value {
            _ if !held_out(row) => value,
            None => Some(5.0),
            Some(value) => row.is_multiple_of(2).then_some(value * 1000.0 - 3.0),
        };
        column.values = column.values.iter().enumerate().map(change).collect();
    }
    for row in (0..cohort.len()).filter(|&row| held_out(row)) {
        cohort.survival[row] = Some(Survival::until(1e6 + row as f64, true));
        cohort.labels[row] = Some("a class of its own".to_owned());
    }
    assert_eq!(saved(&train_on(&cohort, &rows, &quick_config())), before);
    // The test can fail: one changed training patient does move the model.
    cohort.survival[rows[0]] = Some(Survival::until(1.0, true));
    assert_ne!(saved(&train_on(&cohort, &rows, &quick_config())), before);
}

#[test]
fn a_run_that_was_cut_off_ends_with_the_same_model() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    for batch_size in [0, 32] {
        let mut config = quick_config();
        config.training.batch_size = batch_size;
        let whole = saved(&train_on(&cohort, &rows, &config));
        let folder = tempfile::tempdir().unwrap();
        for (model, member, last) in
            [("network", 1, 1), ("network", 2, 7), ("network, imaging alone", 1, 4)]
        {
            let mut stop = |report: &EpochReport| {
                let here = (report.model, report.member, report.record.epoch);
                if here == (model, member, last) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            let stopped = train(&dataset(&cohort), &rows, &config, Some(folder.path()), &mut stop);
            let text = stopped.unwrap_err().to_string();
            assert_eq!(text, format!("training of `{model}` was stopped after epoch {last}"));
        }
        let mut epochs = vec![];
        let mut listen = |report: &EpochReport| {
            epochs.push((report.model.to_owned(), report.record.epoch));
            ControlFlow::Continue(())
        };
        let resumed =
            train(&dataset(&cohort), &rows, &config, Some(folder.path()), &mut listen).unwrap();
        assert_eq!(saved(&resumed), whole);
        assert_eq!(epochs[0], ("network, imaging alone".to_owned(), 5));
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    let folder = tempfile::tempdir().unwrap();
    let run = |rows: &[usize], config: &TrainConfig| {
        train(&dataset(&cohort), rows, config, Some(folder.path()), &mut go_on)
    };
    run(&rows, &quick_config()).unwrap();
    let mut other = quick_config();
    other.training.learning_rate = 0.01;
    for result in [run(&rows, &other), run(&rows[1..], &quick_config())] {
        let text = result.unwrap_err().to_string();
        assert!(text.contains("other settings or other training data"), "{text}");
    }
    let path = folder.path().join("model_0_1.safetensors");
    fs_err::write(&path, b"no tensors").unwrap();
    assert!(matches!(run(&rows, &quick_config()), Err(Error::BadFile { .. })));
}

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
fn a_stack_is_what_its_members_say() {
    let cohort = simulate(Shape { patients: 240, ..Shape::SMALL }).cohort;
    let rows = all_rows(&cohort);
    let model = train_on(&cohort, &rows, &quick_config());
    let Predictor::Stack(stack) = model.predictor() else { panic!("a stack is the default") };
    let names: Vec<&str> = stack.members.iter().map(|member| member.model.name()).collect();
    assert_eq!(names.len(), 12, "{names:?}");
    assert!(names.contains(&"ridge Cox by modality, without imaging"));
    assert!(stack.members.iter().any(|member| member.weight <= 0.0));
    let predictions = model.score(&cohort, &rows).unwrap();
    let mut sums = vec![0.0; rows.len()];
    for member in stack.members.iter().filter(|member| member.weight > 0.0) {
        for (sum, own) in sums.iter_mut().zip(member.model.score(&cohort, &rows).unwrap()) {
            // Who has nothing that the member reads is taken at its mean.
            if own.missing_modalities != member.model.modalities() {
                *sum += member.weight * (own.risk.0 - member.mean) / member.standard_deviation;
            }
        }
    }
    for (prediction, sum) in predictions.iter().zip(sums) {
        assert!((prediction.risk.0 - sum).abs() < 1e-9);
    }
    let total: f64 = stack.shares.iter().map(|share| share.share).sum();
    assert!((total - 1.0).abs() < 1e-9);
    for share in &stack.shares {
        assert_eq!(share.share > 0.0, model.modalities().contains(&share.modality));
    }
    for modality in ["genomics", "imaging", "clinical"] {
        let without = model.without(modality).unwrap();
        assert!(!without.modalities().contains(&modality.to_owned()));
        assert_eq!(without.score(&cohort, &rows[..3]).unwrap().len(), 3);
    }
    assert!(model.without("pet").is_none());
}

#[test]
fn modalities_of_noise_carry_little_of_the_risk() {
    let mut cohort = simulate(Shape { patients: 240, ..Shape::SMALL }).cohort;
    // Each patient has the imaging of another, and the genomics of a third.
    for (shift, modality) in [(31, "imaging"), (77, "genomics")] {
        for column in cohort.columns.iter_mut().filter(|column| column.modality == modality) {
            let values: Vec<Option<f32>> = column.values.iter().collect();
            let other = |row: usize| values[(row + shift) % values.len()];
            column.values = (0..values.len()).map(other).collect();
        }
    }
    let model = train_on(&cohort, &all_rows(&cohort), &quick_config());
    let Predictor::Stack(stack) = model.predictor() else { panic!("a stack is the default") };
    let share = |name: &str| stack.shares.iter().find(|one| one.modality == name).unwrap().share;
    // One draw of noise may look good by chance.
    assert!(share("clinical") > 0.6, "{:?}", stack.shares);
    assert!(share("imaging") + share("genomics") < 0.4, "{:?}", stack.shares);
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
    let error = crate::train::with_causes(&model.score(&no_age, &[0]).unwrap_err());
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
fn a_broken_model_folder_is_refused_in_words() {
    let cohort = small().cohort;
    let model = train_on(&cohort, &all_rows(&cohort), &network_config());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let break_file = |file: &str, change: &dyn Fn(String) -> String| {
        model.save(&path).unwrap();
        let text = fs_err::read_to_string(path.join(file)).unwrap();
        fs_err::write(path.join(file), change(text)).unwrap();
        Model::load(&path).unwrap_err().to_string()
    };
    for (file, from, to, expected) in [
        ("model.toml", "schema = 2", "schema = 1", "layout 1, this program reads layout 2"),
        ("model.toml", "schema = 2", "schema = [", "cannot be read as this program writes it"),
        ("model.toml", "\nwidth = 16", "\nwidth = 9", "must have shape [9, 12], got [16, 12]"),
        ("features.json", "\"clinical.age\"", "7", "cannot be read as this program writes it"),
        ("features.json", "\"name\": \"imaging\"", "\"name\": \"mr\"", "are described here"),
        ("baseline.json", "median_risk", "mean_risk", "unknown field `mean_risk`"),
        ("training.json", "{", "", "cannot be read as this program writes it"),
        ("baselines/0/coefficients.json", "\"log_hazard_ratio\"", "\"b\"", "unknown field `b`"),
        ("baselines/0/coefficients.json", "clinical.age", "clinical.ago", "are not those of the"),
        ("baselines/0/model.toml", "linear", "stack", "cannot be made of what stands here"),
    ] {
        let error = break_file(file, &|text| text.replacen(from, to, 1));
        assert!(error.contains(expected), "{file}: {error}");
    }
    let stacked = train_on(&cohort, &all_rows(&cohort), &quick_config());
    for (file, from, to, expected) in [
        ("stack.json", "\"weight\": ", "\"weight\": -1", "impossible weight"),
        ("stack.json", "\"name\": \"network\"", "\"name\": \"net\"", "does not belong to"),
        ("stack.json", "\"choice\"", "\"reason\"", "unknown field `reason`"),
        ("members/0/features.json", "\"sd\": ", "\"sd\": 1", "does not belong to"),
        ("members/1/model.toml", "schema = 2", "schema = 1", "layout 1"),
    ] {
        stacked.save(&path).unwrap();
        let text = fs_err::read_to_string(path.join(file)).unwrap();
        fs_err::write(path.join(file), text.replacen(from, to, 1)).unwrap();
        let error = Model::load(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{file}: {error}");
    }
    for file in ["model.toml", "model.safetensors", "features.json", "baseline.json"] {
        model.save(&path).unwrap();
        fs_err::remove_file(path.join(file)).unwrap();
        let error = Model::load(&path).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains("no such file"), "{error}");
        fs_err::remove_dir_all(&path).unwrap();
    }
    let foreign = folder.path().join("thesis");
    fs_err::create_dir_all(&foreign).unwrap();
    fs_err::write(foreign.join("chapter_1.txt"), "do not lose this").unwrap();
    assert!(matches!(model.save(&foreign), Err(Error::NotAModelFolder { .. })));
    assert!(foreign.join("chapter_1.txt").exists());
}

#[test]
fn what_cannot_be_trained_is_refused_in_words() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    let attempt = |cohort: &Cohort, config: &TrainConfig| {
        let error = train(&dataset(cohort), &rows, config, None, &mut go_on).unwrap_err();
        crate::train::with_causes(&error)
    };
    let mut no_event = cohort.clone();
    for survival in no_event.survival.iter_mut().flatten() {
        survival.event = false;
    }
    let mut no_outcome = cohort.clone();
    no_outcome.survival.fill(None);
    let mut constant = cohort.clone();
    for column in &mut constant.columns {
        column.values = vec![Some(1.0); cohort.len()].into_iter().collect();
    }
    let unknown: TrainConfig = toml::from_str("modalities = ['pet']").unwrap();
    let mut one_class = cohort.clone();
    one_class.labels.fill(Some("a".to_owned()));
    let subtype: TrainConfig = toml::from_str("[heads]\nsubtype = 'on'").unwrap();
    let wild: TrainConfig =
        toml::from_str("model = 'network'\n[training]\nlearning_rate = 1.0\nweight_decay = 100.0")
            .unwrap();
    for (cohort, config, expected) in [
        (&no_event, &quick_config(), "no event was observed among 120"),
        (&no_outcome, &quick_config(), "none of the 120 has follow-up"),
        (&constant, &quick_config(), "no column is left"),
        (&cohort, &unknown, "modality `pet`, but the cohort has genomics, imaging, clinical"),
        (&one_class, &subtype, "have 1 distinct labels"),
        (&cohort, &wild, "diverged in epoch"),
    ] {
        let error = attempt(cohort, config);
        assert!(error.contains(expected), "{error}");
    }
}

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
    let c_index = |model: &oncoweave_core::ModelResult| model.c_index.unwrap().value;
    let fusion = c_index(&evaluation.models[0]);
    let alone = evaluation.models.iter().filter(|model| model.name.ends_with(" alone"));
    let best_alone = alone.map(c_index).fold(0.0, f64::max);
    let oracle = simulated.oracle_c();
    assert!(fusion >= oracle - 0.05, "fusion {fusion:.3}, oracle {oracle:.3}");
    assert!(fusion > best_alone + 0.02, "fusion {fusion:.3}, best alone {best_alone:.3}");
}

#[test]
fn one_modality_is_not_compared_with_itself() {
    let cohort = small().cohort;
    let mut config = quick_config();
    config.modalities = Some(vec!["clinical".to_owned()]);
    let model = train_on(&cohort, &all_rows(&cohort), &config);
    let names: Vec<&str> = model.compared_with().iter().map(|model| model.name()).collect();
    assert_eq!(names, ["network", "ridge Cox"]);
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
    for prediction in predictions.iter().filter(|prediction| prediction.model == crate::FUSION) {
        assert_eq!(prediction.class_probabilities.len(), evaluation.classes.len());
        if prediction.fold == folds.of[0] {
            assert!(prediction.class_probabilities[rare].abs() < f64::EPSILON);
        }
    }
}

#[test]
fn a_large_table_is_read_as_a_small_one_is() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    let mut modalities: Vec<String> =
        cohort.columns.iter().map(|column| column.modality.clone()).collect();
    modalities.sort();
    modalities.dedup();
    let fitted = Preprocessing::fit(&cohort, &rows, &modalities).unwrap();
    let prepared = fitted.prepare(&cohort, &rows).unwrap();
    let factors = vec![0.5; prepared.blocks.len()];
    let data = Data {
        prepared: &prepared,
        factors: &factors,
        digest: std::cell::OnceCell::new(),
        outcomes: vec![],
        causes: vec![],
        classes: vec![],
    };
    let device = tch::Device::Cpu;
    let own: Vec<usize> = rows.iter().copied().filter(|row| row % 3 != 0).collect();
    let held = Reading::new(&data, &own, device);
    let asked = Reading::Asked { data: &data, rows: own.clone(), device };
    assert!(matches!(held, Reading::Held(_)), "the cohort is not small");
    assert_eq!((held.patients(), asked.patients()), (own.len(), own.len()));
    let places = [5, 0, 7, 7, 2];
    for (held, asked) in [(held.all(), asked.all()), (held.pick(&places), asked.pick(&places))] {
        assert_eq!(held.present, asked.present);
        assert_eq!(held.blocks, asked.blocks);
        assert!(held.blocks.iter().any(|block| block.abs().max().double_value(&[]) > 0.5));
    }
}

#[test]
fn a_stack_has_as_many_networks_a_fold_as_there_are_seeds() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    let networks = |seeds: usize| -> Vec<(u64, usize)> {
        let mut config = quick_config();
        config.stack.seeds = seeds;
        let model = train_on(&cohort, &rows, &config);
        let Predictor::Stack(stack) = model.predictor() else { panic!("no stack") };
        let network = stack.members.iter().find(|one| one.model.name() == "network").unwrap();
        // Out of fold a mean of networks still tells patients apart.
        assert!(network.c_index.is_some_and(|c| c > 0.4 && c < 1.0), "{:?}", network.c_index);
        let members = &network.model.training().members;
        members.iter().map(|one| (one.seed, one.validation_patients)).collect()
    };
    let (one, two) = (networks(1), networks(2));
    assert_eq!((one.len(), two.len()), (3, 6));
    assert_eq!(one, two[..3]);
    // The second of each fold watches the same patients and starts from another seed.
    for fold in 0..3 {
        assert_eq!(two[fold].1, two[fold + 3].1);
        assert_ne!(two[fold].0, two[fold + 3].0);
    }
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
