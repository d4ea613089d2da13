//! Figures of classes that were decided on.

use ndarray::{Array2, ArrayRef2};

use crate::Undefined;
use crate::roc::check_labels;

/// The most probable class of each row of `probabilities` (patients, classes); of equal
/// probabilities the first.
#[must_use]
pub fn most_probable(probabilities: &ArrayRef2<f64>) -> Vec<usize> {
    let first_largest = |row: ndarray::ArrayView1<f64>| {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.iter().position(|&probability| probability >= largest).unwrap_or(0)
    };
    probabilities.rows().into_iter().map(first_largest).collect()
}

/// How many patients of each class (row) were put into each class (column), (classes, classes).
///
/// # Errors
/// When there is no patient, or a probability is not a number.
///
/// # Panics
/// When there are not as many labels as rows, or a label is no column.
pub fn confusion_matrix(
    labels: &[usize],
    probabilities: &ArrayRef2<f64>,
) -> Result<Array2<u64>, Undefined> {
    check_labels(labels, probabilities)?;
    let classes = probabilities.ncols();
    let mut counts = Array2::zeros((classes, classes));
    for (&label, found) in labels.iter().zip(most_probable(probabilities)) {
        counts[[label, found]] += 1;
    }
    Ok(counts)
}

/// How a class was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassFigures {
    /// Patients who have it.
    pub patients: u64,
    /// The share of those who were put into it that have it; `None` where nobody was put into it.
    pub precision: Option<f64>,
    /// The share of those who have it that were put into it, the sensitivity; `None` where nobody
    /// has it.
    pub recall: Option<f64>,
    /// Twice those who were put into it and have it over the sum of both groups; `None` where both
    /// are empty.
    pub f1: Option<f64>,
}

/// Precision, recall and F1 of the most probable class, class by class. van Rijsbergen, Information
/// Retrieval, 1979.
///
/// # Errors
/// As [`confusion_matrix`].
///
/// # Panics
/// As [`confusion_matrix`].
pub fn class_figures(
    labels: &[usize],
    probabilities: &ArrayRef2<f64>,
) -> Result<Vec<ClassFigures>, Undefined> {
    let counts = confusion_matrix(labels, probabilities)?;
    let sizes = counts.sum_axis(ndarray::Axis(1));
    let found = counts.sum_axis(ndarray::Axis(0));
    let of_class = |class: usize| {
        let right = counts[[class, class]] as f64;
        let share = |right: f64, whole: u64| (whole > 0).then(|| right / whole as f64);
        ClassFigures {
            patients: sizes[class],
            precision: share(right, found[class]),
            recall: share(right, sizes[class]),
            f1: share(2.0 * right, sizes[class] + found[class]),
        }
    };
    Ok((0..sizes.len()).map(of_class).collect())
}

/// F1 scores: harmonic means of precision and recall.
#[derive(Clone, Debug, PartialEq)]
pub struct F1 {
    /// Of each class; `None` for a class that nobody has or was put into.
    pub by_class: Vec<Option<f64>>,
    /// The mean over the classes that have one.
    pub macro_average: f64,
    /// The mean weighted by the patients of each class.
    pub weighted: f64,
}

/// The F1 scores of the most probable classes. van Rijsbergen, Information Retrieval, 1979.
///
/// # Errors
/// As [`confusion_matrix`].
///
/// # Panics
/// As [`confusion_matrix`].
pub fn f1(labels: &[usize], probabilities: &ArrayRef2<f64>) -> Result<F1, Undefined> {
    let classes = class_figures(labels, probabilities)?;
    let by_class: Vec<Option<f64>> = classes.iter().map(|class| class.f1).collect();
    let defined: Vec<f64> = by_class.iter().copied().flatten().collect();
    let weighted = classes.iter().map(|class| class.f1.unwrap_or(0.0) * class.patients as f64);
    Ok(F1 {
        macro_average: defined.iter().sum::<f64>() / defined.len() as f64,
        weighted: weighted.sum::<f64>() / labels.len() as f64,
        by_class,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use ndarray::array;

    #[test]
    fn counts_and_scores_by_hand() {
        let probabilities =
            array![[0.7, 0.3, 0.0], [0.5, 0.5, 0.0], [0.2, 0.8, 0.0], [0.9, 0.1, 0.0]];
        let labels = [0, 0, 1, 1];
        let counts = confusion_matrix(&labels, &probabilities).unwrap();
        assert_eq!(counts, array![[2, 0, 0], [1, 1, 0], [0, 0, 0]]);
        let found = f1(&labels, &probabilities).unwrap();
        assert_eq!(found.by_class, [Some(0.8), Some(2.0 / 3.0), None]);
        assert!((found.macro_average - 11.0 / 15.0).abs() < 1e-15);
        assert!((found.weighted - 11.0 / 15.0).abs() < 1e-15);
        let classes = class_figures(&labels, &probabilities).unwrap();
        assert_eq!(classes[0].precision, Some(2.0 / 3.0));
        assert_eq!(classes[1].recall, Some(0.5));
        let nobody = ClassFigures { patients: 0, precision: None, recall: None, f1: None };
        assert_eq!(classes[2], nobody);
    }

    #[test]
    fn needs_patients_and_numbers() {
        assert_eq!(f1(&[], &Array2::zeros((0, 2))), Err(Undefined::NoPatient));
        assert!(confusion_matrix(&[0], &array![[f64::NAN, 0.5]]).is_err());
    }
}
