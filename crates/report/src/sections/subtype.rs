use ndarray::Array2;
use oncoweave_core::classification::confusion_matrix;
use oncoweave_core::{Evaluation, ModelResult, Prediction, SubtypeResult};

use crate::page::{Section, Table};
use crate::words;

/// A larger table of confusions is no longer read.
pub(super) const MOST_CLASSES: usize = 12;

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
        text: vec![format!(
            "Classes: {}. AUC is the chance that a patient of a class got a higher probability of \
             it than one of another class: 1 is perfect, 0.5 is chance (Hand and Till 2001). Accuracy \
             is the share of patients whose most probable class is theirs; F1 is the harmonic mean \
             of precision and recall: of both 1 is perfect.",
            result.classes.join(", ")
        )],
        ..Section::default()
    };
    section.tables.push(figures(&with_head));
    section.tables.extend(by_class(&first.name, result));
    let counts = confusions(evaluation, (&first.name, &result.classes), predictions);
    let labelled: u64 = counts.iter().flatten().sum();
    let commonest = counts.iter().enumerate().max_by_key(|(_, row)| row.iter().sum::<u64>());
    if let Some((class, row)) = commonest.filter(|_| labelled > 0) {
        let share = row.iter().sum::<u64>() as f64 / labelled as f64;
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

fn figures(with_head: &[(&ModelResult, &SubtypeResult)]) -> Table {
    let mut table = Table::new("How well each model tells subtypes apart (95\u{a0}%)")
        .words("Model")
        .figures("AUC, mean over classes")
        .figures("AUC, weighted by patients")
        .figures("F1, mean over classes")
        .figures("Accuracy");
    for (model, result) in with_head {
        table.rows.push(vec![
            model.name.clone(),
            words::with_interval(result.auc_macro),
            words::with_interval(result.auc_weighted),
            words::with_interval(result.f1_macro),
            words::with_interval(Some(result.accuracy)),
        ]);
    }
    table
}

/// Each class against the others, by one model.
fn by_class(model: &str, result: &SubtypeResult) -> Option<Table> {
    if result.by_class.is_empty() || result.by_class.len() > MOST_CLASSES {
        return None;
    }
    let caption = format!(
        "Each class by {model}: precision is the share of those put into it that have it, recall \
         of those who have it that were put into it"
    );
    let mut table = Table::new(&caption)
        .words("Class")
        .figures("Patients")
        .figures("AUC against the others (95\u{a0}%)")
        .figures("Precision")
        .figures("Recall")
        .figures("F1");
    for class in &result.by_class {
        table.rows.push(vec![
            class.class.clone(),
            words::thousands(usize::try_from(class.patients).unwrap_or(usize::MAX)),
            words::with_interval(class.auc),
            words::optional(class.precision),
            words::optional(class.recall),
            words::optional(class.f1),
        ]);
    }
    Some(table)
}

/// Patients by observed class (row) and most probable class (column).
fn confusions(
    evaluation: &Evaluation,
    (model, classes): (&str, &[String]),
    predictions: &[Prediction],
) -> Vec<Vec<u64>> {
    let column = |class: &String| evaluation.classes.iter().position(|one| one == class);
    let columns: Vec<Option<usize>> = classes.iter().map(column).collect();
    let (mut labels, mut probabilities) = (vec![], vec![]);
    for prediction in predictions.iter().filter(|prediction| prediction.model == model) {
        let own = &prediction.class_probabilities;
        let observed = prediction.label.as_ref().filter(|_| !own.is_empty());
        let observed = observed.and_then(|label| classes.iter().position(|class| class == label));
        labels.extend(observed);
        if observed.is_some() {
            let of = |column: &Option<usize>| column.and_then(|column| own.get(column));
            probabilities.extend(columns.iter().map(|column| of(column).copied().unwrap_or(0.0)));
        }
    }
    let probabilities = Array2::from_shape_vec((labels.len(), classes.len()), probabilities)
        .expect("one probability for each class");
    let rows = |counts: Array2<u64>| counts.rows().into_iter().map(|row| row.to_vec()).collect();
    confusion_matrix(&labels, &probabilities).map_or_else(|_| vec![], rows)
}

fn confusion_table(model: &str, classes: &[String], counts: &[Vec<u64>]) -> Table {
    let caption = format!("Patients by observed subtype (rows) and the one that {model} predicts");
    let mut table = Table::new(&caption).words("Observed");
    for class in classes {
        table = table.figures(&format!("as {class}"));
    }
    for (class, row) in classes.iter().zip(counts) {
        let mut cells = vec![class.clone()];
        let count = |&count: &u64| words::thousands(usize::try_from(count).unwrap_or(usize::MAX));
        cells.extend(row.iter().map(count));
        table.rows.push(cells);
    }
    table
}
