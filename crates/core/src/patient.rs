use std::fmt;

use serde::{Deserialize, Serialize};

/// A patient's pseudonym: one line of printable text, without surrounding white space.
///
/// Two ids are the same patient only when they are equal byte for byte: `P007`, `p007` and `P7`
/// are three patients until the cohort's owner says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PatientId(String);

/// Why a text cannot be a [`PatientId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPatientId {
    /// The text is empty or white space.
    #[error("a patient id must not be empty")]
    Empty,
    /// The text holds a line break, tab or other control character.
    #[error("a patient id must be one line of printable text")]
    ControlCharacter,
}

impl PatientId {
    /// Reads an id, leaving out white space around it.
    ///
    /// # Errors
    /// When nothing is left, or the text holds a control character.
    pub fn new(text: &str) -> Result<Self, InvalidPatientId> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidPatientId::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidPatientId::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id folded to lower case and without zeros in front of its numbers, so that
    /// `P007`, `p007` and `p7` fold to one text. For finding likely slips, never for joining.
    #[must_use]
    pub fn folded(&self) -> String {
        let mut folded = String::with_capacity(self.0.len());
        let mut characters = self.0.chars().peekable();
        let mut in_number = false;
        while let Some(character) = characters.next() {
            let next_is_digit = characters.peek().is_some_and(char::is_ascii_digit);
            if character == '0' && !in_number && next_is_digit {
                continue;
            }
            in_number = character.is_ascii_digit();
            folded.extend(character.to_lowercase());
        }
        folded
    }
}

impl fmt::Display for PatientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PatientId {
    type Error = InvalidPatientId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<PatientId> for String {
    fn from(id: PatientId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_trims() {
        assert_eq!(PatientId::new(" P-01 ").unwrap().as_str(), "P-01");
        assert_eq!(PatientId::new("  "), Err(InvalidPatientId::Empty));
        assert_eq!(PatientId::new("a\tb"), Err(InvalidPatientId::ControlCharacter));
    }

    #[test]
    fn folds_case_and_leading_zeros() {
        for (text, folded) in [
            ("P007", "p7"),
            ("p7", "p7"),
            ("P100", "p100"),
            ("P000", "p0"),
            ("TCGA-01-0070", "tcga-1-70"),
        ] {
            assert_eq!(PatientId::new(text).unwrap().folded(), folded);
        }
    }
}
