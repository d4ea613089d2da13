//! The pixels of a SEG: bits, fractions or a label map.

use std::borrow::Cow;

use dicom_dictionary_std::{tags, uids};
use dicom_object::{DefaultDicomObject, InMemDicomObject};
use dicom_pixeldata::PixelDecoder;

use super::attributes::{named, required, text, whole};

/// From which share or probability on a pixel of a fractional segmentation is inside, where the
/// settings do not say.
const HALF: f64 = 0.5;

/// The most pixels of a frame: what a volume's slice never has, and a broken header may state.
const MAX_PIXELS: usize = 1 << 26;

/// How a SEG marks what is inside (PS3.3 C.8.20.2.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Encoding {
    /// A bit a pixel, frames following each other without padding.
    Binary,
    /// The share of a pixel or a probability, of which this is the whole.
    Fractional {
        /// The value that stands for 1.
        maximum: f64,
    },
    /// The number of the segment, in so many bytes.
    LabelMap {
        /// 1 or 2.
        bytes: usize,
    },
}

impl Encoding {
    pub(super) fn of(object: &InMemDicomObject) -> Result<Self, String> {
        let kind = text(object, tags::SEGMENTATION_TYPE).unwrap_or_default();
        let bits = required(object, tags::BITS_ALLOCATED)?;
        match (kind.as_str(), bits) {
            ("BINARY", 1) => Ok(Self::Binary),
            ("FRACTIONAL", 8) => match required(object, tags::MAXIMUM_FRACTIONAL_VALUE)? {
                maximum @ 1..=255 => Ok(Self::Fractional { maximum: f64::from(maximum) }),
                maximum => Err(format!(
                    "expected {} from 1 to 255, found {maximum}",
                    named(tags::MAXIMUM_FRACTIONAL_VALUE)
                )),
            },
            ("LABELMAP", 8 | 16) => Ok(Self::LabelMap { bytes: bits as usize / 8 }),
            ("BINARY" | "FRACTIONAL" | "LABELMAP", bits) => Err(format!(
                "is a {} segmentation of {bits} bits a pixel, expected 1 bit for BINARY, 8 for \
                 FRACTIONAL, 8 or 16 for LABELMAP",
                kind.to_lowercase()
            )),
            _ => Err(format!(
                "expected BINARY, FRACTIONAL or LABELMAP in {}",
                named(tags::SEGMENTATION_TYPE)
            )),
        }
    }

    /// As the standard names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Binary => "BINARY",
            Self::Fractional { .. } => "FRACTIONAL",
            Self::LabelMap { .. } => "LABELMAP",
        }
    }
}

/// The pixels of all frames.
pub(super) struct Pixels<'a> {
    pub(super) encoding: Encoding,
    pub(super) rows: usize,
    pub(super) columns: usize,
    stored: Stored<'a>,
}

enum Stored<'a> {
    Plain(Cow<'a, [u8]>),
    Compressed(&'a DefaultDicomObject),
}

impl<'a> Pixels<'a> {
    pub(super) fn of(object: &'a DefaultDicomObject, frames: usize) -> Result<Self, String> {
        let encoding = Encoding::of(object)?;
        let (rows, columns) =
            (required(object, tags::ROWS)? as usize, required(object, tags::COLUMNS)? as usize);
        if rows == 0 || columns == 0 || rows.saturating_mul(columns) > MAX_PIXELS {
            return Err(format!("has frames of {columns} x {rows} pixels"));
        }
        let stated = whole(object, tags::NUMBER_OF_FRAMES).unwrap_or(1) as usize;
        if stated != frames {
            return Err(format!("states {stated} frames and describes {frames}"));
        }
        let element = object
            .get(tags::PIXEL_DATA)
            .ok_or_else(|| format!("has no {}", named(tags::PIXEL_DATA)))?;
        let pixels = rows * columns * frames;
        let stored = match (element.value().primitive(), encoding) {
            (Some(value), _) => {
                let needed = match encoding {
                    Encoding::Binary => pixels.div_ceil(8),
                    Encoding::Fractional { .. } => pixels,
                    Encoding::LabelMap { bytes } => pixels * bytes,
                };
                let bytes = value.to_bytes();
                if bytes.len() < needed {
                    return Err(format!("is cut off: expected {needed} bytes, found {}", bytes.len()));
                }
                Stored::Plain(bytes)
            }
            (None, Encoding::Binary) => {
                let syntax = object.meta().transfer_syntax();
                return Err(format!(
                    "has compressed bits ({syntax}), which cannot be decoded: convert it to \
                     explicit little endian first"
                ));
            }
            (None, _) => Stored::Compressed(object),
        };
        Ok(Self { encoding, rows, columns, stored })
    }

    /// Whether each pixel of a frame, row by row, is in a segment.
    pub(super) fn inside(
        &self,
        frame: usize,
        segment: u32,
        threshold: Option<f64>,
    ) -> Result<Vec<bool>, String> {
        let pixels = self.rows * self.columns;
        let first = frame * pixels;
        Ok(match self.encoding {
            Encoding::Binary => {
                let Stored::Plain(bytes) = &self.stored else { unreachable!("refused when opened") };
                let bit = |bit: usize| bytes[bit / 8] >> (bit % 8) & 1 == 1;
                (first..first + pixels).map(bit).collect()
            }
            Encoding::Fractional { maximum } => {
                let least = threshold.unwrap_or(HALF) * maximum;
                self.bytes(frame, 1)?.iter().map(|&value| f64::from(value) >= least).collect()
            }
            Encoding::LabelMap { bytes: 1 } => {
                self.bytes(frame, 1)?.iter().map(|&value| u32::from(value) == segment).collect()
            }
            Encoding::LabelMap { .. } => {
                let bytes = self.bytes(frame, 2)?;
                let words = bytes.as_chunks::<2>().0.iter().copied().map(u16::from_le_bytes);
                words.map(|value| u32::from(value) == segment).collect()
            }
        })
    }

    /// The bytes of a frame with so many bytes a pixel.
    fn bytes(&self, frame: usize, width: usize) -> Result<Cow<'_, [u8]>, String> {
        let length = self.rows * self.columns * width;
        match &self.stored {
            Stored::Plain(bytes) => Ok(Cow::Borrowed(&bytes[frame * length..][..length])),
            Stored::Compressed(object) => {
                let number = u32::try_from(frame).expect("frames are counted by 32 bits");
                let syntax = object.meta().transfer_syntax();
                let decoded = object.decode_pixel_data_frame(number).map_err(|error| {
                    format!(
                        "pixels compressed as {syntax} could not be decoded: {error}; convert the \
                         file to explicit little endian first"
                    )
                })?;
                if !is_lossless(syntax) {
                    return Err(format!("is compressed with loss ({syntax}): its values changed"));
                }
                let data = decoded.into_data();
                if data.len() < length {
                    return Err(format!("is cut off: expected {length} bytes, found {}", data.len()));
                }
                Ok(Cow::Owned(data[..length].to_vec()))
            }
        }
    }
}

/// Whether a compression gives back what was put in.
fn is_lossless(syntax: &str) -> bool {
    [
        uids::RLE_LOSSLESS,
        uids::JPEG_LOSSLESS,
        uids::JPEG_LOSSLESS_SV1,
        uids::JPEGLS_LOSSLESS,
        uids::JPEG2000_LOSSLESS,
        uids::JPEG2000,
        uids::HTJ2K_LOSSLESS,
        uids::HTJ2K_LOSSLESS_RPCL,
    ]
    .contains(&syntax)
}
