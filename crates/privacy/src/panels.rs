//! The gene panels that a cohort's settings name: any other text in its files list may be anything.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use fs_err::File;

/// What is written for a panel that no file holds: `extract` refuses it as it refuses the panel itself,
/// where an empty cell would say that every gene was looked at.
const UNLISTED: &str = "unlisted";

/// No file of panels is as long, unpacked.
const MOST_BYTES: u64 = 256 << 20;

/// What the files of panels hold: the names of the panels are among these.
#[derive(Default)]
pub(crate) struct Panels {
    fields: BTreeSet<String>,
}

impl Panels {
    /// Reads a table of panels or cBioPortal's file of one, compressed or not, and adds what it holds.
    pub(crate) fn read(&mut self, path: &Path) -> io::Result<()> {
        let mut file = BufReader::new(File::open(path)?);
        let compressed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let plain: Box<dyn Read> =
            if compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut bytes = Vec::new();
        plain.take(MOST_BYTES).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == MOST_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        for line in String::from_utf8_lossy(&bytes).lines() {
            let value = line.split_once(':').map(|(_, value)| value);
            let fields = line.split('\t').chain(value);
            self.fields.extend(fields.map(|field| field.trim().to_owned()));
        }
        Ok(())
    }

    /// Whether a panel may be one of the files'.
    pub(crate) fn hold(&self, panel: &str) -> bool {
        self.fields.contains(panel)
    }

    /// What is written for a panel: its name, or one that no file holds.
    pub(crate) fn written(&self, panel: &str) -> String {
        if self.hold(panel) {
            return panel.to_owned();
        }
        let mut unlisted = UNLISTED.to_owned();
        while self.hold(&unlisted) {
            unlisted.push('_');
        }
        unlisted
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Panels> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("panels");
        fs_err::write(&path, bytes).unwrap();
        let mut panels = Panels::default();
        panels.read(&path).map(|()| panels)
    }

    #[test]
    fn a_panel_keeps_its_name_or_gets_one_that_no_file_holds() {
        let table = b"panel\tgene\nP,1\tTP53\n";
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(table).unwrap();
        let packed = packed.finish().unwrap();
        let one = b"stable_id: P,1\ngene_list: TP53\n";
        for bytes in [&table[..], &packed[..], &one[..]] {
            let panels = read(bytes).unwrap();
            assert_eq!(panels.written("P,1"), "P,1");
            assert_eq!(panels.written("Zyxwpatient"), "unlisted");
        }
        let panels = read(b"panel\tgene\nunlisted\tTP53\n").unwrap();
        assert_eq!(panels.written("P,1"), "unlisted_");
        assert!(read(&packed[..packed.len() / 2]).is_err());
    }
}
