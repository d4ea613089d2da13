//! Sums of exponentials that do not overflow.

/// Sums of exponentials, plain and weighted, relative to the largest one so far.
#[derive(Clone, Copy)]
pub(super) struct LogSum {
    pub(super) shift: f64,
    pub(super) sum: f64,
    weighted: f64,
}

impl LogSum {
    pub(super) const EMPTY: Self = Self { shift: f64::NEG_INFINITY, sum: 0.0, weighted: 0.0 };

    pub(super) fn add(&mut self, log: f64, weight: f64) {
        if log > self.shift {
            let scale = (self.shift - log).exp();
            self.sum *= scale;
            self.weighted *= scale;
            self.shift = log;
        }
        let term = (log - self.shift).exp();
        self.sum += term;
        self.weighted += term * weight;
    }

    /// These sums less a share of sums over a part of the same terms.
    pub(super) fn without(&self, share: f64, part: &Self) -> Self {
        // An empty part takes nothing away.
        let factor = if part.sum > 0.0 { share * (part.shift - self.shift).exp() } else { 0.0 };
        Self {
            shift: self.shift,
            sum: self.sum - factor * part.sum,
            weighted: self.weighted - factor * part.weighted,
        }
    }

    pub(super) fn log(&self) -> f64 {
        self.shift + self.sum.ln()
    }

    pub(super) fn mean(&self) -> f64 {
        self.weighted / self.sum
    }

    /// The weighted sum times the exponential of `log`.
    pub(super) fn weighted_times_exp(&self, log: f64) -> f64 {
        // Before the first event the shift is minus infinity and the sum 0.
        if self.sum > 0.0 { self.weighted * (log + self.shift).exp() } else { 0.0 }
    }
}
