//! What stored pixels stand for: numbers with their sign, rescaled.

use std::ops::RangeInclusive;

use dicom_core::Tag;
use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{items, named, numbers, required, text, whole};
use super::codec::Samples;
use super::file::EXPLICIT_BIG_ENDIAN;
use super::plane::View;

/// How the stored bits of a file's pixels become numbers.
#[derive(Clone, Debug)]
pub(super) struct Encoding {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) bits_allocated: u32,
    bits_stored: u32,
    high_bit: u32,
    signed: bool,
    /// The stored numbers that stand for no part of the patient, and what they become.
    padding: Option<(RangeInclusive<i64>, f32)>,
}

impl Encoding {
    /// Padded pixels become `padding_value`, or are rescaled as all others where it is `None`.
    ///
    /// # Errors
    /// For color images and numbers of bits that no monochrome image has.
    pub(super) fn of(
        object: &InMemDicomObject,
        transfer_syntax: &str,
        padding_value: Option<f64>,
    ) -> Result<Self, String> {
        if whole(object, tags::SAMPLES_PER_PIXEL).unwrap_or(1) != 1 {
            return Err("is a color image, expected one sample a pixel".to_owned());
        }
        if text(object, tags::PHOTOMETRIC_INTERPRETATION).as_deref() == Some("PALETTE COLOR") {
            return Err("is a color image by its palette, expected intensities".to_owned());
        }
        Self::of_samples(object, transfer_syntax, padding_value)
    }

    /// As [`Self::of`], for stored numbers that may be no intensities.
    pub(super) fn of_samples(
        object: &InMemDicomObject,
        transfer_syntax: &str,
        padding_value: Option<f64>,
    ) -> Result<Self, String> {
        let bits_allocated = required(object, tags::BITS_ALLOCATED)?;
        let bits_stored = whole(object, tags::BITS_STORED).unwrap_or(bits_allocated);
        let high_bit = whole(object, tags::HIGH_BIT).unwrap_or(bits_stored.saturating_sub(1));
        let fits = bits_stored >= 1 && bits_stored - 1 <= high_bit && high_bit < bits_allocated;
        if bits_allocated == 1 {
            return Err("has pixels of one bit, as masks do, expected intensities".to_owned());
        }
        if !matches!(bits_allocated, 8 | 16 | 32) || !fits {
            return Err(format!(
                "expected pixels of 8, 16 or 32 bits, found {bits_stored} bits up to bit {high_bit} \
                 in {bits_allocated}"
            ));
        }
        if bits_allocated == 32 && transfer_syntax == EXPLICIT_BIG_ENDIAN {
            let problem = "holds big-endian pixels of 32 bits, whose order of bytes writers do not \
                           agree on: convert it to explicit little endian first";
            return Err(problem.to_owned());
        }
        let signed = whole(object, tags::PIXEL_REPRESENTATION) == Some(1);
        let mut encoding = Self {
            rows: required(object, tags::ROWS)? as usize,
            columns: required(object, tags::COLUMNS)? as usize,
            bits_allocated,
            bits_stored,
            high_bit,
            signed,
            padding: None,
        };
        encoding.padding = encoding.padded(object).zip(padding_value.map(single));
        Ok(encoding)
    }

    #[cfg(test)]
    pub(super) fn unsigned(rows: usize, columns: usize, bits: u32) -> Self {
        let high_bit = bits - 1;
        let (bits_allocated, bits_stored, signed, padding) = (bits, bits, false, None);
        Self { rows, columns, bits_allocated, bits_stored, high_bit, signed, padding }
    }

    /// The bytes of an uncompressed frame.
    pub(super) fn frame_bytes(&self) -> u64 {
        self.rows as u64 * self.columns as u64 * u64::from(self.bits_allocated / 8)
    }

    /// From `PixelPaddingValue` to `PixelPaddingRangeLimit`.
    fn padded(&self, object: &InMemDicomObject) -> Option<RangeInclusive<i64>> {
        let number = |tag: Tag| {
            let number = object.get(tag)?.to_int::<i64>().ok()?;
            // Some files write the number with the other sign than their pixels have.
            let span = 1_i64 << self.bits_allocated;
            Some(match (self.signed, number) {
                (true, _) if number >= span / 2 => number - span,
                (false, ..0) => number + span,
                _ => number,
            })
        };
        let value = number(tags::PIXEL_PADDING_VALUE)?;
        let limit = number(tags::PIXEL_PADDING_RANGE_LIMIT).unwrap_or(value);
        Some(value.min(limit)..=value.max(limit))
    }

    /// Turns the samples of a frame into rescaled intensities.
    ///
    /// # Errors
    /// When there are fewer or more samples than pixels.
    pub(super) fn fill(
        &self,
        samples: &Samples,
        rescale: &Rescale,
        values: &mut [f32],
    ) -> Result<(), String> {
        let bytes = samples.bytes.as_slice();
        let word = self.word(samples);
        match samples.bits_allocated {
            8 => word.fill(bytes.iter().map(|&byte| u32::from(byte)), rescale, values),
            16 => {
                let words = bytes.as_chunks::<2>().0.iter();
                word.fill(words.map(|&pair| u32::from(u16::from_le_bytes(pair))), rescale, values)
            }
            _ => {
                let words = bytes.as_chunks::<4>().0.iter();
                word.fill(words.map(|&quad| u32::from_le_bytes(quad)), rescale, values)
            }
        }
    }

    /// Where the number stands in the words of a frame. What a compressed stream says of it goes
    /// before what the file does.
    fn word(&self, samples: &Samples) -> Word<'_> {
        let allocated = samples.bits_allocated;
        let (bits, high_bit, signed) = match samples.stream {
            Some((_, true)) => (allocated, allocated - 1, true),
            Some((bits, false)) => {
                let bits = bits.clamp(1, allocated);
                (bits, bits - 1, self.signed)
            }
            None if allocated == self.bits_allocated => {
                (self.bits_stored, self.high_bit, self.signed)
            }
            None => {
                let bits = self.bits_stored.min(allocated);
                (bits, bits - 1, self.signed)
            }
        };
        Word { bits, high_bit, signed, allocated, padding: self.padding.as_ref() }
    }
}

/// Where the bits of a number stand in a word.
struct Word<'a> {
    bits: u32,
    high_bit: u32,
    signed: bool,
    allocated: u32,
    padding: Option<&'a (RangeInclusive<i64>, f32)>,
}

impl Word<'_> {
    fn fill(
        &self,
        words: impl ExactSizeIterator<Item = u32>,
        rescale: &Rescale,
        values: &mut [f32],
    ) -> Result<(), String> {
        if words.len() != values.len() {
            return Err(format!("expected {} pixels, found {}", values.len(), words.len()));
        }
        let words = words.zip(values);
        match (rescale, self.padding) {
            (Rescale::Linear { slope, intercept }, None) => words.for_each(|(word, value)| {
                *value = single(slope * self.number(word) + intercept);
            }),
            (_, padding) => words.for_each(|(word, value)| {
                *value = match padding {
                    Some((range, padded)) if range.contains(&self.whole_word(word)) => *padded,
                    _ => rescale.apply(self.number(word)),
                };
            }),
        }
        Ok(())
    }

    /// Bits beside the stored ones may hold an overlay: the stored ones are moved to the top of the
    /// word and back, which drops the rest and extends the sign.
    fn number(&self, word: u32) -> f64 {
        let top = word << (31 - self.high_bit);
        if self.signed {
            f64::from(top.cast_signed() >> (32 - self.bits))
        } else {
            f64::from(top >> (32 - self.bits))
        }
    }

    /// The number that all bits of a word make, which padding values may need.
    fn whole_word(&self, word: u32) -> i64 {
        let unused = 32 - self.allocated;
        if self.signed {
            i64::from((word << unused).cast_signed() >> unused)
        } else {
            i64::from(word)
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "intensities are stored as float32")]
fn single(number: f64) -> f32 {
    number as f32
}

/// What stored numbers are in the unit of the image (PS3.3 C.11.1).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rescale {
    /// A straight line.
    Linear { slope: f64, intercept: f64 },
    /// A table, whose ends hold for all numbers beyond it.
    Table { first: f64, values: Vec<f32> },
}

impl Rescale {
    /// The rescale of a frame: its own, or that of the file.
    ///
    /// # Errors
    /// When a CT has none, a number is none, or a table is broken.
    pub(super) fn of(view: &View) -> Result<Self, String> {
        let object = &view.header.object;
        if let Some(table) = items(object, tags::MODALITY_LUT_SEQUENCE).first() {
            let signed = whole(object, tags::PIXEL_REPRESENTATION) == Some(1);
            return table_of(table, signed);
        }
        let is_ct = text(object, tags::MODALITY).as_deref() == Some("CT");
        let number = |tag: Tag, default: f64| {
            let holder = view.holder(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, tag);
            match numbers(holder, tag).first() {
                _ if holder.get(tag).is_none() && is_ct => Err(format!(
                    "has no {}, without which a CT has no Hounsfield units; export it again",
                    named(tag)
                )),
                _ if holder.get(tag).is_none() => Ok(default),
                Some(&number) if number.is_finite() => Ok(number),
                _ => Err(format!("expected a number in {}", named(tag))),
            }
        };
        let slope = number(tags::RESCALE_SLOPE, 1.0)?;
        if slope == 0.0 {
            return Err(format!(
                "{} is 0, which makes all pixels equal",
                named(tags::RESCALE_SLOPE)
            ));
        }
        Ok(Self::Linear { slope, intercept: number(tags::RESCALE_INTERCEPT, 0.0)? })
    }

    /// The same with all intensities multiplied.
    pub(super) fn times(self, factor: f64) -> Self {
        match self {
            Self::Linear { slope, intercept } => {
                Self::Linear { slope: factor * slope, intercept: factor * intercept }
            }
            Self::Table { first, mut values } => {
                for value in &mut values {
                    *value = single(factor * f64::from(*value));
                }
                Self::Table { first, values }
            }
        }
    }

    fn apply(&self, stored: f64) -> f32 {
        match self {
            Self::Linear { slope, intercept } => single(slope * stored + intercept),
            Self::Table { first, values } => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a whole number; negative ones become 0"
                )]
                let index = (stored - first) as usize;
                values[index.min(values.len() - 1)]
            }
        }
    }
}

/// PS3.3 C.11.1.1.1: the descriptor tells how many entries there are (0 for 65,536), which number the
/// first is for, and how many bits each has.
fn table_of(item: &InMemDicomObject, signed: bool) -> Result<Rescale, String> {
    let descriptor = item
        .get(tags::LUT_DESCRIPTOR)
        .and_then(|element| element.to_multi_int::<i64>().ok())
        .unwrap_or_default();
    let [entries, first, _bits] = descriptor[..] else {
        return Err(format!("expected 3 numbers in {}", named(tags::LUT_DESCRIPTOR)));
    };
    let entries = match usize::try_from(entries & 0xffff) {
        Ok(0) | Err(_) => 1 << 16,
        Ok(entries) => entries,
    };
    let first = match first & 0xffff {
        first @ 0x8000.. if signed => first - 0x1_0000,
        first => first,
    };
    let data = item.get(tags::LUT_DATA).and_then(|element| element.value().primitive());
    let words: Vec<u16> = match data {
        Some(PrimitiveValue::U16(words)) => words.to_vec(),
        Some(PrimitiveValue::U8(bytes)) if bytes.len() < 2 * entries => {
            bytes.iter().map(|&byte| u16::from(byte)).collect()
        }
        Some(value) => {
            let bytes = value.to_bytes();
            bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect()
        }
        None => Vec::new(),
    };
    let Some(values) = words.get(..entries) else {
        return Err(format!(
            "{} is cut off: expected {entries} entries, found {}",
            named(tags::LUT_DATA),
            words.len()
        ));
    };
    let values = values.iter().map(|&value| f32::from(value)).collect();
    Ok(Rescale::Table { first: f64::from(i32::try_from(first).unwrap_or(0)), values })
}

/// The unit that the rescale gives.
pub(super) fn unit(view: &View, modality: &str) -> String {
    let object = &view.header.object;
    let holder = view.holder(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, tags::RESCALE_TYPE);
    let of_table = items(object, tags::MODALITY_LUT_SEQUENCE)
        .first()
        .and_then(|table| text(table, tags::MODALITY_LUT_TYPE));
    match (of_table.or_else(|| text(holder, tags::RESCALE_TYPE)), modality) {
        (Some(kind), "CT") if kind != "US" => kind,
        (_, "CT") => "HU".to_owned(),
        (_, "PT") => text(object, tags::UNITS).unwrap_or_default(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use dicom_core::{DataElement, VR};
    use dicom_object::InMemDicomObject;

    use super::*;

    fn encoding(allocated: u32, stored: u32, high_bit: u32, signed: bool) -> Encoding {
        Encoding {
            rows: 1,
            columns: 1,
            bits_allocated: allocated,
            bits_stored: stored,
            high_bit,
            signed,
            padding: None,
        }
    }

    fn value(encoding: &Encoding, word: u32, rescale: &Rescale) -> f32 {
        let width = encoding.bits_allocated as usize / 8;
        let samples = Samples {
            bytes: word.to_le_bytes()[..width].to_vec(),
            bits_allocated: encoding.bits_allocated,
            stream: None,
        };
        let mut values = [0.0];
        encoding.fill(&samples, rescale, &mut values).unwrap();
        values[0]
    }

    #[test]
    fn stored_bits_become_numbers() {
        let rescale = Rescale::Linear { slope: 2.0, intercept: 1.0 };
        for (case, encoding, word, expected) in [
            ("unsigned 8", encoding(8, 8, 7, false), 0xff, 255.0),
            ("unsigned 16", encoding(16, 16, 15, false), 0xffff, 65535.0),
            ("signed 16", encoding(16, 16, 15, true), 0xffff, -1.0),
            ("signed 12 in 16", encoding(16, 12, 11, true), 0x0fff, -1.0),
            ("overlay in the upper bits", encoding(16, 12, 11, false), 0xf001, 1.0),
            ("upper 12 bits", encoding(16, 12, 15, false), 0x0010, 1.0),
            ("signed 32", encoding(32, 32, 31, true), 0xffff_fffe, -2.0),
        ] {
            let value = value(&encoding, word, &rescale);
            assert!((value - (2.0 * expected + 1.0)).abs() < 1e-6, "{case}");
        }
    }

    /// A stream's own precision and sign go before the file's.
    #[test]
    fn compressed_samples_have_the_bits_of_their_stream() {
        let rescale = Rescale::Linear { slope: 1.0, intercept: 0.0 };
        for (case, encoding, stream, expected) in [
            ("signed stream", encoding(16, 12, 11, false), Some((12, true)), -2.0),
            (
                "unsigned stream of a signed image",
                encoding(16, 12, 11, true),
                Some((16, false)),
                -2.0,
            ),
            ("as the file says", encoding(16, 16, 15, false), None, 65534.0),
        ] {
            let samples = Samples { bytes: vec![0xfe, 0xff], bits_allocated: 16, stream };
            let mut values = [0.0];
            encoding.fill(&samples, &rescale, &mut values).unwrap();
            assert!((values[0] - expected).abs() < 1e-6, "{case}: {values:?}");
        }
    }

    #[test]
    fn padding_becomes_the_value_asked_for() {
        let rescale = Rescale::Linear { slope: 1.0, intercept: -1024.0 };
        let mut object = InMemDicomObject::new_empty();
        for (tag, vr, number) in [
            (tags::ROWS, VR::US, 1_i32),
            (tags::COLUMNS, VR::US, 1),
            (tags::BITS_ALLOCATED, VR::US, 16),
            (tags::BITS_STORED, VR::US, 12),
            (tags::PIXEL_REPRESENTATION, VR::US, 1),
            (tags::PIXEL_PADDING_VALUE, VR::SS, -2000),
        ] {
            object.put(DataElement::new(tag, vr, PrimitiveValue::from(number)));
        }
        let padded = 0xf830; // -2000 in 16 bits
        let cases = [(Some(-1000.0), -1000.0, "replaced"), (None, -3024.0, "as stored")];
        for (padding_value, expected, case) in cases {
            let encoding = Encoding::of(&object, "", padding_value).unwrap();
            assert!((value(&encoding, padded, &rescale) - expected).abs() < 1e-6, "{case}");
            assert!((value(&encoding, 24, &rescale) + 1000.0).abs() < 1e-6, "{case}");
        }
        let limit = PrimitiveValue::from(-10_i32);
        object.put(DataElement::new(tags::PIXEL_PADDING_RANGE_LIMIT, VR::SS, limit));
        let encoding = Encoding::of(&object, "", Some(7.0)).unwrap();
        for (word, expected) in [(0xf830, 7.0), (0xfff6, 7.0), (0xfff7, -1033.0)] {
            assert!((value(&encoding, word, &rescale) - expected).abs() < 1e-6, "{word:x}");
        }
    }

    /// The numbers of `pydicom.pixels.apply_modality_lut` (3.0.2) for the same table.
    #[test]
    fn a_modality_table_is_looked_up() {
        for (signed, descriptor, word, expected) in [
            (false, [3_u16, 10, 16], 5, 100.0),
            (false, [3, 10, 16], 11, 200.0),
            (false, [3, 10, 16], 99, 300.0),
            (true, [3, 0xfffe, 16], 0xfffe, 100.0),
            (true, [3, 0xfffe, 16], 0xffff, 200.0),
            (true, [3, 0xfffe, 16], 5, 300.0),
        ] {
            let mut item = InMemDicomObject::new_empty();
            let numbers = |numbers: &[u16]| PrimitiveValue::U16(numbers.into());
            item.put(DataElement::new(tags::LUT_DESCRIPTOR, VR::US, numbers(&descriptor)));
            item.put(DataElement::new(tags::LUT_DATA, VR::US, numbers(&[100, 200, 300])));
            let table = table_of(&item, signed).unwrap();
            let found = value(&encoding(16, 16, 15, signed), word, &table);
            assert!((found - expected).abs() < 1e-6, "{signed} {word:x}: {found}");
        }
        let mut item = InMemDicomObject::new_empty();
        item.put(DataElement::new(
            tags::LUT_DESCRIPTOR,
            VR::US,
            PrimitiveValue::U16([0_u16, 0, 16].as_slice().into()),
        ));
        let problem = table_of(&item, false).unwrap_err();
        assert!(problem.contains("expected 65536 entries, found 0"), "{problem}");
    }
}
