//! Patients of one predicted risk group: their curve, and its chart.

use oncoweave_core::competing_risks::{
    CompetingOutcome, CumulativeIncidence, EVENT, IncidenceStep, cause_specific,
};
use oncoweave_core::kaplan_meier::{KaplanMeier, Step};
use oncoweave_core::small_cells::Protected;
use oncoweave_core::{Prediction, Survival};

use crate::chart::{self, Curve, Figure, survival_curves};
use crate::words::{TimeUnit, capital};

/// Patients of one predicted risk group with a known outcome.
#[derive(Clone, Debug)]
pub struct RiskGroup {
    /// Its name.
    pub label: &'static str,
    /// What was observed; other events censor here.
    pub outcomes: Vec<Survival>,
    /// Patients who had an event that competes with this one.
    pub others: usize,
    /// The probability of being without the event.
    pub curve: KaplanMeier,
}

impl RiskGroup {
    /// A group of these patients.
    #[must_use]
    pub fn of(label: &'static str, outcomes: &[CompetingOutcome]) -> Self {
        Self {
            label,
            outcomes: cause_specific(outcomes, EVENT),
            others: outcomes.iter().filter(|one| is_other(one)).count(),
            curve: without_the_event(outcomes),
        }
    }

    /// Patients who had the event.
    #[must_use]
    pub fn events(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.event).count()
    }

    /// Whether its curve may be told: nobody is pointed at by a group that is empty or large.
    #[must_use]
    pub fn is_told(&self, rule: Protected) -> bool {
        self.outcomes.is_empty() || rule.allows(self.outcomes.len(), self.events())
    }

    /// The probability of being without the event at a time with its interval; `None` after the last
    /// follow-up.
    #[must_use]
    pub fn survival_at(&self, time_days: f64) -> Option<(f64, f64, f64)> {
        if time_days > self.curve.last_days()? {
            return None;
        }
        let passed = self.curve.steps.partition_point(|step| step.time_days <= time_days);
        let step = passed.checked_sub(1).map(|last| self.curve.steps[last]);
        Some(step.map_or((1.0, 1.0, 1.0), |step| (step.survival, step.low, step.high)))
    }

    fn drawn(&self, unit: TimeUnit, ticks: &[f64]) -> Curve {
        let days = unit.days();
        let tick_days: Vec<f64> = ticks.iter().map(|tick| tick * days).collect();
        let steps = &self.curve.steps;
        let step = |step: &Step| chart::Step {
            time: step.time_days / days,
            survival: step.survival,
            low: step.low,
            high: step.high,
        };
        let censored = steps.iter().filter(|step| step.censored > 0);
        Curve {
            label: self.label.to_owned(),
            steps: steps.iter().filter(|step| step.events > 0).map(step).collect(),
            censored: censored.map(|step| step.time_days / days).collect(),
            end: self.curve.last_days().unwrap_or(0.0) / days,
            at_risk: self.curve.at_risk(&tick_days),
        }
    }
}

/// What was observed of a patient, where events of these names compete with the one that is predicted.
#[must_use]
pub fn observed_outcome(prediction: &Prediction, competing: &[&str]) -> Option<CompetingOutcome> {
    let Survival { time_days, event, entry_days } = prediction.observed?;
    let is_it = |name: &&str| prediction.competing.as_deref() == Some(*name);
    let other = competing.iter().position(is_it).and_then(|place| u32::try_from(place).ok());
    let cause = if event { Some(EVENT) } else { other.map(|place| EVENT + 1 + place) };
    Some(CompetingOutcome { time_days, cause, entry_days })
}

fn is_other(outcome: &CompetingOutcome) -> bool {
    outcome.cause.is_some_and(|cause| cause != EVENT)
}

/// The probability of being without the event: Kaplan and Meier's, beside competing events what
/// the cumulative incidence of Aalen and Johansen leaves. One less Kaplan and Meier would promise
/// more events than happen.
#[must_use]
pub fn without_the_event(outcomes: &[CompetingOutcome]) -> KaplanMeier {
    let own = cause_specific(outcomes, EVENT);
    let alone = || KaplanMeier::fit(&own);
    if !outcomes.iter().any(is_other) {
        return alone();
    }
    let Ok(incidence) = CumulativeIncidence::fit(outcomes, EVENT) else { return alone() };
    let step = |step: &IncidenceStep| Step {
        time_days: step.time_days,
        at_risk: step.at_risk,
        events: step.events,
        censored: step.censored,
        survival: 1.0 - step.incidence,
        low: 1.0 - step.high,
        high: 1.0 - step.low,
    };
    KaplanMeier::of_steps(incidence.steps.iter().map(step).collect(), &own)
}

/// The last follow-up of any group in days.
#[must_use]
pub fn last_days(groups: &[RiskGroup]) -> f64 {
    groups.iter().filter_map(|group| group.curve.last_days()).fold(0.0, f64::max)
}

/// Lets the curves step at the horizons and the quarters of ticks alone, as far as enough patients are
/// followed.
pub fn coarsen(groups: &mut [RiskGroup], horizons_days: &[f64], Protected { least }: Protected) {
    let last = last_days(groups);
    let times = TimeUnit::for_span(last).coarse_days(last, horizons_days);
    for group in groups {
        group.curve = group.curve.coarse(&times, least);
    }
}

/// The chart of the groups with the number at risk under each tick; `None` without outcomes.
#[must_use]
pub fn drawn_groups(groups: &[RiskGroup], is_beside_others: bool) -> Option<Figure> {
    let known = groups.iter().filter(|group| !group.outcomes.is_empty());
    let last = last_days(groups);
    let unit = TimeUnit::for_span(last);
    let ticks = unit.ticks(last);
    let curves: Vec<Curve> = known.map(|group| group.drawn(unit, &ticks)).collect();
    if curves.is_empty() {
        return None;
    }
    let name = format!("{} since the index date", capital(unit.name()));
    let mut figure = survival_curves(&curves, &ticks, &name);
    "risk-groups".clone_into(&mut figure.name);
    let title = if is_beside_others {
        "Without the event by Aalen and Johansen, with the number at risk"
    } else {
        "Kaplan-Meier curves of the risk groups, with the number at risk"
    };
    title.clone_into(&mut figure.title);
    let mut outcomes = groups.iter().flat_map(|group| &group.outcomes);
    if outcomes.any(|outcome| outcome.entry_days.is_some()) {
        figure.title.push_str("; who came under observation late is at risk from then on");
    }
    Some(figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_had_another_event_stays_without_this_one() {
        let outcome = |time_days, cause| CompetingOutcome::until(time_days, cause);
        let both = [
            outcome(1.0, Some(EVENT)),
            outcome(2.0, Some(EVENT + 1)),
            outcome(3.0, None),
            outcome(4.0, Some(EVENT)),
        ];
        let group = RiskGroup::of("High risk", &both);
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
        assert_eq!(RiskGroup::of("High risk", &alone).curve, KaplanMeier::fit(&survival));
    }

    #[test]
    fn who_came_late_is_at_risk_from_then_on() {
        let outcome =
            |time_days, cause, entry_days| CompetingOutcome { time_days, cause, entry_days };
        let both = [
            outcome(1.0, Some(EVENT), None),
            outcome(2.0, Some(EVENT + 1), None),
            outcome(3.0, None, Some(1.5)),
            outcome(4.0, Some(EVENT), Some(2.5)),
        ];
        let curve = RiskGroup::of("High risk", &both).curve;
        let steps = curve.steps.iter();
        let counts: Vec<_> =
            steps.map(|one| (one.at_risk, one.events, one.censored, one.survival)).collect();
        // 1/2 have the event at first, 1/4 the other one, the last of the rest the event.
        assert_eq!(counts, [(2, 1, 0, 0.5), (2, 0, 0, 0.5), (2, 0, 1, 0.5), (1, 1, 0, 0.25)]);
        assert_eq!(curve.at_risk(&[0.0, 1.2, 2.0, 2.2, 3.0]), [2, 1, 2, 1, 2]);
    }

    #[test]
    fn numbers_at_risk_that_rise_are_explained() {
        let title = |entry_days| {
            let outcomes = [
                CompetingOutcome::until(9.0, None),
                CompetingOutcome { time_days: 4.0, cause: Some(EVENT), entry_days },
            ];
            drawn_groups(&[RiskGroup::of("High risk", &outcomes)], false).unwrap().title
        };
        assert!(title(Some(2.5)).ends_with("at risk from then on"));
        assert!(title(None).ends_with("with the number at risk"));
    }
}
