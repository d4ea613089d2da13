//! Times Harrell's C, Uno's C and AUC(t) on ten thousand, a hundred thousand and a million
//! patients with many ties: `cargo run --release -p oncoweave-core --example concordance_million`.
//! `scripts/bench_concordance` times other programs beside it, on patients made alike.

use std::time::Instant;

use oncoweave_core::concordance::{harrell_c, uno_c};
use oncoweave_core::concordance_interval::harrell_c_interval;
use oncoweave_core::roc::auc_at;
use oncoweave_core::{Risk, Survival, Undefined};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

#[expect(clippy::print_stdout, reason = "an example's output is for people")]
fn main() {
    println!(
        "{:>9} {:>12} {:>12} {:>12} {:>12}",
        "patients", "Harrell", "with s.e.", "Uno", "AUC(t)"
    );
    for patients in [10_000, 100_000, 1_000_000] {
        let (outcomes, risks) = cohort(patients);
        let seconds = [
            timed(|| harrell_c(&outcomes, &risks)),
            timed(|| harrell_c_interval(&outcomes, &risks).map(|found| found.value)),
            timed(|| uno_c(&outcomes, &outcomes, &risks, Some(3000.0))),
            timed(|| auc_at(&outcomes, &outcomes, &risks, 1000.0)),
        ];
        let cells: Vec<String> = seconds.iter().map(|time| format!("{time:>10.4} s")).collect();
        println!("{patients:>9} {}", cells.join(" "));
    }
}

/// Days of ten years, 30 % censored; risks of three decimals.
fn cohort(patients: usize) -> (Vec<Survival>, Vec<Risk>) {
    let mut generator = ChaCha8Rng::seed_from_u64(1);
    (0..patients)
        .map(|_| {
            let time_days = f64::from(generator.random_range(0..3650_u32));
            let event = generator.random_bool(0.7);
            let noise = f64::from(generator.random_range(0..10_000_u32));
            let risk = Risk(((noise - time_days) / 10.0).round() / 1000.0);
            (Survival::until(time_days, event), risk)
        })
        .unzip()
}

/// The best of three.
fn timed(statistic: impl Fn() -> Result<f64, Undefined>) -> f64 {
    let once = |_| {
        let start = Instant::now();
        statistic().expect("comparable patients");
        start.elapsed().as_secs_f64()
    };
    (0..3).map(once).fold(f64::INFINITY, f64::min)
}
