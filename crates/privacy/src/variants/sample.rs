//! Names of samples.

use std::{cell::RefCell, collections::BTreeMap};

use crate::{Error, Identifier, key::Key, linkage::Linkage};

/// What names of samples become: a pseudonym that still tells tumor from normal, as callers' names do.
pub(crate) struct SampleNames<'a> {
    key: &'a Key,
    /// So many characters of a name count; the rest tells the portion or the plate.
    prefix: Option<usize>,
    /// Names that are a patient's own id, with the pseudonym.
    patients: &'a BTreeMap<String, String>,
    /// What was replaced, by pseudonym.
    seen: RefCell<BTreeMap<String, Identifier>>,
}

const TUMOR_WORDS: [&str; 3] = ["tumor", "tumour", "primary"];
const NORMAL_WORDS: [&str; 2] = ["normal", "germline"];

impl<'a> SampleNames<'a> {
    pub(crate) fn new(
        key: &'a Key,
        prefix: Option<usize>,
        patients: &'a BTreeMap<String, String>,
    ) -> Self {
        Self { key, prefix, patients, seen: RefCell::default() }
    }

    /// The pseudonym of a name. A name that is only the role itself (TUMOR, NORMAL) stays.
    pub(crate) fn pseudonym(&self, name: &str) -> String {
        let name = name.trim();
        if name.is_empty() {
            return String::new();
        }
        let name = match self.prefix {
            Some(prefix) => name.get(..prefix).unwrap_or(name),
            None => name,
        };
        if let Some(patient) = self.patients.get(name) {
            return patient.clone();
        }
        let is_one_of = |words: &[&str]| words.iter().any(|word| name.eq_ignore_ascii_case(word));
        if is_one_of(&TUMOR_WORDS) || is_one_of(&NORMAL_WORDS) {
            return name.to_ascii_uppercase();
        }
        let (stem, role) = split_role(name);
        let pseudonym = format!("{}{role}", self.key.sample(&stem));
        let mut seen = self.seen.borrow_mut();
        if !seen.contains_key(&pseudonym) {
            seen.insert(pseudonym.clone(), Identifier::of(name));
        }
        pseudonym
    }

    /// Whether a name, or what of it counts, is a patient's own id.
    pub(crate) fn is_patient(&self, name: &str) -> bool {
        let name = name.trim();
        self.patients.contains_key(self.prefix.and_then(|n| name.get(..n)).unwrap_or(name))
    }

    /// Adds the names that were replaced to the table that leads back.
    pub(crate) fn link(&self, linkage: &Linkage) -> Result<(), Error> {
        self.seen.borrow().iter().try_for_each(|(pseudonym, name)| linkage.add(pseudonym, name))
    }
}

/// A name without what tells its role, and the role as it is written behind a pseudonym.
fn split_role(name: &str) -> (String, &'static str) {
    let is_word = |token: &str, words: &[&str]| words.iter().any(|w| token.eq_ignore_ascii_case(w));
    let tokens = || name.split(['-', '_', '.', ' ']);
    for (words, role) in [(TUMOR_WORDS.as_slice(), "-tumor"), (&NORMAL_WORDS, "-normal")] {
        if tokens().any(|token| is_word(token, words)) {
            let rest: Vec<&str> = tokens().filter(|token| !is_word(token, words)).collect();
            return (rest.join("-"), role);
        }
    }
    // A TCGA barcode's sample type: 01 to 09 are tumors, 10 to 19 normals.
    if let ["TCGA", _, _, kind, ..] = tokens().collect::<Vec<_>>().as_slice()
        && let Some(kind) = kind.get(..2).and_then(|kind| kind.parse::<u8>().ok())
    {
        let role = match kind {
            1..=9 => "-tumor",
            10..=19 => "-normal",
            _ => "",
        };
        return (name.to_owned(), role);
    }
    match name.char_indices().next_back() {
        Some((at, 'T')) if at > 0 => (name[..at].to_owned(), "-T"),
        Some((at, 'N')) if at > 0 => (name[..at].to_owned(), "-N"),
        _ => (name.to_owned(), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_stay_and_names_go() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::create(&folder.path().join("a.key")).unwrap();
        let patients = BTreeMap::from([("P7".to_owned(), "OW-X".to_owned())]);
        let names = SampleNames::new(&key, None, &patients);
        for (name, end) in [
            ("SMITH_T", "-T"),
            ("smith-normal", "-normal"),
            ("TCGA-AB-1234-01A-11D", "-tumor"),
            ("TCGA-AB-1234-11A-11D", "-normal"),
            ("smith", ""),
        ] {
            let pseudonym = names.pseudonym(name);
            assert!(pseudonym.starts_with("OS-") && pseudonym.ends_with(end), "{pseudonym}");
            assert!(!pseudonym.to_lowercase().contains("smith"));
        }
        assert_eq!(names.pseudonym("TUMOR"), "TUMOR");
        assert_eq!(names.pseudonym("P7"), "OW-X");
        let stem = |name: &str| names.pseudonym(name)[..19].to_owned();
        assert_eq!(stem("P1_T"), stem("P1_N"));
        assert_ne!(stem("P1_T"), stem("P2_T"));
        let short = SampleNames::new(&key, Some(12), &patients);
        assert_eq!(short.pseudonym("TCGA-AB-1234-01A"), short.pseudonym("TCGA-AB-1234-10A"));
    }
}
