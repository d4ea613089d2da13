//! Promises of the whole crate, on a simulated cohort.

mod card;
mod competing;
mod elastic_net;
mod evaluation;
mod figures;
mod folder;
mod late;
mod networks;
mod scoring;
mod stacking;
mod training;

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use oncoweave_core::Cohort;

use crate::{
    Dataset, EpochReport, Model, ModelKind, TrainConfig,
    testing::{Shape, Simulated, simulate},
    train,
};

fn quick_config() -> TrainConfig {
    toml::from_str(
        "[stack]\nfolds = 3\nelastic_net = false\n[network]\nwidth = 8\nfused_width = 8\n[training]\nepochs = 12\n\
         ensemble = 2\n",
    )
    .unwrap()
}

/// The same settings for the plain network.
fn network_config() -> TrainConfig {
    TrainConfig { model: ModelKind::Network, ..quick_config() }
}

fn small() -> Simulated {
    simulate(Shape::SMALL)
}

fn dataset(cohort: &Cohort) -> Dataset<'_> {
    Dataset { cohort, id: "simulated", sha256: "0" }
}

fn go_on(_: &EpochReport) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn train_on(cohort: &Cohort, rows: &[usize], config: &TrainConfig) -> Model {
    train(&dataset(cohort), rows, config, None, &mut go_on).unwrap()
}

fn all_rows(cohort: &Cohort) -> Vec<usize> {
    (0..cohort.len()).collect()
}

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs_err::read(path).unwrap());
        }
    }
    found
}

fn saved(model: &Model) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    model.save(&path).unwrap();
    let strip =
        |(file, bytes): (PathBuf, Vec<u8>)| (file.strip_prefix(&path).unwrap().to_owned(), bytes);
    files(&path).into_iter().map(strip).collect()
}
