//! How a model's probabilities and risk groups fit what was observed, over all held-out patients.
//!
//! Unlike risks, probabilities of different folds mean the same, so that folds are pooled.

use oncoweave_core::{
    Calibration, CalibrationAt, CalibrationGroupResult, DecisionCurve, DecisionPoint, Estimate,
    Incidence, Risk, Survival, SurvivalProbability, Undefined,
    calibration::{
        CalibrationGroup, calibration_groups, calibration_slope, observed_over_expected,
        smooth_calibration,
    },
    competing_risks::{CompetingOutcome, EVENT, cause_specific},
    decision::{NetBenefit, net_benefit},
    hazard_ratio::hazard_ratio,
    incidence::{
        IncidenceGroup, incidence_groups, net_benefit_of_incidence,
        observed_over_expected_incidence,
    },
};

use crate::held_out::{Candidate, Setting};

/// Groups of patients that predictions are compared in.
const GROUPS: usize = 5;

/// The thresholds of decision curves, in per cent.
const THRESHOLDS_PERCENT: [u32; 9] = [10, 20, 30, 40, 50, 60, 70, 80, 90];

/// Probabilities are kept so far from 0 and 1 before their double logarithm.
const CLOSEST: f64 = 1e-9;

/// The patients of a model with known follow-up.
struct Pooled {
    outcomes: Vec<CompetingOutcome>,
    /// The probability of no event of this kind by each horizon, (horizons, patients).
    survival: Vec<Vec<SurvivalProbability>>,
    high_risk: Vec<bool>,
}

/// Calibration, decision curves and the hazard ratio of the risk groups; what is undefined is left
/// out and said in `notes`.
pub(crate) fn absolute(
    setting: &Setting,
    model: &Candidate,
    notes: &mut Vec<String>,
) -> (Option<Calibration>, Vec<DecisionCurve>, Option<Estimate>) {
    let pooled = pooled(setting, model);
    let mut say = |what: &str, reason: &Undefined| {
        notes.push(format!("`{}` has no {what}: {reason}", model.name));
    };
    let own = cause_specific(&pooled.outcomes, EVENT);
    let mut at = vec![];
    let mut decisions = vec![];
    for (&time_days, survival) in setting.horizons_days.iter().zip(&pooled.survival) {
        let (found, curve) = if setting.competing {
            beside_others(&pooled.outcomes, survival, time_days)
        } else {
            (calibration_at(&own, survival, time_days), decision_curve(&own, survival, time_days))
        };
        match found {
            Ok(found) => at.push(found),
            Err(reason) => say(&format!("calibration at day {time_days}"), &reason),
        }
        decisions.extend(curve.ok());
    }
    // Beside competing events ln(-ln(1 - F)) is no log-risk of the event's hazard.
    let last = pooled.survival.last().filter(|_| !setting.competing);
    let slope = last.map(|survival| slope(&own, survival));
    let slope =
        slope.and_then(|slope| slope.map_err(|reason| say("calibration slope", &reason)).ok());
    let calibration = (!at.is_empty()).then_some(Calibration { slope, at });
    let ratio = hazard_ratio(&own, &pooled.high_risk);
    let ratio = ratio.map_err(|reason| say("hazard ratio of its risk groups", &reason)).ok();
    (calibration, decisions, ratio)
}

fn pooled(setting: &Setting, model: &Candidate) -> Pooled {
    let mut pooled = Pooled {
        outcomes: vec![],
        survival: vec![vec![]; setting.horizons_days.len()],
        high_risk: vec![],
    };
    for (part, scores) in setting.parts.iter().zip(&model.scores) {
        let Ok(scores) = scores else { continue };
        for (prediction, observed) in scores.predictions.iter().zip(&part.observed) {
            let Some(observed) = observed else { continue };
            pooled.outcomes.push(*observed);
            pooled.high_risk.push(prediction.high_risk);
            let own = match prediction.incidence.first() {
                Some(incidence) => incidence.iter().map(|one| 1.0 - one).collect(),
                None => prediction.survival.clone(),
            };
            for (column, survival) in pooled.survival.iter_mut().zip(own) {
                column.push(SurvivalProbability(survival));
            }
        }
    }
    pooled
}

fn calibration_at(
    outcomes: &[Survival],
    survival: &[SurvivalProbability],
    time_days: f64,
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
    Ok(CalibrationAt {
        time_days,
        observed_over_expected: observed_over_expected(outcomes, survival, time_days)?,
        ici: smooth_calibration(outcomes, survival, time_days).ok().map(|smooth| smooth.ici),
        groups: calibration_groups(outcomes, survival, time_days, groups)?
            .into_iter()
            .map(group)
            .collect(),
    })
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
    survival: &[SurvivalProbability],
    time_days: f64,
) -> (Result<CalibrationAt, Undefined>, Result<DecisionCurve, Undefined>) {
    let incidence: Vec<Incidence> = survival.iter().map(|own| Incidence(1.0 - own.0)).collect();
    let group = |group: IncidenceGroup| CalibrationGroupResult {
        patients: group.patients,
        predicted: 1.0 - group.predicted.0,
        observed: group.observed.map(|observed| Estimate {
            value: 1.0 - observed.incidence.0,
            low: 1.0 - observed.high.0,
            high: 1.0 - observed.low.0,
        }),
    };
    let groups = incidence_groups(outcomes, &incidence, time_days, GROUPS.min(outcomes.len()));
    let ratio = observed_over_expected_incidence(outcomes, &incidence, time_days);
    let calibration = groups.and_then(|groups| {
        let groups = groups.into_iter().map(group).collect();
        Ok(CalibrationAt { time_days, observed_over_expected: ratio?, ici: None, groups })
    });
    let points = net_benefit_of_incidence(outcomes, &incidence, time_days, &thresholds());
    (calibration, points.map(|points| curve(time_days, points)))
}

/// The Cox coefficient of ln(-ln S), which is a log-risk that means the same in every fold.
fn slope(outcomes: &[Survival], survival: &[SurvivalProbability]) -> Result<Estimate, Undefined> {
    let risk = |survival: &SurvivalProbability| {
        Risk((-survival.0.clamp(CLOSEST, 1.0 - CLOSEST).ln()).ln())
    };
    let risks: Vec<Risk> = survival.iter().map(risk).collect();
    let found = calibration_slope(outcomes, &risks)?;
    Ok(Estimate { value: found.value, low: found.low, high: found.high })
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
                outcomes.push(Survival { time_days, event: true });
                survival.push(SurvivalProbability((-hazard * 50.0).exp()));
            }
        }
        let slope = slope(&outcomes, &survival).unwrap();
        assert!((slope.value - 1.0).abs() < 0.01, "{slope:?}");
        let at = calibration_at(&outcomes, &survival, 50.0).unwrap();
        assert!((at.observed_over_expected - 1.0).abs() < 0.01);
        for group in &at.groups {
            assert!((group.observed.unwrap().value - group.predicted).abs() < 0.05, "{group:?}");
        }
        let curve = decision_curve(&outcomes, &survival, 50.0).unwrap();
        assert!(curve.points.iter().all(|point| point.model.unwrap() >= point.everybody - 1e-9));
    }
}
