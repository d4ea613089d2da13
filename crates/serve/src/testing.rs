//! A small cohort and a model of it, for tests.

use std::ops::ControlFlow;

use oncoweave_core::{Cohort, CohortColumn, Column, FeatureInfo, PatientId, Survival};
use oncoweave_model::{Dataset, Model, ModelKind, TrainConfig};

/// Patients whose survival falls with age and tumour volume; every ninth lacks the scan.
pub(crate) fn cohort(patients: usize) -> Cohort {
    let wave = |row: usize, speed: f64| (row as f64 * speed).sin();
    let column = |name: &str, modality: &str, value: &dyn Fn(usize) -> Option<f64>| CohortColumn {
        modality: modality.to_owned(),
        info: FeatureInfo {
            name: name.to_owned(),
            unit: String::new(),
            meaning: String::new(),
            standard: String::new(),
        },
        values: (0..patients).map(|row| value(row).map(single)).collect::<Column>(),
    };
    let scanned = |row: usize| !row.is_multiple_of(9);
    let age = |row| 60.0 + 10.0 * wave(row, 1.7);
    let volume = |row| 20.0 + 8.0 * wave(row, 2.9);
    let outcome = |row| {
        let risk = (age(row) - 60.0) / 10.0 + (volume(row) - 20.0) / 8.0;
        let time = 700.0 * (-0.6 * risk + 0.5 * wave(row, 5.3)).exp();
        Survival::new(time, row % 4 != 0).unwrap()
    };
    Cohort {
        patients: (0..patients).map(|row| PatientId::new(&format!("P{row}")).unwrap()).collect(),
        sites: vec![None; patients],
        index_dates: vec![None; patients],
        survival: (0..patients).map(|row| Some(outcome(row))).collect(),
        competing: vec![],
        labels: (0..patients).map(|row| Some(["a", "b"][row % 2].to_owned())).collect(),
        folds: vec![None; patients],
        columns: vec![
            column("age", "clinical", &|row| Some(age(row))),
            column("stage", "clinical", &|row| Some((row % 4) as f64)),
            column("constant", "clinical", &|_| Some(1.0)),
            column("volume", "ct", &|row| scanned(row).then(|| volume(row))),
        ],
    }
}

#[expect(clippy::cast_possible_truncation, reason = "features are stored as float32")]
fn single(value: f64) -> f32 {
    value as f32
}

/// A ridge Cox model, beside whose event another one competes.
pub(crate) fn competing_model() -> Model {
    let mut cohort = cohort(80);
    let competes = |row: usize| row.is_multiple_of(4);
    cohort.competing = (0..80).map(|row| competes(row).then(|| "other".to_owned())).collect();
    let config = TrainConfig {
        model: ModelKind::RidgeCox,
        horizons_days: Some(vec![365.25, 730.5]),
        ..TrainConfig::default()
    };
    let data = Dataset { cohort: &cohort, id: "test", sha256: "" };
    let rows: Vec<usize> = (0..cohort.len()).collect();
    oncoweave_model::train(&data, &rows, &config, None, &mut |_| ControlFlow::Continue(())).unwrap()
}

/// A model trained for a few epochs.
pub(crate) fn model() -> Model {
    let cohort = cohort(80);
    let mut config = TrainConfig::default();
    config.training.epochs = 4;
    config.training.ensemble = 1;
    config.horizons_days = Some(vec![365.25, 730.5]);
    let data = Dataset { cohort: &cohort, id: "test", sha256: "" };
    let rows: Vec<usize> = (0..cohort.len()).collect();
    oncoweave_model::train(&data, &rows, &config, None, &mut |_| ControlFlow::Continue(())).unwrap()
}
