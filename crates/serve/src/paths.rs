use std::path::{Path, PathBuf};

/// Where the platform puts a container's files.
pub const DEFAULT_ROOT: &str = "/opt/ml";

/// The folder that the platform mounts, and the places below it.
///
/// Amazon SageMaker AI developer guide, "How Amazon SageMaker AI provides training information".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// The places below a folder.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Settings of the job as a flat map of texts.
    #[must_use]
    pub fn hyperparameters(&self) -> PathBuf {
        self.path.join("input/config/hyperparameters.json")
    }

    /// How each channel is delivered.
    #[must_use]
    pub fn input_data_config(&self) -> PathBuf {
        self.path.join("input/config/inputdataconfig.json")
    }

    /// Which machines take part.
    #[must_use]
    pub fn resource_config(&self) -> PathBuf {
        self.path.join("input/config/resourceconfig.json")
    }

    /// The files of a channel.
    #[must_use]
    pub fn channel(&self, name: &str) -> PathBuf {
        self.path.join("input/data").join(name)
    }

    /// The FIFO of a channel in Pipe mode: that of the first pass over it.
    #[must_use]
    pub fn fifo(&self, name: &str) -> PathBuf {
        self.path.join("input/data").join(format!("{name}_0"))
    }

    /// What becomes `model.tar.gz` after training, and what is served.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.path.join("model")
    }

    /// Where results other than the model go. Of it, the platform takes `data`, `failure` and
    /// `tensorboard`.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.path.join("output")
    }

    /// What becomes `output.tar.gz` after training.
    #[must_use]
    pub fn output_data(&self) -> PathBuf {
        self.path.join("output/data")
    }

    /// Why the job failed, in at most 1024 characters.
    #[must_use]
    pub fn failure(&self) -> PathBuf {
        self.path.join("output/failure")
    }

    /// What is kept over interruptions; there only when the job asks for it.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }
}
