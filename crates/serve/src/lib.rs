//! What a SageMaker container does: [`train`] from channels to a model, [`serve`] a model over
//! HTTP. Everything lives below one root folder, `/opt/ml` on the platform.
//!
//! This crate reads no environment, prints nothing and ends no process: its caller does.

mod app;
mod channels;
mod error;
mod hyperparameters;
mod machines;
mod metrics;
mod negotiate;
mod paths;
mod records;
mod redact;
mod render;
mod server;
#[cfg(test)]
mod testing;
mod train;

pub use app::{App, app};
pub use error::Error;
pub use paths::{DEFAULT_ROOT, Root};
pub use server::{ServeSettings, serve};
pub use train::{Failure, Outcome, stop_on_termination, train};
