//! The second derivative of Cox's likelihood for many columns at the same log-risks.

use std::ops::Range;

use crate::partial_likelihood::{Evaluation, RiskSets};

/// The likelihood and its derivatives at given log-risks.
pub(crate) struct Point {
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
    pub(crate) curvature: ColumnCurvature,
}

/// The negative second derivative of the likelihood by log-risks, as weights on sums over risk
/// sets. Patients must stand from the latest time to the earliest, at each time those with the
/// event first.
pub(crate) struct ColumnCurvature {
    /// Each patient's relative hazard, against the largest.
    hazards: Vec<f64>,
    /// The events that each patient would have had by the model.
    expected: Vec<f64>,
    groups: Vec<GroupWeights>,
    /// Room for the sums of each group: over its risk set, and over its events alone.
    sums: Vec<(f64, f64)>,
}

/// One time. With Efron's ties the term of event l has the sum D = S - f T, where S is over the
/// risk set, T over the events at this time, and f the share removed.
struct GroupWeights {
    events: Range<usize>,
    censored: Range<usize>,
    /// The sum of 1 / D² over the terms.
    plain: f64,
    /// The sum of f / D².
    removed: f64,
    /// The sum of f² / D².
    removed_twice: f64,
}

impl RiskSets {
    /// The likelihood with its derivatives. Log-risks may not be further apart than about 300.
    pub(crate) fn point(&self, log_risks: &[f64]) -> Point {
        let at = self.at(log_risks);
        Point {
            value: at.value,
            curvature: ColumnCurvature::of(&at, log_risks),
            gradient: at.gradient,
        }
    }
}

impl ColumnCurvature {
    fn of(at: &Evaluation, log_risks: &[f64]) -> Self {
        let highest = log_risks.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut passed = 0;
        let mut next = |rows: usize| {
            passed += rows;
            passed - rows..passed
        };
        let groups: Vec<GroupWeights> = at
            .group_terms()
            .map(|(events, censored, terms)| {
                let mut weights = GroupWeights {
                    events: next(events),
                    censored: next(censored),
                    plain: 0.0,
                    removed: 0.0,
                    removed_twice: 0.0,
                };
                for (removed, log_sum) in terms {
                    let weight = (2.0 * (highest - log_sum)).exp();
                    weights.plain += weight;
                    weights.removed += removed * weight;
                    weights.removed_twice += removed * removed * weight;
                }
                weights
            })
            .collect();
        Self {
            hazards: log_risks.iter().map(|log_risk| (log_risk - highest).exp()).collect(),
            expected: at.expected().to_vec(),
            sums: vec![(0.0, 0.0); groups.len()],
            groups,
        }
    }

    /// Writes the second derivative times a column, in O(patients).
    pub(crate) fn times(&mut self, column: &[f64], product: &mut [f64]) {
        let mut at_risk = 0.0;
        for (group, sums) in self.groups.iter().zip(&mut self.sums) {
            let sum = |rows: Range<usize>| dot_short(&self.hazards[rows.clone()], &column[rows]);
            let tied = sum(group.events.clone());
            at_risk += tied + sum(group.censored.clone());
            *sums = (at_risk, tied);
        }
        let mut shared = 0.0;
        for (group, &(at_risk, tied)) in self.groups.iter().zip(&self.sums).rev() {
            shared += group.plain * at_risk - group.removed * tied;
            let less = group.removed * at_risk - group.removed_twice * tied;
            for (rows, shared) in [(&group.events, shared - less), (&group.censored, shared)] {
                for row in rows.clone() {
                    product[row] = self.expected[row] * column[row] - self.hazards[row] * shared;
                }
            }
        }
    }
}

/// The sum over the few patients of one time.
fn dot_short(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
