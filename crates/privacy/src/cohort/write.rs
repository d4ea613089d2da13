//! The files list and the manifest of what was cleaned.

use std::{collections::BTreeMap, ops::Bound, path::Path};

use oncoweave_cohort::{Manifest, SourceFile, write_atomically};
use toml::{Table, Value};

use super::{CohortPlan, RESOURCES, prefix_of, texts};
use crate::{
    Dates, Error, Identifier,
    dates::moved,
    job::{Job, Shared},
    journal::Entry,
    key::Key,
    names::renamed,
    panels::Panels,
    variants::SampleNames,
    words::Words,
};

impl CohortPlan {
    /// The patients' ids with their pseudonyms.
    pub(crate) fn pseudonyms(&self, key: &Key) -> BTreeMap<String, String> {
        self.files
            .iter()
            .map(|file| {
                let id = file.patient_id.as_str();
                (id.to_owned(), key.pseudonym(&Identifier::of(id)))
            })
            .collect()
    }

    /// Writes the files list and the manifest for what was cleaned. Returns what a person should know.
    pub(crate) fn write(
        &self,
        jobs: &[Job],
        entries: &[Entry],
        shared: &Shared,
    ) -> Result<Vec<String>, Error> {
        let outs: BTreeMap<&Path, &Path> = jobs
            .iter()
            .zip(entries)
            .filter(|(_, entry)| entry.aside.is_none())
            .filter_map(|(job, entry)| Some((job.source.as_path(), entry.out.as_deref()?)))
            .collect();
        let mut warnings = self.write_files(&outs, shared)?;
        self.write_manifest(&outs, shared)?;
        if self.rejected > 0 {
            warnings.push(format!(
                "{} rows of the files list cannot be read and were left out; `oncoweave extract` says \
                 what is wrong with them",
                self.rejected
            ));
        }
        Ok(warnings)
    }

    /// Writes the files list. Returns what a person should know.
    fn write_files(
        &self,
        outs: &BTreeMap<&Path, &Path>,
        shared: &Shared,
    ) -> Result<Vec<String>, Error> {
        let header = ["patient_id", "modality", "path", "sample_id", "date", "mask", "panel"];
        let (mut left_out, mut unlisted) = (0_usize, 0_usize);
        let (panels, mut warnings) = panels(&self.manifest);
        let is_unlisted =
            |file: &SourceFile| match (panels.get(file.modality.as_str()), &file.panel) {
                (Some(panels), Some(panel)) => !panels.hold(panel),
                _ => false,
            };
        write_atomically(&shared.out.join("files.csv"), |out| {
            let mut writer = csv::Writer::from_writer(out);
            writer.write_record(header)?;
            for file in &self.files {
                match self.row(file, outs, &panels, shared) {
                    Some(row) => {
                        unlisted += usize::from(is_unlisted(file));
                        writer.write_record(row)?;
                    }
                    None => left_out += 1,
                }
            }
            writer.flush()?;
            Ok::<(), Error>(())
        })?;
        if left_out > 0 {
            warnings.push(format!(
                "{left_out} rows of the files list were left out, as their files were set aside"
            ));
        }
        if unlisted > 0 {
            warnings.push(format!(
                "{unlisted} rows of the files list name a gene panel that no file of `panels` holds; it is \
                 called `unlisted` now, and `oncoweave extract` refuses it as it refuses the panel itself"
            ));
        }
        Ok(warnings)
    }

    /// A row of the files list; `None` where its file was set aside.
    fn row(
        &self,
        file: &SourceFile,
        outs: &BTreeMap<&Path, &Path>,
        panels: &BTreeMap<&str, Panels>,
        shared: &Shared,
    ) -> Option<[String; 7]> {
        let modality = self.manifest.modality(&file.modality)?;
        let panels = panels.get(modality.name.as_str())?;
        let path = if file.path.is_dir() {
            let from = (Bound::Included(file.path.as_path()), Bound::Unbounded);
            let first = outs.range::<Path, _>(from).next();
            first.filter(|(source, _)| source.starts_with(&file.path))?;
            renamed(Path::new(&self.manifest.relative(&file.path)), shared.key)
        } else {
            (*outs.get(file.path.as_path())?).to_owned()
        };
        let mask = match &file.mask {
            Some(mask) => outs.get(mask.as_path())?.display().to_string(),
            None => String::new(),
        };
        let names = SampleNames::new(shared.key, prefix_of(modality), &shared.patients);
        let sample = file.sample_id.as_deref().map(|name| names.pseudonym(name));
        let patient = Identifier::of(file.patient_id.as_str());
        let date = file.date.and_then(|date| match shared.profile.dicom.dates {
            Dates::Full => Some(date),
            Dates::Removed => None,
            Dates::Shifted => {
                let most = shared.profile.dicom.max_shift_days;
                moved(date, shared.key.shift_days(&patient, most))
            }
        });
        let text = |value: Option<String>| value.unwrap_or_default();
        Some([
            shared.key.pseudonym(&patient),
            file.modality.clone(),
            path.display().to_string(),
            text(sample),
            text(date.map(|date| date.to_string())),
            mask,
            text(file.panel.as_deref().map(|panel| panels.written(panel))),
        ])
    }

    fn write_manifest(&self, outs: &BTreeMap<&Path, &Path>, shared: &Shared) -> Result<(), Error> {
        let mut table = self.table.clone();
        let words = Words {
            allowed: shared.profile.dicom.keep_words.iter().map(|w| w.to_lowercase()).collect(),
            ..Words::default()
        };
        let id = match words.clean(&self.manifest.id) {
            None => self.manifest.id.clone(),
            Some(_) => format!("cohort-{}", shared.key.token("cohort", &self.manifest.id)),
        };
        table.insert("id".to_owned(), id.into());
        table.insert("files".to_owned(), "files.csv".into());
        let moved_path = |text: &str| -> Option<Value> {
            let source = self.manifest.resolve(Path::new(text));
            outs.get(source.as_path()).map(|out| Value::from(out.display().to_string()))
        };
        if let Some(clinical) = table.get_mut("clinical").and_then(Value::as_table_mut) {
            move_paths(clinical.get_mut("table"), &moved_path);
        }
        let modalities = table.get_mut("modality").and_then(Value::as_array_mut);
        for modality in modalities.into_iter().flatten().filter_map(Value::as_table_mut) {
            // Names of samples are whole now.
            modality.remove("barcode_prefix");
            move_paths(modality.get_mut("path"), &moved_path);
            for key in RESOURCES {
                move_paths(modality.get_mut(key), &moved_path);
            }
            // Names of regions were cleaned by the same rule.
            if let Some(Value::String(roi)) = modality.get_mut("roi")
                && let Some(cleaned) = words.clean(roi)
            {
                *roi = cleaned;
            }
        }
        let mut privacy = Table::new();
        privacy.insert("status".to_owned(), "pseudonymised".into());
        privacy.insert("key".to_owned(), shared.key.id().into());
        table.insert("privacy".to_owned(), Value::Table(privacy));
        let text = toml::to_string(&table).expect("what was TOML is TOML");
        write_atomically(&shared.out.join("cohort.toml"), |file| file.write_all(text.as_bytes()))?;
        Ok(())
    }
}

fn move_paths(value: Option<&mut Value>, moved: &dyn Fn(&str) -> Option<Value>) {
    match value {
        Some(Value::Array(values)) => {
            for value in values {
                move_paths(Some(value), moved);
            }
        }
        Some(value) => {
            if let Some(new) = value.as_str().and_then(moved) {
                *value = new;
            }
        }
        None => {}
    }
}

/// The gene panels that each modality's settings name, and a sentence for each file of them that cannot
/// be read.
fn panels(manifest: &Manifest) -> (BTreeMap<&str, Panels>, Vec<String>) {
    let (mut by_modality, mut unread) = (BTreeMap::new(), Vec::new());
    for modality in &manifest.modalities {
        let mut panels = Panels::default();
        for path in texts(modality.options.get("panels")) {
            if let Err(error) = panels.read(&manifest.resolve(Path::new(&path))) {
                unread.push(format!(
                    "a file of gene panels of the modality `{}` cannot be read ({}), so that its panels \
                     are taken for unlisted; look at the file and run again",
                    modality.name,
                    error.kind()
                ));
            }
        }
        by_modality.insert(modality.name.as_str(), panels);
    }
    (by_modality, unread)
}
