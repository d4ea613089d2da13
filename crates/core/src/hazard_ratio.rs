//! How the hazards of two groups of patients compare.

use ndarray::Array2;

use crate::cox::{
    CoxModel, Likelihood, fit_ridge, fit_ridge_with, standard_errors, standard_errors_with,
};
use crate::inference::{Estimated, Z_95};
use crate::{Estimate, Risk, Survival, Undefined};

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

/// The logarithm of the hazard ratio of one standard deviation of the risk, by Cox regression
/// (Efron's ties) within strata: risks are standardised in each, and each has a baseline hazard of
/// its own, as risks of several models cannot be compared. Above 0 a higher risk is worse.
///
/// # Errors
/// When no event was observed, a risk is not finite, risks are alike in every stratum, or they
/// order the events perfectly.
///
/// # Panics
/// When there is not one risk and one stratum for each outcome.
pub fn log_hazard_ratio_per_sd(
    outcomes: &[Survival],
    risks: &[Risk],
    strata: &[u32],
) -> Result<Estimated, Undefined> {
    assert_eq!(outcomes.len(), risks.len(), "one risk for each outcome");
    let x =
        Array2::from_shape_vec((risks.len(), 1), standardised(risks, strata)).expect("one column");
    if x.iter().all(|value| value.abs() <= 0.0) {
        return Err(Undefined::NoColumn);
    }
    let within = Likelihood { strata, ..Likelihood::default() };
    let model = fit_ridge_with(&x, outcomes, 0.0, within)?;
    let error = standard_errors_with(&model, &x, outcomes, within)?[0];
    Ok(Estimated::of(model.coefficients[0], error * error))
}

/// Risks less their stratum's mean over its standard deviation; 0 where all are alike.
fn standardised(risks: &[Risk], strata: &[u32]) -> Vec<f64> {
    assert_eq!(risks.len(), strata.len(), "one stratum for each risk");
    let mut order: Vec<usize> = (0..risks.len()).collect();
    order.sort_by_key(|&row| strata[row]);
    let mut values = vec![0.0; risks.len()];
    for rows in order.chunk_by(|&a, &b| strata[a] == strata[b]) {
        let count = rows.len() as f64;
        let mean = rows.iter().map(|&row| risks[row].0).sum::<f64>() / count;
        let squares = rows.iter().map(|&row| (risks[row].0 - mean).powi(2)).sum::<f64>();
        let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
        // Equal risks differ from their mean by rounding alone.
        if deviation > 1e-12 * mean.abs() {
            for &row in rows {
                values[row] = (risks[row].0 - mean) / deviation;
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Survival> {
        (0..40).map(|day| Survival::until(f64::from(day + 1), day % 3 != 0)).collect()
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

    #[test]
    fn the_ratio_per_standard_deviation_does_not_depend_on_scale_or_shift_of_a_stratum() {
        let outcomes = outcomes();
        let strata: Vec<u32> = (0..40).map(|row| row % 2).collect();
        let risk = |row: u32| f64::from(row * 7 % 11) - f64::from(row) / 10.0;
        let risks: Vec<Risk> = (0..40).map(|row| Risk(risk(row))).collect();
        let moved: Vec<Risk> = (0..40)
            .map(|row| Risk(if row % 2 == 0 { risk(row) } else { 5.0 * risk(row) + 9.0 }))
            .collect();
        let found = log_hazard_ratio_per_sd(&outcomes, &risks, &strata).unwrap();
        let again = log_hazard_ratio_per_sd(&outcomes, &moved, &strata).unwrap();
        assert!((found.value - again.value).abs() < 1e-9, "{found:?} {again:?}");
        assert!(found.low < found.value && found.value < found.high);
        let alike = log_hazard_ratio_per_sd(&outcomes, &[Risk(0.1); 40], &strata);
        assert_eq!(alike, Err(Undefined::NoColumn));
    }
}
