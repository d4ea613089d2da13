//! What an evaluation folder measured, and the same figures in groups of its patients.

use std::collections::HashMap;

use oncoweave_core::{
    Estimate, Evaluation, Prediction, Risk, Survival, SurvivalProbability, Undefined,
    bootstrap::{Resampling, doubt_over_folds, interval_within_folds, mean_over_folds},
    calibration::{calibration_groups, observed_over_expected},
    concordance::harrell_c,
    concordance_interval::harrell_c_doubt,
    small_cells::{LEAST_SHOWN, Shown, shown, shown_parts},
};
use serde::Deserialize;
use serde_json::Value;

use super::description::{CohortDescription, NOT_RECORDED, describe};
use super::groups::{Grouping, age_halves, sex, sites};
use crate::{Dataset, Error, Model, TrainConfig, held_out::resampling};

/// How the judged patients relate to those that the model was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Design {
    /// Models like this one, each on patients of the same table that it was not trained on.
    CrossValidation,
    /// The table that the model was trained on.
    Apparent,
    /// Another table.
    OtherTable,
}

/// An evaluation with what else its predictions say.
pub(crate) struct Judged<'a> {
    pub(crate) evaluation: &'a Evaluation,
    pub(crate) design: Design,
    pub(crate) cohort: CohortDescription,
    /// By horizon, as far as follow-up reaches.
    pub(crate) calibration: Vec<CalibrationAt>,
    pub(crate) subgroups: Vec<Subgroup>,
    /// The horizon of the subgroups' observed over expected.
    pub(crate) subgroup_horizon_days: Option<f64>,
}

/// Predicted against observed survival at one time.
pub(crate) struct CalibrationAt {
    pub(crate) time_days: f64,
    /// The mean prediction.
    pub(crate) predicted: f64,
    /// Kaplan and Meier's estimate.
    pub(crate) observed: Option<Estimate>,
    pub(crate) observed_over_expected: Option<Estimate>,
}

/// The figures in one group of patients.
pub(crate) struct Subgroup {
    /// Such as `Sex`.
    pub(crate) factor: &'static str,
    pub(crate) name: String,
    pub(crate) patients: Shown,
    pub(crate) events: Shown,
    /// `None` where undefined, or with fewer than 10 patients or events.
    pub(crate) c_index: Option<Estimate>,
    pub(crate) observed_over_expected: Option<Estimate>,
}

/// The patients with follow-up that the model was judged on.
struct Rows {
    /// Their rows in the table.
    table: Vec<usize>,
    outcomes: Vec<Survival>,
    /// The same with competing events as events.
    endings: Vec<Survival>,
    risks: Vec<Risk>,
    survival: Vec<Vec<f64>>,
    folds: Vec<u32>,
    resampling: Resampling,
}

impl Judged<'_> {
    /// The calibration slope as the evaluation has it.
    pub(crate) fn slope(&self) -> Option<Estimate> {
        self.evaluation.calibration.as_ref().and_then(|calibration| calibration.slope)
    }

    /// Predicted and observed survival at a horizon in patients of similar predictions; only
    /// groups of 10 patients or more.
    pub(crate) fn curve(&self, time_days: f64) -> Vec<(f64, f64)> {
        let at = self.evaluation.calibration.iter().flat_map(|calibration| &calibration.at);
        at.filter(|at| at.time_days.total_cmp(&time_days).is_eq())
            .flat_map(|at| &at.groups)
            .filter(|group| group.patients >= LEAST_SHOWN)
            .filter_map(|group| Some((group.predicted, group.observed?.value)))
            .filter(|(predicted, observed)| predicted.is_finite() && observed.is_finite())
            .collect()
    }
}

/// Joins an evaluation, its predictions and the table that both are of.
pub(crate) fn judged<'a>(
    model: &Model,
    evaluation: &'a Evaluation,
    predictions: &[Prediction],
    data: &Dataset,
) -> Result<Judged<'a>, Error> {
    check_same_model(model, evaluation, data)?;
    let own: Vec<&Prediction> =
        predictions.iter().filter(|prediction| prediction.model == model.name).collect();
    let all = join(&own, data)?;
    let cross_validated = own.iter().any(|prediction| prediction.fold.is_some());
    if !cross_validated {
        check_risks(model, &own, &all, data)?;
    }
    let same_table = evaluation.data_sha256 == model.training.data_sha256;
    let design = match (cross_validated, same_table) {
        (true, true) => Design::CrossValidation,
        (true, false) => {
            return refuse(
                "the evaluation is a cross-validation on another table than the model's",
            );
        }
        (false, true) => Design::Apparent,
        (false, false) => Design::OtherTable,
    };
    let rows = Rows::new(&own, &all, model.config.seed);
    let horizons = evaluation.horizons_days.iter().enumerate();
    let calibration: Vec<CalibrationAt> =
        horizons.filter_map(|(place, &days)| rows.calibration(place, days)).collect();
    let middle = calibration.get(calibration.len() / 2).map(|at| at.time_days);
    let place = evaluation.horizons_days.iter().position(|&days| Some(days) == middle);
    let horizon = place.zip(middle);
    let groupings = [age_halves, sex, sites];
    let groupings = groupings.iter().filter_map(|grouping| grouping(data.cohort, &rows.table));
    Ok(Judged {
        evaluation,
        design,
        cohort: describe(data.cohort, &rows.table),
        calibration,
        subgroups: groupings.flat_map(|grouping| rows.subgroups(&grouping, horizon)).collect(),
        subgroup_horizon_days: middle,
    })
}

fn refuse<T>(reason: &str) -> Result<T, Error> {
    Err(Error::NoCard { reason: reason.to_owned() })
}

fn check_same_model(model: &Model, evaluation: &Evaluation, data: &Dataset) -> Result<(), Error> {
    let first = evaluation.models.first().map(|first| first.name.as_str());
    if first != Some(&*model.name) {
        let found = first.unwrap_or("nothing");
        return refuse(&format!("the evaluation is of `{found}`, not of `{}`", model.name));
    }
    if evaluation.data_sha256 != data.sha256 {
        return refuse(
            "the evaluation was made on another table (its SHA-256 differs); give the table that \
             it was made on",
        );
    }
    // As this version reads them: older ones had fewer settings.
    let own = TrainConfig::deserialize(&evaluation.config).map(|config| settings(&config));
    if own.ok().map(decisive) != Some(decisive(settings(&model.config))) {
        return refuse("the evaluation is of a model with other settings");
    }
    Ok(())
}

pub(crate) fn settings(config: &TrainConfig) -> Value {
    serde_json::to_value(config).expect("settings have only text keys")
}

/// The settings that decide a model.
fn decisive(mut config: Value) -> Value {
    if let Some(settings) = config.as_object_mut() {
        settings.remove("horizons_days");
        if let Some(training) = settings.get_mut("training").and_then(Value::as_object_mut) {
            training.remove("threads");
        }
    }
    config
}

/// The table's row of each prediction.
fn join(predictions: &[&Prediction], data: &Dataset) -> Result<Vec<usize>, Error> {
    let patients = data.cohort.patients.iter().enumerate();
    let places: HashMap<&str, usize> =
        patients.map(|(row, patient)| (patient.as_str(), row)).collect();
    let mut seen = vec![false; data.cohort.len()];
    let mut rows = Vec::with_capacity(predictions.len());
    for prediction in predictions {
        let Some(&row) = places.get(prediction.patient_id.as_str()) else {
            return refuse("a patient of the predictions is not in the table");
        };
        if std::mem::replace(&mut seen[row], true) {
            return refuse("a patient has two predictions of one model");
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Predictions that the model would not make are of another one.
fn check_risks(
    model: &Model,
    predictions: &[&Prediction],
    rows: &[usize],
    data: &Dataset,
) -> Result<(), Error> {
    let again = model.score(data.cohort, rows)?;
    let differs = |(old, new): (&&Prediction, &Prediction)| {
        (old.risk.0 - new.risk.0).abs() > 1e-6 * (1.0 + new.risk.0.abs())
    };
    if predictions.iter().zip(&again).any(differs) {
        return refuse("the predictions of the evaluation are not those of this model");
    }
    Ok(())
}

/// Follow-up in which competing events are events too, as in the survival that was predicted.
fn ending(prediction: &Prediction, observed: Survival) -> Survival {
    Survival { event: observed.event || prediction.competing.is_some(), ..observed }
}

impl Rows {
    fn new(predictions: &[&Prediction], rows: &[usize], seed: u64) -> Self {
        let known: Vec<(&Prediction, usize, Survival)> = predictions
            .iter()
            .zip(rows)
            .filter_map(|(prediction, &row)| Some((*prediction, row, prediction.observed?)))
            .collect();
        Self {
            table: known.iter().map(|known| known.1).collect(),
            outcomes: known.iter().map(|known| known.2).collect(),
            endings: known.iter().map(|known| ending(known.0, known.2)).collect(),
            risks: known.iter().map(|known| known.0.risk).collect(),
            survival: known.iter().map(|known| known.0.survival.clone()).collect(),
            folds: known.iter().map(|known| known.0.fold.unwrap_or(0)).collect(),
            resampling: resampling(known.len(), seed),
        }
    }

    fn pick(&self, rows: &[usize]) -> (Vec<Survival>, Vec<Risk>) {
        rows.iter().map(|&row| (self.outcomes[row], self.risks[row])).unzip()
    }

    /// The C of some rows, computed within folds and averaged over them, with its bootstrap interval.
    fn c_index(&self, some: &[usize]) -> Option<Estimate> {
        let folds: Vec<u32> = some.iter().map(|&row| self.folds[row]).collect();
        let own = self.estimate_within(&folds, some, |rows, some| {
            let (outcomes, risks) = rows.pick(some);
            harrell_c(&outcomes, &risks)
        })?;
        let doubt = doubt_over_folds(&folds, |places| {
            let rows: Vec<usize> = places.iter().map(|&place| some[place]).collect();
            let (outcomes, risks) = self.pick(&rows);
            harrell_c_doubt(&outcomes, &risks)
        });
        // A perfect order's interval tells how few patients it is of.
        (0.0 < own.value && own.value < 1.0).then(|| doubt.widen_share(own))
    }

    /// A statistic of some rows over all folds at once, for what folds do not shift, with its bootstrap
    /// interval.
    fn estimate_pooled(
        &self,
        some: &[usize],
        statistic: impl Fn(&Self, &[usize]) -> Result<f64, Undefined> + Sync,
    ) -> Option<Estimate> {
        self.estimate_within(&vec![0; some.len()], some, statistic)
    }

    fn estimate_within(
        &self,
        folds: &[u32],
        some: &[usize],
        statistic: impl Fn(&Self, &[usize]) -> Result<f64, Undefined> + Sync,
    ) -> Option<Estimate> {
        let of = |places: &[usize]| {
            let rows: Vec<usize> = places.iter().map(|&place| some[place]).collect();
            statistic(self, &rows)
        };
        let value = mean_over_folds(folds, of).ok()?;
        let interval = interval_within_folds(folds, self.resampling, of).ok()?;
        let estimate = Estimate { value, low: interval.low, high: interval.high };
        [estimate.value, estimate.low, estimate.high]
            .iter()
            .all(|figure| figure.is_finite())
            .then_some(estimate)
    }

    fn survival(&self, rows: &[usize], place: usize) -> Vec<SurvivalProbability> {
        rows.iter().map(|&row| SurvivalProbability(self.survival[row][place])).collect()
    }

    fn observed_over_expected(&self, some: &[usize], place: usize, days: f64) -> Option<Estimate> {
        self.estimate_pooled(some, |rows, some| {
            let endings: Vec<Survival> = some.iter().map(|&row| rows.endings[row]).collect();
            observed_over_expected(&endings, &rows.survival(some, place), days)
        })
    }

    /// `None` where follow-up does not reach the horizon.
    fn calibration(&self, place: usize, time_days: f64) -> Option<CalibrationAt> {
        let everyone: Vec<usize> = (0..self.table.len()).collect();
        let survival = self.survival(&everyone, place);
        let whole = calibration_groups(&self.endings, &survival, time_days, 1).ok()?.pop()?;
        Some(CalibrationAt {
            time_days,
            predicted: whole.predicted.0,
            observed: whole.observed.map(|observed| Estimate {
                value: observed.survival.0,
                low: observed.low.0,
                high: observed.high.0,
            }),
            observed_over_expected: self.observed_over_expected(&everyone, place, time_days),
        })
    }

    fn subgroups(&self, grouping: &Grouping, horizon: Option<(usize, f64)>) -> Vec<Subgroup> {
        let unknown = grouping.levels.len();
        let mut members: Vec<Vec<usize>> = vec![vec![]; unknown + 1];
        for (row, group) in grouping.of.iter().enumerate() {
            members[group.unwrap_or(unknown)].push(row);
        }
        let names = grouping.levels.iter().map(String::as_str).chain([NOT_RECORDED]);
        let (names, members): (Vec<&str>, Vec<Vec<usize>>) =
            names.zip(members).filter(|(_, members)| !members.is_empty()).unzip();
        let patients: Vec<usize> = members.iter().map(Vec::len).collect();
        let count =
            |members: &Vec<usize>| members.iter().filter(|&&row| self.outcomes[row].event).count();
        let events: Vec<usize> = members.iter().map(count).collect();
        let (patients_shown, events_shown) =
            (shown(&patients, LEAST_SHOWN), shown_parts(&events, &patients, LEAST_SHOWN));
        let subgroup = |place: usize| {
            let some = &members[place];
            let judged = patients[place] >= LEAST_SHOWN && events[place] >= LEAST_SHOWN;
            let ratio = |(place, days)| self.observed_over_expected(some, place, days);
            Subgroup {
                factor: grouping.name,
                name: names[place].to_owned(),
                patients: patients_shown[place],
                events: events_shown[place],
                c_index: judged.then(|| self.c_index(some)).flatten(),
                observed_over_expected: horizon.filter(|_| judged).and_then(ratio),
            }
        };
        (0..names.len()).map(subgroup).collect()
    }
}
