use oncoweave_core::{Evaluation, ModelResult, Prediction, SubtypeResult};

use crate::page::{Section, Table};
use crate::words;

/// A larger table of confusions is no longer read.
const MOST_CLASSES: usize = 12;

/// Subtype figures, if any model has a subtype head.
pub(super) fn subtypes(evaluation: &Evaluation, predictions: &[Prediction]) -> Option<Section> {
    let with_head: Vec<(&ModelResult, &SubtypeResult)> = evaluation
        .models
        .iter()
        .filter_map(|model| Some((model, model.subtype.as_ref()?)))
        .collect();
    let (first, result) = with_head.first()?;
    let mut section = Section {
        id: "subtype",
        heading: "Subtypes",
        text: vec![format!("Classes: {}.", result.classes.join(", "))],
        ..Section::default()
    };
    let mut table = Table::new("How well each model tells subtypes apart")
        .words("Model")
        .figures("AUC, mean over classes (95\u{a0}%)")
        .figures("Accuracy (95\u{a0}%)");
    for (model, result) in &with_head {
        table.rows.push(vec![
            model.name.clone(),
            words::with_interval(result.auc_macro),
            words::with_interval(Some(result.accuracy)),
        ]);
    }
    section.tables.push(table);
    let counts = confusions(&first.name, &result.classes, predictions);
    let labelled: usize = counts.iter().flatten().sum();
    let commonest = counts.iter().enumerate().max_by_key(|(_, row)| row.iter().sum::<usize>());
    if let Some((class, row)) = commonest.filter(|_| labelled > 0) {
        let share = row.iter().sum::<usize>() as f64 / labelled as f64;
        section.text.push(format!(
            "Always answering \u{201c}{}\u{201d}, the most common class, would have an accuracy \
             of {share:.3}.",
            result.classes[class],
        ));
    }
    if labelled > 0 && result.classes.len() <= MOST_CLASSES {
        section.tables.push(confusion_table(&first.name, &result.classes, &counts));
    }
    Some(section)
}

/// Patients by observed class (row) and most probable class (column).
fn confusions(model: &str, classes: &[String], predictions: &[Prediction]) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes.len()]; classes.len()];
    for prediction in predictions.iter().filter(|prediction| prediction.model == model) {
        let observed = prediction.label.as_ref();
        let observed = observed.and_then(|label| classes.iter().position(|class| class == label));
        let probabilities = prediction.class_probabilities.iter().take(classes.len());
        let likely = probabilities.enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        if let (Some(observed), Some((likely, _))) = (observed, likely) {
            counts[observed][likely] += 1;
        }
    }
    counts
}

fn confusion_table(model: &str, classes: &[String], counts: &[Vec<usize>]) -> Table {
    let caption = format!("Patients by observed subtype (rows) and the one that {model} predicts");
    let mut table = Table::new(&caption).words("Observed");
    for class in classes {
        table = table.figures(&format!("as {class}"));
    }
    for (class, row) in classes.iter().zip(counts) {
        let mut cells = vec![class.clone()];
        cells.extend(row.iter().map(|&count| words::thousands(count)));
        table.rows.push(cells);
    }
    table
}
