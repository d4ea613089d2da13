//! What of a cohort's manifest goes with its aligned table, so that one more patient's files become
//! the same features.

use anyhow::{Context, Result};
use oncoweave_cohort::{Kind, Manifest, Modality};
use oncoweave_core::Extraction;
use toml::{Table, Value};

use super::settings::Settings;

/// A larger file that settings name, a reference genome or a network, is not kept.
const LARGEST_FILE: u64 = 8 << 20;

/// The manifest without the outcome, the site and the fold, and the files that it names.
pub(crate) fn stored(manifest: &Manifest) -> Result<Extraction> {
    let mut extraction = Extraction::default();
    let mut clinical = manifest.clinical.clone();
    for key in ["site", "fold"] {
        clinical.remove(key);
    }
    clinical.insert("table".to_owned(), "clinical.csv".into());
    let modalities = manifest
        .modalities
        .iter()
        .map(|modality| stored_modality(manifest, modality, &mut extraction).map(Value::Table))
        .collect::<Result<Vec<Value>>>()?;
    let mut whole = Table::new();
    whole.insert("schema".to_owned(), Value::Integer(1));
    whole.insert("id".to_owned(), manifest.id.clone().into());
    whole.insert("clinical".to_owned(), clinical.into());
    whole.insert("modality".to_owned(), modalities.into());
    extraction.manifest = toml::to_string(&whole).context("could not write the manifest anew")?;
    Ok(extraction)
}

fn stored_modality(
    manifest: &Manifest,
    modality: &Modality,
    extraction: &mut Extraction,
) -> Result<Table> {
    let mut options = modality.options.clone();
    let mut settings = Settings::read(manifest, modality)?;
    for path in settings.paths_mut() {
        let written = path.display().to_string();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let number = extraction.files.len() + extraction.absent.len();
        let name = format!("{}/{number}-{file}", Extraction::RESOURCES);
        let mut value = Value::Table(options);
        rename(&mut value, &written, &name);
        let Value::Table(renamed) = value else { unreachable!("a table stays one") };
        options = renamed;
        let source = manifest.resolve(path);
        let size = fs_err::metadata(&source)?.len();
        if size <= LARGEST_FILE {
            extraction.files.insert(name, fs_err::read(&source)?);
        } else {
            extraction.absent.push(name);
        }
    }
    if modality.kind == Kind::Table {
        options.insert("path".to_owned(), table_path(&modality.name).into());
    }
    options.insert("name".to_owned(), modality.name.clone().into());
    options.insert("kind".to_owned(), modality.kind.to_string().into());
    if manifest.clinical.contains_key("index_date") {
        options.insert("days_after".to_owned(), modality.window.days_after.into());
        if let Some(days) = modality.window.days_before {
            options.insert("days_before".to_owned(), days.into());
        }
    }
    Ok(options)
}

/// Where the table of a modality that is one lies, beside the manifest.
pub(super) fn table_path(modality: &str) -> String {
    format!("table-{modality}.csv")
}

/// Gives every text that names a file another name.
fn rename(value: &mut Value, written: &str, name: &str) {
    match value {
        Value::String(text) if text == written => name.clone_into(text),
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, written, name)),
        Value::Table(table) => {
            table.iter_mut().for_each(|(_, value)| rename(value, written, name));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_a_manifest_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs_err::create_dir(at("sets")).unwrap();
        fs_err::write(at("sets/h.gmt"), "A\t\tTP53\tKRAS\n").unwrap();
        fs_err::write(
            at("cohort.toml"),
            "schema = 1\nid = 'x'\n[clinical]\ntable = 'c.csv'\npatient_id = 'case'\n\
             site = 'hospital'\nindex_date = 'd'\n[clinical.columns]\nage = { type = 'number' }\n\
             [outcome]\ntime = 't'\nevent = 'e'\nevent_values = ['1']\ncensored_values = ['0']\n\
             [[modality]]\nname = 'rna'\nkind = 'expression'\nunit = 'tpm'\ngene_sets = 'sets/h.gmt'\n\
             days_before = 9\n\
             [[modality]]\nname = 'labs'\nkind = 'table'\npath = 'labs.csv'\npatient_id = 'case'\n",
        )
        .unwrap();
        let manifest = Manifest::read(&at("cohort.toml")).unwrap();
        let extraction = stored(&manifest).unwrap();
        assert_eq!(extraction.files["resources/0-h.gmt"], b"A\t\tTP53\tKRAS\n");
        assert!(extraction.absent.is_empty());
        let again = tempfile::tempdir().unwrap();
        let path = again.path().join("cohort.toml");
        fs_err::write(&path, &extraction.manifest).unwrap();
        let read = Manifest::read(&path).unwrap();
        assert!(read.outcome.is_none() && !read.clinical.contains_key("site"));
        let [rna, labs] = &read.modalities[..] else { panic!("{:?}", read.modalities) };
        assert_eq!(rna.window, manifest.modalities[0].window);
        assert_eq!(rna.options["gene_sets"].as_str(), Some("resources/0-h.gmt"));
        assert_eq!(labs.options["path"].as_str(), Some("table-labs.csv"));
    }
}
