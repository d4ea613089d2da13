//! Figures over the classes that models give patients who were held out.

use ndarray::{Array2, ArrayRef2, Axis};
use oncoweave_core::{
    ClassDifference, ClassResult, Estimate, Prediction, SubtypeResult, Undefined,
    classification::{ClassFigures, class_figures, f1},
    delong::{auc_difference, auc_interval},
    doubt::Doubt,
    inference::{Estimated, PairedDifference},
    roc::{accuracy, auc, macro_auc, weighted_macro_auc},
};

use crate::{
    figures::pooled,
    held_out::{Candidate, Scores, Setting, all_classes},
};

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
    let mut say = |what: &str, reason: Undefined| {
        notes.push(format!("`{}` has no {what}: {reason}", model.name));
    };
    let Classified { labels, probabilities, .. } = &classified;
    let decided = classified.estimate(setting, |labels, probabilities| {
        Ok([accuracy(labels, probabilities)?, f1(labels, probabilities)?.macro_average])
    });
    let [accuracy, f1_macro] = decided.map_err(|reason| say("subtype accuracy", reason)).ok()?;
    let areas = classified.estimate(setting, |labels, probabilities| {
        Ok([macro_auc(labels, probabilities)?, weighted_macro_auc(labels, probabilities)?])
    });
    let areas = areas.map_err(|reason| say("subtype AUC", reason)).ok();
    let figures = class_figures(labels, probabilities).unwrap_or_default();
    let doubts = classified.doubts(&figures);
    let areas = areas.map(|areas| [0, 1].map(|place| doubts[place].widen_share(areas[place])));
    let accuracy = Doubt::of(accuracy.value, labels.len() as f64).widen_share(accuracy);
    let of_class = |(class, figures): (usize, ClassFigures)| {
        let positive: Vec<bool> = labels.iter().map(|&label| label == class).collect();
        let auc = auc_interval(&positive, &probabilities.column(class).to_vec());
        let auc = auc.map_err(|reason| {
            say(&format!("AUC of the class `{}`", classified.classes[class]), reason);
        });
        ClassResult {
            class: classified.classes[class].clone(),
            patients: figures.patients,
            auc: auc.ok().map(Estimated::as_share),
            precision: figures.precision,
            recall: figures.recall,
            f1: figures.f1,
        }
    };
    let occurs = |(_, figures): &(usize, ClassFigures)| figures.patients > 0;
    let by_class = figures.into_iter().enumerate().filter(occurs).map(of_class).collect();
    Some(SubtypeResult {
        classes: classified.classes.clone(),
        auc_macro: areas.map(|[auc, _]| auc),
        auc_weighted: areas.map(|[_, auc]| auc),
        accuracy,
        f1_macro: Some(f1_macro),
        by_class,
    })
}

impl Classified {
    /// What classes in perfect order leave open of the mean of all areas, and of that by patients. Each
    /// class is against all others, so that their bounds are added.
    fn doubts(&self, figures: &[ClassFigures]) -> [Doubt; 2] {
        let all: u64 = figures.iter().map(|figures| figures.patients).sum();
        let occurring = figures.iter().enumerate().filter(|(_, own)| own.patients > 0);
        let classes = occurring.clone().count();
        let mut doubts = [Doubt::default(); 2];
        for (class, own) in occurring {
            let positive: Vec<bool> = self.labels.iter().map(|&label| label == class).collect();
            let Ok(area) = auc(&positive, &self.probabilities.column(class).to_vec()) else {
                continue;
            };
            let open = Doubt::of(area, own.patients.min(all - own.patients) as f64);
            let weights = [1.0 / classes as f64, own.patients as f64 / all as f64];
            for (doubt, weight) in doubts.iter_mut().zip(weights) {
                doubt.below += weight * open.below;
                doubt.above += weight * open.above;
            }
        }
        doubts
    }

    /// Statistics of all patients with their bootstrap intervals.
    fn estimate<const N: usize>(
        &self,
        setting: &Setting,
        statistics: impl Fn(&[usize], &ArrayRef2<f64>) -> Result<[f64; N], Undefined> + Sync,
    ) -> Result<[Estimate; N], Undefined> {
        let on = |rows: &[usize]| {
            let labels: Vec<usize> = rows.iter().map(|&row| self.labels[row]).collect();
            statistics(&labels, &self.probabilities.select(Axis(0), rows))
        };
        pooled(self.labels.len(), setting.resampling, on)
    }
}

/// The AUC of each class against the others of the first model less that of the second, on the
/// patients whom both give probabilities, where both classes have two patients. What is undefined is
/// said.
pub(crate) fn class_differences(
    first: &Candidate,
    second: &Candidate,
    mut say: impl FnMut(&str, &Undefined),
) -> Vec<ClassDifference> {
    let mut pairs = vec![];
    for (first, second) in first.scores.iter().zip(&second.scores) {
        let (Ok(first), Ok(second)) = (first, second) else { continue };
        if !first.classes.is_empty() && !second.classes.is_empty() {
            let both = first.predictions.iter().zip(&second.predictions);
            pairs.extend(both.map(|(a, b)| ((first, a), (second, b))));
        }
    }
    if pairs.is_empty() {
        return vec![];
    }
    let difference = |class: String| {
        let of = |(scores, prediction): (&Scores, &Prediction)| {
            let place = scores.classes.iter().position(|own| *own == class);
            place.map_or(0.0, |place| prediction.class_probabilities[place])
        };
        let (mut positive, mut a, mut b) = (vec![], vec![], vec![]);
        for &(first, second) in &pairs {
            if let Some(label) = &first.1.label {
                positive.push(*label == class);
                a.push(of(first));
                b.push(of(second));
            }
        }
        let found = auc_difference(&positive, &a, &b);
        let found = found.map_err(|reason| say(&format!("AUC of the class `{class}`"), &reason));
        let PairedDifference { difference, p } = found.ok()?;
        let difference = difference.as_difference_of_shares();
        Some(ClassDifference { class, difference, p })
    };
    all_classes(std::slice::from_ref(first)).into_iter().filter_map(difference).collect()
}
