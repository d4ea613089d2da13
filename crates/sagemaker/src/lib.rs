//! The launcher: a cohort in S3 to a tuned, registered and deployed model on Amazon SageMaker.
//!
//! A request is the JSON that the service documents ([`Request`]). It is made by a function of
//! values ([`requests`]), checked against the service's own description ([`service`]), and then
//! printed, sent through the AWS SDK ([`client`]) or laid into a pipeline ([`pipeline`]): one form
//! for all four, since a pipeline's step is a request with references in place of values.

pub mod client;
pub mod jobs;
pub mod lambda;
pub mod pipeline;
pub mod policy;
pub mod quicksight;
mod request;
pub mod requests;
pub mod service;
pub mod settings;

pub use request::Request;
pub use settings::Settings;
