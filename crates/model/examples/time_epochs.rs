//! Times epochs of a network on made-up patients: our side of `scripts/bench_training` and of
//! `pipelines/gpu`.
//! `cargo run --release -p oncoweave-model --example time_epochs -- EPOCHS RISK_SET [early_fusion|attention] [cpu|cuda] [PATIENTS] [mixed]`
//!
//! 1,000 genomic, 50 clinical and 256 imaging columns, width 128, 5 classes, 20,000 patients by
//! default, in batches of 64, two threads. Prints the seconds of each epoch.

use std::{env, error::Error, ops::ControlFlow, time::Instant};

use oncoweave_core::{Cohort, CohortColumn, FeatureInfo, PatientId, Survival};
use oncoweave_model::{
    ArchitectureKind, Dataset, DeviceChoice, ModelKind, RiskSet, TrainConfig, train,
};
use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

fn main() -> Result<(), Box<dyn Error>> {
    let epochs: usize = env::args().nth(1).ok_or("say how many epochs")?.parse()?;
    let risk_set = env::args().nth(2).ok_or("say `training` or `batch`")?;
    let patients = env::args().nth(5).map_or(Ok(20_000), |patients| patients.parse())?;
    let cohort = cohort(patients)?;
    let mut config = TrainConfig { model: ModelKind::Network, ..TrainConfig::default() };
    config.training.ensemble = 1;
    config.training.batch_size = 64;
    config.training.epochs = epochs;
    config.training.validation_fraction = 0.0;
    config.training.network_threads = 2;
    config.heads.risk_set = match risk_set.as_str() {
        "training" => RiskSet::Training,
        "batch" => RiskSet::Batch,
        other => return Err(format!("expected `training` or `batch`, found `{other}`").into()),
    };
    config.network.kind = match env::args().nth(3).as_deref() {
        None | Some("early_fusion") => ArchitectureKind::EarlyFusion,
        Some("attention") => ArchitectureKind::Attention,
        Some(other) => return Err(format!("expected a network, found `{other}`").into()),
    };
    config.training.device = match env::args().nth(4).as_deref() {
        None | Some("cpu") => DeviceChoice::Cpu,
        Some("cuda") => DeviceChoice::Cuda,
        Some(other) => return Err(format!("expected `cpu` or `cuda`, found `{other}`").into()),
    };
    config.training.mixed_precision = match env::args().nth(6).as_deref() {
        None => false,
        Some("mixed") => true,
        Some(other) => return Err(format!("expected `mixed` or nothing, found `{other}`").into()),
    };
    let data = Dataset { cohort: &cohort, id: "made-up", sha256: "none" };
    let rows: Vec<usize> = (0..patients).collect();
    let mut before = Instant::now();
    let mut seconds = vec![];
    let mut on_epoch = |report: &oncoweave_model::EpochReport| {
        seconds.push(before.elapsed().as_secs_f64());
        before = Instant::now();
        if report.record.epoch == epochs {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    // It stops before the models that the network is compared with.
    let stopped = train(&data, &rows, &config, None, &mut on_epoch);
    if !matches!(stopped, Err(oncoweave_model::Error::Stopped { .. })) {
        stopped?;
    }
    // The first began with the preparation of the columns.
    for epoch in &seconds[1..] {
        #[expect(clippy::print_stdout, reason = "this is what the example is for")]
        {
            println!("{epoch:.4}");
        }
    }
    Ok(())
}

fn cohort(patients: usize) -> Result<Cohort, Box<dyn Error>> {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let mut columns = vec![];
    for (modality, features) in [("genomics", 1000), ("clinical", 50), ("imaging", 256)] {
        for feature in 0..features {
            let info = FeatureInfo {
                name: format!("f{feature}"),
                unit: String::new(),
                meaning: "made up".to_owned(),
                standard: String::new(),
            };
            let values = (0..patients).map(|_| Some(random.random_range(-1.7_f32..1.7))).collect();
            columns.push(CohortColumn { modality: modality.to_owned(), info, values });
        }
    }
    let mut survival = || {
        Survival::until(
            random.random_range(1.0..4000.0_f64).round(),
            random.random_range(0..10) < 4,
        )
    };
    Ok(Cohort {
        survival: (0..patients).map(|_| Some(survival())).collect(),
        competing: vec![],
        patients: (0..patients)
            .map(|row| PatientId::new(&format!("P{row}")))
            .collect::<Result<_, _>>()?,
        sites: vec![None; patients],
        index_dates: vec![None; patients],
        labels: (0..patients).map(|row| Some(format!("class {}", row % 5))).collect(),
        folds: vec![None; patients],
        columns,
    })
}
