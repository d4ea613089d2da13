//! The patients of a model who were held out and followed up, and statistics over them.

use std::ops::Range;

use ndarray::{Array2, Axis};
use oncoweave_core::{
    Estimate, Incidence, Prediction, Risk, Survival, SurvivalProbability, Undefined,
    antolini::antolini_c_interval,
    bootstrap::{doubt_over_folds, interval_within_folds, mean_over_folds},
    competing_risks::{CompetingOutcome, EVENT, at_risk_for_ever, cause_specific},
    concordance::{harrell_c, uno_c},
    concordance_interval::{harrell_c_doubt, uno_c_doubt},
    doubt::Doubt,
    inference::Estimated,
    status::{
        Status, auc_of_status, auc_of_status_doubt, brier_shares, integrated_brier_shares,
        status_at,
    },
};

use crate::held_out::{Candidate, Setting, brier_times, event_probabilities};

/// The patients of a model with known follow-up, all parts one after the other.
pub(crate) struct Table<'a> {
    pub(crate) setting: &'a Setting<'a>,
    /// The index of each patient's part, (patients,).
    pub(crate) parts: Vec<u32>,
    pub(crate) outcomes: Vec<CompetingOutcome>,
    pub(crate) risks: Vec<Risk>,
    pub(crate) high_risk: Vec<bool>,
    /// The cumulative incidence at the last horizon beside competing events, else empty.
    incidence: Vec<Risk>,
    /// The probability of the event by each horizon, (horizons, patients).
    pub(crate) at_horizons: Vec<Vec<Incidence>>,
    /// The probability of no event of this kind yet, (patients, times).
    survival: Array2<SurvivalProbability>,
}

/// A value of each patient, or why those of a part have none.
pub(crate) struct ByPart<T> {
    values: Vec<T>,
    /// One for each part.
    missing: Vec<Option<Undefined>>,
}

impl<'a> Table<'a> {
    /// Takes the parts that every one of the models has scores for.
    pub(crate) fn new(setting: &'a Setting, model: &Candidate, beside: &Candidate) -> Self {
        let times = brier_times(setting.horizons_days).len();
        let mut table = Self {
            setting,
            parts: vec![],
            outcomes: vec![],
            risks: vec![],
            high_risk: vec![],
            incidence: vec![],
            at_horizons: vec![vec![]; setting.horizons_days.len()],
            survival: Array2::from_elem((0, times), SurvivalProbability(1.0)),
        };
        let mut survival = vec![];
        for (index, (part, number)) in setting.parts.iter().zip(0..).enumerate() {
            let (Ok(scores), Ok(_)) = (&model.scores[index], &beside.scores[index]) else {
                continue;
            };
            let rows = scores.predictions.iter().zip(scores.survival.rows());
            for ((prediction, curve), observed) in rows.zip(&part.observed) {
                let Some(observed) = observed else { continue };
                table.parts.push(number);
                table.outcomes.push(*observed);
                table.risks.push(prediction.risk);
                table.high_risk.push(prediction.high_risk);
                table.incidence.extend(last_incidence(prediction));
                let probabilities = event_probabilities(prediction);
                for (column, probability) in table.at_horizons.iter_mut().zip(probabilities) {
                    column.push(Incidence(probability));
                }
                survival.extend(curve);
            }
        }
        table.survival = Array2::from_shape_vec((table.risks.len(), times), survival)
            .expect("one probability for each time");
        table
    }

    /// Whether every patient has an incidence beside competing events.
    pub(crate) fn has_incidence(&self) -> bool {
        self.incidence.len() == self.risks.len()
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

    pub(crate) fn c_index(&self, rows: &[usize]) -> Result<f64, Undefined> {
        let (outcomes, risks) = self.own(rows);
        harrell_c(&outcomes, &risks)
    }

    pub(crate) fn c_index_doubt(&self, rows: &[usize]) -> Result<Doubt, Undefined> {
        let (outcomes, risks) = self.own(rows);
        harrell_c_doubt(&outcomes, &risks)
    }

    /// Uno's C by the censoring that the part of some rows learns from.
    pub(crate) fn c_index_uno(&self, rows: &[usize]) -> Result<f64, Undefined> {
        let (outcomes, risks) = self.own(rows);
        uno_c(&self.own_reference(rows), &outcomes, &risks, self.last_day())
    }

    pub(crate) fn c_index_uno_doubt(&self, rows: &[usize]) -> Result<Doubt, Undefined> {
        let (outcomes, risks) = self.own(rows);
        uno_c_doubt(&self.own_reference(rows), &outcomes, &risks, self.last_day())
    }

    fn own_reference(&self, rows: &[usize]) -> Vec<Survival> {
        cause_specific(self.reference(rows), EVENT)
    }

    fn last_day(&self) -> Option<f64> {
        self.setting.horizons_days.last().copied()
    }

    /// Wolbers' C of the cumulative incidence at the last horizon.
    pub(crate) fn c_index_competing(&self, rows: &[usize]) -> Result<f64, Undefined> {
        let (outcomes, incidence) = self.beside_others(rows)?;
        harrell_c(&outcomes, &incidence)
    }

    pub(crate) fn c_index_competing_doubt(&self, rows: &[usize]) -> Result<Doubt, Undefined> {
        let (outcomes, incidence) = self.beside_others(rows)?;
        harrell_c_doubt(&outcomes, &incidence)
    }

    /// Follow-up in which who had another event stays at risk, with the incidence at the last horizon.
    fn beside_others(&self, rows: &[usize]) -> Result<(Vec<Survival>, Vec<Risk>), Undefined> {
        let (outcomes, _) = self.pick(rows);
        let incidence = rows.iter().map(|&row| self.incidence[row]).collect();
        Ok((at_risk_for_ever(&outcomes, EVENT)?, incidence))
    }

    /// Antolini's C up to the last horizon, the mean over the folds that have one, with a sentence
    /// where some have none.
    pub(crate) fn c_index_antolini(&self) -> Result<(Estimated, Option<String>), Undefined> {
        let times = brier_times(self.setting.horizons_days);
        let last = times.last().copied().unwrap_or_default();
        let found = self.in_folds(|rows| {
            let (outcomes, _) = self.own(rows);
            let ended = rows.iter().zip(outcomes);
            let ended = ended.filter_map(|(&row, outcome)| Some((row, outcome.ended(last)?)));
            let (rows, outcomes): (Vec<usize>, Vec<Survival>) = ended.unzip();
            antolini_c_interval(&outcomes, &self.survival.select(Axis(0), &rows), &times)
        });
        let folds = found.len();
        let reason = found.iter().find_map(|found| found.as_ref().err().cloned());
        let defined: Vec<Estimated> = found.into_iter().flatten().collect();
        if let Some(reason) = reason.filter(|_| defined.is_empty()) {
            return Err(reason);
        }
        let shortfall = (defined.len() < folds).then(|| {
            format!("the mean over {} of {folds} folds, where it is defined", defined.len())
        });
        Ok((Estimated::mean(&defined)?, shortfall))
    }

    /// What is known of each patient at a time.
    pub(crate) fn statuses(&self, time_days: f64) -> ByPart<Option<Status>> {
        self.by_part(&None, |reference, rows| status_at(reference, &self.outcomes[rows], time_days))
    }

    pub(crate) fn auc(
        &self,
        statuses: &ByPart<Option<Status>>,
        rows: &[usize],
        time_days: f64,
    ) -> Result<f64, Undefined> {
        self.check(statuses, rows)?;
        let patients = rows.iter().map(|&row| (statuses.values[row], self.risks[row]));
        auc_of_status(patients, time_days)
    }

    pub(crate) fn auc_doubt(
        &self,
        statuses: &ByPart<Option<Status>>,
        rows: &[usize],
        time_days: f64,
    ) -> Result<Doubt, Undefined> {
        self.check(statuses, rows)?;
        let patients = rows.iter().map(|&row| (statuses.values[row], self.risks[row]));
        auc_of_status_doubt(patients, time_days)
    }

    /// Whether each of some patients of one part had the event, and the scores that rank them.
    pub(crate) fn binary(
        &self,
        statuses: &ByPart<Option<Status>>,
        rows: &[usize],
    ) -> Result<(Vec<bool>, Vec<f64>), Undefined> {
        self.check(statuses, rows)?;
        let known = rows.iter().filter_map(|&row| {
            statuses.values[row].map(|status| (status.event, self.risks[row].0))
        });
        Ok(known.unzip())
    }

    /// Each patient's share in the Brier score at the horizon of this place.
    pub(crate) fn brier(&self, place: usize) -> ByPart<f64> {
        let time_days = self.setting.horizons_days[place];
        self.by_part(&0.0, |reference, rows| {
            let incidence = &self.at_horizons[place][rows.clone()];
            brier_shares(reference, &self.outcomes[rows], incidence, time_days)
        })
    }

    /// Each patient's share in the Brier score integrated up to the last horizon.
    pub(crate) fn integrated_brier(&self) -> ByPart<f64> {
        let times = brier_times(self.setting.horizons_days);
        self.by_part(&0.0, |reference, rows| {
            let places: Vec<usize> = rows.clone().collect();
            let incidence = self.survival.select(Axis(0), &places);
            let incidence = incidence.mapv(|own| Incidence(1.0 - own.0));
            integrated_brier_shares(reference, &self.outcomes[rows], &incidence, &times)
        })
    }

    /// The mean of some patients' shares; they are of one part.
    pub(crate) fn mean(&self, shares: &ByPart<f64>, rows: &[usize]) -> Result<f64, Undefined> {
        self.check(shares, rows)?;
        Ok(rows.iter().map(|&row| shares.values[row]).sum::<f64>() / rows.len() as f64)
    }

    fn check<T>(&self, values: &ByPart<T>, rows: &[usize]) -> Result<(), Undefined> {
        let missing = values.missing[self.parts[rows[0]] as usize].clone();
        missing.map_or(Ok(()), Err)
    }

    fn by_part<T: Clone>(
        &self,
        none: &T,
        of: impl Fn(&[CompetingOutcome], Range<usize>) -> Result<Vec<T>, Undefined>,
    ) -> ByPart<T> {
        let (mut values, mut missing) = (vec![], vec![None; self.setting.parts.len()]);
        for rows in self.ranges() {
            let part = self.parts[rows.start] as usize;
            match of(&self.setting.parts[part].reference, rows.clone()) {
                Ok(own) => values.extend(own),
                Err(reason) => {
                    values.extend(vec![none.clone(); rows.len()]);
                    missing[part] = Some(reason);
                }
            }
        }
        ByPart { values, missing }
    }

    /// The rows of each part that has any.
    fn ranges(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        let range = |rows: &[u32]| {
            let range = start..start + rows.len();
            start = range.end;
            range
        };
        self.parts.chunk_by(|a, b| a == b).map(range).collect()
    }

    /// A figure of each fold that has patients.
    pub(crate) fn in_folds<T>(
        &self,
        figure: impl Fn(&[usize]) -> Result<T, Undefined>,
    ) -> Vec<Result<T, Undefined>> {
        let in_part = |rows: Range<usize>| figure(&rows.collect::<Vec<_>>());
        self.ranges().into_iter().map(in_part).collect()
    }

    /// A statistic's mean over folds with its interval, and a sentence where some folds or
    /// resamples had none.
    pub(crate) fn estimate<F>(&self, statistic: F) -> Result<(Estimate, Option<String>), Undefined>
    where
        F: Fn(&[usize]) -> Result<f64, Undefined> + Sync,
    {
        let value = mean_over_folds(&self.parts, &statistic)?;
        let bounds = interval_within_folds(&self.parts, self.setting.resampling, &statistic)?;
        let estimate = Estimate { value, low: bounds.low, high: bounds.high };
        Ok((estimate, self.shortfall(&statistic, bounds.undefined as usize)))
    }

    /// The same of a share of pairs in the right order, with what folds in perfect order leave open.
    pub(crate) fn estimate_share<F, D>(
        &self,
        statistic: F,
        doubt: D,
    ) -> Result<(Estimate, Option<String>), Undefined>
    where
        F: Fn(&[usize]) -> Result<f64, Undefined> + Sync,
        D: Fn(&[usize]) -> Result<Doubt, Undefined>,
    {
        let (own, shortfall) = self.estimate(statistic)?;
        Ok((doubt_over_folds(&self.parts, doubt).widen_share(own), shortfall))
    }

    fn shortfall<F>(&self, statistic: &F, undefined_resamples: usize) -> Option<String>
    where
        F: Fn(&[usize]) -> Result<f64, Undefined>,
    {
        let folds = self.setting.parts.len();
        let defined = self.in_folds(statistic).iter().filter(|found| found.is_ok()).count();
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

impl ByPart<Option<Status>> {
    /// Whether nobody was censored before the time, neither of the patients nor of those that
    /// censoring was learned from: the AUC is then that of two classes.
    pub(crate) fn is_complete(&self) -> bool {
        let whole = |status: &Option<Status>| {
            status.is_some_and(|status| (status.weight - 1.0).abs() <= 0.0)
        };
        self.missing.iter().all(Option::is_none) && self.values.iter().all(whole)
    }
}

/// The cumulative incidence of the event at the last horizon, as a risk to rank by.
fn last_incidence(prediction: &Prediction) -> Option<Risk> {
    prediction.incidence.first()?.last().copied().map(Risk)
}
