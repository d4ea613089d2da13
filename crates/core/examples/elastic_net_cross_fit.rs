//! Times cross-fitted elastic-net Cox on made-up columns: `elastic_net_cross_fit PATIENTS COLUMNS
//! MATTERING L1_RATIO`. So many columns carry the hazard.

use std::time::Instant;

use ndarray::Array2;
use oncoweave_core::{Survival, cross_fit::cross_fit_elastic_net};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

#[expect(clippy::print_stdout, reason = "an example's output is for people")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [patients, columns, mattering, l1_ratio] = &arguments[..] else {
        return Err("expected patients, columns, how many of them matter, and the l1 ratio".into());
    };
    let (patients, columns, mattering): (usize, usize, usize) =
        (patients.parse()?, columns.parse()?, mattering.parse()?);
    let l1_ratio: f64 = l1_ratio.parse()?;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut draw = || random.random_range(-1.732..1.732_f32);
    let x = Array2::from_shape_simple_fn((patients, columns), &mut draw);
    let outcome = |row: usize| {
        let sign = |column: usize| if column.is_multiple_of(2) { 0.3 } else { -0.3 };
        let log_hazard: f32 = (0..mattering).map(|column| sign(column) * x[[row, column]]).sum();
        let uniform = (f64::from(draw()) / 1.732).midpoint(1.0).max(1e-9);
        let time = (-1000.0 * uniform.ln() / f64::from(log_hazard).exp()).ceil();
        let left = (1550.0 + 837.0 * f64::from(draw())).ceil();
        Survival::until(time.min(left).max(1.0), time <= left)
    };
    let outcomes: Vec<Survival> = (0..patients).map(outcome).collect();
    let folds: Vec<u32> = (0..5).cycle().take(patients).collect();
    let start = Instant::now();
    let found = cross_fit_elastic_net(&[(&*x).into()], &outcomes, &folds, l1_ratio)?;
    let seconds = start.elapsed().as_secs_f64();
    let events = outcomes.iter().filter(|outcome| outcome.event).count();
    let kept: Vec<usize> = (0..columns).filter(|&place| found.coefficients[place] != 0.0).collect();
    println!(
        "{patients} patients, {events} events, {columns} columns: {seconds:.2} s, penalty {:.2}, \
         {} columns have a coefficient, {} of the {mattering} that matter",
        found.penalties[0],
        kept.len(),
        kept.iter().filter(|&&place| place < mattering).count()
    );
    Ok(())
}
