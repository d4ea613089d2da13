//! Times Harrell's C on a million patients with many ties:
//! `cargo run -p oncoweave-core --example concordance_million`.

use std::time::Instant;

use oncoweave_core::concordance::{count_pairs, uno_c};
use oncoweave_core::{Risk, Survival};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

const PATIENTS: usize = 1_000_000;

#[expect(clippy::print_stdout, reason = "an example's output is for people")]
fn main() {
    let mut generator = ChaCha8Rng::seed_from_u64(1);
    // Days of ten years, 30 % censored; risks of three decimals.
    let outcomes: Vec<Survival> = (0..PATIENTS)
        .map(|_| Survival {
            time_days: f64::from(generator.random_range(0..3650_u32)),
            event: generator.random_bool(0.7),
        })
        .collect();
    let rounded: Vec<Risk> = outcomes
        .iter()
        .map(|outcome| {
            let noise = f64::from(generator.random_range(0..10_000_u32));
            Risk(((noise - outcome.time_days) / 10.0).round() / 1000.0)
        })
        .collect();
    let distinct: Vec<Risk> =
        rounded.iter().map(|risk| Risk(risk.0 + generator.random::<f64>() / 1e4)).collect();
    for (name, risks) in [("tied risks", &rounded), ("distinct risks", &distinct)] {
        let start = Instant::now();
        let pairs = count_pairs(&outcomes, risks);
        println!("{name}: {pairs:?} in {:.3} s", start.elapsed().as_secs_f64());
    }
    let start = Instant::now();
    let uno = uno_c(&outcomes, &outcomes, &rounded, Some(3000.0)).expect("comparable pairs");
    println!("Uno's C: {uno:.6} in {:.3} s", start.elapsed().as_secs_f64());
}
