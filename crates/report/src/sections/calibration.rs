use oncoweave_core::{
    Calibration, CalibrationAt, CalibrationGroupResult, DecisionCurve, DecisionPoint, Evaluation,
};

use super::first_model;
use crate::chart::{self, Axes, Figure, PlanePoint, PlaneSeries};
use crate::page::{Section, Table};
use crate::words;

/// Whether predicted probabilities are what was observed, and what decisions by them are worth; no
/// section where neither is known.
pub(super) fn calibration(evaluation: &Evaluation) -> Option<Section> {
    let model = first_model(evaluation)?;
    let calibration = evaluation.calibration.as_ref()?;
    let alone = evaluation.competing.is_empty();
    let mut section = Section {
        id: "calibration",
        heading: "Whether predicted survival is what was observed",
        text: vec![format!(
            "Patients in groups by the {} that the {model} model predicted, beside what became of \
             them by {}. {}",
            if alone { "survival" } else { "probability of being free of the event" },
            if alone { "Kaplan and Meier" } else { "Aalen and Johansen" },
            slope(calibration, alone)
        )],
        ..Section::default()
    };
    let mut whole = Table::new("Calibration at each horizon")
        .words("Horizon")
        .figures("Events observed over predicted")
        .figures("Mean distance (ICI)");
    let mut groups = Table::new("Predicted and observed survival, lowest predictions first")
        .words("Horizon")
        .figures("Patients")
        .figures("Predicted")
        .figures("Observed (95\u{a0}%)");
    let share = |value: f64| format!("{:.0}\u{a0}%", 100.0 * value);
    for at in &calibration.at {
        whole.rows.push(vec![
            words::horizon(at.time_days),
            format!("{:.2}", at.observed_over_expected),
            words::optional(at.ici),
        ]);
        for group in &at.groups {
            let observed = words::finite(group.observed).map_or_else(
                || words::NONE.to_owned(),
                |seen| {
                    let (low, high) = (100.0 * seen.low, 100.0 * seen.high);
                    format!("{} ({low:.0} to {high:.0})", share(seen.value))
                },
            );
            groups.rows.push(vec![
                words::horizon(at.time_days),
                words::thousands(group.patients),
                share(group.predicted),
                observed,
            ]);
        }
    }
    section.figures.push(calibration_figure(calibration));
    section.figures.extend(evaluation.decisions.iter().enumerate().filter_map(decision_figure));
    section.tables.extend([whole, groups]);
    section.tables.extend(decisions(evaluation));
    if !evaluation.decisions.is_empty() {
        section.notes.push(
            "Net benefit: true positives per 100 patients, false positives taken off by the odds \
             of the threshold; treating nobody is worth 0. Each cell has treating by the model, \
             then treating everybody."
                .to_owned(),
        );
    }
    Some(section)
}

/// Observed against predicted survival of the groups, one series a horizon.
fn calibration_figure(calibration: &Calibration) -> Figure {
    let series = |at: &CalibrationAt| {
        let point = |group: &CalibrationGroupResult| {
            let seen = words::finite(group.observed)?;
            let interval = Some((seen.low, seen.high));
            Some(PlanePoint { x: group.predicted, y: seen.value, interval })
        };
        let points = at.groups.iter().filter_map(point).collect();
        PlaneSeries { label: words::horizon(at.time_days), points, line: false }
    };
    let series: Vec<PlaneSeries> = calibration.at.iter().map(series).collect();
    let axes = Axes {
        x_name: "Predicted probability of no event (dotted: as observed)",
        y_name: "Observed, 95\u{a0}% interval",
        x: (0.0, 1.0),
        y: (0.0, 1.0),
        diagonal: true,
    };
    chart::plane("calibration", "Observed against predicted, by groups", axes, &series)
}

/// Net benefit over thresholds at one horizon; nothing where no threshold has one.
fn decision_figure((index, curve): (usize, &DecisionCurve)) -> Option<Figure> {
    let line = |label: &str, benefit: &dyn Fn(&DecisionPoint) -> Option<f64>| PlaneSeries {
        label: label.to_owned(),
        points: curve
            .points
            .iter()
            .filter_map(|point| Some((point.threshold, benefit(point)?)))
            .filter(|(_, benefit)| benefit.is_finite())
            .map(|(x, y)| PlanePoint { x, y: y.max(LEAST_BENEFIT), interval: None })
            .collect(),
        line: true,
    };
    let series = [
        line("by the model", &|point| point.model),
        line("everybody", &|point| {
            Some(point.everybody).filter(|benefit| *benefit >= LEAST_BENEFIT)
        }),
        line("nobody", &|_| Some(0.0)),
    ];
    if series[0].points.is_empty() {
        return None;
    }
    let all = || series.iter().flat_map(|one| &one.points).map(|point| point.y);
    let axes = Axes {
        x_name: "Treated from this predicted risk on",
        y_name: "Net benefit",
        x: (0.0, 1.0),
        y: (all().fold(-0.05, f64::min), all().fold(0.1, f64::max)),
        diagonal: false,
    };
    let title =
        format!("Net benefit of deciding by the model, {}", words::horizon(curve.time_days));
    Some(chart::plane(&format!("decisions-{}", index + 1), &title, axes, &series))
}

/// Worse is not drawn: treating everybody loses without bound as the threshold rises.
const LEAST_BENEFIT: f64 = -0.2;

fn slope(calibration: &Calibration, alone: bool) -> String {
    if !alone {
        return "There is no calibration slope beside competing events.".to_owned();
    }
    let Some(slope) = words::finite(calibration.slope) else {
        return "The calibration slope is not defined here.".to_owned();
    };
    let verdict = if slope.high < 1.0 {
        "predictions are too extreme"
    } else if slope.low > 1.0 {
        "predictions are not far enough apart"
    } else {
        "the interval includes 1, which is right"
    };
    format!(
        "The calibration slope is {:.2} ({:.2} to {:.2}): {verdict}. A risk recalibrated to these \
         patients would be multiplied by it.",
        slope.value, slope.low, slope.high
    )
}

fn decisions(evaluation: &Evaluation) -> Option<Table> {
    let first = evaluation.decisions.first()?;
    let mut table = Table::new("Net benefit of treating from a threshold of predicted risk on")
        .words("Horizon");
    for point in &first.points {
        table = table.figures(&format!("{:.0}\u{a0}%", 100.0 * point.threshold));
    }
    for curve in &evaluation.decisions {
        let cell = |value: f64| format!("{:.1}", 100.0 * value).replace('-', "\u{2212}");
        let mut row = vec![words::horizon(curve.time_days)];
        row.extend(curve.points.iter().map(|point| {
            let model = point.model.map_or_else(|| words::NONE.to_owned(), cell);
            format!("{model} | {}", cell(point.everybody))
        }));
        table.rows.push(row);
    }
    Some(table)
}
