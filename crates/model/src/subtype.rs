//! Figures over the classes that models give patients who were held out.

use ndarray::{Array2, ArrayRef2, Axis};
use oncoweave_core::{
    Estimate, SubtypeResult, Undefined,
    bootstrap::interval,
    roc::{accuracy, macro_auc},
};

use crate::held_out::{Candidate, Scores, Setting, all_classes};

/// Patients with a known class and the probabilities that a model gave them.
struct Classified {
    classes: Vec<String>,
    labels: Vec<usize>,
    /// (patients, classes).
    probabilities: Array2<f64>,
}

/// Pools all parts: unlike risks, probabilities mean the same in each. A class that one part's
/// model never saw has probability 0 there.
fn classified(model: &Candidate, notes: &mut Vec<String>) -> Option<Classified> {
    let scores: Vec<&Scores> = model.scores.iter().flatten().collect();
    let classes = all_classes(std::slice::from_ref(model));
    let number = |name: &String| classes.iter().position(|class| class == name);
    let (mut labels, mut flat, mut unseen) = (vec![], vec![], 0);
    for scores in scores.iter().filter(|scores| !scores.classes.is_empty()) {
        for prediction in &scores.predictions {
            let Some(label) = &prediction.label else { continue };
            let Some(label) = number(label) else {
                unseen += 1;
                continue;
            };
            labels.push(label);
            let mut row = vec![0.0; classes.len()];
            for (class, &probability) in scores.classes.iter().zip(&prediction.class_probabilities)
            {
                row[number(class).expect("the union holds every class")] = probability;
            }
            flat.extend(row);
        }
    }
    if unseen > 0 {
        notes.push(format!(
            "{unseen} patients have a label that `{}` never saw in training; they are not in its \
             subtype figures",
            model.name
        ));
    }
    let probabilities = Array2::from_shape_vec((labels.len(), classes.len()), flat)
        .expect("one probability for each class");
    (!labels.is_empty()).then_some(Classified { classes, labels, probabilities })
}

/// How well a model tells the classes of the patients apart, and notes on what stands in the way.
pub(crate) fn subtype(
    setting: &Setting,
    model: &Candidate,
    notes: &mut Vec<String>,
) -> Option<SubtypeResult> {
    let classified = classified(model, notes)?;
    let estimate = |statistic: fn(&[usize], &ArrayRef2<f64>) -> Result<f64, Undefined>| {
        let on = |rows: &[usize]| {
            let labels: Vec<usize> = rows.iter().map(|&row| classified.labels[row]).collect();
            statistic(&labels, &classified.probabilities.select(Axis(0), rows))
        };
        let everyone: Vec<usize> = (0..classified.labels.len()).collect();
        let value = on(&everyone)?;
        let bounds = interval(everyone.len(), setting.resampling, on)?;
        Ok(Estimate { value, low: bounds.low, high: bounds.high })
    };
    let mut say = |what: &str, reason: Undefined| {
        notes.push(format!("`{}` has no {what}: {reason}", model.name));
    };
    let accuracy = estimate(accuracy).map_err(|reason| say("subtype accuracy", reason)).ok()?;
    let auc_macro = estimate(macro_auc).map_err(|reason| say("subtype AUC", reason)).ok();
    Some(SubtypeResult { classes: classified.classes.clone(), auc_macro, accuracy })
}
