//! Times a path of elastic-net Cox models on a table of numbers, and writes its coefficients:
//! `elastic_net_path FOLDER L1_RATIO`, for `scripts/bench_coxnet`.
//!
//! The folder holds `x.f64` (patients × columns, by rows), `time.f64`, `event.f64` and
//! `penalties.f64`, little-endian; `coefficients.f64` (penalties × columns) is written to it.

use std::path::Path;
use std::time::Instant;

use ndarray::Array2;
use oncoweave_core::Survival;
use oncoweave_core::cox::Ties;
use oncoweave_core::elastic_net::{ElasticNet, Penalties, fit_path};

#[expect(clippy::print_stdout, reason = "an example's output is for people")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(l1_ratio)) = (arguments.next(), arguments.next()) else {
        return Err("expected a folder and an l1 ratio".into());
    };
    let folder = Path::new(&folder);
    let outcomes: Vec<Survival> = numbers(&folder.join("time.f64"))?
        .into_iter()
        .zip(numbers(&folder.join("event.f64"))?)
        .map(|(time_days, event)| Survival::until(time_days, event > 0.0))
        .collect();
    let x = numbers(&folder.join("x.f64"))?;
    let x = Array2::from_shape_vec((outcomes.len(), x.len() / outcomes.len()), x)?;
    let net = ElasticNet {
        l1_ratio: l1_ratio.parse()?,
        ties: Ties::Breslow,
        penalties: Penalties::Given(numbers(&folder.join("penalties.f64"))?),
        factors: None,
    };
    let start = Instant::now();
    let models = fit_path(&x, &outcomes, &net)?;
    println!("{:.4}", start.elapsed().as_secs_f64());
    let coefficients = models.iter().flat_map(|model| &model.coefficients);
    let bytes: Vec<u8> = coefficients.flat_map(|value| value.to_le_bytes()).collect();
    fs_err::write(folder.join("coefficients.f64"), bytes)?;
    Ok(())
}

fn numbers(path: &Path) -> Result<Vec<f64>, Box<dyn std::error::Error>> {
    let bytes = fs_err::read(path)?;
    let eights = bytes.chunks_exact(8);
    Ok(eights.map(|eight| f64::from_le_bytes(eight.try_into().expect("eight bytes"))).collect())
}
