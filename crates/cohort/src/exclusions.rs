use std::path::Path;

use oncoweave_core::Exclusion;

use crate::{Error, write_atomically};

/// Writes `exclusions.csv`: `patient_id`, `modality`, `step`, `reason`, in the given order.
///
/// # Errors
/// When the file cannot be written.
pub fn write_exclusions(path: &Path, exclusions: &[Exclusion]) -> Result<(), Error> {
    write_atomically(path, |file| {
        let mut writer = csv::Writer::from_writer(file);
        let at_path = |source| Error::Csv { path: path.to_owned(), source };
        // Written by hand, for the header must be there when no row is.
        writer.write_record(["patient_id", "modality", "step", "reason"]).map_err(at_path)?;
        for one in exclusions {
            let record = [&one.patient_id, &one.modality, &one.step, &one.reason];
            writer.write_record(record).map_err(at_path)?;
        }
        Ok(writer.flush()?)
    })
}

/// Reads what [`write_exclusions`] wrote.
///
/// # Errors
/// When the file is no such table.
pub fn read_exclusions(path: &Path) -> Result<Vec<Exclusion>, Error> {
    let mut reader = csv::Reader::from_reader(fs_err::File::open(path)?);
    reader
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|source| Error::Csv { path: path.to_owned(), source })
}
