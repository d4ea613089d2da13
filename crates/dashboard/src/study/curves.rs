//! Kaplan-Meier curves of groups of patients, and how far apart they are.

use oncoweave_core::{
    Estimate, Survival, Undefined,
    hazard_ratio::hazard_ratio,
    kaplan_meier::{KaplanMeier, Median},
    log_rank::{LogRank, log_rank},
};
use oncoweave_report::chart::{Curve, Figure, Step, survival_curves};
use oncoweave_report::words::TimeUnit;

use super::{Protected, Study};

/// Patients of one predicted risk group with a known outcome.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) label: &'static str,
    pub(crate) outcomes: Vec<Survival>,
    pub(crate) curve: KaplanMeier,
}

impl Group {
    pub(crate) fn of(label: &'static str, outcomes: Vec<Survival>) -> Self {
        Self { label, curve: KaplanMeier::fit(&outcomes), outcomes }
    }

    pub(crate) fn events(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.event).count()
    }

    pub(crate) fn median(&self) -> Median {
        self.curve.median()
    }
}

/// How far two groups are apart.
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
    let of = |high: bool| {
        let patients = places.iter().map(|&place| &study.patients[place]);
        patients.filter(|one| one.high_risk == high).filter_map(|one| one.observed).collect()
    };
    let mut groups = [Group::of("High risk", of(true)), Group::of("Low risk", of(false))];
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
    let outcomes: Vec<Survival> =
        places.iter().filter_map(|&place| study.patients[place].observed).collect();
    KaplanMeier::fit(&outcomes)
}

/// The chart of the groups, with the number at risk under each tick; `None` without outcomes.
pub(crate) fn drawn_curves(groups: &[Group]) -> Option<Figure> {
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
    "Kaplan-Meier curves of the risk groups, with the number at risk".clone_into(&mut figure.title);
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
