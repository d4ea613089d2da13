//! What the texts of a header and the comments of extensions say, for whoever judges them.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use super::{header::Header, open};
use crate::{Error, headers::Said};

/// The code of an extension that is a comment.
const COMMENT: i32 = 6;

/// So many bytes of extensions are looked through.
const MOST_BYTES: u64 = 1 << 20;

/// The texts of a file's header, by field. The voxels are not read.
///
/// # Errors
/// When the file is broken or cannot be read.
pub(crate) fn said(path: &Path) -> Result<Vec<Said>, Error> {
    let mut reader = open(&header_file(path))?;
    let header = Header::read_any(&mut reader)?;
    let mut said: Vec<Said> = header
        .format
        .named
        .iter()
        .map(|(field, range)| Said::at(field, &text(&header.bytes[range.clone()])))
        .collect();
    // Where the voxels begin is not everybody's to know; the texts are there all the same.
    let length =
        if header.is_single() { header.extension_bytes().unwrap_or(0) } else { MOST_BYTES };
    said.extend(comments(&header, &mut reader.take(length.min(MOST_BYTES))));
    Ok(said)
}

/// Of a pair, the file beside the voxels.
fn header_file(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    let Some(stem) = text.strip_suffix(".img").or_else(|| text.strip_suffix(".img.gz")) else {
        return path.to_owned();
    };
    let plain = PathBuf::from(format!("{stem}.hdr"));
    if plain.exists() { plain } else { PathBuf::from(format!("{stem}.hdr.gz")) }
}

/// The text up to the first zero.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
}

/// The comments among the extensions; what is cut off or broken ends them.
fn comments(header: &Header, reader: &mut impl Read) -> Vec<Said> {
    let mut comments = Vec::new();
    let mut mark = [0; 4];
    if reader.read_exact(&mut mark).is_err() || mark[0] == 0 {
        return comments;
    }
    let number = |reader: &mut dyn Read| {
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).ok().map(|()| header.number_of(bytes))
    };
    while let (Some(size), Some(code)) = (number(reader), number(reader)) {
        let Some(length) = u64::try_from(size).ok().and_then(|size| size.checked_sub(8)) else {
            break;
        };
        let mut content = Vec::new();
        if reader.by_ref().take(length).read_to_end(&mut content).is_err() {
            break;
        }
        if code == COMMENT {
            comments.push(Said::at("comments", &text(&content)));
        }
    }
    comments
}
