use rand::seq::SliceRandom;

use crate::random::{self, Purpose};
use crate::truth::Patient;

/// Something wrong with one patient's files or rows, as real cohorts have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mess {
    TruncatedVcf,
    MissingSlice,
    EmptyCtMask,
    EmptyMrMask,
    NoFiles,
    IdCase,
    IdZeros,
    LostFile,
    DuplicateRow,
    NegativeTime,
}

/// From the one that fewest patients fit to those that all fit.
const ALL: [Mess; 10] = [
    Mess::EmptyMrMask,
    Mess::MissingSlice,
    Mess::EmptyCtMask,
    Mess::TruncatedVcf,
    Mess::LostFile,
    Mess::NoFiles,
    Mess::IdCase,
    Mess::IdZeros,
    Mess::DuplicateRow,
    Mess::NegativeTime,
];

/// The fewest patients for which there is a mess.
pub(crate) const FEWEST_PATIENTS: usize = 30;

/// One line of `mess.csv`.
pub(crate) struct MessRow {
    pub(crate) patient_id: String,
    /// Empty where the whole patient is meant.
    pub(crate) modality: &'static str,
    pub(crate) mess: &'static str,
    pub(crate) expected: &'static str,
}

impl Mess {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TruncatedVcf => "truncated_vcf",
            Self::MissingSlice => "missing_slice",
            Self::EmptyCtMask | Self::EmptyMrMask => "empty_mask",
            Self::NoFiles => "no_files",
            Self::IdCase => "id_differs_by_case",
            Self::IdZeros => "id_differs_by_leading_zeros",
            Self::LostFile => "file_does_not_exist",
            Self::DuplicateRow => "duplicated_clinical_row",
            Self::NegativeTime => "negative_follow_up",
        }
    }

    fn fits(self, patient: &Patient) -> bool {
        match self {
            Self::TruncatedVcf | Self::LostFile => patient.measured.genome,
            Self::MissingSlice | Self::EmptyCtMask => patient.measured.ct,
            Self::EmptyMrMask => patient.measured.mr,
            Self::IdZeros => patient.id != Self::IdZeros.file_id(&patient.id),
            _ => true,
        }
    }

    /// The id that `files.csv` has for the patient.
    pub(crate) fn file_id(self, id: &str) -> String {
        match self {
            Self::IdCase => id.to_lowercase(),
            Self::IdZeros => {
                let (letters, digits) = id.split_once('-').expect("ids read SIM-0001");
                format!("{letters}-{}", digits.trim_start_matches('0'))
            }
            _ => id.to_owned(),
        }
    }

    /// What extraction and alignment should make of it.
    pub(crate) fn rows(self, patient: &Patient) -> Vec<MessRow> {
        let row = |patient_id: String, modality, expected| MessRow {
            patient_id,
            modality,
            mess: self.name(),
            expected,
        };
        let id = patient.id.clone();
        match self {
            Self::TruncatedVcf | Self::LostFile => {
                vec![row(id, "genomics", "modality_set_aside")]
            }
            Self::MissingSlice | Self::EmptyCtMask => vec![row(id, "ct", "modality_set_aside")],
            Self::EmptyMrMask => vec![row(id, "mr", "modality_set_aside")],
            Self::NoFiles => vec![row(id, "", "clinical_only")],
            Self::IdCase | Self::IdZeros => {
                vec![row(self.file_id(&id), "", "patient_excluded"), row(id, "", "clinical_only")]
            }
            Self::DuplicateRow | Self::NegativeTime => vec![row(id, "", "patient_excluded")],
        }
    }
}

/// Gives some patients one kind of mess each: every kind once, and once more for each further
/// 400 patients. Below 30 patients there is none.
pub(crate) fn plan(seed: u64, patients: &[Patient]) -> Vec<Option<Mess>> {
    let mut plan = vec![None; patients.len()];
    if patients.len() < FEWEST_PATIENTS {
        return plan;
    }
    let mut order: Vec<usize> = (0..patients.len()).collect();
    order.shuffle(&mut random::stream(seed, 0, Purpose::Mess));
    for _ in 0..=patients.len() / 400 {
        for mess in ALL {
            let fitting = order
                .iter()
                .find(|&&index| plan[index].is_none() && mess.fits(&patients[index]))
                .copied();
            if let Some(index) = fitting {
                plan[index] = Some(mess);
            }
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::draw_patient;

    #[test]
    fn every_kind_is_there_from_thirty_patients_on() {
        for (count, times) in [(29, 0), (30, 1), (60, 1), (399, 1), (400, 2)] {
            for seed in 0..20 {
                let patients: Vec<Patient> =
                    (0..count).map(|index| draw_patient(seed, index)).collect();
                let plan = plan(seed, &patients);
                for mess in ALL {
                    let found = plan.iter().filter(|&&other| other == Some(mess)).count();
                    assert_eq!(found, times, "{mess:?} among {count} patients, seed {seed}");
                }
            }
        }
    }

    #[test]
    fn ids_differ_as_clerks_make_them_differ() {
        assert_eq!(Mess::IdCase.file_id("SIM-0012"), "sim-0012");
        assert_eq!(Mess::IdZeros.file_id("SIM-0012"), "SIM-12");
        assert_eq!(Mess::TruncatedVcf.file_id("SIM-0012"), "SIM-0012");
    }
}
