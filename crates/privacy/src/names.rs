//! What files and folders are called in the folder that is written.

use std::path::{Component, Path, PathBuf};

use crate::{Identifier, key::Key, words::is_known_word};

/// Ends of names that say what a file is, longest first.
const ENDS: [&str; 24] = [
    ".vcf.bgz", ".vcf.gz", ".nii.gz", ".maf.txt", ".maf.gz", ".csv.gz", ".tsv.gz", ".txt.gz",
    ".seg.gz", ".vcf", ".bcf", ".nii", ".maf", ".csv", ".tsv", ".txt", ".seg", ".dcm", ".bedpe",
    ".gct", ".tab", ".cns", ".parquet", ".cnr",
];

/// A relative path of which every part that is no word of ours is replaced by a pseudonym: a folder
/// that is called by a patient's number becomes one called by their pseudonym. The end is kept.
pub(crate) fn renamed(path: &Path, key: &Key) -> PathBuf {
    let parts: Vec<&std::ffi::OsStr> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(part),
            _ => None,
        })
        .collect();
    let last = parts.len().saturating_sub(1);
    let mut out = PathBuf::new();
    for (index, part) in parts.iter().enumerate() {
        let part = part.to_string_lossy();
        let (stem, end) = if index == last { split_end(&part) } else { (part.as_ref(), "") };
        let renamed =
            if is_plain(stem) { stem.to_owned() } else { key.pseudonym(&Identifier::of(stem)) };
        out.push(format!("{renamed}{end}"));
    }
    out
}

/// A name without its end, and the end where it is one that is known.
pub(crate) fn split_end(name: &str) -> (&str, &'static str) {
    let lower = name.to_lowercase();
    let end = ENDS.iter().find(|end| lower.ends_with(**end) && lower.len() > end.len());
    end.map_or((name, ""), |end| (name.get(..name.len() - end.len()).unwrap_or(name), end))
}

/// Words of our vocabulary alone, without a number.
fn is_plain(stem: &str) -> bool {
    let mut words = stem.split(['_', '-', ' ', '.']).peekable();
    words.peek().is_some() && words.all(is_known_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_ours_stay() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::create(&folder.path().join("a.key")).unwrap();
        let found = renamed(Path::new("imaging/ct/Smith^John/IM_1.dcm"), &key);
        let text = found.to_string_lossy();
        assert!(text.starts_with("imaging/ct/OW-") && text.ends_with(".dcm"), "{text}");
        assert!(!text.contains("Smith"));
        let patient = key.pseudonym(&Identifier::of("Smith^John"));
        assert!(text.contains(&patient));
        assert_eq!(renamed(Path::new("clinical.csv"), &key), Path::new("clinical.csv"));
        assert_eq!(split_end("a.VCF.gz"), ("a", ".vcf.gz"));
        assert_eq!(split_end("smith.smith"), ("smith.smith", ""));
    }
}
