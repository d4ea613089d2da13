use std::{
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use fs_err::File;
use noodles::bgzf;

use crate::Error;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The empty block that ends every complete BGZF file (SAM specification, section 4.1.2).
const BGZF_END: [u8; 28] = [
    0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 6, 0, 0x42, 0x43, 2, 0, 0x1b, 0, 3, 0, 0, 0, 0, 0,
    0, 0, 0, 0,
];

/// The lines of a file as bytes, whatever it is compressed with, each with its number.
pub(crate) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    /// What a file that stops too early stops in the middle of.
    unit: &'static str,
    number: u64,
    line: Vec<u8>,
    /// Whether the last line that was read ended with a line break.
    whole: bool,
}

impl Lines {
    /// Opens a file. What it is compressed with is found from its content: a name may lie.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            return Err(Error::Folder { path: path.to_owned() });
        }
        let mut file = File::open(path)?;
        let mut head = Vec::with_capacity(18);
        file.by_ref().take(18).read_to_end(&mut head)?;
        file.rewind()?;
        let (reader, unit): (Box<dyn BufRead>, _) = if is_bgzf(&head) {
            check_bgzf_end(&mut file, path)?;
            (Box::new(bgzf::io::Reader::new(BufReader::new(file))), "a block")
        } else if head.starts_with(&GZIP_MAGIC) {
            (Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file)))), "a gzip member")
        } else {
            (Box::new(BufReader::with_capacity(1 << 16, file)), "a line")
        };
        Ok(Self { path: path.to_owned(), reader, unit, number: 0, line: Vec::new(), whole: true })
    }

    /// The next line without its line break, `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        self.line.clear();
        let read = self.reader.read_until(b'\n', &mut self.line);
        if read.map_err(|error| self.reading_failed(error))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.whole = self.line.last() == Some(&b'\n');
        while matches!(self.line.last(), Some(b'\n' | b'\r')) {
            self.line.pop();
        }
        Ok(Some(&self.line))
    }

    /// The line that [`next`](Self::next) gave last.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the line that was read last ended with a line break.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A fault of the line that was read last. A short line without a line break is where the
    /// file was cut off, which says more than the fault.
    pub(crate) fn fault(
        &self,
        expected: impl Into<String>,
        found: impl Into<String>,
        advice: &'static str,
    ) -> Error {
        if !self.whole {
            return Error::Truncated {
                path: self.path.clone(),
                within: format!("line {}", self.number),
            };
        }
        Error::Line {
            path: self.path.clone(),
            line: self.number,
            expected: expected.into(),
            found: found.into(),
            advice,
        }
    }

    /// A row that has too few columns.
    pub(crate) fn too_few_columns(&self, expected: usize, found: usize) -> Error {
        self.fault(
            format!("{expected} columns"),
            found.to_string(),
            "separate columns by tabs, or copy the file again",
        )
    }

    fn reading_failed(&self, error: io::Error) -> Error {
        let path = self.path.clone();
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::Truncated { path, within: self.unit.to_owned() },
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Error::Damaged { path, source: error }
            }
            _ => Error::Io(error),
        }
    }
}

/// Whether a gzip header has the extra field `BC` that makes it BGZF.
fn is_bgzf(head: &[u8]) -> bool {
    head.len() == 18 && head[..4] == BGZF_END[..4] && head[10..16] == BGZF_END[10..16]
}

fn check_bgzf_end(file: &mut File, path: &Path) -> Result<(), Error> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut end = Vec::with_capacity(BGZF_END.len());
    file.seek(SeekFrom::Start(length.saturating_sub(BGZF_END.len() as u64)))?;
    file.read_to_end(&mut end)?;
    file.rewind()?;
    if end == BGZF_END {
        return Ok(());
    }
    Err(Error::Truncated { path: path.to_owned(), within: "a block".to_owned() })
}

/// A field of a tab-separated line.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b'\t')
}

/// Bytes as text: what is not UTF-8 is replaced, for real files hold Latin-1 in free text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A number, trimmed.
pub(crate) fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(content: &[u8]) -> Result<Vec<String>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.vcf.gz");
        fs_err::write(&path, content).unwrap();
        let mut lines = Lines::open(&path)?;
        let mut read = Vec::new();
        while let Some(line) = lines.next()? {
            read.push(text(line));
        }
        Ok(read)
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn bgzip(content: &[u8]) -> Vec<u8> {
        let mut writer = bgzf::io::Writer::new(Vec::new());
        writer.write_all(content).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn compression_is_found_from_content() {
        let members = [gzip(b"a\nb"), gzip(b"c\n")].concat();
        for (name, content, expected) in [
            ("plain", b"a\nbc\n".to_vec(), vec!["a", "bc"]),
            ("no last line break", b"a\nbc".to_vec(), vec!["a", "bc"]),
            ("Windows line ends", b"a\r\nbc\r\n".to_vec(), vec!["a", "bc"]),
            ("empty", Vec::new(), vec![]),
            ("gzip of two members", members, vec!["a", "bc"]),
            ("BGZF", bgzip(b"a\nbc\n"), vec!["a", "bc"]),
            ("empty BGZF", bgzip(b""), vec![]),
        ] {
            assert_eq!(read(&content).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let message = Lines::open(folder.path()).err().unwrap().to_string();
        assert!(message.ends_with("expected a file, found a folder; name a file"), "{message}");
        let message = Lines::open(&folder.path().join("none.vcf")).err().unwrap().to_string();
        assert!(message.contains("none.vcf"), "{message}");
    }

    #[test]
    fn a_file_that_was_cut_is_not_read_as_a_shorter_one() {
        let content: Vec<u8> =
            (0..100_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        let (bgzf, gzip) = (bgzip(&content), gzip(&content));
        for (name, content) in [
            ("BGZF without its end", &bgzf[..bgzf.len() - 28]),
            ("BGZF within its end", &bgzf[..bgzf.len() - 5]),
            ("BGZF within a block", &bgzf[..bgzf.len() / 2]),
            ("BGZF within the first header", &bgzf[..18]),
            ("gzip within its trailer", &gzip[..gzip.len() - 4]),
            ("gzip within its data", &gzip[..gzip.len() / 2]),
        ] {
            let error = read(content).unwrap_err();
            assert!(matches!(error, Error::Truncated { .. }), "{name}: {error}");
        }
        let mut damaged = bgzf.clone();
        damaged[1000] ^= 0xff;
        assert!(matches!(read(&damaged).unwrap_err(), Error::Damaged { .. }));
    }
}
