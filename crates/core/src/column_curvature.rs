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
    /// See [`Evaluation::late`].
    late: Vec<(usize, usize)>,
    /// Room for what each patient's terms before the entry sum up to; none without late entries.
    before: Vec<f64>,
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
        let late = at.late();
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
            before: vec![0.0; if late.is_empty() { 0 } else { log_risks.len() }],
            late,
            groups,
        }
    }

    /// Writes the second derivative times a column, in O(patients).
    pub(crate) fn times(&mut self, column: &[f64], product: &mut [f64]) {
        let mut at_risk = 0.0;
        let mut late = self.late.iter().peekable();
        for (place, (group, sums)) in self.groups.iter().zip(&mut self.sums).enumerate() {
            let sum = |rows: Range<usize>| dot_short(&self.hazards[rows.clone()], &column[rows]);
            let tied = sum(group.events.clone());
            at_risk += tied + sum(group.censored.clone());
            while let Some(&(_, row)) = late.next_if(|(first, _)| *first <= place) {
                at_risk -= self.hazards[row] * column[row];
            }
            *sums = (at_risk, tied);
        }
        let mut shared = 0.0;
        let mut late = self.late.iter().rev().peekable();
        for (place, (group, &(at_risk, tied))) in
            self.groups.iter().zip(&self.sums).enumerate().rev()
        {
            // What came before the entry is none of the patient's.
            while let Some(&(_, row)) = late.next_if(|(first, _)| *first > place) {
                self.before[row] = shared;
            }
            shared += group.plain * at_risk - group.removed * tied;
            let less = group.removed * at_risk - group.removed_twice * tied;
            for (rows, shared) in [(&group.events, shared - less), (&group.censored, shared)] {
                for row in rows.clone() {
                    let shared = shared - self.before.get(row).copied().unwrap_or(0.0);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Survival, cox::Ties};

    #[test]
    fn the_curvature_of_a_column_is_that_of_the_likelihood() {
        // From the latest time to the earliest, events first.
        let all = [
            (9.0, true, Some(2.0)),
            (8.0, false, None),
            (6.0, true, None),
            (6.0, true, Some(5.0)),
            (6.0, false, Some(3.0)),
            (5.0, true, Some(1.0)),
            (3.0, true, None),
            (3.0, false, Some(0.5)),
            (1.0, true, None),
        ]
        .map(|(time, event, entry_days)| Survival { entry_days, ..Survival::until(time, event) });
        let early = all.map(|one| Survival { entry_days: None, ..one });
        let log_risks = [0.3, -1.2, 0.8, 0.1, 2.0, -0.4, 0.0, 1.0, -0.7];
        let column = [1.0, -0.5, 0.3, 2.0, -1.0, 0.7, 0.1, -2.0, 0.4];
        for outcomes in [all, early] {
            for ties in [Ties::Efron, Ties::Breslow] {
                let sets = RiskSets::new(&outcomes, ties);
                let mut product = [0.0; 9];
                sets.point(&log_risks).curvature.times(&column, &mut product);
                let expected = sets.at(&log_risks).curvature(&column);
                for (found, expected) in product.iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-12, "{ties:?} {found} {expected}");
                }
            }
        }
    }
}
