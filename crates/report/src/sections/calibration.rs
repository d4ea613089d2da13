use oncoweave_core::{Calibration, Evaluation};

use super::first_model;
use crate::page::{Section, Table};
use crate::words;

/// Whether predicted probabilities are what was observed, and what decisions by them are worth; no
/// section where neither is known.
pub(super) fn calibration(evaluation: &Evaluation) -> Option<Section> {
    let model = first_model(evaluation)?;
    let calibration = evaluation.calibration.as_ref()?;
    let mut section = Section {
        id: "calibration",
        heading: "Whether predicted survival is what was observed",
        text: vec![format!(
            "Patients in groups by the survival that the {model} model predicted, beside what \
             became of them by Kaplan and Meier. {}",
            slope(calibration)
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

fn slope(calibration: &Calibration) -> String {
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
        "The calibration slope is {:.2} ({:.2} to {:.2}): {verdict}.",
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
