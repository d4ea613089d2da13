use std::collections::BTreeMap;

/// How a cohort's raw files became features: what one more patient's need to become the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extraction {
    /// The cohort's manifest without the outcome, in TOML. Its clinical table is `clinical.csv`,
    /// its files list `files.csv`.
    pub manifest: String,
    /// The files that the settings name, by their paths relative to the manifest.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Those that were too large to be kept.
    pub absent: Vec<String>,
}

impl Extraction {
    /// The folder beside the manifest that holds the files.
    pub const RESOURCES: &str = "resources";
}
