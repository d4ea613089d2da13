//! Reads the DICOM series of a folder and prints the milliseconds that it took and the sum of its
//! intensities: `read_series FOLDER`.

use std::{env, error::Error, path::Path, time::Instant};

use oncoweave_imaging::{ImagingSettings, read_series};

#[expect(clippy::print_stdout, reason = "the time is what this program gives")]
fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("usage: read_series FOLDER")?;
    let started = Instant::now();
    let volume = read_series(Path::new(&folder), &ImagingSettings::default())?;
    let milliseconds = 1000.0 * started.elapsed().as_secs_f64();
    let sum: f64 = volume.voxels.iter().map(|&value| f64::from(value)).sum();
    println!("{milliseconds} {sum}");
    Ok(())
}
