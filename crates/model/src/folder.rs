//! The model folder: written whole or not at all, read with every shape checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oncoweave_core::{
    Extraction,
    preprocess::{ModalityColumns, Preprocessing},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Architecture, Competing, DeviceChoice, Error, Linear, Model, NetworkPredictor, Predictor,
    Reference, RiskScale, TrainConfig,
    checkpoint::{from_bytes, to_bytes},
};

mod stack;

use stack::{read_stack, write_stack};

/// The layout of the folder.
const SCHEMA: u32 = 2;

const WEIGHTS: &str = "model.safetensors";
const MODEL: &str = "model.toml";
const FEATURES: &str = "features.json";
const BASELINE: &str = "baseline.json";
const REFERENCE: &str = "reference.json";
const TRAINING: &str = "training.json";
const COEFFICIENTS: &str = "coefficients.json";
const MEMBERS: &str = "members";
const BASELINES: &str = "baselines";
const EXTRACTION: &str = "extraction";
/// In [`EXTRACTION`], beside the files that it names.
const MANIFEST: &str = "cohort.toml";
const ABSENT: &str = "absent.json";
const COMPETING: &str = "competing";
const COMPETING_EVENTS: &str = "competing.json";

/// The content of `model.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    schema: u32,
    name: String,
    kind: Kind,
    /// The network's shape; other models have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<Architecture>,
    config: TrainConfig,
}

/// Which files hold the model's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// `model.safetensors`.
    Network,
    /// `coefficients.json`.
    Linear,
    /// `stack.json`, and a model folder for each member.
    Stack,
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
        for (name, text) in self.card().files() {
            fs_err::write(temporary.join(name), text)?;
        }
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
        let (kind, architecture) = match &self.predictor {
            Predictor::Network(network) => (Kind::Network, Some(network.architecture.clone())),
            Predictor::Linear(_) => (Kind::Linear, None),
            Predictor::Stack(_) => (Kind::Stack, None),
        };
        match &self.predictor {
            Predictor::Network(network) => {
                fs_err::write(folder.join(WEIGHTS), to_bytes(&network.weights, None))?;
            }
            Predictor::Linear(linear) => write_json(&folder.join(COEFFICIENTS), linear)?,
            Predictor::Stack(stack) => write_stack(stack, folder)?,
        }
        let model = ModelFile {
            schema: SCHEMA,
            name: self.name.clone(),
            kind,
            architecture,
            config: self.config.clone(),
        };
        let text = toml::to_string(&model).expect("settings are representable in TOML");
        fs_err::write(folder.join(MODEL), text)?;
        let modalities = self.preprocessing.modalities.clone();
        let features = FeaturesFile { schema: SCHEMA, modalities };
        write_json(&folder.join(FEATURES), &features)?;
        write_json(&folder.join(BASELINE), &self.scale)?;
        write_json(&folder.join(TRAINING), &self.training)?;
        if !self.reference.modalities.is_empty() {
            write_json(&folder.join(REFERENCE), &self.reference)?;
        }
        if let Some(extraction) = &self.extraction {
            write_extraction(extraction, &folder.join(EXTRACTION))?;
        }
        for (index, baseline) in self.baselines.iter().enumerate() {
            baseline.write_files(&numbered(folder, BASELINES, index))?;
        }
        for (index, competing) in self.competing.iter().enumerate() {
            competing.model.write_files(&numbered(folder, COMPETING, index))?;
        }
        if !self.competing.is_empty() {
            write_json(&folder.join(COMPETING_EVENTS), &self.competing_events())?;
        }
        Ok(())
    }

    /// Reads a model folder with everything below it.
    ///
    /// # Errors
    /// When a file is missing, cannot be read, belongs to another layout, or does not fit the
    /// others.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        Self::load_to_depth(folder, 1)
    }

    /// Models below a model have no models below them, but for those of competing events.
    fn load_to_depth(folder: &Path, depth: usize) -> Result<Self, Error> {
        let path = folder.join(MODEL);
        let file = read_model_file(&path)?;
        let features = folder.join(FEATURES);
        check_schema(&features, read_json::<SchemaOnly>(&features)?.schema)?;
        let modalities = read_json::<FeaturesFile>(&features)?.modalities;
        let preprocessing = Preprocessing { modalities };
        let predictor = match (file.kind, file.architecture) {
            (Kind::Network, Some(architecture)) => {
                let device = file.config.training.device;
                Predictor::Network(read_network(folder, (architecture, device), &preprocessing)?)
            }
            (Kind::Linear, None) => Predictor::Linear(read_linear(folder, &preprocessing)?),
            (Kind::Stack, None) if depth > 0 => {
                Predictor::Stack(read_stack(folder, &preprocessing)?)
            }
            (kind, _) => {
                let reason = format!("a model of kind {kind:?} cannot be made of what stands here");
                return Err(Error::BadFile { path, reason });
            }
        };
        let reference = folder.join(REFERENCE);
        let reference = if reference.exists() {
            read_reference(&reference, &preprocessing)?
        } else {
            Reference::default()
        };
        let mut baselines = vec![];
        let folders = (0..).map(|index| numbered(folder, BASELINES, index));
        for baseline in folders.take_while(|folder| depth > 0 && folder.exists()) {
            baselines.push(Self::load_to_depth(&baseline, 0)?);
        }
        let competing = if depth > 0 { read_competing(folder)? } else { vec![] };
        Ok(Self {
            name: file.name,
            config: file.config,
            preprocessing,
            scale: read_scale(&folder.join(BASELINE), &predictor)?,
            predictor,
            training: read_json(&folder.join(TRAINING))?,
            reference,
            extraction: read_extraction(&folder.join(EXTRACTION))?,
            baselines,
            competing,
        })
    }
}

/// Folders of older versions do not say how well hazards are known along time or in intervals.
fn read_scale(path: &Path, predictor: &Predictor) -> Result<RiskScale, Error> {
    let scale: RiskScale = read_json(path)?;
    let bad = |reason: String| Err(Error::BadFile { path: path.to_owned(), reason });
    let times = scale.baseline.times_days.len();
    if let Some(steps) = &scale.precision.steps
        && (steps.variance.len() != times || steps.mean_risk.len() != times)
    {
        let (variance, mean_risk) = (steps.variance.len(), steps.mean_risk.len());
        return bad(format!(
            "`precision.steps` must say something of each of the {times} times of the baseline, got \
             {variance} of `variance` and {mean_risk} of `mean_risk`"
        ));
    }
    let expected = match predictor {
        Predictor::Network(network) => network.architecture.cut_points_days.len(),
        Predictor::Linear(_) | Predictor::Stack(_) => 0,
    };
    match scale.intervals.len() {
        0 => Ok(scale),
        found if found == expected => Ok(scale),
        found => bad(format!("`intervals` must be {expected}, those of the network, got {found}")),
    }
}

/// The models of competing events, where there are any.
fn read_competing(folder: &Path) -> Result<Vec<Competing>, Error> {
    let path = folder.join(COMPETING_EVENTS);
    if !path.exists() {
        return Ok(vec![]);
    }
    let read = |(index, event): (usize, String)| {
        let own = numbered(folder, COMPETING, index);
        let model = Model::load_to_depth(&own, 1)?;
        if model.competing.is_empty() {
            return Ok(Competing { event, model });
        }
        let reason = format!("the model in {} has competing events of its own", own.display());
        Err(Error::BadFile { path: path.clone(), reason })
    };
    read_json::<Vec<String>>(&path)?.into_iter().enumerate().map(read).collect()
}

/// The models within a model have no reference of their own.
fn read_reference(path: &Path, preprocessing: &Preprocessing) -> Result<Reference, Error> {
    let reference: Reference = read_json(path)?;
    let modalities = reference.modalities.iter();
    let found = modalities.map(|modality| (&*modality.modality, modality.columns.len()));
    if found.eq(preprocessing.widths()) {
        return Ok(reference);
    }
    let reason = format!("it does not describe the columns of `{FEATURES}`");
    Err(Error::BadFile { path: path.to_owned(), reason })
}

fn read_network(
    folder: &Path,
    (architecture, device): (Architecture, DeviceChoice),
    preprocessing: &Preprocessing,
) -> Result<NetworkPredictor, Error> {
    let inputs = architecture.inputs.iter();
    let expected: Vec<(&str, usize)> =
        inputs.map(|input| (input.modality.as_str(), input.columns)).collect();
    let found = preprocessing.widths();
    if found != expected {
        let reason =
            format!("the network reads the columns {expected:?}, but {found:?} are described here");
        return Err(Error::BadFile { path: folder.join(FEATURES), reason });
    }
    if let Some(reason) = architecture.wrong_events() {
        return Err(Error::BadFile { path: folder.join(MODEL), reason });
    }
    let path = folder.join(WEIGHTS);
    let bad = |reason| Error::BadFile { path: path.clone(), reason };
    let (weights, _) = from_bytes(&read_bytes(&path)?).map_err(bad)?;
    match architecture.mismatch(&weights) {
        Some(reason) => Err(bad(reason)),
        None => Ok(NetworkPredictor { architecture, weights, device }),
    }
}

fn read_linear(folder: &Path, preprocessing: &Preprocessing) -> Result<Linear, Error> {
    let path = folder.join(COEFFICIENTS);
    let linear: Linear = read_json(&path)?;
    let columns = preprocessing.modalities.iter().flat_map(ModalityColumns::names);
    let found = linear.coefficients.iter().map(|coefficient| &coefficient.column);
    if columns.clone().eq(found.cloned()) {
        return Ok(linear);
    }
    let reason = format!(
        "the {} coefficients are not those of the {} columns that `{FEATURES}` describes",
        linear.coefficients.len(),
        columns.count()
    );
    Err(Error::BadFile { path, reason })
}

fn write_extraction(extraction: &Extraction, folder: &Path) -> Result<(), Error> {
    fs_err::create_dir_all(folder)?;
    fs_err::write(folder.join(MANIFEST), &extraction.manifest)?;
    for (name, bytes) in &extraction.files {
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(folder))?;
        fs_err::write(path, bytes)?;
    }
    if !extraction.absent.is_empty() {
        write_json(&folder.join(ABSENT), &extraction.absent)?;
    }
    Ok(())
}

/// Files that are absent may have been put there since; they are read where they are needed.
fn read_extraction(folder: &Path) -> Result<Option<Extraction>, Error> {
    let path = folder.join(MANIFEST);
    if !path.exists() {
        return Ok(None);
    }
    let manifest = fs_err::read_to_string(&path)?;
    let absent = folder.join(ABSENT);
    let absent: Vec<String> = if absent.exists() { read_json(&absent)? } else { vec![] };
    let mut files = BTreeMap::new();
    let resources = folder.join(Extraction::RESOURCES);
    if resources.exists() {
        for entry in fs_err::read_dir(&resources)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{}/{name}", Extraction::RESOURCES);
            if !absent.contains(&name) {
                files.insert(name, fs_err::read(path)?);
            }
        }
    }
    Ok(Some(Extraction { manifest, files, absent }))
}

/// `members/0`.
fn numbered(folder: &Path, group: &str, index: usize) -> PathBuf {
    folder.join(group).join(index.to_string())
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
