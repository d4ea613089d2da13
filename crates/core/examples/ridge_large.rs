//! Times ridge Cox with cross-fitted penalties on two blocks of a large made-up table, as a stack fits
//! it: `cargo run --release -p oncoweave-core --example ridge_large -- PATIENTS COLUMNS [RANK]`.
//!
//! With a RANK the columns share as many factors, whose weights fall off, as those of real tables do.

use std::time::Instant;

use ndarray::{Array2, ArrayView2, s};
use oncoweave_core::cross_fit::{CrossFitted, RidgeBlocks};
use oncoweave_core::{Survival, Undefined, Values};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

#[expect(clippy::print_stdout, reason = "an example's output is for people")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |what: &str| -> Result<usize, Box<dyn std::error::Error>> {
        Ok(arguments.next().ok_or(format!("say how many {what}"))?.parse()?)
    };
    let (patients, columns) = (number("patients")?, number("columns")?);
    let rank = number("shared factors").unwrap_or(0);
    let (x, outcomes) = cohort(patients, columns, rank);
    let folds: Vec<u32> = (0..5).cycle().take(patients).collect();
    let (first, second): (ArrayView2<f32>, _) =
        (x.slice(s![.., ..columns / 2]), x.slice(s![.., columns / 2..]));
    let start = Instant::now();
    let mut blocks =
        RidgeBlocks::new(&[Values::Narrow(first), Values::Narrow(second)], &outcomes, &folds)?;
    println!("prepared: {:.2} s", start.elapsed().as_secs_f64());
    let show = |name: &str, start: Instant, model: &CrossFitted| {
        let penalties: Vec<String> =
            model.penalties.iter().map(|penalty| format!("{penalty:.0}")).collect();
        let square = model.coefficients.iter().map(|b| b * b).sum::<f64>();
        println!(
            "{name}: {:.2} s, penalty {}, log likelihood {:.6}, |b| {:.9}",
            start.elapsed().as_secs_f64(),
            penalties.join(" and "),
            model.log_likelihood,
            square.sqrt(),
        );
    };
    let mut one = |which: &[usize]| -> Result<CrossFitted, Undefined> {
        let start = Instant::now();
        let model = blocks.fit(which)?;
        show(&format!("blocks {which:?}"), start, &model);
        Ok(model)
    };
    one(&[0, 1])?;
    let alone = [one(&[0])?, one(&[1])?];
    let start = Instant::now();
    let model = blocks.fit_by_block(&[0, 1], &alone.each_ref())?;
    show("by block", start, &model);
    Ok(())
}

/// Standardized columns, ten of which carry the hazard.
fn cohort(patients: usize, columns: usize, rank: usize) -> (Array2<f32>, Vec<Survival>) {
    let mut generator = ChaCha8Rng::seed_from_u64(1);
    let mut uniform = || generator.random_range(-1.732_f32..1.732);
    let mut x = Array2::from_shape_simple_fn((patients, columns), &mut uniform);
    for factor in 0..rank {
        let shared: Vec<f32> = (0..patients).map(|_| uniform()).collect();
        let size = 1.0 / (1.0 + factor as f32).sqrt();
        let weights: Vec<f32> = (0..columns).map(|_| size * uniform()).collect();
        for (mut row, shared) in x.rows_mut().into_iter().zip(shared) {
            for (value, weight) in row.iter_mut().zip(&weights) {
                *value += shared * weight;
            }
        }
    }
    for mut column in x.columns_mut() {
        let sd = (column.dot(&column) / patients as f32).sqrt();
        column /= sd;
    }
    let outcome = |row: usize| {
        let log_risk: f32 = x.row(row).iter().take(10).sum::<f32>() / 4.0;
        let time_days = (1000.0 * f64::from(uniform() - log_risk).exp()).ceil();
        Survival::until(time_days.min(2000.0), time_days < 2000.0)
    };
    let outcomes = (0..patients).map(outcome).collect();
    (x, outcomes)
}
