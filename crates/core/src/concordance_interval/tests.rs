//! Intervals of a C of 0 or 1.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::concordance::{harrell_c, uno_c};

fn in_order(patients: u32) -> (Vec<Survival>, Vec<Risk>) {
    let patient = |day: u32| (Survival::until(f64::from(day), true), Risk(-f64::from(day)));
    (1..=patients).map(patient).unzip()
}

fn reversed(risks: &[Risk]) -> Vec<Risk> {
    risks.iter().map(|risk| Risk(-risk.0)).collect()
}

#[test]
fn few_patients_in_order_do_not_make_sure() {
    // Ten pairs, four with each patient: two disjoint ones, p² = 0.025 at the bound.
    let (outcomes, risks) = in_order(5);
    let found = harrell_c_interval(&outcomes, &risks).unwrap();
    assert!((found.value - 1.0).abs() < 1e-15);
    assert!((found.low - 0.025_f64.sqrt()).abs() < 1e-12, "{found:?}");
    let wrong = harrell_c_interval(&outcomes, &reversed(&risks)).unwrap();
    assert!(wrong.value.abs() < 1e-15 && (wrong.high - (1.0 - found.low)).abs() < 1e-12);
    // Equal risks say nothing of the patients and are sure to have one half.
    let same = harrell_c_interval(&outcomes, &[Risk(1.0); 5]).unwrap();
    assert!(same.standard_error <= 0.0 && (same.value - 0.5).abs() < 1e-15);
    // A hundred patients: 4950 pairs, 99 with each.
    let (outcomes, risks) = in_order(100);
    let found = harrell_c_interval(&outcomes, &risks).unwrap();
    assert!((found.low - 0.025_f64.powf(100.0 / 4950.0)).abs() < 1e-12, "{found:?}");
}

#[test]
fn pairs_of_one_patient_count_as_one() {
    // One event before 20 censorings: all hangs on the one patient's risk.
    let mut outcomes = vec![Survival::until(1.0, true)];
    outcomes.extend((0..20).map(|day| Survival::until(f64::from(day) + 2.0, false)));
    let mut risks = vec![Risk(1.0)];
    risks.extend([Risk(0.0); 20]);
    let found = harrell_c_interval(&outcomes, &risks).unwrap();
    assert!((found.low - 0.025).abs() < 1e-12, "{found:?}");
}

/// The first five of ten events have the highest risks, each with the same probability, or else the
/// lowest; as patients are censored between the events, most pairs are with one of these five. To count
/// the ten disjoint pairs that there are would promise too much.
#[test]
fn the_bound_holds_where_pairs_are_unlike() {
    let mut outcomes = vec![];
    for event in 0..10 {
        outcomes.push(Survival::until(f64::from(event), true));
        outcomes.extend((0..9).map(|_| Survival::until(f64::from(event) + 0.5, false)));
    }
    let (mut too_narrow, mut excluded) = (false, false);
    for percent in 1..100 {
        let probability = f64::from(percent) / 100.0;
        let (mut c, mut low) = (0.0, None);
        for case in 0_u32..32 {
            let risk = |(row, outcome): (usize, &Survival)| {
                let event = row / 10;
                let lowest = outcome.event && event < 5 && (case >> event) & 1 == 1;
                Risk(if lowest { -1000.0 } else { -outcome.time_days })
            };
            let risks: Vec<Risk> = outcomes.iter().enumerate().map(risk).collect();
            let wrong = case.count_ones();
            let weight = probability.powi(5 - wrong.cast_signed())
                * (1.0 - probability).powi(wrong.cast_signed());
            c += weight * harrell_c(&outcomes, &risks).unwrap();
            if wrong == 0 {
                low = Some(harrell_c_interval(&outcomes, &risks).unwrap().low);
            }
        }
        let perfect = probability.powi(5);
        let low = low.unwrap();
        if low > c {
            assert!(perfect <= 0.025, "C is {c}, seen perfect with {perfect}, bound {low}");
            excluded = true;
        }
        too_narrow |= 0.025_f64.powf(0.1) > c && perfect > 0.025;
    }
    assert!(too_narrow && excluded);
}

/// Risks that tell more or less of exponential times, half of them censored: a perfect order excludes
/// the true C in 2.5 % of cohorts at most.
#[test]
fn small_cohorts_in_perfect_order_cover_the_true_c() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut cohort = |patients: usize, slope: f64| -> (Vec<Survival>, Vec<Risk>) {
        let patient = |_| {
            let risk = slope * random.random::<f64>();
            let event = -random.random::<f64>().ln() / risk.exp();
            let end = -random.random::<f64>().ln() / (slope / 2.0).exp();
            (Survival::until(event.min(end), event <= end), Risk(risk))
        };
        (0..patients).map(patient).unzip()
    };
    let mut without = 0.0_f64;
    for slope in [0.01, 2.0, 6.0, 20.0] {
        let (outcomes, risks) = cohort(20_000, slope);
        let truth = harrell_c(&outcomes, &risks).unwrap();
        for patients in [3, 4, 6, 10] {
            let (mut defined, mut perfect, mut missed) = (0, 0, 0);
            for _ in 0..2000 {
                let (outcomes, risks) = cohort(patients, slope);
                let Ok(found) = harrell_c_interval(&outcomes, &risks) else { continue };
                defined += 1;
                if found.value >= 1.0 {
                    perfect += 1;
                    missed += u32::from(found.low > truth);
                }
            }
            let share = |count: u32| f64::from(count) / f64::from(defined);
            assert!(
                share(missed) <= 0.025,
                "{missed} of {defined}, {patients} patients, C {truth}"
            );
            without = without.max(share(perfect));
        }
    }
    // A bound at 1 would miss all of these.
    assert!(without > 0.3, "{without}");
}

#[test]
fn two_perfect_models_may_differ() {
    let (outcomes, risks) = in_order(8);
    let low = harrell_c_interval(&outcomes, &risks).unwrap().low;
    let found = harrell_c_difference(&outcomes, &risks, &risks).unwrap();
    assert!(found.difference.value.abs() < 1e-15 && (found.p - 1.0).abs() < 1e-15);
    assert!((found.difference.high - (1.0 - low)).abs() < 1e-12, "{found:?}");
    let found = harrell_c_difference(&outcomes, &risks, &reversed(&risks)).unwrap();
    assert!((found.difference.low - (2.0 * low - 1.0)).abs() < 1e-12, "{found:?}");
    // Models that order patients alike but not perfectly are sure to be alike.
    let mut swapped = risks;
    swapped.swap(2, 3);
    let found = harrell_c_difference(&outcomes, &swapped, &swapped).unwrap();
    assert!(found.difference.standard_error <= 0.0 && (found.p - 1.0).abs() < 1e-15);
}

#[test]
fn the_doubt_of_unos_c_counts_weighted_pairs() {
    // Without censoring all weights are 1.
    let (outcomes, risks) = in_order(9);
    let own = harrell_c_doubt(&outcomes, &risks).unwrap();
    assert_eq!(uno_c_doubt(&outcomes, &outcomes, &risks, None), Ok(own));
    let wrong = uno_c_doubt(&outcomes, &outcomes, &reversed(&risks), None).unwrap();
    assert_eq!((wrong.below, wrong.above), (0.0, own.below));
    // Events on days 1 and 3 are comparable with 5 and 3 later patients. One of five is censored on
    // day 2, so that each pair of the second event weighs 1 / (4/5)² = 25/16. It is in most pairs, those
    // and one with the first event.
    let events = [true, false, true, false, false, false];
    let (outcomes, risks): (Vec<Survival>, Vec<Risk>) = (1..7)
        .map(f64::from)
        .zip(events)
        .map(|(days, event)| (Survival::until(days, event), Risk(-days)))
        .unzip();
    assert_eq!(uno_c(&outcomes, &outcomes, &risks, None), Ok(1.0));
    let found = uno_c_doubt(&outcomes, &outcomes, &risks, None).unwrap();
    let weight = 25.0 / 16.0;
    let pairs = (5.0 + 3.0 * weight) / (1.0 + 3.0 * weight + weight);
    assert!((found.below - (1.0 - 0.025_f64.powf(1.0 / pairs))).abs() < 1e-12, "{found:?}");
    // Only the first event counts before day 3: one patient's five pairs.
    let found = uno_c_doubt(&outcomes, &outcomes, &risks, Some(3.0)).unwrap();
    assert!((found.below - 0.975).abs() < 1e-12, "{found:?}");
    // A censoring on the day of an event outlives it.
    let rows = [(1.0, true, 2.0), (1.0, false, 1.0)];
    let (outcomes, risks): (Vec<Survival>, Vec<Risk>) =
        rows.iter().map(|&(days, event, risk)| (Survival::until(days, event), Risk(risk))).unzip();
    let reference = [Survival::until(9.0, false)];
    let found = uno_c_doubt(&reference, &outcomes, &risks, None).unwrap();
    assert!((found.below - 0.975).abs() < 1e-12, "{found:?}");
    let none = Err(Undefined::NoComparablePair { patients: 1 });
    assert_eq!(uno_c_doubt(&reference, &outcomes[..1], &risks[..1], None), none);
}
