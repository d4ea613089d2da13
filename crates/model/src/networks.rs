//! How the networks of a training part are fitted and merged.

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use oncoweave_core::{
    Survival,
    competing_risks::{CompetingOutcome, EVENT},
    precision::IntervalPrecision,
    preprocess::{Prepared, PreparedBlock, Preprocessing},
};

use crate::{
    Architecture, EpochReport, Error, MemberRecord, Model, NetworkPredictor, Predictor,
    SurvivalHead,
    ensemble::unite,
    fit::{Job, fit},
    hazards::cut_points,
    network::{Input, Weights},
    part::Data,
    plan::Plan,
    recipe::{Fitted, Group, Method, Recipe},
    score::{Ready, in_parts, log_risks},
};

/// Fitted networks that are to be merged.
struct Ensemble {
    architecture: Architecture,
    weights: Vec<Weights>,
    members: Vec<MemberRecord>,
    /// (patients,) where there are inner folds.
    out_of_fold: Vec<f64>,
}

impl Plan<'_> {
    /// Fits the networks of an ensemble and merges them. A stack's ensembles have one network for
    /// each inner fold, which early stopping watches.
    pub(crate) fn network(
        &self,
        recipe: &Recipe,
        checkpoints: Option<&Path>,
        on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<Fitted, Error> {
        let preprocessing = self.preprocessing(recipe)?;
        let prepared = self.prepare(&preprocessing)?;
        let Ensemble { architecture, weights, members, out_of_fold } =
            self.ensemble(recipe, &prepared, checkpoints, on_epoch)?;
        let (architecture, weights) = unite(&architecture, &weights);
        let device = self.config.training.device;
        let network = NetworkPredictor { architecture, weights, device };
        let columns = (&preprocessing, &prepared);
        let (model, log_risks) = self.of_network(recipe, network, columns, members)?;
        Ok(Fitted { model, log_risks, out_of_fold })
    }

    /// The model of a competing event's hazard that a network of all events gives.
    pub(crate) fn read_off(&self, recipe: &Recipe, all: &Model) -> Result<Fitted, Error> {
        let Predictor::Network(network) = &all.predictor else {
            unreachable!("a network's recipe gives a network")
        };
        let mut network = network.clone();
        let place = network.architecture.competing.iter().position(|name| self.is_of(name));
        network.architecture.event = 1 + place.expect("it knows the event");
        let prepared = self.prepare(&all.preprocessing)?;
        let members = all.training.members.clone();
        let columns = (&all.preprocessing, &prepared);
        let (model, log_risks) = self.of_network(recipe, network, columns, members)?;
        Ok(Fitted { model, log_risks, out_of_fold: vec![] })
    }

    fn is_of(&self, competing: &str) -> bool {
        self.competing.as_deref() == Some(competing)
    }

    /// Gives a network all that a model has beside it. Gives also the log-risks.
    fn of_network(
        &self,
        recipe: &Recipe,
        network: NetworkPredictor,
        (preprocessing, prepared): (&Preprocessing, &Prepared),
        members: Vec<MemberRecord>,
    ) -> Result<(Model, Vec<f64>), Error> {
        let predictor = Predictor::Network(network);
        let log_risks = log_risks(&predictor, &prepared.blocks.iter().collect::<Vec<_>>());
        let intervals = self.interval_precision(&predictor, prepared);
        let parts = (preprocessing.clone(), predictor);
        let mut model = self.model(recipe, parts, &log_risks, members)?;
        model.scale.intervals = intervals;
        Ok((model, log_risks))
    }

    /// How well the hazards are known that a network gives itself; empty where it gives none.
    fn interval_precision(
        &self,
        predictor: &Predictor,
        prepared: &Prepared,
    ) -> Vec<IntervalPrecision> {
        let Predictor::Network(NetworkPredictor { architecture, .. }) = predictor else {
            return vec![];
        };
        let Some(intervals) = architecture.intervals() else { return vec![] };
        let ready = Ready::new(predictor);
        let blocks: Vec<&PreparedBlock> = prepared.blocks.iter().collect();
        let logits = in_parts(&blocks, |blocks| {
            ready.outputs(predictor, blocks).hazards.unwrap_or_default()
        });
        intervals.precision(&self.outcomes, &logits)
    }

    /// Helps another process to fit the networks of one group, and keeps nothing.
    pub(crate) fn assist(
        &self,
        group: &Group,
        on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        for recipe in group.0.iter().filter(|recipe| recipe.method == Method::Network) {
            let preprocessing = self.preprocessing(recipe)?;
            self.ensemble(recipe, &self.prepare(&preprocessing)?, None, on_epoch)?;
        }
        Ok(())
    }

    fn ensemble(
        &self,
        recipe: &Recipe,
        prepared: &Prepared,
        checkpoints: Option<&Path>,
        on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<Ensemble, Error> {
        let architecture = self.architecture(prepared);
        let factors = balance(prepared);
        let data = Data {
            prepared,
            factors: &factors,
            digest: OnceCell::new(),
            outcomes: self.outcomes.clone(),
            causes: self.causes(),
            classes: self.class_numbers(),
        };
        let name = match &self.competing {
            None => self.name(recipe),
            Some(event) => format!("{}, hazard of {event}", self.name(recipe)),
        };
        let (mut weights, mut members) = (vec![], vec![]);
        let mut held_out = vec![];
        for member in 1..=self.networks() {
            let path = checkpoints.map(|prefix| member_checkpoint(prefix, member));
            let own = |row: &usize| self.inner[*row] as usize == (member - 1) % self.folds();
            let watched: Vec<usize> = (0..self.inner.len()).filter(own).collect();
            let job = Job {
                name: &name,
                architecture: &architecture,
                config: &self.config,
                member,
                members: self.networks(),
                validation: (!self.inner.is_empty()).then_some(&watched),
                checkpoint: path.as_deref(),
                statistics: self.statistics,
                team: self.team,
            };
            let mut fitted = fit(&job, &data, on_epoch)?;
            for (input, &factor) in architecture.inputs.iter().zip(&factors) {
                let weight = fitted.weights.get_mut(&format!("{}.weight", input.layer));
                *weight.expect("every input has a layer") *= factor;
            }
            held_out.push((watched, fitted.watched));
            members.push(fitted.record);
            weights.push(fitted.weights);
        }
        let out_of_fold = self.out_of_fold(&held_out, &members);
        Ok(Ensemble { architecture, weights, members, out_of_fold })
    }

    /// What the networks of a stack say of the patients of their fold, (patients,); of several from
    /// seeds of their own the mean. Each network kept the epoch that was best for its own fold; that
    /// choice would flatter it here, so that the risks are those after the median of the epochs that
    /// were best for the other folds.
    fn out_of_fold(
        &self,
        held_out: &[(Vec<usize>, Vec<Vec<f32>>)],
        members: &[MemberRecord],
    ) -> Vec<f64> {
        let mut out_of_fold = vec![0.0; self.inner.len()];
        let folds = self.folds().max(1);
        let seeds = (held_out.len() / folds).max(1) as f64;
        for (member, (rows, epochs)) in held_out.iter().enumerate() {
            let is_of_another = |(other, _): &(usize, _)| other % folds != member % folds;
            let others = members.iter().enumerate().filter(is_of_another);
            let mut best: Vec<usize> = others.map(|(_, record)| record.best_epoch).collect();
            best.sort_unstable();
            let median = best.get(best.len() / 2).copied().unwrap_or(1);
            // A network that was stopped before is taken as it stopped.
            let Some(log_risks) = epochs.get(median.min(epochs.len()).saturating_sub(1)) else {
                continue;
            };
            for (&row, &log_risk) in rows.iter().zip(log_risks) {
                out_of_fold[row] += f64::from(log_risk) / seeds;
            }
        }
        out_of_fold
    }

    /// The networks of an ensemble.
    fn networks(&self) -> usize {
        match self.folds() {
            0 => self.config.training.ensemble,
            folds => folds * self.config.stack.seeds,
        }
    }

    /// The inner folds; 0 but for a stack.
    fn folds(&self) -> usize {
        self.inner.iter().max().map_or(0, |last| *last as usize + 1)
    }

    fn architecture(&self, prepared: &Prepared) -> Architecture {
        let inputs: Vec<Input> = prepared.blocks.iter().map(Input::of).collect();
        let heads = &self.config.heads;
        let cut_points = match heads.survival {
            SurvivalHead::Cox => vec![],
            SurvivalHead::DiscreteTime => cut_points(&self.causes(), heads.intervals),
        };
        let competing = self.joint.clone();
        Architecture {
            competing,
            ..Architecture::new(&self.config.network, &inputs, &self.classes, cut_points)
        }
    }

    /// The training patients' follow-up with the cause among the events of the networks.
    fn causes(&self) -> Vec<CompetingOutcome> {
        let competing = |row: usize| {
            let own = self.data.cohort.competing.get(row)?.as_deref()?;
            let place = (2..).zip(&self.joint).find(|(_, name)| *name == own);
            place.map(|(cause, _)| cause)
        };
        let ending = |(&row, outcome): (&usize, &Survival)| CompetingOutcome {
            time_days: outcome.time_days,
            cause: if outcome.event { Some(EVENT) } else { competing(row) },
            entry_days: outcome.entry_days,
        };
        self.rows.iter().zip(&self.outcomes).map(ending).collect()
    }

    fn class_numbers(&self) -> Vec<i64> {
        let number: BTreeMap<&str, i64> =
            self.classes.iter().map(String::as_str).zip(0..).collect();
        let label = |&row: &usize| self.data.cohort.labels[row].as_deref();
        let class = |row| label(row).and_then(|label| number.get(label)).copied().unwrap_or(-1);
        self.rows.iter().map(class).collect()
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
fn balance(prepared: &Prepared) -> Vec<f32> {
    let factor = |block: &PreparedBlock| (BALANCED_COLUMNS / block.ncols() as f32).sqrt();
    prepared.blocks.iter().map(factor).collect()
}
