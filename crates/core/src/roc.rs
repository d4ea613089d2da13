//! Areas under ROC curves: of classes, of events by a time.

use ndarray::ArrayRef2;

use crate::classification::most_probable;
use crate::concordance::check_risks;
use crate::doubt::Doubt;
use crate::kaplan_meier::Censoring;
use crate::{Risk, Survival, Undefined, horizon};

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
/// follow-up does not reach that far, a risk is not a number, or some patients came under observation
/// late.
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
    horizon::check_reach(outcomes.iter().map(|outcome| outcome.time_days), time_days)?;
    let censoring = Censoring::of_both(train, outcomes)?;
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
    let areas = class_areas(labels, probabilities)?;
    Ok(areas.iter().map(|(area, _)| area).sum::<f64>() / areas.len() as f64)
}

/// The AUC of each class against all others, averaged over the classes that occur by their numbers
/// of patients.
///
/// `labels` are indices into the columns of `probabilities` (patients, classes).
///
/// # Errors
/// As [`macro_auc`].
///
/// # Panics
/// When there are not as many labels as rows, or a label is no column.
pub fn weighted_macro_auc(
    labels: &[usize],
    probabilities: &ArrayRef2<f64>,
) -> Result<f64, Undefined> {
    let areas = class_areas(labels, probabilities)?;
    let sum: f64 = areas.iter().map(|(area, patients)| area * *patients as f64).sum();
    Ok(sum / labels.len() as f64)
}

/// The AUC of each class that occurs, with its number of patients.
fn class_areas(
    labels: &[usize],
    probabilities: &ArrayRef2<f64>,
) -> Result<Vec<(f64, usize)>, Undefined> {
    check_labels(labels, probabilities)?;
    let mut areas = Vec::new();
    for (class, scores) in probabilities.columns().into_iter().enumerate() {
        let positive: Vec<bool> = labels.iter().map(|&label| label == class).collect();
        let patients = positive.iter().filter(|&&positive| positive).count();
        if patients > 0 {
            areas.push((auc(&positive, &scores.to_vec())?, patients));
        }
    }
    Ok(areas)
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
    let found = most_probable(probabilities);
    let right = labels.iter().zip(&found).filter(|(label, found)| label == found).count();
    Ok(right as f64 / labels.len() as f64)
}

pub(crate) fn check_labels(
    labels: &[usize],
    probabilities: &ArrayRef2<f64>,
) -> Result<(), Undefined> {
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
pub(crate) struct Weighted {
    pub(crate) score: f64,
    pub(crate) case: f64,
    pub(crate) control: f64,
}

/// The weighted share of case-control pairs in which the case scores higher.
pub(crate) fn weighted_auc(mut rows: Vec<Weighted>) -> Option<f64> {
    rows.sort_unstable_by(|a, b| (a.score + 0.0).total_cmp(&(b.score + 0.0)));
    let (mut right, mut wrong, mut cases, mut controls) = (0.0, 0.0, 0.0, 0.0);
    for tied in rows.chunk_by(|a, b| a.score >= b.score) {
        let tied_cases: f64 = tied.iter().map(|row| row.case).sum();
        let tied_controls: f64 = tied.iter().map(|row| row.control).sum();
        right += tied_cases * (controls + 0.5 * tied_controls);
        wrong += tied_controls * (cases + 0.5 * tied_cases);
        cases += tied_cases;
        controls += tied_controls;
    }
    // Of a perfect order it is 1, whatever sums are rounded to.
    (cases > 0.0 && controls > 0.0).then(|| right / (right + wrong))
}

/// The scores of one class, and their weights.
#[derive(Clone, Copy)]
struct Class {
    low: f64,
    high: f64,
    sum: f64,
    heaviest: f64,
}

impl Class {
    fn of(rows: &[Weighted], weight: fn(&Weighted) -> f64) -> Option<Self> {
        let of_one = |row: &Weighted| {
            let (score, weight) = (row.score, weight(row));
            (weight > 0.0).then_some(Self {
                low: score,
                high: score,
                sum: weight,
                heaviest: weight,
            })
        };
        rows.iter().filter_map(of_one).reduce(|a, b| Self {
            low: a.low.min(b.low),
            high: a.high.max(b.high),
            sum: a.sum + b.sum,
            heaviest: a.heaviest.max(b.heaviest),
        })
    }
}

/// What [`weighted_auc`] leaves open where it is 0 or 1.
pub(crate) fn weighted_auc_doubt(rows: &[Weighted]) -> Option<Doubt> {
    let cases = Class::of(rows, |row| row.case)?;
    let controls = Class::of(rows, |row| row.control)?;
    let share = if cases.low > controls.high {
        1.0
    } else if cases.high < controls.low {
        0.0
    } else {
        return Some(Doubt::default());
    };
    let disjoint = f64::min(cases.sum / cases.heaviest, controls.sum / controls.heaviest);
    Some(Doubt::of(share, disjoint))
}

#[cfg(test)]
mod tests {
    use super::*;

    use ndarray::array;

    fn outcomes(rows: &[(f64, bool)]) -> Vec<Survival> {
        rows.iter().map(|&(time_days, event)| Survival::until(time_days, event)).collect()
    }

    #[test]
    fn auc_of_named_cases() {
        let cases: [(&str, &[bool], &[f64], f64); 5] = [
            ("perfect", &[true, false], &[2.0, 1.0], 1.0),
            ("reversed", &[true, false], &[1.0, 2.0], 0.0),
            ("all tied", &[true, false, false], &[1.0, 1.0, 1.0], 0.5),
            ("zeros of both signs are tied", &[true, false], &[-0.0, 0.0], 0.5),
            (
                "one of two pairs, and a tie",
                &[true, false, true, false],
                &[3.0, 2.0, 2.0, 2.5],
                0.625,
            ),
        ];
        for (name, positive, scores, expected) in cases {
            assert_eq!(auc(positive, scores), Ok(expected), "{name}");
        }
    }

    #[test]
    fn auc_needs_two_classes_and_numbers() {
        assert_eq!(auc(&[true, true], &[1.0, 2.0]), Err(Undefined::OneClass { patients: 2 }));
        assert_eq!(auc(&[], &[]), Err(Undefined::OneClass { patients: 0 }));
        assert!(matches!(
            auc(&[true, false], &[1.0, f64::NAN]),
            Err(Undefined::NotFinite { row: 1, .. })
        ));
    }

    #[test]
    fn auc_at_leaves_out_those_censored_before() {
        let all = outcomes(&[(1.0, true), (2.0, false), (3.0, true), (4.0, false)]);
        let risks = [4.0, 9.0, 1.0, 2.0].map(Risk);
        assert_eq!(auc_at(&all, &all, &risks, 2.5), Ok(1.0));
        // At day 3 the second case, weighted by 3/2, is below the control.
        let found = auc_at(&all, &all, &risks, 3.0).unwrap();
        assert!((found - 1.0 / 2.5).abs() < 1e-12, "{found}");
    }

    #[test]
    fn auc_at_says_what_is_missing() {
        let all = outcomes(&[(1.0, true), (2.0, false), (3.0, true), (4.0, false)]);
        let risks = [1.0, 2.0, 3.0, 4.0].map(Risk);
        assert_eq!(auc_at(&all, &all, &risks, 0.5), Err(Undefined::NoCase { time_days: 0.5 }));
        let past = Undefined::HorizonPastFollowUp { time_days: 4.0, last_days: 4.0 };
        assert_eq!(auc_at(&all, &all, &risks, 4.0), Err(past));
        let unknown = Undefined::CensoringUnknown { time_days: 3.0, last_days: 2.0 };
        assert_eq!(auc_at(&all[..2], &all, &risks, 3.5), Err(unknown));
        assert!(auc_at(&all, &[], &[], 1.0).is_err());
    }

    #[test]
    fn macro_auc_averages_over_classes_that_occur() {
        let probabilities = array![[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]];
        assert_eq!(macro_auc(&[0, 0, 1], &probabilities), Ok(1.0));
        assert_eq!(macro_auc(&[0, 0, 0], &probabilities), Err(Undefined::OneClass { patients: 3 }));
        assert_eq!(macro_auc(&[], &ndarray::Array2::zeros((0, 3))), Err(Undefined::NoPatient));
    }

    #[test]
    fn accuracy_takes_the_first_of_equal_classes() {
        let probabilities = array![[0.5, 0.5], [0.1, 0.9], [0.8, 0.2], [0.5, 0.5]];
        assert_eq!(accuracy(&[0, 1, 1, 1], &probabilities), Ok(0.5));
    }
}
