use std::path::PathBuf;

use anyhow::{Context, Result};
use oncoweave_simulate::{SimulateSettings, simulate};

use crate::{Outcome, output, progress::progress};

/// Simulate a cohort with a known truth, in the file formats of hospitals
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder to write, new, empty or of a simulation that was cut off
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Number of patients
    #[arg(long, value_name = "N", default_value_t = SimulateSettings::default().patients)]
    pub(crate) patients: usize,
    /// The same seed gives the same files
    #[arg(long, value_name = "S", default_value_t = SimulateSettings::default().seed)]
    pub(crate) seed: u64,
    /// Leave out the broken files and slips that real cohorts have
    #[arg(long)]
    pub(crate) no_mess: bool,
    /// Let another death compete: `competing` of `[outcome]`
    #[arg(long)]
    pub(crate) competing: bool,
    /// Let half of the patients come under observation late: `entry` of `[outcome]`
    #[arg(long)]
    pub(crate) late_entry: bool,
}

pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let settings = SimulateSettings {
        patients: args.patients,
        seed: args.seed,
        mess: !args.no_mess,
        competing: args.competing,
        late_entry: args.late_entry,
    };
    let bar = progress("simulating patients", args.patients);
    let simulated = simulate(&args.out, &settings, &|done| bar.set_position(done as u64))
        .with_context(|| format!("could not simulate a cohort in {}", args.out.display()))?;
    bar.finish_and_clear();
    output::data(&format!(
        "{} patients, {} events: {} VCF files, {} CT series, {} MR images, {} patients with \
         something wrong\nwrote {}, {} and {}",
        simulated.patients,
        simulated.events,
        simulated.genomes,
        simulated.ct_series,
        simulated.mr_images,
        simulated.messed,
        simulated.manifest.display(),
        simulated.oracle.display(),
        simulated.mess.display(),
    ))?;
    Ok(Outcome::Complete)
}
