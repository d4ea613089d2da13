use serde::{Deserialize, Serialize};

/// The factor on the loss in half precision, so that small gradients do not vanish: halved when a
/// gradient overflows, doubled after many steps without. Micikevicius et al., 2018,
/// <https://arxiv.org/abs/1710.03740>, section 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LossScale {
    /// The factor; 1 without half precision.
    pub(crate) factor: f64,
    /// Steps since it changed.
    steps: u32,
}

const FIRST: f64 = 65_536.0;
const DOUBLED_AFTER: u32 = 2000;

impl LossScale {
    pub(crate) fn new(half_precision: bool) -> Self {
        Self { factor: if half_precision { FIRST } else { 1.0 }, steps: 0 }
    }

    /// Hears whether a step's gradient was finite, and says whether to take the step; a gradient
    /// that is not finite at factor 1 has diverged.
    pub(crate) fn takes(&mut self, finite: bool) -> bool {
        if self.factor <= 1.0 {
            return true;
        }
        self.steps += 1;
        if !finite {
            *self = Self { factor: self.factor / 2.0, steps: 0 };
        } else if self.steps >= DOUBLED_AFTER {
            *self = Self { factor: self.factor * 2.0, steps: 0 };
        }
        finite
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "powers of two are exact")]
mod tests {
    use super::*;

    #[test]
    fn it_halves_on_overflow_and_doubles_after_many_steps() {
        let mut scale = LossScale::new(true);
        assert!(!scale.takes(false));
        assert_eq!(scale.factor, 32_768.0);
        for _ in 0..2000 {
            assert!(scale.takes(true));
        }
        assert_eq!(scale.factor, 65_536.0);
        for _ in 0..16 {
            assert!(!scale.takes(false));
        }
        assert_eq!(scale.factor, 1.0);
        assert!(scale.takes(false), "divergence at factor 1 is not hidden");
    }

    #[test]
    fn full_precision_is_left_alone() {
        let mut scale = LossScale::new(false);
        assert!(scale.takes(true) && scale.takes(false));
        assert_eq!(scale.factor, 1.0);
    }
}
