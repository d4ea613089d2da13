//! A cohort with a known truth, in the file formats that hospitals have.
//!
//! [`draw_patient`] draws everything true about one patient from the seed alone: genome, tumor,
//! clinical picture, hazard and outcome. [`simulate`] writes what a hospital would hold of it:
//! VCF, DICOM, NIfTI and a clinical table, the mess of real cohorts included, and beside them the
//! truth in `oracle.csv`.

mod error;

use std::path::{Path, PathBuf};

pub use error::Error;

/// What to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulateSettings {
    /// The number of patients, from 1 to 99,999.
    pub patients: usize,
    /// The same seed gives the same bytes in every file.
    pub seed: u64,
    /// Whether to make the mess that real cohorts have; it takes at least 30 patients.
    pub mess: bool,
}

impl Default for SimulateSettings {
    fn default() -> Self {
        Self { patients: 60, seed: 7, mess: true }
    }
}

/// What [`simulate`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// `cohort.toml`, which `extract` reads.
    pub manifest: PathBuf,
    /// `oracle.csv`: the true risk of every patient and its parts.
    pub oracle: PathBuf,
    /// `mess.csv`: what is wrong with which patient, and what extraction should make of it.
    pub mess: PathBuf,
    /// Patients in the clinical table.
    pub patients: usize,
    /// VCF files.
    pub genomes: usize,
    /// DICOM series at baseline, each with its RTSTRUCT or SEG.
    pub ct_series: usize,
    /// NIfTI images, each with its mask.
    pub mr_images: usize,
    /// Patients with something wrong.
    pub messed: usize,
    /// Patients whose event was observed.
    pub events: usize,
}

/// Writes a simulated cohort under `out`, patients in parallel on rayon's pool.
///
/// `progress` is called with the number of patients written so far. `cohort.toml` is written last,
/// so a folder without it is unfinished, and a second call there starts anew.
///
/// # Errors
/// When the number of patients is out of range, the folder holds something else, or a file cannot
/// be written.
pub fn simulate(
    out: &Path,
    settings: &SimulateSettings,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Simulated, Error> {
    if !(1..=99_999).contains(&settings.patients) {
        return Err(Error::Patients { patients: settings.patients });
    }
    fs_err::create_dir_all(out)?;
    progress(0);
    Err(Error::NotEmpty { path: out.to_path_buf() })
}
