//! `oncoweave container` as the platform runs it: a process, a folder, a socket and signals.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use oncoweave_cohort::write_cohort;
use oncoweave_core::{Cohort, CohortColumn, Column, FeatureInfo, PatientId, Survival};

pub(crate) const LONGEST_WAIT: Duration = Duration::from_mins(1);

pub(crate) fn column(
    modality: &str,
    name: &str,
    values: impl Iterator<Item = Option<f32>>,
) -> CohortColumn {
    CohortColumn {
        modality: modality.to_owned(),
        info: FeatureInfo {
            name: name.to_owned(),
            unit: String::new(),
            meaning: String::new(),
            standard: String::new(),
        },
        values: values.collect::<Column>(),
    }
}

/// Eighty patients whose survival falls with age and tumour volume; some lack the scan.
pub(crate) fn cohort() -> Cohort {
    let rows = 0..80_u16;
    let wave = |row: u16, speed: f32| (f32::from(row) * speed).sin();
    let age = |row| 60.0 + 10.0 * wave(row, 1.7);
    let volume = |row| 20.0 + 8.0 * wave(row, 2.9);
    let outcome = |row: u16| {
        let risk = (age(row) - 60.0) / 10.0 + (volume(row) - 20.0) / 8.0;
        let time = 700.0 * (-0.6 * risk + 0.5 * wave(row, 5.3)).exp();
        Survival::new(f64::from(time), !row.is_multiple_of(4)).expect("a positive time")
    };
    let scanned = |row: u16| !row.is_multiple_of(9);
    let id = |row: u16| PatientId::new(&format!("P{row}")).expect("a valid id");
    Cohort {
        patients: rows.clone().map(id).collect(),
        sites: vec![None; 80],
        index_dates: vec![None; 80],
        survival: rows.clone().map(|row| Some(outcome(row))).collect(),
        competing: vec![],
        labels: vec![None; 80],
        folds: vec![None; 80],
        columns: vec![
            column("clinical", "age", rows.clone().map(|row| Some(age(row)))),
            column("ct", "volume", rows.map(|row| scanned(row).then(|| volume(row)))),
        ],
    }
}

/// A root as the platform fills it.
pub(crate) fn root(hyperparameters: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for folder in ["input/config", "input/data/train", "model", "output"] {
        fs_err::create_dir_all(root.path().join(folder)).expect("a folder");
    }
    let table = root.path().join("input/data/train/cohort.parquet");
    write_cohort(&table, "container-test", &cohort()).expect("a table");
    let config = root.path().join("input/config/hyperparameters.json");
    fs_err::write(config, hyperparameters).expect("a file");
    root
}

pub(crate) fn container(root: &Path, command: &str) -> Command {
    let mut process = Command::new(env!("CARGO_BIN_EXE_oncoweave"));
    process.args(["container", command]).env("ONCOWEAVE_ML_ROOT", root);
    for name in ["SAGEMAKER_BIND_TO_PORT", "SAGEMAKER_MAX_PAYLOAD_IN_MB", "RUST_LOG"] {
        process.env_remove(name);
    }
    process
}

/// Asks a process to stop, as the platform does.
pub(crate) fn terminate(child: &Child) {
    // The shell's own `kill`: a small system has no program of that name.
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh is there").success());
}

pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    while start.elapsed() < LONGEST_WAIT {
        if let Some(status) = child.try_wait().expect("our own child") {
            return status;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("our own child");
    panic!("the process did not end within {LONGEST_WAIT:?}");
}

/// A served model; killed when the test fails before it ends by itself.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Its log is left in its stderr.
    pub(crate) fn start(root: &Path) -> Self {
        Self::listen(container(root, "serve").env("RUST_LOG", "info").stderr(Stdio::piped()))
    }

    /// A server whose log nobody reads, with more in its environment.
    pub(crate) fn start_with(root: &Path, environment: &[(&str, &str)]) -> Self {
        let environment = environment.iter().copied();
        Self::listen(container(root, "serve").env("RUST_LOG", "error").envs(environment))
    }

    fn listen(command: &mut Command) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let child = command
            .env("SAGEMAKER_BIND_TO_PORT", port.to_string())
            .spawn()
            .expect("the program starts");
        let server = Self { child, address: format!("http://127.0.0.1:{port}") };
        let start = Instant::now();
        while ureq::get(format!("{}/ping", server.address)).call().is_err() {
            assert!(start.elapsed() < LONGEST_WAIT, "no ping");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    pub(crate) fn post(&self, content: &str, accept: &str, body: &str) -> (u16, String) {
        let mut answer = ureq::post(format!("{}/invocations", self.address))
            .config()
            .http_status_as_error(false)
            .build()
            .header("content-type", content)
            .header("accept", accept)
            .send(body)
            .expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        (answer.status().as_u16(), text)
    }
}

// Contract: serve.bind_to_port serve.drain serve.formats serve.no_patient batch.one_for_one train.hyperparameters
#[test]
fn trains_serves_answers_and_stops() {
    let root = root(
        r#"{"model": "network", "training.epochs": "\"3\"", "training.ensemble": "1", "sagemaker_region": "\"x\""}"#,
    );
    let trained = container(root.path(), "train").output().unwrap();
    let lines = String::from_utf8(trained.stdout).unwrap();
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    assert_eq!(lines.lines().filter(|line| line.starts_with("epoch=")).count(), 3, "{lines}");
    assert!(lines.starts_with("epoch=1; train:loss="), "{lines}");

    let mut server = Server::start(root.path());
    let ping = ureq::get(format!("{}/ping", server.address)).call().unwrap();
    assert_eq!(ping.status().as_u16(), 200);
    let records = "{\"patient_id\":\"SECRET-1\",\"clinical.age\":75,\"ct.volume\":28}\n\
                   {\"patient_id\":\"SECRET-2\",\"clinical.age\":\"old\"}\n\
                   {\"patient_id\":\"SECRET-3\",\"clinical.age\":45,\"ct.volume\":13}\n";
    let (status, text) = server.post("application/jsonlines", "*/*", records);
    assert_eq!(status, 200, "{text}");
    let answers: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 3);
    assert!(answers[0]["risk"].as_f64().unwrap() > answers[2]["risk"].as_f64().unwrap());
    assert_eq!(answers[1]["error"]["code"], "invalid_value");
    let csv = "patient_id,clinical.age,ct.volume\nSECRET-1,75,28\nSECRET-4,,\n";
    let (status, text) = server.post("text/csv", "text/csv", csv);
    assert_eq!((status, text.lines().count()), (200, 3), "{text}");
    assert_eq!(server.post("image/png", "*/*", "x").0, 415);
    assert_eq!(server.post("text/csv", "image/png", csv).0, 406);
    assert_eq!(server.post("text/csv", "*/*", "\u{0}\n").0, 400);

    terminate(&server.child);
    assert_eq!(wait(&mut server.child).code(), Some(0));
    let log = BufReader::new(server.child.stderr.take().unwrap());
    let log: Vec<String> = log.lines().map(Result::unwrap).collect();
    assert!(log.iter().any(|line| line.contains("answered")), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("SECRET")), "{log:?}");
}

// Contract: train.failure train.exit_code
#[test]
fn a_bad_hyperparameter_leaves_a_failure_and_an_exit_code() {
    let root = root(r#"{"training.lr": "0.1"}"#);
    let trained = container(root.path(), "train").output().unwrap();
    assert_eq!(trained.status.code(), Some(1));
    let failure = fs_err::read_to_string(root.path().join("output/failure")).unwrap();
    assert!(failure.starts_with("unknown hyperparameter `training.lr`"), "{failure}");
    assert!(failure.chars().count() <= 1024);
    assert!(String::from_utf8(trained.stderr).unwrap().contains(&failure));
}

// Contract: train.stop
#[test]
fn a_stop_signal_ends_training_with_a_checkpoint_and_exit_code_0() {
    let root = root(
        r#"{"training.epochs": "1000000", "training.patience": "1000000",
            "training.validation_fraction": "0"}"#,
    );
    let checkpoints = root.path().join("checkpoints");
    fs_err::create_dir_all(&checkpoints).unwrap();
    let mut child =
        container(root.path(), "train").stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("epoch=1;"));
    terminate(&child);
    // Read on, so that the process never waits for a full pipe.
    let reader = std::thread::spawn(move || lines.count());
    assert_eq!(wait(&mut child).code(), Some(0));
    assert!(reader.join().unwrap() < 1_000_000);
    let left = fs_err::read_dir(&checkpoints).unwrap().count();
    assert!(left > 0, "no checkpoint");
    assert!(!root.path().join("output/failure").exists());
}

// Contract: train.checkpoints train.stop
#[test]
fn a_job_that_was_stopped_ends_with_the_model_of_one_that_was_not() {
    let settings = r#"{"model": "network", "training.epochs": "3000", "training.ensemble": "1",
        "training.validation_fraction": "0", "network.width": "8", "network.fused_width": "8"}"#;
    let whole = root(settings);
    assert!(container(whole.path(), "train").output().unwrap().status.success());
    let root = root(settings);
    fs_err::create_dir_all(root.path().join("checkpoints")).unwrap();
    let mut child =
        container(root.path(), "train").stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("epoch=1;"));
    // 3,000 lines do not fit into a pipe: the job cannot be at its end before they are read.
    terminate(&child);
    let last = lines.map(Result::unwrap).last().unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
    let epoch = last.strip_prefix("stopped after epoch ").and_then(|rest| rest.split(';').next());
    let epoch: usize = epoch.expect("it was stopped").parse().unwrap();
    assert!(!root.path().join("model/model.toml").exists());
    let again = container(root.path(), "train").output().unwrap();
    let lines = String::from_utf8(again.stdout).unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert!(lines.starts_with(&format!("epoch={};", epoch + 1)), "{:?}", lines.lines().next());
    for name in ["model.safetensors", "model.toml", "baseline.json"] {
        let read = |root: &Path| fs_err::read(root.join("model").join(name)).unwrap();
        assert!(read(root.path()) == read(whole.path()), "{name} is another");
    }
}

// Contract: train.stop_in_time
#[test]
fn a_stop_signal_ends_a_job_that_waits_for_its_channel() {
    let root = root("{}");
    let folder = root.path().join("input/data/train");
    fs_err::remove_dir_all(&folder).unwrap();
    let mode = r#"{"train": {"TrainingInputMode": "Pipe"}}"#;
    fs_err::write(root.path().join("input/config/inputdataconfig.json"), mode).unwrap();
    let mut child =
        container(root.path(), "train").env("ONCOWEAVE_STOP_SECONDS", "1").spawn().unwrap();
    // The signal must not come before it is listened for, which the kernel tells: bit 14 is SIGTERM.
    let listens = || {
        let status = fs_err::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << 14) != 0
    };
    let start = Instant::now();
    while !listens() {
        assert!(start.elapsed() < LONGEST_WAIT, "it listens for no signal");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(child.try_wait().unwrap().is_none(), "it did not wait for its channel");
    terminate(&child);
    assert_eq!(wait(&mut child).code(), Some(0));
    assert!(!root.path().join("output/failure").exists());
}

// Contract: serve.no_model
#[test]
fn without_a_model_the_server_says_which_file_it_misses() {
    let root = root("{}");
    let served = container(root.path(), "serve").output().unwrap();
    assert_eq!(served.status.code(), Some(1));
    let error = String::from_utf8(served.stderr).unwrap();
    assert!(error.contains("model.toml"), "{error}");
}
