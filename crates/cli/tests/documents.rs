//! What the documents say is what the program does.

use std::path::{Path, PathBuf};
use std::process::Command;

use oncoweave_model::TrainConfig;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_reference_settings_are_the_defaults() {
    let path = repository().join("models/early-fusion/train.toml");
    assert_eq!(TrainConfig::read(&path).unwrap(), TrainConfig::default());
}

#[test]
fn the_readme_shows_the_help_as_it_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_oncoweave")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let readme = fs_err::read_to_string(repository().join("README.md")).unwrap();
    assert!(readme.contains(help.trim()), "the README must hold this help text:\n{help}");
}
