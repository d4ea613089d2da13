//! Passwords, tokens and random texts.

use argon2::password_hash::{self, Output, ParamsString, Salt, SaltString, rand_core::OsRng};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
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

/// What Argon2 works in, 19 MiB: kept from one password to the next, as the allocator would give such
/// pieces back late or never.
#[derive(Debug, Default)]
pub(crate) struct Memory(Vec<Block>);

/// Argon2id with a random salt. Takes tens of milliseconds: not for the event loop.
pub(crate) fn hash_password(password: &str, memory: &mut Memory) -> String {
    let (salt, argon) = (SaltString::generate(&mut OsRng), Argon2::default());
    let hash = output(password, salt.as_salt(), &argon, memory);
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon.params()).expect("the default parameters are valid"),
        salt: Some(salt.as_salt()),
        hash: Some(hash.expect("the default parameters and a new salt are valid")),
    };
    hash.to_string()
}

/// Hashed in place of an account's password where there is no such account, so that the answer
/// takes as long.
pub(crate) fn nobodys_hash(memory: &mut Memory) -> &'static str {
    static HASH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    HASH.get_or_init(|| hash_password("nobody has this password", memory))
}

/// Whether a password is that of a stored hash. Takes as long as [`hash_password`] whatever the
/// answer.
pub(crate) fn is_password(password: &str, stored: &str, memory: &mut Memory) -> bool {
    if password.len() > MOST_BYTES {
        return false;
    }
    let mut check = || {
        let hash = PasswordHash::new(stored).ok()?;
        let algorithm = Algorithm::try_from(hash.algorithm).ok()?;
        let version = Version::try_from(hash.version?).ok()?;
        let argon = Argon2::new(algorithm, version, Params::try_from(&hash).ok()?);
        // Compared in the same time wherever they differ.
        Some(output(password, hash.salt?, &argon, memory).ok()? == hash.hash?)
    };
    check().unwrap_or(false)
}

fn output(
    password: &str,
    salt: Salt<'_>,
    argon: &Argon2<'_>,
    Memory(blocks): &mut Memory,
) -> password_hash::Result<Output> {
    let mut bytes = [0; Salt::MAX_LENGTH];
    let salt = salt.decode_b64(&mut bytes)?;
    let length = argon.params().output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    blocks.resize(argon.params().block_count(), Block::default());
    Output::init_with(length, |hash| {
        Ok(argon.hash_password_into_with_memory(password.as_bytes(), salt, hash, blocks)?)
    })
}

/// Compares secrets in the same time wherever they differ.
pub(crate) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (Sha256::digest(a.as_bytes()), Sha256::digest(b.as_bytes()));
    a.iter().zip(&b).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher, PasswordVerifier};

    use super::*;

    #[test]
    fn a_password_is_its_own_and_no_other() {
        let memory = &mut Memory::default();
        let stored = hash_password("correct horse battery", memory);
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(is_password("correct horse battery", &stored, memory));
        assert!(!is_password("correct horse batterx", &stored, memory));
        assert!(!is_password("", &stored, memory) && !is_password("x", "no hash", memory));
        assert_ne!(stored, hash_password("correct horse battery", memory));
    }

    #[test]
    fn hashes_are_those_of_the_crate_itself() {
        let memory = &mut Memory::default();
        let salt = Salt::from_b64("c29tZSBzYWx0IGFib3V0").unwrap();
        let known = Argon2::default().hash_password(b"four quiet mountain lakes", salt).unwrap();
        assert!(is_password("four quiet mountain lakes", &known.to_string(), memory));
        let stored = hash_password("a quiet admin of mountains", memory);
        let stored = PasswordHash::new(&stored).unwrap();
        let argon = Argon2::default();
        assert!(argon.verify_password(b"a quiet admin of mountains", &stored).is_ok());
        assert!(argon.verify_password(b"another", &stored).is_err());
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
