//! What people see who may see groups but no patient.

use oncoweave_core::{
    CalibrationAt, Evaluation,
    small_cells::{Shown, shown},
};
use oncoweave_report::chart::Bin;

use super::Study;

/// The rule for those without the right to see patients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Protected {
    /// The smallest count that is told.
    pub(crate) least: usize,
}

impl Protected {
    /// Whether figures of a group may be told: enough patients, events, and patients without one.
    pub(crate) fn allows(self, patients: usize, events: usize) -> bool {
        let left = patients.saturating_sub(events);
        [patients, events, left].iter().all(|&count| count >= self.least)
    }
}

/// Bins of ten per cent of predicted risk within a horizon, high risk and low.
pub(crate) fn risk_bins(
    study: &Study,
    places: &[usize],
    horizon: usize,
    protected: Option<Protected>,
) -> Vec<Bin> {
    let mut counts = [[0_usize; 2]; 10];
    for &place in places {
        let Some(risk) = study.risk(place, horizon) else { continue };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 9")]
        let bin = (risk * 10.0).floor().clamp(0.0, 9.0) as usize;
        counts[bin][usize::from(!study.patients[place].high_risk)] += 1;
    }
    let told: [Vec<Shown>; 2] = [0, 1].map(|group| {
        let of_group: Vec<usize> = counts.iter().map(|bin| bin[group]).collect();
        shown(&of_group, protected.map_or(0, |protected| protected.least))
    });
    let count = |bin: usize, group: usize| match told[group][bin] {
        Shown::Count(count) => Some(count),
        Shown::Few | Shown::Withheld => None,
    };
    (0..10)
        .map(|bin| Bin {
            low: bin as f64 / 10.0,
            high: (bin + 1) as f64 / 10.0,
            counts: [count(bin, 0), count(bin, 1)],
        })
        .collect()
}

/// The evaluation without what points at few patients: who was set aside, folds and groups that
/// are small in patients, in events, or in patients without one.
pub(crate) fn protected_evaluation(evaluation: &Evaluation, protected: Protected) -> Evaluation {
    let mut safe = evaluation.clone();
    safe.exclusions.clear();
    for model in &mut safe.models {
        // All or none: a single fold left out could be worked out from the total.
        if model.folds.iter().any(|fold| !protected.allows(fold.patients, fold.events)) {
            model.folds.clear();
        }
    }
    if let Some(calibration) = &mut safe.calibration {
        for at in &mut calibration.at {
            if !groups_are_large(at, protected) {
                at.groups.clear();
            }
        }
    }
    safe
}

fn groups_are_large(at: &CalibrationAt, protected: Protected) -> bool {
    at.groups.iter().all(|group| {
        let share = group.observed.map_or(0.0, |observed| 1.0 - observed.value);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let events = (share * group.patients as f64).round() as usize;
        protected.allows(group.patients, events)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_their_absence_are_both_small_counts() {
        let rule = Protected { least: 10 };
        for (patients, events, allowed) in
            [(20, 10, true), (9, 9, false), (50, 3, false), (50, 45, false), (0, 0, false)]
        {
            assert_eq!(rule.allows(patients, events), allowed, "{patients} {events}");
        }
    }
}
