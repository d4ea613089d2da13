//! The settings that training has, so that a misspelt one is refused before a machine is hired for it.

use anyhow::{Result, bail, ensure};

/// A line each, `name = what it must be`; a test of the container writes it from the settings.
const SETTINGS: &str = include_str!("settings.txt");

/// Checks a setting's name and, where it is a number or a flag, its value.
///
/// # Errors
/// When training has no such setting, or the value is of another kind.
pub(super) fn check(name: &str, value: &str) -> Result<()> {
    let expected = kind(name)?;
    let fits = match expected {
        "a whole number" => value.parse::<u64>().is_ok(),
        "a number" => value.parse::<f64>().is_ok_and(f64::is_finite),
        "true or false" => value.to_ascii_lowercase().parse::<bool>().is_ok(),
        _ => !value.is_empty(),
    };
    ensure!(fits, "setting `{name}` must be {expected}, found `{value}`");
    Ok(())
}

/// What a setting must be.
///
/// # Errors
/// When training has no such setting; those of its table are listed.
pub(super) fn kind(name: &str) -> Result<&'static str> {
    let settings = || SETTINGS.lines().filter_map(|line| line.split_once(" = "));
    if let Some((_, kind)) = settings().find(|(known, _)| *known == name) {
        return Ok(kind);
    }
    let own = table(name);
    let mut alike: Vec<String> = settings()
        .map(|(known, _)| known)
        .filter(|known| table(known) == own)
        .map(|known| format!("`{known}`"))
        .collect();
    if alike.is_empty() || own.is_empty() {
        alike.extend(
            settings()
                .map(|(known, _)| table(known))
                .filter(|table| !table.is_empty())
                .map(|table| format!("`{table}.*`")),
        );
        alike.dedup();
    }
    bail!("training has no setting `{name}`; it has {}", alike.join(", "))
}

/// The table that a setting stands in, empty for one outside of tables.
fn table(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(table, _)| table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_held_against_what_training_has() {
        for (name, value) in [
            ("seed", "7"),
            ("training.learning_rate", "3e-4"),
            ("network.width", "64"),
            ("heads.subtype", "off"),
            ("modalities", "ct,clinical"),
        ] {
            check(name, value).unwrap();
        }
        for (name, value, part) in [
            ("training.lr", "1", "no setting `training.lr`; it has `training.batch_size`, "),
            ("trainin.epochs", "1", "it has `elastic_net.*`, `heads.*`, `network.*`, "),
            ("sed", "1", "`seed`"),
            ("network.width", "many", "must be a whole number, found `many`"),
            ("network.width", "6.5", "must be a whole number"),
            ("training.learning_rate", "inf", "must be a number"),
            ("heads.subtype", "", "must be a text"),
        ] {
            let error = check(name, value).unwrap_err().to_string();
            assert!(error.contains(part), "{name}={value}: {error}");
        }
    }
}
