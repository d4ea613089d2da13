//! The audit log of re-identifications.

use std::{io::Write, path::PathBuf};

use fs_err as fs;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    Error,
    key::{Key, check_private, hex, private, refuse},
};

/// One line of `KEYFILE.audit`. Each carries a keyed digest of itself and the line before it, so that
/// a line cannot be changed, put in or taken out of the middle without it showing.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    entry: Entry,
    chain: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When, in UTC.
    pub(crate) time: String,
    /// Who, as the operating system names them.
    pub(crate) user: String,
    /// Why, in the user's words.
    pub(crate) reason: String,
    /// The pseudonyms that were asked for.
    pub(crate) pseudonyms: Vec<String>,
}

pub(crate) struct Audit {
    path: PathBuf,
    secret: zeroize::Zeroizing<[u8; 32]>,
}

impl Audit {
    pub(crate) fn of(key: &Key) -> Self {
        Self { path: key.beside("audit"), secret: key.lasting("audit") }
    }

    /// Appends a line, on the disk when this returns.
    pub(crate) fn append(&self, entry: Entry) -> Result<(), Error> {
        let chain = self.link(&self.last_chain()?, &entry);
        let mut file =
            private(fs::OpenOptions::new().append(true).create(true)).open(&self.path)?;
        let line = serde_json::to_string(&Line { entry, chain }).expect("texts are JSON");
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_all()?;
        Ok(())
    }

    /// The digest of the last line, every line checked.
    fn last_chain(&self) -> Result<String, Error> {
        if !self.path.exists() {
            return Ok(String::new());
        }
        check_private(&self.path)?;
        let mut chain = String::new();
        for (index, text) in fs::read_to_string(&self.path)?.lines().enumerate() {
            let line: Option<Line> = serde_json::from_str(text).ok();
            match line {
                Some(line) if line.chain == self.link(&chain, &line.entry) => chain = line.chain,
                _ => {
                    let problem = format!(
                        "line {} of the audit log was changed, or one before it is gone; find out \
                         by whom before you re-identify anybody",
                        index + 1
                    );
                    return Err(refuse(&self.path, &problem));
                }
            }
        }
        Ok(chain)
    }

    fn link(&self, before: &str, entry: &Entry) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.secret).expect("any length will do");
        mac.update(before.as_bytes());
        mac.update(serde_json::to_string(entry).expect("texts are JSON").as_bytes());
        hex(&mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(reason: &str) -> Entry {
        let text = |text: &str| text.to_owned();
        let pseudonyms = vec![text("OW-A")];
        Entry {
            time: text("2026-01-02T03:04:05Z"),
            user: text("u"),
            reason: text(reason),
            pseudonyms,
        }
    }

    #[test]
    fn a_changed_or_missing_line_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::create(&folder.path().join("a.key")).unwrap();
        let audit = Audit::of(&key);
        for reason in ["one", "two", "three"] {
            audit.append(entry(reason)).unwrap();
        }
        let text = fs::read_to_string(&audit.path).unwrap();
        assert_eq!(text.lines().count(), 3);
        for changed in
            [text.replace("two", "too"), text.replacen(text.lines().next().unwrap(), "", 1)]
        {
            fs::write(&audit.path, changed).unwrap();
            assert!(audit.append(entry("four")).is_err());
        }
        fs::write(&audit.path, text).unwrap();
        audit.append(entry("four")).unwrap();
    }
}
