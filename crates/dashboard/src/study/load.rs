//! Reading what was named on the command line.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use oncoweave_cohort::{
    LineageRow, read_cohort, read_explanations, read_lineage, read_predictions, sha256_file,
};
use oncoweave_core::{Cohort, Evaluation, PatientId, Prediction};

use super::{Explanations, Filter, Images, ModelFolder, Study, groups, version};
use crate::{Error, Sources};

/// Reads one evaluation folder. What is known of patients beside it belongs to the study whose data
/// it was made from.
pub(crate) fn load(folder: &Path, sources: &Sources, taken: &[String]) -> Result<Study, Error> {
    let evaluation = read_evaluation(folder)?;
    let (mut predictions, layout) = read_predictions(&folder.join("predictions.parquet"))?;
    predictions.iter_mut().for_each(without_the_event);
    if layout.horizons_days != evaluation.horizons_days {
        let problem = "predictions.parquet has other horizons than evaluation.json; run the \
                       evaluation again";
        return Err(Error::content(folder, problem));
    }
    let (patients, others) = by_model(folder, &evaluation, predictions)?;
    let data = sources.data.as_deref().map(|path| read_data(path, &evaluation)).transpose()?;
    let data = data.flatten();
    let rows = rows(&patients, data.as_ref());
    let model_folder = sources.model.as_deref().map(ModelFolder::read).transpose()?;
    let explanations = sources.explanations.as_deref().map(|path| {
        let (rows, names) = read_explanations(path, "log_risk")?;
        Ok::<_, Error>(Explanations::new(names, rows))
    });
    let study = Study {
        separations: Mutex::default(),
        everybody: OnceLock::new(),
        validations: [OnceLock::new(), OnceLock::new()],
        slug: slug(folder, taken),
        version: version(&evaluation, model_folder.as_ref()),
        evaluation,
        patients,
        others,
        data,
        rows,
        explanations: explanations.transpose()?,
        folder: model_folder,
        lineage: sources.lineage.as_deref().map(lineage).transpose()?.unwrap_or_default(),
        images: sources.cohort.as_deref().map(Images::read).transpose()?,
    };
    // The page that everybody opens first.
    let all: Vec<usize> = (0..study.patients.len()).collect();
    study.separation(&Filter::default(), None, &groups(&study, &all, None));
    Ok(study)
}

/// Beside competing events the pages' probability is that of being without this event: one less its
/// cumulative incidence. Its interval is that of the incidence turned round.
fn without_the_event(prediction: &mut Prediction) {
    if let Some(incidence) = prediction.incidence.first() {
        let turned = |bounds: Option<&Vec<f64>>| {
            bounds.into_iter().flatten().map(|incidence| 1.0 - incidence).collect()
        };
        prediction.survival = turned(Some(incidence));
        prediction.survival_low = turned(prediction.incidence_high.first());
        prediction.survival_high = turned(prediction.incidence_low.first());
    }
}

fn read_evaluation(folder: &Path) -> Result<Evaluation, Error> {
    let path = folder.join("evaluation.json");
    if !path.is_file() {
        let problem = "is not an evaluation folder (no evaluation.json); name a folder that `cv` \
                       or `evaluate` wrote";
        return Err(Error::content(folder, problem));
    }
    serde_json::from_slice(&fs_err::read(&path)?)
        .map_err(|error| Error::content(path, format!("cannot be read as `cv` writes it: {error}")))
}

type ByModel = (Vec<Prediction>, BTreeMap<String, Vec<(usize, Prediction)>>);

/// The first model's predictions by patient, and the others' with the patient's place among them. Lists are
/// as long as they need to be: what they left behind while they grew would stay the program's.
fn by_model(
    folder: &Path,
    evaluation: &Evaluation,
    mut predictions: Vec<Prediction>,
) -> Result<ByModel, Error> {
    let first = evaluation.models.first().map_or("", |model| model.name.as_str());
    predictions.sort_unstable_by(|a, b| {
        let key = |one: &Prediction| one.model != first;
        let models = key(a).cmp(&key(b)).then_with(|| a.model.cmp(&b.model));
        models.then_with(|| a.patient_id.cmp(&b.patient_id))
    });
    let mut count = predictions.partition_point(|one| one.model == first);
    let patients: Vec<Prediction> = predictions.drain(..count).collect();
    let repeated = patients.windows(2).find(|pair| pair[0].patient_id == pair[1].patient_id);
    if let Some(pair) = repeated {
        let problem = format!(
            "patient `{}` has more than one prediction of the model `{first}`; pages count each \
             patient once, so give the predictions of one evaluation without repeats",
            pair[0].patient_id
        );
        return Err(Error::content(folder.join("predictions.parquet"), problem));
    }
    let mut models = BTreeMap::new();
    while let Some(next) = predictions.first() {
        let name = next.model.clone();
        count = predictions.partition_point(|one| one.model == name);
        let mut of_model = Vec::with_capacity(count);
        of_model.extend(predictions.drain(..count).filter_map(|mut one| {
            one.model.clear();
            one.model.shrink_to_fit();
            let known = patients.binary_search_by(|known| known.patient_id.cmp(&one.patient_id));
            Some((known.ok()?, one))
        }));
        models.insert(name, of_model);
    }
    Ok((patients, models))
}

/// The aligned table, where it is the one that the evaluation was made from; `None` for another
/// study's.
fn read_data(path: &Path, evaluation: &Evaluation) -> Result<Option<Cohort>, Error> {
    let found = sha256_file(path)?;
    if found != evaluation.data_sha256 {
        tracing::warn!(
            cohort = evaluation.cohort,
            "{} is not the table that this evaluation was made from (SHA-256 {found}, the \
             evaluation has {}); its pages show no values of patients",
            path.display(),
            evaluation.data_sha256
        );
        return Ok(None);
    }
    Ok(Some(read_cohort(path)?))
}

fn rows(patients: &[Prediction], data: Option<&Cohort>) -> Vec<Option<usize>> {
    let Some(data) = data else { return vec![None; patients.len()] };
    let by_id: HashMap<&PatientId, usize> =
        data.patients.iter().enumerate().map(|(row, id)| (id, row)).collect();
    patients.iter().map(|one| by_id.get(&one.patient_id).copied()).collect()
}

fn lineage(path: &Path) -> Result<HashMap<PatientId, Vec<LineageRow>>, Error> {
    let mut by_patient: HashMap<PatientId, Vec<LineageRow>> = HashMap::new();
    for row in read_lineage(path)? {
        by_patient.entry(row.patient_id.clone()).or_default().push(row);
    }
    Ok(by_patient)
}

/// A folder's name in letters, digits and hyphens, unlike those taken.
fn slug(folder: &Path, taken: &[String]) -> String {
    let name = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name =
        name.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let kept: String = name
        .to_lowercase()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let base = kept.trim_matches('-');
    let base = if base.is_empty() { "evaluation" } else { base };
    let mut slug = base.to_owned();
    let mut number = 2;
    while taken.contains(&slug) {
        slug = format!("{base}-{number}");
        number += 1;
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain_and_each_its_own() {
        let taken = ["evaluation".to_owned(), "evaluation-2".to_owned()];
        assert_eq!(slug(Path::new("/x/Evaluation"), &taken), "evaluation-3");
        assert_eq!(slug(Path::new("/x/CV of 2024!"), &taken), "cv-of-2024");
        assert_eq!(slug(Path::new("/x/\u{e4}\u{f6}"), &[]), "evaluation");
    }
}
