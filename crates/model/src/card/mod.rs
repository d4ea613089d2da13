//! The model card: what a reader must know of a model, from what was measured and nothing else.
//!
//! Mitchell et al., Model cards for model reporting, FAT* 2019; SageMaker's JSON schema of a model
//! card; TRIPOD+AI, Collins et al., BMJ 2024;385:e078378.

mod description;
mod groups;
mod judged;
mod markdown;
mod sagemaker;
mod text;
mod tripod;

use oncoweave_core::{Evaluation, Prediction};
use sha2::{Digest, Sha256};

use crate::{Dataset, Error, Model, fit::hex};

pub(crate) use description::describe;
pub use description::{AgeDescription, CohortDescription, CountLevel, CountTable};
use judged::{Judged, judged, settings};
pub use oncoweave_core::small_cells::Shown;

/// What every card says first.
const DISCLAIMER: &str = "For research use only. It is not a medical device, has not been assessed \
                          by any authority, and must not guide the care of a patient.";

/// A model card in three forms. No patient id stands in any, and no count of patients below 10.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCard {
    /// `card.md`.
    pub markdown: String,
    /// `card.json`, in SageMaker's schema of a model card.
    pub sagemaker: serde_json::Value,
    /// `tripod.md`: the items of TRIPOD+AI, with answers where the run knows them.
    pub tripod: String,
}

impl ModelCard {
    /// Each file's name and text: `card.md`, `card.json` and `tripod.md`.
    ///
    /// # Panics
    /// Never: a JSON value can be written.
    #[must_use]
    pub fn files(&self) -> [(&'static str, String); 3] {
        let mut json = serde_json::to_string_pretty(&self.sagemaker).expect("a JSON value");
        json.push('\n');
        [
            ("card.md", self.markdown.clone()),
            ("card.json", json),
            ("tripod.md", self.tripod.clone()),
        ]
    }

    fn of(model: &Model, judged: Option<&Judged>) -> Self {
        Self {
            markdown: markdown::card(model, judged),
            sagemaker: sagemaker::card(model, judged),
            tripod: tripod::checklist(model, judged),
        }
    }
}

impl Model {
    /// The card that training can write: how the model came to be, and on whom.
    #[must_use]
    pub fn card(&self) -> ModelCard {
        ModelCard::of(self, None)
    }

    /// The card with what an evaluation of this model measured, and with the same figures in halves
    /// by age, by sex and by site of the table that it was made on.
    ///
    /// # Errors
    /// When the evaluation is of another model, other settings or another table, or its
    /// predictions are not those of the model.
    pub fn card_with(
        &self,
        evaluation: &Evaluation,
        predictions: &[Prediction],
        data: &Dataset,
    ) -> Result<ModelCard, Error> {
        let judged = judged(self, evaluation, predictions, data)?;
        Ok(ModelCard::of(self, Some(&judged)))
    }

    /// The version of the model: the program's, and a digest of all that decides it: the settings,
    /// the table, the patients and the seed.
    #[must_use]
    pub fn version(&self) -> String {
        let training = &self.training;
        let mut digest = Sha256::new();
        for part in [&self.name, &training.program_version, &training.data_sha256] {
            digest.update(part);
            digest.update([0]);
        }
        digest.update(settings(&self.config).to_string());
        digest.update(training.seed.to_le_bytes());
        for patient in &training.patient_digests {
            digest.update(patient);
        }
        format!("{}+{}", training.program_version, hex(&digest.finalize()[..6]))
    }
}
