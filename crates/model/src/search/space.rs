use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::SearchConfig;
use crate::{Error, TrainConfig};

/// What one setting is drawn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected `{ values = [...] }`, or `{ min = 1e-4, max = 1e-2 }` with `scale = \"log\"` or \
                 `integer = true`"
)]
pub enum Values {
    /// One of a list, each as likely.
    List(List),
    /// A number between two, both included.
    Range(Range),
}

/// One of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The values.
    pub values: Vec<Value>,
}

/// A number between two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
    /// What it is uniform on.
    #[serde(default)]
    pub scale: Scale,
    /// Whether it is a whole number.
    #[serde(default)]
    pub integer: bool,
}

/// What a number is drawn uniformly on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// The number itself.
    #[default]
    Linear,
    /// Its logarithm.
    Log,
}

impl Values {
    pub(super) fn is_valid(&self) -> bool {
        match self {
            Self::List(list) => !list.values.is_empty(),
            Self::Range(range) => {
                let finite = range.min.is_finite() && range.max.is_finite();
                finite && range.min < range.max && (range.scale == Scale::Linear || range.min > 0.0)
            }
        }
    }

    fn draw(&self, random: &mut ChaCha12Rng) -> Value {
        match self {
            Self::List(list) => list.values[random.random_range(0..list.values.len())].clone(),
            Self::Range(range) => {
                let share = random.random::<f64>();
                let between = |low: f64, high: f64| low + share * (high - low);
                let value = match range.scale {
                    Scale::Linear => between(range.min, range.max),
                    Scale::Log => between(range.min.ln(), range.max.ln()).exp(),
                }
                .clamp(range.min, range.max);
                if range.integer {
                    #[expect(clippy::cast_possible_truncation, reason = "settings are small")]
                    return Value::Integer(value.round() as i64);
                }
                Value::Float(value)
            }
        }
    }
}

/// A trial's own settings by name, and the whole settings.
pub(super) type Drawn = (BTreeMap<String, Value>, TrainConfig);

/// Draws the settings of one trial. Each trial has a stream of its own, so that more trials leave
/// the first ones as they are.
pub(super) fn draw(
    base: &TrainConfig,
    config: &SearchConfig,
    trial: usize,
) -> Result<Drawn, Error> {
    let mut random = ChaCha12Rng::seed_from_u64(config.seed);
    random.set_stream(trial as u64);
    let mut table = Table::try_from(base).expect("settings are representable in TOML");
    let mut settings = BTreeMap::new();
    for (name, values) in &config.settings {
        let value = values.draw(&mut random);
        insert(&mut table, name, value.clone());
        settings.insert(name.clone(), value);
    }
    let unusable = |reason: String| Error::Setting {
        setting: "settings",
        expected: "settings of `train` with values in their ranges",
        found: format!("trial {trial} with {settings:?}: {reason}"),
    };
    let drawn: TrainConfig =
        table.try_into().map_err(|error: toml::de::Error| unusable(error.message().to_owned()))?;
    drawn.validate().map_err(|error| unusable(error.to_string()))?;
    Ok((settings, drawn))
}

/// Puts a value under a name such as `training.learning_rate`. What does not exist is refused when
/// the table is read again.
fn insert(table: &mut Table, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            table.insert(name.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            match inner {
                Value::Table(inner) => insert(inner, rest, value),
                // No section has this name, which is what the reader says.
                other => *other = Value::Table(Table::from_iter([(rest.to_owned(), value)])),
            }
        }
    }
}
