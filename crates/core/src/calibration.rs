//! Whether predicted survival at a horizon is what was observed.

use ndarray::{Array2, ArrayRef2};

use crate::baseline::Baseline;
use crate::brier::check_probabilities;
use crate::cox::{CoxModel, fit_ridge, standard_errors};
use crate::inference::Estimated;
use crate::kaplan_meier::KaplanMeier;
use crate::precision::Precision;
use crate::survival::{SHARES, from_the_index_date};
use crate::{Risk, Survival, SurvivalProbability, Undefined, horizon};

/// Patients of similar predictions, and what became of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationGroup {
    /// How many.
    pub patients: usize,
    /// The mean of their predictions.
    pub predicted: SurvivalProbability,
    /// Their survival by Kaplan and Meier; `None` where their follow-up does not reach the horizon.
    pub observed: Option<Observed>,
}

/// A Kaplan-Meier estimate at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// The estimate.
    pub survival: SurvivalProbability,
    /// The lower bound of its 95 % interval.
    pub low: SurvivalProbability,
    /// The upper bound.
    pub high: SurvivalProbability,
}

/// Splits patients into groups of equal size by predicted survival past day `time_days`, the lowest
/// first, and observes each; a remainder goes to the first groups.
///
/// # Errors
/// When there are fewer patients than groups, or none, nobody was followed up past that day, a
/// probability is not finite, or some patients came under observation late.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn calibration_groups(
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
    groups: usize,
) -> Result<Vec<CalibrationGroup>, Undefined> {
    check_probabilities(outcomes, survival, time_days)?;
    from_the_index_date(SHARES, outcomes.iter().map(|outcome| outcome.entry_days))?;
    let values: Vec<f64> = survival.iter().map(|probability| probability.0).collect();
    let group = |rows: Vec<usize>| {
        let members: Vec<Survival> = rows.iter().map(|&row| outcomes[row]).collect();
        let predicted = rows.iter().map(|&row| values[row]).sum::<f64>() / rows.len() as f64;
        CalibrationGroup {
            patients: rows.len(),
            predicted: SurvivalProbability(predicted),
            observed: observed_at(&members, time_days),
        }
    };
    Ok(horizon::equal_groups(&values, groups)?.into_iter().map(group).collect())
}

/// Survival past a day by Kaplan and Meier; `None` where follow-up does not reach it.
#[must_use]
pub fn observed_at(outcomes: &[Survival], time_days: f64) -> Option<Observed> {
    let curve = KaplanMeier::fit(outcomes);
    let last = curve.steps.last()?;
    if time_days > last.time_days && last.survival > 0.0 {
        return None;
    }
    let passed = curve.steps.partition_point(|step| step.time_days <= time_days);
    let (survival, low, high) = passed.checked_sub(1).map_or((1.0, 1.0, 1.0), |last| {
        let step = curve.steps[last];
        (step.survival, step.low, step.high)
    });
    let [survival, low, high] = [survival, low, high].map(SurvivalProbability);
    Some(Observed { survival, low, high })
}

/// Observed against predicted survival as a smooth curve, and how far they are apart. Austin,
/// Harrell and van Klaveren, Stat Med 2020;39:2714.
#[derive(Clone, Debug, PartialEq)]
pub struct SmoothCalibration {
    /// The smoothed observed survival of patients with each patient's prediction.
    pub observed: Vec<SurvivalProbability>,
    /// The integrated calibration index: the mean distance between predicted and observed.
    pub ici: f64,
    /// The median distance.
    pub e50: f64,
    /// The 90 % point of the distances.
    pub e90: f64,
    /// The largest distance.
    pub largest: f64,
}

/// Probabilities this close to 0 and 1 are drawn in before their complement's double logarithm.
const CLOSEST: f64 = 1e-9;

/// ln(-ln S) of probabilities of survival: the log of the cumulative hazard that they stand for, a
/// log-risk that means the same whichever model gave it.
#[must_use]
pub fn log_log(survival: &[SurvivalProbability]) -> Vec<Risk> {
    let risk = |survival: &SurvivalProbability| {
        Risk((-survival.0.clamp(CLOSEST, 1.0 - CLOSEST).ln()).ln())
    };
    survival.iter().map(risk).collect()
}

/// Smooths observed survival past day `time_days` over the predictions: a Cox model of
/// ln(-ln S) of the prediction as a restricted cubic spline of three knots, at the 10, 50 and 90 %
/// points.
///
/// # Errors
/// When nobody was followed up past that day, no event was observed, a probability is not finite,
/// all predictions are the same, or the Cox model does not converge.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn smooth_calibration(
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
) -> Result<SmoothCalibration, Undefined> {
    check_probabilities(outcomes, survival, time_days)?;
    let double_log: Vec<f64> = log_log(survival).iter().map(|risk| risk.0).collect();
    let spline = spline(&double_log);
    if spline.ncols() == 0 {
        return Err(Undefined::NoColumn);
    }
    let model = fit_ridge(&spline, outcomes, 0.0)?;
    let risks = model.log_risks(&spline);
    let baseline = Baseline::breslow(outcomes, &risks)?;
    let observed: Vec<SurvivalProbability> =
        risks.iter().map(|&risk| baseline.survival(risk, time_days)).collect();
    let mut apart: Vec<f64> =
        observed.iter().zip(survival).map(|(observed, own)| (observed.0 - own.0).abs()).collect();
    apart.sort_by(f64::total_cmp);
    Ok(SmoothCalibration {
        observed,
        ici: apart.iter().sum::<f64>() / apart.len() as f64,
        e50: quantile(&apart, 0.5),
        e90: quantile(&apart, 0.9),
        largest: quantile(&apart, 1.0),
    })
}

/// Harrell's restricted cubic spline of three knots: the values, and one column that bends between
/// the knots, (patients, 2). Only the values where knots coincide; no column where all are alike.
fn spline(values: &[f64]) -> Array2<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let [first, middle, last] = [0.1, 0.5, 0.9].map(|share| quantile(&sorted, share));
    let columns = if sorted[0] >= sorted[sorted.len() - 1] {
        0
    } else if first < middle && middle < last {
        2
    } else {
        1
    };
    let cube = |value: f64| value.max(0.0).powi(3);
    let bent = |value: f64| {
        let middle_share = (last - first) / (last - middle) * cube(value - middle);
        let last_share = (middle - first) / (last - middle) * cube(value - last);
        (cube(value - first) - middle_share + last_share) / (last - first).powi(2)
    };
    Array2::from_shape_fn((values.len(), columns), |(row, column)| {
        if column == 0 { values[row] } else { bent(values[row]) }
    })
}

/// A quantile of sorted values, linear between neighbours (type 7 of Hyndman and Fan).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let below = position.floor() as usize;
    let next = sorted[(below + 1).min(sorted.len() - 1)];
    sorted[below] + (position - position.floor()) * (next - sorted[below])
}

/// The observed share of events by day `time_days` over the predicted one: above 1 where the model
/// promises too much survival. The observed share is Kaplan and Meier's.
///
/// # Errors
/// When nobody was followed up past that day, a probability is not finite, no event is predicted, or
/// some patients came under observation late: those who are seen have lived long enough for it, so
/// that their mean prediction is not that of all whom Kaplan and Meier's estimate is of.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn observed_over_expected(
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
) -> Result<f64, Undefined> {
    check_probabilities(outcomes, survival, time_days)?;
    from_the_index_date(SHARES, outcomes.iter().map(|outcome| outcome.entry_days))?;
    let predicted: f64 = survival.iter().map(|probability| 1.0 - probability.0).sum();
    if predicted <= 0.0 {
        return Err(Undefined::NoCase { time_days });
    }
    let observed = 1.0 - KaplanMeier::fit(outcomes).survival_at(time_days).0;
    Ok(observed * outcomes.len() as f64 / predicted)
}

/// The calibration slope: the coefficient of the log-risk in a Cox model of these patients. It is
/// 1 where log-risks are as far apart as they should, below 1 where the model is overfitted. van
/// Houwelingen, Stat Med 2000;19:3401.
///
/// # Errors
/// When no event was observed, a risk is not finite, all are alike, or they order the events
/// perfectly.
///
/// # Panics
/// When there are not as many risks as outcomes.
pub fn calibration_slope(outcomes: &[Survival], risks: &[Risk]) -> Result<Estimated, Undefined> {
    let x = column(risks);
    slope(&fit_slope(&x, outcomes)?, &x, outcomes)
}

/// The calibration slope for the event by day `time_days`: [`calibration_slope`] of ln(-ln S) at
/// that day, with follow-up ended there. Who came under observation late is at risk from then on. With
/// proportional hazards it is then the slope of all, not of those alone who lived long enough to be
/// seen; else it tells most of the hazards after they came.
///
/// # Errors
/// As [`calibration_slope`], and when nobody was followed up past that day or a probability is not
/// finite.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn calibration_slope_at(
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
) -> Result<Estimated, Undefined> {
    check_probabilities(outcomes, survival, time_days)?;
    let (ended, risks) = ended(outcomes, &log_log(survival), time_days);
    Ok(Recalibration::fit(&ended, &risks)?.slope)
}

/// The calibration intercept for the event by day `time_days`, where the slope is 1: the logarithm
/// of the observed cumulative hazard (Breslow's, with the predicted one of each patient as offset)
/// over the predicted one. It is 0 where the model promises as many events as happened, above 0
/// where it promises too few. Crowson et al., Stat Methods Med Res 2016;25:1692.
///
/// # Errors
/// When nobody was followed up past that day, no event was observed by then, or a probability is
/// not finite.
///
/// # Panics
/// When there are not as many probabilities as outcomes.
pub fn calibration_intercept_at(
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
) -> Result<Estimated, Undefined> {
    check_probabilities(outcomes, survival, time_days)?;
    let (ended, risks) = ended(outcomes, &log_log(survival), time_days);
    let baseline = Baseline::breslow(&ended, &risks)?;
    let precision = Precision::of(&baseline, &ended, &risks, &[time_days]);
    let variance = precision.horizons[0].log_hazard_variance;
    let hazard = baseline.hazard_of(Risk(0.0), time_days).0;
    Ok(Estimated::of(hazard.ln(), variance.expect("an event was observed by then")))
}

/// Follow-up that ends at a day at the latest, with the risks of those who had entered by then.
fn ended(outcomes: &[Survival], risks: &[Risk], time_days: f64) -> (Vec<Survival>, Vec<Risk>) {
    let pairs = outcomes.iter().zip(risks);
    pairs.filter_map(|(outcome, &risk)| Some((outcome.ended(time_days)?, risk))).unzip()
}

/// A model's log-risks, fitted anew to other patients by a slope and a baseline hazard.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalibration {
    /// What log-risks are multiplied by.
    pub slope: Estimated,
    /// The baseline hazard of the log-risks times the slope.
    pub baseline: Baseline,
}

impl Recalibration {
    /// Fits slope and baseline hazard to these patients.
    ///
    /// # Errors
    /// As [`calibration_slope`].
    ///
    /// # Panics
    /// When there are not as many risks as outcomes.
    pub fn fit(outcomes: &[Survival], risks: &[Risk]) -> Result<Self, Undefined> {
        let x = column(risks);
        let model = fit_slope(&x, outcomes)?;
        let baseline = Baseline::breslow(outcomes, &model.log_risks(&x))?;
        Ok(Self { slope: slope(&model, &x, outcomes)?, baseline })
    }

    /// The recalibrated probability that a patient of this original log-risk survives past a time.
    #[must_use]
    pub fn survival(&self, risk: Risk, time_days: f64) -> SurvivalProbability {
        self.baseline.survival(Risk(self.slope.value * risk.0), time_days)
    }
}

fn column(risks: &[Risk]) -> Array2<f64> {
    Array2::from_shape_fn((risks.len(), 1), |(row, _)| risks[row].0)
}

fn fit_slope(x: &ArrayRef2<f64>, outcomes: &[Survival]) -> Result<CoxModel, Undefined> {
    let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &risk| {
        (low.min(risk), high.max(risk))
    });
    if low >= high {
        return Err(Undefined::NoColumn);
    }
    fit_ridge(x, outcomes, 0.0)
}

fn slope(
    model: &CoxModel,
    x: &ArrayRef2<f64>,
    outcomes: &[Survival],
) -> Result<Estimated, Undefined> {
    let error = standard_errors(model, x, outcomes)?[0];
    Ok(Estimated::of(model.coefficients[0], error * error))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    fn outcomes(rows: &[(f64, bool)]) -> Vec<Survival> {
        rows.iter().map(|&(time_days, event)| Survival::until(time_days, event)).collect()
    }

    fn probabilities(values: &[f64]) -> Vec<SurvivalProbability> {
        values.iter().copied().map(SurvivalProbability).collect()
    }

    #[test]
    fn groups_hold_patients_of_similar_predictions() {
        let all = outcomes(&[(9.0, false), (1.0, true), (3.0, true), (2.0, true), (5.0, false)]);
        let survival = probabilities(&[0.9, 0.1, 0.3, 0.2, 0.8]);
        let groups = calibration_groups(&all, &survival, 2.5, 2).unwrap();
        assert_eq!(groups.iter().map(|group| group.patients).collect::<Vec<_>>(), [3, 2]);
        assert!((groups[0].predicted.0 - 0.2).abs() < 1e-15);
        assert!((groups[0].observed.unwrap().survival.0 - 1.0 / 3.0).abs() < 1e-15);
        assert_eq!(groups[1].observed.unwrap().survival.0, 1.0);
        // The second group was followed up to day 9, the first died out before.
        let late = calibration_groups(&all, &survival, 6.0, 2).unwrap();
        assert_eq!(late[0].observed.unwrap().survival.0, 0.0);
        let alone = calibration_groups(&all, &survival, 6.0, 5).unwrap();
        assert_eq!(alone[3].observed, None);
    }

    #[test]
    fn says_what_is_missing() {
        let all = outcomes(&[(1.0, true), (2.0, true), (3.0, false)]);
        let same = probabilities(&[0.5; 3]);
        assert_eq!(smooth_calibration(&all, &same, 1.5), Err(Undefined::NoColumn));
        assert_eq!(calibration_slope(&all, &[Risk(1.0); 3]), Err(Undefined::NoColumn));
        let past = Undefined::HorizonPastFollowUp { time_days: 3.0, last_days: 3.0 };
        assert_eq!(smooth_calibration(&all, &same, 3.0), Err(past.clone()));
        assert_eq!(calibration_groups(&all, &same, 3.0, 1), Err(past));
        let many = Undefined::InvalidGroups { groups: 4, patients: 3 };
        assert_eq!(calibration_groups(&all, &same, 1.0, 4), Err(many));
        assert_eq!(observed_over_expected(&[], &[], 1.0), Err(Undefined::NoPatient));
        let sure = probabilities(&[1.0; 3]);
        let none = Err(Undefined::NoCase { time_days: 1.0 });
        assert_eq!(observed_over_expected(&all, &sure, 1.0), none);
    }

    #[test]
    fn recalibration_undoes_a_scale_and_a_shift() {
        let all = outcomes(&[(1.0, true), (2.0, true), (3.0, false), (4.0, true), (5.0, true)]);
        let risks = [0.9, -0.3, 0.4, 0.5, -1.0].map(Risk);
        let wide = risks.map(|risk| Risk(3.0 * risk.0 + 10.0));
        let (a, b) =
            (Recalibration::fit(&all, &risks).unwrap(), Recalibration::fit(&all, &wide).unwrap());
        assert!((a.slope.value - 3.0 * b.slope.value).abs() < 1e-7);
        for (risk, wide) in risks.into_iter().zip(wide) {
            assert!((a.survival(risk, 2.5).0 - b.survival(wide, 2.5).0).abs() < 1e-7);
        }
    }
}
