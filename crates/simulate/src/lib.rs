//! A cohort with a known truth, in the file formats that hospitals have.
//!
//! [`draw_patient`] draws everything true about one patient from the seed alone: genome, tumor,
//! clinical picture, hazard and outcome. [`simulate`] writes what a hospital would hold of it:
//! VCF, DICOM, NIfTI and a clinical table, the mess of real cohorts included, and beside them the
//! truth in `oracle.csv`.

mod ct;
mod dicom;
mod documents;
mod error;
mod examination;
mod genes;
mod genome;
mod hazard;
mod lesion;
mod mess;
mod mr;
mod random;
mod rtstruct;
mod seg;
mod tables;
#[cfg(test)]
mod tests;
mod truth;
mod vcf;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

pub use error::Error;
use examination::{Place, Written, write_patient};
pub use genes::Driver;
pub use hazard::LogHazard;
use tables::Row;
pub use truth::{
    Clinical, Genome, Measured, Patient, Subtype, Tumor, compete, draw_patient, enter_late,
};

/// Stands in the folder until the cohort is whole, and shows that its files are ours to replace.
const UNFINISHED: &str = ".simulate-unfinished";

/// What to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulateSettings {
    /// The number of patients, from 1 to 99,999.
    pub patients: usize,
    /// The same seed gives the same bytes in every file.
    pub seed: u64,
    /// Whether to make the mess that real cohorts have; it takes at least 30 patients.
    pub mess: bool,
    /// Whether patients can die of something else first, as `other death`.
    pub competing: bool,
    /// Whether half of the patients come under observation after the index date.
    pub late_entry: bool,
}

impl Default for SimulateSettings {
    fn default() -> Self {
        Self { patients: 60, seed: 7, mess: true, competing: false, late_entry: false }
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
    prepare(out)?;
    let patients: Vec<Patient> = (0..settings.patients)
        .into_par_iter()
        .map(|index| draw_as_asked(settings, index))
        .collect();
    let plan = if settings.mess {
        mess::plan(settings.seed, &patients)
    } else {
        vec![None; patients.len()]
    };

    let finished = AtomicUsize::new(0);
    let written: Vec<Written> = patients
        .par_iter()
        .zip(&plan)
        .enumerate()
        .map(|(index, (patient, &mess))| {
            let place = Place { out, seed: settings.seed, index };
            let written = write_patient(&place, patient, mess)?;
            progress(finished.fetch_add(1, Ordering::Relaxed) + 1);
            Ok(written)
        })
        .collect::<Result<_, Error>>()?;

    let rows: Vec<Row> = patients
        .iter()
        .zip(&plan)
        .zip(&written)
        .enumerate()
        .map(|(index, ((patient, &mess), written))| Row { index, patient, mess, written })
        .collect();
    tables::write_clinical(&out.join("clinical.csv"), settings, &rows)?;
    tables::write_files(&out.join("files.csv"), &rows)?;
    tables::write_oracle(&out.join("oracle.csv"), &rows, settings.competing)?;
    tables::write_mess(&out.join("mess.csv"), &rows)?;
    fs_err::write(out.join("README.md"), documents::readme(settings, &rows))?;
    finish(out, &documents::manifest(settings))?;
    Ok(summary(out, &rows))
}

fn draw_as_asked(settings: &SimulateSettings, index: usize) -> Patient {
    let mut patient = draw_patient(settings.seed, index);
    if settings.competing {
        patient = compete(patient, settings.seed, index);
    }
    if settings.late_entry {
        patient = enter_late(patient, settings.seed, index);
    }
    patient
}

/// Makes the folders, after clearing what an interrupted simulation left.
fn prepare(out: &Path) -> Result<(), Error> {
    fs_err::create_dir_all(out)?;
    let marker = out.join(UNFINISHED);
    if marker.exists() {
        let manifest = out.join("cohort.toml");
        if manifest.exists() {
            fs_err::remove_file(manifest)?;
        }
        for name in ["genomics", "ct", "mr"] {
            let folder = out.join(name);
            if folder.exists() {
                fs_err::remove_dir_all(folder)?;
            }
        }
    } else if fs_err::read_dir(out)?.next().is_some() {
        return Err(Error::NotEmpty { path: out.to_path_buf() });
    }
    fs_err::write(marker, "")?;
    for name in ["genomics", "ct", "mr"] {
        fs_err::create_dir_all(out.join(name))?;
    }
    Ok(())
}

/// Puts the manifest in place under its name at once, then takes the marker away.
fn finish(out: &Path, manifest: &str) -> Result<(), Error> {
    let temporary = out.join("cohort.toml.tmp");
    fs_err::write(&temporary, manifest)?;
    fs_err::rename(&temporary, out.join("cohort.toml"))?;
    fs_err::remove_file(out.join(UNFINISHED))?;
    Ok(())
}

fn summary(out: &Path, rows: &[Row]) -> Simulated {
    let count = |keep: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| keep(row)).count();
    let holds =
        |row: &Row, modality: &str| row.written.rows.iter().any(|file| file.modality == modality);
    Simulated {
        manifest: out.join("cohort.toml"),
        oracle: out.join("oracle.csv"),
        mess: out.join("mess.csv"),
        patients: rows.len(),
        genomes: count(&|row| row.written.altered_megabases.is_some()),
        ct_series: count(&|row| holds(row, "ct")),
        mr_images: count(&|row| holds(row, "mr")),
        messed: count(&|row| row.mess.is_some()),
        events: count(&|row| row.patient.survival.event),
    }
}
