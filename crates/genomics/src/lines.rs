use std::{
    io::{self, BufRead, Read},
    iter,
    path::{Path, PathBuf},
};

use fs_err::File;
use memchr::{memchr, memchr_iter};

use crate::{
    Error, Note,
    bcf::{Bcf, Next},
    compression::{Unit, decompress, is_truncation, peek},
    notes::Notes,
};

/// The path that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// A longer line is taken for a file of another kind: half a million samples fit into it.
pub(crate) const MAX_LINE_BYTES: usize = 1 << 28;

/// The lines of a file as bytes, whatever it is compressed with, each with its number. A BCF has
/// the lines that it would have as a VCF.
pub(crate) struct Lines {
    path: PathBuf,
    content: Content,
    /// What a file that stops too early stops in the middle of.
    unit: Unit,
    number: u64,
    line: Vec<u8>,
    /// Whether the last line that was read ended with a line break.
    whole: bool,
    carriage_returns: bool,
    notes: Notes,
}

enum Content {
    Text(Box<dyn BufRead>),
    Bcf(Box<Bcf>),
}

impl Lines {
    /// Opens a file, or standard input as `-`. What it is compressed with is found from its
    /// content: a name may lie.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if path == Path::new(STANDARD_INPUT) {
            return Self::from_reader(io::stdin(), Path::new("standard input"));
        }
        if path.is_dir() {
            return Err(Error::Folder { path: path.to_owned() });
        }
        Self::from_reader(File::open(path)?, path)
    }

    /// Reads a stream from where it is; `path` is what messages call it.
    pub(crate) fn from_reader(stream: impl Read + 'static, path: &Path) -> Result<Self, Error> {
        let (stream, unit) = decompress(stream)?;
        let failed = |error| reading_failed(error, path, unit);
        let (head, stream) = peek(stream, 5).map_err(failed)?;
        let content = if head.starts_with(b"BCF\x02") {
            Content::Bcf(Box::new(Bcf::new(Box::new(stream)).map_err(failed)?))
        } else {
            Content::Text(Box::new(stream))
        };
        Ok(Self {
            path: path.to_owned(),
            content,
            unit,
            number: 0,
            line: Vec::new(),
            whole: true,
            carriage_returns: false,
            notes: Notes::default(),
        })
    }

    /// The next line without its line break, `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        self.line.clear();
        loop {
            self.number += 1;
            let next = match &mut self.content {
                Content::Text(text) => read_line(text, &mut self.line),
                Content::Bcf(bcf) => bcf.next(&mut self.line),
            };
            match next.map_err(|error| reading_failed(error, &self.path, self.unit))? {
                Next::End => {
                    self.number -= 1;
                    return Ok(None);
                }
                Next::Line => break,
                Next::Faulty(expected) => {
                    let advice = "correct the record";
                    self.leave_out(self.fault(expected, "something else", advice))?;
                }
                Next::TooLong => {
                    let expected = format!("a line of at most {MAX_LINE_BYTES} bytes");
                    return Err(self.fault(expected, "a longer one", "is it the right file?"));
                }
            }
        }
        self.whole = self.line.last() == Some(&b'\n');
        while let Some(end @ (b'\n' | b'\r')) = self.line.last() {
            self.carriage_returns |= *end == b'\r';
            self.line.pop();
        }
        Ok(Some(&self.line))
    }

    /// The line that [`next`](Self::next) gave last.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The number of the line that was read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the line that was read last ended with a line break.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether a line so far ended with a carriage return, as Windows writes it.
    pub(crate) fn has_carriage_returns(&self) -> bool {
        self.carriage_returns
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a note on the line that was read last.
    pub(crate) fn note(&mut self, message: &str) {
        self.notes.add(self.number, message);
    }

    /// Keeps the fault of a record, which is left out; any other error stays one.
    pub(crate) fn leave_out(&mut self, error: Error) -> Result<(), Error> {
        self.notes.leave_out(error)
    }

    /// The notes at the file's end; an error when too many of its `records` were left out.
    pub(crate) fn finish(self, records: u64) -> Result<Vec<Note>, Error> {
        self.notes.finish(&self.path, records)
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
}

fn reading_failed(error: io::Error, path: &Path, unit: Unit) -> Error {
    let path = path.to_owned();
    if is_truncation(&error) {
        return Error::Truncated { path, within: unit.to_owned() };
    }
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Error::Damaged { path, source: error }
        }
        _ => Error::Io(error),
    }
}

/// Appends a line with its line break.
fn read_line(text: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Next> {
    loop {
        let available = match text.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            available => available?,
        };
        let end = memchr(b'\n', available);
        let taken = end.map_or(available.len(), |end| end + 1);
        line.extend_from_slice(&available[..taken]);
        text.consume(taken);
        if line.len() > MAX_LINE_BYTES {
            return Ok(Next::TooLong);
        }
        if end.is_some() {
            return Ok(Next::Line);
        }
        if taken == 0 {
            return Ok(if line.is_empty() { Next::End } else { Next::Line });
        }
    }
}

/// The fields of a tab-separated line.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\t', line).chain(iter::once(line.len())).map(move |end| {
        let field = &line[start..end];
        start = end + 1;
        field
    })
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
        let mut writer = noodles::bgzf::io::Writer::new(Vec::new());
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
            ("BGZF after gzip", [gzip(b"a\n"), bgzip(b"bc\n")].concat(), vec!["a", "bc"]),
            ("empty BGZF", bgzip(b""), vec![]),
        ] {
            assert_eq!(read(&content).unwrap(), expected, "{name}");
        }
    }

    /// A pipe that gives few bytes at a time.
    struct Pipe(io::Cursor<Vec<u8>>);

    impl Read for Pipe {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(3);
            self.0.read(&mut buffer[..length])
        }
    }

    #[test]
    fn a_stream_is_read_as_a_file() {
        let stream = |bytes: &[u8]| -> Result<Vec<String>, Error> {
            let pipe = Pipe(io::Cursor::new(bytes.to_vec()));
            let mut lines = Lines::from_reader(pipe, Path::new("standard input"))?;
            let mut read = Vec::new();
            while let Some(line) = lines.next()? {
                read.push(text(line));
            }
            Ok(read)
        };
        let content = b"a\nbc\n";
        let two_files = [bgzip(b"a\n"), bgzip(b"bc\n")].concat();
        for (name, bytes) in [
            ("plain", content.to_vec()),
            ("gzip", gzip(content)),
            ("BGZF", bgzip(content)),
            ("two BGZF files in a row", two_files),
        ] {
            assert_eq!(stream(&bytes).unwrap(), ["a", "bc"], "{name}");
        }
        let bgzf = bgzip(content);
        let message = stream(&bgzf[..bgzf.len() - 28]).unwrap_err().to_string();
        assert!(message.starts_with("standard input: ends in the middle of a block"), "{message}");
    }

    #[test]
    fn a_line_without_end_is_an_error() {
        let endless = io::repeat(b'A').take(MAX_LINE_BYTES as u64 + 1);
        let mut lines = Lines::from_reader(endless, Path::new("a.vcf")).unwrap();
        let message = lines.next().unwrap_err().to_string();
        assert!(message.contains("a.vcf:1: expected a line of at most"), "{message}");
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
