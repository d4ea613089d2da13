use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use chrono::NaiveDate;
use oncoweave_cohort::{
    SourceFile, SourceHash, hash_source, merge_tables, sha256_bytes, single_row, write_atomically,
};
use oncoweave_core::{Feature, FeatureInfo, FeatureRow, FeatureTable, PatientId};
use oncoweave_genomics::{
    CopyNumber, Maf, MafSample, VariantResources, VcfResources, VcfSource, cnv_features,
    maf_features, matches_sample, vcf_features,
};
use oncoweave_imaging::{dicom_features, nifti_features};
use serde::{Deserialize, Serialize};

use super::{
    folder,
    plan::{Plan, Task},
    settings::Settings,
};

/// What one task gave, as it is kept for a later run.
#[derive(Serialize, Deserialize)]
pub(super) struct Part {
    /// `None` where a source could not be read; such a part is never reused.
    pub(super) fingerprint: Option<Fingerprint>,
    features: Vec<FeatureInfo>,
    rows: Vec<PartRow>,
    pub(super) set_aside: Vec<SetAside>,
}

/// Everything that a result depends on.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    tool_version: String,
    settings_sha256: String,
    pub(super) sources: Vec<SourceHash>,
    rows: Vec<Request>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Request {
    patient_id: PatientId,
    sample_id: Option<String>,
    date: Option<NaiveDate>,
}

#[derive(Serialize, Deserialize)]
struct PartRow {
    patient_id: PatientId,
    date: Option<NaiveDate>,
    /// As float64, whose decimal text gives the same float32 back whatever the reader's rounding.
    values: Vec<Option<f64>>,
}

/// A row of the files list that gave no features.
#[derive(Serialize, Deserialize)]
pub(super) struct SetAside {
    pub(super) patient_id: PatientId,
    pub(super) date: Option<NaiveDate>,
    pub(super) reason: String,
}

/// Where the part of a task is kept: a name that people can read, made unique by a hash.
pub(super) fn path(out: &Path, plan: &Plan, task: &Task) -> PathBuf {
    let sources = task.sources().into_iter().map(|path| plan.manifest.relative(path));
    let mut key: Vec<String> = sources.collect();
    let readable = match &plan.modalities[task.modality].settings {
        Settings::Maf(_) | Settings::Cnv(_) => {
            task.files[0].path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
        }
        _ => {
            let file = &task.files[0];
            key.extend([file.patient_id.to_string(), format!("{:?}", file.date)]);
            file.patient_id.to_string()
        }
    };
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let readable: String = readable.chars().take(40).map(safe).collect();
    let hash = sha256_bytes(key.join("\0").as_bytes());
    let name = format!("{readable}-{}.json", &hash[..16]);
    folder::parts(out).join(&plan.modalities[task.modality].name).join(name)
}

/// Hashes the sources of a task.
pub(super) fn fingerprint(plan: &Plan, task: &Task) -> Result<Fingerprint, String> {
    let sources = task.sources().into_iter().map(hash_source).collect::<Result<_, _>>();
    let request = |file: &SourceFile| Request {
        patient_id: file.patient_id.clone(),
        sample_id: file.sample_id.clone(),
        date: file.date,
    };
    Ok(Fingerprint {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        settings_sha256: plan.modalities[task.modality].settings_sha256.clone(),
        sources: sources.map_err(|error| error.to_string())?,
        rows: task.files.iter().map(request).collect(),
    })
}

/// The part of an earlier run, if it was made from the same. A part that cannot be read counts as
/// not there.
pub(super) fn read_kept(path: &Path, fingerprint: &Fingerprint) -> Option<Part> {
    let part: Part = serde_json::from_slice(&fs_err::read(path).ok()?).ok()?;
    (part.fingerprint.as_ref() == Some(fingerprint)).then_some(part)
}

/// Reads the sources of a task. Whatever is wrong with them ends as a reason, a fault of the
/// parsers included.
pub(super) fn measure(plan: &Plan, task: &Task, fingerprint: Result<Fingerprint, String>) -> Part {
    let settings = &plan.modalities[task.modality].settings;
    let (fingerprint, results) = match fingerprint {
        Ok(fingerprint) => (Some(fingerprint), guarded(|| read_table(settings, task))),
        Err(reason) => (None, Err(reason)),
    };
    let aside = |reason: &String, file: &SourceFile| SetAside {
        patient_id: file.patient_id.clone(),
        date: file.date,
        reason: reason.clone(),
    };
    let (table, set_aside) = match results {
        Ok(table) => (table, Vec::new()),
        Err(reason) => {
            (FeatureTable::default(), task.files.iter().map(|file| aside(&reason, file)).collect())
        }
    };
    let row = |row: FeatureRow| PartRow {
        patient_id: row.patient_id,
        date: row.date,
        values: row.values.into_iter().map(|value| value.map(f64::from)).collect(),
    };
    Part {
        fingerprint,
        features: table.features,
        rows: table.rows.into_iter().map(row).collect(),
        set_aside,
    }
}

/// A parser that panics must not take the other patients with it.
fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let internal = "internal error, please report it with the message on stderr";
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(internal.to_owned()))
}

/// The features of a task, a row for each row of the files list.
fn read_table(settings: &Settings, task: &Task) -> Result<FeatureTable, String> {
    let features = parse(settings, task)?;
    let row = |(file, features): (&SourceFile, _)| {
        single_row(file.patient_id.clone(), file.date, features).map_err(reason)
    };
    let rows = task.files.iter().zip(features).map(row).collect::<Result<_, _>>()?;
    Ok(merge_tables(rows))
}

/// The features of each row of a task, in order.
fn parse(settings: &Settings, task: &Task) -> Result<Vec<Vec<Feature>>, String> {
    let file = &task.files[0];
    let single = |features: Vec<Feature>| vec![features];
    match settings {
        Settings::Vcf(settings) => {
            let source =
                VcfSource { path: &file.path, sample_id: file.sample_id.as_deref(), panel: None };
            let resources = VcfResources::load(settings).map_err(reason)?;
            let read = vcf_features(&[source], settings, &resources).map_err(reason)?;
            Ok(single(read.features))
        }
        Settings::Maf(settings) => {
            let maf = Maf::read(&file.path).map_err(reason)?;
            check_samples(task, maf.samples(), settings.barcode_prefix)?;
            let resources = VariantResources::load(&settings.variants).map_err(reason)?;
            let features = |file| {
                let sample = MafSample { sample_id: sample(file), panel: None };
                maf_features(&maf, sample, settings, &resources).map_err(reason)
            };
            task.files.iter().map(features).collect()
        }
        Settings::Cnv(settings) => {
            let copy_number = CopyNumber::read(&file.path).map_err(reason)?;
            check_samples(task, copy_number.samples(), settings.barcode_prefix)?;
            let features = |file| cnv_features(&copy_number, sample(file), settings);
            Ok(task.files.iter().map(features).collect())
        }
        Settings::Dicom(settings) => {
            dicom_features(&file.path, settings).map(single).map_err(reason)
        }
        Settings::Nifti(settings) => {
            let mask = file.mask.as_ref().expect("the files list was checked for masks");
            nifti_features(&file.path, mask, settings).map(single).map_err(reason)
        }
        Settings::Table { .. } => unreachable!("tables have no rows in the files list"),
    }
}

/// The sample of a row in a file of many: the patient's id where none is named.
fn sample(file: &SourceFile) -> &str {
    file.sample_id.as_deref().unwrap_or(file.patient_id.as_str())
}

/// A sample without a row has no variants, so that one who is misspelt would pass for healthy.
/// Where not a single one is found, the ids are of different kinds and nothing is believed.
fn check_samples<'a>(
    task: &Task,
    mut found: impl Iterator<Item = &'a str>,
    prefix: Option<usize>,
) -> Result<(), String> {
    let asked: Vec<&str> = task.files.iter().map(sample).collect();
    let mut first = None;
    let any = found.any(|barcode| {
        first.get_or_insert(barcode);
        asked.iter().any(|asked| matches_sample(barcode, asked, prefix))
    });
    match first {
        Some(barcode) if !any => Err(format!(
            "none of {} samples is in {}: `{}` was looked for, the file has `{barcode}`; give \
             `sample_id` in the files list or `barcode_prefix` in the manifest",
            asked.len(),
            task.files[0].path.display(),
            asked[0]
        )),
        _ => Ok(()),
    }
}

/// An error with its causes, in one line.
fn reason(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

impl Part {
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec(self).expect("a part has text keys and finite numbers");
        write_atomically(path, |file| file.write_all(&json))
            .with_context(|| "could not keep an intermediate result")
    }

    /// The rows that were measured.
    pub(super) fn table(&self) -> FeatureTable {
        #[expect(clippy::cast_possible_truncation, reason = "the values came from float32")]
        let row = |row: &PartRow| FeatureRow {
            patient_id: row.patient_id.clone(),
            date: row.date,
            values: row.values.iter().map(|value| value.map(|value| value as f32)).collect(),
        };
        FeatureTable { features: self.features.clone(), rows: self.rows.iter().map(row).collect() }
    }

    /// Why a row of the files list was set aside; `None` where it was not.
    pub(super) fn reason(&self, file: &SourceFile) -> Option<&str> {
        self.set_aside
            .iter()
            .find(|one| one.patient_id == file.patient_id && one.date == file.date)
            .map(|one| one.reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_reason() {
        assert_eq!(guarded(|| Ok(1)), Ok(1));
        let reason = guarded::<()>(|| panic!("a parser's own fault")).unwrap_err();
        assert!(reason.starts_with("internal error"));
    }

    fn task(samples: &[Option<&str>]) -> Task {
        let file = |sample: Option<&str>| SourceFile {
            patient_id: PatientId::new("P1").unwrap(),
            modality: "genomics".to_owned(),
            path: "all.maf".into(),
            mask: None,
            sample_id: sample.map(str::to_owned),
            date: None,
            line: 2,
        };
        Task { modality: 0, files: samples.iter().copied().map(file).collect() }
    }

    #[test]
    fn samples_of_another_kind_are_no_healthy_patients() {
        let found = ["TCGA-AB-2988-01A", "TCGA-AB-2869-01A"];
        for (case, samples, prefix, fine) in [
            ("one is there", vec![Some("TCGA-AB-2869-01A"), None], None, true),
            ("none is there", vec![Some("TCGA-AB-2869"), None], None, false),
            ("a prefix finds it", vec![Some("TCGA-AB-2869"), None], Some(12), true),
        ] {
            let result = check_samples(&task(&samples), found.into_iter(), prefix);
            assert_eq!(result.is_ok(), fine, "{case}: {result:?}");
        }
        assert_eq!(check_samples(&task(&[None]), [].into_iter(), None), Ok(()));
    }
}
