//! What evaluations report against scikit-survival, lifelines, statsmodels, comprisk, scikit-learn
//! and the package reclassification. The numbers and the script that made them are in
//! `tests/golden/core_evaluation.*`, the patients in the files that it reads.

use ndarray::Axis;
use oncoweave_core::calibration::{
    Recalibration, calibration_intercept_at, calibration_slope_at, log_log,
};
use oncoweave_core::classification::class_figures;
use oncoweave_core::cox::{Likelihood, Ties, fit_ridge_with, standard_errors_with};
use oncoweave_core::decision::net_reclassification;
use oncoweave_core::delong::auc_interval;
use oncoweave_core::incidence::{
    auc_of_incidence, brier_of_incidence, net_reclassification_of_incidence,
};
use oncoweave_core::log_rank::{log_rank_stratified, log_rank_trend_stratified};
use oncoweave_core::{Incidence, Risk, Survival};
use serde_json::Value;

use crate::read::{all_close, close, competing, indices, matrix, numbers, outcomes, probabilities};

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../../tests/golden/core_evaluation.json")).unwrap()
}

fn survival() -> Value {
    serde_json::from_str(include_str!("../../../../tests/golden/core_survival.json")).unwrap()
}

fn statistics() -> Value {
    serde_json::from_str(include_str!("../../../../tests/golden/core_statistics.json")).unwrap()
}

fn pick<T: Copy>(all: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| all[row]).collect()
}

#[test]
fn breslow_ties_agree_with_scikit_survival_and_statsmodels() {
    let (golden, survival) = (golden(), survival());
    let rossi = golden["breslow_rossi"].as_array().unwrap().iter();
    let ridge = golden["breslow_ridge"].as_array().unwrap().iter();
    let cases = rossi.map(|found| (&survival["rossi"], found));
    let cases = cases.chain(survival["ridge"].as_array().unwrap().iter().zip(ridge));
    let breslow = Likelihood { ties: Ties::Breslow, strata: &[] };
    for (case, expected) in cases {
        let (x, all) = (matrix(&case["x"]), outcomes(case));
        let penalty = expected["penalty"].as_f64().unwrap();
        let model = fit_ridge_with(&x, &all, penalty, breslow).unwrap();
        all_close(&model.coefficients, &expected["coefficients"], 1e-6);
        if penalty <= 0.0 {
            close(model.log_likelihood, &expected["log_likelihood"], 1e-8);
            let errors = standard_errors_with(&model, &x, &all, breslow).unwrap();
            all_close(&errors, &expected["errors"], 1e-6);
        }
    }
}

#[test]
fn strata_agree_with_lifelines_and_statsmodels() {
    let (golden, statistics) = (golden(), statistics());
    let cohort = &statistics["cohort"];
    let (x, all) = (matrix(&cohort["x"]), outcomes(cohort));
    let (groups, strata) = (indices(&cohort["group"]), indices(&cohort["stratum"]));
    let of_each: Vec<u32> = strata.iter().map(|&one| u32::try_from(one).unwrap()).collect();
    let within = Likelihood { ties: Ties::Efron, strata: &of_each };
    let model = fit_ridge_with(&x, &all, 0.0, within).unwrap();
    let expected = &golden["stratified"];
    all_close(&model.coefficients, &expected["coefficients"], 1e-7);
    close(model.log_likelihood, &expected["log_likelihood"], 1e-7);
    let errors = standard_errors_with(&model, &x, &all, within).unwrap();
    all_close(&errors, &expected["errors"], 1e-7);

    let split = |of: &dyn Fn(usize) -> usize, groups: usize| -> Vec<Vec<Vec<Survival>>> {
        let members = |stratum: usize, group: usize| {
            let rows = (0..all.len()).filter(|&row| strata[row] == stratum && of(row) == group);
            rows.map(|row| all[row]).collect()
        };
        (0..2).map(|one| (0..groups).map(|group| members(one, group)).collect()).collect()
    };
    let three = split(&|row| groups[row], 3);
    let two = split(&|row| usize::from(groups[row] > 0), 2);
    let [three, two] = [&three, &two].map(|strata| -> Vec<Vec<&[Survival]>> {
        strata.iter().map(|groups| groups.iter().map(Vec::as_slice).collect()).collect()
    });
    let trend = log_rank_trend_stratified(&three, &[0.0, 1.0, 2.0]).unwrap();
    close(trend.statistic, &golden["trend"]["three"], 1e-9);
    for found in [log_rank_trend_stratified(&two, &[3.0, 5.0]), log_rank_stratified(&two)] {
        let found = found.unwrap();
        all_close(&[found.statistic, found.p], &golden["trend"]["two"], 1e-9);
    }
}

#[test]
fn recalibration_agrees_with_lifelines() {
    let (golden, statistics) = (golden(), statistics());
    let (cohort, expected) = (&statistics["cohort"], &golden["recalibration"]);
    let (all, survival) = (outcomes(cohort), probabilities(&cohort["survival"][0]));
    let horizon = cohort["horizon"].as_f64().unwrap();
    let slope = calibration_slope_at(&all, &survival, horizon).unwrap();
    all_close(&[slope.value, slope.standard_error], &expected["slope"], 1e-7);
    let intercept = calibration_intercept_at(&all, &survival, horizon).unwrap();
    all_close(&[intercept.value, intercept.standard_error], &expected["intercept"], 1e-10);

    let ended: Vec<Survival> = all
        .iter()
        .map(|one| {
            Survival::until(one.time_days.min(horizon), one.event && one.time_days <= horizon)
        })
        .collect();
    let risks = log_log(&survival);
    let fitted = Recalibration::fit(&ended, &risks).unwrap();
    let days = numbers(&expected["days"]);
    for (risk, expected) in risks.iter().zip(expected["recalibrated"].as_array().unwrap()) {
        let found: Vec<f64> = days.iter().map(|&day| fitted.survival(*risk, day).0).collect();
        all_close(&found, expected, 1e-7);
    }
}

/// Where nobody was censored before the time, moves are counted.
#[test]
fn net_reclassification_agrees_with_packages() {
    let (golden, statistics) = (golden(), statistics());
    let (cohort, expected) = (&statistics["cohort"], &golden["reclassification"]);
    let rows = indices(&expected["rows"]);
    let all = pick(&outcomes(cohort), &rows);
    let [new, old] = [0, 1].map(|one| pick(&probabilities(&cohort["survival"][one]), &rows));
    let (horizon, cutoff) =
        (cohort["horizon"].as_f64().unwrap(), expected["cutoff"].as_f64().unwrap());
    let found = net_reclassification(&all, [&old, &new], horizon, &[]).unwrap();
    close(found.improvement(), &expected["any"], 1e-12);
    let found = net_reclassification(&all, [&old, &new], horizon, &[cutoff]).unwrap();
    all_close(&[found.events, found.non_events], &expected["across"], 1e-12);
}

#[test]
fn figures_beside_competing_events_agree_with_comprisk() {
    let golden = golden();
    let case: Value =
        serde_json::from_str(include_str!("../../../../tests/golden/core_competing.json")).unwrap();
    let all = competing(&case, "time");
    let (predicted, times) = (matrix(&case["predicted"]), numbers(&case["times"]));
    for (place, &time) in times.iter().enumerate() {
        let own: Vec<Incidence> = predicted.column(place).iter().copied().map(Incidence).collect();
        let risks: Vec<Risk> = predicted.column(place).iter().copied().map(Risk).collect();
        let auc = auc_of_incidence(&all, &all, &risks, time).unwrap();
        close(auc, &golden["competing"]["auc"][place], 1e-12);
        let brier = brier_of_incidence(&all, &all, &own, time).unwrap();
        close(brier, &golden["competing"]["brier"][place], 1e-12);
    }
    let expected = &golden["competing"]["reclassification"];
    let rows = indices(&expected["rows"]);
    let new: Vec<Incidence> = rows.iter().map(|&row| Incidence(predicted[[row, 1]])).collect();
    let old: Vec<Incidence> = numbers(&expected["old"]).into_iter().map(Incidence).collect();
    let all = pick(&all, &rows);
    let found = |cutoffs: &[f64]| {
        net_reclassification_of_incidence(&all, [&old, &new], times[1], cutoffs).unwrap()
    };
    close(found(&[]).improvement(), &expected["any"], 1e-12);
    let across = found(&[expected["cutoff"].as_f64().unwrap()]);
    all_close(&[across.events, across.non_events], &expected["across"], 1e-12);
}

#[test]
fn figures_of_each_class_agree_with_scikit_learn() {
    let (golden, statistics) = (golden(), statistics());
    let (case, expected) = (&statistics["classes"], &golden["classes"]);
    let (labels, probabilities) = (indices(&case["labels"]), matrix(&case["probabilities"]));
    let found = class_figures(&labels, &probabilities).unwrap();
    for (class, figures) in found.iter().enumerate() {
        close(figures.precision.unwrap(), &expected["precision"][class], 1e-12);
        close(figures.recall.unwrap(), &expected["recall"][class], 1e-12);
        close(figures.f1.unwrap(), &expected["f1"][class], 1e-12);
        assert_eq!(Value::from(figures.patients), expected["patients"][class]);
        let positive: Vec<bool> = labels.iter().map(|&label| label == class).collect();
        let scores = probabilities.index_axis(Axis(1), class).to_vec();
        close(auc_interval(&positive, &scores).unwrap().value, &expected["auc"][class], 1e-12);
    }
}
