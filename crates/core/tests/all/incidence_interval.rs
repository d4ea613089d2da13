//! Intervals of cumulative incidences against finite differences of matrix exponentials, against
//! scikit-survival, and against the truth of simulated cohorts. The numbers and the script that made
//! them are in `tests/golden/core_incidence_interval.*`.

use ndarray::{Array2, Axis, aview1};
use oncoweave_core::baseline::Baseline;
use oncoweave_core::competing_risks::{CompetingOutcome, cause_specific, incidence_of_hazards};
use oncoweave_core::cox::fit_ridge;
use oncoweave_core::incidence_interval::{
    CauseError, IncidenceIntervals, incidence_with_intervals,
};
use oncoweave_core::precision::{Precision, PrecisionSteps};
use oncoweave_core::{CumulativeHazard, Incidence, Risk, Survival};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use serde_json::Value;

use crate::read::{competing, matrix, near, numbers};

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

fn golden() -> Value {
    let text = include_str!("../../../../tests/golden/core_incidence_interval.json");
    serde_json::from_str(text).unwrap()
}

/// A baseline of one cause's hazard with what is known of it.
struct Cause {
    baseline: Baseline,
    precision: Precision,
}

impl Cause {
    fn fit(outcomes: &[Survival], risks: &[Risk], times: &[f64]) -> Self {
        let baseline = Baseline::breslow(outcomes, risks).unwrap();
        let steps = Some(PrecisionSteps::of(&baseline, outcomes, risks));
        let precision = Precision { steps, ..Precision::of(&baseline, outcomes, risks, times) };
        Self { baseline, precision }
    }
}

/// Incidences at times for a patient with a risk of each cause, followed along a grid.
fn predicted(
    causes: &[Cause],
    risks: &[f64],
    grid: &[f64],
    times: &[f64],
) -> (Array2<Incidence>, IncidenceIntervals) {
    let steps: Vec<_> =
        causes.iter().map(|one| one.precision.along(&one.baseline, grid).unwrap()).collect();
    let hazards = Array2::from_shape_fn((causes.len(), grid.len()), |(cause, time)| {
        causes[cause].baseline.hazard_of(Risk(risks[cause]), grid[time])
    });
    let error = |(cause, one): (usize, &Cause)| CauseError {
        steps: &steps[cause],
        risk: risks[cause] - one.baseline.reference.0,
        slope_variance: one.precision.slope_variance.unwrap_or(0.0),
    };
    let errors: Vec<CauseError> = causes.iter().enumerate().map(error).collect();
    let place = |time: &f64| grid.iter().position(|other| other >= time).unwrap();
    let places: Vec<usize> = times.iter().map(place).collect();
    let found = incidence_with_intervals(&hazards, &errors, &places);
    let alone = incidence_of_hazards(&hazards).select(Axis(1), &places);
    assert_eq!(found.0, alone);
    found
}

fn two_causes(all: &[CompetingOutcome], risks: &Array2<f64>, times: &[f64]) -> Vec<Cause> {
    let cause =
        |(cause, risks): (u32, Vec<Risk>)| Cause::fit(&cause_specific(all, cause), &risks, times);
    let risks = risks.columns().into_iter().map(|own| own.iter().map(|&one| Risk(one)).collect());
    (1..).zip(risks).map(cause).collect()
}

#[test]
fn agree_with_finite_differences_of_matrix_exponentials() {
    let golden = golden();
    let times = numbers(&golden["times"]);
    let causes = two_causes(&competing(&golden, "time"), &matrix(&golden["risks"]), &times);
    let profiles = matrix(&golden["profiles"]);
    for grid in ["whole", "thin"] {
        let along = numbers(&golden[grid]["grid"]);
        // The times may be asked for in any order.
        let asked: Vec<f64> = times.iter().rev().copied().collect();
        for (row, profile) in profiles.rows().into_iter().enumerate() {
            let (value, intervals) = predicted(&causes, &profile.to_vec(), &along, &asked);
            let of = |name: &str| matrix(&golden[grid]["profiles"][row][name]);
            let (expected, low, high) = (of("value"), of("low"), of("high"));
            for place in 0..times.len() {
                let at = times.len() - 1 - place;
                let survival = intervals.survival[at];
                near(survival.0.0, low[[place, 0]], 1e-7);
                near(survival.1.0, high[[place, 0]], 1e-7);
                for cause in 0..2 {
                    let (found_low, found_high) = intervals.incidence[[cause, at]];
                    near(value[[cause, at]].0, expected[[place, 1 + cause]], 1e-12);
                    near(found_low.0, low[[place, 1 + cause]], 1e-7);
                    near(found_high.0, high[[place, 1 + cause]], 1e-7);
                }
            }
        }
    }
}

/// That has the product-limit estimate where the hazards have an exponential, and binomial jumps
/// where theirs are Poisson's: with 3,000 patients that is less than a hundredth of the error.
#[test]
fn equal_risks_have_nearly_the_error_of_aalen_johansen_by_scikit_survival() {
    let golden = golden();
    let (all, times) = (competing(&golden["equal_risks"], "time"), numbers(&golden["times"]));
    let causes = two_causes(&all, &Array2::zeros((all.len(), 2)), &times);
    let mut grid: Vec<f64> = causes
        .iter()
        .flat_map(|one| one.baseline.times_days.clone())
        .chain(times.clone())
        .collect();
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    let (value, intervals) = predicted(&causes, &[0.0, 0.0], &grid, &times);
    let incidence = matrix(&golden["equal_risks"]["incidence"]);
    let error = matrix(&golden["equal_risks"]["error"]);
    for place in 0..times.len() {
        for cause in 0..2 {
            let reached = value[[cause, place]].0;
            near(reached, incidence[[place, cause]], 3e-4);
            let (low, high) = intervals.incidence[[cause, place]];
            let ratio = (-high.0).ln_1p() / (-low.0).ln_1p();
            let own = ratio.ln() / (2.0 * Z) * (1.0 - reached) * -(-reached).ln_1p();
            near(own / error[[place, cause]], 1.0, 0.01);
        }
    }
}

#[test]
fn a_cause_alone_has_the_interval_of_its_survival() {
    let golden = golden();
    let times = [150.0, 400.0, 900.0];
    let outcomes = cause_specific(&competing(&golden, "time"), 1);
    let risks: Vec<Risk> = matrix(&golden["risks"]).column(0).iter().map(|&r| Risk(r)).collect();
    let cause = Cause::fit(&outcomes, &risks, &times);
    let grid = [50.0, 150.0, 300.0, 400.0, 600.0, 900.0];
    for risk in [-1.0, 0.0, 1.5] {
        let alone = cause.precision.intervals(&cause.baseline, Risk(risk), &times);
        let (_, found) = predicted(std::slice::from_ref(&cause), &[risk], &grid, &times);
        for (place, expected) in alone.into_iter().enumerate() {
            let (low, high) = expected.unwrap();
            near(found.survival[place].0.0, low.0, 1e-12);
            near(found.survival[place].1.0, high.0, 1e-12);
            let (event_low, event_high) = found.incidence[[0, place]];
            near(event_low.0, 1.0 - high.0, 1e-12);
            near(event_high.0, 1.0 - low.0, 1e-12);
        }
    }
}

#[test]
fn extremes_stay_probabilities_and_nothing_is_known_of_what_never_happened() {
    let golden = golden();
    let times = [1.0, 900.0];
    let causes = two_causes(&competing(&golden, "time"), &matrix(&golden["risks"]), &times);
    for risks in [[0.0, 0.0], [40.0, 0.0], [-40.0, 40.0], [300.0, 300.0], [-900.0, -900.0]] {
        let (value, found) = predicted(&causes, &risks, &[1.0, 300.0, 900.0], &times);
        for (reached, &(low, high)) in value.iter().zip(&found.incidence) {
            assert!(low <= *reached && *reached <= high, "{risks:?} {reached:?} {low:?} {high:?}");
            assert!((0.0..=1.0).contains(&low.0) && (0.0..=1.0).contains(&high.0), "{risks:?}");
        }
        for (low, high) in &found.survival {
            assert!(0.0 <= low.0 && low <= high && high.0 <= 1.0, "{risks:?} {low:?} {high:?}");
        }
        // No event has been observed by the first day.
        assert_eq!(found.incidence[[0, 0]], (Incidence(0.0), Incidence(0.0)));
        assert!(found.survival[0].0.0 >= 1.0);
    }
    let nothing: Array2<CumulativeHazard> = Array2::default((0, 2));
    assert!(incidence_with_intervals(&nothing, &[], &[1]).1.survival[0].0.0 >= 1.0);
}

/// How often intervals hold the truth, of each cause's incidence and of survival, where a Cox model
/// of each cause says the risks.
#[test]
fn cover_the_truth_as_often_as_they_say() {
    const HAZARDS: [f64; 2] = [1.0 / 600.0, 1.0 / 900.0];
    let times = [150.0, 500.0];
    let mut random = ChaCha8Rng::seed_from_u64(17);
    let mut covered = [0_u32; 3];
    let mut total = 0_u32;
    for _ in 0..400 {
        let (mut outcomes, mut columns) = (vec![], vec![]);
        for _ in 0..200 {
            let own = [(); 2].map(|()| 2.0 * random.random::<f64>() - 1.0);
            let mut event = |cause: usize| {
                -random.random::<f64>().ln() / (HAZARDS[cause] * f64::exp(own[cause]))
            };
            let (first, second) = (event(0), event(1));
            let end = 200.0 + 800.0 * random.random::<f64>();
            let time_days = first.min(second).min(end);
            let cause =
                if end <= time_days { None } else { Some(if first < second { 1 } else { 2 }) };
            outcomes.push(CompetingOutcome::until(time_days, cause));
            columns.extend(own);
        }
        let columns = Array2::from_shape_vec((200, 2), columns).unwrap();
        let slope = |cause: u32| {
            let column = columns.column(cause as usize - 1).insert_axis(Axis(1)).to_owned();
            fit_ridge(&column, &cause_specific(&outcomes, cause), 0.0).unwrap().coefficients[0]
        };
        let slopes = [slope(1), slope(2)];
        let risks = &columns * &aview1(&slopes);
        let causes = two_causes(&outcomes, &risks, &times);
        let mut grid: Vec<f64> =
            causes.iter().flat_map(|one| one.baseline.times_days.clone()).chain(times).collect();
        grid.sort_by(f64::total_cmp);
        for columns in [[-0.8, 0.5], [0.0, 0.0], [0.8, -0.4]] {
            let risks = [0, 1].map(|cause: usize| slopes[cause] * columns[cause]);
            let (_, found) = predicted(&causes, &risks, &grid, &times);
            let rates = [0, 1].map(|cause| HAZARDS[cause] * f64::exp(columns[cause]));
            let all = rates[0] + rates[1];
            for (place, days) in times.into_iter().enumerate() {
                let survival = (-all * days).exp();
                for (cause, rate) in rates.into_iter().enumerate() {
                    let truth = rate / all * (1.0 - survival);
                    let (low, high) = found.incidence[[cause, place]];
                    covered[cause] += u32::from(low.0 <= truth && truth <= high.0);
                }
                let (low, high) = found.survival[place];
                covered[2] += u32::from(low.0 <= survival && survival <= high.0);
                total += 1;
            }
        }
    }
    let shares = covered.map(|one| f64::from(one) / f64::from(total));
    assert!(shares.iter().all(|share| (0.93..0.98).contains(share)), "{shares:?}");
}
