//! Nobody's name comes out: a cohort that names its patients in every place goes through every command,
//! every route of the container and every page, and each byte that comes out is searched.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod container;
mod corpus;
mod import;
mod pages;
mod running;
mod surfaces;

use std::path::{Path, PathBuf};

use fs_err as fs;
use oncoweave_cohort::{read_cohort, read_predictions};

use crate::extract::{code, oncoweave, stderr, text};
use corpus::{GIVEN_IDS, SECRETS, contents_of, paths, plant};
use surfaces::{Surfaces, found_in};

/// The commands that are not searched here, and why.
const ELSEWHERE: [(&str, &str); 4] = [
    ("simulate", "makes its patients up and reads no file of anybody"),
    ("demo", "the same, then what is searched here step by step"),
    ("sagemaker", "a program of its own, searched by crates/sagemaker/tests/leaks.rs"),
    ("help", "says what the program can do"),
];

/// A cohort on its way, in a folder of its own.
struct Way<'a> {
    folder: &'a Path,
    manifest: PathBuf,
    /// What results call the patients, or how that begins.
    sentinel: &'static str,
}

impl Way<'_> {
    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

#[test]
fn a_released_cohort_names_nobody_anywhere() {
    let raw = tempfile::tempdir().unwrap();
    let cohort = raw.path().join("cohort");
    plant(&cohort);
    let all: Vec<&'static str> = SECRETS.into_iter().chain(GIVEN_IDS).collect();
    // The search finds everything where it is.
    assert_eq!(found_in(&contents_of(&cohort), &all), all);

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut surfaces = Surfaces::new(&all);
    fs::write(at("site.toml"), "[nifti]\nface = \"absent\"\n").unwrap();
    let (out, key) = (at("released"), raw.path().join("cohort.key"));
    let site = at("site.toml");
    let arguments = ["deidentify", text(&cohort), "--out", text(&out), "--key", text(&key)];
    let more = ["--new-key", "--profile", text(&site)];
    let output = surfaces.run(&[3], &[&arguments[..], &more].concat());
    assert!(stderr(&output).contains("is not declared and was left out"), "{}", stderr(&output));
    surfaces.folder(&out, "OW-");
    for name in ["cohort.key", "cohort.key.linkage"] {
        surfaces.look(name, &fs::read(raw.path().join(name)).unwrap());
    }
    let way = Way { folder: folder.path(), manifest: out.join("cohort.toml"), sentinel: "OW-" };
    let end = whole_way(&way, &mut surfaces);
    every_command_was_reached(&surfaces);

    // Only the key leads back, and only stdout tells.
    let (pseudonym, lost) = (end.patient.as_str(), "OW-AAAAAAAAAAAAAAAA");
    let arguments = ["reidentify", "--key", text(&key), "--reason", "a test", pseudonym, lost];
    let output = oncoweave(&arguments);
    assert!(!found_in(&output.stdout, &["QZKP-"]).is_empty(), "{}", stderr(&output));
    surfaces.look("reidentify: stderr", &output.stderr);
    surfaces.look("audit", &fs::read(raw.path().join("cohort.key.audit")).unwrap());
    surfaces.end();
}

/// Without de-identification, results are called what the lists call them: ids, samples and paths come
/// out by design. What the content of files says of a patient does not.
#[test]
fn a_cohort_as_it_is_tells_no_more_than_its_lists() {
    let folder = tempfile::tempdir().unwrap();
    let cohort = folder.path().join("cohort");
    plant(&cohort);
    let manifest = cohort.join("cohort.toml");
    let mut surfaces = Surfaces::new(&SECRETS);
    let out = folder.path().join("refused");
    let refused = surfaces.run(&[1], &["extract", text(&manifest), "--out", text(&out)]);
    assert!(stderr(&refused).contains("name their patients"), "{}", stderr(&refused));
    // From here on it is read as `--identified` reads it.
    let told = fs::read_to_string(&manifest).unwrap() + "\n[privacy]\nstatus = \"identified\"\n";
    fs::write(&manifest, told).unwrap();
    let way = Way { folder: folder.path(), manifest, sentinel: "QZKP-" };
    whole_way(&way, &mut surfaces);
    surfaces.end();
}

#[test]
fn an_imported_study_tells_no_more_than_its_lists_and_released_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut surfaces = Surfaces::new(&SECRETS);
    import::imported(folder.path(), &mut surfaces);
    surfaces.assert_clean();
}

struct End {
    /// One patient, by what results call them.
    patient: String,
}

/// From the manifest to the pages.
fn whole_way(way: &Way, surfaces: &mut Surfaces) -> End {
    let at = |name: &str| way.at(name);
    let (manifest, features) = (way.manifest.as_path(), at("features"));
    inspected(manifest.parent().unwrap(), surfaces);
    let arguments = ["extract", text(manifest), "--out", text(&features)];
    surfaces.run(&[0, 3], &arguments);
    surfaces.run(&[0, 3], &[&arguments[..], &["--resume", "--json", "-vv"]].concat());
    surfaces.folder(&features, way.sentinel);
    let table = at("aligned/cohort.parquet");
    let arguments = ["align", text(manifest), "--features", text(&features), "--out", text(&table)];
    surfaces.run(&[0, 3], &arguments);
    surfaces.folder(&at("aligned"), way.sentinel);
    let patient = modelled(way, &table, surfaces);
    container::all_routes(way, &table, surfaces);
    pages::every_page(way, &patient, surfaces);
    End { patient }
}

/// Everything that `inspect` says of raw files. It tells names of samples, which is what it is for.
fn inspected(cohort: &Path, surfaces: &mut Surfaces) {
    let first = |end: &str| {
        let mut found: Vec<PathBuf> =
            paths(cohort).into_iter().filter(|path| text(path).ends_with(end)).collect();
        found.sort();
        found.swap_remove(0)
    };
    let slice = first(".dcm");
    for path in [&first(".vcf.gz"), &slice, slice.parent().unwrap(), &first(".nii.gz")] {
        for more in [&[] as &[&str], &["--json"], &["--strict"]] {
            surfaces.run(&[0, 1], &[&["inspect", text(path)], more].concat());
        }
    }
}

/// Training, judging, predicting: `model`, `evaluation`, `predictions.parquet`, `explanations.parquet`.
/// Gives one patient.
fn modelled(way: &Way, table: &Path, surfaces: &mut Surfaces) -> String {
    let at = |name: &str| way.at(name);
    let config = at("train.toml");
    fs::write(&config, "model = \"network\"\n[training]\nepochs = 3\nensemble = 1\n").unwrap();
    let space = "trials = 2\nfolds = 2\n[settings]\n\"training.weight_decay\" = [0.01, 0.1]\n";
    fs::write(at("search.toml"), space).unwrap();
    let (model, evaluation, judged) = (at("model"), at("evaluation"), at("judged"));
    let (checkpoints, found, card) = (at("checkpoints"), at("search"), at("card"));
    let (predictions, explanations) = (at("predictions.parquet"), at("explanations.parquet"));
    let data = text(table);
    let train = ["train", text(&config), "--data", data, "--out", text(&model)];
    surfaces.run(&[0], &[&train[..], &["--checkpoints", text(&checkpoints)]].concat());
    let cv = ["cv", text(&config), "--data", data, "--out", text(&evaluation), "--folds", "2"];
    surfaces.run(&[0, 3], &cv);
    let search = at("search.toml");
    let search = ["search", text(&search), "--config", text(&config), "--data", data];
    surfaces.run(&[0], &[&search[..], &["--out", text(&found)]].concat());
    surfaces.run(&[0], &["evaluate", text(&model), "--data", data, "--out", text(&judged)]);
    let predict = ["predict", text(&model), "--data", data, "--out", text(&predictions)];
    surfaces.run(&[0], &[&predict[..], &["--explain", text(&explanations)]].concat());
    let shown = ["card", text(&model), "--evaluation", text(&judged), "--data", data];
    surfaces.run(&[0], &[&shown[..], &["--out", text(&card)]].concat());
    for (folder, sentinel) in [
        (&model, "early"),
        (&checkpoints, "epoch"),
        (&evaluation, way.sentinel),
        (&judged, way.sentinel),
        (&found, "weight_decay"),
        (&card, "TRIPOD"),
        (&predictions, way.sentinel),
        (&explanations, way.sentinel),
    ] {
        surfaces.folder(folder, sentinel);
    }
    concordance(way, &predictions, surfaces);
    let patients = read_cohort(table).unwrap().patients;
    patients.first().unwrap().to_string()
}

/// The predictions as CSV, with the patients' ids as groups.
fn concordance(way: &Way, predictions: &Path, surfaces: &mut Surfaces) {
    let mut risks = vec!["patient_id,risk,time_days,event,group".to_owned()];
    for one in read_predictions(predictions).unwrap().0 {
        let Some(observed) = one.observed else { continue };
        let (days, event) = (observed.time_days, u8::from(observed.event));
        risks.push(format!("{},{},{days},{event},a", one.patient_id, one.risk.0));
    }
    let path = way.at("risks.csv");
    fs::write(&path, risks.join("\n")).unwrap();
    surfaces.run(&[0], &["concordance", text(&path), "--by", "group", "--json"]);
    // A value that is none is told by its place.
    fs::write(&path, "risk,time_days,event\n0.5,Zyxwpatient,1\n0.7,9434765919,Qvorna\n").unwrap();
    surfaces.run(&[1], &["concordance", text(&path)]);
}

/// A command that is new must be added, or said to be tested elsewhere.
fn every_command_was_reached(surfaces: &Surfaces) {
    let help = oncoweave(&["help"]);
    assert_eq!(code(&help), 0);
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let list = list.split("\n\n").next().unwrap();
    let commands: Vec<&str> = list
        .lines()
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands.iter().filter(|name| ELSEWHERE.iter().all(|(one, _)| one != *name)) {
        // These two by what stands in this file beside the whole way.
        let reached =
            ["reidentify", "import"].contains(command) || surfaces.reached.contains(*command);
        assert!(reached, "nobody has searched what `{command}` says");
    }
}
