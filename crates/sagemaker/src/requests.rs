//! One function for each kind of work: settings and choices in, requests out. No I/O.

mod deploy;
mod hyperparameters;
mod known;
mod process;
mod register;
mod train;
mod transform;
mod tune;

pub use deploy::{Container, Deployment, Hosting, Scaling, deploy, scaled_resource};
pub use hyperparameters::{hyperparameters, laid_over};
pub use process::{Processing, align, evaluate, extract, gate, process};
pub use register::{Registration, model_group, package_card, quality, register};
pub use train::{Channel, Experiment, Training, experiment, train};
pub use transform::{Transform, model, transform};
pub use tune::{Strategy, Tuning, ranges, tune};

/// The figures that the container prints, one regular expression each.
pub(crate) const METRICS: [(&str, &str); 5] = [
    ("train:loss", "train:loss=([-0-9.eE+]+);"),
    ("val:loss", "val:loss=([-0-9.eE+]+);"),
    ("val:cindex", "val:cindex=([-0-9.eE+]+);"),
    ("validation:cindex", "validation:cindex=([-0-9.eE+]+);"),
    ("validation:ibs", "validation:ibs=([-0-9.eE+]+);"),
];
