//! What a SageMaker container does: [`train`] from channels to a model, [`serve`] a model over
//! HTTP. Everything lives below one root folder, `/opt/ml` on the platform.
//!
//! This crate reads no environment, prints nothing and ends no process: its caller does.

mod app;
mod asked;
mod body;
mod channels;
mod columns;
#[cfg(test)]
mod contract;
mod error;
mod hyperparameters;
mod invoke;
mod linger;
mod machines;
mod memory;
mod metrics;
mod models;
mod negotiate;
mod paths;
mod pipe;
mod raw;
mod records;
mod redact;
mod refusal;
mod render;
mod served;
mod server;
mod stream;
#[cfg(test)]
mod testing;
mod together;
mod train;
mod validation;
mod view;

pub use app::{App, app};
pub use asked::AnswerKind;
pub use error::Error;
pub use paths::{DEFAULT_ROOT, Root};
pub use raw::{Case, CaseFile, Extract, RawCase};
pub use server::{BatchStrategy, ServeSettings, serve};
pub use train::{Failure, Outcome, stop_on_termination, train};
pub use view::ViewKind;
