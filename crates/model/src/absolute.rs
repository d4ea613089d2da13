//! How a model's probabilities and risk groups fit what was observed, over all held-out patients.
//!
//! Unlike risks, probabilities of different folds mean the same, so that folds are pooled.

use oncoweave_core::{
    Bounds, Calibration, CalibrationAt, CalibrationGroupResult, DecisionCurve, DecisionPoint,
    Estimate, Incidence, Survival, SurvivalProbability, Undefined,
    calibration::{
        CalibrationGroup, calibration_groups, calibration_intercept_at, calibration_slope,
        calibration_slope_at, log_log, observed_over_expected, smooth_calibration,
    },
    competing_risks::{CompetingOutcome, EVENT, cause_specific},
    decision::{NetBenefit, net_benefit},
    hazard_ratio::hazard_ratio,
    incidence::{
        IncidenceGroup, incidence_groups, net_benefit_of_incidence,
        observed_over_expected_incidence,
    },
};

use crate::{
    figures::plain,
    held_out::{Candidate, Setting},
    table::Table,
};

/// Groups of patients that predictions are compared in.
const GROUPS: usize = 5;

/// The thresholds of decision curves, in per cent.
const THRESHOLDS_PERCENT: [u32; 9] = [10, 20, 30, 40, 50, 60, 70, 80, 90];

/// Calibration, decision curves and the hazard ratio of the risk groups; what is undefined is left
/// out and said in `notes`.
pub(crate) fn absolute(
    setting: &Setting,
    model: &Candidate,
    notes: &mut Vec<String>,
) -> (Option<Calibration>, Vec<DecisionCurve>, Option<Estimate>) {
    let table = Table::new(setting, model, model);
    let mut say = |what: &str, reason: &Undefined| {
        notes.push(format!("`{}` has no {what}: {reason}", model.name));
    };
    let own = cause_specific(&table.outcomes, EVENT);
    let (mut at, mut decisions, mut last) = (vec![], vec![], None);
    for (&time_days, incidence) in setting.horizons_days.iter().zip(&table.at_horizons) {
        let survival: Vec<SurvivalProbability> =
            incidence.iter().map(|own| SurvivalProbability(1.0 - own.0)).collect();
        let (found, curve) = if setting.competing {
            beside_others(&table.outcomes, incidence, time_days)
        } else {
            let calibration = calibration_at(&own, &survival, time_days, &mut say);
            (calibration, decision_curve(&own, &survival, time_days))
        };
        match found {
            Ok(found) => at.push(found),
            Err(reason) => say(&format!("calibration at day {time_days}"), &reason),
        }
        let curve = curve.map_err(|reason| {
            say(&format!("decision curve at day {time_days}"), &reason);
        });
        decisions.extend(curve.ok());
        last = Some(survival);
    }
    // Beside competing events ln(-ln(1 - F)) is no log-risk of the event's hazard.
    let slope = last.filter(|_| !setting.competing).and_then(|survival| {
        let found = calibration_slope(&own, &log_log(&survival));
        found.map(plain).map_err(|reason| say("calibration slope", &reason)).ok()
    });
    let calibration = (slope.is_some() || !at.is_empty()).then_some(Calibration { slope, at });
    let ratio = hazard_ratio(&own, &table.high_risk);
    let ratio = ratio.map_err(|reason| say("hazard ratio of its risk groups", &reason)).ok();
    (calibration, decisions, ratio)
}

fn calibration_at(
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
    mut say: impl FnMut(&str, &Undefined),
) -> Result<CalibrationAt, Undefined> {
    let groups = GROUPS.min(outcomes.len());
    let group = |group: CalibrationGroup| CalibrationGroupResult {
        patients: group.patients,
        predicted: group.predicted.0,
        observed: group.observed.map(|observed| Estimate {
            value: observed.survival.0,
            low: observed.low.0,
            high: observed.high.0,
        }),
    };
    let ratio = match observed_over_expected(outcomes, survival, time_days) {
        Err(reason @ Undefined::LateEntries { .. }) => {
            say(&format!("calibration but the slope at day {time_days}"), &reason);
            return slope_alone(outcomes, survival, time_days);
        }
        ratio => ratio?,
    };
    let mut known = |what: &str, reason: Undefined| {
        say(&format!("{what} at day {time_days}"), &reason);
    };
    let slope = calibration_slope_at(outcomes, survival, time_days);
    let slope = slope.map_err(|reason| known("calibration slope", reason)).ok();
    let intercept = calibration_intercept_at(outcomes, survival, time_days);
    let intercept = intercept.map_err(|reason| known("calibration intercept", reason)).ok();
    let smooth = smooth_calibration(outcomes, survival, time_days);
    let smooth = smooth.map_err(|reason| known("integrated calibration index", reason)).ok();
    let whole = calibration_groups(outcomes, survival, time_days, 1)?.pop().map(group);
    Ok(CalibrationAt {
        time_days,
        observed_over_expected: Some(ratio),
        observed_over_expected_interval: whole.and_then(ratio_interval),
        slope: slope.map(plain),
        intercept: intercept.map(plain),
        ici: smooth.map(|smooth| smooth.ici),
        groups: calibration_groups(outcomes, survival, time_days, groups)?
            .into_iter()
            .map(group)
            .collect(),
    })
}

/// Risk sets allow for who came late. Means over those who are seen do not, and the intercept would
/// lack the hazard before the first of them.
fn slope_alone(
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
) -> Result<CalibrationAt, Undefined> {
    Ok(CalibrationAt {
        time_days,
        observed_over_expected: None,
        observed_over_expected_interval: None,
        slope: Some(plain(calibration_slope_at(outcomes, survival, time_days)?)),
        intercept: None,
        ici: None,
        groups: vec![],
    })
}

/// The interval of observed over expected events of all patients as one group: that of what was
/// observed, over the prediction. None where nothing was observed, which has no interval.
fn ratio_interval(whole: CalibrationGroupResult) -> Option<Bounds> {
    let observed = whole.observed.filter(|observed| observed.value < 1.0)?;
    let over = |survival: f64| (1.0 - survival) / (1.0 - whole.predicted);
    Some(Bounds { low: over(observed.high), high: over(observed.low) })
}

fn decision_curve(
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
) -> Result<DecisionCurve, Undefined> {
    Ok(curve(time_days, net_benefit(outcomes, survival, time_days, &thresholds())?))
}

fn thresholds() -> Vec<f64> {
    THRESHOLDS_PERCENT.iter().map(|&percent| f64::from(percent) / 100.0).collect()
}

fn curve(time_days: f64, points: Vec<NetBenefit>) -> DecisionCurve {
    let point = |NetBenefit { threshold, model, all }: NetBenefit| DecisionPoint {
        threshold,
        model,
        everybody: all,
    };
    DecisionCurve { time_days, points: points.into_iter().map(point).collect() }
}

/// Calibration and a decision curve by Aalen and Johansen.
fn beside_others(
    outcomes: &[CompetingOutcome],
    incidence: &[Incidence],
    time_days: f64,
) -> (Result<CalibrationAt, Undefined>, Result<DecisionCurve, Undefined>) {
    let group = |group: IncidenceGroup| CalibrationGroupResult {
        patients: group.patients,
        predicted: 1.0 - group.predicted.0,
        observed: group.observed.map(|observed| Estimate {
            value: 1.0 - observed.incidence.0,
            low: 1.0 - observed.high.0,
            high: 1.0 - observed.low.0,
        }),
    };
    let of = |groups: usize| -> Result<Vec<CalibrationGroupResult>, Undefined> {
        let groups = incidence_groups(outcomes, incidence, time_days, groups)?;
        Ok(groups.into_iter().map(group).collect())
    };
    let ratio = observed_over_expected_incidence(outcomes, incidence, time_days);
    let calibration = ratio.and_then(|ratio| {
        Ok(CalibrationAt {
            time_days,
            observed_over_expected: Some(ratio),
            observed_over_expected_interval: of(1)?.pop().and_then(ratio_interval),
            slope: None,
            intercept: None,
            ici: None,
            groups: of(GROUPS.min(outcomes.len()))?,
        })
    });
    let points = net_benefit_of_incidence(outcomes, incidence, time_days, &thresholds());
    (calibration, points.map(|points| curve(time_days, points)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_a_true_model_have_slope_one() {
        // Two groups whose hazards differ by ln 3, with their own exponential survival.
        let mut outcomes = vec![];
        let mut survival = vec![];
        for (hazard, count) in [(0.01_f64, 4000_u32), (0.03, 4000)] {
            // In no order of time: patients of one prediction fall into groups as they come.
            for rank in (0..count).map(|index| index * 2741 % count) {
                let quantile = (f64::from(rank) + 0.5) / f64::from(count);
                let time_days = -(1.0 - quantile).ln() / hazard;
                outcomes.push(Survival::until(time_days, true));
                survival.push(SurvivalProbability((-hazard * 50.0).exp()));
            }
        }
        let slope = calibration_slope(&outcomes, &log_log(&survival)).unwrap();
        assert!((slope.value - 1.0).abs() < 0.01, "{slope:?}");
        let undefined = |what: &str, reason: &Undefined| panic!("{what}: {reason}");
        let at = calibration_at(&outcomes, &survival, 50.0, undefined).unwrap();
        assert!((at.slope.unwrap().value - 1.0).abs() < 0.01, "{:?}", at.slope);
        let intercept = at.intercept.unwrap();
        assert!(intercept.value.abs() < 0.01 && intercept.low < 0.0 && intercept.high > 0.0);
        let ratio = at.observed_over_expected_interval.unwrap();
        assert!(ratio.low > 0.9 && ratio.low < 1.0 && ratio.high > 1.0 && ratio.high < 1.1);
        assert!((at.observed_over_expected.unwrap() - 1.0).abs() < 0.01);
        for group in &at.groups {
            assert!((group.observed.unwrap().value - group.predicted).abs() < 0.05, "{group:?}");
        }
        let curve = decision_curve(&outcomes, &survival, 50.0).unwrap();
        assert!(curve.points.iter().all(|point| point.model.unwrap() >= point.everybody - 1e-9));
    }
}
