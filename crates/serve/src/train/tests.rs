use oncoweave_cohort::write_cohort;
use oncoweave_core::{PatientId, Survival};

use super::*;
use crate::{redact::LONGEST_FAILURE, testing};

/// A root with a training table and the given hyperparameters.
fn job(hyperparameters: &str) -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::new(folder.path());
    let table = root.channel("train").join("cohort.parquet");
    write_cohort(&table, "test", &testing::cohort(80)).unwrap();
    put(&root.hyperparameters(), hyperparameters);
    (folder, root)
}

fn put(path: &Path, text: &str) {
    fs_err::create_dir_all(path.parent().expect("below the root")).expect("a folder");
    fs_err::write(path, text).expect("a file");
}

fn run(root: &Root) -> (Result<Outcome, Failure>, Vec<String>) {
    let mut lines = Vec::new();
    let outcome = train(root, &AtomicBool::new(false), &mut |line| lines.push(line.to_owned()));
    (outcome, lines)
}

// Contract: train.file train.metrics train.model tune.objective tune.texts train.foreign_hyperparameters
#[test]
fn a_job_prints_each_epoch_and_leaves_a_model() {
    let (_folder, root) =
        job(r#"{"model": "network", "training.epochs": "\"3\"", "training.ensemble": "1",
            "_tuning_objective_metric": "x"}"#);
    write_cohort(
        &root.channel("validation").join("part.parquet"),
        "validation",
        &testing::cohort(50),
    )
    .unwrap();
    let (outcome, lines) = run(&root);
    assert_eq!(outcome, Ok(Outcome::Finished));
    let epochs: Vec<&String> = lines.iter().filter(|line| line.starts_with("epoch=")).collect();
    assert_eq!(epochs.len(), 3, "{lines:?}");
    assert!(epochs[2].starts_with("epoch=3; train:loss="), "{lines:?}");
    assert!(lines[3].starts_with("kept members=1; train:loss="), "{lines:?}");
    assert!(lines[4].starts_with("validation:cindex=0."), "{lines:?}");
    assert_eq!(Model::load(&root.model()).unwrap().config().training.epochs, 3);
    assert!(!root.model().join(".new").exists());
    assert!(root.output_data().join("evaluation.json").exists());
    assert!(root.output_data().join("predictions.parquet").exists());
    assert!(!root.failure().exists());
    // A second job on the same disk replaces the model.
    put(&root.hyperparameters(), r#"{"training.epochs": "2"}"#);
    assert_eq!(run(&root).0, Ok(Outcome::Finished));
    assert_eq!(Model::load(&root.model()).unwrap().config().training.epochs, 2);
}

#[test]
fn settings_of_the_channel_hold_unless_a_hyperparameter_says_otherwise() {
    let (_folder, root) = job(r#"{"network.width": "8"}"#);
    let settings = "[network]\nwidth = 16\nfused_width = 4\n[training]\nepochs = 2\n";
    put(&root.channel("train").join("train.toml"), settings);
    assert_eq!(run(&root).0, Ok(Outcome::Finished));
    let model = Model::load(&root.model()).unwrap();
    assert_eq!(model.config().network.width, 8);
    assert_eq!(model.config().network.fused_width, 4);
}

// Contract: train.checkpoints train.host_names
#[test]
fn a_stop_ends_the_job_after_the_epoch_and_the_next_one_goes_on() {
    let (_folder, root) = job(r#"{"training.epochs": "6"}"#);
    let machine = r#"{"current_host": "algo-1", "hosts": ["algo-1"]}"#;
    put(&root.resource_config(), machine);
    fs_err::create_dir_all(root.checkpoints()).unwrap();
    let stop = AtomicBool::new(false);
    let mut lines = Vec::new();
    let outcome = train(&root, &stop, &mut |line| {
        lines.push(line.to_owned());
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!((outcome, lines.len()), (Ok(Outcome::Stopped), 2));
    let kept = root.checkpoints().join("algo-1").display().to_string();
    assert_eq!(lines[1], format!("stopped after epoch 1; checkpoint kept in {kept}"));
    assert!(!root.model().join("model.toml").exists());
    let (outcome, lines) = run(&root);
    assert_eq!(outcome, Ok(Outcome::Finished));
    assert!(lines[0].starts_with("epoch=2;"), "{lines:?}");
    let resumed = Model::load(&root.model()).unwrap();
    fs_err::remove_dir_all(root.checkpoints()).unwrap();
    assert_eq!(run(&root).0, Ok(Outcome::Finished));
    assert_eq!(Model::load(&root.model()).unwrap(), resumed);
}

// Contract: train.failure
#[test]
fn a_failure_says_what_to_do_and_names_no_patient() {
    type Case = (&'static str, fn(&Root), &'static str);
    let cases: [Case; 9] = [
        (
            "bad hyperparameter",
            |root| put(&root.hyperparameters(), r#"{"training.lr": "1"}"#),
            "unknown hyperparameter `training.lr`; the known ones are",
        ),
        (
            "no channel",
            |root| fs_err::remove_dir_all(root.channel("train")).unwrap(),
            "expected one channel named `train` or `training`, found neither",
        ),
        (
            "two channels",
            |root| fs_err::create_dir_all(root.channel("training")).unwrap(),
            "found both",
        ),
        (
            "two tables",
            |root| put(&root.channel("train").join("b.parquet"), ""),
            "found 2; put the aligned table there",
        ),
        (
            "another input mode",
            |root| {
                let text = r#"{"train": {"TrainingInputMode": "Stream"}}"#;
                put(&root.input_data_config(), text);
            },
            "set it to File, FastFile or Pipe",
        ),
        (
            "machines without this one",
            |root| put(&root.resource_config(), r#"{"hosts": ["algo-1", "algo-2"]}"#),
            "which this is, is none of them",
        ),
        (
            "no Parquet",
            |root| put(&root.channel("train").join("cohort.parquet"), "no"),
            "not a Parquet file",
        ),
        (
            "bad settings",
            |root| put(&root.channel("train").join("train.toml"), "[network]\nwidht = 1"),
            "widht",
        ),
        ("empty cohort", |root| write(root, 0), "none of the 0 has follow-up"),
    ];
    for (name, spoil, part) in cases {
        let (_folder, root) = job("{}");
        spoil(&root);
        let failure = run(&root).0.unwrap_err().to_string();
        assert!(failure.contains(part), "{name}: {failure}");
        assert_eq!(fs_err::read_to_string(root.failure()).unwrap(), failure);
        assert!(failure.chars().count() <= LONGEST_FAILURE, "{name}");
        assert!(!root.model().join("model.toml").exists(), "{name}");
    }
}

// Contract: tune.nan
#[test]
fn a_loss_that_is_not_a_number_ends_the_job_with_a_failure() {
    let (_folder, root) = job(r#"{"model": "network", "training.epochs": "1000",
        "training.learning_rate": "1", "training.weight_decay": "100"}"#);
    let (outcome, lines) = run(&root);
    let failure = outcome.unwrap_err().to_string();
    assert!(failure.contains("diverged in epoch"), "{failure}");
    assert!(failure.contains("lower `training.learning_rate`"), "{failure}");
    assert_eq!(fs_err::read_to_string(root.failure()).unwrap(), failure);
    // A tuner takes the last value that it sees.
    assert!(!lines.iter().any(|line| line.contains("NaN") || line.contains("inf")), "{lines:?}");
    assert!(!root.model().join("model.toml").exists());
}

// Contract: train.validation
#[test]
fn a_validation_channel_that_cannot_be_evaluated_is_found_before_training() {
    type Spoil = fn(&mut oncoweave_core::Cohort);
    let cases: [(&str, Spoil, &str); 4] = [
        ("no event", |cohort| cohort.survival = vec![None; cohort.len()], "observed event"),
        ("no modality", |cohort| cohort.columns.clear(), "it has none"),
        (
            "another modality",
            |cohort| cohort.columns.iter_mut().for_each(|one| one.modality = "rna".to_owned()),
            "those are clinical, ct, it has rna",
        ),
        ("a column less", |cohort| drop(cohort.columns.remove(0)), "`clinical.age`"),
    ];
    for (name, spoil, part) in cases {
        let (_folder, root) = job(r#"{"model": "network", "training.epochs": "1"}"#);
        let mut cohort = testing::cohort(30);
        spoil(&mut cohort);
        let table = root.channel("validation").join("cohort.parquet");
        write_cohort(&table, "validation", &cohort).unwrap();
        let (outcome, lines) = run(&root);
        let failure = outcome.unwrap_err().to_string();
        assert!(failure.contains(part), "{name}: {failure}");
        assert!(failure.contains("channel `validation` cannot be evaluated"), "{failure}");
        assert_eq!(lines, [""; 0], "{name}: it was trained");
    }
}

/// A job whose channels come through pipes, which are written when they are there.
// Contract: train.pipe
#[test]
fn pipes_give_the_same_model_as_files() {
    let (_folder, root) = job(r#"{"model": "network", "training.epochs": "2"}"#);
    let validation = root.channel("validation").join("cohort.parquet");
    write_cohort(&validation, "validation", &testing::cohort(50)).unwrap();
    assert_eq!(run(&root).0, Ok(Outcome::Finished));
    let model = Model::load(&root.model()).unwrap();
    let mode = r#"{"TrainingInputMode": "Pipe", "RecordWrapperType": "None"}"#;
    put(&root.input_data_config(), &format!(r#"{{"train": {mode}, "validation": {mode}}}"#));
    let writers: Vec<_> = ["train", "validation"]
        .into_iter()
        .map(|name| {
            let fifo = root.fifo(name);
            let folder = root.channel(name);
            let table = fs_err::read(folder.join("cohort.parquet")).unwrap();
            fs_err::remove_dir_all(folder).unwrap();
            let status = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
            assert!(status.success());
            std::thread::spawn(move || fs_err::write(&fifo, table).unwrap())
        })
        .collect();
    assert_eq!(run(&root).0, Ok(Outcome::Finished));
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(Model::load(&root.model()).unwrap(), model);
    assert!(root.output_data().join("evaluation.json").exists());
    let left = fs_err::read_dir(root.output()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains(".parquet")), "{left:?}");
}

// Contract: train.tensorboard train.debug_hook
#[test]
fn each_epoch_is_left_for_tensorboard_and_a_debugger_changes_nothing() {
    let (_folder, root) = job(r#"{"model": "network", "training.epochs": "2"}"#);
    let hook = root.hyperparameters().with_file_name("debughookconfig.json");
    put(&hook, r#"{"LocalPath": "/opt/ml/output/tensors", "CollectionConfigurations": null}"#);
    assert_eq!(run(&root).0, Ok(Outcome::Finished));
    let runs = fs_err::read_dir(root.output().join("tensorboard")).unwrap();
    let runs: Vec<_> = runs.map(|run| run.unwrap().path()).collect();
    assert!(!runs.is_empty());
    for run in runs {
        let mut events = fs_err::read_dir(&run).unwrap();
        let name = events.next().unwrap().unwrap().file_name();
        assert!(name.to_string_lossy().contains("tfevents"), "{name:?}");
    }
}

fn write(root: &Root, patients: usize) {
    let table = root.channel("train").join("cohort.parquet");
    write_cohort(&table, "test", &testing::cohort(patients)).expect("a table");
}

// Contract: train.no_patient
#[test]
fn a_patient_that_stands_twice_is_not_named_in_the_failure() {
    let (_folder, root) = job("{}");
    let mut cohort = testing::cohort(5);
    cohort.patients[3] = cohort.patients[1].clone();
    write_cohort(&root.channel("train").join("cohort.parquet"), "test", &cohort).unwrap();
    let failure = run(&root).0.unwrap_err().to_string();
    assert!(failure.contains("in more than one row (the ids"), "{failure}");
    assert!(!failure.contains("P1"), "{failure}");
}

// Contract: train.no_patient
#[test]
fn a_follow_up_below_zero_is_told_without_id_and_value() {
    let (_folder, root) = job("{}");
    let mut cohort = testing::cohort(5);
    cohort.patients[1] = PatientId::new("Smith`John 1950`x").unwrap();
    cohort.survival[1] = Some(Survival::until(-12345.5, true));
    write_cohort(&root.channel("train").join("cohort.parquet"), "test", &cohort).unwrap();
    let failure = run(&root).0.unwrap_err().to_string();
    let told = "cohort.parquet: row 2: `time_days` must be a finite number of days, zero or more";
    assert!(failure.contains(told), "{failure}");
    for part in ["Smith", "John", "1950", "12345"] {
        assert!(!failure.contains(part), "{failure}");
    }
}

#[test]
fn a_failure_of_an_earlier_job_is_removed() {
    let (_folder, root) = job(r#"{"training.epochs": "1"}"#);
    put(&root.failure(), "an earlier job");
    assert_eq!(run(&root).0, Ok(Outcome::Finished));
    assert!(!root.failure().exists());
}

#[test]
fn a_stop_without_a_place_for_checkpoints_says_that_nothing_is_kept() {
    let (_folder, root) = job(r#"{"training.epochs": "6"}"#);
    let mut lines = Vec::new();
    let outcome = train(&root, &AtomicBool::new(true), &mut |line| lines.push(line.to_owned()));
    assert_eq!(outcome, Ok(Outcome::Stopped));
    assert_eq!(lines[1], "stopped after epoch 1; no checkpoints folder, nothing kept");
    assert_eq!(lines.len(), 2);
}
