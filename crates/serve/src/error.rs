use std::path::PathBuf;

/// Why the container could not train or serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written; the cause names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A configuration file of the platform is not what it should be.
    #[error("{}: expected {expected}: {found}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What was wrong.
        found: String,
    },
    /// A hyperparameter that no setting answers to.
    #[error("unknown hyperparameter `{name}`; the known ones are {known}")]
    UnknownHyperparameter {
        /// Its name.
        name: String,
        /// All settings, separated by commas.
        known: String,
    },
    /// A hyperparameter whose value does not fit its setting.
    #[error("hyperparameter `{name}` must be {expected}, got `{found}`")]
    Hyperparameter {
        /// Its name.
        name: String,
        /// The kind of value that fits.
        expected: &'static str,
        /// The value.
        found: String,
    },
    /// The hyperparameters are each of the right kind, but not right together.
    #[error("the hyperparameters do not make valid settings: {reason}")]
    Hyperparameters {
        /// Why.
        reason: String,
    },
    /// The job has no channel with training data, or two.
    #[error("expected one channel named `train` or `training`, found {found}; name the channel so")]
    TrainChannel {
        /// What was found.
        found: &'static str,
    },
    /// A channel is delivered in a way that cannot be read.
    #[error("channel `{channel}` has the input mode {mode}; set it to File, FastFile or Pipe")]
    InputMode {
        /// The channel.
        channel: String,
        /// Its mode.
        mode: String,
    },
    /// No table came through the pipe of a channel.
    #[error(
        "{}: {found}; in Pipe mode a channel holds one aligned table and nothing else, settings are \
         given as hyperparameters",
        .path.display()
    )]
    Pipe {
        /// The pipe.
        path: PathBuf,
        /// What came instead.
        found: &'static str,
    },
    /// The validation channel cannot judge the model.
    #[error(
        "the channel `validation` cannot be evaluated: {reason}; give it an aligned table of the \
         same features, or leave it out"
    )]
    Validation {
        /// Why.
        reason: String,
    },
    /// A channel does not hold one aligned table.
    #[error(
        "{}: expected exactly one file that ends in .parquet, found {found}; put the aligned table \
         there, as `oncoweave align` writes it",
        .path.display()
    )]
    ChannelFiles {
        /// The channel's folder.
        path: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// The platform's list of machines lacks this one.
    #[error("the machines of the job are {}, and `{host}`, which this is, is none of them", .hosts.join(", "))]
    Host {
        /// What the platform calls this machine.
        host: String,
        /// The machines of the job.
        hosts: Vec<String>,
    },
    /// The machines of the job cannot work together; the cause says why.
    #[error(transparent)]
    Together(#[from] oncoweave_collectives::Error),
    /// A table could not be read or written.
    #[error(transparent)]
    Cohort(#[from] oncoweave_cohort::Error),
    /// The model could not be trained, saved or loaded.
    #[error(transparent)]
    Model(#[from] oncoweave_model::Error),
    /// The port could not be listened on.
    #[error("could not listen on port {port}; another program may be using it")]
    Bind {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
}
