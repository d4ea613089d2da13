//! A body line by line, from memory or from a file.

use std::io::{self, BufRead};

use super::Unreadable;
use crate::body::Body;

/// The mark that some programs put in front of UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The lines of a body, of which one is in hand.
pub(super) struct Lines {
    input: Box<dyn BufRead + Send>,
    /// `\n`, or `\r` as old Macintoshes ended lines.
    end: u8,
    line: Vec<u8>,
    /// Lines that were read ahead.
    ahead: std::collections::VecDeque<Vec<u8>>,
}

impl Lines {
    /// Opens a body, and counts its lines; none where all are blank.
    ///
    /// # Errors
    /// When the body cannot be read, or a quoted field of a CSV body runs over a line end.
    pub(super) fn open(body: &Body, quotes: bool) -> Result<(Self, usize), Unreadable> {
        let mut lines = Self::start(body)?;
        let (mut count, mut blank) = (0, true);
        while lines.advance()? {
            count += 1;
            blank = blank && lines.line.trim_ascii().is_empty();
            if quotes && ends_in_quotes(&lines.line) {
                return Err(Unreadable::Bad(format!(
                    "a quoted field runs over a line end at line {count}; records must be one \
                     line each"
                )));
            }
        }
        Ok((Self::start(body)?, if blank { 0 } else { count }))
    }

    fn start(body: &Body) -> io::Result<Self> {
        let mut input = body.read()?;
        if input.fill_buf()?.starts_with(MARK) {
            input.consume(MARK.len());
        }
        let buffer = input.fill_buf()?;
        let end = match memchr::memchr2(b'\r', b'\n', buffer) {
            Some(place) if buffer[place] == b'\r' && buffer.get(place + 1) != Some(&b'\n') => b'\r',
            _ => b'\n',
        };
        Ok(Self { input, end, line: Vec::new(), ahead: std::collections::VecDeque::new() })
    }

    /// Takes the next line in hand; false after the last.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        if let Some(line) = self.ahead.pop_front() {
            self.line = line;
            return Ok(true);
        }
        self.line.clear();
        if self.input.read_until(self.end, &mut self.line)? == 0 {
            return Ok(false);
        }
        if self.line.last() == Some(&self.end) {
            self.line.pop();
        }
        if self.end == b'\n' && self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(true)
    }

    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Gives lines back, the first first.
    pub(super) fn give_back(&mut self, lines: Vec<Vec<u8>>) {
        self.ahead.extend(lines);
    }
}

/// Whether a quoted field is still open at the end of a line. Quotes within a field that does not
/// begin with one are letters like any other.
fn ends_in_quotes(line: &[u8]) -> bool {
    if memchr::memchr(b'"', line).is_none() {
        return false;
    }
    let (mut starts, mut open) = (true, false);
    let mut bytes = line.iter().peekable();
    while let Some(&byte) = bytes.next() {
        if !open {
            open = starts && byte == b'"';
            starts = byte == b',';
        } else if byte == b'"' && bytes.next_if_eq(&&b'"').is_none() {
            open = false;
        }
    }
    open
}
