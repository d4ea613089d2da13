//! Scores of several models on patients that they were not trained on.

use ndarray::Array2;
use oncoweave_core::{
    CompetingEvent, Prediction, SurvivalProbability, bootstrap::Resampling,
    competing_risks::CompetingOutcome,
};

/// Times that the integrated Brier score is summed over, up to the last horizon.
const BRIER_TIMES: u32 = 50;

/// One model on one held-out part.
pub(crate) struct Scores {
    /// One a held-out patient, in row order.
    pub(crate) predictions: Vec<Prediction>,
    /// Survival at [`brier_times`], (patients, times).
    pub(crate) survival: Array2<SurvivalProbability>,
    /// The classes in the order of the predictions' probabilities.
    pub(crate) classes: Vec<String>,
    /// The competing events in the order of the predictions' incidences, after the event.
    pub(crate) competing: Vec<String>,
    /// What the training said.
    pub(crate) notes: Vec<String>,
}

impl Scores {
    /// The predictions with one probability for each of the given classes, which hold all of the
    /// model's own, and an incidence for each of the competing events likewise. A class or an event
    /// that the model never saw has probability 0.
    pub(crate) fn predictions_over(
        self,
        classes: &[String],
        competing: &[CompetingEvent],
    ) -> Vec<Prediction> {
        let place = |class| self.classes.iter().position(|own| own == class);
        let places: Vec<Option<usize>> = classes.iter().map(place).collect();
        let event =
            |event: &CompetingEvent| self.competing.iter().position(|own| *own == event.name);
        let events: Vec<Option<usize>> = competing.iter().map(event).collect();
        let mut predictions = self.predictions;
        for prediction in &mut predictions {
            let own = std::mem::take(&mut prediction.class_probabilities);
            if !own.is_empty() {
                let probability = |place: &Option<usize>| place.map_or(0.0, |place| own[place]);
                prediction.class_probabilities = places.iter().map(probability).collect();
            }
            let none = vec![0.0; prediction.survival.len()];
            let Prediction { incidence, incidence_low, incidence_high, .. } = prediction;
            for own in [incidence, incidence_low, incidence_high] {
                if !own.is_empty() {
                    let others = own.split_off(1);
                    let of = |event: &Option<usize>| event.map_or(&none, |event| &others[event]);
                    own.extend(events.iter().map(of).cloned());
                }
            }
        }
        predictions
    }
}

/// The classes of all models and parts, sorted.
pub(crate) fn all_classes(models: &[Candidate]) -> Vec<String> {
    let scores = models.iter().flat_map(|model| model.scores.iter().flatten());
    let mut classes: Vec<String> = scores.flat_map(|scores| scores.classes.clone()).collect();
    classes.sort();
    classes.dedup();
    classes
}

/// The competing events that were observed or that any model knows, sorted, each with how often it
/// was observed.
pub(crate) fn all_competing(
    observed: Vec<CompetingEvent>,
    models: &[Candidate],
) -> Vec<CompetingEvent> {
    let mut events = observed;
    for name in
        models.iter().flat_map(|model| model.scores.iter().flatten()).flat_map(|one| &one.competing)
    {
        if !events.iter().any(|event| event.name == *name) {
            events.push(CompetingEvent { name: name.clone(), events: 0 });
        }
    }
    events.sort_by(|a, b| a.name.cmp(&b.name));
    events
}

/// One held-out part.
pub(crate) struct HeldOut {
    pub(crate) fold: u32,
    /// Follow-up that the censoring distribution is learned from.
    pub(crate) reference: Vec<CompetingOutcome>,
    /// Each held-out patient's own follow-up.
    pub(crate) observed: Vec<Option<CompetingOutcome>>,
}

/// One model over all held-out parts, or in words why a part has no scores.
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) modalities: Vec<String>,
    /// One for each part.
    pub(crate) scores: Vec<Result<Scores, String>>,
}

/// What the figures are computed with.
pub(crate) struct Setting<'a> {
    pub(crate) parts: &'a [HeldOut],
    /// Whether other events compete.
    pub(crate) competing: bool,
    pub(crate) horizons_days: &'a [f64],
    pub(crate) resampling: Resampling,
}

/// The times that the Brier score is integrated over.
pub(crate) fn brier_times(horizons_days: &[f64]) -> Vec<f64> {
    let last = horizons_days.last().copied().unwrap_or(1.0);
    (1..=BRIER_TIMES).map(|step| last * f64::from(step) / f64::from(BRIER_TIMES)).collect()
}

/// Resamples for a cohort of this size: 1000, fewer where that would take minutes.
pub(crate) fn resampling(patients: usize, seed: u64) -> Resampling {
    let affordable = u32::try_from(10_000_000 / patients.max(1)).unwrap_or(u32::MAX);
    Resampling { resamples: affordable.clamp(100, 1000), seed }
}

/// The probability of the event by each horizon: with competing events its cumulative incidence.
pub(crate) fn event_probabilities(prediction: &Prediction) -> Vec<f64> {
    match prediction.incidence.first() {
        Some(incidence) => incidence.clone(),
        None => prediction.survival.iter().map(|survival| 1.0 - survival).collect(),
    }
}
