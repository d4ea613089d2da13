//! Decodes the frames of the compressed transfer syntaxes.

use std::panic;

use dicom_dictionary_std::uids;
use jpeg_decoder::PixelFormat;
use openreadout_codecs::{Raster, jpeg_decode_limited, jpegls_decode_limited, packbits_decode};

use super::jpeg2000;

/// How the pixels of a file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// Runs of bytes, by byte planes (PS3.5 annex G).
    Rle,
    /// Baseline, extended (8 and 12 bits) and lossless (ITU-T T.81).
    Jpeg,
    /// Lossless and near-lossless (ITU-T T.87).
    JpegLs,
    /// Part 1 and high throughput (ISO/IEC 15444-1 and -15).
    Jpeg2000,
}

/// The samples of a decoded frame.
#[derive(Debug, PartialEq)]
pub(super) struct Samples {
    /// Little endian, one sample a pixel.
    pub(super) bytes: Vec<u8>,
    pub(super) bits_allocated: u32,
    /// What the compressed stream says of its samples: how many bits they have, and whether they
    /// are signed, which then fill all bits.
    pub(super) stream: Option<(u32, bool)>,
}

impl Codec {
    /// The codec of a transfer syntax; `None` for one without compression.
    ///
    /// # Errors
    /// Names a transfer syntax that cannot be decoded.
    pub(super) fn of(transfer_syntax: &str, name: &str) -> Result<Option<Self>, String> {
        use super::file::EXPLICIT_BIG_ENDIAN;
        Ok(Some(match transfer_syntax {
            uids::IMPLICIT_VR_LITTLE_ENDIAN
            | uids::EXPLICIT_VR_LITTLE_ENDIAN
            | uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
            | EXPLICIT_BIG_ENDIAN => return Ok(None),
            uids::RLE_LOSSLESS => Self::Rle,
            uids::JPEG_BASELINE8_BIT
            | uids::JPEG_EXTENDED12_BIT
            | uids::JPEG_LOSSLESS
            | uids::JPEG_LOSSLESS_SV1 => Self::Jpeg,
            uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Self::JpegLs,
            uids::JPEG2000_LOSSLESS
            | uids::JPEG2000
            | uids::HTJ2K_LOSSLESS
            | uids::HTJ2K_LOSSLESS_RPCL
            | uids::HTJ2K => Self::Jpeg2000,
            _ => {
                return Err(format!(
                    "pixels of transfer syntax {name} ({transfer_syntax}) cannot be decoded; \
                     convert the file to explicit little endian first"
                ));
            }
        }))
    }

    /// Decodes one frame of so many rows and columns of one sample.
    ///
    /// # Errors
    /// When the stream is broken, or holds another image than the file says.
    pub(super) fn decode(
        self,
        stream: &[u8],
        rows: usize,
        columns: usize,
        bits_allocated: u32,
    ) -> Result<Samples, String> {
        // A few bytes that declare thousands of pixels are no image but an attack on the memory.
        const MAX_PIXELS_A_BYTE: usize = 1 << 16;
        if rows * columns > stream.len().saturating_mul(MAX_PIXELS_A_BYTE) {
            return Err(format!(
                "holds {} bytes for {columns} x {rows} pixels: is cut off",
                stream.len()
            ));
        }
        if self == Self::Rle {
            return rle(stream, rows * columns, bits_allocated);
        }
        // The decoders are others' work: a fault of theirs must not end ours.
        let decoded = panic::catch_unwind(|| match self {
            Self::Jpeg if frame_header(stream).is_some_and(|(kind, _)| kind == LOSSLESS) => {
                lossless_jpeg(stream, rows, columns)
            }
            Self::Jpeg => {
                let raster = jpeg_decode_limited(stream, 4 * rows * columns);
                raster_samples(raster, rows, columns, None)
            }
            Self::JpegLs => {
                let raster = jpegls_decode_limited(stream, 4 * rows * columns);
                let described = frame_header(stream).map(|(_, bits)| (bits, false));
                raster_samples(raster, rows, columns, described)
            }
            _ => jpeg2000::decode(stream, rows, columns),
        });
        decoded.unwrap_or_else(|_| Err("its decoder failed".to_owned()))
    }
}

fn raster_samples(
    raster: Result<Raster, openreadout_codecs::CodecError>,
    rows: usize,
    columns: usize,
    stream: Option<(u32, bool)>,
) -> Result<Samples, String> {
    let raster = raster.map_err(|error| error.to_string())?;
    let (width, height) = (raster.width as usize, raster.height as usize);
    check_size((height, width, raster.channels), rows, columns)?;
    Ok(Samples { bits_allocated: raster.bits_per_sample, bytes: raster.data, stream })
}

fn check_size(found: (usize, usize, u32), rows: usize, columns: usize) -> Result<(), String> {
    if found == (rows, columns, 1) {
        return Ok(());
    }
    Err(format!(
        "expected {columns} x {rows} pixels of one sample, found {} x {} of {}",
        found.1, found.0, found.2
    ))
}

/// The marker of a frame of lossless JPEG (SOF3).
const LOSSLESS: u8 = 0xc3;

/// Lossless JPEG of any number of bits; other decoders take one of 12 for lossy.
fn lossless_jpeg(stream: &[u8], rows: usize, columns: usize) -> Result<Samples, String> {
    let mut decoder = jpeg_decoder::Decoder::new(stream);
    decoder.read_info().map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("no frame header")?;
    let (channels, bits_allocated) = match info.pixel_format {
        PixelFormat::L8 => (1, 8),
        PixelFormat::L16 => (1, 16),
        PixelFormat::RGB24 => (3, 8),
        PixelFormat::CMYK32 => (4, 8),
    };
    check_size((usize::from(info.height), usize::from(info.width), channels), rows, columns)?;
    let mut bytes = decoder.decode().map_err(|error| error.to_string())?;
    if bits_allocated == 16 && cfg!(target_endian = "big") {
        bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|pair| pair.reverse());
    }
    Ok(Samples { bytes, bits_allocated, stream: None })
}

/// PS3.5 G.5: a header of 16 numbers tells where the segments start, one for each byte of a pixel,
/// the most significant first.
fn rle(stream: &[u8], pixels: usize, bits_allocated: u32) -> Result<Samples, String> {
    let width = bits_allocated as usize / 8;
    let number = |index: usize| {
        let bytes = stream.get(4 * index..4 * index + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    if number(0) != Some(width) {
        return Err(format!("expected {width} run-length segments for pixels of one sample"));
    }
    let mut bytes = vec![0; width * pixels];
    for segment in 0..width {
        let start = number(1 + segment);
        let end = if segment + 1 < width { number(2 + segment) } else { Some(stream.len()) };
        let part = start
            .zip(end)
            .and_then(|(start, end)| stream.get(start..end))
            .ok_or("run-length segments lie beyond the frame")?;
        let plane = packbits_decode(part, pixels).map_err(|error| error.to_string())?;
        if plane.len() != pixels {
            return Err(format!("is cut off: expected {pixels} pixels, found {}", plane.len()));
        }
        for (pixel, byte) in plane.into_iter().enumerate() {
            bytes[width * pixel + width - 1 - segment] = byte;
        }
    }
    Ok(Samples { bytes, bits_allocated, stream: None })
}

/// The kind of frame that a JPEG or JPEG-LS stream holds and the bits of its samples (B.2.2).
fn frame_header(stream: &[u8]) -> Option<(u8, u32)> {
    let mut at = 2;
    loop {
        match *stream.get(at..at + 2)? {
            // Fill bytes.
            [0xff, 0xff] => at += 1,
            [0xff, kind @ (0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0xf7)] => {
                return stream.get(at + 4).map(|&bits| (kind, u32::from(bits)));
            }
            [0xff, 0x01 | 0xd0..=0xd8] => at += 2,
            [0xff, 0xd9 | 0xda] => return None,
            [0xff, _] => {
                let length = stream.get(at + 2..at + 4)?;
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two pixels of 16 bits, 0x0102 and 0x0103: a segment of their high bytes, then of their low.
    fn rle_frame() -> Vec<u8> {
        let mut frame = vec![0; 64];
        for (index, number) in [2_u32, 64, 66].into_iter().enumerate() {
            frame[4 * index..4 * index + 4].copy_from_slice(&number.to_le_bytes());
        }
        frame.extend([0xff, 1, 1, 2, 3]);
        frame
    }

    #[test]
    fn runs_of_byte_planes_become_pixels() {
        let samples = Codec::Rle.decode(&rle_frame(), 1, 2, 16).unwrap();
        assert_eq!(samples, Samples { bytes: vec![2, 1, 3, 1], bits_allocated: 16, stream: None });
    }

    #[test]
    fn broken_streams_are_refused() {
        let frame = rle_frame();
        for (case, codec, stream, rows, expected) in [
            ("cut off runs", Codec::Rle, &frame[..68], 1, "packbits"),
            ("no header", Codec::Rle, &frame[..3], 1, "expected 2 run-length segments"),
            ("too few runs", Codec::Rle, &frame[..], 2, "is cut off: expected 4 pixels, found 2"),
            ("no JPEG", Codec::Jpeg, &frame[..], 1, "jpeg"),
            ("no JPEG-LS", Codec::JpegLs, &frame[..], 1, "jpeg-ls"),
            ("no JPEG 2000", Codec::Jpeg2000, &frame[..], 1, "no codestream"),
            ("nothing", Codec::Jpeg, &[][..], 1, "holds 0 bytes for 2 x 1 pixels"),
            ("a bomb", Codec::JpegLs, &frame[..], 60_000_000, "is cut off"),
        ] {
            let problem = codec.decode(stream, rows, 2, 16).unwrap_err();
            assert!(problem.contains(expected), "{case}: {problem}");
        }
    }
}
