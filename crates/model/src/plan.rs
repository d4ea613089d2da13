//! Everything that the models of one training part share, and how each of them is fitted.

use std::{ops::ControlFlow, path::Path, sync::OnceLock};

use oncoweave_core::{
    Cohort, PatientId, Risk, Survival, Undefined,
    preprocess::{Prepared, Preprocessing},
};
use sha2::{Digest, Sha256};

use crate::{
    CompetingHead, Dataset, EpochReport, Error, MemberRecord, Model, ModelKind, Predictor,
    Reference, RiskScale, StackConfig, TrainConfig, TrainingRecord,
    competing::frequent_events,
    fit::hex,
    model::FUSION,
    recipe::{Fitted, Group, Method, Reads, Recipe},
    scale::{default_horizons, last_follow_up},
    stack::shares,
    stacking::stack,
    team::Team,
    train::with_causes,
    training_part::{
        check_outcomes, choose_classes, choose_elastic_net, choose_modalities, inner_folds,
    },
};

/// Everything that the models of one training part share.
pub(crate) struct Plan<'a> {
    pub(crate) data: &'a Dataset<'a>,
    pub(crate) config: TrainConfig,
    /// The rows with follow-up, in the order given.
    pub(crate) rows: Vec<usize>,
    pub(crate) outcomes: Vec<Survival>,
    modalities: Vec<String>,
    /// How the columns of all modalities are prepared, once it was asked for.
    columns: OnceLock<Result<Preprocessing, Undefined>>,
    pub(crate) classes: Vec<String>,
    horizons_days: Vec<f64>,
    /// The inner fold of each patient, (patients,); empty but for a stack.
    pub(crate) inner: Vec<u32>,
    notes: Vec<String>,
    /// Whether a stack has elastic-net Cox among its members.
    elastic_net: bool,
    /// Whether each epoch tells of every layer.
    pub(crate) statistics: bool,
    /// The competing event whose hazard the models are of; `None` for the event's own.
    pub(crate) competing: Option<String>,
    /// The competing events whose hazards the networks give beside the event's.
    pub(crate) joint: Vec<String>,
    /// The processes that train the networks.
    pub(crate) team: Team<'a>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(
        data: &'a Dataset<'a>,
        rows: &[usize],
        config: &TrainConfig,
    ) -> Result<Self, Error> {
        Self::of_event(data, rows, config, None)
    }

    /// The models of a competing event's hazard, or of the event's.
    pub(crate) fn of_event(
        data: &'a Dataset<'a>,
        rows: &[usize],
        config: &TrainConfig,
        competing: Option<&str>,
    ) -> Result<Self, Error> {
        config.validate()?;
        let cohort = data.cohort;
        let modalities = choose_modalities(cohort, config)?;
        let follow_up = |row: usize| {
            let outcome = cohort.survival[row]?;
            let is_this =
                |name| cohort.competing.get(row).is_some_and(|own| own.as_deref() == Some(name));
            Some(Survival { event: competing.map_or(outcome.event, is_this), ..outcome })
        };
        let with_outcome: Vec<(usize, Survival)> =
            rows.iter().filter_map(|&row| Some((row, follow_up(row)?))).collect();
        let (rows_used, outcomes): (Vec<usize>, Vec<Survival>) = with_outcome.into_iter().unzip();
        check_outcomes(&outcomes, rows.len())?;
        let mut notes = vec![];
        let without = rows.len() - rows_used.len();
        if without > 0 {
            notes.push(format!("{without} patients without follow-up were not trained on"));
        }
        notes.extend(late_entries(&outcomes).filter(|_| competing.is_none()));
        let classes = choose_classes(cohort, &rows_used, config, &mut notes)?;
        let horizons_days =
            config.horizons_days.clone().unwrap_or_else(|| default_horizons(&outcomes));
        notes.extend(past_follow_up(&horizons_days, &outcomes).filter(|_| competing.is_none()));
        let inner = match config.model {
            ModelKind::Stack => {
                let site = |&row: &usize| cohort.sites.get(row).and_then(Option::as_deref);
                let sites: Vec<Option<&str>> = rows_used.iter().map(site).collect();
                inner_folds(&outcomes, &sites, config, &mut notes)?
            }
            ModelKind::Network | ModelKind::RidgeCox | ModelKind::ElasticNetCox => vec![],
        };
        let elastic_net = config.model == ModelKind::Stack
            && config.stack.elastic_net
            && choose_elastic_net(cohort, (&modalities, rows_used.len()), &mut notes);
        let wants_joint = config.heads.competing == CompetingHead::Joint && competing.is_none();
        let joint = if wants_joint { joint_events(cohort, &rows_used, &mut notes) } else { vec![] };
        Ok(Self {
            data,
            config: config.clone(),
            inner,
            rows: rows_used,
            outcomes,
            modalities,
            columns: OnceLock::new(),
            classes,
            horizons_days,
            notes,
            elastic_net,
            statistics: false,
            competing: competing.map(str::to_owned),
            joint,
            team: Team::new(None, config.training.shards),
        })
    }

    /// The training patients' follow-up.
    pub(crate) fn outcomes(&self) -> &[Survival] {
        &self.outcomes
    }

    /// Every model to fit; but for a stack, the first is the one asked for. Models of one group
    /// share work.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let all = |method| Recipe::new(method, Reads::All);
        let several = self.modalities.len() > 1;
        let each = |method, reads: fn(String) -> Reads| {
            let names = self.modalities.iter().filter(|_| several).cloned();
            names.map(|name| Recipe::new(method, reads(name))).collect::<Vec<_>>()
        };
        let networks = each(Method::Network, Reads::Alone);
        let ridges = each(Method::Ridge, Reads::Alone);
        let elastic_nets = each(Method::ElasticNet, Reads::Alone);
        let sparse = [all(Method::ElasticNet)].into_iter().chain(elastic_nets);
        let single = |recipe| Group(vec![recipe]);
        match self.config.model {
            ModelKind::Stack => {
                let mut linear = vec![all(Method::Ridge)];
                linear.extend(several.then(|| all(Method::RidgeByModality)));
                linear.extend(ridges);
                if self.modalities.len() > 2 {
                    linear.extend(each(Method::RidgeByModality, Reads::Without));
                }
                let networks = [all(Method::Network)].into_iter().chain(networks);
                let sparse = sparse.filter(|_| self.elastic_net).map(single);
                networks.map(single).chain([Group(linear)]).chain(sparse).collect()
            }
            ModelKind::Network => {
                let both = [all(Method::Network), all(Method::Ridge)];
                both.into_iter().chain(networks).chain(ridges).map(single).collect()
            }
            ModelKind::RidgeCox => {
                [all(Method::Ridge)].into_iter().chain(ridges).map(single).collect()
            }
            ModelKind::ElasticNetCox => {
                let mut models: Vec<Recipe> = sparse.collect();
                models.insert(1, all(Method::Ridge));
                models.into_iter().map(single).collect()
            }
        }
    }

    /// The name that a recipe's model has here: the one asked for is `fusion`.
    pub(crate) fn name(&self, recipe: &Recipe) -> String {
        let main = match self.config.model {
            ModelKind::Stack => None,
            ModelKind::Network => Some(Method::Network),
            ModelKind::RidgeCox => Some(Method::Ridge),
            ModelKind::ElasticNetCox => Some(Method::ElasticNet),
        };
        let is_main = recipe.reads == Reads::All && Some(recipe.method) == main;
        if is_main { FUSION.to_owned() } else { recipe.name() }
    }

    /// Fits the models of one group, each of which may fail by itself. The checkpoints' names start
    /// with the given path.
    pub(crate) fn fit(
        &self,
        group: &Group,
        checkpoints: Option<&Path>,
        on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Vec<(Recipe, Result<Fitted, Error>)> {
        match &group.0[..] {
            [recipe] if recipe.method == Method::Network => {
                vec![(recipe.clone(), self.network(recipe, checkpoints, on_epoch))]
            }
            [recipe] if recipe.method == Method::ElasticNet => {
                vec![(recipe.clone(), self.elastic_net(recipe))]
            }
            recipes if self.config.model == ModelKind::Stack => self.cross_fitted(recipes),
            recipes => {
                let fit = |recipe: &Recipe| (recipe.clone(), self.ridge(recipe));
                recipes.iter().map(fit).collect()
            }
        }
    }

    /// The network on all modalities, without what it is compared with.
    pub(crate) fn all_together(
        &self,
        checkpoints: Option<&Path>,
        on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<Model, Error> {
        let recipe = Recipe::new(Method::Network, Reads::All);
        Ok(self.network(&recipe, checkpoints, on_epoch)?.model)
    }

    /// Puts the fitted models together: into a stack, or the first with the others as its
    /// baselines. Gives also the names of those that could not be fitted, with the reasons.
    pub(crate) fn finish(
        &self,
        fitted: Vec<(Recipe, Result<Fitted, Error>)>,
    ) -> Result<(Model, Vec<(String, String)>), Error> {
        let (mut good, mut failures) = (vec![], vec![]);
        for (place, (recipe, result)) in fitted.into_iter().enumerate() {
            match result {
                Ok(mut fitted) => {
                    if place > 0 || self.config.model == ModelKind::Stack {
                        fitted.model.training.patient_digests.clear();
                    }
                    good.push(fitted);
                }
                Err(error) if place == 0 && self.config.model != ModelKind::Stack => {
                    return Err(error);
                }
                Err(error) => failures.push((self.name(&recipe), with_causes(&error))),
            }
        }
        let mut model = if self.config.model == ModelKind::Stack {
            match (good.is_empty(), failures.first()) {
                (true, Some((name, reason))) => {
                    let reason = format!("no model can be fitted; `{name}`: {reason}");
                    return Err(Error::Untrainable { reason });
                }
                _ => stack(self, good)?,
            }
        } else {
            let mut models = good.into_iter().map(|fitted| fitted.model);
            let main = models.next().expect("there is a model to fit");
            Model { baselines: models.collect(), ..main }
        };
        let prepared = self.prepare(&model.preprocessing)?;
        model.reference = Reference::fit(&prepared);
        if self.config.model != ModelKind::Stack {
            model.reference.shares = shares(&model.predictor, (&model.preprocessing, &prepared));
        }
        let sentence = |(name, reason)| format!("`{name}` is left out: {reason}");
        model.training.notes.extend(failures.iter().map(|(a, b)| sentence((a, b))));
        Ok((model, failures))
    }

    /// Gives a predictor, with the log-risks of the training patients, all that a model has beside it.
    pub(crate) fn model(
        &self,
        recipe: &Recipe,
        (preprocessing, predictor): (Preprocessing, Predictor),
        log_risks: &[f64],
        members: Vec<MemberRecord>,
    ) -> Result<Model, Error> {
        Ok(Model {
            name: self.name(recipe),
            config: self.config.clone(),
            training: self.record(recipe, members, &preprocessing),
            preprocessing,
            predictor,
            scale: self.scale(log_risks)?,
            reference: Reference::default(),
            extraction: None,
            baselines: vec![],
            competing: vec![],
        })
    }

    pub(crate) fn modalities(&self, recipe: &Recipe) -> Vec<String> {
        match &recipe.reads {
            Reads::All => self.modalities.clone(),
            Reads::Alone(modality) => vec![modality.clone()],
            Reads::Without(modality) => {
                self.modalities.iter().filter(|name| *name != modality).cloned().collect()
            }
        }
    }

    /// The columns of all modalities that have any, as a stack prepares them once for all members.
    pub(crate) fn all_columns(&self) -> Result<Preprocessing, Error> {
        self.preprocessing(&Recipe::new(Method::Ridge, Reads::All))
    }

    /// The baseline hazard and the median of log-risks.
    pub(crate) fn scale(&self, log_risks: &[f64]) -> Result<RiskScale, Error> {
        let risks: Vec<Risk> = log_risks.iter().map(|&risk| Risk(risk)).collect();
        let competing = &self.data.cohort.competing;
        let competed = self.rows.iter().any(|&row| matches!(competing.get(row), Some(Some(_))));
        RiskScale::fit(&self.outcomes, &risks, &self.horizons_days, competed)
    }

    pub(crate) fn horizons_days(&self) -> &[f64] {
        &self.horizons_days
    }

    pub(crate) fn stack_config(&self) -> &StackConfig {
        &self.config.stack
    }

    pub(crate) fn modality_names(&self) -> &[String] {
        &self.modalities
    }

    /// The record and the settings of a model that is put together from others.
    pub(crate) fn combined(
        &self,
        preprocessing: Preprocessing,
        parts: (Predictor, RiskScale),
    ) -> Model {
        let everything = Recipe::new(Method::Ridge, Reads::All);
        Model {
            name: FUSION.to_owned(),
            config: self.config.clone(),
            training: self.record(&everything, vec![], &preprocessing),
            preprocessing,
            predictor: parts.0,
            scale: parts.1,
            reference: Reference::default(),
            extraction: None,
            baselines: vec![],
            competing: vec![],
        }
    }

    pub(crate) fn preprocessing(&self, recipe: &Recipe) -> Result<Preprocessing, Error> {
        let fit = || Preprocessing::fit(self.data.cohort, &self.rows, &self.modalities);
        let all = self.columns.get_or_init(fit).as_ref();
        let of_recipe = |all: &Preprocessing| all.of_modalities(&self.modalities(recipe));
        all.map_err(Clone::clone)
            .and_then(of_recipe)
            .map_err(Error::undefined("the columns cannot be prepared"))
    }

    pub(crate) fn prepare<'p>(
        &'p self,
        preprocessing: &'p Preprocessing,
    ) -> Result<Prepared<'p>, Error> {
        preprocessing
            .prepare(self.data.cohort, &self.rows)
            .map_err(Error::undefined("the columns cannot be prepared"))
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
        let unwatched =
            self.inner.is_empty() && members.iter().any(|member| member.validation_patients == 0);
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
            description: None,
        }
    }
}

/// The competing events whose hazards one network gives, with a sentence where there are none.
fn joint_events(cohort: &Cohort, rows: &[usize], notes: &mut Vec<String>) -> Vec<String> {
    let joint = frequent_events(cohort, rows);
    if joint.is_empty() {
        let note = "`heads.competing = \"joint\"` changes nothing: too few competing events";
        notes.push(note.to_owned());
    }
    joint
}

/// A sentence where patients entered late.
fn late_entries(outcomes: &[Survival]) -> Option<String> {
    let late = outcomes.iter().filter(|outcome| outcome.entry_days.is_some()).count();
    (late > 0).then(|| {
        format!(
            "{late} patients came under observation after the index date and are at risk from then \
             on"
        )
    })
}

/// A sentence where survival is asked for of times past everybody's follow-up.
fn past_follow_up(horizons_days: &[f64], outcomes: &[Survival]) -> Option<String> {
    let last = last_follow_up(outcomes)?;
    let past = horizons_days.iter().filter(|&&days| days > last).map(f64::to_string);
    let past = past.collect::<Vec<_>>().join(", ");
    (!past.is_empty()).then(|| {
        format!(
            "horizons past follow-up: nobody was followed to day {past}, so that what is said of \
             then held before, and predictions carry a flag"
        )
    })
}

/// The first half of the SHA-256 of a patient's id, in hexadecimal.
pub(crate) fn patient_digest(patient: &PatientId) -> String {
    hex(&Sha256::digest(patient.as_str())[..16])
}
