//! What the pages show: an evaluation folder with whatever else is known of its patients.

mod curves;
mod explanation;
mod filter;
mod images;
mod load;
mod model_folder;
mod patient;
mod protect;
mod validation;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use oncoweave_cohort::LineageRow;
use oncoweave_core::competing_risks::{CompetingOutcome, EVENT, at_risk_for_ever};
use oncoweave_core::kaplan_meier::KaplanMeier;
use oncoweave_core::{Cohort, Evaluation, PatientId, Prediction, Survival};
use oncoweave_report::groups::{RiskGroup, observed_outcome};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::access::hex;

pub(crate) use curves::{Separation, cohort_curve, drawn_curves, groups};
pub(crate) use explanation::{Explained, Explanations};
pub(crate) use filter::{Filter, Selected, select};
pub(crate) use images::{ImageSource, Images, Slices, WINDOWS};
pub(crate) use load::load;
pub(crate) use model_folder::{ModelFolder, TrainingRange};
pub(crate) use oncoweave_core::small_cells::Protected;
pub(crate) use patient::{
    Applicability, ClinicalValue, HorizonRisk, applicability, clinical_values, drivers,
    horizon_risks, similar, values,
};
pub(crate) use protect::risk_bins;
pub(crate) use validation::Validation;

/// One evaluation and its patients.
#[derive(Debug)]
pub(crate) struct Study {
    /// The name in addresses: the folder's, made unique.
    pub(crate) slug: String,
    pub(crate) evaluation: Evaluation,
    /// The first model's predictions, by patient id.
    pub(crate) patients: Vec<Prediction>,
    /// Every other model's predictions, by the place of the patient in `patients`.
    others: BTreeMap<String, Vec<(usize, Prediction)>>,
    /// The aligned table, and the row of each patient in it.
    pub(crate) data: Option<Cohort>,
    rows: Vec<Option<usize>>,
    pub(crate) explanations: Option<Explanations>,
    pub(crate) folder: Option<ModelFolder>,
    pub(crate) lineage: HashMap<PatientId, Vec<LineageRow>>,
    pub(crate) images: Option<Images>,
    /// What was worked out for a selection before, by its filter.
    separations: Mutex<HashMap<String, Separation>>,
    everybody: OnceLock<KaplanMeier>,
    /// For those who see patients, and for the others.
    validations: [OnceLock<Arc<Validation>>; 2],
    /// Which model made the numbers, for every page and export.
    pub(crate) version: String,
}

impl Study {
    /// The name of the model that the pages are about: the evaluation's first.
    pub(crate) fn model(&self) -> &str {
        self.evaluation.models.first().map_or("", |model| model.name.as_str())
    }

    /// How far the groups of a selection are apart, worked out once: Cox regression takes a while in
    /// a large cohort.
    pub(crate) fn separation(
        &self,
        filter: &Filter,
        protected: Option<Protected>,
        groups: &[RiskGroup; 2],
    ) -> Separation {
        const KEPT: usize = 1000;
        let key = format!("{} {}", protected.is_some(), filter.words());
        let kept = || self.separations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().get(&key) {
            return known.clone();
        }
        let found = Separation::of(groups);
        let mut kept = kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, found.clone());
        found
    }

    /// The names of the other models.
    pub(crate) fn others(&self) -> impl Iterator<Item = &str> {
        self.others.keys().map(String::as_str)
    }

    /// What another model says of a patient.
    pub(crate) fn other(&self, model: &str, place: usize) -> Option<&Prediction> {
        let all = self.others.get(model)?;
        let at = all.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        Some(&all[at].1)
    }

    /// The curve of all patients, whatever their risk.
    pub(crate) fn everybody(&self) -> &KaplanMeier {
        let all = || (0..self.patients.len()).collect::<Vec<_>>();
        self.everybody.get_or_init(|| cohort_curve(self, &all()))
    }

    /// How good the model was found to be, worked out once for each kind of reader.
    pub(crate) fn validation(
        &self,
        protected: Option<Protected>,
    ) -> Result<Arc<Validation>, Error> {
        let kept = &self.validations[usize::from(protected.is_some())];
        if let Some(known) = kept.get() {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(Validation::of(self, protected)?);
        Ok(Arc::clone(kept.get_or_init(|| found)))
    }

    /// The place of a patient in `patients`.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        let id = PatientId::new(id).ok()?;
        self.patients.binary_search_by(|known| known.patient_id.cmp(&id)).ok()
    }

    /// The patient's row of the aligned table.
    pub(crate) fn row(&self, place: usize) -> Option<(&Cohort, usize)> {
        self.data.as_ref().zip(self.rows[place])
    }

    /// The horizon that pages show where none is asked for: the middle one.
    pub(crate) fn usual_horizon(&self) -> usize {
        self.evaluation.horizons_days.len().saturating_sub(1) / 2
    }

    /// The names of the events that compete with this one.
    pub(crate) fn competing(&self) -> Vec<&str> {
        self.evaluation.competing.iter().map(|event| event.name.as_str()).collect()
    }

    /// What was observed of a patient, and which event it was where it was another.
    pub(crate) fn outcome(&self, place: usize) -> Option<CompetingOutcome> {
        observed_outcome(&self.patients[place], &self.competing())
    }

    /// What discrimination is measured by: who had another event never has this one, as in the C
    /// of Wolbers et al., Biostatistics 2014;15:526.
    pub(crate) fn told_apart(&self, place: usize) -> Option<Survival> {
        let outcome = self.outcome(place)?;
        if self.competing().is_empty() {
            return Some(outcome.of_cause(EVENT));
        }
        at_risk_for_ever(&[outcome], EVENT).ok()?.pop()
    }

    /// The predicted risk of the event within a horizon.
    pub(crate) fn risk(&self, place: usize, horizon: usize) -> Option<f64> {
        self.patients[place].survival.get(horizon).map(|survival| 1.0 - survival)
    }

    /// Different values of a text of the aligned table, sorted.
    pub(crate) fn sites(&self) -> Vec<String> {
        let sites = self.data.iter().flat_map(|data| data.sites.iter().flatten());
        distinct(sites)
    }

    /// The classes that patients were observed to have.
    pub(crate) fn labels(&self) -> Vec<String> {
        distinct(self.patients.iter().filter_map(|patient| patient.label.as_ref()))
    }

    /// The modalities that some patient lacks.
    pub(crate) fn lacked(&self) -> Vec<String> {
        distinct(self.patients.iter().flat_map(|patient| &patient.missing_modalities))
    }
}

fn distinct<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<String> {
    texts.collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// `fusion, Oncoweave 0.1.0, settings 1f2e3d4c5b6a`, and the weights where the folder is known.
fn version(evaluation: &Evaluation, folder: Option<&ModelFolder>) -> String {
    let settings = hex(&Sha256::digest(evaluation.config.to_string().as_bytes()));
    let name = evaluation.models.first().map_or("no model", |model| model.name.as_str());
    let weights = folder.map(|folder| format!(", folder {}", &folder.sha256[..12]));
    format!(
        "{name}, Oncoweave {}, settings {}{}",
        evaluation.program_version,
        &settings[..12],
        weights.unwrap_or_default()
    )
}
