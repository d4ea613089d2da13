//! Every route of the container: `process`, `gate`, `train`, `serve` and `evaluate`, with tables, records
//! and files that are right and wrong.

use std::{net::TcpListener, path::Path, process::Command};

use fs_err as fs;
use serde_json::{Value, json};

use super::{
    Way,
    corpus::PATIENT_IDS,
    running::{Client, Running},
    surfaces::{Surfaces, found_in},
};
use crate::{
    extract::{code, copy_folder, rows},
    raw::{form, zipped},
};

const ACCEPTED: [&str; 5] = [
    "application/json",
    "application/jsonlines",
    "text/csv",
    "application/x-parquet",
    "image/Zyxwpatient",
];
const SETTINGS: &str = r#"{"model": "network", "training.epochs": "3", "training.ensemble": "1"}"#;

pub(super) fn all_routes(way: &Way, table: &Path, surfaces: &mut Surfaces) {
    processed(way, surfaces);
    let job = way.at("judging");
    put(&job, "processing/input/cohort/cohort.parquet", &fs::read(table).unwrap());
    let gate = ["gate", "--min-patients", "10", "--min-events", "5"];
    container(&job, &gate, &[0], surfaces);
    container(&job, &["gate", "--min-patients", "9999", "--min-events", "5"], &[1], surfaces);
    surfaces.folder(&job.join("processing/output"), way.sentinel);
    surfaces.look("gate: message", &fs::read(job.join("output/message")).unwrap());
    trained(way, surfaces);
    evaluated(way, surfaces);
    failed_training(way, table, surfaces);
    served(way, surfaces);
}

fn put(root: &Path, name: &str, bytes: &[u8]) {
    fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
    fs::write(root.join(name), bytes).unwrap();
}

fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oncoweave"));
    command.arg("container").args(arguments).env("ONCOWEAVE_ML_ROOT", root);
    for name in ["SAGEMAKER_BIND_TO_PORT", "SAGEMAKER_MAX_PAYLOAD_IN_MB"] {
        command.env_remove(name);
    }
    command
}

fn container(root: &Path, arguments: &[&str], expected: &[i32], surfaces: &mut Surfaces) {
    let name = format!("container {}", arguments[0]);
    surfaces.process(expected, &mut command(root, arguments), &name);
    surfaces.reached.insert("container".to_owned());
}

/// A processing job, whole and then with a list that names a modality that is none.
fn processed(way: &Way, surfaces: &mut Surfaces) {
    let job = way.at("processing");
    let cohort = job.join("processing/input/cohort");
    copy_folder(way.manifest.parent().unwrap(), &cohort);
    put(&job, "config/resourceconfig.json", br#"{"current_host": "algo-1", "hosts": ["algo-1"]}"#);
    container(&job, &["process"], &[0], surfaces);
    surfaces.folder(&job.join("processing/output"), way.sentinel);
    // What the platform shows of a job has no id either.
    let message = fs::read(job.join("output/message")).unwrap();
    assert_eq!(found_in(&message, &PATIENT_IDS), [""; 0]);
    surfaces.look("process: message", &message);
    let clinical = cohort.join("clinical.csv");
    let broken = fs::read_to_string(&clinical).unwrap().replace("patient_id", "Zyxwpatient");
    fs::write(clinical, broken).unwrap();
    let output = command(&job, &["process"]).output().unwrap();
    assert_eq!(code(&output), 1);
    surfaces.look("process: message", &fs::read(job.join("output/message")).unwrap());
}

/// The part for training becomes a model.
fn trained(way: &Way, surfaces: &mut Surfaces) {
    let job = way.at("training");
    let table = fs::read(way.at("judging/processing/output/train/cohort.parquet")).unwrap();
    put(&job, "input/data/train/cohort.parquet", &table);
    put(&job, "input/config/hyperparameters.json", SETTINGS.as_bytes());
    container(&job, &["train"], &[0], surfaces);
    surfaces.folder(&job.join("model"), "early");
}

fn evaluated(way: &Way, surfaces: &mut Surfaces) {
    let job = way.at("evaluating");
    let table = fs::read(way.at("judging/processing/output/test/cohort.parquet")).unwrap();
    put(&job, "processing/input/cohort/cohort.parquet", &table);
    let model = job.join("processing/input/model/model.tar.gz");
    fs::create_dir_all(model.parent().unwrap()).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(&model).arg("-C").arg(way.at("training/model")).arg(".");
    assert!(tar.status().unwrap().success());
    container(&job, &["evaluate"], &[0], surfaces);
    surfaces.folder(&job.join("processing/output"), way.sentinel);
}

/// Tables and settings that cannot be trained on: what they say stays out of the failure.
fn failed_training(way: &Way, table: &Path, surfaces: &mut Surfaces) {
    let csv = |rows: &str| format!("patient_id,time_days,event,clinical.age\n{rows}").into_bytes();
    let cut_off = fs::read(table).unwrap();
    for (number, (name, bytes, settings)) in [
        ("cohort.csv", csv("Zyxwpatient,Qvorna,1,70\n"), "{}"),
        ("cohort.csv", csv("Zyxwpatient,-12,1,70\nZyxwpatient,3,1,9434765919\n"), "{}"),
        ("cohort.csv", csv("Zyxwpatient,5,Qvorna,70\n"), "{}"),
        ("cohort.csv", b"Qvorna Zyxwpatient, 9434765919\n\xff\xfe".to_vec(), "{}"),
        ("cohort.parquet", cut_off[..cut_off.len() / 2].to_vec(), "{}"),
        ("cohort.parquet", b"PAR1 Zyxwpatient".to_vec(), "{}"),
        ("Zyxwpatient.txt", b"Qvorna".to_vec(), "{}"),
    ]
    .into_iter()
    .enumerate()
    {
        let job = way.at(&format!("failing-{number}"));
        put(&job, &format!("input/data/train/{name}"), &bytes);
        put(&job, "input/config/hyperparameters.json", settings.as_bytes());
        let mut train = command(&job, &["train"]);
        let output = train.env("RUST_LOG", "trace").output().unwrap();
        assert_eq!(code(&output), 1, "{name}");
        let failure = fs::read(job.join("output/failure")).unwrap();
        assert!(failure.len() > 10);
        // A file's own name is told: it is the operator's.
        let failure = String::from_utf8(failure).unwrap().replace("Zyxwpatient.txt", "");
        let place = format!("train: failure {number}");
        surfaces.look(&place, failure.as_bytes());
        let log = String::from_utf8_lossy(&output.stderr).replace("Zyxwpatient.txt", "");
        surfaces.look(&format!("train: log {number}"), log.as_bytes());
    }
}

/// A server of the model, with every log that it has.
pub(super) fn server(way: &Way, log: &str) -> (Running, String) {
    let root = way.at("serving");
    if !root.exists() {
        copy_folder(&way.at("model"), &root.join("model"));
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut serve = command(&root, &["serve"]);
    serve.env("SAGEMAKER_BIND_TO_PORT", port.to_string());
    let mut running = Running::start(serve, &way.at(log));
    running.said("loaded the model");
    let address = format!("http://127.0.0.1:{port}");
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    (running, address)
}

fn served(way: &Way, surfaces: &mut Surfaces) {
    let (server, address) = server(way, "serve.log");
    let client = Client::new(&address);
    let mut has_id = false;
    let mut look = |name: &str, bytes: &[u8]| {
        has_id |= !found_in(bytes, &[way.sentinel]).is_empty();
        surfaces.look(&format!("serve: {name}"), bytes);
    };
    for path in ["/ping", "/execution-parameters", "/Zyxwpatient", "/models/9434765919"] {
        look(path, &client.get(path).bytes);
    }
    for (content, body) in bodies(way) {
        for accept in ACCEPTED {
            let headers = [
                ("content-type", content),
                ("accept", accept),
                ("x-amzn-sagemaker-custom-attributes", "features=true"),
            ];
            let answer = client.post("/invocations", &headers, &body);
            let kept = way.at("answer.parquet");
            let start = answer.bytes.windows(4).position(|four| four == b"PAR1");
            if let Some(start) = start {
                fs::write(&kept, &answer.bytes[start..]).unwrap();
                look(content, &super::surfaces::contents(&kept));
            }
            look(content, &answer.bytes);
        }
    }
    assert!(has_id, "no answer has the id that it was asked about");
    // The log has not even the ids.
    let log = server.end();
    assert!(!found_in(&log, &["answered"]).is_empty());
    assert_eq!(found_in(&log, &PATIENT_IDS), [""; 0]);
    surfaces.look("serve: log", &log);
}

/// Requests in every format, right, wrong and no such thing.
fn bodies(way: &Way) -> Vec<(&'static str, Vec<u8>)> {
    let id = format!("{}0001", way.sentinel);
    let secret = "Qvorna Zyxwpatient 9434765919";
    let records = [
        json!({"patient_id": id, "clinical.age": 70}),
        json!({"patient_id": id, "clinical.age": secret}),
        json!({"patient_id": id, "clinical.age": [secret]}),
        json!({"patient_id": id, "clinical.age": {secret: secret}}),
        json!({"patient_id": [secret], "clinical.age": 70}),
        json!(secret),
        json!([secret]),
    ];
    let mut bodies: Vec<(&'static str, Vec<u8>)> = Vec::new();
    for record in &records {
        bodies.push(("application/json", record.to_string().into_bytes()));
    }
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    bodies.push(("application/jsonlines", lines.join("\n").into_bytes()));
    bodies.push(("application/json", json!({"instances": records}).to_string().into_bytes()));
    bodies.push(("application/json", format!("{{\"patient_id\": {secret}").into_bytes()));
    bodies.push(("application/jsonlines", format!("{secret}\n\"{secret}").into_bytes()));
    for table in [
        format!("patient_id,clinical.age\n{id},70\n{id},{secret}\n"),
        format!("patient_id,clinical.age\n{id},70,{secret}\n"),
        format!("patient_id,clinical.age\n\"{secret}"),
        format!("{id},{secret}\n{id},70\n"),
    ] {
        bodies.push(("text/csv", table.into_bytes()));
    }
    bodies.push(("text/csv", [secret.as_bytes(), b"\xff\0\n"].concat()));
    let table = fs::read(way.at("aligned/cohort.parquet")).unwrap();
    bodies.push(("application/x-parquet", table[..table.len() / 2].to_vec()));
    bodies.push(("application/x-parquet", table));
    bodies.push(("application/x-parquet", format!("PAR1{secret}PAR1").into_bytes()));
    bodies.push(("image/Zyxwpatient", secret.as_bytes().to_vec()));
    bodies.extend(raw_files(way, secret));
    bodies
}

/// One patient's files as an archive and as parts: as they are, and with what is wrong about them.
fn raw_files(way: &Way, secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let cohort = way.manifest.parent().unwrap();
    let list = rows(&cohort.join("files.csv"));
    let genomes = list.iter().filter(|row| row["modality"] == "genomics");
    let row =
        genomes.max_by_key(|row| fs::metadata(cohort.join(&row["path"])).map_or(0, |m| m.len()));
    let row = row.expect("a genome");
    let clinical = rows(&cohort.join("clinical.csv"));
    let clinical = clinical.iter().find(|one| one["patient_id"] == row["patient_id"]).unwrap();
    let file = |path: &str| json!({"modality": "genomics", "path": path, "sample_id": row["sample_id"], "date": row["date"]});
    let case = |clinical: Value, path: &str| json!({"patient_id": row["patient_id"], "clinical": clinical, "files": [file(path)]});
    let path = row["path"].as_str();
    let genome = fs::read(cohort.join(path)).unwrap();
    let known = json!({"diagnosis_date": clinical["diagnosis_date"], "age": clinical["age"]});
    let strange = json!({"diagnosis_date": secret, "age": secret, secret: secret});
    let broken = format!("##fileformat=VCFv4.2\n{secret}\n").into_bytes();
    let mut bodies = Vec::new();
    let sent = |bytes: &[u8]| vec![(path.to_owned(), bytes.to_vec())];
    for (case, files) in [
        (case(known.clone(), path), sent(&genome)),
        (case(known.clone(), path), sent(&broken)),
        (case(strange, path), sent(&genome)),
        (case(known, "Zyxwpatient.vcf"), sent(&genome)),
        (json!([secret]), vec![]),
    ] {
        bodies.push(("application/zip", zipped(&case, &files)));
        bodies.push(("multipart/form-data; boundary=limit", form(&case, &files)));
    }
    bodies.push(("application/zip", format!("PK\x05\x06{secret}").into_bytes()));
    bodies
        .push(("multipart/form-data; boundary=limit", format!("--limit\r\n{secret}").into_bytes()));
    bodies
}
