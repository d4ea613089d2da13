//! Cross-fitted elastic-net Cox against scikit-survival's Coxnet. The numbers and the script that
//! made them are in `tests/golden/core_elastic_net.*`.

#![expect(clippy::unwrap_used, reason = "a file of figures that cannot be read fails the test")]

use ndarray::Array2;
use oncoweave_core::Survival;
use oncoweave_core::cross_fit::cross_fit_elastic_net;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(row, column)| rows[row][column])
}

fn outcomes(value: &Value) -> Vec<Survival> {
    let events = value["event"].as_array().unwrap().iter().map(|event| event.as_bool().unwrap());
    let pairs = numbers(&value["time"]).into_iter().zip(events);
    pairs.map(|(time_days, event)| Survival::new(time_days, event).unwrap()).collect()
}

#[track_caller]
fn all_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected}");
    }
}

#[test]
fn chooses_and_foretells_what_scikit_survival_does() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../tests/golden/core_elastic_net.json")).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let (x, all) = (matrix(&case["x"]), outcomes(case));
        let fold = |fold: &Value| u32::try_from(fold.as_u64().unwrap()).unwrap();
        let folds: Vec<u32> = case["folds"].as_array().unwrap().iter().map(fold).collect();
        let l1_ratio = case["l1_ratio"].as_f64().unwrap();
        let found = cross_fit_elastic_net(&[(&*x).into()], &all, &folds, l1_ratio).unwrap();
        all_close(&found.penalties, &[case["penalty"].as_f64().unwrap()], 1e-9);
        let of_folds: Vec<f64> = found.fold_penalties.concat();
        all_close(&of_folds, &numbers(&case["fold_penalties"]), 1e-9);
        all_close(&found.coefficients, &numbers(&case["coefficients"]), 1e-5);
        // Fits that penalties are compared by need not be exact.
        let mut out_of_fold: Vec<f64> = found.out_of_fold.iter().map(|risk| risk.0).collect();
        for fold in 0..3 {
            let rows: Vec<usize> = (0..folds.len()).filter(|&row| folds[row] == fold).collect();
            let mean = rows.iter().map(|&row| out_of_fold[row]).sum::<f64>() / rows.len() as f64;
            for row in rows {
                out_of_fold[row] -= mean;
            }
        }
        all_close(&out_of_fold, &numbers(&case["out_of_fold"]), 2e-3);
    }
}
