//! The container contract against the tests: `CONTRACT.md` says which test proves which rule of
//! `contract.toml`, and `ONCOWEAVE_WRITE_TABLES=1 cargo test -p oncoweave-serve contract` writes it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where tests of the contract stand, relative to the repository.
const PLACES: [&str; 5] = [
    "crates/serve/src",
    "crates/cli/src",
    "crates/cli/tests",
    "tests/image",
    "tests/sagemaker_local",
];
const MARK: &str = "Contract:";

#[derive(Deserialize)]
struct Contract {
    part: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    title: String,
    /// Id and rule.
    rules: Vec<(String, String)>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().unwrap_or_default();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if extension == "rs" || extension == "py" {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The rules that a file's tests prove, each with the test's name. In Rust the mark stands before the
/// function, in Python within it.
fn proofs(text: &str, is_rust: bool) -> Vec<(String, String)> {
    let name = |line: &str| -> Option<String> {
        let line = line.trim_start().trim_start_matches("async ");
        let rest = line.strip_prefix(if is_rust { "fn " } else { "def " })?;
        Some(rest.split('(').next().unwrap().to_owned())
    };
    let comment = if is_rust { "//" } else { "#" };
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let rules = line
            .trim_start()
            .strip_prefix(comment)
            .and_then(|line| line.trim_start().strip_prefix(MARK));
        let Some(rules) = rules else { continue };
        let function = if is_rust {
            lines[place..].iter().find_map(|line| name(line))
        } else {
            lines[..place].iter().rev().find_map(|line| name(line))
        };
        let function = function.expect("a mark belongs to a test");
        found.extend(rules.split_whitespace().map(|rule| (rule.to_owned(), function.clone())));
    }
    found
}

#[test]
fn every_rule_has_its_tests_and_the_table_says_so() {
    let repository = repository();
    let mut proven: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in PLACES.iter().flat_map(|place| sources(&repository.join(place))) {
        let text = fs_err::read_to_string(&path).unwrap();
        let is_rust = path.extension().unwrap() == "rs";
        let shown = path.strip_prefix(&repository).unwrap().display().to_string();
        for (rule, test) in proofs(&text, is_rust) {
            proven.entry(rule).or_default().push(format!("[`{test}`](../../{shown})"));
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs_err::read_to_string(folder.join("contract.toml")).unwrap();
    let contract: Contract = toml::from_str(&text).unwrap();
    let mut table = String::from(HEAD);
    for part in &contract.part {
        write!(table, "\n## {}\n\n| rule | tested by |\n| --- | --- |\n", part.title).unwrap();
        for (id, rule) in &part.rules {
            let tests = proven.remove(id).unwrap_or_default();
            let tests =
                if tests.is_empty() { "**not tested**".to_owned() } else { tests.join(", ") };
            writeln!(table, "| {rule} | {tests} |").unwrap();
        }
    }
    assert!(proven.is_empty(), "tests name rules that contract.toml does not have: {proven:#?}");
    let path = folder.join("CONTRACT.md");
    if std::env::var_os("ONCOWEAVE_WRITE_TABLES").is_some() {
        fs_err::write(&path, &table).unwrap();
    }
    assert!(fs_err::read_to_string(&path).unwrap() == table, "CONTRACT.md is out of date");
}

#[test]
fn marks_belong_to_the_test_after_them_in_rust_and_round_them_in_python() {
    let rust = "#[test]\n// Contract: a.b c.d\nfn one() {}\n// Contract: e.f\n#[tokio::test]\nasync fn two() {}\n";
    let python = "def one(x):\n    # Contract: a.b\n    pass\n";
    let pair = |rule: &str, test: &str| (rule.to_owned(), test.to_owned());
    assert_eq!(proofs(rust, true), [pair("a.b", "one"), pair("c.d", "one"), pair("e.f", "two")]);
    assert_eq!(proofs(python, false), [pair("a.b", "one")]);
}

const HEAD: &str = "# The SageMaker container contract, and what proves it

The rules are those of the Amazon SageMaker AI developer guide for images of one's own: training,
inference, batch transform, processing, tuning, Clarify. Beside each stand the tests that prove it.
Those of `crates` are part of `cargo test`; those of `tests/image` and `tests/sagemaker_local` build the
image and run it in containers (`scripts/image_test`), the latter by the official SageMaker Python SDK.

Written by `ONCOWEAVE_WRITE_TABLES=1 cargo test -p oncoweave-serve contract` from `contract.toml`; the
test fails where this table is out of date.
";
