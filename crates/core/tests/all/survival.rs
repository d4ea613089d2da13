//! The statistics against scikit-survival, lifelines, scikit-learn and R. The numbers and the
//! script that made them are in `tests/golden/core_survival.*`.

use ndarray::Array2;
use oncoweave_core::baseline::Baseline;
use oncoweave_core::brier::{brier_at, integrated_brier};
use oncoweave_core::concordance::{count_pairs, harrell_c, uno_c};
use oncoweave_core::cox::{Ties, fit_ridge, partial_log_likelihood};
use oncoweave_core::kaplan_meier::{Censoring, KaplanMeier};
use oncoweave_core::log_rank::log_rank;
use oncoweave_core::roc::{accuracy, auc, auc_at, macro_auc};
use oncoweave_core::{Risk, Survival, SurvivalProbability};
use serde_json::Value;

use crate::read::{all_close, close, indices, matrix, numbers, outcomes, risks};

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../../tests/golden/core_survival.json")).unwrap()
}

#[test]
fn concordance_agrees_with_scikit_survival_and_lifelines() {
    for case in golden()["concordance"].as_array().unwrap() {
        let (train, test) = (outcomes(&case["train"]), outcomes(&case["test"]));
        let risks = risks(&case["risk"]);
        let pairs = count_pairs(&test, &risks);
        let counts = [pairs.concordant, pairs.discordant, pairs.tied_risk, pairs.tied_time];
        assert_eq!(Value::from(counts.to_vec()), case["pairs"]);
        close(harrell_c(&test, &risks).unwrap(), &case["harrell_c"], 1e-14);
        close(harrell_c(&test, &risks).unwrap(), &case["harrell_c_lifelines"], 1e-14);
        close(uno_c(&train, &test, &risks, None).unwrap(), &case["uno_c"], 1e-12);
        let tau = case["tau"].as_f64();
        close(uno_c(&train, &test, &risks, tau).unwrap(), &case["uno_c_tau"], 1e-12);
    }
}

#[test]
fn areas_and_brier_scores_agree_with_scikit_survival() {
    for case in golden()["concordance"].as_array().unwrap() {
        let (train, test) = (outcomes(&case["train"]), outcomes(&case["test"]));
        let risks = risks(&case["risk"]);
        let times = numbers(&case["times"]);
        let survival = matrix(&case["survival"]).mapv(SurvivalProbability);
        let areas: Vec<f64> =
            times.iter().map(|&time| auc_at(&train, &test, &risks, time).unwrap()).collect();
        all_close(&areas, &case["auc_at"], 1e-12);
        let scores: Vec<f64> = times
            .iter()
            .zip(survival.columns())
            .map(|(&time, column)| brier_at(&train, &test, &column.to_vec(), time).unwrap())
            .collect();
        all_close(&scores, &case["brier_at"], 1e-12);
        let integrated = integrated_brier(&train, &test, &survival, &times).unwrap();
        close(integrated, &case["integrated_brier"], 1e-12);
        let censoring = Censoring::fit(&train).unwrap();
        let uncensored: Vec<f64> =
            times.iter().map(|&time| censoring.uncensored(time).unwrap()).collect();
        all_close(&uncensored, &case["uncensored_at"], 1e-12);
        let events: Vec<bool> = test.iter().map(|outcome| outcome.event).collect();
        close(auc(&events, &numbers(&case["risk"])).unwrap(), &case["auc"], 1e-12);
    }
}

#[test]
fn kaplan_meier_agrees_with_lifelines() {
    for case in golden()["concordance"].as_array().unwrap() {
        let curve = KaplanMeier::fit(&outcomes(&case["test"]));
        let part = |value: fn(&oncoweave_core::kaplan_meier::Step) -> f64| {
            curve.steps.iter().map(value).collect::<Vec<f64>>()
        };
        let expected = &case["kaplan_meier"];
        all_close(&part(|step| step.time_days), &expected["time"], 0.0);
        all_close(&part(|step| step.survival), &expected["survival"], 1e-12);
        all_close(&part(|step| step.low), &expected["low"], 1e-9);
        let highs = numbers(&expected["high"]);
        for (step, high) in curve.steps.iter().zip(highs) {
            // Where survival is 0 lifelines sets the upper bound to 0, R to NA, and we keep it.
            assert!(step.survival == 0.0 || (step.high - high).abs() < 1e-9, "{step:?} {high}");
        }
        let median = curve.median();
        let parts = [median.days, median.low, median.high].map(|days| days.unwrap());
        all_close(&parts, &expected["median"], 0.0);
    }
}

#[test]
fn log_rank_agrees_with_lifelines() {
    for case in golden()["concordance"].as_array().unwrap() {
        let test = outcomes(&case["test"]);
        let groups = indices(&case["groups"]);
        let part = |wanted: fn(usize) -> bool| -> Vec<Survival> {
            test.iter().zip(&groups).filter(|(_, group)| wanted(**group)).map(|(o, _)| *o).collect()
        };
        let (zero, one, two) = (part(|g| g == 0), part(|g| g == 1), part(|g| g == 2));
        let three = log_rank(&[&zero, &one, &two]).unwrap();
        assert_eq!(three.degrees_of_freedom, 2);
        all_close(&[three.statistic, three.p], &case["log_rank_3"], 1e-9);
        let two = log_rank(&[&part(|g| g > 0), &zero]).unwrap();
        assert_eq!(two.degrees_of_freedom, 1);
        all_close(&[two.statistic, two.p], &case["log_rank_2"], 1e-9);
    }
}

#[test]
fn cox_agrees_with_lifelines_and_with_the_published_fit_in_r() {
    let golden = golden();
    let case = &golden["rossi"];
    let (outcomes, x) = (outcomes(case), matrix(&case["x"]));
    let model = fit_ridge(&x, &outcomes, 0.0).unwrap();
    all_close(&model.coefficients, &case["coefficients"], 1e-6);
    close(model.log_likelihood, &case["log_likelihood"], 1e-8);
    // Fox and Weisberg, Cox Proportional-Hazards Regression for Survival Data in R, 2018, page 5.
    let published = [-0.379_42, -0.057_44, 0.313_90, -0.149_80, -0.433_70, -0.084_87, 0.091_50];
    for (found, published) in model.coefficients.iter().zip(published) {
        assert!((found - published).abs() < 6e-6, "{found} {published}");
    }
    // A penalty that is next to nothing changes next to nothing.
    let penalized = fit_ridge(&x, &outcomes, 1e-7).unwrap();
    all_close(&penalized.coefficients, &case["coefficients"], 1e-6);
}

#[test]
fn breslow_ties_have_their_maximum_where_scikit_survival_finds_it() {
    let golden = golden();
    let case = &golden["rossi"];
    let x = matrix(&case["x"]);
    let coefficients = ndarray::Array1::from(numbers(&case["coefficients_breslow"]));
    let risks: Vec<Risk> = x.dot(&coefficients).into_iter().map(Risk).collect();
    let at = partial_log_likelihood(&outcomes(case), &risks, Ties::Breslow);
    let slopes = x.t().dot(&ndarray::Array1::from(at.gradient));
    assert!(slopes.iter().all(|slope| slope.abs() < 1e-6), "{slopes}");
}

#[test]
fn baseline_hazard_agrees_with_lifelines() {
    let golden = golden();
    let case = &golden["rossi"];
    let (outcomes, x) = (outcomes(case), matrix(&case["x"]));
    let model = fit_ridge(&x, &outcomes, 0.0).unwrap();
    let baseline = Baseline::breslow(&outcomes, &model.log_risks(&x)).unwrap();
    let hazards: Vec<f64> =
        numbers(&case["baseline_time"]).iter().map(|&time| baseline.hazard_at(time).0).collect();
    all_close(&hazards, &case["baseline"], 1e-7);
    let average = Array2::from_shape_vec((1, x.ncols()), numbers(&case["means"])).unwrap();
    let survival = baseline.survival(model.log_risks(&average)[0], 52.0);
    assert!((survival.0 - (-baseline.hazard_at(52.0).0).exp()).abs() < 1e-12);
}

#[test]
fn ridge_agrees_with_scikit_survival_in_both_spaces() {
    for case in golden()["ridge"].as_array().unwrap() {
        let penalty = case["penalty"].as_f64().unwrap();
        let model = fit_ridge(&matrix(&case["x"]), &outcomes(case), penalty).unwrap();
        all_close(&model.coefficients, &case["coefficients"], 1e-7);
    }
}

#[test]
fn class_figures_agree_with_scikit_learn() {
    let golden = golden();
    let case = &golden["classes"];
    let (labels, probabilities) = (indices(&case["labels"]), matrix(&case["probabilities"]));
    close(macro_auc(&labels, &probabilities).unwrap(), &case["macro_auc"], 1e-12);
    close(accuracy(&labels, &probabilities).unwrap(), &case["accuracy"], 1e-12);
}
