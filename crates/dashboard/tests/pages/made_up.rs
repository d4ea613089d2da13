//! An evaluation folder of made-up patients.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use oncoweave_cohort::{PredictionLayout, write_predictions};
use oncoweave_core::{
    Estimate, Evaluation, FoldResult, ModelResult, PatientId, Prediction, Risk, Survival,
};

pub(crate) fn write_study(folder: &Path, evaluation: &Evaluation, predictions: &[Prediction]) {
    fs_err::create_dir_all(folder).unwrap();
    let text = serde_json::to_string(evaluation).unwrap();
    fs_err::write(folder.join("evaluation.json"), text).unwrap();
    let layout = PredictionLayout {
        horizons_days: evaluation.horizons_days.clone(),
        classes: evaluation.classes.clone(),
        competing: evaluation.competing.iter().map(|event| event.name.clone()).collect(),
    };
    write_predictions(&folder.join("predictions.parquet"), predictions, &layout).unwrap();
}

/// An evaluation of two models over so many made-up patients, and their predictions.
pub(crate) fn study(patients: usize) -> (Evaluation, Vec<Prediction>) {
    let estimate = Estimate { value: 0.7, low: 0.6, high: 0.8 };
    let model = |name: &str| ModelResult {
        name: name.to_owned(),
        modalities: vec!["clinical".to_owned(), "ct".to_owned()],
        c_index: Some(estimate),
        c_index_uno: None,
        c_index_antolini: None,
        c_index_antolini_interval: None,
        c_index_competing: None,
        auc: vec![],
        brier: vec![],
        ibs: None,
        ibs_interval: None,
        hazard_ratio_per_sd: None,
        subtype: None,
        folds: vec![FoldResult {
            fold: 0,
            patients,
            events: patients / 2,
            c_index: Some(0.7),
            note: None,
        }],
    };
    let predictions: Vec<Prediction> = ["fusion", "ridge Cox"]
        .iter()
        .flat_map(|name| (0..patients).map(move |number| prediction(name, number)))
        .collect();
    let evaluation = Evaluation {
        schema_version: 2,
        program_version: "0.1.0".to_owned(),
        cohort: "made-up".to_owned(),
        data_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        design: "5-fold cross-validation".to_owned(),
        patients,
        events: patients / 2,
        trained_on: 0,
        horizons_days: vec![365.25, 730.5],
        classes: vec![],
        competing: vec![],
        models: vec![model("fusion"), model("ridge Cox")],
        comparisons: vec![],
        reclassification: vec![],
        contributions: vec![],
        hazard_ratio: None,
        risk_groups: None,
        calibration: None,
        decisions: vec![],
        exclusions: vec![],
        notes: vec![],
        config: serde_json::json!({ "seed": 7 }),
    };
    (evaluation, predictions)
}

/// Patient `number` of a model; every tenth lacks CT, every fiftieth is not for the model.
pub(crate) fn prediction(model: &str, number: usize) -> Prediction {
    // A plain sequence that spreads over 0 to 1, other for each model.
    let share = (number * if model == "fusion" { 7919 } else { 7907 } % 1000) as f64 / 1000.0;
    let risk = 0.05 + 0.9 * share;
    let survival = vec![1.0 - risk * 0.6, 1.0 - risk];
    let mut flags = Vec::new();
    if number % 50 == 7 {
        flags.push("insufficient:62 %".to_owned());
    }
    Prediction {
        patient_id: PatientId::new(&format!("P{number:05}")).unwrap(),
        model: model.to_owned(),
        fold: Some(u32::try_from(number % 5).unwrap()),
        risk: Risk(share),
        high_risk: share > 0.5,
        survival_low: survival.iter().map(|one| (one - 0.1_f64).max(0.0)).collect(),
        survival_high: survival.iter().map(|one| (one + 0.1_f64).min(1.0)).collect(),
        survival,
        incidence: vec![],
        incidence_low: vec![],
        incidence_high: vec![],
        class_probabilities: vec![],
        missing_modalities: if number % 10 == 3 { vec!["ct".to_owned()] } else { vec![] },
        flags,
        observed: Some(Survival::until(
            30.0 + (1.2 - share) * 900.0 + (number % 13) as f64,
            number.is_multiple_of(2),
        )),
        competing: None,
        label: Some(if number.is_multiple_of(3) { "luminal" } else { "basal" }.to_owned()),
    }
}
