//! One network in several processes is the network of one process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::TcpListener,
    ops::ControlFlow,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use oncoweave_collectives::{Group, Meeting};
use oncoweave_core::{Cohort, CohortColumn, FeatureInfo, PatientId, Survival};
use oncoweave_model::{
    ArchitectureKind, Dataset, EpochReport, Error, Model, ModelKind, Norm, RiskSet, SurvivalHead,
    TrainConfig, train, train_together,
};
use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

/// Patients whose hazard rises with the first column of each modality; some lack one.
fn cohort(patients: usize) -> Cohort {
    let mut random = ChaCha12Rng::seed_from_u64(3);
    let mut columns = vec![];
    let mut risks = vec![0.0; patients];
    for (modality, features) in [("clinical", 4), ("genomics", 30), ("imaging", 11)] {
        let lacks: Vec<bool> =
            (0..patients).map(|_| modality == "imaging" && random.random::<f32>() < 0.2).collect();
        for feature in 0..features {
            let info = FeatureInfo {
                name: format!("f{feature}"),
                unit: String::new(),
                meaning: "made up".to_owned(),
                standard: String::new(),
            };
            let values: Vec<f32> =
                (0..patients).map(|_| random.random_range(-1.7_f32..1.7)).collect();
            if feature == 0 {
                for (risk, &value) in risks.iter_mut().zip(&values) {
                    *risk += f64::from(value);
                }
            }
            let values =
                values.into_iter().zip(&lacks).map(|(value, lacks)| (!lacks).then_some(value));
            columns.push(CohortColumn {
                modality: modality.to_owned(),
                info,
                values: values.collect(),
            });
        }
    }
    let outcome = |risk: f64, random: &mut ChaCha12Rng| {
        Survival::until(
            (-random.random::<f64>().ln() * 1000.0 / risk.exp()).ceil().min(3000.0),
            random.random::<f64>() < 0.7,
        )
    };
    Cohort {
        survival: risks.into_iter().map(|risk| Some(outcome(risk, &mut random))).collect(),
        competing: vec![],
        patients: (0..patients).map(|row| PatientId::new(&format!("P{row}")).unwrap()).collect(),
        sites: vec![None; patients],
        index_dates: vec![None; patients],
        labels: (0..patients).map(|row| Some(format!("class {}", row % 3))).collect(),
        folds: vec![None; patients],
        columns,
    }
}

/// A network with every kind of dropout, few epochs.
fn config() -> TrainConfig {
    let mut config = TrainConfig { model: ModelKind::Network, ..TrainConfig::default() };
    config.network.width = 16;
    config.network.fused_width = 16;
    config.network.input_dropout = 0.1;
    config.network.encoder_dropout = 0.2;
    config.training.ensemble = 2;
    config.training.epochs = 6;
    config.training.learning_rate = 0.003;
    config
}

/// What each of some processes, here threads, makes of the cohort.
fn in_processes(
    processes: usize,
    cohort: &Cohort,
    config: &TrainConfig,
    checkpoints: Option<&Path>,
    on_epoch: &(dyn Fn(&EpochReport) -> ControlFlow<()> + Sync),
) -> Vec<Result<Option<Model>, Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut listener = Some(listener);
    thread::scope(|scope| {
        let start = |rank| {
            let listener = listener.take();
            scope.spawn(move || {
                let meeting = Meeting {
                    rank,
                    members: (0..processes).map(|rank| format!("process {rank}")).collect(),
                    host: "127.0.0.1".to_owned(),
                    port,
                    interface: None,
                    own: "127.0.0.1".to_owned(),
                    patience: Duration::from_mins(2),
                };
                let group = match listener {
                    Some(listener) => Group::lead(&meeting, listener),
                    None => Group::join(&meeting),
                };
                let group = group.unwrap();
                let data = Dataset { cohort, id: "made-up", sha256: "none" };
                let rows: Vec<usize> = (0..cohort.len()).collect();
                let model = train_together(
                    Some(&group),
                    (&data, &rows),
                    config,
                    checkpoints,
                    &mut |report| on_epoch(report),
                )?;
                group.leave()?;
                Ok(model)
            })
        };
        let threads: Vec<_> = (0..processes).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn go_on(_: &EpochReport) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn alone(cohort: &Cohort, config: &TrainConfig) -> Model {
    let data = Dataset { cohort, id: "made-up", sha256: "none" };
    let rows: Vec<usize> = (0..cohort.len()).collect();
    train(&data, &rows, config, None, &mut |report| go_on(report)).unwrap()
}

fn log_risks(model: &Model, cohort: &Cohort) -> Vec<f64> {
    let rows: Vec<usize> = (0..cohort.len()).collect();
    let predictions = model.score(cohort, &rows).unwrap();
    let mean = predictions.iter().map(|one| one.risk.0).sum::<f64>() / rows.len() as f64;
    predictions.iter().map(|one| one.risk.0 - mean).collect()
}

/// One process with as many parts gives the same bits, one with whole batches the same but for
/// rounding. The Cox likelihood leaves the risks' mean open: its slope is rounding alone, which the
/// optimizer takes for a direction, so that risks are compared by their distance from it.
fn check(name: &str, config: &TrainConfig, processes: usize) {
    let cohort = cohort(150);
    let mut models = in_processes(processes, &cohort, config, None, &go_on).into_iter();
    let together = models.next().unwrap().unwrap().expect("the first process has the model");
    assert!(models.all(|other| other.unwrap().is_none()), "{name}");
    let mut cut = config.clone();
    cut.training.shards = together.config().training.shards;
    assert_eq!(cut.training.shards, config.training.shards.max(processes), "{name}");
    assert!(alone(&cohort, &cut) == together, "{name}: another model than in one process");
    let whole = TrainConfig {
        training: oncoweave_model::TrainingConfig { shards: 1, ..config.training.clone() },
        ..config.clone()
    };
    let (whole, together) =
        (log_risks(&alone(&cohort, &whole), &cohort), log_risks(&together, &cohort));
    for (row, (a, b)) in whole.iter().zip(&together).enumerate() {
        assert!((a - b).abs() < 1e-4, "{name}, row {row}: {a} in one piece, {b} in parts");
    }
}

#[test]
fn steps_over_everybody() {
    check("whole batches", &config(), 2);
}

#[test]
fn batches_with_the_risk_sets_of_everybody() {
    let mut config = config();
    config.training.batch_size = 32;
    check("a bank of risks", &config, 2);
    config.heads.risk_set = RiskSet::Batch;
    check("risk sets of the batch", &config, 2);
}

#[test]
fn batches_so_small_that_a_process_has_nobody_in_some() {
    let mut config = config();
    config.training.batch_size = 2;
    config.training.epochs = 2;
    config.training.shards = 6;
    check("three processes with two parts each", &config, 3);
}

#[test]
fn every_kind_of_network_and_head() {
    for kind in [
        ArchitectureKind::LateFusion,
        ArchitectureKind::Gated,
        ArchitectureKind::LowRankBilinear,
        ArchitectureKind::Attention,
    ] {
        let mut config = config();
        config.network.kind = kind;
        config.network.modality_dropout = 0.2;
        config.network.norm = Norm::Layer;
        config.training.batch_size = 50;
        config.training.epochs = 3;
        config.training.ensemble = 1;
        if kind == ArchitectureKind::Gated {
            config.heads.survival = SurvivalHead::DiscreteTime;
        }
        check(&format!("{kind:?}"), &config, 2);
    }
}

#[test]
fn a_stack_of_models_is_the_same_too() {
    let mut config = config();
    config.model = ModelKind::Stack;
    config.training.epochs = 2;
    check("a stack", &config, 2);
}

#[test]
fn a_run_that_was_stopped_goes_on_in_another_number_of_processes() {
    let cohort = cohort(150);
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.training.shards = 2;
    let heard = AtomicUsize::new(0);
    // One of the processes hears the call, and all stop.
    let stop = |_: &EpochReport| {
        if heard.fetch_add(1, Ordering::Relaxed) == 4 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    for stopped in in_processes(2, &cohort, &config, Some(folder.path()), &stop) {
        assert!(matches!(stopped, Err(Error::Stopped { epoch: 3, .. })), "{stopped:?}");
    }
    let data = Dataset { cohort: &cohort, id: "made-up", sha256: "none" };
    let rows: Vec<usize> = (0..cohort.len()).collect();
    let mut first = None;
    let resumed = train(&data, &rows, &config, Some(folder.path()), &mut |report| {
        first.get_or_insert(report.record.epoch);
        ControlFlow::Continue(())
    });
    assert_eq!(first, Some(4));
    assert!(resumed.unwrap() == alone(&cohort, &config));
    // And back again.
    fs_err::remove_file(folder.path().join("model_0_2.safetensors")).unwrap();
    let models = in_processes(2, &cohort, &config, Some(folder.path()), &go_on);
    assert!(models[0].as_ref().unwrap().as_ref().unwrap() == &alone(&cohort, &config));
}

#[test]
fn settings_that_do_not_fit_are_told() {
    let cohort = cohort(40);
    let mut odd = config();
    odd.training.shards = 3;
    for result in in_processes(2, &cohort, &odd, None, &go_on) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("`training.shards` must be 1 or a multiple"), "{error}");
    }
    let mut batch = config();
    batch.network.norm = Norm::Batch;
    for result in in_processes(2, &cohort, &batch, None, &go_on) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("`training.shards` must be 1 with `network.norm"), "{error}");
    }
}
