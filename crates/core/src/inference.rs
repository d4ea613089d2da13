//! Estimates with normal intervals.

use statrs::function::erf::erfc;

use crate::Undefined;
use crate::kaplan_meier::Z_95;

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

impl PairedDifference {
    /// Without a variance there is a difference only where there is none: two models that order
    /// patients alike.
    pub(crate) fn of(value: f64, variance: f64) -> Result<Self, Undefined> {
        let difference = Estimated::of(value, variance);
        let p = if difference.standard_error > 0.0 {
            erfc((value / difference.standard_error).abs() / std::f64::consts::SQRT_2)
        } else if value.abs() <= f64::EPSILON {
            1.0
        } else {
            return Err(Undefined::NoVariance { what: "the difference" });
        };
        Ok(Self { difference, p })
    }
}
