//! `simulate`, `extract` and `align` as processes, on a cohort with the mess of real ones.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::{Duration, Instant},
};

use fs_err as fs;
use serde_json::Value;
use tempfile::TempDir;

/// A simulated cohort of 30 patients and its uninterrupted extraction, made once.
pub(crate) struct Fixture {
    folder: TempDir,
    summary: Value,
}

impl Fixture {
    pub(crate) fn get() -> &'static Self {
        static FIXTURE: OnceLock<Fixture> = OnceLock::new();
        FIXTURE.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let simulated = folder.path().join("cohort");
            let output = oncoweave(&["simulate", "--patients", "30", "--out", text(&simulated)]);
            assert_eq!(code(&output), 0, "{}", stderr(&output));
            let out = folder.path().join("features");
            let output = oncoweave(&[
                "extract",
                text(&simulated.join("cohort.toml")),
                "--out",
                text(&out),
                "--json",
            ]);
            assert_eq!(code(&output), 3, "{}", stderr(&output));
            let summary = serde_json::from_slice(&output.stdout).unwrap();
            Self { folder, summary }
        })
    }

    pub(crate) fn cohort(&self) -> PathBuf {
        self.folder.path().join("cohort")
    }

    pub(crate) fn features(&self) -> PathBuf {
        self.folder.path().join("features")
    }

    /// A copy that a test may change.
    pub(crate) fn copy(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(&self.cohort(), folder.path());
        folder
    }
}

pub(crate) fn oncoweave(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oncoweave")).args(arguments).output().unwrap()
}

pub(crate) fn extract(manifest: &Path, out: &Path, more: &[&str]) -> Output {
    oncoweave(&[&["extract", text(manifest), "--out", text(out), "--json"], more].concat())
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn summary(output: &Output) -> Value {
    assert_eq!(code(output), 3, "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a folder, by relative name.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found);
    found
}

/// Names first: a failure should not print the bytes.
pub(crate) fn assert_same_files(found: &Path, expected: &Path) {
    let (found, expected) = (files(found), files(expected));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, bytes) in &found {
        assert!(*bytes == expected[name], "{} differs", name.display());
    }
}

pub(crate) fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(fs::File::open(path).unwrap());
    reader.deserialize().map(Result::unwrap).collect()
}

pub(crate) fn edit(path: &Path, from: &str, to: &str) {
    let before = fs::read_to_string(path).unwrap();
    assert!(before.contains(from), "{} has no `{from}`", path.display());
    fs::write(path, before.replacen(from, to, 1)).unwrap();
}

#[test]
fn all_of_the_mess_is_listed_and_nobody_else_is_lost() {
    let fixture = Fixture::get();
    let exclusions = rows(&fixture.features().join("exclusions.csv"));
    let mess = rows(&fixture.cohort().join("mess.csv"));
    assert!(mess.len() >= 10);
    for one in &mess {
        let of_patient: Vec<_> = exclusions
            .iter()
            .filter(|row| row["patient_id"] == one["patient_id"])
            .filter(|row| one["modality"].is_empty() || row["modality"] == one["modality"])
            .collect();
        assert!(!of_patient.is_empty(), "{one:?} is not in the list");
        let kept = of_patient.iter().all(|row| row["reason"].starts_with("kept, "));
        assert_eq!(kept, one["expected"] == "clinical_only", "{one:?}: {of_patient:?}");
    }
    for row in &exclusions {
        assert!(mess.iter().any(|one| one["patient_id"] == row["patient_id"]), "{row:?}");
    }
    let slip = exclusions.iter().find(|row| row["patient_id"] == "sim-0002").unwrap();
    assert!(slip["reason"].contains("did you mean `SIM-0002`?"), "{slip:?}");
    // Two patients lack a clinical row that will do.
    assert_eq!(fixture.summary["patients"], 28);
}

#[test]
fn a_killed_run_leaves_no_half_file_and_resuming_gives_the_same_bytes() {
    let fixture = Fixture::get();
    let manifest = fixture.cohort().join("cohort.toml");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut child = Command::new(env!("CARGO_BIN_EXE_oncoweave"))
        .args(["extract", text(&manifest), "--out", text(&out), "--jobs", "1"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let is_part = |entry: std::io::Result<fs::DirEntry>| {
        entry.unwrap().path().extension().is_some_and(|extension| extension == "json")
    };
    let parts = |out: &Path| {
        let entries = fs::read_dir(out.join(".parts/genomics")).ok();
        entries.into_iter().flatten().filter_map(|entry| is_part(entry).then_some(())).count()
    };
    let started = Instant::now();
    while parts(&out) < 3 {
        assert!(started.elapsed() < Duration::from_mins(1), "no part appeared");
        sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "the run was over before it could be killed");
    for (name, bytes) in files(&out) {
        if name.extension().is_some_and(|extension| extension == "json") {
            let parsed = serde_json::from_slice::<Value>(&bytes);
            assert!(parsed.is_ok(), "{} is half written", name.display());
        }
    }
    assert!(!out.join("exclusions.csv").exists());
    // What a kill between writing and renaming leaves must not stay.
    fs::write(out.join(".parts/genomics/.oncoweave-part-left"), "half").unwrap();

    let resumed = summary(&extract(&manifest, &out, &["--resume"]));
    assert!(resumed["reused"].as_u64().unwrap() >= 3);
    assert!(resumed["reused"].as_u64() < resumed["sources"].as_u64());
    assert_same_files(&out, &fixture.features());
}

#[test]
fn resuming_reads_again_what_changed_and_nothing_else() {
    let fixture = Fixture::get();
    let cohort = fixture.copy();
    let manifest = cohort.path().join("cohort.toml");
    let out = cohort.path().join("features");
    let first = summary(&extract(&manifest, &out, &[]));
    let sources = first["sources"].as_u64().unwrap();
    let again = summary(&extract(&manifest, &out, &["--resume"]));
    assert_eq!(again["reused"], sources);

    let vcf = cohort.path().join("genomics/SIM-0003.vcf.gz");
    fs::copy(cohort.path().join("genomics/SIM-0004.vcf.gz"), vcf).unwrap();
    let changed = summary(&extract(&manifest, &out, &["--resume"]));
    assert_eq!(changed["reused"], sources - 1);
    // The same as if nothing had ever been kept.
    let fresh = cohort.path().join("fresh");
    summary(&extract(&manifest, &fresh, &[]));
    assert_same_files(&out, &fresh);

    // Other settings of one modality leave the others as they are.
    edit(&manifest, "bin_count = 32", "bin_count = 16");
    let rebinned = summary(&extract(&manifest, &out, &["--resume"]));
    let mr = rows(&cohort.path().join("files.csv"));
    let mr = mr.iter().filter(|row| row["modality"] == "mr").count() as u64;
    let recomputed = sources - rebinned["reused"].as_u64().unwrap();
    assert!((1..=mr).contains(&recomputed), "{recomputed} of {mr}");
    // Without --resume nothing is reused.
    assert_eq!(summary(&extract(&manifest, &out, &[]))["reused"], 0);
}

#[test]
fn shares_join_to_the_whole() {
    let fixture = Fixture::get();
    let manifest = fixture.cohort().join("cohort.toml");
    let folder = tempfile::tempdir().unwrap();
    for share in ["1/2", "2/2"] {
        let output = extract(&manifest, folder.path(), &["--shard", share]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }
    let joined = summary(&extract(&manifest, folder.path(), &["--resume"]));
    assert_eq!(joined["reused"], joined["sources"]);
    assert_same_files(folder.path(), &fixture.features());
}

#[test]
fn aligns_to_one_row_a_patient() {
    let fixture = Fixture::get();
    let manifest = fixture.cohort().join("cohort.toml");
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("cohort.parquet");
    let features = fixture.features();
    let align = || {
        oncoweave(&[
            "align",
            text(&manifest),
            "--features",
            text(&features),
            "--out",
            text(&table),
            "--json",
        ])
    };
    let output = align();
    let first = files(folder.path());
    // A series of the simulation was taken long after the diagnosis and lies outside the window.
    let summary = summary(&output);
    let cohort = oncoweave_cohort::read_cohort(&table).unwrap();
    assert_eq!(summary["patients"], cohort.len());
    assert_eq!(cohort.modalities(), ["clinical", "genomics", "ct", "mr"]);
    assert!(cohort.patients.is_sorted());
    let names: Vec<_> = first.keys().map(|name| name.to_str().unwrap()).collect();
    assert_eq!(names, ["cohort.parquet", "exclusions.csv", "lineage.parquet"]);
    let steps: Vec<String> = rows(&folder.path().join("exclusions.csv"))
        .into_iter()
        .map(|mut row| row.remove("step").unwrap())
        .collect();
    assert!(steps.contains(&"extract".to_owned()) && steps.contains(&"align".to_owned()));
    // A patient who lacks a modality is null in all of it.
    let row = cohort.patients.iter().position(|patient| patient.as_str() == "SIM-0007").unwrap();
    let others = cohort.columns.iter().filter(|column| column.modality != "clinical");
    assert!(others.clone().count() > 10);
    assert!(others.map(|column| column.values.get(row)).all(|value| value.is_none()));
    align();
    assert_eq!(files(folder.path()), first);
}

#[test]
fn faults_of_the_whole_cohort_are_said_before_any_file_is_read() {
    let fixture = Fixture::get();
    let cohort = fixture.copy();
    let folder = cohort.path();
    let names = ["cohort.toml", "files.csv", "clinical.csv"];
    let originals = names.map(|name| fs::read_to_string(folder.join(name)).unwrap());
    let [manifest, files, clinical] = names;
    for (case, file, from, to, expected) in [
        (
            "an unknown key",
            manifest,
            "schema = 1",
            "schema = 1\nshema = 1",
            "unknown field `shema`",
        ),
        ("an unknown kind", manifest, "kind = \"vcf\"", "kind = \"vfc\"", "expected one of `vcf`"),
        ("an unknown option", manifest, "roi = ", "rio = ", "modality `ct`: unknown field `rio`"),
        ("a wrong option", manifest, "bin_count = 32", "bin_count = 1", "bin_count must be from 2"),
        (
            "an unknown unit of time",
            manifest,
            "\"days\"",
            "\"hours\"",
            "[outcome]: unknown variant `hours`",
        ),
        ("no clinical table", manifest, "\"clinical.csv\"", "\"klinik.csv\"", "klinik.csv"),
        ("no files list", manifest, "\"files.csv\"", "\"file.csv\"", "file.csv"),
        ("no such column", manifest, "\"follow_up\"", "\"followup\"", "no column `followup`"),
        ("no path column", files, "modality,path", "modality,file", "no column `path`"),
        ("no id column", clinical, "patient_id", "patient", "no column `patient_id`"),
    ] {
        edit(&folder.join(file), from, to);
        let output = extract(&folder.join(manifest), &folder.join("out"), &[]);
        let message = stderr(&output);
        assert_eq!(code(&output), 1, "{case}: {message}");
        assert!(message.starts_with("error: "), "{case}: {message}");
        assert!(message.contains(expected), "{case}: {message}");
        assert!(output.stdout.is_empty(), "{case}");
        assert!(!folder.join("out").exists(), "{case}");
        for (name, text) in names.iter().zip(&originals) {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let moved =
        originals[1].replace("genomics/", "g/").replace(",ct/", ",c/").replace(",mr/", ",m/");
    fs::write(folder.join(files), moved).unwrap();
    let message = stderr(&extract(&folder.join(manifest), &folder.join("out"), &[]));
    assert!(message.contains("paths exists"), "{message}");
    let others = originals[1].replace("\nSIM-", "\nOTHER-").replace("\nsim-", "\nother-");
    fs::write(folder.join(files), others).unwrap();
    let message = stderr(&extract(&folder.join(manifest), &folder.join("out"), &[]));
    assert!(message.contains("no patient of"), "{message}");
}

#[test]
fn wrong_cells_set_one_patient_aside_with_file_line_and_column() {
    let fixture = Fixture::get();
    let cohort = fixture.copy();
    let clinical = cohort.path().join("clinical.csv");
    let table = fs::read_to_string(&clinical).unwrap();
    let mut lines: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    let cells = [
        ("SIM-0003", "hemoglobin", "13.6 furlong"),
        ("SIM-0006", "follow_up", ""),
        ("SIM-0009", "age", "-4"),
        ("SIM-0010", "sex", "m"),
    ];
    for (patient, name, cell) in cells {
        let column = lines[0].iter().position(|column| *column == name).unwrap();
        let line = lines.iter().position(|line| line[0] == patient).unwrap();
        lines[line][column] = cell;
    }
    let lines: Vec<String> = lines.iter().map(|cells| cells.join(",")).collect();
    fs::write(&clinical, lines.join("\n")).unwrap();
    let out = cohort.path().join("features");
    summary(&extract(&cohort.path().join("cohort.toml"), &out, &[]));
    let exclusions = rows(&out.join("exclusions.csv"));
    for (patient, column, _) in cells {
        let row = exclusions
            .iter()
            .find(|row| row["patient_id"] == patient && row["modality"].is_empty())
            .unwrap_or_else(|| panic!("{patient} is not in {exclusions:#?}"));
        let line = patient[4..].parse::<usize>().unwrap() + 1;
        assert!(row["reason"].contains(&format!("clinical.csv:{line}: ")), "{row:?}");
        assert!(row["reason"].contains(&format!("`{column}`")), "{row:?}");
    }
}

#[test]
fn folders_of_others_are_refused() {
    let fixture = Fixture::get();
    let cohort = fixture.copy();
    let manifest = cohort.path().join("cohort.toml");
    let out = cohort.path().join("out");
    fs::create_dir_all(&out).unwrap();
    fs::write(out.join("thesis.docx"), "precious").unwrap();
    let output = extract(&manifest, &out, &[]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("was not made by extract"), "{}", stderr(&output));
    assert_eq!(files(&out).len(), 1);

    let align = |features: &Path| {
        let table = cohort.path().join("cohort.parquet");
        oncoweave(&["align", text(&manifest), "--features", text(features), "--out", text(&table)])
    };
    assert!(stderr(&align(&out)).contains("run `oncoweave extract"), "{}", stderr(&align(&out)));
    edit(&manifest, "id = \"", "id = \"another-");
    let features = fixture.features();
    assert!(stderr(&align(&features)).contains("holds the features of cohort"));
    let copied = cohort.path().join("copied");
    copy_folder(&features, &copied);
    let output = extract(&manifest, &copied, &[]);
    assert!(stderr(&output).contains("name another folder with --out"), "{}", stderr(&output));
    assert_same_files(&copied, &features);
}

#[test]
fn usage_faults_exit_with_2() {
    for arguments in [
        &["extract"] as &[_],
        &["extract", "cohort.toml", "--out", "x", "--shard", "3/2"],
        &["align", "cohort.toml"],
        &["weave"],
    ] {
        assert_eq!(code(&oncoweave(arguments)), 2, "{arguments:?}");
    }
}
