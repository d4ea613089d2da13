//! The elements of a data set as they stand in a file's bytes. What is kept is written as it was read,
//! byte for byte, whatever its character set or its quirks.
//!
//! Every length is checked before anything is read by it.

use std::borrow::Cow;

use dicom_core::{
    Tag, VR,
    dictionary::{DataDictionary, DataDictionaryEntry},
};
use dicom_dictionary_std::StandardDataDictionary;

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

/// Why the elements cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end, the file does not.
    NeedsMore,
    /// The file ends, or what stands there is no element.
    Broken,
}

const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_DELIMITATION: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_DELIMITATION: Tag = Tag(0xfffe, 0xe0dd);

/// Sequences within sequences are followed so far.
const MAX_DEPTH: usize = 64;

/// The bytes at the start of a file.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) bytes: &'a [u8],
    /// The length of the whole file.
    pub(super) file_length: u64,
}

/// What stands before a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) tag: Tag,
    pub(super) vr: VR,
    /// Where its value starts.
    pub(super) value: usize,
    /// `None` where a delimiter ends the value.
    pub(super) length: Option<usize>,
}

impl<'a> Source<'a> {
    fn array<const N: usize>(self, at: usize) -> Result<[u8; N], Stop> {
        Ok(self.range(at, N)?.try_into().expect("the range is as long"))
    }

    fn range(self, at: usize, length: usize) -> Result<&'a [u8], Stop> {
        let end = at.checked_add(length).ok_or(Stop::Broken)?;
        let missing = if end as u64 > self.file_length { Stop::Broken } else { Stop::NeedsMore };
        self.bytes.get(at..end).ok_or(missing)
    }

    /// The group of the element at a place, however its representation is written.
    pub(super) fn group(self, at: usize, syntax: Syntax) -> Result<u16, Stop> {
        Ok(syntax.u16(self.array(at)?))
    }

    pub(super) fn head(self, at: usize, syntax: Syntax) -> Result<Head, Stop> {
        let tag = Tag(syntax.u16(self.array(at)?), syntax.u16(self.array(at + 2)?));
        let (vr, value, length) = if tag.group() == 0xfffe {
            (VR::UN, at + 8, syntax.u32(self.array(at + 4)?))
        } else if syntax.explicit {
            let vr = VR::from_binary(self.array(at + 4)?).ok_or(Stop::Broken)?;
            if has_short_length(vr) {
                (vr, at + 8, u32::from(syntax.u16(self.array(at + 6)?)))
            } else {
                (vr, at + 12, syntax.u32(self.array(at + 8)?))
            }
        } else {
            (known_vr(tag).unwrap_or(VR::UN), at + 8, syntax.u32(self.array(at + 4)?))
        };
        let length = (length != u32::MAX).then_some(length as usize);
        Ok(Head { tag, vr, value, length })
    }

    /// The element at a place, and where it ends.
    pub(super) fn element(self, at: usize, syntax: Syntax) -> Result<(Element<'a>, usize), Stop> {
        self.element_within(at, syntax, 0)
    }

    fn element_within(
        self,
        at: usize,
        syntax: Syntax,
        depth: usize,
    ) -> Result<(Element<'a>, usize), Stop> {
        let head = self.head(at, syntax)?;
        if depth > MAX_DEPTH || head.tag.group() == 0xfffe {
            return Err(Stop::Broken);
        }
        let unknown = head.vr == VR::UN;
        let is_sequence = head.vr == VR::SQ || unknown && known_vr(head.tag) == Some(VR::SQ);
        let Some(length) = head.length else {
            if matches!(head.vr, VR::OB | VR::OW) {
                let end = self.fragments_end(head.value, syntax)?;
                let value = Value::Fragments(self.range(head.value, end - head.value)?);
                return Ok((Element { tag: head.tag, vr: head.vr, value }, end));
            }
            let inner = if unknown { self.syntax_of_unknown(head.value, syntax)? } else { syntax };
            let (items, end) = self.items(head.value, None, inner, depth)?;
            return Ok((Element::sequence(head.tag, items), end));
        };
        let end = head.value.checked_add(length).ok_or(Stop::Broken)?;
        if end as u64 > self.file_length {
            return Err(Stop::Broken);
        }
        if is_sequence && length > 0 {
            let inner = if unknown { self.syntax_of_unknown(head.value, syntax)? } else { syntax };
            match self.items(head.value, Some(end), inner, depth) {
                Ok((items, end)) => return Ok((Element::sequence(head.tag, items), end)),
                // Of an unknown representation, it may be anything: a caller takes it out.
                Err(Stop::Broken) if unknown => {}
                Err(stop) => return Err(stop),
            }
        }
        let value = Value::Bytes(Cow::Borrowed(self.range(head.value, length)?));
        let value = if head.vr == VR::SQ { Value::Items(Vec::new()) } else { value };
        Ok((Element { tag: head.tag, vr: head.vr, value }, end))
    }

    /// PS3.5 6.2.2: of an unknown representation, items are implicit little endian; some writers
    /// leave them as they were.
    fn syntax_of_unknown(self, value: usize, syntax: Syntax) -> Result<Syntax, Stop> {
        let explicit = syntax.explicit && VR::from_binary(self.array(value + 12)?).is_some();
        Ok(if explicit { syntax } else { Syntax::IMPLICIT })
    }

    fn items(
        self,
        mut at: usize,
        end: Option<usize>,
        syntax: Syntax,
        depth: usize,
    ) -> Result<(Vec<Vec<Element<'a>>>, usize), Stop> {
        let mut items = Vec::new();
        while end.is_none_or(|end| at < end) {
            let head = self.head(at, syntax)?;
            match head.tag {
                SEQUENCE_DELIMITATION => return Ok((items, head.value)),
                ITEM => {
                    let (item, after) = self.item(&head, syntax, depth)?;
                    items.push(item);
                    at = after;
                }
                _ => return Err(Stop::Broken),
            }
        }
        if end == Some(at) { Ok((items, at)) } else { Err(Stop::Broken) }
    }

    fn item(
        self,
        head: &Head,
        syntax: Syntax,
        depth: usize,
    ) -> Result<(Vec<Element<'a>>, usize), Stop> {
        let mut at = head.value;
        let end = match head.length {
            Some(length) => Some(at.checked_add(length).ok_or(Stop::Broken)?),
            None => None,
        };
        if end.is_some_and(|end| end as u64 > self.file_length) {
            return Err(Stop::Broken);
        }
        let mut elements = Vec::new();
        while end.is_none_or(|end| at < end) {
            let next = self.head(at, syntax)?;
            if next.tag == ITEM_DELIMITATION {
                return Ok((elements, next.value));
            }
            let (element, after) = self.element_within(at, syntax, depth + 1)?;
            elements.push(element);
            at = after;
        }
        if end == Some(at) { Ok((elements, at)) } else { Err(Stop::Broken) }
    }

    /// Where encapsulated pixel data ends, its delimiter included.
    fn fragments_end(self, mut at: usize, syntax: Syntax) -> Result<usize, Stop> {
        loop {
            let head = self.head(at, syntax)?;
            match (head.tag, head.length) {
                (SEQUENCE_DELIMITATION, _) => return Ok(head.value),
                (ITEM, Some(length)) => {
                    at = head.value.checked_add(length).ok_or(Stop::Broken)?;
                    if at as u64 > self.file_length {
                        return Err(Stop::Broken);
                    }
                }
                _ => return Err(Stop::Broken),
            }
        }
    }

    /// How the data set at a place is written, by its first element; `None` where none stands there.
    pub(super) fn sniff(self, at: usize) -> Option<Syntax> {
        let tag: [u8; 4] = self.array(at).ok()?;
        let big_endian = match tag {
            [2 | 8, 0, ..] => false,
            [0, 2 | 8, ..] => true,
            _ => return None,
        };
        let explicit = VR::from_binary(self.array(at + 4).ok()?).is_some();
        let syntax = Syntax { explicit, big_endian };
        match self.element(at, syntax) {
            Err(Stop::Broken) => None,
            _ => Some(syntax),
        }
    }
}

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

/// Writes elements; sequences and items get known lengths.
pub(super) fn write(elements: &[Element], syntax: Syntax, out: &mut Vec<u8>) {
    for element in elements {
        match &element.value {
            Value::Bytes(bytes) => {
                let odd = bytes.len() % 2;
                write_head(element.tag, element.vr, Some(bytes.len() + odd), syntax, out);
                out.extend_from_slice(bytes);
                if odd == 1 {
                    out.push(padding(element.vr));
                }
            }
            Value::Fragments(bytes) => {
                write_head(element.tag, element.vr, None, syntax, out);
                out.extend_from_slice(bytes);
            }
            Value::Items(items) => {
                let mut inner = Vec::new();
                for item in items {
                    let mut content = Vec::new();
                    write(item, syntax, &mut content);
                    syntax.put_tag(&mut inner, ITEM);
                    syntax.put_u32(&mut inner, length32(content.len()));
                    inner.extend(content);
                }
                write_head(element.tag, VR::SQ, Some(inner.len()), syntax, out);
                out.extend(inner);
            }
        }
    }
}

/// Writes what stands before a value; `None` is an undefined length.
pub(super) fn write_head(
    tag: Tag,
    vr: VR,
    length: Option<usize>,
    syntax: Syntax,
    out: &mut Vec<u8>,
) {
    syntax.put_tag(out, tag);
    let long = length.map_or(u32::MAX, length32);
    if !syntax.explicit {
        syntax.put_u32(out, long);
        return;
    }
    // PS3.5 6.2.2: a value too long for its representation is written as unknown.
    match u16::try_from(long) {
        Ok(short) if has_short_length(vr) => {
            out.extend(vr.to_bytes());
            syntax.put_u16(out, short);
        }
        _ => {
            let vr = if has_short_length(vr) { VR::UN } else { vr };
            out.extend(vr.to_bytes());
            out.extend([0, 0]);
            syntax.put_u32(out, long);
        }
    }
}

fn length32(length: usize) -> u32 {
    u32::try_from(length).expect("what was read from 32-bit lengths is no longer")
}

fn padding(vr: VR) -> u8 {
    if matches!(vr, VR::UI | VR::OB | VR::UN) { 0 } else { b' ' }
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
