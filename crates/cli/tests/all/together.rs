//! Several processes and several machines make the model of one.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use oncoweave_cohort::write_cohort;

use crate::container::cohort;

const SETTINGS: &str = "model = 'network'\n[network]\nwidth = 8\nfused_width = 8\n[training]\n\
                        ensemble = 2\nepochs = 5\nbatch_size = 20\n";

fn oncoweave(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oncoweave")).args(arguments).output().expect("it starts")
}

fn same_files(a: &Path, b: &Path) {
    for name in ["model.safetensors", "model.toml", "baseline.json", "training.json"] {
        let read = |folder: &Path| fs_err::read(folder.join(name)).expect("a model folder");
        assert!(read(a) == read(b), "{name} differs");
    }
}

#[test]
fn two_processes_train_the_model_of_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    write_cohort(&folder.path().join("cohort.parquet"), "together", &cohort()).expect("a table");
    fs_err::write(path("train.toml"), SETTINGS).expect("a file");
    fs_err::write(path("parts.toml"), format!("{SETTINGS}shards = 2\n")).expect("a file");
    let train = |settings: &str, out: &str, more: &[&str]| {
        let (settings, data, out) = (path(settings), path("cohort.parquet"), path(out));
        let arguments = ["train", &settings, "--data", &data, "--out", &out];
        let output = oncoweave(&[&arguments[..], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("trained 2 networks"), "{said}");
        assert!(said.starts_with("fusion: 2 networks of "), "{said}");
    };
    train("train.toml", "two", &["--processes", "2"]);
    train("parts.toml", "one", &["--metrics", &path("metrics")]);
    let lines = fs_err::read_to_string(path("metrics/metrics.jsonl")).expect("JSON lines");
    assert!(lines.lines().count() >= 4, "{lines}");
    assert!(lines.starts_with(r#"{"model":"fusion","member":1,"epoch":1,"#), "{lines}");
    for run in ["fusion_1", "fusion_2"] {
        let run = folder.path().join("metrics/tensorboard").join(run);
        assert_eq!(fs_err::read_dir(run).expect("a run of TensorBoard's").count(), 1);
    }
    same_files(&folder.path().join("two"), &folder.path().join("one"));
}

/// A machine's folder as the platform fills it; names that are addresses of this machine stand for
/// two machines.
fn machine(current: &str, hosts: [&str; 2], epochs: usize) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for folder in ["input/config", "input/data/train", "model", "output", "checkpoints"] {
        fs_err::create_dir_all(root.path().join(folder)).expect("a folder");
    }
    write_cohort(&root.path().join("input/data/train/cohort.parquet"), "together", &cohort())
        .expect("a table");
    // Without a validation part no run ends early.
    let settings =
        SETTINGS.replace("epochs = 5", &format!("epochs = {epochs}\nvalidation_fraction = 0.0"));
    fs_err::write(root.path().join("input/data/train/train.toml"), settings).expect("a file");
    let resources = format!(r#"{{"current_host": "{current}", "hosts": {hosts:?}}}"#);
    fs_err::write(root.path().join("input/config/resourceconfig.json"), resources).expect("a file");
    root
}

fn start(root: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_oncoweave"))
        .args(["container", "train"])
        .env("ONCOWEAVE_ML_ROOT", root)
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_mins(2), "{what} took too long");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The port is the same for all jobs of a machine, so that this is one test.
#[test]
fn two_machines_train_the_model_of_one_and_stop_together_and_fail_together() {
    let hosts = ["127.0.0.2", "127.0.0.1"];
    let roots = hosts.map(|host| machine(host, hosts, 5));
    let outputs = [1, 0].map(|at| start(roots[at].path())).map(Child::wait_with_output);
    let [first, second] = outputs.map(|output| output.expect("our own child"));
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
    // 127.0.0.1 is the first in the order of names.
    assert!(String::from_utf8_lossy(&first.stdout).contains("epoch=5; member=2;"));
    assert!(second.stdout.is_empty(), "{}", String::from_utf8_lossy(&second.stdout));
    assert!(roots[1].path().join("model/model.toml").exists());
    assert!(!roots[0].path().join("model/model.toml").exists());

    let alone = machine("127.0.0.1", ["127.0.0.1", "127.0.0.1"], 5);
    let settings = alone.path().join("input/data/train/train.toml");
    let whole = fs_err::read_to_string(&settings).expect("it was written");
    fs_err::write(&settings, format!("{whole}shards = 2\n")).expect("a file");
    let output = start(alone.path()).wait_with_output().expect("our own child");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    same_files(&roots[1].path().join("model"), &alone.path().join("model"));

    stops_together(hosts);
    fails_together(hosts);
}

fn checkpoint(root: &Path) -> bool {
    root.join("checkpoints/127.0.0.1/model_0_1.safetensors").exists()
}

/// One machine is asked to stop; both do, and the first has the checkpoint.
fn stops_together(hosts: [&str; 2]) {
    let roots = hosts.map(|host| machine(host, hosts, 1_000_000));
    let children = roots.each_ref().map(|root| start(root.path()));
    wait_until("a first checkpoint", || checkpoint(roots[1].path()));
    let kill = format!("kill -TERM {}", children[0].id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh is there").success());
    for child in children {
        let output = child.wait_with_output().expect("our own child");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(!checkpoint(roots[0].path()));
    assert!(roots.iter().all(|root| !root.path().join("output/failure").exists()));
}

/// One machine dies; the other says which.
fn fails_together(hosts: [&str; 2]) {
    for dies in [0, 1] {
        let roots = hosts.map(|host| machine(host, hosts, 1_000_000));
        let mut children = roots.each_ref().map(|root| start(root.path()));
        wait_until("a first checkpoint", || checkpoint(roots[1].path()));
        children[dies].kill().expect("our own child");
        let start = Instant::now();
        for (at, child) in children.into_iter().enumerate() {
            let output = child.wait_with_output().expect("our own child");
            assert!(!output.status.success());
            if at != dies {
                let failure = fs_err::read_to_string(roots[at].path().join("output/failure"));
                let expected =
                    format!("`{}` no longer takes part; its own log says why", hosts[dies]);
                assert_eq!(failure.expect("the failure is written"), expected);
            }
        }
        assert!(start.elapsed() < Duration::from_mins(1));
    }
}
