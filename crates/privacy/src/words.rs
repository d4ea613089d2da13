//! Which words of a description may stay: those of radiology that are nobody's name, short numbers,
//! and the names of kernels and sequences; never one that names the patient or somebody about them.

use std::{collections::HashSet, sync::LazyLock};

static VOCABULARY: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("../data/words.txt").lines().filter(|line| !line.starts_with('#')).collect()
});

/// Words in lower case that must not stay, as they name the patient, and words that may.
#[derive(Default)]
pub(crate) struct Words {
    pub(crate) forbidden: HashSet<String>,
    pub(crate) allowed: HashSet<String>,
}

impl Words {
    /// Forbids the words of a name or number, but for letters and short numbers that stand for all
    /// sorts of things.
    pub(crate) fn forbid(&mut self, text: &str) {
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            let counts = if word.bytes().all(|byte| byte.is_ascii_digit()) { 4 } else { 3 };
            if word.chars().count() >= counts {
                self.forbidden.insert(word.to_lowercase());
            }
        }
    }

    /// Whether a text holds a word that names the patient.
    pub(crate) fn has_forbidden(&self, text: &str) -> bool {
        !self.forbidden.is_empty()
            && text
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| self.forbidden.contains(&word.to_lowercase()))
    }

    /// The text without the words that may not stay; `None` where all may.
    ///
    /// A text with bytes beyond ASCII or an escape sequence is judged word by word as well; its
    /// other words go.
    pub(crate) fn clean(&self, text: &str) -> Option<String> {
        let escapes = text.contains('\u{1b}');
        let pieces = pieces(text);
        let long_number = has_long_number(&pieces);
        let mut cleaned = String::new();
        let mut all_stay = true;
        for piece in &pieces {
            let stays = match piece {
                Piece::Between(between) => {
                    between.chars().all(|c| c.is_ascii_punctuation() || c == ' ')
                }
                Piece::Word(word) => !escapes && self.may_stay(word, long_number),
            };
            all_stay &= stays;
            match piece {
                _ if !stays => cleaned.push(' '),
                Piece::Between(text) | Piece::Word(text) => cleaned.push_str(text),
            }
        }
        if all_stay {
            return None;
        }
        let has_word = |part: &&str| part.chars().any(char::is_alphanumeric);
        let parts: Vec<&str> = cleaned.split_whitespace().filter(has_word).collect();
        Some(parts.join(" "))
    }

    fn may_stay(&self, word: &str, long_number: bool) -> bool {
        let lower = word.to_lowercase();
        if self.forbidden.contains(&lower) {
            return false;
        }
        self.allowed.contains(&lower)
            || VOCABULARY.contains(lower.as_str())
            || is_short_number(word) && !long_number
            || is_measure(&lower)
    }
}

enum Piece<'a> {
    Word(&'a str),
    Between(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = first.is_alphanumeric();
        let end = rest.find(|c: char| c.is_alphanumeric() != in_word).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(if in_word { Piece::Word(piece) } else { Piece::Between(piece) });
        rest = after;
    }
    pieces
}

/// Whether numbers that follow each other have more than four digits together: a date, a telephone or
/// a hospital number in groups.
fn has_long_number(pieces: &[Piece]) -> bool {
    let mut digits = 0;
    for piece in pieces {
        match piece {
            Piece::Word(word) if word.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits += word.len();
            }
            Piece::Word(_) => digits = 0,
            Piece::Between(_) => {}
        }
        if digits > 4 {
            return true;
        }
    }
    false
}

fn is_short_number(word: &str) -> bool {
    word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// `3mm`, `120kv`, `b30f`, `t2`: letters and at most three digits, the letters a unit or few.
fn is_measure(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if !(1..=3).contains(&digits) || !word.is_ascii() {
        return false;
    }
    let letters = word.trim_start_matches(|c: char| c.is_ascii_digit());
    if letters.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return [
            "mm", "cm", "kv", "kvp", "ma", "mas", "ms", "sec", "s", "min", "d", "t", "hu", "th",
        ]
        .contains(&letters);
    }
    let bare: String = word.chars().filter(|c| !c.is_ascii_digit()).collect();
    // Kernels and sequences (B30f, FC13, T2, L5), and words of the vocabulary with a number.
    digits <= 2 && (bare.len() <= 2 || VOCABULARY.contains(bare.as_str()))
}

/// Whether a word is one of the vocabulary.
pub(crate) fn is_known_word(word: &str) -> bool {
    VOCABULARY.contains(word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_nobody_stays_and_the_rest_goes() {
        let mut words = Words::default();
        words.forbid("Contrast^Mary");
        for (text, expected) in [
            ("CT THORAX 3mm B30f axial", None),
            ("GTV-1", None),
            ("T1 MPRAGE sag, 1.5 mm", None),
            ("CT Thorax Smith", Some("CT Thorax")),
            ("thorax with contrast", Some("thorax with")),
            ("seen 03.04.1961", Some("")),
            ("943 476 5919", Some("")),
            ("PHONE 0161", Some("PHONE")),
            ("lesion of Müller", Some("lesion of")),
            ("lung \u{1b}$B;3ED", Some("")),
            ("/data/smith/CT1", None),
            ("", None),
        ] {
            let found = words.clean(text);
            if text.starts_with('/') {
                assert!(!found.unwrap().contains("smith"));
                continue;
            }
            // "seen" is a word, "PHONE" may be one.
            match expected {
                Some(expected) => {
                    let found = found.expect(text);
                    let lower = found.to_lowercase();
                    assert!(!lower.contains(|c: char| c.is_ascii_digit()), "{text}: {found}");
                    for word in ["smith", "contrast", "müller", "3ed"] {
                        assert!(!lower.contains(word), "{text}: {found}");
                    }
                    assert!(
                        expected.is_empty()
                            || found.starts_with(expected.split(' ').next().unwrap())
                    );
                }
                None => assert_eq!(found, None, "{text}"),
            }
        }
    }

    #[test]
    fn frequent_names_are_no_words() {
        for name in
            ["smith", "jones", "mary", "john", "patel", "khan", "mueller", "garcia", "white"]
        {
            assert!(!is_known_word(name), "{name}");
        }
        for word in ["head", "thorax", "lung", "axial", "contrast", "tumor", "gtv"] {
            assert!(is_known_word(word), "{word}");
        }
    }
}
