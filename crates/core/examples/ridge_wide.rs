//! Times ridge Cox on 1,000 patients and 20,000 columns:
//! `cargo run -p oncoweave-core --example ridge_wide`.

use std::time::Instant;

use ndarray::Array2;
use oncoweave_core::Survival;
use oncoweave_core::concordance::harrell_c;
use oncoweave_core::cox::{fit_ridge, fit_ridge_cv};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

const PATIENTS: usize = 1_000;
const COLUMNS: usize = 20_000;

#[expect(clippy::print_stdout, reason = "an example's output is for people")]
fn main() {
    let mut generator = ChaCha8Rng::seed_from_u64(1);
    let mut uniform = || generator.random_range(-1.732..1.732);
    let x = Array2::from_shape_fn((PATIENTS, COLUMNS), |_| uniform());
    // The first hundred columns carry the hazard.
    let outcomes: Vec<Survival> = x
        .rows()
        .into_iter()
        .map(|row| {
            let log_risk: f64 = row.iter().take(100).sum::<f64>() / 5.0;
            let time_days = (1000.0 * (uniform() - log_risk).exp()).ceil();
            Survival::until(time_days.min(2000.0), time_days < 2000.0)
        })
        .collect();
    let start = Instant::now();
    let fixed = fit_ridge(&x, &outcomes, 10_000.0).expect("a fit");
    println!("one penalty: {:.2} s, {:.4}", start.elapsed().as_secs_f64(), fixed.log_likelihood);
    let start = Instant::now();
    let tuned = fit_ridge_cv(&[(&*x).into()], &outcomes, 5, 1).expect("a fit");
    let c = harrell_c(&outcomes, &tuned.log_risks(&x)).expect("comparable pairs");
    println!(
        "16 penalties, 5 folds: {:.2} s, penalty {:.0}, C on the training patients {c:.3}",
        start.elapsed().as_secs_f64(),
        tuned.penalty
    );
}
