//! `simulate OUT PATIENTS SEED`: writes a simulated cohort.

use std::path::Path;

use oncoweave_simulate::{SimulateSettings, simulate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, patients, seed] = arguments.as_slice() else {
        return Err("usage: simulate OUT PATIENTS SEED".into());
    };
    let settings =
        SimulateSettings { patients: patients.parse()?, seed: seed.parse()?, mess: true };
    simulate(Path::new(out), &settings, &|_| {})?;
    Ok(())
}
