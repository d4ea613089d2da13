//! The report's sections, and what the pages add: ROC curves over time, and groups of patients.

use oncoweave_core::{
    Estimate, Risk, Survival,
    concordance_interval::harrell_c_interval,
    inference::Estimated,
    kaplan_meier::Censoring,
    small_cells::{shown, shown_parts},
};
use oncoweave_report::chart::{Axis, Line, lines};
use oncoweave_report::{Section, Table, report_sections, words};

use super::{Protected, Study};
use crate::Error;

/// How good the model was found to be.
#[derive(Debug)]
pub(crate) struct Validation {
    pub(crate) sections: Vec<Section>,
    /// Each section as HTML.
    pub(crate) bodies: Vec<String>,
}

impl Validation {
    /// For those who see no patient, without what small groups would show.
    pub(super) fn of(study: &Study, protected: Option<Protected>) -> Result<Self, Error> {
        let mut sections = report_sections(&study.evaluation, &study.patients, protected)?;
        if protected.is_some() {
            // The cohort's page shows the curves, with filters.
            sections.retain(|section| section.id != "survival");
        }
        let notes = sections.iter().position(|section| section.id == "notes");
        let notes = notes.unwrap_or(sections.len());
        let further = [auc_curves(study, protected), subgroup_section(study, protected)];
        drop(sections.splice(notes..notes, further.into_iter().flatten()));
        let bodies = sections.iter().map(Section::html).collect::<Result<_, _>>()?;
        Ok(Self { sections, bodies })
    }
}

/// ROC curves for the event by each horizon: cumulative cases, dynamic controls, weighted by the
/// inverse probability of being uncensored. Heagerty et al., Biometrics 2000;56:337; Uno et al.,
/// J Am Stat Assoc 2007;102:527.
fn auc_curves(study: &Study, protected: Option<Protected>) -> Option<Section> {
    if !study.evaluation.competing.is_empty() {
        // Who had another event is no plain control; the report's AUC weighs that.
        return None;
    }
    let mut curves = Vec::new();
    for (horizon, &days) in study.evaluation.horizons_days.iter().enumerate().take(4) {
        let rows: Vec<(f64, Survival)> = (0..study.patients.len())
            .filter_map(|place| {
                Some((study.risk(place, horizon)?, study.patients[place].observed?))
            })
            .collect();
        let events = rows.iter().filter(|(_, one)| one.event && one.time_days <= days).count();
        if protected.is_some_and(|rule| !rule.allows(rows.len(), events)) {
            continue;
        }
        if let Some(points) = roc_points(&rows, days) {
            curves.push(Line { label: words::horizon(days), points, ..Line::default() });
        }
    }
    if curves.is_empty() {
        return None;
    }
    let axis = |name| Axis { name, range: (0.0, 1.0), percent: true };
    let figure = lines(
        ("roc", "Sensitivity against false positives for the event by each horizon"),
        &curves,
        (axis("1 \u{2212} specificity"), axis("Sensitivity")),
        Some("chance"),
    );
    let mut table = Table::new("Sensitivity at a share of false positives").words("Horizon");
    let shares = [0.1, 0.2, 0.3, 0.5];
    for share in shares {
        table = table.figures(&format!("{:.0}\u{a0}%", 100.0 * share));
    }
    for curve in &curves {
        let mut row = vec![curve.label.clone()];
        let at = |share: f64| {
            let reached = curve.points.iter().rev().find(|point| point.0 <= share + 1e-12);
            reached.map_or(0.0, |point| point.1)
        };
        row.extend(shares.iter().map(|&share| words::percent(at(share))));
        table.rows.push(row);
    }
    Some(Section {
        id: "roc",
        heading: "Who is told apart, over all thresholds",
        text: vec![
            "Patients of all folds together by the predicted probability. Those who had the event by \
             the horizon are cases, weighted by the inverse probability of being uncensored at their \
             time; those followed past it without one are controls."
                .to_owned(),
        ],
        figures: vec![figure],
        tables: vec![table],
        ..Section::default()
    })
}

/// (1 - specificity, sensitivity) from (0, 0) to (1, 1); `None` without a case or a control, and
/// where some patients came under observation late, so that there are no such weights.
fn roc_points(rows: &[(f64, Survival)], days: f64) -> Option<Vec<(f64, f64)>> {
    let outcomes: Vec<Survival> = rows.iter().map(|row| row.1).collect();
    let censoring = Censoring::fit(&outcomes).ok()?;
    let mut weighted: Vec<(f64, f64, f64)> = Vec::new();
    for &(risk, outcome) in rows {
        if outcome.event && outcome.time_days <= days {
            let weight = 1.0 / censoring.uncensored(outcome.time_days).ok()?;
            weighted.push((risk, weight, 0.0));
        } else if outcome.time_days > days {
            weighted.push((risk, 0.0, 1.0));
        }
    }
    let cases: f64 = weighted.iter().map(|row| row.1).sum();
    let controls: f64 = weighted.iter().map(|row| row.2).sum();
    if cases <= 0.0 || controls <= 0.0 {
        return None;
    }
    weighted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut points = vec![(0.0, 0.0)];
    let (mut hit, mut false_alarm) = (0.0, 0.0);
    for (place, row) in weighted.iter().enumerate() {
        hit += row.1;
        false_alarm += row.2;
        // Patients of one predicted risk pass the threshold together.
        if weighted.get(place + 1).is_none_or(|next| next.0 < row.0) {
            points.push((false_alarm / controls, hit / cases));
        }
    }
    Some(points)
}

/// Patients by site, class and what they lack: how many, how many events, and the C of the
/// predicted risk at the usual horizon.
fn subgroup_section(study: &Study, protected: Option<Protected>) -> Option<Section> {
    let horizon = study.usual_horizon();
    let days = study.evaluation.horizons_days.get(horizon)?;
    let mut table = Table::new("Groups of patients")
        .words("Group")
        .figures("Patients")
        .figures("Events")
        .figures("C-index (95\u{a0}%)");
    for (factor, groups) in factors(study) {
        table.rows.extend(rows(study, &factor, &groups, horizon, protected));
    }
    if table.rows.is_empty() {
        return None;
    }
    Some(Section {
        id: "subgroups",
        heading: "In groups of patients",
        text: vec![format!(
            "{} of the predicted risk within {}, over all folds together. Many groups are \
             looked at: an interval that leaves the others' out can be chance.",
            if study.evaluation.competing.is_empty() { "Harrell's C" } else { "Wolbers' C" },
            words::horizon(*days)
        )],
        tables: vec![table],
        ..Section::default()
    })
}

type Groups = Vec<(String, Vec<usize>)>;

fn factors(study: &Study) -> Vec<(String, Groups)> {
    let places = || 0..study.patients.len();
    let mut factors = Vec::new();
    let mut push = |name: &str, levels: Vec<String>, is_in: &dyn Fn(usize, &str) -> bool| {
        let group = |level: String| {
            let members = places().filter(|&place| is_in(place, &level)).collect();
            (level, members)
        };
        let groups: Groups = levels.into_iter().map(group).collect();
        if groups.len() > 1 {
            factors.push((name.to_owned(), groups));
        }
    };
    push("Site", study.sites(), &|place, site| {
        study.row(place).is_some_and(|(data, row)| data.sites[row].as_deref() == Some(site))
    });
    push("Class", study.labels(), &|place, label| {
        study.patients[place].label.as_deref() == Some(label)
    });
    for modality in study.lacked() {
        let levels = vec!["known".to_owned(), "missing".to_owned()];
        push(&modality, levels, &|place, level| {
            study.patients[place].missing_modalities.contains(&modality) == (level == "missing")
        });
    }
    factors
}

fn rows(
    study: &Study,
    factor: &str,
    groups: &Groups,
    horizon: usize,
    protected: Option<Protected>,
) -> Vec<Vec<String>> {
    let known = |members: &Vec<usize>| -> Vec<(Survival, Risk)> {
        let pair =
            |&place: &usize| Some((study.told_apart(place)?, Risk(study.risk(place, horizon)?)));
        members.iter().filter_map(pair).collect()
    };
    let pairs: Vec<Vec<(Survival, Risk)>> =
        groups.iter().map(|(_, members)| known(members)).collect();
    let patients: Vec<usize> = pairs.iter().map(Vec::len).collect();
    let events: Vec<usize> =
        pairs.iter().map(|pairs| pairs.iter().filter(|pair| pair.0.event).count()).collect();
    let least = protected.map_or(0, |rule| rule.least);
    let (patients_told, events_told) =
        (shown(&patients, least), shown_parts(&events, &patients, least));
    let row = |place: usize| {
        let allowed = protected.is_none_or(|rule| rule.allows(patients[place], events[place]));
        let c = allowed.then(|| c_index(&pairs[place])).flatten();
        vec![
            format!("{factor}: {}", groups[place].0),
            patients_told[place].text(least),
            events_told[place].text(least),
            words::with_interval(c),
        ]
    };
    (0..groups.len()).map(row).collect()
}

fn c_index(pairs: &[(Survival, Risk)]) -> Option<Estimate> {
    let (outcomes, risks): (Vec<Survival>, Vec<Risk>) = pairs.iter().copied().unzip();
    harrell_c_interval(&outcomes, &risks).ok().map(Estimated::as_share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roc_curve_goes_up_at_cases_and_right_at_controls() {
        let row = |risk, time_days, event| (risk, Survival::until(time_days, event));
        let rows = [
            row(0.9, 1.0, true),
            row(0.8, 9.0, false),
            row(0.7, 2.0, true),
            row(0.1, 9.0, false),
            row(0.1, 9.0, true),
        ];
        let points = roc_points(&rows, 5.0).unwrap();
        let third = 1.0 / 3.0;
        let expected = [(0.0, 0.0), (0.0, 0.5), (third, 0.5), (third, 1.0), (1.0, 1.0)];
        assert_eq!(points.len(), expected.len());
        for (found, expected) in points.iter().zip(expected) {
            assert!((found.0 - expected.0).abs() < 1e-12 && (found.1 - expected.1).abs() < 1e-12);
        }
        assert!(roc_points(&rows, 0.5).is_none());
        let late = rows.map(|(risk, outcome)| (risk, outcome.entered(0.5).unwrap()));
        assert!(roc_points(&late, 5.0).is_none());
    }
}
