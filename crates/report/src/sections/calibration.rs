use oncoweave_core::{
    Calibration, CalibrationAt, CalibrationGroupResult, DecisionCurve, DecisionPoint, Estimate,
    Evaluation,
};

use super::first_model;
use crate::chart::{Axis, Figure, Line, lines};
use crate::page::{Section, Table};
use crate::words;

/// What the figures of a horizon mean.
const FIGURES: &str = "Events observed over predicted: 1 is right, above 1 too few were predicted. \
    Slope: 1 is right, below 1 predictions are too extreme (Cox regression of ln(\u{2212}ln S) on \
    follow-up to the horizon; van Houwelingen 2000). Intercept: the logarithm of the observed over \
    the predicted cumulative hazard, 0 is right, above 0 too few events were predicted (Crowson et \
    al. 2016). ICI: the mean distance of predicted and smoothed observed probabilities, lower is \
    better (Austin et al. 2020). A dash means that the figure is not defined, as slope, intercept \
    and ICI are not beside competing events, nor all but the slope where patients came under \
    observation late: with hazards that are not proportional it then tells most of the time after \
    they came.";

const NET_BENEFIT: &str = "Net benefit: true positives per 100 patients, false positives taken off \
    by the odds of the threshold; treating nobody is worth 0. Each cell has treating by the model, \
    then treating everybody.";

/// Whether predicted probabilities are what was observed, and what decisions by them are worth; no
/// section where neither is known.
pub(super) fn calibration(evaluation: &Evaluation) -> Option<Section> {
    let model = first_model(evaluation)?;
    let calibration = evaluation.calibration.as_ref()?;
    let alone = evaluation.competing.is_empty();
    let mut section = Section {
        id: "calibration",
        heading: "Whether predicted survival is what was observed",
        ..Section::default()
    };
    if calibration.at.is_empty() {
        // The notes say why nothing can be set against what was observed.
        section.text.push(slope(calibration, alone));
        return Some(section);
    }
    if grouped(calibration) {
        section.text.push(format!(
            "Patients in groups by the {} that the {model} model predicted, beside what became of \
             them by {}. {}",
            if alone { "survival" } else { "probability of being free of the event" },
            if alone { "Kaplan and Meier" } else { "Aalen and Johansen" },
            slope(calibration, alone)
        ));
    } else {
        section.text.push(slope(calibration, alone));
    }
    section.figures.extend(plot(calibration));
    section.figures.extend(evaluation.decisions.first().map(net_benefit));
    section.tables.extend(tables(calibration));
    section.tables.extend(decisions(evaluation));
    section.notes.push(FIGURES.to_owned());
    if !evaluation.decisions.is_empty() {
        section.notes.push(NET_BENEFIT.to_owned());
    }
    Some(section)
}

fn grouped(calibration: &Calibration) -> bool {
    calibration.at.iter().any(|at| !at.groups.is_empty())
}

/// The figures of each horizon, and its groups of patients where there are any.
fn tables(calibration: &Calibration) -> Vec<Table> {
    let mut whole = Table::new("Calibration at each horizon (95\u{a0}%)")
        .words("Horizon")
        .figures("Events observed over predicted")
        .figures("Slope")
        .figures("Intercept")
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
            ratio(at),
            two_digits(at.slope),
            two_digits(at.intercept),
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
    if grouped(calibration) { vec![whole, groups] } else { vec![whole] }
}

/// Observed over predicted events with the interval, where there is one.
fn ratio(at: &CalibrationAt) -> String {
    let Some(value) = at.observed_over_expected else { return words::NONE.to_owned() };
    let alone = format!("{value:.2}");
    let both = at.observed_over_expected_interval.map(|bounds| bounds.around(value));
    if words::finite(both).is_some() { two_digits(both) } else { alone }
}

fn two_digits(estimate: Option<Estimate>) -> String {
    words::finite(estimate).map_or_else(
        || words::NONE.to_owned(),
        |Estimate { value, low, high }| {
            format!("{value:.2} ({low:.2} to {high:.2})").replace('-', "\u{2212}")
        },
    )
}

const SHARE: (f64, f64) = (0.0, 1.0);

/// Observed over predicted survival of each group, at up to four horizons.
fn plot(calibration: &Calibration) -> Option<Figure> {
    let series: Vec<Line> = calibration.at.iter().take(4).map(line).collect();
    let drawn = series.iter().any(|line| !line.points.is_empty());
    let axis = |name| Axis { name, range: SHARE, percent: true };
    drawn.then(|| {
        lines(
            (
                "calibration",
                "Predicted and observed probability of no event by group, with 95\u{a0}% intervals",
            ),
            &series,
            (axis("Predicted probability of no event"), axis("Observed")),
            Some("predicted is observed"),
        )
    })
}

fn line(at: &CalibrationAt) -> Line {
    let observed = |group: &CalibrationGroupResult| {
        words::finite(group.observed).map(|observed| (group.predicted, observed))
    };
    let groups: Vec<_> = at.groups.iter().filter_map(observed).collect();
    Line {
        label: words::horizon(at.time_days),
        points: groups.iter().map(|(x, observed)| (*x, observed.value)).collect(),
        intervals: groups.iter().map(|(x, observed)| (*x, observed.low, observed.high)).collect(),
        steps: false,
        marks: true,
    }
}

/// The decision curve of the first horizon.
fn net_benefit(curve: &DecisionCurve) -> Figure {
    let point = |at: &DecisionPoint| (at.threshold, at.everybody);
    let everybody: Vec<(f64, f64)> = curve.points.iter().map(point).collect();
    let model: Vec<(f64, f64)> =
        curve.points.iter().filter_map(|at| Some((at.threshold, at.model?))).collect();
    let nobody = curve.points.iter().map(|at| (at.threshold, 0.0)).collect();
    let values = || everybody.iter().chain(&model).map(|&(_, value)| value);
    let high = values().fold(0.05, f64::max);
    // Treating everybody falls far below zero at high thresholds, which would flatten the rest.
    let low = values().fold(0.0, f64::min).max(-high / 2.0);
    let named = |label: &str, points| Line { label: label.to_owned(), points, ..Line::default() };
    lines(
        ("decision", &format!("Net benefit within {}", words::horizon(curve.time_days))),
        &[named("by the model", model), named("everybody", everybody), named("nobody", nobody)],
        (
            Axis { name: "Threshold of predicted risk", range: SHARE, percent: true },
            Axis { name: "Net benefit per patient", range: (low, high), percent: false },
        ),
        None,
    )
}

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
