use std::io;
use std::path::PathBuf;

/// Why a cohort could not be simulated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No patients were asked for, or more than ids can name.
    #[error("the number of patients must lie between 1 and 99999, got {patients}")]
    Patients {
        /// The number asked for.
        patients: usize,
    },
    /// The folder holds something that a simulation did not leave.
    #[error("{}: expected an empty or new folder, found files in it; name another with --out, or remove it", .path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file could not be written; the message names it.
    #[error("could not write the simulated cohort")]
    Io(#[from] io::Error),
    /// A table could not be written.
    #[error("{}: could not write the table", .path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// What the writer said.
        source: csv::Error,
    },
    /// A DICOM file could not be written.
    #[error("{}: could not write the DICOM file", .path.display())]
    Dicom {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        source: Box<dicom_object::WriteError>,
    },
    /// A NIfTI image could not be written.
    #[error("{}: could not write the NIfTI image", .path.display())]
    Nifti {
        /// The image.
        path: PathBuf,
        /// What the writer said.
        source: nifti::NiftiError,
    },
}
