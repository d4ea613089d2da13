//! Trains a small model on made-up patients and saves its folder: what
//! `tests/golden/model_pytorch.py` and `model_architectures.py` read.
//! `cargo run -p oncoweave-model --example save_model -- DIR [SETTINGS [METRICS]]`
//!
//! With a file of settings some patients lack imaging; into the folder METRICS goes each epoch, for
//! `model_tensorboard.py`.

use std::{env, error::Error, ops::ControlFlow, path::PathBuf};

use oncoweave_core::{Cohort, CohortColumn, FeatureInfo, PatientId, Survival};
use oncoweave_model::{Dataset, EpochReport, MetricsWriter, ModelKind, TrainConfig, train};

const PATIENTS: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or("name a folder to save the model to")?);
    let settings = env::args_os().nth(2).map(PathBuf::from);
    let cohort = cohort(settings.is_some())?;
    let mut config = match settings {
        Some(path) => TrainConfig::read(&path)?,
        None => TrainConfig::default(),
    };
    config.model = ModelKind::Network;
    config.network.width = 8;
    config.network.fused_width = 6;
    config.training.ensemble = 2;
    config.training.epochs = 40;
    config.training.learning_rate = 0.02;
    config.training.validation_fraction = 0.0;
    let data = Dataset { cohort: &cohort, id: "made-up", sha256: "none" };
    let rows: Vec<usize> = (0..PATIENTS).collect();
    let metrics = env::args_os().nth(3).map(PathBuf::from);
    let mut metrics = metrics.map(|folder| MetricsWriter::open(&folder)).transpose()?;
    let mut on_epoch = |report: &EpochReport| match metrics.as_mut().map(|one| one.write(report)) {
        Some(Err(_)) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let model = train(&data, &rows, &config, None, &mut on_epoch)?;
    model.save(&folder)?;
    Ok(())
}

/// Waves of different lengths stand for features.
fn cohort(imaging_is_rare: bool) -> Result<Cohort, Box<dyn Error>> {
    let wave = |row: usize, length: f64| (row as f64 * length).sin();
    let mut columns = vec![];
    for (modality, features) in [("genomics", 5_u8), ("imaging", 4), ("clinical", 3)] {
        for feature in 0..features {
            let length = 0.37 + 0.61 * f64::from(feature) + 0.13 * modality.len() as f64;
            #[expect(clippy::cast_possible_truncation, reason = "features are float32")]
            let value = |row: usize| {
                let absent = imaging_is_rare && modality == "imaging" && row.is_multiple_of(7);
                (!absent).then_some(wave(row, length) as f32)
            };
            columns.push(CohortColumn {
                modality: modality.to_owned(),
                info: FeatureInfo {
                    name: format!("wave_{feature}"),
                    unit: String::new(),
                    meaning: "a sine wave over patients".to_owned(),
                    standard: String::new(),
                },
                values: (0..PATIENTS).map(value).collect(),
            });
        }
    }
    let survival = |row: usize| {
        Survival::until((800.0 * (-wave(row, 1.15)).exp()).round(), !row.is_multiple_of(3))
    };
    let names = (0..PATIENTS).map(|row| PatientId::new(&format!("P{row}")));
    Ok(Cohort {
        patients: names.collect::<Result<_, _>>()?,
        sites: vec![None; PATIENTS],
        index_dates: vec![None; PATIENTS],
        survival: (0..PATIENTS).map(|row| Some(survival(row))).collect(),
        competing: vec![],
        labels: (0..PATIENTS)
            .map(|row| Some(["basal", "luminal", "normal"][row % 3].to_owned()))
            .collect(),
        folds: vec![None; PATIENTS],
        columns,
    })
}
