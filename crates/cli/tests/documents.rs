//! What the documents say is what the program does.

use std::path::{Path, PathBuf};
use std::process::Command;

use oncoweave_model::{ModelKind, TrainConfig};

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
