//! What a run has done so far, so that one that was cut off goes on.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    sync::Mutex,
};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::{Error, FileKind, run::locked};

const NAME: &str = ".oncoweave-deidentify.jsonl";

/// What became of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Names the file, its size and its time without telling them.
    pub(crate) source: String,
    pub(crate) kind: FileKind,
    /// Where it lies below the folder that is written.
    pub(crate) out: Option<PathBuf>,
    pub(crate) patient: Option<String>,
    pub(crate) actions: BTreeMap<String, u64>,
    pub(crate) warnings: Vec<String>,
    /// The code and the reason of a file that was set aside.
    pub(crate) aside: Option<(String, String)>,
}

impl Entry {
    pub(crate) fn new() -> Self {
        Self {
            source: String::new(),
            kind: FileKind::Other,
            out: None,
            patient: None,
            actions: BTreeMap::new(),
            warnings: Vec::new(),
            aside: None,
        }
    }
}

pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<fs::File>,
    known: BTreeMap<String, Entry>,
}

impl Journal {
    pub(crate) fn is_there(out: &Path) -> bool {
        out.join(NAME).is_file()
    }

    /// Opens the journal of a folder, or begins one. Its first line names the key and the profile.
    pub(crate) fn open(out: &Path, settings: &str) -> Result<Self, Error> {
        let path = out.join(NAME);
        let mut known = BTreeMap::new();
        let mut whole = 0;
        if path.is_file() {
            let text = fs::read_to_string(&path)?;
            // A line that a kill cut off has no line break, and its file is cleaned again.
            whole = text.rfind('\n').map_or(0, |end| end + 1);
            let mut lines = text[..whole].lines();
            if lines.next().is_some_and(|line| line != settings) {
                let problem = "an earlier run into this folder had another key, profile or version; \
                               name a new folder";
                return Err(Error::Folder { path: out.to_owned(), problem: problem.to_owned() });
            }
            for entry in lines.filter_map(|line| serde_json::from_str::<Entry>(line).ok()) {
                known.insert(entry.source.clone(), entry);
            }
        }
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path)?;
        file.set_len(whole as u64)?;
        if whole == 0 {
            writeln!(file, "{settings}")?;
        }
        Ok(Self { path, file: Mutex::new(file), known })
    }

    /// What was done to a file, where what was written is still there.
    pub(crate) fn done(&self, source: &str, out: &Path) -> Option<Entry> {
        let entry = self.known.get(source)?;
        let is_there = entry.kind == FileKind::Index
            || entry.out.as_ref().is_none_or(|path| out.join(path).is_file());
        is_there.then(|| entry.clone())
    }

    pub(crate) fn add(&self, entry: &Entry) -> Result<(), Error> {
        let line = serde_json::to_string(entry).expect("an entry is JSON");
        locked(&self.file).write_all(format!("{line}\n").as_bytes())?;
        Ok(())
    }

    pub(crate) fn remove(self) -> Result<(), Error> {
        Ok(fs::remove_file(&self.path)?)
    }
}
