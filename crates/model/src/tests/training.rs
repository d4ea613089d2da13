//! What training gives, and what it refuses.

use std::ops::ControlFlow;

use oncoweave_core::{Cohort, Survival, preprocess::Preprocessing};

use super::{all_rows, dataset, go_on, quick_config, saved, small, train_on};
use crate::{
    EpochReport, Error, Folds, TrainConfig, cross_validate,
    part::{Data, Reading},
    train,
    train::with_causes,
};

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
fn what_cannot_be_trained_is_refused_in_words() {
    let cohort = small().cohort;
    let rows = all_rows(&cohort);
    let attempt = |cohort: &Cohort, config: &TrainConfig| {
        let error = train(&dataset(cohort), &rows, config, None, &mut go_on).unwrap_err();
        with_causes(&error)
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
