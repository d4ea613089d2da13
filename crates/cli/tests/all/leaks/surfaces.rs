//! What the program lets out, searched byte for byte.

use std::{
    collections::BTreeSet,
    io::Read,
    path::Path,
    process::{Command, Output},
};

use flate2::read::MultiGzDecoder;
use fs_err as fs;
use oncoweave_cohort::{TextColumn, TextReader};

use super::corpus::paths;
use crate::extract::stderr;

/// The texts that may be nowhere, and the places that were looked at.
pub(super) struct Surfaces {
    forbidden: Vec<&'static str>,
    pub(super) reached: BTreeSet<String>,
    bytes: usize,
    /// What was found where, with a few words around it.
    leaks: Vec<String>,
}

impl Surfaces {
    pub(super) fn new(forbidden: &[&'static str]) -> Self {
        Self {
            forbidden: forbidden.to_vec(),
            reached: BTreeSet::new(),
            bytes: 0,
            leaks: Vec::new(),
        }
    }

    /// Looks at what came out somewhere, for any spelling of case.
    pub(super) fn look(&mut self, place: &str, bytes: &[u8]) {
        for found in found_in(bytes, &self.forbidden) {
            self.leaks.push(format!("{place} holds `{found}`: {}", around(bytes, found)));
        }
        self.reached.insert(place.to_owned());
        self.bytes += bytes.len();
    }

    /// Runs the program with every log that it has.
    pub(super) fn run(&mut self, expected: &[i32], arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oncoweave"));
        command.args(arguments);
        self.process(expected, &mut command, arguments[0])
    }

    pub(super) fn process(
        &mut self,
        expected: &[i32],
        command: &mut Command,
        name: &str,
    ) -> Output {
        let output = command.env("RUST_LOG", "trace").output().unwrap();
        self.look(&format!("{name}: stdout"), &output.stdout);
        self.look(&format!("{name}: stderr"), &output.stderr);
        let code = output.status.code().unwrap();
        assert!(expected.contains(&code), "{name} ended with {code}: {}", stderr(&output));
        self.reached.insert(name.to_owned());
        output
    }

    /// Looks at every file below a folder, and its name; compressed ones and tables also as what they
    /// hold. `sentinel` must be in one of them, or the search finds nothing whatever there is.
    pub(super) fn folder(&mut self, folder: &Path, sentinel: &str) {
        let mut has_sentinel = false;
        let files = if folder.is_dir() { paths(folder) } else { vec![folder.to_owned()] };
        assert!(!files.is_empty(), "{}", folder.display());
        for path in files {
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            self.look(&format!("{}: names", folder.display()), name.as_bytes());
            let bytes = contents(&path);
            has_sentinel |= !found_in(&bytes, &[sentinel]).is_empty();
            self.look(&path.display().to_string(), &bytes);
        }
        assert!(has_sentinel, "`{sentinel}` is nowhere in {}", folder.display());
    }

    /// Fails where anything was found.
    pub(super) fn assert_clean(&self) {
        assert!(self.leaks.is_empty(), "{}", self.leaks.join("\n"));
    }

    /// Fails where anything was found, or so few bytes were looked at that a surface must be missing.
    pub(super) fn end(&self) {
        self.assert_clean();
        assert!(self.bytes > 10_000_000, "{} bytes", self.bytes);
    }
}

/// The texts of a list that are somewhere in the bytes, upper or lower case.
pub(super) fn found_in<'a>(bytes: &[u8], texts: &[&'a str]) -> Vec<&'a str> {
    let lower = bytes.to_ascii_lowercase();
    let holds =
        |text: &&&str| memchr::memmem::find(&lower, text.to_ascii_lowercase().as_bytes()).is_some();
    texts.iter().filter(holds).copied().collect()
}

fn around(bytes: &[u8], text: &str) -> String {
    let place = memchr::memmem::find(&bytes.to_ascii_lowercase(), text.to_lowercase().as_bytes());
    let place = place.unwrap_or(0);
    let part = &bytes[place.saturating_sub(150)..bytes.len().min(place + 100)];
    String::from_utf8_lossy(part).into_owned()
}

/// A file as it is, and behind that what is packed in it.
pub(super) fn contents(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        // One that is cut off as far as it goes.
        let _ = MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked);
        bytes.extend(unpacked);
    } else if bytes.starts_with(b"PAR1") {
        let reader = TextReader::open(path).unwrap();
        assert!(reader.columns().iter().all(TextColumn::has_text), "{}", path.display());
        for row in reader.flat_map(Result::unwrap) {
            bytes.extend(row.join("\t").into_bytes());
            bytes.push(b'\n');
        }
    }
    bytes
}
