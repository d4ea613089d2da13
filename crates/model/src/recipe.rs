//! Which models are fitted, and to which modalities.

use crate::{
    Model,
    linear::{ELASTIC_NET, RIDGE},
    model::NETWORK,
};

/// A model to fit: how, and to which modalities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) method: Method,
    pub(crate) reads: Reads,
}

/// How a model is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// The network of the settings.
    Network,
    /// Ridge Cox with one penalty for all columns.
    Ridge,
    /// Ridge Cox with a penalty for each modality.
    RidgeByModality,
    /// Elastic-net Cox, which leaves most columns without a coefficient.
    ElasticNet,
}

/// Which of the cohort's modalities a model reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// All of them.
    All,
    /// One of several.
    Alone(String),
    /// All but one.
    Without(String),
}

/// A fitted model, and what it says of the patients of each inner fold without having seen them.
pub(crate) struct Fitted {
    pub(crate) model: Model,
    /// The log-risks of the patients that it was fitted to, (patients,).
    pub(crate) log_risks: Vec<f64>,
    /// (patients,), comparable within an inner fold; in a stack's parts alone.
    pub(crate) out_of_fold: Vec<f64>,
}

/// Models that are fitted in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group(pub(crate) Vec<Recipe>);

impl Group {
    pub(crate) fn is_of_networks(&self) -> bool {
        self.0.iter().all(|recipe| recipe.method == Method::Network)
    }
}

impl Recipe {
    pub(crate) fn new(method: Method, reads: Reads) -> Self {
        Self { method, reads }
    }

    /// The model's name: `network`, or such as `ridge Cox, clinical alone`.
    pub(crate) fn name(&self) -> String {
        let method = match self.method {
            Method::Network => NETWORK,
            Method::Ridge => RIDGE,
            Method::RidgeByModality => "ridge Cox by modality",
            Method::ElasticNet => ELASTIC_NET,
        };
        match &self.reads {
            Reads::Without(modality) => format!("{method}, without {modality}"),
            Reads::All => method.to_owned(),
            Reads::Alone(modality) => format!("{method}, {modality} alone"),
        }
    }
}
