//! Counts that are small enough to point at somebody are not shown.
//!
//! One rule for model cards and for pages that people open who may see groups but no patients.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    CalibrationAt, Comparison, Estimate, Evaluation, ReclassificationKind, RestrictedMeans,
    RiskGroups, RiskThird,
};

/// The smallest count that is shown, unless a site asks for another.
pub const LEAST_SHOWN: usize = 10;

/// A count of patients as it may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// The count.
    Count(usize),
    /// Fewer than the smallest count that is shown.
    #[serde(rename = "fewer_than_ten")]
    Few,
    /// Not told, as a smaller count beside it could be worked out from it.
    Withheld,
}

impl Shown {
    /// The count in words, where `least` is the smallest that is shown.
    #[must_use]
    pub fn text(self, least: usize) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Few => format!("fewer than {least}"),
            Self::Withheld => "withheld".to_owned(),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(LEAST_SHOWN))
    }
}

/// The counts of a table whose sum is known. Where some are below `least`, so many more are
/// withheld that at least two cells are hidden and `least` patients or more are in them.
#[must_use]
pub fn shown(counts: &[usize], least: usize) -> Vec<Shown> {
    shown_parts(counts, &vec![usize::MAX; counts.len()], least)
}

/// As [`shown`], of counts that are parts of known counts, such as the events in each group: nor
/// may the remainders, the patients without an event, be worked out where they are small.
///
/// # Panics
/// When there are not as many wholes as counts.
#[must_use]
pub fn shown_parts(counts: &[usize], wholes: &[usize], least: usize) -> Vec<Shown> {
    let rest = |place: usize| wholes[place].saturating_sub(counts[place]);
    let mut cells: Vec<Shown> = (0..counts.len())
        .map(|place| {
            if counts[place] < least {
                Shown::Few
            } else if rest(place) < least {
                Shown::Withheld
            } else {
                Shown::Count(counts[place])
            }
        })
        .collect();
    loop {
        let (open, hidden): (Vec<usize>, Vec<usize>) =
            (0..cells.len()).partition(|&place| matches!(cells[place], Shown::Count(_)));
        let sum = |of: &dyn Fn(usize) -> usize| {
            hidden.iter().fold(0_usize, |sum, &place| sum.saturating_add(of(place)))
        };
        let safe = hidden.len() > 1 && sum(&|place| counts[place]) >= least && sum(&rest) >= least;
        let smallest = open.into_iter().min_by_key(|&place| counts[place]);
        match smallest {
            Some(place) if !hidden.is_empty() && !safe => cells[place] = Shown::Withheld,
            _ => return cells,
        }
    }
}

/// The rule for those who may see groups but no patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protected {
    /// The smallest count that is told.
    pub least: usize,
}

impl Protected {
    /// Whether figures of a group may be told: enough patients, events, and patients without one.
    #[must_use]
    pub fn allows(self, patients: usize, events: usize) -> bool {
        let left = patients.saturating_sub(events);
        [patients, events, left].iter().all(|&count| count >= self.least)
    }

    /// The evaluation without what points at few patients: who was set aside, notes with counts,
    /// folds and groups that are small in patients, in events, or in patients without one. Counts of
    /// the cohort are rounded down to multiples of `least`, so that no small one can be worked out.
    #[must_use]
    pub fn evaluation(self, evaluation: &Evaluation) -> Evaluation {
        let mut safe = evaluation.clone();
        safe.exclusions.clear();
        let before = safe.notes.len();
        safe.notes.retain(|note| numbers_are_settings(note, evaluation));
        if safe.notes.len() < before {
            safe.notes
                .push("what else is to be known has counts of patients and is not told".to_owned());
        }
        let rounded = |count: usize| count / self.least.max(1) * self.least.max(1);
        safe.patients = rounded(safe.patients);
        safe.events = rounded(safe.events);
        // Whether there are any is no secret.
        safe.trained_on = rounded(safe.trained_on).max(safe.trained_on.min(1));
        for event in &mut safe.competing {
            event.events = rounded(event.events);
        }
        for model in &mut safe.models {
            // All or none: a single fold left out could be worked out from the total.
            if model.folds.iter().any(|fold| !self.allows(fold.patients, fold.events)) {
                model.folds.clear();
            }
            if let Some(subtype) = &mut model.subtype {
                subtype.by_class.clear();
            }
        }
        for comparison in &mut safe.comparisons {
            comparison.class_auc.clear();
        }
        withhold_perfect(&mut safe);
        for reclassification in &mut safe.reclassification {
            if let ReclassificationKind::EventRate { cutoff } = &mut reclassification.kind {
                // In full it is a fraction of two counts.
                *cutoff = (*cutoff * 100.0).round() / 100.0;
            }
        }
        if let Some(groups) = &mut safe.risk_groups {
            self.protect_groups(groups);
        }
        if let Some(calibration) = &mut safe.calibration {
            for at in calibration.at.iter_mut().filter(|at| !self.allows_groups(at)) {
                at.groups.clear();
            }
        }
        safe
    }

    /// Clears what is of groups that are too small.
    fn protect_groups(self, groups: &mut RiskGroups) {
        let allowed = |means: &RestrictedMeans| {
            [means.high, means.low].iter().all(|one| self.allows(one.patients, one.events))
        };
        groups.restricted_means = groups.restricted_means.filter(allowed);
        let at_each_time = |third: &RiskThird| {
            let mut shares = third.without_event.iter().flatten();
            shares.all(|share| self.allows_share(third.patients, Some(*share)))
        };
        let allowed =
            |third: &RiskThird| self.allows(third.patients, third.events) && at_each_time(third);
        if !groups.thirds.iter().all(allowed) {
            groups.thirds.clear();
        }
    }

    fn allows_groups(self, at: &CalibrationAt) -> bool {
        at.groups.iter().all(|group| self.allows_share(group.patients, group.observed))
    }

    /// Whether a share of patients without the event may be told.
    fn allows_share(self, patients: usize, without: Option<Estimate>) -> bool {
        let share = without.map_or(0.0, |without| 1.0 - without.value);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let events = (share * patients as f64).round() as usize;
        self.allows(patients, events)
    }

    /// A count of patients in words.
    #[must_use]
    pub fn told(self, count: usize) -> String {
        shown(&[count], self.least)[0].text(self.least)
    }
}

/// Takes out C and areas of a perfect order, shares of patients without a mistake, and differences from
/// them: their intervals tell how few patients they are of.
fn withhold_perfect(evaluation: &mut Evaluation) {
    let Evaluation { models, comparisons, contributions, .. } = evaluation;
    // The first model's, the one whose modalities are taken away.
    let c = models.first().and_then(|model| model.c_index).map(|c| c.value);
    for contribution in contributions {
        let is_told =
            |gain: Estimate| c.is_some_and(|c| !is_perfect(c) && !is_perfect(c - gain.value));
        if !contribution.gain.is_some_and(is_told) {
            (contribution.gain, contribution.p) = (None, None);
        }
    }
    for model in &mut *models {
        for c in [&mut model.c_index, &mut model.c_index_uno, &mut model.c_index_competing] {
            c.take_if(|c| is_perfect(c.value));
        }
        if model.c_index_antolini.take_if(|c| is_perfect(*c)).is_some() {
            model.c_index_antolini_interval = None;
        }
        model.auc.retain(|at| !is_perfect(at.auc.value));
        model.subtype.take_if(|subtype| is_perfect(subtype.accuracy.value));
        if let Some(subtype) = &mut model.subtype {
            for area in [&mut subtype.auc_macro, &mut subtype.auc_weighted] {
                area.take_if(|area| is_perfect(area.value));
            }
        }
    }
    let named = |name: &str| models.iter().find(|model| model.name == name);
    comparisons.retain(|pair| {
        [&pair.a, &pair.b].iter().all(|name| named(name).is_some_and(|one| one.c_index.is_some()))
    });
    let is_told = |name: &str, time_days: f64| {
        let mut areas = named(name).into_iter().flat_map(|model| &model.auc);
        areas.any(|at| at.time_days.total_cmp(&time_days).is_eq())
    };
    for Comparison { a, b, auc, .. } in comparisons {
        auc.retain(|at| is_told(a, at.time_days) && is_told(b, at.time_days));
    }
}

/// A mean over folds may be rounded.
fn is_perfect(share: f64) -> bool {
    !(1e-9..=1.0 - 1e-9).contains(&share)
}

/// Whether every number in a note is known without any patient: the level of an interval, the resamples
/// of a bootstrap, a horizon, or part of a model's name. Any other may be a count or somebody's day.
fn numbers_are_settings(note: &str, evaluation: &Evaluation) -> bool {
    let unnamed = evaluation
        .models
        .iter()
        .fold(note.to_owned(), |rest, model| rest.replace(&format!("`{}`", model.name), "it"));
    let words: Vec<&str> = unnamed.split_whitespace().collect();
    let is_horizon = |number: f64| evaluation.horizons_days.contains(&number);
    words.iter().enumerate().all(|(place, word)| {
        let number = word.trim_end_matches([',', ';', ':', '.']);
        let before = place.checked_sub(1).map(|before| words[before]);
        let after = words.get(place + 1).copied().unwrap_or_default();
        !word.contains(|letter: char| letter.is_numeric())
            || number == "95" && after == "%"
            || number.parse::<usize>().is_ok() && after.trim_end_matches(',') == "resamples"
            || before == Some("day") && number.parse().is_ok_and(is_horizon)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Shown = Shown::Few;
    const NO: Shown = Shown::Withheld;

    fn yes(count: usize) -> Shown {
        Shown::Count(count)
    }

    #[test]
    fn small_counts_cannot_be_worked_out() {
        for (case, counts, expected) in [
            ("all large", vec![10, 40], vec![yes(10), yes(40)]),
            ("one small: the next larger goes too", vec![9, 40, 12], vec![FEW, yes(40), NO]),
            ("two small, together enough", vec![9, 40, 5], vec![FEW, yes(40), FEW]),
            ("two small, together few", vec![2, 40, 5, 30], vec![FEW, yes(40), FEW, NO]),
            ("nothing to hide behind", vec![3], vec![FEW]),
            ("none at all", vec![], vec![]),
        ] {
            assert_eq!(shown(&counts, LEAST_SHOWN), expected, "{case}");
        }
    }

    #[test]
    fn a_site_may_ask_for_another_least_count() {
        assert_eq!(shown(&[4, 40, 12], 5), [FEW, yes(40), NO]);
        assert_eq!(shown(&[4, 40], 1), [yes(4), yes(40)]);
        assert_eq!(FEW.text(5), "fewer than 5");
        assert_eq!(serde_json::to_string(&FEW).unwrap(), "\"fewer_than_ten\"");
    }

    #[test]
    fn events_and_their_absence_are_both_small_counts() {
        let rule = Protected { least: 10 };
        for (patients, events, allowed) in
            [(20, 10, true), (9, 9, false), (50, 3, false), (50, 45, false), (0, 0, false)]
        {
            assert_eq!(rule.allows(patients, events), allowed, "{patients} {events}");
        }
    }

    #[test]
    fn nor_can_small_remainders() {
        for (case, events, patients, expected) in [
            ("enough of both", vec![20, 30], vec![40, 60], vec![yes(20), yes(30)]),
            ("three are alive", vec![37, 30, 50], vec![40, 60, 90], vec![NO, NO, yes(50)]),
            ("few events", vec![4, 30, 50], vec![40, 60, 90], vec![FEW, NO, yes(50)]),
        ] {
            assert_eq!(shown_parts(&events, &patients, LEAST_SHOWN), expected, "{case}");
        }
    }

    #[test]
    fn perfect_figures_are_withheld_with_what_is_set_against_them() {
        use serde_json::json;
        let share = |value: f64| json!({"value": value, "low": 0.4, "high": 1.0});
        let model = |name: &str, [c, first, second, accuracy]: [f64; 4]| {
            let at = |days: f64, value: f64| json!({"time_days": days, "value": value, "low": 0.4, "high": 1.0});
            json!({
                "name": name, "modalities": [], "c_index": share(c), "c_index_uno": share(1.0),
                "ibs": null, "c_index_antolini": c, "c_index_antolini_interval": {"low": 0.4, "high": 1.0},
                "auc": [at(365.0, first), at(730.0, second)], "folds": [],
                "subtype": {"classes": [], "auc_macro": share(accuracy), "accuracy": share(accuracy)},
            })
        };
        let pair = |other: &str| {
            let at = |days: f64| json!({"time_days": days, "value": 0.1, "low": 0.0, "high": 0.2, "p": 0.1});
            json!({
                "a": "a", "b": other, "delta_c_index": 0.1, "low": 0.0, "high": 0.2, "p": 0.1,
                "auc": [at(365.0), at(730.0)],
            })
        };
        let gain = |value: f64| {
            let gain = json!({"value": value, "low": -0.5, "high": 0.4});
            json!({"modality": "m", "weight_share": 0.5, "gain": gain, "p": 0.2})
        };
        let evaluation: Evaluation = serde_json::from_value(json!({
            "schema_version": 2, "program_version": "", "cohort": "a", "data_sha256": "",
            "design": "one part", "patients": 57, "events": 23, "horizons_days": [], "classes": [],
            "exclusions": [], "notes": [], "config": null,
            "models": [
                model("a", [0.75, 0.999_999_999_999, 0.8, 0.9]),
                model("b", [0.7, 0.7, 0.9, 1.0]),
                model("c", [1.0, 0.7, 0.9, 0.9]),
            ],
            "comparisons": [pair("b"), pair("c")],
            "contributions": [gain(0.1), gain(-0.25)],
        }))
        .unwrap();
        let safe = Protected { least: 10 }.evaluation(&evaluation);
        let [a, b, c] = safe.models.as_slice() else { panic!("a model is gone") };
        assert!(a.c_index.is_some() && a.c_index_uno.is_none() && c.c_index.is_none());
        assert!(a.c_index_antolini_interval.is_some() && c.c_index_antolini_interval.is_none());
        let days: Vec<f64> = a.auc.iter().map(|at| at.time_days).collect();
        assert_eq!((days, b.auc.len()), (vec![730.0], 2));
        assert!(a.subtype.is_some() && b.subtype.is_none());
        assert_eq!(safe.comparisons.len(), 1);
        let days: Vec<f64> = safe.comparisons[0].auc.iter().map(|at| at.time_days).collect();
        assert_eq!(days, [730.0]);
        let told: Vec<bool> = safe.contributions.iter().map(|one| one.gain.is_some()).collect();
        assert_eq!(told, [true, false]);
    }

    #[test]
    fn notes_of_settings_stay_and_counts_go() {
        let mut evaluation: Evaluation = serde_json::from_value(serde_json::json!({
            "schema_version": 2, "program_version": "", "cohort": "a", "data_sha256": "",
            "design": "5-fold cross-validation", "patients": 57, "events": 23, "horizons_days": [365.0, 730.5], "classes": [],
            "models": [], "comparisons": [], "exclusions": [], "notes": [], "config": null,
        }))
        .unwrap();
        for (note, stays) in [
            ("the C-index is undefined: no two patients are comparable", true),
            ("intervals are 95 % percentile bootstrap intervals, 1000 resamples, as fitted", true),
            ("Uno's C counts events before day 365, and the Brier score runs to day 730.5", true),
            ("it is calibrated to day 731", false),
            ("1 patients have no fold", false),
            ("3 of these 57 patients were seen; 200 resamples", false),
            ("95 patients, 95 %", false),
            ("12 % of the patients", false),
            ("the last of ٣ patients", false),
        ] {
            evaluation.notes = vec![note.to_owned()];
            let told = Protected { least: 10 }.evaluation(&evaluation).notes;
            assert_eq!(told[0] == note, stays, "{note}");
            assert_eq!(told.len(), 1);
        }
    }
}
