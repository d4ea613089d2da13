//! The key file: what pseudonyms, UIDs and date offsets are derived from.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
};

use fs_err as fs;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::{Error, Identifier};

const SCHEMA: u32 = 1;
const SECRET_BYTES: usize = 32;

/// The secret of one cohort, read from its key file.
///
/// The newest generation makes new pseudonyms; older ones are kept so that what was released under
/// them can still be re-identified.
pub struct Key {
    path: PathBuf,
    generations: Vec<Generation>,
}

struct Generation {
    id: String,
    created: String,
    secret: Zeroizing<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema: u32,
    generation: Vec<StoredGeneration>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredGeneration {
    id: String,
    created: String,
    secret: String,
}

impl Drop for StoredGeneration {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl Key {
    /// Makes a key file that only its owner can read.
    ///
    /// # Errors
    /// When the file is there already or cannot be written.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let key = Self { path: path.to_owned(), generations: vec![Generation::new()?] };
        let mut file = private(fs::OpenOptions::new().write(true).create_new(true))
            .open(path)
            .map_err(|source| refuse(path, &format!("the key file could not be made: {source}")))?;
        file.write_all(key.text().as_bytes())?;
        file.sync_all()?;
        Ok(key)
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// When it is not there, can be read by others than its owner, or is no key file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        if !path.is_file() {
            return Err(refuse(path, "there is no such key file; `--new-key` makes one"));
        }
        check_private(path)?;
        let text = Zeroizing::new(fs::read_to_string(path)?);
        // The parser's own message is not kept: it quotes the line, which may be the secret.
        let broken =
            || refuse(path, "this is no key file of oncoweave; restore it from its backup");
        let stored: Stored = toml::from_str(&text).map_err(|_| broken())?;
        if stored.schema != SCHEMA || stored.generation.is_empty() {
            return Err(broken());
        }
        let read =
            |one: &StoredGeneration| {
                let secret = Zeroizing::new(unhex(&one.secret)?);
                (secret.len() == SECRET_BYTES && fingerprint(&secret) == one.id).then(|| {
                    Generation { id: one.id.clone(), created: one.created.clone(), secret }
                })
            };
        let generations: Option<Vec<Generation>> = stored.generation.iter().map(read).collect();
        Ok(Self { path: path.to_owned(), generations: generations.ok_or_else(broken)? })
    }

    /// Adds a generation, from which all later pseudonyms come: what is released from now on cannot be
    /// joined to what was released before.
    ///
    /// # Errors
    /// When the file cannot be replaced.
    pub fn rotate(&mut self) -> Result<(), Error> {
        self.generations.push(Generation::new()?);
        let folder = match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        // Temporary files are for their owner alone.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(self.text().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| Error::Io(error.error))?;
        Ok(())
    }

    /// What names the newest generation in reports: a fingerprint that tells nothing of the secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.newest().id
    }

    /// The number of generations.
    #[must_use]
    pub fn generations(&self) -> usize {
        self.generations.len()
    }

    /// A file beside the key file, such as `KEYFILE.linkage`.
    pub(crate) fn beside(&self, extension: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".");
        name.push(extension);
        PathBuf::from(name)
    }

    /// The pseudonym of a patient, 80 bits of HMAC-SHA-256: equal texts get equal ones.
    #[must_use]
    pub fn pseudonym(&self, patient: &Identifier) -> String {
        format!("OW-{}", base32(&self.derive("patient", patient.reveal())[..10]))
    }

    /// The pseudonym of a sample.
    pub(crate) fn sample(&self, sample: &str) -> String {
        format!("OS-{}", base32(&self.derive("sample", sample)[..10]))
    }

    /// A short name for anything else, such as a file or a hospital.
    pub(crate) fn token(&self, purpose: &str, text: &str) -> String {
        base32(&self.derive(purpose, text)[..10])
    }

    /// A UID under `2.25` (PS3.5 B.2) with 128 bits of the HMAC.
    pub(crate) fn uid(&self, uid: &str) -> String {
        let digest = self.derive("uid", uid);
        let number = u128::from_be_bytes(digest[..16].try_into().expect("a digest has 32 bytes"));
        format!("2.25.{number}")
    }

    /// By how many days a patient's dates are moved: always into the past, by 1 to `most`.
    pub(crate) fn shift_days(&self, patient: &Identifier, most: u32) -> i64 {
        let digest = self.derive("days", patient.reveal());
        let number = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
        -(1 + i64::try_from(number % u64::from(most.max(1))).expect("it is below a u32"))
    }

    /// A key for another algorithm. Derived from the oldest generation, so that what it protects stays
    /// readable after a rotation.
    pub(crate) fn lasting(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let oldest = self.generations.first().expect("a key file has a generation");
        Zeroizing::new(hmac(&oldest.secret, purpose, ""))
    }

    pub(crate) fn derive(&self, purpose: &str, text: &str) -> [u8; 32] {
        hmac(&self.newest().secret, purpose, text)
    }

    fn newest(&self) -> &Generation {
        self.generations.last().expect("a key file has a generation")
    }

    fn text(&self) -> Zeroizing<String> {
        let stored = Stored {
            schema: SCHEMA,
            generation: self
                .generations
                .iter()
                .map(|one| StoredGeneration {
                    id: one.id.clone(),
                    created: one.created.clone(),
                    secret: hex(&one.secret),
                })
                .collect(),
        };
        let body = Zeroizing::new(toml::to_string(&stored).expect("texts and numbers are TOML"));
        Zeroizing::new(format!(
            "# Key of oncoweave. Whoever has it can lead pseudonyms back to patients: keep it off the\n\
             # released data, readable by you alone, with a backup.\n{}",
            body.as_str()
        ))
    }
}

impl Generation {
    fn new() -> Result<Self, Error> {
        let mut secret = Zeroizing::new(vec![0; SECRET_BYTES]);
        getrandom::fill(&mut secret)
            .map_err(|error| std::io::Error::other(format!("no random numbers: {error}")))?;
        let created = chrono::Utc::now().date_naive().to_string();
        Ok(Self { id: fingerprint(&secret), created, secret })
    }
}

/// Options to open a file that only its owner can read, where it is made.
pub(crate) fn private(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// Refuses a file that others than its owner can read or write.
pub(crate) fn check_private(path: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let problem = format!(
                "others than the owner may use this file (mode {mode:03o}); `chmod 600` it, and make \
                 a new generation with `--rotate-key` if somebody may have read it"
            );
            return Err(refuse(path, &problem));
        }
    }
    Ok(())
}

pub(crate) fn refuse(path: &Path, problem: &str) -> Error {
    Error::Key { path: path.to_owned(), problem: problem.to_owned() }
}

fn hmac(secret: &[u8], purpose: &str, text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length will do");
    mac.update(purpose.as_bytes());
    mac.update(&[0]);
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

fn fingerprint(secret: &[u8]) -> String {
    format!("key-{}", hex(&hmac(secret, "fingerprint", "")[..6]))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a text does not fail");
        text
    })
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}

/// RFC 4648 base 32 without padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for &byte in bytes {
        buffer = buffer << 8 | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(buffer >> bits & 31) as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(folder: &Path) -> Key {
        Key::create(&folder.join("cohort.key")).unwrap()
    }

    #[test]
    fn a_key_is_for_its_owner_alone_and_never_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let made = key(folder.path());
        let path = folder.path().join("cohort.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Key::create(&path).is_err());
        let read = Key::read(&path).unwrap();
        let patient = Identifier::of("943 476 5919");
        assert_eq!(read.pseudonym(&patient), made.pseudonym(&patient));
        for mode in [0o640, 0o604, 0o660, 0o620] {
            fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let message = Key::read(&path).err().unwrap().to_string();
            assert!(message.contains("chmod 600"), "{message}");
        }
    }

    #[test]
    fn a_broken_key_is_refused_without_a_word_of_it() {
        let folder = tempfile::tempdir().unwrap();
        key(folder.path());
        let path = folder.path().join("cohort.key");
        let text = fs::read_to_string(&path).unwrap();
        let secret = text.split("secret = \"").nth(1).unwrap()[..64].to_owned();
        let first = if secret.starts_with('0') { '1' } else { '0' };
        for broken in [
            String::new(),
            text.replace(&secret, &secret[1..]),
            text.replace(&secret, &format!("{first}{}", &secret[1..])),
            text.replace("secret", "secrets"),
            text.replace("schema = 1", "schema = 2"),
        ] {
            fs::write(&path, broken).unwrap();
            let message = Key::read(&path).err().unwrap().to_string();
            assert!(!message.contains(&secret[8..]), "{message}");
        }
    }

    #[test]
    fn a_rotation_changes_every_pseudonym_and_stays_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mut key = key(folder.path());
        let patient = Identifier::of("P001");
        let before = (key.pseudonym(&patient), key.uid("1.2.3"), key.lasting("linkage"));
        key.rotate().unwrap();
        let path = folder.path().join("cohort.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = Key::read(&path).unwrap();
        assert_eq!(read.generations(), 2);
        assert_ne!(read.pseudonym(&patient), before.0);
        assert_ne!(read.uid("1.2.3"), before.1);
        assert_eq!(read.lasting("linkage"), before.2);
    }

    // RFC 4231, test case 2, without our purpose; RFC 4648, section 10.
    #[test]
    fn known_digests() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        mac.update(b"what do ya want for nothing?");
        assert!(hex(&mac.finalize().into_bytes()).starts_with("5bdcc146bf60754e6a042426089575c7"));
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
        assert_eq!(unhex(&hex(b"\x00\xff")), Some(vec![0, 255]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("0g"), None);
    }

    #[test]
    fn uids_fit_and_offsets_stay_in_range() {
        let folder = tempfile::tempdir().unwrap();
        let key = key(folder.path());
        for number in 0..500 {
            let text = number.to_string();
            let uid = key.uid(&text);
            assert!(uid.len() <= 64 && uid.starts_with("2.25."));
            let days = key.shift_days(&Identifier::of(&text), 30);
            assert!((-30..=-1).contains(&days));
        }
    }
}
