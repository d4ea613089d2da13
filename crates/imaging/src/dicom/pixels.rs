//! The pixels of one slice, as numbers with the rescale applied.

use std::path::Path;

use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::{tags, uids};
use dicom_object::{DefaultDicomObject, InMemDicomObject, open_file};
use dicom_pixeldata::PixelDecoder;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};

use super::attributes::{items, named, numbers, required, text, whole};
use super::{NOT_WHOLE, in_file};
use crate::Error;

/// Explicit VR Big Endian: retired, still met in old files.
const EXPLICIT_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// How the stored bits of a slice become numbers.
struct Encoding {
    bits_allocated: u32,
    bits_stored: u32,
    high_bit: u32,
    signed: bool,
    slope: f64,
    intercept: f64,
}

/// Reads the pixels of a file with one frame into a slice of `rows * columns` values.
pub(super) fn read_into(path: &Path, values: &mut [f32]) -> Result<(), Error> {
    let object = open_file(path).map_err(|_| in_file(path, NOT_WHOLE))?;
    fill(&object, values).map_err(|problem| in_file(path, problem))
}

fn fill(object: &DefaultDicomObject, values: &mut [f32]) -> Result<(), String> {
    let encoding = Encoding::of(object)?;
    let syntax = object.meta().transfer_syntax();
    if syntax == EXPLICIT_BIG_ENDIAN && encoding.bits_allocated != 16 {
        return Err(format!(
            "big-endian pixels of {} bits cannot be decoded reliably, only those of 16: convert \
             the file to explicit little endian first",
            encoding.bits_allocated
        ));
    }
    let element = object
        .get(tags::PIXEL_DATA)
        .ok_or_else(|| format!("has no {}", named(tags::PIXEL_DATA)))?;
    match element.value().primitive() {
        Some(PrimitiveValue::U16(words)) if encoding.bits_allocated == 16 => {
            encoding.convert(words.iter().map(|&word| u32::from(word)), words.len(), values)
        }
        Some(value) => encoding.convert_bytes(&value.to_bytes(), values),
        None => encoding.convert_bytes(&decompress(object, &encoding)?, values),
    }
}

/// Decodes compressed pixels, or says which compression stands in the way.
fn decompress(object: &DefaultDicomObject, encoding: &Encoding) -> Result<Vec<u8>, String> {
    let uid = object.meta().transfer_syntax();
    let name = TransferSyntaxRegistry.get(uid).map_or("unknown", |syntax| syntax.name());
    if uid == uids::RLE_LOSSLESS && encoding.bits_allocated > 16 {
        return Err(format!("{name} of {} bits cannot be decoded", encoding.bits_allocated));
    }
    let decoded = object.decode_pixel_data().map_err(|error| {
        format!(
            "pixels compressed as {name} ({uid}) could not be decoded: {error}; convert the file \
             to explicit little endian first"
        )
    })?;
    Ok(decoded.into_data())
}

impl Encoding {
    fn of(object: &InMemDicomObject) -> Result<Self, String> {
        if whole(object, tags::SAMPLES_PER_PIXEL).unwrap_or(1) != 1 {
            return Err("is a color image, expected one sample a pixel".to_owned());
        }
        if !items(object, tags::MODALITY_LUT_SEQUENCE).is_empty() {
            return Err("has a modality lookup table, expected a slope and an intercept".to_owned());
        }
        let bits_allocated = required(object, tags::BITS_ALLOCATED)?;
        let bits_stored = whole(object, tags::BITS_STORED).unwrap_or(bits_allocated);
        let high_bit = whole(object, tags::HIGH_BIT).unwrap_or(bits_stored.saturating_sub(1));
        let fits = bits_stored >= 1 && bits_stored <= high_bit + 1 && high_bit < bits_allocated;
        if !matches!(bits_allocated, 8 | 16 | 32) || !fits {
            return Err(format!(
                "expected pixels of 8, 16 or 32 bits, found {bits_stored} bits up to bit {high_bit} \
                 in {bits_allocated}"
            ));
        }
        let is_ct = text(object, tags::MODALITY).as_deref() == Some("CT");
        let rescale = |tag, default: f64| match numbers(object, tag).first() {
            _ if object.get(tag).is_none() && is_ct => Err(format!(
                "has no {}, without which a CT has no Hounsfield units; export it again",
                named(tag)
            )),
            _ if object.get(tag).is_none() => Ok(default),
            Some(&number) if number.is_finite() => Ok(number),
            _ => Err(format!("expected a number in {}", named(tag))),
        };
        let slope = rescale(tags::RESCALE_SLOPE, 1.0)?;
        if slope == 0.0 {
            return Err(format!(
                "{} is 0, which makes all pixels equal",
                named(tags::RESCALE_SLOPE)
            ));
        }
        Ok(Self {
            bits_allocated,
            bits_stored,
            high_bit,
            signed: whole(object, tags::PIXEL_REPRESENTATION) == Some(1),
            slope,
            intercept: rescale(tags::RESCALE_INTERCEPT, 0.0)?,
        })
    }

    /// Converts little-endian bytes.
    fn convert_bytes(&self, bytes: &[u8], values: &mut [f32]) -> Result<(), String> {
        let width = self.bits_allocated as usize / 8;
        let words = bytes
            .chunks_exact(width)
            .map(|bytes| bytes.iter().rev().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)));
        self.convert(words, bytes.len() / width, values)
    }

    fn convert(
        &self,
        words: impl Iterator<Item = u32>,
        count: usize,
        values: &mut [f32],
    ) -> Result<(), String> {
        // Bytes are padded to an even number, so that one pixel too many is no fault.
        if count < values.len() || count > values.len() + 1 {
            return Err(format!("is cut off: expected {} pixels, found {count}", values.len()));
        }
        for (value, word) in values.iter_mut().zip(words) {
            *value = self.number(word);
        }
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "intensities are stored as float32")]
    fn number(&self, word: u32) -> f32 {
        // Bits beside the stored ones may hold an overlay: the stored ones are moved to the top of
        // the word and back, which drops the rest and extends the sign.
        let top = word << (31 - self.high_bit);
        let stored = if self.signed {
            f64::from(top.cast_signed() >> (32 - self.bits_stored))
        } else {
            f64::from(top >> (32 - self.bits_stored))
        };
        (self.slope * stored + self.intercept) as f32
    }
}

/// The unit that the rescale gives.
pub(super) fn unit(object: &InMemDicomObject, modality: &str) -> String {
    match (text(object, tags::RESCALE_TYPE), modality) {
        (Some(kind), "CT") if kind != "US" => kind,
        (_, "CT") => "HU".to_owned(),
        (_, "PT") => text(object, tags::UNITS).unwrap_or_default(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_bits_become_numbers() {
        for (case, bits_stored, high_bit, signed, word, expected) in [
            ("unsigned 16", 16, 15, false, 0xffff, 65535.0),
            ("signed 16", 16, 15, true, 0xffff, -1.0),
            ("signed 12 in 16", 12, 11, true, 0x0fff, -1.0),
            ("overlay in the upper bits", 12, 11, false, 0xf001, 1.0),
            ("upper 12 bits", 12, 15, false, 0x0010, 1.0),
            ("signed 32", 32, 31, true, 0xffff_fffe, -2.0),
        ] {
            let bits_allocated = if high_bit > 15 { 32 } else { 16 };
            let encoding = Encoding {
                bits_allocated,
                bits_stored,
                high_bit,
                signed,
                slope: 2.0,
                intercept: 1.0,
            };
            assert!((encoding.number(word) - (2.0 * expected + 1.0)).abs() < 1e-6, "{case}");
        }
    }
}
