//! The stored pixels of a file, frame by frame.

use std::io::{BufReader, Read, Seek, SeekFrom};

use dicom_dictionary_std::tags;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};
use flate2::read::DeflateDecoder;
use fs_err::File;

use super::attributes::{named, whole};
use super::codec::{Codec, Samples};
use super::file::{EXPLICIT_BIG_ENDIAN, Header, Pixels};
use super::in_file;
use super::pixels::Encoding;
use crate::Error;

/// Where the frames of a file are.
pub(super) enum Stored {
    /// One after the other from a place in the file on.
    Native { offset: u64, swap: Option<usize> },
    /// In memory, because the file is deflated as a whole.
    Inflated(Vec<u8>),
    /// In fragments: for each frame, where they start and how long they are.
    Encapsulated { codec: Codec, frames: Vec<Vec<(u64, u64)>> },
}

/// Deflate makes data at most so many times smaller.
const MOST_DEFLATED: u64 = 1100;

/// Finds the frames of a file.
///
/// # Errors
/// When the pixels are cut off, compressed in a way that cannot be decoded, or no frames.
pub(super) fn stored(header: &Header, encoding: &Encoding) -> Result<Stored, Error> {
    let in_header = |problem: String| in_file(&header.path, problem);
    let pixels = header
        .pixels
        .filter(|pixels| pixels.tag == tags::PIXEL_DATA)
        .ok_or_else(|| in_header(format!("has no {}", named(tags::PIXEL_DATA))))?;
    let count = whole(&header.object, tags::NUMBER_OF_FRAMES).unwrap_or(1).max(1) as usize;
    let codec = Codec::of(&header.transfer_syntax, syntax_name(header)).map_err(in_header)?;
    match (codec, pixels.length) {
        (Some(codec), None) => {
            let frames = fragments(header, pixels, count)?;
            Ok(Stored::Encapsulated { codec, frames })
        }
        (None, Some(length)) => {
            let stored = native(header, pixels, length, count as u64 * encoding.frame_bytes())?;
            let swaps_words = matches!(stored, Stored::Native { swap: Some(2), .. });
            if swaps_words && !encoding.frame_bytes().is_multiple_of(2) {
                return Err(in_header(
                    "holds big-endian words that are parted between frames: convert it to explicit \
                     little endian first"
                        .to_owned(),
                ));
            }
            Ok(stored)
        }
        (Some(_), Some(_)) => Err(in_header(format!(
            "states {} and its pixels are not compressed; export it again",
            syntax_name(header)
        ))),
        (None, None) => Err(in_header(format!(
            "states {} and its pixels are compressed; export it again",
            syntax_name(header)
        ))),
    }
}

/// The name of a file's transfer syntax.
pub(super) fn syntax_name(header: &Header) -> &'static str {
    TransferSyntaxRegistry.get(&header.transfer_syntax).map_or("unknown", |syntax| syntax.name())
}

/// Finds pixels without compression, of which so many bytes are needed.
pub(super) fn native(
    header: &Header,
    pixels: Pixels,
    length: u64,
    needed: u64,
) -> Result<Stored, Error> {
    let cut_off = |found: u64| {
        in_file(
            &header.path,
            format!("is cut off: expected {needed} bytes of pixels, found {found}"),
        )
    };
    let most = match pixels.deflated_at {
        Some(_) => header.file_length.saturating_mul(MOST_DEFLATED),
        None => header.file_length.saturating_sub(pixels.offset),
    };
    if length.min(most) < needed {
        return Err(cut_off(length.min(most)));
    }
    let swap = (header.transfer_syntax == EXPLICIT_BIG_ENDIAN).then_some(pixels.vr);
    let swap = swap.map(|vr| if vr == Some(*b"OB") { 1 } else { 2 });
    let Some(start) = pixels.deflated_at else {
        return Ok(Stored::Native { offset: pixels.offset, swap });
    };
    let mut file = File::open(&header.path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut inflated = DeflateDecoder::new(BufReader::new(file)).take(pixels.offset + needed);
    let skipped = std::io::copy(&mut inflated.by_ref().take(pixels.offset), &mut std::io::sink());
    let mut bytes = Vec::new();
    let read = skipped.and_then(|_| inflated.read_to_end(&mut bytes));
    if read.is_err() || (bytes.len() as u64) < needed {
        return Err(cut_off(bytes.len() as u64));
    }
    Ok(Stored::Inflated(bytes))
}

/// PS3.5 A.4: an offset table, then fragments; each frame has its own.
fn fragments(header: &Header, pixels: Pixels, count: usize) -> Result<Vec<Vec<(u64, u64)>>, Error> {
    let problem = |problem: String| in_file(&header.path, problem);
    let mut file = BufReader::new(File::open(&header.path)?);
    file.seek(SeekFrom::Start(pixels.offset))?;
    let mut items = Vec::new();
    let mut at = pixels.offset;
    // The end of the file stands for the delimiter that should be there.
    while at + 8 <= header.file_length {
        let mut start = [0; 8];
        file.read_exact(&mut start)?;
        let [a, b, c, d, length @ ..] = start;
        let length = u64::from(u32::from_le_bytes(length));
        match [a, b, c, d] {
            [0xfe, 0xff, 0x00, 0xe0] => {}
            [0xfe, 0xff, 0xdd, 0xe0] => break,
            _ => return Err(problem("expected a fragment of pixels, found something else".into())),
        }
        at += 8;
        if at + length > header.file_length {
            return Err(problem(format!(
                "is cut off: fragment {} has {length} bytes, the file {} more",
                items.len(),
                header.file_length - at
            )));
        }
        items.push((at, length));
        at += length;
        file.seek_relative(length.cast_signed())?;
    }
    let Some((&(table_at, table_length), fragments)) = items.split_first() else {
        return Err(problem("has no fragments of pixels".to_owned()));
    };
    let mut table = vec![0; usize::try_from(table_length).unwrap_or(0)];
    let mut file = file.into_inner();
    file.seek(SeekFrom::Start(table_at))?;
    file.read_exact(&mut table)?;
    frames_of(fragments, &table, count).map_err(problem)
}

/// Deals fragments out to frames: one each, all to the only one, or as the offset table says.
fn frames_of(
    fragments: &[(u64, u64)],
    table: &[u8],
    count: usize,
) -> Result<Vec<Vec<(u64, u64)>>, String> {
    if count == 1 && !fragments.is_empty() {
        return Ok(vec![fragments.to_vec()]);
    }
    if fragments.len() == count {
        return Ok(fragments.iter().map(|&fragment| vec![fragment]).collect());
    }
    let offsets: Vec<u64> = table
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&bytes| u64::from(u32::from_le_bytes(bytes)))
        .collect();
    let rises = offsets.windows(2).all(|pair| pair[0] < pair[1]);
    if offsets.len() != count || !rises || offsets.first() != Some(&0) || fragments.is_empty() {
        return Err(format!(
            "holds {} fragments for {count} frames and no table that deals them out",
            fragments.len()
        ));
    }
    // Offsets count from the first fragment's item, whose header has 8 bytes.
    let first = fragments[0].0;
    let mut frames = vec![Vec::new(); count];
    for &(start, length) in fragments {
        let frame = offsets.partition_point(|&offset| offset <= start - first) - 1;
        frames[frame].push((start, length));
    }
    Ok(frames)
}

/// The samples of one frame, little endian.
///
/// # Errors
/// When the file cannot be read, or its compressed stream not be decoded.
pub(super) fn frame(
    header: &Header,
    stored: &Stored,
    encoding: &Encoding,
    number: usize,
) -> Result<Samples, Error> {
    let length = encoding.frame_bytes();
    let bits_allocated = encoding.bits_allocated;
    match stored {
        Stored::Native { offset, swap } => {
            let mut bytes = Vec::new();
            read_part(header, offset + number as u64 * length, length, &mut bytes)?;
            if let Some(word) = swap {
                // Words of 16 bits are swapped even where a pixel has 8.
                bytes
                    .chunks_exact_mut((*word).max(bits_allocated as usize / 8))
                    .for_each(<[u8]>::reverse);
            }
            Ok(Samples { bytes, bits_allocated, stream: None })
        }
        Stored::Inflated(bytes) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let bytes = bytes[number * length..][..length].to_vec();
            Ok(Samples { bytes, bits_allocated, stream: None })
        }
        Stored::Encapsulated { codec, frames } => {
            let mut stream = Vec::new();
            for &(start, length) in &frames[number] {
                read_part(header, start, length, &mut stream)?;
            }
            codec
                .decode(&stream, encoding.rows, encoding.columns, bits_allocated)
                .map_err(|problem| {
                    let name = syntax_name(header);
                    let frame = number + 1;
                    let problem = format!(
                        "frame {frame}, compressed as {name}, could not be decoded: {problem}; copy \
                         the file again or convert it to explicit little endian"
                    );
                    in_file(&header.path, problem)
                })
        }
    }
}

/// Appends a part of a file.
pub(super) fn read_part(
    header: &Header,
    start: u64,
    length: u64,
    to: &mut Vec<u8>,
) -> Result<(), Error> {
    let mut file = File::open(&header.path)?;
    file.seek(SeekFrom::Start(start))?;
    to.reserve_exact(usize::try_from(length).unwrap_or(0));
    let read = file.take(length).read_to_end(to)?;
    if (read as u64) < length {
        return Err(in_file(
            &header.path,
            format!("is cut off: expected {length} bytes of pixels, found {read}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_dealt_out_to_their_frames() {
        let table: Vec<u8> = [0_u32, 28].iter().flat_map(|offset| offset.to_le_bytes()).collect();
        // The first frame has two fragments of 4 and 8 bytes, the second one of 6.
        let three = [(100, 4), (112, 8), (128, 6)];
        assert_eq!(
            frames_of(&three, &table, 2),
            Ok(vec![vec![(100, 4), (112, 8)], vec![(128, 6)]])
        );
        assert_eq!(frames_of(&three, &[], 1), Ok(vec![three.to_vec()]));
        assert_eq!(frames_of(&three[..2], &[], 2), Ok(vec![vec![(100, 4)], vec![(112, 8)]]));
        for (case, fragments, table) in [
            ("no table", &three[..], &[][..]),
            ("no fragments", &[][..], &table[..]),
            ("offsets that fall", &three[..], &[0, 0, 0, 0, 0, 0, 0, 0][..]),
        ] {
            assert!(frames_of(fragments, table, 2).is_err(), "{case}");
        }
    }
}
