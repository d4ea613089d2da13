use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use super::known;

/// The settings of a `train.toml` as the flat map of texts that the service carries: dotted names,
/// lists as JSON.
///
/// # Errors
/// When training has no such setting, or the setting is of another kind.
pub fn hyperparameters(settings: &Table) -> Result<BTreeMap<String, String>> {
    let mut flat = BTreeMap::new();
    flatten("", settings, &mut flat)?;
    Ok(flat)
}

fn flatten(prefix: &str, table: &Table, flat: &mut BTreeMap<String, String>) -> Result<()> {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let text = match value {
            Value::Table(inner) => {
                flatten(&name, inner, flat)?;
                continue;
            }
            Value::String(text) => text.clone(),
            Value::Array(_) => serde_json::to_string(value)
                .with_context(|| format!("`{name}` cannot be written as JSON"))?,
            Value::Datetime(_) => bail!("`{name}` is a date, which no setting is"),
            other => other.to_string(),
        };
        known::check(&name, &text)?;
        flat.insert(name, text);
    }
    Ok(())
}

/// Lays `name=value` pairs over hyperparameters.
///
/// # Errors
/// When one has no `=` or no name, training has no such setting, or it is of another kind.
pub fn laid_over(
    mut flat: BTreeMap<String, String>,
    pairs: &[String],
) -> Result<BTreeMap<String, String>> {
    for pair in pairs {
        match pair.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                known::check(name.trim(), value.trim())?;
                flat.insert(name.trim().to_owned(), value.trim().to_owned());
            }
            _ => bail!("--set takes name=value such as training.epochs=200, found `{pair}`"),
        }
    }
    Ok(flat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_dotted_names() {
        let text = "seed = 7\nmodalities = [\"ct\", \"clinical\"]\nmodel = \"network\"\n\
                    [training]\nlearning_rate = 0.0003\nepochs = 5\n[heads]\nsubtype = \"off\"";
        let flat = hyperparameters(&text.parse().unwrap()).unwrap();
        let flat = laid_over(flat, &["training.epochs = 9".into()]).unwrap();
        let pairs: Vec<(&str, &str)> =
            flat.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("heads.subtype", "off"),
                ("modalities", "[\"ct\",\"clinical\"]"),
                ("model", "network"),
                ("seed", "7"),
                ("training.epochs", "9"),
                ("training.learning_rate", "0.0003"),
            ]
        );
        assert!(hyperparameters(&"day = 2020-01-01".parse().unwrap()).is_err());
        for pair in ["=3", "training.epoch=3", "training.epochs=many"] {
            assert!(laid_over(BTreeMap::new(), &[pair.into()]).is_err(), "{pair}");
        }
        assert!(hyperparameters(&"[training]\nepoch = 5".parse().unwrap()).is_err());
    }
}
