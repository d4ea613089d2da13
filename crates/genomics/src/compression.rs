//! What a file is compressed with, found from its content.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Cursor, Read},
};

use flate2::bufread::MultiGzDecoder;
use noodles::bgzf;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The empty block that ends every complete BGZF file (SAM specification, section 4.1.2).
const BGZF_END: [u8; 28] = [
    0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 6, 0, 0x42, 0x43, 2, 0, 0x1b, 0, 3, 0, 0, 0, 0, 0,
    0, 0, 0, 0,
];

const BUFFER_BYTES: usize = 1 << 16;

/// Bytes that can be looked at before they are read.
type Peeked<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// The plain content of a stream, and what one that stops too early stops in the middle of.
pub(crate) fn decompress(stream: impl Read + 'static) -> io::Result<(Box<dyn BufRead>, Unit)> {
    // As much as a BGZF block needs to be told from another gzip member.
    let (head, stream) = peek(stream, 18)?;
    let buffered = |stream| BufReader::with_capacity(BUFFER_BYTES, stream);
    Ok(if is_bgzf(&head) {
        let stream = buffered(BgzfEnd { stream, last: [0; BGZF_END.len()] });
        (Box::new(bgzf::io::Reader::new(stream)), "a block")
    } else if is_gzip(&head) {
        let stream = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, stream));
        (Box::new(BufReader::with_capacity(BUFFER_BYTES, stream)), "a gzip member")
    } else {
        (Box::new(BufReader::with_capacity(BUFFER_BYTES, stream)), "a line")
    })
}

/// What was being read, in words: `a block`, `a gzip member`.
pub(crate) type Unit = &'static str;

/// The first bytes of a stream, fewer where it is shorter, and the whole stream.
pub(crate) fn peek<R: Read>(mut stream: R, bytes: u64) -> io::Result<(Vec<u8>, Peeked<R>)> {
    let mut head = Vec::new();
    stream.by_ref().take(bytes).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(stream)))
}

/// Whether bytes begin as gzip does.
pub(crate) fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&GZIP_MAGIC)
}

/// Whether a gzip header has the extra field `BC` that makes it BGZF.
pub(crate) fn is_bgzf(head: &[u8]) -> bool {
    head.len() == 18 && head[..4] == BGZF_END[..4] && head[10..16] == BGZF_END[10..16]
}

/// The bytes of a BGZF file. Where they end without the block that ends such a file they are cut
/// off, which is an error: the decompressor itself takes a cut between two blocks for the end.
struct BgzfEnd<R> {
    stream: R,
    /// The bytes that were read last.
    last: [u8; BGZF_END.len()],
}

impl<R: Read> Read for BgzfEnd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.last != BGZF_END {
            return Err(io::Error::other(NoBgzfEnd));
        }
        let new = read.min(BGZF_END.len());
        self.last.rotate_left(new);
        self.last[BGZF_END.len() - new..].copy_from_slice(&buffer[read - new..read]);
        Ok(read)
    }
}

/// Whether reading failed because the stream was cut off.
pub(crate) fn is_truncation(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
        || matches!(error.get_ref(), Some(inner) if inner.is::<NoBgzfEnd>())
}

#[derive(Debug)]
struct NoBgzfEnd;

impl fmt::Display for NoBgzfEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no block that ends the file")
    }
}

impl std::error::Error for NoBgzfEnd {}
