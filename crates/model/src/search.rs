//! A search over settings: random, or by successive halving, judged inside the training part alone.

mod judged;
mod space;
mod trials;

use std::{collections::BTreeMap, ops::ControlFlow, path::Path};

use oncoweave_core::{
    Risk, Survival,
    concordance::harrell_c,
    split::{Stratum, stratified_folds},
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    Dataset, Error, ModelKind, TrainConfig, config::read_checked, plan::Plan, train::with_causes,
};
pub use space::{List, Range, Scale, Values};
pub use trials::TrialRecord;
use trials::Trials;

/// The content of a search's TOML file.
///
/// | Name | Default | Purpose | Range |
/// | --- | --- | --- | --- |
/// | `trials` | 30 | settings that are drawn | 1 .. 100000 |
/// | `method` | `"random"` | `"random"`: all train for all epochs; `"halving"`: all train for few epochs, the best share goes on with more | |
/// | `reduction` | 3 | halving: one of so many goes on, with so many times the epochs | 2 .. 100 |
/// | `rungs` | 3 | halving: how often epochs grow, the last time to `training.epochs` | 1 .. 10 |
/// | `folds` | 3 | inner folds of the training part; a trial's figure is the mean over them of Harrell's C on the fold left out | 2 .. 20 |
/// | `seed` | 7 | start of the random numbers that draw settings and folds | |
/// | `settings` | | for each setting by its full name what to draw it from: `{ min, max }`, with `scale = "log"` and `integer = true` where wanted, or `{ values = [..] }`. Settings that no trial's C depends on are refused: those of `[stack]` and `[elastic_net]`, `model`, `horizons_days`, `training.epochs`, and threads, shards and device; so are those that matter only with another value of a setting that is not searched, such as `network.rank` | at least one |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchConfig {
    /// Settings that are drawn.
    pub trials: usize,
    /// Which trials train for how long.
    pub method: SearchMethod,
    /// Halving: one of so many goes on.
    pub reduction: usize,
    /// Halving: how often epochs grow.
    pub rungs: u32,
    /// Inner folds of the training part.
    pub folds: usize,
    /// The start of the random numbers.
    pub seed: u64,
    /// What each setting is drawn from.
    pub settings: BTreeMap<String, Values>,
}

/// Which trials train for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchMethod {
    /// All for all epochs. Bergstra and Bengio, J Mach Learn Res 2012;13:281.
    #[default]
    Random,
    /// Successive halving. Jamieson and Talwalkar, AISTATS 2016.
    Halving,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchResult {
    /// The best trial among those that trained for all epochs.
    pub best: TrialRecord,
    /// The base settings with the best trial's in their place.
    pub config: TrainConfig,
    /// Every trial at every number of epochs.
    pub trials: Vec<TrialRecord>,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self {
            trials: 30,
            method: SearchMethod::Random,
            reduction: 3,
            rungs: 3,
            folds: 3,
            seed: 7,
            settings: BTreeMap::new(),
        }
    }
}

impl SearchConfig {
    /// Reads and checks a search's file.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, has an unknown key, or a value out of its range.
    pub fn read(path: &Path) -> Result<Self, Error> {
        read_checked(path, Self::validate)
    }

    /// Checks every value against its range.
    ///
    /// # Errors
    /// For the first value that is out of its range, and for a setting that no trial's C depends on.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |setting, expected, found: String, good: bool| {
            if good { Ok(()) } else { Err(Error::Setting { setting, expected, found }) }
        };
        let trials = (1..=100_000).contains(&self.trials);
        check("trials", "1 to 100000", self.trials.to_string(), trials)?;
        let reduction = (2..=100).contains(&self.reduction);
        check("reduction", "2 to 100", self.reduction.to_string(), reduction)?;
        let rungs = (1..=10).contains(&self.rungs);
        check("rungs", "1 to 10", self.rungs.to_string(), rungs)?;
        let folds = (2..=20).contains(&self.folds);
        check("folds", "2 to 20", self.folds.to_string(), folds)?;
        let none = "none".to_owned();
        check("settings", "at least one setting", none, !self.settings.is_empty())?;
        judged::check_names(self)?;
        for (name, values) in &self.settings {
            let expected =
                "a list of values, or `min` below `max`, with `min` above 0 on a log scale";
            check("settings", expected, format!("{values:?} for {name}"), values.is_valid())?;
        }
        Ok(())
    }

    /// The epochs of each rung, rising, and how many trials get there.
    fn schedule(&self, epochs: usize) -> Vec<(usize, usize)> {
        if self.method == SearchMethod::Random {
            return vec![(epochs, self.trials)];
        }
        let rung = |rung: u32| {
            let trials = self.trials / self.reduction.pow(rung);
            let epochs = epochs / self.reduction.pow(self.rungs - 1 - rung);
            (epochs.max(1), trials.max(1))
        };
        (0..self.rungs).map(rung).collect()
    }
}

/// Searches for the settings whose fusion network ranks best on inner folds of the given rows, which
/// must be those of a training part: no other row is looked at.
///
/// Every trial is written to `trials.jsonl` and `trials.csv` in `folder` as it ends, and the best
/// settings to `best.toml` at last. A search that finds its own trials there goes on after them.
///
/// # Errors
/// When a setting is unknown, out of its range or without effect on any trial, the training part
/// cannot be split, the folder belongs to another search, a file cannot be written, or no trial
/// could be judged.
///
/// # Panics
/// When a row does not exist.
pub fn search(
    data: &Dataset,
    rows: &[usize],
    (base, config): (&TrainConfig, &SearchConfig),
    folder: &Path,
    on_trial: &mut dyn FnMut(&TrialRecord),
) -> Result<SearchResult, Error> {
    config.validate()?;
    judged::check_conditions(base, config)?;
    let configs = (0..config.trials)
        .map(|trial| space::draw(base, config, trial))
        .collect::<Result<Vec<_>, Error>>()?;
    let folds = inner_folds(data, rows, config)?;
    let mut trials = Trials::open(folder, data, rows, (base, config))?;
    let mut running: Vec<usize> = (0..config.trials).collect();
    let mut last = vec![];
    for (epochs, count) in config.schedule(base.training.epochs) {
        running.truncate(count);
        last.clear();
        for &trial in &running {
            let known = trials.find(trial, epochs).cloned();
            let record = if let Some(record) = known {
                record
            } else {
                let (settings, mut trained) = configs[trial].clone();
                trained.training.epochs = epochs;
                // What the stack adds has settings of its own; the network is what is searched.
                trained.model = ModelKind::Network;
                let by_fold = judge(data, rows, &trained, &folds)?;
                let record = TrialRecord::new((trial, epochs), settings, by_fold);
                trials.add(&record)?;
                on_trial(&record);
                record
            };
            last.push(record);
        }
        last.sort_by(TrialRecord::best_first);
        running = last.iter().map(|record| record.trial).collect();
    }
    let best = last.into_iter().next().filter(|best| best.c_index.is_some());
    let Some(best) = best else {
        let reason = "no trial of the search could be judged; its trials say why".to_owned();
        return Err(Error::Unevaluable { reason });
    };
    let config = configs[best.trial].1.clone();
    trials.write_best(&config)?;
    Ok(SearchResult { best, config, trials: trials.all })
}

/// The inner fold of each of the rows.
fn inner_folds(data: &Dataset, rows: &[usize], config: &SearchConfig) -> Result<Vec<u32>, Error> {
    let stratum = |&row: &usize| Stratum {
        survival: data.cohort.survival[row],
        label: data.cohort.labels[row].as_deref(),
    };
    let strata: Vec<Stratum> = rows.iter().map(stratum).collect();
    stratified_folds(&strata, config.folds, config.seed)
        .map_err(Error::undefined("the training part cannot be split"))
}

/// Harrell's C of the fusion network on each inner fold, or why there is none.
fn judge(
    data: &Dataset,
    rows: &[usize],
    config: &TrainConfig,
    folds: &[u32],
) -> Result<Vec<Result<f64, String>>, Error> {
    let numbers: Vec<u32> = (0..=folds.iter().copied().max().unwrap_or(0)).collect();
    let one = |&fold: &u32| -> Result<f64, String> {
        let part = |held_out: bool| -> Vec<usize> {
            let rows = rows.iter().zip(folds);
            rows.filter(|(_, of)| (**of == fold) == held_out).map(|(&row, _)| row).collect()
        };
        let fit = || -> Result<Vec<(Survival, Risk)>, Error> {
            let plan = Plan::new(data, &part(false), config)?;
            let model = plan.all_together(None, &mut |_| ControlFlow::Continue(()))?;
            let predictions = model.score(data.cohort, &part(true))?;
            let known = |one: &oncoweave_core::Prediction| Some((one.observed?, one.risk));
            Ok(predictions.iter().filter_map(known).collect())
        };
        let scored = fit().map_err(|error| with_causes(&error))?;
        let (outcomes, risks): (Vec<Survival>, Vec<Risk>) = scored.into_iter().unzip();
        harrell_c(&outcomes, &risks).map_err(|reason| reason.to_string())
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.training.threads)
        .build()
        .map_err(std::io::Error::other)?;
    Ok(pool.install(|| numbers.par_iter().with_max_len(1).map(one).collect()))
}

#[cfg(test)]
mod tests;
