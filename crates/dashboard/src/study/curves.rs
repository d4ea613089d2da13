//! The curves of groups of patients, and how far they are apart.

use oncoweave_core::{
    Estimate, Undefined,
    competing_risks::CompetingOutcome,
    hazard_ratio::hazard_ratio,
    kaplan_meier::KaplanMeier,
    log_rank::{LogRank, log_rank},
};
use oncoweave_report::chart::Figure;
use oncoweave_report::groups::{RiskGroup, coarsen, drawn_groups, without_the_event};

use super::{Protected, Study};

/// How far two groups are apart, beside competing events in the hazard of the event itself.
#[derive(Clone, Debug)]
pub(crate) struct Separation {
    pub(crate) log_rank: Result<LogRank, Undefined>,
    /// The hazard of the high-risk group over that of the other.
    pub(crate) hazard_ratio: Result<Estimate, Undefined>,
}

impl Separation {
    pub(crate) fn of([high, low]: &[RiskGroup; 2]) -> Self {
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
pub(crate) fn groups(
    study: &Study,
    places: &[usize],
    protected: Option<Protected>,
) -> [RiskGroup; 2] {
    let of = |high: bool| -> Vec<CompetingOutcome> {
        let own = places.iter().filter(|&&place| study.patients[place].high_risk == high);
        own.filter_map(|&place| study.outcome(place)).collect()
    };
    let mut groups = [RiskGroup::of("High risk", &of(true)), RiskGroup::of("Low risk", &of(false))];
    if let Some(rule) = protected {
        coarsen(&mut groups, &study.evaluation.horizons_days, rule);
    }
    groups
}

/// The curve of some patients, whatever their risk.
pub(crate) fn cohort_curve(study: &Study, places: &[usize]) -> KaplanMeier {
    let outcomes: Vec<CompetingOutcome> =
        places.iter().filter_map(|&place| study.outcome(place)).collect();
    without_the_event(&outcomes)
}

/// The chart of the groups of a study; `None` without outcomes.
pub(crate) fn drawn_curves(study: &Study, groups: &[RiskGroup]) -> Option<Figure> {
    drawn_groups(groups, !study.evaluation.competing.is_empty())
}
