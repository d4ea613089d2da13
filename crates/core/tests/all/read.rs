//! Values in JSON as the statistics take them, and how near to them found ones must be.

use ndarray::Array2;
use oncoweave_core::competing_risks::CompetingOutcome;
use oncoweave_core::{Risk, Survival, SurvivalProbability};
use serde_json::Value;

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

pub(crate) fn indices(value: &Value) -> Vec<usize> {
    let index = |number: &Value| usize::try_from(number.as_u64().unwrap()).unwrap();
    value.as_array().unwrap().iter().map(index).collect()
}

pub(crate) fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(row, column)| rows[row][column])
}

pub(crate) fn outcomes(value: &Value) -> Vec<Survival> {
    let events = value["event"].as_array().unwrap().iter().map(|event| event.as_bool().unwrap());
    let pairs = numbers(&value["time"]).into_iter().zip(events);
    pairs.map(|(time_days, event)| Survival::new(time_days, event).unwrap()).collect()
}

/// Follow-up with a cause, 0 for none, and times of this name.
pub(crate) fn competing(cohort: &Value, times: &str) -> Vec<CompetingOutcome> {
    let causes = cohort["cause"].as_array().unwrap().iter().map(|cause| cause.as_u64().unwrap());
    let pairs = numbers(&cohort[times]).into_iter().zip(causes);
    let cause = |cause: u64| (cause > 0).then(|| u32::try_from(cause).unwrap());
    pairs.map(|(time_days, c)| CompetingOutcome::until(time_days, cause(c))).collect()
}

pub(crate) fn risks(value: &Value) -> Vec<Risk> {
    numbers(value).into_iter().map(Risk).collect()
}

pub(crate) fn probabilities(value: &Value) -> Vec<SurvivalProbability> {
    numbers(value).into_iter().map(SurvivalProbability).collect()
}

#[track_caller]
pub(crate) fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected}");
}

#[track_caller]
pub(crate) fn close(found: f64, expected: &Value, tolerance: f64) {
    near(found, expected.as_f64().unwrap(), tolerance);
}

#[track_caller]
pub(crate) fn all_close(found: &[f64], expected: &Value, tolerance: f64) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    for (&found, expected) in found.iter().zip(expected) {
        close(found, expected, tolerance);
    }
}
