//! The log-rank test.

use statrs::function::gamma::gamma_ur;

use crate::{Survival, Undefined};

/// A log-rank test's outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogRank {
    /// The chi-squared statistic.
    pub statistic: f64,
    /// One less than the number of groups with anybody at risk of an event.
    pub degrees_of_freedom: usize,
    /// The probability of such a statistic, or a larger one, when all groups have one hazard.
    pub p: f64,
}

/// Tests whether groups of patients have one hazard. Mantel, Cancer Chemother Rep 1966;50:163;
/// hypergeometric variance, for any number of groups as R's `survdiff`.
///
/// Groups in which nobody was under observation at any event are left out. Who came under
/// observation late counts after the time of entry.
///
/// # Errors
/// When no event was observed, or fewer than two groups are left.
pub fn log_rank(groups: &[&[Survival]]) -> Result<LogRank, Undefined> {
    moments(groups).differ(groups.iter().map(|group| group.len()).sum())
}

/// Tests as [`log_rank`] whether groups have one hazard within strata that may each have their
/// own: observed, expected and variance are summed over strata. R's `survdiff` with `strata`.
///
/// Each stratum has the same groups in the same order; a group may be empty in some.
///
/// # Errors
/// As [`log_rank`].
///
/// # Panics
/// When strata do not have as many groups as one another.
pub fn log_rank_stratified(strata: &[Vec<&[Survival]>]) -> Result<LogRank, Undefined> {
    summed(strata).differ(patients(strata))
}

/// Tests whether hazards rise or fall with a score of each group, such as its rank: (Σ s (O - E))²
/// over its variance, with one degree of freedom. Tarone, Biometrika 1975;62:679.
///
/// # Errors
/// As [`log_rank`]; scores that are all alike are one group.
///
/// # Panics
/// When there is not one score for each group.
pub fn log_rank_trend(groups: &[&[Survival]], scores: &[f64]) -> Result<LogRank, Undefined> {
    log_rank_trend_stratified(&[groups.to_vec()], scores)
}

/// Tests as [`log_rank_trend`] within strata that may each have hazards of their own.
///
/// Each stratum has the same groups in the same order; a group may be empty in some.
///
/// # Errors
/// As [`log_rank_trend`].
///
/// # Panics
/// When a stratum does not have one group for each score.
pub fn log_rank_trend_stratified(
    strata: &[Vec<&[Survival]>],
    scores: &[f64],
) -> Result<LogRank, Undefined> {
    let whole = strata.iter().all(|groups| groups.len() == scores.len());
    assert!(whole, "one group for each score");
    let moments = summed(strata);
    let used = moments.used(patients(strata))?;
    if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
        return Err(Undefined::NotFinite { what: "a score", row, value: scores[row] });
    }
    let difference: f64 = used
        .iter()
        .map(|&group| scores[group] * (moments.observed[group] - moments.expected[group]))
        .sum();
    let of_row = |&a: &usize| -> f64 {
        used.iter().map(|&b| scores[a] * scores[b] * moments.variance[a][b]).sum()
    };
    let variance: f64 = used.iter().map(of_row).sum();
    let scale = used.iter().map(|&a| scores[a] * scores[a] * moments.variance[a][a]).sum::<f64>();
    if variance <= 1e-12 * scale {
        return Err(Undefined::TooFewGroups { groups: 1 });
    }
    Ok(LogRank::of(difference * difference / variance, 1))
}

impl LogRank {
    fn of(statistic: f64, degrees_of_freedom: usize) -> Self {
        // The upper tail of the chi-squared distribution; the function does not take 0.
        let p = if statistic > 0.0 {
            gamma_ur(degrees_of_freedom as f64 / 2.0, statistic / 2.0)
        } else {
            1.0
        };
        Self { statistic, degrees_of_freedom, p }
    }
}

struct Moments {
    observed: Vec<f64>,
    expected: Vec<f64>,
    variance: Vec<Vec<f64>>,
}

impl Moments {
    fn zero(groups: usize) -> Self {
        Self {
            observed: vec![0.0; groups],
            expected: vec![0.0; groups],
            variance: vec![vec![0.0; groups]; groups],
        }
    }

    fn add(&mut self, other: &Self) {
        assert_eq!(self.observed.len(), other.observed.len(), "the same groups in each stratum");
        let rows = self.variance.iter_mut().zip(&other.variance);
        let pairs = rows
            .chain([(&mut self.observed, &other.observed), (&mut self.expected, &other.expected)]);
        for (sums, values) in pairs {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
    }

    /// The groups with somebody at risk of an event.
    fn used(&self, patients: usize) -> Result<Vec<usize>, Undefined> {
        let groups = 0..self.expected.len();
        let used: Vec<usize> = groups.filter(|&group| self.expected[group] > 0.0).collect();
        match used.len() {
            0 => Err(Undefined::NoEvent { patients }),
            1 => Err(Undefined::TooFewGroups { groups: 1 }),
            _ => Ok(used),
        }
    }

    fn differ(&self, patients: usize) -> Result<LogRank, Undefined> {
        let used = self.used(patients)?;
        // The differences of all groups sum to zero, so one group carries nothing new.
        let free = &used[..used.len() - 1];
        let variance =
            free.iter().map(|&a| free.iter().map(|&b| self.variance[a][b]).collect()).collect();
        let difference: Vec<f64> =
            free.iter().map(|&group| self.observed[group] - self.expected[group]).collect();
        let solution =
            solve(variance, difference.clone()).ok_or(Undefined::TooFewGroups { groups: 1 })?;
        let statistic = difference.iter().zip(&solution).map(|(a, b)| a * b).sum::<f64>().max(0.0);
        Ok(LogRank::of(statistic, free.len()))
    }
}

fn patients(strata: &[Vec<&[Survival]>]) -> usize {
    strata.iter().flatten().map(|group| group.len()).sum()
}

/// The moments over all strata.
fn summed(strata: &[Vec<&[Survival]>]) -> Moments {
    let mut sum = Moments::zero(strata.first().map_or(0, Vec::len));
    for groups in strata {
        sum.add(&moments(groups));
    }
    sum
}

fn moments(groups: &[&[Survival]]) -> Moments {
    let count = groups.len();
    let from_the_start = |group: &&[Survival]| {
        group.iter().filter(|outcome| outcome.entry_days.is_none()).count() as f64
    };
    let mut at_risk: Vec<f64> = groups.iter().map(from_the_start).collect();
    let late = groups.iter().enumerate().flat_map(|(group, outcomes)| {
        outcomes.iter().filter_map(move |outcome| Some((outcome.entry_days?, group)))
    });
    let mut late: Vec<(f64, usize)> = late.collect();
    late.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut all: Vec<(f64, usize, bool)> = groups
        .iter()
        .enumerate()
        .flat_map(|(group, outcomes)| {
            outcomes.iter().map(move |outcome| (outcome.time_days, group, outcome.event))
        })
        .collect();
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut moments = Moments::zero(count);
    for now in all.chunk_by(|a, b| a.0 >= b.0) {
        while let Some((_, group)) = late.pop_if(|(entry, _)| *entry < now[0].0) {
            at_risk[group] += 1.0;
        }
        let total: f64 = at_risk.iter().sum();
        let events = now.iter().filter(|row| row.2).count() as f64;
        let tied = if total > 1.0 { (total - events) / (total - 1.0) } else { 0.0 };
        let shares: Vec<f64> = at_risk.iter().map(|group| group / total).collect();
        for (a, share) in shares.iter().enumerate() {
            moments.expected[a] += events * share;
            for (b, other) in shares.iter().enumerate() {
                let same = if a == b { 1.0 } else { 0.0 };
                moments.variance[a][b] += events * tied * share * (same - other);
            }
        }
        for &(_, group, event) in now {
            at_risk[group] -= 1.0;
            if event {
                moments.observed[group] += 1.0;
            }
        }
    }
    moments
}

/// Solves a symmetric, positive definite system by Gaussian elimination with pivots; `None` where
/// it is singular.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    let scale = (0..size).map(|i| matrix[i][i].abs()).fold(0.0, f64::max);
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))?;
        if matrix[pivot][column].abs() <= scale * 1e-12 {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let (done, below) = matrix.split_at_mut(column + 1);
        for (offset, row) in below.iter_mut().enumerate() {
            let factor = row[column] / done[column][column];
            for (value, above) in row.iter_mut().zip(&done[column]).skip(column) {
                *value -= factor * above;
            }
            right[column + 1 + offset] -= factor * right[column];
        }
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|column| matrix[row][column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partial_likelihood::{RiskSets, Ties};

    fn outcomes(rows: &[(f64, bool)]) -> Vec<Survival> {
        rows.iter().map(|&(time_days, event)| Survival::until(time_days, event)).collect()
    }

    #[test]
    fn equal_groups_do_not_differ() {
        let group = outcomes(&[(1.0, true), (2.0, true), (3.0, false)]);
        let test = log_rank(&[&group, &group]).unwrap();
        assert_eq!((test.statistic, test.degrees_of_freedom, test.p), (0.0, 1, 1.0));
    }

    #[test]
    fn a_statistic_by_hand() {
        // Events at days 1 (1 of 4), 2 (1 of 3) and 3 (1 of 2), the first two in the first group:
        // expected 1/2 + 1/3 + 0, variance 1/4 + 2/9 + 0.
        let early = outcomes(&[(1.0, true), (2.0, true)]);
        let late = outcomes(&[(3.0, true), (4.0, false)]);
        let test = log_rank(&[&early, &late]).unwrap();
        let expected = (2.0 - 5.0 / 6.0_f64).powi(2) / (17.0 / 36.0);
        assert!((test.statistic - expected).abs() < 1e-12, "{test:?}");
    }

    /// Without ties it is the score test of a Cox model with one column that tells the groups apart.
    #[test]
    fn late_entries_count_after_they_entered() {
        let late = |entry, time, event| Survival::until(time, event).entered(entry).unwrap();
        let first = [late(0.5, 2.0, true), late(1.5, 5.0, true), Survival::until(6.0, false)];
        let second = [
            late(1.0, 3.0, true),
            late(3.5, 7.0, true),
            late(2.5, 4.0, false),
            late(4.5, 8.0, true),
        ];
        let all = [&first[..], &second].concat();
        let column = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let sets = RiskSets::new(&all, Ties::Efron);
        let at = sets.at(&[0.0; 7]);
        let dot = |values: &[f64]| values.iter().zip(column).map(|(a, b)| a * b).sum::<f64>();
        let expected = dot(&at.gradient).powi(2) / dot(&at.curvature(&column));
        let found = log_rank(&[&first, &second]).unwrap();
        assert!((found.statistic - expected).abs() < 1e-12, "{found:?} {expected}");
        let early = all.iter().map(|one| Survival { entry_days: None, ..*one });
        let early: Vec<Survival> = early.collect();
        let without = log_rank(&[&early[..3], &early[3..]]).unwrap();
        assert!((found.statistic - without.statistic).abs() > 0.01);
    }

    #[test]
    fn groups_without_anybody_at_risk_do_not_count() {
        let early = outcomes(&[(1.0, true), (2.0, true)]);
        let late = outcomes(&[(3.0, true), (4.0, false)]);
        let gone = outcomes(&[(0.5, false)]);
        assert_eq!(log_rank(&[&early, &gone, &[], &late]), log_rank(&[&early, &late]));
    }

    #[test]
    fn says_why_there_is_no_test() {
        let events = outcomes(&[(1.0, true), (2.0, true)]);
        let censored = outcomes(&[(1.0, false), (2.0, false)]);
        assert_eq!(log_rank(&[&censored, &censored]), Err(Undefined::NoEvent { patients: 4 }));
        assert_eq!(log_rank(&[&events]), Err(Undefined::TooFewGroups { groups: 1 }));
        assert_eq!(log_rank(&[]), Err(Undefined::NoEvent { patients: 0 }));
    }
}
