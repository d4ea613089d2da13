//! Values that independent programs gave, in `tests/golden` with the scripts that made them.

use std::path::Path;

use oncoweave_core::Feature;

/// The rows of a golden file below its two lines of header.
pub(crate) fn rows(file: &str) -> Vec<Vec<String>> {
    let path = folder().join(file);
    let text = fs_err::read_to_string(path).unwrap();
    let rows = text.lines().skip(2).map(|line| line.split(',').map(str::to_owned).collect());
    rows.collect()
}

pub(crate) fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// Whether a feature has the value that a cell gives, empty for none.
pub(crate) fn assert_value(features: &[Feature], place: &str, name: &str, cell: &str) {
    let expected: Option<f64> = (!cell.is_empty()).then(|| cell.parse().unwrap());
    let found = features.iter().find(|feature| feature.info.name == name).expect(name).value;
    let is_near = match (found, expected) {
        (Some(found), Some(expected)) => {
            (f64::from(found) - expected).abs() <= 1e-6 * expected.abs().max(1.0)
        }
        (found, expected) => found.is_none() && expected.is_none(),
    };
    assert!(is_near, "{place}: {name}: expected {expected:?}, found {found:?}");
}
