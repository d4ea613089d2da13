//! Measures the region of a NIfTI image so many times as a cohort has patients, on all cores that
//! rayon uses (`RAYON_NUM_THREADS`), and prints the time on stderr: `radiomics_cohort IMAGE MASK
//! PATIENTS [KEY=VALUE ...]`.

use std::{env, error::Error, path::Path, time::Instant};

use oncoweave_imaging::{ImagingSettings, nifti_features};
use rayon::prelude::*;

#[expect(clippy::print_stderr, reason = "a program that prints")]
fn main() -> Result<(), Box<dyn Error>> {
    let (settings, arguments): (Vec<String>, Vec<String>) =
        env::args().skip(1).partition(|argument| argument.contains('='));
    let settings: ImagingSettings = toml::from_str(&settings.join("\n"))?;
    let settings = settings.load()?;
    let [image, mask, patients] = arguments.as_slice() else {
        return Err("usage: radiomics_cohort IMAGE MASK PATIENTS [KEY=VALUE ...]".into());
    };
    let patients: usize = patients.parse()?;
    let started = Instant::now();
    let measured: Result<Vec<usize>, oncoweave_imaging::Error> = (0..patients)
        .into_par_iter()
        .map(|_| Ok(nifti_features(Path::new(image), Path::new(mask), &settings)?.len()))
        .collect();
    let features: usize = measured?.into_iter().sum();
    let seconds = started.elapsed().as_secs_f64();
    let threads = rayon::current_num_threads();
    eprintln!("{patients} patients, {features} features in {seconds:.3} s on {threads} threads");
    Ok(())
}
