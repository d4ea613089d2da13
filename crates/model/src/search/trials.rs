use std::{
    cmp::Ordering,
    collections::BTreeMap,
    fmt::Write as _,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::Value;

use super::SearchConfig;
use crate::{Dataset, Error, TrainConfig, fit::hex};

/// One trial at one number of epochs: a line of `trials.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// The trial, from 0.
    pub trial: usize,
    /// The epochs that it trained for at most.
    pub epochs: usize,
    /// What was drawn for it.
    pub settings: BTreeMap<String, Value>,
    /// Harrell's C on each inner fold; null where undefined.
    pub c_index_by_fold: Vec<Option<f64>>,
    /// Their mean; null unless every fold has one.
    pub c_index: Option<f64>,
    /// Why folds have none.
    pub notes: Vec<String>,
}

impl TrialRecord {
    pub(super) fn new(
        (trial, epochs): (usize, usize),
        settings: BTreeMap<String, Value>,
        by_fold: Vec<Result<f64, String>>,
    ) -> Self {
        let notes = by_fold.iter().filter_map(|one| one.as_ref().err().cloned()).collect();
        let c_index_by_fold: Vec<Option<f64>> = by_fold.into_iter().map(Result::ok).collect();
        let all: Option<Vec<f64>> = c_index_by_fold.iter().copied().collect();
        let c_index = all.map(|all| all.iter().sum::<f64>() / all.len() as f64);
        Self { trial, epochs, settings, c_index_by_fold, c_index, notes }
    }

    /// The best first, those without a figure last, the earlier of equals first.
    pub(super) fn best_first(&self, other: &Self) -> Ordering {
        let figure = |record: &Self| record.c_index.unwrap_or(f64::NEG_INFINITY);
        figure(other).total_cmp(&figure(self)).then(self.trial.cmp(&other.trial))
    }
}

/// A search's folder.
pub(super) struct Trials {
    folder: PathBuf,
    pub(super) all: Vec<TrialRecord>,
}

/// The first line of `trials.jsonl`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// SHA-256 over the settings, the search and the training part.
    search: String,
}

const LINES: &str = "trials.jsonl";
const TABLE: &str = "trials.csv";
const BEST: &str = "best.toml";

impl Trials {
    /// Opens the folder of a search, with the trials that it has already.
    pub(super) fn open(
        folder: &Path,
        data: &Dataset,
        rows: &[usize],
        (base, config): (&TrainConfig, &SearchConfig),
    ) -> Result<Self, Error> {
        fs_err::create_dir_all(folder)?;
        let path = folder.join(LINES);
        let header = Header { search: fingerprint(data, rows, (base, config)) };
        if !path.exists() {
            let line = serde_json::to_string(&header).expect("text keys alone");
            fs_err::write(&path, format!("{line}\n"))?;
            return Ok(Self { folder: folder.to_owned(), all: vec![] });
        }
        let text = fs_err::read_to_string(&path)?;
        let mut lines = text.lines();
        let found: Option<Header> = lines.next().and_then(|line| serde_json::from_str(line).ok());
        if found.is_none_or(|found| found.search != header.search) {
            let difference = "other settings, another search or other training data";
            return Err(Error::CheckpointMismatch { path, difference });
        }
        // The last line may have been cut off with the search.
        let all: Vec<TrialRecord> =
            lines.map_while(|line| serde_json::from_str(line).ok()).collect();
        let trials = Self { folder: folder.to_owned(), all };
        trials.rewrite(&header)?;
        Ok(trials)
    }

    fn rewrite(&self, header: &Header) -> Result<(), Error> {
        let mut text = serde_json::to_string(header).expect("text keys alone");
        text.push('\n');
        for record in &self.all {
            text.push_str(&line(record));
        }
        replace(&self.folder.join(LINES), &text)
    }

    pub(super) fn find(&self, trial: usize, epochs: usize) -> Option<&TrialRecord> {
        self.all.iter().find(|record| (record.trial, record.epochs) == (trial, epochs))
    }

    /// Writes a trial that has ended.
    pub(super) fn add(&mut self, record: &TrialRecord) -> Result<(), Error> {
        let mut file = fs_err::OpenOptions::new().append(true).open(self.folder.join(LINES))?;
        file.write_all(line(record).as_bytes())?;
        self.all.push(record.clone());
        replace(&self.folder.join(TABLE), &self.table())
    }

    pub(super) fn write_best(&self, config: &TrainConfig) -> Result<(), Error> {
        let text = toml::to_string(config).expect("settings are representable in TOML");
        replace(&self.folder.join(BEST), &text)
    }

    fn table(&self) -> String {
        let names: Vec<&String> =
            self.all.first().map_or(vec![], |record| record.settings.keys().collect());
        let mut text = String::from("trial,epochs,c_index");
        for name in &names {
            // Writing to a string cannot fail.
            let _ok = write!(text, ",{name}");
        }
        text.push('\n');
        for record in &self.all {
            let c_index = record.c_index.map_or(String::new(), |value| value.to_string());
            let _ok = write!(text, "{},{},{c_index}", record.trial, record.epochs);
            for name in &names {
                let _ok = write!(text, ",{}", cell(&record.settings[*name]));
            }
            text.push('\n');
        }
        text
    }
}

/// A value as a cell of a CSV.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains([',', '"', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

fn line(record: &TrialRecord) -> String {
    let mut line = serde_json::to_string(record).expect("text keys alone");
    line.push('\n');
    line
}

fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let temporary = path.with_extension("partial");
    fs_err::write(&temporary, text)?;
    Ok(fs_err::rename(&temporary, path)?)
}

fn fingerprint(
    data: &Dataset,
    rows: &[usize],
    (base, config): (&TrainConfig, &SearchConfig),
) -> String {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    let mut base = base.clone();
    base.training.threads = 0;
    let json = |text: serde_json::Result<String>| text.expect("settings have only text keys");
    hash.update(json(serde_json::to_string(&base)));
    // More trials only go on.
    hash.update(json(serde_json::to_string(&SearchConfig { trials: 1, ..config.clone() })));
    hash.update(data.sha256);
    for row in rows {
        hash.update((*row as u64).to_le_bytes());
    }
    hex(&hash.finalize())
}
