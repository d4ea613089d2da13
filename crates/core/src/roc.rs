//! Areas under ROC curves: of classes, of events by a time.

use ndarray::ArrayRef2;

use crate::concordance::check_risks;
use crate::kaplan_meier::Censoring;
use crate::{Risk, Survival, Undefined};

/// The probability that a positive has a higher score than a negative, ties counting one half.
/// Bamber, J Math Psychol 1975;12:387.
///
/// # Errors
/// When one class is missing, or a score is not a number.
///
/// # Panics
/// When there are not as many scores as classes.
pub fn auc(positive: &[bool], scores: &[f64]) -> Result<f64, Undefined> {
    assert_eq!(positive.len(), scores.len(), "one score for each class");
    if let Some(row) = scores.iter().position(|score| score.is_nan()) {
        return Err(Undefined::NotFinite { what: "a score", row, value: scores[row] });
    }
    let weighted = positive
        .iter()
        .zip(scores)
        .map(|(&positive, &score)| {
            let (case, control) = if positive { (1.0, 0.0) } else { (0.0, 1.0) };
            Weighted { score, case, control }
        })
        .collect();
    weighted_auc(weighted).ok_or(Undefined::OneClass { patients: positive.len() })
}

/// Cumulative/dynamic AUC: the probability that a patient with the event by day `time_days` has a
/// higher risk than one who is event-free past it. Hung and Chiang, Can J Stat 2010;38:8; Uno et
/// al., J Am Stat Assoc 2007;102:527.
///
/// Cases are weighted by the inverse probability of being uncensored, learned from `train`. Equal
/// to scikit-survival's `cumulative_dynamic_auc`.
///
/// # Errors
/// When nobody had the event by then, nobody was followed up past it, the training patients' own
/// follow-up does not reach that far, or a risk is not a number.
///
/// # Panics
/// When there are not as many risks as outcomes.
pub fn auc_at(
    train: &[Survival],
    outcomes: &[Survival],
    risks: &[Risk],
    time_days: f64,
) -> Result<f64, Undefined> {
    assert_eq!(outcomes.len(), risks.len(), "one risk for each outcome");
    check_risks(risks)?;
    let last_days = outcomes.iter().map(|outcome| outcome.time_days).fold(0.0, f64::max);
    if time_days >= last_days {
        return Err(Undefined::HorizonPastFollowUp { time_days, last_days });
    }
    let censoring = Censoring::fit(train);
    let mut weighted = Vec::with_capacity(outcomes.len());
    for (outcome, risk) in outcomes.iter().zip(risks) {
        if outcome.time_days > time_days {
            weighted.push(Weighted { score: risk.0, case: 0.0, control: 1.0 });
        } else if outcome.event {
            let case = 1.0 / censoring.uncensored(outcome.time_days)?;
            weighted.push(Weighted { score: risk.0, case, control: 0.0 });
        }
    }
    weighted_auc(weighted).ok_or(Undefined::NoCase { time_days })
}

/// The AUC of each class against all others, averaged over the classes that occur. Hand and Till,
/// Mach Learn 2001;45:171, section 2.
///
/// `labels` are indices into the columns of `probabilities` (patients, classes).
///
/// # Errors
/// When fewer than two classes occur, or a probability is not a number.
///
/// # Panics
/// When there are not as many labels as rows, or a label is no column.
pub fn macro_auc(labels: &[usize], probabilities: &ArrayRef2<f64>) -> Result<f64, Undefined> {
    check_labels(labels, probabilities)?;
    let (mut sum, mut classes) = (0.0, 0_u32);
    for (class, scores) in probabilities.columns().into_iter().enumerate() {
        let positive: Vec<bool> = labels.iter().map(|&label| label == class).collect();
        if positive.contains(&true) {
            sum += auc(&positive, &scores.to_vec())?;
            classes += 1;
        }
    }
    Ok(sum / f64::from(classes))
}

/// The share of patients whose most probable class is theirs; of equal probabilities the first
/// class is taken.
///
/// # Errors
/// When there is no patient, or a probability is not a number.
///
/// # Panics
/// When there are not as many labels as rows, or a label is no column.
pub fn accuracy(labels: &[usize], probabilities: &ArrayRef2<f64>) -> Result<f64, Undefined> {
    check_labels(labels, probabilities)?;
    let right = labels
        .iter()
        .zip(probabilities.rows())
        .filter(|(label, row)| {
            let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter().position(|&probability| probability >= most) == Some(**label)
        })
        .count();
    Ok(right as f64 / labels.len() as f64)
}

fn check_labels(labels: &[usize], probabilities: &ArrayRef2<f64>) -> Result<(), Undefined> {
    assert_eq!(labels.len(), probabilities.nrows(), "one label for each row");
    assert!(labels.iter().all(|&label| label < probabilities.ncols()), "a column for each label");
    if labels.is_empty() {
        return Err(Undefined::NoPatient);
    }
    let not_a_number = probabilities.indexed_iter().find(|(_, value)| value.is_nan());
    match not_a_number {
        Some(((row, _), &value)) => Err(Undefined::NotFinite { what: "a probability", row, value }),
        None => Ok(()),
    }
}

/// A score with the weight it has as a case and as a control.
struct Weighted {
    score: f64,
    case: f64,
    control: f64,
}

/// The weighted share of case-control pairs in which the case scores higher.
fn weighted_auc(mut rows: Vec<Weighted>) -> Option<f64> {
    rows.sort_unstable_by(|a, b| (a.score + 0.0).total_cmp(&(b.score + 0.0)));
    let (mut right, mut cases, mut controls) = (0.0, 0.0, 0.0);
    for tied in rows.chunk_by(|a, b| a.score >= b.score) {
        let tied_cases: f64 = tied.iter().map(|row| row.case).sum();
        let tied_controls: f64 = tied.iter().map(|row| row.control).sum();
        right += tied_cases * (controls + 0.5 * tied_controls);
        cases += tied_cases;
        controls += tied_controls;
    }
    (cases > 0.0 && controls > 0.0).then(|| right / (cases * controls))
}
