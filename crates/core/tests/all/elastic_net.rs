//! Cross-fitted elastic-net Cox against scikit-survival's Coxnet. The numbers and the script that
//! made them are in `tests/golden/core_elastic_net.*`.

use oncoweave_core::cross_fit::cross_fit_elastic_net;
use serde_json::Value;

use crate::read::{all_close, close, matrix, outcomes};

#[test]
fn chooses_and_foretells_what_scikit_survival_does() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../../tests/golden/core_elastic_net.json"))
            .unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let (x, all) = (matrix(&case["x"]), outcomes(case));
        let fold = |fold: &Value| u32::try_from(fold.as_u64().unwrap()).unwrap();
        let folds: Vec<u32> = case["folds"].as_array().unwrap().iter().map(fold).collect();
        let l1_ratio = case["l1_ratio"].as_f64().unwrap();
        let found = cross_fit_elastic_net(&[(&*x).into()], &all, &folds, l1_ratio).unwrap();
        let [penalty] = found.penalties[..] else { panic!("{:?}", found.penalties) };
        close(penalty, &case["penalty"], 1e-9);
        let of_folds: Vec<f64> = found.fold_penalties.concat();
        all_close(&of_folds, &case["fold_penalties"], 1e-9);
        all_close(&found.coefficients, &case["coefficients"], 1e-5);
        // Fits that penalties are compared by need not be exact.
        let mut out_of_fold: Vec<f64> = found.out_of_fold.iter().map(|risk| risk.0).collect();
        for fold in 0..3 {
            let rows: Vec<usize> = (0..folds.len()).filter(|&row| folds[row] == fold).collect();
            let mean = rows.iter().map(|&row| out_of_fold[row]).sum::<f64>() / rows.len() as f64;
            for row in rows {
                out_of_fold[row] -= mean;
            }
        }
        all_close(&out_of_fold, &case["out_of_fold"], 2e-3);
    }
}
