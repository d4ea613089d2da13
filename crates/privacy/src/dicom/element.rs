//! The elements of a data set as they stand in a file's bytes. What is kept is written as it was read,
//! byte for byte, whatever its character set or its quirks.
//!
//! Every length is checked before anything is read by it.

mod reading;
mod writing;

use std::borrow::Cow;

use dicom_core::{
    Tag, VR,
    dictionary::{DataDictionary, DataDictionaryEntry},
};
use dicom_dictionary_std::StandardDataDictionary;

pub(super) use reading::{Head, Source, Stop};
pub(super) use writing::{write, write_head};

/// How the elements of a data set are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) explicit: bool,
    pub(super) big_endian: bool,
}

impl Syntax {
    pub(super) const IMPLICIT: Self = Self { explicit: false, big_endian: false };
    pub(super) const EXPLICIT: Self = Self { explicit: true, big_endian: false };

    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn put_u16(self, out: &mut Vec<u8>, number: u16) {
        out.extend(if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn put_u32(self, out: &mut Vec<u8>, number: u32) {
        out.extend(if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    pub(super) fn put_tag(self, out: &mut Vec<u8>, tag: Tag) {
        self.put_u16(out, tag.group());
        self.put_u16(out, tag.element());
    }

    /// A number of 16 bits that stands alone, such as Rows.
    pub(super) fn short(self, bytes: &[u8]) -> Option<u16> {
        bytes.get(..2).map(|bytes| self.u16([bytes[0], bytes[1]]))
    }
}

/// One element; its value lies in the file's bytes until it is replaced.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Element<'a> {
    pub(super) tag: Tag,
    /// As written, or by the dictionary where the syntax leaves it out.
    pub(super) vr: VR,
    pub(super) value: Value<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Bytes(Cow<'a, [u8]>),
    Items(Vec<Vec<Element<'a>>>),
    /// Encapsulated pixel data within a sequence: the items and their delimiter.
    Fragments(&'a [u8]),
}

impl<'a> Element<'a> {
    pub(super) fn new(tag: Tag, vr: VR, value: Vec<u8>) -> Self {
        Self { tag, vr, value: Value::Bytes(Cow::Owned(value)) }
    }

    pub(super) fn sequence(tag: Tag, items: Vec<Vec<Element<'a>>>) -> Self {
        Self { tag, vr: VR::SQ, value: Value::Items(items) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.value {
            Value::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    /// The value as text without padding; bytes of other character sets become `\u{fffd}`.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).trim_matches([' ', '\0']).to_owned()
    }
}

const ITEM: Tag = Tag(0xfffe, 0xe000);

/// The representation that PS3.6 gives a standard attribute.
pub(super) fn known_vr(tag: Tag) -> Option<VR> {
    if tag.group() % 2 == 1 {
        return None;
    }
    StandardDataDictionary.by_tag(tag).map(|entry| entry.vr().relaxed())
}

/// PS3.5 7.1.2: these representations have a length of 16 bits.
fn has_short_length(vr: VR) -> bool {
    use VR::{AE, AS, AT, CS, DA, DS, DT, FD, FL, IS, LO, LT, PN, SH, SL, SS, ST, TM, UI, UL, US};
    matches!(
        vr,
        AE | AS
            | AT
            | CS
            | DA
            | DS
            | DT
            | FL
            | FD
            | IS
            | LO
            | LT
            | PN
            | SH
            | SL
            | SS
            | ST
            | TM
            | UI
            | UL
            | US
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8], syntax: Syntax) -> Result<Vec<Element<'_>>, Stop> {
        let source = Source { bytes, file_length: bytes.len() as u64 };
        let (mut at, mut elements) = (0, Vec::new());
        while at < bytes.len() {
            let (element, end) = source.element(at, syntax)?;
            elements.push(element);
            at = end;
        }
        Ok(elements)
    }

    #[test]
    fn what_is_read_is_written_again() {
        let big = Syntax { explicit: true, big_endian: true };
        for (case, bytes, syntax) in [
            ("explicit", b"\x08\0\x60\0CS\x02\0CT".as_slice(), Syntax::EXPLICIT),
            ("implicit", b"\x08\0\x60\0\x02\0\0\0CT", Syntax::IMPLICIT),
            ("big endian", b"\0\x08\0\x60CS\0\x02CT", big),
            (
                "a sequence with known lengths",
                b"\x08\0\x40\x11SQ\0\0\x12\0\0\0\xfe\xff\0\xe0\x0a\0\0\0\x08\0\x50\x11UI\x02\x001\0",
                Syntax::EXPLICIT,
            ),
            ("an empty sequence", b"\x08\0\x40\x11SQ\0\0\0\0\0\0", Syntax::EXPLICIT),
        ] {
            let elements = parse(bytes, syntax).expect(case);
            let mut written = Vec::new();
            write(&elements, syntax, &mut written);
            assert_eq!(written, bytes, "{case}");
        }
    }

    #[test]
    fn delimiters_and_unknown_representations_are_followed() {
        let item =
            b"\xfe\xff\0\xe0\xff\xff\xff\xff\x08\0\x50\x11UI\x02\x001\0\xfe\xff\x0d\xe0\0\0\0\0";
        let undefined =
            [b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff".as_slice(), item, b"\xfe\xff\xdd\xe0\0\0\0\0"]
                .concat();
        let unknown =
            b"\x08\0\x40\x11UN\0\0\x12\0\0\0\xfe\xff\0\xe0\x0a\0\0\0\x08\0\x50\x11\x02\0\0\x001\0";
        for bytes in [undefined.as_slice(), unknown] {
            let elements = parse(bytes, Syntax::EXPLICIT).unwrap();
            let Value::Items(items) = &elements[0].value else { panic!("no sequence") };
            assert_eq!(items[0][0].text(), "1");
        }
    }

    #[test]
    fn broken_lengths_are_found_before_anything_is_read() {
        let level = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff";
        for (case, bytes) in [
            ("beyond the end", b"\x08\0\x05\0CS\xff\x7fISO".to_vec()),
            ("no representation", b"\x08\0\x05\0??\x02\0IR".to_vec()),
            (
                "an item beyond the end",
                b"\x08\0\x40\x11SQ\0\0\x08\0\0\0\xfe\xff\0\xe0\xff\0\0\0".to_vec(),
            ),
            ("endless nesting", level.repeat(10_000)),
            ("an item without a sequence", b"\xfe\xff\0\xe0\0\0\0\0".to_vec()),
        ] {
            assert_eq!(parse(&bytes, Syntax::EXPLICIT), Err(Stop::Broken), "{case}");
        }
    }
}
