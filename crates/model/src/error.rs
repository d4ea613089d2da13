use std::path::PathBuf;

use oncoweave_core::{PatientId, Undefined};

/// Why a model could not be trained, saved, read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written; the cause names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// `train.toml` is no TOML, or has a setting of an unknown name or of the wrong type.
    #[error("{}: the training settings cannot be read", .path.display())]
    ConfigSyntax {
        /// The settings file.
        path: PathBuf,
        /// Line, column and what was expected.
        source: Box<toml::de::Error>,
    },
    /// A setting of a file is outside its range; the cause says which.
    #[error("{}: the training settings cannot be used", .path.display())]
    ConfigRange {
        /// The settings file.
        path: PathBuf,
        /// The setting and its range.
        source: Box<Error>,
    },
    /// A setting is outside its range.
    #[error("setting `{setting}` must be {expected}, got {found}")]
    Setting {
        /// The setting with its section, such as `training.learning_rate`.
        setting: &'static str,
        /// The range.
        expected: &'static str,
        /// The value.
        found: String,
    },
    /// The settings name a modality that the cohort does not have.
    #[error(
        "the settings ask for modality `{modality}`, but the cohort has {}; change `modalities`",
        .present.join(", ")
    )]
    UnknownModality {
        /// The name asked for.
        modality: String,
        /// The names that the cohort has.
        present: Vec<String>,
    },
    /// The training patients cannot carry a model.
    #[error("cannot train on these patients: {reason}")]
    Untrainable {
        /// What is missing and what to do.
        reason: String,
    },
    /// What drove a prediction cannot be said.
    #[error("the model cannot be explained: {reason}")]
    Unexplainable {
        /// Why.
        reason: String,
    },
    /// The loss stopped being a number.
    #[error(
        "training of `{model}` diverged in epoch {epoch}: the loss is {loss}, and {cause}; lower \
         `training.learning_rate` or `training.clip_norm`"
    )]
    Diverged {
        /// The model's name.
        model: String,
        /// The epoch, from 1.
        epoch: usize,
        /// The loss.
        loss: f64,
        /// Which layer, and what of it is not finite.
        cause: String,
    },
    /// The caller asked to stop.
    #[error("training of `{model}` was stopped after epoch {epoch}")]
    Stopped {
        /// The model's name.
        model: String,
        /// The last finished epoch, from 1.
        epoch: usize,
    },
    /// A checkpoint belongs to another run.
    #[error(
        "{}: this checkpoint was made with {difference}; give the same as before, or remove it to \
         start anew",
        .path.display()
    )]
    CheckpointMismatch {
        /// The checkpoint.
        path: PathBuf,
        /// What differs, such as `other settings`.
        difference: &'static str,
    },
    /// A file of a model folder is missing.
    #[error("{}: no such file; a model folder written by `oncoweave train` has it", .path.display())]
    MissingFile {
        /// The file.
        path: PathBuf,
    },
    /// A file of a model folder does not hold what it should.
    #[error("{}: {reason}", .path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// The processes of a run cannot work together; the cause says why.
    #[error(transparent)]
    Together(#[from] oncoweave_collectives::Error),
    /// The processes of a run have different settings or patients.
    #[error(
        "the members of this job were given different settings or tables; give each of them all \
         (on SageMaker the S3 data distribution type FullyReplicated)"
    )]
    Differ,
    /// A network is to run on a CUDA device, and there is none.
    #[error(
        "device \"cuda\" was asked for, but this libtorch finds none; install a libtorch for CUDA \
         and check the driver, or use device = \"cpu\""
    )]
    NoCuda,
    /// The folder to write a model to exists and is none of ours.
    #[error(
        "{}: the folder exists and is not a model folder, so it is not replaced; name another",
        .path.display()
    )]
    NotAModelFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The cohort has nothing that the model reads.
    #[error(
        "the table has columns of {}, the model `{model}` reads {}; give a table with at least one \
         of these",
        list(.found),
        .expected.join(", ")
    )]
    NoCommonModality {
        /// The model's name.
        model: String,
        /// The modalities of the table.
        found: Vec<String>,
        /// The modalities of the model.
        expected: Vec<String>,
    },
    /// A model gave something that is not a number.
    #[error(
        "patient `{patient_id}`: the model `{model}` gives no finite risk; a value lies absurdly \
         far outside the training range"
    )]
    NotFinite {
        /// Whose.
        patient_id: PatientId,
        /// The model's name.
        model: String,
    },
    /// Nobody can be evaluated.
    #[error("cannot evaluate on these patients: {reason}")]
    Unevaluable {
        /// What is missing and what to do.
        reason: String,
    },
    /// A model card cannot take in an evaluation.
    #[error("the model card cannot be filled in: {reason}")]
    NoCard {
        /// What does not fit.
        reason: String,
    },
    /// The fusion model of one fold could not be fitted or scored.
    #[error("fold {fold}")]
    Fold {
        /// The held-out fold.
        fold: u32,
        /// Why.
        source: Box<Error>,
    },
    /// Something that a model cannot do without is undefined on these patients.
    #[error("{what}")]
    Undefined {
        /// What was asked for, such as `cannot fit ridge Cox`.
        what: String,
        /// Why it cannot be given.
        source: Undefined,
    },
}

impl Error {
    /// Wraps what cannot be given in what was asked for.
    pub(crate) fn undefined(what: impl Into<String>) -> impl FnOnce(Undefined) -> Self {
        let what = what.into();
        |source| Self::Undefined { what, source }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "no modality".to_owned() } else { names.join(", ") }
}
