use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use crate::Error;

/// What is taken out and what may stay. Every key has a default; a key that is not known is an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// `[dicom]`.
    pub dicom: DicomProfile,
    /// `[nifti]`.
    pub nifti: NiftiProfile,
    /// `[variants]`: VCF, BCF and MAF.
    pub variants: VariantProfile,
    /// `[table]`: CSV and other tables.
    pub table: TableProfile,
}

/// PS3.15's options, Table E.1-1, and what they leave to the user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "the standard's options are switches")]
pub struct DicomProfile {
    /// What becomes of dates and times.
    pub dates: Dates,
    /// The most days that dates are moved by.
    pub max_shift_days: u32,
    /// Retain UIDs Option.
    pub retain_uids: bool,
    /// Retain Device Identity Option.
    pub retain_device: bool,
    /// Retain Institution Identity Option.
    pub retain_institution: bool,
    /// Retain Patient Characteristics Option; without the weight there is no SUV.
    pub retain_patient_characteristics: bool,
    /// Clean Descriptors Option: the words of a vocabulary stay.
    pub clean_descriptors: bool,
    /// Clean Structured Content Option; without it structured reports are set aside.
    pub clean_structured_content: bool,
    /// Clean Graphics Option.
    pub clean_graphics: bool,
    /// Clean Pixel Data Option: where a device is known to burn in text, its rectangles are blanked.
    pub clean_pixel_data: bool,
    /// Retain Safe Private Option.
    pub safe_private: bool,
    /// More words that descriptors may keep.
    pub keep_words: Vec<String>,
    /// Modalities, such as `MG`, whose images somebody has looked at: they are not set aside for
    /// text that might be burned in, unless they are secondary captures or say that it is.
    pub accept: Vec<String>,
}

/// What becomes of dates and times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dates {
    /// Moved by one offset a patient (Retain Longitudinal Temporal Information Modified Dates Option).
    #[default]
    Shifted,
    /// Kept (Full Dates Option).
    Full,
    /// Taken out (no option).
    Removed,
}

impl Default for DicomProfile {
    fn default() -> Self {
        Self {
            dates: Dates::Shifted,
            max_shift_days: 1825,
            retain_uids: false,
            retain_device: false,
            retain_institution: false,
            retain_patient_characteristics: true,
            clean_descriptors: true,
            clean_structured_content: false,
            clean_graphics: false,
            clean_pixel_data: false,
            safe_private: false,
            keep_words: Vec::new(),
            accept: Vec::new(),
        }
    }
}

/// What a NIfTI file may show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NiftiProfile {
    /// Whether images show faces, which no header tells.
    pub face: Face,
    /// How far beyond the region an image stays where it is masked, in mm.
    pub margin_mm: f64,
}

impl Default for NiftiProfile {
    fn default() -> Self {
        Self { face: Face::Unknown, margin_mm: 20.0 }
    }
}

/// Whether images show faces, and what is done then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Face {
    /// Nobody has said: images are set aside.
    #[default]
    Unknown,
    /// None does, or all are defaced: images stay as they are.
    Absent,
    /// Some do: images are set aside.
    Refuse,
    /// Some do: of an image with a region only what lies round the region stays, the rest is set aside.
    Mask,
}

/// What variant files may keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VariantProfile {
    /// INFO and FORMAT keys of type String, and columns of a MAF, that are kept besides the known ones.
    pub keep: Vec<String>,
}

/// What tables may keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableProfile {
    /// What columns hold, by name.
    pub columns: BTreeMap<String, Role>,
}

/// What a column of a table holds, and so what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Who the row is about: replaced by the patient's pseudonym.
    Patient,
    /// A sample's name: replaced by its pseudonym.
    Sample,
    /// Any other name, of a hospital say: replaced by a token.
    Identifier,
    /// A date, `YYYY-MM-DD`: moved by the patient's offset.
    Date,
    /// An age in years: 90 from 90 on.
    Age,
    /// A postcode: the letters of a British area stay, nothing of another.
    Postcode,
    /// Free text: emptied.
    FreeText,
    /// A number: whatever is none is emptied.
    Number,
    /// Nothing that tells who somebody is: kept, and not scanned.
    Keep,
    /// Left out.
    Drop,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML or has an unknown key.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let refuse = |problem: String| Error::Profile { path: path.to_owned(), problem };
        let text = fs_err::read_to_string(path)?;
        let profile: Self =
            toml::from_str(&text).map_err(|error| refuse(error.message().replace('\n', ", ")))?;
        if profile.dicom.max_shift_days == 0 {
            return Err(refuse("`max_shift_days` must be 1 at least".to_owned()));
        }
        if !(profile.nifti.margin_mm.is_finite() && profile.nifti.margin_mm >= 0.0) {
            return Err(refuse("`margin_mm` must be 0 or more".to_owned()));
        }
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_and_an_empty_profile_is_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profile.toml");
        let read = |text: &str| {
            fs_err::write(&path, text).unwrap();
            Profile::read(&path).map_err(|error| error.to_string())
        };
        assert_eq!(read(""), Ok(Profile::default()));
        assert_eq!(
            read("[dicom]\ndates = 'full'\n[table.columns]\nmrn = 'identifier'")
                .unwrap()
                .dicom
                .dates,
            Dates::Full
        );
        for (text, expected) in [
            ("[dicom]\nretain_uid = true", "unknown field `retain_uid`"),
            ("[dicom]\ndates = 'kept'", "unknown variant `kept`"),
            ("[dicom]\nmax_shift_days = 0", "must be 1 at least"),
            ("[nifti]\nmargin_mm = -1.0", "must be 0 or more"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
