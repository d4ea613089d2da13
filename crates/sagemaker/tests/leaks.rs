//! Nobody's name comes out of what the launcher says and writes without a network: predictions, records
//! and evaluations that name patients go through every command that can run here, and each byte of
//! stdout, stderr and files is searched.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fs_err as fs;

/// What a record says of somebody beside the features: no request, file or error repeats it.
const SECRETS: [&str; 5] =
    ["Zyxwpatient", "Qvorna", "9434765919", "qv.orna@nowhere.example", "1961-04-03"];
/// What results call a patient.
const ID: &str = "QZKP-0001";
const SETTINGS: &str = include_str!("../../../pipelines/sagemaker/sagemaker.toml");
const SEARCH: &str = include_str!("../../../pipelines/sagemaker/search.toml");
const RECORD: &str = "\"patient_id\": \"QZKP-0001\", \"clinical.age\": 70, \"name\": \"Qvorna \
                      Zyxwpatient\", \"nhs\": \"9434765919\", \"mail\": \"qv.orna@nowhere.example\", \
                      \"born\": \"1961-04-03\"";
const ANSWER: &str = "\"patient_id\": \"QZKP-0001\", \"risk\": 0.4, \"survival\": [{\"time_days\": \
                      365, \"survival\": 0.8}]";

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.write("sagemaker.toml", SETTINGS);
        place.write("search.toml", SEARCH);
        place.write("records.jsonl", &format!("{{{RECORD}}}\n"));
        place.write("cohort.parquet", &format!("PAR1{RECORD}PAR1"));
        place.write("model/model.toml", "schema = 1\n");
        place.write("model/card.json", "{\"model_overview\": {\"model_creator\": \"us\"}}");
        let excluded =
            "{\"patient_id\": \"QZKP-0001\", \"reason\": \"Qvorna Zyxwpatient, 9434765919\"}";
        let evaluation = format!(
            "{{\"patients\": 40, \"events\": 20, \"models\": [{{\"c_index\": {{\"value\": 0.7, \"low\": \
             0.6, \"high\": 0.8}}}}], \"exclusions\": [{excluded}], \"notes\": [\"1961-04-03\"]}}"
        );
        place.write("evaluation.json", &evaluation);
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), text).unwrap();
    }

    /// Runs a command in the folder, and looks at what it says.
    fn run(&self, expected: i32, forbidden: &[&str], arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oncoweave-sagemaker"));
        command.args(arguments).current_dir(self.folder.path()).env("RUST_LOG", "trace");
        // Nobody answers there.
        for (name, value) in [
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_ACCESS_KEY_ID", "made-up"),
            ("AWS_SECRET_ACCESS_KEY", "made-up"),
            ("AWS_MAX_ATTEMPTS", "1"),
        ] {
            command.env(name, value);
        }
        let output = command.output().unwrap();
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&said)
        );
        assert!(!said.is_empty(), "{arguments:?} says nothing");
        look(&format!("{arguments:?}"), &said, forbidden);
        output
    }

    fn look_at_files(&self, folder: &str, forbidden: &[&str]) -> String {
        let mut all = String::new();
        for entry in fs::read_dir(self.at(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            look(&path.display().to_string(), text.as_bytes(), forbidden);
            all += &text;
        }
        all
    }
}

fn look(place: &str, bytes: &[u8], forbidden: &[&str]) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    for secret in forbidden {
        assert!(!text.contains(&secret.to_lowercase()), "{place} holds `{secret}`: {text}");
    }
}

#[test]
fn requests_name_files_and_never_what_is_in_them() {
    let place = Place::new();
    let all = [&SECRETS[..], &[ID]].concat();
    let package = "arn:aws:sagemaker:eu-central-1:111122223333:model-package/lung/1";
    for arguments in [
        &["process", "s3://cohorts/lung/cohort", "--name", "a"][..],
        &["train", "--name", "a", "--train", "cohort.parquet"],
        &["tune", "search.toml", "--name", "a", "--train", "cohort.parquet"],
        &["register", "model", "--group", "lung", "--evaluation", "evaluation.json"],
        &["deploy", "lung", "--package", package],
        &["transform", "records.jsonl", "--name", "a", "--package", package, "--join"],
        &["invoke", "lung", "records.jsonl"],
        &["invoke", "lung", "records.jsonl", "--async"],
        &["relay", "lung"],
        &["pipeline", "--group", "lung", "--search", "search.toml", "--create"],
    ] {
        let output = place.run(0, &all, &[arguments, &["--dry-run"]].concat());
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).expect("requests");
        assert!(!shown.as_array().unwrap().is_empty(), "{arguments:?}");
    }
    for arguments in [
        &["pipeline", "--group", "lung", "--search", "search.toml"][..],
        &["pipeline", "--group", "lung", "--search", "search.toml", "--step-functions"],
        &["pipeline", "--group", "lung", "--search", "search.toml", "--approval-rule"],
        &["policy", "template"],
        &["policy", "--out", "policies"],
    ] {
        place.run(0, &all, arguments);
    }
    place.look_at_files("policies", &all);
    // What could not be sent, and an address that others could ask at.
    place.run(1, &all, &["invoke", "lung", "records.jsonl"]);
    place.run(1, &all, &["transform", "records.jsonl", "--name", "a", "--package", package]);
    place.run(1, &all, &["relay", "lung", "--listen", "0.0.0.0:0"]);
}

#[test]
fn tables_for_quicksight_have_the_answers_and_not_the_records_beside_them() {
    let place = Place::new();
    let failed = "{\"patient_id\": \"QZKP-0002\", \"error\": {\"code\": \"bad_value\", \"message\": \
                  \"Qvorna Zyxwpatient\"}}";
    let joined = format!("{{{RECORD}, \"SageMakerOutput\": {{{ANSWER}}}}}\n{failed}\n");
    place.write("joined.jsonl", &joined);
    place.write("answer.csv", "patient_id,risk\nQZKP-0001,0.4\n");
    for (predictions, rows) in [("joined.jsonl", 2), ("answer.csv", 1)] {
        for without_ids in [false, true] {
            let out = format!("{predictions}-{without_ids}");
            let arguments = ["quicksight", predictions, "--out", &out, "--at", "s3://cohorts/lung"];
            let flag: &[&str] = if without_ids { &["--without-ids"] } else { &[] };
            let ids: &[&str] = if without_ids { &["QZKP-"] } else { &[] };
            place.run(0, &[&SECRETS[..], &[ID]].concat(), &[&arguments[..], flag].concat());
            let files = place.look_at_files(&out, &[&SECRETS[..], ids].concat());
            assert_eq!(files.contains(ID), !without_ids);
            let table = fs::read_to_string(place.at(&out).join("predictions.csv")).unwrap();
            assert_eq!(table.lines().count(), rows + 1, "{table}");
        }
    }
}

#[test]
fn errors_tell_where_and_never_what() {
    let place = Place::new();
    let secret = "Qvorna Zyxwpatient 9434765919 1961-04-03";
    let ragged = format!("patient_id,risk\nQZKP-0001,0.4,{secret}\n");
    for (name, text) in [
        ("a.jsonl", format!("{{{ANSWER}}}\n{{\"risk\": {secret}\n")),
        ("b.jsonl", format!("{{{ANSWER}}}\n{secret}\n")),
        ("c.csv", format!("{secret},QZKP-0001\n1,2\n")),
        ("d.csv", ragged),
        ("e.csv", String::new()),
    ] {
        place.write(name, &text);
        let all = [&SECRETS[..], &[ID]].concat();
        let arguments = ["quicksight", name, "--out", "out", "--at", "s3://cohorts/lung"];
        let output = place.run(1, &all, &arguments);
        assert!(String::from_utf8_lossy(&output.stderr).contains(name), "the file is told");
    }
    assert!(!Path::new(&place.at("out")).exists(), "nothing is written");
    place.write("broken.json", &format!("{{\"models\": [], \"exclusions\": {secret}"));
    place.run(
        1,
        &SECRETS,
        &["register", "model", "--group", "lung", "--evaluation", "broken.json", "--dry-run"],
    );
}
