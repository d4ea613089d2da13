//! `oncoweave container process` as the platform runs it: folders, configuration files, exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use fs_err as fs;
use serde_json::json;
use tempfile::TempDir;

use crate::extract::{
    Fixture, assert_same_files, code, copy_folder, edit, extract, files, oncoweave, rows, stderr,
    text,
};

/// A machine of a processing job whose input is the cohort of the fixture.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new(host: &str, hosts: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Self { folder };
        copy_folder(&Fixture::get().cohort(), &machine.at("processing/input/cohort"));
        machine.put("config/resourceconfig.json", &json!({"current_host": host, "hosts": hosts}));
        machine
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, path: &str, value: &serde_json::Value) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), value.to_string()).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oncoweave"));
        command.args(["container", "process"]).args(arguments);
        command.env("ONCOWEAVE_ML_ROOT", self.folder.path()).env_remove("RUST_LOG");
        command
    }

    fn process(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn message(&self) -> String {
        fs::read_to_string(self.at("output/message")).unwrap()
    }

    /// Only what a joining machine needs: the manifest, its lists and tables.
    fn without_patients_files(self) -> Self {
        let list = self.at("processing/input/cohort/files.csv");
        let paths: Vec<String> = rows(&list).into_iter().map(|row| row["path"].clone()).collect();
        remove(&list, &paths);
        self
    }
}

/// Compares with what `extract` and `align` make of the same cohort at the same place: paths stand in
/// reasons.
fn assert_same_results(machine: &Machine) {
    copy_folder(&Fixture::get().cohort(), &machine.at("processing/input/cohort"));
    let manifest = machine.at("processing/input/cohort/cohort.toml");
    let folder = tempfile::tempdir().unwrap();
    let (features, cohort) = (folder.path().join("features"), folder.path().join("cohort"));
    assert_eq!(code(&extract(&manifest, &features, &[])), 3);
    let table = cohort.join("cohort.parquet");
    let arguments =
        ["align", text(&manifest), "--features", text(&features), "--out", text(&table)];
    assert_eq!(code(&oncoweave(&arguments)), 3);
    // The parts stay with the shares.
    for folder in [features.join(".parts"), machine.at("processing/output/features/.parts")] {
        if folder.exists() {
            fs::remove_dir_all(folder).unwrap();
        }
    }
    assert_same_files(&machine.at("processing/output/features"), &features);
    assert_same_files(&machine.at("processing/output/cohort"), &cohort);
}

// Contract: process.whole process.exit_code process.message process.read_only
#[test]
fn one_machine_extracts_and_aligns_and_counts_who_was_set_aside() {
    let machine = Machine::new("algo-1", &["algo-1"]);
    let before = files(&machine.at("processing/input"));
    let output = machine.process(&[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_same_results(&machine);
    assert!(files(&machine.at("processing/input")) == before, "the input was written to");
    let message = machine.message();
    assert!(message.contains("patients have something set aside"), "{message}");
    assert!(!message.contains("SIM-") && message.len() <= 1024, "{message}");
}

// Contract: process.shares process.whole_patients process.join
#[test]
fn shares_of_three_machines_join_without_the_patients_files() {
    let hosts = ["algo-3", "algo-1", "algo-2"];
    let uploaded = tempfile::tempdir().unwrap();
    // One folder after the other at one place, as all machines of a job have theirs.
    let machine = Machine::new("algo-1", &["algo-1"]);
    for host in hosts {
        copy_folder(&Fixture::get().cohort(), &machine.at("processing/input/cohort"));
        machine.put("config/resourceconfig.json", &json!({"current_host": host, "hosts": hosts}));
        // No file of the patients of the other machines is needed.
        let list = machine.at("processing/input/cohort/files.csv");
        let (mine, others) = divide(&list, host);
        assert!(!mine.is_empty(), "a machine without a patient");
        remove(&list, &others);
        let output = machine.process(&[]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let message = machine.message();
        assert!(message.starts_with(&format!("share {} of 3", &host[5..])), "{message}");
        assert!(!machine.at("processing/output/features").exists());
        copy_folder(&machine.at("processing/output/shares"), uploaded.path());
        fs::remove_dir_all(machine.at("processing/output")).unwrap();
    }
    let parts = |folder: &Path| {
        let names = files(&folder.join(".parts")).into_keys();
        names.filter(|name| !name.starts_with(".shares")).collect::<Vec<_>>()
    };
    assert_eq!(parts(uploaded.path()), parts(&Fixture::get().features()));
    copy_folder(uploaded.path(), &machine.at("processing/input/shares"));
    machine.put("config/resourceconfig.json", &json!({"current_host": "a", "hosts": ["a"]}));
    let machine = machine.without_patients_files();
    let output = machine.process(&[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_same_results(&machine);
}

/// Removes files and folders that a list names.
fn remove(list: &Path, paths: &[String]) {
    for path in paths.iter().map(|path| list.with_file_name(path)) {
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
}

/// The paths of the files list that belong to a host's patients, and those of the others: every
/// third patient in the order of ids.
fn divide(list: &Path, host: &str) -> (Vec<String>, Vec<String>) {
    let clinical = rows(&list.with_file_name("clinical.csv"));
    let usable = fs::read_to_string(Fixture::get().features().join("exclusions.csv")).unwrap();
    let mut ids: Vec<&String> = clinical.iter().map(|row| &row["patient_id"]).collect();
    // Patients whose clinical row was set aside have no place.
    ids.retain(|id| !usable.contains(&format!("{id},,extract,")));
    ids.sort();
    ids.dedup();
    let index: usize = host[5..].parse::<usize>().unwrap() - 1;
    let is_mine =
        |patient: &String| ids.binary_search(&patient).unwrap_or_else(|place| place) % 3 == index;
    let (mine, others): (Vec<_>, Vec<_>) =
        rows(list).into_iter().partition(|row| is_mine(&row["patient_id"]));
    let paths = |rows: Vec<BTreeMap<String, String>>| -> BTreeSet<String> {
        rows.into_iter().map(|row| row["path"].clone()).collect()
    };
    let (mine, others) = (paths(mine), paths(others));
    // A path that patients of two machines name is given to both.
    let others = others.difference(&mine).cloned().collect();
    (mine.into_iter().collect(), others)
}

// Contract: process.missing_share
#[test]
fn shares_that_are_missing_or_of_another_division_or_settings_are_named() {
    let joining = Machine::new("algo-1", &["algo-1"]).without_patients_files();
    let shares = joining.at("processing/input/shares");
    fs::create_dir_all(&shares).unwrap();
    let refused = |part: &str| {
        let output = joining.process(&[]);
        assert_eq!(code(&output), 1);
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
        assert!(!joining.at("processing/output").exists());
    };
    refused("holds no share");
    let share = |text: &str| {
        let machine = Machine::new("algo-1", &["algo-1"]);
        assert_eq!(code(&machine.process(&["--shard", text])), 0);
        copy_folder(&machine.at("processing/output/shares"), &shares);
    };
    share("1/2");
    refused("lacks the shares 2/2");
    share("1/3");
    refused("holds shares of 2 and of 3");
    fs::remove_file(shares.join(".parts/.shares/1-of-3.json")).unwrap();
    share("2/2");
    edit(&joining.at("processing/input/cohort/cohort.toml"), "bin_count = 32", "bin_count = 16");
    refused(
        "made from other settings, rows or another version of the program, the first of modality `mr`",
    );
}

// Contract: process.sharded_by_key process.outputs process.message
#[test]
fn a_job_that_cannot_end_well_is_refused_before_any_work() {
    let two = ["algo-1", "algo-2"];
    let job = |distribution: &str, output: &str| {
        json!({
            "ProcessingInputs": [{
                "InputName": "imaging",
                "S3Input": {
                    "LocalPath": "/opt/ml/processing/input/cohort",
                    "S3DataDistributionType": distribution,
                },
            }],
            "ProcessingOutputConfig": {
                "Outputs": [{"OutputName": "out", "S3Output": {"LocalPath": output}}],
                "KmsKeyId": null,
            },
        })
    };
    let everything = "/opt/ml/processing/output";
    for (name, host, hosts, job, part) in [
        (
            "torn patients",
            "algo-1",
            &two[..],
            job("ShardedByS3Key", everything),
            "the input \"imaging\" is ShardedByS3Key",
        ),
        (
            "no upload",
            "algo-1",
            &two[..1],
            job("FullyReplicated", "/opt/ml/processing/output/features"),
            "uploads nothing from",
        ),
        ("no host", "algo-9", &two[..], job("FullyReplicated", everything), "`algo-9`"),
    ] {
        let machine = Machine::new(host, hosts);
        machine.put("config/processingjobconfig.json", &job);
        let output = machine.process(&[]);
        assert_eq!(code(&output), 1, "{name}");
        assert!(stderr(&output).contains(part), "{name}: {}", stderr(&output));
        assert!(!machine.at("processing/output").exists(), "{name}");
        assert!(!machine.message().is_empty(), "{name}");
    }
    let machine = Machine::new("algo-1", &two[..1]);
    machine.put("config/processingjobconfig.json", &job("ShardedByS3Key", everything));
    assert_eq!(code(&machine.process(&[])), 0, "one machine has all objects");
}

// Contract: process.message
#[test]
fn the_message_of_a_failure_names_no_patient() {
    let machine = Machine::new("algo-1", &["algo-1"]);
    let list = machine.at("processing/input/cohort/files.csv");
    let own = fs::read_to_string(&list).unwrap();
    for (name, renamed, part) in [
        // An id stands at the beginning of a line.
        ("ids of another table", own.replace("\nSIM-", "\nSmith`J`-"), "no patient of"),
        ("paths of another table", own.replace("SIM-", "Smith`J`-"), "paths exists"),
    ] {
        assert_ne!(renamed, own);
        fs::write(&list, renamed).unwrap();
        let output = machine.process(&[]);
        assert_eq!(code(&output), 1, "{name}");
        let message = machine.message();
        assert!(message.contains(part) && message.contains("left out"), "{name}: {message}");
        assert!(!message.contains("Smith") && !message.contains("SIM-"), "{name}: {message}");
    }

    fs::remove_dir_all(machine.at("processing/input/cohort")).unwrap();
    let output = machine.process(&[]);
    assert_eq!(code(&output), 1);
    assert!(machine.message().contains("has a cohort.toml"), "{}", machine.message());
}

// Contract: process.stop
#[test]
fn a_stop_signal_ends_a_job_at_once() {
    let machine = Machine::new("algo-1", &["algo-1"]);
    let mut child = machine.command(&[]).stdout(Stdio::null()).spawn().unwrap();
    let parts = machine.at("processing/output/features/.parts");
    let start = Instant::now();
    while !parts.exists() && start.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(143));
    assert!(start.elapsed() < Duration::from_secs(30));
}
