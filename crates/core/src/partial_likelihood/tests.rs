use super::*;

fn outcomes(rows: &[(f64, bool)]) -> Vec<Survival> {
    rows.iter().map(|&(time_days, event)| Survival::until(time_days, event)).collect()
}

fn value(outcomes: &[Survival], log_risks: &[f64], ties: Ties) -> f64 {
    RiskSets::new(outcomes, ties).at(log_risks).value
}

const TIED: [(f64, bool); 8] = [
    (3.0, true),
    (1.0, true),
    (3.0, true),
    (3.0, false),
    (2.0, false),
    (3.0, true),
    (5.0, true),
    (6.0, false),
];

#[test]
fn two_tied_events_by_hand() {
    let all = outcomes(&[(1.0, true), (1.0, true), (2.0, false)]);
    let log_risks = [2.0_f64.ln(), 3.0_f64.ln(), 0.0];
    let breslow = (6.0 / 36.0_f64).ln();
    let efron = (6.0 / (6.0 * 3.5_f64)).ln();
    assert!((value(&all, &log_risks, Ties::Breslow) - breslow).abs() < 1e-14);
    assert!((value(&all, &log_risks, Ties::Efron) - efron).abs() < 1e-14);
}

#[test]
fn nobody_and_no_event_have_likelihood_1() {
    for rows in [&[][..], &[(1.0, false), (2.0, false)], &[(1.0, true)]] {
        let risks = vec![Risk(0.3); rows.len()];
        let found = partial_log_likelihood(&outcomes(rows), &risks, Ties::Efron);
        assert_eq!(found.value, 0.0);
        assert!(found.gradient.iter().all(|slope| slope.abs() < 1e-15));
    }
}

#[test]
fn derivatives_are_those_of_the_value() {
    let all = outcomes(&TIED);
    let log_risks = [0.3, -1.2, 0.8, 0.1, 2.0, -0.4, 0.0, 1.0];
    for ties in [Ties::Efron, Ties::Breslow] {
        let sets = RiskSets::new(&all, ties);
        let at = sets.at(&log_risks);
        for row in 0..all.len() {
            let (mut up, mut down) = (log_risks, log_risks);
            up[row] += 1e-5;
            down[row] -= 1e-5;
            let slope = (value(&all, &up, ties) - value(&all, &down, ties)) / 2e-5;
            assert!((at.gradient[row] - slope).abs() < 1e-8, "{ties:?} {row}");
            let mut direction = [0.0; 8];
            direction[row] = 1.0;
            let (up, down) = (sets.at(&up).gradient, sets.at(&down).gradient);
            for (other, bent) in at.curvature(&direction).into_iter().enumerate() {
                let expected = (down[other] - up[other]) / 2e-5;
                assert!((bent - expected).abs() < 1e-8, "{ties:?} {row} {other}");
            }
        }
    }
}

#[test]
fn late_entries_leave_the_risk_sets_before() {
    let late: Vec<Survival> = outcomes(&TIED)
        .into_iter()
        .zip([0.0, 0.5, 2.0, 1.0, 0.0, 0.0, 3.0, 1.0])
        .map(|(outcome, entry_days)| outcome.entered(entry_days).unwrap())
        .collect();
    let log_risks = [0.3, -1.2, 0.8, 0.1, 2.0, -0.4, 0.0, 1.0];
    // By the definition: on day 1 those who entered before, on day 3 all but one, on day 5 two.
    let sum = |rows: &[usize]| rows.iter().map(|&row| f64::exp(log_risks[row])).sum::<f64>();
    let expected =
        -1.2 - sum(&[0, 1, 4, 5]).ln() + 0.3 + 0.8 - 0.4 - 3.0 * sum(&[0, 2, 3, 5, 7]).ln() + 0.0
            - sum(&[6, 7]).ln();
    let found = RiskSets::new(&late, Ties::Breslow).at(&log_risks).value;
    assert!((found - expected).abs() < 1e-13, "{found} {expected}");
    for ties in [Ties::Efron, Ties::Breslow] {
        let sets = RiskSets::new(&late, ties);
        let at = sets.at(&log_risks);
        for row in 0..late.len() {
            let (mut up, mut down) = (log_risks, log_risks);
            up[row] += 1e-5;
            down[row] -= 1e-5;
            let (up, down) = (sets.at(&up), sets.at(&down));
            assert!((at.gradient[row] - (up.value - down.value) / 2e-5).abs() < 1e-8);
            let mut direction = [0.0; 8];
            direction[row] = 1.0;
            for (other, bent) in at.curvature(&direction).into_iter().enumerate() {
                let expected = (down.gradient[other] - up.gradient[other]) / 2e-5;
                assert!((bent - expected).abs() < 1e-8, "{ties:?} {row} {other}");
            }
        }
    }
}

/// Strata are as separate as if each were fitted alone, whoever enters late in any of them.
#[test]
fn late_entries_stay_in_their_stratum() {
    let late: Vec<Survival> = outcomes(&TIED)
        .into_iter()
        .enumerate()
        .map(|(row, outcome)| {
            let entry = [0.0, 0.5, 2.0, 1.0, 0.0, 0.0, 3.0, 1.0][row];
            if row % 3 == 0 { outcome } else { outcome.entered(entry).unwrap() }
        })
        .collect();
    let log_risks = [0.3, -1.2, 0.8, 0.1, 2.0, -0.4, 0.0, 1.0];
    let strata = [2, 0, 2, 0, 2, 0, 2, 0];
    let together = RiskSets::stratified(&late, &strata, Ties::Efron);
    let together = together.at(&log_risks);
    let mut value = 0.0;
    for stratum in [0, 2] {
        let rows: Vec<usize> = (0..8).filter(|&row| strata[row] == stratum).collect();
        let own: Vec<Survival> = rows.iter().map(|&row| late[row]).collect();
        let own_risks: Vec<f64> = rows.iter().map(|&row| log_risks[row]).collect();
        let sets = RiskSets::new(&own, Ties::Efron);
        let alone = sets.at(&own_risks);
        value += alone.value;
        for (place, &row) in rows.iter().enumerate() {
            assert!((alone.gradient[place] - together.gradient[row]).abs() < 1e-12, "{row}");
        }
    }
    assert!((value - together.value).abs() < 1e-12);
}

#[test]
fn only_differences_of_log_risks_matter_however_large() {
    let all = outcomes(&TIED);
    let log_risks = [0.3, -1.2, 0.8, 0.1, 2.0, -0.4, 0.0, 1.0];
    let near = RiskSets::new(&all, Ties::Efron);
    for shift in [1e4, -1e4] {
        let moved = log_risks.map(|risk| risk + shift);
        let (near, far) = (near.at(&log_risks), near.at(&moved));
        assert!((near.value - far.value).abs() < 1e-8);
        for (a, b) in near.gradient.iter().zip(&far.gradient) {
            assert!((a - b).abs() < 1e-9);
        }
    }
    // Log-risks that no exponential can hold.
    let wide = [-2000.0, 3000.0, 0.0, 2500.0, -1e5, 1e5, 7.0, 7.0];
    let at = near.at(&wide);
    assert!(at.value.is_finite() && at.gradient.iter().all(|slope| slope.is_finite()));
    assert!(at.gradient.iter().sum::<f64>().abs() < 1e-9);
}
