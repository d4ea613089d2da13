//! What the job reads: the platform's descriptions of channels and machines, and the channels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oncoweave_core::{Cohort, Extraction};
use oncoweave_model::{Dataset, TrainConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Error, Root, hyperparameters, pipe, validation};

const TRAIN: [&str; 2] = ["train", "training"];
const VALIDATION: &str = "validation";
const SETTINGS: &str = "train.toml";

/// A channel's aligned table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) cohort: Cohort,
    pub(crate) id: String,
    pub(crate) sha256: String,
    /// How its raw files became features.
    pub(crate) extraction: Option<Extraction>,
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

type Channels = BTreeMap<String, Channel>;

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
    let channels: Channels =
        read_json(&root.input_data_config(), "a map from channels to how they are delivered")?
            .unwrap_or_default();
    let name = train_channel(root, &channels)?;
    let train_mode = mode(&channels, name)?;
    let validation_mode = mode(&channels, VALIDATION)?;
    let given = hyperparameters::read(&root.hyperparameters())?;
    let settings = root.channel(name).join(SETTINGS);
    let config =
        if settings.exists() { TrainConfig::read(&settings)? } else { TrainConfig::default() };
    let config = hyperparameters::apply(&config, &given)?;
    // The smaller one first: what is wrong with it is known before the other is loaded.
    let validation = has_channel(root, &channels, VALIDATION)
        .then(|| read_channel(root, VALIDATION, validation_mode))
        .transpose()?;
    let train = read_channel(root, name, train_mode)?;
    if let Some(validation) = &validation {
        validation::check(&train, validation, &config)?;
    }
    Ok(Input { config, train, validation })
}

/// How a channel is delivered: as a folder, copied or mounted, or through a FIFO.
#[derive(Clone, Copy)]
enum Mode {
    Folder,
    Pipe,
}

fn mode(channels: &Channels, name: &str) -> Result<Mode, Error> {
    let mode = channels.get(name).and_then(|channel| channel.mode.as_deref()).unwrap_or("File");
    match mode {
        "File" | "FastFile" => Ok(Mode::Folder),
        "Pipe" => Ok(Mode::Pipe),
        _ => Err(Error::InputMode { channel: name.to_owned(), mode: mode.to_owned() }),
    }
}

/// A channel in Pipe mode has no folder, and its FIFO may not be there yet.
fn has_channel(root: &Root, channels: &Channels, name: &str) -> bool {
    root.channel(name).is_dir() || matches!(mode(channels, name), Ok(Mode::Pipe))
}

fn train_channel(root: &Root, channels: &Channels) -> Result<&'static str, Error> {
    let found: Vec<&str> =
        TRAIN.into_iter().filter(|name| has_channel(root, channels, name)).collect();
    match found[..] {
        [name] => Ok(name),
        [] => Err(Error::TrainChannel { found: "neither" }),
        _ => Err(Error::TrainChannel { found: "both" }),
    }
}

fn read_channel(root: &Root, name: &str, mode: Mode) -> Result<Table, Error> {
    match mode {
        Mode::Folder => read_table(&only_parquet(&root.channel(name))?, None),
        Mode::Pipe => read_table(pipe::spool(root, name)?.path(), Some(name)),
    }
}

/// `name` stands for that of the file where the file's says nothing.
fn read_table(path: &Path, name: Option<&str>) -> Result<Table, Error> {
    let cohort = oncoweave_cohort::read_cohort(path)?;
    let stem = || path.file_stem().map_or_else(String::new, |stem| stem.display().to_string());
    let name = || name.map_or_else(stem, str::to_owned);
    let id = oncoweave_cohort::read_cohort_id(path)?.unwrap_or_else(name);
    let sha256 = oncoweave_cohort::sha256_file(path)?;
    tracing::info!(patients = cohort.len(), columns = cohort.columns.len(), "read a table");
    let extraction = oncoweave_cohort::read_cohort_extraction(path)?;
    Ok(Table { cohort, id, sha256, extraction })
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
