//! What may be replaced, what has gone stale, and who is left out: `align`, `cv`, `train`,
//! `predict` and `demo` as processes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use fs_err as fs;
use oncoweave_cohort::{read_cohort_exclusions, read_predictions, write_cohort};
use oncoweave_core::Evaluation;

use crate::container::{cohort, column};
use crate::extract::{Fixture, code, copy_folder, edit, extract, files, oncoweave, stderr, text};

fn align(manifest: &Path, features: &Path, out: &Path) -> std::process::Output {
    oncoweave(&["align", text(manifest), "--features", text(features), "--out", text(out)])
}

#[test]
fn align_replaces_nothing_but_an_alignment() {
    let fixture = Fixture::get();
    let folder = fixture.copy();
    let manifest = folder.path().join("cohort.toml");
    let features = folder.path().join("extracted");
    copy_folder(&fixture.features(), &features);
    let before = files(folder.path());
    for out in ["clinical.csv", "cohort.toml", "extracted/features/clinical.parquet", "extracted"] {
        let output = align(&manifest, &features, &folder.path().join(out));
        assert_eq!(code(&output), 1, "{out}");
        assert!(stderr(&output).contains("--out"), "{out}: {}", stderr(&output));
    }
    assert!(files(folder.path()) == before, "a refusal changed a file");
    let results = folder.path().join("results");
    for name in ["cohort.parquet", "second.parquet", "cohort.parquet"] {
        let output = align(&manifest, &features, &results.join(name));
        assert_eq!(code(&output), 3, "{name}: {}", stderr(&output));
    }
    let names: Vec<_> = files(&results).into_keys().collect();
    let expected = [
        "cohort.parquet",
        "exclusions.csv",
        "lineage.parquet",
        "second.exclusions.csv",
        "second.lineage.parquet",
        "second.parquet",
    ];
    assert_eq!(names, expected.map(std::path::PathBuf::from));
    // The list goes where the table goes.
    let moved = folder.path().join("moved.parquet");
    fs::rename(results.join("second.parquet"), &moved).unwrap();
    assert!(read_cohort_exclusions(&moved).unwrap().len() > 5);
}

#[test]
fn features_of_another_state_of_the_cohort_are_not_aligned() {
    let fixture = Fixture::get();
    let folder = fixture.copy();
    let manifest = folder.path().join("cohort.toml");
    let features = folder.path().join("extracted");
    copy_folder(&fixture.features(), &features);
    let out = folder.path().join("cohort.parquet");
    edit(&folder.path().join("clinical.csv"), "SIM-0003", "SIM-9903");
    let message = stderr(&align(&manifest, &features, &out));
    assert!(message.contains("clinical.csv changed since extract"), "{message}");
    assert!(message.contains("--resume`") && !out.exists(), "{message}");
    edit(&manifest, "bin_count = 32", "bin_count = 16");
    let message = stderr(&align(&manifest, &features, &out));
    assert!(message.contains("clinical.csv, modality `mr` changed"), "{message}");
    assert_eq!(code(&extract(&manifest, &features, &["--resume"])), 3);
    assert_eq!(code(&align(&manifest, &features, &out)), 3);
    // A share alone leaves the tables of before.
    assert_eq!(code(&extract(&manifest, &features, &["--shard", "1/2"])), 0);
    let message = stderr(&align(&manifest, &features, &out));
    assert!(message.contains("unfinished extraction"), "{message}");
}

#[test]
fn a_table_without_a_usable_row_and_a_list_without_files_are_said() {
    let fixture = Fixture::get();
    let folder = fixture.copy();
    let manifest = folder.path().join("cohort.toml");
    let list = folder.path().join("files.csv");
    let header = fs::read_to_string(&list).unwrap().lines().next().unwrap().to_owned();
    fs::write(&list, header + "\n").unwrap();
    let message = stderr(&extract(&manifest, &folder.path().join("out"), &[]));
    assert!(message.contains("nothing of `genomics`, `ct`, `mr`"), "{message}");

    let folder = fixture.copy();
    let manifest = folder.path().join("cohort.toml");
    let clinical = folder.path().join("clinical.csv");
    let table = fs::read_to_string(&clinical).unwrap();
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let time = header.iter().position(|name| *name == "follow_up").unwrap();
    let mut emptied = header.join(",");
    for mut cells in lines {
        cells[time] = "";
        emptied = format!("{emptied}\n{}", cells.join(","));
    }
    fs::write(&clinical, emptied).unwrap();
    let output = extract(&manifest, &folder.path().join("out"), &[]);
    let message = stderr(&output);
    assert_eq!(code(&output), 1, "{message}");
    assert!(
        message.contains("rows were set aside") && message.contains("`follow_up`"),
        "{message}"
    );
}

#[test]
fn patients_without_a_fold_are_listed_and_only_own_results_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_cohort(&at("cohort.parquet"), "test", &cohort()).unwrap();
    fs::write(at("train.toml"), "[training]\nepochs = 2\nensemble = 1\n").unwrap();
    let folds: Vec<String> = (0..78).map(|row| format!("P{row};{}", row % 2)).collect();
    fs::write(at("splits.csv"), format!("patient_id;fold\n{}", folds.join("\n"))).unwrap();
    let run = |command: &str, out: &str, more: &[&str]| {
        let (config, data, out) = (at("train.toml"), at("cohort.parquet"), at(out));
        let arguments = [command, text(&config), "--data", text(&data), "--out", text(&out)];
        oncoweave(&[&arguments, more].concat())
    };
    let splits = at("splits.csv");
    let output = run("cv", "evaluation", &["--splits", text(&splits)]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("2 patients have no fold"), "{}", stderr(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("C-index, mean over 2 folds"), "{said}");
    let json = fs::read(at("evaluation/evaluation.json")).unwrap();
    let evaluation: Evaluation = serde_json::from_slice(&json).unwrap();
    let ids: Vec<&str> = evaluation.exclusions.iter().map(|one| one.patient_id.as_str()).collect();
    assert_eq!(ids, ["P78", "P79"]);
    assert!(evaluation.exclusions.iter().all(|one| one.step == "cv"));

    points_at_nobody(
        &run("cv", "told", &["--splits", text(&splits), "--small-cells", "10", "--json"]),
        &at("told"),
    );

    fs::create_dir_all(at("thesis")).unwrap();
    fs::write(at("thesis/thesis.tex"), "precious").unwrap();
    for (command, more) in [("cv", &[] as &[&str]), ("train", &["--force"])] {
        let output = run(command, "thesis", more);
        assert_eq!(code(&output), 1, "{command}");
        assert!(stderr(&output).contains("name another"), "{}", stderr(&output));
    }
    assert_eq!(files(&at("thesis")).len(), 1);
    assert_eq!(code(&run("train", "model", &[])), 0);
    assert_eq!(code(&run("train", "model", &[])), 1);
    assert_eq!(code(&run("train", "model", &["--force"])), 0);
    predicts_what_it_can(folder.path());
}

/// Of 80 patients 78 are in the figures; the two others, P78 and P79, are named nowhere.
fn points_at_nobody(output: &std::process::Output, folder: &Path) {
    assert_eq!(code(output), 3, "{}", stderr(output));
    let json = fs::read_to_string(folder.join("evaluation.json")).unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.trim(), json.trim());
    let told: Evaluation = serde_json::from_str(&json).unwrap();
    assert_eq!((told.patients, told.events % 10), (70, 0));
    assert!(told.events > 0 && told.exclusions.is_empty());
    // Notes of settings stay; whoever has no fold was counted in another.
    let [settings, others, perfect, rest] = &told.notes[..] else { panic!("{:?}", told.notes) };
    assert!(settings.contains("resamples") && others.contains("DeLong"), "{:?}", told.notes);
    assert!(perfect.contains("Clopper"), "{:?}", told.notes);
    assert!(rest.contains("is not told"), "{:?}", told.notes);
    let mut all = vec![said, stderr(output)];
    for (name, bytes) in files(folder) {
        if name != Path::new("predictions.parquet") {
            all.push(String::from_utf8(bytes).unwrap());
        }
    }
    assert!(all.len() > 4, "little was looked at");
    assert!(all.iter().all(|text| !text.contains("P78") && !text.contains("P79")));
}

#[test]
fn sites_are_dealt_anew_in_each_repeat_and_inner_folds_keep_them_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut cohort = cohort();
    cohort.sites = (0..80).map(|row| Some(format!("hospital {}", row % 8))).collect();
    write_cohort(&at("cohort.parquet"), "test", &cohort).unwrap();
    fs::write(at("train.toml"), "model = \"elastic_net_cox\"\n").unwrap();
    let run = |more: &[&str]| {
        let (config, data, out) = (at("train.toml"), at("cohort.parquet"), at("evaluation"));
        let out = ["cv", text(&config), "--data", text(&data), "--out", text(&out), "--by-site"];
        oncoweave(&[&out, more].concat())
    };
    for (more, expected) in [
        (&["--repeats", "2"] as &[&str], "takes --folds"),
        (&["--repeats", "2", "--folds", "8"], "more sites than folds"),
    ] {
        let output = run(more);
        assert_eq!(code(&output), 1);
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    let output = run(&["--repeats", "3", "--folds", "2"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let repeats = fs::read_to_string(at("evaluation/repeats.csv")).unwrap();
    assert!(repeats.starts_with("repeat,seed,figure,name,value\n"), "{repeats}");
    for figure in ["c_index,fusion", "c_index,ridge Cox", "difference,ridge Cox"] {
        let lines = repeats.lines().filter(|line| line.contains(&format!(",{figure},")));
        assert_eq!(lines.count(), 3, "{figure}: {repeats}");
    }
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("mean (standard deviation) over 3 repeats with other folds"), "{said}");
    let report = fs::read_to_string(at("evaluation/report.html")).unwrap();
    assert!(report.contains("over 3 repeats with other folds C is"));
    let json = fs::read(at("evaluation/evaluation.json")).unwrap();
    let evaluation: Evaluation = serde_json::from_slice(&json).unwrap();
    assert_eq!(evaluation.design, "2-fold cross-validation over whole sites");
    assert_eq!(evaluation.config["stack"]["by_site"], true);
    assert!(evaluation.models.iter().any(|model| model.name == "ridge Cox"));
    // What is in the folder is of one evaluation.
    let output = run(&["--folds", "2"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(!at("evaluation/repeats.csv").exists());
}

#[test]
fn the_fold_column_is_not_passed_over_by_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut cohort = cohort();
    cohort.folds = (0..80).map(|row| Some(row % 2)).collect();
    write_cohort(&at("cohort.parquet"), "test", &cohort).unwrap();
    fs::write(at("train.toml"), "model = \"ridge_cox\"\n").unwrap();
    let run = |more: &[&str]| {
        let (config, data, out) = (at("train.toml"), at("cohort.parquet"), at("evaluation"));
        let out = ["cv", text(&config), "--data", text(&data), "--out", text(&out)];
        oncoweave(&[&out, more].concat())
    };
    let output = run(&["--repeats", "2"]);
    assert_eq!(code(&output), 1);
    let message = stderr(&output);
    assert!(message.contains("the column `fold` gives one set of folds"), "{message}");
    assert!(!at("evaluation").exists());
    for (more, design) in [
        (&[] as &[&str], "2 folds given by the cohort's `fold` column"),
        (&["--repeats", "2", "--folds", "3"], "3-fold cross-validation, stratified"),
    ] {
        let output = run(more);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let json = fs::read_to_string(at("evaluation/evaluation.json")).unwrap();
        assert!(json.contains(design), "{json}");
    }
}

/// A cohort with a column too many; its own table may not be replaced by the predictions.
fn predicts_what_it_can(folder: &Path) {
    let at = |name: &str| folder.join(name);
    let mut more = cohort();
    let mut column = more.columns[0].clone();
    column.info.name.replace_range(.., "shoe_size");
    more.columns.push(column);
    write_cohort(&at("more.parquet"), "test", &more).unwrap();
    let predict = |out: &str| {
        let (model, data, out) = (at("model"), at("more.parquet"), at(out));
        oncoweave(&["predict", text(&model), "--data", text(&data), "--out", text(&out)])
    };
    for _ in 0..2 {
        let output = predict("risk.parquet");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(stderr(&output).contains("`clinical.shoe_size`"), "{}", stderr(&output));
    }
    assert_eq!(read_predictions(&at("risk.parquet")).unwrap().0.len(), 80);
    let before = fs::read(at("more.parquet")).unwrap();
    assert!(stderr(&predict("more.parquet")).contains("what this command reads"));
    assert!(stderr(&predict("train.toml")).contains("not written by this command"));
    assert!(fs::read(at("more.parquet")).unwrap() == before);
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("train.toml"), "").unwrap();
    let (here, config, absent) = (folder.path(), at("train.toml"), at("absent"));
    let (here, config, absent) = (text(here), text(&config), text(&absent));
    for (arguments, expected) in [
        (&["extract", here] as &[_], "cohort.toml"),
        (&["extract", absent], "oncoweave simulate"),
        (&["cv", absent, "--data", absent], "models/stacked-fusion/train.toml"),
        (&["cv", config, "--data", absent], "`oncoweave align` writes it"),
        (&["train", config, "--data", here], "is a folder"),
        (&["predict", absent, "--data", absent], "`oncoweave train`"),
    ] {
        let output = oncoweave(&[arguments, &["--out", text(&at("out"))]].concat());
        assert_eq!(code(&output), 1, "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    let output = oncoweave(&["demo", "--patients", "29", "--out", text(&at("demo"))]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("at least 30 patients"), "{}", stderr(&output));
    // A demo takes over its own folder, but not what somebody put into it.
    fs::create_dir_all(at("demo/cohort")).unwrap();
    fs::write(at("demo/.oncoweave-demo"), "").unwrap();
    fs::write(at("demo/cohort/note.txt"), "precious").unwrap();
    let output = oncoweave(&["demo", "--out", text(&at("demo"))]);
    assert!(stderr(&output).contains("was not made by the demo"), "{}", stderr(&output));
    assert_eq!(files(&at("demo")).len(), 2);
}

#[test]
fn predict_says_whether_explanations_were_checked() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("train.toml"), "model = 'ridge_cox'\n").unwrap();
    let mut wide = cohort();
    for number in 0..1001_u16 {
        let noise = |row: u16| {
            ((f32::from(row) * 12.9898 + f32::from(number) * 78.233).sin() * 43_758.547).fract()
        };
        let values = (0..80).map(|row| Some(noise(row)));
        wide.columns.push(column("expression", &format!("gene_{number}"), values));
    }
    let all = "permutation Shapley of 5 patients and ";
    for (cohort, sentence) in [
        (cohort(), "groups of features differs by "),
        (wide, "groups of features (the least of each modality as one) differs by "),
    ] {
        write_cohort(&at("cohort.parquet"), "explained", &cohort).unwrap();
        let (data, model, out) = (at("cohort.parquet"), at("model"), at("predictions.parquet"));
        let settings = at("train.toml");
        let train = ["train", text(&settings), "--data", text(&data), "--out", text(&model)];
        let output = oncoweave(&[&train[..], &["--force"]].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let explanations = at("explanations.parquet");
        let predict = ["predict", text(&model), "--data", text(&data), "--out", text(&out)];
        let output = oncoweave(&[&predict[..], &["--explain", text(&explanations)]].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(all) && said.contains(sentence), "{said}");
        // The metadata stand in the file's footer as they are.
        let bytes = fs::read(&explanations).unwrap();
        let held = |part: &str| memchr::memmem::find(&bytes, part.as_bytes()).is_some();
        assert!(held("oncoweave.check") && held(sentence));
    }
}
