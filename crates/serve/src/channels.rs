//! What the job reads: the platform's descriptions of channels and machines, and the channels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oncoweave_core::Cohort;
use oncoweave_model::{Dataset, TrainConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Error, Root, hyperparameters};

const TRAIN: [&str; 2] = ["train", "training"];
const VALIDATION: &str = "validation";
const SETTINGS: &str = "train.toml";

/// A channel's aligned table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) cohort: Cohort,
    pub(crate) id: String,
    pub(crate) sha256: String,
}

impl Table {
    pub(crate) fn dataset(&self) -> Dataset<'_> {
        Dataset { cohort: &self.cohort, id: &self.id, sha256: &self.sha256 }
    }

    pub(crate) fn rows(&self) -> Vec<usize> {
        (0..self.cohort.len()).collect()
    }
}

/// Everything that a training job is given.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) config: TrainConfig,
    pub(crate) train: Table,
    pub(crate) validation: Option<Table>,
}

#[derive(Deserialize)]
struct Channel {
    #[serde(rename = "TrainingInputMode")]
    mode: Option<String>,
}

/// The machines of the job, as `resourceconfig.json` tells them.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Machines {
    #[serde(default)]
    pub(crate) current_host: String,
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
    pub(crate) network_interface_name: Option<String>,
}

/// Reads which machines take part; none where the platform does not say.
pub(crate) fn machines(root: &Root) -> Result<Machines, Error> {
    let machines: Option<Machines> = read_json(&root.resource_config(), "the machines of the job")?;
    Ok(machines.unwrap_or_default())
}

/// Reads and checks the small files first, then the tables.
pub(crate) fn read(root: &Root) -> Result<Input, Error> {
    let channels: BTreeMap<String, Channel> =
        read_json(&root.input_data_config(), "a map from channels to how they are delivered")?
            .unwrap_or_default();
    let train = train_channel(root)?;
    check_mode(&channels, &train)?;
    check_mode(&channels, VALIDATION)?;
    let given = hyperparameters::read(&root.hyperparameters())?;
    let settings = root.channel(&train).join(SETTINGS);
    let config =
        if settings.exists() { TrainConfig::read(&settings)? } else { TrainConfig::default() };
    let config = hyperparameters::apply(&config, &given)?;
    let validation = root.channel(VALIDATION);
    let validation = validation.exists().then(|| read_table(&validation)).transpose()?;
    Ok(Input { config, train: read_table(&root.channel(&train))?, validation })
}

fn train_channel(root: &Root) -> Result<String, Error> {
    let found: Vec<&str> = TRAIN.into_iter().filter(|name| root.channel(name).is_dir()).collect();
    match found[..] {
        [name] => Ok(name.to_owned()),
        [] => Err(Error::TrainChannel { found: "neither" }),
        _ => Err(Error::TrainChannel { found: "both" }),
    }
}

fn check_mode(channels: &BTreeMap<String, Channel>, name: &str) -> Result<(), Error> {
    let mode = channels.get(name).and_then(|channel| channel.mode.as_deref()).unwrap_or("File");
    if matches!(mode, "File" | "FastFile") {
        return Ok(());
    }
    Err(Error::InputMode { channel: name.to_owned(), mode: mode.to_owned() })
}

fn read_table(folder: &Path) -> Result<Table, Error> {
    let path = only_parquet(folder)?;
    let cohort = oncoweave_cohort::read_cohort(&path)?;
    let name = path.file_stem().map_or_else(String::new, |stem| stem.display().to_string());
    let id = oncoweave_cohort::read_cohort_id(&path)?.unwrap_or(name);
    let sha256 = oncoweave_cohort::sha256_file(&path)?;
    tracing::info!(patients = cohort.len(), columns = cohort.columns.len(), "read a table");
    Ok(Table { cohort, id, sha256 })
}

fn only_parquet(folder: &Path) -> Result<PathBuf, Error> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "parquet") && path.is_file() {
            found.push(path);
        }
    }
    if found.len() == 1 {
        Ok(found.remove(0))
    } else {
        Err(Error::ChannelFiles { path: folder.to_owned(), found: found.len() })
    }
}

/// The content of a file of the platform; `None` where it is not there.
fn read_json<T: DeserializeOwned>(path: &Path, expected: &'static str) -> Result<Option<T>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    serde_json::from_slice(&fs_err::read(path)?).map(Some).map_err(|error| Error::Config {
        path: path.to_owned(),
        expected,
        found: error.to_string(),
    })
}
