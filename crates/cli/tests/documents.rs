//! What the documents say is what the program does.

use std::path::{Path, PathBuf};
use std::process::Command;

use oncoweave_model::{ModelKind, TrainConfig};
use toml::Value;

/// Every setting that is not a table, `name = what it must be`, one a line.
const SETTINGS: &str = include_str!("../../sagemaker/src/requests/settings.txt");

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_models_settings_are_the_defaults_of_their_kind() {
    let read = |model: &str| {
        TrainConfig::read(&repository().join("models").join(model).join("train.toml")).unwrap()
    };
    assert_eq!(read("stacked-fusion"), TrainConfig::default());
    let network = TrainConfig { model: ModelKind::Network, ..TrainConfig::default() };
    assert_eq!(read("early-fusion"), network);
}

#[test]
fn the_readme_shows_the_help_as_it_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_oncoweave")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let readme = fs_err::read_to_string(repository().join("README.md")).unwrap();
    assert!(readme.contains(help.trim()), "the README must hold this help text:\n{help}");
}

#[test]
fn the_models_settings_can_be_trained_with() {
    let readme = models_readme();
    let mut folders = 0;
    for entry in fs_err::read_dir(repository().join("models")).unwrap() {
        let path = entry.unwrap().path().join("train.toml");
        if !path.exists() {
            continue;
        }
        folders += 1;
        let config = TrainConfig::read(&path).unwrap();
        let folder = path.parent().and_then(Path::file_name).unwrap().to_str().unwrap();
        assert!(readme.contains(&format!("| `{folder}` |")), "models/README.md lacks {folder}");
        if folder != "stacked-fusion" {
            assert_ne!(config, TrainConfig::default(), "{folder} is the default");
        }
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.starts_with("# ") && text.contains("../README.md"), "{folder} has no comment");
    }
    assert!(folders > 2, "{folders}");
}

/// Every setting stands in models/README.md, with its own default and range.
#[test]
fn the_models_readme_describes_every_setting_as_it_is() {
    let readme = models_readme();
    let rows: Vec<Vec<&str>> = readme
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .filter(|cells: &Vec<&str>| cells.len() == 5)
        .collect();
    let kinds: Vec<(&str, &str)> =
        SETTINGS.lines().filter_map(|line| line.split_once(" = ")).collect();
    let mut named: Vec<&str> = rows.iter().map(|cells| cells[0].trim_matches('`')).collect();
    named.sort_unstable();
    let known: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, known, "models/README.md must have a row for each setting");
    let defaults = toml::from_str(&toml::to_string(&TrainConfig::default()).unwrap()).unwrap();
    for cells in &rows {
        let (name, default, range) = (cells[0].trim_matches('`'), cells[1], cells[2]);
        assert!(cells[3..].iter().all(|cell| cell.len() > 3), "`{name}` lacks a cell");
        let kind = kinds.iter().find(|(known, _)| *known == name).unwrap().1;
        if kind.starts_with("a list") {
            assert!(find(&defaults, name).is_none(), "`{name}` has a default");
            continue;
        }
        let default: Value =
            toml::from_str::<toml::Table>(&format!("value = {}", default.trim_matches('`')))
                .unwrap_or_else(|error| panic!("`{name}`: {error}"))["value"]
                .clone();
        let real = find(&defaults, name).unwrap_or_else(|| panic!("`{name}` has no default"));
        let same = match (number(&default), number(real)) {
            (Some(stated), Some(real)) => stated.total_cmp(&real).is_eq(),
            _ => default == *real,
        };
        assert!(same, "`{name}`: models/README.md says {default}, the program {real}");
        match kind {
            "a text" => check_choices(name, range),
            "true or false" => assert_eq!(range, "true or false", "{name}"),
            _ => check_bounds(name, range, kind == "a whole number"),
        }
    }
}

fn models_readme() -> String {
    fs_err::read_to_string(repository().join("models/README.md")).expect("it is in the repository")
}

fn find<'a>(settings: &'a Value, name: &str) -> Option<&'a Value> {
    name.split('.').try_fold(settings, |table, key| table.get(key))
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// What is wrong with a setting, if anything.
fn fault(name: &str, value: &str) -> Option<String> {
    // They are refused for another reason where an absent modality has zeros, or no network gives
    // hazards.
    let beside = match name {
        "network.modality_dropout" => "network.missing = \"mask\"\n",
        "heads.competing" => "model = \"network\"\nheads.survival = \"discrete_time\"\n",
        _ => "",
    };
    match toml::from_str::<TrainConfig>(&format!("{beside}{name} = {value}")) {
        Ok(config) => config.validate().err().map(|error| error.to_string()),
        Err(error) => Some(error.message().to_owned()),
    }
}

/// A cell of choices names all there are.
fn check_choices(name: &str, range: &str) {
    let stated: Vec<String> =
        range.split(", ").map(|one| one.trim_matches('`').to_owned()).collect();
    for choice in &stated {
        assert_eq!(fault(name, choice), None, "{name} = {choice}");
    }
    // "unknown variant `none such`, expected one of `a`, `b`".
    let fault = fault(name, "\"none such\"").expect("there is no such choice");
    let mut real: Vec<String> =
        fault.split('`').skip(3).step_by(2).map(|choice| format!("\"{choice}\"")).collect();
    let mut stated = stated;
    stated.sort_unstable();
    real.sort_unstable();
    assert_eq!(stated, real, "{name}");
}

/// A cell such as `0 to below 1` says where values begin to be refused.
fn check_bounds(name: &str, range: &str, whole: bool) {
    let range = range.strip_prefix("0, or ").unwrap_or(range);
    let (low, high) = match range.strip_suffix(" and more") {
        Some(low) => (low, None),
        None => match range.split_once(", ").or_else(|| range.split_once(" to ")) {
            Some((low, high)) => (low, Some(high.trim_start_matches("to "))),
            None => (range, None),
        },
    };
    let step = if whole { 1.0 } else { 1e-3 };
    let check = |value: f64, good: bool| {
        let text = if whole { format!("{value:.0}") } else { format!("{value:?}") };
        assert_eq!(fault(name, &text).is_none(), good, "{name} = {text}");
    };
    let parse = |text: &str| text.parse::<f64>().unwrap_or_else(|_| panic!("{name}: `{text}`"));
    if let Some(low) = low.strip_prefix("above ") {
        check(parse(low), false);
    } else {
        check(parse(low), true);
        check(parse(low) - step, false);
    }
    match high.map(|high| (high.strip_prefix("below "), high)) {
        Some((Some(high), _)) => check(parse(high), false),
        Some((None, high)) => {
            check(parse(high), true);
            check(parse(high) + step, false);
        }
        None => {}
    }
}
