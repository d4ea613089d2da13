//! How the hazards of two groups of patients compare.

use ndarray::Array2;

use crate::cox::{CoxModel, fit_ridge, standard_errors};
use crate::kaplan_meier::Z_95;
use crate::{Estimate, Survival, Undefined};

/// The hazard of one group over that of the others by Cox regression (Efron's ties), with Wald's
/// 95 % interval: R's `exp(coef(coxph(Surv(time, event) ~ group)))`.
///
/// # Errors
/// When one of the groups has no event, or the likelihood has no maximum.
///
/// # Panics
/// When there are not as many marks as outcomes.
pub fn hazard_ratio(outcomes: &[Survival], in_group: &[bool]) -> Result<Estimate, Undefined> {
    let events_of = |inside: bool| {
        let pairs = outcomes.iter().zip(in_group);
        pairs.filter(|(outcome, group)| outcome.event && **group == inside).count()
    };
    if events_of(true) == 0 || events_of(false) == 0 {
        return Err(Undefined::NoEvent { patients: outcomes.len() });
    }
    let x =
        Array2::from_shape_fn((outcomes.len(), 1), |(row, _)| f64::from(u8::from(in_group[row])));
    let model: CoxModel = fit_ridge(&x, outcomes, 0.0)?;
    let error = standard_errors(&model, &x, outcomes)?[0];
    let log_ratio = model.coefficients[0];
    Ok(Estimate {
        value: log_ratio.exp(),
        low: (log_ratio - Z_95 * error).exp(),
        high: (log_ratio + Z_95 * error).exp(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Survival> {
        (0..40).map(|day| Survival { time_days: f64::from(day + 1), event: day % 3 != 0 }).collect()
    }

    #[test]
    fn the_hazard_ratio_of_a_group_that_dies_first_is_above_one() {
        let outcomes = outcomes();
        let early: Vec<bool> = (0..40).map(|row| row < 15 || row == 25).collect();
        let ratio = hazard_ratio(&outcomes, &early).unwrap();
        assert!(ratio.low > 1.0 && ratio.low < ratio.value && ratio.value < ratio.high);
        let late: Vec<bool> = early.iter().map(|early| !early).collect();
        let inverse = hazard_ratio(&outcomes, &late).unwrap();
        assert!((ratio.value * inverse.value - 1.0).abs() < 1e-6);
        assert!(hazard_ratio(&outcomes, &[false; 40]).is_err());
    }
}
