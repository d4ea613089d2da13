//! The names of a file's samples, where they stand in its other texts.

use std::collections::{BTreeSet, HashSet};

/// Names that are searched for, in lower case. A name is found as a whole: between letters or digits
/// it is a part of another word, as `CAT` is of `GCATG`.
#[derive(Default)]
pub(super) struct Named {
    names: HashSet<String>,
    /// Of how many words the names are, and how long.
    shapes: BTreeSet<(usize, usize)>,
    shortest: usize,
}

impl Named {
    /// Names of fewer than three letters are left out: they stand for all sorts of things.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut known = Self::default();
        for name in names {
            let name = name.to_lowercase();
            let places = words(&name);
            let (Some(&(start, _)), Some(&(_, end))) = (places.first(), places.last()) else {
                continue;
            };
            if end - start > 2 {
                known.names.insert(name[start..end].to_owned());
                known.shapes.insert((places.len(), end - start));
            }
        }
        known.shortest = known.shapes.iter().map(|&(_, length)| length).min().unwrap_or_default();
        known
    }

    /// Whether a text holds one of the names. The time grows with the length of the text, not with the
    /// number of the names.
    pub(super) fn are_in(&self, text: &str) -> bool {
        if self.names.is_empty() || text.len() < self.shortest {
            return false;
        }
        let text = text.to_lowercase();
        let places = words(&text);
        places.iter().enumerate().any(|(first, &(start, _))| {
            self.shapes.iter().any(|&(count, length)| {
                places.get(first + count - 1).is_some_and(|&(_, end)| {
                    end - start == length && self.names.contains(&text[start..end])
                })
            })
        })
    }
}

/// Where the words of a text begin and end.
fn words(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (place, byte) in text.bytes().enumerate() {
        let in_word = byte.is_ascii_alphanumeric() || !byte.is_ascii();
        match (in_word, start) {
            (true, None) => start = Some(place),
            (false, Some(begin)) => {
                found.push((begin, place));
                start = None;
            }
            _ => {}
        }
    }
    found.extend(start.map(|begin| (begin, text.len())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_a_whole_in_texts_of_any_length() {
        let named = Named::new(["CAT", "415", "Smith_T", "-", "ab"].into_iter());
        let long = format!("{}SMITH_t", "intersection-".repeat(100));
        for text in ["cat", "T|CAT|x", "x-415", "SMITH_T-NORMAL", "low_smith_T_5", long.as_str()] {
            assert!(named.are_in(text), "{text}");
        }
        for text in ["", "GCATG", "ENSG00000141510", "Smith_TX", "Smith", "smith-t", "ab", "-"] {
            assert!(!named.are_in(text), "{text}");
        }
        assert!(!Named::default().are_in("cat"));
    }
}
