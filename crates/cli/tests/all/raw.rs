//! One patient's raw files to a served model: the features and the risk of training, bit for bit.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use fs_err as fs;
use oncoweave_cohort::{read_cohort, read_predictions};
use serde_json::{Value, json};

use crate::container::Server;
use crate::extract::{Fixture, code, oncoweave, rows, stderr, text};

/// The clinical columns that the manifest names.
const CLINICAL: [&str; 8] =
    ["diagnosis_date", "age", "sex", "stage", "smoker", "ecog", "hemoglobin", "ldh"];

/// What a request for a patient holds: the case and every file by its path.
fn case(
    cohort: &Path,
    patient: &str,
    keep: &dyn Fn(&str) -> bool,
) -> (Value, Vec<(String, Vec<u8>)>) {
    let of = |name: &str| {
        rows(&cohort.join(name)).into_iter().filter(|row| row["patient_id"] == patient)
    };
    let clinical = of("clinical.csv").next().unwrap();
    let clinical: BTreeMap<&str, &String> =
        CLINICAL.iter().map(|name| (*name, &clinical[*name])).collect();
    let (mut files, mut contents) = (vec![], vec![]);
    for row in of("files.csv").filter(|row| keep(&row["modality"])) {
        let mut file = serde_json::Map::new();
        for (name, cell) in
            row.iter().filter(|(name, cell)| !cell.is_empty() && *name != "patient_id")
        {
            file.insert(name.clone(), json!(cell));
        }
        files.push(Value::Object(file));
        for path in
            [row.get("path"), row.get("mask")].into_iter().flatten().filter(|p| !p.is_empty())
        {
            collect(cohort, Path::new(path), &mut contents);
        }
    }
    (json!({ "patient_id": patient, "clinical": clinical, "files": files }), contents)
}

fn collect(root: &Path, path: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    let full = root.join(path);
    if full.is_dir() {
        for entry in fs::read_dir(full).unwrap() {
            collect(root, &path.join(entry.unwrap().file_name()), found);
        }
    } else {
        found.push((text(path).to_owned(), fs::read(full).unwrap()));
    }
}

pub(crate) fn zipped(case: &Value, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut put = |name: &str, bytes: &[u8]| {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated);
        writer.start_file(name, options).unwrap();
        writer.write_all(bytes).unwrap();
    };
    put("case.json", case.to_string().as_bytes());
    for (name, bytes) in files {
        put(name, bytes);
    }
    writer.finish().unwrap().into_inner()
}

pub(crate) fn form(case: &Value, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![];
    let mut put = |disposition: &str, bytes: &[u8]| {
        write!(body, "--limit\r\nContent-Disposition: form-data; {disposition}\r\n\r\n").unwrap();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    };
    put("name=\"case\"", case.to_string().as_bytes());
    for (name, bytes) in files {
        put(&format!("name=\"file\"; filename=\"{name}\""), bytes);
    }
    body.extend_from_slice(b"--limit--\r\n");
    body
}

fn post(server: &Server, content: &str, body: &[u8]) -> (u16, String) {
    let mut answer = ureq::post(format!("{}/invocations", server.address))
        .config()
        .http_status_as_error(false)
        .build()
        .header("content-type", content)
        .header("x-amzn-sagemaker-custom-attributes", "features=true")
        .send(body)
        .expect("an answer");
    let text = answer.body_mut().read_to_string().expect("text");
    (answer.status().as_u16(), text)
}

/// A root with a model of the fixture's cohort, and the aligned table and predictions beside it.
fn trained(fixture: &Fixture, root: &Path) {
    let at = |name: &str| root.join(name);
    let manifest = fixture.cohort().join("cohort.toml");
    let run = |arguments: &[&str]| {
        let output = oncoweave(arguments);
        assert!([0, 3].contains(&code(&output)), "{arguments:?}: {}", stderr(&output));
    };
    let (table, model, config) = (at("cohort.parquet"), at("model"), at("train.toml"));
    let features = fixture.features();
    run(&["align", text(&manifest), "--features", text(&features), "--out", text(&table)]);
    fs::write(&config, "model = \"network\"\n[training]\nepochs = 3\nensemble = 1\n").unwrap();
    run(&["train", text(&config), "--data", text(&table), "--out", text(&model)]);
    run(&[
        "predict",
        text(&model),
        "--data",
        text(&table),
        "--out",
        text(&at("predictions.parquet")),
    ]);
}

// Contract: serve.raw
#[test]
fn raw_files_give_the_features_and_the_risk_of_training() {
    let fixture = Fixture::get();
    let root = tempfile::tempdir().unwrap();
    trained(fixture, root.path());
    let cohort = read_cohort(&root.path().join("cohort.parquet")).unwrap();
    let (predictions, _) = read_predictions(&root.path().join("predictions.parquet")).unwrap();
    let server = Server::start(root.path());
    let (mut compared, mut whole) = (0, 0);
    for (row, patient) in cohort.patients.iter().enumerate() {
        // What extraction set aside is no part of the row, and would be refused here.
        let measured = |modality: &str| {
            let mut columns = cohort.columns.iter().filter(|column| column.modality == modality);
            columns.any(|column| column.values.get(row).is_some())
        };
        let (case, files) = case(&fixture.cohort(), patient.as_str(), &measured);
        let (status, answer) = post(&server, "application/zip", &zipped(&case, &files));
        assert_eq!(status, 200, "{patient}: {answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["id"], patient.as_str());
        for column in &cohort.columns {
            let name = column.name();
            #[expect(clippy::cast_possible_truncation, reason = "written from float32")]
            let found = answer["features"][&name].as_f64().map(|value| value as f32);
            let bits = |value: Option<f32>| value.map(f32::to_bits);
            assert_eq!(bits(found), bits(column.values.get(row)), "{patient}: {name}");
            compared += usize::from(found.is_some());
        }
        let expected = &predictions[row];
        assert_eq!(&expected.patient_id, patient);
        assert_eq!(
            answer["risk"].as_f64().unwrap().to_bits(),
            expected.risk.0.to_bits(),
            "{patient}"
        );
        let again = post(&server, "multipart/form-data; boundary=limit", &form(&case, &files));
        assert_eq!(again, (200, format!("{answer}\n")), "{patient}");
        whole += usize::from(expected.missing_modalities.is_empty());
    }
    assert!(compared > 500 && whole >= 3, "{compared} values, {whole} patients with everything");
}

// Contract: serve.no_patient
#[test]
fn what_is_wrong_with_raw_files_is_said_without_the_patient() {
    let fixture = Fixture::get();
    let root = tempfile::tempdir().unwrap();
    trained(fixture, root.path());
    let cohort = read_cohort(&root.path().join("cohort.parquet")).unwrap();
    let server = Server::start(root.path());
    let patient = cohort.patients[0].as_str();
    let (whole, files) = case(&fixture.cohort(), patient, &|modality| modality == "genomics");
    let secret = "Smith^John";
    let change = |place: &str, value: Value| {
        let mut case = whole.clone();
        *case.pointer_mut(place).unwrap() = value;
        case
    };
    let vcf = whole["files"][0]["path"].as_str().unwrap();
    let broken = vec![(vcf.to_owned(), format!("##fileformat=VCFv4.2\n{secret}\n").into_bytes())];
    for (name, case, files, part) in [
        ("a broken VCF", whole.clone(), &broken, "modality `genomics`"),
        ("no file", whole.clone(), &vec![], "was not sent under that path"),
        ("a path outside", change("/files/0/path", json!("../../etc/passwd")), &files, "not sent"),
        (
            "another modality",
            change("/files/0/modality", json!(secret)),
            &files,
            "`genomics`, `ct`",
        ),
        ("a strange age", change("/clinical/age", json!(secret)), &files, "column `age`"),
        ("a strange date", change("/files/0/date", json!(secret)), &files, "`date`"),
        ("no object", json!([secret]), &files, "`case.json` cannot be read"),
        ("an id of two lines", change("/patient_id", json!("a\nb")), &files, "patient id"),
    ] {
        let (status, text) = post(&server, "application/zip", &zipped(&case, files));
        assert_eq!(status, 400, "{name}: {text}");
        assert!(text.contains(part), "{name}: {text}");
        for word in [secret, "Smith", patient, "/tmp"] {
            assert!(!text.contains(word), "{name}: {text}");
        }
    }
    let (status, text) = post(&server, "application/zip", b"PK\x05\x06 no archive");
    assert!(status == 400 && text.contains("archive is damaged"), "{text}");
    let form = post(&server, "multipart/form-data; boundary=limit", b"--limit\r\nx");
    assert_eq!(form.0, 400, "{}", form.1);
}
