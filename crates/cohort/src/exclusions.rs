use std::path::Path;

use oncoweave_core::Exclusion;

use crate::{Error, write_atomically};

/// Writes `exclusions.csv`: `patient_id`, `modality`, `step`, `reason`, in the given order.
///
/// An id or modality that begins with `=`, `+`, `-` or `@` gets a `'` before it, so that a
/// spreadsheet shows it instead of computing it (OWASP, CSV injection). [`read_exclusions`] takes it
/// off again.
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
            let (patient, modality) = (guarded(&one.patient_id), guarded(&one.modality));
            let record = [patient.as_str(), &modality, &one.step, &one.reason];
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
    let mut exclusions: Vec<Exclusion> = reader
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|source| Error::Csv { path: path.to_owned(), source })?;
    for one in &mut exclusions {
        one.patient_id = unguarded(&one.patient_id).to_owned();
        one.modality = unguarded(&one.modality).to_owned();
    }
    Ok(exclusions)
}

/// Whether a spreadsheet would compute the text, quotes before it left aside.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@'])
}

/// A text as it stands in a CSV: one that a spreadsheet would compute gets a `'` before it.
#[must_use]
pub fn guarded(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_come_back_and_the_header_is_always_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exclusions.csv");
        let one = Exclusion {
            patient_id: "P,1".to_owned(),
            modality: String::new(),
            step: "align".to_owned(),
            reason: "said \"no\"\nand left".to_owned(),
        };
        let formulas = ["=1+1", "+49", "-", "@x", "'=1", "'quoted", "a=b"];
        let formulas = formulas.map(|id| Exclusion {
            patient_id: id.to_owned(),
            modality: id.to_owned(),
            ..one.clone()
        });
        for list in [vec![one], Vec::new(), formulas.to_vec()] {
            write_exclusions(&path, &list).unwrap();
            let text = fs_err::read_to_string(&path).unwrap();
            assert!(text.starts_with("patient_id,modality,step,reason\n"));
            assert!(!text.lines().any(|line| line.starts_with(['=', '+', '-', '@'])), "{text}");
            assert_eq!(read_exclusions(&path).unwrap(), list);
        }
    }

    #[test]
    fn says_which_file_is_no_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exclusions.csv");
        fs_err::write(&path, "a,b\n1,2\n").unwrap();
        let message = read_exclusions(&path).unwrap_err().to_string();
        assert!(message.contains("exclusions.csv"), "{message}");
    }
}
