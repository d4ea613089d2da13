//! Kaplan-Meier curves of groups of patients, and how far apart they are.

use oncoweave_core::{
    Estimate, Survival, Undefined,
    competing_risks::{CompetingOutcome, CumulativeIncidence, EVENT, cause_specific},
    hazard_ratio::hazard_ratio,
    kaplan_meier::{self, KaplanMeier, Median},
    log_rank::{LogRank, log_rank},
};
use oncoweave_report::chart::{Curve, Figure, Step, survival_curves};
use oncoweave_report::words::TimeUnit;

use super::{Protected, Study};

/// Patients of one predicted risk group with a known outcome.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) label: &'static str,
    /// Other events censor here.
    pub(crate) outcomes: Vec<Survival>,
    /// Patients who had an event that competes with this one.
    pub(crate) others: usize,
    /// The probability of being without the event.
    pub(crate) curve: KaplanMeier,
}

impl Group {
    pub(crate) fn of(label: &'static str, outcomes: &[CompetingOutcome]) -> Self {
        Self {
            label,
            outcomes: cause_specific(outcomes, EVENT),
            others: outcomes.iter().filter(|one| is_other(one)).count(),
            curve: without_the_event(outcomes),
        }
    }

    pub(crate) fn events(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.event).count()
    }

    pub(crate) fn median(&self) -> Median {
        self.curve.median()
    }
}

fn is_other(outcome: &CompetingOutcome) -> bool {
    outcome.cause.is_some_and(|cause| cause != EVENT)
}

/// The probability of being without the event: Kaplan and Meier's, beside competing events what
/// the cumulative incidence of Aalen and Johansen leaves. One less Kaplan and Meier would promise
/// more events than happen.
fn without_the_event(outcomes: &[CompetingOutcome]) -> KaplanMeier {
    let alone = || KaplanMeier::fit(&cause_specific(outcomes, EVENT));
    if !outcomes.iter().any(is_other) {
        return alone();
    }
    let Ok(incidence) = CumulativeIncidence::fit(outcomes, EVENT) else { return alone() };
    let steps = &incidence.steps;
    let left = steps.iter().skip(1).map(|step| step.at_risk).chain([0]);
    let step = |(step, left): (&oncoweave_core::competing_risks::IncidenceStep, usize)| {
        kaplan_meier::Step {
            time_days: step.time_days,
            at_risk: step.at_risk,
            events: step.events,
            censored: step.at_risk - step.events - step.competing - left,
            survival: 1.0 - step.incidence,
            low: 1.0 - step.high,
            high: 1.0 - step.low,
        }
    };
    KaplanMeier { steps: steps.iter().zip(left).map(step).collect() }
}

/// How far two groups are apart, beside competing events in the hazard of the event itself.
#[derive(Clone, Debug)]
pub(crate) struct Separation {
    pub(crate) log_rank: Result<LogRank, Undefined>,
    /// The hazard of the high-risk group over that of the other.
    pub(crate) hazard_ratio: Result<Estimate, Undefined>,
}

impl Separation {
    pub(crate) fn of([high, low]: &[Group; 2]) -> Self {
        let outcomes = [&high.outcomes[..], &low.outcomes].concat();
        let is_high: Vec<bool> =
            (0..outcomes.len()).map(|place| place < high.outcomes.len()).collect();
        Self {
            log_rank: log_rank(&[&high.outcomes, &low.outcomes]),
            hazard_ratio: hazard_ratio(&outcomes, &is_high),
        }
    }
}

/// High risk, then low; each patient of the selection with a known outcome once. What is protected has
/// curves that step at the horizons and the quarters of ticks alone.
pub(crate) fn groups(study: &Study, places: &[usize], protected: Option<Protected>) -> [Group; 2] {
    let of = |high: bool| -> Vec<CompetingOutcome> {
        let own = places.iter().filter(|&&place| study.patients[place].high_risk == high);
        own.filter_map(|&place| study.outcome(place)).collect()
    };
    let mut groups = [Group::of("High risk", &of(true)), Group::of("Low risk", &of(false))];
    if let Some(Protected { least }) = protected {
        let last = groups.iter().filter_map(|group| group.curve.last_days()).fold(0.0, f64::max);
        let times = TimeUnit::for_span(last).coarse_days(last, &study.evaluation.horizons_days);
        for group in &mut groups {
            group.curve = group.curve.coarse(&times, least);
        }
    }
    groups
}

/// The curve of some patients, whatever their risk.
pub(crate) fn cohort_curve(study: &Study, places: &[usize]) -> KaplanMeier {
    let outcomes: Vec<CompetingOutcome> =
        places.iter().filter_map(|&place| study.outcome(place)).collect();
    without_the_event(&outcomes)
}

/// The chart of the groups of a study, with the number at risk under each tick; `None` without outcomes.
pub(crate) fn drawn_curves(study: &Study, groups: &[Group]) -> Option<Figure> {
    let last_days = groups.iter().filter_map(|group| group.curve.last_days()).fold(0.0, f64::max);
    if groups.iter().all(|group| group.outcomes.is_empty()) {
        return None;
    }
    let unit = TimeUnit::for_span(last_days);
    let ticks = unit.ticks(last_days);
    let curves: Vec<Curve> = groups
        .iter()
        .filter(|group| !group.outcomes.is_empty())
        .map(|group| drawn(group, unit, &ticks))
        .collect();
    let name = format!("{} since the index date", capital(unit.name()));
    let mut figure = survival_curves(&curves, &ticks, &name);
    "risk-groups".clone_into(&mut figure.name);
    let estimate = if study.evaluation.competing.is_empty() {
        "Kaplan-Meier curves of the risk groups, with the number at risk"
    } else {
        "Without the event by Aalen and Johansen, with the number at risk"
    };
    estimate.clone_into(&mut figure.title);
    Some(figure)
}

fn drawn(group: &Group, unit: TimeUnit, ticks: &[f64]) -> Curve {
    let days = unit.days();
    let steps = &group.curve.steps;
    let step = |step: &oncoweave_core::kaplan_meier::Step| Step {
        time: step.time_days / days,
        survival: step.survival,
        low: step.low,
        high: step.high,
    };
    Curve {
        label: group.label.to_owned(),
        steps: steps.iter().filter(|step| step.events > 0).map(step).collect(),
        censored: steps
            .iter()
            .filter(|step| step.censored > 0)
            .map(|step| step.time_days / days)
            .collect(),
        end: group.curve.last_days().unwrap_or(0.0) / days,
        at_risk: group.curve.at_risk(&ticks.iter().map(|tick| tick * days).collect::<Vec<_>>()),
    }
}

fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or(String::new(), |first| {
        first.to_uppercase().collect::<String>() + characters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_had_another_event_stays_without_this_one() {
        let outcome = |time_days, cause| CompetingOutcome { time_days, cause };
        let both = [
            outcome(1.0, Some(EVENT)),
            outcome(2.0, Some(EVENT + 1)),
            outcome(3.0, None),
            outcome(4.0, Some(EVENT)),
        ];
        let group = Group::of("High risk", &both);
        assert_eq!((group.events(), group.others), (2, 1));
        let left: Vec<f64> = group.curve.steps.iter().map(|step| step.survival).collect();
        // 1/4 at first; then half of the patients are free of both events when the last one has it.
        let expected = [0.75, 0.75, 0.75, 0.25];
        assert!(
            left.iter().zip(expected).all(|(left, one)| (left - one).abs() < 1e-12),
            "{left:?}"
        );
        let censored: Vec<usize> = group.curve.steps.iter().map(|step| step.censored).collect();
        assert_eq!(censored, [0, 0, 1, 0]);
        let alone = [both[0], both[2], both[3]];
        let survival: Vec<Survival> = cause_specific(&alone, EVENT);
        assert_eq!(Group::of("High risk", &alone).curve, KaplanMeier::fit(&survival));
    }
}
