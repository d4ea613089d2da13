//! Estimates with normal intervals.

use statrs::function::erf::erfc;

use crate::{Estimate, Undefined};

/// The 97.5 % point of the normal distribution.
pub(crate) const Z_95: f64 = 1.959_963_984_540_054;

/// A figure with its standard error and normal 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimated {
    /// The figure.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// The difference of a figure between two models on the same patients, whose errors go together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedDifference {
    /// The figure of the first model less that of the second, with its interval.
    pub difference: Estimated,
    /// The two-sided probability of such a difference, or a larger one, when there is none.
    pub p: f64,
}

impl Estimated {
    pub(crate) fn of(value: f64, variance: f64) -> Self {
        let standard_error = variance.max(0.0).sqrt();
        let (low, high) = (value - Z_95 * standard_error, value + Z_95 * standard_error);
        Self { value, standard_error, low, high }
    }
}

impl Estimated {
    /// One figure less another of independent patients, each with its standard error.
    #[must_use]
    pub fn difference(first: (f64, f64), second: (f64, f64)) -> Self {
        Self::of(first.0 - second.0, first.1 * first.1 + second.1 * second.1)
    }

    /// The figure as a share: its normal interval is cut where it reaches past 0 or 1.
    #[must_use]
    pub fn as_share(self) -> Estimate {
        Estimate { value: self.value, low: self.low.max(0.0), high: self.high.min(1.0) }
    }

    /// The figure as a difference of shares, cut in the same way at -1 and 1.
    #[must_use]
    pub fn as_difference_of_shares(self) -> Estimate {
        Estimate { value: self.value, low: self.low.max(-1.0), high: self.high.min(1.0) }
    }

    /// The mean of a figure over independent groups of patients, such as folds.
    ///
    /// # Errors
    /// When there is no group.
    pub fn mean(groups: &[Self]) -> Result<Self, Undefined> {
        if groups.is_empty() {
            return Err(Undefined::NoPatient);
        }
        let count = groups.len() as f64;
        let variances = groups.iter().map(|group| group.standard_error * group.standard_error);
        let value = groups.iter().map(|group| group.value).sum::<f64>() / count;
        Ok(Self::of(value, variances.sum::<f64>() / (count * count)))
    }
}

impl PairedDifference {
    /// The mean of a difference over independent groups of patients, such as folds.
    ///
    /// # Errors
    /// When there is no group, or the mean has no variance.
    pub fn mean(groups: &[Self]) -> Result<Self, Undefined> {
        let differences: Vec<Estimated> = groups.iter().map(|group| group.difference).collect();
        let mean = Estimated::mean(&differences)?;
        Self::of(mean.value, mean.standard_error * mean.standard_error)
    }

    /// Without a variance there is a difference only where there is none: two models that order
    /// patients alike.
    pub(crate) fn of(value: f64, variance: f64) -> Result<Self, Undefined> {
        let difference = Estimated::of(value, variance);
        let p = if difference.standard_error > 0.0 {
            two_sided(value / difference.standard_error)
        } else if value.abs() <= f64::EPSILON {
            1.0
        } else {
            return Err(Undefined::NoVariance { what: "the difference" });
        };
        Ok(Self { difference, p })
    }
}

/// The two-sided probability of so many standard errors, or more.
pub(crate) fn two_sided(standard_errors: f64) -> f64 {
    erfc(standard_errors.abs() / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_share_can_be_is_cut_off() {
        let wide = Estimated::of(0.5, 1.0);
        assert_eq!(wide.as_share(), Estimate { value: 0.5, low: 0.0, high: 1.0 });
        assert_eq!(wide.as_difference_of_shares(), Estimate { value: 0.5, low: -1.0, high: 1.0 });
        let narrow = Estimated::of(0.5, 1e-4);
        assert_eq!(narrow.as_share(), narrow.as_difference_of_shares());
    }

    #[test]
    fn the_mean_of_four_groups_has_half_the_error() {
        let group = |value| Estimated::of(value, 0.04);
        let mean = Estimated::mean(&[0.5, 0.6, 0.7, 0.8].map(group)).unwrap();
        assert!((mean.value - 0.65).abs() < 1e-15 && (mean.standard_error - 0.1).abs() < 1e-15);
        assert_eq!(Estimated::mean(&[]), Err(Undefined::NoPatient));
        let pair = |value| PairedDifference::of(value, 0.04).unwrap();
        let mean = PairedDifference::mean(&[0.0, 0.1, 0.2, 0.3].map(pair)).unwrap();
        let expected = PairedDifference::of(0.15, 0.01).unwrap();
        assert!((mean.p - expected.p).abs() < 1e-12 && mean.p > 0.1);
    }
}
