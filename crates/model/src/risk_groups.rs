//! How a model's groups of predicted risk fared.

use oncoweave_core::{
    Estimate, GroupMean, RestrictedMeans, Risk, RiskGroups, RiskThird, Survival, TestResult,
    Undefined,
    calibration::observed_at,
    competing_risks::{CompetingOutcome, EVENT, cause_specific},
    incidence::observed_incidence,
    inference::Estimated,
    kaplan_meier::{KaplanMeier, RestrictedMean},
    log_rank::{LogRank, log_rank_stratified, log_rank_trend_stratified},
};

use crate::{
    figures::plain,
    held_out::{Candidate, Setting},
    table::Table,
};

/// Follow-up by stratum and group.
type Strata = Vec<Vec<Vec<Survival>>>;

/// Restricted means and tests of the risk groups; what is undefined is left out and said in
/// `notes`.
pub(crate) fn risk_groups(
    setting: &Setting,
    model: &Candidate,
    notes: &mut Vec<String>,
) -> Option<RiskGroups> {
    let table = Table::new(setting, model, model);
    if table.outcomes.is_empty() {
        return None;
    }
    let own = cause_specific(&table.outcomes, EVENT);
    let mut say = |what: &str, reason: &Undefined| {
        notes.push(format!("`{}` has no {what}: {reason}", model.name));
    };
    // The first group is that of low risk.
    let high: Vec<usize> = table.high_risk.iter().map(|&high| usize::from(high)).collect();
    let two = strata(&table.parts, &own, &high, 2);
    let third_of = thirds(&table.parts, &table.risks);
    let three = strata(&table.parts, &own, &third_of, 3);
    let log_rank = log_rank_stratified(&borrowed(&two));
    let trend = log_rank_trend_stratified(&borrowed(&three), &[0.0, 1.0, 2.0]);
    let third = |group: usize| {
        let members = table.outcomes.iter().zip(&third_of).filter(|(_, of)| **of == group);
        let members: Vec<CompetingOutcome> = members.map(|(outcome, _)| *outcome).collect();
        let survival = cause_specific(&members, EVENT);
        let without_event = |&at: &f64| {
            if setting.competing { without(&members, at) } else { surviving(&survival, at) }
        };
        RiskThird {
            patients: members.len(),
            events: survival.iter().filter(|outcome| outcome.event).count(),
            without_event: setting.horizons_days.iter().map(without_event).collect(),
        }
    };
    let means = (!setting.competing).then(|| restricted_means(&two, setting.horizons_days));
    Some(RiskGroups {
        restricted_means: means.and_then(|means| {
            means.map_err(|reason| say("restricted means of its risk groups", &reason)).ok()
        }),
        log_rank: log_rank
            .map_err(|reason| say("log-rank test of its risk groups", &reason))
            .ok()
            .map(result),
        thirds: (0..3).map(third).collect(),
        trend: trend
            .map_err(|reason| say("trend test over thirds of its risk", &reason))
            .ok()
            .map(result),
    })
}

/// The share that survives a time, by Kaplan and Meier.
fn surviving(outcomes: &[Survival], time_days: f64) -> Option<Estimate> {
    let found = observed_at(outcomes, time_days)?;
    Some(Estimate { value: found.survival.0, low: found.low.0, high: found.high.0 })
}

/// The share without the event at a time, by Aalen and Johansen; before the first event there is
/// nothing to make an interval of.
fn without(outcomes: &[CompetingOutcome], time_days: f64) -> Option<Estimate> {
    let found = observed_incidence(outcomes, time_days)?;
    let (value, low, high) = (1.0 - found.incidence.0, 1.0 - found.high.0, 1.0 - found.low.0);
    let whole = Estimate { value: 1.0, low: 1.0, high: 1.0 };
    Some(if value < 1.0 { Estimate { value, low, high } } else { whole })
}

fn result(test: LogRank) -> TestResult {
    let LogRank { statistic, degrees_of_freedom, p } = test;
    TestResult { statistic, degrees_of_freedom, p }
}

/// The third of the risk within its part that each patient is in, from 0 for the lowest; equal
/// risks stay together.
fn thirds(parts: &[u32], risks: &[Risk]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..risks.len()).collect();
    order.sort_by(|&a, &b| parts[a].cmp(&parts[b]).then(risks[a].0.total_cmp(&risks[b].0)));
    let mut thirds = vec![0; risks.len()];
    for rows in order.chunk_by(|&a, &b| parts[a] == parts[b]) {
        let mut below = 0;
        for equal in rows.chunk_by(|&a, &b| risks[a].0 >= risks[b].0) {
            for &row in equal {
                thirds[row] = below * 3 / rows.len();
            }
            below += equal.len();
        }
    }
    thirds
}

fn strata(parts: &[u32], outcomes: &[Survival], group_of: &[usize], groups: usize) -> Strata {
    let count = parts.iter().max().map_or(0, |&last| last as usize + 1);
    let mut strata = vec![vec![vec![]; groups]; count];
    for ((&part, outcome), &group) in parts.iter().zip(outcomes).zip(group_of) {
        strata[part as usize][group].push(*outcome);
    }
    strata
}

fn borrowed(strata: &Strata) -> Vec<Vec<&[Survival]>> {
    strata.iter().map(|groups| groups.iter().map(Vec::as_slice).collect()).collect()
}

/// Mean times without the event of low and of high risk, up to the last horizon that both groups'
/// follow-up reaches: no patient's own time is told.
fn restricted_means(two: &Strata, horizons_days: &[f64]) -> Result<RestrictedMeans, Undefined> {
    let [low, high] = [0, 1].map(|group| -> Vec<Survival> {
        two.iter().flat_map(|groups| &groups[group]).copied().collect()
    });
    let curves = [&low, &high].map(|outcomes| KaplanMeier::fit(outcomes));
    let at = |tau_days: f64| -> Result<RestrictedMeans, Undefined> {
        let [of_low, of_high] = curves.each_ref().map(|curve| curve.restricted_mean(tau_days));
        let (of_low, of_high) = (of_low?, of_high?);
        let mean = |outcomes: &[Survival], mean: &RestrictedMean| GroupMean {
            patients: outcomes.len(),
            events: outcomes.iter().filter(|outcome| outcome.event).count(),
            days: Estimate { value: mean.days, low: mean.low, high: mean.high },
        };
        Ok(RestrictedMeans {
            tau_days,
            high: mean(&high, &of_high),
            low: mean(&low, &of_low),
            difference: plain(Estimated::difference(
                (of_low.days, of_low.standard_error),
                (of_high.days, of_high.standard_error),
            )),
        })
    };
    let mut found = Err(Undefined::NoPatient);
    for &tau_days in horizons_days.iter().rev() {
        found = at(tau_days);
        if found.is_ok() {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirds_are_of_each_part_and_keep_equal_risks_together() {
        let risks = [5.0, 1.0, 3.0, 20.0, 10.0, 30.0, 7.0, 7.0, 7.0, 8.0].map(Risk);
        let parts = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2];
        assert_eq!(thirds(&parts, &risks), [2, 0, 1, 1, 0, 2, 0, 0, 0, 2]);
    }

    #[test]
    fn restricted_means_end_at_the_last_horizon_that_both_groups_reach() {
        let at = |time_days: f64, event| Survival::until(time_days, event);
        let two = vec![vec![
            vec![at(5.0, true), at(40.0, false)],
            vec![at(2.0, true), at(4.0, true), at(25.0, false)],
        ]];
        let found = restricted_means(&two, &[10.0, 20.0, 30.0]).unwrap();
        assert!((found.tau_days - 20.0).abs() < 1e-12);
        assert!((found.low.days.value - 12.5).abs() < 1e-12);
        assert!((found.high.days.value - (2.0 + 2.0 * 2.0 / 3.0 + 16.0 / 3.0)).abs() < 1e-12);
        assert!((found.difference.value - (12.5 - 26.0 / 3.0)).abs() < 1e-12);
        assert_eq!((found.high.patients, found.high.events), (3, 2));
        assert!(restricted_means(&two, &[60.0]).is_err());
    }
}
