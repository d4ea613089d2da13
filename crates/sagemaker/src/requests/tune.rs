use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use toml::Table;

use super::Training;
use super::known;
use super::train::{algorithm, common, merge};
use crate::{Request, Settings};

/// How settings are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Strategy {
    /// From what the jobs before have shown
    Bayesian,
    /// Independently of each other
    Random,
    /// Many short runs, of which the best go on
    Hyperband,
    /// Every combination of lists of values
    Grid,
}

impl Strategy {
    fn name(self) -> &'static str {
        match self {
            Self::Bayesian => "Bayesian",
            Self::Random => "Random",
            Self::Hyperband => "Hyperband",
            Self::Grid => "Grid",
        }
    }
}

/// What a tuning job is to do; each of its jobs is a [`Training`].
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// The tuning job's name, at most 32 characters.
    pub name: String,
    /// How settings are chosen.
    pub strategy: Strategy,
    /// The table `[settings]` of a search file.
    pub settings: Table,
    /// Training jobs in all; without it a grid has one for each combination.
    pub jobs: u32,
    /// Training jobs at a time.
    pub parallel: u32,
    /// Whether jobs that fall behind are stopped.
    pub early_stopping: bool,
    /// Hyperband: the least and the most epochs of a job.
    pub epochs: (u32, u32),
    /// The start of the random numbers.
    pub seed: Option<u32>,
    /// The figure to bring up.
    pub objective: String,
}

/// `CreateHyperParameterTuningJob`.
///
/// # Errors
/// When the strategy and the ranges do not go together, as the service would say only later.
pub fn tune(tuning: &Tuning, training: &Training, settings: &Settings) -> Result<Request> {
    let hyperband = tuning.strategy == Strategy::Hyperband;
    ensure!(
        !(hyperband && tuning.early_stopping),
        "hyperband stops jobs by itself; leave --early-stopping out"
    );
    ensure!(
        !hyperband || tuning.epochs.0 < tuning.epochs.1,
        "hyperband needs fewer epochs at the start than in the end, found {} and {}",
        tuning.epochs.0,
        tuning.epochs.1
    );
    ensure!(
        tuning.parallel <= tuning.jobs || tuning.strategy == Strategy::Grid,
        "{} jobs at a time are more than {} in all",
        tuning.parallel,
        tuning.jobs
    );
    let ranges = ranges(&tuning.settings, tuning.strategy)?;
    let fixed: BTreeMap<&String, &String> = training
        .hyperparameters
        .iter()
        .filter(|(name, _)| !tuning.settings.contains_key(name.as_str()))
        .collect();
    // A grid counts its jobs itself.
    let jobs = (tuning.strategy != Strategy::Grid).then_some(tuning.jobs);
    let mut definition = json!({
        "StaticHyperParameters": fixed,
        "AlgorithmSpecification": algorithm(training, settings),
    });
    merge(&mut definition, common(training, settings));
    Ok(Request::sagemaker(
        "CreateHyperParameterTuningJob",
        json!({
            "HyperParameterTuningJobName": tuning.name,
            "HyperParameterTuningJobConfig": {
                "Strategy": tuning.strategy.name(),
                "StrategyConfig": hyperband.then(|| json!({"HyperbandStrategyConfig": {
                    "MinResource": tuning.epochs.0,
                    "MaxResource": tuning.epochs.1,
                }})),
                "HyperParameterTuningJobObjective": {
                    "Type": "Maximize",
                    "MetricName": tuning.objective,
                },
                "ResourceLimits": {
                    "MaxNumberOfTrainingJobs": jobs,
                    "MaxParallelTrainingJobs": tuning.parallel,
                },
                "ParameterRanges": ranges,
                "TrainingJobEarlyStoppingType": if tuning.early_stopping { "Auto" } else { "Off" },
                "RandomSeed": tuning.seed,
            },
            "TrainingJobDefinition": definition,
            "Tags": settings.tag_list(),
        }),
    ))
}

/// `ParameterRanges` from the table `[settings]` of a file for `oncoweave search`: a list of
/// `values`, or `min` and `max` with `scale = "log"` and `integer = true`.
///
/// # Errors
/// When training has no such setting, a range is no such thing, or a grid has one that is no list.
pub fn ranges(settings: &Table, strategy: Strategy) -> Result<Value> {
    ensure!(!settings.is_empty(), "the search file has no ranges below [settings]");
    let (mut integers, mut numbers, mut categories) = (vec![], vec![], vec![]);
    for (name, range) in settings {
        known::kind(name)?;
        let range = range.as_table().with_context(|| {
            format!("`{name}` must be {{ values = [...] }} or {{ min = .., max = .. }}")
        })?;
        if let Some(values) = range.get("values") {
            let values = texts(name, values)?;
            values.iter().try_for_each(|value| known::check(name, value))?;
            categories.push(json!({"Name": name, "Values": values}));
            continue;
        }
        if strategy == Strategy::Grid {
            bail!("`{name}` is a range; a grid takes lists of values only");
        }
        let (min, max) = (bound(name, range, "min")?, bound(name, range, "max")?);
        ensure!(min < max, "`{name}`: min {min} is not below max {max}");
        let scaling = scaling(name, range, min)?;
        let whole = range.get("integer").and_then(toml::Value::as_bool).unwrap_or(false);
        let bounds = json!({
            "Name": name,
            "MinValue": min.to_string(),
            "MaxValue": max.to_string(),
            "ScalingType": scaling,
        });
        if whole { integers.push(bounds) } else { numbers.push(bounds) }
    }
    Ok(json!({
        "IntegerParameterRanges": integers,
        "ContinuousParameterRanges": numbers,
        "CategoricalParameterRanges": categories,
    }))
}

fn texts(name: &str, values: &toml::Value) -> Result<Vec<String>> {
    let values = values.as_array().filter(|values| !values.is_empty());
    let values = values.with_context(|| format!("`{name}`: values must be a list"))?;
    let text = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Ok(values.iter().map(text).collect())
}

fn bound(name: &str, range: &Table, key: &str) -> Result<f64> {
    let value = range.get(key).and_then(|value| match value {
        #[expect(clippy::cast_precision_loss, reason = "settings are small")]
        toml::Value::Integer(number) => Some(*number as f64),
        toml::Value::Float(number) => number.is_finite().then_some(*number),
        _ => None,
    });
    value.with_context(|| format!("`{name}` lacks a number `{key}`"))
}

fn scaling(name: &str, range: &Table, min: f64) -> Result<&'static str> {
    match range.get("scale").map_or(Some("linear"), toml::Value::as_str) {
        Some("linear") => Ok("Linear"),
        Some("log") => {
            ensure!(min > 0.0, "`{name}`: a logarithmic range begins above 0, found {min}");
            Ok("Logarithmic")
        }
        _ => bail!("`{name}`: scale must be \"linear\" or \"log\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: &str = "
        \"training.learning_rate\" = { min = 1e-5, max = 0.01, scale = \"log\" }
        \"network.width\" = { min = 32, max = 256, integer = true }
        \"heads.subtype\" = { values = [\"on\", \"off\"] }
        \"training.batch_size\" = { values = [0, 64] }";

    #[test]
    fn a_search_file_becomes_ranges() {
        let found = ranges(&SEARCH.parse().unwrap(), Strategy::Bayesian).unwrap();
        assert_eq!(
            found,
            json!({
                "IntegerParameterRanges": [{"Name": "network.width", "MinValue": "32",
                    "MaxValue": "256", "ScalingType": "Linear"}],
                "ContinuousParameterRanges": [{"Name": "training.learning_rate",
                    "MinValue": "0.00001", "MaxValue": "0.01", "ScalingType": "Logarithmic"}],
                "CategoricalParameterRanges": [
                    {"Name": "heads.subtype", "Values": ["on", "off"]},
                    {"Name": "training.batch_size", "Values": ["0", "64"]}],
            })
        );
    }

    #[test]
    fn ranges_that_cannot_be_searched_are_named() {
        for (text, strategy, part) in [
            (SEARCH, Strategy::Grid, "a grid takes lists"),
            ("", Strategy::Random, "no ranges"),
            ("seed = 3", Strategy::Random, "`seed` must be"),
            ("seed = { min = 3, max = 3 }", Strategy::Random, "not below"),
            ("seed = { min = 0, max = 3, scale = 'log' }", Strategy::Random, "above 0"),
            ("seed = { min = 0 }", Strategy::Random, "lacks a number `max`"),
            ("seed = { values = [] }", Strategy::Random, "must be a list"),
            ("sed = { values = [1] }", Strategy::Random, "no setting `sed`"),
            ("seed = { values = ['x'] }", Strategy::Random, "must be a whole number"),
        ] {
            let error = ranges(&text.parse().unwrap(), strategy).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
