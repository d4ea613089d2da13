//! Hyperparameters: a flat map of texts laid over the settings of `train.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use oncoweave_model::TrainConfig;
use serde_json::{Map, Value};

use crate::Error;

/// Names that the platform and its toolkits add for themselves.
const FOREIGN: [&str; 2] = ["_tuning_", "sagemaker_"];

/// Lists that are absent by default.
const LISTS: [(&str, bool); 2] = [("modalities", false), ("horizons_days", true)];

/// Reads `hyperparameters.json`; a file that is not there holds none.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, String>, Error> {
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let bytes = fs_err::read(path)?;
    let bad = |found: String| Error::Config {
        path: path.to_owned(),
        expected: "a flat map from names to texts",
        found,
    };
    let map: Map<String, Value> =
        serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    let text = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        // The platform sends texts alone; people who try the container by hand write numbers.
        Value::Number(_) | Value::Bool(_) => Ok((name, value.to_string())),
        _ => Err(bad(format!("`{name}` is no text"))),
    };
    map.into_iter().map(text).collect()
}

/// Lays hyperparameters over settings. Names are dotted paths such as `training.learning_rate`.
/// A value may be written as it is (`0.001`) or JSON-encoded once more (`"0.001"`), as different
/// clients of the platform do. Lists are JSON (`["ct","clinical"]`) or separated by commas.
///
/// Names that begin with `_tuning_` or `sagemaker_` are the platform's own and left out.
///
/// # Errors
/// When a name is unknown, a value has the wrong kind, or the settings are out of their ranges.
pub(crate) fn apply(
    config: &TrainConfig,
    hyperparameters: &BTreeMap<String, String>,
) -> Result<TrainConfig, Error> {
    let mut settings = serde_json::to_value(config).expect("settings are representable in JSON");
    let kinds = kinds();
    for (name, raw) in hyperparameters {
        if FOREIGN.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let Some(&kind) = kinds.get(name) else {
            let known = alike(name, kinds.keys().map(AsRef::as_ref));
            return Err(Error::UnknownHyperparameter {
                name: name.clone(),
                known: known.join(", "),
            });
        };
        let text = unwrapped(raw);
        let value = kind.parse(&text).ok_or_else(|| Error::Hyperparameter {
            name: name.clone(),
            expected: kind.expected(),
            found: text,
        })?;
        set(&mut settings, name, value);
    }
    let config: TrainConfig = serde_json::from_value(settings)
        .map_err(|error| Error::Hyperparameters { reason: error.to_string() })?;
    config.validate()?;
    Ok(config)
}

/// The text inside, where a value is itself a JSON text.
fn unwrapped(raw: &str) -> String {
    let text = serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned());
    text.trim().to_owned()
}

/// What a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Whole,
    Number,
    Flag,
    Text,
    Texts,
    Numbers,
}

impl Kind {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) if number.is_f64() => Some(Self::Number),
            Value::Number(_) => Some(Self::Whole),
            Value::Bool(_) => Some(Self::Flag),
            Value::String(_) => Some(Self::Text),
            _ => None,
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Whole => "a whole number",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Text => "a text",
            Self::Texts => "a list of names",
            Self::Numbers => "a list of numbers",
        }
    }

    fn parse(self, text: &str) -> Option<Value> {
        match self {
            Self::Whole => text.parse::<u64>().ok().map(Value::from),
            Self::Number => text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from),
            Self::Flag => text.to_ascii_lowercase().parse::<bool>().ok().map(Value::from),
            Self::Text => (!text.is_empty()).then(|| Value::from(text)),
            Self::Texts => list(text, |item| Self::Text.parse(item)),
            Self::Numbers => list(text, |item| Self::Number.parse(item)),
        }
    }
}

fn list(text: &str, parse: impl Fn(&str) -> Option<Value>) -> Option<Value> {
    let items: Vec<String> = match serde_json::from_str::<Vec<Value>>(text) {
        Ok(items) => items
            .into_iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect(),
        Err(_) => text.split(',').map(|item| item.trim().to_owned()).collect(),
    };
    items.iter().map(|item| parse(item)).collect()
}

/// Every setting by its dotted name.
fn kinds() -> BTreeMap<String, Kind> {
    let mut kinds = BTreeMap::new();
    let defaults =
        serde_json::to_value(TrainConfig::default()).expect("settings are representable in JSON");
    collect("", &defaults, &mut kinds);
    for (name, numbers) in LISTS {
        kinds.insert(name.to_owned(), if numbers { Kind::Numbers } else { Kind::Texts });
    }
    kinds
}

fn collect(prefix: &str, value: &Value, kinds: &mut BTreeMap<String, Kind>) {
    let Value::Object(map) = value else { return };
    for (key, value) in map {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if let Some(kind) = Kind::of(value) {
            kinds.insert(name, kind);
        } else {
            collect(&name, value, kinds);
        }
    }
}

fn set(settings: &mut Value, name: &str, value: Value) {
    let mut place = settings;
    for key in name.split('.') {
        place = &mut place[key];
    }
    *place = value;
}

/// The names of the same table; for a table that does not exist, those outside of tables and one
/// `<table>.*` for each. All together would not fit where a failed job says why.
fn alike<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let table = |name: &str| name.rsplit_once('.').map(|(table, _)| table.to_owned());
    let own = table(name);
    let (same, others): (Vec<&str>, Vec<&str>) = known.partition(|known| table(known) == own);
    let mut names: Vec<String> = same.iter().map(|name| format!("`{name}`")).collect();
    if own.is_none() || names.is_empty() {
        let other = |name: &&str| table(name).map_or(format!("`{name}`"), |it| format!("`{it}.*`"));
        names.extend(others.iter().map(other));
        names.dedup();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply_pairs(pairs: &[(&str, &str)]) -> Result<TrainConfig, Error> {
        let map = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        super::apply(&TrainConfig::default(), &map)
    }

    // Contract: train.hyperparameters tune.texts
    #[test]
    fn both_encodings_give_the_same_settings() {
        for (plain, encoded) in [("64", "\"64\""), (" 64 ", "\" 64\"")] {
            assert_eq!(apply_pairs(&[("network.width", plain)]).unwrap().network.width, 64);
            assert_eq!(apply_pairs(&[("network.width", encoded)]).unwrap().network.width, 64);
        }
        let rate = apply_pairs(&[("training.learning_rate", "\"3e-4\"")]).unwrap();
        assert!((rate.training.learning_rate - 3e-4).abs() < 1e-12);
        // A tuner may send a whole number for a setting that is none.
        let rate = apply_pairs(&[("training.learning_rate", "1")]).unwrap();
        assert!((rate.training.learning_rate - 1.0).abs() < 1e-12);
    }

    #[test]
    fn every_scalar_setting_is_known_by_its_dotted_name() {
        let kinds = kinds();
        for (name, kind) in [
            ("seed", Kind::Whole),
            ("training.epochs", Kind::Whole),
            ("training.learning_rate", Kind::Number),
            ("network.dropout", Kind::Number),
            ("training.clip_norm", Kind::Number),
            ("heads.subtype", Kind::Text),
            ("modalities", Kind::Texts),
            ("horizons_days", Kind::Numbers),
        ] {
            assert_eq!(kinds.get(name), Some(&kind), "{name}");
        }
    }

    /// `oncoweave sagemaker` is compiled without models, so that its list of settings is written here.
    #[test]
    fn the_launcher_knows_every_setting() {
        let line = |(name, kind): (String, Kind)| format!("{name} = {}\n", kind.expected());
        let list = kinds().into_iter().map(line).collect::<Vec<String>>().concat();
        let path = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = path.join("../sagemaker/src/requests/settings.txt");
        if std::env::var_os("ONCOWEAVE_WRITE_TABLES").is_some() {
            fs_err::write(&path, &list).unwrap();
        }
        assert!(
            fs_err::read_to_string(&path).unwrap() == list,
            "settings.txt is out of date, run this test with ONCOWEAVE_WRITE_TABLES=1"
        );
    }

    #[test]
    fn lists_are_json_or_separated_by_commas() {
        for text in ["[\"ct\",\"clinical\"]", "ct, clinical", "\"[\\\"ct\\\",\\\"clinical\\\"]\""] {
            let config = apply_pairs(&[("modalities", text)]).unwrap();
            assert_eq!(config.modalities.unwrap(), ["ct", "clinical"], "{text}");
        }
        let config = apply_pairs(&[("horizons_days", "365, 730.5")]).unwrap();
        assert_eq!(config.horizons_days.unwrap().len(), 2);
    }

    // Contract: train.foreign_hyperparameters
    #[test]
    fn foreign_names_are_left_out_and_unknown_ones_refused() {
        let foreign = [("_tuning_objective_metric", "val:cindex"), ("sagemaker_program", "\"x\"")];
        assert_eq!(apply_pairs(&foreign).unwrap(), TrainConfig::default());
        let error = apply_pairs(&[("training.lr", "1")]).unwrap_err().to_string();
        assert!(error.starts_with("unknown hyperparameter `training.lr`; the known ones are "));
        assert!(error.contains("`training.learning_rate`"), "{error}");
        assert!(error.len() <= 1024, "{}", error.len());
    }

    #[test]
    fn values_of_the_wrong_kind_or_range_are_named() {
        for (name, value, part) in [
            ("network.width", "many", "must be a whole number, got `many`"),
            ("network.width", "-3", "must be a whole number"),
            ("training.learning_rate", "nan", "must be a number"),
            ("training.learning_rate", "", "must be a number"),
            ("network.dropout", "1.5", "setting `network.dropout` must be"),
            ("heads.subtype", "perhaps", "perhaps"),
            ("horizons_days", "365,soon", "must be a list of numbers"),
            ("modalities", "", "must be a list of names"),
        ] {
            let error = apply_pairs(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(part), "{name}={value}: {error}");
        }
    }

    #[test]
    fn the_file_is_a_flat_map_or_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hyperparameters.json");
        assert!(read(&path).unwrap().is_empty());
        fs_err::write(&path, "{\"seed\": \"1\", \"training.epochs\": 3}").unwrap();
        assert_eq!(read(&path).unwrap()["training.epochs"], "3");
        for bad in ["[]", "{\"a\": {}}", "{", ""] {
            fs_err::write(&path, bad).unwrap();
            assert!(matches!(read(&path), Err(Error::Config { .. })), "{bad}");
        }
    }
}
