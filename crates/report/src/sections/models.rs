use oncoweave_core::small_cells::Protected;
use oncoweave_core::{Comparison, Estimate, Evaluation, FoldResult, ModelResult};

use super::summary::{Verdict, difference, verdict};
use super::{accuracy, differences};
use crate::chart::{self, DotGroup, DotSeries, Figure, ForestRow, ForestScale};
use crate::page::{Section, Table};
use crate::words;

/// Times that differ by less are one horizon.
const SAME_DAY: f64 = 0.5;

/// C of every model: forest plot and table.
pub(super) fn concordance(evaluation: &Evaluation, protected: Option<Protected>) -> Section {
    let mut section = Section {
        id: "concordance",
        heading: "How well each model ranks patients",
        text: vec![format!(
            "C is the share of comparable pairs of patients that a model puts in the right \
                 order: 1 is perfect, 0.5 is chance. All figures are from patients {}, with \
                 95\u{a0}% intervals. The integrated Brier score measures how far predicted survival \
                 lies from what happened: lower is better.",
            words::whom(evaluation)
        )],
        ..Section::default()
    };
    if evaluation.models.is_empty() {
        section.text = vec!["The evaluation holds no model.".to_owned()];
        return section;
    }
    let row = |(index, model): (usize, &ModelResult)| {
        let estimate = words::finite(model.c_index);
        let text = match estimate {
            Some(_) => words::with_interval(estimate),
            None => "not defined".to_owned(),
        };
        ForestRow { label: model.name.clone(), estimate, text, first: index == 0 }
    };
    let rows: Vec<ForestRow> = evaluation.models.iter().enumerate().map(row).collect();
    let scale = ForestScale {
        name: "Harrell\u{2019}s C with 95\u{a0}% interval",
        reference: 0.5,
        reference_name: "chance",
        limits: (0.0, 1.0),
    };
    section.figures.push(chart::forest("c-index", "C of every model", &rows, scale));
    let second = if evaluation.competing.is_empty() {
        "Uno\u{2019}s C (95\u{a0}%)"
    } else {
        section.text.push(competing(evaluation, protected));
        "Wolbers\u{2019} C (95\u{a0}%)"
    };
    let mut table = Table::new("Discrimination and accuracy of every model")
        .words("Model")
        .words("Reads")
        .figures("Harrell\u{2019}s C (95\u{a0}%)")
        .figures(second)
        .figures("Antolini\u{2019}s C (95\u{a0}%)")
        .figures("Integrated Brier score (95\u{a0}%)");
    for model in &evaluation.models {
        table.rows.push(vec![
            model.name.clone(),
            model.modalities.join(", "),
            words::with_interval(model.c_index),
            words::with_interval(model.c_index_uno.or(model.c_index_competing)),
            words::with_bounds(model.c_index_antolini, model.c_index_antolini_interval),
            words::with_bounds(model.ibs, model.ibs_interval),
        ]);
    }
    section.tables.push(table);
    section.details.extend(accuracy::brier_scores(evaluation));
    section.details.extend(accuracy::hazard_ratios(evaluation));
    section
}

/// What the figures mean beside competing events.
fn competing(evaluation: &Evaluation, protected: Option<Protected>) -> String {
    let named = evaluation.competing.iter().map(|event| match protected {
        None => format!("{} ({})", event.name, words::thousands(event.events)),
        Some(_) => event.name.clone(),
    });
    format!(
        "Other events compete with this one: {}. Harrell\u{2019}s C is that of the event\u{2019}s own \
         hazard, for which they end follow-up. Wolbers\u{2019} C ranks by the cumulative incidence at \
         the last horizon, and takes who had another event for one who never has this one; so does \
         the Brier score.",
        named.collect::<Vec<_>>().join(", ")
    )
}

/// The first model against the others on the same patients.
pub(super) fn comparisons(evaluation: &Evaluation, protected: Option<Protected>) -> Section {
    let mut section =
        Section { id: "comparisons", heading: "Models against one another", ..Section::default() };
    if evaluation.comparisons.is_empty() {
        section.text.push("The evaluation compares no two models.".to_owned());
        return section;
    }
    section.text.push(
        "Differences in C on the same patients, with paired bootstrap intervals. An interval that \
         includes 0 leaves open which model is better. The p-values are not corrected for the \
         number of comparisons."
            .to_owned(),
    );
    section.figures.push(comparison_figure(&evaluation.comparisons));
    let mut table = Table::new("Paired comparisons")
        .words("First model")
        .words("Second model")
        .figures("Difference in C (95\u{a0}%)")
        .figures("p")
        .words("In words");
    for comparison in &evaluation.comparisons {
        let delta = words::finite(Some(difference(comparison)));
        let verdict = match delta.map(verdict) {
            Some(Verdict::Better) => "first is better",
            Some(Verdict::Worse) => "second is better",
            Some(Verdict::Open) => "not told apart",
            None => "no figure",
        };
        table.rows.push(vec![
            comparison.a.clone(),
            comparison.b.clone(),
            delta.map_or_else(|| words::NONE.to_owned(), words::with_signed_interval),
            words::p_value(comparison.p)
                .trim_start_matches("p = ")
                .trim_start_matches("p ")
                .to_owned(),
            verdict.to_owned(),
        ]);
    }
    section.tables.push(table);
    section.details.extend(differences::auc(evaluation));
    section.details.extend(differences::classes(evaluation).filter(|_| protected.is_none()));
    section.details.extend(differences::reclassification(evaluation));
    section
}

/// A forest plot of the differences; there is at least one.
fn comparison_figure(comparisons: &[Comparison]) -> Figure {
    // Mostly one model against all others: its name then stands in the title once.
    let first = &comparisons[0].a;
    let one_first = comparisons.iter().all(|comparison| comparison.a == *first);
    let row = |comparison: &Comparison| {
        let delta = words::finite(Some(difference(comparison)));
        let Comparison { a, b, .. } = comparison;
        ForestRow {
            label: if one_first { b.clone() } else { format!("{a} \u{2212} {b}") },
            estimate: delta,
            text: delta.map_or_else(|| words::NONE.to_owned(), words::with_signed_interval),
            first: false,
        }
    };
    let rows: Vec<ForestRow> = comparisons.iter().map(row).collect();
    let title = if one_first {
        format!("C of {first} minus C of each other model")
    } else {
        "Differences in C".to_owned()
    };
    let scale = ForestScale {
        name: "Difference in C; right of 0 favours the first model",
        reference: 0.0,
        reference_name: "no difference",
        limits: (-1.0, 1.0),
    };
    chart::forest("comparisons", &title, &rows, scale)
}

/// AUC at each horizon: chart and table.
pub(super) fn auc_over_time(evaluation: &Evaluation) -> Section {
    let mut section = Section {
        id: "auc",
        heading: "How well each model tells who has the event by a time",
        ..Section::default()
    };
    let horizons = horizons(evaluation);
    let reached = |horizon: f64| evaluation.models.iter().any(|m| auc_at(m, horizon).is_some());
    if !horizons.iter().any(|&horizon| reached(horizon)) {
        section.text.push(
            "No model has an AUC at a horizon: follow-up reaches none of them, nobody had the \
             event by then, or some patients came under observation late."
                .to_owned(),
        );
        return section;
    }
    section.text.push(
        "AUC at a time is the chance that a patient who had the event by then got a higher risk \
         than one who had not: 1 is perfect, 0.5 is chance."
            .to_owned(),
    );
    let series: Vec<DotSeries> = evaluation
        .models
        .iter()
        .enumerate()
        .map(|(index, model)| DotSeries { label: model.name.clone(), first: index == 0 })
        .collect();
    let groups: Vec<DotGroup> = horizons
        .iter()
        .filter(|&&horizon| reached(horizon))
        .map(|&horizon| DotGroup {
            label: words::horizon(horizon),
            estimates: evaluation
                .models
                .iter()
                .enumerate()
                .filter_map(|(index, model)| Some((index, auc_at(model, horizon)?)))
                .collect(),
        })
        .collect();
    section.figures.push(chart::dots(
        "auc",
        "AUC at each horizon, 95\u{a0}% intervals",
        &series,
        &groups,
    ));
    let mut table = Table::new("AUC at each horizon (95\u{a0}%)").words("Model");
    for &horizon in &horizons {
        table = table.figures(&words::horizon(horizon));
    }
    for model in &evaluation.models {
        let mut row = vec![model.name.clone()];
        row.extend(horizons.iter().map(|&horizon| words::with_interval(auc_at(model, horizon))));
        table.rows.push(row);
    }
    section.tables.push(table);
    if horizons.iter().any(|&horizon| !reached(horizon)) {
        section.notes.push(format!("{} means that follow-up does not reach that time, or that nobody, or everybody, had the event by then.", words::NONE));
    }
    section
}

/// The evaluation's horizons and any other time that a model has a figure at, rising.
pub(super) fn horizons(evaluation: &Evaluation) -> Vec<f64> {
    let times = evaluation.models.iter().flat_map(|model| {
        let auc = model.auc.iter().map(|auc| auc.time_days);
        auc.chain(model.brier.iter().map(|brier| brier.time_days))
    });
    let mut horizons: Vec<f64> = evaluation
        .horizons_days
        .iter()
        .copied()
        .chain(times)
        .filter(|days| days.is_finite())
        .collect();
    horizons.sort_by(f64::total_cmp);
    horizons.dedup_by(|a, b| (*a - *b).abs() < SAME_DAY);
    horizons
}

fn auc_at(model: &ModelResult, horizon: f64) -> Option<Estimate> {
    let found = model.auc.iter().find(|auc| is_same_day(auc.time_days, horizon));
    words::finite(found.map(|found| found.auc))
}

pub(super) fn is_same_day(a: f64, b: f64) -> bool {
    (a - b).abs() < SAME_DAY
}

/// Each held-out fold by itself.
pub(super) fn folds(evaluation: &Evaluation) -> Section {
    let mut section = Section { id: "folds", heading: "Each held-out part", ..Section::default() };
    let mut numbers: Vec<u32> =
        evaluation.models.iter().flat_map(|m| &m.folds).map(|fold| fold.fold).collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.is_empty() {
        section.text.push("The evaluation was not split into folds.".to_owned());
        return section;
    }
    let of = |model: &ModelResult, number: u32| {
        model.folds.iter().find(|fold| fold.fold == number).cloned()
    };
    let sizes: Vec<Option<FoldResult>> = numbers
        .iter()
        .map(|&number| evaluation.models.iter().find_map(|model| of(model, number)))
        .collect();
    let size = |heading: &str, count: fn(&FoldResult) -> usize| {
        let cells = sizes.iter().map(|fold| {
            fold.as_ref().map_or_else(String::new, |fold| words::thousands(count(fold)))
        });
        std::iter::once(heading.to_owned()).chain(cells).collect::<Vec<_>>()
    };
    let mut table = Table::new("Harrell\u{2019}s C by fold").words("Model");
    for number in &numbers {
        table = table.figures(&format!("Fold {number}"));
    }
    table.rows.push(size("Patients", |fold| fold.patients));
    table.rows.push(size("Events", |fold| fold.events));
    for model in &evaluation.models {
        let mut row = vec![model.name.clone()];
        for &number in &numbers {
            let fold = of(model, number);
            row.push(words::optional(fold.as_ref().and_then(|fold| fold.c_index)));
            if let Some(note) = fold.and_then(|fold| fold.note) {
                section.notes.push(format!("{}, fold {number}: {note}", model.name));
            }
        }
        table.rows.push(row);
    }
    section.tables.push(table);
    section
}
