//! The way back: pseudonyms with the identifiers they stand for, encrypted, beside the key file.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::PathBuf,
    sync::Mutex,
};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use fs_err as fs;
use zeroize::Zeroizing;

use crate::{
    Error, Identifier,
    key::{Key, check_private, hex, private, refuse, unhex},
};

const NONCE_BYTES: usize = 24;

/// The table of `KEYFILE.linkage`, one line a pseudonym: the pseudonym, a tab, and in hexadecimal a
/// nonce and the identifier under XChaCha20-Poly1305 with the pseudonym authenticated.
pub(crate) struct Linkage {
    path: PathBuf,
    cipher: XChaCha20Poly1305,
    known: Mutex<BTreeSet<String>>,
}

impl Linkage {
    /// Opens the table of a key; one that is not there is empty.
    pub(crate) fn open(key: &Key) -> Result<Self, Error> {
        let path = key.beside("linkage");
        let known = entries(&path)?.into_keys().collect();
        let cipher = XChaCha20Poly1305::new((&*key.lasting("linkage")).into());
        Ok(Self { path, cipher, known: Mutex::new(known) })
    }

    /// Adds a pseudonym unless the table has it.
    pub(crate) fn add(&self, pseudonym: &str, identifier: &Identifier) -> Result<(), Error> {
        let mut known = self.known.lock().expect("no thread panics while it holds the table");
        if known.contains(pseudonym) {
            return Ok(());
        }
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)
            .map_err(|error| std::io::Error::other(format!("no random numbers: {error}")))?;
        let payload = Payload { msg: identifier.reveal().as_bytes(), aad: pseudonym.as_bytes() };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("an identifier is shorter than the cipher's limit");
        let mut file =
            private(fs::OpenOptions::new().append(true).create(true)).open(&self.path)?;
        file.write_all(format!("{pseudonym}\t{}{}\n", hex(&nonce), hex(&sealed)).as_bytes())?;
        known.insert(pseudonym.to_owned());
        Ok(())
    }

    /// The identifier behind a pseudonym; `None` where the table does not have it.
    pub(crate) fn find(&self, pseudonym: &str) -> Result<Option<Identifier>, Error> {
        let entries = entries(&self.path)?;
        let Some(sealed) = entries.get(pseudonym) else { return Ok(None) };
        let broken = || {
            refuse(
                &self.path,
                "an entry does not belong to this key or was changed; restore the file",
            )
        };
        let bytes = unhex(sealed).filter(|bytes| bytes.len() > NONCE_BYTES).ok_or_else(broken)?;
        let (nonce, sealed) = bytes.split_at(NONCE_BYTES);
        let nonce = XNonce::try_from(nonce).map_err(|_| broken())?;
        let payload = Payload { msg: sealed, aad: pseudonym.as_bytes() };
        let opened = Zeroizing::new(self.cipher.decrypt(&nonce, payload).map_err(|_| broken())?);
        let text = std::str::from_utf8(&opened).map_err(|_| broken())?;
        Ok(Some(Identifier::of(text)))
    }
}

fn entries(path: &PathBuf) -> Result<BTreeMap<String, String>, Error> {
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    check_private(path)?;
    let text = fs::read_to_string(path)?;
    // A line that a kill cut off has no line break, and its pseudonym is added again.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let split = |line: &str| line.split_once('\t').map(|(a, b)| (a.to_owned(), b.to_owned()));
    Ok(whole.lines().filter_map(split).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_back_with_the_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let mut key = Key::create(&path).unwrap();
        let patient = Identifier::of("943 476 5919");
        let pseudonym = key.pseudonym(&patient);
        let linkage = Linkage::open(&key).unwrap();
        linkage.add(&pseudonym, &patient).unwrap();
        linkage.add(&pseudonym, &patient).unwrap();
        let text = fs::read_to_string(key.beside("linkage")).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(!text.contains("943"));
        key.rotate().unwrap();
        let found = Linkage::open(&key).unwrap().find(&pseudonym).unwrap().unwrap();
        assert_eq!(found.reveal(), "943 476 5919");
        assert!(linkage.find("OW-A").unwrap().is_none());

        let other = Key::create(&folder.path().join("b.key")).unwrap();
        fs::copy(key.beside("linkage"), other.beside("linkage")).unwrap();
        assert!(Linkage::open(&other).unwrap().find(&pseudonym).is_err());
    }

    #[test]
    fn an_entry_under_another_pseudonym_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::create(&folder.path().join("a.key")).unwrap();
        let linkage = Linkage::open(&key).unwrap();
        linkage.add("OW-A", &Identifier::of("a")).unwrap();
        let path = key.beside("linkage");
        let text = fs::read_to_string(&path).unwrap().replace("OW-A", "OW-B");
        fs::write(&path, text).unwrap();
        assert!(linkage.find("OW-B").is_err());
    }
}
