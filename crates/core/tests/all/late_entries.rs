//! What is not defined for patients who came under observation late is refused by name, not given as
//! if they had been there all along.

use ndarray::Array2;
use oncoweave_core::brier::{brier_at, integrated_brier};
use oncoweave_core::calibration::{
    calibration_groups, calibration_slope, calibration_slope_at, log_log, observed_over_expected,
};
use oncoweave_core::competing_risks::{CompetingOutcome, at_risk_for_ever};
use oncoweave_core::concordance::{harrell_c, uno_c};
use oncoweave_core::decision::{net_benefit, net_reclassification};
use oncoweave_core::incidence::{
    brier_of_incidence, incidence_groups, net_benefit_of_incidence,
    net_reclassification_of_incidence, observed_over_expected_incidence,
};
use oncoweave_core::roc::auc_at;
use oncoweave_core::status::status_at;
use oncoweave_core::{Incidence, Risk, Survival, SurvivalProbability, Undefined};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

/// Patients, of whom the second may enter on day 1.
fn outcomes(late: bool) -> Vec<Survival> {
    let rows = [(2.0, true), (3.0, true), (4.0, false), (5.0, true), (6.0, false)];
    let mut all = rows.map(|(time, event)| Survival::until(time, event)).to_vec();
    if late {
        all[1] = all[1].entered(1.0).unwrap();
    }
    all
}

type Found = (&'static str, Result<(), Undefined>);

/// Every figure that weighs by censoring or sets shares of patients against observed ones.
fn figures(train: &[Survival], judged: &[Survival]) -> Vec<Found> {
    let probabilities = [0.3, 0.4, 0.6, 0.5, 0.8].map(SurvivalProbability);
    let others = [0.4, 0.3, 0.6, 0.5, 0.9].map(SurvivalProbability);
    let incidence = probabilities.map(|one| Incidence(1.0 - one.0));
    let other_incidence = others.map(|one| Incidence(1.0 - one.0));
    let risks = [0.7, 0.6, 0.4, 0.5, 0.2].map(Risk);
    let curves = Array2::from_shape_fn((5, 2), |(row, _)| probabilities[row]);
    let competing = |outcomes: &[Survival]| -> Vec<CompetingOutcome> {
        let outcome = |one: &Survival| CompetingOutcome {
            time_days: one.time_days,
            cause: one.event.then_some(1),
            entry_days: one.entry_days,
        };
        outcomes.iter().map(outcome).collect()
    };
    let (train_causes, causes) = (competing(train), competing(judged));
    vec![
        ("Uno", uno_c(train, judged, &risks, None).map(drop)),
        ("AUC", auc_at(train, judged, &risks, 3.5).map(drop)),
        ("Brier", brier_at(train, judged, &probabilities, 3.5).map(drop)),
        ("IBS", integrated_brier(train, judged, &curves, &[2.5, 3.5]).map(drop)),
        ("status", status_at(&train_causes, &causes, 3.5).map(drop)),
        (
            "Brier of incidence",
            brier_of_incidence(&train_causes, &causes, &incidence, 3.5).map(drop),
        ),
        ("Wolbers", at_risk_for_ever(&causes, 1).map(drop)),
        ("groups", calibration_groups(judged, &probabilities, 3.5, 2).map(drop)),
        ("groups of incidence", incidence_groups(&causes, &incidence, 3.5, 2).map(drop)),
        ("O/E", observed_over_expected(judged, &probabilities, 3.5).map(drop)),
        ("O/E of incidence", observed_over_expected_incidence(&causes, &incidence, 3.5).map(drop)),
        ("net benefit", net_benefit(judged, &probabilities, 3.5, &[0.5]).map(drop)),
        (
            "net benefit of incidence",
            net_benefit_of_incidence(&causes, &incidence, 3.5, &[0.5]).map(drop),
        ),
        ("NRI", net_reclassification(judged, [&probabilities, &others], 3.5, &[]).map(drop)),
        (
            "NRI of incidence",
            net_reclassification_of_incidence(&causes, [&incidence, &other_incidence], 3.5, &[])
                .map(drop),
        ),
    ]
}

#[test]
fn what_late_entries_do_not_allow_is_refused() {
    for (name, found) in figures(&outcomes(false), &outcomes(false)) {
        assert!(found.is_ok(), "{name}: {found:?}");
    }
    for (name, found) in figures(&outcomes(true), &outcomes(true)) {
        assert!(matches!(found, Err(Undefined::LateEntries { .. })), "{name}: {found:?}");
    }
    // Those who are judged are looked at, too, where others tell of censoring.
    for (name, found) in figures(&outcomes(false), &outcomes(true)) {
        assert!(matches!(found, Err(Undefined::LateEntries { .. })), "{name}: {found:?}");
    }
}

#[test]
fn what_they_allow_is_given() {
    let late = outcomes(true);
    let risks = [0.7, 0.6, 0.4, 0.5, 0.2].map(Risk);
    assert!(harrell_c(&late, &risks).is_ok());
    let probabilities = [0.3, 0.4, 0.6, 0.7, 0.5].map(SurvivalProbability);
    assert!(calibration_slope(&late, &log_log(&probabilities)).is_ok());
    assert!(calibration_slope_at(&late, &probabilities, 5.5).is_ok());
}

/// True probabilities have slope 1, whoever died unseen before observation began.
#[test]
fn the_calibration_slope_of_the_truth_is_one_though_many_died_before_entry() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let (mut seen, mut survival) = (vec![], vec![]);
    let horizon = 2.0;
    for _ in 0..20_000 {
        let hazard = f64::exp(2.0 * random.random::<f64>() - 1.0);
        let event = -random.random::<f64>().ln() / hazard;
        let (entry, end) = (1.5 * random.random::<f64>(), 3.0 * random.random::<f64>());
        if event.min(end) > entry {
            let outcome = Survival::until(event.min(end), event <= end).entered(entry).unwrap();
            seen.push(outcome);
            survival.push(SurvivalProbability((-hazard * horizon).exp()));
        }
    }
    assert!(seen.len() < 10_000, "{}", seen.len());
    let slope = calibration_slope_at(&seen, &survival, horizon).unwrap();
    assert!((slope.value - 1.0).abs() < 3.0 * slope.standard_error, "{slope:?}");
    assert!(slope.standard_error < 0.1, "{slope:?}");
}
