//! The scale that a column's numbers are brought to.

use serde::{Deserialize, Serialize};

/// Standardized values are cut off at this many standard deviations, so that one slip of a
/// decimal point in a new patient cannot carry a risk away.
pub const CLIP: f64 = 10.0;

/// The mean and population standard deviation of training values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, above 0.
    pub sd: f64,
}

impl Scale {
    /// The scale of some values; `None` where no two of them differ.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let sd = variance.sqrt();
        // Values are float32: what differs by less than its resolution does not differ.
        let resolution = mean.abs() * f64::from(f32::EPSILON);
        (!values.is_empty() && sd > resolution).then_some(Self { mean, sd })
    }

    #[expect(clippy::cast_possible_truncation, reason = "models read float32")]
    pub(super) fn standardize(self, value: f64) -> f32 {
        ((value - self.mean) / self.sd).clamp(-CLIP, CLIP) as f32
    }
}

#[cfg(test)]
mod tests {
    use crate::preprocess::tests::{cohort, fit};

    #[test]
    fn a_slip_of_the_decimal_point_is_cut_off() {
        let training = cohort(&[("c.age", &[Some(50.0), Some(60.0), Some(70.0)])]);
        let slipped = cohort(&[("c.age", &[Some(6.0e7), Some(-6.0e7)])]);
        let design = fit(&training, &["c"]).unwrap().apply(&slipped, &[0, 1]).unwrap();
        assert_eq!(design.blocks[0].x.column(0).to_vec(), [10.0, -10.0]);
    }
}
