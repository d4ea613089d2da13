//! Competing risks against hazardous, scikit-survival and lifelines. The numbers and the script
//! that made them are in `tests/golden/core_competing.*`.

use ndarray::Array2;
use oncoweave_core::baseline::Baseline;
use oncoweave_core::competing_risks::{
    CumulativeIncidence, EVENT, at_risk_for_ever, cause_specific, incidence_of_hazards,
};
use oncoweave_core::concordance::harrell_c;
use oncoweave_core::cox::fit_ridge;
use oncoweave_core::incidence::{brier_of_incidence, integrated_brier_of_incidence};
use oncoweave_core::{CumulativeHazard, Incidence, Risk};
use serde_json::Value;

use crate::read::{competing, matrix, near, numbers};

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../../tests/golden/core_competing.json")).unwrap()
}

#[test]
fn scores_of_incidence_agree_with_hazardous() {
    let golden = golden();
    let all = competing(&golden, "time");
    let predicted = matrix(&golden["predicted"]).mapv(Incidence);
    let times = numbers(&golden["times"]);
    let expected = numbers(&golden["brier"]);
    for (place, &time) in times.iter().enumerate() {
        let column = predicted.column(place).to_vec();
        near(brier_of_incidence(&all, &all, &column, time).unwrap(), expected[place], 1e-12);
    }
    let area: f64 = (1..times.len())
        .map(|at| (times[at] - times[at - 1]) * (expected[at] + expected[at - 1]) / 2.0)
        .sum();
    let found = integrated_brier_of_incidence(&all, &all, &predicted, &times).unwrap();
    near(found, area / (times[2] - times[0]), 1e-12);
    let risks: Vec<Risk> = predicted.column(2).iter().map(|value| Risk(value.0)).collect();
    let wolbers = harrell_c(&at_risk_for_ever(&all, EVENT).unwrap(), &risks).unwrap();
    near(wolbers, numbers(&golden["wolbers"])[0], 1e-12);
}

#[test]
fn observed_incidence_agrees_with_scikit_survival() {
    let golden = golden();
    let curve = CumulativeIncidence::fit(&competing(&golden, "time"), EVENT).unwrap();
    let expected = &golden["aalen_johansen"];
    let times = numbers(&expected["time"]);
    for (time, incidence) in times.into_iter().zip(numbers(&expected["incidence"])) {
        near(curve.incidence_at(time).0, incidence, 1e-12);
    }
}

/// Two Cox models, one a cause, and the incidence that follows from their hazards.
#[test]
fn predicted_incidence_agrees_with_lifelines_and_matrix_exponentials() {
    let golden = golden();
    let (all, x) = (competing(&golden, "time"), matrix(&golden["x"]));
    let (profiles, days) = (matrix(&golden["profiles"]), numbers(&golden["times"]));
    let mut grid: Vec<f64> = all.iter().map(|one| one.time_days).chain(days.clone()).collect();
    grid.sort_by(f64::total_cmp);
    let models: Vec<_> = [1, 2]
        .into_iter()
        .map(|cause| {
            let own = cause_specific(&all, cause);
            let model = fit_ridge(&x, &own, 0.0).unwrap();
            let baseline = Baseline::breslow(&own, &model.log_risks(&x)).unwrap();
            (model, baseline)
        })
        .collect();
    for ((model, _), expected) in models.iter().zip(matrix(&golden["coefficients"]).rows()) {
        for (found, &expected) in model.coefficients.iter().zip(expected) {
            near(*found, expected, 1e-7);
        }
    }
    for (row, profile) in profiles.rows().into_iter().enumerate() {
        let profile = profile.insert_axis(ndarray::Axis(0)).to_owned();
        let hazards = Array2::from_shape_fn((2, grid.len()), |(cause, time)| {
            let (model, baseline) = &models[cause];
            let risk = model.log_risks(&profile)[0];
            let hazard = baseline.hazard_at(grid[time]).0;
            CumulativeHazard(hazard * (risk.0 - baseline.reference.0).exp())
        });
        let found = incidence_of_hazards(&hazards);
        let expected = matrix(&golden["incidence"][row]);
        for (place, day) in days.iter().enumerate() {
            let column = grid.partition_point(|time| time <= day) - 1;
            for cause in 0..2 {
                near(found[[cause, column]].0, expected[[place, cause]], 1e-8);
            }
        }
    }
}
