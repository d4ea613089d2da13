//! The pixels of a SEG: bits, fractions or a label map.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{named, required, text, whole};
use super::file::Header;
use super::pixels::{self, Rescale};
use super::stored::{Stored, frame as stored_frame, native, read_part, stored, syntax_name};
use crate::Error;

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
    /// The number of the segment, in one or two bytes.
    LabelMap,
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
            ("LABELMAP", 8 | 16) => Ok(Self::LabelMap),
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
            Self::LabelMap => "LABELMAP",
        }
    }
}

/// The pixels of all frames.
pub(super) struct Pixels<'a> {
    pub(super) encoding: Encoding,
    pub(super) rows: usize,
    pub(super) columns: usize,
    header: &'a Header,
    stored: StoredBits,
}

enum StoredBits {
    /// One a pixel.
    Bits(Vec<u8>),
    /// One or two bytes a pixel.
    Samples(pixels::Encoding, Stored),
}

impl<'a> Pixels<'a> {
    pub(super) fn of(header: &'a Header, frames: usize) -> Result<Self, String> {
        let object = &header.object;
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
        let stored = if encoding == Encoding::Binary {
            StoredBits::Bits(stored_bits(header, (rows * columns * frames).div_ceil(8) as u64)?)
        } else {
            let samples = pixels::Encoding::of_samples(object, &header.transfer_syntax, None)?;
            let stored = stored(header, &samples).map_err(|error| unplaced(&error))?;
            StoredBits::Samples(samples, stored)
        };
        Ok(Self { encoding, rows, columns, header, stored })
    }

    /// Whether each pixel of a frame, row by row, is in a segment.
    pub(super) fn inside(
        &self,
        frame: usize,
        segment: u32,
        threshold: Option<f64>,
    ) -> Result<Vec<bool>, String> {
        let (samples, stored) = match &self.stored {
            StoredBits::Bits(bytes) => {
                let pixels = self.rows * self.columns;
                let bit = |bit: usize| bytes[bit / 8] >> (bit % 8) & 1 == 1;
                return Ok((frame * pixels..(frame + 1) * pixels).map(bit).collect());
            }
            StoredBits::Samples(samples, stored) => (samples, stored),
        };
        let mut values = vec![0.0; self.rows * self.columns];
        stored_frame(self.header, stored, samples, frame)
            .map_err(|error| unplaced(&error))
            .and_then(|read| samples.fill(&read, &AS_STORED, &mut values))?;
        Ok(match self.encoding {
            Encoding::Fractional { maximum } => {
                let least = threshold.unwrap_or(HALF) * maximum;
                values.iter().map(|&value| f64::from(value) >= least).collect()
            }
            // Whole numbers of 16 bits at most, which float32 holds exactly.
            _ => values
                .iter()
                .map(|&value| (f64::from(value) - f64::from(segment)).abs() < 0.5)
                .collect(),
        })
    }
}

/// Values are no intensities that a rescale belongs to.
const AS_STORED: Rescale = Rescale::Linear { slope: 1.0, intercept: 0.0 };

/// The bytes of bits that no codec has compressed.
fn stored_bits(header: &Header, needed: u64) -> Result<Vec<u8>, String> {
    let pixels = header
        .pixels
        .filter(|pixels| pixels.tag == tags::PIXEL_DATA)
        .ok_or_else(|| format!("has no {}", named(tags::PIXEL_DATA)))?;
    let length = pixels.length.ok_or_else(|| {
        let name = syntax_name(header);
        format!(
            "has bits compressed as {name} ({}), which cannot be decoded: convert it to explicit \
             little endian first",
            header.transfer_syntax
        )
    })?;
    match native(header, pixels, length, needed).map_err(|error| unplaced(&error))? {
        Stored::Inflated(bytes) => Ok(bytes),
        Stored::Native { offset, swap } => {
            let mut bytes = Vec::new();
            read_part(header, offset, needed + needed % 2, &mut bytes)
                .or_else(|_| {
                    bytes.clear();
                    read_part(header, offset, needed, &mut bytes)
                })
                .map_err(|error| unplaced(&error))?;
            if swap == Some(2) {
                bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|pair| pair.reverse());
            }
            Ok(bytes)
        }
        Stored::Encapsulated { .. } => unreachable!("native pixels are not encapsulated"),
    }
}

/// The problem without the file, which is named later.
fn unplaced(error: &Error) -> String {
    match error {
        Error::Dicom { problem, .. } => problem.clone(),
        other => other.to_string(),
    }
}
