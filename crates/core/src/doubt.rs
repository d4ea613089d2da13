//! What patients in perfect order leave open.

use crate::Estimate;
use crate::inference::Z_95;

/// What an interval of 95 % leaves out on either side.
const TAIL: f64 = 0.025;

/// How far below and above a figure the truth may lie, where the figure is a share of pairs in the
/// right order and all pairs are in the right order, or all in the wrong one. Nothing varies then, and
/// neither the jackknife nor resamples tell how few patients say so. It is 0 of every other share. So
/// it is with a share of patients in the right class, who stand for disjoint pairs.
///
/// Where k disjoint pairs are all in order, the bound of Clopper and Pearson (Biometrika 1934;26:404)
/// is the share whose k-th power is 0.025.
///
/// Pairs that share patients say less than as many disjoint ones. They can be dealt to d + 1 sets of
/// disjoint pairs, where d is the most pairs that one patient is in (Vizing, Diskret Analiz
/// 1964;3:25). Each set as a whole is in order with the product of its pairs' probabilities, and all
/// pairs at most with the geometric mean of these products, which is at most the mean probability to
/// the power of pairs / (d + 1), however unlike the pairs are: that is the k, which no set of disjoint
/// pairs need be smaller than. Pairs between two classes take d sets (König, Math Ann 1916;77:453), so
/// that k is the size of the smaller class. Weighted pairs count by their weights, and 1 is the
/// heaviest pair's. All pairs are in order no more often than the least likely one, so that k is 1 at
/// least.
///
/// Beside a perfect order a single mistake brings back an interval of what varies, which may be the
/// narrower one: those of few patients remain too narrow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Doubt {
    /// How far the truth may lie below.
    pub below: f64,
    /// How far it may lie above.
    pub above: f64,
}

impl Doubt {
    /// Of a share of pairs in the right order, with the number of disjoint pairs, whole or not; nothing
    /// is known where that is 0.
    #[must_use]
    pub fn of(share: f64, disjoint_pairs: f64) -> Self {
        let pairs = if disjoint_pairs > 0.0 { disjoint_pairs.max(1.0) } else { 0.0 };
        let width = 1.0 - TAIL.powf(1.0 / pairs);
        let sure = |sure: bool| if sure { width } else { 0.0 };
        Self { below: sure(share >= 1.0), above: sure(share <= 0.0) }
    }

    /// Of one figure less another on the same patients: the bounds are added, as nothing tells how the
    /// two go together.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self { below: self.below + other.above, above: self.above + other.below }
    }

    /// Of the mean of a share, no difference, over independent groups of patients, such as folds. Where
    /// m of them are in perfect order, so are m k disjoint pairs, k being the least of their numbers.
    #[must_use]
    pub fn mean(groups: &[Self]) -> Self {
        let of = |side: fn(&Self) -> f64| {
            let open = || groups.iter().map(side).filter(|&width| width > 0.0);
            let (count, widest) = (open().count().max(1) as f64, open().fold(0.0, f64::max));
            count / groups.len().max(1) as f64 * (1.0 - (1.0 - widest).powf(1.0 / count))
        };
        Self { below: of(|group| group.below), above: of(|group| group.above) }
    }

    /// An estimate whose bounds lie as far out as its own doubt and this one, independent of it, put
    /// them together. Zou and Donner, Stat Med 2008;27:1693.
    #[must_use]
    pub fn widen(self, estimate: Estimate) -> Estimate {
        let Estimate { value, low, high } = estimate;
        let side = |own: f64, doubt: f64| own.max(0.0).hypot(doubt);
        Estimate {
            value,
            low: if self.below > 0.0 { value - side(value - low, self.below) } else { low },
            high: if self.above > 0.0 { value + side(high - value, self.above) } else { high },
        }
    }

    /// A share with bounds so widened, at most to 0 and 1.
    #[must_use]
    pub fn widen_share(self, estimate: Estimate) -> Estimate {
        let Estimate { value, low, high } = self.widen(estimate);
        Estimate { value, low: low.max(0.0), high: high.min(1.0) }
    }

    /// The variance of the normal interval that reaches as far to both sides.
    pub(crate) fn variance(self) -> f64 {
        (self.below.max(self.above) / Z_95).powi(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 5e-8, "{found} is not {expected}");
    }

    #[test]
    fn the_bound_is_clopper_and_pearsons() {
        // binom.test(k, k)$conf.int[1] of R 4.5: qbeta(0.025, k, 1).
        for (pairs, bound) in [(1.0, 0.025), (3.0, 0.292_401_77), (10.0, 0.691_502_89)] {
            let found = Doubt::of(1.0, pairs);
            close(1.0 - found.below, bound);
            assert!(found.above <= 0.0);
            let reversed = Doubt::of(0.0, pairs);
            assert_eq!((reversed.below, reversed.above), (0.0, found.below));
        }
        assert_eq!(Doubt::of(0.999, 3.0), Doubt::default());
        close(Doubt::of(1.0, 0.0).below, 1.0);
        close(Doubt::of(1.0, 0.5).below, 0.975);
    }

    #[test]
    fn bounds_of_a_difference_are_added() {
        let (right, wrong) = (Doubt::of(1.0, 3.0), Doubt::of(0.0, 3.0));
        let width = right.below;
        assert_eq!(right.less(right), Doubt { below: width, above: width });
        assert_eq!(right.less(wrong), Doubt { below: 2.0 * width, above: 0.0 });
        assert_eq!(right.less(Doubt::default()), right);
    }

    #[test]
    fn one_fold_of_two_counts_for_half() {
        let one = Doubt::of(1.0, 2.0);
        close(Doubt::mean(&[one, Doubt::default()]).below, one.below / 2.0);
        close(Doubt::mean(&[one, one]).below, Doubt::of(1.0, 4.0).below);
        // Two of three groups with two and three pairs are as sure as four pairs.
        let found = Doubt::mean(&[one, Doubt::of(0.5, 9.0), Doubt::of(1.0, 3.0)]);
        close(found.below, Doubt::of(1.0, 4.0).below * 2.0 / 3.0);
        close(Doubt::mean(&[Doubt::of(0.0, 0.0), one]).above, 0.5);
        assert_eq!(Doubt::mean(&[]), Doubt::default());
    }

    #[test]
    fn a_bound_moves_where_there_is_doubt() {
        let doubt = Doubt { below: 0.4, above: 0.0 };
        let found = doubt.widen(Estimate { value: 0.9, low: 0.6, high: 0.95 });
        close(found.low, 0.4);
        assert!((found.high - 0.95).abs() <= 0.0);
        let wide = Doubt { below: 0.9, above: 0.0 };
        assert!(wide.widen_share(Estimate { value: 0.9, low: 0.6, high: 0.95 }).low <= 0.0);
        // Resamples may lie above the figure.
        close(doubt.widen(Estimate { value: 0.9, low: 0.91, high: 0.95 }).low, 0.5);
    }
}
