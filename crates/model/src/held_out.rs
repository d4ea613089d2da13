//! Scores of several models on patients that they were not trained on, and the figures over them.

use ndarray::{Array2, Axis};
use oncoweave_core::{
    AucAt, Comparison, CompetingEvent, Estimate, FoldResult, Incidence, ModelResult, Prediction,
    Risk, Survival, SurvivalProbability, Undefined,
    antolini::antolini_c,
    bootstrap::{Resampling, interval_within_folds, mean_over_folds, paired_difference},
    competing_risks::{CompetingOutcome, EVENT, at_risk_for_ever, cause_specific},
    concordance::{harrell_c, uno_c},
    incidence::{auc_of_incidence, integrated_brier_of_incidence},
};

use crate::subtype::subtype;

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

/// The patients of a model with known follow-up, all parts one after the other.
struct Table<'a> {
    setting: &'a Setting<'a>,
    /// The index of each patient's part, (patients,).
    parts: Vec<u32>,
    outcomes: Vec<CompetingOutcome>,
    risks: Vec<Risk>,
    /// The cumulative incidence at the last horizon beside competing events, else empty.
    incidence: Vec<Risk>,
    /// The probability of no event of this kind yet, (patients, times).
    survival: Array2<SurvivalProbability>,
}

impl<'a> Table<'a> {
    /// Takes the parts that every one of the models has scores for.
    fn new(setting: &'a Setting, model: &Candidate, beside: &Candidate) -> Self {
        let times = brier_times(setting.horizons_days).len();
        let (mut parts, mut outcomes, mut risks, mut survival) = (vec![], vec![], vec![], vec![]);
        let mut incidence = vec![];
        for (index, (part, number)) in setting.parts.iter().zip(0..).enumerate() {
            let (Ok(scores), Ok(_)) = (&model.scores[index], &beside.scores[index]) else {
                continue;
            };
            let rows = scores.predictions.iter().zip(scores.survival.rows());
            for ((prediction, curve), observed) in rows.zip(&part.observed) {
                let Some(observed) = observed else { continue };
                parts.push(number);
                outcomes.push(*observed);
                risks.push(prediction.risk);
                incidence.extend(last_incidence(prediction));
                survival.extend(curve);
            }
        }
        let survival = Array2::from_shape_vec((risks.len(), times), survival)
            .expect("one probability for each time");
        Self { setting, parts, outcomes, risks, incidence, survival }
    }

    fn pick(&self, rows: &[usize]) -> (Vec<CompetingOutcome>, Vec<Risk>) {
        rows.iter().map(|&row| (self.outcomes[row], self.risks[row])).unzip()
    }

    /// Follow-up in which all but the event censor.
    fn own(&self, rows: &[usize]) -> (Vec<Survival>, Vec<Risk>) {
        let (outcomes, risks) = self.pick(rows);
        (cause_specific(&outcomes, EVENT), risks)
    }

    /// The follow-up that the part of some rows learns censoring from; they are of one part.
    fn reference(&self, rows: &[usize]) -> &[CompetingOutcome] {
        &self.setting.parts[self.parts[rows[0]] as usize].reference
    }

    fn c_index(&self, rows: &[usize]) -> Result<f64, Undefined> {
        let (outcomes, risks) = self.own(rows);
        harrell_c(&outcomes, &risks)
    }

    fn c_index_uno(&self, rows: &[usize]) -> Result<f64, Undefined> {
        let (outcomes, risks) = self.own(rows);
        let last = self.setting.horizons_days.last().copied();
        uno_c(&cause_specific(self.reference(rows), EVENT), &outcomes, &risks, last)
    }

    /// Wolbers' C of the cumulative incidence at the last horizon.
    fn c_index_competing(&self, rows: &[usize]) -> Result<f64, Undefined> {
        let (outcomes, _) = self.pick(rows);
        let incidence: Vec<Risk> = rows.iter().map(|&row| self.incidence[row]).collect();
        harrell_c(&at_risk_for_ever(&outcomes, EVENT), &incidence)
    }

    fn c_index_antolini(&self, rows: &[usize]) -> Result<f64, Undefined> {
        let (outcomes, _) = self.own(rows);
        let times = brier_times(self.setting.horizons_days);
        let last = times.last().copied().unwrap_or_default();
        let until_last = |one: Survival| {
            if one.time_days > last { Survival { time_days: last, event: false } } else { one }
        };
        let outcomes: Vec<Survival> = outcomes.into_iter().map(until_last).collect();
        antolini_c(&outcomes, &self.survival.select(Axis(0), rows), &times)
    }

    fn auc(&self, rows: &[usize], time_days: f64) -> Result<f64, Undefined> {
        let (outcomes, risks) = self.pick(rows);
        auc_of_incidence(self.reference(rows), &outcomes, &risks, time_days)
    }

    fn ibs(&self, rows: &[usize]) -> Result<f64, Undefined> {
        let (outcomes, _) = self.pick(rows);
        let incidence = self.survival.select(Axis(0), rows).mapv(|own| Incidence(1.0 - own.0));
        let times = brier_times(self.setting.horizons_days);
        integrated_brier_of_incidence(self.reference(rows), &outcomes, &incidence, &times)
    }

    /// A statistic's mean over folds with its interval, and a sentence where some folds or
    /// resamples had none.
    fn estimate<F>(&self, statistic: F) -> Result<(Estimate, Option<String>), Undefined>
    where
        F: Fn(&[usize]) -> Result<f64, Undefined> + Sync,
    {
        let value = mean_over_folds(&self.parts, &statistic)?;
        let bounds = interval_within_folds(&self.parts, self.setting.resampling, &statistic)?;
        let estimate = Estimate { value, low: bounds.low, high: bounds.high };
        Ok((estimate, self.shortfall(&statistic, bounds.undefined as usize)))
    }

    fn shortfall<F>(&self, statistic: &F, undefined_resamples: usize) -> Option<String>
    where
        F: Fn(&[usize]) -> Result<f64, Undefined>,
    {
        let folds = self.setting.parts.len();
        let rows_of = |part: u32| -> Vec<usize> {
            (0..self.parts.len()).filter(|&row| self.parts[row] == part).collect()
        };
        let is_defined = |rows: &Vec<usize>| !rows.is_empty() && statistic(rows).is_ok();
        let defined = (0..).take(folds).map(rows_of).filter(is_defined).count();
        let resamples = self.setting.resampling.resamples;
        // A few resamples without an event before a horizon leave the interval as it is.
        let thin = undefined_resamples * 20 > resamples as usize;
        (defined < folds || thin).then(|| {
            format!(
                "the mean over {defined} of {folds} folds, where it is defined; \
                 {undefined_resamples} of {resamples} resamples had none"
            )
        })
    }
}

/// The cumulative incidence of the event at the last horizon, as a risk to rank by.
fn last_incidence(prediction: &Prediction) -> Option<Risk> {
    prediction.incidence.first()?.last().copied().map(Risk)
}

/// All figures of one model. What is undefined is left out and said in `notes`.
pub(crate) fn figures(
    setting: &Setting,
    model: &Candidate,
    notes: &mut Vec<String>,
) -> ModelResult {
    let table = Table::new(setting, model, model);
    let mut estimate = |what: &str, estimate: Result<(Estimate, Option<String>), Undefined>| {
        let sentence = match &estimate {
            Ok((_, shortfall)) => {
                shortfall.as_ref().map(|text| format!("`{}`: {what} is {text}", model.name))
            }
            Err(reason) => Some(format!("`{}` has no {what}: {reason}", model.name)),
        };
        notes.extend(sentence);
        estimate.ok().map(|(estimate, _)| estimate)
    };
    let harrell = estimate("C-index", table.estimate(|rows| table.c_index(rows)));
    let (mut uno, mut wolbers) = (None, None);
    if !setting.competing {
        uno = estimate("Uno's C-index", table.estimate(|rows| table.c_index_uno(rows)));
    } else if table.incidence.len() == table.risks.len() {
        let c_index = table.estimate(|rows| table.c_index_competing(rows));
        wolbers = estimate("C-index for competing risks", c_index);
    }
    let mut auc = vec![];
    for &time_days in setting.horizons_days {
        let at = table.estimate(|rows| table.auc(rows, time_days));
        let at = estimate(&format!("AUC at day {time_days}"), at);
        auc.extend(at.map(|auc| AucAt { time_days, auc }));
    }
    let ibs = mean_over_folds(&table.parts, |rows| table.ibs(rows));
    let ibs = ibs.map_err(|reason| {
        notes.push(format!("`{}` has no integrated Brier score: {reason}", model.name));
    });
    ModelResult {
        name: model.name.clone(),
        modalities: model.modalities.clone(),
        c_index: harrell,
        c_index_uno: uno,
        c_index_competing: wolbers,
        c_index_antolini: mean_over_folds(&table.parts, |rows| table.c_index_antolini(rows)).ok(),
        auc,
        ibs: ibs.ok(),
        subtype: subtype(setting, model, notes),
        folds: setting.parts.iter().zip(&model.scores).map(fold_result).collect(),
    }
}

fn fold_result((part, scores): (&HeldOut, &Result<Scores, String>)) -> FoldResult {
    let own = |outcome: &CompetingOutcome| outcome.of_cause(EVENT);
    let outcomes: Vec<Survival> = part.observed.iter().flatten().map(own).collect();
    let c_index = scores.as_ref().map_err(Clone::clone).and_then(|scores| {
        let known = scores.predictions.iter().zip(&part.observed);
        let known = known.filter(|(_, observed)| observed.is_some());
        let risks: Vec<Risk> = known.map(|(prediction, _)| prediction.risk).collect();
        harrell_c(&outcomes, &risks).map_err(|reason| reason.to_string())
    });
    FoldResult {
        fold: part.fold,
        patients: outcomes.len(),
        events: outcomes.iter().filter(|outcome| outcome.event).count(),
        note: c_index.as_ref().err().cloned(),
        c_index: c_index.ok(),
    }
}

/// The first model's C minus the second's on the patients that both have scores for.
pub(crate) fn compare(
    setting: &Setting,
    first: &Candidate,
    second: &Candidate,
) -> Result<Comparison, Undefined> {
    let a = Table::new(setting, first, second);
    let b = Table::new(setting, second, first);
    let difference = paired_difference(
        &a.parts,
        setting.resampling,
        |rows| a.c_index(rows),
        |rows| b.c_index(rows),
    )?;
    Ok(Comparison {
        a: first.name.clone(),
        b: second.name.clone(),
        delta_c_index: difference.delta,
        low: difference.low,
        high: difference.high,
        p: difference.p,
    })
}
