//! Cox's partial likelihood and its derivatives with respect to log-risks.

mod log_sum;

use serde::{Deserialize, Serialize};

use self::log_sum::LogSum;
use crate::{Risk, Survival};

/// How events at one time share their risk set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// Each event sees a part of the other events at its time removed. Efron, J Am Stat Assoc
    /// 1977;72:557.
    #[default]
    Efron,
    /// Each event sees the whole risk set. Breslow, J R Stat Soc B 1972;34:216.
    Breslow,
}

/// A log partial likelihood at given log-risks.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLikelihood {
    /// The value, 0 or below; 0 without events.
    pub value: f64,
    /// Its derivative by each log-risk.
    pub gradient: Vec<f64>,
}

/// Cox's log partial likelihood of log relative hazards with its gradient, in O(n log n) for the
/// sort and O(n) beyond. Cox, J R Stat Soc B 1972;34:187.
///
/// Sums of exponentials are kept relative to their largest term, so no finite risk overflows.
///
/// # Panics
/// When there are not as many risks as outcomes.
#[must_use]
pub fn partial_log_likelihood(outcomes: &[Survival], risks: &[Risk], ties: Ties) -> LogLikelihood {
    let log_risks: Vec<f64> = risks.iter().map(|risk| risk.0).collect();
    let sets = RiskSets::new(outcomes, ties);
    let at = sets.at(&log_risks);
    LogLikelihood { value: at.value, gradient: at.gradient }
}

/// The order in which patients leave the risk set, found once for many evaluations.
pub(crate) struct RiskSets {
    patients: usize,
    /// Stratum by stratum, in each from the latest time to the earliest.
    groups: Vec<Group>,
    /// The late entries, in the order of the groups.
    entries: Vec<Entry>,
    ties: Ties,
}

/// A patient who enters late. The sums of a risk set are those of all with a later exit, less those
/// of all who come later: log-risks of extremely different size, e^30 and more, lose digits here.
struct Entry {
    stratum: u32,
    time_days: f64,
    row: usize,
}

/// The patients of one stratum whose follow-up ends at one time.
struct Group {
    stratum: u32,
    time_days: f64,
    events: Vec<usize>,
    censored: Vec<usize>,
}

/// One term of the likelihood: the sum over a risk set that one event is set against.
struct Term {
    /// The share of the tied events that is taken out of the sum.
    removed: f64,
    /// The logarithm of the sum.
    log_sum: f64,
}

/// The likelihood, and what its second derivative needs, at given log-risks.
pub(crate) struct Evaluation<'a> {
    sets: &'a RiskSets,
    log_risks: Vec<f64>,
    /// The terms of each group.
    terms: Vec<Vec<Term>>,
    /// The events that each patient would have had by the model.
    expected: Vec<f64>,
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
}

impl RiskSets {
    pub(crate) fn new(outcomes: &[Survival], ties: Ties) -> Self {
        Self::stratified(outcomes, &[], ties)
    }

    /// Risk sets within strata, of which each patient has one; all have the same where none is
    /// given.
    pub(crate) fn stratified(outcomes: &[Survival], strata: &[u32], ties: Ties) -> Self {
        let one_each = strata.is_empty() || strata.len() == outcomes.len();
        assert!(one_each, "one stratum for each outcome");
        let place =
            |row: usize| (strata.get(row).copied().unwrap_or_default(), outcomes[row].time_days);
        let mut latest_first: Vec<usize> = (0..outcomes.len()).collect();
        latest_first.sort_by(|&a, &b| {
            let (a, b) = (place(a), place(b));
            a.0.cmp(&b.0).then(b.1.total_cmp(&a.1))
        });
        let groups = latest_first
            .chunk_by(|&a, &b| place(a).0 == place(b).0 && place(a).1 <= place(b).1)
            .map(|group| {
                let (events, censored) = group.iter().partition(|&&row| outcomes[row].event);
                let (stratum, time_days) = place(group[0]);
                Group { stratum, time_days, events, censored }
            })
            .collect();
        let entry = |(row, outcome): (usize, &Survival)| {
            Some(Entry { stratum: place(row).0, time_days: outcome.entry_days?, row })
        };
        let mut entries: Vec<Entry> = outcomes.iter().enumerate().filter_map(entry).collect();
        entries.sort_by(|a, b| a.stratum.cmp(&b.stratum).then(b.time_days.total_cmp(&a.time_days)));
        Self { patients: outcomes.len(), groups, entries, ties }
    }

    fn removed(&self, event: usize, tied: usize) -> f64 {
        match self.ties {
            Ties::Efron => event as f64 / tied as f64,
            Ties::Breslow => 0.0,
        }
    }

    /// Evaluates the likelihood at some log-risks.
    pub(crate) fn at(&self, log_risks: &[f64]) -> Evaluation<'_> {
        assert_eq!(self.patients, log_risks.len(), "one log-risk for each outcome");
        let terms = self.latest_first(
            |row| (log_risks[row], 0.0),
            |group, at_risk, tied| {
                let count = group.events.len();
                let term = |event| {
                    let removed = self.removed(event, count);
                    Term { removed, log_sum: at_risk.without(removed, tied).log() }
                };
                (0..count).map(term).collect()
            },
        );
        let mut evaluation = Evaluation {
            sets: self,
            log_risks: log_risks.to_vec(),
            expected: Vec::new(),
            value: -terms.iter().flatten().map(|term: &Term| term.log_sum).sum::<f64>(),
            gradient: Vec::new(),
            terms,
        };
        evaluation.expected = evaluation.earliest_first(|_, _| 1.0);
        evaluation.gradient = evaluation.expected.iter().map(|expected| -expected).collect();
        for &row in self.groups.iter().flat_map(|group| &group.events) {
            evaluation.value += log_risks[row];
            evaluation.gradient[row] += 1.0;
        }
        evaluation
    }

    /// Visits the groups with the sums of their risk sets and of their events alone. `entry` gives
    /// a patient's log-risk and the value to weigh by it.
    fn latest_first<T>(
        &self,
        entry: impl Fn(usize) -> (f64, f64),
        visit: impl Fn(&Group, &LogSum, &LogSum) -> T,
    ) -> Vec<T> {
        let mut at_risk = LogSum::EMPTY;
        let mut to_come = LogSum::EMPTY;
        let mut stratum = None;
        let mut entries = self.entries.iter().peekable();
        let visit_group = |group: &Group| {
            if stratum.replace(group.stratum) != Some(group.stratum) {
                (at_risk, to_come) = (LogSum::EMPTY, LogSum::EMPTY);
                while entries.next_if(|entry| entry.stratum < group.stratum).is_some() {}
            }
            let mut tied = LogSum::EMPTY;
            for &row in &group.events {
                let (log, value) = entry(row);
                tied.add(log, value);
                at_risk.add(log, value);
            }
            for &row in &group.censored {
                let (log, value) = entry(row);
                at_risk.add(log, value);
            }
            let comes_later = |entry: &&Entry| {
                entry.stratum == group.stratum && entry.time_days >= group.time_days
            };
            while let Some(&Entry { row, .. }) = entries.next_if(comes_later) {
                let (log, value) = entry(row);
                to_come.add(log, value);
            }
            if self.entries.is_empty() {
                visit(group, &at_risk, &tied)
            } else {
                let left = at_risk.without(1.0, &to_come);
                // Those with the event are at risk, whatever digits are lost.
                let least = tied.sum * (tied.shift - left.shift).exp();
                visit(group, if left.sum < least { &tied } else { &left }, &tied)
            }
        };
        self.groups.iter().map(visit_group).collect()
    }
}

impl Evaluation<'_> {
    /// The events that each patient would have had by the model.
    pub(crate) fn expected(&self) -> &[f64] {
        &self.expected
    }

    /// From the latest time to the earliest: how many had the event and were censored, and of each
    /// event's term the share of the tied events that is removed and the logarithm of the sum.
    pub(crate) fn group_terms(
        &self,
    ) -> impl Iterator<Item = (usize, usize, impl Iterator<Item = (f64, f64)>)> {
        self.sets.groups.iter().zip(&self.terms).map(|(group, terms)| {
            let terms = terms.iter().map(|term| (term.removed, term.log_sum));
            (group.events.len(), group.censored.len(), terms)
        })
    }

    /// The late entries, each as the place of the first group, from the latest time on, in whose risk
    /// set the patient is not any more, and the patient. Without strata.
    pub(crate) fn late(&self) -> Vec<(usize, usize)> {
        let groups = &self.sets.groups;
        let first = |entry: &Entry| {
            (groups.partition_point(|group| group.time_days > entry.time_days), entry.row)
        };
        self.sets.entries.iter().map(first).collect()
    }

    pub(crate) fn events(&self) -> usize {
        self.terms.iter().map(Vec::len).sum()
    }

    /// The negative second derivative of the likelihood times a vector of log-risks.
    pub(crate) fn curvature(&self, direction: &[f64]) -> Vec<f64> {
        let means = self.sets.latest_first(
            |row| (self.log_risks[row], direction[row]),
            |group, at_risk, tied| -> Vec<f64> {
                let count = group.events.len();
                (0..count)
                    .map(|event| at_risk.without(self.sets.removed(event, count), tied).mean())
                    .collect()
            },
        );
        let shared = self.earliest_first(|group, event| means[group][event]);
        let own = self.expected.iter().zip(direction).map(|(expected, value)| expected * value);
        own.zip(shared).map(|(own, shared)| own - shared).collect()
    }

    /// For each patient, the sum over the terms it is at risk in of its share of the risk set
    /// times a value of the term.
    fn earliest_first(&self, value: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        let mut shares = vec![0.0; self.log_risks.len()];
        let mut before = vec![0.0; self.log_risks.len()];
        let mut passed = LogSum::EMPTY;
        let mut stratum = None;
        let mut entries = self.sets.entries.iter().rev().peekable();
        for (index, group) in self.sets.groups.iter().enumerate().rev() {
            if stratum.replace(group.stratum) != Some(group.stratum) {
                passed = LogSum::EMPTY;
            }
            // Terms up to the time of entry are none of the patient's.
            let has_entered = |entry: &&Entry| {
                entry.stratum == group.stratum && entry.time_days < group.time_days
            };
            while let Some(&Entry { row, .. }) = entries.next_if(has_entered) {
                before[row] = passed.weighted_times_exp(self.log_risks[row]);
            }
            let mut removed = LogSum::EMPTY;
            for (event, term) in self.terms[index].iter().enumerate() {
                let value = value(index, event);
                passed.add(-term.log_sum, value);
                removed.add(-term.log_sum, term.removed * value);
            }
            for &row in &group.censored {
                shares[row] = passed.weighted_times_exp(self.log_risks[row]);
            }
            for &row in &group.events {
                shares[row] = passed.weighted_times_exp(self.log_risks[row])
                    - removed.weighted_times_exp(self.log_risks[row]);
            }
        }
        for (share, before) in shares.iter_mut().zip(before) {
            *share -= before;
        }
        shares
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests;
