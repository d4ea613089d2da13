//! Passwords, tokens and random texts.

use argon2::{
    Argon2, PasswordHash, PasswordHasher, PasswordVerifier,
    password_hash::{SaltString, rand_core::OsRng},
};
use sha2::{Digest, Sha256};

/// The fewest characters of a password. NIST SP 800-63B asks for 15 where it is the only factor
/// and for no rule about its characters.
pub(crate) const LEAST_CHARACTERS: usize = 15;

/// More are not hashed.
const MOST_BYTES: usize = 1024;

/// A random text of 256 bits in hexadecimal digits.
pub(crate) fn random_token() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    hex(&bytes)
}

/// A random text that people can type: 20 letters and digits in groups of five, 97 bits.
pub(crate) fn one_time_password() -> String {
    // Without letters and digits that look alike; 29 of them, and bytes above the last multiple of
    // 29 are thrown again, so that each is as likely.
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz345679";
    let mut text = String::new();
    let mut taken = 0;
    while taken < 20 {
        let mut byte = [0];
        getrandom::fill(&mut byte).expect("the system gives random bytes");
        let place = usize::from(byte[0]);
        if place < 256 / LETTERS.len() * LETTERS.len() {
            if taken > 0 && taken % 5 == 0 {
                text.push('-');
            }
            text.push(char::from(LETTERS[place % LETTERS.len()]));
            taken += 1;
        }
    }
    text
}

/// What is kept of a token: a random text needs no slow hash.
pub(crate) fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Why a password cannot be set.
pub(crate) fn weakness(password: &str, account: &str) -> Option<String> {
    if password.chars().count() < LEAST_CHARACTERS {
        return Some(format!("A password has {LEAST_CHARACTERS} characters or more."));
    }
    if password.len() > MOST_BYTES {
        return Some(format!("A password has {MOST_BYTES} bytes at most."));
    }
    let (lower, name) = (password.to_lowercase(), account.to_lowercase());
    if name.len() > 2 && lower.replace(&name, "").chars().count() < 8 {
        return Some("A password is more than the account's name.".to_owned());
    }
    let first = password.chars().next();
    if password.chars().all(|character| Some(character) == first) {
        return Some("A password is more than one character over and over.".to_owned());
    }
    None
}

/// Argon2id with a random salt. Takes tens of milliseconds and 19 MiB: not for the event loop.
pub(crate) fn hash_password(password: &str) -> String {
    let salt = SaltString::generate(&mut OsRng);
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    hash.expect("the default parameters are valid").to_string()
}

/// Whether a password is that of a stored hash. Takes as long as [`hash_password`] whatever the
/// answer.
pub(crate) fn is_password(password: &str, stored: &str) -> bool {
    if password.len() > MOST_BYTES {
        return false;
    }
    PasswordHash::new(stored)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Compares secrets in the same time wherever they differ.
pub(crate) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (Sha256::digest(a.as_bytes()), Sha256::digest(b.as_bytes()));
    a.iter().zip(&b).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_its_own_and_no_other() {
        let stored = hash_password("correct horse battery");
        assert!(stored.starts_with("$argon2id$"), "{stored}");
        assert!(is_password("correct horse battery", &stored));
        assert!(!is_password("correct horse batterx", &stored));
        assert!(!is_password("", &stored) && !is_password("x", "no hash"));
        assert_ne!(stored, hash_password("correct horse battery"));
    }

    #[test]
    fn weak_passwords_are_told_why() {
        for (password, is_weak) in [
            ("short", true),
            ("aaaaaaaaaaaaaaaaaaaa", true),
            ("dr.grey-dr.grey-dr.grey", true),
            ("four quiet mountain lakes", false),
        ] {
            assert_eq!(weakness(password, "dr.grey").is_some(), is_weak, "{password}");
        }
    }

    #[test]
    fn random_texts_differ() {
        assert_ne!(random_token(), random_token());
        let password = one_time_password();
        assert_eq!(password.len(), 23, "{password}");
        assert!(weakness(&password, "admin").is_none());
    }
}
