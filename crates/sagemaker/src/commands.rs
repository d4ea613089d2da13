//! One file a command.

pub(crate) mod clean;
pub(crate) mod deploy;
pub(crate) mod invoke;
pub(crate) mod lambda;
pub(crate) mod logs;
pub(crate) mod pipeline;
pub(crate) mod policy;
pub(crate) mod process;
pub(crate) mod quicksight;
pub(crate) mod register;
pub(crate) mod relay;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod train;
pub(crate) mod transform;
pub(crate) mod tune;

/// How a command ended that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything was done.
    Complete,
    /// A job that was followed has failed; its reason is printed.
    JobFailed,
}
