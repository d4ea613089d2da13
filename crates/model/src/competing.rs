//! Competing events: each has a model of its own hazard, fitted as the event's is or read off one
//! network of all events, and all hazards together give the cumulative incidence of each. Prentice et
//! al., Biometrics 1978;34:541.

use std::{collections::BTreeMap, ops::ControlFlow, path::Path};

use ndarray::{Array2, Array3, ArrayView1, Axis};
use oncoweave_core::{
    Cohort, CumulativeHazard, Incidence, Prediction, SurvivalProbability,
    competing_risks::incidence_of_hazards,
    incidence_interval::{CauseError, IncidenceIntervals, incidence_with_intervals},
};

use crate::{
    CompetingHead, Dataset, EpochReport, Error, Model, ModelKind, SubtypeHead, TrainConfig,
    followed::{Errors, Followed, PatientErrors},
    hazards::Intervals,
    plan::Plan,
    recipe::{Fitted, Group, Method, Recipe},
    team::Team,
    train::{ends_the_run, with_causes},
};

/// Fewer events of a competing kind tell nobody apart: all patients get the same hazard of it.
const FEWEST_EVENTS: usize = 10;

/// Steps of the hazards between which their ratio is taken as constant, at most.
const MOST_STEPS: usize = 1000;

/// Patients whose hazards are held at once.
const BLOCK: usize = 2048;

/// An event that keeps a model's own from happening, with the model of its hazard.
#[derive(Clone, Debug, PartialEq)]
pub struct Competing {
    /// The event's name.
    pub event: String,
    /// The model of its cause-specific hazard, for which all other events are censored.
    pub model: Model,
}

/// What competing events leave of a patient, at some times.
#[derive(Clone, Debug, PartialEq)]
pub struct Competed {
    /// The cumulative incidence of the event and then of each competing one, (events, times).
    pub incidence: Array2<Incidence>,
    /// The 95 % intervals; `None` where the model's folder does not hold what they take, as those
    /// of older versions do not.
    pub intervals: Option<IncidenceIntervals>,
}

/// The models of a training part: those of the event, and of each event that competes with it.
pub(crate) struct Plans<'a> {
    pub(crate) event: Plan<'a>,
    pub(crate) rivals: Vec<Rival<'a>>,
}

/// The models of a competing event.
pub(crate) struct Rival<'a> {
    pub(crate) event: String,
    pub(crate) plan: Plan<'a>,
}

/// A model of a competing event's hazard, as it goes with one of several models of the event's.
#[derive(Clone, Copy)]
pub(crate) struct Rivalry<'a> {
    pub(crate) event: &'a str,
    pub(crate) model: &'a Model,
}

/// What came of the models of one plan.
pub(crate) type Attempts = Vec<(Recipe, Result<Fitted, Error>)>;

impl<'a> Plans<'a> {
    pub(crate) fn new(
        data: &'a Dataset<'a>,
        rows: &[usize],
        config: &TrainConfig,
    ) -> Result<Self, Error> {
        let event = Plan::new(data, rows, config)?;
        let rival = |(name, events): (&str, usize)| {
            let mut config = config.clone();
            config.horizons_days = Some(event.horizons_days().to_vec());
            config.heads.subtype = SubtypeHead::Off;
            if events < FEWEST_EVENTS {
                config.model = ModelKind::RidgeCox;
                config.heads.competing = CompetingHead::Separate;
            }
            let plan = Plan::of_event(data, rows, &config, Some(name))?;
            Ok(Rival { event: name.to_owned(), plan })
        };
        let events = events(data.cohort, rows);
        let rivals = events.into_iter().map(rival).collect::<Result<_, Error>>()?;
        Ok(Self { event, rivals })
    }

    /// The plans, the event's first.
    pub(crate) fn all(&self) -> Vec<&Plan<'a>> {
        std::iter::once(&self.event).chain(self.rivals.iter().map(|rival| &rival.plan)).collect()
    }

    /// The models to fit of each plan; none of an event that is too rare, and no network of one
    /// whose hazard the event's networks give.
    pub(crate) fn groups(&self) -> Vec<Vec<Group>> {
        let own = |rival: &Rival| {
            let mut groups = if rival.is_rare() { vec![] } else { rival.plan.groups() };
            groups.retain(|group| !self.is_joint(rival) || !group.is_of_networks());
            groups
        };
        std::iter::once(self.event.groups()).chain(self.rivals.iter().map(own)).collect()
    }

    fn is_joint(&self, rival: &Rival) -> bool {
        self.event.joint.contains(&rival.event)
    }

    /// The models of a rival's hazard that the event's networks give, then those fitted to it alone.
    fn attempts(&self, rival: &Rival, event: &Attempts, alone: Attempts) -> Attempts {
        if !self.is_joint(rival) {
            return alone;
        }
        let read_off = |(recipe, fitted): &(Recipe, Result<Fitted, Error>)| {
            let network = fitted.as_ref().ok().filter(|_| recipe.method == Method::Network)?;
            Some((recipe.clone(), rival.plan.read_off(recipe, &network.model)))
        };
        event.iter().filter_map(read_off).chain(alone).collect()
    }

    /// Trains all networks by the processes of a team.
    pub(crate) fn train_by(&mut self, team: Team<'a>) {
        self.event.team = team;
        for rival in &mut self.rivals {
            rival.plan.team = team;
        }
    }

    /// Helps the first process of the team with every network, and keeps nothing.
    pub(crate) fn assist(
        &self,
        on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        for (plan, groups) in self.all().into_iter().zip(self.groups()) {
            for group in groups {
                if let Err(error) = plan.assist(&group, on_epoch)
                    && ends_the_run(&error)
                {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Puts the fitted models of each plan together. Gives also the names of the event's models
    /// that could not be fitted, with the reasons.
    pub(crate) fn finish(
        &self,
        mut fitted: Vec<Attempts>,
    ) -> Result<(Model, Vec<(String, String)>), Error> {
        let rivals = fitted.split_off(1);
        let own = fitted.pop().expect("the event's models come first");
        let rivals = self.rivals.iter().zip(rivals);
        let rivals: Vec<(&Rival, Attempts)> =
            rivals.map(|(rival, alone)| (rival, self.attempts(rival, &own, alone))).collect();
        let (mut model, failures) = self.event.finish(own)?;
        for (rival, attempts) in rivals {
            let (competing, note) = rival.finish(attempts)?;
            model.competing.push(Competing { event: rival.event.clone(), model: competing });
            model.training.notes.extend(note);
        }
        Ok((model, failures))
    }
}

/// The competing events of some rows with how often they were observed, by name.
fn events<'a>(cohort: &'a Cohort, rows: &[usize]) -> BTreeMap<&'a str, usize> {
    let mut events = BTreeMap::new();
    for name in rows.iter().filter_map(|&row| cohort.competing.get(row)?.as_deref()) {
        *events.entry(name).or_default() += 1;
    }
    events
}

/// The competing events that tell patients apart.
pub(crate) fn frequent_events(cohort: &Cohort, rows: &[usize]) -> Vec<String> {
    let frequent = |(name, count): (&str, usize)| (count >= FEWEST_EVENTS).then(|| name.to_owned());
    events(cohort, rows).into_iter().filter_map(frequent).collect()
}

impl Rival<'_> {
    fn events(&self) -> usize {
        self.plan.outcomes().iter().filter(|outcome| outcome.event).count()
    }

    fn is_rare(&self) -> bool {
        self.events() < FEWEST_EVENTS
    }

    /// The model of the event's hazard, with a sentence where that is the same for everybody.
    fn finish(&self, attempts: Attempts) -> Result<(Model, Option<String>), Error> {
        let reason = if self.is_rare() {
            format!("it was observed {} times", self.events())
        } else {
            match self.plan.finish(attempts) {
                Ok((mut model, _)) => {
                    model.reference = crate::Reference::default();
                    model.training.patient_digests.clear();
                    return Ok((model, None));
                }
                Err(error) => with_causes(&error),
            }
        };
        let note = format!("everybody has the same hazard of `{}`: {reason}", self.event);
        Ok((self.plan.constant()?, Some(note)))
    }
}

/// Fits the models of one group; where it is asked to, it stops with the first failure that is not
/// the model's own.
pub(crate) fn fit_all(
    plans: &Plans,
    checkpoints: Option<&Path>,
    on_epoch: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<Vec<Attempts>, Error> {
    let mut all = vec![];
    for (number, (plan, groups)) in plans.all().into_iter().zip(plans.groups()).enumerate() {
        let mut attempts = vec![];
        for (index, group) in groups.iter().enumerate() {
            let name = match number {
                0 => format!("model_{index}"),
                rival => format!("competing_{rival}_model_{index}"),
            };
            let checkpoint = checkpoints.map(|folder| folder.join(name));
            for (recipe, result) in plan.fit(group, checkpoint.as_deref(), on_epoch) {
                match result {
                    Err(error) if ends_the_run(&error) => return Err(error),
                    result => attempts.push((recipe, result)),
                }
            }
        }
        all.push(attempts);
    }
    Ok(all)
}

impl Model {
    /// The events that compete with the model's, in the order of [`Prediction::incidence`] after
    /// the event itself.
    #[must_use]
    pub fn competing_events(&self) -> Vec<String> {
        self.competing.iter().map(|one| one.event.clone()).collect()
    }

    /// The events that compete with the model's, each with the model of its hazard.
    #[must_use]
    pub fn competing(&self) -> &[Competing] {
        &self.competing
    }

    /// The models of competing events that go with another of the models that this one is compared
    /// with, or with itself: those that were fitted as it was.
    pub(crate) fn rivals<'a>(&'a self, other: &Self) -> Vec<Rivalry<'a>> {
        let counterpart = |competing: &'a Competing| {
            let mut alike = competing.model.compared_with().into_iter();
            let model = alike.find(|model| model.name == other.name).unwrap_or(&competing.model);
            Rivalry { event: &competing.event, model }
        };
        self.competing.iter().map(counterpart).collect()
    }

    /// The cumulative incidence by each time of the event and then of each competing one,
    /// (patients, events, times); without competing events that is one less the survival.
    ///
    /// # Errors
    /// As for [`Model::score`].
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn incidence_at(
        &self,
        cohort: &Cohort,
        rows: &[usize],
        times_days: &[f64],
    ) -> Result<Array3<Incidence>, Error> {
        self.incidence_beside(&self.rivals(self), (cohort, rows), times_days)
    }

    /// The same with 95 % intervals, patient by patient. The intervals hold at any time, and are
    /// those of all patients with these hazards.
    ///
    /// # Errors
    /// As for [`Model::score`].
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn competed_at(
        &self,
        cohort: &Cohort,
        rows: &[usize],
        times_days: &[f64],
    ) -> Result<Vec<Competed>, Error> {
        self.competed_beside(&self.rivals(self), (cohort, rows), times_days)
    }

    pub(crate) fn incidence_beside(
        &self,
        rivals: &[Rivalry],
        (cohort, rows): (&Cohort, &[usize]),
        times_days: &[f64],
    ) -> Result<Array3<Incidence>, Error> {
        let together = Together::new(self, rivals, times_days);
        let mut found = Array3::default((rows.len(), together.models.len(), times_days.len()));
        let mut patients = found.outer_iter_mut();
        together.each((cohort, rows), |followed, place| {
            let hazards = together.hazards(followed, place);
            let own = incidence_of_hazards(&hazards).select(Axis(1), &together.places);
            patients.next().expect("one for each row").assign(&own);
        })?;
        Ok(found)
    }

    pub(crate) fn competed_beside(
        &self,
        rivals: &[Rivalry],
        (cohort, rows): (&Cohort, &[usize]),
        times_days: &[f64],
    ) -> Result<Vec<Competed>, Error> {
        let together = Together::new(self, rivals, times_days);
        let errors = together.models.iter().map(|model| model.errors_along(&together.grid));
        let errors: Option<Vec<Errors>> = errors.collect();
        let mut found = Vec::with_capacity(rows.len());
        together.each((cohort, rows), |followed, place| {
            let hazards = together.hazards(followed, place);
            let Some(errors) = &errors else {
                let incidence = incidence_of_hazards(&hazards).select(Axis(1), &together.places);
                return found.push(Competed { incidence, intervals: None });
            };
            let own = followed.iter().zip(errors).map(|(one, errors)| one.errors(errors, place));
            let own: Vec<PatientErrors> = own.collect();
            let causes: Vec<CauseError> = own.iter().map(PatientErrors::as_cause).collect();
            let (incidence, intervals) =
                incidence_with_intervals(&hazards, &causes, &together.places);
            found.push(Competed { incidence, intervals: Some(intervals) });
        })?;
        Ok(found)
    }

    /// The times at which the cumulative hazard has a step or a bend.
    fn hazard_times(&self) -> &[f64] {
        self.intervals().map_or(&self.scale.baseline.times_days, |Intervals(ends)| ends)
    }
}

/// The models of events that keep one another from happening, followed along the same times.
struct Together<'a> {
    /// The event's own first.
    models: Vec<&'a Model>,
    grid: Vec<f64>,
    /// Where the times that are asked for stand in the grid.
    places: Vec<usize>,
}

impl<'a> Together<'a> {
    fn new(model: &'a Model, rivals: &[Rivalry<'a>], times_days: &[f64]) -> Self {
        let models: Vec<&Model> =
            std::iter::once(model).chain(rivals.iter().map(|rival| rival.model)).collect();
        let grid = grid(&models, times_days);
        let place = |time: &f64| grid.partition_point(|other| other < time);
        let places = times_days.iter().map(place).collect();
        Self { models, grid, places }
    }

    /// Hands the patients on, some followed at once, each with the place among them.
    fn each(
        &self,
        (cohort, rows): (&Cohort, &[usize]),
        mut each: impl FnMut(&[Followed], usize),
    ) -> Result<(), Error> {
        for block in rows.chunks(BLOCK) {
            let followed = self.models.iter().map(|model| model.follow(cohort, block, &self.grid));
            let followed = followed.collect::<Result<Vec<_>, Error>>()?;
            (0..block.len()).for_each(|place| each(&followed, place));
        }
        Ok(())
    }

    /// One patient's cumulative hazards, (events, times of the grid).
    fn hazards(&self, followed: &[Followed], place: usize) -> Array2<CumulativeHazard> {
        let own = followed.iter().flat_map(|one| one.hazards(place)).collect();
        Array2::from_shape_vec((self.models.len(), self.grid.len()), own)
            .expect("each event has a hazard at each time")
    }
}

/// The times between which hazards are followed, rising, with all those that are asked for and all
/// ends of intervals.
pub(crate) fn grid(models: &[&Model], times_days: &[f64]) -> Vec<f64> {
    let last = times_days.iter().copied().fold(0.0, f64::max);
    let times = |bends: bool| {
        let models = models.iter().filter(move |model| model.intervals().is_some() == bends);
        models.flat_map(|model| model.hazard_times()).copied().filter(|&time| time < last)
    };
    let mut steps: Vec<f64> = times(false).collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    let every = steps.len().div_ceil(MOST_STEPS).max(1);
    let steps = steps.into_iter().step_by(every);
    let mut grid: Vec<f64> = steps.chain(times(true)).chain(times_days.iter().copied()).collect();
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    grid
}

/// Puts what competing events leave of a patient into a prediction. Survival is then that of no event
/// at all.
pub fn compete(prediction: &mut Prediction, competed: &Competed) {
    let Competed { incidence, intervals } = competed;
    let values = |event: ArrayView1<Incidence>| event.iter().map(|one| one.0).collect();
    prediction.incidence = incidence.outer_iter().map(values).collect();
    let free =
        |event: ArrayView1<Incidence>| (1.0 - event.iter().map(|one| one.0).sum::<f64>()).max(0.0);
    prediction.survival = incidence.axis_iter(Axis(1)).map(free).collect();
    let Some(intervals) = intervals else {
        prediction.survival_low.clear();
        prediction.survival_high.clear();
        return;
    };
    let bounds = |which: fn(&(Incidence, Incidence)) -> f64| {
        let event = |event: ArrayView1<(Incidence, Incidence)>| event.iter().map(which).collect();
        intervals.incidence.outer_iter().map(event).collect()
    };
    prediction.incidence_low = bounds(|(low, _)| low.0);
    prediction.incidence_high = bounds(|(_, high)| high.0);
    let pair = |(low, high): &(SurvivalProbability, SurvivalProbability)| (low.0, high.0);
    (prediction.survival_low, prediction.survival_high) =
        intervals.survival.iter().map(pair).unzip();
}
