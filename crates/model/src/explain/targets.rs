use ndarray::Array2;
use oncoweave_core::{CumulativeHazard, Risk, competing_risks::incidence_of_hazards};

use crate::{Model, competing::grid};

/// How far a driver is moved to both sides to see how fast a target moves with it.
const STEP: f64 = 1e-4;

/// The numbers that are explained, as functions of a patient's *drivers*: the log-risk, or with a
/// discrete-time head the logit of each interval's hazard, of the event's model and then of each
/// competing event's.
pub(super) struct Targets<'a> {
    /// The models of all hazards, the event's first.
    pub(super) models: Vec<&'a Model>,
    /// The times that competing hazards are followed over, and the places of the horizons there.
    grid: Vec<f64>,
    places: Vec<usize>,
}

impl<'a> Targets<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        let competing = model.competing.iter().map(|competing| &competing.model);
        let models: Vec<&Model> = std::iter::once(model).chain(competing).collect();
        let times = model.horizons_days();
        let grid = if models.len() > 1 { grid(&models, times) } else { vec![] };
        let place = |time: &f64| grid.partition_point(|other| other < time);
        let places = times.iter().map(place).collect();
        Self { models, grid, places }
    }

    /// Their names, those of the columns of predictions.
    pub(super) fn names(&self) -> Vec<String> {
        let (model, mut names) = (self.models[0], vec!["log_risk".to_owned()]);
        let competing =
            model.competing.iter().map(|competing| format!("incidence_{}_", competing.event));
        let starts: Vec<String> = if model.competing.is_empty() {
            vec!["survival_".to_owned()]
        } else {
            std::iter::once("incidence_".to_owned()).chain(competing).collect()
        };
        for start in starts {
            names.extend(model.horizons_days().iter().map(|days| format!("{start}{days}d")));
        }
        names
    }

    /// The log-risk, then survival at each horizon; beside competing events instead of survival the
    /// cumulative incidence of the event at each horizon, then that of each competing one.
    pub(super) fn of(&self, drivers: &[f64]) -> Vec<f64> {
        let mut rest = drivers;
        let own = |model: &&'a Model| {
            let (own, others) = rest.split_at(count(model));
            rest = others;
            (*model, own)
        };
        let drivers: Vec<(&Model, &[f64])> = self.models.iter().map(own).collect();
        let mut targets = vec![log_risk(drivers[0])];
        if drivers.len() == 1 {
            let survival = |&days: &f64| hazard(drivers[0], days).survival().0;
            targets.extend(self.models[0].horizons_days().iter().map(survival));
        } else {
            let hazards =
                Array2::from_shape_fn((drivers.len(), self.grid.len()), |(event, time)| {
                    hazard(drivers[event], self.grid[time])
                });
            let incidence = incidence_of_hazards(&hazards);
            for event in incidence.outer_iter() {
                targets.extend(self.places.iter().map(|&place| event[place].0));
            }
        }
        targets
    }

    /// How fast each target moves with each driver, (targets, drivers).
    pub(super) fn slopes(&self, drivers: &[f64]) -> Array2<f64> {
        let mut moved = drivers.to_vec();
        let mut at = |place: usize, by: f64| {
            moved[place] = drivers[place] + by;
            let targets = self.of(&moved);
            moved[place] = drivers[place];
            targets
        };
        let columns: Vec<Vec<f64>> = (0..drivers.len())
            .map(|place| {
                let (above, below) = (at(place, STEP), at(place, -STEP));
                above
                    .iter()
                    .zip(below)
                    .map(|(above, below)| (above - below) / (2.0 * STEP))
                    .collect()
            })
            .collect();
        let targets = columns.first().map_or(0, Vec::len);
        Array2::from_shape_fn((targets, drivers.len()), |(target, driver)| columns[driver][target])
    }
}

/// How many drivers a model has.
fn count(model: &Model) -> usize {
    model.intervals().map_or(1, |intervals| intervals.0.len())
}

fn log_risk((model, own): (&Model, &[f64])) -> f64 {
    match model.intervals() {
        // As the network itself has it.
        Some(intervals) => {
            let last = intervals.0.last().copied().unwrap_or_default();
            intervals.hazard(own, last).0.ln()
        }
        None => own[0],
    }
}

fn hazard((model, own): (&Model, &[f64]), time_days: f64) -> CumulativeHazard {
    match model.intervals() {
        Some(intervals) => intervals.hazard(own, time_days),
        None => model.scale.baseline.hazard_of(Risk(own[0]), time_days),
    }
}
