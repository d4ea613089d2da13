use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oncoweave_cohort::{PredictionLayout, write_atomically, write_predictions};
use oncoweave_collectives::Group;
use oncoweave_model::{EpochReport, FUSION, MetricsWriter, Model, NETWORK, train_together};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::channels::{Input, Machines, Table};
use crate::redact::{failure, shortened};
use crate::{Error, Root, channels, machines, metrics};

/// How a training job ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model is written.
    Finished,
    /// The platform asked to stop; what was learned so far is in the checkpoint, where the job has
    /// a place for one.
    Stopped,
}

/// Why a training job failed: what stands in the failure file, without any patient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

/// A flag that is raised when the platform asks the process to stop, by `SIGTERM` or `SIGINT`.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn stop_on_termination() -> Result<Arc<AtomicBool>, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Runs a training job: reads the configuration and the channels below `root`, trains, writes the
/// model and, where there is a validation channel, evaluates it into the output folder.
///
/// `print` gets one line for each epoch of the fusion model's networks, and one for what is kept.
/// When `stop` is raised, training ends after the epoch in hand, and one line says what is kept. Where the checkpoint folder
/// exists, training goes on from what lies there and leaves checkpoints there.
///
/// The machines of a job with several train each network together, with the same model as one would
/// have made of as many parts (`training.shards`). The first in the order of names alone prints,
/// writes checkpoints and the model. When one is gone, all others fail and say which.
///
/// # Errors
/// With the sentence that it also wrote to the failure file.
pub fn train(
    root: &Root,
    stop: &AtomicBool,
    print: &mut dyn FnMut(&str),
) -> Result<Outcome, Failure> {
    let text = match catch_unwind(AssertUnwindSafe(|| run(root, stop, print))) {
        Ok(Ok(outcome)) => return Ok(outcome),
        Ok(Err(error)) => failure(&error),
        Err(_) => "the program stopped on a fault of its own; the end of the log says where, \
                   please report it"
            .to_owned(),
    };
    let failure = Failure(shortened(&text));
    let written = write_atomically::<std::io::Error>(&root.failure(), |file| {
        file.write_all(failure.0.as_bytes())
    });
    if let Err(error) = written {
        tracing::error!(%error, "could not write the failure file");
    }
    Err(failure)
}

fn run(root: &Root, stop: &AtomicBool, print: &mut dyn FnMut(&str)) -> Result<Outcome, Error> {
    // A disk that was used before must not tell of another job.
    remove(&root.failure())?;
    let machines = channels::machines(root)?;
    let group = machines::meet(&machines)?;
    let leads = group.as_ref().is_none_or(|group| group.rank() == 0);
    let mut silent = |_: &str| {};
    // What the other machines print would be taken for figures of the job a second time.
    let print: &mut dyn FnMut(&str) = if leads { print } else { &mut silent };
    let input = channels::read(root)?;
    let checkpoints = checkpoints(root, &machines);
    let figures = if leads { Figures::open(root) } else { Figures(None) };
    let folder = checkpoints.as_deref();
    let model = match fit(group.as_ref(), &input, folder, stop, (print, figures)) {
        Ok(model) => model,
        Err(oncoweave_model::Error::Stopped { epoch, .. }) => {
            group.map_or(Ok(()), Group::leave)?;
            print(&metrics::stopped(epoch, checkpoints.as_deref()));
            return Ok(Outcome::Stopped);
        }
        Err(error) => return Err(error.into()),
    };
    group.map_or(Ok(()), Group::leave)?;
    // The other machines have nothing to write.
    let Some(model) = model else { return Ok(Outcome::Finished) };
    let model = model.with_extraction(input.train.extraction.clone());
    print(&metrics::kept(&model));
    save(&model, &root.model())?;
    if let Some(validation) = &input.validation {
        evaluate(&model, validation, &root.output_data(), print)?;
    }
    Ok(Outcome::Finished)
}

fn fit(
    group: Option<&Group>,
    input: &Input,
    checkpoints: Option<&Path>,
    stop: &AtomicBool,
    (print, mut figures): (&mut dyn FnMut(&str), Figures),
) -> Result<Option<Model>, oncoweave_model::Error> {
    let mut on_epoch = |report: &EpochReport| {
        // Epochs of other networks stay silent: a tuner could not tell them apart.
        if [FUSION, NETWORK].contains(&report.model) {
            print(&metrics::epoch(report));
        }
        figures.write(report);
        if stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let data = input.train.dataset();
    let rows = input.train.rows();
    train_together(group, (&data, &rows), &input.config, checkpoints, &mut on_epoch)
}

/// The folder of this machine's checkpoints, where the job has a place for them: all machines of a
/// job write into one place in S3, and a name that two of them used would be the last writer's.
fn checkpoints(root: &Root, machines: &Machines) -> Option<PathBuf> {
    let folder = root.checkpoints();
    folder.is_dir().then(|| folder.join(&machines.current_host))
}

/// Each epoch's figures for TensorBoard, in `tensorboard` of the output folder. They are no reason
/// to lose a training run: what cannot be written is told once and then left.
struct Figures(Option<MetricsWriter>);

impl Figures {
    fn open(root: &Root) -> Self {
        Self(MetricsWriter::open(&root.output()).inspect_err(Self::tell).ok())
    }

    fn write(&mut self, report: &EpochReport) {
        if let Some(Err(error)) = self.0.as_mut().map(|writer| writer.write(report)) {
            Self::tell(&error);
            self.0 = None;
        }
    }

    fn tell(error: &oncoweave_model::Error) {
        tracing::warn!(%error, "the epochs' figures cannot be written, TensorBoard shows none");
    }
}

/// Writes the model into a folder that may be a mount of the platform, which cannot be renamed:
/// whole beside the old files first, then moved into place, `model.toml` last.
fn save(model: &Model, folder: &Path) -> Result<(), Error> {
    const MARK: &str = "model.toml";
    let new = folder.join(".new");
    fs_err::create_dir_all(folder)?;
    model.save(&new)?;
    remove(&folder.join(MARK))?;
    let mut names = Vec::new();
    for entry in fs_err::read_dir(&new)? {
        names.push(entry?.file_name());
    }
    names.sort_by_key(|name| name == MARK);
    for name in names {
        remove(&folder.join(&name))?;
        fs_err::rename(new.join(&name), folder.join(&name))?;
    }
    Ok(fs_err::remove_dir(&new)?)
}

fn remove(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        fs_err::remove_dir_all(path)?;
    } else if path.exists() {
        fs_err::remove_file(path)?;
    }
    Ok(())
}

fn evaluate(
    model: &Model,
    table: &Table,
    folder: &Path,
    print: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let (evaluation, predictions) =
        oncoweave_model::evaluate(model, &table.dataset(), &table.rows())?;
    if let Some(line) = metrics::evaluated(&evaluation) {
        print(&line);
    }
    let layout = PredictionLayout {
        horizons_days: evaluation.horizons_days.clone(),
        classes: model.classes().to_vec(),
        competing: evaluation.competing.iter().map(|event| event.name.clone()).collect(),
    };
    write_predictions(&folder.join("predictions.parquet"), &predictions, &layout)?;
    let text = serde_json::to_string_pretty(&evaluation).expect("an evaluation has only text keys");
    write_atomically::<std::io::Error>(&folder.join("evaluation.json"), |file| {
        file.write_all(text.as_bytes())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
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
        assert!(
            !lines.iter().any(|line| line.contains("NaN") || line.contains("inf")),
            "{lines:?}"
        );
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
        let told =
            "cohort.parquet: row 2: `time_days` must be a finite number of days, zero or more";
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
}
