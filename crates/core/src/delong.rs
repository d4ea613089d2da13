//! Standard errors of the AUC without resampling. `DeLong` et al., Biometrics 1988;44:837, by
//! midranks in O(n log n): Sun and Xu, IEEE Signal Process Lett 2014;21:1389.

use crate::Undefined;
use crate::doubt::Doubt;
use crate::inference::{Estimated, PairedDifference};

/// The AUC of one score with its standard error.
///
/// Where every case is above every control, or below, the interval is that of [`Doubt`] for as many
/// disjoint pairs as the smaller class has patients.
///
/// # Errors
/// When a class has fewer than two patients, or a score is not a number.
///
/// # Panics
/// When there are not as many scores as classes.
pub fn auc_interval(positive: &[bool], scores: &[f64]) -> Result<Estimated, Undefined> {
    let placements = placements(positive, scores)?;
    Ok(Estimated::of(placements.auc, placements.variance() + placements.doubt().variance()))
}

/// The AUC of one score less that of another on the same patients. A score that puts every case above
/// every control, or below, brings what that leaves open ([`Doubt`]).
///
/// # Errors
/// As [`auc_interval`], and when the difference has no variance.
///
/// # Panics
/// When there are not as many scores as classes.
pub fn auc_difference(
    positive: &[bool],
    first: &[f64],
    second: &[f64],
) -> Result<PairedDifference, Undefined> {
    let (first, second) = (placements(positive, first)?, placements(positive, second)?);
    let apart = Placements {
        auc: first.auc - second.auc,
        positive: less(&first.positive, &second.positive),
        negative: less(&first.negative, &second.negative),
    };
    let doubt = first.doubt().less(second.doubt());
    PairedDifference::of(apart.auc, apart.variance() + doubt.variance())
}

fn less(first: &[f64], second: &[f64]) -> Vec<f64> {
    first.iter().zip(second).map(|(a, b)| a - b).collect()
}

/// Each patient's share of the patients of the other class in the right order.
struct Placements {
    auc: f64,
    positive: Vec<f64>,
    negative: Vec<f64>,
}

impl Placements {
    fn variance(&self) -> f64 {
        let of_mean = |shares: &[f64]| {
            let (count, mean) = (shares.len() as f64, mean(shares));
            let squares = shares.iter().map(|share| (share - mean) * (share - mean));
            squares.sum::<f64>() / (count - 1.0) / count
        };
        of_mean(&self.positive) + of_mean(&self.negative)
    }

    fn doubt(&self) -> Doubt {
        Doubt::of(self.auc, self.positive.len().min(self.negative.len()) as f64)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn placements(positive: &[bool], scores: &[f64]) -> Result<Placements, Undefined> {
    assert_eq!(positive.len(), scores.len(), "one score for each class");
    if let Some(row) = scores.iter().position(|score| score.is_nan()) {
        return Err(Undefined::NotFinite { what: "a score", row, value: scores[row] });
    }
    let cases = positive.iter().filter(|&&positive| positive).count();
    let controls = positive.len() - cases;
    if cases == 0 || controls == 0 {
        return Err(Undefined::OneClass { patients: positive.len() });
    }
    if cases < 2 || controls < 2 {
        return Err(Undefined::NoVariance { what: "an AUC" });
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| (scores[a] + 0.0).total_cmp(&(scores[b] + 0.0)));
    let mut placements = Placements { auc: 0.0, positive: vec![], negative: vec![] };
    let (mut cases_below, mut controls_below) = (0, 0);
    let mut of_row = vec![0.0; scores.len()];
    for tied in order.chunk_by(|&a, &b| scores[a] >= scores[b]) {
        let tied_cases = tied.iter().filter(|&&row| positive[row]).count();
        let tied_controls = tied.len() - tied_cases;
        let right = (controls_below as f64 + 0.5 * tied_controls as f64) / controls as f64;
        let wrong = (cases_below as f64 + 0.5 * tied_cases as f64) / cases as f64;
        for &row in tied {
            of_row[row] = if positive[row] { right } else { 1.0 - wrong };
        }
        cases_below += tied_cases;
        controls_below += tied_controls;
    }
    for (&is_case, share) in positive.iter().zip(of_row) {
        if is_case { &mut placements.positive } else { &mut placements.negative }.push(share);
    }
    placements.auc = mean(&placements.positive);
    Ok(placements)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::roc::auc;

    #[test]
    fn the_figure_is_the_auc_with_its_ties() {
        let positive = [true, false, true, false, false];
        let scores = [3.0, 2.0, 2.0, 2.5, -0.0];
        let found = auc_interval(&positive, &scores).unwrap();
        assert!((found.value - auc(&positive, &scores).unwrap()).abs() < 1e-15);
        assert!(found.low < found.value && found.value < found.high);
    }

    #[test]
    fn few_patients_in_order_do_not_make_sure() {
        // Three pairs in order: p³ = 0.025 at the bound.
        let positive = [true, true, true, false, false, false, false];
        let scores = [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0];
        let found = auc_interval(&positive, &scores).unwrap();
        assert!((found.value - 1.0).abs() < 1e-15 && (found.low.powi(3) - 0.025).abs() < 1e-12);
        let reversed = auc_interval(&positive, &scores.map(|score| -score)).unwrap();
        assert!((reversed.high - (1.0 - found.low)).abs() < 1e-12, "{reversed:?}");
        // The same score for all says nothing of the patients and is sure to be one half.
        let same = auc_interval(&positive, &[1.0; 7]).unwrap();
        assert!((same.low - 0.5).abs() < 1e-15 && (same.high - 0.5).abs() < 1e-15);
    }

    #[test]
    fn a_score_does_not_differ_from_itself() {
        let positive = [true, false, true, false];
        let scores = [3.0, 2.0, 1.0, 0.5];
        let found = auc_difference(&positive, &scores, &scores).unwrap();
        assert_eq!((found.difference.value, found.p), (0.0, 1.0));
        assert!(found.difference.standard_error <= 0.0);
    }

    #[test]
    fn two_scores_that_separate_few_patients_may_differ() {
        let positive = [true, true, true, false, false, false, false];
        let perfect = [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0];
        let other = [6.0, 6.5, 9.0, 1.0, 3.0, 2.0, 1.0];
        let width = 1.0 - auc_interval(&positive, &perfect).unwrap().low;
        let found = auc_difference(&positive, &perfect, &other).unwrap();
        assert!(found.difference.value.abs() < 1e-15 && (found.p - 1.0).abs() < 1e-15);
        assert!((found.difference.high - width).abs() < 1e-12, "{found:?}");
        assert!((found.difference.low + width).abs() < 1e-12, "{found:?}");
        // Of opposite scores each may be as far off; three pairs are too few for a sign test.
        let found = auc_difference(&positive, &perfect, &perfect.map(|score| -score)).unwrap();
        assert!((found.difference.value - 1.0).abs() < 1e-15 && found.p > 0.05);
        assert!((found.difference.low - (1.0 - 2.0 * width)).abs() < 1e-12, "{found:?}");
        // Beside an imperfect score both say how unsure the difference is.
        let imperfect = [7.0, 3.5, 5.0, 4.0, 3.0, 2.0, 1.0];
        let own = auc_interval(&positive, &imperfect).unwrap();
        let found = auc_difference(&positive, &perfect, &imperfect).unwrap().difference;
        let expected = width.hypot(own.value - own.low);
        assert!((found.value - found.low - expected).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn needs_two_of_each_class() {
        let none = Err(Undefined::NoVariance { what: "an AUC" });
        assert_eq!(auc_interval(&[true, false, false], &[1.0, 2.0, 3.0]), none);
        let one = Err(Undefined::OneClass { patients: 2 });
        assert_eq!(auc_interval(&[true, true], &[1.0, 2.0]), one);
        assert!(auc_interval(&[true, false], &[1.0, f64::NAN]).is_err());
    }
}
