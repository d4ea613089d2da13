//! The cumulative hazards of patients as a model says them, followed along times, and how well they
//! are known.

use std::borrow::Cow;

use ndarray::Array2;
use oncoweave_core::{
    Cohort, CumulativeHazard, SurvivalProbability,
    incidence_interval::{CauseError, incidence_with_intervals},
    precision::{IntervalPrecision, StepError},
    preprocess::Block,
};

use crate::{
    Error, Model, Predictor, RiskScale, hazards::Intervals, outputs::ModelOutputs, score::Ready,
};

/// What a model says of some patients' hazards at rising times.
pub(crate) struct Followed<'a> {
    model: &'a Model,
    outputs: ModelOutputs,
    times_days: &'a [f64],
    /// The cumulative baseline hazard at each time.
    baseline: Vec<CumulativeHazard>,
}

/// How well a model's hazards are known along times.
pub(crate) struct Errors<'a> {
    scale: &'a RiskScale,
    of: ErrorsOf<'a>,
}

enum ErrorsOf<'a> {
    /// Of Breslow's baseline, the same for all patients.
    Baseline(Vec<StepError>),
    /// Of a network's intervals: which each time is in, none after the last.
    Intervals { known: &'a [IntervalPrecision], places: Vec<Option<usize>> },
}

/// The errors of one patient.
pub(crate) struct PatientErrors<'a> {
    steps: Cow<'a, [StepError]>,
    risk: f64,
    slope_variance: f64,
}

impl PatientErrors<'_> {
    pub(crate) fn as_cause(&self) -> CauseError<'_> {
        CauseError { steps: &self.steps, risk: self.risk, slope_variance: self.slope_variance }
    }
}

impl Model {
    /// Prepares a cohort's rows and asks the predictor about their hazards.
    pub(crate) fn follow<'a>(
        &'a self,
        cohort: &Cohort,
        rows: &[usize],
        times_days: &'a [f64],
    ) -> Result<Followed<'a>, Error> {
        let design = self.design(cohort, rows)?;
        let blocks: Vec<&Block> = design.blocks.iter().collect();
        let outputs = Ready::new(&self.predictor).outputs(&self.predictor, &blocks);
        let baseline = times_days.iter().map(|&time| self.scale.baseline.hazard_at(time)).collect();
        Ok(Followed { model: self, outputs, times_days, baseline })
    }

    /// How well its hazards are known at rising times; `None` of a folder that does not hold it.
    pub(crate) fn errors_along(&self, times_days: &[f64]) -> Option<Errors<'_>> {
        let of = match self.intervals() {
            None => {
                ErrorsOf::Baseline(self.scale.precision.along(&self.scale.baseline, times_days)?)
            }
            Some(Intervals(ends)) if self.scale.intervals.len() == ends.len() => {
                let place = |&time: &f64| {
                    let place = ends.partition_point(|&end| end < time);
                    (place < ends.len()).then_some(place)
                };
                let places = times_days.iter().map(place).collect();
                ErrorsOf::Intervals { known: &self.scale.intervals, places }
            }
            Some(_) => return None,
        };
        Some(Errors { scale: &self.scale, of })
    }

    /// The intervals of time for which its network gives hazards itself, where it does.
    pub(crate) fn intervals(&self) -> Option<Intervals<'_>> {
        let Predictor::Network(network) = &self.predictor else { return None };
        network.architecture.intervals()
    }

    /// Whether predictions have 95 % intervals: all but those of folders of older versions.
    pub(crate) fn gives_intervals(&self) -> bool {
        let known = |model: &Self| model.errors_along(&[]).is_some();
        if self.competing.is_empty() {
            self.intervals().is_none() || known(self)
        } else {
            known(self) && self.competing.iter().all(|one| known(&one.model))
        }
    }
}

impl Followed<'_> {
    /// One patient's cumulative hazard at each time.
    pub(crate) fn hazards(&self, place: usize) -> Vec<CumulativeHazard> {
        if let Some((logits, intervals)) = self.model.own_hazards(&self.outputs, place) {
            return self.times_days.iter().map(|&time| intervals.hazard(logits, time)).collect();
        }
        let scale = &self.model.scale;
        let ratio = (self.outputs.log_risks[place] - scale.baseline.reference.0).exp();
        self.baseline.iter().map(|hazard| hazard.times(ratio)).collect()
    }

    /// How well they are known.
    pub(crate) fn errors<'a>(&self, errors: &'a Errors, place: usize) -> PatientErrors<'a> {
        errors.of(&self.outputs, place)
    }
}

impl Errors<'_> {
    /// Of one of the patients of whom the model says something.
    fn of(&self, outputs: &ModelOutputs, place: usize) -> PatientErrors<'_> {
        match &self.of {
            ErrorsOf::Baseline(steps) => PatientErrors {
                steps: Cow::Borrowed(steps),
                risk: outputs.log_risks[place] - self.scale.baseline.reference.0,
                slope_variance: self.scale.precision.slope_variance.unwrap_or(0.0),
            },
            ErrorsOf::Intervals { known, places } => {
                let logits =
                    outputs.hazards.as_ref().expect("a network with intervals has hazards");
                let steps = interval_errors(known, places, &logits[place]);
                PatientErrors { steps: Cow::Owned(steps), risk: 0.0, slope_variance: 0.0 }
            }
        }
    }
}

/// The errors of a patient's hazards of intervals, which have these logits, at times in these
/// intervals.
fn interval_errors(
    known: &[IntervalPrecision],
    places: &[Option<usize>],
    logits: &[f32],
) -> Vec<StepError> {
    let variance = |(known, &logit): (&IntervalPrecision, &f32)| {
        // A hazard of 0 stays one.
        let log_hazard = Intervals::log_hazard(logit);
        if log_hazard.is_finite() { known.variance(log_hazard) } else { 0.0 }
    };
    let variances: Vec<f64> = known.iter().zip(logits).map(variance).collect();
    let step = |(time, place): (usize, &Option<usize>)| StepError {
        variance: place.map_or(0.0, |place| variances[place]),
        mean_risk: 0.0,
        ends: places.get(time + 1) != Some(place),
    };
    places.iter().enumerate().map(step).collect()
}

/// The bounds of survival at some times where a network gives hazards itself.
pub(crate) struct OwnBounds<'a> {
    errors: Errors<'a>,
    intervals: Intervals<'a>,
    /// The ends of the intervals and the times asked for, rising.
    grid: Vec<f64>,
    /// Where those asked for stand in it.
    places: Vec<usize>,
}

impl<'a> OwnBounds<'a> {
    /// None where the model's network gives no hazards, or how well they are known stands nowhere.
    pub(crate) fn new(model: &'a Model, times_days: &[f64]) -> Option<Self> {
        let intervals = model.intervals()?;
        let mut grid = [intervals.0, times_days].concat();
        grid.sort_by(f64::total_cmp);
        let place = |time: &f64| grid.partition_point(|other| other < time);
        let places = times_days.iter().map(place).collect();
        let errors = model.errors_along(&grid)?;
        Some(Self { errors, intervals, grid, places })
    }

    /// Those of one of the patients of whom the model says something, the lower ones first.
    pub(crate) fn of(&self, outputs: &ModelOutputs, place: usize) -> (Vec<f64>, Vec<f64>) {
        let logits =
            &outputs.hazards.as_ref().expect("a network with intervals has hazards")[place];
        let hazard = |(_, time): (usize, usize)| self.intervals.hazard(logits, self.grid[time]);
        let hazards = Array2::from_shape_fn((1, self.grid.len()), hazard);
        let errors = self.errors.of(outputs, place);
        let (_, found) = incidence_with_intervals(&hazards, &[errors.as_cause()], &self.places);
        let pair = |(low, high): (SurvivalProbability, SurvivalProbability)| (low.0, high.0);
        found.survival.into_iter().map(pair).unzip()
    }
}
