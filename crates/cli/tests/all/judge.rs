//! The gate and the judgement of a pipeline, and the launcher beside the program.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use oncoweave_cohort::{read_cohort, write_cohort};
use serde_json::Value;

use super::container::cohort;

fn container(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oncoweave"))
        .arg("container")
        .args(arguments)
        .env("ONCOWEAVE_ML_ROOT", root)
        .output()
        .expect("the program starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs_err::read(path).expect("a file")).expect("JSON")
}

/// A root with the aligned table of a processing job.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let input = root.path().join("processing/input/cohort");
    fs_err::create_dir_all(&input).expect("a folder");
    write_cohort(&input.join("cohort.parquet"), "judged", &cohort()).expect("a table");
    // What `align` writes beside it is no table of patients.
    fs_err::write(input.join("lineage.parquet"), "").expect("a file");
    fs_err::write(input.join("exclusions.csv"), "").expect("a file");
    root
}

#[test]
fn a_cohort_that_is_too_small_fails_with_a_sentence() {
    let root = root();
    for (flag, sentence) in [
        ("--min-patients", "the cohort has 80 patients of known outcome, fewer than the 81"),
        ("--min-events", "the cohort has 60 events, fewer than the 81"),
    ] {
        let other = if flag == "--min-events" { "--min-patients" } else { "--min-events" };
        let done = container(root.path(), &["gate", flag, "81", other, "1"]);
        assert_eq!(done.status.code(), Some(1), "{}", said(&done));
        assert!(said(&done).contains(sentence), "{}", said(&done));
        let message =
            fs_err::read_to_string(root.path().join("output/message")).expect("a message");
        assert!(message.starts_with(sentence), "{message}");
        assert!(!root.path().join("processing/output/train").exists());
    }
}

#[test]
fn a_model_is_trained_on_one_part_and_judged_on_the_other() {
    let root = root();
    let done = container(root.path(), &["gate", "--min-patients", "80", "--min-events", "60"]);
    assert!(done.status.success(), "{}", said(&done));
    let output = root.path().join("processing/output");
    let parts = ["train", "test"]
        .map(|name| read_cohort(&output.join(name).join("cohort.parquet")).expect("a table"));
    assert_eq!(parts.each_ref().map(oncoweave_core::Cohort::len), [64, 16]);
    assert!(parts[0].patients.iter().all(|patient| !parts[1].patients.contains(patient)));
    assert_eq!(json(&output.join("quality.json"))["events"], 60);

    // The training part becomes a training job's channel, whose model is packed by the platform.
    let job = root.path().join("job");
    for folder in ["input/config", "input/data/train"] {
        fs_err::create_dir_all(job.join(folder)).expect("a folder");
    }
    fs_err::copy(output.join("train/cohort.parquet"), job.join("input/data/train/cohort.parquet"))
        .expect("a copy");
    let settings = r#"{"model": "network", "training.epochs": "3", "training.ensemble": "1"}"#;
    fs_err::write(job.join("input/config/hyperparameters.json"), settings).expect("a file");
    let done = container(&job, &["train"]);
    assert!(done.status.success(), "{}", said(&done));
    let judged = root.path().join("judged");
    for folder in ["processing/input/model", "processing/input/cohort"] {
        fs_err::create_dir_all(judged.join(folder)).expect("a folder");
    }
    fs_err::copy(
        output.join("test/cohort.parquet"),
        judged.join("processing/input/cohort/cohort.parquet"),
    )
    .expect("a copy");
    let packed = Command::new("tar")
        .arg("-czf")
        .arg(judged.join("processing/input/model/model.tar.gz"))
        .arg("-C")
        .arg(job.join("model"))
        .arg(".")
        .status()
        .expect("tar is there");
    assert!(packed.success());
    let done = container(&judged, &["evaluate"]);
    assert!(done.status.success(), "{}", said(&done));
    let output = judged.join("processing/output");
    let (verdict, evaluation) =
        (json(&output.join("verdict.json")), json(&output.join("evaluation.json")));
    let c_index = |model: usize| evaluation["models"][model]["c_index"]["value"].as_f64();
    assert_eq!(verdict["c_index"]["value"].as_f64(), c_index(0));
    assert_eq!(verdict["baseline_c_index"]["value"].as_f64(), c_index(1));
    let gain = c_index(0).expect("a C-index") - c_index(1).expect("a C-index");
    assert_eq!(verdict["gain"].as_f64(), Some(gain));
    assert_eq!(verdict["patients"], 16);
    assert!(output.join("report.html").is_file());
}

#[test]
fn the_launcher_is_the_program_beside_this_one() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let program = folder.path().join("oncoweave");
    fs_err::hard_link(env!("CARGO_BIN_EXE_oncoweave"), &program).expect("a link");
    let run = || Command::new(&program).args(["sagemaker", "train", "--help"]).output();
    let absent = run().expect("the program starts");
    assert_eq!(absent.status.code(), Some(1));
    assert!(said(&absent).contains("cargo install --path crates/sagemaker"), "{}", said(&absent));
    let beside = folder.path().join("oncoweave-sagemaker");
    fs_err::write(&beside, "#!/bin/sh\necho \"$@\"\nexit 7\n").expect("a file");
    fs_err::set_permissions(&beside, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let there = run().expect("the program starts");
    assert_eq!(String::from_utf8_lossy(&there.stdout), "train --help\n");
    assert_eq!(there.status.code(), Some(7));
}
