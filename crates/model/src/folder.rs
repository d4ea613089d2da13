//! The model folder: written whole or not at all, read with every shape checked.

use std::path::{Path, PathBuf};

use oncoweave_core::preprocess::{ModalityColumns, Preprocessing};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Architecture, Baselines, Error, Model, RidgeModel, RiskScale, TrainConfig, TrainingRecord,
    card::card,
    checkpoint::{from_bytes, to_bytes},
};

/// The layout of the folder.
const SCHEMA: u32 = 1;

const WEIGHTS: &str = "model.safetensors";
const MODEL: &str = "model.toml";
const FEATURES: &str = "features.json";
const BASELINE: &str = "baseline.json";
const TRAINING: &str = "training.json";
const CARD: &str = "card.md";
const BASELINES: &str = "baselines";
const RIDGE: &str = "ridge_cox.json";

/// The content of `model.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    schema: u32,
    name: String,
    architecture: Architecture,
    config: TrainConfig,
}

/// The content of `features.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeaturesFile {
    schema: u32,
    modalities: Vec<ModalityColumns>,
}

/// Only the layout's number, read first so that a newer folder is named as such.
#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

impl Model {
    /// Writes the model folder beside its name, then renames it. A model folder of that name is
    /// replaced; any other folder is left alone.
    ///
    /// # Errors
    /// When the folder exists and is no model folder, or a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), Error> {
        let occupied = folder.exists()
            && !folder.join(MODEL).exists()
            && (!folder.is_dir() || fs_err::read_dir(folder)?.next().is_some());
        if occupied {
            return Err(Error::NotAModelFolder { path: folder.to_owned() });
        }
        let temporary = sibling(folder, "partial");
        remove(&temporary)?;
        self.write_files(&temporary)?;
        // A folder cannot be renamed over a full one, so the old one steps aside first.
        let old = sibling(folder, "replaced");
        remove(&old)?;
        if folder.exists() {
            fs_err::rename(folder, &old)?;
        }
        fs_err::rename(&temporary, folder)?;
        remove(&old)
    }

    fn write_files(&self, folder: &Path) -> Result<(), Error> {
        fs_err::create_dir_all(folder)?;
        fs_err::write(folder.join(WEIGHTS), to_bytes(&self.weights, None))?;
        let model = ModelFile {
            schema: SCHEMA,
            name: self.name.clone(),
            architecture: self.architecture.clone(),
            config: self.config.clone(),
        };
        let text = toml::to_string(&model).expect("settings are representable in TOML");
        fs_err::write(folder.join(MODEL), text)?;
        let modalities = self.preprocessing.modalities.clone();
        let features = FeaturesFile { schema: SCHEMA, modalities };
        write_json(&folder.join(FEATURES), &features)?;
        write_json(&folder.join(BASELINE), &self.scale)?;
        write_json(&folder.join(TRAINING), &self.training)?;
        fs_err::write(folder.join(CARD), card(self))?;
        let Baselines { ridge, networks } = &self.baselines;
        if ridge.is_empty() && networks.is_empty() {
            return Ok(());
        }
        let baselines = folder.join(BASELINES);
        fs_err::create_dir_all(&baselines)?;
        write_json(&baselines.join(RIDGE), ridge)?;
        for (index, network) in networks.iter().enumerate() {
            network.write_files(&baselines.join(network_folder(index)))?;
        }
        Ok(())
    }

    /// Reads a model folder with its baselines.
    ///
    /// # Errors
    /// When a file is missing, cannot be read, belongs to another layout, or does not fit the
    /// others.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let mut model = Self::load_alone(folder)?;
        let baselines = folder.join(BASELINES);
        if baselines.exists() {
            model.baselines.ridge = read_json(&baselines.join(RIDGE))?;
            for ridge in &model.baselines.ridge {
                check_ridge(&baselines.join(RIDGE), ridge)?;
            }
            let folders = (0..).map(|index| baselines.join(network_folder(index)));
            for network in folders.take_while(|folder| folder.exists()) {
                model.baselines.networks.push(Self::load_alone(&network)?);
            }
        }
        Ok(model)
    }

    fn load_alone(folder: &Path) -> Result<Self, Error> {
        let file = read_model_file(&folder.join(MODEL))?;
        let features = folder.join(FEATURES);
        check_schema(&features, read_json::<SchemaOnly>(&features)?.schema)?;
        let modalities = read_json::<FeaturesFile>(&features)?.modalities;
        let preprocessing = Preprocessing { modalities };
        let inputs = file.architecture.inputs.iter();
        let expected: Vec<(&str, usize)> =
            inputs.map(|input| (input.modality.as_str(), input.columns)).collect();
        if preprocessing.widths() != expected {
            let found = preprocessing.widths();
            let reason = format!(
                "the network reads the columns {expected:?}, but {found:?} are described here"
            );
            return Err(Error::BadFile { path: features, reason });
        }
        let weights_path = folder.join(WEIGHTS);
        let bad = |reason| Error::BadFile { path: weights_path.clone(), reason };
        let (weights, _) = from_bytes(&read_bytes(&weights_path)?).map_err(bad)?;
        if let Some(reason) = file.architecture.mismatch(&weights) {
            return Err(bad(reason));
        }
        let scale: RiskScale = read_json(&folder.join(BASELINE))?;
        let training: TrainingRecord = read_json(&folder.join(TRAINING))?;
        Ok(Self {
            name: file.name,
            config: file.config,
            architecture: file.architecture,
            weights,
            preprocessing,
            scale,
            training,
            baselines: Baselines::default(),
        })
    }
}

fn network_folder(index: usize) -> String {
    format!("network_{index}")
}

/// `model` becomes `.model.partial` in the same folder, so that a rename stays on one disk.
fn sibling(folder: &Path, suffix: &str) -> PathBuf {
    let name = folder.file_name().map_or_else(String::new, |name| name.display().to_string());
    folder.with_file_name(format!(".{name}.{suffix}"))
}

fn remove(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    Ok(())
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(value).expect("our files have only text keys");
    text.push('\n');
    Ok(fs_err::write(path, text)?)
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    if path.exists() {
        Ok(fs_err::read(path)?)
    } else {
        Err(Error::MissingFile { path: path.to_owned() })
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_json::from_slice(&read_bytes(path)?).map_err(|error| Error::BadFile {
        path: path.to_owned(),
        reason: format!("cannot be read as this program writes it: {error}"),
    })
}

fn read_model_file(path: &Path) -> Result<ModelFile, Error> {
    let bytes = read_bytes(path)?;
    let bad = |reason: String| Error::BadFile {
        path: path.to_owned(),
        reason: format!("cannot be read as this program writes it: {reason}"),
    };
    let text = String::from_utf8(bytes).map_err(|error| bad(error.to_string()))?;
    let schema: SchemaOnly =
        toml::from_str(&text).map_err(|error| bad(error.message().to_owned()))?;
    check_schema(path, schema.schema)?;
    let file: ModelFile = toml::from_str(&text).map_err(|error| bad(error.message().to_owned()))?;
    Ok(file)
}

fn check_schema(path: &Path, found: u32) -> Result<(), Error> {
    if found == SCHEMA {
        return Ok(());
    }
    let reason = format!(
        "the folder has layout {found}, this program reads layout {SCHEMA}; use the version of \
         the program that wrote it, or train again"
    );
    Err(Error::BadFile { path: path.to_owned(), reason })
}

fn check_ridge(path: &Path, ridge: &RidgeModel) -> Result<(), Error> {
    let columns: usize = ridge.preprocessing.widths().iter().map(|(_, width)| width).sum();
    if columns == ridge.coefficients.len() {
        return Ok(());
    }
    let (name, coefficients) = (&ridge.name, ridge.coefficients.len());
    let reason = format!("`{name}` has {coefficients} coefficients for {columns} columns");
    Err(Error::BadFile { path: path.to_owned(), reason })
}
