//! Everything that the models of one training part share, and how each of them is fitted.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use oncoweave_core::{
    Cohort, PatientId, Risk, Survival,
    preprocess::{Block, Design, Preprocessing},
};
use sha2::{Digest, Sha256};

use crate::{
    Architecture, Dataset, EpochReport, Error, Linear, MemberRecord, Model, ModelKind,
    NetworkPredictor, Predictor, RiskScale, SubtypeHead, TrainConfig, TrainingRecord,
    ensemble::merge,
    fit::{Data, Job, fit, hex},
    linear::fit_ridge,
    model::FUSION,
    network::{ArchitectureKind, InputLayer},
    scale::default_horizons,
    train::with_causes,
};

/// More classes than this are taken for free text by a subtype head that is `"auto"`.
const MOST_CLASSES: usize = 20;

/// Everything that the models of one training part share.
pub(crate) struct Plan<'a> {
    data: &'a Dataset<'a>,
    config: &'a TrainConfig,
    /// The rows with follow-up, in the order given.
    rows: Vec<usize>,
    outcomes: Vec<Survival>,
    modalities: Vec<String>,
    classes: Vec<String>,
    horizons_days: Vec<f64>,
    notes: Vec<String>,
}

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
}

/// Which of the cohort's modalities a model reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// All of them.
    All,
    /// One of several.
    Alone(String),
}

impl Recipe {
    pub(crate) fn new(method: Method, reads: Reads) -> Self {
        Self { method, reads }
    }

    /// The model's name: `network`, or such as `ridge Cox, clinical alone`.
    pub(crate) fn name(&self) -> String {
        let method = match self.method {
            Method::Network => "network",
            Method::Ridge => "ridge Cox",
        };
        match &self.reads {
            Reads::All => method.to_owned(),
            Reads::Alone(modality) => format!("{method}, {modality} alone"),
        }
    }
}

impl<'a> Plan<'a> {
    pub(crate) fn new(
        data: &'a Dataset<'a>,
        rows: &[usize],
        config: &'a TrainConfig,
    ) -> Result<Self, Error> {
        config.validate()?;
        let cohort = data.cohort;
        let modalities = choose_modalities(cohort, config)?;
        let with_outcome: Vec<(usize, Survival)> =
            rows.iter().filter_map(|&row| Some((row, cohort.survival[row]?))).collect();
        let (rows_used, outcomes): (Vec<usize>, Vec<Survival>) = with_outcome.into_iter().unzip();
        check_outcomes(&outcomes, rows.len())?;
        let mut notes = vec![];
        let without = rows.len() - rows_used.len();
        if without > 0 {
            notes.push(format!("{without} patients without follow-up were not trained on"));
        }
        let classes = choose_classes(cohort, &rows_used, config, &mut notes)?;
        let horizons_days =
            config.horizons_days.clone().unwrap_or_else(|| default_horizons(&outcomes));
        Ok(Self {
            data,
            config,
            rows: rows_used,
            outcomes,
            modalities,
            classes,
            horizons_days,
            notes,
        })
    }

    /// The training patients' follow-up.
    pub(crate) fn outcomes(&self) -> &[Survival] {
        &self.outcomes
    }

    /// Every model to fit, the first being the one asked for.
    pub(crate) fn recipes(&self) -> Vec<Recipe> {
        let all = |method| Recipe::new(method, Reads::All);
        let alone = |method| {
            let names = self.modalities.iter().filter(|_| self.modalities.len() > 1);
            names.map(move |name| Recipe::new(method, Reads::Alone(name.clone())))
        };
        let ridge = alone(Method::Ridge);
        match self.config.model {
            ModelKind::Network => {
                let both = [all(Method::Network), all(Method::Ridge)];
                both.into_iter().chain(alone(Method::Network)).chain(ridge).collect()
            }
            ModelKind::RidgeCox => [all(Method::Ridge)].into_iter().chain(ridge).collect(),
        }
    }

    /// The name that a recipe's model has here: the one asked for is `fusion`.
    pub(crate) fn name(&self, recipe: &Recipe) -> String {
        let main = match self.config.model {
            ModelKind::Network => Method::Network,
            ModelKind::RidgeCox => Method::Ridge,
        };
        let is_main = recipe.reads == Reads::All && recipe.method == main;
        if is_main { FUSION.to_owned() } else { recipe.name() }
    }

    /// Fits one model. The checkpoints' names start with the given path.
    pub(crate) fn fit(
        &self,
        recipe: &Recipe,
        checkpoints: Option<&Path>,
        on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<Model, Error> {
        match recipe.method {
            Method::Network => self.network(recipe, checkpoints, on_epoch),
            Method::Ridge => self.ridge(recipe),
        }
    }

    /// Puts the fitted models together: the first with the others as its baselines. Gives also the
    /// names of those that could not be fitted, with the reasons.
    pub(crate) fn finish(
        &self,
        fitted: Vec<(Recipe, Result<Model, Error>)>,
    ) -> Result<(Model, Vec<(String, String)>), Error> {
        let mut models = fitted.into_iter();
        let (_, first) = models.next().expect("there is a model to fit");
        let mut main = first?;
        let mut failures = vec![];
        for (recipe, result) in models {
            match result {
                Ok(mut model) => {
                    model.training.patient_digests.clear();
                    main.baselines.push(model);
                }
                Err(error) => failures.push((self.name(&recipe), with_causes(&error))),
            }
        }
        let sentence = |(name, reason)| format!("`{name}` is left out: {reason}");
        main.training.notes.extend(failures.iter().map(|(a, b)| sentence((a, b))));
        Ok((main, failures))
    }

    fn ridge(&self, recipe: &Recipe) -> Result<Model, Error> {
        let preprocessing = self.preprocessing(recipe)?;
        let name = self.name(recipe);
        let design = self.apply(&preprocessing)?;
        let fitted = fit_ridge(&design, &self.outcomes, self.config.seed)
            .map_err(Error::undefined(format!("`{name}` cannot be fitted")))?;
        let predictor = Predictor::Linear(Linear::new(&fitted, &design));
        self.model(recipe, (preprocessing, predictor), &design, vec![])
    }

    /// Fits the networks of an ensemble and merges them.
    fn network(
        &self,
        recipe: &Recipe,
        checkpoints: Option<&Path>,
        on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<Model, Error> {
        let preprocessing = self.preprocessing(recipe)?;
        let architecture = self.architecture(&preprocessing);
        let design = self.apply(&preprocessing)?;
        let factors = balance(&design);
        let blocks = design.blocks.iter().zip(&factors);
        let data = Data {
            blocks: blocks.map(|(block, &factor)| &block.x * factor).collect(),
            outcomes: self.outcomes.clone(),
            classes: self.class_numbers(),
        };
        let name = self.name(recipe);
        let (mut weights, mut members) = (vec![], vec![]);
        for member in 1..=self.config.training.ensemble {
            let path = checkpoints.map(|prefix| member_checkpoint(prefix, member));
            let job = Job {
                name: &name,
                architecture: &architecture,
                config: self.config,
                member,
                checkpoint: path.as_deref(),
            };
            let fitted = fit(&job, &data, on_epoch)?;
            members.push(fitted.record);
            weights.push(fitted.weights);
        }
        let (architecture, mut weights) = merge(&architecture, &weights);
        for (input, &factor) in architecture.inputs.iter().zip(&factors) {
            let weight = weights.get_mut(&format!("{}.weight", input.layer));
            *weight.expect("every input has a layer") *= factor;
        }
        let predictor = Predictor::Network(NetworkPredictor { architecture, weights });
        self.model(recipe, (preprocessing, predictor), &design, members)
    }

    /// Gives a predictor all that a model has beside it.
    fn model(
        &self,
        recipe: &Recipe,
        (preprocessing, predictor): (Preprocessing, Predictor),
        design: &Design,
        members: Vec<MemberRecord>,
    ) -> Result<Model, Error> {
        let blocks: Vec<&Block> = design.blocks.iter().collect();
        let risks: Vec<Risk> = predictor.log_risks(&blocks).into_iter().map(Risk).collect();
        Ok(Model {
            name: self.name(recipe),
            config: self.config.clone(),
            training: self.record(recipe, members, &preprocessing),
            preprocessing,
            predictor,
            scale: RiskScale::fit(&self.outcomes, &risks, &self.horizons_days)?,
            baselines: vec![],
        })
    }

    fn modalities(&self, recipe: &Recipe) -> Vec<String> {
        match &recipe.reads {
            Reads::All => self.modalities.clone(),
            Reads::Alone(modality) => vec![modality.clone()],
        }
    }

    fn preprocessing(&self, recipe: &Recipe) -> Result<Preprocessing, Error> {
        Preprocessing::fit(self.data.cohort, &self.rows, &self.modalities(recipe))
            .map_err(Error::undefined("the columns cannot be prepared"))
    }

    fn apply(&self, preprocessing: &Preprocessing) -> Result<Design, Error> {
        preprocessing
            .apply(self.data.cohort, &self.rows)
            .map_err(Error::undefined("the columns cannot be prepared"))
    }

    fn architecture(&self, preprocessing: &Preprocessing) -> Architecture {
        let widths = preprocessing.widths();
        Architecture {
            kind: ArchitectureKind::EarlyFusion,
            width: self.config.network.width,
            fused_width: self.config.network.fused_width,
            classes: self.classes.clone(),
            inputs: widths.iter().map(|(name, width)| InputLayer::new(name, *width)).collect(),
        }
    }

    fn class_numbers(&self) -> Vec<i64> {
        let number: BTreeMap<&str, i64> =
            self.classes.iter().map(String::as_str).zip(0..).collect();
        let label = |&row: &usize| self.data.cohort.labels[row].as_deref();
        let class = |row| label(row).and_then(|label| number.get(label)).copied().unwrap_or(-1);
        self.rows.iter().map(class).collect()
    }

    fn patient_digests(&self) -> Vec<String> {
        let patients = &self.data.cohort.patients;
        let mut digests: Vec<String> =
            self.rows.iter().map(|&row| patient_digest(&patients[row])).collect();
        digests.sort();
        digests
    }

    fn record(
        &self,
        recipe: &Recipe,
        members: Vec<MemberRecord>,
        preprocessing: &Preprocessing,
    ) -> TrainingRecord {
        let mut notes = self.notes.clone();
        let used =
            |modality: &String| preprocessing.widths().iter().any(|(name, _)| name == modality);
        for modality in self.modalities(recipe).iter().filter(|modality| !used(modality)) {
            notes.push(format!(
                "modality `{modality}` is not used: all its columns are empty or constant on the \
                 training patients"
            ));
        }
        let unwatched = members.iter().any(|member| member.validation_patients == 0);
        if unwatched && self.config.training.validation_fraction > 0.0 {
            notes.push(
                "no early stopping: a validation part would have had fewer than 2 events"
                    .to_owned(),
            );
        }
        TrainingRecord {
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            cohort: self.data.id.to_owned(),
            data_sha256: self.data.sha256.to_owned(),
            seed: self.config.seed,
            patients: self.rows.len(),
            events: self.outcomes.iter().filter(|outcome| outcome.event).count(),
            patient_digests: self.patient_digests(),
            members,
            notes,
        }
    }
}

/// `model_0` becomes `model_0_1.safetensors`.
fn member_checkpoint(prefix: &Path, member: usize) -> PathBuf {
    let name = prefix.file_name().map_or_else(String::new, |name| name.display().to_string());
    prefix.with_file_name(format!("{name}_{member}.safetensors"))
}

/// The number of columns of a modality whose block enters training as it is.
const BALANCED_COLUMNS: f32 = 16.0;

/// What each modality's block is multiplied with in training. Steps of `AdamW` move every weight
/// alike, so that without this a block of a thousand columns outruns one of ten; the factors give
/// all blocks about the same summed variance. They are multiplied into the first layer's weights
/// afterwards, so that the finished network reads plain standardised columns.
fn balance(design: &Design) -> Vec<f32> {
    let factor = |block: &Block| (BALANCED_COLUMNS / block.x.ncols() as f32).sqrt();
    design.blocks.iter().map(factor).collect()
}

/// The first half of the SHA-256 of a patient's id, in hexadecimal.
pub(crate) fn patient_digest(patient: &PatientId) -> String {
    hex(&Sha256::digest(patient.as_str())[..16])
}

fn choose_modalities(cohort: &Cohort, config: &TrainConfig) -> Result<Vec<String>, Error> {
    let present: Vec<String> = cohort.modalities().into_iter().map(str::to_owned).collect();
    let Some(wanted) = &config.modalities else {
        return Ok(present);
    };
    match wanted.iter().find(|modality| !present.contains(modality)) {
        Some(modality) => Err(Error::UnknownModality { modality: modality.clone(), present }),
        None => Ok(wanted.clone()),
    }
}

fn check_outcomes(outcomes: &[Survival], rows: usize) -> Result<(), Error> {
    let events = outcomes.iter().filter(|outcome| outcome.event).count();
    let reason = if outcomes.is_empty() {
        format!("none of the {rows} has follow-up; columns `time_days` and `event` carry it")
    } else if events == 0 {
        format!(
            "no event was observed among {}; check which values of the event column mean an event",
            outcomes.len()
        )
    } else if outcomes.len() < 2 {
        "there is only one with follow-up".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Untrainable { reason })
}

/// The classes seen in training, sorted; empty without a subtype head.
fn choose_classes(
    cohort: &Cohort,
    rows: &[usize],
    config: &TrainConfig,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Error> {
    let mut classes: Vec<String> =
        rows.iter().filter_map(|&row| cohort.labels[row].clone()).collect();
    classes.sort();
    classes.dedup();
    match (config.heads.subtype, classes.len()) {
        (SubtypeHead::Off, _) | (SubtypeHead::Auto, 0) => Ok(vec![]),
        (SubtypeHead::On, found @ 0..2) => Err(Error::Untrainable {
            reason: format!(
                "`heads.subtype` is on, but the training patients have {found} distinct labels; \
                 it takes two"
            ),
        }),
        (SubtypeHead::Auto, found) if !(2..=MOST_CLASSES).contains(&found) => {
            notes.push(format!(
                "no subtype head: the training patients have {found} distinct labels, not 2 to \
                 {MOST_CLASSES}"
            ));
            Ok(vec![])
        }
        _ => Ok(classes),
    }
}
