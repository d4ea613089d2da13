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
    Architecture, Baselines, EpochReport, Error, MemberRecord, Model, RidgeModel, RiskScale,
    SubtypeHead, SurvivalHead, TrainConfig, TrainingRecord,
    device::scoring_device,
    ensemble::unite,
    fit::{Job, fit, hex},
    hazards::cut_points,
    model::FUSION,
    network::{Input, Network},
    part::Data,
    scale::default_horizons,
    score::{network_outputs, to_blocks},
};

/// More classes than this are taken for free text by a subtype head that is `"auto"`.
const MOST_CLASSES: usize = 20;

/// An aligned table with its provenance.
#[derive(Clone, Copy, Debug)]
pub struct Dataset<'a> {
    /// The table.
    pub cohort: &'a Cohort,
    /// The cohort's id.
    pub id: &'a str,
    /// SHA-256 of the file it was read from.
    pub sha256: &'a str,
}

/// Trains the fusion network and the baselines that it is always compared with, on the given rows
/// of a cohort and on nothing else. Rows without follow-up are left out.
///
/// `checkpoints` is a folder; a run that finds its own checkpoint there goes on from it and ends
/// with the same model, bit for bit, as one that was never cut off. `on_epoch` hears of every epoch
/// of every network, the fusion network first; when it breaks, a checkpoint is written and training
/// stops with [`Error::Stopped`].
///
/// # Errors
/// When a setting does not fit the cohort, there are too few patients or events, the loss diverges,
/// a checkpoint belongs to another run, or `on_epoch` breaks.
///
/// # Panics
/// When a row does not exist.
pub fn train(
    data: &Dataset,
    rows: &[usize],
    config: &TrainConfig,
    checkpoints: Option<&Path>,
    on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<Model, Error> {
    let plan = Plan::new(data, rows, config)?;
    if let Some(folder) = checkpoints {
        fs_err::create_dir_all(folder)?;
    }
    let checkpoint = |index: usize| checkpoints.map(|folder| folder.join(format!("model_{index}")));
    // The fusion network comes first, then each modality alone.
    let mut model = plan.network(&plan.fusion(), checkpoint(0).as_deref(), on_epoch)?;
    let mut baselines = Baselines::default();
    let mut notes = vec![];
    for part in plan.parts() {
        match plan.ridge(&part) {
            Ok(ridge) => baselines.ridge.push(ridge),
            Err(error) => notes.push(left_out(&part.ridge_name(), &error)),
        }
    }
    for (index, part) in plan.alone().iter().enumerate() {
        match plan.network(part, checkpoint(index + 1).as_deref(), on_epoch) {
            Ok(network) => baselines.networks.push(network),
            Err(
                error @ (Error::Stopped { .. }
                | Error::Io(_)
                | Error::BadFile { .. }
                | Error::CheckpointMismatch { .. }),
            ) => return Err(error),
            Err(error) => notes.push(left_out(&part.network_name(), &error)),
        }
    }
    model.training.notes.extend(notes);
    model.baselines = baselines;
    Ok(model)
}

/// An error with its causes in one sentence.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn left_out(name: &str, error: &Error) -> String {
    format!("`{name}` is left out: {}", with_causes(error))
}

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

/// The modalities that one model reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// All of them.
    Fusion(Vec<String>),
    /// One of several.
    Alone(String),
}

impl Part {
    pub(crate) fn modalities(&self) -> Vec<String> {
        match self {
            Self::Fusion(modalities) => modalities.clone(),
            Self::Alone(modality) => vec![modality.clone()],
        }
    }

    pub(crate) fn network_name(&self) -> String {
        match self {
            Self::Fusion(_) => FUSION.to_owned(),
            Self::Alone(modality) => format!("{modality} alone"),
        }
    }

    pub(crate) fn ridge_name(&self) -> String {
        match self {
            Self::Fusion(_) => "ridge Cox".to_owned(),
            Self::Alone(modality) => format!("ridge Cox, {modality} alone"),
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

    /// All modalities together.
    pub(crate) fn fusion(&self) -> Part {
        Part::Fusion(self.modalities.clone())
    }

    /// Each modality alone; none where there is only one.
    pub(crate) fn alone(&self) -> Vec<Part> {
        if self.modalities.len() < 2 {
            return vec![];
        }
        self.modalities.iter().cloned().map(Part::Alone).collect()
    }

    /// All modalities together, then each alone.
    pub(crate) fn parts(&self) -> Vec<Part> {
        std::iter::once(self.fusion()).chain(self.alone()).collect()
    }

    /// Fits ridge Cox to the columns of a part.
    pub(crate) fn ridge(&self, part: &Part) -> Result<RidgeModel, Error> {
        let preprocessing = self.preprocessing(part)?;
        let name = part.ridge_name();
        let design = self.apply(&preprocessing)?;
        let fitted = crate::ridge::fit_ridge(&design, &self.outcomes, self.config.seed)
            .map_err(Error::undefined(format!("`{name}` cannot be fitted")))?;
        let scale = (self.horizons_days.as_slice(), self.outcomes.as_slice());
        RidgeModel::new(name, preprocessing, &fitted, &design, scale)
    }

    /// Fits the networks of an ensemble to the columns of a part and merges them. The checkpoints'
    /// names start with the given path.
    pub(crate) fn network(
        &self,
        part: &Part,
        checkpoints: Option<&Path>,
        on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<Model, Error> {
        let preprocessing = self.preprocessing(part)?;
        let design = self.apply(&preprocessing)?;
        let architecture = self.architecture(&design);
        let factors = balance(&design);
        let blocks = design.blocks.iter().zip(&factors);
        let data = Data {
            blocks: blocks.map(|(block, &factor)| &block.x * factor).collect(),
            present: design.blocks.iter().map(|block| block.present.clone()).collect(),
            outcomes: self.outcomes.clone(),
            classes: self.class_numbers(),
        };
        let name = part.network_name();
        let mut weights = vec![];
        let mut members = vec![];
        for member in 1..=self.config.training.ensemble {
            let path = checkpoints.map(|prefix| member_checkpoint(prefix, member));
            let job = Job {
                name: &name,
                architecture: &architecture,
                config: self.config,
                member,
                checkpoint: path.as_deref(),
                statistics: checkpoints.is_some(),
            };
            let fitted = fit(&job, &data, on_epoch)?;
            members.push(fitted.record);
            weights.push(fitted.weights);
        }
        let (architecture, mut weights) = unite(&architecture, &weights);
        for prefix in architecture.prefixes() {
            for (input, &factor) in architecture.inputs.iter().zip(&factors) {
                let weight = weights.get_mut(&format!("{prefix}{}.weight", input.layer));
                *weight.expect("every input has a layer") *= factor;
            }
        }
        let device = scoring_device(self.config.training.device);
        let network = Network::new(&architecture, &weights, device);
        let risks = network_outputs(&network, &to_blocks(&design.blocks)).log_risks;
        let risks: Vec<Risk> = risks.into_iter().map(Risk).collect();
        let scale = RiskScale::fit(&self.outcomes, &risks, &self.horizons_days)?;
        Ok(Model {
            training: self.record(part, members, &architecture),
            name,
            config: self.config.clone(),
            architecture,
            weights,
            preprocessing,
            scale,
            baselines: Baselines::default(),
        })
    }

    fn preprocessing(&self, part: &Part) -> Result<Preprocessing, Error> {
        Preprocessing::fit(self.data.cohort, &self.rows, &part.modalities())
            .map_err(Error::undefined("the columns cannot be prepared"))
    }

    fn apply(
        &self,
        preprocessing: &Preprocessing,
    ) -> Result<oncoweave_core::preprocess::Design, Error> {
        preprocessing
            .apply(self.data.cohort, &self.rows)
            .map_err(Error::undefined("the columns cannot be prepared"))
    }

    fn architecture(&self, design: &Design) -> Architecture {
        let inputs: Vec<Input> = design.blocks.iter().map(Input::of).collect();
        let heads = &self.config.heads;
        let cut_points = match heads.survival {
            SurvivalHead::Cox => vec![],
            SurvivalHead::DiscreteTime => cut_points(&self.outcomes, heads.intervals),
        };
        Architecture::new(&self.config.network, &inputs, &self.classes, cut_points)
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
        part: &Part,
        members: Vec<MemberRecord>,
        architecture: &Architecture,
    ) -> TrainingRecord {
        let mut notes = self.notes.clone();
        let used =
            |modality: &String| architecture.inputs.iter().any(|input| &input.modality == modality);
        for modality in part.modalities().iter().filter(|modality| !used(modality)) {
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
