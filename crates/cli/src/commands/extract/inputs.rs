use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use oncoweave_cohort::{Manifest, sha256_file};

use super::resources::resolve;
use super::settings::{Settings, build, read_clinical_settings, settings_sha256};

/// What every table of an extraction depends on besides the files of single patients: SHA-256 by a
/// name for people. Days round the index date are not among it, for they count when aligning.
pub(super) fn inputs(manifest: &Manifest) -> Result<BTreeMap<String, String>> {
    let (clinical, outcome) = read_clinical_settings(manifest)?;
    let mut inputs = BTreeMap::new();
    let table = manifest.resolve(clinical.table.as_ref());
    inputs.insert(manifest.relative(&table), hash(&table)?);
    if manifest.files.exists() {
        inputs.insert(manifest.relative(&manifest.files), hash(&manifest.files)?);
    }
    inputs.insert("[clinical] and [outcome]".to_owned(), settings_sha256(&(&clinical, &outcome)));
    for modality in &manifest.modalities {
        let mut settings = Settings::read(manifest, modality)?;
        let sha256 = settings_sha256(&settings);
        inputs.extend(resolve(&mut settings, manifest)?);
        if let Some(build) = build(manifest, modality)? {
            inputs.insert(format!("`build` of modality `{}`", modality.name), build.to_string());
        }
        if let Settings::Table { path, .. } = &settings {
            inputs.insert(manifest.relative(path), hash(path)?);
        }
        inputs.insert(format!("modality `{}`", modality.name), sha256);
    }
    Ok(inputs)
}

fn hash(path: &Path) -> Result<String> {
    sha256_file(path).with_context(|| format!("could not read {}", path.display()))
}

/// The names of what is in one and not in the other, or differs.
pub(super) fn changed(
    then: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut names: Vec<String> = then
        .keys()
        .chain(now.keys())
        .filter(|name| then.get(*name) != now.get(*name))
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_went_or_differs_has_changed() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|&(name, hash)| (name.to_owned(), hash.to_owned())).collect()
        };
        let then = map(&[("same", "1"), ("other", "1"), ("gone", "1")]);
        let now = map(&[("same", "1"), ("other", "2"), ("new", "1")]);
        assert_eq!(changed(&then, &now), ["gone", "new", "other"]);
        assert!(changed(&then, &then).is_empty());
    }
}
