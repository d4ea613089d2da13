//! The statistics against R, lifelines, scikit-survival, scikit-learn, dcurves and pycox. The
//! numbers and the scripts that made them are in `tests/golden/core_statistics*`.

use ndarray::Axis;
use oncoweave_core::antolini::antolini_c;
use oncoweave_core::calibration::{calibration_slope, calibration_slope_at, smooth_calibration};
use oncoweave_core::classification::{confusion_matrix, f1};
use oncoweave_core::competing_risks::{CumulativeIncidence, cause_specific};
use oncoweave_core::concordance::count_pairs;
use oncoweave_core::concordance_interval::{harrell_c_difference, harrell_c_interval};
use oncoweave_core::cox::{Ties, fit_ridge, partial_log_likelihood, standard_errors};
use oncoweave_core::decision::{net_benefit, net_reclassification};
use oncoweave_core::delong::{auc_difference, auc_interval};
use oncoweave_core::elastic_net::{ElasticNet, Penalties, fit_path};
use oncoweave_core::kaplan_meier::KaplanMeier;
use oncoweave_core::log_rank::{log_rank_stratified, log_rank_trend};
use oncoweave_core::nelson_aalen::NelsonAalen;
use oncoweave_core::roc::{macro_auc, weighted_macro_auc};
use oncoweave_core::{Survival, SurvivalProbability};
use serde_json::Value;

use crate::read::{
    all_close, close, competing, indices, matrix, numbers, outcomes, probabilities, risks,
};

fn python() -> Value {
    serde_json::from_str(include_str!("../../../../tests/golden/core_statistics.json")).unwrap()
}

fn r() -> Value {
    serde_json::from_str(include_str!("../../../../tests/golden/core_statistics_r.json")).unwrap()
}

fn left_truncated(cohort: &Value) -> Vec<Survival> {
    let entries = numbers(&cohort["entry"]);
    let pairs = entries.into_iter().zip(outcomes(cohort));
    pairs.map(|(entry_days, exit)| exit.entered(entry_days).unwrap()).collect()
}

#[test]
fn nelson_aalen_agrees_with_lifelines() {
    // Its variance is the binomial one, d (n - d) / n³; ours is Aalen's, as R's.
    let golden = python();
    let curve = NelsonAalen::fit(&outcomes(&golden["cohort"]));
    let expected = &golden["nelson_aalen"];
    assert_eq!(curve.steps.len(), expected["time"].as_array().unwrap().len());
    for (index, step) in curve.steps.iter().enumerate() {
        close(step.time_days, &expected["time"][index], 0.0);
        close(step.hazard.0, &expected["hazard"][index], 1e-12);
    }
}

#[test]
fn late_entries_agree_with_r_and_lifelines() {
    let (golden, r) = (python(), r());
    let cohort = &golden["cohort"];
    let late = left_truncated(cohort);
    let (curve, hazard) = (KaplanMeier::fit(&late), NelsonAalen::fit(&late));
    let expected = &r["late"];
    assert_eq!(
        indices(&expected["at_risk"]),
        curve.steps.iter().map(|s| s.at_risk).collect::<Vec<_>>()
    );
    let part = |value: fn(&oncoweave_core::kaplan_meier::Step) -> f64| {
        curve.steps.iter().map(value).collect::<Vec<f64>>()
    };
    all_close(&part(|step| step.time_days), &expected["time"], 0.0);
    all_close(&part(|step| step.survival), &expected["survival"], 1e-12);
    all_close(&part(|step| step.low), &expected["low"], 1e-9);
    all_close(&part(|step| step.high), &expected["high"], 1e-9);
    let hazards: Vec<f64> = hazard.steps.iter().map(|step| step.hazard.0).collect();
    all_close(&hazards, &expected["hazard"], 1e-12);
    let errors: Vec<f64> = hazard.steps.iter().map(|step| step.variance.sqrt()).collect();
    all_close(&errors, &expected["hazard_error"], 1e-12);
    all_close(
        &[200.0, 500.0, 1000.0].map(|t| curve.survival_at(t).0),
        &golden["late_survival"],
        1e-12,
    );
    let model = fit_ridge(&matrix(&cohort["x"]), &late, 0.0).unwrap();
    all_close(&model.coefficients, &r["cox_late"]["coefficients"], 1e-7);
    close(model.log_likelihood, &r["cox_late"]["log_likelihood"], 1e-8);
    let pairs = count_pairs(&late, &risks(&cohort["risk"][0]));
    let counts = [pairs.concordant, pairs.discordant, pairs.tied_risk];
    assert_eq!(
        indices(&r["concordance_late"]),
        counts.map(|count| usize::try_from(count).unwrap())
    );
}

#[test]
fn restricted_means_agree_with_r_and_lifelines() {
    let golden = python();
    let curve = KaplanMeier::fit(&outcomes(&golden["cohort"]));
    let mean = curve.restricted_mean(golden["cohort"]["tau"].as_f64().unwrap()).unwrap();
    all_close(&[mean.days, mean.standard_error], &r()["restricted_mean"], 1e-9);
    close(mean.days, &golden["restricted_mean"], 1e-9);
}

#[test]
fn log_rank_tests_agree_with_r() {
    let (golden, r) = (python(), r());
    let cohort = &golden["cohort"];
    let (all, groups, strata) =
        (outcomes(cohort), indices(&cohort["group"]), indices(&cohort["stratum"]));
    let pick = |group: usize, stratum: Option<usize>| -> Vec<Survival> {
        (0..all.len())
            .filter(|&row| groups[row] == group && stratum.is_none_or(|one| strata[row] == one))
            .map(|row| all[row])
            .collect()
    };
    let by_stratum = [0, 1].map(|stratum| [0, 1, 2].map(|group| pick(group, Some(stratum))));
    let by_stratum: Vec<Vec<&[Survival]>> =
        by_stratum.iter().map(|groups| groups.iter().map(Vec::as_slice).collect()).collect();
    let found = log_rank_stratified(&by_stratum).unwrap();
    assert_eq!(found.degrees_of_freedom, 2);
    all_close(&[found.statistic, found.p], &r["log_rank_stratified"], 1e-9);
    let groups = [0, 1, 2].map(|group| pick(group, None));
    let groups = groups.each_ref().map(Vec::as_slice);
    let found = log_rank_trend(&groups, &[0.0, 1.0, 2.0]).unwrap();
    assert_eq!(found.degrees_of_freedom, 1);
    all_close(&[found.statistic, found.p], &r["log_rank_trend"], 1e-9);
    // Only differences of scores matter.
    let moved = log_rank_trend(&groups, &[10.0, 12.0, 14.0]).unwrap();
    assert!((moved.statistic - found.statistic).abs() < 1e-9);
}

#[test]
fn competing_risks_agree_with_lifelines_and_cmprsk() {
    let (golden, r) = (python(), r());
    let cohort = &golden["cohort"];
    let exact = CumulativeIncidence::fit(&competing(cohort, "exact"), 1).unwrap();
    let expected = &golden["aalen_johansen"];
    for (index, step) in exact.steps.iter().enumerate() {
        close(step.time_days, &expected["time"][index], 0.0);
        close(step.incidence, &expected["incidence"][index], 1e-12);
        if !expected["variance"][index].is_null() {
            close(step.variance, &expected["variance"][index], 1e-12);
        }
    }
    // Many ties. cmprsk's variance is Aalen's of 1978, ours the delta method's: one percent apart.
    let tied = CumulativeIncidence::fit(&competing(cohort, "time"), 1).unwrap();
    for (index, time) in numbers(&r["incidence"]["time"]).into_iter().enumerate() {
        close(tied.incidence_at(time).0, &r["incidence"]["incidence"][index], 1e-12);
        let step = tied.steps.iter().rfind(|step| step.time_days <= time).unwrap();
        let expected = r["incidence"]["variance"][index].as_f64().unwrap();
        assert!((step.variance / expected - 1.0).abs() < 0.02, "{} {expected}", step.variance);
    }
    let (x, own) = (matrix(&cohort["x"]), cause_specific(&competing(cohort, "time"), 1));
    let model = fit_ridge(&x, &own, 0.0).unwrap();
    all_close(&model.coefficients, &r["cox_cause"]["coefficients"], 1e-7);
    let errors = standard_errors(&model, &x, &own).unwrap();
    all_close(&errors, &r["cox_cause"]["errors"], 1e-7);
}

#[test]
fn antolinis_c_agrees_with_pycox() {
    let golden = python();
    let case = &golden["antolini"];
    let all = outcomes(&golden["cohort"]);
    let kept: Vec<Survival> = indices(&case["rows"]).iter().map(|&row| all[row]).collect();
    let survival = matrix(&case["survival"]).mapv(SurvivalProbability);
    let found = antolini_c(&kept, &survival, &numbers(&case["times"])).unwrap();
    close(found, &case["c"], 1e-12);
}

#[test]
fn concordance_intervals_agree_with_r() {
    let (golden, r) = (python(), r());
    let all = outcomes(&golden["cohort"]);
    let [first, second] = [0, 1].map(|model| risks(&golden["cohort"]["risk"][model]));
    let found = harrell_c_interval(&all, &first).unwrap();
    all_close(&[found.value, found.standard_error], &r["concordance"], 1e-10);
    let found = harrell_c_difference(&all, &first, &second).unwrap().difference;
    all_close(&[found.value, found.standard_error], &r["concordance_pair"], 1e-10);
}

#[test]
fn auc_intervals_agree_with_proc() {
    let (golden, r) = (python(), r());
    let expected = numbers(&r["delong"]);
    let events: Vec<bool> = outcomes(&golden["cohort"]).iter().map(|one| one.event).collect();
    let [first, second] = [0, 1].map(|model| numbers(&golden["cohort"]["risk"][model]));
    let found = auc_interval(&events, &first).unwrap();
    let pair = auc_difference(&events, &first, &second).unwrap();
    let z = pair.difference.value / pair.difference.standard_error;
    let found = [found.value, found.standard_error, found.value - pair.difference.value, z, pair.p];
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-10, "{found} {expected}");
    }
}

#[test]
fn calibration_agrees_with_lifelines_and_r() {
    let golden = python();
    let cohort = &golden["cohort"];
    let all = outcomes(cohort);
    let survival = probabilities(&cohort["survival"][0]);
    let found = smooth_calibration(&all, &survival, cohort["horizon"].as_f64().unwrap()).unwrap();
    let observed: Vec<f64> = found.observed.iter().map(|one| one.0).collect();
    all_close(&observed, &golden["smooth_calibration"]["observed"], 1e-6);
    let distances = [found.ici, found.e50, found.e90, found.largest];
    all_close(&distances, &golden["smooth_calibration"]["distances"], 1e-6);
    let slope = calibration_slope(&all, &risks(&cohort["risk"][0])).unwrap();
    all_close(&[slope.value, slope.standard_error], &r()["slope"], 1e-7);
}

#[test]
fn calibration_slopes_of_late_entries_agree_with_lifelines_and_statsmodels() {
    let golden = include_str!("../../../../tests/golden/core_calibration_late.json");
    let golden: Value = serde_json::from_str(golden).unwrap();
    let python = python();
    let cohort = &python["cohort"];
    let late = left_truncated(cohort);
    let survival = probabilities(&cohort["survival"][0]);
    let expected = golden["slopes"].as_array().unwrap();
    assert_eq!(expected.len(), 3);
    for expected in expected {
        let horizon = expected["horizon"].as_f64().unwrap();
        let slope = calibration_slope_at(&late, &survival, horizon).unwrap();
        all_close(&[slope.value, slope.standard_error], &expected["slope"], 1e-7);
        // Without the entries it is another number.
        let without = calibration_slope_at(&outcomes(cohort), &survival, horizon).unwrap();
        assert!((without.value - slope.value).abs() > 1e-3, "{horizon}: {without:?}");
    }
}

#[test]
fn decisions_agree_with_dcurves_and_kaplan_meier_of_lifelines() {
    let golden = python();
    let cohort = &golden["cohort"];
    let (all, horizon) = (outcomes(cohort), cohort["horizon"].as_f64().unwrap());
    let [new, old] = [0, 1].map(|model| probabilities(&cohort["survival"][model]));
    let expected = &golden["decision_curve"];
    let curve = net_benefit(&all, &new, horizon, &numbers(&expected["thresholds"])).unwrap();
    let part = |value: fn(&oncoweave_core::decision::NetBenefit) -> f64| {
        curve.iter().map(value).collect::<Vec<f64>>()
    };
    all_close(&part(|at| at.model.unwrap()), &expected["model"], 1e-9);
    all_close(&part(|at| at.all), &expected["all"], 1e-9);
    for (cutoffs, index) in [(&[][..], 0), (&[0.3, 0.6], 1)] {
        let found = net_reclassification(&all, [&old, &new], horizon, cutoffs).unwrap();
        all_close(&[found.events, found.non_events], &golden["reclassification"][index], 1e-10);
    }
}

#[test]
fn class_figures_agree_with_scikit_learn() {
    let golden = python();
    let case = &golden["classes"];
    let (labels, probabilities) = (indices(&case["labels"]), matrix(&case["probabilities"]));
    close(macro_auc(&labels, &probabilities).unwrap(), &case["auc_macro"], 1e-12);
    close(weighted_macro_auc(&labels, &probabilities).unwrap(), &case["auc_weighted"], 1e-12);
    let found = f1(&labels, &probabilities).unwrap();
    let by_class: Vec<f64> = found.by_class.iter().map(|one| one.unwrap()).collect();
    all_close(&by_class, &case["f1"], 1e-12);
    close(found.macro_average, &case["f1_macro"], 1e-12);
    close(found.weighted, &case["f1_weighted"], 1e-12);
    let counts = confusion_matrix(&labels, &probabilities).unwrap();
    for (row, expected) in counts.axis_iter(Axis(0)).zip(case["confusion"].as_array().unwrap()) {
        assert_eq!(Value::from(row.to_vec()), *expected);
    }
}

#[test]
fn elastic_nets_agree_with_scikit_survival_and_glmnet() {
    let (golden, r) = (python(), r());
    for (case, by_glmnet) in
        golden["elastic_net"].as_array().unwrap().iter().zip(r["elastic_net"].as_array().unwrap())
    {
        let net = ElasticNet {
            l1_ratio: case["l1_ratio"].as_f64().unwrap(),
            ties: Ties::Breslow,
            penalties: Penalties::Given(numbers(&case["penalties"])),
            factors: case["factors"].as_array().map(|_| numbers(&case["factors"])),
        };
        let (x, all) = (matrix(&case["x"]), outcomes(case));
        let models = fit_path(&x, &all, &net).unwrap();
        for (index, model) in models.iter().enumerate() {
            all_close(&model.coefficients, &case["coefficients"][index], 1e-5);
            all_close(&model.coefficients, &by_glmnet[index], 1e-5);
            let at = partial_log_likelihood(&all, &model.log_risks(&x), Ties::Breslow).value;
            assert!((at - model.log_likelihood).abs() < 1e-9);
        }
        // The largest penalty of a grid is the one that scikit-survival begins with.
        let penalties = Penalties::Grid { count: 8, smallest: 0.05 };
        let models = fit_path(&x, &all, &ElasticNet { penalties, ..net }).unwrap();
        let penalties: Vec<f64> = models.iter().map(|model| model.penalty).collect();
        if case["factors"].is_null() {
            all_close(&penalties, &case["penalties"], 1e-9);
        }
    }
}
