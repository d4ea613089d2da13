//! The statistics against R's survival, survAUC, timeROC, riskRegression and `SurvMetrics`, where
//! the shared data lie beside the repository. The files give four decimals.

#![expect(clippy::float_cmp, reason = "days and risks are tied when they are equal as numbers")]

use std::io::Write;
use std::path::PathBuf;

use ndarray::Array2;
use oncoweave_core::brier::{brier_at, integrated_brier};
use oncoweave_core::concordance::{harrell_c, uno_c};
use oncoweave_core::cox::{Ties, partial_log_likelihood};
use oncoweave_core::kaplan_meier::{Censoring, KaplanMeier};
use oncoweave_core::roc::auc_at;
use oncoweave_core::{Risk, Survival, SurvivalProbability};
use serde_json::Value;

use crate::read::{close, near, numbers, risks};

/// Half of the last decimal, and a little for rounded inputs.
const ROUNDED: f64 = 6e-5;

/// The cases of one file; none, with a printed reason, where the shared data are absent.
fn cases(file: &str) -> Vec<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var("ONCOWEAVE_SHARED").unwrap_or_else(|_| beside.to_owned());
    let path = PathBuf::from(shared).join("data/survival/metric_oracles_torchsurv").join(file);
    let Ok(text) = fs_err::read_to_string(&path) else {
        // Unlike what is printed, this is seen of a test that passes.
        let mut stderr = std::io::stderr();
        writeln!(stderr, "skipped: {} is absent; set ONCOWEAVE_SHARED", path.display()).unwrap();
        return Vec::new();
    };
    let Value::Array(cases) = serde_json::from_str(&text).unwrap() else {
        panic!("{file} holds a list of cases");
    };
    cases
}

fn outcomes(case: &Value, prefix: &str) -> Vec<Survival> {
    let events = case[format!("{prefix}status")].as_array().unwrap();
    numbers(&case[format!("{prefix}time")])
        .into_iter()
        .zip(events)
        .map(|(time_days, event)| {
            Survival::new(time_days, event == &Value::Bool(true) || event.as_f64() == Some(1.0))
                .unwrap()
        })
        .collect()
}

#[test]
fn concordance_agrees_with_survival_and_surv_c1() {
    for case in cases("benchmark_cindex.json") {
        let (test, risks) = (outcomes(&case, "test_"), risks(&case["estimate"]));
        close(harrell_c(&test, &risks).unwrap(), &case["c_Harrell_survival"][0], ROUNDED);
        // survC1 learns censoring from the patients that it judges, weighs events just before
        // their time, and compares no pairs of one time: hence the third decimal.
        let tau_days = numbers(&case["times"]).last().copied();
        let uno = uno_c(&test, &test, &risks, tau_days).unwrap();
        close(uno, &case["c_Uno_survC1"][0], 1.5e-3);
    }
}

#[test]
fn auc_agrees_with_surv_auc_and_risk_regression() {
    for (number, case) in cases("benchmark_auc.json").iter().enumerate() {
        let (train, test) = (outcomes(case, "train_"), outcomes(case, "test_"));
        let risks = risks(&case["estimate"]);
        for (index, time_days) in numbers(&case["times"]).into_iter().enumerate() {
            // survAUC learns censoring from the training patients as we do. In the last three
            // sets days are tied, and its censoring curve is another: see below.
            if number < 3 {
                let found = auc_at(&train, &test, &risks, time_days).unwrap();
                close(found, &case["auc_cd_survAUC"][index], ROUNDED);
            }
            // riskRegression learns censoring from the patients that it judges.
            let found = auc_at(&test, &test, &risks, time_days).unwrap();
            close(found, &case["auc_cd_Uno_riskRegression"][index], 6e-4);
        }
    }
}

/// The censoring curve of survAUC 1.3 (`km_Daim` in its `utils.c`) at a time. It steps once for
/// each row, not for each day: every censored patient multiplies it by 1 less the share, among
/// those at risk, of *all* who leave on that day, events too. Without ties that is Kaplan and
/// Meier's curve; with ties it falls too fast.
fn surv_auc_uncensored(train: &[Survival], time_days: f64) -> f64 {
    let share = |left: &Survival| {
        let at_risk = train.iter().filter(|one| one.time_days >= left.time_days).count();
        let leave = train.iter().filter(|one| one.time_days == left.time_days).count();
        1.0 - leave as f64 / at_risk as f64
    };
    let censored = train.iter().filter(|one| !one.event && one.time_days <= time_days);
    censored.map(share).product()
}

/// Cumulative/dynamic AUC by the definition, with any weights of the cases.
fn weighted_auc(
    outcomes: &[Survival],
    risks: &[Risk],
    time_days: f64,
    uncensored: impl Fn(f64) -> f64,
) -> f64 {
    let (mut right, mut total) = (0.0, 0.0);
    for (case, risk) in outcomes.iter().zip(risks) {
        if !case.event || case.time_days > time_days {
            continue;
        }
        let weight = 1.0 / uncensored(case.time_days);
        for (control, other) in outcomes.iter().zip(risks) {
            if control.time_days > time_days {
                let order = if risk > other { 1.0 } else { 0.5 * f64::from(risk == other) };
                right += weight * order;
                total += weight;
            }
        }
    }
    right / total
}

#[test]
fn surv_auc_departs_from_the_auc_by_its_censoring_curve_alone() {
    for case in cases("benchmark_auc.json") {
        let (train, test) = (outcomes(&case, "train_"), outcomes(&case, "test_"));
        let risks = risks(&case["estimate"]);
        let censoring = Censoring::fit(&train).unwrap();
        for (index, time_days) in numbers(&case["times"]).into_iter().enumerate() {
            let theirs =
                weighted_auc(&test, &risks, time_days, |day| surv_auc_uncensored(&train, day));
            close(theirs, &case["auc_cd_survAUC"][index], ROUNDED);
            let ours =
                weighted_auc(&test, &risks, time_days, |day| censoring.uncensored(day).unwrap());
            let found = auc_at(&train, &test, &risks, time_days).unwrap();
            assert!((found - ours).abs() < 1e-12, "{found} {ours}");
        }
    }
}

#[test]
fn surv_auc_departs_from_unos_c_by_its_censoring_curve_and_by_ties() {
    for case in cases("benchmark_cindex.json") {
        let (train, test) = (outcomes(&case, "train_"), outcomes(&case, "test_"));
        let risks = risks(&case["estimate"]);
        let tau_days = numbers(&case["times"]).last().copied().unwrap();
        let (mut right, mut total) = (0.0, 0.0);
        for (first, risk) in test.iter().zip(&risks) {
            let uncensored = surv_auc_uncensored(&train, first.time_days);
            if !first.event || first.time_days >= tau_days || uncensored <= 0.0 {
                continue;
            }
            // Equal risks count as wrong where ours count half, and nobody is compared with those
            // censored on the same day.
            for (later, other) in test.iter().zip(&risks) {
                if later.time_days > first.time_days {
                    right += f64::from(risk > other) * uncensored.powi(-2);
                    total += uncensored.powi(-2);
                }
            }
        }
        close(right / total, &case["c_Uno_survAUC"][0], ROUNDED);
    }
}

// survAUC's Brier scores in these files are no oracle of ours: its `predErr` takes linear
// predictors and makes its own survival curves of them (`survfit_cox` in `utils.c`), so they are
// scores of other probabilities than the `estimate` beside them, and NaN where the curve above
// has fallen to 0.
#[test]
fn brier_scores_agree_with_surv_metrics() {
    for case in cases("benchmark_brier_score.json") {
        let test = outcomes(&case, "test_");
        let survival: Vec<Vec<f64>> =
            case["estimate"].as_array().unwrap().iter().map(numbers).collect();
        for (index, time_days) in numbers(&case["times"]).into_iter().enumerate() {
            let at_time: Vec<SurvivalProbability> =
                survival.iter().map(|patient| SurvivalProbability(patient[index])).collect();
            // SurvMetrics learns censoring from the patients that it judges.
            let found = brier_at(&test, &test, &at_time, time_days).unwrap();
            close(found, &case["brier_score_survMetrics"][index], 4e-4);
        }
    }
}

/// `SurvMetrics` integrates by left Riemann sums, we by trapezoids: both of the same scores.
#[test]
fn integrated_brier_scores_depart_from_surv_metrics_by_the_rule_alone() {
    for case in cases("benchmark_brier_score.json") {
        let (test, times) = (outcomes(&case, "test_"), numbers(&case["times"]));
        let rows = case["estimate"].as_array().unwrap();
        let rows: Vec<Vec<f64>> = rows.iter().map(numbers).collect();
        let survival = Array2::from_shape_fn((rows.len(), times.len()), |(patient, time)| {
            SurvivalProbability(rows[patient][time])
        });
        let scores: Vec<f64> = times
            .iter()
            .enumerate()
            .map(|(place, &day)| {
                brier_at(&test, &test, &survival.column(place).to_vec(), day).unwrap()
            })
            .collect();
        let over = |of: fn(f64, f64) -> f64| {
            let parts = times.windows(2).zip(scores.windows(2));
            let sum: f64 = parts.map(|(t, s)| (t[1] - t[0]) * of(s[0], s[1])).sum();
            sum / (times[times.len() - 1] - times[0])
        };
        close(over(|left, _| left), &case["ibrier_score_survMetrics"][0], 4e-4);
        let found = integrated_brier(&test, &test, &survival, &times).unwrap();
        near(found, over(f64::midpoint), 1e-12);
    }
}

/// timeROC learns censoring from the patients that it judges. Who has the event on the day itself is
/// neither a case nor a control to it, and a case to us.
#[test]
fn auc_agrees_with_time_roc() {
    let mut on_the_day = 0;
    for case in cases("benchmark_auc.json") {
        let (test, risks) = (outcomes(&case, "test_"), risks(&case["estimate"]));
        for (index, time_days) in numbers(&case["times_se"]).into_iter().enumerate() {
            let patients = test.iter().zip(&risks);
            let others = patients.filter(|(patient, _)| patient.time_days != time_days);
            let (others, their): (Vec<Survival>, Vec<Risk>) = others.unzip();
            on_the_day += test.len() - others.len();
            let found = auc_at(&test, &others, &their, time_days).unwrap();
            close(found, &case["auc_cd_Uno_timeROC"][index], 6e-4);
        }
    }
    // Else the departure would not be seen; nothing is where the files are absent.
    assert!([0, 6].contains(&on_the_day), "{on_the_day}");
}

#[test]
fn partial_likelihoods_agree_with_survival() {
    for case in cases("benchmark_cox_with_ties.json") {
        for (ties, name) in [(Ties::Efron, "efron"), (Ties::Breslow, "breslow")] {
            let risks = risks(&case[format!("log_hazard_{name}")][0]);
            let found = partial_log_likelihood(&outcomes(&case, ""), &risks, ties).value;
            // Some hundred log-risks of four decimals go into it.
            close(found, &case[format!("log_likelihood_{name}")][0], 2e-3);
        }
    }
    for case in cases("benchmark_cox_without_ties.json") {
        let risks = risks(&case["log_hazard"][0]);
        let found = partial_log_likelihood(&outcomes(&case, ""), &risks, Ties::Efron).value;
        close(found, &case["log_likelihood"][0], 2e-3);
    }
}

#[test]
fn kaplan_meier_agrees_with_survival() {
    for case in cases("benchmark_kaplan_meier.json") {
        let curve = KaplanMeier::fit(&outcomes(&case, ""));
        assert_eq!(curve.steps.len(), numbers(&case["times"]).len());
        for (index, step) in curve.steps.iter().enumerate() {
            close(step.time_days, &case["times"][index], 0.0);
            close(step.survival, &case["surv_prob_survival"][index], ROUNDED);
        }
    }
}

#[test]
fn censoring_weights_agree_with_r() {
    for case in cases("benchmark_ipcw.json") {
        let censoring = Censoring::fit(&outcomes(&case, "")).unwrap();
        for (index, time_days) in numbers(&case["times"]).into_iter().enumerate() {
            let weight = 1.0 / censoring.uncensored(time_days).unwrap();
            close(weight, &case["ipcw_times"][index], ROUNDED);
        }
    }
}
